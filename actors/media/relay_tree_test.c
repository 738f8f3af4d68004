/* Goal: whoever speaks, every shard of a room gets his speech exactly once, nobody sends more than
 * the fan-out allows, and with few nodes nothing takes a detour. Over seeded random sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "actors/base/random.h"
#include "actors/media/relay_tree.h"

struct set {
    uint32_t count, nodes, fan_out;
    uint32_t shards[VR_SHARDS_MAX];
    struct vr_relay_tree trees[VR_SHARDS_MAX];
};

static uint32_t place_of(const struct set *set, uint32_t shard)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->shards[i] == shard) {
            return i;
        }
    }
    fail_msg("speech for a shard that is not in the set");
    return 0;
}

static bool has(const struct set *set, uint32_t shard)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->shards[i] == shard) {
            return true;
        }
    }
    return false;
}

static void make_set(struct set *set, const struct vr_random *random, uint32_t nodes,
                     uint32_t workers, uint32_t fan_out)
{
    set->count = 0;
    set->nodes = nodes;
    set->fan_out = fan_out;
    for (uint32_t n = 0; n < nodes; n++) {
        uint32_t node = (uint32_t)vr_random_below(random, 1u << 24);
        uint32_t shards = 1 + (uint32_t)vr_random_below(random, workers);

        for (uint32_t i = 0; i < shards && set->count < VR_SHARDS_MAX; i++) {
            uint32_t shard = vr_shard_number(node, (uint32_t)vr_random_below(random, workers));

            if (!has(set, shard)) {
                set->shards[set->count++] = shard;
            }
        }
    }
    for (uint32_t i = 0; i < set->count; i++) { /* each in an order of its own */
        uint32_t turned[VR_SHARDS_MAX];

        for (uint32_t k = 0; k < set->count; k++) {
            turned[k] = set->shards[(k + i) % set->count];
        }
        vr_relay_tree_make(&set->trees[i], turned, set->count, set->shards[i], fan_out);
    }
}

/* Floods from `origin`; returns the longest way in sends between nodes. */
static uint32_t flood(const struct set *set, uint32_t origin)
{
    uint32_t got[VR_SHARDS_MAX] = {0}, hops[VR_SHARDS_MAX] = {0};
    uint32_t queue[VR_SHARDS_MAX], head = 0, tail = 0, longest = 0;

    got[place_of(set, origin)] = 1;
    queue[tail++] = place_of(set, origin);
    while (head < tail) {
        uint32_t at = queue[head++], out = 0;
        const struct vr_relay_tree *tree = &set->trees[at];
        const struct vr_relay_way *from = vr_relay_tree_find(tree, origin);

        for (uint32_t i = 0; i < tree->count; i++) {
            const struct vr_relay_way *way = &tree->ways[i];
            uint32_t to = place_of(set, way->shard);
            bool away = vr_shard_node(way->shard) != tree->node;

            if (!vr_relay_goes(tree, way, from)) {
                continue;
            }
            assert_true(way->near);
            assert_int_equal(++got[to], 1);
            hops[to] = hops[at] + away;
            longest = hops[to] > longest ? hops[to] : longest;
            out += away;
            queue[tail++] = to;
        }
        assert_true(out <= set->fan_out + 1);
    }
    assert_int_equal(tail, set->count); /* everyone */
    return longest;
}

static void test_random_sets(void **state)
{
    struct vr_random_seeded seeded;
    static struct set set;

    (void)state;
    vr_random_seeded_init(&seeded, 3);
    for (uint32_t round = 0; round < 300; round++) {
        uint32_t nodes = 1 + (uint32_t)vr_random_below(&seeded.random, 64);
        uint32_t fan_out = 2 + (uint32_t)vr_random_below(&seeded.random, 20);

        make_set(&set, &seeded.random, nodes, 4, fan_out);
        for (uint32_t i = 0; i < set.count; i++) {
            uint32_t longest = flood(&set, set.shards[i]);

            if (nodes - 1 <= fan_out) {
                assert_true(longest <= 1);
            }
        }
    }
}

static uint32_t longest_of(uint32_t nodes, uint32_t fan_out)
{
    struct vr_random_seeded seeded;
    static struct set set;
    uint32_t longest = 0;

    vr_random_seeded_init(&seeded, nodes);
    make_set(&set, &seeded.random, nodes, 1, fan_out);
    for (uint32_t i = 0; i < set.count; i++) {
        uint32_t way = flood(&set, set.shards[i]);

        longest = way > longest ? way : longest;
    }
    return longest;
}

static void test_how_far(void **state)
{
    (void)state;
    assert_int_equal(longest_of(17, 16), 1);
    assert_true(longest_of(5, 2) <= 3);
    assert_true(longest_of(64, 16) <= 4);
    assert_true(longest_of(64, 2) <= 11);
    printf(
        "measured: hops between nodes at most: 17 nodes %u, 64 nodes %u, five nodes at a fan-out "
        "of 2 %u, 64 at 2 %u\n",
        longest_of(17, 16), longest_of(64, 16), longest_of(5, 2), longest_of(64, 2));
}

static uint32_t near_of(uint32_t nodes)
{
    uint32_t shards[18];
    struct vr_relay_tree tree;
    uint32_t near = 0;

    for (uint32_t i = 0; i < nodes; i++) {
        shards[i] = vr_shard_number(i + 1, 0);
    }
    vr_relay_tree_make(&tree, shards, nodes, shards[0], 0);
    for (uint32_t i = 0; i < tree.count; i++) {
        near += tree.ways[i].near;
    }
    return near;
}

/* To how many a node sends itself, where no fan-out is set. */
static void test_sixteen_by_default(void **state)
{
    (void)state;
    assert_int_equal(near_of(16), 15);
    assert_int_equal(near_of(17), 16);
    assert_int_equal(near_of(18), 16);
}

/* Who sends to us is near: that is whom our summaries must reach. */
static void test_near_is_mutual(void **state)
{
    struct vr_random_seeded seeded;
    static struct set set;

    (void)state;
    vr_random_seeded_init(&seeded, 5);
    make_set(&set, &seeded.random, 20, 3, 2);
    for (uint32_t a = 0; a < set.count; a++) {
        for (uint32_t i = 0; i < set.trees[a].count; i++) {
            const struct vr_relay_way *way = &set.trees[a].ways[i];
            const struct vr_relay_tree *other = &set.trees[place_of(&set, way->shard)];

            assert_int_equal(vr_relay_tree_find(other, set.shards[a])->near, way->near);
            if (way->next && vr_shard_node(way->shard) != set.trees[a].node) {
                assert_true(other->entry);
            }
        }
    }
}

static void test_alone(void **state)
{
    uint32_t shards[] = {7, 7, 5};
    struct vr_relay_tree tree;

    (void)state;
    vr_relay_tree_make(&tree, NULL, 0, 5, 0);
    assert_int_equal(tree.count, 0);
    assert_true(tree.entry);
    assert_null(vr_relay_tree_find(&tree, 7));
    vr_relay_tree_make(&tree, shards, 3, 5, 0); /* two workers of one node */
    assert_int_equal(tree.count, 1);
    assert_true(tree.ways[0].next);
    assert_true(vr_relay_goes(&tree, &tree.ways[0], NULL));
    assert_false(vr_relay_goes(&tree, &tree.ways[0], &tree.ways[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_sets),
        cmocka_unit_test(test_how_far),
        cmocka_unit_test(test_sixteen_by_default),
        cmocka_unit_test(test_near_is_mutual),
        cmocka_unit_test(test_alone),
    };

    return cmocka_run_group_tests_name("relay_tree", tests, NULL, NULL);
}
