#include "bench/rig/process.h"

#include <dirent.h>
#include <stdbool.h>
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

/* A thread's name; "" when it is gone. */
static void read_name(int pid, const char *thread, char name[32])
{
    char path[64];
    FILE *file;

    name[0] = 0;
    snprintf(path, sizeof(path), "/proc/%d/task/%.16s/comm", pid, thread);
    file = fopen(path, "r");
    if (file != NULL) {
        if (fgets(name, 32, file) == NULL) {
            name[0] = 0;
        }
        fclose(file);
    }
}

/* What it ran, to the nanosecond: the first number of its schedstat (Documentation/scheduler,
 * sched-stats). User and system time of its stat are sampled at ticks on some kernels, and speech
 * that comes each 20 ms beats with a tick of 10 ms: a third of what it ran was seen to be told. */
static int64_t read_ran_ns(int pid, const char *thread)
{
    char path[64];
    char line[128];
    int64_t ran = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/task/%.16s/schedstat", pid, thread);
    file = fopen(path, "r");
    if (file != NULL) {
        ran = fgets(line, sizeof(line), file) != NULL ? strtoll(line, NULL, 10) : 0;
        fclose(file);
    }
    return ran;
}

static void read_threads(int pid, struct vr_process *out)
{
    char path[64];
    char name[32];
    struct dirent *entry;
    DIR *folder;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    folder = opendir(path);
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        read_name(pid, entry->d_name, name);
        if (strncmp(name, "media-", 6) == 0) {
            out->media++;
            out->media_ns += read_ran_ns(pid, entry->d_name);
        }
    }
    if (folder != NULL) {
        closedir(folder);
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
    read_threads(pid, out);
    if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &time) == 0) {
        out->cpu_ns = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
    }
}
