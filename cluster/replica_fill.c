/* replica_fill.c - a snapshot comes in: gathered in parts, then all rows of the room at once. */
#include <stdlib.h>

#include "actors/base/owner.h"
#include "cluster/replica.h"

static bool stage_begin(struct replica *self, const Vr__Cluster__Snapshot *note)
{
    static const enum vr_table tables[] = {
        VR_TABLE_ROOMS, VR_TABLE_PARTICIPANTS, VR_TABLE_BANS,  VR_TABLE_ANALYTICS,
        VR_TABLE_AUDIT, VR_TABLE_COMMANDS,     VR_TABLE_GRANTS};
    uint8_t key[16];

    vr_commit_free(self->staged);
    self->staged = vr_commit_new(self->room, note->epoch, UINT64_MAX);
    self->staged_next = 0;
    vr_id_put(key, self->room);
    for (size_t i = 0; self->staged != NULL && i < sizeof(tables) / sizeof(tables[0]); i++) {
        vr_commit_remove_prefix(self->staged, tables[i], vr_bytes(key, sizeof(key)));
    }
    return self->staged != NULL;
}

static void stage_drop(struct replica *self)
{
    vr_commit_free(self->staged);
    self->staged = NULL;
}

/* The snapshot is older than what is here, or on its way to the disk: that may be confirmed by the
 * time that this would land on it. Its revision counts, not where it is complete: what came between
 * is in some of its tables only, and here it may be confirmed. Nor does an owner take one of its
 * own epoch, the answer to a seal of long ago: its commits do not come by here. The store refuses
 * what gets past this (vr_commit.snapshot). */
static bool is_old(const struct replica *self, const Vr__Cluster__Snapshot *note)
{
    return note->epoch <= replica_own_epoch(self->cluster, self->room) ||
           note->epoch < self->head_epoch ||
           (note->epoch == self->head_epoch && note->revision < self->head);
}

static void stage_end(struct replica *self, const Vr__Cluster__Snapshot *note, uint32_t node)
{
    struct flight *flight = calloc(1, sizeof(*flight));
    struct vr_commit *commit = self->staged;

    self->staged = NULL;
    if (flight == NULL || commit->ops.failed) {
        vr_commit_free(commit);
        free(flight);
        self->filling = false;
        return;
    }
    commit->snapshot = true;
    commit->revision = note->revision;
    commit->seal = note->revision == 0; /* sealed before it had anything */
    flight->snapshot = true;
    flight->epoch = note->epoch;
    flight->revision = note->revision;
    flight->complete = note->complete;
    flight->sealed = note->sealed;
    flight->node = node;
    flight->confirm = true;
    self->filling = true; /* what comes meanwhile follows it */
    self->asked_at = vr_actor_now(self->actor);
    self->head_epoch = note->epoch;
    self->head = note->revision;
    replica_submit(self, flight, commit);
}

/* What is held may follow nothing that is here still: the owner had it not on disk yet, or never
 * will. Then it is asked again, but not in a ring. */
static void was_old(struct replica *self)
{
    self->ask_pause = self->ask_pause == 0                      ? REPLICA_ASK_SOON
                      : self->ask_pause < REPLICA_ASK_AGAIN / 2 ? self->ask_pause * 2
                                                                : REPLICA_ASK_AGAIN;
    self->ask_not_before = vr_actor_now(self->actor) + self->ask_pause;
    self->filling = false;
    replica_take_held(self);
}

static void snapshot_part(struct replica *self, const Vr__Cluster__Snapshot *note, uint32_t node)
{
    struct vr_bytes ops = vr_bytes(note->ops.data, note->ops.len);
    struct vr_commit *sound = NULL;

    if (note->part == 0 && !stage_begin(self, note)) {
        return;
    }
    if (self->staged == NULL || note->part != self->staged_next ||
        note->epoch != self->staged->epoch || self->staged->ops.size + ops.size > COPY_BYTES_MAX ||
        vr_commit_from_ops(self->room, note->epoch, 0, 0, ops, &sound) != VR_OK) {
        stage_drop(self);
        return; /* asked for again when REPLICA_ASK_AGAIN is over */
    }
    vr_commit_free(sound);
    self->staged_next++;
    replica_add_ops(self, self->staged, ops);
    if (note->more) {
        return;
    }
    if (is_old(self, note)) {
        stage_drop(self);
        if (note->sealed != 0) {
            replica_tell_cluster(self, note->sealed, VR_E_FENCED, false);
        }
        replica_confirm(self, node);
        was_old(self);
        return;
    }
    self->ask_pause = self->ask_not_before = 0;
    stage_end(self, note, node);
}

void replica_on_snapshot(struct replica *self, const struct vr_msg *msg)
{
    struct vr_bytes in = vr_blob_bytes(msg->as.note.bytes);
    Vr__Cluster__Snapshot *note = vr__cluster__snapshot__unpack(NULL, in.size, in.data);

    if (note == NULL || note->room_hi != self->room.hi || note->room_lo != self->room.lo ||
        msg->from.kind != VR_ACTOR_REPLICA || msg->from.sub == self->self) {
        goto done;
    }
    if (note->missing || msg->as.note.err != VR_OK) {
        self->filling = false;
        if (note->sealed != 0) {
            replica_tell_cluster(self, note->sealed, msg->as.note.err, note->missing);
        }
    } else {
        snapshot_part(self, note, msg->from.sub);
    }
done:
    if (note != NULL) {
        vr__cluster__snapshot__free_unpacked(note, NULL);
    }
}
