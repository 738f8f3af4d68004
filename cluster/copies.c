/* copies.c - the copies half's state: made with the cluster, ticking on its worker, gone with it.
 */
#include <stdlib.h>

#include "actors/base/owner.h"
#include "cluster/copies.h"

enum vr_err replicate_new(struct vr_cluster *cluster, struct vr_records **records)
{
    struct cluster_copies *copies = calloc(1, sizeof(*copies));

    if (copies == NULL) {
        return VR_E_NO_MEMORY;
    }
    copies->records.ops = &copies_ops;
    copies->cluster = cluster;
    pthread_mutex_init(&copies->lock, NULL);
    vr_list_init(&copies->seals);
    vr_list_init(&copies->orphans);
    for (uint32_t i = 0; i < COPY_BUCKETS; i++) {
        vr_list_init(&copies->rooms[i]);
    }
    cluster->copies = copies;
    *records = &copies->records;
    return VR_OK;
}

static void on_tick(struct vr_timer *timer, vr_time_us now)
{
    struct cluster_copies *copies = VR_OWNER(timer, struct cluster_copies, tick);

    partner_tick(copies);
    seals_tick(copies);
    vr_timer_arm(copies->cluster->worker, timer, now + COPY_TICK);
}

static void start(struct vr_cluster *cluster, void *ctx)
{
    struct cluster_copies *copies = ctx;

    copies->tick.fire = on_tick;
    vr_timer_arm(cluster->worker, &copies->tick, vr_worker_now(cluster->worker) + COPY_TICK);
}

void replicate_attach(struct vr_cluster *cluster)
{
    (void)cluster_call(cluster, start, cluster->copies);
}

/* The next that waits, taken off its room; NULL: none. Locked. */
static struct pending *take_waiting(struct cluster_copies *copies)
{
    for (uint32_t b = 0; b < COPY_BUCKETS; b++) {
        VR_LIST_EACH(item, &copies->rooms[b])
        {
            struct copy_room *room = VR_OWNER(item, struct copy_room, link);
            struct vr_list *link = vr_list_pop(&room->waiting);

            if (link != NULL) {
                return VR_OWNER(link, struct pending, link);
            }
        }
    }
    return NULL;
}

/* Who waits is told while there is still somebody to tell; what LMDB and etcd say later is for
 * nobody. */
void replicate_abandon(struct vr_cluster *cluster)
{
    struct cluster_copies *copies = cluster->copies;
    struct pending *pending;

    pthread_mutex_lock(&copies->lock);
    copies->closed = true;
    while ((pending = take_waiting(copies)) != NULL) {
        vr_committed_fn done = pending->done;
        void *ctx = pending->ctx;
        uint64_t ticket = pending->ticket;

        if (pending->calls > 0) {
            vr_list_push(&copies->orphans, &pending->link);
        } else {
            free(pending);
        }
        pthread_mutex_unlock(&copies->lock);
        done(ctx, ticket, VR_E_GONE, 0);
        pthread_mutex_lock(&copies->lock);
    }
    pthread_mutex_unlock(&copies->lock);
}

void replicate_detach(struct vr_cluster *cluster)
{
    struct cluster_copies *copies = cluster->copies;

    vr_timer_disarm(cluster->worker, &copies->tick);
    seals_free(copies);
    replicate_abandon(cluster);
}

static void free_room(struct copy_room *room)
{
    while (!vr_list_empty(&room->waiting)) {
        free(VR_OWNER(vr_list_pop(&room->waiting), struct pending, link));
    }
    free(room);
}

void replicate_free(struct vr_cluster *cluster)
{
    struct cluster_copies *copies = cluster->copies;

    if (copies == NULL) {
        return;
    }
    for (uint32_t i = 0; i < COPY_BUCKETS; i++) {
        while (!vr_list_empty(&copies->rooms[i])) {
            free_room(VR_OWNER(vr_list_pop(&copies->rooms[i]), struct copy_room, link));
        }
    }
    while (!vr_list_empty(&copies->orphans)) {
        free(VR_OWNER(vr_list_pop(&copies->orphans), struct pending, link));
    }
    seals_free(copies);
    pthread_mutex_destroy(&copies->lock);
    free(copies);
    cluster->copies = NULL;
}
