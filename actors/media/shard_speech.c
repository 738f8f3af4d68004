/* shard_speech.c - the way of a packet through a shard: source, choice, numbering, and out to the
 * listeners. */
#include <string.h>

#include "actors/media/shard_internal.h"
#include "actors/wire/level.h"
#include "actors/wire/red.h"

void vr_participant_break(struct vr_participant *who)
{
    vr_talker_break(&who->talker);
    vr_talker_break(&who->narrow);
}

bool vr_shard_source(struct vr_participant *who, uint32_t shard, uint32_t generation,
                     vr_time_us now)
{
    if (who->source_shard == shard && who->source_generation == generation) {
        return true;
    }
    if (generation < who->source_generation && now - who->talker.arrived_at < VR_SOURCE_STALE) {
        return false;
    }
    who->source_shard = shard;
    who->source_generation = generation;
    vr_participant_break(who);
    return true;
}

bool vr_shard_reachable(const struct vr_shard *shard, const struct vr_participant *who,
                        uint8_t level, vr_time_us now)
{
    if (vr_slots_reachable(&shard->slots, &who->talker, level, now)) {
        return true;
    }
    for (uint32_t i = 0; i < shard->link_count; i++) {
        if (vr_link_wants(&shard->links[i], &who->talker, level * 16, now) &&
            (level < VR_LEVEL_QUIET || vr_talker_speaks(&who->talker, now))) {
            return true;
        }
    }
    return false;
}

/* The newest frame of the slot as redundancy in front of this one, once for all who want it. */
static void build_red(struct vr_shard *shard, struct vr_slot_packet *packet)
{
    struct vr_engine *engine = shard->engine;
    struct vr_red red = {.count = 0};
    uint32_t offset = packet->ts - shard->last[packet->slot].ts;

    if (packet->newest && shard->last[packet->slot].size > 0 &&
        shard->last[packet->slot].index + 1 == packet->index && offset <= VR_RED_OFFSET_MAX) {
        red.blocks[red.count++] = (struct vr_red_block){
            .payload = vr_bytes(shard->last[packet->slot].opus, shard->last[packet->slot].size),
            .ts_offset = (uint16_t)offset,
        };
    }
    red.blocks[red.count++] = (struct vr_red_block){.payload = packet->opus};
    packet->red_blocks = (uint8_t)red.count;
    packet->red = vr_bytes(engine->red, vr_red_merge(&red, engine->red, VR_PACKET_MAX - 512));
}

static void keep_last(struct vr_shard *shard, const struct vr_slot_packet *packet)
{
    if (!packet->newest) {
        return;
    }
    shard->last[packet->slot].index = packet->index;
    shard->last[packet->slot].ts = packet->ts;
    shard->last[packet->slot].size = 0;
    if (packet->opus.size <= VR_RED_KEEP) {
        shard->last[packet->slot].size = (uint16_t)packet->opus.size;
        memcpy(shard->last[packet->slot].opus, packet->opus.data, packet->opus.size);
    }
}

static void distribute(struct vr_shard *shard, struct vr_slot_packet *packet, bool narrow)
{
    for (uint32_t i = 0; i < shard->listener_count; i++) {
        struct vr_listener *listener = shard->listeners[i];

        if (listener->open && listener->narrow == narrow &&
            listener->participant != packet->participant && packet->slot < listener->slot_count) {
            listener->ops->slot(listener, packet);
        }
    }
}

/* One choice and its listeners. */
static enum vr_number hear_on(struct vr_shard *shard, vr_time_us now,
                              const struct vr_speech *speech, bool narrow)
{
    struct vr_slots *slots = narrow ? &shard->narrow : &shard->slots;
    struct vr_talker *talker = narrow ? &speech->who->narrow : &speech->who->talker;
    struct vr_packet_in in = {speech->index, speech->ts, speech->level, speech->marker};
    struct vr_packet_out out;
    struct vr_slot_packet packet;
    enum vr_number verdict;

    vr_slots_level(slots, talker, speech->level, now);
    verdict = vr_slots_number(slots, talker, &in, now, &out);
    if (verdict != VR_NUMBER_SEND) {
        return verdict;
    }
    packet = (struct vr_slot_packet){
        .now = now,
        .index = out.index,
        .slot = out.slot,
        .ts = out.ts,
        .participant = talker->participant,
        .level_byte = vr_level_byte((struct vr_level){speech->level, speech->voice}),
        .marker = out.marker,
        .newest = out.newest,
        .opus = speech->opus,
    };
    if (!narrow && shard->red_listeners > 0) {
        build_red(shard, &packet);
        keep_last(shard, &packet);
    }
    distribute(shard, &packet, narrow);
    return VR_NUMBER_SEND;
}

bool vr_shard_hear(struct vr_shard *shard, vr_time_us now, const struct vr_speech *speech)
{
    uint64_t changes = shard->slots.changes;
    enum vr_number verdict = hear_on(shard, now, speech, false);

    shard->engine->stats.speaker_changes += shard->slots.changes - changes;
    if (verdict == VR_NUMBER_REPEATED) {
        return false;
    }
    shard->engine->stats.not_chosen += verdict != VR_NUMBER_SEND;
    if (shard->narrow_listeners > 0) {
        (void)hear_on(shard, now, speech, true);
    }
    return true;
}

void vr_shard_speech(struct vr_shard *shard, vr_time_us now, const struct vr_speech *speech)
{
    if (!vr_shard_source(speech->who, VR_SOURCE_LOCAL, speech->generation, now)) {
        shard->engine->stats.gated++;
        return;
    }
    vr_shard_count_spoken(speech->who, speech->level, now);
    if (!vr_shard_hear(shard, now, speech)) {
        return;
    }
    for (uint32_t i = 0; i < shard->link_count; i++) {
        struct vr_listener *link = &shard->links[i].listener;

        link->ops->speech(link, now, speech);
    }
}
