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
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/rig/ice.h"
#include "bench/rig/report.h"

#define PAUSE_S 0.25
#define FLOOR_STEPS 125

struct options {
    struct vr_crowd_conf crowd;
    struct vr_driver_conf driver;
    const char *name;
    int pid;
    double seconds, settle, floor_seconds;
    uint32_t pack;   /* frames in one datagram, for the floor */
    bool stay_quiet; /* nobody talks while listeners join */
    char floor_program[512];
};

static const struct option names[] = {{"driver", required_argument, NULL, 'd'},
                                      {"url", required_argument, NULL, 'u'},
                                      {"key", required_argument, NULL, 'k'},
                                      {"pid", required_argument, NULL, 'p'},
                                      {"speech", required_argument, NULL, 'e'},
                                      {"rooms", required_argument, NULL, 'r'},
                                      {"speakers", required_argument, NULL, 's'},
                                      {"listeners", required_argument, NULL, 'n'},
                                      {"muted", required_argument, NULL, 'm'},
                                      {"seconds", required_argument, NULL, 't'},
                                      {"settle", required_argument, NULL, 'w'},
                                      {"floor", required_argument, NULL, 'f'},
                                      {"address", required_argument, NULL, 'a'},
                                      {"processes", required_argument, NULL, 'P'},
                                      {"sampled", required_argument, NULL, 'S'},
                                      {"stagger-ms", required_argument, NULL, 'g'},
                                      {"window", required_argument, NULL, 'W'},
                                      {"join-rate", required_argument, NULL, 'R'},
                                      {"drop", required_argument, NULL, 'x'},
                                      {"reports", no_argument, NULL, 'c'},
                                      {"steady", no_argument, NULL, 'y'},
                                      {"pack", required_argument, NULL, 'K'},
                                      {"capabilities", required_argument, NULL, 'C'},
                                      {"quiet-joins", no_argument, NULL, 'q'},
                                      {"help", no_argument, NULL, 'h'},
                                      {0}};

static int usage(FILE *out)
{
    fprintf(out, "usage: voiceroom-bench");
    for (const struct option *at = names; at->name != NULL; at++) {
        fprintf(out, " [--%s%s]", at->name, at->has_arg == required_argument ? " ..." : "");
    }
    fprintf(out, "\n");
    return out == stdout ? 0 : 2;
}

static uint32_t number(const char *text)
{
    return (uint32_t)strtoul(text, NULL, 10);
}

static bool read_option(struct options *o, int option)
{
    switch (option) {
    case 'd':
        o->name = optarg;
        break;
    case 'u':
        if (o->driver.url_count < VR_BENCH_URLS_MAX) {
            o->driver.urls[o->driver.url_count++] = optarg;
        }
        break;
    case 'k':
        o->driver.key_file = optarg;
        break;
    case 'C':
        o->driver.capabilities = optarg;
        break;
    case 'p':
        o->pid = (int)number(optarg);
        break;
    case 'e':
        o->crowd.speech_folder = optarg;
        break;
    case 'r':
        o->crowd.rooms = number(optarg);
        break;
    case 's':
        o->crowd.speakers = number(optarg);
        break;
    case 'n':
        o->crowd.listeners = number(optarg);
        break;
    case 'm':
        o->crowd.muted = number(optarg);
        break;
    case 'P':
        o->crowd.processes = number(optarg);
        break;
    case 'S':
        o->crowd.sampled = number(optarg);
        break;
    case 'W':
        o->crowd.window = number(optarg);
        break;
    case 'K':
        o->pack = number(optarg);
        break;
    case 't':
        o->seconds = strtod(optarg, NULL);
        break;
    case 'w':
        o->settle = strtod(optarg, NULL);
        break;
    case 'f':
        o->floor_seconds = strtod(optarg, NULL);
        break;
    case 'R':
        o->crowd.join_rate = strtod(optarg, NULL);
        break;
    case 'x':
        o->crowd.drop = strtod(optarg, NULL);
        break;
    case 'g':
        o->crowd.stagger_us = (uint32_t)(strtod(optarg, NULL) * 1000);
        break;
    case 'a':
        return inet_pton(AF_INET, optarg, &o->crowd.address) == 1;
    case 'c':
        o->crowd.reports = true;
        break;
    case 'y':
        o->crowd.steady = true;
        break;
    case 'q':
        o->stay_quiet = true;
        break;
    default:
        return false;
    }
    return true;
}

static bool good_options(const struct options *o)
{
    const struct vr_crowd_conf *c = &o->crowd;

    return o->driver.url_count > 0 && c->speech_folder != NULL && c->rooms > 0 &&
           c->rooms <= VR_CROWD_ROOMS_MAX && c->speakers > 0 && c->speakers <= 64 &&
           c->listeners > 0 && (uint64_t)c->rooms * c->listeners <= VR_SHARED_LISTENERS &&
           c->processes > 0 && c->processes <= VR_SHARED_PROCESSES && o->pack > 0;
}

static void tick(void *crowd)
{
    vr_crowd_tick(crowd);
}

static bool run_floor(const struct options *o, struct vr_crowd *crowd,
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

static bool join_all(struct vr_crowd *crowd, uint32_t first, uint32_t end, double seconds)
{
    vr_time_us limit = vr_crowd_now() + (vr_time_us)(seconds * 1e6);
    uint32_t told = first;

    vr_crowd_join(crowd, first, end);
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

static bool open_rooms(const struct options *o, struct vr_crowd *crowd, struct vr_shared *shared)
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

static double used_cpu(const struct options *o)
{
    struct rusage self;

    (void)o;
    getrusage(RUSAGE_SELF, &self);
    return (double)(self.ru_utime.tv_sec + self.ru_stime.tv_sec) +
           (double)(self.ru_utime.tv_usec + self.ru_stime.tv_usec) / 1e6;
}

static void measure(const struct options *o, struct vr_crowd *crowd, struct vr_shared *shared,
                    struct vr_report *report)
{
    vr_crowd_talk(crowd, false);
    vr_crowd_run(crowd, PAUSE_S);
    phase(shared, crowd, VR_PHASE_MEASURE);
    vr_crowd_measure(crowd, true);
    report->client_cpu_s = used_cpu(o);
    vr_process_read(o->pid, &report->window_start);
    vr_crowd_talk(crowd, true);
    vr_crowd_run(crowd, o->seconds);
    vr_crowd_talk(crowd, false);
    vr_process_read(o->pid, &report->window_end);
    report->client_cpu_s = used_cpu(o) - report->client_cpu_s;
    vr_crowd_run(crowd, PAUSE_S);
    vr_shared_sum(shared, crowd);
    vr_shared_times(shared, crowd);
    phase(shared, crowd, VR_PHASE_SUM);
}

static bool run(const struct options *o, struct vr_crowd *crowd, struct vr_shared *shared)
{
    struct vr_report report = {.crowd = crowd, .shared = shared, .seconds = o->seconds};
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
    vr_process_read(o->pid, &report.before_joins);
    start = vr_crowd_now();
    atomic_store(&shared->phase, VR_PHASE_JOIN);
    if (!join_all(crowd, crowd->first_listener, crowd->count, 300) ||
        !vr_shared_await(shared, crowd, VR_PHASE_JOIN, 300)) {
        return false;
    }
    report.join_seconds = (double)(vr_crowd_now() - start) / 1e6;
    vr_process_read(o->pid, &report.after_joins);
    fprintf(stderr, "  joined in %.1f s, %u failed\n", report.join_seconds, crowd->failed);
    vr_crowd_run(crowd, o->settle);
    measure(o, crowd, shared, &report);
    vr_report_write(&report, stdout);
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

static int be_process(const struct options *options, struct vr_shared *shared, uint32_t process)
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
    static struct options o = {.name = "voiceroomd",
                               .crowd =
                                   {
                                       .rooms = 1,
                                       .speakers = 1,
                                       .listeners = 50,
                                       .processes = 1,
                                       .sampled = 100,
                                       .stagger_us = 5000,
                                   },
                               .seconds = 5,
                               .settle = 1,
                               .floor_seconds = 2,
                               .pack = 1};
    struct vr_shared *shared = vr_shared_new();
    char *slash;
    int option, status, result;

    o.crowd.address.s_addr = htonl(INADDR_LOOPBACK);
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (!read_option(&o, option)) {
            return usage(option == 'h' ? stdout : stderr);
        }
    }
    if (!good_options(&o) || vr_driver_find(o.name) == NULL || shared == NULL) {
        return usage(stderr);
    }
    snprintf(o.floor_program, sizeof(o.floor_program), "%s", argv[0]);
    slash = strrchr(o.floor_program, '/');
    slash = slash == NULL ? o.floor_program : slash + 1;
    snprintf(slash, sizeof(o.floor_program) - (size_t)(slash - o.floor_program), "voiceroom-floor");
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
