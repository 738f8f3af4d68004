/* link_frame.c - the bytes of frames between nodes (link.h draws them). */
#include "cluster/link.h"

#define FLAG_VOICE 0x80u
#define FLAG_MARKER 0x40u
#define FLAG_SAME 0x20u /* room and shards are those of the frame before */
#define HOPS_MASK 0x0fu
#define FIXED 20u /* behind the size, without room and shards */
#define PLACE 24u
#define INDEX_BITS 48

static bool same_place(const struct vr_link_frame *a, const struct vr_link_frame *b)
{
    return b != NULL && vr_id_equal(a->room, b->room) && a->target_shard == b->target_shard &&
           a->origin_shard == b->origin_shard;
}

size_t vr_link_frame_put(uint8_t *out, const struct vr_link_frame *frame,
                         const struct vr_link_frame *before)
{
    bool same = same_place(frame, before);
    size_t size = FIXED + (same ? 0 : PLACE) + frame->payload.size;
    uint8_t *at = out + 2 + FIXED;

    vr_put16(out, (uint16_t)size);
    out[2] = (uint8_t)((frame->voice ? FLAG_VOICE : 0) | (frame->marker ? FLAG_MARKER : 0) |
                       (same ? FLAG_SAME : 0) | (frame->hops & HOPS_MASK));
    out[3] = frame->level;
    vr_put32(out + 4, frame->participant);
    vr_put32(out + 8, frame->generation);
    vr_put16(out + 12, (uint16_t)(frame->index >> 32));
    vr_put32(out + 14, (uint32_t)frame->index);
    vr_put32(out + 18, frame->timestamp);
    if (!same) {
        vr_id_put(at, frame->room);
        vr_put32(at + 16, frame->target_shard);
        vr_put32(at + 20, frame->origin_shard);
        at += PLACE;
    }
    memcpy(at, frame->payload.data, frame->payload.size);
    return 2 + size;
}

enum vr_err vr_link_frame_get(struct vr_bytes *in, struct vr_link_frame *frame, bool first)
{
    const uint8_t *at = in->data;
    size_t size = in->size < 2 ? 0 : vr_get16(at);
    bool there = size >= FIXED && size <= in->size - 2;
    bool same = there && (at[2] & FLAG_SAME) != 0;
    size_t head = FIXED + (same ? 0 : PLACE);

    if (!there || size <= head || (same && first) || size - head > VR_LINK_PAYLOAD_MAX) {
        return VR_E_BAD_WIRE;
    }
    frame->voice = (at[2] & FLAG_VOICE) != 0;
    frame->marker = (at[2] & FLAG_MARKER) != 0;
    frame->hops = at[2] & HOPS_MASK;
    frame->level = at[3] & 0x7f;
    frame->participant = vr_get32(at + 4);
    frame->generation = vr_get32(at + 8);
    frame->index = (uint64_t)vr_get16(at + 12) << 32 | vr_get32(at + 14);
    frame->timestamp = vr_get32(at + 18);
    if (!same) {
        frame->room = vr_id_get(at + 22);
        frame->target_shard = vr_get32(at + 38);
        frame->origin_shard = vr_get32(at + 42);
    }
    frame->payload = vr_bytes(at + 2 + head, size - head);
    in->data += 2 + size;
    in->size -= 2 + size;
    return VR_OK;
}
