/* node_return.c - who goes on over a death of the process: their sessions are there before the
 * first client is let in, so that none is told to make a new connection.
 *
 *     engines are made (they find their transports in memory that was kept, actors/media/keep.h)
 *     -> copied here, and in a cluster their shards woken, before any loop runs -> sessions, on the
 * control loop, before HTTP opens */
#include <stdlib.h>

#include "actors/base/log.h"
#include "actors/media/kept.h"
#include "nodes/node_internal.h"

struct returning {
    struct vr_peer_conf conf;
    uint32_t shard;
};

static uint32_t count_kept(const struct vr_node *node)
{
    const struct vr_peer_conf *conf = NULL;
    uint32_t shard = 0;
    uint32_t count = 0;

    for (uint32_t i = 0; i < node->media_count; i++) {
        uint32_t at = 0;

        while (vr_engine_kept(vr_media_port_engine(node->media[i].port), &at, &conf, &shard)) {
            count++;
        }
    }
    return count;
}

void node_return_find(struct vr_node *node)
{
    uint32_t count = count_kept(node);

    if (node->cluster != NULL) {
        vr_cluster_set_load(node->cluster, 0,
                            count); /* who waits for none to be left must see them */
    }
    node->returning = count == 0 ? NULL : calloc(count, sizeof(*node->returning));
    if (node->returning == NULL) {
        return; /* without memory too: their clients come back with an offer */
    }
    for (uint32_t i = 0; i < node->media_count; i++) {
        const struct vr_engine *engine = vr_media_port_engine(node->media[i].port);
        const struct vr_peer_conf *conf = NULL;
        uint32_t at = 0;
        uint32_t shard = 0;

        while (node->returning_count < count && vr_engine_kept(engine, &at, &conf, &shard)) {
            node->returning[node->returning_count++] = (struct returning){*conf, shard};
        }
    }
}

/* A shard's actor comes with its first message. To be heard on other nodes it must not wait for the
 * sessions: until they are there it may take long (measured: half a second). */
static void wake_shard(void *ctx, struct vr_id room, uint32_t shard)
{
    struct vr_node *node = ctx;
    struct vr_msg msg = {.kind = VR_MSG_PING, .to = vr_shard_address(room, shard)};

    if (vr_system_deliver(node->system, &msg) != VR_OK) {
        vr_msg_clear(&msg); /* more than its worker takes at once: then with its sessions */
    }
}

void node_return_shards(struct vr_node *node)
{
    for (uint32_t i = 0; node->links != NULL && i < node->media_count; i++) {
        vr_engine_kept_shards(vr_media_port_engine(node->media[i].port), wake_shard, node);
    }
}

void node_return_sessions(struct vr_node *node, struct vr_worker *worker)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < node->returning_count; i++) {
        const struct returning *returning = &node->returning[i];

        count += vr_session_restore(worker, &returning->conf, returning->shard) == VR_OK ? 1 : 0;
    }
    if (node->returning_count > 0) {
        vr_log(VR_LOG_INFO, "sessions go on over a restart",
               VR_U("transports", node->returning_count), VR_U("taken", count));
    }
    node_return_free(node);
}

void node_return_free(struct vr_node *node)
{
    if (node->returning != NULL) {
        explicit_bzero(node->returning, node->returning_count * sizeof(*node->returning));
        free(node->returning);
    }
    node->returning = NULL;
    node->returning_count = 0;
}
