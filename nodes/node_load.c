/* node_load.c - the figures behind a node's stress, taken once a second. */
#include "nodes/node_load.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "actors/base/owner.h"
#include "nodes/node_internal.h"

#define LOAD_EVERY VR_SECONDS(1)

/* --- what the machine says --- */

static uint64_t cpu_us(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000u +
           (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/** A number in the first line of a file, behind `skip` others; 0 when there is none ("max" is
 * none). */
static double number_in(const char *path, uint32_t skip)
{
    FILE *file = fopen(path, "re");
    char line[128] = "";
    char *at = line;
    double number = 0;

    if (file == NULL) {
        return 0;
    }
    if (fgets(line, sizeof(line), file) == NULL) {
        line[0] = 0;
    }
    fclose(file);
    for (uint32_t i = 0; i <= skip; i++) {
        char *end = at;

        number = strtod(at, &end);
        if (end == at) {
            return 0;
        }
        at = end;
    }
    return number;
}

/** The limit of the service's control group (v2), else the machine's memory. */
static double memory_limit(void)
{
    double machine = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[512] = "";
    char path[600];
    double limit = 0;

    if (file != NULL) {
        if (fgets(line, sizeof(line), file) != NULL && strncmp(line, "0::", 3) == 0) {
            line[strcspn(line, "\n")] = 0;
            snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", line + 3);
            limit = number_in(path, 0);
        }
        fclose(file);
    }
    return limit > 0 && limit < machine ? limit : machine;
}

static double memory_used(void)
{
    return number_in("/proc/self/statm", 1) * (double)sysconf(_SC_PAGESIZE);
}

/** The lowest number that is free: descriptors are given out from below, so about as many are in
 * use. */
static double files_used(void)
{
    int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

    if (fd >= 0) {
        close(fd);
    }
    return fd < 0 ? 0 : fd;
}

static double files_limit(const struct vr_node *node)
{
    struct rlimit limit;
    double most = (double)node->config->connections_max;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && (double)limit.rlim_cur < most) {
        most = (double)limit.rlim_cur;
    }
    return most;
}

/* --- what our own parts say --- */

static uint64_t packets_of(const struct vr_node *node)
{
    uint64_t packets = 0;

    for (uint32_t i = 0; i < node->media_count; i++) {
        struct vr_engine_stats media = {0};
        struct vr_media_port_stats port = {0};

        vr_media_port_stats(node->media[i].port, &media, &port);
        packets += media.received + media.sent;
    }
    return packets;
}

static struct vr_worker *worker_of(const struct vr_node *node, uint32_t loop)
{
    return loop < node->media_count
               ? vr_system_worker(node->system, VR_WORKER_MEDIA, loop)
               : vr_system_worker(node->system, VR_WORKER_CONTROL, loop - node->media_count);
}

/** Taken here and kept for /metrics, which wants the largest since it asked. */
static vr_time_us lag_of(struct vr_node *node, uint32_t loop)
{
    vr_time_us lag = vr_worker_lag_take(worker_of(node, loop));

    if (lag > __atomic_load_n(&node->load.lags[loop], __ATOMIC_RELAXED)) {
        __atomic_store_n(&node->load.lags[loop], lag, __ATOMIC_RELAXED);
    }
    return lag;
}

vr_time_us node_lag_take(struct vr_node *node, uint32_t loop)
{
    vr_time_us now = vr_worker_lag_take(worker_of(node, loop));
    vr_time_us kept = __atomic_exchange_n(&node->load.lags[loop], 0, __ATOMIC_RELAXED);

    return now > kept ? now : kept;
}

static void sample_take(struct vr_node *node, vr_time_us now, struct vr_stress_sample *out)
{
    struct node_load *load = &node->load;
    double passed = load->at == 0 ? 0 : (double)(now - load->at);
    double threads = node->media_count + node->control_count;
    uint64_t cpu = cpu_us();
    uint64_t packets = packets_of(node);

    *out = (struct vr_stress_sample){.packets_max = (double)node->config->packets_max,
                                     .memory = memory_used(),
                                     .memory_max = load->memory_max,
                                     .files = files_used(),
                                     .files_max = files_limit(node)};
    if (passed > 0) {
        out->cpu = (double)(cpu - load->cpu) / (passed * threads);
        out->packets =
            packets < load->packets ? 0 : (double)(packets - load->packets) * 1e6 / passed;
    }
    for (uint32_t i = 0; i < node->media_count + node->control_count; i++) {
        vr_time_us lag = lag_of(node, i);

        out->lag = lag > out->lag ? lag : out->lag;
    }
    load->cpu = cpu;
    load->packets = packets;
    load->at = now;
}

static void on_load(struct vr_timer *timer, vr_time_us now)
{
    struct vr_node *node = VR_OWNER(timer, struct vr_node, load.timer);
    struct node_load *load = &node->load;
    struct vr_stress_sample sample;
    bool first = load->at == 0;
    double level;

    sample_take(node, now, &sample);
    pthread_mutex_lock(&load->lock);
    load->sample = sample;
    if (!first) {
        vr_stress_step(&load->stress, &sample);
    }
    level = load->stress.level;
    pthread_mutex_unlock(&load->lock);
    if (node->cluster != NULL) {
        vr_cluster_set_load(node->cluster, (uint32_t)(level * 1000),
                            vr_sessions_count(node->sessions));
    }
    vr_timer_arm(load->worker, timer, now + LOAD_EVERY);
}

void node_load_init(struct vr_node *node)
{
    pthread_mutex_init(&node->load.lock, NULL);
    node->load.memory_max = memory_limit();
}

void node_load_deinit(struct vr_node *node)
{
    pthread_mutex_destroy(&node->load.lock);
}

void node_load_start(struct vr_node *node, struct vr_worker *worker)
{
    node->load.worker = worker;
    node->load.timer.fire = on_load;
    vr_timer_arm(worker, &node->load.timer, vr_worker_now(worker));
}
