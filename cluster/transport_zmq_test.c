/* Goal: frames come whole, in order and from whom they say; strangers and wrong keys get nothing
 * in; a peer that restarts is found again; what cannot be sent is refused within a bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>
#include <zmq.h>

#include "actors/base/log.h"
#include "cluster/transport_zmq.h"

#define NODES 3u
#define WAIT_MS 20000u

struct node {
    struct vr_transport *transport;
    struct vr_transport_peer self;
    char secret[VR_CURVE_KEY + 1];
    uint32_t count[NODES + 1][2]; /* frames by sender and lane */
    uint32_t next;                /* number that the next frame of a row must have */
    bool in_order;
    size_t largest;
};

static uv_loop_t loop;
static uv_timer_t limit;
static bool late;
static struct node nodes[NODES + 1]; /* by number, from 1 */

static void on_frame(void *ctx, uint32_t from, enum vr_frame_lane lane, struct vr_bytes frame)
{
    struct node *node = ctx;

    assert_true(from >= 1 && from <= NODES);
    node->count[from][lane]++;
    node->largest = frame.size > node->largest ? frame.size : node->largest;
    if (frame.size == 4) {
        node->in_order = node->in_order && vr_get32(frame.data) == node->next;
        node->next++;
    }
}

static void open_node(uint32_t number, const char *control, const char *bulk)
{
    struct node *node = &nodes[number];
    struct vr_transport_zmq_conf conf = {
        .loop = &loop, .control = control, .bulk = bulk, .frame = on_frame, .ctx = node};
    struct vr_why why = {0};

    if (node->secret[0] == 0) {
        assert_int_equal(vr_transport_zmq_keypair(node->self.key, node->secret), VR_OK);
    }
    memcpy(conf.key, node->self.key, sizeof(conf.key));
    memcpy(conf.secret_key, node->secret, sizeof(conf.secret_key));
    if (vr_transport_zmq_new(&conf, &node->transport, &why) != VR_OK) {
        fail_msg("%s", why.text);
    }
    node->self.node = number;
    node->self.incarnation++;
    snprintf(node->self.control, sizeof(node->self.control), "%s",
             vr_transport_zmq_bound(node->transport, VR_FRAME_CONTROL));
    snprintf(node->self.bulk, sizeof(node->self.bulk), "%s",
             vr_transport_zmq_bound(node->transport, VR_FRAME_BULK));
    node->in_order = true;
}

static void open_any(uint32_t number)
{
    open_node(number, "tcp://127.0.0.1:*", "tcp://127.0.0.1:*");
}

static void close_node(uint32_t number)
{
    struct vr_transport *transport = nodes[number].transport;

    if (transport != NULL) {
        transport->ops->close(transport);
    }
    nodes[number].transport = NULL;
}

/* `number` learns of all others up to `count`. */
static void tell_peers(uint32_t number, uint32_t count)
{
    struct vr_transport_peer peers[NODES];
    uint32_t n = 0;

    for (uint32_t i = 1; i <= count; i++) {
        if (i != number) {
            peers[n++] = nodes[i].self;
        }
    }
    assert_int_equal(nodes[number].transport->ops->peers(nodes[number].transport, peers, n), VR_OK);
}

static enum vr_err send_to(uint32_t from, uint32_t to, enum vr_frame_lane lane, const void *data,
                           size_t size)
{
    struct vr_transport *transport = nodes[from].transport;

    return transport->ops->send(transport, to, lane, vr_bytes(data, size));
}

static void on_limit(uv_timer_t *timer)
{
    (void)timer;
    late = true;
}

static void turn(void)
{
    uv_run(&loop, UV_RUN_ONCE);
}

static void begin_wait(uint64_t ms)
{
    late = false;
    uv_update_time(&loop);
    uv_timer_start(&limit, on_limit, ms, 0);
}

#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        begin_wait(WAIT_MS);                                                                       \
        while (!(condition) && !late) {                                                            \
            turn();                                                                                \
        }                                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

static void run_for(uint64_t ms)
{
    begin_wait(ms);
    while (!late) {
        turn();
    }
}

static struct vr_transport_stats stats_of(uint32_t number)
{
    struct vr_transport_stats stats;

    vr_transport_zmq_stats(nodes[number].transport, &stats);
    return stats;
}

static int set_up(void **state)
{
    (void)state;
    vr_log_set_level(VR_LOG_OFF);
    memset(nodes, 0, sizeof(nodes));
    uv_loop_init(&loop);
    uv_timer_init(&loop, &limit);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= NODES; i++) {
        close_node(i);
    }
    uv_close((uv_handle_t *)&limit, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) == 0 ? 0 : -1;
}

/* --- tests --- */

static void test_everyone_to_everyone(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= NODES; i++) {
        open_any(i);
    }
    for (uint32_t i = 1; i <= NODES; i++) {
        tell_peers(i, NODES);
    }
    for (uint32_t from = 1; from <= NODES; from++) {
        for (uint32_t to = 1; to <= NODES; to++) {
            if (from != to) { /* before any connection is up: they wait */
                assert_int_equal(send_to(from, to, VR_FRAME_CONTROL, "hello", 5), VR_OK);
                assert_int_equal(send_to(from, to, VR_FRAME_BULK, "", 0), VR_OK);
            }
        }
    }
    for (uint32_t from = 1; from <= NODES; from++) {
        for (uint32_t to = 1; to <= NODES; to++) {
            if (from != to) {
                WAIT_FOR(nodes[to].count[from][VR_FRAME_CONTROL] == 1 &&
                         nodes[to].count[from][VR_FRAME_BULK] == 1);
            }
        }
    }
    assert_int_equal(send_to(1, 9, VR_FRAME_CONTROL, "x", 1), VR_E_NOT_FOUND);
    WAIT_FOR(stats_of(1).connected == NODES - 1);
}

struct row { /* of numbered frames, from a thread of its own */
    uint32_t count;
    uint32_t busy;
};

static void *send_row(void *arg)
{
    struct row *row = arg;
    uint8_t number[4];

    for (uint32_t i = 0; i < row->count;) {
        vr_put32(number, i);
        if (send_to(1, 2, VR_FRAME_CONTROL, number, 4) == VR_OK) {
            i++;
        } else {
            row->busy++;
            usleep(1000);
        }
    }
    return NULL;
}

static void open_two(void)
{
    open_any(1);
    open_any(2);
    tell_peers(1, 2);
    tell_peers(2, 2);
}

static void test_order_from_another_thread(void **state)
{
    struct row row = {.count = 50000};
    uint64_t before;
    double seconds;
    pthread_t thread;

    (void)state;
    open_two();
    WAIT_FOR(stats_of(1).connected == 1);
    before = uv_hrtime();
    pthread_create(&thread, NULL, send_row, &row);
    WAIT_FOR(nodes[2].next == row.count);
    pthread_join(thread, NULL);
    seconds = (double)(uv_hrtime() - before) / 1e9;
    assert_true(nodes[2].in_order);
    printf("measured: messages between two nodes, both ends on one thread: %.0f a second\n",
           row.count / seconds);
}

static void test_largest_frame(void **state)
{
    uint8_t *large = calloc(1, VR_FRAME_MAX + 1);

    (void)state;
    open_two();
    assert_int_equal(send_to(1, 2, VR_FRAME_BULK, large, VR_FRAME_MAX), VR_OK);
    WAIT_FOR(nodes[2].largest == VR_FRAME_MAX);
    assert_int_equal(send_to(1, 2, VR_FRAME_BULK, large, VR_FRAME_MAX + 1), VR_E_TOO_LARGE);
    free(large);
}

/* A DEALER of its own making, with any keys; returns when it had time to get something in. */
static void send_as(const char *key, const char *secret, const char *address, size_t size,
                    bool two_parts)
{
    void *ctx = zmq_ctx_new();
    void *socket = zmq_socket(ctx, ZMQ_DEALER);
    int linger = 0;
    char *data = calloc(1, size + 1);

    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger));
    if (key != NULL) {
        zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, nodes[2].self.key, VR_CURVE_KEY + 1);
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, key, VR_CURVE_KEY + 1);
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, VR_CURVE_KEY + 1);
    }
    assert_int_equal(zmq_connect(socket, address), 0);
    if (two_parts) {
        zmq_send(socket, "a", 1, ZMQ_DONTWAIT | ZMQ_SNDMORE);
    }
    assert_true(zmq_send(socket, data, size, ZMQ_DONTWAIT) >= 0);
    run_for(300);
    zmq_close(socket);
    zmq_ctx_term(ctx);
    free(data);
}

static void test_strangers(void **state)
{
    char key[VR_CURVE_KEY + 1], secret[VR_CURVE_KEY + 1];
    uint64_t refused;

    (void)state;
    open_two();
    WAIT_FOR(stats_of(1).connected == 1);
    refused = stats_of(2).refused_key;
    assert_int_equal(vr_transport_zmq_keypair(key, secret), VR_OK);
    send_as(key, secret, nodes[2].self.control, 10, false); /* a key that nobody knows */
    assert_true(stats_of(2).refused_key > refused);
    send_as(NULL, NULL, nodes[2].self.control, 10, false);                /* no key at all */
    send_as(nodes[1].self.key, secret, nodes[2].self.control, 10, false); /* another's key */
    assert_int_equal(stats_of(2).frames_in, 0);
    /* still there for its peers */
    assert_int_equal(send_to(1, 2, VR_FRAME_CONTROL, "x", 1), VR_OK);
    WAIT_FOR(nodes[2].count[1][VR_FRAME_CONTROL] == 1);
}

static void test_peer_out_of_bounds(void **state)
{
    (void)state;
    open_two();
    send_as(nodes[1].self.key, nodes[1].secret, nodes[2].self.control, 10, false);
    WAIT_FOR(stats_of(2).frames_in == 1); /* this way of sending works */
    send_as(nodes[1].self.key, nodes[1].secret, nodes[2].self.control, VR_FRAME_MAX + 1, false);
    send_as(nodes[1].self.key, nodes[1].secret, nodes[2].self.control, 3 * VR_FRAME_MAX, false);
    send_as(nodes[1].self.key, nodes[1].secret, nodes[2].self.control, 10, true);
    WAIT_FOR(stats_of(2).malformed >= 1);
    assert_int_equal(stats_of(2).frames_in, 1);
    assert_int_equal(nodes[2].largest, 10);
}

/* The other end has another key than the directory says: it is not spoken to. */
static void test_wrong_server_key(void **state)
{
    char right[VR_CURVE_KEY + 1], secret[VR_CURVE_KEY + 1];

    (void)state;
    open_any(1);
    open_any(2);
    memcpy(right, nodes[2].self.key, sizeof(right));
    assert_int_equal(vr_transport_zmq_keypair(nodes[2].self.key, secret), VR_OK);
    tell_peers(1, 2);
    memcpy(nodes[2].self.key, right, sizeof(right));
    tell_peers(2, 2);
    assert_int_equal(send_to(1, 2, VR_FRAME_CONTROL, "x", 1), VR_OK);
    run_for(1000);
    assert_int_equal(stats_of(2).frames_in, 0);
    assert_int_equal(stats_of(1).connected, 0);
}

/* Who learns of the other first is refused by it until it has learned as well. */
static void test_allowed_later(void **state)
{
    (void)state;
    open_any(1);
    open_any(2);
    tell_peers(1, 2);
    WAIT_FOR(stats_of(2).refused_key > 0);
    tell_peers(2, 2);
    assert_int_equal(send_to(1, 2, VR_FRAME_CONTROL, "x", 1), VR_OK);
    WAIT_FOR(nodes[2].count[1][VR_FRAME_CONTROL] == 1);
}

static void test_cut_off(void **state)
{
    (void)state;
    open_two();
    assert_int_equal(send_to(1, 2, VR_FRAME_CONTROL, "x", 1), VR_OK);
    WAIT_FOR(nodes[2].count[1][VR_FRAME_CONTROL] == 1);
    tell_peers(2, 0);
    assert_int_equal(send_to(1, 2, VR_FRAME_CONTROL, "x", 1), VR_OK);
    WAIT_FOR(stats_of(2).refused_key > 0);
    assert_int_equal(nodes[2].count[1][VR_FRAME_CONTROL], 1);
    assert_int_equal(send_to(2, 1, VR_FRAME_CONTROL, "x", 1), VR_E_NOT_FOUND);
}

static void test_restart(void **state)
{
    char control[128], bulk[128];

    (void)state;
    open_two();
    WAIT_FOR(stats_of(1).connected == 1);
    snprintf(control, sizeof(control), "%s", nodes[2].self.control);
    snprintf(bulk, sizeof(bulk), "%s", nodes[2].self.bulk);
    close_node(2);
    run_for(200);
    open_node(2, control, bulk); /* same key and place, another incarnation */
    tell_peers(2, 2);
    /* 1 has not heard of it yet: its connection comes back by itself, too */
    assert_int_equal(send_to(1, 2, VR_FRAME_CONTROL, "x", 1), VR_OK);
    WAIT_FOR(nodes[2].count[1][VR_FRAME_CONTROL] == 1);
    tell_peers(1, 2);
    assert_int_equal(send_to(1, 2, VR_FRAME_CONTROL, "x", 1), VR_OK);
    WAIT_FOR(nodes[2].count[1][VR_FRAME_CONTROL] == 2);
}

static void test_full_queue(void **state)
{
    static uint8_t large[VR_FRAME_MAX];
    uint32_t taken = 0;
    bool again = false;

    (void)state;
    open_any(1);
    open_any(2);
    tell_peers(1, 2);
    close_node(2); /* nobody takes anything */
    while (send_to(1, 2, VR_FRAME_CONTROL, large, sizeof(large)) == VR_OK) {
        assert_true(++taken < 64);
    }
    assert_int_equal(send_to(1, 2, VR_FRAME_CONTROL, large, sizeof(large)), VR_E_BUSY);
    assert_int_equal(send_to(1, 2, VR_FRAME_BULK, "x", 1), VR_OK); /* a lane of its own */
    assert_true(stats_of(1).refused_busy >= 2);
    /* what nobody waits for any more goes; the condition is looked at twice, but sends once */
    WAIT_FOR(again || (again = send_to(1, 2, VR_FRAME_CONTROL, large, sizeof(large)) == VR_OK));
}

static void test_bad_address(void **state)
{
    struct vr_transport_zmq_conf conf = {
        .loop = &loop, .control = "tcp://203.0.113.7:1", .bulk = "x"};
    struct vr_transport *made;
    struct vr_why why = {0};

    (void)state;
    assert_int_equal(vr_transport_zmq_keypair(conf.key, conf.secret_key), VR_OK);
    assert_int_equal(vr_transport_zmq_new(&conf, &made, &why), VR_E_BAD_REQUEST);
    assert_non_null(strstr(why.text, "203.0.113.7"));
}

/* A key that is none, ours or in the directory: said, and the others are spoken to. */
static void test_bad_keys(void **state)
{
    struct vr_transport_zmq_conf conf = {
        .loop = &loop, .control = "tcp://127.0.0.1:*", .bulk = "tcp://127.0.0.1:*"};
    struct vr_transport *made;
    struct vr_why why = {0};

    (void)state;
    memset(conf.secret_key, '~', VR_CURVE_KEY); /* not of Z85's alphabet */
    assert_int_equal(vr_transport_zmq_new(&conf, &made, &why), VR_E_BAD_REQUEST);
    assert_non_null(strstr(why.text, "key"));
    open_two();
    open_any(3);
    memset(nodes[3].self.key, '~', VR_CURVE_KEY);
    tell_peers(1, 3);
    assert_int_equal(send_to(1, 3, VR_FRAME_CONTROL, "x", 1), VR_OK); /* waits, and is dropped */
    assert_int_equal(send_to(1, 2, VR_FRAME_CONTROL, "x", 1), VR_OK);
    WAIT_FOR(nodes[2].count[1][VR_FRAME_CONTROL] == 1);
    assert_int_equal(stats_of(3).frames_in, 0);
}

/* The next process of the same node, or the same process again. */
static void test_again_in_its_place(void **state)
{
    char control[128], bulk[128];

    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        if (i == 0) {
            open_any(1);
            snprintf(control, sizeof(control), "%s", nodes[1].self.control);
            snprintf(bulk, sizeof(bulk), "%s", nodes[1].self.bulk);
        } else {
            open_node(1, control, bulk);
        }
        open_any(2);
        tell_peers(1, 2);
        tell_peers(2, 2);
        nodes[2].count[1][VR_FRAME_CONTROL] = 0;
        assert_int_equal(send_to(1, 2, VR_FRAME_CONTROL, "x", 1), VR_OK);
        WAIT_FOR(nodes[2].count[1][VR_FRAME_CONTROL] == 1);
        close_node(1);
        close_node(2);
    }
}

static void test_stopped(void **state)
{
    (void)state;
    open_two();
    vr_transport_zmq_stop(nodes[1].transport);
    assert_int_equal(send_to(1, 2, VR_FRAME_CONTROL, "x", 1), VR_E_NOT_FOUND);
    run_for(50);
    close_node(1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_everyone_to_everyone),
        T(test_order_from_another_thread),
        T(test_largest_frame),
        T(test_strangers),
        T(test_peer_out_of_bounds),
        T(test_wrong_server_key),
        T(test_allowed_later),
        T(test_cut_off),
        T(test_restart),
        T(test_full_queue),
        T(test_bad_address),
        T(test_bad_keys),
        T(test_again_in_its_place),
        T(test_stopped),
    };

    return cmocka_run_group_tests_name("transport_zmq", tests, NULL, NULL);
}
