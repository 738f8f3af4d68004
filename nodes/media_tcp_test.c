/* media_tcp_test.c - goal: over real sockets, who has no password of ours is turned away in time,
 * datagrams come through both ways, a connection ends with its peer, and one that nobody reads
 * costs the others nothing and never more than its queue. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "nodes/media_tcp_internal.h"
#include "nodes/media_tcp_table.h"
#include "nodes/socket.h"

#define HEARD_MAX 512

/* In the place of the engine: knows one ufrag, answers its checks, and remembers what came. */
struct world {
    uv_loop_t loop;
    struct vr_clock clock;
    struct vr_random_seeded random;
    vr_time_us now;
    struct vr_media_tcp *tcp;
    uint16_t port;
    char known[8];
    uint32_t heard_count;
    struct {
        struct vr_path path;
        size_t size;
        uint8_t first, last;
    } heard[HEARD_MAX];
};

static vr_time_us world_now(void *ctx)
{
    return ((struct world *)ctx)->now;
}

static struct vr_hop hop_of(const struct vr_path *path)
{
    struct vr_hop hop = {.socket = path->socket};

    memcpy(&hop.remote, &path->remote, sizeof(hop.remote));
    return hop;
}

static void on_input(void *ctx, vr_time_us now, const struct vr_path *path, uint8_t *data,
                     size_t size)
{
    struct world *world = ctx;
    struct vr_bytes ufrag = vr_frame_ufrag(vr_bytes(data, size));

    assert_int_equal(now, world->now);
    assert_true(world->heard_count < HEARD_MAX);
    world->heard[world->heard_count].path = *path;
    world->heard[world->heard_count].size = size;
    world->heard[world->heard_count].first = data[0];
    world->heard[world->heard_count++].last = data[size - 1];
    if (ufrag.size > 0 && vr_bytes_equal(ufrag, vr_bytes_of(world->known))) {
        struct vr_hop hop = hop_of(path);

        vr_media_tcp_send(world->tcp, &hop, vr_bytes_of("\x01\x01 an answer"), 12);
    }
    memset(data, 0xee, size); /* the engine may */
}

static void on_after(void *ctx, vr_time_us now)
{
    (void)now;
    vr_media_tcp_flush(((struct world *)ctx)->tcp);
}

static bool on_knows(void *ctx, struct vr_bytes ufrag)
{
    return vr_bytes_equal(ufrag, vr_bytes_of(((struct world *)ctx)->known));
}

static struct world *world_new(const char *address, uint32_t connections_max)
{
    struct world *world = calloc(1, sizeof(*world));
    struct vr_media_tcp_conf conf = {.connections_max = connections_max,
                                     .per_address_max = 3,
                                     .listener_count = 1,
                                     .input = on_input,
                                     .after = on_after,
                                     .knows = on_knows};
    int listener = -1;

    assert_non_null(world);
    world->now = VR_SECONDS(1000);
    world->clock = (struct vr_clock){.now = world_now, .ctx = world};
    vr_random_seeded_init(&world->random, 7);
    memcpy(world->known, "ours", 5);
    assert_int_equal(uv_loop_init(&world->loop), 0);
    assert_int_equal(vr_media_tcp_socket_open(address, 0, &listener, NULL), VR_OK);
    world->port = vr_socket_port(listener);
    conf.clock = &world->clock;
    conf.random = &world->random.random;
    conf.listeners = &listener;
    conf.ctx = world;
    assert_int_equal(vr_media_tcp_new(&conf, &world->tcp), VR_OK);
    assert_int_equal(vr_media_tcp_open(world->tcp, &world->loop, NULL), VR_OK);
    return world;
}

static void world_free(struct world *world)
{
    vr_media_tcp_close(world->tcp);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(world->tcp->stats.open, 0);
    assert_int_equal(world->tcp->fresh_count, 0);
    vr_media_tcp_free(world->tcp);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    free(world);
}

/* Until `what` holds; the machine may be slow. */
#define UNTIL(world, what)                                                                         \
    do {                                                                                           \
        time_t limit = time(NULL) + 30;                                                            \
        while (!(what)) {                                                                          \
            if (time(NULL) > limit) {                                                              \
                fail_msg("not seen: %s", #what);                                                   \
            }                                                                                      \
            uv_run(&(world)->loop, UV_RUN_NOWAIT);                                                 \
        }                                                                                          \
    } while (0)

/* ---- clients ---- */

static int dial(const struct world *world, int family, int buffer)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(world->port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(world->port)};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    in6.sin6_addr = in6addr_loopback;
    if (buffer > 0) {
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)), 0);
    }
    assert_int_equal(family == AF_INET ? connect(fd, (struct sockaddr *)&in4, sizeof(in4))
                                       : connect(fd, (struct sockaddr *)&in6, sizeof(in6)),
                     0);
    return fd;
}

static void send_all(int fd, const void *data, size_t size)
{
    assert_int_equal(send(fd, data, size, MSG_NOSIGNAL), size);
}

/* A check that names `ufrag`, framed. */
static size_t check_write(uint8_t *out, const char *ufrag)
{
    size_t name = strlen(ufrag) + 7;
    size_t padded = (name + 3) & ~(size_t)3;

    memset(out, 0, 2 + 24 + padded);
    vr_put16(out, (uint16_t)(24 + padded));
    out[3] = 1;
    vr_put16(out + 4, (uint16_t)(4 + padded));
    vr_put32(out + 6, 0x2112a442u);
    out[23] = 6;
    vr_put16(out + 24, (uint16_t)name);
    for (size_t i = 0; i < name; i++) {
        out[26 + i] = (uint8_t)(i < name - 7 ? ufrag[i] : ":theirs"[i - (name - 7)]);
    }
    return 2 + 24 + padded;
}

static void check_send(int fd, const char *ufrag)
{
    uint8_t check[128];

    send_all(fd, check, check_write(check, ufrag));
}

/* The next frame that came. 0: there is none yet; -1: the connection is closed. */
static int frame_get(int fd, uint8_t *out)
{
    uint8_t head[2];
    ssize_t got = recv(fd, head, 2, MSG_PEEK | MSG_DONTWAIT);
    size_t size = 2u + (got == 2 ? vr_get16(head) : 0u);
    uint8_t whole[VR_FRAME_HEAD + VR_FRAME_MAX];

    if (got == 0 || (got < 0 && errno != EAGAIN)) {
        return -1;
    }
    if (got < 2 || recv(fd, whole, size, MSG_PEEK | MSG_DONTWAIT) < (ssize_t)size) {
        return 0;
    }
    assert_int_equal(recv(fd, whole, size, 0), size);
    memcpy(out, whole + 2, size - 2);
    return (int)size - 2;
}

static bool is_closed(int fd)
{
    uint8_t byte;
    ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT);

    return got == 0 || (got < 0 && errno != EAGAIN);
}

/* Connected, proved; the answer is read. Its path. */
static struct vr_path proved(struct world *world, int fd)
{
    uint32_t before = world->heard_count;
    uint8_t answer[VR_FRAME_MAX];

    check_send(fd, world->known);
    UNTIL(world, frame_get(fd, answer) == 12);
    return world->heard[before].path;
}

static void speak(struct world *world, const struct vr_path *path, uint32_t number, size_t size)
{
    struct vr_hop hop = hop_of(path);
    uint8_t packet[VR_FRAME_MAX] = {0x90};

    vr_put32(packet + 4, number);
    vr_media_tcp_send(world->tcp, &hop, vr_bytes(packet, size), size);
}

/* ---- tests ---- */

static void whoever_proves_himself_is_carried(void **state)
{
    struct world *world = world_new("127.0.0.1", 10);
    int fd = dial(world, AF_INET, 0);
    struct vr_path path = proved(world, fd);
    struct vr_hop hop = hop_of(&path);
    struct sockaddr_in name;
    socklen_t size = sizeof(name);
    uint8_t frame[VR_FRAME_MAX] = {0x80, [59] = 9};
    uint8_t burst[250];

    (void)state;
    assert_true((path.socket & VR_PATH_TCP) != 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    assert_memory_equal(&path.remote, &name, sizeof(name)); /* an answer says from where he comes */
    send_all(fd, "\x00\x3c", 2);                            /* a packet in two pieces */
    uv_run(&world->loop, UV_RUN_NOWAIT);
    send_all(fd, frame, 60);
    UNTIL(world, world->heard_count == 2);
    assert_int_equal(world->heard[1].size, 60);
    assert_int_equal(world->heard[1].first, 0x80);
    assert_int_equal(world->heard[1].last, 9);
    assert_int_equal(world->heard[1].path.socket, path.socket);

    for (size_t i = 0; i < sizeof(burst); i++) {
        burst[i] = (uint8_t)(0x80 + i / 100);
    }
    vr_media_tcp_send(world->tcp, &hop, vr_bytes(burst, sizeof(burst)), 100);
    vr_media_tcp_flush(world->tcp);
    for (int i = 0; i < 3; i++) {
        UNTIL(world, frame_get(fd, frame) == (i < 2 ? 100 : 50));
        assert_int_equal(frame[0], 0x80 + i);
    }
    close(fd);
    UNTIL(world, world->tcp->stats.open == 0);
    vr_media_tcp_send(world->tcp, &hop, vr_bytes(burst, sizeof(burst)), 100); /* nobody is there */
    assert_int_equal(world->tcp->stats.dropped, 1);
    world_free(world);
}

static void ipv6_is_carried(void **state)
{
    struct world *world;
    int fd = -1;

    (void)state;
    if (vr_media_tcp_socket_open("::1", 0, &fd, NULL) != VR_OK) {
        return; /* the machine has no IPv6 */
    }
    close(fd);
    world = world_new("::1", 10);
    fd = dial(world, AF_INET6, 0);
    assert_int_equal(proved(world, fd).remote.ss_family, AF_INET6);
    close(fd);
    world_free(world);
}

static void whoever_begins_otherwise_is_turned_away(void **state)
{
    struct world *world = world_new("127.0.0.1", 10);
    uint8_t check[128];
    size_t size = check_write(check, "nobody");
    int fds[5];

    (void)state;
    for (int i = 0; i < 5; i++) {
        fds[i] = dial(world, AF_INET, 0);
    }
    send_all(fds[0], check, size);                   /* a ufrag that nobody here has */
    send_all(fds[1], "GET / HTTP/1.1\r\n\r\n", 18);  /* too long for a frame */
    send_all(fds[2], "\x00\x04\x80\x6f\x00\x01", 6); /* speech before any check */
    send_all(fds[3], check, 20);                     /* half of a check, and then nothing */
    for (int i = 0; i < 3; i++) {
        UNTIL(world, is_closed(fds[i]));
    }
    assert_int_equal(world->heard_count, 1); /* the engine saw the first one only */
    UNTIL(world, world->tcp->stats.open == 2);
    tcp_look(world->tcp, world->now += VR_SECONDS(4));
    assert_false(is_closed(fds[3]));
    assert_false(is_closed(fds[4])); /* it has said nothing yet */
    tcp_look(world->tcp, world->now += VR_SECONDS(1));
    UNTIL(world, is_closed(fds[3]));
    UNTIL(world, is_closed(fds[4]));
    assert_int_equal(world->tcp->stats.unproved, 5);
    assert_int_equal(world->tcp->stats.open, 0);
    for (int i = 0; i < 5; i++) {
        close(fds[i]);
    }
    world_free(world);
}

static void a_proved_one_that_breaks_the_framing_is_closed(void **state)
{
    struct world *world = world_new("127.0.0.1", 10);
    int fd = dial(world, AF_INET, 0);

    (void)state;
    proved(world, fd);
    send_all(fd, "\xff\xff", 2);
    UNTIL(world, is_closed(fd));
    close(fd);
    world_free(world);
}

static void a_connection_ends_with_its_peer_and_with_its_checks(void **state)
{
    struct world *world = world_new("127.0.0.1", 10);
    int fds[2];

    (void)state;
    fds[0] = dial(world, AF_INET, 0);
    proved(world, fds[0]);
    tcp_look(world->tcp, world->now += VR_SECONDS(20));
    proved(world, fds[0]); /* goes on checking */
    tcp_look(world->tcp, world->now += VR_SECONDS(20));
    assert_int_equal(world->tcp->stats.open, 1);
    tcp_look(world->tcp, world->now += VR_SECONDS(10));
    UNTIL(world, is_closed(fds[0]));

    fds[1] = dial(world, AF_INET, 0);
    proved(world, fds[1]);
    memcpy(world->known, "new", 4); /* the peer is gone */
    tcp_look(world->tcp, world->now);
    UNTIL(world, is_closed(fds[1]));
    assert_int_equal(world->tcp->stats.open, 0);
    close(fds[0]);
    close(fds[1]);
    world_free(world);
}

static void the_oldest_stranger_makes_way(void **state)
{
    struct world *world = world_new("127.0.0.1", TCP_FRESH_MAX + 8);
    int fds[4];

    (void)state;
    world->tcp->fresh_max = 2;
    fds[0] = dial(world, AF_INET, 0);
    proved(world, fds[0]);
    for (int i = 1; i < 4; i++) {
        fds[i] = dial(world, AF_INET, 0);
        UNTIL(world, world->tcp->stats.accepted == (uint64_t)i + 1);
    }
    UNTIL(world, is_closed(fds[1]));
    assert_false(is_closed(fds[0])); /* who has proved himself stays */
    assert_false(is_closed(fds[2]));
    assert_int_equal(world->tcp->stats.open, 3);
    for (int i = 0; i < 4; i++) {
        close(fds[i]);
    }
    world_free(world);
}

static void a_full_house_refuses(void **state)
{
    struct world *world = world_new("127.0.0.1", 2);
    int fds[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        fds[i] = dial(world, AF_INET, 0);
        UNTIL(world, world->tcp->stats.accepted + world->tcp->stats.refused == (uint64_t)i + 1);
    }
    UNTIL(world, is_closed(fds[2]));
    assert_int_equal(world->tcp->stats.refused, 1);
    close(fds[0]);
    UNTIL(world, world->tcp->stats.open == 1);
    close(fds[2]);
    fds[2] = dial(world, AF_INET, 0);
    proved(world, fds[2]);
    close(fds[1]);
    close(fds[2]);
    world_free(world);
}

/* Addresses that a test cannot come from: the tables alone. */
static void an_address_has_a_limit_of_its_own(void **state)
{
    struct world *world = world_new("127.0.0.1", 100);
    struct connection *some[4];
    struct sockaddr_storage remote = {.ss_family = AF_INET6};
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&remote;
    struct sockaddr_storage other = {.ss_family = AF_INET};

    (void)state;
    inet_pton(AF_INET6, "2001:db8::1", &in6->sin6_addr);
    inet_pton(AF_INET, "198.51.100.7", &((struct sockaddr_in *)&other)->sin_addr);
    for (int i = 0; i < 3; i++) {
        some[i] = calloc(1, sizeof(struct connection));
        assert_non_null(some[i]);
        vr_list_init(&some[i]->dirty);
        in6->sin6_addr.s6_addr[15] = (uint8_t)i; /* all of one network */
        assert_true(tcp_table_admits(world->tcp, &remote));
        tcp_table_add(world->tcp, some[i], &remote);
    }
    assert_false(tcp_table_admits(world->tcp, &remote));
    assert_true(tcp_table_admits(world->tcp, &other));
    tcp_table_remove(world->tcp, some[1]);
    assert_true(tcp_table_admits(world->tcp, &remote));
    tcp_table_remove(world->tcp, some[0]);
    tcp_table_remove(world->tcp, some[2]);
    for (int i = 0; i < 3; i++) {
        free(some[i]);
    }
    world_free(world);
}

/* One client stops reading while both are sent 50 packets a second for 20 s. The other one has
 * each packet in its turn; what the first one finds later is little, whole, and ends with the
 * newest. */
static void a_stalled_reader_costs_nobody_anything(void **state)
{
    enum { PACKETS = 1000, BYTES = 300 };

    struct world *world = world_new("127.0.0.1", 10);
    int stalled = dial(world, AF_INET, 2048);
    int good = dial(world, AF_INET, 0);
    struct vr_path to_stalled = proved(world, stalled);
    struct vr_path to_good = proved(world, good);
    struct vr_hop hop = hop_of(&to_stalled);
    const struct connection *connection = tcp_connection_find(world->tcp, &hop);
    uint8_t frame[VR_FRAME_MAX];
    uint32_t got = 0, newest = 0;

    (void)state;
    for (uint32_t i = 1; i <= PACKETS; i++) {
        world->now += VR_MS(20);
        speak(world, &to_stalled, i, BYTES);
        speak(world, &to_good, i, BYTES);
        vr_media_tcp_flush(world->tcp);
        UNTIL(world, frame_get(good, frame) == BYTES);
        assert_int_equal(vr_get32(frame + 4), i);
        assert_true(connection->out.count <= 6); /* 100 ms, and one that has begun */
    }
    assert_true(connection->blocked);
    assert_true(world->tcp->stats.dropped > PACKETS / 2);
    /* It reads again, and speech goes on. */
    for (uint32_t i = PACKETS + 1; newest < PACKETS + 50; i += i < PACKETS + 50) {
        int size = frame_get(stalled, frame);

        if (size == 0) {
            world->now += VR_MS(20);
            speak(world, &to_stalled, i, BYTES);
            vr_media_tcp_flush(world->tcp);
            uv_run(&world->loop, UV_RUN_NOWAIT);
            continue;
        }
        assert_int_equal(size, BYTES);
        assert_int_equal(frame[0], 0x90);
        assert_true(vr_get32(frame + 4) >= newest); /* in order; the last one may be said again */
        newest = vr_get32(frame + 4);
        got++;
    }
    assert_false(connection->blocked);
    /* The kernels' buffers held the rest: ours 4 KB and what was under way, his what he asked for.
     */
    assert_true(got < 300);
    close(stalled);
    close(good);
    world_free(world);
}

static void nobody_is_written_to_for_ever_who_reads_nothing(void **state)
{
    struct world *world = world_new("127.0.0.1", 10);
    int fd = dial(world, AF_INET, 2048);
    struct vr_path path = proved(world, fd);
    struct vr_hop hop = hop_of(&path);
    const struct connection *connection = tcp_connection_find(world->tcp, &hop);

    (void)state;
    for (uint32_t i = 1; !connection->blocked; i++) {
        speak(world, &path, i, 1000);
        vr_media_tcp_flush(world->tcp);
        assert_true(i < 10000);
    }
    for (int i = 0; i < 4; i++) { /* his checks are answered all the while */
        tcp_look(world->tcp, world->now += VR_SECONDS(9));
        assert_int_equal(world->tcp->stats.open, i < 3 ? 1 : 0);
        if (i < 3) {
            uint32_t before = world->heard_count;

            check_send(fd, world->known);
            UNTIL(world, world->heard_count > before);
        }
    }
    close(fd);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_proves_himself_is_carried),
        cmocka_unit_test(ipv6_is_carried),
        cmocka_unit_test(whoever_begins_otherwise_is_turned_away),
        cmocka_unit_test(a_proved_one_that_breaks_the_framing_is_closed),
        cmocka_unit_test(a_connection_ends_with_its_peer_and_with_its_checks),
        cmocka_unit_test(the_oldest_stranger_makes_way),
        cmocka_unit_test(a_full_house_refuses),
        cmocka_unit_test(an_address_has_a_limit_of_its_own),
        cmocka_unit_test(a_stalled_reader_costs_nobody_anything),
        cmocka_unit_test(nobody_is_written_to_for_ever_who_reads_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
