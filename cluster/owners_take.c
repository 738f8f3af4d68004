/* owners_take.c - a room that somebody wants: who owns it, and may we?
 *
 *     AT_REST -> FINDING -> another's: told             -> AT_REST
 *                        -> nobody's:  TAKING -> ours   -> SEALING (owners_own.c)
 *
 * All three keys are read in one transaction, the rules decide (owners_rules.c), the taking
 * transaction compares what was read. An unknown outcome is no outcome: everything is read again.
 */
#include <stdio.h>

#include "actors/base/log.h"
#include "cluster/owners_txn.h"

#define IN_FLIGHT_MAX 32
#define TRIES_MAX 5

static void arm(struct cluster_room *room, vr_time_us in)
{
    vr_timer_arm(room->cluster->worker, &room->timer, vr_worker_now(room->cluster->worker) + in);
}

static void rest(struct cluster_room *room)
{
    if (room->stage == ROOM_FINDING || room->stage == ROOM_TAKING) {
        room->cluster->owners->in_flight--;
    }
    room->stage = ROOM_AT_REST;
}

void take_stop(struct cluster_room *room)
{
    rest(room);
    room->life++;
}

static void again(struct cluster_room *room)
{
    bool give_up = ++room->tries > TRIES_MAX && room->pending_count == 0 && !room->wanted;

    rest(room);
    if (!give_up) {
        arm(room, RETRY);
    }
}

/* What was read just now, over what we believed. */
static void read_result(struct cluster_room *room, const struct vr_kv_result *result)
{
    struct room_txn names;
    const struct vr_kv_pair *pair;

    txn_find(&names, room);
    pair = txn_pair(result, vr_bytes_of(names.owner.text));
    if (pair != NULL) {
        owners_read_owner(room, pair);
    } else {
        room->owner = 0;
        room->owner_mod = result->revision;
    }
    pair = txn_pair(result, vr_bytes_of(names.sync.text));
    if (pair != NULL) {
        owners_read_sync(room, pair);
    } else {
        room->sync = (struct room_sync){0};
        room->sync_mod = result->revision;
    }
    pair = txn_pair(result, vr_bytes_of(names.head.text));
    room->head = (struct room_head){0};
    if (pair != NULL) {
        own_read_head(room, pair);
    }
}

static void became_ours(struct cluster_room *room, int64_t revision)
{
    rest(room);
    room->wanted = false;
    room->creating = false;
    room->from_other = false;
    room->tries = 0;
    own_begin(room, owners_epoch(room->cluster, revision));
}

static void why(const struct cluster_room *room, char *out, size_t size)
{
    const struct cluster_room *r = room;
    uint32_t self = r->cluster->conf.number;

    if (owners_was_ours(r)) {
        snprintf(out, size, "kept over a restart of its node");
    } else if (!r->sync.known && r->head.mod == 0) {
        snprintf(out, size, r->from_other ? "created on request of another node" : "created here");
    } else if (r->sync.known && r->sync.idle) {
        snprintf(out, size, "asked for while nobody used it");
    } else if (r->sync.owner == self || r->sync.partner == self) {
        snprintf(out, size, "in sync when node %u was lost", r->sync.owner);
    } else {
        snprintf(out, size, "first of the others when node %u was lost", r->sync.owner);
    }
}

static void on_found(struct cluster_room *room, const struct vr_kv_result *result);

static void on_taken(struct cluster_room *room, const struct vr_kv_result *result)
{
    if (result->err == VR_E_GONE) {
        again(room);
        member_lost(room->cluster, "the lease is dead");
    } else if (result->err != VR_OK) {
        again(room);
    } else if (result->succeeded) {
        room->owner = room->cluster->conf.number;
        room->owner_incarnation = room->cluster->member->incarnation;
        room->owner_mod = result->revision;
        room->head.mod = result->revision;
        became_ours(room, result->revision);
    } else {
        room->stage = ROOM_FINDING;
        on_found(room, result); /* the other branch has read all three */
    }
}

static void take(struct cluster_room *room, const char *reason)
{
    struct room_txn txn;

    room->to_wake = room->sync.known && !room->sync.idle;
    owners_set_reason(room, reason);
    txn_take(&txn, room, reason);
    room->stage = ROOM_TAKING;
    room_txn(room, &txn.txn, on_taken);
}

static void place(struct cluster_room *room)
{
    struct vr_cluster *cluster = room->cluster;
    struct owners_place places[VR_CLUSTER_NODES_MAX];
    uint32_t count = member_places(cluster, places, VR_CLUSTER_NODES_MAX);
    char reason[96];
    uint32_t to;

    for (uint32_t i = 0; i < count; i++) {
        places[i].rooms = cluster_view_owned(&cluster->view, places[i].number);
    }
    to = owners_place(room->id, cluster->conf.number, places, count, reason, sizeof(reason));
    if (to == cluster->conf.number) {
        take(room, reason);
        return;
    }
    rest(room);
    if (to == 0) {
        route_refuse(room, VR_E_DRAINING);
    } else {
        route_pass_on(room, to);
    }
}

static void fill_found(const struct cluster_room *room, struct owners_found *found)
{
    struct vr_cluster *cluster = room->cluster;
    uint64_t epoch;
    uint64_t revision;

    *found = (struct owners_found){
        .has_owner = room->owner != 0,
        .was_ours = owners_was_ours(room),
        .owner_is_us = room->owner == cluster->conf.number &&
                       room->owner_incarnation == cluster->member->incarnation,
        .known = room->sync.known || room->head.mod != 0 ||
                 replica_has(cluster, room->id, &epoch, &revision),
        .in_sync = {room->sync.partner, room->sync.owner},
    };
    for (int i = 0; i < 2; i++) {
        found->in_sync_lives[i] = member_node(cluster, found->in_sync[i]) != NULL;
    }
}

static void follow(struct cluster_room *room, enum owners_step step, uint32_t to)
{
    char reason[96];

    switch (step) {
    case OWNERS_TELL:
        rest(room);
        room->wanted = false;
        owners_publish(room);
        route_flush(room);
        break;
    case OWNERS_BEGIN:
        became_ours(room, room->owner_mod);
        break;
    case OWNERS_TAKE:
        why(room, reason, sizeof(reason));
        take(room, reason);
        break;
    case OWNERS_PLACE:
        place(room);
        break;
    case OWNERS_PASS_ON:
        rest(room);
        route_pass_on(room, to);
        break;
    case OWNERS_NONE:
        rest(room);
        room->wanted = false;
        route_refuse(room, VR_E_NOT_FOUND);
        break;
    }
}

static void on_found(struct cluster_room *room, const struct vr_kv_result *result)
{
    struct owners_wish wish = {.creating = room->creating,
                               .from_other = room->from_other,
                               .wanted = room->wanted,
                               .draining = room->cluster->member->draining,
                               .self = room->cluster->conf.number};
    struct owners_found found;
    enum owners_step step;
    uint32_t to;

    if (result->err != VR_OK) {
        again(room);
        return;
    }
    read_result(room, result);
    if (room->owner == 0 && room->pending_count == 0 && (room->sync.idle || !room->sync.known)) {
        /* It was let go, not lost: the watch of owners/ was quicker than that of sync/. */
        rest(room);
        room->wanted = false;
        owners_publish(room);
        return;
    }
    fill_found(room, &found);
    step = owners_decide(&found, &wish, &to);
    follow(room, step, to);
}

void take_find(struct cluster_room *room)
{
    struct cluster_owners *owners = room->cluster->owners;
    struct room_txn txn;

    if (room->stage != ROOM_AT_REST) {
        return;
    }
    if (!member_is_valid(room->cluster)) {
        route_refuse(room, VR_E_FROZEN);
        if (room->wanted) {
            arm(room, RETRY);
        }
        return;
    }
    if (owners->in_flight >= IN_FLIGHT_MAX) { /* those with people come first */
        arm(room, room->pending_count > 0 || replica_people(room->cluster, room->id) > 0
                      ? VR_MS(5)
                      : VR_MS(40));
        return;
    }
    owners->in_flight++;
    room->stage = ROOM_FINDING;
    txn_find(&txn, room);
    room_txn(room, &txn.txn, on_found);
}

void take_consider(struct cluster_room *room)
{
    struct vr_cluster *cluster = room->cluster;
    struct owners_place places[VR_CLUSTER_NODES_MAX];
    uint32_t count = member_places(cluster, places, VR_CLUSTER_NODES_MAX);
    uint32_t rank;

    if (room->stage != ROOM_AT_REST || room->owner != 0 || !member_is_valid(cluster)) {
        return;
    }
    if (room->pending_count > 0) {
        take_find(room);
        return;
    }
    if (!room->sync.known || room->sync.idle) {
        return; /* nobody uses it */
    }
    if (room->lost_at == 0) {
        room->lost_at = vr_worker_now(cluster->worker);
    }
    rank = owners_rank(room->id, cluster->conf.number, room->sync.owner, room->sync.partner, places,
                       count);
    room->wanted = true;
    arm(room,
        rank * cluster->conf.take_after + (replica_people(cluster, room->id) > 0 ? 0 : VR_MS(50)));
}
