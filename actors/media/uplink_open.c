/* uplink_open.c - which packets of a peer are opened, and how far his numbers have come: by these a
 * restarted process knows what was here already. */
#include "actors/media/shard_internal.h"

#define SHA1_TAG 10
#define RTCP_MIN (8 + 4 + SHA1_TAG)

/* Token bucket: a legitimate client may send 200 packets a second and bursts of 100. */
bool vr_uplink_within_rate(struct vr_engine *engine, struct vr_peer_hot *hot)
{
    vr_time_us passed = engine->now - hot->tokens_at;
    uint64_t tokens;

    if (hot->tokens_at == 0 || passed > VR_SECONDS(1)) {
        tokens = VR_UPLINK_BURST * 1000;
    } else {
        tokens = hot->tokens_milli + (uint64_t)passed * VR_UPLINK_PPS / 1000;
        tokens = tokens > VR_UPLINK_BURST * 1000 ? VR_UPLINK_BURST * 1000 : tokens;
    }
    hot->tokens_at = engine->now;
    if (tokens < 1000) {
        hot->tokens_milli = (uint32_t)tokens;
        engine->stats.rate_capped++;
        return false;
    }
    hot->tokens_milli = (uint32_t)tokens - 1000;
    return true;
}

static struct vr_peer_in *find_in(struct vr_peer_in *ins, uint32_t count, uint32_t ssrc)
{
    for (uint32_t i = 0; i < count; i++) {
        if (ins[i].ssrc == ssrc) {
            return &ins[i];
        }
    }
    return NULL;
}

/* What was here before a restart, or is as old: libsrtp's window knows nothing of it. The number is
 * not proved yet, but a wrong one is no reason to take the packet. */
static bool was_here(struct vr_engine *engine, uint32_t peer, uint32_t ssrc, uint16_t seq)
{
    struct vr_peer_live *live = &engine->live[peer];
    const struct vr_peer_hot *hot = &engine->hot[peer];
    const struct vr_peer_in *floor =
        live->floor_count == 0 ? NULL : find_in(live->floors, live->floor_count, ssrc);
    uint64_t highest;

    if (floor == NULL || floor->rtp_next == 0) {
        return false;
    }
    highest = hot->in_started && hot->in_ssrc == ssrc ? hot->in_index : floor->rtp_next - 1;
    return vr_rtp_index(highest, seq) < floor->rtp_next;
}

static void judge(struct vr_engine *engine, enum vr_srtp_result result)
{
    switch (result) {
    case VR_SRTP_OK:
        return;
    case VR_SRTP_AUTH:
        engine->stats.srtp_rejected_auth++;
        return;
    case VR_SRTP_REPLAY:
        engine->stats.srtp_rejected_replay++;
        return;
    case VR_SRTP_MALFORMED:
        engine->stats.srtp_malformed++;
        return;
    }
}

/* A restored peer whose packets all fail was restored wrong, which nobody but he would notice: he
 * is to join anew. */
#define REJECTED_MAX 50
static void rejected(struct vr_engine *engine, uint32_t peer)
{
    struct vr_peer_live *live = &engine->live[peer];

    if (live->unproved != 0 && live->unproved++ == REJECTED_MAX) {
        live->unproved = 0;
        vr_peer_move(engine, peer, VR_PEER_CLOSED);
    }
}

/* Both kinds of packet: at most VR_PEER_SSRCS streams, and the first valid packet ends the
 * handshake for good. False: nothing of it may be looked at, and the peer may be gone. */
static bool open_packet(struct vr_engine *engine, uint32_t peer, uint32_t ssrc, uint8_t *data,
                        size_t *size,
                        enum vr_srtp_result (*open)(struct vr_srtp *, uint8_t *, size_t *))
{
    struct vr_peer_live *live = &engine->live[peer];
    struct vr_peer_hot *hot = &engine->hot[peer];
    bool known = find_in(hot->ins, hot->in_count, ssrc) != NULL;
    enum vr_srtp_result result;

    if (!known && hot->in_count == VR_PEER_SSRCS) {
        engine->stats.srtp_malformed++;
        return false;
    }
    result = open(live->srtp, data, size);
    judge(engine, result);
    if (result == VR_SRTP_AUTH) {
        rejected(engine, peer);
    }
    if (result != VR_SRTP_OK) {
        return false;
    }
    live->unproved = 0;
    if (!known) {
        hot->ins[hot->in_count] = (struct vr_peer_in){.ssrc = ssrc};
        vr_keep_order();
        hot->in_count++;
    }
    hot->flight_over = 1;
    return true;
}

/* The SRTCP index stands in the clear: behind the tag with GCM (RFC 7714, 9), before it else (RFC
 * 3711, 3.4). */
static uint32_t rtcp_index(const struct vr_srtp_keys *keys, const uint8_t *data, size_t size)
{
    size_t back = keys->profile == VR_SRTP_GCM ? 4 : 4 + SHA1_TAG;

    return vr_get32(data + size - back) & 0x7fffffff;
}

static bool rtcp_was_here(struct vr_peer_live *live, uint32_t ssrc, uint32_t index)
{
    const struct vr_peer_in *floor =
        live->floor_count == 0 ? NULL : find_in(live->floors, live->floor_count, ssrc);

    return floor != NULL && index < floor->rtcp_next;
}

bool vr_uplink_open_rtp(struct vr_engine *engine, uint32_t peer, const struct vr_rtp *head,
                        uint8_t *data, size_t *size)
{
    if (was_here(engine, peer, head->ssrc, head->seq)) {
        engine->stats.srtp_rejected_replay++;
        return false;
    }
    return open_packet(engine, peer, head->ssrc, data, size, vr_srtp_unprotect);
}

bool vr_uplink_open_rtcp(struct vr_engine *engine, uint32_t peer, uint8_t *data, size_t *size)
{
    struct vr_peer_hot *hot = &engine->hot[peer];
    struct vr_peer_in *in;
    uint32_t index;
    uint32_t ssrc;

    if (*size < RTCP_MIN) {
        return false;
    }
    ssrc = vr_get32(data + 4);
    index = rtcp_index(&engine->cold[peer].keys, data, *size);
    if (rtcp_was_here(&engine->live[peer], ssrc, index)) {
        engine->stats.srtp_rejected_replay++;
        return false;
    }
    if (!open_packet(engine, peer, ssrc, data, size, vr_srtp_unprotect_rtcp)) {
        return false;
    }
    in = find_in(hot->ins, hot->in_count, ssrc);
    if (in != NULL && index >= in->rtcp_next) {
        in->rtcp_next = index + 1;
        vr_keep_order();
    }
    return true;
}

/* From one SSRC to another, in an order to die in: `in_index` is nobody's while it changes. */
static uint64_t begin_ssrc(struct vr_peer_hot *hot, const struct vr_rtp *rtp)
{
    struct vr_peer_in *before = find_in(hot->ins, hot->in_count, hot->in_ssrc);
    struct vr_peer_in *now = find_in(hot->ins, hot->in_count, rtp->ssrc);
    uint64_t index =
        now == NULL || now->rtp_next == 0 ? rtp->seq : vr_rtp_index(now->rtp_next - 1, rtp->seq);

    if (hot->in_started && before != NULL) {
        before->rtp_next = hot->in_index + 1;
    }
    hot->in_started = 0;
    vr_keep_order();
    hot->in_ssrc = rtp->ssrc;
    hot->in_index = index;
    vr_keep_order();
    hot->in_started = 1;
    vr_keep_order();
    return index;
}

/* The packet's 48-bit index, by the highest one that was authenticated; stored before any effect.
 */
uint64_t vr_uplink_advance(struct vr_peer_hot *hot, const struct vr_rtp *rtp, bool *restarted)
{
    uint64_t index;

    *restarted = hot->in_started && hot->in_ssrc != rtp->ssrc;
    if (!hot->in_started || *restarted) {
        return begin_ssrc(hot, rtp);
    }
    index = vr_rtp_index(hot->in_index, rtp->seq);
    if (index > hot->in_index) {
        hot->in_index = index;
        vr_keep_order();
    }
    return index;
}
