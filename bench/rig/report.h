/* report.h - the figures of one run as a line of JSON. */
#ifndef VR_BENCH_REPORT_H
#define VR_BENCH_REPORT_H

#include <stdio.h>

#include "bench/rig/process.h"
#include "bench/rig/shared.h"
#include "bench/rig/sockets.h"

/** Coming back, all of process 0's listeners once. */
struct vr_return {
    struct vr_process before, after; /* of the server */
    float *answer_ms;                /* of each listener */
    uint32_t count;                  /* 0: not measured */
};

struct vr_report {
    const struct vr_crowd *crowd;
    const struct vr_shared *shared;
    double seconds; /* of the window */
    struct vr_floor_result floor;
    struct vr_process before_joins, after_joins; /* of the server */
    struct vr_process window_start, window_end;
    struct vr_served served_start, served_end; /* zeros: it does not tell */
    struct vr_return resume, rebind;           /* with an offer, and without */
    double join_seconds;
    bool quiet_joins;                     /* nobody talked: there was no first audio to wait for */
    double client_cpu_s;                  /* of all processes of the bench, in the window */
    double early_delivered, early_p99_ms; /* of those who were in while the others came; 0: none */
    struct vr_sockets_counts sockets;
};

/** What listeners before `end` heard since the last vr_crowd_measure. */
void vr_report_early(struct vr_report *report, uint32_t end);
void vr_report_write(struct vr_report *report, FILE *out);

#endif
