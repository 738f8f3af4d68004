/* Goal: what goes into a link comes out at the other node, once, whole and from whom it says,
 * through loss, reordering and changes of keys; what anybody else sends, changes or sends again
 * does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cluster/link.h"

#define WIRE_MAX 512

struct datagram {
    uint8_t data[VR_LINK_DATAGRAM_MAX];
    size_t size;
    uint16_t port;
};

struct wire { /* what a node has sent */
    struct datagram datagrams[WIRE_MAX];
    uint32_t count;
};

struct heard {
    uint32_t count, from;
    struct vr_link_frame last;
    uint8_t payload[VR_LINK_PAYLOAD_MAX];
    uint8_t times[4096]; /* by index */
};

struct node {
    struct vr_links *links;
    struct vr_link_end *ends[2];
    struct wire wire;
    struct heard heard;
};

static struct node a, b;
static struct vr_random_seeded seeded;

static void on_send(void *ctx, const struct sockaddr_storage *to, struct vr_bytes datagram)
{
    struct wire *wire = &((struct node *)ctx)->wire;
    struct datagram *at = &wire->datagrams[wire->count++];

    assert_true(wire->count <= WIRE_MAX);
    assert_true(datagram.size <= sizeof(at->data));
    memcpy(at->data, datagram.data, datagram.size);
    at->size = datagram.size;
    at->port = ntohs(((const struct sockaddr_in *)to)->sin_port);
}

static void on_frame(void *ctx, uint32_t node, const struct vr_link_frame *frame)
{
    struct heard *heard = &((struct node *)ctx)->heard;

    heard->count++;
    heard->from = node;
    heard->last = *frame;
    memcpy(heard->payload, frame->payload.data, frame->payload.size);
    if (frame->index < sizeof(heard->times)) {
        heard->times[frame->index]++;
    }
}

static void open_node(struct node *node, uint32_t number, uint64_t incarnation, uint32_t workers)
{
    memset(node, 0, sizeof(*node));
    node->links = vr_links_new(number, incarnation, workers, &seeded.random);
    for (uint32_t i = 0; i < workers; i++) {
        node->ends[i] =
            vr_link_end_new(&(struct vr_link_end_conf){node->links, i, on_send, on_frame, node});
        assert_non_null(node->ends[i]);
    }
}

static void close_node(struct node *node)
{
    vr_link_end_free(node->ends[0]);
    vr_link_end_free(node->ends[1]);
    vr_links_free(node->links);
    memset(node, 0, sizeof(*node));
}

/* As the cluster actors do: the key goes over, then it is confirmed. */
static void give_key(struct node *from, uint32_t from_number, struct node *to, uint32_t to_number,
                     bool renew)
{
    struct vr_link_key key;

    assert_int_equal(vr_links_key_out(from->links, to_number, renew, &key), VR_OK);
    assert_int_equal(vr_links_key_in(to->links, from_number, &key), VR_OK);
    vr_links_key_confirm(from->links, to_number, key.generation);
}

static int set_up(void **state)
{
    (void)state;
    vr_random_seeded_init(&seeded, 11);
    open_node(&a, 1, 100, 1);
    open_node(&b, 2, 200, 1);
    assert_int_equal(vr_links_peer(a.links, 2, 200, "10.0.0.2:7500", 1), VR_OK);
    assert_int_equal(vr_links_peer(b.links, 1, 100, "10.0.0.1:7500", 1), VR_OK);
    give_key(&a, 1, &b, 2, false);
    give_key(&b, 2, &a, 1, false);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close_node(&a);
    close_node(&b);
    return 0;
}

static struct vr_link_frame frame_of(uint64_t index, size_t size)
{
    static uint8_t payload[VR_LINK_PAYLOAD_MAX];

    for (size_t i = 0; i < sizeof(payload); i++) {
        payload[i] = (uint8_t)(index + i);
    }
    return (struct vr_link_frame){.room = {3, 4},
                                  .target_shard = 513,
                                  .origin_shard = 256,
                                  .participant = 77,
                                  .generation = 3,
                                  .index = index,
                                  .timestamp = 4000000000u,
                                  .hops = 2,
                                  .level = 127,
                                  .voice = true,
                                  .marker = true,
                                  .payload = vr_bytes(payload, size)};
}

static void put(struct node *node, uint32_t to, uint64_t index, size_t size)
{
    struct vr_link_frame frame = frame_of(index, size);

    vr_link_end_put(node->ends[0], to, &frame);
}

/* A copy: opening works in place. */
static void deliver(const struct wire *wire, uint32_t which, struct vr_link_end *end)
{
    struct datagram copy = wire->datagrams[which];

    vr_link_end_take(end, copy.data, copy.size);
}

static void deliver_all(struct wire *wire, struct vr_link_end *end)
{
    for (uint32_t i = 0; i < wire->count; i++) {
        deliver(wire, i, end);
    }
    wire->count = 0;
}

static struct vr_link_stats stats_of(const struct vr_link_end *end)
{
    struct vr_link_stats stats;

    vr_link_end_stats(end, &stats);
    return stats;
}

/* --- tests --- */

static void test_there(void **state)
{
    struct vr_link_frame sent = frame_of(0xfedcba987654, 80);
    const struct vr_link_frame *got = &b.heard.last;

    (void)state;
    vr_link_end_put(a.ends[0], 2, &sent);
    assert_int_equal(a.wire.count, 0); /* packed */
    vr_link_end_flush(a.ends[0]);
    assert_int_equal(a.wire.count, 1);
    assert_int_equal(a.wire.datagrams[0].port, 7500);
    assert_null(memmem(a.wire.datagrams[0].data, a.wire.datagrams[0].size, sent.payload.data, 16));
    deliver_all(&a.wire, b.ends[0]);
    assert_int_equal(b.heard.count, 1);
    assert_int_equal(b.heard.from, 1);
    assert_true(vr_id_equal(got->room, sent.room));
    assert_int_equal(got->target_shard, sent.target_shard);
    assert_int_equal(got->origin_shard, sent.origin_shard);
    assert_int_equal(got->participant, sent.participant);
    assert_int_equal(got->generation, sent.generation);
    assert_true(got->index == sent.index);
    assert_int_equal(got->timestamp, sent.timestamp);
    assert_int_equal(got->hops, sent.hops);
    assert_int_equal(got->level, sent.level);
    assert_true(got->voice && got->marker);
    assert_int_equal(got->payload.size, 80);
    assert_memory_equal(b.heard.payload, sent.payload.data, 80);
    vr_link_end_flush(a.ends[0]);
    assert_int_equal(a.wire.count, 0);
}

/* Many frames share datagrams, none of which is too long for a path; one long frame goes alone. */
static void test_packing(void **state)
{
    struct vr_link_stats stats;

    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        put(&a, 2, i, 100);
    }
    vr_link_end_flush(a.ends[0]);
    assert_true(a.wire.count <= 5);
    for (uint32_t i = 0; i < a.wire.count; i++) {
        assert_true(a.wire.datagrams[i].size <= VR_LINK_PACKED_MAX);
    }
    deliver_all(&a.wire, b.ends[0]);
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(b.heard.times[i], 1);
    }
    stats = stats_of(a.ends[0]);
    printf("measured: a relayed speaker costs %.0f bytes a second over IPv4 when 40 are packed, "
           "80-byte frames alone %u\n",
           ((double)stats.bytes_out + 28.0 * (double)stats.datagrams_out) / 40 * 50 - 20 * 50,
           (28 + VR_LINK_HEAD + VR_LINK_TAG + 46 + 80) * 50);
    put(&a, 2, 50, 80);
    put(&a, 2, 51, VR_LINK_PAYLOAD_MAX);
    put(&a, 2, 52, 80);
    vr_link_end_flush(a.ends[0]);
    assert_int_equal(a.wire.count, 3);
    deliver_all(&a.wire, b.ends[0]);
    assert_int_equal(b.heard.count, 43);
    assert_int_equal(stats_of(b.ends[0]).bytes_in, stats_of(a.ends[0]).bytes_out);
}

static void test_loss_and_order(void **state)
{
    uint32_t lost = 0;

    (void)state;
    for (uint32_t i = 0; i < 400; i++) {
        put(&a, 2, i, 60);
        vr_link_end_flush(a.ends[0]);
    }
    assert_int_equal(a.wire.count, 400);
    for (uint32_t i = 0; i < 400; i++) { /* in blocks turned round, each tenth lost, all twice */
        uint32_t which = i - i % 20 + (19 - i % 20);

        if (which % 10 == 3) {
            lost++;
            continue;
        }
        deliver(&a.wire, which, b.ends[0]);
        deliver(&a.wire, which, b.ends[0]);
    }
    assert_int_equal(b.heard.count, 400 - lost);
    assert_int_equal(stats_of(b.ends[0]).replayed, 400 - lost);
    for (uint32_t i = 0; i < 400; i++) {
        assert_int_equal(b.heard.times[i], i % 10 != 3);
    }
}

/* Very late ones, and all that were there, however long ago. */
static void test_replay_window(void **state)
{
    struct datagram old;

    (void)state;
    put(&a, 2, 0, 60);
    vr_link_end_flush(a.ends[0]);
    old = a.wire.datagrams[0];
    deliver_all(&a.wire, b.ends[0]);
    for (uint32_t i = 1; i < 3000; i++) {
        struct datagram copy = old;

        put(&a, 2, i, 60);
        vr_link_end_flush(a.ends[0]);
        deliver_all(&a.wire, b.ends[0]);
        vr_link_end_take(b.ends[0], copy.data, copy.size);
    }
    assert_int_equal(b.heard.count, 3000);
    assert_int_equal(stats_of(b.ends[0]).replayed, 2999);
}

static void test_every_changed_bit(void **state)
{
    struct datagram good;

    (void)state;
    put(&a, 2, 1, 60);
    vr_link_end_flush(a.ends[0]);
    good = a.wire.datagrams[0];
    for (size_t i = 0; i < good.size * 8; i++) {
        struct datagram bad = good;

        bad.data[i / 8] ^= (uint8_t)(1 << i % 8);
        vr_link_end_take(b.ends[0], bad.data, bad.size);
    }
    for (size_t size = 0; size < good.size; size++) {
        struct datagram shorter = good;

        vr_link_end_take(b.ends[0], shorter.data, size);
    }
    assert_int_equal(b.heard.count, 0);
    deliver_all(&a.wire, b.ends[0]); /* and none of them spoiled the window */
    assert_int_equal(b.heard.count, 1);
}

static void test_renewal(void **state)
{
    struct vr_link_key key, again;

    (void)state;
    put(&a, 2, 1, 60);
    vr_link_end_flush(a.ends[0]); /* under the first key, still under way */
    assert_int_equal(vr_links_key_out(a.links, 2, true, &key), VR_OK);
    put(&a, 2, 2, 60);
    vr_link_end_flush(a.ends[0]); /* the peer has not confirmed: the first key */
    deliver(&a.wire, 1, b.ends[0]);
    assert_int_equal(b.heard.count, 1);
    assert_int_equal(vr_links_key_out(a.links, 2, true, &again), VR_OK);
    assert_int_equal(again.generation, key.generation);
    assert_memory_equal(again.key, key.key, sizeof(key.key));
    assert_int_equal(vr_links_key_in(b.links, 1, &key), VR_OK);
    vr_links_key_confirm(a.links, 2, key.generation);
    put(&a, 2, 3, 60);
    vr_link_end_flush(a.ends[0]);
    deliver(&a.wire, 2, b.ends[0]);
    assert_int_equal(b.heard.count, 2);
    deliver(&a.wire, 0, b.ends[0]); /* late, under the old key: overlap */
    assert_int_equal(b.heard.count, 3);
    give_key(&a, 1, &b, 2, true);
    put(&a, 2, 4, 60);
    vr_link_end_flush(a.ends[0]);
    deliver(&a.wire, 3, b.ends[0]);
    assert_int_equal(b.heard.count, 4);
    deliver(&a.wire, 0, b.ends[0]);
    assert_int_equal(stats_of(b.ends[0]).unknown, 1); /* the first key is gone by now */
}

static void test_restarted_peer(void **state)
{
    struct vr_link_key key = {.generation = 9, .incarnation = 100};

    (void)state;
    put(&a, 2, 1, 60);
    vr_link_end_flush(a.ends[0]);
    deliver_all(&a.wire, b.ends[0]);
    put(&a, 2, 2, 60);
    vr_link_end_flush(a.ends[0]);
    assert_int_equal(vr_links_peer(b.links, 1, 101, "10.0.0.1:7500", 1), VR_OK); /* a anew */
    deliver_all(&a.wire, b.ends[0]);
    assert_int_equal(b.heard.count, 1); /* the old one is heard no more */
    assert_int_equal(vr_links_key_in(b.links, 1, &key), VR_E_STALE);
    close_node(&a);
    open_node(&a, 1, 101, 1);
    assert_int_equal(vr_links_peer(a.links, 2, 200, "10.0.0.2:7500", 1), VR_OK);
    give_key(&a, 1, &b, 2, false);
    put(&a, 2, 3, 60);
    vr_link_end_flush(a.ends[0]);
    deliver_all(&a.wire, b.ends[0]);
    assert_int_equal(b.heard.count, 2);
}

/* One side lost sight of the other for a while: numbers and keys go on where they were. */
static void test_dropped_and_back(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        put(&a, 2, i, 60);
        vr_link_end_flush(a.ends[0]);
    }
    deliver_all(&a.wire, b.ends[0]);
    vr_links_drop(a.links, 2);
    put(&a, 2, 5, 60);
    vr_link_end_flush(a.ends[0]);
    assert_int_equal(a.wire.count, 0);
    assert_int_equal(stats_of(a.ends[0]).no_key, 1);
    assert_int_equal(vr_links_peer(a.links, 2, 200, "10.0.0.2:7500", 1), VR_OK);
    give_key(&a, 1, &b, 2, false);
    put(&a, 2, 6, 60);
    vr_link_end_flush(a.ends[0]);
    deliver_all(&a.wire, b.ends[0]);
    assert_int_equal(b.heard.times[6], 1);
}

static void test_strangers(void **state)
{
    struct node c;

    (void)state;
    open_node(&c, 3, 300, 1);
    assert_int_equal(vr_links_peer(c.links, 2, 200, "10.0.0.2:7500", 1), VR_OK);
    struct vr_link_key key;
    assert_int_equal(vr_links_key_out(c.links, 2, false, &key), VR_OK);
    put(&c, 2, 1, 60);
    vr_link_end_flush(c.ends[0]);
    deliver(&c.wire, 0, b.ends[0]); /* nobody that b knows */
    vr_put32(c.wire.datagrams[0].data + 4, 1);
    deliver(&c.wire, 0, b.ends[0]); /* poses as a */
    assert_int_equal(b.heard.count, 0);
    assert_int_equal(stats_of(b.ends[0]).unknown + stats_of(b.ends[0]).refused, 2);
    put(&a, 2, 1, 60);
    vr_link_end_flush(a.ends[0]);
    deliver(&a.wire, 0, a.ends[0]); /* turned back to its sender */
    assert_int_equal(a.heard.count, 0);
    close_node(&c);
}

/* Two workers on each side: each way of the four has its own port and window. */
static void test_workers(void **state)
{
    struct node two;

    (void)state;
    open_node(&two, 3, 300, 2);
    assert_int_equal(vr_links_peer(two.links, 2, 200, "10.0.0.2:7500", 1), VR_OK);
    assert_int_equal(vr_links_peer(b.links, 3, 300, "10.0.0.3:7600", 2), VR_OK);
    give_key(&two, 3, &b, 2, false);
    give_key(&b, 2, &two, 3, false);
    for (uint32_t i = 0; i < 2; i++) { /* the same counters under the same key */
        struct vr_link_frame frame = frame_of(10 + i, 60);

        vr_link_end_put(two.ends[i], 2, &frame);
        vr_link_end_flush(two.ends[i]);
    }
    assert_true(memcmp(two.wire.datagrams[0].data + 16, two.wire.datagrams[1].data + 16, 60) != 0);
    deliver_all(&two.wire, b.ends[0]);
    assert_int_equal(b.heard.times[10] + b.heard.times[11], 2);
    put(&b, 3, 12, 60);
    vr_link_end_flush(b.ends[0]);
    assert_int_equal(b.wire.datagrams[0].port, 7600);
    deliver(&b.wire, 0, two.ends[1]); /* at the wrong worker */
    assert_int_equal(two.heard.count, 0);
    deliver(&b.wire, 0, two.ends[0]);
    assert_int_equal(two.heard.count, 1);
    close_node(&two);
}

/* What a frame costs, two in a datagram: sealed here and opened there. */
static void test_cost(void **state)
{
    struct timespec before, after;
    double ns;

    (void)state;
    clock_gettime(CLOCK_MONOTONIC, &before);
    for (uint32_t i = 0; i < 20000; i++) {
        put(&a, 2, 10000 + 2 * i, 80);
        put(&a, 2, 10001 + 2 * i, 80);
        vr_link_end_flush(a.ends[0]);
        vr_link_end_take(b.ends[0], a.wire.datagrams[0].data, a.wire.datagrams[0].size);
        a.wire.count = 0;
    }
    clock_gettime(CLOCK_MONOTONIC, &after);
    ns = (double)(after.tv_sec - before.tv_sec) * 1e9 + (double)(after.tv_nsec - before.tv_nsec);
    assert_int_equal(b.heard.count, 40000);
    printf("measured: a frame of 80 bytes over a link, both ends, without the network: %.0f ns\n",
           ns / 40000);
}

static void *talk(void *arg)
{
    uint32_t *stop = arg;

    while (!__atomic_load_n(stop, __ATOMIC_ACQUIRE)) {
        put(&a, 2, 1, 60);
        vr_link_end_flush(a.ends[0]);
        a.wire.count = 0;
    }
    return NULL;
}

/* A worker sends while the cluster actor changes everything that there is. */
static void test_changed_by_another_thread(void **state)
{
    struct vr_link_key key;
    uint32_t stop_talking = 0;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, talk, &stop_talking), 0);
    for (uint32_t i = 0; i < 2000; i++) {
        assert_int_equal(vr_links_key_out(a.links, 2, true, &key), VR_OK);
        vr_links_key_confirm(a.links, 2, key.generation);
        if (i % 100 == 0) {
            vr_links_drop(a.links, 2);
            assert_int_equal(vr_links_peer(a.links, 2, 200 + i, "10.0.0.2:7500", 1), VR_OK);
        }
    }
    __atomic_store_n(&stop_talking, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
}

static void test_addresses(void **state)
{
    static const char *const bad[] = {"",           ":7500",          "10.0.0.1",
                                      "10.0.0.1:",  "host:75",        "10.0.0.1:7500x",
                                      "10.0.0.1:0", "10.0.0.1:65536", "[fd00:7500"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(vr_links_peer(a.links, 9, 1, bad[i], 1), VR_E_BAD_REQUEST);
    }
    assert_int_equal(vr_links_peer(a.links, 9, 1, "[fd00::3]:7500", 1), VR_OK);
    assert_int_equal(vr_links_peer(a.links, 1, 1, "10.0.0.1:7500", 1), VR_E_BAD_REQUEST); /* self */
    for (uint32_t i = 0; i < VR_LINK_PEERS_MAX - 2; i++) {
        assert_int_equal(vr_links_peer(a.links, 100 + i, 1, "10.0.0.1:7500", 1), VR_OK);
    }
    assert_int_equal(vr_links_peer(a.links, 1000, 1, "10.0.0.1:7500", 1), VR_E_FULL);
    vr_links_drop(a.links, 100);
    assert_int_equal(vr_links_peer(a.links, 1000, 1, "10.0.0.1:7500", 1), VR_OK);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_there),
        T(test_packing),
        T(test_loss_and_order),
        T(test_replay_window),
        T(test_every_changed_bit),
        T(test_renewal),
        T(test_restarted_peer),
        T(test_dropped_and_back),
        T(test_strangers),
        T(test_workers),
        T(test_addresses),
        T(test_cost),
        T(test_changed_by_another_thread),
    };

    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
