/* route.c - the way out of this node and into it, and what waits until it is known who owns a room.
 *
 * Out: an address names its node, or it is a room's. Of a room any thread knows the owner from the
 * view; when nobody owns it, or we are not sure of ourselves, the cluster worker keeps the message
 * and finds out. In: a room that is not ours is not sent on by hearsay: two nodes that believe it
 * of each other would throw it back and forth. */
#include <stdlib.h>

#include "actors/base/owner.h"
#include "actors/messages/envelope.h"
#include "cluster/own.h"

#define HEARD_LATELY VR_SECONDS(2) /* a node that said hello since can be reached */

struct waiting {
    struct vr_list link; /* cluster_room.pending */
    struct vr_cluster *cluster;
    struct vr_msg msg;
    uint32_t node; /* it came from there; 0: from here */
};

static vr_time_us now_of(const struct vr_cluster *cluster)
{
    return cluster->conf.clock->now(cluster->conf.clock->ctx);
}

/* ---- out ---- */

/* What copies say to each other keeps one order, and their snapshots keep nobody else waiting. */
static enum vr_frame_lane lane_of(const struct vr_msg *msg)
{
    bool copies = msg->kind == VR_MSG_CLUSTER && msg->to.kind == VR_ACTOR_REPLICA;

    return copies || vr_msg_lane(msg->kind) == VR_LANE_MEDIA ? VR_FRAME_BULK : VR_FRAME_CONTROL;
}

enum vr_err route_send(struct vr_cluster *cluster, uint32_t node, struct vr_msg *msg)
{
    struct vr_transport *transport = __atomic_load_n(&cluster->transport, __ATOMIC_ACQUIRE);
    struct vr_buf frame = {0};
    enum vr_err err =
        transport == NULL ? VR_E_GONE : vr_envelope_encode(msg, now_of(cluster), &frame);

    if (err == VR_OK) {
        err = transport->ops->send(transport, node, lane_of(msg), vr_buf_bytes(&frame));
    }
    vr_buf_deinit(&frame);
    if (err == VR_OK) {
        vr_msg_clear(msg);
    }
    if (err != VR_E_NOT_FOUND && err != VR_E_GONE) {
        return err;
    }
    /* "Not found" says "here" to our caller. A room is not over because its owner's node is gone.
     */
    return msg->to.kind == VR_ACTOR_ROOM ? VR_E_FROZEN : VR_E_GONE;
}

void route_refuse_msg(struct vr_cluster *cluster, struct vr_msg *msg, enum vr_err err)
{
    struct vr_msg answer = {.kind = VR_MSG_ANSWER, .to = msg->from};

    if (msg->from.kind == VR_ACTOR_ASK) {
        answer.as.answer = vr_answer_new(err, NULL);
        if (answer.as.answer != NULL) {
            vr_system_post(cluster->system, &answer);
        }
    }
    vr_msg_clear(msg);
}

/* To the copy of the room that is kept here: it does what may be done without a valid owner. */
static void to_copy(struct vr_cluster *cluster, struct vr_msg *msg)
{
    msg->to = vr_replica_address(msg->to.id, cluster->conf.number);
}

static void hand_in(struct vr_cluster *cluster, struct vr_msg *msg)
{
    enum vr_err err = vr_system_deliver(cluster->system, msg);

    if (err != VR_OK) {
        route_refuse_msg(cluster, msg, err);
    }
}

static void on_waiting(struct vr_cluster *cluster, void *ctx)
{
    struct waiting *waiting = ctx;

    route_wait(cluster, &waiting->msg, waiting->node);
    free(waiting);
}

/* Nobody waits for it: without an owner it is worth nothing. */
static bool is_worth_waiting(const struct vr_msg *msg)
{
    return msg->kind == VR_MSG_COMMAND || msg->from.kind == VR_ACTOR_ASK;
}

static enum vr_err find_owner(struct vr_cluster *cluster, struct vr_msg *msg)
{
    struct waiting *waiting;

    if (!is_worth_waiting(msg)) {
        vr_msg_clear(msg);
        return VR_OK;
    }
    waiting = calloc(1, sizeof(*waiting));
    if (waiting == NULL) {
        return VR_E_NO_MEMORY;
    }
    vr_list_init(&waiting->link);
    waiting->msg = *msg;
    if (!cluster_call(cluster, on_waiting, waiting)) {
        free(waiting);
        return VR_E_GONE;
    }
    *msg = (struct vr_msg){0};
    return VR_OK;
}

/* With a resume token: the place is his own, whoever owns the room; and he sees what is there. A
 * session that only tells that it lives (its RESUME is flagged) waits for an owner. */
static bool comes_back(const struct vr_msg *msg)
{
    const struct vr_command *command = msg->kind == VR_MSG_COMMAND ? msg->as.command : NULL;

    return command != NULL &&
           ((command->kind == VR_CMD_RESUME && !command->flag) || command->kind == VR_CMD_SNAPSHOT);
}

/* The owner may be dead, and its lease not yet. The node in sync has all that it acknowledged, and
 * will most likely be the next: its copy lets people back in, one copy for all of them. */
static bool stands_in(struct vr_cluster *cluster, const struct cluster_view_room *room)
{
    return room->partner != 0 && room->partner != room->owner &&
           now_of(cluster) < cluster_deadline(cluster) &&
           (room->partner == cluster->conf.number || !cluster_silent(cluster, room->partner));
}

static enum vr_err route_room(struct vr_cluster *cluster, struct vr_msg *msg)
{
    struct cluster_view_room room;

    (void)cluster_view_get(&cluster->view, msg->to.id, &room);
    if (room.owner == cluster->conf.number && room.held != 0) {
        if (now_of(cluster) >= cluster_deadline(cluster) && msg->kind == VR_MSG_COMMAND) {
            to_copy(cluster, msg);
        }
        return VR_E_NOT_FOUND; /* here */
    }
    if (comes_back(msg) && cluster_silent(cluster, room.owner) && stands_in(cluster, &room)) {
        msg->to = vr_replica_address(msg->to.id, room.partner);
        return room.partner == cluster->conf.number ? VR_E_NOT_FOUND /* here */
                                                    : route_send(cluster, room.partner, msg);
    }
    if (room.owner != 0 && room.owner != cluster->conf.number &&
        now_of(cluster) < cluster_deadline(cluster)) {
        return route_send(cluster, room.owner, msg);
    }
    return find_owner(cluster, msg);
}

enum vr_err vr_cluster_route(void *ctx, struct vr_msg *msg)
{
    struct vr_cluster *cluster = ctx;
    uint32_t node = msg->to.sub;

    switch (msg->to.kind) {
    case VR_ACTOR_ROOM:
        return route_room(cluster, msg);
    case VR_ACTOR_SHARD:
        node = vr_shard_node(msg->to.sub);
        break;
    case VR_ACTOR_SESSION:
    case VR_ACTOR_LOBBY:
    case VR_ACTOR_ASK:
    case VR_ACTOR_CLUSTER:
    case VR_ACTOR_REPLICA:
    case VR_ACTOR_NONE:
    case VR_ACTOR_KINDS:
        break;
    }
    if (node == 0 || node == cluster->conf.number) {
        return VR_E_NOT_FOUND;
    }
    return route_send(cluster, node, msg);
}

/* ---- in ---- */

/* A former owner that does not know it yet: nothing of it is carried out any more. */
static bool is_of_old_owner(struct vr_cluster *cluster, const struct vr_msg *msg)
{
    struct vr_id id = msg->from.kind == VR_ACTOR_ROOM ? msg->from.id : msg->to.id;
    struct cluster_view_room room;

    if (msg->epoch == 0 || (msg->from.kind != VR_ACTOR_ROOM && msg->to.kind != VR_ACTOR_SHARD)) {
        return false;
    }
    return cluster_view_get(&cluster->view, id, &room) && room.epoch > msg->epoch;
}

void vr_cluster_frame(void *ctx, uint32_t node, enum vr_frame_lane lane, struct vr_bytes frame)
{
    struct vr_cluster *cluster = ctx;
    struct vr_msg msg;

    (void)lane;
    member_frame_from(cluster, node);
    if (vr_envelope_decode(frame, now_of(cluster), &msg) != VR_OK) {
        return; /* counted by the transport; of a newer version, or damaged */
    }
    if (msg.from.kind == VR_ACTOR_CLUSTER && msg.from.sub != node) {
        vr_msg_clear(&msg); /* who sent it is certain, and it says otherwise */
        return;
    }
    if (is_of_old_owner(cluster, &msg)) {
        route_refuse_msg(cluster, &msg, VR_E_FENCED);
    } else if (msg.to.kind == VR_ACTOR_ROOM) {
        route_wait(cluster, &msg, node);
    } else {
        gates_hold(cluster, &msg);
        hand_in(cluster, &msg);
    }
    vr_msg_clear(&msg);
}

/* ---- waiting ---- */

/* The owner said hello a moment ago, and that its ownership holds: we are cut off from etcd, not
 * from it. */
static bool is_heard(struct vr_cluster *cluster, uint32_t number)
{
    const struct node_entry *node = member_node(cluster, number);

    return node != NULL && number != cluster->conf.number && node->heard_at != 0 && node->valid &&
           now_of(cluster) < node->heard_at + HEARD_LATELY;
}

static void without_etcd(struct vr_cluster *cluster, struct vr_msg *msg, uint32_t owner,
                         uint32_t from)
{
    if (from == 0 && is_heard(cluster, owner)) {
        if (route_send(cluster, owner, msg) == VR_OK) {
            return;
        }
    }
    if (msg->kind == VR_MSG_COMMAND) {
        to_copy(cluster, msg);
        hand_in(cluster, msg);
    } else {
        route_refuse_msg(cluster, msg, VR_E_FROZEN);
    }
}

static enum vr_err keep(struct cluster_room *room, struct vr_msg *msg, uint32_t node)
{
    struct waiting *waiting =
        room->pending_count < PENDING_MAX ? calloc(1, sizeof(*waiting)) : NULL;

    if (waiting == NULL) {
        return VR_E_BUSY;
    }
    vr_list_init(&waiting->link);
    waiting->msg = *msg;
    waiting->node = node;
    *msg = (struct vr_msg){0};
    vr_list_push(&room->pending, &waiting->link);
    room->pending_count++;
    if (waiting->msg.kind == VR_MSG_COMMAND && (waiting->msg.as.command->kind == VR_CMD_CREATE ||
                                                waiting->msg.as.command->kind == VR_CMD_RESTORE)) {
        room->creating = true;
    }
    room->from_other = room->from_other || node != 0;
    return VR_OK;
}

void route_wait(struct vr_cluster *cluster, struct vr_msg *msg, uint32_t node)
{
    struct cluster_room *room;
    enum vr_err err;

    if (!is_worth_waiting(msg) && node == 0) {
        vr_msg_clear(msg);
        return;
    }
    room = cluster->kv == NULL ? NULL : owners_get(cluster, msg->to.id);
    if (room == NULL) {
        route_refuse_msg(cluster, msg, VR_E_BUSY);
    } else if (!member_is_valid(cluster)) {
        without_etcd(cluster, msg, room->owner, node);
    } else if (room->stage == ROOM_OURS) {
        hand_in(cluster, msg);
    } else if (!is_worth_waiting(msg)) {
        vr_msg_clear(msg);
    } else {
        err = keep(room, msg, node);
        if (err != VR_OK) {
            route_refuse_msg(cluster, msg, err);
        }
        take_find(room);
    }
    if (room != NULL) {
        owners_forget(room);
    }
}

static struct waiting *next_waiting(struct cluster_room *room)
{
    struct vr_list *link = vr_list_pop(&room->pending);

    room->pending_count -= link == NULL ? 0 : 1;
    return link == NULL ? NULL : VR_OWNER(link, struct waiting, link);
}

static void settled(struct cluster_room *room)
{
    room->creating = false;
    room->from_other = false;
}

static void send_all(struct cluster_room *room, uint32_t node)
{
    struct vr_cluster *cluster = room->cluster;
    struct waiting *waiting;

    settled(room);
    while ((waiting = next_waiting(room)) != NULL) {
        enum vr_err err = VR_E_TIMEOUT;

        if (waiting->msg.deadline > now_of(cluster)) {
            err = route_send(cluster, node, &waiting->msg);
        }
        if (err != VR_OK) {
            route_refuse_msg(cluster, &waiting->msg, err);
        }
        free(waiting);
    }
}

void route_pass_on(struct cluster_room *room, uint32_t node)
{
    send_all(room, node);
}

void route_flush(struct cluster_room *room)
{
    struct vr_cluster *cluster = room->cluster;
    struct waiting *waiting;

    if (room->stage != ROOM_OURS) {
        if (room->owner != 0 && room->owner != cluster->conf.number) {
            send_all(room, room->owner);
        }
        return;
    }
    settled(room);
    while ((waiting = next_waiting(room)) != NULL) {
        if (waiting->msg.deadline > now_of(cluster)) {
            hand_in(cluster, &waiting->msg);
        }
        vr_msg_clear(&waiting->msg);
        free(waiting);
    }
}

void route_refuse(struct cluster_room *room, enum vr_err err)
{
    struct waiting *waiting;

    settled(room);
    while ((waiting = next_waiting(room)) != NULL) {
        if (err == VR_E_FROZEN && waiting->node == 0) {
            without_etcd(room->cluster, &waiting->msg, room->owner, 0);
        } else {
            route_refuse_msg(room->cluster, &waiting->msg, err);
        }
        free(waiting);
    }
}

void route_drop(struct cluster_room *room)
{
    struct waiting *waiting;

    while ((waiting = next_waiting(room)) != NULL) {
        vr_msg_clear(&waiting->msg);
        free(waiting);
    }
}
