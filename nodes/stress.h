/* stress.h - how hard a node works, as one number from 0 to 1: pure.
 *
 * The worst of its parts counts, since each of them alone spoils the sound: processor, packets
 * against what it may send, loops that run late, memory, file descriptors. Samples come once a
 * second; the number follows within some seconds, so that a burst moves no room. `high` has a
 * hysteresis: who asks whether a node is full gets no answer that flaps. */
#ifndef VR_NODES_STRESS_H
#define VR_NODES_STRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/clock.h"

#define VR_STRESS_HIGH 0.8 /* from here on a node is full */
#define VR_STRESS_LOW 0.65 /* until here again */
#define VR_STRESS_LAGS 5   /* samples over which lateness must last */

enum vr_stress_part {
    VR_STRESS_CPU,     /* of the workers' time; 1: each of them busy */
    VR_STRESS_PACKETS, /* a second, in and out, against the ceiling */
    VR_STRESS_LAG,     /* 50 ms is nothing, 500 ms is 1; all through the last samples */
    VR_STRESS_MEMORY,  /* the upper half of what there is counts: 50 % is 0, 100 % is 1 */
    VR_STRESS_FILES,   /* the same of file descriptors and connections */
    VR_STRESS_PARTS,
};

struct vr_stress_sample {
    double cpu;                /* processor time by the workers' time since the last sample */
    double packets;            /* a second */
    double packets_max;        /* 0: not known, not judged */
    vr_time_us lag;            /* the largest of all loops since the last sample */
    double memory, memory_max; /* bytes; _max 0: not judged */
    double files, files_max;
};

/** Zeroed is a node that has just started. */
struct vr_stress {
    double part[VR_STRESS_PARTS];
    double level; /* the largest of them */
    bool high;
    vr_time_us lags[VR_STRESS_LAGS];
    uint32_t samples;
};

void vr_stress_step(struct vr_stress *stress, const struct vr_stress_sample *sample);

/** "cpu", "packets", "lag", "memory", "files". */
const char *vr_stress_name(enum vr_stress_part part);
/** The part that makes the number. */
enum vr_stress_part vr_stress_worst(const struct vr_stress *stress);

#endif
