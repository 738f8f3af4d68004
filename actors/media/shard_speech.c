/* shard_speech.c - the way of a packet through a shard: source, choice, numbering, and out to the
 * listeners. */
#include <string.h>

#include "actors/media/shard_internal.h"
#include "actors/wire/level.h"
#include "actors/wire/red.h"

#define RED_ROOM 1000 /* bytes of all blocks: the packet stays below any path's MTU */

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

/* The frame sent `back` packets ago, if it may stand in this packet: of the same speaker (a RED
 * receiver plays it under this packet's CSRC), and within the 14 bits of the offset (a pause). */
static const struct vr_kept_frame *kept_before(const struct vr_shard *shard,
                                               const struct vr_slot_packet *packet, uint32_t back)
{
    uint32_t at = (shard->kept[packet->slot].newest + VR_RED_DEPTH_MAX + 1 - back);
    const struct vr_kept_frame *kept = &shard->kept[packet->slot].frames[at % VR_RED_DEPTH_MAX];
    bool fits = packet->newest && kept->size > 0 && kept->index + back == packet->index &&
                kept->participant == packet->participant &&
                packet->ts - kept->ts <= VR_RED_OFFSET_MAX;

    return fits ? kept : NULL;
}

/* One form, once for all who want it. A hole ends the row: receivers may count blocks back. */
static void build_red(struct vr_shard *shard, struct vr_slot_packet *packet, uint32_t depth)
{
    struct vr_red red = {.count = 0};
    uint8_t *out = shard->engine->red[depth - 1];
    size_t room = packet->opus.size < RED_ROOM ? RED_ROOM - packet->opus.size : 0;
    const struct vr_kept_frame *older[VR_RED_DEPTH_MAX];
    uint32_t count = 0;

    while (count < depth) {
        older[count] = kept_before(shard, packet, count + 1);
        if (older[count] == NULL || older[count]->size > room) {
            break;
        }
        room -= older[count]->size;
        count++;
    }
    while (count-- > 0) {
        red.blocks[red.count++] = (struct vr_red_block){
            .payload = vr_bytes(older[count]->opus, older[count]->size),
            .ts_offset = (uint16_t)(packet->ts - older[count]->ts),
        };
    }
    red.blocks[red.count++] = (struct vr_red_block){.payload = packet->opus};
    packet->red[depth - 1].blocks = (uint8_t)red.count;
    packet->red[depth - 1].payload = vr_bytes(out, vr_red_merge(&red, out, VR_PACKET_MAX - 512));
}

static void keep_frame(struct vr_shard *shard, const struct vr_slot_packet *packet)
{
    uint32_t at = (shard->kept[packet->slot].newest + 1) % VR_RED_DEPTH_MAX;
    struct vr_kept_frame *kept = &shard->kept[packet->slot].frames[at];

    if (!packet->newest) {
        return;
    }
    shard->kept[packet->slot].newest = at;
    kept->index = packet->index;
    kept->ts = packet->ts;
    kept->participant = packet->participant;
    kept->size = 0;
    if (packet->opus.size <= VR_RED_KEEP) {
        kept->size = (uint16_t)packet->opus.size;
        memcpy(kept->opus, packet->opus.data, packet->opus.size);
    }
}

static void add_redundancy(struct vr_shard *shard, struct vr_slot_packet *packet)
{
    uint32_t wanted = 0;

    for (uint32_t depth = 1; depth <= VR_RED_DEPTH_MAX; depth++) {
        wanted += shard->red_listeners[depth - 1];
        if (shard->red_listeners[depth - 1] > 0) {
            build_red(shard, packet, depth);
        }
    }
    if (wanted > 0) {
        keep_frame(shard, packet);
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
    int slot = vr_slots_level(slots, talker, speech->level, now);
    vr_time_us before = slot == VR_SLOT_NONE ? 0 : slots->slots[slot].sent_at;

    verdict = vr_slots_number(slots, talker, &in, now, &out);
    vr_shard_keep_slot(shard, speech->who, narrow);
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
        .tier = narrow ? VR_TIER_NARROW : VR_TIER_WIDE,
        .opus = speech->opus,
    };
    packet.frame = vr_shard_keep_frame(shard, &packet, speech->generation);
    if (!narrow) {
        add_redundancy(shard, &packet);
    }
    if (!narrow && shard->packs != NULL) {
        vr_packs_frame(shard, &packet, before);
    }
    vr_shard_out(shard, &packet);
    return VR_NUMBER_SEND;
}

void vr_shard_again(struct vr_shard *shard, const struct vr_keep_frame *frame)
{
    struct vr_slot_packet packet = {
        .now = shard->engine->now,
        .index = frame->index,
        .slot = frame->slot,
        .ts = frame->ts,
        .participant = frame->participant,
        .level_byte = frame->level_byte,
        .marker = frame->marker != 0,
        .newest = true,
        .tier = frame->tier,
        .opus = vr_bytes(frame->opus, frame->size),
    };

    if (packet.tier == VR_TIER_WIDE) {
        add_redundancy(shard, &packet);
    }
    vr_shard_out(shard, &packet);
    vr_shard_let_go(shard);
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
