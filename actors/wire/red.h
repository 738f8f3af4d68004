/* red.h - redundant audio (RFC 2198): a packet's blocks taken apart and put together. Pure bytes.
 */
#ifndef VR_WIRE_RED_H
#define VR_WIRE_RED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/base/bytes.h"

#define VR_RED_BLOCKS_MAX 8     /* primary included; more is refused */
#define VR_RED_OFFSET_MAX 16383 /* 14 bits: 341 ms at 48 kHz */
#define VR_RED_BLOCK_MAX 1023   /* 10 bits: bytes of a redundant block */

struct vr_red_block {
    struct vr_bytes payload;
    uint16_t ts_offset; /* how far before the packet's timestamp; 0 for the primary */
    uint8_t pt;
};

/** Blocks as on the wire: oldest first, the primary last. */
struct vr_red {
    uint32_t count;
    struct vr_red_block blocks[VR_RED_BLOCKS_MAX];
};

static inline const struct vr_red_block *vr_red_primary(const struct vr_red *red)
{
    return &red->blocks[red->count - 1];
}

/** The payload of a RED packet into its blocks, which borrow it. False: cut, or too many blocks.
 * Empty redundant blocks (nothing there to repeat) are kept. */
bool vr_red_split(struct vr_bytes payload, struct vr_red *out);

/** Write blocks as one RED payload; returns its size, 0 when it does not fit, an offset or a length
 * is over its bits, or there is no block. The blocks' bytes must not lie within `out`. */
size_t vr_red_merge(const struct vr_red *red, uint8_t *out, size_t capacity);

#endif
