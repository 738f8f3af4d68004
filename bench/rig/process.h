/* process.h - what a server process has used so far: CPU time, memory, threads. */
#ifndef VR_BENCH_PROCESS_H
#define VR_BENCH_PROCESS_H

#include <stdint.h>

struct vr_process {
    int64_t cpu_ns; /* user and system, of all threads, ended ones too */
    long rss_kb;
    long threads;
    int64_t media_ns; /* of the threads named media-N, user and system */
    uint32_t media;   /* how many of these; 0: a server that names none so */
};

/** Zeros when the process is gone. */
void vr_process_read(int pid, struct vr_process *out);

#endif
