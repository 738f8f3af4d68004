/* clock.h - the unit of time. Only edges read clocks; everything else is handed `now`. */
#ifndef VR_BASE_CLOCK_H
#define VR_BASE_CLOCK_H

#include <stdint.h>

/** Microseconds. Monotonic (CLOCK_BOOTTIME) unless a name says `wall` (since 1970, UTC). */
typedef int64_t vr_time_us;

#define VR_NEVER INT64_MAX
#define VR_MS(n) ((vr_time_us)(n)*1000)
#define VR_SECONDS(n) ((vr_time_us)(n)*1000000)

/** Where an edge gets its time from; simulations hand in their own. Both functions are thread-safe.
 */
struct vr_clock {
    vr_time_us (*now)(void *ctx);
    vr_time_us (*wall)(void *ctx);
    void *ctx;
};

/** The machine's clocks. */
const struct vr_clock *vr_clock_system(void);

#endif
