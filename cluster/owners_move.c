/* owners_move.c - giving a room away: its actor went to sleep, or the node is drained.
 *
 * Hand over: what comes for the room waits here (MOVING); its actor finishes what is in its
 * mailbox, commits, closes (VR_MSG_DRAIN) - so the one in sync has all; one transaction puts the
 * owner key under that node's lease (LEAVING); what waited follows. */
#include <stdio.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "cluster/owners_txn.h"

#define MOVE_AT_ONCE 8
#define MOVE_PATIENCE VR_SECONDS(5)
#define DRAIN_EVERY VR_MS(100)
#define UNUSED VR_SECONDS(60)

static void leave(struct cluster_room *room);

static void arm(struct cluster_room *room, vr_time_us in)
{
    vr_timer_arm(room->cluster->worker, &room->timer, vr_worker_now(room->cluster->worker) + in);
}

/* The transaction happened: it is another's, or nobody's. */
static void left(struct cluster_room *room, int64_t revision)
{
    struct vr_cluster *cluster = room->cluster;
    bool gone = room->move_to == 0 && !room->exists;

    room->stage = ROOM_AT_REST;
    room->life++;
    room->epoch = 0;
    room->owner = room->move_to;
    room->owner_mod = revision;
    room->sync.idle = room->move_to == 0;
    if (gone) {
        room->sync = (struct room_sync){0};
        room->head = (struct room_head){0};
    }
    owners_publish(room);
    durable_end(room, VR_E_FENCED);
    replica_owned(cluster, room->id, 0);
    if (room->owner != 0) {
        route_flush(room);
    } else if (room->pending_count > 0) {
        take_find(room);
    }
}

static void on_left(struct cluster_room *room, const struct vr_kv_result *result)
{
    if (result->err == VR_OK && result->succeeded) {
        left(room, result->revision);
    } else if (result->err == VR_OK) { /* not ours any more; or it had happened already */
        own_end(room, "another owner took it");
        take_find(room);
    } else if (result->err == VR_E_GONE && room->move_to != 0) {
        room->move_to = 0; /* that node's lease is dead: keep it for ourselves, or try another */
        leave(room);
    } else {
        leave(room); /* unknown: the same transaction again does no harm, its compare fails */
    }
}

static void leave(struct cluster_room *room)
{
    struct vr_cluster *cluster = room->cluster;
    struct node_entry *to = member_node(cluster, room->move_to);
    struct node_entry *self = member_node(cluster, cluster->conf.number);
    struct room_txn txn;
    char reason[96];

    if (!member_is_valid(cluster)) {
        own_end(room, "frozen while it was given away");
        return;
    }
    cluster->owners->ours_count -= room->stage == ROOM_LEAVING ? 0 : 1;
    room->stage = ROOM_LEAVING;
    owners_publish(room);
    if (room->move_to != 0 && to != NULL) {
        snprintf(reason, sizeof(reason), "handed over by %s", self == NULL ? "?" : self->name);
        txn_hand_over(&txn, room, to, reason);
    } else {
        room->move_to = 0;
        txn_release(&txn, room, room->exists);
    }
    room_txn(room, &txn.txn, on_left);
}

void move_released(struct vr_cluster *cluster, struct vr_id id, uint64_t epoch)
{
    struct cluster_room *room = owners_find(cluster, id);
    bool exists = true;

    if (!own_take_rest(cluster, id, epoch, &exists) || room == NULL || room->epoch != epoch ||
        (room->stage != ROOM_OURS && room->stage != ROOM_MOVING)) {
        return;
    }
    room->exists = exists;
    room->move_to = room->stage == ROOM_MOVING && exists ? room->move_to : 0;
    leave(room);
}

static void stop_actor(struct cluster_room *room)
{
    struct vr_msg drain = {.kind = VR_MSG_DRAIN, .to = vr_room_address(room->id)};

    if (vr_system_deliver(room->cluster->system, &drain) != VR_OK) {
        vr_msg_clear(&drain);
    }
}

void move_hand_over(struct cluster_room *room, uint32_t to)
{
    uint64_t epoch;

    if (room->stage != ROOM_OURS) {
        return;
    }
    room->move_to = to;
    room->exists = true;
    room->stage = ROOM_MOVING;
    room->begun_at = vr_worker_now(room->cluster->worker);
    owners_publish(room);
    if (own_is_awake(room->cluster, room->id, &epoch)) {
        stop_actor(room);
        arm(room, MOVE_PATIENCE);
    } else {
        leave(room);
    }
}

void move_on_timer(struct cluster_room *room)
{
    uint64_t epoch;

    if (room->stage == ROOM_MOVING) { /* its actor does not end: go on here, the next round tries */
        room->stage = ROOM_OURS;
        owners_publish(room);
        route_flush(room);
        return;
    }
    if (!vr_list_empty(&room->durables)) {
        arm(room, UNUSED);
        durable_run(room);
    } else if (!own_is_awake(room->cluster, room->id, &epoch)) {
        room->move_to = 0;
        room->exists = true;
        leave(room);
    } else {
        arm(room, UNUSED);
    }
}

/* ---- drain ---- */

struct drain_round {
    uint32_t left; /* that may be begun in this round */
};

static uint32_t successor(struct cluster_room *room)
{
    struct vr_cluster *cluster = room->cluster;
    struct owners_place places[VR_CLUSTER_NODES_MAX];
    uint32_t count = member_places(cluster, places, VR_CLUSTER_NODES_MAX);
    const struct node_entry *partner = member_node(cluster, room->sync.partner);

    if (partner != NULL && !partner->draining && partner->number != cluster->conf.number) {
        return partner->number;
    }
    return owners_candidate(room->id, cluster->conf.number, 0, places, count);
}

/* Where nobody else takes rooms (a drain by force), those with people are served to the end. */
static bool is_used(const struct cluster_room *room)
{
    return room->pending_count > 0 || replica_people(room->cluster, room->id) > 0;
}

static void drain_room(struct cluster_room *room, void *ctx)
{
    struct drain_round *round = ctx;
    uint32_t to = room->stage == ROOM_OURS && round->left > 0 ? successor(room) : 0;

    if (room->stage != ROOM_OURS || round->left == 0 || (to == 0 && is_used(room))) {
        return;
    }
    round->left--;
    move_hand_over(room, to);
}

static void drain_tick(struct vr_timer *timer, vr_time_us now)
{
    struct cluster_member *member = VR_OWNER(timer, struct cluster_member, drain_timer);
    struct vr_cluster *cluster = member->nodes_mirror.cluster;
    struct drain_round round = {.left = MOVE_AT_ONCE};

    if (!member->draining) {
        return;
    }
    owners_each(cluster, drain_room, &round);
    if (cluster->owners->ours_count == 0 && atomic_load(&cluster->participants) == 0 &&
        !member->drained_told) {
        member->drained_told = true;
        vr_log(VR_LOG_INFO, "cluster: drained");
        member_renew_soon(cluster); /* who waits sees it now */
    }
    vr_timer_arm(cluster->worker, timer, now + DRAIN_EVERY);
}

static bool others_take(struct vr_cluster *cluster)
{
    for (uint32_t i = 0; i < VR_CLUSTER_NODES_MAX; i++) {
        const struct node_entry *node = &cluster->member->nodes[i];

        if (node->number != 0 && node->number != cluster->conf.number && !node->draining) {
            return true;
        }
    }
    return false;
}

void move_drain_run(struct vr_cluster *cluster)
{
    struct cluster_member *member = cluster->member;

    member->drained_told = false;
    member->drain_timer.fire = drain_tick;
    vr_timer_arm(cluster->worker, &member->drain_timer,
                 vr_worker_now(cluster->worker) + DRAIN_EVERY);
}

void move_drain(struct vr_cluster *cluster, bool force, void (*done)(void *ctx, enum vr_err err),
                void *ctx)
{
    struct cluster_member *member = cluster->member;

    if (member->stage != MEMBER_IN) {
        done(ctx, VR_E_FROZEN);
    } else if (!others_take(cluster) && !force) {
        done(ctx, VR_E_CONFLICT);
    } else {
        if (!member->draining) {
            member->draining = true;
            member_renew_soon(cluster); /* our record says so: nobody places rooms here */
            move_drain_run(cluster);
        }
        done(ctx, VR_OK);
    }
}

void move_undrain(struct vr_cluster *cluster)
{
    struct cluster_member *member = cluster->member;

    member->draining = false;
    member_renew_soon(cluster);
    vr_timer_disarm(cluster->worker, &member->drain_timer);
}
