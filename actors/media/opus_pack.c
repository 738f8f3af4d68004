#include "actors/media/opus_pack.h"

#include <opus/opus.h>
#include <stdlib.h>

#define RATE 48000
#define TOC_KIND 0xfc /* configuration and stereo; the lowest two bits count frames */

struct vr_opus_packer {
    OpusRepacketizer *repacketizer;
};

enum vr_err vr_opus_packer_new(struct vr_opus_packer **out)
{
    struct vr_opus_packer *packer = calloc(1, sizeof *packer);

    *out = NULL;
    if (packer == NULL) {
        return VR_E_NO_MEMORY;
    }
    packer->repacketizer = opus_repacketizer_create();
    if (packer->repacketizer == NULL) {
        free(packer);
        return VR_E_NO_MEMORY;
    }
    *out = packer;
    return VR_OK;
}

void vr_opus_packer_free(struct vr_opus_packer *packer)
{
    if (packer == NULL) {
        return;
    }
    opus_repacketizer_destroy(packer->repacketizer);
    free(packer);
}

uint32_t vr_opus_ticks(struct vr_bytes packet)
{
    int ticks = packet.size == 0
                    ? 0
                    : opus_packet_get_nb_samples(packet.data, (opus_int32)packet.size, RATE);

    return ticks > 0 ? (uint32_t)ticks : 0;
}

bool vr_opus_alike(struct vr_bytes a, struct vr_bytes b)
{
    return a.size > 0 && b.size > 0 && ((a.data[0] ^ b.data[0]) & TOC_KIND) == 0;
}

size_t vr_opus_pack(struct vr_opus_packer *packer, const struct vr_bytes *packets, uint32_t count,
                    uint8_t *out, size_t capacity)
{
    opus_int32 size;

    opus_repacketizer_init(packer->repacketizer);
    for (uint32_t i = 0; i < count; i++) {
        if (opus_repacketizer_cat(packer->repacketizer, packets[i].data,
                                  (opus_int32)packets[i].size) != OPUS_OK) {
            return 0;
        }
    }
    size = opus_repacketizer_out(packer->repacketizer, out, (opus_int32)capacity);
    return size > 0 ? (size_t)size : 0;
}
