/* downlink.c - what a peer is sent: the slots of its shard, and reports. */
#include "actors/base/owner.h"
#include "actors/media/shard_internal.h"
#include "actors/wire/rtcp.h"

/* The rollover that the first packet of a slot to this peer belonged to: all that a restart must
 * know beside the slot's own index. Late packets do not begin a stream. */
static bool begin_slot(struct vr_peer_hot *hot, const struct vr_slot_packet *packet)
{
    if ((hot->slot_started >> packet->slot & 1) == 0) {
        if (!packet->newest) {
            return false;
        }
        hot->slot_started |= (uint8_t)(1u << packet->slot);
        hot->slot_base[packet->slot] = (uint16_t)(packet->index >> 16);
    }
    return true;
}

static size_t put_payload(const struct vr_peer_conf *conf, const struct vr_slot_packet *packet,
                          const struct vr_slot_red *red, uint8_t *out)
{
    if (red == NULL) {
        memcpy(out, packet->opus.data, packet->opus.size);
        return packet->opus.size;
    }
    memcpy(out, red->payload.data, red->payload.size);
    for (uint32_t i = 0; i < red->blocks; i++) { /* heads of 4 bytes, the primary's is the last */
        out[i * 4] |= conf->opus_pt;
    }
    return red->payload.size;
}

/* The form that this listener takes; NULL: plain Opus. */
static const struct vr_slot_red *red_for(const struct vr_listener *listener,
                                         const struct vr_slot_packet *packet)
{
    const struct vr_slot_red *red =
        listener->red_depth == 0 ? NULL : &packet->red[listener->red_depth - 1];

    return red != NULL && red->payload.size > 0 ? red : NULL;
}

static void send_slot(struct vr_listener *listener, const struct vr_slot_packet *packet)
{
    struct vr_peer_live *live = VR_OWNER(listener, struct vr_peer_live, listener);
    struct vr_engine *engine = live->engine;
    const struct vr_peer_conf *conf = &engine->cold[live->index].conf;
    const struct vr_slot_red *red = red_for(listener, packet);
    const char *mid = conf->slot_mid[packet->slot];
    uint32_t csrc = packet->participant;
    struct vr_rtp_ext ext[] = {
        {.id = conf->level_id, .size = 1, .data = &packet->level_byte},
        {.id = mid[0] == 0 ? 0 : conf->mid_id,
         .size = (uint8_t)strlen(mid),
         .data = (const uint8_t *)mid},
    };
    struct vr_rtp_head head = {
        .marker = packet->marker,
        .pt = red != NULL ? conf->red_pt : conf->opus_pt,
        .seq = (uint16_t)packet->index,
        .ts = packet->ts,
        .ssrc = VR_SLOT_SSRC + packet->slot,
        .csrc_count = 1,
        .csrc = &csrc,
        .ext_count = 2,
        .ext = ext,
    };
    uint8_t *out = engine->scratch;
    size_t size;

    if (!begin_slot(&engine->hot[live->index], packet)) {
        return;
    }
    size = vr_rtp_head_write(&head, out, 256);
    if (size == 0) {
        return;
    }
    size += put_payload(conf, packet, red, out + size);
    if (!vr_srtp_protect(live->srtp, out, &size)) {
        return;
    }
    live->sent_packets[packet->slot]++;
    live->sent_bytes[packet->slot] += (uint32_t)packet->opus.size;
    engine->stats.forwarded++;
    engine->made_up = true;
    vr_engine_send(engine, &live->path, vr_bytes(out, size));
}

static void soon(const struct vr_listener *listener, unsigned step)
{
    const struct vr_peer_live *live = VR_OWNER(listener, struct vr_peer_live, listener);

    if (step == 0) {
        __builtin_prefetch((const char *)&live->path + 64);
        __builtin_prefetch(&live->srtp);
        __builtin_prefetch(&live->index);
        __builtin_prefetch(&live->sent_packets, 1);
    } else if (step == 1) {
        __builtin_prefetch(&live->engine->cold[live->index].conf.opus_pt);
        __builtin_prefetch(&live->engine->cold[live->index].conf.slot_mid);
        __builtin_prefetch(&live->engine->hot[live->index]);
        __builtin_prefetch(live->srtp);
    } else if (live->srtp != NULL) {
        vr_srtp_prefetch(live->srtp);
    }
}

const struct vr_listener_ops vr_peer_listener_ops = {.slot = send_slot, .soon = soon};

/* About what came from the client (RFC 3550, 6.4.1). */
static unsigned uplink_report(struct vr_engine *engine, uint32_t peer, struct vr_rtcp_report *out)
{
    struct vr_peer_live *live = &engine->live[peer];

    if (!engine->hot[peer].in_started || !live->source.started) {
        return 0;
    }
    *out = (struct vr_rtcp_report){
        .ssrc = engine->hot[peer].in_ssrc,
        .fraction_lost = vr_rtp_source_fraction(&live->source),
        .lost = vr_rtp_source_lost(&live->source),
        .highest = (uint32_t)live->source.highest,
        .jitter = vr_rtp_source_jitter(&live->source),
        .last_sr = live->sr_at == 0 ? 0 : live->sr_middle,
        .delay_last_sr = live->sr_at == 0 ? 0 : vr_ntp_short(engine->now - live->sr_at),
    };
    return 1;
}

/* One compound: the first SSRC is always slot 0's (SRTCP counts by it), then an SR for each other
 * slot that has been sent, then one CNAME for all. NTP time is the node's own clock since start:
 * streams need to agree with each other only. */
void vr_reports_send(struct vr_engine *engine, uint32_t peer)
{
    struct vr_peer_live *live = &engine->live[peer];
    struct vr_peer_hot *hot = &engine->hot[peer];
    struct vr_rtcp_writer writer = vr_rtcp_writer(engine->scratch, 1200);
    struct vr_rtcp_report report;
    unsigned reports = uplink_report(engine, peer, &report);
    uint32_t ssrcs[VR_SLOTS_MAX];
    unsigned count = 0;
    size_t size;

    if (live->srtp == NULL) {
        return;
    }
    for (uint32_t k = 0; k < VR_SLOTS_MAX; k++) {
        const struct vr_slot *slot =
            live->listener.narrow ? &live->shard->narrow.slots[k] : &live->shard->slots.slots[k];
        struct vr_rtcp_sender sender = {
            .ssrc = VR_SLOT_SSRC + k,
            .ntp = vr_ntp_from_wall(engine->now),
            .ts = vr_slot_ts_at(slot, engine->now),
            .packets = live->sent_packets[k],
            .bytes = live->sent_bytes[k],
        };
        bool started = (hot->slot_started >> k & 1) != 0;

        if (started) {
            vr_rtcp_write_sr(&writer, &sender, &report, k == 0 ? reports : 0);
        } else if (k == 0) {
            vr_rtcp_write_rr(&writer, sender.ssrc, &report, reports);
        }
        if (started || k == 0) {
            ssrcs[count++] = sender.ssrc;
        }
    }
    vr_rtcp_write_cname(&writer, ssrcs, count, "voicerooms");
    size = writer.size;
    if (writer.failed || !vr_srtp_protect_rtcp(live->srtp, engine->scratch, &size)) {
        return;
    }
    hot->rtcp_out++;
    engine->stats.rtcp_out++;
    vr_engine_send(engine, &live->path, vr_bytes(engine->scratch, size));
}
