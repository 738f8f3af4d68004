/* shard_clock.c - when was said what listeners hear: the slots as one of them gets them, and the
 * talkers whose own packets arrive here (messages/sound_clock.h). Asked for by clients every few
 * seconds, not by packets. */
#include "actors/media/shard_internal.h"

static void add_slots(const struct vr_shard *shard, bool narrow, struct vr_sound_clock *out)
{
    const struct vr_slots *slots = narrow ? &shard->narrow : &shard->slots;

    for (uint32_t k = 0; k < slots->count; k++) {
        const struct vr_talker *talker = slots->holders[k];
        const struct vr_participant *who =
            talker == NULL ? NULL : vr_shard_find(shard, talker->participant);

        if (who == NULL || !talker->anchored || talker->history_count == 0) {
            continue;
        }
        out->slots[out->slot_count++] = (struct vr_sound_slot){
            .ssrc = VR_SLOT_SSRC + k,
            .participant = talker->participant,
            .ts_offset = talker->history[0].ts_offset,
            .shard = who->source_shard == VR_SOURCE_LOCAL ? VR_SOUND_HERE : who->source_shard,
        };
    }
}

static void add_talker(const struct vr_shard *shard, const struct vr_participant *who,
                       vr_time_us now, struct vr_sound_clock *out)
{
    const struct vr_peer_live *live = NULL;
    struct vr_capture_moment moment = {.ts = who->talker.ts, .arrived = who->talker.arrived_at};
    vr_time_us said;

    if (who->source_shard != VR_SOURCE_LOCAL || who->active == VR_PEER_NONE || !who->talker.heard ||
        out->talker_count == VR_SPOKE_MAX) {
        return;
    }
    live = &shard->engine->live[who->active];
    moment.transit = live->source.transit;
    moment.round_trip = live->hearing.round_trip;
    /* In silence nothing comes: what is told is his RTP time of then, and when that was. */
    if (vr_capture_at(&live->capture, now, &moment, &said) && now - said < VR_CAPTURE_STALE) {
        out->talkers[out->talker_count++] = (struct vr_sound_talker){
            .participant = who->talker.participant,
            .ts = moment.ts,
            .ago_us = now > said ? (uint32_t)(now - said) : 0,
        };
    }
}

void vr_shard_sound_clock(const struct vr_shard *shard, struct vr_id peer, vr_time_us now,
                          struct vr_sound_clock *out)
{
    uint32_t listener = vr_id_is_zero(peer) ? VR_PEER_NONE : vr_peers_by_id(shard->engine, peer);

    *out = (struct vr_sound_clock){.now = now};
    if (listener != VR_PEER_NONE && shard->engine->live[listener].shard == shard) {
        add_slots(shard, shard->engine->live[listener].listener.narrow, out);
    }
    VR_LIST_EACH(item, &shard->talkers)
    {
        add_talker(shard, VR_OWNER(item, struct vr_participant, talking), now, out);
    }
}
