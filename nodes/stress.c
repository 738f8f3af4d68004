/* stress.c - from figures of one second to the number that placement uses. */
#include "nodes/stress.h"

#define FOLLOW 0.3 /* of the way to the new figure in one sample: half of it in two */
#define LAG_FROM VR_MS(50)
#define LAG_TO VR_MS(500)

static double within(double value)
{
    return value > 1 ? 1 : value > 0 ? value : 0; /* also for what is no number */
}

/** What is used of something that ends: nothing to worry about before half of it is gone. */
static double filled(double used, double whole)
{
    return whole > 0 ? within((used / whole - 0.5) * 2) : 0;
}

/** One late turn is heard once; a loop that is late all the time has too much to do. */
static double lateness(struct vr_stress *stress, vr_time_us lag)
{
    vr_time_us least = lag;

    stress->lags[stress->samples % VR_STRESS_LAGS] = lag;
    stress->samples++;
    if (stress->samples < VR_STRESS_LAGS) {
        return 0;
    }
    for (uint32_t i = 0; i < VR_STRESS_LAGS; i++) {
        least = stress->lags[i] < least ? stress->lags[i] : least;
    }
    return within((double)(least - LAG_FROM) / (double)(LAG_TO - LAG_FROM));
}

enum vr_stress_part vr_stress_worst(const struct vr_stress *stress)
{
    uint32_t worst = 0;

    for (uint32_t i = 1; i < VR_STRESS_PARTS; i++) {
        worst = stress->part[i] > stress->part[worst] ? i : worst;
    }
    return (enum vr_stress_part)worst;
}

void vr_stress_step(struct vr_stress *stress, const struct vr_stress_sample *sample)
{
    const double now[VR_STRESS_PARTS] = {
        [VR_STRESS_CPU] = within(sample->cpu),
        [VR_STRESS_PACKETS] =
            sample->packets_max > 0 ? within(sample->packets / sample->packets_max) : 0,
        [VR_STRESS_LAG] = lateness(stress, sample->lag),
        [VR_STRESS_MEMORY] = filled(sample->memory, sample->memory_max),
        [VR_STRESS_FILES] = filled(sample->files, sample->files_max),
    };

    for (uint32_t i = 0; i < VR_STRESS_PARTS; i++) {
        stress->part[i] += (now[i] - stress->part[i]) * FOLLOW;
    }
    stress->level = stress->part[vr_stress_worst(stress)];
    stress->high = stress->level >= (stress->high ? VR_STRESS_LOW : VR_STRESS_HIGH);
}

const char *vr_stress_name(enum vr_stress_part part)
{
    switch (part) {
    case VR_STRESS_CPU:
        return "cpu";
    case VR_STRESS_PACKETS:
        return "packets";
    case VR_STRESS_LAG:
        return "lag";
    case VR_STRESS_MEMORY:
        return "memory";
    case VR_STRESS_FILES:
        return "files";
    case VR_STRESS_PARTS:
        break;
    }
    return "?";
}
