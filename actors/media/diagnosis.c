/* diagnosis.c - a shard's transports as JSON: who is to be heard, what was sent to each listener,
 * what his reports say, and what was done about it. Asked for by people, not by packets. */
#include "actors/media/shard_internal.h"

#define LISTENERS_SHOWN 1000 /* of some 700 bytes: below the frame between nodes */

static const char *const peer_states[] = {
    [VR_PEER_NEW] = "new",       [VR_PEER_CHECKED] = "checked", [VR_PEER_UP] = "up",
    [VR_PEER_SILENT] = "silent", [VR_PEER_FAILED] = "failed",   [VR_PEER_CLOSED] = "closed",
};

/* Milliseconds since, or null for what never was. */
static void write_ago(struct vr_buf *out, const char *name, vr_time_us at, vr_time_us now)
{
    if (at == 0) {
        vr_buf_printf(out, ",\"%s\":null", name);
    } else {
        vr_buf_printf(out, ",\"%s\":%lld", name, (long long)((now - at) / 1000));
    }
}

static void write_slot(const struct vr_shard *shard, const struct vr_peer_live *live, uint32_t k,
                       vr_time_us now, struct vr_buf *out)
{
    const struct vr_slot_out *sent = &shard->engine->hot[live->index].slots[k];
    const struct vr_hearing_slot *told = &live->hearing.slots[k];

    vr_buf_printf(out, "{\"slot\":%u,\"packets\":%u,\"bytes\":%u", k, sent->packets, sent->bytes);
    if (told->at == 0) {
        vr_buf_text(out, ",\"report\":null}");
        return;
    }
    vr_buf_printf(out,
                  ",\"report\":{\"highest\":%u,\"lost\":%d,\"loss_percent\":%u,\"jitter_us\":%u,"
                  "\"sent_since\":%u",
                  told->highest, told->lost, told->fraction_lost * 100u / 256,
                  (uint32_t)((uint64_t)told->jitter * 1000 / 48), sent->packets - told->sent);
    write_ago(out, "ago_ms", told->at, now);
    vr_buf_text(out, "}}");
}

static void write_sent(const struct vr_shard *shard, const struct vr_peer_live *live,
                       vr_time_us now, struct vr_buf *out)
{
    const struct vr_slot_out *slots = shard->engine->hot[live->index].slots;
    uint32_t packets = 0;
    int64_t lost = 0;
    bool first = true;

    for (uint32_t k = 0; k < VR_SLOTS_MAX; k++) {
        packets += slots[k].packets;
        lost += live->hearing.slots[k].lost;
    }
    vr_buf_printf(out, ",\"packets_sent\":%u,\"packets_lost\":%lld,\"sent\":[", packets,
                  (long long)lost);
    for (uint32_t k = 0; k < VR_SLOTS_MAX; k++) {
        if (slots[k].packets > 0) {
            vr_buf_text(out, first ? "" : ",");
            write_slot(shard, live, k, now, out);
            first = false;
        }
    }
    vr_buf_text(out, "]");
}

static void write_repairs(const struct vr_repair *repair, vr_time_us now, struct vr_buf *out)
{
    const struct vr_repair_done *last =
        repair->done_count == 0 ? NULL : &repair->done[repair->done_count - 1];

    vr_buf_printf(out, ",\"given_up\":%s,\"repair_count\":%u,\"last_repair\":",
                  repair->given_up ? "true" : "false", repair->acts);
    if (last == NULL) {
        vr_buf_text(out, "null");
    } else {
        vr_buf_printf(out, "\"%s %s\"", vr_repair_name((enum vr_repair_act)last->act),
                      vr_repair_outcome_name((enum vr_repair_outcome)last->outcome));
    }
    vr_buf_text(out, ",\"repairs\":[");
    for (uint8_t i = 0; i < repair->done_count; i++) {
        const struct vr_repair_done *done = &repair->done[i];

        vr_buf_printf(out, "%s{\"act\":\"%s\",\"for\":\"%s\",\"by\":\"%s\",\"outcome\":\"%s\"",
                      i == 0 ? "" : ",", vr_repair_name((enum vr_repair_act)done->act),
                      vr_hearing_name((enum vr_hearing_verdict)done->verdict),
                      vr_hearing_why_name((enum vr_hearing_why)done->why),
                      vr_repair_outcome_name((enum vr_repair_outcome)done->outcome));
        if (done->took == 0) {
            vr_buf_text(out, ",\"took_ms\":null");
        } else {
            vr_buf_printf(out, ",\"took_ms\":%lld", (long long)(done->took / 1000));
        }
        write_ago(out, "ago_ms", done->at, now);
        vr_buf_text(out, "}");
    }
    vr_buf_text(out, "]");
}

static void write_path(const struct vr_shard *shard, const struct vr_peer_live *live,
                       vr_time_us now, struct vr_buf *out)
{
    const struct vr_hearing *hearing = &live->hearing;
    const char *transport = live->path.remote.ss_family == AF_UNSPEC ? "null"
                            : (live->path.socket & VR_PATH_TCP) != 0 ? "\"tcp\""
                                                                     : "\"udp\"";

    vr_buf_printf(out, ",\"path\":{\"transport\":%s,", transport);
    vr_buf_printf(out, "\"tries\":%u", hearing->tries);
    write_ago(out, "checked_ms", shard->engine->hot[live->index].checked_at, now);
    write_ago(out, "answered_ms", hearing->answered_at, now);
    write_ago(out, "unanswered_ms", hearing->asked_at, now);
    if (hearing->answered_at == 0) {
        vr_buf_text(out, ",\"round_trip_us\":null}");
    } else {
        vr_buf_printf(out, ",\"round_trip_us\":%lld}", (long long)hearing->round_trip);
    }
}

static void write_listener(const struct vr_shard *shard, const struct vr_peer_live *live,
                           vr_time_us now, struct vr_buf *out)
{
    const struct vr_hearing *hearing = &live->hearing;
    const struct vr_peer_conf *conf = &shard->engine->cold[live->index].conf;
    const struct vr_gate *gate = &live->who->gate;

    vr_buf_printf(
        out,
        "{\"participant\":%u,\"generation\":%u,\"state\":\"%s\",\"hearing\":\"%s\",\"by\":\"%s\"",
        conf->participant, conf->generation, peer_states[shard->engine->hot[live->index].state],
        vr_hearing_name((enum vr_hearing_verdict)hearing->verdict),
        vr_hearing_why_name((enum vr_hearing_why)hearing->why));
    write_ago(out, "since_ms", hearing->since, now);
    vr_buf_printf(out, ",\"may_hear\":%s,\"may_speak\":%s,\"received\":%llu",
                  live->listener.open && live->listener.slot_count > 0 ? "true" : "false",
                  gate->known && gate->may_send && conf->may_send ? "true" : "false",
                  (unsigned long long)live->source.received);
    write_path(shard, live, now, out);
    write_ago(out, "reported_ms", hearing->reported_at, now);
    write_sent(shard, live, now, out);
    write_repairs(&live->who->repair, now, out);
    vr_buf_text(out, "}");
}

/* Who holds a slot here and speaks: all others should hear them. */
static void write_speaking(const struct vr_shard *shard, vr_time_us now, struct vr_buf *out)
{
    bool first = true;

    vr_buf_text(out, "\"speaking\":[");
    for (uint32_t k = 0; k < shard->slots.count; k++) {
        const struct vr_talker *talker = shard->slots.holders[k];

        if (talker != NULL && vr_talker_speaks(talker, now)) {
            vr_buf_printf(out, "%s{\"participant\":%u,\"slot\":%u}", first ? "" : ",",
                          talker->participant, k);
            first = false;
        }
    }
    vr_buf_text(out, "]");
}

static bool is_broken(const struct vr_peer_live *live)
{
    return live->hearing.verdict == VR_HEARING_AWAY || live->hearing.verdict == VR_HEARING_DEAF ||
           live->hearing.verdict == VR_HEARING_DUMB;
}

/* One pass for those that are broken, one for the others; a transport that is being replaced, or
 * not up yet, is shown too. */
static void write_listeners(const struct vr_shard *shard, vr_time_us now, struct vr_buf *out)
{
    uint32_t shown = 0;

    vr_buf_text(out, ",\"listeners\":[");
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < shard->listener_count && shown < LISTENERS_SHOWN; i++) {
            const struct vr_peer_live *live =
                VR_OWNER(shard->listeners[i], struct vr_peer_live, listener);

            if (is_broken(live) == (pass == 0)) {
                vr_buf_text(out, shown++ == 0 ? "" : ",");
                write_listener(shard, live, now, out);
            }
        }
    }
    vr_buf_text(out, "]");
}

void vr_shard_diagnosis(const struct vr_shard *shard, vr_time_us now, struct vr_buf *out)
{
    uint32_t counts[VR_HEARING_VERDICTS] = {0};

    for (uint32_t i = 0; i < shard->listener_count; i++) {
        counts[VR_OWNER(shard->listeners[i], struct vr_peer_live, listener)->hearing.verdict]++;
    }
    vr_buf_text(out, "{");
    write_speaking(shard, now, out);
    vr_buf_printf(out, ",\"transports\":%u,\"verdicts\":{", shard->listener_count);
    for (uint32_t i = 0; i < VR_HEARING_VERDICTS; i++) {
        vr_buf_printf(out, "%s\"%s\":%u", i == 0 ? "" : ",",
                      vr_hearing_name((enum vr_hearing_verdict)i), counts[i]);
    }
    vr_buf_text(out, "}");
    write_listeners(shard, now, out);
    vr_buf_text(out, "}");
}
