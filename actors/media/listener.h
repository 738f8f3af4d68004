/* listener.h - who gets what a shard hears: one interface. A peer takes the slots, a relay takes
 * local speech before the choice; recorder, captions and stream will be others. */
#ifndef VR_MEDIA_LISTENER_H
#define VR_MEDIA_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/clock.h"
#include "actors/base/ids.h"

#define VR_RED_DEPTH_MAX 2 /* older frames that a packet may repeat */

struct vr_listener;
struct vr_participant;

/** A slot's packet as RFC 2198: its payload, and how many blocks are in it, the primary included.
 * Payload types are 0 there: they are each listener's own. Empty: nobody wants it. */
struct vr_slot_red {
    struct vr_bytes payload;
    uint8_t blocks;
};

/** Which listeners a packet is for. */
enum vr_tier {
    VR_TIER_WIDE,   /* all slots, frame by frame */
    VR_TIER_NARROW, /* one slot, the loudest */
    VR_TIER_PACKED, /* all slots, several frames in a packet */
};

/** A packet of a slot, numbered; the same for all listeners. Borrowed until return. */
struct vr_slot_packet {
    vr_time_us now;
    uint64_t index; /* of the slot */
    uint32_t slot;
    uint32_t ts;
    vr_participant_id participant;
    uint8_t level_byte; /* RFC 6464 */
    bool marker;
    bool newest;
    uint8_t tier;  /* enum vr_tier */
    uint8_t frame; /* its record in the keep + 1; 0: none */
    struct vr_bytes opus;
    struct vr_slot_red red[VR_RED_DEPTH_MAX]; /* [depth - 1] */
};

/** Speech of somebody local, authenticated and past his gate, before the choice. Borrowed. */
struct vr_speech {
    struct vr_participant *who;
    uint64_t index; /* his own */
    uint32_t ts;
    uint32_t generation;
    uint8_t level;
    bool voice;
    bool marker;
    struct vr_bytes opus;
};

struct vr_listener_ops {
    void (*slot)(struct vr_listener *listener,
                 const struct vr_slot_packet *packet); /* may be NULL */
    void (*speech)(struct vr_listener *listener, vr_time_us now,
                   const struct vr_speech *speech); /* may be NULL */
};

struct vr_listener {
    const struct vr_listener_ops *ops;
    vr_participant_id participant; /* who hears here: never told himself; 0: nobody in particular */
    uint8_t slot_count;            /* takes slots below this */
    uint8_t red_depth;             /* older frames to repeat for him: 0, or by his loss 1 or 2 */
    bool open;      /* up, the current transport of its participant, and his gate lets out */
    bool narrow;    /* has fewer slots than the room: gets the loudest in its first one */
    uint32_t place; /* in the shard's array */
};

#endif
