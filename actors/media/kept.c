#include "actors/media/kept.h"

#include "actors/media/engine_internal.h"
#include "actors/media/peer.h"
#include "actors/media/shard_internal.h"

bool vr_engine_kept(const struct vr_engine *engine, uint32_t *at, const struct vr_peer_conf **conf,
                    uint32_t *shard)
{
    while (*at < engine->high) {
        uint32_t peer = (*at)++;
        uint8_t state = engine->hot[peer].state;

        if (engine->cold[peer].used != 0 && (state == VR_PEER_UP || state == VR_PEER_SILENT) &&
            engine->live[peer].shard != NULL) {
            *conf = &engine->cold[peer].conf;
            *shard = engine->live[peer].shard->conf.number;
            return true;
        }
    }
    return false;
}

void vr_engine_kept_shards(const struct vr_engine *engine,
                           void (*each)(void *ctx, struct vr_id room, uint32_t shard), void *ctx)
{
    VR_LIST_EACH(item, &engine->shards)
    {
        const struct vr_shard *shard = VR_OWNER(item, struct vr_shard, link);

        if (shard->orphan && vr_shard_has_peers(shard)) {
            each(ctx, shard->conf.room, shard->conf.number);
        }
    }
}
