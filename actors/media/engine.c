/* engine.c - datagrams in, timers, and the states of peers. */
#include "actors/media/engine.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/media/opus_pack.h"
#include "actors/media/shard_internal.h"
#include "actors/runtime/system.h"

#define PEERS_MAX 20000
#define RELAYS 1024 /* on their way at once: 20 packets of 50 talkers to one sister */
#define DELAY_SAMPLE 64

enum vr_err vr_engine_global_init(void)
{
    enum vr_err err = vr_dtls_global_init();

    return err == VR_OK ? vr_srtp_global_init() : err;
}

enum vr_err vr_engine_new(const struct vr_engine_conf *conf, struct vr_engine **out)
{
    struct vr_engine *engine = calloc(1, sizeof *engine);

    *out = NULL;
    if (engine == NULL) {
        return VR_E_NO_MEMORY;
    }
    engine->conf = *conf;
    engine->conf.peers_max = conf->peers_max == 0 ? PEERS_MAX : conf->peers_max;
    engine->conf.consent_timeout =
        conf->consent_timeout == 0 ? VR_SECONDS(30) : conf->consent_timeout;
    engine->conf.silent_after = conf->silent_after == 0 ? VR_SECONDS(15) : conf->silent_after;
    engine->clock = conf->worker == NULL ? NULL : vr_system_clock(vr_worker_system(conf->worker));
    engine->next_tick = VR_NEVER;
    engine->wait_over = VR_NEVER;
    vr_list_init(&engine->asked);
    engine->repairs_milli = VR_REPAIRS_BURST * 1000;
    vr_list_init(&engine->shards);
    vr_list_init(&engine->waiting);
    if (conf->keep != NULL &&
        !vr_keep_part(conf->keep, conf->keep_worker, engine->conf.peers_max, &engine->kept)) {
        free(engine);
        return VR_E_UNPROCESSABLE;
    }
    engine->pool = vr_relay_pool_new(RELAYS);
    if (engine->pool == NULL || !vr_peers_init(engine) || vr_stun_new(&engine->stun) != VR_OK ||
        vr_sealer_new(&engine->sealer) != VR_OK || vr_opus_packer_new(&engine->packer) != VR_OK ||
        vr_restore(engine) != VR_OK) {
        vr_engine_free(engine);
        return VR_E_NO_MEMORY;
    }
    *out = engine;
    return VR_OK;
}

void vr_engine_free(struct vr_engine *engine)
{
    if (engine == NULL) {
        return;
    }
    VR_LIST_EACH(item, &engine->shards)
    {
        vr_shard_close(VR_OWNER(item, struct vr_shard, link));
    }
    vr_relay_pool_free(engine->pool);
    vr_stun_free(engine->stun);
    vr_sealer_free(engine->sealer);
    vr_opus_packer_free(engine->packer);
    vr_peers_deinit(engine);
    free(engine->gates_free);
    free(engine);
}

void vr_engine_send(struct vr_engine *engine, const struct vr_path *path, struct vr_bytes datagram)
{
    engine->stats.sent++;
    engine->stats.bytes_out += datagram.size;
    engine->conf.send(engine->conf.ctx, path, datagram);
}

/* ---- in ---- */

static void media_input(struct vr_engine *engine, uint32_t peer, enum vr_packet_class class,
                        uint8_t *data, size_t size)
{
    if (!vr_peer_keyed(engine, peer)) {
        engine->stats.srtp_malformed++; /* before the keys */
        return;
    }
    if (class == VR_PACKET_RTCP) {
        vr_uplink_rtcp(engine, peer, data, size);
    } else {
        vr_uplink_rtp(engine, peer, data, size);
    }
}

/* A sample of the time from receiving to having queued all copies. */
static void note_delay(struct vr_engine *engine)
{
    static const vr_time_us bounds[] = {50,   100,   200,   500,   1000,  2000,
                                        5000, 10000, 20000, 50000, 100000};
    vr_time_us delay;
    uint32_t bucket = 0;

    if (engine->clock == NULL || engine->delay_sample++ % DELAY_SAMPLE != 0) {
        return;
    }
    delay = engine->clock->now(engine->clock->ctx) - engine->now;
    while (bucket < sizeof bounds / sizeof bounds[0] && delay > bounds[bucket]) {
        bucket++;
    }
    engine->stats.forward_delay_us_bucket[bucket]++;
}

/* Whose packet it is that may kill us (vr_keep_blame); 0: nobody's. */
static void handled(struct vr_engine *engine, uint32_t peer)
{
    struct vr_keep_head *head = engine->kept.head;

    if (engine->thread == 0) {
        engine->thread = (uint32_t)gettid();
        head->thread = engine->thread;
    }
    vr_keep_order();
    head->handling = peer;
    vr_keep_order();
}

void vr_engine_input(struct vr_engine *engine, vr_time_us now, const struct vr_path *path,
                     uint8_t *data, size_t size, size_t capacity)
{
    struct vr_bytes datagram = vr_bytes(data, size);
    enum vr_packet_class class = vr_demux(datagram);
    uint32_t peer;

    (void)capacity; /* decrypting only shrinks; what goes out is built elsewhere */
    engine->now = now;
    engine->stats.received++;
    engine->stats.bytes_in += size;
    if (class == VR_PACKET_STUN) {
        vr_ice_input(engine, path, datagram);
        return;
    }
    peer = class == VR_PACKET_OTHER ? VR_PEER_NONE : vr_peers_by_path(engine, path);
    if (peer == VR_PEER_NONE) {
        engine->stats.unknown_source++;
        return;
    }
    if (class == VR_PACKET_DTLS) {
        engine->stats.dtls_in++;
        vr_handshake_input(engine, peer, datagram);
        return;
    }
    engine->made_up = false;
    if (engine->kept.head != NULL) {
        handled(engine, peer + 1);
    }
    media_input(engine, peer, class, data, size);
    if (engine->kept.head != NULL) {
        handled(engine, 0);
    }
    if (engine->made_up) {
        note_delay(engine);
    }
}

/* ---- time ---- */

void vr_engine_wake(struct vr_engine *engine, vr_time_us now)
{
    if (engine->next_tick == VR_NEVER) {
        engine->next_tick = now + VR_TICK;
    }
}

static void look_at_peer(struct vr_engine *engine, uint32_t peer, vr_time_us now)
{
    const struct vr_peer_hot *hot = &engine->hot[peer];
    struct vr_peer_live *live = &engine->live[peer];
    vr_time_us quiet = now - hot->checked_at;

    switch ((enum vr_peer_state)hot->state) {
    case VR_PEER_NEW:
        if (now - live->opened_at >= VR_PROOF_TIME) {
            vr_peer_move(engine, peer, VR_PEER_CLOSED);
        }
        return;
    case VR_PEER_CHECKED:
        if (now - live->opened_at >= VR_PROOF_TIME + VR_HANDSHAKE_TIME) {
            engine->stats.dtls_failed++;
            vr_peer_move(engine, peer, VR_PEER_FAILED);
        }
        return;
    case VR_PEER_UP:
    case VR_PEER_SILENT:
        break;
    case VR_PEER_FAILED:
    case VR_PEER_CLOSED:
        return;
    }
    /* It runs out before the next look. */
    if (quiet + VR_TICK * VR_TICK_SLICES > engine->conf.consent_timeout) {
        engine->stats.consent_lost++;
        vr_peer_move(engine, peer, VR_PEER_CLOSED);
        return;
    }
    if (quiet >= engine->conf.silent_after && hot->state == VR_PEER_UP) {
        vr_peer_move(engine, peer, VR_PEER_SILENT);
    }
    vr_probe_look(engine, peer);
    if (now >= live->rtcp_due) {
        /* Four seconds on average, spread so that a room's reports do not come in one burst. */
        live->rtcp_due =
            now + VR_SECONDS(3) + (vr_time_us)vr_random_below(engine->conf.random, 2000000);
        vr_reports_send(engine, peer);
    }
}

bool vr_engine_settled(const struct vr_engine *engine, vr_time_us now)
{
    return engine->stats.peers == engine->stats.peers_up &&
           now - engine->unsettled_at >= VR_SETTLING;
}

void vr_engine_set_load(struct vr_engine *engine, uint32_t busy_percent)
{
    engine->busy_percent = busy_percent;
}

static void end_waits(struct vr_engine *engine, vr_time_us now)
{
    engine->wait_over = VR_NEVER;
    VR_LIST_EACH(item, &engine->waiting)
    {
        struct vr_shard *shard = VR_OWNER(item, struct vr_shard, waiting);
        vr_time_us next = vr_shard_wait_over(shard, now);

        if (next == VR_NEVER) {
            vr_list_remove(&shard->waiting);
        } else if (next < engine->wait_over) {
            engine->wait_over = next;
        }
    }
}

static void tick(struct vr_engine *engine, vr_time_us now, vr_time_us next)
{
    vr_handshake_tick(engine);
    vr_probe_tick(engine);
    engine->slice = (engine->slice + 1) % VR_TICK_SLICES;
    engine->rounds += engine->slice == 0;
    for (uint32_t peer = engine->slice; peer < engine->high; peer += VR_TICK_SLICES) {
        if (engine->cold[peer].used) {
            look_at_peer(engine, peer, now);
        }
    }
    if (engine->orphans && engine->slice == 0) {
        vr_restore_tick(engine);
    }
    engine->stats.shards = 0;
    VR_LIST_EACH(item, &engine->shards)
    {
        engine->stats.shards++;
        vr_shard_tick(VR_OWNER(item, struct vr_shard, link), now);
    }
    engine->next_tick =
        engine->stats.peers == 0 && vr_list_empty(&engine->shards) ? VR_NEVER : next;
}

void vr_engine_tick(struct vr_engine *engine, vr_time_us now)
{
    engine->now = now;
    if (now >= engine->wait_over) {
        end_waits(engine, now);
    }
    if (now >= engine->next_tick) {
        tick(engine, now, now + VR_TICK);
    }
}

void vr_engine_tick_early(struct vr_engine *engine, vr_time_us now)
{
    vr_time_us due = engine->next_tick;

    if (due != VR_NEVER && now >= due - VR_TICK_EARLY) {
        engine->now = now;
        tick(engine, now, (due > now ? due : now) + VR_TICK); /* no more of them than else */
    }
}

void vr_engine_waited(struct vr_engine *engine, vr_time_us waited)
{
    engine->waited = waited;
}

vr_time_us vr_engine_deadline(const struct vr_engine *engine)
{
    return engine->wait_over < engine->next_tick ? engine->wait_over : engine->next_tick;
}

/* Read by other threads while the owner counts on: whole words, none older than another by more
 * than the copy takes. That is good enough for metrics, and a lock or an atomic per count is not.
 */
__attribute__((no_sanitize("thread"))) void vr_engine_stats(const struct vr_engine *engine,
                                                            struct vr_engine_stats *out)
{
    const volatile uint32_t *from = (const volatile uint32_t *)&engine->stats;
    uint32_t words[sizeof *out / sizeof(uint32_t)];

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        words[i] = from[i];
    }
    memcpy(out, words, sizeof *out);
}
