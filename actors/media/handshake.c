/* handshake.c - DTLS of proved peers: begun by a ClientHello, repeated by our clock, ended by keys.
 */
#include "actors/media/shard_internal.h"

#define FIRST_WAIT VR_MS(300)
#define WAIT_MAX VR_MS(2400)
#define REPEAT_GAP VR_MS(100) /* a client's flight comes in up to five datagrams: answered once */

static void send_out(void *ctx, struct vr_bytes datagram)
{
    struct vr_engine *engine = ctx;

    vr_engine_send(engine, &engine->live[engine->answering].path, datagram);
}

static bool begin(struct vr_engine *engine, uint32_t peer)
{
    struct vr_peer_live *live = &engine->live[peer];

    if (engine->handshake_count == VR_HANDSHAKES_MAX ||
        vr_dtls_new(engine->conf.identity, send_out, engine, &live->dtls) != VR_OK) {
        return false; /* the client repeats its hello */
    }
    engine->handshakes[engine->handshake_count++] = peer;
    live->handshake = engine->handshake_count;
    live->dtls_wait = FIRST_WAIT;
    return true;
}

void vr_handshake_drop(struct vr_engine *engine, uint32_t peer)
{
    struct vr_peer_live *live = &engine->live[peer];
    uint32_t moved;

    if (live->handshake == 0) {
        return;
    }
    moved = engine->handshakes[--engine->handshake_count];
    engine->handshakes[live->handshake - 1] = moved;
    engine->live[moved].handshake = live->handshake;
    live->handshake = 0;
    vr_dtls_free(live->dtls);
    live->dtls = NULL;
}

static void finish(struct vr_engine *engine, uint32_t peer)
{
    struct vr_peer_cold *cold = &engine->cold[peer];
    struct vr_dtls_result result;
    enum vr_err err = vr_dtls_finish(engine->live[peer].dtls, &result);

    vr_handshake_drop(engine, peer);
    /* The fingerprint of the offer is all that says who this is (RFC 8122, 6.2): none, no media. */
    if (err != VR_OK || !cold->conf.fingerprint_set ||
        memcmp(result.fingerprint, cold->conf.fingerprint, sizeof result.fingerprint) != 0) {
        engine->stats.dtls_failed++;
        vr_peer_move(engine, peer, VR_PEER_FAILED);
        return;
    }
    cold->keys = result.keys;
    cold->last_flight_size = result.last_flight_size;
    memcpy(cold->last_flight, result.last_flight, result.last_flight_size);
    engine->hot[peer].flight_over = result.last_flight_size == 0;
    vr_peer_up(engine, peer);
}

static void repeat_last_flight(struct vr_engine *engine, uint32_t peer, struct vr_bytes datagram)
{
    struct vr_peer_live *live = &engine->live[peer];
    const struct vr_peer_cold *cold = &engine->cold[peer];

    if (cold->last_flight_size == 0 || engine->hot[peer].flight_over ||
        !vr_dtls_is_flight(datagram) ||
        (live->flight_at != 0 && engine->now - live->flight_at < REPEAT_GAP)) {
        return;
    }
    live->flight_at = engine->now;
    vr_engine_send(engine, &live->path, vr_bytes(cold->last_flight, cold->last_flight_size));
}

void vr_handshake_input(struct vr_engine *engine, uint32_t peer, struct vr_bytes datagram)
{
    struct vr_peer_live *live = &engine->live[peer];

    if (vr_peer_keyed(engine, peer)) {
        repeat_last_flight(engine, peer, datagram);
        return;
    }
    if (engine->hot[peer].state != VR_PEER_CHECKED ||
        (live->dtls == NULL && (!vr_dtls_is_client_hello(datagram) || !begin(engine, peer)))) {
        return;
    }
    engine->answering = peer;
    live->dtls_due = engine->now + live->dtls_wait;
    switch (vr_dtls_input(live->dtls, datagram)) {
    case VR_DTLS_RUNNING:
        return;
    case VR_DTLS_DONE:
        finish(engine, peer);
        return;
    case VR_DTLS_FAILED:
        engine->stats.dtls_failed++;
        vr_peer_move(engine, peer, VR_PEER_FAILED);
        return;
    }
}

void vr_handshake_tick(struct vr_engine *engine)
{
    for (uint32_t i = 0; i < engine->handshake_count; i++) {
        uint32_t peer = engine->handshakes[i];
        struct vr_peer_live *live = &engine->live[peer];

        if (engine->now < live->dtls_due) {
            continue;
        }
        live->dtls_wait = live->dtls_wait * 2 > WAIT_MAX ? WAIT_MAX : live->dtls_wait * 2;
        live->dtls_due = engine->now + live->dtls_wait;
        engine->answering = peer;
        vr_dtls_resend(live->dtls);
    }
}
