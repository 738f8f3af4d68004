/* Goal: however a stream is cut, the same frames come out, and none lies outside of it. The first
 * byte of the input says how it is cut. */
#include <stdlib.h>
#include <string.h>

#include "actors/base/assert.h"
#include "nodes/media_tcp_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Frames and a sum over them; what is left behind a frame too long is not read. */
static uint64_t read_all(const uint8_t *data, size_t size, size_t piece)
{
    struct vr_frame_reader *reader = calloc(1, sizeof(*reader));
    uint64_t sum = 1;
    bool good = true;

    vr_assert(reader != NULL);
    for (size_t from = 0; good && from < size; from += piece) {
        size_t length = size - from < piece ? size - from : piece;
        uint8_t *copy = malloc(length); /* of its own, so that reading past it is seen */
        struct vr_span in = {copy, length};
        struct vr_span frame;
        enum vr_frame_found found;

        vr_assert(copy != NULL);
        memcpy(copy, data + from, length);
        while ((found = vr_frame_next(reader, &in, &frame)) == VR_FRAME_WHOLE) {
            struct vr_bytes ufrag = vr_frame_ufrag(vr_bytes(frame.data, frame.size));

            vr_assert(frame.size > 0 && frame.size <= VR_FRAME_MAX);
            vr_assert(ufrag.size <= frame.size);
            sum = sum * 31 + frame.size * 7 + ufrag.size;
            for (size_t i = 0; i < frame.size; i++) {
                sum = sum * 31 + frame.data[i];
            }
            frame.data[0] ^= 0xff; /* the engine may write there */
        }
        good = found == VR_FRAME_MORE;
        vr_assert(!good || in.size == 0);
        free(copy);
    }
    free(reader);
    return good ? sum : ~sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    vr_assert(read_all(data + 1, size - 1, size) == read_all(data + 1, size - 1, 1u + data[0]));
    return 0;
}
