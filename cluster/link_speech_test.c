/* Goal: speech on node A is heard on node B through the real link: packed, sealed, over a network
 * that loses and turns round, opened, and chosen there. What the network keeps is heard once and in
 * its place; the link itself adds no wait; what a speaker costs is printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/media/engine_rig.h"
#include "actors/media/relay_pool.h"
#include "cluster/link.h"

#define WAITING 64u
#define SAID 500u

struct flying {
    uint8_t data[VR_LINK_DATAGRAM_MAX];
    size_t size;
    uint32_t to; /* index of the node */
    vr_time_us due;
};

static struct net {
    struct rig *rig;
    struct vr_links *links[2];
    struct vr_link_end *ends[2];
    struct flying flying[WAITING];
    uint32_t count;
    struct vr_random_seeded random;
    uint32_t lose_percent, late_percent;
    uint32_t sent, lost, frames_lost;
} net;

static uint32_t index_of(const struct rig_node *node)
{
    return (uint32_t)(node - net.rig->nodes);
}

static void on_link(struct rig_node *from, uint32_t shard, const struct vr_relay *relay)
{
    struct vr_link_frame frame = {.room = relay->room,
                                  .target_shard = shard,
                                  .origin_shard = relay->origin_shard,
                                  .participant = relay->participant,
                                  .generation = relay->generation,
                                  .index = relay->index,
                                  .timestamp = relay->timestamp,
                                  .hops = relay->hops,
                                  .level = relay->level,
                                  .voice = relay->voice,
                                  .marker = relay->marker,
                                  .payload = vr_bytes(relay->payload, relay->size)};

    vr_link_end_put(net.ends[index_of(from)], vr_shard_node(shard), &frame);
}

static void on_send(void *ctx, const struct sockaddr_storage *to, struct vr_bytes datagram)
{
    struct flying *flying = &net.flying[net.count];
    uint32_t from = *(uint32_t *)ctx;

    (void)to;
    net.sent++;
    if (vr_random_below(&net.random.random, 100) < net.lose_percent) {
        net.lost++;
        return;
    }
    assert_true(net.count < WAITING);
    memcpy(flying->data, datagram.data, datagram.size);
    flying->size = datagram.size;
    flying->to = 1 - from;
    flying->due = net.rig->now;
    if (vr_random_below(&net.random.random, 100) < net.late_percent) {
        flying->due += VR_MS(45); /* two packets of the same speaker overtake it */
    }
    net.count++;
}

static void on_frame(void *ctx, uint32_t node, const struct vr_link_frame *frame)
{
    struct rig_node *to = rig_node_of(net.rig, frame->target_shard);
    struct vr_relay *relay = vr_relay_new();

    (void)ctx;
    assert_true(node == 1 || node == 2);
    assert_non_null(to);
    relay->room = frame->room;
    relay->origin_shard = frame->origin_shard;
    relay->hops = frame->hops;
    relay->participant = frame->participant;
    relay->generation = frame->generation;
    relay->index = frame->index;
    relay->timestamp = frame->timestamp;
    relay->level = frame->level;
    relay->voice = frame->voice;
    relay->marker = frame->marker;
    relay->size = (uint16_t)frame->payload.size;
    memcpy(relay->payload, frame->payload.data, frame->payload.size);
    vr_shard_relay_in(to->shard, net.rig->now, relay);
    vr_relay_release(relay);
}

/* The end of a pass of both loops, and what the network has for them. */
static void pass(void)
{
    vr_link_end_flush(net.ends[0]);
    vr_link_end_flush(net.ends[1]);
    for (uint32_t i = 0; i < net.count;) {
        struct flying now = net.flying[i];

        if (now.due > net.rig->now) {
            i++;
            continue;
        }
        memmove(&net.flying[i], &net.flying[i + 1], (--net.count - i) * sizeof now);
        vr_link_end_take(net.ends[now.to], now.data, now.size);
    }
    rig_pump(net.rig);
}

static void open_end(uint32_t i)
{
    static uint32_t self[2] = {0, 1};
    struct vr_link_end_conf conf = {.send = on_send, .frame = on_frame, .ctx = &self[i]};

    net.links[i] = vr_links_new(i + 1, 100 + i, 1, &net.random.random);
    conf.links = net.links[i];
    net.ends[i] = vr_link_end_new(&conf);
    assert_int_equal(vr_links_peer(net.links[i], 2 - i, 101 - i, "127.0.0.1:7500", 1), VR_OK);
}

static int start(void **state)
{
    struct vr_link_key key;

    (void)state;
    net = (struct net){.rig = rig_new_bare(23, false, VR_PACK_OFF)};
    vr_random_seeded_init(&net.random, 5);
    net.rig->link = on_link;
    for (uint32_t i = 0; i < 2; i++) {
        rig_add_node(net.rig, vr_shard_number(i + 1, 0));
        open_end(i);
    }
    for (uint32_t i = 0; i < 2; i++) {
        struct vr_shard_set *set = vr_shard_set_new();

        assert_int_equal(vr_links_key_out(net.links[i], 2 - i, false, &key), VR_OK);
        assert_int_equal(vr_links_key_in(net.links[1 - i], i + 1, &key), VR_OK);
        set->epoch = set->version = 1;
        set->count = 2;
        set->shards[0] = vr_shard_number(1, 0);
        set->shards[1] = vr_shard_number(2, 0);
        vr_shard_set_shards(net.rig->nodes[i].shard, set);
    }
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        vr_link_end_free(net.ends[i]);
        vr_links_free(net.links[i]);
    }
    rig_free(net.rig);
    return 0;
}

static void talk(struct rig_person **people, uint32_t count, uint32_t packets)
{
    for (uint32_t i = 0; i < packets; i++) {
        for (uint32_t k = 0; k < count; k++) {
            rig_say(people[k], (uint8_t)(30 + k));
        }
        pass();
        rig_advance(net.rig, VR_MS(20));
        pass();
    }
}

/* Each sequence number of a slot at most once, and timestamps as they were said. */
static void heard_once_and_in_place(const struct rig_person *person, uint32_t from)
{
    for (uint32_t i = 0; i < person->heard_count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            const struct rig_heard *a = &person->heard[i], *b = &person->heard[k];

            if (a->participant != from || b->participant != from || a->slot != b->slot) {
                continue;
            }
            assert_int_not_equal(a->seq, b->seq);
            assert_int_equal((int32_t)(a->ts - b->ts), 960 * (int16_t)(a->seq - b->seq));
        }
    }
}

static void over_a_good_network(void **state)
{
    struct rig_person *people[4];
    struct rig_person *far = rig_join(net.rig, (struct rig_wish){.node = 1});
    struct vr_link_stats stats;
    double each;

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        people[i] = rig_join(net.rig, (struct rig_wish){.node = 0});
    }
    rig_say(people[0], 30);
    assert_int_equal(rig_heard_from(far, people[0]), 0);
    pass(); /* the first packet of a new talker: heard in the pass in which it came */
    assert_int_equal(rig_heard_from(far, people[0]), 1);
    talk(people, 4, SAID);
    assert_int_equal(rig_heard_from(far, people[0]), SAID + 1);
    for (uint32_t i = 1; i < 4; i++) {
        assert_int_equal(rig_heard_from(far, people[i]), SAID);
    }
    heard_once_and_in_place(far, people[0]->conf.participant);
    vr_link_end_stats(net.ends[0], &stats);
    assert_int_equal(stats.frames_out, 4 * SAID + 1);
    assert_int_equal(stats.datagrams_out, SAID + 1); /* four speakers share one */
    each = ((double)stats.bytes_out + 28.0 * (double)stats.datagrams_out) /
           (double)stats.frames_out; /* with the heads of IPv4 and UDP */
    printf("measured: four relayed speakers, frames of %u bytes: %.0f bytes a second each with all "
           "headers, %.0f of them not speech\n",
           far->heard[0].size, each * 50, (each - far->heard[0].size) * 50);
}

static void over_a_bad_network(void **state)
{
    struct rig_person *ana = rig_join(net.rig, (struct rig_wish){.node = 0});
    struct rig_person *ben = rig_join(net.rig, (struct rig_wish){.node = 1});
    struct rig_person *both[] = {ana, ben};
    uint32_t ana_heard, ben_heard;

    (void)state;
    net.lose_percent = 5;
    net.late_percent = 10;
    talk(both, 2, SAID);
    net.lose_percent = 0;
    net.late_percent = 0;
    for (uint32_t i = 0; i < 5; i++) { /* the last late ones */
        rig_advance(net.rig, VR_MS(20));
        pass();
    }
    ben_heard = rig_heard_from(ben, ana);
    ana_heard = rig_heard_from(ana, ben);
    assert_int_equal(ben_heard + ana_heard, net.sent - net.lost);
    assert_int_equal(net.sent, 2 * SAID);
    assert_true(net.lost > 20);
    heard_once_and_in_place(ben, ana->conf.participant);
    heard_once_and_in_place(ana, ben->conf.participant);
}

/* Keys are renewed while they talk: nothing is lost and nothing waits. */
static void through_a_renewal(void **state)
{
    struct rig_person *ana = rig_join(net.rig, (struct rig_wish){.node = 0});
    struct rig_person *ben = rig_join(net.rig, (struct rig_wish){.node = 1});
    struct vr_link_key key;

    (void)state;
    net.late_percent = 20;
    for (uint32_t i = 0; i < 20; i++) {
        talk(&ana, 1, 10);
        assert_int_equal(vr_links_key_out(net.links[0], 2, true, &key), VR_OK);
        talk(&ana, 1, 5);
        assert_int_equal(vr_links_key_in(net.links[1], 1, &key), VR_OK);
        talk(&ana, 1, 5);
        vr_links_key_confirm(net.links[0], 2, key.generation);
    }
    net.late_percent = 0;
    talk(&ana, 1, 5);
    assert_int_equal(rig_heard_from(ben, ana), 20 * 20 + 5);
    heard_once_and_in_place(ben, ana->conf.participant);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        T(over_a_good_network),
        T(over_a_bad_network),
        T(through_a_renewal),
    };

    return cmocka_run_group_tests_name("link_speech", tests, NULL, NULL);
}
