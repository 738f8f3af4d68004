#include "actors/media/slots.h"

#include <string.h>

#define FRAME 960 /* 20 ms at 48 kHz */
/* A difference of clock and timestamp beyond this is not jitter. */
#define STANDSTILL_MAX VR_MS(600)
#define STALE_LEVEL VR_MS(500) /* a smoothed level older than this says nothing */
#define SILENT (127 * 16)

static uint32_t ticks(vr_time_us time)
{
    return (uint32_t)((uint64_t)time * 48 / 1000);
}

void vr_slots_init(struct vr_slots *slots, uint32_t count, uint64_t seed)
{
    memset(slots, 0, sizeof *slots);
    slots->count = count > VR_SLOTS_MAX ? VR_SLOTS_MAX : count;
    for (uint32_t i = 0; i < VR_SLOTS_MAX; i++) {
        /* Below half the number space: receivers that join before the first wrap guess its rollover
         * right. */
        slots->slots[i].index = (seed >> (4 * i)) & 0x3fff;
        slots->slots[i].ts = (uint32_t)(seed >> 32) + i * 0x1000193u;
    }
}

void vr_talker_init(struct vr_talker *talker, uint32_t participant)
{
    memset(talker, 0, sizeof *talker);
    talker->participant = participant;
    talker->slot = VR_SLOT_NONE;
    talker->level = SILENT;
}

void vr_slots_release(struct vr_slots *slots, struct vr_talker *talker)
{
    if (talker->slot != VR_SLOT_NONE) {
        slots->holders[talker->slot] = NULL;
        slots->slots[talker->slot].holder = 0;
        slots->changes++;
    }
    talker->slot = VR_SLOT_NONE;
    vr_talker_break(talker);
    talker->level = SILENT;
    talker->loud_at = 0;
}

void vr_talker_break(struct vr_talker *talker)
{
    talker->heard = false;
    talker->anchored = false;
    talker->history_count = 0;
}

bool vr_talker_speaks(const struct vr_talker *talker, vr_time_us now)
{
    return talker->loud_at != 0 && now - talker->loud_at < VR_SLOT_HANG;
}

/* ---- the choice ---- */

static int free_slot(const struct vr_slots *slots)
{
    for (uint32_t i = 0; i < slots->count; i++) {
        if (slots->holders[i] == NULL) {
            return (int)i;
        }
    }
    return VR_SLOT_NONE;
}

static int longest_silent(const struct vr_slots *slots, vr_time_us now)
{
    int found = VR_SLOT_NONE;

    for (uint32_t i = 0; i < slots->count; i++) {
        const struct vr_talker *holder = slots->holders[i];

        if (holder != NULL && !vr_talker_speaks(holder, now) &&
            (found == VR_SLOT_NONE || holder->loud_at < slots->holders[found]->loud_at)) {
            found = (int)i;
        }
    }
    return found;
}

static int weakest(const struct vr_slots *slots)
{
    int found = VR_SLOT_NONE;

    for (uint32_t i = 0; i < slots->count; i++) {
        if (slots->holders[i] != NULL &&
            (found == VR_SLOT_NONE || slots->holders[i]->level > slots->holders[found]->level)) {
            found = (int)i;
        }
    }
    return found;
}

/* The slot that a talker of this level (1/16 dB) may take: a free one, one whose holder is silent,
 * one whose holder is clearly weaker. */
static int winnable(const struct vr_slots *slots, int level, vr_time_us now)
{
    int slot = free_slot(slots);

    if (slot == VR_SLOT_NONE) {
        slot = longest_silent(slots, now);
    }
    if (slot == VR_SLOT_NONE) {
        slot = weakest(slots);
        if (slot != VR_SLOT_NONE && slots->holders[slot]->level - level < VR_SLOT_MARGIN * 16) {
            slot = VR_SLOT_NONE;
        }
    }
    return slot;
}

bool vr_slots_reachable(const struct vr_slots *slots, const struct vr_talker *talker, uint8_t level,
                        vr_time_us now)
{
    if (talker->slot != VR_SLOT_NONE) {
        return true;
    }
    return level < VR_LEVEL_QUIET && winnable(slots, level * 16, now) != VR_SLOT_NONE;
}

/* Quick to rise (a first word must be heard), slow to fall (a breath is not the end). */
static void smooth(struct vr_talker *talker, uint8_t level, vr_time_us now)
{
    int target = level * 16;
    int now_level = talker->level;

    if (now - talker->level_at > STALE_LEVEL) {
        now_level = SILENT;
    }
    now_level += (target - now_level) / (target < now_level ? 2 : 16);
    talker->level = (int16_t)now_level;
    talker->level_at = now;
    if (level < VR_LEVEL_QUIET) {
        talker->loud_at = now;
    }
}

int vr_slots_level(struct vr_slots *slots, struct vr_talker *talker, uint8_t level, vr_time_us now)
{
    int slot;

    smooth(talker, level, now);
    if (talker->slot != VR_SLOT_NONE || level >= VR_LEVEL_QUIET) {
        return talker->slot;
    }
    slot = winnable(slots, talker->level, now);
    if (slot == VR_SLOT_NONE) {
        return VR_SLOT_NONE;
    }
    if (slots->holders[slot] != NULL) {
        struct vr_talker *old = slots->holders[slot];

        old->slot = VR_SLOT_NONE;
        old->anchored = false;
        old->history_count = 0;
    }
    slots->holders[slot] = talker;
    slots->slots[slot].holder = talker->participant;
    slots->changes++;
    talker->slot = (int8_t)slot;
    if (level * 16 < talker->level) {
        talker->level =
            (int16_t)(level * 16); /* who has just begun must not look weaker than he is */
    }
    talker->anchored = false;
    talker->history_count = 0;
    return slot;
}

/* ---- the numbers ---- */

static void push_numbering(struct vr_talker *talker, uint64_t from, uint64_t seq_offset,
                           uint32_t ts_offset)
{
    uint32_t keep =
        talker->history_count < VR_SLOT_HISTORY ? talker->history_count : VR_SLOT_HISTORY - 1;

    memmove(talker->history + 1, talker->history, keep * sizeof talker->history[0]);
    talker->history[0] = (struct vr_numbering){from, seq_offset, ts_offset};
    talker->history_count = (uint8_t)(keep + 1);
}

/* Mark an index as here. False: it was before, or is older than 64 packets. */
static bool mark_seen(struct vr_talker *talker, uint64_t index)
{
    if (!talker->heard) {
        talker->heard = true;
        talker->highest = index;
        talker->seen = 1;
        return true;
    }
    if (index > talker->highest) {
        uint64_t ahead = index - talker->highest;

        talker->seen = ahead < 64 ? talker->seen << ahead | 1 : 1;
        talker->highest = index;
        return true;
    }
    if (talker->highest - index >= 64 || (talker->seen >> (talker->highest - index) & 1) != 0) {
        return false;
    }
    talker->seen |= (uint64_t)1 << (talker->highest - index);
    return true;
}

bool vr_talker_awaits(const struct vr_talker *talker, uint64_t index)
{
    if (!talker->heard) {
        return false;
    }
    if (index > talker->highest) {
        return true;
    }
    if (talker->highest - index >= 64 || (talker->seen >> (talker->highest - index) & 1) != 0) {
        return false;
    }
    return !talker->anchored || index >= talker->history[talker->history_count - 1].from;
}

/* Where the slot's timestamp stands after so much time without a packet, on the grid of 20 ms. */
static uint32_t ts_after(const struct vr_slot *slot, vr_time_us now)
{
    uint32_t frames;

    if (slot->sent_at == 0) {
        return slot->ts + FRAME;
    }
    frames = (ticks(now - slot->sent_at) + FRAME / 2) / FRAME;
    return slot->ts + (frames == 0 ? 1 : frames) * FRAME;
}

uint32_t vr_slot_ts_at(const struct vr_slot *slot, vr_time_us now)
{
    return slot->sent_at == 0 ? slot->ts : slot->ts + ticks(now - slot->sent_at);
}

/* The speaker's first packet on this slot: it follows the last one out, whoever sent that. */
static void anchor(struct vr_slot *slot, struct vr_talker *talker, const struct vr_packet_in *in,
                   vr_time_us now)
{
    talker->history_count = 0;
    push_numbering(talker, in->index, (slot->index + 1 - in->index) & VR_RTP_INDEX_MASK,
                   ts_after(slot, now) - in->ts);
    talker->anchored = true;
}

/* Clock and the speaker's timestamp disagree by more than a network can: his timestamp stood still
 * (replaceTrack) or jumped. Put it where the clock says. */
static void follow_clock(const struct vr_slot *slot, struct vr_talker *talker,
                         const struct vr_packet_in *in, uint32_t last_ts, vr_time_us last_arrival,
                         vr_time_us now)
{
    vr_time_us advanced = (vr_time_us)(int32_t)(in->ts - last_ts) * 1000 / 48;
    vr_time_us passed = now - last_arrival;
    vr_time_us apart = passed > advanced ? passed - advanced : advanced - passed;

    if (apart > STANDSTILL_MAX) {
        push_numbering(talker, in->index, talker->history[0].seq_offset,
                       ts_after(slot, now) - in->ts);
    }
}

/* Leave a packet out: what comes behind it moves up by one. */
static void close_up(struct vr_talker *talker, uint64_t index)
{
    struct vr_numbering *now = &talker->history[0];

    if (now->from == index && talker->history_count > 1) {
        now->from =
            index + 1; /* nothing was numbered by this entry yet: a run of silence is one change */
        now->seq_offset = (now->seq_offset - 1) & VR_RTP_INDEX_MASK;
        return;
    }
    push_numbering(talker, index + 1, (now->seq_offset - 1) & VR_RTP_INDEX_MASK, now->ts_offset);
}

static const struct vr_numbering *numbering_of(const struct vr_talker *talker, uint64_t index)
{
    for (uint32_t i = 0; i < talker->history_count; i++) {
        if (index >= talker->history[i].from) {
            return &talker->history[i];
        }
    }
    return NULL;
}

enum vr_number vr_slots_number(struct vr_slots *slots, struct vr_talker *talker,
                               const struct vr_packet_in *in, vr_time_us now,
                               struct vr_packet_out *out)
{
    struct vr_slot *slot;
    const struct vr_numbering *numbering;
    uint32_t last_ts = talker->ts;
    vr_time_us last_arrival = talker->arrived_at;
    bool first = !talker->heard;
    bool newest = first || in->index > talker->highest;

    if (!mark_seen(talker, in->index)) {
        return VR_NUMBER_REPEATED;
    }
    if (newest) {
        talker->ts = in->ts;
        talker->arrived_at = now;
    }
    if (talker->slot == VR_SLOT_NONE) {
        return VR_NUMBER_NO_SLOT;
    }
    slot = &slots->slots[talker->slot];
    out->slot = (uint32_t)talker->slot;
    out->marker = in->marker;
    if (!talker->anchored) {
        if (!newest || in->level >= VR_LEVEL_QUIET) {
            return VR_NUMBER_TOO_LATE; /* nothing begins with a late packet or with silence */
        }
        anchor(slot, talker, in, now);
        out->marker = true;
    } else if (newest) {
        if (in->level >= VR_LEVEL_QUIET && !vr_talker_speaks(talker, now)) {
            close_up(talker, in->index);
            return VR_NUMBER_LEFT_OUT;
        }
        follow_clock(slot, talker, in, last_ts, last_arrival, now);
    }
    numbering = numbering_of(talker, in->index);
    if (numbering == NULL) {
        return VR_NUMBER_TOO_LATE;
    }
    out->index = (in->index + numbering->seq_offset) & VR_RTP_INDEX_MASK;
    out->ts = in->ts + numbering->ts_offset;
    out->newest = out->index > slot->index;
    if (out->newest) {
        slot->index = out->index;
        slot->ts = out->ts;
        slot->sent_at = now;
    }
    slot->packets++;
    return VR_NUMBER_SEND;
}
