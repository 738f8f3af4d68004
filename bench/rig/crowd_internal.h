/* crowd_internal.h - between the sources of the crowd. */
#ifndef VR_BENCH_CROWD_INTERNAL_H
#define VR_BENCH_CROWD_INTERNAL_H

#include "bench/rig/crowd.h"

/** Send what the speakers have to say by now. */
void vr_crowd_speak_due(struct vr_crowd *crowd);
void vr_crowd_ask_more(struct vr_crowd *crowd, vr_time_us now);
void vr_crowd_care_for_busy(struct vr_crowd *crowd, vr_time_us now);
void vr_crowd_maybe_leave(struct vr_crowd *crowd, struct vr_member *member, vr_time_us now);

#endif
