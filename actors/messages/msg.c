/* msg.c - what each kind of message is called, where it travels, and what it owns. */
#include "actors/messages/msg.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    enum vr_lane lane;
    enum vr_scope scope;
} kinds[] = {
#define X(name, lane, scope) {#name, VR_LANE_##lane, VR_SCOPE_##scope},
    VR_MSG_MAP(X)
#undef X
};

const char *vr_msg_name(enum vr_msg_kind kind)
{
    /* "VR_MSG_EVENT" is called "EVENT". */
    return (unsigned)kind < VR_MSG_KINDS ? kinds[kind].name + strlen("VR_MSG_") : "UNKNOWN";
}

enum vr_lane vr_msg_lane(enum vr_msg_kind kind)
{
    return (unsigned)kind < VR_MSG_KINDS ? kinds[kind].lane : VR_LANE_CONTROL;
}

enum vr_scope vr_msg_scope(enum vr_msg_kind kind)
{
    return (unsigned)kind < VR_MSG_KINDS ? kinds[kind].scope : VR_SCOPE_LOCAL;
}

static void free_peer(struct vr_peer_conf *peer)
{
    if (peer != NULL) {
        explicit_bzero(peer, sizeof(*peer)); /* holds the ICE password */
        free(peer);
    }
}

void vr_msg_clear(struct vr_msg *msg)
{
    switch (msg->kind) {
    case VR_MSG_COMMAND:
        vr_command_free(msg->as.command);
        break;
    case VR_MSG_ANSWER:
        vr_answer_free(msg->as.answer);
        break;
    case VR_MSG_EVENT:
        vr_blob_release(msg->as.event.json);
        break;
    case VR_MSG_SHARD_SET:
        vr_shard_set_release(msg->as.shard_set);
        break;
    case VR_MSG_PEER_OPEN:
        free_peer(msg->as.peer);
        break;
    case VR_MSG_SUMMARY:
        vr_blob_release(msg->as.summary.json);
        break;
    case VR_MSG_CLUSTER:
    case VR_MSG_CLUSTER_DONE:
        vr_blob_release(msg->as.note.bytes);
        break;
    case VR_MSG_RELAY:
        vr_relay_release(msg->as.relay);
        break;
    case VR_MSG_GATE:
    case VR_MSG_GATE_DONE:
    case VR_MSG_SHARD_CLOSE:
    case VR_MSG_SPEAKERS:
    case VR_MSG_PEER_OPENED:
    case VR_MSG_PEER_CLOSE:
    case VR_MSG_PEER_STATE:
    case VR_MSG_STORED:
    case VR_MSG_SHARD_LEVELS:
    case VR_MSG_DRAIN:
    case VR_MSG_PING:
    case VR_MSG_PONG:
    case VR_MSG_KINDS:
        break;
    }
    *msg = (struct vr_msg){0};
}

struct vr_shard_set *vr_shard_set_new(void)
{
    struct vr_shard_set *set = calloc(1, sizeof(*set));

    if (set != NULL) {
        set->refs = 1;
    }
    return set;
}

struct vr_shard_set *vr_shard_set_retain(struct vr_shard_set *set)
{
    if (set != NULL) {
        __atomic_fetch_add(&set->refs, 1, __ATOMIC_RELAXED);
    }
    return set;
}

void vr_shard_set_release(struct vr_shard_set *set)
{
    if (set != NULL && __atomic_sub_fetch(&set->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        free(set);
    }
}

struct vr_relay *vr_relay_new(void)
{
    struct vr_relay *relay = calloc(1, sizeof(*relay));

    if (relay != NULL) {
        relay->refs = 1;
    }
    return relay;
}

struct vr_relay *vr_relay_retain(struct vr_relay *relay)
{
    if (relay != NULL) {
        __atomic_fetch_add(&relay->refs, 1, __ATOMIC_RELAXED);
    }
    return relay;
}

void vr_relay_release(struct vr_relay *relay)
{
    if (relay == NULL || __atomic_sub_fetch(&relay->refs, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    free(relay);
}
