/* top.h - the picture of `top`, from what the node answered. Pure. */
#ifndef VR_CTL_TOP_H
#define VR_CTL_TOP_H

#include <jansson.h>

#include "actors/base/bytes.h"

struct vr_ctl_screen {
    size_t columns; /* 0: as wide as it gets */
    size_t lines;   /* 0: no end */
};

/** Names whose seconds of speech are more than before, as a list; the ones who spoke longest
 * first. `before` NULL: nothing is known, so nobody is named. */
json_t *vr_ctl_talkers(const json_t *before, const json_t *now);

/** Nodes, then rooms, each in one line; what does not fit is cut and ends with "…". A room's
 * "talking" is a list of names. */
void vr_ctl_top_write(struct vr_buf *out, const json_t *nodes, const json_t *rooms,
                      const struct vr_ctl_screen *screen);

#endif
