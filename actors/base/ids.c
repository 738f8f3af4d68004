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
