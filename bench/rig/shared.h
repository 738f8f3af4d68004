/* shared.h - what the processes of one bench run tell each other: a phase, their sockets, their
 * results. Memory shared by fork; every field has one writer. */
#ifndef VR_BENCH_SHARED_H
#define VR_BENCH_SHARED_H

#include <stdatomic.h>
#include <stdint.h>

#include "bench/rig/crowd.h"

#define VR_SHARED_PROCESSES 16
#define VR_SHARED_LISTENERS 40000

enum vr_phase { VR_PHASE_SOCKETS, VR_PHASE_JOIN, VR_PHASE_MEASURE, VR_PHASE_SUM, VR_PHASE_END };

struct vr_room_sum {
    uint64_t packets; /* of all listeners */
    uint32_t most;    /* of one listener */
    uint32_t listeners;
};

struct vr_sum {
    uint64_t packets, bytes, lost, reordered, rtcp; /* of all members */
    uint64_t listener_packets;
    uint64_t frames, loud, unknown; /* of the sampled */
    uint32_t sampled, failed, up;
    uint32_t behind_ms; /* longest that the process was late with a tick */
    double cpu_s;
    struct vr_room_sum rooms[VR_CROWD_ROOMS_MAX];
};

struct vr_shared {
    _Atomic int phase;
    bool quiet_joins; /* nobody talks while they join; written before the phase is JOIN */
    _Atomic int reached[VR_SHARED_PROCESSES]; /* the phase that each is done with */
    struct vr_sum sums[VR_SHARED_PROCESSES];
    uint16_t ports[VR_SHARED_LISTENERS];
    float answer_ms[VR_SHARED_LISTENERS]; /* request to answer; 0: never */
    float up_ms[VR_SHARED_LISTENERS];     /* request to keys */
    float first_ms[VR_SHARED_LISTENERS];  /* request to first RTP */
    char rooms[VR_CROWD_ROOMS_MAX][VR_BENCH_ROOM_MAX];
};

/** NULL when memory is out. */
struct vr_shared *vr_shared_new(void);
/** Add up a process' members. */
void vr_shared_sum(struct vr_shared *shared, const struct vr_crowd *crowd);
/** Times of joining of a process' listeners. */
void vr_shared_times(struct vr_shared *shared, const struct vr_crowd *crowd);
/** Tick until every other process is done with the phase. False after so many seconds. */
bool vr_shared_await(struct vr_shared *shared, struct vr_crowd *crowd, enum vr_phase phase,
                     double seconds);
/** The life of a process that only listens: follows the phases until the end. */
void vr_shared_follow(struct vr_shared *shared, struct vr_crowd *crowd);

#endif
