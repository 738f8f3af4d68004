#include "actors/media/shapes.h"

#include <stdbool.h>
#include <string.h>

void vr_shape_of(const struct vr_peer_conf *conf, struct vr_shape *out)
{
    memset(out, 0, sizeof *out);
    out->opus_pt = conf->opus_pt;
    out->red_pt = conf->red_pt;
    out->level_id = conf->level_id;
    out->mid_id = conf->mid_id;
    for (uint32_t k = 0; k < VR_SLOTS_MAX; k++) {
        size_t size = strnlen(conf->slot_mid[k], VR_MID_MAX);

        memcpy(out->mid[k], conf->slot_mid[k], size);
    }
}

static bool same(const struct vr_shape *a, const struct vr_shape *b)
{
    return a->opus_pt == b->opus_pt && a->red_pt == b->red_pt && a->level_id == b->level_id &&
           a->mid_id == b->mid_id && memcmp(a->mid, b->mid, sizeof a->mid) == 0;
}

uint16_t vr_shapes_take(struct vr_shapes *shapes, const struct vr_peer_conf *conf)
{
    struct vr_shape wanted;
    uint32_t unused = shapes->high;

    vr_shape_of(conf, &wanted);
    for (uint32_t i = 0; i < shapes->high; i++) {
        if (shapes->items[i].users == 0) {
            unused = i;
        } else if (same(&shapes->items[i], &wanted)) {
            shapes->items[i].users++;
            return (uint16_t)i;
        }
    }
    if (unused == VR_SHAPES_MAX) {
        return VR_SHAPE_NONE;
    }
    shapes->high += unused == shapes->high;
    wanted.users = 1;
    shapes->items[unused] = wanted;
    return (uint16_t)unused;
}

void vr_shapes_release(struct vr_shapes *shapes, uint16_t number)
{
    if (number != VR_SHAPE_NONE) {
        shapes->items[number].users--;
    }
}
