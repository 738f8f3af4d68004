/* opus_toc.h - what an Opus packet holds, from its table-of-contents byte and frame lengths,
 * without decoding. Pure. Spec: RFC 6716 3.1 (TOC), 3.2 (framing, R1-R7), 3.4; RFC 7587 3.1.3
 * (DTX). */
#ifndef VR_WIRE_OPUS_TOC_H
#define VR_WIRE_OPUS_TOC_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"

#define VR_OPUS_RATE 48000       /* of RTP timestamps, always (RFC 7587 4.1) */
#define VR_OPUS_SAMPLES_MAX 5760 /* 120 ms */

enum vr_opus_mode { VR_OPUS_SILK, VR_OPUS_HYBRID, VR_OPUS_CELT };

struct vr_opus {
    enum vr_opus_mode mode;
    bool stereo;
    bool dtx;               /* nothing but comfort noise: no frame holds more than a byte */
    uint8_t config;         /* 0-31 */
    uint8_t frames;         /* 1-48 */
    uint16_t frame_samples; /* of one frame at 48 kHz: 120-2880 */
    uint16_t samples;       /* of the packet at 48 kHz: <= 5760 */
};

/** False: the packet breaks a rule of 3.4, and a decoder would refuse it. */
bool vr_opus_parse(struct vr_bytes packet, struct vr_opus *out);

/** Samples at 48 kHz by the TOC alone; 0: malformed. For the packet path. */
uint16_t vr_opus_samples(struct vr_bytes packet);

#endif
