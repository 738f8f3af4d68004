/* states.c - the states of peers, and what each move brings with it. */
#include "actors/media/shard_internal.h"

#define TO(state) (1u << (state))

/* From each state, the states that may follow. */
static const uint8_t moves[] = {
    [VR_PEER_NEW] = TO(VR_PEER_CHECKED) | TO(VR_PEER_CLOSED),
    [VR_PEER_CHECKED] = TO(VR_PEER_UP) | TO(VR_PEER_FAILED) | TO(VR_PEER_CLOSED),
    [VR_PEER_UP] = TO(VR_PEER_SILENT) | TO(VR_PEER_CLOSED),
    [VR_PEER_SILENT] = TO(VR_PEER_UP) | TO(VR_PEER_CLOSED),
    [VR_PEER_FAILED] = 0,
    [VR_PEER_CLOSED] = 0,
};

static void free_peer(struct vr_engine *engine, uint32_t peer)
{
    struct vr_peer_live *live = &engine->live[peer];

    vr_shard_peer_forget(live->shard, peer);
    vr_handshake_drop(engine, peer);
    vr_srtp_free(live->srtp);
    live->srtp = NULL;
    vr_level_meter_free(live->meter);
    live->meter = NULL;
    vr_peers_remove(engine, peer);
}

void vr_peer_move(struct vr_engine *engine, uint32_t peer, enum vr_peer_state state)
{
    enum vr_peer_state before = (enum vr_peer_state)engine->hot[peer].state;
    struct vr_shard *shard = engine->live[peer].shard;

    vr_assert((moves[before] & TO(state)) != 0);
    engine->hot[peer].state = (uint8_t)state;
    if (before == VR_PEER_UP || before == VR_PEER_SILENT) {
        engine->stats.peers_up -= state == VR_PEER_CLOSED;
    } else {
        engine->stats.peers_up += state == VR_PEER_UP;
    }
    vr_shard_peer_moved(shard, peer, state);
    if (state == VR_PEER_FAILED || state == VR_PEER_CLOSED) {
        free_peer(engine, peer);
    }
}

/* Contexts from the keys: with GCM only what comes in is libsrtp's. */
static bool make_contexts(struct vr_engine *engine, uint32_t peer)
{
    struct vr_peer_cold *cold = &engine->cold[peer];
    const struct vr_srtp_keys *keys = &cold->keys;
    struct vr_peer_hot *hot = &engine->hot[peer];
    struct vr_peer_live *live = &engine->live[peer];

    hot->sealed = keys->profile == VR_SRTP_GCM;
    if (hot->sealed && !vr_seal_derive(engine->sealer, keys->ours, &cold->seal, &cold->seal_rtcp)) {
        return false;
    }
    hot->seal = cold->seal;
    if (live->srtp != NULL) {
        return true;
    }
    return (hot->sealed ? vr_srtp_new_in(keys, &live->srtp) : vr_srtp_new(keys, &live->srtp)) ==
           VR_OK;
}

void vr_peer_up(struct vr_engine *engine, uint32_t peer)
{
    struct vr_peer_live *live = &engine->live[peer];
    uint32_t spread = (uint32_t)vr_random_below(engine->conf.random, 1000000);

    if (!make_contexts(engine, peer)) {
        vr_peer_move(engine, peer, VR_PEER_FAILED);
        return;
    }
    engine->hot[peer].up_number = ++engine->ups;
    engine->cold[peer].sum = vr_peer_sum(&engine->cold[peer]); /* from here on it can be restored */
    vr_keep_order();
    live->rtcp_due = engine->now + VR_SECONDS(1) + spread;
    vr_rtp_source_init(&live->source, 0);
    vr_hearing_init(&live->hearing, engine->now);
    engine->unsettled_at = engine->now;
    vr_peer_move(engine, peer, VR_PEER_UP);
}
