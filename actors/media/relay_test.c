/* Goal: two shards of one room on two engines: speech crosses once, is chosen and numbered at the
 * far end like local speech, and what a link leaves out is no gap; gates hold at both ends; nothing
 * returns. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/media/engine_rig.h"
#include "actors/media/relay_pool.h"

static void set_shards(struct rig *rig, uint64_t version)
{
    for (uint32_t i = 0; i < rig->node_count; i++) {
        struct vr_shard_set *set = vr_shard_set_new();

        set->epoch = 1;
        set->version = version;
        set->count = 2;
        set->shards[0] = 1;
        set->shards[1] = 2;
        vr_shard_set_shards(rig->nodes[i].shard, set);
    }
}

static int start(void **state)
{
    struct rig *rig = rig_new(11);

    rig_add_node(rig, 2);
    set_shards(rig, 1);
    *state = rig;
    return 0;
}

static int stop(void **state)
{
    rig_free(*state);
    return 0;
}

static void no_gap(const struct rig_person *person)
{
    for (uint32_t slot = 0; slot < 4; slot++) {
        const struct rig_heard *last = NULL;

        for (uint32_t i = 0; i < person->heard_count; i++) {
            if (person->heard[i].slot != slot) {
                continue;
            }
            if (last != NULL) {
                assert_int_equal(person->heard[i].seq, (uint16_t)(last->seq + 1));
                assert_true((int32_t)(person->heard[i].ts - last->ts) > 0);
            }
            last = &person->heard[i];
        }
    }
}

static void heard_across(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.node = 0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){.node = 1});
    struct rig_person *cleo = rig_join(rig, (struct rig_wish){.node = 1});

    rig_talk(ana, 30, 50);
    rig_talk(ben, 30, 50);
    assert_int_equal(rig_heard_from(ben, ana), 50);
    assert_int_equal(rig_heard_from(cleo, ana), 50);
    assert_int_equal(rig_heard_from(ana, ben), 50);
    assert_int_equal(rig_heard_from(cleo, ben), 50);
    assert_int_equal(rig_heard_from(ana, ana), 0);
    assert_int_equal(rig_heard_from(ben, ben), 0);
    no_gap(cleo);
    assert_int_equal(rig->relayed, 100); /* once over the link, however many listen */
    assert_int_equal(rig_stats(ana->node).relayed_out, 50);
    assert_int_equal(rig_stats(ben->node).relayed_in, 50);
}

/* Six speakers on two shards, four slots: each side hears at most four, over a link go at most
 * four, and the numbers run on through every change and pause. */
static void more_speakers_than_slots(void **state)
{
    struct rig *rig = *state;
    struct rig_person *people[6];
    struct rig_person *left = rig_join(rig, (struct rig_wish){.node = 0});
    struct rig_person *right = rig_join(rig, (struct rig_wish){.node = 1});

    for (int i = 0; i < 6; i++) {
        people[i] = rig_join(rig, (struct rig_wish){.node = (uint32_t)i % 2});
    }
    for (int round = 0; round < 400; round++) {
        for (int i = 0; i < 6; i++) {
            bool loud = (round / 60 + i) % 6 < 3; /* three at a time, changing */

            rig_say(people[i], loud ? (uint8_t)(20 + i) : 127);
        }
        if (round % 50 == 0) {
            rig_checks(rig);
        }
        rig_advance(rig, VR_MS(20));
    }
    no_gap(left);
    no_gap(right);
    for (int i = 0; i < 6; i++) {
        assert_true(rig_heard_from(left, people[i]) > 150);
        assert_true(rig_heard_from(right, people[i]) > 150);
    }
    assert_true(rig->relayed < 400 * 6);
}

static void gates_at_both_ends(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.node = 0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){.node = 1});

    rig_talk(ana, 30, 5);
    assert_int_equal(rig_heard_from(ben, ana), 5);
    rig_gate(&rig->nodes[1], ana->conf.participant, 2, false, true,
             false); /* only the far end knows */
    rig_talk(ana, 30, 5);
    assert_int_equal(rig_heard_from(ben, ana), 5);
    assert_int_equal(rig_stats(ben->node).gated, 5);
    rig_gate(&rig->nodes[0], ana->conf.participant, 2, false, true, false); /* both */
    rig_talk(ana, 30, 5);
    assert_int_equal(rig_stats(ben->node).relayed_in, 10);
    rig_gate(&rig->nodes[1], ana->conf.participant, 3, true, true, false);
    rig_talk(ana, 30, 5);
    assert_int_equal(rig_heard_from(ben, ana), 5); /* the near end is still shut */
}

static struct vr_relay *speech(struct rig_person *who, uint32_t origin, uint64_t index,
                               uint8_t level)
{
    struct vr_relay *relay = vr_relay_new();

    relay->room = (struct vr_id){1, 2};
    relay->origin_shard = origin;
    relay->participant = who->conf.participant;
    relay->generation = 1;
    relay->index = index;
    relay->timestamp = (uint32_t)(index * 960);
    relay->level = level;
    relay->size = 40;
    return relay;
}

/* Own packets that come back, repeats, strangers and other rooms are dropped. */
static void what_is_dropped(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.node = 0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){.node = 1});
    struct rig_person *nobody = rig_person(rig, (struct rig_wish){.node = 0, .no_gate = true});
    struct {
        struct vr_relay *relay;
        uint32_t heard; /* by Ben, in all */
    } cases[] = {
        {speech(ana, 2, 10, 30), 0},    /* says that it comes from here */
        {speech(nobody, 1, 10, 30), 0}, /* no gate */
        {speech(ana, 1, 10, 30), 1},    {speech(ana, 1, 10, 30), 1}, /* seen */
        {speech(ana, 1, 11, 30), 2},    {speech(ana, 1, 12, 30), 2}, /* too many hops */
        {speech(ana, 1, 13, 30), 2},                                 /* another room */
        {speech(ana, 1, 14, 30), 2},                                 /* an old session */
        {speech(ana, 1, 15, 30), 2},                                 /* empty */
        {speech(ana, 1, 16, 30), 2},                                 /* longer than it can be */
    };

    cases[5].relay->hops = 16;
    cases[6].relay->room.lo = 3;
    cases[7].relay->generation = 0;
    cases[8].relay->size = 0;
    cases[9].relay->size = VR_RELAY_PAYLOAD_MAX + 1;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vr_shard_relay_in(ben->node->shard, rig->now, cases[i].relay);
        rig_pump(rig);
        vr_relay_release(cases[i].relay);
        if (rig_heard_from(ben, ana) != cases[i].heard) {
            fail_msg("case %zu: %u heard", i, rig_heard_from(ben, ana));
        }
    }
}

/* Too quiet to win at the far end: not sent over the link, although he holds a slot here. */
static void the_summary_saves_the_link(void **state)
{
    struct rig *rig = *state;
    struct rig_person *loud[4];
    struct rig_person *quiet = rig_join(rig, (struct rig_wish){.node = 0});
    uint64_t before;

    for (int i = 0; i < 4; i++) {
        loud[i] = rig_join(rig, (struct rig_wish){.node = 1});
    }
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 4; i++) {
            rig_say(loud[i], 20);
        }
        rig_advance(rig, VR_MS(20));
    }
    before = rig_stats(quiet->node).relayed_out;
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 4; i++) {
            rig_say(loud[i], 20);
        }
        rig_say(quiet, 50);
        rig_advance(rig, VR_MS(20));
    }
    assert_int_equal(rig_stats(quiet->node).relayed_out, before);
}

/* Where nobody hears nothing is sent; who comes to hear is served from the next packet on. */
static void a_deaf_shard_gets_nothing(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.node = 0});
    struct rig_person *ben;
    uint32_t relayed;

    rig_advance(rig, VR_MS(100)); /* the summaries have come */
    rig_talk(ana, 30, 50);
    assert_int_equal(rig->relayed, 0);
    ben = rig_join(rig, (struct rig_wish){.node = 1});
    rig_talk(ana, 30, 5);
    assert_int_equal(rig_heard_from(ben, ana), 5);
    assert_int_equal(rig->relayed, 5);
    rig_gate(&rig->nodes[1], ben->conf.participant, 2, true, false, false); /* may not hear */
    rig_talk(ana, 30, 5);
    assert_int_equal(rig->relayed, 5);
    rig_talk(ben, 30, 5); /* but is heard: only his way in counts there */
    assert_int_equal(rig_heard_from(ana, ben), 5);
    rig_gate(&rig->nodes[1], ben->conf.participant, 3, true, true, false);
    rig_talk(ana, 30, 5);
    assert_int_equal(rig_heard_from(ben, ana), 10);
    no_gap(ben);
    vr_shard_peer_close(rig->nodes[1].shard, ben->conf.peer);
    relayed = rig->relayed;
    rig_talk(ana, 30, 5);
    assert_int_equal(rig->relayed, relayed);
    rig->links_down = true; /* news that is old counts no more: better too much than silence */
    rig_advance(rig, VR_MS(400));
    rig_talk(ana, 30, 5);
    assert_int_equal(rig->relayed, relayed + 5);
}

/* Ten reports a second are for those who speak; a silent room costs a tenth, and loses no word. */
static void a_silent_room_says_little(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.node = 0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){.node = 1});

    rig_talk(ana, 30, 50);
    rig_advance(rig, VR_SECONDS(3));
    rig->summaries = 0;
    rig_advance(rig, VR_SECONDS(10));
    assert_in_range(rig->summaries, 18, 22); /* both ways */
    rig_talk(ben, 30, 50);
    assert_int_equal(rig_heard_from(ana, ben), 50);
    assert_in_range(rig->summaries, 18 + 18, 22 + 26);
    no_gap(ana);
}

/* Nobody hears there, and it says so once a second: that costs a few packets when somebody begins.
 */
static void a_silent_deaf_shard_gets_little(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.node = 0});
    struct rig_person *ben;

    rig_advance(rig, VR_SECONDS(10));
    rig_checks(rig);
    rig->summaries = 0;
    rig_advance(rig, VR_SECONDS(10));
    assert_in_range(rig->summaries, 18, 22);
    for (int i = 0; i < 10; i++) {
        rig_checks(rig);
        rig_talk(ana, 30, 50);
    }
    assert_in_range(rig->relayed, 0, 10);
    ben = rig_join(rig, (struct rig_wish){.node = 1});
    rig_talk(ana, 30, 5);
    assert_int_equal(rig_heard_from(ben, ana), 5);
}

/* An older set does not undo a newer one; without the other shard nothing is sent. */
static void shard_set_versions(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.node = 0});
    struct vr_shard_set *alone = vr_shard_set_new();

    rig_join(rig, (struct rig_wish){.node = 1});
    alone->epoch = 1;
    alone->version = 5;
    alone->count = 1;
    alone->shards[0] = 1;
    vr_shard_set_shards(rig->nodes[0].shard, alone);
    set_shards(rig, 4);
    rig_talk(ana, 30, 5);
    assert_int_equal(rig->relayed, 0);
    set_shards(rig, 6);
    rig_talk(ana, 30, 5);
    assert_int_equal(rig->relayed, 5);
}

/* A person moves from one shard to the other: the newer session is heard, the older is not any
 * more. */
static void move_between_shards(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.node = 0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){.node = 1});
    struct rig_person *again;

    rig_talk(ana, 30, 5);
    again = rig_join(rig, (struct rig_wish){.node = 1,
                                            .participant = ana->conf.participant,
                                            .generation = 2,
                                            .no_gate = true});
    rig_talk(again, 30, 5);
    assert_int_equal(rig_heard_from(ben, ana), 10);
    rig_talk(ana, 30, 5); /* the old session's packets, still relayed: dropped at the far end */
    assert_int_equal(rig_heard_from(ben, ana), 10);
    no_gap(ben);
}

/* ---- several nodes ---- */

static uint32_t between_nodes; /* sends that left a node */

static void count_links(struct rig_node *from, uint32_t shard, const struct vr_relay *relay)
{
    between_nodes++;
    vr_shard_relay_in(rig_node_of(from->rig, shard)->shard, from->rig->now, relay);
}

/* Shards by number; a set of all of them at each. */
static struct rig *rig_of(const uint32_t *shards, uint32_t count, uint32_t fan_out)
{
    struct rig *rig = rig_new_bare(17, false, VR_PACK_OFF);

    rig->fan_out = fan_out;
    rig->link = count_links;
    between_nodes = 0;
    for (uint32_t i = 0; i < count; i++) {
        rig_add_node(rig, shards[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct vr_shard_set *set = vr_shard_set_new();

        set->epoch = 1;
        set->version = 1;
        set->count = count;
        memcpy(set->shards, shards, count * sizeof shards[0]);
        vr_shard_set_shards(rig->nodes[i].shard, set);
    }
    return rig;
}

/* In turn each says so many frames: all others hear each of them, without a gap, and each went once
 * over each of the edges between those people. */
static void all_hear_all(struct rig_person **people, uint32_t count, uint32_t frames,
                         uint32_t edges)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t before = between_nodes;

        rig_talk(people[i], 30, frames);
        assert_int_equal(between_nodes - before, edges * frames);
        for (uint32_t k = 0; k < count; k++) {
            assert_int_equal(rig_heard_from(people[k], people[i]), k == i ? 0 : frames);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        no_gap(people[i]);
    }
}

/* Five nodes, a fan-out of two: a tree. Everybody hears everybody, from the first packet on, and
 * each packet goes over each of the four edges once. */
static void five_nodes_in_a_tree(void **state)
{
    static const uint32_t shards[] = {256, 512, 768, 1024, 1280};
    struct rig *rig = rig_of(shards, 5, 2);
    struct rig_person *people[5];

    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        people[i] = rig_join(rig, (struct rig_wish){.node = i});
    }
    all_hear_all(people, 5, 50, 4);
    rig_free(rig);
}

/* Sixty-four nodes at the fan-out that is shipped: two steps to the root of the tree. Eight people
 * far apart hear each other, each packet goes once over each of the nine edges between them, and
 * over none of the fifty-four others. */
static void sixty_four_nodes_in_a_tree(void **state)
{
    static const uint32_t at[] = {0, 1, 15, 16, 17, 40, 62, 63}; /* 17 is below 1, 40 below 2 */
    struct rig_person *people[8];
    uint32_t shards[64];
    struct rig *rig;

    (void)state;
    for (uint32_t i = 0; i < 64; i++) {
        shards[i] = vr_shard_number(i + 1, 0);
    }
    rig = rig_of(shards, 64, 0);
    for (uint32_t i = 0; i < 8; i++) {
        people[i] = rig_join(rig, (struct rig_wish){.node = at[i]});
    }
    rig_advance(rig, VR_MS(500)); /* the summaries have gone all the way */
    all_hear_all(people, 8, 10, 9);
    rig_free(rig);
}

/* Only at the far end of the tree does anybody listen: those on the way hand on for him, and he
 * hears from the first packet; when he goes nothing is sent any more. */
static void listeners_behind_the_deaf(void **state)
{
    static const uint32_t shards[] = {256, 512, 768, 1024, 1280};
    struct rig *rig = rig_of(shards, 5, 2);
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.node = 2});
    struct rig_person *ben;
    uint32_t before;

    (void)state;
    rig_advance(rig, VR_MS(500)); /* the summaries have gone all the way */
    rig_talk(ana, 30, 5);
    assert_int_equal(between_nodes, 0);
    ben = rig_join(rig, (struct rig_wish){.node = 4}); /* 768 - 256 - 512 - 1280 */
    rig_talk(ana, 30, 50);
    assert_int_equal(rig_heard_from(ben, ana), 50);
    assert_int_equal(between_nodes, 3 * 50); /* and not to 1024 */
    vr_shard_peer_close(rig->nodes[4].shard, ben->conf.peer);
    rig_advance(rig, VR_MS(500));
    before = between_nodes;
    rig_talk(ana, 30, 5);
    assert_int_equal(between_nodes, before);
    rig_free(rig);
}

/* ---- what is told along the edges ---- */

static struct told { /* to whom, last */
    uint32_t count;
    bool deaf;
    uint8_t quietest;
} told[5]; /* by node */

static void note_levels(void *ctx, uint32_t shard, const struct vr_speaker *items, uint32_t count,
                        bool deaf)
{
    struct told *to = &told[vr_shard_node(shard)];

    (void)ctx;
    *to = (struct told){.count = count, .deaf = deaf};
    for (uint32_t i = 0; i < count; i++) {
        to->quietest = items[i].level > to->quietest ? items[i].level : to->quietest;
    }
}

static void no_speakers(void *ctx, const struct vr_speaker *items, uint32_t count)
{
    (void)ctx;
    (void)items;
    (void)count;
}

static void tell(struct rig *rig, struct vr_shard *shard, uint32_t node, uint32_t count,
                 uint8_t quietest)
{
    struct vr_speaker items[4] = {{0}};

    for (uint32_t i = 0; i < count; i++) {
        items[i].participant = node * 10 + i;
        items[i].level = (uint8_t)(quietest - 5 * i);
    }
    vr_shard_levels_in(shard, rig->now, vr_shard_number(node, 0), items, count, false);
    rig_advance(rig, VR_MS(110));
}

/* 1 is next to 2 and 3, 2 to 1 and 4. The shard on 2 has nobody of its own, so that it tells 1 of
 * what is behind it at 4, and 4 of what is at 1: the sum of each side, and never what came from
 * there. */
static void each_side_is_told_of_the_other(void **state)
{
    static const struct vr_shard_ops noting = {rig_relay, note_levels, no_speakers, rig_peer_state,
                                               rig_repair};
    struct rig *rig = rig_new(19);
    struct vr_shard_conf conf = {.room = {1, 3},
                                 .number = vr_shard_number(2, 0),
                                 .slots = 4,
                                 .fan_out = 2,
                                 .ops = &noting,
                                 .ctx = &rig->nodes[0]};
    struct vr_shard_set *set = vr_shard_set_new();
    struct vr_speaker nobody = {0};
    struct vr_shard *shard;

    (void)state;
    memset(told, 0, sizeof told);
    assert_int_equal(vr_shard_open(rig->nodes[0].engine, &conf, &shard), VR_OK);
    set->epoch = set->version = 1;
    for (uint32_t node = 1; node <= 4; node++) {
        set->shards[set->count++] = vr_shard_number(node, 0);
    }
    vr_shard_set_shards(shard, set);
    rig_advance(rig, VR_MS(110));
    assert_false(told[1].deaf); /* nothing is known of 4: better too much than silence */
    assert_int_equal(told[1].count, 0);
    tell(rig, shard, 4, 4, 50);
    assert_int_equal(told[1].count, 4);
    assert_int_equal(told[1].quietest, 50);
    assert_int_equal(told[4].count, 0); /* 1 has not spoken yet */
    tell(rig, shard, 1, 4, 30);
    tell(rig, shard, 4, 4, 50);
    assert_int_equal(told[1].quietest, 50);
    assert_int_equal(told[4].count, 4);
    assert_int_equal(told[4].quietest, 30);
    assert_true(told[3].count == 0 && !told[3].deaf); /* no edge leads there */
    tell(rig, shard, 4, 1, 50);
    assert_true(told[1].count < 4); /* somebody lacks a speaker: let all through */
    assert_false(told[1].deaf);
    vr_shard_levels_in(shard, rig->now, vr_shard_number(4, 0), &nobody, 0, true);
    assert_true(told[1].deaf); /* at once */
    tell(rig, shard, 4, 4, 50);
    assert_false(told[1].deaf);
    rig_advance(rig, VR_MS(500)); /* 4 is silent: its last word counts no more */
    assert_false(told[1].deaf);
    assert_true(told[1].count < 4);
    vr_shard_close(shard);
    rig_free(rig);
}

/* Two workers on each of two nodes: a packet crosses once, and reaches all four shards. */
static void siblings_share_what_came(void **state)
{
    static const uint32_t shards[] = {256, 257, 512, 513};
    struct rig *rig = rig_of(shards, 4, 16);
    struct rig_person *people[4];

    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        people[i] = rig_join(rig, (struct rig_wish){.node = i});
    }
    for (uint32_t i = 0; i < 4; i++) {
        between_nodes = 0;
        rig_talk(people[i], 30, 50);
        assert_int_equal(between_nodes, 50);
        for (uint32_t k = 0; k < 4; k++) {
            assert_int_equal(rig_heard_from(people[k], people[i]), k == i ? 0 : 50);
        }
    }
    rig_free(rig);
}

static void pool_runs_dry_and_recovers(void **state)
{
    struct vr_relay_pool *pool = vr_relay_pool_new(4);
    struct vr_relay *taken[4];
    struct vr_relay *late;

    (void)state;
    for (int i = 0; i < 4; i++) {
        taken[i] = vr_relay_pool_take(pool);
        assert_non_null(taken[i]);
        for (int k = 0; k < i; k++) {
            assert_ptr_not_equal(taken[i], taken[k]);
        }
    }
    assert_null(vr_relay_pool_take(pool));
    vr_relay_release(taken[2]);
    late = vr_relay_pool_take(pool);
    assert_ptr_equal(late, taken[2]);
    for (int i = 0; i < 4; i++) {
        if (i != 2) {
            vr_relay_release(taken[i]);
        }
    }
    vr_relay_pool_free(pool);
    late->size = 1; /* one that is still travelling outlives the pool */
    vr_relay_release(late);
}

/* ---- release on another thread ---- */

struct handover { /* a ring of one writer and one reader */
    struct vr_relay *ring[8];
    uint32_t head, tail;
};

static void *release_all(void *ctx)
{
    struct handover *h = ctx;
    uint32_t done = 0;

    while (done < 20000) {
        uint32_t head = __atomic_load_n(&h->head, __ATOMIC_ACQUIRE);

        for (; done != head; done++) {
            struct vr_relay *relay = h->ring[done % 8];

            if (relay->index != done || relay->payload[0] != (uint8_t)done) {
                return (void *)1; /* it was given out again while it was being read */
            }
            vr_relay_release(relay);
            __atomic_store_n(&h->tail, done + 1, __ATOMIC_RELEASE);
        }
    }
    return NULL;
}

static void released_by_another_thread(void **state)
{
    struct vr_relay_pool *pool = vr_relay_pool_new(6);
    struct handover h = {0};
    pthread_t thread;
    void *result;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, release_all, &h), 0);
    for (uint32_t i = 0; i < 20000;) {
        struct vr_relay *relay =
            i - __atomic_load_n(&h.tail, __ATOMIC_ACQUIRE) < 8 ? vr_relay_pool_take(pool) : NULL;

        if (relay == NULL) {
            sched_yield();
            continue;
        }
        relay->index = i;
        relay->payload[0] = (uint8_t)i;
        h.ring[i % 8] = relay;
        __atomic_store_n(&h.head, ++i, __ATOMIC_RELEASE);
    }
    pthread_join(thread, &result);
    assert_null(result);
    vr_relay_pool_free(pool);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(heard_across),
        TEST(more_speakers_than_slots),
        TEST(gates_at_both_ends),
        TEST(what_is_dropped),
        TEST(the_summary_saves_the_link),
        TEST(a_silent_room_says_little),
        TEST(a_silent_deaf_shard_gets_little),
        TEST(a_deaf_shard_gets_nothing),
        TEST(shard_set_versions),
        TEST(move_between_shards),
        cmocka_unit_test(five_nodes_in_a_tree),
        cmocka_unit_test(sixty_four_nodes_in_a_tree),
        cmocka_unit_test(listeners_behind_the_deaf),
        cmocka_unit_test(each_side_is_told_of_the_other),
        cmocka_unit_test(siblings_share_what_came),
        cmocka_unit_test(pool_runs_dry_and_recovers),
        cmocka_unit_test(released_by_another_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
