/* asked.c - calls to etcd, and the judgement of who answered: is it the cluster that we know, and
 * does it remember what it has told us before? Both are lost by a restore from a backup. */
#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/owner.h"
#include "cluster/own.h"

struct asked {
    struct vr_list link; /* vr_cluster.asked */
    struct vr_cluster *cluster;
    vr_kv_done_fn done;
    void *ctx;
    struct cluster_room *room; /* NULL: no room's */
    room_done_fn room_done;
    uint32_t life;
    int64_t revision; /* that we knew when we asked: answers may overtake each other */
    uint64_t generation;
};

/* VR_OK: believe it. */
static enum vr_err judge(const struct asked *asked, const struct vr_kv_result *result)
{
    struct cluster_member *member = asked->cluster->member;

    if (result->err != VR_OK) {
        return result->err;
    }
    if (member->stage == MEMBER_REFUSED) {
        return asked->room != NULL ? VR_E_FROZEN : VR_OK; /* others look for the new generation */
    }
    if (asked->generation != atomic_load(&asked->cluster->generation)) {
        return VR_E_FROZEN; /* of a time before: no measure for what is now, nor the other way */
    }
    if (member->cluster_id != 0 && result->cluster_id != 0 &&
        result->cluster_id != member->cluster_id) {
        member_refuse(asked->cluster, VR_E_CONFLICT, "another etcd cluster answers");
        return VR_E_FROZEN;
    }
    if (result->revision < asked->revision) {
        member->restored = true;
        member_refuse(asked->cluster, VR_E_CONFLICT,
                      "etcd has forgotten what it had: restored from a backup?");
        return VR_E_FROZEN;
    }
    if (result->revision > member->revision) {
        member->revision = result->revision;
    }
    return VR_OK;
}

static void on_done(void *ctx, const struct vr_kv_result *result)
{
    struct asked *asked = ctx;
    struct cluster_room *room = asked->room;
    struct vr_kv_result refused = {.err = judge(asked, result)};

    vr_list_remove(&asked->link);
    result = refused.err == VR_OK ? result : &refused;
    if (room == NULL) {
        asked->done(asked->ctx, result);
    } else {
        if (room->life == asked->life) {
            asked->room_done(room, result);
        }
        room->asked--;
        owners_forget(room);
    }
    free(asked);
}

static struct asked *new_asked(struct vr_cluster *cluster, const struct asked *like)
{
    struct asked *asked = calloc(1, sizeof(*asked));

    vr_assert(asked != NULL); /* whoever waits for etcd must not wait for ever */
    *asked = *like;
    asked->cluster = cluster;
    asked->revision = cluster->member->revision;
    asked->generation = atomic_load(&cluster->generation);
    vr_list_init(&asked->link);
    vr_list_push(&cluster->asked, &asked->link);
    if (asked->room != NULL) {
        asked->life = asked->room->life;
        asked->room->asked++;
    }
    return asked;
}

void asked_free_all(struct vr_cluster *cluster)
{
    struct vr_list *link;

    while ((link = vr_list_pop(&cluster->asked)) != NULL) {
        free(VR_OWNER(link, struct asked, link));
    }
}

void cluster_txn(struct vr_cluster *cluster, const struct vr_kv_txn *txn, vr_kv_done_fn done,
                 void *ctx)
{
    struct asked like = {.done = done, .ctx = ctx};

    if (cluster->kv != NULL) {
        cluster->kv->ops->txn(cluster->kv, txn, on_done, new_asked(cluster, &like));
    }
}

void cluster_list(struct vr_cluster *cluster, struct vr_bytes prefix, vr_kv_done_fn done, void *ctx)
{
    struct asked like = {.done = done, .ctx = ctx};

    if (cluster->kv != NULL) {
        cluster->kv->ops->list(cluster->kv, prefix, on_done, new_asked(cluster, &like));
    }
}

void room_txn(struct cluster_room *room, const struct vr_kv_txn *txn, room_done_fn done)
{
    struct vr_cluster *cluster = room->cluster;
    struct asked like = {.room = room, .room_done = done};

    if (cluster->kv != NULL) {
        cluster->kv->ops->txn(cluster->kv, txn, on_done, new_asked(cluster, &like));
    }
}

void room_list(struct cluster_room *room, struct vr_bytes prefix, room_done_fn done)
{
    struct vr_cluster *cluster = room->cluster;
    struct asked like = {.room = room, .room_done = done};

    if (cluster->kv != NULL) {
        cluster->kv->ops->list(cluster->kv, prefix, on_done, new_asked(cluster, &like));
    }
}
