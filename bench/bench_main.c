/* voiceroom-bench: one run of a load client against one running server; `bench/run` makes rows,
 * repeats and a report of many.
 *
 *     voiceroom-bench --driver voiceroomd --url http://127.0.0.1:8080 --key data/admin-key.json
 *                     --pid PID --speech build/bench/speech --speakers 1 --listeners 500
 *
 * All in one process (or `--processes`): a UDP socket, ICE and a DTLS-SRTP handshake for each
 * member, real speech. In this order: the floor; rooms and speakers; listeners join while the
 * speakers talk; a pause of 0.25 s; the measuring window; a pause. The pauses make what was sent
 * and what arrived in the window exactly comparable. Progress on stderr, one line of JSON on
 * stdout. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench_options.h"
#include "bench/rig/ice.h"
#include "bench/rig/report.h"

#define PAUSE_S 0.25
/* Who is slower than this is not measured: a large crowd of two processes on two cores is. */
#define JOINS_S(count) (120.0 + (double)(count) / 50)

static void tick(void *crowd)
{
    vr_crowd_tick(crowd);
}

static bool run_floor(const struct vr_bench_options *o, struct vr_crowd *crowd,
                      const struct vr_shared *shared, struct vr_floor_result *out)
{
    uint32_t steps = VR_FLOOR_WARM + (uint32_t)(o->floor_seconds * 50);
    struct vr_floor_plan plan;
    bool good;

    if (o->floor_seconds <= 0) {
        return true;
    }
    good = vr_crowd_plan(crowd, steps, o->pack, shared->ports, &plan) &&
           vr_floor_run(o->floor_program, &plan, tick, crowd, out);
    vr_crowd_plan_deinit(&plan);
    if (!good) {
        fprintf(stderr, "voiceroom-bench: the floor could not be measured\n");
    }
    return good;
}

static bool come_all(struct vr_crowd *crowd, uint32_t first, uint32_t end, enum vr_coming coming,
                     double seconds)
{
    vr_time_us limit = vr_crowd_now() + (vr_time_us)(seconds * 1e6);
    uint32_t told = first;

    vr_crowd_join(crowd, first, end, coming);
    while (!vr_crowd_joined(crowd)) {
        vr_crowd_tick(crowd);
        if (crowd->join_next - told >= 500) {
            told = crowd->join_next;
            fprintf(stderr, "  %u of %u asked to join\n", told - first, end - first);
        }
        if (vr_crowd_now() > limit) {
            fprintf(stderr, "voiceroom-bench: joins took longer than %.0f s\n", seconds);
            return false;
        }
    }
    return true;
}

static bool join_all(struct vr_crowd *crowd, uint32_t first, uint32_t end, double seconds)
{
    return come_all(crowd, first, end, VR_COMING_JOIN, seconds);
}

static bool open_rooms(const struct vr_bench_options *o, struct vr_crowd *crowd,
                       struct vr_shared *shared)
{
    crowd->driver_state = crowd->driver->open(&o->driver);
    for (uint32_t r = 0; crowd->driver_state != NULL && r < o->crowd.rooms; r++) {
        if (!crowd->driver->room(crowd->driver_state, r, shared->rooms[r])) {
            return false;
        }
    }
    return crowd->driver_state != NULL;
}

static void phase(struct vr_shared *shared, struct vr_crowd *crowd, enum vr_phase to)
{
    atomic_store(&shared->phase, to);
    if (!vr_shared_await(shared, crowd, to, 300)) {
        fprintf(stderr, "voiceroom-bench: a process is late\n");
    }
}

static double used_cpu(const struct vr_bench_options *o)
{
    struct rusage self;

    (void)o;
    getrusage(RUSAGE_SELF, &self);
    return (double)(self.ru_utime.tv_sec + self.ru_stime.tv_sec) +
           (double)(self.ru_utime.tv_usec + self.ru_stime.tv_usec) / 1e6;
}

static void read_server(const struct vr_bench_options *o, struct vr_process *out)
{
    *out = (struct vr_process){0};
    for (uint32_t i = 0; i < o->pid_count; i++) {
        struct vr_process one;

        vr_process_read(o->pids[i], &one);
        out->cpu_ns += one.cpu_ns;
        out->rss_kb += one.rss_kb;
        out->threads += one.threads;
        out->media += one.media;
        out->media_ns += one.media_ns;
    }
}

/* Outside of the window of CPU: that a server tells costs it something as well. */
static void read_counts(const struct vr_crowd *crowd, struct vr_served *out)
{
    if (crowd->driver->counts != NULL && !crowd->driver->counts(crowd->driver_state, out)) {
        *out = (struct vr_served){0};
    }
}

static uint64_t arrived(const struct vr_crowd *crowd)
{
    uint64_t packets = 0;

    for (uint32_t i = 0; i < crowd->count; i++) {
        packets += crowd->members[i].counts.packets;
    }
    return packets;
}

/* Nobody talks, and what is under way arrives: on a busy machine that takes longer. */
static void fall_silent(struct vr_crowd *crowd)
{
    vr_time_us limit = vr_crowd_now() + VR_SECONDS(3);
    uint64_t before;

    vr_crowd_talk(crowd, false);
    vr_crowd_run(crowd, PAUSE_S);
    do {
        before = arrived(crowd);
        vr_crowd_run(crowd, PAUSE_S / 2);
    } while (arrived(crowd) != before && vr_crowd_now() < limit);
}

static void measure(const struct vr_bench_options *o, struct vr_crowd *crowd,
                    struct vr_shared *shared, struct vr_report *report)
{
    fall_silent(crowd);
    read_counts(crowd, &report->served_start);
    phase(shared, crowd, VR_PHASE_MEASURE);
    vr_crowd_measure(crowd, true);
    report->client_cpu_s = used_cpu(o);
    read_server(o, &report->window_start);
    vr_crowd_talk(crowd, true);
    vr_crowd_run(crowd, o->seconds);
    report->client_cpu_s = used_cpu(o) - report->client_cpu_s;
    fall_silent(crowd);
    read_server(o, &report->window_end);
    read_counts(crowd, &report->served_end);
    vr_shared_sum(shared, crowd);
    if (!o->resume) {
        vr_shared_times(shared, crowd);
    }
    phase(shared, crowd, VR_PHASE_SUM);
}

/* Some are in first; what they hear while the others come is a figure of its own. */
static bool join_listeners(const struct vr_bench_options *o, struct vr_crowd *crowd,
                           struct vr_report *report)
{
    uint32_t early = crowd->first_listener + (o->early < crowd->count ? o->early : 0);

    if (early > crowd->first_listener) {
        if (!join_all(crowd, crowd->first_listener, early, 60)) {
            return false;
        }
        fall_silent(crowd);
        vr_crowd_measure(crowd, true);
        vr_crowd_talk(crowd, true);
    }
    if (!join_all(crowd, early, crowd->count, JOINS_S(crowd->count))) {
        return false;
    }
    if (early > crowd->first_listener) {
        fall_silent(crowd);
        vr_report_early(report, early);
        vr_crowd_measure(crowd, false);
        vr_crowd_talk(crowd, true);
    }
    return true;
}

static bool come_back(const struct vr_bench_options *o, struct vr_crowd *crowd,
                      enum vr_coming coming, struct vr_return *out)
{
    uint32_t first = crowd->first_listener;

    out->answer_ms = calloc(crowd->count + 1, sizeof(float));
    read_server(o, &out->before);
    if (out->answer_ms == NULL ||
        !come_all(crowd, first, crowd->count, coming, JOINS_S(crowd->count))) {
        return false;
    }
    read_server(o, &out->after);
    for (uint32_t i = first; i < crowd->count; i++) {
        const struct vr_member *member = &crowd->members[i];

        out->answer_ms[out->count++] = (float)(member->seated_at - member->asked_at) / 1000;
    }
    return true;
}

/* The times of the joins are taken before those who come back overwrite them. */
static bool all_come_back(const struct vr_bench_options *o, struct vr_crowd *crowd,
                          struct vr_shared *shared, struct vr_report *report)
{
    if (!o->resume) {
        return true;
    }
    vr_shared_times(shared, crowd);
    return come_back(o, crowd, VR_COMING_RESUME, &report->resume) &&
           come_back(o, crowd, VR_COMING_REBIND, &report->rebind);
}

/* Bound to their sessions, as pages are; opened while the media runs. */
static struct vr_sockets *open_sockets(const struct vr_bench_options *o, struct vr_crowd *crowd,
                                       struct vr_report *report)
{
    char url[256];
    struct vr_sockets *sockets;
    vr_time_us limit = vr_crowd_now() + VR_SECONDS(60);
    uint32_t next = crowd->first_listener;

    snprintf(url, sizeof(url), "ws%s", o->driver.urls[0] + strlen("http"));
    sockets = vr_sockets_new(url, crowd->count);
    while (sockets != NULL && vr_crowd_now() < limit &&
           (next < crowd->count || vr_sockets_counts(sockets).busy > 0)) {
        while (next < crowd->count && vr_sockets_counts(sockets).busy < 32) {
            const struct vr_member *member = &crowd->members[next++];
            char text[2048];

            snprintf(text, sizeof(text),
                     "{\"type\":\"room:resume\",\"id\":1,\"room\":\"%s\",\"resume_token\":\"%s\"}",
                     crowd->rooms[member->room], member->remote.resume);
            if (!vr_sockets_add(sockets, text)) {
                break;
            }
        }
        vr_sockets_turn(sockets, 0);
        vr_crowd_tick(crowd);
    }
    if (sockets != NULL) {
        report->sockets = vr_sockets_counts(sockets);
        fprintf(stderr, "  %u sockets, %u failed, %u refused\n", report->sockets.open,
                report->sockets.failed, report->sockets.refused);
    }
    return sockets;
}

static bool run(const struct vr_bench_options *o, struct vr_crowd *crowd, struct vr_shared *shared)
{
    struct vr_report report = {
        .crowd = crowd, .shared = shared, .seconds = o->seconds, .quiet_joins = o->stay_quiet};
    struct vr_sockets *sockets;
    vr_time_us start;

    if (!vr_shared_await(shared, crowd, VR_PHASE_SOCKETS, 60) ||
        !run_floor(o, crowd, shared, &report.floor) || !open_rooms(o, crowd, shared) ||
        !join_all(crowd, 0, crowd->first_listener, 30)) {
        return false;
    }
    if (!o->stay_quiet) {
        vr_crowd_talk(crowd, true);
        vr_crowd_run(crowd, 0.1);
    }
    read_server(o, &report.before_joins);
    start = vr_crowd_now();
    shared->quiet_joins = o->stay_quiet;
    atomic_store(&shared->phase, VR_PHASE_JOIN);
    if (!join_listeners(o, crowd, &report) ||
        !vr_shared_await(shared, crowd, VR_PHASE_JOIN, JOINS_S(crowd->count))) {
        return false;
    }
    report.join_seconds = (double)(vr_crowd_now() - start) / 1e6;
    read_server(o, &report.after_joins);
    fprintf(stderr, "  joined in %.1f s, %u failed\n", report.join_seconds, crowd->failed);
    if (!all_come_back(o, crowd, shared, &report)) {
        return false;
    }
    sockets = o->sockets ? open_sockets(o, crowd, &report) : NULL;
    vr_crowd_run(crowd, o->settle);
    measure(o, crowd, shared, &report);
    vr_report_write(&report, stdout);
    free(report.resume.answer_ms);
    free(report.rebind.answer_ms);
    vr_sockets_free(sockets);
    return crowd->failed == 0;
}

static void put_ports(struct vr_shared *shared, const struct vr_crowd *crowd)
{
    const struct vr_crowd_conf *conf = &crowd->conf;
    uint32_t first = conf->rooms * (conf->speakers + conf->muted);

    for (uint32_t i = crowd->first_listener; i < crowd->count; i++) {
        shared->ports[crowd->members[i].seat.number - first] = crowd->members[i].port;
    }
}

static int be_process(const struct vr_bench_options *options, struct vr_shared *shared,
                      uint32_t process)
{
    static struct vr_crowd crowd;
    struct vr_crowd_conf conf = options->crowd;
    const struct vr_driver *driver = vr_driver_find(options->name);
    bool good;

    conf.process = process;
    conf.window = conf.window == 0 ? driver->window : conf.window;
    conf.window = (conf.window + conf.processes - 1) / conf.processes;
    conf.join_rate /= conf.processes;
    crowd.rooms = NULL;
    good = vr_crowd_init(&crowd, &conf, driver);
    crowd.rooms = (const char(*)[VR_BENCH_ROOM_MAX])shared->rooms;
    if (good && process == 0) {
        put_ports(shared, &crowd);
        good = run(options, &crowd, shared);
        atomic_store(&shared->phase, VR_PHASE_END);
    } else if (good) {
        put_ports(shared, &crowd);
        crowd.driver_state = driver->open(&options->driver);
        good = crowd.driver_state != NULL;
        vr_shared_follow(shared, &crowd);
    }
    vr_crowd_deinit(&crowd);
    return good ? 0 : 1;
}

static void raise_limits(void)
{
    struct rlimit files;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
    struct vr_bench_options o;
    struct vr_shared *shared = vr_shared_new();
    bool done;
    int status, result = vr_bench_options_read(&o, argc, argv, &done);

    if (done || shared == NULL) {
        return shared == NULL ? 1 : result;
    }
    raise_limits();
    signal(SIGPIPE, SIG_IGN);
    atomic_store(&shared->phase, VR_PHASE_SOCKETS);
    for (uint32_t i = 1; i < o.crowd.processes; i++) {
        atomic_store(&shared->reached[i], -1);
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            vr_ice_global_init();
            return srtp_init() == srtp_err_status_ok ? be_process(&o, shared, i) : 1;
        }
    }
    vr_ice_global_init();
    result = srtp_init() == srtp_err_status_ok ? be_process(&o, shared, 0) : 1;
    for (uint32_t i = 1; i < o.crowd.processes; i++) {
        wait(&status);
    }
    return result;
}
