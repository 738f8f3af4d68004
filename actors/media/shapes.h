/* shapes.h - the kinds of header that listeners take: payload types, extension ids and mids as
 * each offer chose them. Most clients of a room offer the same, so a packet's header is written
 * once for each kind and not once for each listener. One table per engine; its thread only. */
#ifndef VR_MEDIA_SHAPES_H
#define VR_MEDIA_SHAPES_H

#include <stdint.h>

#include "actors/messages/peer.h"

#define VR_SHAPES_MAX 256
#define VR_SHAPE_NONE UINT16_MAX

struct vr_shape {
    uint32_t users;
    uint8_t opus_pt;
    uint8_t red_pt;
    uint8_t level_id;
    uint8_t mid_id;
    char mid[VR_SLOTS_MAX][VR_MID_MAX + 1];
};

struct vr_shapes {
    uint32_t high; /* places below were used at some time */
    struct vr_shape items[VR_SHAPES_MAX];
};

void vr_shape_of(const struct vr_peer_conf *conf, struct vr_shape *out);
/** The number of the kind that `conf` wants, counted up. VR_SHAPE_NONE: the table is full of others
 * (strange offers on purpose): such a listener's headers are written for him alone. */
uint16_t vr_shapes_take(struct vr_shapes *shapes, const struct vr_peer_conf *conf);
void vr_shapes_release(struct vr_shapes *shapes, uint16_t number);

#endif
