/* voiceroom-load: one speaker and N listeners with real ICE, DTLS and SRTP against a running
 * server.
 *
 *     voiceroom-load --url http://127.0.0.1:8080 --key data/admin-key.json --listeners 200
 * --seconds 10
 *                    [--pid PID] [--flood RATE] [--stride STEP]
 *
 * Sockets are drained on a tick of 3 ms, so that waking the receiver is not charged to the server.
 * The send time travels in the Opus bytes, which a server must not touch; arrival is the kernel's
 * own timestamp. `--pid` adds the server's CPU time and memory, `--flood` sends so many forged
 * ClientHellos a second from strange sockets while people join, `--stride` lets each sequence
 * number lie so far behind the one before, as if those between were lost: it wraps often. Prints
 * progress on stderr and one JSON line on stdout. Exit 1 when a join failed or a packet was lost.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "actors/base/random.h"
#include "bench/client/client.h"
#include "bench/load_http.h"

#define TICK_US 3000
#define FRAME_US 20000
#define PAYLOAD 100
#define MEASURED 16 /* place in the payload of the mark that a packet counts */
#define STRANGERS 64
#define DELAY_BIN_US 10
#define DELAY_BINS 200000       /* two seconds; what is later counts as the last */
#define PATIENCE VR_SECONDS(60) /* for people to come up, on the slowest machine */

struct person {
    struct vr_client *client;
    struct load *load;
    int fd;
    char ufrag[9];
    char pwd[25];
    vr_time_us posted_at;
    vr_time_us check_at;
    double join_ms;
    double up_ms;     /* from POST to keys */
    int64_t stamp_ns; /* kernel time of the datagram being read */
    uint64_t packets;
};

struct load {
    const char *url, *key_file;
    uint32_t listeners;
    double seconds;
    int pid;
    double flood;
    struct load_http *http;
    char room[27];
    struct person *people; /* 0 speaks */
    uint32_t count;
    bool measuring;
    uint64_t *delays; /* how many packets took so many times DELAY_BIN_US */
    uint64_t received;
    uint64_t expected;
    vr_time_us speak_at, flood_at;
    uint16_t seq, stride;
    uint32_t ts;
    int strangers[STRANGERS];
    struct sockaddr_in media;
    uint64_t flooded;
    uint32_t failed;
};

static vr_time_us now_us(void)
{
    const struct vr_clock *clock = vr_clock_system();

    return clock->now(clock->ctx);
}

static int64_t wall_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void on_send(void *ctx, struct vr_bytes datagram)
{
    struct person *person = ctx;
    ssize_t sent = send(person->fd, datagram.data, datagram.size, 0);

    (void)sent; /* a full socket is a lost datagram: it shows in the figures */
}

static void on_rtp(void *ctx, const struct vr_rtp *rtp)
{
    struct person *person = ctx;
    struct load *load = person->load;
    int64_t sent_ns;

    if (rtp->payload.size != PAYLOAD) {
        return;
    }
    memcpy(&sent_ns, rtp->payload.data + 8, sizeof(sent_ns));
    person->packets++;
    if (rtp->payload.data[MEASURED] != 0) {
        int64_t bin = (person->stamp_ns - sent_ns) / 1000 / DELAY_BIN_US;

        load->delays[bin < 0 ? 0 : bin >= DELAY_BINS ? DELAY_BINS - 1 : bin]++;
        load->received++;
    }
}

static void drain(struct person *person)
{
    uint8_t data[2048];

    for (;;) {
        char control[128];
        struct iovec part = {data, sizeof(data)};
        struct msghdr head = {.msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = control,
                              .msg_controllen = sizeof(control)};
        ssize_t size = recvmsg(person->fd, &head, MSG_DONTWAIT);

        if (size < 0) {
            return;
        }
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&head); c != NULL; c = CMSG_NXTHDR(&head, c)) {
            if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
                struct timespec ts;

                memcpy(&ts, CMSG_DATA(c), sizeof(ts));
                person->stamp_ns = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
            }
        }
        vr_client_input(person->client, data, (size_t)size);
    }
}

static void speak(struct load *load, vr_time_us now)
{
    uint8_t payload[PAYLOAD] = {0x78}; /* Opus, CELT fullband, 20 ms, mono */
    int64_t sent_ns = wall_ns();

    payload[MEASURED] = load->measuring;
    while (load->speak_at <= now) {
        memcpy(payload + 8, &sent_ns, sizeof(sent_ns));
        vr_client_speak(load->people[0].client,
                        &(struct vr_client_packet){.seq = load->seq,
                                                   .ts = load->ts,
                                                   .level = 20,
                                                   .payload = vr_bytes(payload, sizeof(payload))});
        load->seq = (uint16_t)(load->seq + load->stride);
        load->ts += 960;
        load->speak_at += FRAME_US;
        if (load->measuring) {
            load->expected += load->count - 1;
        }
    }
}

/* A DTLS record that claims to be a ClientHello, and is none. */
static void flood(struct load *load, vr_time_us now)
{
    uint8_t hello[200] = {22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 187, 1, 0, 0, 175};

    /* After a pause of this process the rate goes on; what was missed is no flood of its own. */
    load->flood_at = now - load->flood_at > VR_MS(50) ? now : load->flood_at;
    while (load->flood > 0 && load->flood_at <= now) {
        ssize_t sent = sendto(load->strangers[load->flooded % STRANGERS], hello, sizeof(hello), 0,
                              (struct sockaddr *)&load->media, sizeof(load->media));

        load->flooded += sent > 0;
        load->flood_at += (vr_time_us)(1e6 / load->flood);
    }
}

static void tick(struct load *load)
{
    vr_time_us now = now_us();

    for (uint32_t i = 0; i < load->count; i++) {
        struct person *person = &load->people[i];
        bool was_up = vr_client_up(person->client);

        drain(person);
        if (!was_up && vr_client_up(person->client)) {
            person->up_ms = (double)(now_us() - person->posted_at) / 1000;
        }
        if (person->check_at <= now) {
            vr_client_check(person->client, true, true);
            if (!vr_client_up(person->client)) {
                vr_client_connect(person->client);
            }
            person->check_at = now + (vr_client_up(person->client) ? 2500000 : 100000);
        }
    }
    if (vr_client_up(load->people[0].client)) {
        if (load->speak_at == 0) {
            load->speak_at = now;
        }
        speak(load, now);
    }
    flood(load, now);
}

static void pause_until(vr_time_us at)
{
    vr_time_us left = at - now_us();

    if (left > 0) {
        usleep((useconds_t)left);
    }
}

static void run_for(struct load *load, double seconds)
{
    vr_time_us end = now_us() + (vr_time_us)(seconds * 1e6);

    for (vr_time_us next = now_us(); now_us() < end; next += TICK_US) {
        tick(load);
        pause_until(next + TICK_US);
    }
}

static void ice_text(char *out, size_t size)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/";

    for (size_t i = 0; i + 1 < size; i++) {
        out[i] = letters[vr_random_below(vr_random_system(), 64)];
    }
    out[size - 1] = 0;
}

static void write_offer(const struct person *person, struct vr_buf *out)
{
    uint8_t fingerprint[32];

    vr_client_fingerprint(person->client, fingerprint);
    vr_buf_text(out,
                "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2 3 4\r\n");
    for (int mid = 0; mid < 5; mid++) {
        vr_buf_printf(out,
                      "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 "
                      "0.0.0.0\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\n"
                      "a=fingerprint:sha-256 ",
                      person->ufrag, person->pwd);
        for (int i = 0; i < 32; i++) {
            vr_buf_printf(out, "%02X%s", fingerprint[i], i < 31 ? ":" : "\r\n");
        }
        vr_buf_printf(
            out,
            "a=setup:actpass\r\na=mid:%d\r\na=extmap:1 "
            "urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
            "a=%s\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n",
            mid, mid == 0 ? "sendonly" : "recvonly");
    }
}

static int open_socket(const struct sockaddr_in *server)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0 || connect(fd, (const struct sockaddr *)server, sizeof(*server)) != 0) {
        perror("voiceroom-load: socket");
        exit(1);
    }
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
    return fd;
}

/* The server's credentials are known only after the offer, which needs the client's certificate:
 * they are borrowed, so they are filled in behind its back, as after an ICE restart. */
static bool join(struct load *load, uint32_t i)
{
    struct person *person = &load->people[i];
    struct vr_client_conf conf = {.ufrag = person->ufrag,
                                  .pwd = person->pwd,
                                  .server_ufrag = "none",
                                  .server_pwd = "none",
                                  .opus_pt = 111,
                                  .level_id = 1,
                                  .ssrc = 1000 + i,
                                  .send = on_send,
                                  .rtp = on_rtp,
                                  .ctx = person};
    static struct vr_remote answers[8192];
    struct vr_remote *answer = &answers[i];
    struct vr_buf offer = {0};
    char user[32];
    bool fine;

    *person = (struct person){.load = load, .fd = -1};
    ice_text(person->ufrag, sizeof(person->ufrag));
    ice_text(person->pwd, sizeof(person->pwd));
    if (vr_client_new(&conf, &person->client) != VR_OK) {
        return false;
    }
    write_offer(person, &offer);
    vr_buf_append(&offer, "", 1);
    snprintf(user, sizeof(user), i == 0 ? "load-host" : "load-%u", i);
    person->posted_at = now_us();
    fine = load_http_join(load->http, load->room, user, i == 0 ? VR_ROLE_HOST : VR_ROLE_LISTENER,
                          (const char *)offer.data, answer, &person->join_ms);
    vr_buf_deinit(&offer);
    if (!fine) {
        vr_client_free(person->client);
        return false;
    }
    person->fd = open_socket(&answer->address);
    load->media = answer->address;
    vr_client_restart(person->client, answer->ufrag, answer->pwd);
    load->count = i + 1;
    vr_client_check(person->client, true, true);
    vr_client_connect(person->client);
    person->check_at = now_us() + 100000;
    return true;
}

static long read_rss_kb(int pid)
{
    char path[64], line[256];
    long kb = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            kb = strtol(line + 6, NULL, 10);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return kb;
}

static double read_cpu_s(int pid)
{
    char path[64], line[1024];
    const char *at = NULL;
    char *end;
    unsigned long ticks = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    file = fopen(path, "r");
    if (file != NULL) {
        at = fgets(line, sizeof(line), file) != NULL ? strrchr(line, ')') : NULL;
        fclose(file);
    }
    /* After the name come state, ten numbers, then user and system time (man 5 proc). */
    for (int i = 0; i < 12 && at != NULL; i++) {
        at = strchr(at + 1, ' ');
    }
    if (at != NULL) {
        ticks = strtoul(at, &end, 10);
        ticks += strtoul(end, NULL, 10);
    }
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static double percentile(float *values, size_t count, double share)
{
    return count == 0 ? 0 : (double)values[(size_t)(share * (double)(count - 1))];
}

static double delay_ms(const struct load *load, double share)
{
    uint64_t left = (uint64_t)(share * (double)load->received);
    uint32_t bin = 0;

    while (bin < DELAY_BINS - 1 && load->delays[bin] <= left) {
        left -= load->delays[bin++];
    }
    return load->received == 0 ? 0 : (double)bin * DELAY_BIN_US / 1000;
}

static void all_up(struct load *load)
{
    vr_time_us limit = now_us() + PATIENCE;
    uint32_t up = 0;

    while (up < load->count && now_us() < limit) {
        run_for(load, 0.05);
        up = 0;
        for (uint32_t i = 0; i < load->count; i++) {
            up += vr_client_up(load->people[i].client);
        }
    }
    load->failed += load->count - up;
    fprintf(stderr, "%u of %u have keys\n", up, load->count);
}

/* The last packets are on their way: a loaded machine delivers them late. */
static void all_arrived(struct load *load)
{
    vr_time_us newest = now_us();

    load->speak_at = VR_NEVER;
    do {
        uint64_t before = load->received;

        run_for(load, 0.2);
        newest = load->received > before ? now_us() : newest;
    } while (load->received < load->expected && now_us() - newest < VR_SECONDS(2));
}

static void report(struct load *load, double cpu_s, long rss_before, long rss_after)
{
    uint64_t received = load->received;
    float *ups = calloc(load->count, sizeof(float));

    if (ups == NULL) {
        perror("voiceroom-load: report");
        return;
    }
    for (uint32_t i = 0; i < load->count; i++) {
        ups[i] = (float)load->people[i].up_ms;
    }
    qsort(ups, load->count, sizeof(float), by_value);
    printf("{\"listeners\":%u,\"failed\":%u,\"flooded\":%llu,\"join_up_ms_p50\":%.2f,\"join_up_ms_"
           "p95\":%.2f,"
           "\"expected\":%llu,\"received\":%llu,\"delay_ms_p50\":%.3f,\"delay_ms_p99\":%.3f,"
           "\"delay_ms_p999\":%.3f",
           load->count - 1, load->failed, (unsigned long long)load->flooded,
           percentile(ups, load->count, 0.5), percentile(ups, load->count, 0.95),
           (unsigned long long)load->expected, (unsigned long long)received, delay_ms(load, 0.5),
           delay_ms(load, 0.99), delay_ms(load, 0.999));
    if (load->pid > 0 && received > 0) {
        printf(",\"cpu_us_per_packet\":%.2f,\"rss_kb_per_listener\":%.1f",
               cpu_s * 1e6 / (double)received,
               (double)(rss_after - rss_before) / (double)(load->count - 1));
    }
    printf("}\n");
    free(ups);
}

static bool run(struct load *load)
{
    long rss_before = 0;
    double cpu;

    if (!load_http_room(load->http, "Load", load->room) || !join(load, 0)) {
        return false;
    }
    all_up(load);
    for (int i = 0; i < STRANGERS; i++) {
        load->strangers[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    }
    rss_before = load->pid > 0 ? read_rss_kb(load->pid) : 0;
    load->flood_at = now_us();
    for (uint32_t i = 1; i <= load->listeners; i++) {
        if (!join(load, i)) {
            return false;
        }
        tick(load);
        if (i % 100 == 0) {
            fprintf(stderr, "%u joined\n", i);
        }
    }
    all_up(load);
    load->flood = 0;
    run_for(load, 1);
    load->measuring = true;
    cpu = load->pid > 0 ? read_cpu_s(load->pid) : 0;
    run_for(load, load->seconds);
    cpu = load->pid > 0 ? read_cpu_s(load->pid) - cpu : 0;
    all_arrived(load);
    report(load, cpu, rss_before, load->pid > 0 ? read_rss_kb(load->pid) : 0);
    return load->failed == 0 && load->received == load->expected;
}

static int usage(FILE *out)
{
    fprintf(out, "usage: voiceroom-load --url URL --key FILE [--listeners N] [--seconds S] [--pid "
                 "PID] [--flood RATE] [--stride STEP]\n");
    return out == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"url", required_argument, NULL, 'u'},
                                            {"key", required_argument, NULL, 'k'},
                                            {"listeners", required_argument, NULL, 'n'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"pid", required_argument, NULL, 'p'},
                                            {"flood", required_argument, NULL, 'f'},
                                            {"stride", required_argument, NULL, 't'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    static struct load load = {.listeners = 100, .seconds = 5, .stride = 1, .flood_at = VR_NEVER};
    struct rlimit files;
    bool fine;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'u':
            load.url = optarg;
            break;
        case 'k':
            load.key_file = optarg;
            break;
        case 'n':
            load.listeners = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 's':
            load.seconds = strtod(optarg, NULL);
            break;
        case 'p':
            load.pid = (int)strtol(optarg, NULL, 10);
            break;
        case 'f':
            load.flood = strtod(optarg, NULL);
            break;
        case 't':
            load.stride = (uint16_t)strtoul(optarg, NULL, 10);
            break;
        default:
            return usage(option == 'h' ? stdout : stderr);
        }
    }
    if (load.url == NULL || load.key_file == NULL || load.listeners < 1 || load.listeners > 8000) {
        return usage(stderr);
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    load.people = calloc(load.listeners + 1, sizeof(*load.people));
    load.delays = calloc(DELAY_BINS, sizeof(*load.delays));
    load.http = load_http_new(load.url, load.key_file);
    if (load.people == NULL || load.delays == NULL || load.http == NULL ||
        vr_client_global_init() != VR_OK) {
        return 1;
    }
    fine = run(&load);
    for (uint32_t i = 0; i < load.count; i++) {
        vr_client_free(load.people[i].client);
        close(load.people[i].fd);
    }
    load_http_free(load.http);
    free(load.people);
    free(load.delays);
    return fine ? 0 : 1;
}
