/* peers_main.c - many WebRTC clients that talk and listen, in one process, driven by lines of text:
 * for tests of what people hear while nodes come and go.
 *
 *     > new PEER PERSON           < offer PEER UFRAG PWD FINGERPRINT
 *     > go PEER IP PORT UFRAG PWD < up PEER               (from then on it talks)
 *     > end PEER
 *     > mark                      (gaps are counted from here)
 *     > gaps                      < gap PERSON CSRC MS, for each pair; then: gaps LATE
 *     > ways COUNT                < way PERSON CSRC US, for so many packets; then: ways LATE
 *
 * A person may have two peers at once; a gap is the longest time between two packets of one speaker
 * (his CSRC) that came to any of them, by the kernel's clock, less the 20 ms that are no gap.
 * LATE is the longest time for which this program itself was not run: what it adds of its own.
 * A way is the time from a packet's being made to its being at the ear, by the kernel's clock. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "actors/base/clock.h"
#include "actors/base/random.h"
#include "bench/client/client.h"

#define PEERS_MAX 4096
#define PERSONS_MAX 2048
#define HEARD_MAX 16
#define FRAME VR_MS(20)
#define CHECK_EVERY VR_MS(2500)
#define AGAIN_EVERY VR_MS(150) /* check and handshake, until it is up */
#define LEVEL 20
#define STEP_EVERY VR_MS(4)
#define FRAME_BYTES 80

struct heard {
    uint32_t csrc;
    vr_time_us last;
    vr_time_us longest;
};

struct person {
    struct heard heard[HEARD_MAX];
    uint32_t count;
};

struct peer {
    int fd;
    uint32_t number;
    struct person *person;
    struct vr_client *client;
    char ufrag[9], pwd[25], server_ufrag[64], server_pwd[128];
    struct sockaddr_in server;
    bool going, up;
    vr_time_us frame_at, check_at, arrived_at;
    uint16_t seq;
    uint32_t ts;
};

static struct peer *peers[PEERS_MAX];
static uint32_t peers_top; /* above the highest in use */
static struct person persons[PERSONS_MAX];
static uint32_t ways;   /* to be told yet */
static vr_time_us late; /* the longest time for which this program itself was not run */
static int loop;

static vr_time_us wall(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (vr_time_us)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- what a client does --- */

static void on_send(void *ctx, struct vr_bytes datagram)
{
    struct peer *peer = ctx;

    if (peer->going) {
        (void)sendto(peer->fd, datagram.data, datagram.size, 0,
                     (const struct sockaddr *)&peer->server, sizeof(peer->server));
    }
}

static struct heard *heard_of(struct person *person, uint32_t csrc, vr_time_us at)
{
    for (uint32_t i = 0; i < person->count; i++) {
        if (person->heard[i].csrc == csrc) {
            return &person->heard[i];
        }
    }
    if (person->count == HEARD_MAX) {
        return NULL;
    }
    person->heard[person->count] = (struct heard){.csrc = csrc, .last = at};
    return &person->heard[person->count++];
}

/* When it was made stands in each packet, behind the byte that says what Opus it is. */
static void tell_way(const struct peer *peer, const struct vr_rtp *rtp)
{
    vr_time_us made;

    if (ways == 0 || rtp->csrc_count == 0 || rtp->payload.size < 1 + sizeof(made)) {
        return;
    }
    memcpy(&made, rtp->payload.data + 1, sizeof(made));
    printf("way %u %u %" PRId64 "\n", (uint32_t)(peer->person - persons), vr_rtp_csrc(rtp, 0),
           (int64_t)(peer->arrived_at - made));
    if (--ways == 0) {
        printf("ways %.1f\n", (double)late / 1000);
    }
}

static void on_rtp(void *ctx, const struct vr_rtp *rtp)
{
    struct peer *peer = ctx;
    struct heard *heard = NULL;

    tell_way(peer, rtp);
    if (rtp->csrc_count > 0) {
        heard = heard_of(peer->person, vr_rtp_csrc(rtp, 0), peer->arrived_at);
    }
    if (heard != NULL && peer->arrived_at > heard->last) {
        if (peer->arrived_at - heard->last > heard->longest) {
            heard->longest = peer->arrived_at - heard->last;
        }
        heard->last = peer->arrived_at;
    }
}

static void say(struct peer *peer)
{
    uint8_t payload[FRAME_BYTES] = {0x78}; /* 20 ms of full band, one frame */
    vr_time_us made = wall();

    for (uint32_t i = 1; i < FRAME_BYTES; i++) {
        payload[i] = (uint8_t)(peer->seq * 31 + i * 7);
    }
    memcpy(payload + 1, &made, sizeof(made));
    peer->seq++;
    peer->ts += 960;
    vr_client_speak(peer->client, &(struct vr_client_packet){.seq = peer->seq,
                                                             .ts = peer->ts,
                                                             .level = LEVEL,
                                                             .payload = {payload, FRAME_BYTES}});
}

static void step(struct peer *peer, vr_time_us now)
{
    if (!peer->going) {
        return;
    }
    if (!peer->up && vr_client_up(peer->client)) {
        peer->up = true;
        peer->frame_at = now;
        peer->check_at = now + CHECK_EVERY;
        printf("up %u\n", peer->number);
    }
    if (now >= peer->check_at) {
        vr_client_check(peer->client, true, true);
        if (!peer->up) {
            vr_client_resend(peer->client);
        }
        peer->check_at = now + (peer->up ? CHECK_EVERY : AGAIN_EVERY);
    }
    while (peer->up && now >= peer->frame_at) {
        say(peer);
        peer->frame_at += FRAME;
    }
}

static vr_time_us stamp_of(struct msghdr *msg)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec at;

            memcpy(&at, CMSG_DATA(c), sizeof(at));
            return (vr_time_us)at.tv_sec * 1000000 + at.tv_nsec / 1000;
        }
    }
    return wall();
}

static void read_all(struct peer *peer)
{
    for (;;) {
        uint8_t data[2048];
        char control[128];
        struct iovec vec = {data, sizeof(data)};
        struct msghdr msg = {.msg_iov = &vec,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
        ssize_t size = recvmsg(peer->fd, &msg, MSG_DONTWAIT);

        if (size <= 0) {
            return;
        }
        peer->arrived_at = stamp_of(&msg);
        vr_client_input(peer->client, data, (size_t)size);
    }
}

/* --- lines --- */

static void random_text(char *out, size_t size)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
    const struct vr_random *random = vr_random_system();

    for (size_t i = 0; i + 1 < size; i++) {
        out[i] = letters[vr_random_u64(random) % 32];
    }
    out[size - 1] = '\0';
}

static void end_peer(uint32_t number)
{
    struct peer *peer = number < PEERS_MAX ? peers[number] : NULL;

    if (peer != NULL) {
        peers[number] = NULL;
        vr_client_free(peer->client);
        close(peer->fd);
        free(peer);
    }
}

static bool open_socket(struct peer *peer)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = peer->number};
    int on = 1;

    peer->fd = socket(AF_INET, SOCK_DGRAM, 0);
    return peer->fd >= 0 && bind(peer->fd, (const struct sockaddr *)&any, sizeof(any)) == 0 &&
           setsockopt(peer->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) == 0 &&
           epoll_ctl(loop, EPOLL_CTL_ADD, peer->fd, &event) == 0;
}

static void new_peer(uint32_t number, uint32_t person)
{
    struct peer *peer = calloc(1, sizeof(*peer));
    uint8_t print[32];
    struct vr_client_conf conf = {.profiles = "SRTP_AEAD_AES_128_GCM",
                                  .opus_pt = 111,
                                  .level_id = 1,
                                  .ssrc = 1000 + number,
                                  .send = on_send,
                                  .rtp = on_rtp,
                                  .ctx = peer};

    if (peer == NULL || number >= PEERS_MAX || person >= PERSONS_MAX || peers[number] != NULL) {
        fprintf(stderr, "new %u %u: no place\n", number, person);
        exit(1);
    }
    peer->number = number;
    peer->person = &persons[person];
    random_text(peer->ufrag, sizeof(peer->ufrag));
    random_text(peer->pwd, sizeof(peer->pwd));
    conf.ufrag = peer->ufrag;
    conf.pwd = peer->pwd;
    conf.server_ufrag = peer->server_ufrag;
    conf.server_pwd = peer->server_pwd;
    if (!open_socket(peer) || vr_client_new(&conf, &peer->client) != VR_OK) {
        fprintf(stderr, "new %u: %s\n", number, strerror(errno));
        exit(1);
    }
    peers[number] = peer;
    peers_top = number >= peers_top ? number + 1 : peers_top;
    vr_client_fingerprint(peer->client, print);
    printf("offer %u %s %s ", number, peer->ufrag, peer->pwd);
    for (int i = 0; i < 32; i++) {
        printf("%s%02X", i == 0 ? "" : ":", print[i]);
    }
    printf("\n");
}

/* The next number of a line; `at` goes on behind it. */
static uint32_t number_at(const char **at)
{
    char *end;
    unsigned long value = strtoul(*at, &end, 10);

    if (end == *at || value > UINT32_MAX) {
        fprintf(stderr, "not a number: %s\n", *at);
        exit(1);
    }
    *at = end;
    return (uint32_t)value;
}

static void go(uint32_t number, const char *rest)
{
    struct peer *peer = number < PEERS_MAX ? peers[number] : NULL;
    char address[64], port_text[8];
    const char *at = port_text;
    uint32_t port;

    if (peer == NULL || sscanf(rest, "%63s %7s %63s %127s", address, port_text, peer->server_ufrag,
                               peer->server_pwd) != 4) {
        fprintf(stderr, "go %u: not understood\n", number);
        exit(1);
    }
    port = number_at(&at);
    peer->server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, address, &peer->server.sin_addr);
    peer->going = true;
    vr_client_restart(peer->client, peer->server_ufrag, peer->server_pwd);
    vr_client_check(peer->client, true, true);
    vr_client_connect(peer->client);
    peer->check_at = wall() + AGAIN_EVERY;
}

/* Silence up to now counts too. */
static void show_gaps(void)
{
    vr_time_us now = wall();

    for (uint32_t p = 0; p < PERSONS_MAX; p++) {
        for (uint32_t i = 0; i < persons[p].count; i++) {
            const struct heard *heard = &persons[p].heard[i];
            vr_time_us longest =
                now - heard->last > heard->longest ? now - heard->last : heard->longest;

            printf("gap %u %u %.1f\n", p, heard->csrc,
                   longest > FRAME ? (double)(longest - FRAME) / 1000 : 0.0);
        }
    }
    printf("gaps %.1f\n", (double)late / 1000);
}

/* Is this what is asked for? Then `at` stands behind the word. */
static bool asks(const char **at, const char *word)
{
    size_t size = strlen(word);

    if (strncmp(*at, word, size) != 0) {
        return false;
    }
    *at += size;
    return true;
}

static void obey(const char *line)
{
    if (asks(&line, "new ")) {
        uint32_t number = number_at(&line);

        new_peer(number, number_at(&line));
    } else if (asks(&line, "go ")) {
        uint32_t number = number_at(&line);

        go(number, line);
    } else if (asks(&line, "end ")) {
        end_peer(number_at(&line));
    } else if (asks(&line, "mark")) {
        memset(persons, 0, sizeof(persons));
        late = 0;
    } else if (asks(&line, "gaps")) {
        show_gaps();
    } else if (asks(&line, "ways ")) {
        ways = number_at(&line);
        late = 0;
    }
}

/* Everybody whose time it is. Called between all that takes long (a handshake does): a late mouth
 * would look like a gap. */
static void step_all(void)
{
    static vr_time_us before;
    vr_time_us now = wall();

    if (now - before < STEP_EVERY) {
        return;
    }
    late = before != 0 && now - before > late ? now - before : late;
    before = now;
    for (uint32_t i = 0; i < peers_top; i++) {
        if (peers[i] != NULL) {
            step(peers[i], now);
        }
    }
}

/* False: nobody asks any more. */
static bool read_lines(void)
{
    static char text[65536];
    static size_t size;
    ssize_t got = read(STDIN_FILENO, text + size, sizeof(text) - 1 - size);
    char *end;

    if (got == 0 || (got < 0 && errno != EAGAIN)) {
        return false;
    }
    size += got > 0 ? (size_t)got : 0;
    text[size] = '\0';
    while ((end = strchr(text, '\n')) != NULL) {
        *end = '\0';
        obey(text);
        step_all();
        size -= (size_t)(end + 1 - text);
        memmove(text, end + 1, size + 1);
    }
    return true;
}

int main(void)
{
    struct epoll_event in = {.events = EPOLLIN, .data.u32 = PEERS_MAX};
    bool asked = true;

    (void)setpriority(PRIO_PROCESS, 0,
                      -10); /* where it may: a late mouth is no gap of the server */
    loop = epoll_create1(0);
    if (vr_client_global_init() != VR_OK || loop < 0 ||
        fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) != 0 ||
        epoll_ctl(loop, EPOLL_CTL_ADD, STDIN_FILENO, &in) != 0) {
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (asked) {
        struct epoll_event events[64];
        int count = epoll_wait(loop, events, 64, 4);

        for (int i = 0; i < count && asked; i++) {
            uint32_t number = events[i].data.u32;

            if (number == PEERS_MAX) {
                asked = read_lines();
            } else if (peers[number] != NULL) {
                read_all(peers[number]);
            }
            step_all();
        }
        step_all();
    }
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        end_peer(i);
    }
    return 0;
}
