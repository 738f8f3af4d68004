/* marks_list.c - the safety acts without a valid owner that still wait for one: for administrators,
 * and for the owner who opens gates. Every node keeps those that it did or was told of, so any
 * node's list is that of its side of a split. */
#include <stdio.h>
#include <string.h>

#include "actors/messages/envelope.h"
#include "cluster/internal.h"
#include "copies.pb-c.h"

struct listing {
    bool (*each)(void *ctx, const struct vr_cluster_mark *mark);
    void *ctx;
};

static bool read_command(const Vr__Cluster__Mark *record, struct vr_cluster_mark *out)
{
    struct vr_msg msg = {0};
    bool fine =
        vr_envelope_decode(vr_bytes(record->command.data, record->command.len), 0, &msg) == VR_OK &&
        msg.kind == VR_MSG_COMMAND;

    if (fine) {
        const struct vr_command *command = msg.as.command;

        out->kind = command->kind;
        out->target = command->target;
        snprintf(out->target_user, sizeof(out->target_user), "%s", command->target_user);
        snprintf(out->by_user, sizeof(out->by_user), "%s", command->by.user);
        snprintf(out->by_name, sizeof(out->by_name), "%s", command->by.name);
        snprintf(out->reason, sizeof(out->reason), "%s", vr_blob_text(command->text));
        out->by = command->by.participant;
    }
    vr_msg_clear(&msg);
    return fine;
}

static bool on_row(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct listing *listing = ctx;
    Vr__Cluster__Mark *record = vr__cluster__mark__unpack(NULL, value.size, value.data);
    struct vr_cluster_mark mark = {0};
    bool fine = key.size == 32 && record != NULL && read_command(record, &mark);

    if (fine) {
        mark.room = vr_id_get(key.data);
        mark.command = vr_id_get(key.data + 16);
        mark.node = record->node;
        mark.silenced = record->participant;
        mark.epoch = record->epoch;
        mark.at = record->at;
    }
    if (record != NULL) {
        vr__cluster__mark__free_unpacked(record, NULL);
    }
    return !fine || listing->each(listing->ctx, &mark);
}

static enum vr_err list(struct vr_cluster *cluster, struct vr_bytes prefix, struct listing *listing)
{
    enum vr_err err = vr_records_scan(cluster->conf.local, VR_TABLE_MARKS, prefix,
                                      (struct vr_bytes){0}, on_row, listing);

    return err == VR_E_NOT_FOUND ? VR_OK : err;
}

enum vr_err vr_cluster_marks(struct vr_cluster *cluster,
                             bool (*each)(void *ctx, const struct vr_cluster_mark *mark), void *ctx)
{
    struct listing listing = {.each = each, .ctx = ctx};

    return list(cluster, (struct vr_bytes){0}, &listing);
}

struct wanted {
    vr_participant_id participant;
    const char *user;
    bool found;
};

static bool is_his(void *ctx, const struct vr_cluster_mark *mark)
{
    struct wanted *wanted = ctx;

    wanted->found = mark->target == wanted->participant || mark->silenced == wanted->participant ||
                    (mark->target == 0 && wanted->user[0] != '\0' &&
                     strcmp(mark->target_user, wanted->user) == 0);
    return !wanted->found;
}

bool vr_cluster_marked(struct vr_cluster *cluster, struct vr_id room, vr_participant_id participant,
                       const char *user)
{
    struct wanted wanted = {.participant = participant, .user = user};
    struct listing listing = {.each = is_his, .ctx = &wanted};
    uint8_t key[16];

    vr_id_put(key, room);
    return list(cluster, vr_bytes(key, sizeof(key)), &listing) != VR_OK || wanted.found;
}
