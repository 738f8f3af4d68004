/* replicate.c - the cluster's records: a commit of a room counts when LMDB, the in-sync node and,
 * for durable rows, the directory have it. Readings go to LMDB. */
#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "cluster.pb-c.h"
#include "cluster/copies.h"
#include "store/commit.h"

vr_time_us copies_now(const struct cluster_copies *copies)
{
    const struct vr_clock *clock = copies->cluster->conf.clock;

    return clock->now(clock->ctx);
}

static struct vr_list *bucket_of(struct cluster_copies *copies, struct vr_id id)
{
    return &copies->rooms[(id.lo ^ id.hi) % COPY_BUCKETS];
}

struct copy_room *copy_find(struct cluster_copies *copies, struct vr_id id)
{
    VR_LIST_EACH(item, bucket_of(copies, id))
    {
        struct copy_room *room = VR_OWNER(item, struct copy_room, link);

        if (vr_id_equal(room->id, id)) {
            return room;
        }
    }
    return NULL;
}

struct copy_room *copy_make(struct cluster_copies *copies, struct vr_id id)
{
    struct copy_room *room = copy_find(copies, id);

    if (room == NULL) {
        room = calloc(1, sizeof(*room));
        if (room != NULL) {
            room->id = id;
            vr_list_init(&room->waiting);
            vr_list_push(bucket_of(copies, id), &room->link);
        }
    }
    return room;
}

static bool decided(const struct pending *pending)
{
    return pending->calls == 0 &&
           (pending->err != VR_OK || (pending->waits[0] == 0 && pending->waits[1] == 0));
}

void copy_flush(struct cluster_copies *copies, struct copy_room *room)
{
    if (room->telling) {
        return; /* another thread, or ourselves further up: it goes on with this */
    }
    room->telling = true;
    while (!vr_list_empty(&room->waiting)) {
        struct pending *first = VR_OWNER(room->waiting.next, struct pending, link);

        if (!decided(first)) {
            break;
        }
        vr_list_remove(&first->link);
        pthread_mutex_unlock(&copies->lock);
        if (first->err == VR_OK && !cluster_holds(copies->cluster, room->id, first->epoch)) {
            first->err = VR_E_FROZEN; /* the deadline has passed while it was on its way */
        }
        first->done(first->ctx, first->ticket, first->err,
                    first->err == VR_OK ? first->revision : 0);
        free(first);
        pthread_mutex_lock(&copies->lock);
    }
    room->telling = false;
}

void copy_fail(struct copy_room *room, enum vr_err err)
{
    VR_LIST_EACH(item, &room->waiting)
    {
        struct pending *pending = VR_OWNER(item, struct pending, link);

        pending->waits[0] = 0;
        pending->waits[1] = 0;
        if (pending->err == VR_OK) {
            pending->err = err;
        }
    }
}

static void called(struct pending *pending, enum vr_err err)
{
    struct cluster_copies *copies = pending->copies;

    pthread_mutex_lock(&copies->lock);
    pending->calls--;
    if (copies->closed) {
        if (pending->calls == 0) {
            vr_list_remove(&pending->link);
            free(pending);
        }
        pthread_mutex_unlock(&copies->lock);
        return;
    }
    if (err != VR_OK && pending->err == VR_OK) {
        pending->err = err;
    }
    copy_flush(copies, pending->room);
    pthread_mutex_unlock(&copies->lock);
}

static void on_local(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    (void)ticket;
    (void)revision;
    called(ctx, err);
}

static void on_durable(void *ctx, enum vr_err err)
{
    called(ctx, err);
}

/* ---- durable rows ---- */

struct rows {
    struct cluster_row *items;
    struct vr_buf keys; /* of rows found for a prefix: cluster_row.key points into it at the end */
    uint32_t count, capacity;
    bool failed;
};

static void rows_add(struct rows *rows, const struct cluster_row *row)
{
    for (uint32_t i = 0; i < rows->count;
         i++) { /* no key twice in one transaction: the last wins */
        if (rows->items[i].table == row->table && vr_bytes_equal(rows->items[i].key, row->key)) {
            rows->items[i] = *row;
            return;
        }
    }
    if (rows->count == rows->capacity) {
        uint32_t capacity = rows->capacity == 0 ? 16 : rows->capacity * 2;
        struct cluster_row *grown = realloc(rows->items, capacity * sizeof(*grown));

        if (grown == NULL) {
            rows->failed = true;
            return;
        }
        rows->items = grown;
        rows->capacity = capacity;
    }
    rows->items[rows->count++] = *row;
}

struct found {
    struct vr_buf *keys;
    enum vr_table table;
    uint32_t count;
};

static bool on_found(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct found *found = ctx;
    uint8_t size = (uint8_t)key.size;

    (void)value;
    vr_buf_append(found->keys, &size, 1);
    vr_buf_append(found->keys, key.data, key.size);
    return true;
}

/* The directory removes by key: what stands in LMDB under the prefix is what stands there. */
static void rows_add_prefix(struct rows *rows, struct vr_records *local, const struct vr_op *op)
{
    struct vr_buf keys = {0};
    struct found found = {&keys, op->table, 0};
    enum vr_err err =
        vr_records_scan(local, op->table, op->key, (struct vr_bytes){0}, on_found, &found);

    if ((err != VR_OK && err != VR_E_NOT_FOUND) || keys.failed) {
        rows->failed = true;
    }
    for (size_t at = 0; at < keys.size; at += 1 + (size_t)keys.data[at]) {
        uint8_t *copy = malloc(keys.data[at]);

        if (copy == NULL) {
            rows->failed = true;
            break;
        }
        memcpy(copy, keys.data + at + 1, keys.data[at]);
        rows_add(rows, &(struct cluster_row){.removed = true,
                                             .table = op->table,
                                             .key = vr_bytes(copy, keys.data[at])});
        vr_buf_append(&rows->keys, &copy, sizeof(copy)); /* freed with the rows */
    }
    vr_buf_deinit(&keys);
}

static void rows_free(struct rows *rows)
{
    for (size_t at = 0; at + sizeof(uint8_t *) <= rows->keys.size; at += sizeof(uint8_t *)) {
        uint8_t *copy;

        memcpy(&copy, rows->keys.data + at, sizeof(copy));
        free(copy);
    }
    vr_buf_deinit(&rows->keys);
    free(rows->items);
}

/* What of the commit goes to the directory. Keys and values are borrowed from it. */
static void rows_of(struct cluster_copies *copies, const struct vr_commit *commit,
                    struct rows *rows)
{
    struct vr_bytes rest = vr_commit_ops(commit);
    struct vr_op op;
    bool bad;

    while (vr_op_next(&rest, &op, &bad)) {
        if (!op.durable) {
            continue;
        }
        if (op.kind == VR_OP_REMOVE_PREFIX) {
            rows_add_prefix(rows, copies->cluster->conf.local, &op);
        } else {
            rows_add(rows,
                     &(struct cluster_row){op.kind == VR_OP_REMOVE, op.table, op.key, op.value});
        }
    }
    rows->failed = rows->failed || rows->keys.failed;
}

static uint32_t calls_of(const struct rows *rows)
{
    return (rows->count + CLUSTER_ROWS_MAX - 1) / CLUSTER_ROWS_MAX;
}

static void send_rows(struct pending *pending, const struct rows *rows)
{
    for (uint32_t at = 0; at < rows->count; at += CLUSTER_ROWS_MAX) {
        uint32_t count = rows->count - at;

        cluster_durable(pending->copies->cluster, pending->room->id, pending->epoch,
                        pending->revision, rows->items + at,
                        count > CLUSTER_ROWS_MAX ? CLUSTER_ROWS_MAX : count, on_durable, pending);
    }
}

/* ---- submit ---- */

struct targets {
    uint32_t nodes[VR_CLUSTER_NODES_MAX + 2];
    bool confirm[VR_CLUSTER_NODES_MAX + 2];
    uint32_t count;
};

static void target_add(struct targets *targets, uint32_t node, bool confirm)
{
    for (uint32_t i = 0; i < targets->count; i++) {
        if (targets->nodes[i] == node) {
            targets->confirm[i] = targets->confirm[i] || confirm;
            return;
        }
    }
    if (node != 0) {
        targets->nodes[targets->count] = node;
        targets->confirm[targets->count++] = confirm;
    }
}

/* Locked: to whom it goes and for whom it waits. */
static void find_targets(struct cluster_copies *copies, struct copy_room *room,
                         struct pending *pending, struct targets *targets)
{
    uint32_t partner = cluster_partner(copies->cluster, room->id);

    pending->waits[0] = partner;
    target_add(targets, partner, true);
    if (room->joining != 0 && room->joining != partner) {
        pending->waits[1] = room->joining_waits ? room->joining : 0;
        target_add(targets, room->joining, true);
    }
    for (uint32_t i = 0; i < VR_CLUSTER_NODES_MAX; i++) {
        target_add(targets, room->followers[i].node, false);
    }
}

static void send_commit(struct cluster_copies *copies, const struct vr_commit *commit,
                        const struct targets *targets, struct pending *pending)
{
    struct vr_cluster *cluster = copies->cluster;
    struct vr_address from = vr_cluster_address(cluster_self(cluster));

    for (int confirm = 0; confirm < 2; confirm++) {
        struct note_parts parts = {NULL, 0};
        bool made = false;

        for (uint32_t i = 0; i < targets->count; i++) {
            if (targets->confirm[i] != (confirm == 1)) {
                continue;
            }
            if (!made && note_parts_make(cluster, commit, confirm == 1, &parts) != VR_OK) {
                break; /* they see a gap; who is waited for is asked by its silence */
            }
            made = true;
            for (uint32_t p = 0; p < parts.count; p++) {
                cluster_send_note(
                    cluster, from, vr_replica_address(commit->room, targets->nodes[i]),
                    VR__CLUSTER__NOTE_TYPE__NOTE_REPLICATE, pending->revision, parts.items[p]);
            }
        }
        note_parts_free(&parts);
    }
}

static uint64_t refuse(struct cluster_copies *copies, struct vr_commit *commit, enum vr_err err,
                       vr_committed_fn done, void *ctx)
{
    uint64_t ticket;

    pthread_mutex_lock(&copies->lock);
    ticket = ++copies->ticket;
    pthread_mutex_unlock(&copies->lock);
    vr_commit_free(commit);
    if (done != NULL) {
        done(ctx, ticket, err, 0);
    }
    return ticket;
}

static void told_to_nobody(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    (void)ctx;
    (void)ticket;
    (void)err;
    (void)revision;
}

static struct pending *begin(struct cluster_copies *copies, const struct vr_commit *commit,
                             uint32_t calls, struct targets *targets)
{
    struct pending *pending = calloc(1, sizeof(*pending));
    struct copy_room *room;

    if (pending == NULL) {
        return NULL;
    }
    pthread_mutex_lock(&copies->lock);
    room = copy_make(copies, commit->room);
    if (room != NULL) {
        pending->copies = copies;
        pending->room = room;
        pending->ticket = ++copies->ticket;
        pending->epoch = commit->epoch;
        pending->revision = commit->expected + 1;
        pending->since = copies_now(copies);
        pending->calls = calls;
        room->submitted = pending->revision;
        find_targets(copies, room, pending, targets);
        vr_list_push(&room->waiting, &pending->link);
    }
    pthread_mutex_unlock(&copies->lock);
    if (room == NULL) {
        free(pending);
        return NULL;
    }
    return pending;
}

static uint64_t submit_room(struct cluster_copies *copies, struct vr_commit *commit,
                            vr_committed_fn done, void *ctx)
{
    struct targets targets = {.count = 0};
    struct rows rows = {0};
    struct pending *pending = NULL;
    uint64_t ticket;

    rows_of(copies, commit, &rows);
    if (!rows.failed) {
        pending = begin(copies, commit, 1 + calls_of(&rows), &targets);
    }
    if (pending == NULL) {
        rows_free(&rows);
        return refuse(copies, commit, VR_E_NO_MEMORY, done, ctx);
    }
    ticket = pending->ticket;
    pending->done = done == NULL ? told_to_nobody : done;
    pending->ctx = ctx;
    send_commit(copies, commit, &targets, pending);
    /* The directory's words are copied; LMDB takes the commit and may be done before this returns.
     */
    send_rows(pending, &rows);
    rows_free(&rows);
    vr_records_submit(copies->cluster->conf.local, commit, on_local, pending);
    return ticket;
}

static uint64_t copies_submit(struct vr_records *records, struct vr_commit *commit,
                              vr_committed_fn done, void *ctx)
{
    struct cluster_copies *copies = VR_OWNER(records, struct cluster_copies, records);
    struct vr_cluster *cluster = copies->cluster;
    uint64_t epoch = 0;

    if (commit == NULL || vr_commit_check(commit) != VR_OK) {
        return vr_records_submit(cluster->conf.local, commit, done, ctx);
    }
    if (vr_id_is_zero(commit->room)) {
        return deploy_submit(copies, commit, done, ctx);
    }
    if (commit->expected == UINT64_MAX) { /* not a room's actor: of this node alone */
        return vr_records_submit(cluster->conf.local, commit, done, ctx);
    }
    if (copies->closed || !cluster_holds(cluster, commit->room, commit->epoch)) {
        (void)cluster_owner(cluster, commit->room, &epoch);
        return refuse(copies, commit, epoch > commit->epoch ? VR_E_FENCED : VR_E_FROZEN, done, ctx);
    }
    return submit_room(copies, commit, done, ctx);
}

static enum vr_err copies_get(struct vr_records *records, enum vr_table table, struct vr_bytes key,
                              struct vr_buf *out)
{
    struct cluster_copies *copies = VR_OWNER(records, struct cluster_copies, records);

    return vr_records_get(copies->cluster->conf.local, table, key, out);
}

static enum vr_err copies_scan(struct vr_records *records, enum vr_table table,
                               struct vr_bytes prefix, struct vr_bytes from, vr_visit_fn visit,
                               void *ctx)
{
    struct cluster_copies *copies = VR_OWNER(records, struct cluster_copies, records);

    return vr_records_scan(copies->cluster->conf.local, table, prefix, from, visit, ctx);
}

static void copies_stats(struct vr_records *records, struct vr_records_stats *out)
{
    struct cluster_copies *copies = VR_OWNER(records, struct cluster_copies, records);

    vr_records_stats(copies->cluster->conf.local, out);
}

/* ---- life ---- */

enum vr_err replicate_new(struct vr_cluster *cluster, struct vr_records **records)
{
    static const struct vr_records_ops ops = {copies_submit, copies_get, copies_scan, copies_stats};
    struct cluster_copies *copies = calloc(1, sizeof(*copies));

    if (copies == NULL) {
        return VR_E_NO_MEMORY;
    }
    copies->records.ops = &ops;
    copies->cluster = cluster;
    pthread_mutex_init(&copies->lock, NULL);
    vr_list_init(&copies->seals);
    vr_list_init(&copies->orphans);
    for (uint32_t i = 0; i < COPY_BUCKETS; i++) {
        vr_list_init(&copies->rooms[i]);
    }
    cluster->copies = copies;
    *records = &copies->records;
    return VR_OK;
}

static void on_tick(struct vr_timer *timer, vr_time_us now)
{
    struct cluster_copies *copies = VR_OWNER(timer, struct cluster_copies, tick);

    partner_tick(copies);
    seals_tick(copies);
    vr_timer_arm(copies->cluster->worker, timer, now + COPY_TICK);
}

static void start(struct vr_cluster *cluster, void *ctx)
{
    struct cluster_copies *copies = ctx;

    copies->tick.fire = on_tick;
    vr_timer_arm(cluster->worker, &copies->tick, vr_worker_now(cluster->worker) + COPY_TICK);
}

void replicate_attach(struct vr_cluster *cluster)
{
    (void)cluster_call(cluster, start, cluster->copies);
}

/* The next that waits, taken off its room; NULL: none. Locked. */
static struct pending *take_waiting(struct cluster_copies *copies)
{
    for (uint32_t b = 0; b < COPY_BUCKETS; b++) {
        VR_LIST_EACH(item, &copies->rooms[b])
        {
            struct copy_room *room = VR_OWNER(item, struct copy_room, link);
            struct vr_list *link = vr_list_pop(&room->waiting);

            if (link != NULL) {
                return VR_OWNER(link, struct pending, link);
            }
        }
    }
    return NULL;
}

/* Who waits is told while there is still somebody to tell; what LMDB and etcd say later is for
 * nobody. */
void replicate_abandon(struct vr_cluster *cluster)
{
    struct cluster_copies *copies = cluster->copies;
    struct pending *pending;

    pthread_mutex_lock(&copies->lock);
    copies->closed = true;
    while ((pending = take_waiting(copies)) != NULL) {
        vr_committed_fn done = pending->done;
        void *ctx = pending->ctx;
        uint64_t ticket = pending->ticket;

        if (pending->calls > 0) {
            vr_list_push(&copies->orphans, &pending->link);
        } else {
            free(pending);
        }
        pthread_mutex_unlock(&copies->lock);
        done(ctx, ticket, VR_E_GONE, 0);
        pthread_mutex_lock(&copies->lock);
    }
    pthread_mutex_unlock(&copies->lock);
}

void replicate_detach(struct vr_cluster *cluster)
{
    struct cluster_copies *copies = cluster->copies;

    vr_timer_disarm(cluster->worker, &copies->tick);
    seals_free(copies);
    replicate_abandon(cluster);
}

static void free_room(struct copy_room *room)
{
    while (!vr_list_empty(&room->waiting)) {
        free(VR_OWNER(vr_list_pop(&room->waiting), struct pending, link));
    }
    free(room);
}

void replicate_free(struct vr_cluster *cluster)
{
    struct cluster_copies *copies = cluster->copies;

    if (copies == NULL) {
        return;
    }
    for (uint32_t i = 0; i < COPY_BUCKETS; i++) {
        while (!vr_list_empty(&copies->rooms[i])) {
            free_room(VR_OWNER(vr_list_pop(&copies->rooms[i]), struct copy_room, link));
        }
    }
    while (!vr_list_empty(&copies->orphans)) {
        free(VR_OWNER(vr_list_pop(&copies->orphans), struct pending, link));
    }
    seals_free(copies);
    pthread_mutex_destroy(&copies->lock);
    free(copies);
    cluster->copies = NULL;
}
