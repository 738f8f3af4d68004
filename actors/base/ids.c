#include "actors/base/ids.h"

#include <string.h>

#include "actors/base/bytes.h"

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

void vr_id_put(uint8_t out[16], struct vr_id id)
{
    vr_put64(out, id.hi);
    vr_put64(out + 8, id.lo);
}

struct vr_id vr_id_get(const uint8_t in[16])
{
    return (struct vr_id){vr_get64(in), vr_get64(in + 8)};
}

const char *vr_id_format(struct vr_id id, char out[VR_ID_TEXT])
{
    unsigned __int128 rest = (unsigned __int128)id.hi << 64 | id.lo;

    for (int i = VR_ID_TEXT - 2; i >= 0; i--) {
        out[i] = alphabet[(unsigned)rest & 31];
        rest >>= 5;
    }
    out[VR_ID_TEXT - 1] = 0;
    return out;
}

bool vr_id_parse(const char *text, struct vr_id *out)
{
    unsigned __int128 value = 0;

    if (strlen(text) != VR_ID_TEXT - 1 || text[0] > '7') {
        return false; /* 26 digits carry 130 bits: the first may use only three of its five */
    }
    for (int i = 0; i < VR_ID_TEXT - 1; i++) {
        const char *digit = strchr(alphabet, text[i]);

        if (digit == NULL) {
            return false;
        }
        value = value << 5 | (unsigned)(digit - alphabet);
    }
    *out = (struct vr_id){(uint64_t)(value >> 64), (uint64_t)value};
    return true;
}

/* FNV-1a twice, from two starts, the second over the bytes turned round. */
struct vr_id vr_id_of_text(const void *text, size_t size)
{
    const uint8_t *bytes = text;
    struct vr_id id = {0xcbf29ce484222325u, 0x9ae16a3b2f90404fu};

    for (size_t i = 0; i < size; i++) {
        id.hi = (id.hi ^ bytes[i]) * 0x100000001b3u;
        id.lo = (id.lo ^ bytes[size - 1 - i]) * 0x100000001b3u;
    }
    id.lo |= vr_id_is_zero(id) ? 1 : 0;
    return id;
}
