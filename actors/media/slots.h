/* slots.h - which speakers are heard, and what their packets are called on the way out.
 *
 * Pure: a shard feeds it levels and packet numbers, it answers with slot, sequence and timestamp.
 * No sockets, no bytes, no clock. The rules were found with real browsers: the loudest N hold slots
 * with hysteresis; numbers of a slot run on when its speaker changes; what the server leaves out
 * closes up (Chromium conceals a hole), what the uplink lost stays a hole and a late packet fills
 * it (so FEC and RED work); a pause in which the sender's timestamp stood still (replaceTrack) is
 * made up for. */
#ifndef VR_MEDIA_SLOTS_H
#define VR_MEDIA_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/clock.h"
#include "actors/messages/peer.h"
#include "actors/wire/rtp.h"

#define VR_SLOT_NONE (-1)
#define VR_LEVEL_QUIET 90       /* at this level and below it nobody is heard */
#define VR_SLOT_HANG VR_MS(400) /* a holder silent for so long may lose his slot */
#define VR_SLOT_MARGIN 10       /* dB by which a challenger must be louder */
#define VR_SLOT_HISTORY 8       /* changes of numbering that a late packet may reach back over */

/** Numbers of one slot on the wire to every listener: 32 bytes, no pointers. */
struct vr_slot {
    uint64_t index;     /* 48-bit index of the newest packet out: rollover << 16 | sequence */
    vr_time_us sent_at; /* when that was; 0: never */
    uint32_t ts;        /* its timestamp */
    uint32_t holder;    /* participant; 0: free */
    uint32_t packets;   /* sent in all, for sender reports */
    uint32_t bytes;
};
_Static_assert(sizeof(struct vr_slot) <= 40, "a slot stays small");

/** From index `from` on, `out = in + seq_offset`, `ts_out = ts_in + ts_offset` (modulo). */
struct vr_numbering {
    uint64_t from;
    uint64_t seq_offset;
    uint32_t ts_offset;
};

/** Somebody who may speak; embedded by its owner, zeroed by vr_talker_init. */
struct vr_talker {
    uint32_t participant;
    int8_t slot;   /* VR_SLOT_NONE */
    bool heard;    /* `highest` and `seen` are set */
    bool anchored; /* the numbering is set for this slot and source */
    uint8_t history_count;
    int16_t level;         /* smoothed -dBov in 1/16 dB, small is loud */
    vr_time_us level_at;   /* of the last packet that counted */
    vr_time_us loud_at;    /* of the last packet above VR_LEVEL_QUIET; 0: never */
    vr_time_us arrived_at; /* of the newest packet */
    uint64_t highest;      /* the speaker's own index, newest packet */
    uint64_t seen;         /* bit n: highest - n was here */
    uint32_t ts;           /* the speaker's own, newest packet */
    struct vr_numbering history[VR_SLOT_HISTORY]; /* newest first */
};

struct vr_slots {
    uint32_t count;   /* N, <= VR_SLOTS_MAX */
    uint64_t changes; /* of a slot's holder: a counter */
    struct vr_slot slots[VR_SLOTS_MAX];
    struct vr_talker *holders[VR_SLOTS_MAX];
};

/** `seed`: 64 random bits, for first sequence numbers and timestamps (RFC 3550, 5.1). */
void vr_slots_init(struct vr_slots *slots, uint32_t count, uint64_t seed);

void vr_talker_init(struct vr_talker *talker, uint32_t participant);

/** Give the slot up: muted, gone, kicked. */
void vr_slots_release(struct vr_slots *slots, struct vr_talker *talker);

/** The packets come from another transport, or after a break that was the server's own: numbers
 * begin anew, the slot is kept. */
void vr_talker_break(struct vr_talker *talker);

/** Could a packet of this level be heard? Asked with the level of the clear header, before anything
 * is authenticated, so it may only lead to a packet being left alone. */
bool vr_slots_reachable(const struct vr_slots *slots, const struct vr_talker *talker, uint8_t level,
                        vr_time_us now);

/** A level that is proved: smooth it, and choose. Call once per packet, before vr_slots_number.
 * Returns the talker's slot or VR_SLOT_NONE. */
int vr_slots_level(struct vr_slots *slots, struct vr_talker *talker, uint8_t level, vr_time_us now);

struct vr_packet_in {
    uint64_t index; /* the speaker's own, 48 bits */
    uint32_t ts;
    uint8_t level;
    bool marker;
};

struct vr_packet_out {
    uint32_t slot;
    uint64_t index; /* of the slot */
    uint32_t ts;
    bool marker;
    bool newest; /* not a late one */
};

enum vr_number {
    VR_NUMBER_SEND,
    VR_NUMBER_LEFT_OUT, /* silence of a holder whose hang-over is past */
    VR_NUMBER_REPEATED, /* was here before */
    VR_NUMBER_TOO_LATE, /* older than its turn on the slot, or than can be remembered */
    VR_NUMBER_NO_SLOT
};

/** Number a packet of a talker for his slot. On VR_NUMBER_SEND the slot has moved on. */
enum vr_number vr_slots_number(struct vr_slots *slots, struct vr_talker *talker,
                               const struct vr_packet_in *in, vr_time_us now,
                               struct vr_packet_out *out);

/** Is this index not yet here, and would it be taken? For filling holes from redundancy
 *  (RFC 2198): asked before the packet that carries it is numbered. */
bool vr_talker_awaits(const struct vr_talker *talker, uint64_t index);

/** Has this talker been loud within the hang-over? */
bool vr_talker_speaks(const struct vr_talker *talker, vr_time_us now);

/** Timestamp a slot would have now: for sender reports (RFC 3550, 6.4.1). */
uint32_t vr_slot_ts_at(const struct vr_slot *slot, vr_time_us now);

#endif
