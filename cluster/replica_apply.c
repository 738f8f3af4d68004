/* replica_apply.c - what the owner sends, into LMDB: commits in their chain.
 *
 * The head in LMDB (epoch, revision) is the fence: a commit that does not follow it is a gap, and a
 * gap is filled by a snapshot, never guessed. */
#include <stdlib.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "actors/runtime/stored.h"
#include "cluster/replica.h"

void flight_free(struct flight *flight)
{
    vr_commit_free(flight->commit);
    free(flight);
}

void replica_read_head(struct replica *self)
{
    if (vr_records_head(self->cluster->conf.local, self->room, &self->stored_epoch,
                        &self->stored) != VR_OK) {
        self->stored_epoch = 0;
        self->stored = 0;
    }
    self->head_epoch = self->stored_epoch;
    self->head = self->stored;
}

static struct vr_blob *confirm_blob(const struct replica *self, bool missing)
{
    Vr__Cluster__Confirm note = VR__CLUSTER__CONFIRM__INIT;
    uint8_t bytes[96];

    note.room_hi = self->room.hi;
    note.room_lo = self->room.lo;
    note.epoch = self->stored_epoch;
    note.revision = self->stored;
    note.missing = missing;
    return vr_blob_new(vr_bytes(bytes, vr__cluster__confirm__pack(&note, bytes)));
}

void replica_confirm(struct replica *self, uint32_t node)
{
    struct vr_blob *blob;

    if (node == 0 || self->stored < self->complete) {
        return;
    }
    blob = confirm_blob(self, false);
    if (blob != NULL) {
        cluster_send_note(self->cluster, vr_replica_address(self->room, self->self),
                          vr_cluster_address(node), VR__CLUSTER__COPIES_NOTE__NOTE_CONFIRM, 0,
                          blob);
        vr_blob_release(blob);
    }
}

void replica_tell_cluster(struct replica *self, uint64_t sealed, enum vr_err err, bool missing)
{
    struct vr_msg msg = {.kind = VR_MSG_CLUSTER,
                         .to = vr_cluster_address(self->self),
                         .from = vr_replica_address(self->room, self->self),
                         .deadline = VR_NEVER};

    msg.as.note.type = VR__CLUSTER__COPIES_NOTE__NOTE_SNAPSHOT_IN;
    msg.as.note.number = sealed;
    msg.as.note.err = err;
    msg.as.note.bytes = confirm_blob(self, missing);
    vr_system_post(vr_actor_system(self->actor), &msg);
}

void replica_ask_snapshot(struct replica *self, uint32_t node)
{
    Vr__Cluster__SnapshotGet get = VR__CLUSTER__SNAPSHOT_GET__INIT;
    uint8_t bytes[64];
    struct vr_blob *blob;

    if (self->filling || node == 0 || node == self->self) {
        return;
    }
    self->filling = true;
    self->asked_at = vr_actor_now(self->actor);
    if (self->asked_at < self->ask_not_before) {
        return; /* replica.c, look */
    }
    get.room_hi = self->room.hi;
    get.room_lo = self->room.lo;
    blob = vr_blob_new(vr_bytes(bytes, vr__cluster__snapshot_get__pack(&get, bytes)));
    if (blob != NULL) {
        cluster_send_note(self->cluster, vr_replica_address(self->room, self->self),
                          vr_replica_address(self->room, node),
                          VR__CLUSTER__NOTE_TYPE__NOTE_SNAPSHOT_GET, 0, blob);
        vr_blob_release(blob);
    }
}

/* ---- into LMDB ---- */

bool replica_submit_told(struct replica *self, struct vr_commit *commit, uint64_t ticket)
{
    struct vr_stored *stored = vr_stored_new(self->actor, ticket);

    if (stored == NULL) {
        vr_commit_free(commit);
        return false;
    }
    vr_records_submit(self->cluster->conf.local, commit, vr_stored_post, stored);
    return true;
}

void replica_submit(struct replica *self, struct flight *flight, struct vr_commit *commit)
{
    flight->ticket = self->ticket++;
    vr_list_push(&self->flights, &flight->link);
    if (!replica_submit_told(self, commit, flight->ticket)) {
        vr_list_remove(&flight->link); /* as lost on the way: a later commit shows the gap */
        flight_free(flight);
    }
}

/* A user's row keeps the keys that were made here. */
static void add_user(struct replica *self, struct vr_commit *to, const struct vr_op *op)
{
    struct vr_buf merged = {0};

    if (cluster_user_merged(self->cluster, op->key, op->value, &merged)) {
        vr_commit_put(to, VR_TABLE_USERS, op->key, vr_buf_bytes(&merged));
    }
    vr_buf_deinit(&merged);
}

/* What of another node's operations is written here. Webhooks are the owner's to send. */
void replica_add_ops(struct replica *self, struct vr_commit *to, struct vr_bytes ops)
{
    struct vr_op op;
    bool bad;

    while (vr_op_next(&ops, &op, &bad)) {
        if (op.table == VR_TABLE_USERS && op.kind == VR_OP_PUT) {
            add_user(self, to, &op);
        } else if (op.table != VR_TABLE_OUTBOX && op.table != VR_TABLE_MARKS) {
            vr_commit_add(to, &op);
        }
    }
}

static bool follows(const struct replica *self, const struct flight *flight)
{
    const struct vr_commit *commit = flight->commit;

#if VR_TEETH == 1 /* any epoch will do */
    return commit->expected == self->head;
#else
    return commit->expected == self->head &&
           (commit->expected_epoch == self->head_epoch || commit->expected_epoch == UINT64_MAX) &&
           commit->epoch >= self->head_epoch;
#endif
}

/* Takes `flight`. */
static void apply(struct replica *self, struct flight *flight)
{
    struct vr_commit *commit = flight->commit;
    struct vr_commit *ours = vr_commit_new(self->room, commit->epoch, commit->expected);

    if (ours == NULL) {
        flight_free(flight);
        return;
    }
    ours->expected_epoch = commit->expected_epoch;
    replica_add_ops(self, ours, vr_commit_ops(commit));
    self->head_epoch = flight->epoch;
    self->head = flight->revision;
    vr_commit_free(commit);
    flight->commit = NULL;
    replica_submit(self, flight, ours);
}

static bool has(const struct replica *self, const struct flight *flight)
{
    return flight->epoch == self->head_epoch && flight->revision <= self->head;
}

static void hold(struct replica *self, struct flight *flight)
{
    if (self->held_count >= COPY_HELD_MAX) {
        flight_free(flight); /* the snapshot, or the next one, has it */
        return;
    }
    self->held_count++;
    vr_list_push(&self->held, &flight->link);
}

/* Takes `flight`. */
static void take(struct replica *self, struct flight *flight)
{
#if VR_TEETH != 1 /* any epoch will do */
    if (flight->epoch < self->head_epoch) {
        flight_free(flight); /* an owner who has been replaced */
        return;
    }
#endif
    self->owner = flight->node;
    if (has(self, flight)) {
        if (flight->confirm && vr_list_empty(&self->flights)) {
            replica_confirm(self, flight->node);
        }
        flight_free(flight);
    } else if (self->filling) {
        hold(self, flight);
    } else if (follows(self, flight)) {
        apply(self, flight);
    } else {
        replica_ask_snapshot(self, flight->node);
        hold(self, flight);
    }
}

/* The snapshot is there, or a gap was filled: what was held follows now, or shows the next gap. */
void replica_take_held(struct replica *self)
{
    struct vr_list held;

    vr_list_init(&held);
    while (!vr_list_empty(&self->held)) {
        vr_list_push(&held, vr_list_pop(&self->held));
    }
    self->held_count = 0;
    while (!vr_list_empty(&held)) {
        take(self, VR_OWNER(vr_list_pop(&held), struct flight, link));
    }
}

static struct flight *flight_of(struct replica *self, uint64_t ticket)
{
    VR_LIST_EACH(item, &self->flights)
    {
        struct flight *flight = VR_OWNER(item, struct flight, link);

        if (flight->ticket == ticket) {
            return flight;
        }
    }
    return NULL;
}

static void stored_snapshot(struct replica *self, const struct flight *flight, enum vr_err err)
{
    if (err == VR_OK) {
        self->complete = flight->complete;
    }
    if (flight->sealed != 0) {
        replica_tell_cluster(self, flight->sealed, err, false);
    }
    self->filling = false;
    replica_take_held(self);
}

void replica_on_stored(struct replica *self, const struct vr_msg *msg)
{
    struct flight *flight = flight_of(self, msg->as.stored.ticket);
    enum vr_err err = msg->as.stored.err;

    if ((msg->as.stored.ticket & REPLICA_MARK) != 0) {
        marks_stored(self, msg->as.stored.ticket & ~REPLICA_MARK, err);
        return;
    }
    if (flight == NULL) {
        replica_read_head(self); /* of a former life */
        return;
    }
    vr_list_remove(&flight->link);
    if (err != VR_OK || flight->seals || flight->snapshot) {
        replica_read_head(self);
    } else {
        self->stored_epoch = flight->epoch;
        self->stored = flight->revision;
    }
    if (flight->snapshot) {
        stored_snapshot(self, flight, err);
    } else if (flight->seals) {
        replica_give(self, flight->give_to, flight->sealed, err);
    } else if (err != VR_OK && err != VR_E_FENCED) {
        replica_ask_snapshot(self, flight->node);
    }
    if (err == VR_OK && flight->confirm) {
        replica_confirm(self, flight->node);
    }
    flight_free(flight);
}

/* ---- commits ---- */

static void commit_whole(struct replica *self, const Vr__Cluster__Commit *note, struct vr_bytes ops,
                         uint32_t node)
{
    struct flight *flight = calloc(1, sizeof(*flight));
    enum vr_err err;

    if (flight == NULL) {
        return;
    }
    err = vr_commit_from_ops(self->room, note->epoch, note->expected, note->expected_epoch, ops,
                             &flight->commit);
    if (err != VR_OK) {
        vr_log(VR_LOG_WARN, "a commit of another node is refused", VR_S("why", vr_err_code(err)),
               VR_U("node", node));
        free(flight);
        return;
    }
    flight->epoch = note->epoch;
    flight->revision = note->revision;
    flight->node = node;
    flight->confirm = note->confirm;
    take(self, flight);
}

static void commit_part(struct replica *self, const Vr__Cluster__Commit *note, uint32_t node)
{
    struct vr_bytes ops = vr_bytes(note->ops.data, note->ops.len);

    if (note->part == 0 && !note->more) {
        commit_whole(self, note, ops, node);
        return;
    }
    if (note->part == 0) {
        self->parts.size = 0;
        self->part_next = 0;
    }
    if (note->part != self->part_next || self->parts.size + ops.size > COPY_BYTES_MAX) {
        self->part_next = UINT32_MAX; /* one is missing: the whole is, and the next shows the gap */
        return;
    }
    self->part_next++;
    vr_buf_append(&self->parts, ops.data, ops.size);
    if (!note->more) {
        if (!self->parts.failed) {
            commit_whole(self, note, vr_buf_bytes(&self->parts), node);
        }
        vr_buf_deinit(&self->parts);
        self->parts = (struct vr_buf){0};
        self->part_next = UINT32_MAX;
    }
}

void replica_on_commit(struct replica *self, const struct vr_msg *msg)
{
    struct vr_bytes in = vr_blob_bytes(msg->as.note.bytes);
    Vr__Cluster__Commit *note = vr__cluster__commit__unpack(NULL, in.size, in.data);
    bool fits = note != NULL && note->room_hi == self->room.hi && note->room_lo == self->room.lo &&
                note->revision == note->expected + 1 && msg->from.kind == VR_ACTOR_CLUSTER &&
                msg->from.sub != self->self;

    if (fits) {
        commit_part(self, note, msg->from.sub);
    }
    if (note != NULL) {
        vr__cluster__commit__free_unpacked(note, NULL);
    }
}
