/* level.h - how loud a packet is: the client-to-mixer audio level (RFC 6464). One byte: the V bit
 * (voice) and the level in -dBov, 0 the loudest, 127 silence. */
#ifndef VR_WIRE_LEVEL_H
#define VR_WIRE_LEVEL_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"

#define VR_LEVEL_SILENCE 127
#define VR_LEVEL_URI "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

struct vr_level {
    uint8_t level; /* 0-127 */
    bool voice;
};

struct vr_rtp;

/** The value of a header extension element; it is one byte in both forms (RFC 6464 3). */
bool vr_level_parse(struct vr_bytes value, struct vr_level *out);
/** Straight from a packet: the element `id`; false when id is 0, absent or not a level. */
bool vr_level_of(const struct vr_rtp *rtp, uint8_t id, struct vr_level *out);
/** The byte to send; levels above 127 are 127. */
uint8_t vr_level_byte(struct vr_level level);

#endif
