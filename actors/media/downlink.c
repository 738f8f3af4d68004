/* downlink.c - what a peer is sent: the slots of its shard, and reports. */
#include "actors/media/shard_internal.h"
#include "actors/wire/rtcp.h"

#define START_MASK 0x7fff /* of a slot's first index to a peer: rollover 0, and the lower half */
#define RTCP_OUT_MAX 0x7fffffffu /* RFC 3711, 9.2 */
#define AHEAD_MAX 0x4000 /* a longer way to the next packet: the receiver's guess could fail */

/* The slot goes on behind the last packet sent, whatever its own numbers did meanwhile: it changed
 * between packed and single frames, or this peer heard nothing of it for long. */
static void resume(struct vr_slot_out *slot, uint64_t index)
{
    slot->shift = (slot->wire + 1 - index) & VR_RTP_INDEX_MASK;
    slot->run = 0;
    slot->wire = (slot->wire + 1) & VR_RTP_INDEX_MASK;
}

/* The packet's 48-bit index on the wire to this peer. False: nothing begins with a late packet, and
 * none comes from before the last beginning. */
static bool number(struct vr_slot_out *slot, const struct vr_slot_packet *packet, bool again,
                   uint64_t *wire)
{
    uint64_t index = packet->index;
    uint64_t newest = (slot->wire - slot->shift) & VR_RTP_INDEX_MASK; /* as the slot counts */

    if (slot->packets == 0) {
        if (!packet->newest) {
            return false;
        }
        slot->shift = ((index & START_MASK) - index) & VR_RTP_INDEX_MASK;
        slot->run = 0;
        slot->wire = index & START_MASK;
    } else if (packet->newest) {
        uint64_t ahead = index - newest;

        if (again && index <= newest) {
            return false; /* he had it before the restart */
        }
        if (index <= newest || ahead > AHEAD_MAX) {
            resume(slot, index);
        } else {
            slot->run = slot->run + ahead > UINT16_MAX ? UINT16_MAX : slot->run + ahead;
            slot->wire = (slot->wire + ahead) & VR_RTP_INDEX_MASK;
        }
    } else if (index >= newest || newest - index > slot->run) {
        return false;
    }
    *wire = (index + slot->shift) & VR_RTP_INDEX_MASK;
    return true;
}

/* One packet, sealed, to `out`. Its size; 0: not for this peer, or not to be sealed. */
static size_t put_packet(struct vr_engine *engine, uint32_t peer,
                         const struct vr_slot_packet *packet, const struct vr_form *form,
                         uint8_t *out)
{
    struct vr_peer_hot *hot = &engine->hot[peer];
    struct vr_slot_out *slot = &hot->slots[packet->slot];
    size_t size = form->size;
    uint64_t index;

    if (!hot->sealed && !vr_peer_keyed(engine, peer)) { /* it goes on behind the last number */
        return 0;
    }
    if (form->head == 0 || !number(slot, packet, engine->again, &index)) {
        return 0;
    }
    if (hot->sealed) {
        memcpy(out, form->bytes, form->head);
        vr_rtp_put_seq(out, (uint16_t)index);
        if (!vr_seal_rtp(engine->sealer, &hot->seal, index, out, form->head,
                         vr_bytes(form->bytes + form->head, size - form->head))) {
            return 0;
        }
        size += VR_SEAL_TAG;
    } else {
        memcpy(out, form->bytes, size);
        vr_rtp_put_seq(out, (uint16_t)index);
        if (!vr_peer_keyed(engine, peer) || !vr_srtp_protect(engine->live[peer].srtp, out, &size)) {
            return 0;
        }
    }
    slot->packets++;
    slot->bytes += form->payload;
    engine->stats.padding_bytes += form->padding;
    return size;
}

static const struct vr_form *forms_for(struct vr_engine *engine, uint32_t peer)
{
    const struct vr_peer_hot *hot = &engine->hot[peer];
    struct vr_shape own;

    if (hot->shape != VR_SHAPE_NONE) {
        return vr_forms_get(&engine->forms, hot->shape, &engine->shapes.items[hot->shape],
                            hot->red_depth);
    }
    vr_shape_of(&engine->cold[peer].conf, &own);
    return vr_forms_get(&engine->forms, VR_SHAPE_NONE, &own, hot->red_depth);
}

static void send_out(struct vr_engine *engine, uint32_t peer, const uint8_t *data, size_t size,
                     size_t segment)
{
    uint64_t count = (size + segment - 1) / segment;

    engine->stats.forwarded += count;
    engine->stats.sent += count;
    engine->stats.bytes_out += size;
    engine->stats.bursts += count > 1;
    engine->stats.burst_packets += count > 1 ? count : 0;
    engine->made_up = true;
    if (engine->conf.send_burst != NULL) {
        engine->conf.send_burst(engine->conf.ctx, &engine->hot[peer].hop, vr_bytes(data, size),
                                segment);
        return;
    }
    for (size_t at = 0; at < size; at += segment) {
        engine->conf.send(engine->conf.ctx, &engine->live[peer].path,
                          vr_bytes(data + at, size - at < segment ? size - at : segment));
    }
}

void vr_downlink_send(struct vr_engine *engine, uint32_t peer, uint32_t mask)
{
    const struct vr_form *forms = forms_for(engine, peer);
    uint8_t *out = engine->burst;
    size_t size = 0;
    size_t segment = 0;

    if (engine->hot[peer].hop.remote.any.sa_family == AF_UNSPEC) {
        return;
    }
    for (uint32_t i = 0; i < engine->forms.count; i++) {
        size_t more = (mask >> i & 1) == 0 ? 0
                                           : put_packet(engine, peer, engine->forms.packets[i],
                                                        &forms[i], out + size);

        if (more == 0) {
            continue;
        }
        if (size > 0 && more != segment) { /* only equal ones can leave as one */
            send_out(engine, peer, out, size, segment);
            memmove(out, out + size, more);
            size = 0;
        }
        segment = more;
        size += more;
    }
    if (size > 0) {
        send_out(engine, peer, out, size, segment);
    }
}

void vr_downlink_prefetch(const struct vr_engine *engine, uint32_t peer, uint32_t slot)
{
    __builtin_prefetch(&engine->hot[peer], 1);
    __builtin_prefetch(&engine->hot[peer].slots[slot], 1);
}

const struct vr_listener_ops vr_peer_listener_ops = {.slot = NULL};

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

    if (!vr_peer_keyed(engine, peer) || hot->rtcp_out >= RTCP_OUT_MAX) {
        return;
    }
    for (uint32_t k = 0; k < VR_SLOTS_MAX; k++) {
        const struct vr_slot *slot =
            live->listener.narrow ? &live->shard->narrow.slots[k] : &live->shard->slots.slots[k];
        struct vr_rtcp_sender sender = {
            .ssrc = VR_SLOT_SSRC + k,
            .ntp = vr_ntp_from_wall(engine->now),
            .ts = vr_slot_ts_at(slot, engine->now),
            .packets = hot->slots[k].packets,
            .bytes = hot->slots[k].bytes,
        };
        bool started = hot->slots[k].packets > 0;

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
    hot->rtcp_out++; /* before it is used: over a restart too none comes twice */
    if (writer.failed ||
        !(hot->sealed ? vr_seal_rtcp(engine->sealer, &engine->cold[peer].seal_rtcp, hot->rtcp_out,
                                     engine->scratch, &size)
                      : vr_srtp_protect_rtcp(live->srtp, engine->scratch, &size))) {
        return;
    }
    engine->stats.rtcp_out++;
    vr_engine_send(engine, &live->path, vr_bytes(engine->scratch, size));
}
