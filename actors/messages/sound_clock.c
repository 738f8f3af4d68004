#include "actors/messages/sound_clock.h"

#define VERSION 1
#define HEAD 11 /* version, now, two counts */
#define SLOT 16
#define TALKER 12

size_t vr_sound_clock_write(const struct vr_sound_clock *clock, uint8_t *out)
{
    uint8_t *at = out + HEAD;

    out[0] = VERSION;
    vr_put64(out + 1, (uint64_t)clock->now);
    out[9] = (uint8_t)clock->slot_count;
    out[10] = (uint8_t)clock->talker_count;
    for (uint32_t i = 0; i < clock->slot_count; i++, at += SLOT) {
        vr_put32(at, clock->slots[i].ssrc);
        vr_put32(at + 4, clock->slots[i].participant);
        vr_put32(at + 8, clock->slots[i].ts_offset);
        vr_put32(at + 12, clock->slots[i].shard);
    }
    for (uint32_t i = 0; i < clock->talker_count; i++, at += TALKER) {
        vr_put32(at, clock->talkers[i].participant);
        vr_put32(at + 4, clock->talkers[i].ts);
        vr_put32(at + 8, clock->talkers[i].ago_us);
    }
    return (size_t)(at - out);
}

bool vr_sound_clock_read(struct vr_bytes in, struct vr_sound_clock *clock)
{
    const uint8_t *at;

    *clock = (struct vr_sound_clock){0};
    if (in.size < HEAD || in.data[0] != VERSION || in.data[9] > VR_SLOTS_MAX ||
        in.data[10] > VR_SPOKE_MAX ||
        in.size != HEAD + (size_t)in.data[9] * SLOT + (size_t)in.data[10] * TALKER) {
        return false;
    }
    at = in.data + HEAD;
    clock->now = (vr_time_us)vr_get64(in.data + 1);
    clock->slot_count = in.data[9];
    clock->talker_count = in.data[10];
    for (uint32_t i = 0; i < clock->slot_count; i++, at += SLOT) {
        clock->slots[i] = (struct vr_sound_slot){
            .ssrc = vr_get32(at),
            .participant = vr_get32(at + 4),
            .ts_offset = vr_get32(at + 8),
            .shard = vr_get32(at + 12),
        };
    }
    for (uint32_t i = 0; i < clock->talker_count; i++, at += TALKER) {
        clock->talkers[i] = (struct vr_sound_talker){
            .participant = vr_get32(at),
            .ts = vr_get32(at + 4),
            .ago_us = vr_get32(at + 8),
        };
    }
    return true;
}

const struct vr_sound_talker *vr_sound_talker_of(const struct vr_sound_clock *clock,
                                                 vr_participant_id participant)
{
    for (uint32_t i = 0; i < clock->talker_count; i++) {
        if (clock->talkers[i].participant == participant) {
            return &clock->talkers[i];
        }
    }
    return NULL;
}
