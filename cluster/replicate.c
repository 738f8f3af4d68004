/* replicate.c - the cluster's records: a commit of a room counts when LMDB, the in-sync node and,
 * for durable rows, the directory have it. Readings go to LMDB. */
#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "cluster.pb-c.h"
#include "cluster/copies.h"
#include "store/commit.h"
#include "store/deployment.h"

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
        (void)vr_list_pop(&room->waiting);
        pthread_mutex_unlock(&copies->lock);
        if (first->err == VR_OK && !cluster_holds(copies->cluster, room->id, first->epoch)) {
            first->err = VR_E_FROZEN; /* the deadline has passed while it was on its way */
        }
        copy_trace(copies, first);
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
    struct pending *pending = ctx;

    (void)ticket;
    (void)revision;
    if (vr_trace_on(&pending->trace)) {
        pending->journaled_at = copies_now(pending->copies);
    }
    called(pending, err);
}

static void on_durable(void *ctx, enum vr_err err)
{
    struct pending *pending = ctx;

    if (vr_trace_on(&pending->trace)) {
        pending->durable_at = copies_now(pending->copies);
    }
    called(pending, err);
}

/* ---- submit ---- */

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
#if VR_TEETH == 3 /* answered before it is replicated */
    pending->waits[0] = 0;
#endif
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

/* VR_E_STALE: a commit that failed here had this revision, and may stand at other nodes. */
static enum vr_err begin(struct cluster_copies *copies, const struct vr_commit *commit,
                         uint32_t calls, struct targets *targets, struct pending **out)
{
    struct pending *pending = calloc(1, sizeof(*pending));
    struct copy_room *room;
    bool used;

    if (pending == NULL) {
        return VR_E_NO_MEMORY;
    }
    pthread_mutex_lock(&copies->lock);
    room = copy_make(copies, commit->room);
    used = room != NULL && copy_revision(commit) <= room->submitted;
    if (room != NULL && !used) {
        pending->copies = copies;
        pending->room = room;
        pending->ticket = ++copies->ticket;
        pending->epoch = commit->epoch;
        pending->revision = copy_revision(commit);
        pending->since = copies_now(copies);
        pending->trace = commit->trace;
        pending->calls = calls;
        room->submitted = pending->revision;
        find_targets(copies, room, pending, targets);
        vr_list_push(&room->waiting, &pending->link);
    }
    pthread_mutex_unlock(&copies->lock);
    if (room == NULL || used) {
        free(pending);
        return used ? VR_E_STALE : VR_E_NO_MEMORY;
    }
    *out = pending;
    return VR_OK;
}

static bool take_upload(struct cluster_copies *copies, struct vr_id id)
{
    struct copy_room *room;
    bool upload = false;

    pthread_mutex_lock(&copies->lock);
    room = copy_find(copies, id);
    if (room != NULL) {
        upload = room->upload;
        room->upload = false; /* a commit that fails is followed by a load, and that by a take */
    }
    pthread_mutex_unlock(&copies->lock);
    return upload;
}

static uint64_t submit_room(struct cluster_copies *copies, struct vr_commit *commit,
                            vr_committed_fn done, void *ctx)
{
    struct targets targets = {.count = 0};
    struct rows rows = {0};
    struct pending *pending = NULL;
    enum vr_err err = VR_E_NO_MEMORY;
    uint64_t ticket;

    if (take_upload(copies, commit->room)) {
        rows_of_room(copies, commit->room, &rows);
    }
    rows_of(copies, commit, &rows);
    if (!rows.failed) {
        err = begin(copies, commit, 1 + calls_of(&rows), &targets, &pending);
    }
    if (err != VR_OK) {
        rows_free(&rows);
        return refuse(copies, commit, err, done, ctx);
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
    if (vr_id_is_zero(commit->room) || vr_id_equal(commit->room, VR_DEPLOYMENT_ROOM)) {
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

const struct vr_records_ops copies_ops = {copies_submit, copies_get, copies_scan, copies_stats};
