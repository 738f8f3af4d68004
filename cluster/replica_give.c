/* replica_give.c - this node's copy of a room, for another node: all rows in parts, after sealing
 * it when the one that asks is the new owner. */
#include <stdlib.h>

#include "cluster/replica.h"

struct giving {
    struct replica *self;
    struct vr_address to;
    struct id_set *known; /* users whose rows have gone */
    struct vr_commit *part;
    enum vr_table table;
    Vr__Cluster__Snapshot note;
    enum vr_err err;
    bool failed;
};

static void send_part(struct giving *giving, bool more)
{
    struct replica *self = giving->self;
    struct vr_msg msg = {.kind = VR_MSG_CLUSTER,
                         .to = giving->to,
                         .from = vr_replica_address(self->room, self->self),
                         .deadline = VR_NEVER};
    struct vr_buf ops = {0};
    uint8_t *bytes = NULL;

    if (giving->part != NULL) {
        note_users(self->cluster->conf.local, vr_commit_ops(giving->part), giving->known, &ops);
        vr_buf_append(&ops, giving->part->ops.data, giving->part->ops.size);
        giving->failed = giving->failed || ops.failed || giving->part->ops.failed;
    }
    giving->note.ops = (ProtobufCBinaryData){ops.size, ops.data};
    giving->note.more = more;
    if (!giving->failed) {
        bytes = malloc(vr__cluster__snapshot__get_packed_size(&giving->note) + 1);
    }
    if (bytes != NULL) {
        size_t size = vr__cluster__snapshot__pack(&giving->note, bytes);

        msg.as.note.type = VR__CLUSTER__NOTE_TYPE__NOTE_SNAPSHOT;
        msg.as.note.err = giving->err;
        msg.as.note.bytes = vr_blob_new(vr_bytes(bytes, size));
        vr_system_post(vr_actor_system(self->actor), &msg);
        free(bytes);
    }
    giving->note.part++;
    vr_buf_deinit(&ops);
    if (giving->part != NULL) {
        giving->part->ops.size = 0;
        giving->part->op_count = 0;
    }
}

static bool on_row(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct giving *giving = ctx;

    if (giving->part->ops.size + key.size + value.size > COPY_PART && giving->part->ops.size > 0) {
        send_part(giving, true);
    }
    vr_commit_put(giving->part, giving->table, key, value);
    return !giving->failed;
}

static void give_rows(struct giving *giving)
{
    static const enum vr_table tables[] = {
        VR_TABLE_ROOMS, VR_TABLE_PARTICIPANTS, VR_TABLE_BANS,  VR_TABLE_ANALYTICS,
        VR_TABLE_AUDIT, VR_TABLE_COMMANDS,     VR_TABLE_GRANTS};
    struct vr_records *local = giving->self->cluster->conf.local;
    uint8_t key[16];

    vr_id_put(key, giving->self->room);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !giving->failed; i++) {
        giving->table = tables[i];
        if (vr_records_scan(local, tables[i], vr_bytes(key, sizeof(key)), (struct vr_bytes){0},
                            on_row, giving) == VR_E_NO_MEMORY) {
            giving->failed = true;
        }
    }
}

/* Rows are read one table after the other, while commits may land: the head before is what the
 * receiver goes on from, the head after is where it is whole. Commits are puts and removes, so
 * those that are in the rows already do no harm a second time. */
void replica_give(struct replica *self, struct vr_address to, uint64_t sealed, enum vr_err err)
{
    struct vr_records *local = self->cluster->conf.local;
    struct giving giving = {.self = self, .to = to, .err = err};
    uint64_t epoch = 0;
    uint64_t revision = 0;

    vr__cluster__snapshot__init(&giving.note);
    giving.note.room_hi = self->room.hi;
    giving.note.room_lo = self->room.lo;
    giving.note.sealed = sealed;
    if (err == VR_OK) {
        giving.err = vr_records_head(local, self->room, &epoch, &revision);
        giving.note.missing = epoch == 0 && revision == 0;
    }
    giving.note.epoch = epoch;
    giving.note.revision = revision;
    if (giving.err == VR_OK && !giving.note.missing) {
        giving.known = id_set_new();
        giving.part = vr_commit_new(self->room, epoch, revision);
        giving.failed = giving.known == NULL || giving.part == NULL;
        if (!giving.failed) {
            give_rows(&giving);
        }
        if (vr_records_head(local, self->room, &epoch, &revision) != VR_OK ||
            epoch != giving.note.epoch) {
            giving.failed = true; /* a new owner meanwhile: it is asked again */
        }
    }
    giving.note.complete = revision;
    if (!giving.failed) {
        send_part(&giving, false);
    }
    vr_commit_free(giving.part);
    id_set_free(giving.known);
}

static void seal_first(struct replica *self, struct vr_address to, uint64_t epoch)
{
    struct flight *flight = calloc(1, sizeof(*flight));
    struct vr_commit *commit = vr_commit_new(self->room, epoch, UINT64_MAX);

    if (flight == NULL || commit == NULL) {
        free(flight);
        vr_commit_free(commit);
        return; /* asked again */
    }
    commit->seal = true;
    flight->seals = true;
    flight->sealed = epoch;
    flight->epoch = epoch;
    flight->give_to = to;
    replica_submit(self, flight, commit);
}

void replica_on_get(struct replica *self, const struct vr_msg *msg)
{
    struct vr_bytes in = vr_blob_bytes(msg->as.note.bytes);
    Vr__Cluster__SnapshotGet *get = vr__cluster__snapshot_get__unpack(NULL, in.size, in.data);
    uint64_t epoch = 0;
    uint64_t revision = 0;
    bool known;

    if (get == NULL || get->room_hi != self->room.hi || get->room_lo != self->room.lo ||
        msg->from.kind != VR_ACTOR_REPLICA || msg->from.sub == self->self) {
        goto done;
    }
    known = replica_has(self->cluster, self->room, &epoch, &revision);
    if (get->seal && known) {
        seal_first(self, msg->from, get->epoch);
    } else {
        replica_give(self, msg->from, get->seal ? get->epoch : 0, VR_OK);
    }
done:
    if (get != NULL) {
        vr__cluster__snapshot_get__free_unpacked(get, NULL);
    }
}
