/* shard_peers.c - the transports of a shard: opened, placed among its listeners, closed. */
#include <stdlib.h>

#include "actors/media/shard_internal.h"

#define LISTENERS_FIRST 16

static void count_red(struct vr_shard *shard, uint8_t depth, uint32_t by)
{
    if (depth > 0) {
        shard->red_listeners[depth - 1] += by; /* modulo: UINT32_MAX takes one away */
    }
}

static bool add_listener(struct vr_shard *shard, struct vr_listener *listener)
{
    if (shard->listener_count == shard->listener_max) {
        uint32_t max = shard->listener_max == 0 ? LISTENERS_FIRST : shard->listener_max * 2;
        struct vr_listener **grown = realloc(shard->listeners, max * sizeof(struct vr_listener *));
        struct vr_hear *hears = realloc(shard->hears, max * sizeof *hears);

        shard->listeners = grown == NULL ? shard->listeners : grown;
        shard->hears = hears == NULL ? shard->hears : hears;
        if (grown == NULL || hears == NULL) {
            return false;
        }
        shard->listener_max = max;
    }
    listener->place = shard->listener_count;
    shard->hears[shard->listener_count] = (struct vr_hear){.peer = VR_PEER_NONE};
    shard->listeners[shard->listener_count++] = listener;
    vr_shard_hear_sync(shard, listener);
    count_red(shard, listener->red_depth, 1);
    shard->narrow_listeners += listener->narrow;
    return true;
}

static void remove_listener(struct vr_shard *shard, struct vr_listener *listener)
{
    struct vr_listener *last = shard->listeners[--shard->listener_count];

    shard->listeners[listener->place] = last;
    shard->hears[listener->place] = shard->hears[shard->listener_count];
    last->place = listener->place;
    count_red(shard, listener->red_depth, UINT32_MAX);
    shard->narrow_listeners -= listener->narrow;
}

void vr_shard_red_depth(struct vr_shard *shard, struct vr_listener *listener, uint8_t depth)
{
    count_red(shard, listener->red_depth, UINT32_MAX);
    listener->red_depth = depth;
    count_red(shard, depth, 1);
    vr_shard_hear_sync(shard, listener);
}

enum vr_err vr_shard_peer_open(struct vr_shard *shard, const struct vr_peer_conf *conf,
                               vr_time_us now)
{
    struct vr_engine *engine = shard->engine;
    struct vr_participant *who;
    uint32_t peer;

    peer = vr_peers_by_id(engine, conf->peer);
    if (peer != VR_PEER_NONE && (engine->live[peer].restored || conf->ufrag[0] == '\0')) {
        return vr_shard_adopt_peer(shard, peer, conf);
    }
    if (conf->ufrag[0] == '\0') {
        return VR_E_NOT_FOUND;
    }
    if (peer != VR_PEER_NONE ||
        vr_peers_by_ufrag(engine, vr_bytes_of(conf->ufrag)) != VR_PEER_NONE) {
        return VR_E_EXISTS;
    }
    who = vr_shard_find_or_add(shard, conf->participant);
    if (who == NULL) {
        return VR_E_NO_MEMORY;
    }
    if (who->gate.gone && conf->generation <= who->gate.generation) {
        return VR_E_GONE;
    }
    engine->now = now;
    peer = vr_peers_add(engine, conf, now);
    if (peer == VR_PEER_NONE) {
        if (!who->gate.known && vr_list_empty(&who->peers)) {
            vr_shard_forget(shard, who);
        }
        return VR_E_BUSY;
    }
    if (vr_shard_peer_place(shard, peer) != VR_OK) {
        vr_peers_remove(engine, peer);
        return VR_E_NO_MEMORY;
    }
    vr_engine_wake(engine, now);
    return VR_OK;
}

enum vr_err vr_shard_peer_place(struct vr_shard *shard, uint32_t peer)
{
    struct vr_engine *engine = shard->engine;
    const struct vr_peer_conf *conf = &engine->cold[peer].conf;
    struct vr_participant *who = vr_shard_find_or_add(shard, conf->participant);
    struct vr_peer_live *live = &engine->live[peer];

    if (who == NULL) {
        return VR_E_NO_MEMORY;
    }
    live->shard = shard;
    live->who = who;
    engine->cold[peer].shard = vr_shard_keep_number(shard);
    live->listener = (struct vr_listener){
        .ops = &vr_peer_listener_ops,
        .participant = conf->participant,
        .slot_count = conf->slot_count > VR_SLOTS_MAX ? VR_SLOTS_MAX : conf->slot_count,
        .red_depth = conf->red_receive && conf->red_pt != VR_PT_NONE,
        .narrow = conf->slot_count > 0 && conf->slot_count < shard->slots.count,
    };
    vr_list_push(&who->peers, &live->by_participant);
    if (!add_listener(shard, &live->listener)) {
        vr_list_remove(&live->by_participant);
        return VR_E_NO_MEMORY;
    }
    return VR_OK;
}

void vr_shard_peer_close(struct vr_shard *shard, struct vr_id id)
{
    uint32_t peer = vr_peers_by_id(shard->engine, id);

    if (peer != VR_PEER_NONE && shard->engine->live[peer].shard == shard) {
        vr_peer_move(shard->engine, peer, VR_PEER_CLOSED);
    }
}

bool vr_shard_has_peers(const struct vr_shard *shard)
{
    return shard->listener_count > 0;
}

bool vr_shard_is_empty(const struct vr_shard *shard)
{
    return shard->participant_count == 0 && shard->listener_count == 0 && shard->set == NULL;
}

void vr_shard_peer_moved(struct vr_shard *shard, uint32_t peer, enum vr_peer_state state)
{
    vr_shard_refresh(shard, shard->engine->live[peer].who);
    shard->conf.ops->peer_state(shard->conf.ctx, &shard->engine->cold[peer].conf, state);
}

void vr_shard_peer_forget(struct vr_shard *shard, uint32_t peer)
{
    struct vr_peer_live *live = &shard->engine->live[peer];
    struct vr_participant *who = live->who;

    vr_shard_open_listener(shard, &live->listener, false);
    remove_listener(shard, &live->listener);
    vr_list_remove(&live->by_participant);
    if (!who->gate.known && vr_list_empty(&who->peers)) {
        vr_shard_forget(shard, who);
    }
}
