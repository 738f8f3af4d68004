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

struct stat_line {
    char text[1024];
    const char *name; /* in `text` */
    int64_t user_us, system_us;
};

/* Number, (name), state and ten numbers, then user and system time (man 5 proc). */
static bool read_stat(const char *path, struct stat_line *out)
{
    char *at = NULL;
    FILE *file = fopen(path, "r");
    long tick_us = 1000000 / sysconf(_SC_CLK_TCK);

    if (file != NULL) {
        at = fgets(out->text, sizeof(out->text), file) != NULL ? strrchr(out->text, ')') : NULL;
        fclose(file);
    }
    out->name = at == NULL ? NULL : strchr(out->text, '(');
    if (out->name == NULL) {
        return false;
    }
    out->name++;
    *at = 0;
    at++;
    for (int i = 0; i < 12 && at != NULL; i++) {
        at = strchr(at + 1, ' ');
    }
    if (at != NULL) {
        out->user_us = (int64_t)strtoul(at, &at, 10) * tick_us;
        out->system_us = (int64_t)strtoul(at, NULL, 10) * tick_us;
    }
    return at != NULL;
}

static void read_threads(int pid, struct vr_process *out)
{
    char path[64];
    struct stat_line stat;
    struct dirent *entry;
    DIR *folder;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    folder = opendir(path);
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        snprintf(path, sizeof(path), "/proc/%d/task/%.16s/stat", pid, entry->d_name);
        if (entry->d_name[0] != '.' && read_stat(path, &stat) &&
            strncmp(stat.name, "media-", 6) == 0) {
            out->media++;
            out->media_us += stat.user_us + stat.system_us;
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
    struct stat_line stat;
    char path[64];

    *out = (struct vr_process){0};
    if (pid <= 0) {
        return;
    }
    read_status(pid, out);
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (read_stat(path, &stat)) {
        out->user_us = stat.user_us;
        out->system_us = stat.system_us;
    }
    read_threads(pid, out);
    if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &time) == 0) {
        out->cpu_ns = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
    }
}
