#include "actors/wire/level.h"

#include "actors/wire/rtp.h"

bool vr_level_parse(struct vr_bytes value, struct vr_level *out)
{
    if (value.size != 1) {
        return false;
    }
    out->voice = (value.data[0] & 0x80) != 0;
    out->level = value.data[0] & 0x7f;
    return true;
}

bool vr_level_of(const struct vr_rtp *rtp, uint8_t id, struct vr_level *out)
{
    struct vr_bytes value;

    return id != 0 && vr_rtp_ext_find(rtp, id, &value) && vr_level_parse(value, out);
}

uint8_t vr_level_byte(struct vr_level level)
{
    uint8_t loudness = level.level > VR_LEVEL_SILENCE ? VR_LEVEL_SILENCE : level.level;

    return (uint8_t)((level.voice ? 0x80 : 0) | loudness);
}
