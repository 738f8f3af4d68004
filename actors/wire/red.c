#include "actors/wire/red.h"

#include <string.h>

/* Redundant head (RFC 2198 3):  1 | PT 7 | timestamp offset 14 | length 10.  Primary head:  0 |
 * PT 7. */
#define REDUNDANT_HEAD 4

bool vr_red_split(struct vr_bytes payload, struct vr_red *out)
{
    const uint8_t *p = payload.data;
    size_t left = payload.size;
    size_t redundant = 0; /* bytes of all redundant blocks */

    out->count = 0;
    while (left > 0 && (p[0] & 0x80) != 0) {
        struct vr_red_block *block = &out->blocks[out->count];

        if (left < REDUNDANT_HEAD || out->count == VR_RED_BLOCKS_MAX - 1) {
            return false;
        }
        block->pt = p[0] & 0x7f;
        block->ts_offset = (uint16_t)(vr_get16(p + 1) >> 2);
        block->payload.size = vr_get16(p + 2) & 0x3ff;
        redundant += block->payload.size;
        out->count++;
        p += REDUNDANT_HEAD;
        left -= REDUNDANT_HEAD;
    }
    if (left < 1 || redundant > left - 1) {
        return false;
    }
    out->blocks[out->count] = (struct vr_red_block){.pt = p[0] & 0x7f};
    out->blocks[out->count].payload.size = left - 1 - redundant;
    out->count++;
    p++;
    for (uint32_t i = 0; i < out->count; i++) {
        out->blocks[i].payload.data = p;
        p += out->blocks[i].payload.size;
    }
    return true;
}

/* Size of the whole; 0 when a field is over its bits. */
static size_t merged_size(const struct vr_red *red)
{
    size_t size = 1;

    if (red->count == 0 || red->count > VR_RED_BLOCKS_MAX) {
        return 0;
    }
    for (uint32_t i = 0; i + 1 < red->count; i++) {
        const struct vr_red_block *block = &red->blocks[i];

        if (block->ts_offset > VR_RED_OFFSET_MAX || block->payload.size > VR_RED_BLOCK_MAX) {
            return 0;
        }
        size += REDUNDANT_HEAD + block->payload.size;
    }
    return size + vr_red_primary(red)->payload.size;
}

size_t vr_red_merge(const struct vr_red *red, uint8_t *out, size_t capacity)
{
    size_t size = merged_size(red);
    uint8_t *p = out;

    if (size == 0 || size > capacity) {
        return 0;
    }
    for (uint32_t i = 0; i + 1 < red->count; i++, p += REDUNDANT_HEAD) {
        const struct vr_red_block *block = &red->blocks[i];

        vr_put32(p, 0x80000000u | (uint32_t)(block->pt & 0x7f) << 24 |
                        (uint32_t)block->ts_offset << 10 | (uint32_t)block->payload.size);
    }
    *p++ = vr_red_primary(red)->pt & 0x7f;
    for (uint32_t i = 0; i < red->count; i++) {
        if (red->blocks[i].payload.size > 0) {
            memcpy(p, red->blocks[i].payload.data, red->blocks[i].payload.size);
            p += red->blocks[i].payload.size;
        }
    }
    return size;
}
