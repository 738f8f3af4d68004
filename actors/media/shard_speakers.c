/* shard_speakers.c - who of our own speaks, and for how long: told to the room on change and every
 * second. */
#include "actors/media/shard_internal.h"
#include "actors/wire/level.h"

#define CHANGE_GAP (VR_MS(300) - VR_TICK_EARLY)
#define REPEAT VR_SECONDS(1)
#define PAUSE_MAX VR_MS(120) /* the longest Opus packet: a longer break is silence */

void vr_shard_count_spoken(struct vr_participant *who, uint8_t level, vr_time_us now)
{
    vr_time_us passed = now - who->counted_at;

    if (level >= VR_LEVEL_QUIET) {
        return;
    }
    who->spoke_us += (uint32_t)(passed > PAUSE_MAX ? VR_MS(20) : passed);
    who->counted_at = now;
}

void vr_shard_speakers_tick(struct vr_shard *shard, vr_time_us now)
{
    struct vr_speaker items[VR_SPOKE_MAX];
    uint32_t count = 0;
    uint64_t hash = 0;
    bool changed;

    if (now - shard->speakers_at < CHANGE_GAP) {
        return;
    }
    VR_LIST_EACH(item, &shard->talkers)
    {
        struct vr_participant *who = VR_OWNER(item, struct vr_participant, talking);
        bool speaks = vr_talker_speaks(&who->talker, now) && who->source_shard == VR_SOURCE_LOCAL;

        if ((!speaks && who->spoke_us < 1000) || count == VR_SPOKE_MAX) {
            continue;
        }
        items[count++] = (struct vr_speaker){
            .participant = who->talker.participant,
            .spoke_ms = who->spoke_us / 1000,
            .level = speaks ? (uint8_t)(who->talker.level / 16) : VR_LEVEL_SILENCE,
            .holds_slot = who->talker.slot != VR_SLOT_NONE,
        };
        if (speaks) {
            hash += (who->talker.participant * 2 + (who->talker.slot != VR_SLOT_NONE)) *
                    0x9e3779b97f4a7c15u;
        }
    }
    changed = hash != shard->speakers_hash;
    if (!changed && (count == 0 || now - shard->speakers_at < REPEAT)) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct vr_participant *who = vr_shard_find(shard, items[i].participant);

        who->spoke_us -= items[i].spoke_ms * 1000;
    }
    shard->speakers_at = now;
    shard->speakers_hash = hash;
    shard->conf.ops->speakers(shard->conf.ctx, items, count);
}
