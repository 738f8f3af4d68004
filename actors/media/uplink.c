/* uplink.c - what a proved, keyed peer sends: RTP to its shard, RTCP into counters. */
#include "actors/media/shard_internal.h"
#include "actors/wire/level.h"
#include "actors/wire/red.h"
#include "actors/wire/rtcp.h"

/* A sender without the level extension: decode one packet in a few. */
static uint8_t measured(struct vr_peer_live *live, struct vr_bytes opus)
{
    if (opus.size <= 2) {
        return VR_LEVEL_SILENCE; /* DTX */
    }
    if (live->meter == NULL) {
        live->meter = vr_level_meter_new(); /* once in a transport's life */
        live->meter_level = VR_LEVEL_SILENCE;
        if (live->meter == NULL) {
            return VR_LEVEL_SILENCE;
        }
    }
    if (live->meter_count++ % VR_METER_EVERY == 0) {
        live->meter_level = vr_level_meter_measure(live->meter, opus);
    }
    return live->meter_level;
}

/* The payload as plain Opus; redundant frames of packets that never came go first. */
static void speak(struct vr_engine *engine, uint32_t peer, const struct vr_rtp *rtp,
                  struct vr_speech *speech, bool level_known)
{
    const struct vr_peer_conf *conf = &engine->cold[peer].conf;
    struct vr_peer_live *live = &engine->live[peer];
    struct vr_red red = {.count = 1, .blocks = {{.payload = rtp->payload, .pt = rtp->pt}}};

    if (conf->red_pt != VR_PT_NONE && rtp->pt == conf->red_pt &&
        (!vr_red_split(rtp->payload, &red) || vr_red_primary(&red)->pt != conf->opus_pt)) {
        engine->stats.srtp_malformed++;
        return;
    }
    speech->opus = vr_red_primary(&red)->payload;
    if (speech->opus.size == 0 || speech->opus.size > VR_RELAY_PAYLOAD_MAX) {
        return; /* padding only: a probe of the path */
    }
    if (!level_known) {
        speech->level = measured(live, speech->opus);
        speech->voice = speech->level < VR_LEVEL_QUIET;
    }
    for (uint32_t i = 0; i + 1 < red.count; i++) {
        uint64_t back = red.count - 1 - i;
        struct vr_speech older = *speech;

        if (red.blocks[i].payload.size == 0 || red.blocks[i].pt != conf->opus_pt ||
            back > speech->index || !vr_talker_awaits(&live->who->talker, speech->index - back)) {
            continue;
        }
        older.index = speech->index - back;
        older.ts = speech->ts - red.blocks[i].ts_offset;
        older.opus = red.blocks[i].payload;
        older.marker = false;
        vr_shard_speech(live->shard, engine->now, &older);
    }
    vr_shard_speech(live->shard, engine->now, speech);
}

static bool hears_out(struct vr_engine *engine, uint32_t peer, uint8_t level, bool level_known)
{
    struct vr_peer_live *live = &engine->live[peer];

    if (!vr_shard_is_active(live) || !engine->cold[peer].conf.may_send ||
        !vr_gate_passes_in(&live->who->gate, engine->cold[peer].conf.generation)) {
        engine->stats.gated++;
        return false;
    }
    if (level_known && !vr_shard_reachable(live->shard, live->who, level, engine->now)) {
        engine->stats.not_chosen++;
        return false;
    }
    return true;
}

void vr_uplink_rtp(struct vr_engine *engine, uint32_t peer, uint8_t *data, size_t size)
{
    struct vr_peer_live *live = &engine->live[peer];
    struct vr_peer_hot *hot = &engine->hot[peer];
    const struct vr_peer_conf *conf = &engine->cold[peer].conf;
    struct vr_level level = {VR_LEVEL_SILENCE, false};
    struct vr_speech speech = {0};
    struct vr_rtp rtp;
    bool level_known;
    bool wanted;
    bool restarted;

    if (!vr_uplink_within_rate(engine, hot)) {
        return;
    }
    if (!vr_rtp_parse_head(vr_bytes(data, size), &rtp)) {
        engine->stats.srtp_malformed++;
        return;
    }
    level_known = vr_level_of(&rtp, conf->level_id, &level);
    wanted = hears_out(engine, peer, level.level, level_known);
    /* The first packet is always opened: a sender whose sequence wraps before anybody wants to hear
     * him has a rollover counter that could not be guessed later. */
    if (!wanted && hot->in_started && ++live->skipped % VR_SAMPLE != 0) {
        vr_rtp_source_update(&live->source, rtp.seq,
                             NULL); /* it came: not lost, only not looked at */
        return;
    }
    if (!vr_uplink_open_rtp(engine, peer, &rtp, data, &size)) {
        return;
    }
    if (!vr_rtp_parse(vr_bytes(data, size), &rtp) || rtp.ssrc == 0) {
        engine->stats.srtp_malformed++;
        return;
    }
    speech.index = vr_uplink_advance(hot, &rtp, &restarted);
    if (restarted) {
        vr_rtp_source_init(&live->source, 0);
        vr_hearing_sender_anew(&live->hearing);
        live->capture = (struct vr_capture){0};
        vr_participant_break(live->who);
    }
    vr_rtp_source_update(&live->source, rtp.seq, NULL);
    vr_rtp_source_arrived(&live->source, (uint32_t)((uint64_t)engine->now * 48 / 1000), rtp.ts);
    if (!wanted || (rtp.pt != conf->opus_pt && rtp.pt != conf->red_pt)) {
        return;
    }
    speech.who = live->who;
    speech.generation = conf->generation;
    speech.ts = rtp.ts;
    speech.marker = rtp.marker;
    speech.level = level.level;
    speech.voice = level.voice;
    speak(engine, peer, &rtp, &speech, level_known);
}

/* ---- RTCP ---- */

/* Two losses in a row leave a hole behind one redundant block, so on a lossy path there are two.
 * And there nothing is packed: what is lost would be three times as long. */
static void adapt_to_loss(struct vr_engine *engine, struct vr_peer_live *live, bool lossy)
{
    struct vr_listener *listener = &live->listener;
    bool was = live->lossy_at != 0;

    if (lossy) {
        live->lossy_at = engine->now;
    } else if (was && engine->now - live->lossy_at > VR_LOSS_HOLD) {
        live->lossy_at = 0;
    }
    if ((live->lossy_at != 0) == was) {
        return;
    }
    if (listener->red_depth > 0) {
        vr_shard_red_depth(live->shard, listener, live->lossy_at != 0 ? 2 : 1);
    } else {
        vr_shard_hear_sync(live->shard, listener);
    }
}

static void read_reports(struct vr_engine *engine, struct vr_peer_live *live,
                         const struct vr_rtcp_packet *packet)
{
    struct vr_rtcp_report report;
    bool lossy = false;

    if (packet->kind == VR_RTCP_SR || packet->kind == VR_RTCP_RR) {
        vr_hearing_compound(&live->hearing);
    }
    for (unsigned i = 0; vr_rtcp_report_get(packet, i, &report); i++) {
        uint32_t slot = report.ssrc - VR_SLOT_SSRC;

        if (slot >= VR_SLOTS_MAX) {
            continue;
        }
        vr_hearing_report(&live->hearing, engine->now, slot, &report,
                          engine->hot[live->index].slots[slot].packets);
        lossy = lossy || report.fraction_lost * 100 > VR_LOSS_MANY * 256;
        if ((live->reports_known >> slot & 1) == 0) { /* he counts since before the restart */
            live->reports_known |= (uint8_t)(1u << slot);
            live->lost_before[slot] = report.lost > 0 ? (uint32_t)report.lost : 0;
        } else if (report.lost > (int32_t)live->lost_before[slot]) {
            engine->stats.lost_reported += (uint32_t)report.lost - live->lost_before[slot];
            live->lost_before[slot] = (uint32_t)report.lost;
        }
        engine->stats.jitter_seconds_sum += report.jitter / 48000.0;
        engine->stats.jitter_reports++;
    }
    adapt_to_loss(engine, live, lossy);
}

/* RFC 3550, 6.6: the client ends his stream (Firefox does when a connection is closed). Without it
 * his slot would be kept for the hang-over. */
static void read_bye(struct vr_engine *engine, uint32_t peer, const struct vr_rtcp_packet *packet)
{
    struct vr_peer_live *live = &engine->live[peer];
    uint32_t ssrc;

    for (unsigned i = 0; vr_rtcp_bye_get(packet, i, &ssrc); i++) {
        if (engine->hot[peer].in_started && ssrc == engine->hot[peer].in_ssrc &&
            vr_shard_is_active(live) && live->who->source_shard == VR_SOURCE_LOCAL) {
            vr_shard_left(live->shard, live->who);
        }
    }
}

void vr_uplink_rtcp(struct vr_engine *engine, uint32_t peer, uint8_t *data, size_t size)
{
    struct vr_peer_live *live = &engine->live[peer];
    struct vr_rtcp_packet packet;
    struct vr_rtcp_sender sender;
    struct vr_bytes rest;

    if (!vr_uplink_within_rate(engine, &engine->hot[peer])) {
        return;
    }
    if (!vr_uplink_open_rtcp(engine, peer, data, &size)) {
        return;
    }
    engine->stats.rtcp_in++;
    rest = vr_bytes(data, size);
    while (vr_rtcp_next(&rest, &packet)) {
        if (vr_rtcp_sender_get(&packet, &sender)) {
            live->sr_at = engine->now;
            live->sr_middle = vr_ntp_middle(sender.ntp);
            if (!engine->hot[peer].in_started || sender.ssrc == engine->hot[peer].in_ssrc) {
                vr_hearing_sender(&live->hearing, sender.packets, live->source.received);
            }
            if (engine->hot[peer].in_started && sender.ssrc == engine->hot[peer].in_ssrc &&
                live->source.transit_set) {
                vr_capture_report(&live->capture, engine->now, sender.ntp, sender.ts,
                                  live->source.transit);
            }
        }
        read_reports(engine, live, &packet);
        read_bye(engine, peer, &packet);
    }
}
