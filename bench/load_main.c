/* load_main.c - one speaker and N listeners in one room of a running voiceroomd: real HTTP, ICE,
 * DTLS, SRTP and UDP.
 *
 *     load_main --url 127.0.0.1:8080 --key DATA/admin-key.json --pid PID --listeners 200 --seconds
 * 10
 *
 * Sockets are drained on a tick of 2 ms, not woken by each packet; arrival times are the kernel's
 * (SO_TIMESTAMPNS). The delay is from the speaker's send to a listener's socket: forwarding plus
 * two crossings of loopback. Printed: delay p50, p99, share delivered, server CPU per forwarded
 * packet, server memory per listener. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "actors/media/engine.h"
#include "bench/client/client.h"
#include "bench/http.h"

#define TICK_US 2000
#define SAMPLES_MAX 4000000

struct load;

struct person {
    struct load *load;
    struct vr_client *client;
    int fd;
    bool speaks;
    uint64_t got;
    char ufrag[64], pwd[128];
    char mine[16];
};

struct load {
    struct vr_http_target target;
    char kid[128], secret[256];
    long pid;
    uint32_t listeners;
    uint32_t seconds;
    char room[64];
    struct person *people;
    int64_t arrived_us; /* of the packet being read */
    bool counting;
    uint64_t sent;     /* by the speaker, while counting */
    uint32_t *samples; /* microseconds */
    uint32_t sample_count;
};

static int64_t wall_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void on_send(void *ctx, struct vr_bytes datagram)
{
    struct person *person = ctx;

    if (send(person->fd, datagram.data, datagram.size, 0) < 0 && errno != EAGAIN) {
        perror("send");
    }
}

static void on_rtp(void *ctx, const struct vr_rtp *rtp)
{
    struct person *person = ctx;
    struct load *load = person->load;
    int64_t delay;

    if (rtp->payload.size < 9 || !load->counting) {
        return;
    }
    person->got++;
    delay = load->arrived_us - (int64_t)vr_get64(rtp->payload.data + 1);
    if (delay >= 0 && delay < 10000000 && load->sample_count < SAMPLES_MAX) {
        load->samples[load->sample_count++] = (uint32_t)delay;
    }
}

static void drain(struct person *person)
{
    uint8_t data[2048];
    char control[128];

    for (;;) {
        struct iovec vec = {data, sizeof data};
        struct msghdr msg = {.msg_iov = &vec,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
        ssize_t n = recvmsg(person->fd, &msg, MSG_DONTWAIT);
        struct cmsghdr *c;

        if (n < 0) {
            return;
        }
        person->load->arrived_us = wall_us();
        for (c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c)) {
            if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
                struct timespec t;

                memcpy(&t, CMSG_DATA(c), sizeof t);
                person->load->arrived_us = t.tv_sec * 1000000LL + t.tv_nsec / 1000;
            }
        }
        vr_client_input(person->client, data, (size_t)n);
    }
}

static void drain_all(struct load *load, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        drain(&load->people[i]);
    }
}

/* ---- joining ---- */

static void write_offer(const struct person *person, const uint8_t print[32], struct vr_buf *out)
{
    vr_buf_text(out, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2 3 "
                     "4\r\na=fingerprint:sha-256 ");
    for (int i = 0; i < 32; i++) {
        vr_buf_printf(out, "%s%02X", i == 0 ? "" : ":", print[i]);
    }
    vr_buf_text(out, "\r\n");
    for (int i = 0; i < 5; i++) {
        vr_buf_printf(out,
                      "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 "
                      "0.0.0.0\r\na=mid:%d\r\na=%s\r\na=rtcp-mux\r\n"
                      "a=ice-ufrag:%s\r\na=ice-pwd:loadclientloadclientload\r\na=setup:actpass\r\n"
                      "a=rtpmap:111 opus/48000/2\r\na=extmap:1 "
                      "urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
                      "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
                      i, i == 0 ? "sendonly" : "recvonly", person->mine);
    }
}

/* The value behind `name` up to the line's end. */
static bool line_of(const char *sdp, const char *name, char *out, size_t size)
{
    const char *at = strstr(sdp, name);
    size_t n;

    if (at == NULL) {
        return false;
    }
    at += strlen(name);
    n = strcspn(at, "\r\n");
    n = n >= size ? size - 1 : n;
    memcpy(out, at, n);
    out[n] = 0;
    return true;
}

static bool open_socket(struct person *person, const char *sdp)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    const char *at = sdp;
    int yes = 1;
    int size = 1 << 18;

    while ((at = strstr(at, "a=candidate:")) != NULL) {
        char address[64];
        unsigned port;

        if (sscanf(at, "a=candidate:%*s 1 %*s %*u %63s %u", address, &port) == 2 &&
            inet_pton(AF_INET, address, &name.sin_addr) == 1) {
            name.sin_port = htons((uint16_t)port);
            break;
        }
        at++;
    }
    person->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(person->fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes);
    setsockopt(person->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return name.sin_port != 0 && person->fd >= 0 &&
           connect(person->fd, (struct sockaddr *)&name, sizeof name) == 0;
}

static bool join(struct load *load, uint32_t n)
{
    struct person *person = &load->people[n];
    struct vr_client_conf conf = {.ufrag = person->mine,
                                  .pwd = "loadclientloadclientload",
                                  .server_ufrag = person->ufrag,
                                  .server_pwd = person->pwd,
                                  .opus_pt = 111,
                                  .level_id = 1,
                                  .ssrc = 1000 + n,
                                  .send = on_send,
                                  .rtp = on_rtp,
                                  .ctx = person};
    struct vr_buf offer = {0};
    struct vr_buf answer = {0};
    uint8_t print[32];
    char token[1024];
    char path[128];
    char user[32];
    int status;
    bool good;

    person->load = load;
    person->speaks = n == 0;
    snprintf(person->mine, sizeof person->mine, "l%05u", n);
    snprintf(user, sizeof user, n == 0 ? "speaker" : "load%u", n);
    if (vr_client_new(&conf, &person->client) != VR_OK) {
        return false;
    }
    vr_client_fingerprint(person->client, print);
    write_offer(person, print, &offer);
    vr_buf_append(&offer, "", 1);
    snprintf(path, sizeof path, "/v1/rooms/%s/join", load->room);
    vr_http_mint(load->kid, load->secret, user, "\"roomJoin\":true", token);
    status =
        vr_http(&load->target, "POST", path, token, "application/sdp", (char *)offer.data, &answer);
    vr_buf_append(&answer, "", 1);
    good = status == 201 &&
           line_of((char *)answer.data, "a=ice-ufrag:", person->ufrag, sizeof person->ufrag) &&
           line_of((char *)answer.data, "a=ice-pwd:", person->pwd, sizeof person->pwd) &&
           open_socket(person, (char *)answer.data);
    if (!good) {
        fprintf(stderr, "join %u: %d %.300s\n", n, status,
                answer.data == NULL ? "" : (char *)answer.data);
    }
    vr_buf_deinit(&offer);
    vr_buf_deinit(&answer);
    if (good) {
        vr_client_check(person->client, true, true);
    }
    return good;
}

static bool connect_one(struct load *load, uint32_t n)
{
    struct person *person = &load->people[n];
    struct vr_client_stats stats;
    bool begun = false;

    for (int wait = 0; wait < 3000; wait++) {
        drain(person);
        vr_client_stats(person->client, &stats);
        if (stats.checks_answered > 0 && !begun) {
            begun = true;
            vr_client_connect(person->client);
        }
        if (vr_client_up(person->client)) {
            return true;
        }
        if (wait % 250 == 249 && begun) {
            vr_client_resend(person->client);
        } else if (wait % 50 == 49 && !begun) {
            vr_client_check(person->client, true, true);
        }
        usleep(1000);
    }
    fprintf(stderr, "client %u: no media\n", n);
    return false;
}

/* ---- the server's costs ---- */

static long server_rss_kb(const struct load *load)
{
    char path[64];
    char line[256];
    long kb = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%ld/status", load->pid);
    file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "VmRSS: %ld", &kb) == 1) {
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return kb;
}

static double server_cpu_s(const struct load *load)
{
    char path[64];
    unsigned long user = 0;
    unsigned long system = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%ld/stat", load->pid);
    file = fopen(path, "r");
    if (file == NULL ||
        fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
               &system) != 2) {
        user = system = 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* ---- the run ---- */

static int by_size(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

static void talk(struct load *load, double seconds)
{
    int64_t start = wall_us();
    int64_t next = start;
    int64_t check = start;
    static uint16_t seq;
    static uint32_t ts;

    while (wall_us() - start < (int64_t)(seconds * 1e6)) {
        int64_t now = wall_us();

        if (now >= next) {
            uint8_t payload[100] = {0x78};

            vr_put64(payload + 1, (uint64_t)wall_us());
            vr_client_speak(load->people[0].client,
                            &(struct vr_client_packet){.seq = ++seq,
                                                       .ts = ts += 960,
                                                       .level = 20,
                                                       .payload = {payload, sizeof payload}});
            next += 20000;
            load->sent += load->counting;
        }
        if (now >= check) {
            for (uint32_t i = 0; i <= load->listeners; i++) {
                vr_client_check(load->people[i].client, true, true);
            }
            check += 4000000;
        }
        drain_all(load, load->listeners + 1);
        usleep(TICK_US);
    }
    usleep(50000);
    drain_all(load, load->listeners + 1);
}

static void report(const struct load *load, double cpu, long rss_before, long rss_after)
{
    uint64_t got = 0;
    uint64_t expected = load->listeners * load->sent;

    for (uint32_t i = 1; i <= load->listeners; i++) {
        got += load->people[i].got;
    }
    qsort(load->samples, load->sample_count, sizeof load->samples[0], by_size);
    if (load->sample_count == 0) {
        printf("nothing was heard\n");
        return;
    }
    printf("listeners %u, seconds %u: delivered %.2f %%, delay p50 %u us, p99 %u us, max %u us\n",
           load->listeners, load->seconds, 100.0 * (double)got / (double)expected,
           load->samples[load->sample_count / 2], load->samples[load->sample_count / 100 * 99],
           load->samples[load->sample_count - 1]);
    printf("server: %.2f us CPU per forwarded packet, %.1f KB per listener (all of the process)\n",
           1e6 * cpu / (double)(got == 0 ? 1 : got),
           (double)(rss_after - rss_before) / load->listeners);
}

static bool read_key(struct load *load, const char *path)
{
    json_t *key = json_load_file(path, 0, NULL);
    const char *kid = json_string_value(json_object_get(key, "kid"));
    const char *secret = json_string_value(json_object_get(key, "secret"));
    bool good = kid != NULL && secret != NULL;

    if (good) {
        snprintf(load->kid, sizeof load->kid, "%s", kid);
        snprintf(load->secret, sizeof load->secret, "%s", secret);
    }
    json_decref(key);
    return good;
}

static bool make_room(struct load *load)
{
    struct vr_buf answer = {0};
    char token[1024];
    json_t *room;
    const char *id;
    int status;

    vr_http_mint(load->kid, load->secret, "speaker", "\"roomCreate\":true,\"roomJoin\":true",
                 token);
    status = vr_http(&load->target, "POST", "/v1/rooms", token, "application/json",
                     "{\"title\":\"load\",\"capacity\":10000}", &answer);
    vr_buf_append(&answer, "", 1);
    room = json_loads((char *)answer.data, 0, NULL);
    id = json_string_value(json_object_get(room, "id"));
    if (status == 201 && id != NULL) {
        snprintf(load->room, sizeof load->room, "%s", id);
    } else {
        fprintf(stderr, "no room: %d %.300s\n", status, (char *)answer.data);
    }
    json_decref(room);
    vr_buf_deinit(&answer);
    return load->room[0] != 0;
}

static bool read_options(struct load *load, int argc, char **argv)
{
    static const struct option options[] = {
        {"url", required_argument, NULL, 'u'},     {"key", required_argument, NULL, 'k'},
        {"pid", required_argument, NULL, 'p'},     {"listeners", required_argument, NULL, 'n'},
        {"seconds", required_argument, NULL, 's'}, {0}};
    bool key = false;
    int c;

    load->listeners = 100;
    load->seconds = 10;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        unsigned port;

        if (c == 'u' && sscanf(optarg, "%63[0-9.]:%u", load->target.host, &port) == 2) {
            load->target.port = (uint16_t)port;
        } else if (c == 'k') {
            key = read_key(load, optarg);
        } else if (c == 'p') {
            load->pid = strtol(optarg, NULL, 10);
        } else if (c == 'n') {
            load->listeners = (uint32_t)strtoul(optarg, NULL, 10);
        } else if (c == 's') {
            load->seconds = (uint32_t)strtoul(optarg, NULL, 10);
        }
    }
    return key && load->target.port != 0 && load->listeners > 0 && load->listeners < 20000;
}

int main(int argc, char **argv)
{
    struct load load = {0};
    struct rlimit files = {65536, 65536};
    long before;
    double cpu;

    if (!read_options(&load, argc, argv)) {
        fprintf(stderr, "load_main --url ADDRESS:PORT --key admin-key.json [--pid PID] "
                        "[--listeners N] [--seconds S]\n");
        return 2;
    }
    setrlimit(RLIMIT_NOFILE, &files);
    load.people = calloc(load.listeners + 1, sizeof *load.people);
    load.samples = malloc(SAMPLES_MAX * sizeof load.samples[0]);
    if (load.people == NULL || load.samples == NULL || vr_engine_global_init() != VR_OK ||
        !make_room(&load) || !join(&load, 0) || !connect_one(&load, 0)) {
        return 1;
    }
    before = server_rss_kb(&load);
    for (uint32_t i = 1; i <= load.listeners; i++) {
        if (!join(&load, i) || !connect_one(&load, i)) {
            return 1;
        }
    }
    talk(&load, 1); /* warm */
    load.counting = true;
    cpu = server_cpu_s(&load);
    talk(&load, load.seconds);
    cpu = server_cpu_s(&load) - cpu;
    report(&load, cpu, before, server_rss_kb(&load));
    for (uint32_t i = 0; i <= load.listeners; i++) {
        vr_client_free(load.people[i].client);
        close(load.people[i].fd);
    }
    free(load.people);
    free(load.samples);
    return 0;
}
