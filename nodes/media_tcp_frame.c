/* media_tcp_frame.c - framing by length. */
#include "nodes/media_tcp_frame.h"

#define STUN_HEAD 20u
#define STUN_USERNAME 0x0006u

static void advance(struct vr_span *in, size_t by)
{
    in->data += by;
    in->size -= by;
}

/* The usual case: the whole frame lies in what was read. */
static bool whole_inside(struct vr_span *in, struct vr_span *frame)
{
    size_t length = in->size < VR_FRAME_HEAD ? SIZE_MAX : vr_get16(in->data);

    if (length > VR_FRAME_MAX || in->size < VR_FRAME_HEAD + length) {
        return false;
    }
    *frame = (struct vr_span){in->data + VR_FRAME_HEAD, length};
    advance(in, VR_FRAME_HEAD + length);
    return true;
}

/* Keep up to `want` bytes. False: there are not as many yet. */
static bool gather(struct vr_frame_reader *reader, struct vr_span *in, size_t want)
{
    size_t more = reader->have >= want ? 0 : want - reader->have;

    more = more < in->size ? more : in->size;
    memcpy(reader->bytes + reader->have, in->data, more);
    reader->have += more;
    advance(in, more);
    return reader->have >= want;
}

enum vr_frame_found vr_frame_next(struct vr_frame_reader *reader, struct vr_span *in,
                                  struct vr_span *frame)
{
    while (in->size > 0) {
        size_t length;

        if (reader->have > 0 || !whole_inside(in, frame)) {
            if (!gather(reader, in, VR_FRAME_HEAD)) {
                return VR_FRAME_MORE;
            }
            length = vr_get16(reader->bytes);
            if (length > VR_FRAME_MAX) {
                return VR_FRAME_TOO_LONG;
            }
            if (!gather(reader, in, VR_FRAME_HEAD + length)) {
                return VR_FRAME_MORE;
            }
            reader->have = 0;
            *frame = (struct vr_span){reader->bytes + VR_FRAME_HEAD, length};
        }
        if (frame->size > 0) {
            return VR_FRAME_WHOLE;
        }
    }
    return VR_FRAME_MORE;
}

struct vr_bytes vr_frame_ufrag(struct vr_bytes datagram)
{
    const uint8_t *data = datagram.data;
    size_t size = datagram.size;

    if (size < STUN_HEAD || vr_get16(data) != 1 || vr_get32(data + 4) != 0x2112a442u) {
        return vr_bytes(data, 0);
    }
    for (size_t at = STUN_HEAD; at + 4 <= size;) {
        size_t length = vr_get16(data + at + 2);

        if (length > size - at - 4) {
            break;
        }
        if (vr_get16(data + at) == STUN_USERNAME) {
            const uint8_t *name = data + at + 4;
            const uint8_t *colon = length == 0 ? NULL : memchr(name, ':', length);

            return vr_bytes(name, colon == NULL ? 0 : (size_t)(colon - name));
        }
        at += 4 + ((length + 3) & ~(size_t)3);
    }
    return vr_bytes(data, 0);
}
