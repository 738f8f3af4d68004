/* replica_seal.c - what the directory asks of copies: sealed for a new owner, filled from durable
 * rows, looked at. */
#include <stdlib.h>

#include "actors/base/owner.h"
#include "cluster.pb-c.h"
#include "cluster/copies.h"
#include "copies.pb-c.h"
#include "store/commit.h"

/* ---- sealing ---- */

static void answer(struct vr_cluster *cluster, void *ctx)
{
    struct seal *seal = ctx;

    (void)cluster;
    vr_list_remove(&seal->link);
    seal->done(seal->ctx, seal->err);
    free(seal);
}

/* Told later, from the cluster worker: never inside the call that asked. */
static void answer_later(struct seal *seal, enum vr_err err)
{
    seal->err = err;
    seal->deadline = 0;
    /* When the worker has gone, so has who waits: it is freed with the rest. */
    (void)cluster_call(seal->copies->cluster, answer, seal);
}

/* The journal's thread. */
static void on_sealed(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    (void)ticket;
    (void)revision;
    answer_later(ctx, err);
}

static void seal_here(struct seal *seal)
{
    struct vr_records *local = seal->copies->cluster->conf.local;
    struct vr_commit *commit;
    uint64_t epoch = 0;
    uint64_t revision = 0;
    enum vr_err err = vr_records_head(local, seal->room, &epoch, &revision);

    if (err != VR_OK || (epoch == 0 && revision == 0)) {
        answer_later(seal, err == VR_OK ? VR_E_NOT_FOUND : err);
        return;
    }
    commit = vr_commit_new(seal->room, seal->epoch, UINT64_MAX);
    if (commit != NULL) {
        commit->seal = true;
    }
    vr_records_submit(local, commit, on_sealed, seal);
}

static void seal_there(struct seal *seal, uint32_t from)
{
    struct vr_cluster *cluster = seal->copies->cluster;
    Vr__Cluster__SnapshotGet get = VR__CLUSTER__SNAPSHOT_GET__INIT;
    uint8_t bytes[64];
    struct vr_blob *blob;

    get.room_hi = seal->room.hi;
    get.room_lo = seal->room.lo;
    get.epoch = seal->epoch;
    get.seal = true;
    seal->deadline = copies_now(seal->copies) + COPY_SEAL_WAIT;
    blob = vr_blob_new(vr_bytes(bytes, vr__cluster__snapshot_get__pack(&get, bytes)));
    if (blob != NULL) { /* else its deadline tells */
        cluster_send_note(cluster, vr_replica_address(seal->room, cluster_self(cluster)),
                          vr_replica_address(seal->room, from),
                          VR__CLUSTER__NOTE_TYPE__NOTE_SNAPSHOT_GET, 0, blob);
        vr_blob_release(blob);
    }
}

void replica_seal(struct vr_cluster *cluster, struct vr_id room, uint64_t epoch, uint32_t from,
                  replica_seal_fn done, void *ctx)
{
    struct seal *seal = calloc(1, sizeof(*seal));

    if (seal == NULL) {
        done(ctx, VR_E_NO_MEMORY);
        return;
    }
    seal->copies = cluster->copies;
    seal->room = room;
    seal->epoch = epoch;
    seal->done = done;
    seal->ctx = ctx;
    vr_list_push(&cluster->copies->seals, &seal->link);
    if (from == 0 || from == cluster_self(cluster)) {
        seal_here(seal);
    } else {
        seal_there(seal, from);
    }
}

void seal_answered(struct cluster_copies *copies, struct vr_id room, uint64_t epoch,
                   enum vr_err err)
{
    VR_LIST_EACH(item, &copies->seals)
    {
        struct seal *seal = VR_OWNER(item, struct seal, link);

        if (seal->deadline != 0 && vr_id_equal(seal->room, room) && seal->epoch == epoch) {
            answer_later(seal, err);
        }
    }
}

void seals_tick(struct cluster_copies *copies)
{
    vr_time_us now = copies_now(copies);

    VR_LIST_EACH(item, &copies->seals)
    {
        struct seal *seal = VR_OWNER(item, struct seal, link);

        if (seal->deadline != 0 && now >= seal->deadline) {
            answer_later(seal, VR_E_TIMEOUT);
        }
    }
}

void seals_free(struct cluster_copies *copies)
{
    while (!vr_list_empty(&copies->seals)) {
        free(VR_OWNER(vr_list_pop(&copies->seals), struct seal, link));
    }
}

/* ---- looking ---- */

bool replica_has(struct vr_cluster *cluster, struct vr_id room, uint64_t *epoch, uint64_t *revision)
{
    return vr_records_head(cluster->conf.local, room, epoch, revision) == VR_OK &&
           (*epoch != 0 || *revision != 0);
}

uint64_t replica_own_epoch(struct vr_cluster *cluster, struct vr_id id)
{
    struct cluster_copies *copies = cluster->copies;
    const struct copy_room *room;
    uint64_t epoch = 0;

    pthread_mutex_lock(&copies->lock);
    room = copy_find(copies, id);
    if (room != NULL) {
        epoch = room->epoch;
    }
    pthread_mutex_unlock(&copies->lock);
    return epoch;
}

uint32_t replica_people(struct vr_cluster *cluster, struct vr_id id)
{
    struct cluster_copies *copies = cluster->copies;
    const struct copy_room *room;
    uint32_t people = 0;

    pthread_mutex_lock(&copies->lock);
    room = copy_find(copies, id);
    if (room != NULL) {
        people = room->people;
    }
    pthread_mutex_unlock(&copies->lock);
    return people;
}

/* ---- durable rows from the directory ---- */

struct installing {
    const struct cluster_row *rows;
    uint32_t count;
    enum vr_table table;
    struct vr_commit *commit;
};

static const struct cluster_row *find_row(const struct installing *in, struct vr_bytes key)
{
    for (uint32_t i = 0; i < in->count; i++) {
        if (in->rows[i].table == in->table && vr_bytes_equal(in->rows[i].key, key)) {
            return &in->rows[i];
        }
    }
    return NULL;
}

/* A row here that the directory has not: its removal did not reach us, or its writing was never
 * acknowledged. */
static bool on_row(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct installing *in = ctx;

    (void)value;
    if (find_row(in, key) == NULL) {
        vr_commit_remove(in->commit, in->table, key);
    }
    return true;
}

static bool has_room_row(const struct cluster_row *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (rows[i].table == VR_TABLE_ROOMS && !rows[i].removed) {
            return true;
        }
    }
    return false;
}

static enum vr_err remove_others(struct vr_records *local, struct installing *in, struct vr_id room)
{
    static const enum vr_table tables[] = {VR_TABLE_BANS, VR_TABLE_GRANTS};
    enum vr_err err = VR_OK;
    uint8_t key[16];

    vr_id_put(key, room);
    for (size_t i = 0; err == VR_OK && i < sizeof(tables) / sizeof(tables[0]); i++) {
        in->table = tables[i];
        err = vr_records_scan(local, in->table, vr_bytes(key, sizeof(key)), (struct vr_bytes){0},
                              on_row, in);
        err = err == VR_E_NOT_FOUND ? VR_OK : err;
    }
    return err;
}

static void put_changed(struct vr_records *local, const struct installing *in)
{
    for (uint32_t i = 0; i < in->count; i++) {
        const struct cluster_row *row = &in->rows[i];
        struct vr_buf known = {0};
        enum vr_err err = vr_records_get(local, row->table, row->key, &known);

        if (row->removed && err == VR_OK) {
            vr_commit_remove(in->commit, row->table, row->key);
        } else if (!row->removed &&
                   (err != VR_OK || !vr_bytes_equal(vr_buf_bytes(&known), row->value))) {
            vr_commit_put(in->commit, row->table, row->key, row->value);
        }
        vr_buf_deinit(&known);
    }
}

static void note_upload(struct cluster_copies *copies, struct vr_id id)
{
    struct copy_room *room;

    pthread_mutex_lock(&copies->lock);
    room = copy_make(copies, id);
    if (room != NULL) {
        room->upload = true;
    }
    pthread_mutex_unlock(&copies->lock);
}

void replica_install(struct vr_cluster *cluster, struct vr_id room, uint64_t epoch,
                     const struct cluster_row *rows, uint32_t count, replica_seal_fn done,
                     void *ctx)
{
    struct vr_records *local = cluster->conf.local;
    struct seal *seal = calloc(1, sizeof(*seal));
    struct installing in = {.rows = rows, .count = count};
    enum vr_err err = VR_OK;

    if (seal == NULL) {
        done(ctx, VR_E_NO_MEMORY);
        return;
    }
    *seal = (struct seal){.copies = cluster->copies, .room = room, .done = done, .ctx = ctx};
    vr_list_push(&cluster->copies->seals, &seal->link);
    in.commit = vr_commit_new(room, epoch, UINT64_MAX);
    if (in.commit == NULL) {
        answer_later(seal, VR_E_NO_MEMORY);
        return;
    }
    if (!has_room_row(rows, count)) {
        note_upload(cluster->copies,
                    room); /* it was never in the directory: it keeps what it has */
    } else {
        err = remove_others(local, &in, room);
    }
    put_changed(local, &in);
    if (err != VR_OK || in.commit->op_count == 0) {
        vr_commit_free(in.commit);
        answer_later(seal, err);
        return;
    }
    vr_records_submit(local, in.commit, on_sealed, seal);
}

/* ---- notes to this node's cluster actor ---- */

/* Locked. Its copy is not ours and has not moved since it was heard last: something was lost. */
static bool is_behind(struct cluster_copies *copies, const struct copy_room *room,
                      const struct follower *before, const Vr__Cluster__Subscribe *note)
{
    uint64_t epoch = 0;
    uint64_t revision = 0;
    bool moves =
        before->node != 0 && (before->epoch != note->epoch || before->revision != note->revision);

    return !moves &&
           vr_records_head(copies->cluster->conf.local, room->id, &epoch, &revision) == VR_OK &&
           (epoch != note->epoch || revision != note->revision);
}

static void follow(struct cluster_copies *copies, const Vr__Cluster__Subscribe *note, uint32_t node)
{
    struct vr_id id = {note->room_hi, note->room_lo};
    struct follower *place = NULL;
    struct copy_room *room;
    bool behind = false;

    pthread_mutex_lock(&copies->lock);
    room = copy_find(copies, id);
    for (uint32_t i = 0; room != NULL && room->epoch != 0 && i < VR_CLUSTER_NODES_MAX; i++) {
        if (room->followers[i].node == node) {
            place = &room->followers[i];
            break;
        }
        if (room->followers[i].node == 0 && place == NULL) {
            place = &room->followers[i];
        }
    }
    if (place != NULL) {
        behind = is_behind(copies, room, place, note);
        *place = (struct follower){node, copies_now(copies), note->epoch, note->revision};
    }
    pthread_mutex_unlock(&copies->lock);
    if (behind) {
        give_snapshot(copies, id, node);
    }
}

/* It follows from now on; if it is behind it is given what it lacks. */
static void on_subscribe(struct cluster_copies *copies, const struct vr_msg *msg)
{
    struct vr_bytes in = vr_blob_bytes(msg->as.note.bytes);
    Vr__Cluster__Subscribe *note = vr__cluster__subscribe__unpack(NULL, in.size, in.data);
    uint32_t node = msg->from.sub;

    if (note != NULL && msg->from.kind == VR_ACTOR_REPLICA && node != 0) {
        follow(copies, note, node);
    }
    if (note != NULL) {
        vr__cluster__subscribe__free_unpacked(note, NULL);
    }
}

static void on_confirm(struct cluster_copies *copies, const struct vr_msg *msg, bool snapshot)
{
    struct vr_bytes in = vr_blob_bytes(msg->as.note.bytes);
    Vr__Cluster__Confirm *note = vr__cluster__confirm__unpack(NULL, in.size, in.data);

    if (note == NULL || msg->from.kind != VR_ACTOR_REPLICA) {
        goto done;
    }
    if (snapshot) {
        seal_answered(copies, (struct vr_id){note->room_hi, note->room_lo}, msg->as.note.number,
                      note->missing ? VR_E_NOT_FOUND : msg->as.note.err);
    } else if (msg->as.note.err == VR_OK) {
        partner_confirmed(copies, (struct vr_id){note->room_hi, note->room_lo}, msg->from.sub,
                          note->epoch, note->revision);
    }
done:
    if (note != NULL) {
        vr__cluster__confirm__free_unpacked(note, NULL);
    }
}

bool replica_note(struct vr_cluster *cluster, struct vr_msg *msg)
{
    struct cluster_copies *copies = cluster->copies;

    switch (msg->as.note.type) {
    case VR__CLUSTER__NOTE_TYPE__NOTE_SUBSCRIBE:
        on_subscribe(copies, msg);
        return true;
    case VR__CLUSTER__COPIES_NOTE__NOTE_CONFIRM:
        on_confirm(copies, msg, false);
        return true;
    case VR__CLUSTER__COPIES_NOTE__NOTE_SNAPSHOT_IN:
        on_confirm(copies, msg, true);
        return true;
    default:
        return false;
    }
}
