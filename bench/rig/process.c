#include "bench/rig/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void read_status(int pid, struct vr_process *out)
{
    char path[64], line[256];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            out->rss_kb = strtol(line + 6, NULL, 10);
        } else if (strncmp(line, "Threads:", 8) == 0) {
            out->threads = strtol(line + 8, NULL, 10);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

/* After the name come state and ten numbers, then user and system time (man 5 proc). */
static void read_stat(int pid, struct vr_process *out)
{
    char path[64], line[1024];
    char *at = NULL;
    FILE *file;
    long tick_us = 1000000 / sysconf(_SC_CLK_TCK);

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    file = fopen(path, "r");
    if (file != NULL) {
        at = fgets(line, sizeof(line), file) != NULL ? strrchr(line, ')') : NULL;
        fclose(file);
    }
    for (int i = 0; i < 12 && at != NULL; i++) {
        at = strchr(at + 1, ' ');
    }
    if (at != NULL) {
        out->user_us = (int64_t)strtoul(at, &at, 10) * tick_us;
        out->system_us = (int64_t)strtoul(at, NULL, 10) * tick_us;
    }
}

void vr_process_read(int pid, struct vr_process *out)
{
    clockid_t clock;
    struct timespec time;

    *out = (struct vr_process){0};
    if (pid <= 0) {
        return;
    }
    read_status(pid, out);
    read_stat(pid, out);
    if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &time) == 0) {
        out->cpu_ns = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
    }
}
