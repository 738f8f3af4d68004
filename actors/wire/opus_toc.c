#include "actors/wire/opus_toc.h"

/* Frame length in samples at 48 kHz by configuration number (RFC 6716 3.1, table 2). */
static uint16_t frame_samples(uint8_t config)
{
    static const uint16_t silk[] = {480, 960, 1920, 2880};
    static const uint16_t hybrid[] = {480, 960};
    static const uint16_t celt[] = {120, 240, 480, 960};

    if (config < 12) {
        return silk[config & 3];
    }
    return config < 16 ? hybrid[config & 1] : celt[config & 3];
}

/* Number of frames by the code in the TOC's last two bits; 0: the count byte is missing or wrong.
 */
static unsigned frame_count(struct vr_bytes packet)
{
    switch (packet.data[0] & 3) {
    case 0:
        return 1;
    case 1:
    case 2:
        return 2;
    default:
        return packet.size < 2 ? 0 : packet.data[1] & 0x3f;
    }
}

uint16_t vr_opus_samples(struct vr_bytes packet)
{
    unsigned samples;

    if (packet.size == 0) {
        return 0;
    }
    samples = frame_count(packet) * frame_samples(packet.data[0] >> 3);
    return samples > VR_OPUS_SAMPLES_MAX ? 0 : (uint16_t)samples;
}

/* A frame length of one or two bytes (3.2.1); false when it is cut. */
static bool take_length(struct vr_bytes *rest, size_t *length)
{
    size_t used = 1;

    if (rest->size < 1) {
        return false;
    }
    *length = rest->data[0];
    if (*length >= 252) {
        if (rest->size < 2) {
            return false;
        }
        *length += (size_t)4 * rest->data[1];
        used = 2;
    }
    rest->data += used;
    rest->size -= used;
    return true;
}

/* Code 3: padding lengths behind the count byte (3.2.5), taken off the end. */
static bool take_padding(struct vr_bytes *rest)
{
    size_t padding = 0;
    uint8_t byte = 255;

    while (byte == 255) {
        if (rest->size == 0) {
            return false;
        }
        byte = rest->data[0];
        rest->data++;
        rest->size--;
        padding += byte == 255 ? 254 : byte;
    }
    if (padding > rest->size) {
        return false;
    }
    rest->size -= padding;
    return true;
}

/* Frames of own lengths: all but the last are given, the last takes what is left. */
static bool frames_vbr(struct vr_bytes rest, unsigned frames, size_t *longest)
{
    size_t sum = 0;

    for (unsigned i = 0; i + 1 < frames; i++) {
        size_t length;

        if (!take_length(&rest, &length)) {
            return false;
        }
        sum += length;
        *longest = length > *longest ? length : *longest;
    }
    if (sum > rest.size) {
        return false;
    }
    *longest = rest.size - sum > *longest ? rest.size - sum : *longest;
    return true;
}

static bool frames_cbr(struct vr_bytes rest, unsigned frames, size_t *longest)
{
    if (frames == 0 || rest.size % frames != 0) {
        return false;
    }
    *longest = rest.size / frames;
    return true;
}

/* Lengths of all frames by R1-R7; the longest into *longest. */
static bool read_frames(struct vr_bytes packet, unsigned frames, size_t *longest)
{
    struct vr_bytes rest = {packet.data + 1, packet.size - 1};
    bool vbr = false;

    *longest = 0;
    switch (packet.data[0] & 3) {
    case 0:
    case 1:
        break;
    case 2:
        vbr = true;
        break;
    default:
        vbr = (packet.data[1] & 0x80) != 0;
        rest.data++;
        rest.size--;
        if ((packet.data[1] & 0x40) != 0 && !take_padding(&rest)) {
            return false;
        }
    }
    return (vbr ? frames_vbr(rest, frames, longest) : frames_cbr(rest, frames, longest)) &&
           *longest <= 1275; /* R2 */
}

bool vr_opus_parse(struct vr_bytes packet, struct vr_opus *out)
{
    size_t longest;
    uint16_t samples = vr_opus_samples(packet);

    if (samples == 0) {
        return false;
    }
    out->config = packet.data[0] >> 3;
    out->mode = out->config < 12 ? VR_OPUS_SILK : out->config < 16 ? VR_OPUS_HYBRID : VR_OPUS_CELT;
    out->stereo = (packet.data[0] & 4) != 0;
    out->frames = (uint8_t)frame_count(packet);
    out->frame_samples = frame_samples(out->config);
    out->samples = samples;
    if (!read_frames(packet, out->frames, &longest)) {
        return false;
    }
    out->dtx = longest <= 1;
    return true;
}
