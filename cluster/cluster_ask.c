/* cluster_ask.c - what any thread may ask of the cluster, without waiting for the cluster worker.
 */
#include <stdlib.h>

#include "cluster/own.h"

static vr_time_us now_of(const struct vr_cluster *cluster)
{
    return cluster->conf.clock->now(cluster->conf.clock->ctx);
}

enum vr_cluster_state vr_cluster_state(struct vr_cluster *cluster, struct vr_why *why)
{
    enum vr_cluster_state state = (enum vr_cluster_state)atomic_load(&cluster->state);

    if (state == VR_CLUSTER_JOINED && now_of(cluster) >= cluster_deadline(cluster)) {
        state = VR_CLUSTER_FROZEN;
    }
    if (state == VR_CLUSTER_REFUSED && why != NULL) {
        pthread_mutex_lock(&cluster->lock);
        *why = cluster->why;
        pthread_mutex_unlock(&cluster->lock);
    }
    return state;
}

vr_time_us vr_cluster_lease_left(struct vr_cluster *cluster)
{
    vr_time_us left = cluster_deadline(cluster) - now_of(cluster);

    return left > 0 ? left : 0;
}

uint32_t vr_cluster_self(const struct vr_cluster *cluster)
{
    return cluster->conf.number;
}

uint32_t cluster_self(const struct vr_cluster *cluster)
{
    return cluster->conf.number;
}

vr_time_us cluster_deadline(struct vr_cluster *cluster)
{
    return atomic_load(&cluster->deadline);
}

bool cluster_holds(struct vr_cluster *cluster, struct vr_id room, uint64_t epoch)
{
    struct cluster_view_room now;

#if VR_TEETH == 1 /* any epoch will do */
    return cluster_view_get(&cluster->view, room, &now) && epoch != 0 && now.held != 0 &&
           now_of(cluster) < cluster_deadline(cluster);
#elif VR_TEETH == 2 /* no deadline */
    return cluster_view_get(&cluster->view, room, &now) && epoch != 0 && now.held == epoch;
#else
    return cluster_view_get(&cluster->view, room, &now) && epoch != 0 && now.held == epoch &&
           now_of(cluster) < cluster_deadline(cluster);
#endif
}

bool vr_cluster_holds(void *cluster, struct vr_id room, uint64_t epoch)
{
    return cluster_holds(cluster, room, epoch);
}

uint32_t cluster_partner(struct vr_cluster *cluster, struct vr_id room)
{
    struct cluster_view_room now;

    (void)cluster_view_get(&cluster->view, room, &now);
    return now.partner == cluster->conf.number ? 0 : now.partner;
}

uint32_t cluster_owner(struct vr_cluster *cluster, struct vr_id room, uint64_t *epoch)
{
    struct cluster_view_room now;

    (void)cluster_view_get(&cluster->view, room, &now);
    if (epoch != NULL) {
        *epoch = now.epoch;
    }
    return now.owner;
}

bool cluster_alive(struct vr_cluster *cluster, uint32_t node)
{
    return cluster_view_place(&cluster->view, node) < CLUSTER_VIEW_NODES;
}

uint64_t vr_cluster_life(void *ctx, uint32_t node)
{
    struct vr_cluster *cluster = ctx;
    uint32_t place = cluster_view_place(&cluster->view, node);

    return place < CLUSTER_VIEW_NODES ? atomic_load(&cluster->view.life[place]) : 0;
}

uint64_t vr_cluster_contact(void *ctx, uint32_t node)
{
    struct vr_cluster *cluster = ctx;
    uint32_t place = cluster_view_place(&cluster->view, node);

    if (place == CLUSTER_VIEW_NODES || atomic_load(&cluster->view.heard[place]) == 0 ||
        cluster_silent(cluster, node)) {
        return 0;
    }
    return atomic_load(&cluster->view.life[place]) + atomic_load(&cluster->view.silences[place]);
}

uint32_t cluster_candidate(struct vr_cluster *cluster, struct vr_id room, uint32_t except)
{
    struct owners_place places[CLUSTER_VIEW_NODES] = {{0}};
    uint32_t count = 0;

    for (uint32_t i = 0; i < CLUSTER_VIEW_NODES; i++) {
        uint32_t number = atomic_load(&cluster->view.takes[i]);

        if (number != 0) {
            places[count++].number = number;
        }
    }
    return owners_candidate(room, cluster->conf.number, except, places, count);
}

enum vr_err vr_cluster_take(void *ctx, struct vr_id room, uint64_t *epoch)
{
    enum vr_err err = own_wake(ctx, room, epoch);

    if (err == VR_OK) {
        replica_woken(ctx, room);
    }
    return err;
}

struct released {
    struct vr_id room;
    uint64_t epoch;
};

static void on_released(struct vr_cluster *cluster, void *ctx)
{
    struct released *released = ctx;

    if (cluster->kv != NULL) {
        move_released(cluster, released->room, released->epoch);
    }
    free(released);
}

void vr_cluster_release(void *ctx, struct vr_id room, uint64_t epoch, bool exists)
{
    struct vr_cluster *cluster = ctx;
    struct released *released;

    if (!own_rests(cluster, room, epoch, exists)) {
        return;
    }
    released = malloc(sizeof(*released));
    if (released == NULL) {
        return; /* it stays ours; the unused timer looks again */
    }
    *released = (struct released){room, epoch};
    if (!cluster_call(cluster, on_released, released)) {
        free(released);
    }
}

void vr_cluster_closed(void *ctx, struct vr_id room, uint64_t epoch)
{
    own_closed(ctx, room, epoch);
}

void vr_cluster_set_load(struct vr_cluster *cluster, uint32_t stress_permille,
                         uint32_t participants)
{
    atomic_store(&cluster->stress_permille, stress_permille);
    atomic_store(&cluster->participants, participants);
}
