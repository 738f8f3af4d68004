/* owners.c - the rooms of the directory as this node sees them: the map, and what others see of
 * it. */
#include <stdio.h>
#include <stdlib.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "cluster/own.h"

static struct vr_list *bucket_of(struct vr_cluster *cluster, struct vr_id id)
{
    uint64_t hash = id.hi ^ id.lo ^ id.lo >> 32;

    return &cluster->owners->buckets[hash % OWNER_BUCKETS];
}

uint64_t owners_epoch(struct vr_cluster *cluster, int64_t revision)
{
    return owners_fold(atomic_load(&cluster->generation), revision);
}

struct cluster_room *owners_find(struct vr_cluster *cluster, struct vr_id id)
{
    VR_LIST_EACH(link, bucket_of(cluster, id))
    {
        struct cluster_room *room = VR_OWNER(link, struct cluster_room, link);

        if (vr_id_equal(room->id, id)) {
            return room;
        }
    }
    return NULL;
}

static void on_timer(struct vr_timer *timer, vr_time_us now)
{
    struct cluster_room *room = VR_OWNER(timer, struct cluster_room, timer);

    (void)now;
    switch (room->stage) {
    case ROOM_AT_REST:
        if (room->owner == 0 || room->pending_count > 0 || owners_was_ours(room)) {
            take_find(room);
        }
        break;
    case ROOM_SEALING:
    case ROOM_SYNCING:
        own_on_timer(room);
        break;
    case ROOM_OURS:
    case ROOM_MOVING:
        move_on_timer(room);
        break;
    case ROOM_FINDING:
    case ROOM_TAKING:
    case ROOM_READING:
    case ROOM_INSTALLING:
    case ROOM_LEAVING:
        break;
    }
    owners_forget(room);
}

struct cluster_room *owners_get(struct vr_cluster *cluster, struct vr_id id)
{
    struct cluster_room *room = owners_find(cluster, id);

    if (room != NULL) {
        return room;
    }
    room = calloc(1, sizeof(*room));
    if (room != NULL) {
        pthread_mutex_lock(&cluster->lock); /* administrators walk the buckets */
        room->cluster = cluster;
        room->id = id;
        room->timer.fire = on_timer;
        vr_list_init(&room->pending);
        vr_list_init(&room->durables);
        vr_list_init(&room->questions);
        vr_list_init(&room->link);
        vr_list_push(bucket_of(cluster, id), &room->link);
        cluster->owners->room_count++;
        pthread_mutex_unlock(&cluster->lock);
    }
    return room;
}

static void free_room(struct cluster_room *room)
{
    vr_timer_disarm(room->cluster->worker, &room->timer);
    pthread_mutex_lock(&room->cluster->lock);
    vr_list_remove(&room->link);
    room->cluster->owners->room_count--;
    pthread_mutex_unlock(&room->cluster->lock);
    free(room);
}

void owners_set_reason(struct cluster_room *room, const char *reason)
{
    pthread_mutex_lock(&room->cluster->lock);
    snprintf(room->reason, sizeof(room->reason), "%s", reason);
    pthread_mutex_unlock(&room->cluster->lock);
}

void owners_reason(struct vr_cluster *cluster, struct vr_id id, char *out, size_t size)
{
    struct cluster_room *room;

    pthread_mutex_lock(&cluster->lock);
    room = owners_find(cluster, id);
    snprintf(out, size, "%s", room == NULL ? "" : room->reason);
    pthread_mutex_unlock(&cluster->lock);
}

void owners_forget(struct cluster_room *room)
{
    if (room->stage == ROOM_AT_REST && room->owner == 0 && !room->sync.known && room->epoch == 0 &&
        room->asked == 0 && room->pending_count == 0 && vr_list_empty(&room->durables) &&
        vr_list_empty(&room->questions) && !room->wanted) {
        free_room(room);
    }
}

void owners_each(struct vr_cluster *cluster, void (*fn)(struct cluster_room *room, void *ctx),
                 void *ctx)
{
    for (uint32_t i = 0; i < OWNER_BUCKETS; i++) {
        VR_LIST_EACH(link, &cluster->owners->buckets[i])
        {
            fn(VR_OWNER(link, struct cluster_room, link), ctx);
        }
    }
}

/* What other threads see: where to send, and what we may still answer for. */
void owners_publish(struct cluster_room *room)
{
    struct vr_cluster *cluster = room->cluster;
    struct cluster_view_room now = {.partner = room->sync.partner};

    switch (room->stage) {
    case ROOM_OURS:
        now.owner = cluster->conf.number;
        now.epoch = room->epoch;
        now.held = room->epoch;
        break;
    case ROOM_MOVING: /* what is in its mailbox is handled; what comes now waits here */
        now.epoch = room->epoch;
        now.held = room->epoch;
        break;
    case ROOM_AT_REST:
    case ROOM_FINDING:
        if (room->owner != cluster->conf.number) {
            now.owner = room->owner;
            now.epoch = room->owner == 0 ? 0 : owners_epoch(cluster, room->owner_mod);
        }
        break;
    case ROOM_TAKING:
    case ROOM_SEALING:
    case ROOM_READING:
    case ROOM_INSTALLING:
    case ROOM_SYNCING:
    case ROOM_LEAVING:
        break;
    }
    if (cluster_view_set(&cluster->view, room->id, &now) != VR_OK) {
        vr_log(VR_LOG_ERROR, "cluster: no memory for one more room"); /* it stays unknown */
    }
}

/* ---- life ---- */

enum vr_err owners_new(struct vr_cluster *cluster)
{
    struct cluster_owners *owners = calloc(1, sizeof(*owners));

    if (owners == NULL) {
        return VR_E_NO_MEMORY;
    }
    for (uint32_t i = 0; i < OWNER_BUCKETS; i++) {
        vr_list_init(&owners->buckets[i]);
    }
    vr_list_init(&owners->awake);
    vr_list_init(&owners->claims);
    vr_list_init(&owners->claims_sent);
    cluster->owners = owners;
    return VR_OK;
}

static void drop_room(struct cluster_room *room, void *ctx)
{
    (void)ctx;
    route_drop(room);
    durable_end(room, VR_E_GONE);
    questions_free(room);
    vr_list_remove(&room->link);
    free(room);
}

void owners_free(struct vr_cluster *cluster)
{
    struct vr_list *link;

    if (cluster->owners == NULL) {
        return;
    }
    owners_each(cluster, drop_room, NULL);
    claims_free(cluster);
    while ((link = vr_list_pop(&cluster->owners->awake)) != NULL) {
        free(VR_OWNER(link, struct awake, link));
    }
    free(cluster->owners);
    cluster->owners = NULL;
}

void owners_open(struct vr_cluster *cluster)
{
    mirror_open(&cluster->owners->owners_mirror, cluster, "owners/", &owners_owner_ops);
    mirror_open(&cluster->owners->sync_mirror, cluster, "sync/", &owners_sync_ops);
}

void owners_close(struct vr_cluster *cluster)
{
    mirror_close(&cluster->owners->owners_mirror);
    mirror_close(&cluster->owners->sync_mirror);
}

static void detach(struct cluster_room *room, void *ctx)
{
    (void)ctx;
    room->life++;
    route_drop(room);
    vr_timer_disarm(room->cluster->worker, &room->timer);
}

void owners_detach(struct vr_cluster *cluster)
{
    owners_each(cluster, detach, NULL);
}

static void lose(struct cluster_room *room, void *ctx)
{
    (void)ctx;
    /* What comes next is read from the start: also lower revisions, after a restore. */
    room->owner_mod = 0;
    room->sync_mod = 0;
    room->wanted = false;
    if (room->stage != ROOM_AT_REST) {
        own_end(room, "our lease is over");
    }
    room->owner = room->owner == room->cluster->conf.number ? 0 : room->owner;
    owners_publish(room);
    route_refuse(room, VR_E_FROZEN);
}

void owners_lost_all(struct vr_cluster *cluster)
{
    owners_each(cluster, lose, NULL);
}

static void reconsider(struct cluster_room *room, void *ctx)
{
    (void)ctx;
    if (room->stage == ROOM_AT_REST && room->owner == 0) {
        take_consider(room);
    }
}

/* The living have changed: ranks too, and who waited for the one that is gone need not. */
void owners_node_gone(struct vr_cluster *cluster)
{
    owners_each(cluster, reconsider, NULL);
}
