/* durable.c - the fenced transaction for durable rows, and the in-sync list.
 *
 * One at a time per room. An unknown outcome is resolved before anything else is written: is the
 * head the one that this write puts (epoch and revision, ours alone)? Then it happened. Is it still
 * the one before, or that of an earlier write in this epoch, which was given up at the deadline and
 * landed late? Then the same transaction goes out again; should the first copy come late, it finds
 * the head rewritten. Anything else: somebody else's. */
#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/owner.h"
#include "cluster/owners_txn.h"

struct durable {
    struct vr_list link; /* cluster_room.durables; one that is in a room's list */
    struct vr_cluster *cluster;
    struct vr_id id;
    uint64_t epoch, revision;
    bool list; /* the in-sync list instead of rows */
    uint32_t next;
    struct cluster_row *rows; /* keys and values are parts of `bytes` */
    uint32_t count;
    uint8_t *bytes;
    cluster_done_fn done;
    cluster_partner_fn partner_done;
    void *ctx;
};

static void finish(struct durable *durable, enum vr_err err, uint32_t partner)
{
    if (durable->list) {
        durable->partner_done(durable->ctx, err, partner);
    } else {
        durable->done(durable->ctx, err);
    }
    free(durable->rows);
    free(durable->bytes);
    free(durable);
}

static struct durable *first_of(struct cluster_room *room)
{
    return VR_OWNER(room->durables.next, struct durable, link);
}

static void finish_first(struct cluster_room *room, enum vr_err err, uint32_t partner)
{
    struct durable *durable = first_of(room);

    room->durable_busy = false;
    (void)vr_list_pop(&room->durables);
    finish(durable, err, partner);
    durable_run(room);
}

void durable_end(struct cluster_room *room, enum vr_err err)
{
    struct vr_list *link;

    room->durable_busy = false;
    while ((link = vr_list_pop(&room->durables)) != NULL) {
        finish(VR_OWNER(link, struct durable, link), err, 0);
    }
}

/* etcd could not: not again in the same breath. The room's timer runs the queue (move_on_timer). */
static void run_soon(struct cluster_room *room)
{
    struct vr_worker *worker = room->cluster->worker;

    if (room->stage == ROOM_OURS && member_is_valid(room->cluster)) {
        vr_timer_arm(worker, &room->timer, vr_worker_now(worker) + VR_MS(50));
    } else {
        durable_run(room);
    }
}

/* What has happened, seen from the keys as they are now. */
static void on_read_back(struct cluster_room *room, const struct vr_kv_result *result)
{
    struct durable *durable;
    struct room_txn names;
    const struct vr_kv_pair *owner;
    const struct vr_kv_pair *head;
    int64_t before = room->head.mod;

    if (vr_list_empty(&room->durables)) {
        return;
    }
    durable = first_of(room);
    room->durable_busy = false;
    if (result->err != VR_OK) {
        run_soon(room);
        return;
    }
    txn_find(&names, room);
    owner = txn_pair(result, vr_bytes_of(names.owner.text));
    head = txn_pair(result, vr_bytes_of(names.head.text));
    if (owner == NULL || owner->mod_revision != owners_revision(room->epoch)) {
        own_end(room, "another owner took it");
    } else if ((head == NULL ? 0 : head->mod_revision) == before) {
        durable_run(room); /* it has not happened: the same again */
    } else {
        own_read_head(room, head);
        if (room->head.epoch == durable->epoch && room->head.revision == durable->revision) {
            finish_first(room, VR_OK, 0);
        } else if (room->head.epoch == durable->epoch && room->head.revision < durable->revision) {
            durable_run(room); /* one of before, given up at the deadline, has landed late */
        } else { /* cannot be while the owner key is ours, but what can't be must not be written */
            finish_first(room, VR_E_FENCED, 0);
        }
    }
}

static void read_back(struct cluster_room *room)
{
    struct room_txn txn;

    room->durable_busy = true;
    txn_find(&txn, room);
    room_txn(room, &txn.txn, on_read_back);
}

static void on_written(struct cluster_room *room, const struct vr_kv_result *result)
{
    if (vr_list_empty(&room->durables)) {
        return;
    }
    if (result->err == VR_OK && result->succeeded) {
        room->head.mod = result->revision;
        room->head.epoch = first_of(room)->epoch;
        room->head.revision = first_of(room)->revision;
        finish_first(room, VR_OK, 0);
    } else if (result->err == VR_E_TOO_LARGE || result->err == VR_E_BAD_REQUEST) {
        finish_first(room, result->err, 0);
    } else {
        read_back(room);
    }
}

static void write_rows(struct cluster_room *room, struct durable *durable)
{
    const char *prefix = room->cluster->prefix;
    struct vr_kv_op *ops = calloc(durable->count + 1, sizeof(*ops));
    struct cluster_key *keys = calloc(durable->count + 1, sizeof(*keys));
    struct room_txn txn;

    vr_assert(ops != NULL && keys != NULL);
    txn_durable(&txn, room, durable->revision);
    ops[0] = txn.then[0];
    for (uint32_t i = 0; i < durable->count; i++) {
        const struct cluster_row *row = &durable->rows[i];

        ops[1 + i] = (struct vr_kv_op){
            .kind = row->removed ? VR_KV_DELETE : VR_KV_PUT,
            .key = row->table == VR_TABLE_USERS /* one for all rooms: he may be erased */
                       ? key_deploy(&keys[i], prefix, row->table, row->key)
                       : key_row(&keys[i], prefix, room->id, row->table, row->key),
            .value = row->value,
        };
    }
    txn.txn.then = ops;
    txn.txn.then_count = durable->count + 1;
    room_txn(room, &txn.txn, on_written);
    free(ops);
    free(keys);
}

/* ---- the in-sync list ---- */

static void on_listed(struct cluster_room *room, const struct vr_kv_result *result)
{
    struct durable *durable;

    if (vr_list_empty(&room->durables)) {
        return;
    }
    durable = first_of(room);
    room->durable_busy = false;
    if (result->err == VR_E_GONE) {
        member_lost(room->cluster, "the lease is dead");
    } else if (result->err != VR_OK) {
        run_soon(room); /* again: the same twice is the same */
    } else if (!result->succeeded) {
        own_end(room, "another owner took it");
    } else {
        room->sync.partner = durable->next;
        room->sync.idle = false;
        room->sync.mod = result->revision;
        room->sync_mod = result->revision;
        owners_publish(room);
        finish_first(room, VR_OK, durable->next);
    }
}

void durable_run(struct cluster_room *room)
{
    struct durable *durable;

    if (room->durable_busy || vr_list_empty(&room->durables)) {
        return;
    }
    durable = first_of(room);
    if (room->epoch == 0 || durable->epoch != room->epoch) {
        finish_first(room, VR_E_FENCED, 0);
    } else if (!member_is_valid(room->cluster)) {
        finish_first(room, VR_E_FROZEN, 0);
    } else if (durable->list) {
        struct room_txn txn;

        room->durable_busy = true;
        txn_sync(&txn, room, durable->next);
        room_txn(room, &txn.txn, on_listed);
    } else {
        room->durable_busy = true;
        write_rows(room, durable);
    }
}

/* ---- in ---- */

static void begin(struct vr_cluster *cluster, void *ctx)
{
    struct durable *durable = ctx;
    struct cluster_room *room = owners_find(cluster, durable->id);

    if (room == NULL || room->epoch != durable->epoch || cluster->kv == NULL) {
        finish(durable, VR_E_FENCED, 0);
        return;
    }
    vr_list_push(&room->durables, &durable->link);
    durable_run(room);
}

static struct durable *new_durable(struct vr_cluster *cluster, struct vr_id room, uint64_t epoch,
                                   void *ctx)
{
    struct durable *durable = calloc(1, sizeof(*durable));

    vr_assert(durable != NULL); /* who waits for this must be told */
    durable->cluster = cluster;
    durable->id = room;
    durable->epoch = epoch;
    durable->ctx = ctx;
    vr_list_init(&durable->link);
    return durable;
}

static void submit(struct durable *durable)
{
    if (!cluster_call(durable->cluster, begin, durable)) {
        finish(durable, VR_E_GONE, 0);
    }
}

static void copy_rows(struct durable *durable, const struct cluster_row *rows, uint32_t count)
{
    size_t size = 1;
    uint8_t *at;

    for (uint32_t i = 0; i < count; i++) {
        size += rows[i].key.size + rows[i].value.size;
    }
    durable->rows = calloc(count + 1, sizeof(*rows));
    durable->bytes = malloc(size);
    vr_assert(durable->rows != NULL && durable->bytes != NULL);
    at = durable->bytes;
    for (uint32_t i = 0; i < count; i++) {
        struct cluster_row *row = &durable->rows[i];

        *row = rows[i];
        memcpy(at, rows[i].key.data, rows[i].key.size);
        row->key.data = at;
        at += rows[i].key.size;
        if (rows[i].value.size > 0) {
            memcpy(at, rows[i].value.data, rows[i].value.size);
        }
        row->value.data = at;
        at += rows[i].value.size;
    }
    durable->count = count;
}

void cluster_durable(struct vr_cluster *cluster, struct vr_id room, uint64_t epoch,
                     uint64_t revision, const struct cluster_row *rows, uint32_t count,
                     cluster_done_fn done, void *ctx)
{
    struct durable *durable = new_durable(cluster, room, epoch, ctx);

    durable->revision = revision;
    durable->done = done;
    if (count > CLUSTER_ROWS_MAX) {
        finish(durable, VR_E_TOO_LARGE, 0);
        return;
    }
    copy_rows(durable, rows, count);
    submit(durable);
}

void cluster_replace_partner(struct vr_cluster *cluster, struct vr_id room, uint64_t epoch,
                             uint32_t next, cluster_partner_fn done, void *ctx)
{
    struct durable *durable = new_durable(cluster, room, epoch, ctx);

    durable->list = true;
    durable->next = next;
    durable->partner_done = done;
    submit(durable);
}
