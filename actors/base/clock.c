#include "actors/base/clock.h"

#include <stddef.h>
#include <time.h>

static vr_time_us read_clock(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (vr_time_us)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static vr_time_us system_now(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_BOOTTIME);
}

static vr_time_us system_wall(void *ctx)
{
    (void)ctx;
    return read_clock(CLOCK_REALTIME);
}

const struct vr_clock *vr_clock_system(void)
{
    static const struct vr_clock clock = {system_now, system_wall, NULL};

    return &clock;
}
