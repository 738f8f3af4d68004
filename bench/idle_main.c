/* voiceroom-idle: many WebSockets that say who they are and then only live, to see what each costs.
 *
 *     voiceroom-idle --url wss://127.0.0.1:8443 --key data/admin-key.json --pid PID --count 10000
 *
 * Progress on stderr, one line of JSON on stdout. Exit 1 when one was refused or lost. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "actors/base/clock.h"
#include "bench/drivers/tokens.h"
#include "bench/rig/process.h"
#include "bench/rig/sockets.h"

#define IN_FLIGHT 64
#define QUIET_S 3
#define WINDOW_S 10

struct options {
    const char *url, *key_file;
    int pid;
    uint32_t count;
};

static vr_time_us now_us(void)
{
    const struct vr_clock *clock = vr_clock_system();

    return clock->now(clock->ctx);
}

static void turn_for(struct vr_sockets *sockets, double seconds)
{
    vr_time_us end = now_us() + (vr_time_us)(seconds * 1e6);

    while (now_us() < end) {
        vr_sockets_turn(sockets, 20);
    }
}

static bool add_one(struct vr_sockets *sockets, const struct vr_key *key, uint32_t i)
{
    struct vr_buf token = {0}, hello = {0};
    char user[32];
    bool good;

    snprintf(user, sizeof(user), "idle-%u", i);
    good = vr_bench_token(key, user, VR_ROLE_LISTENER, &token);
    if (good) {
        vr_buf_printf(&hello, "{\"type\":\"session:hello\",\"id\":1,\"token\":\"%s\"}",
                      (const char *)token.data);
        vr_buf_append(&hello, "", 1);
        good = vr_sockets_add(sockets, (const char *)hello.data);
    }
    vr_buf_deinit(&token);
    vr_buf_deinit(&hello);
    return good;
}

static bool open_all(const struct options *o, struct vr_sockets *sockets)
{
    struct vr_key key;
    vr_time_us limit = now_us() + VR_SECONDS(150);
    uint32_t added = 0;

    if (!vr_bench_key_read(o->key_file, &key)) {
        return false;
    }
    while (added < o->count || vr_sockets_counts(sockets).busy > 0) {
        while (added < o->count && vr_sockets_counts(sockets).busy < IN_FLIGHT) {
            if (!add_one(sockets, &key, added)) {
                perror("voiceroom-idle");
                return false;
            }
            if (++added % 1000 == 0) {
                fprintf(stderr, "  %u of %u\n", added, o->count);
            }
        }
        vr_sockets_turn(sockets, 5);
        if (now_us() > limit) {
            fprintf(stderr, "voiceroom-idle: opening takes too long\n");
            return false;
        }
    }
    return true;
}

static int run(const struct options *o, struct vr_sockets *sockets)
{
    struct vr_process before, opened, start, end;
    struct vr_sockets_counts counts;
    vr_time_us began = now_us();
    double seconds;

    vr_process_read(o->pid, &before);
    if (!open_all(o, sockets)) {
        return 1;
    }
    seconds = (double)(now_us() - began) / 1e6;
    vr_process_read(o->pid, &opened);
    turn_for(sockets, QUIET_S);
    vr_process_read(o->pid, &start);
    turn_for(sockets, WINDOW_S);
    vr_process_read(o->pid, &end);
    counts = vr_sockets_counts(sockets);
    printf("{\"count\":%u,\"open\":%u,\"failed\":%u,\"refused\":%u,\"open_seconds\":%.2f,"
           "\"open_cpu_us\":%.1f,\"cpu_share\":%.5f,\"rss_kb_per_socket\":%.2f,"
           "\"rss_kb\":%ld,\"pings\":%lu}\n",
           o->count, counts.open, counts.failed, counts.refused, seconds,
           (double)(opened.cpu_ns - before.cpu_ns) / 1000 / o->count,
           (double)(end.cpu_ns - start.cpu_ns) / 1e9 / WINDOW_S,
           (double)(end.rss_kb - before.rss_kb) / o->count, end.rss_kb, counts.pings);
    return counts.failed + counts.refused == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const struct option names[] = {{"url", required_argument, NULL, 'u'},
                                          {"key", required_argument, NULL, 'k'},
                                          {"pid", required_argument, NULL, 'p'},
                                          {"count", required_argument, NULL, 'n'},
                                          {0}};
    struct options o = {.count = 1000};
    struct vr_sockets *sockets;
    struct rlimit files;
    int option, result;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (option) {
        case 'u':
            o.url = optarg;
            break;
        case 'k':
            o.key_file = optarg;
            break;
        case 'p':
            o.pid = (int)strtol(optarg, NULL, 10);
            break;
        case 'n':
            o.count = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        default:
            o.url = NULL;
        }
    }
    if (o.url == NULL || o.key_file == NULL || o.count == 0 || o.count > 100000) {
        fprintf(stderr, "usage: voiceroom-idle --url wss://ADDRESS:PORT --key FILE --pid PID "
                        "--count N\n");
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    sockets = vr_sockets_new(o.url, o.count);
    result = sockets == NULL ? 1 : run(&o, sockets);
    vr_sockets_free(sockets);
    return result;
}
