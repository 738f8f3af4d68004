#include "bench/bench_options.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

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
                                      {"read-ms", required_argument, NULL, 'I'},
                                      {"join-rate", required_argument, NULL, 'R'},
                                      {"drop", required_argument, NULL, 'x'},
                                      {"reports", no_argument, NULL, 'c'},
                                      {"steady", no_argument, NULL, 'y'},
                                      {"pack", required_argument, NULL, 'K'},
                                      {"capabilities", required_argument, NULL, 'C'},
                                      {"quiet-joins", no_argument, NULL, 'q'},
                                      {"resume", no_argument, NULL, 'B'},
                                      {"leave-after", required_argument, NULL, 'L'},
                                      {"early", required_argument, NULL, 'E'},
                                      {"sockets", no_argument, NULL, 'b'},
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

static bool read_crowd_option(struct vr_crowd_conf *crowd, int option)
{
    switch (option) {
    case 'e':
        crowd->speech_folder = optarg;
        break;
    case 'r':
        crowd->rooms = number(optarg);
        break;
    case 's':
        crowd->speakers = number(optarg);
        break;
    case 'n':
        crowd->listeners = number(optarg);
        break;
    case 'm':
        crowd->muted = number(optarg);
        break;
    case 'P':
        crowd->processes = number(optarg);
        break;
    case 'S':
        crowd->sampled = number(optarg);
        break;
    case 'W':
        crowd->window = number(optarg);
        break;
    case 'R':
        crowd->join_rate = strtod(optarg, NULL);
        break;
    case 'x':
        crowd->drop = strtod(optarg, NULL);
        break;
    case 'g':
        crowd->stagger_us = (uint32_t)(strtod(optarg, NULL) * 1000);
        break;
    case 'a':
        return inet_pton(AF_INET, optarg, &crowd->address) == 1;
    case 'c':
        crowd->reports = true;
        break;
    case 'I':
        crowd->read_us = (vr_time_us)(strtod(optarg, NULL) * 1000);
        return crowd->read_us > 0;
    case 'y':
        crowd->steady = true;
        break;
    case 'L':
        crowd->leave_after_us = (vr_time_us)(strtod(optarg, NULL) * 1e6);
        break;
    default:
        return false;
    }
    return true;
}

static bool read_option(struct vr_bench_options *o, int option)
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
        if (o->pid_count < VR_BENCH_URLS_MAX) {
            o->pids[o->pid_count++] = (int)number(optarg);
        }
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
    case 'E':
        o->early = number(optarg);
        break;
    case 'b':
        o->sockets = true;
        break;
    case 'B':
        o->resume = true;
        break;
    case 'q':
        o->stay_quiet = true;
        break;
    default:
        return read_crowd_option(&o->crowd, option);
    }
    return true;
}

static bool good_options(const struct vr_bench_options *o)
{
    const struct vr_crowd_conf *c = &o->crowd;

    return o->driver.url_count > 0 && c->speech_folder != NULL && c->rooms > 0 &&
           c->rooms <= VR_CROWD_ROOMS_MAX && c->speakers > 0 && c->speakers <= 64 &&
           c->listeners > 0 && (uint64_t)c->rooms * c->listeners <= VR_SHARED_LISTENERS &&
           c->processes > 0 && c->processes <= VR_SHARED_PROCESSES && o->pack > 0 &&
           (!o->resume || c->processes == 1);
}

static void set_floor_program(struct vr_bench_options *o, const char *self)
{
    const char *slash = strrchr(self, '/');
    int folder = slash == NULL ? 0 : (int)(slash + 1 - self);

    snprintf(o->floor_program, sizeof(o->floor_program), "%.*svoiceroom-floor", folder, self);
}

int vr_bench_options_read(struct vr_bench_options *out, int argc, char **argv, bool *done)
{
    int option;

    *done = false;
    *out = (struct vr_bench_options){.name = "voiceroomd",
                                     .crowd = {.rooms = 1,
                                               .speakers = 1,
                                               .listeners = 50,
                                               .processes = 1,
                                               .sampled = 100,
                                               .read_us = 21000,
                                               .stagger_us = 5000},
                                     .seconds = 5,
                                     .settle = 1,
                                     .floor_seconds = 2,
                                     .pack = 1};
    out->crowd.address.s_addr = htonl(INADDR_LOOPBACK);
    set_floor_program(out, argv[0]);
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (!read_option(out, option)) {
            *done = true;
            return usage(option == 'h' ? stdout : stderr);
        }
    }
    *done = !good_options(out);
    return *done ? usage(stderr) : 0;
}
