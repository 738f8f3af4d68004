/* opus_pack.h - several Opus packets made into one without decoding (RFC 6716, 3.2), by libopus'
 * repacketizer. One per thread. */
#ifndef VR_MEDIA_OPUS_PACK_H
#define VR_MEDIA_OPUS_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/err.h"

#define VR_OPUS_TICKS_MAX 5760 /* 120 ms at 48 kHz: the most that a packet holds */

struct vr_opus_packer;

VR_MUST_CHECK enum vr_err vr_opus_packer_new(struct vr_opus_packer **out);
void vr_opus_packer_free(struct vr_opus_packer *packer);

/** Length of a packet in ticks of 48 kHz; 0: not Opus. */
uint32_t vr_opus_ticks(struct vr_bytes packet);
/** Mode, bandwidth, frame size and channels are one: only such packets can be joined. */
bool vr_opus_alike(struct vr_bytes a, struct vr_bytes b);
/** Returns the size written to `out`; 0: they can't be joined, or do not fit. */
size_t vr_opus_pack(struct vr_opus_packer *packer, const struct vr_bytes *packets, uint32_t count,
                    uint8_t *out, size_t capacity);

#endif
