/* Goal: blocks of a RED payload lie within it, put together they are the same payload again, and
 * what they hold can be asked for its duration. */
#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/wire/opus_toc.h"
#include "actors/wire/red.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vr_opus opus;
    struct vr_red red;
    uint8_t *out;

    if (vr_opus_parse(vr_bytes(data, size), &opus)) {
        vr_assert(opus.samples == vr_opus_samples(vr_bytes(data, size)));
        vr_assert(opus.samples <= VR_OPUS_SAMPLES_MAX && opus.frames >= 1 && opus.frames <= 48);
        vr_assert(opus.samples == opus.frames * opus.frame_samples);
    }
    if (!vr_red_split(vr_bytes(data, size), &red)) {
        return 0;
    }
    vr_assert(red.count >= 1 && red.count <= VR_RED_BLOCKS_MAX);
    for (uint32_t i = 0; i < red.count; i++) {
        vr_assert(red.blocks[i].payload.data >= data);
        vr_assert(red.blocks[i].payload.data + red.blocks[i].payload.size <= data + size);
        (void)vr_opus_samples(red.blocks[i].payload);
    }
    out = malloc(size);
    vr_assert(out != NULL);
    vr_assert(vr_red_merge(&red, out, size) == size && memcmp(out, data, size) == 0);
    free(out);
    return 0;
}
