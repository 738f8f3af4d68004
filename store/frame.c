#include "store/frame.h"

#include <zlib.h>

static uint32_t checksum(enum vr_table table, struct vr_bytes key, struct vr_bytes value)
{
    uint8_t head[3] = {(uint8_t)table};
    uLong crc;

    vr_put16(head + 1, (uint16_t)key.size);
    crc = crc32(0, head, sizeof(head));
    if (key.size > 0) { /* zlib takes a NULL pointer for "start again" */
        crc = crc32(crc, key.data, (uInt)key.size);
    }
    if (value.size > 0) {
        crc = crc32(crc, value.data, (uInt)value.size);
    }
    return (uint32_t)crc;
}

void vr_frame_put(uint8_t *out, enum vr_table table, struct vr_bytes key, struct vr_bytes value)
{
    out[0] = VR_FRAME_VERSION;
    vr_put32(out + 1, checksum(table, key, value));
    if (value.size > 0) {
        memcpy(out + VR_FRAME_BYTES, value.data, value.size);
    }
}

enum vr_err vr_frame_get(struct vr_bytes in, enum vr_table table, struct vr_bytes key,
                         struct vr_bytes *value)
{
    struct vr_bytes inside;

    if (in.size < VR_FRAME_BYTES || in.size > VR_FRAME_BYTES + VR_VALUE_MAX ||
        key.size > VR_KEY_MAX || in.data[0] != VR_FRAME_VERSION) {
        return VR_E_DAMAGED;
    }
    inside = vr_bytes(in.data + VR_FRAME_BYTES, in.size - VR_FRAME_BYTES);
    if (vr_get32(in.data + 1) != checksum(table, key, inside)) {
        return VR_E_DAMAGED;
    }
    *value = inside;
    return VR_OK;
}
