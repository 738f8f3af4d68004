/* bench_options.h - the command line of voiceroom-bench. */
#ifndef VR_BENCH_OPTIONS_H
#define VR_BENCH_OPTIONS_H

#include "bench/rig/report.h"

struct vr_bench_options {
    struct vr_crowd_conf crowd;
    struct vr_driver_conf driver;
    const char *name;
    int pids[VR_BENCH_URLS_MAX]; /* processes of the server: their use is added up */
    uint32_t pid_count;
    double seconds, settle, floor_seconds;
    uint32_t pack;   /* frames in one datagram, for the floor */
    uint32_t early;  /* listeners in before the others, and measured while those come */
    bool sockets;    /* a WebSocket for every listener */
    bool resume;     /* listeners come back with an offer, and once more without */
    bool stay_quiet; /* nobody talks while listeners join */
    char floor_program[512];
};

/** 0: go on; else the exit status, after the usage was printed. `out` is set to defaults first. */
int vr_bench_options_read(struct vr_bench_options *out, int argc, char **argv, bool *done);

#endif
