/* Goal: the advice is safe: never away with a node that the others need when one more dies, nor
 * with the last of a region; and who follows it comes to rest. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "nodes/capacity.h"

#define NODES_MAX 40

struct fleet {
    struct vr_cluster_node nodes[NODES_MAX];
    uint32_t count;
};

static struct vr_cluster_node *add(struct fleet *fleet, const char *region, uint32_t permille,
                                   uint32_t people)
{
    struct vr_cluster_node *node = &fleet->nodes[fleet->count++];

    *node = (struct vr_cluster_node){
        .number = fleet->count, .alive = true, .stress_permille = permille, .participants = people};
    snprintf(node->name, sizeof(node->name), "n%u", fleet->count);
    snprintf(node->region, sizeof(node->region), "%s", region);
    return node;
}

static struct vr_capacity judge(const struct fleet *fleet)
{
    struct vr_capacity out;

    vr_capacity_judge(fleet->nodes, fleet->count, &out);
    assert_true(out.why[0] != 0);
    assert_true((out.act == VR_CAPACITY_REMOVE) == (out.node != 0));
    return out;
}

static void says_what_is_needed(void **state)
{
    static const struct {
        uint32_t stress[5];
        enum vr_capacity_act act;
        uint32_t node;
    } cases[] = {
        {{0}, VR_CAPACITY_KEEP, 0},
        {{600}, VR_CAPACITY_KEEP, 0},
        {{800}, VR_CAPACITY_ADD, 0},
        {{100, 100}, VR_CAPACITY_KEEP, 0}, /* two are the least of a cluster */
        {{300, 300}, VR_CAPACITY_KEEP, 0},
        {{400, 400}, VR_CAPACITY_ADD, 0},       /* one alone could not carry both */
        {{400, 400, 400}, VR_CAPACITY_KEEP, 0}, /* 0.6 after a loss */
        {{100, 150, 200}, VR_CAPACITY_REMOVE, 1},
        {{500, 500, 500}, VR_CAPACITY_ADD, 0},
        {{900, 100, 100, 100}, VR_CAPACITY_KEEP, 0}, /* uneven, but enough */
        {{200, 200, 200, 100}, VR_CAPACITY_REMOVE, 4},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fleet fleet = {.count = 0};
        struct vr_capacity got;

        add(&fleet, "", cases[i].stress[0], cases[i].stress[0]);
        for (size_t n = 1; n < 5 && cases[i].stress[n] > 0; n++) {
            add(&fleet, "", cases[i].stress[n], cases[i].stress[n]);
        }
        got = judge(&fleet);
        assert_int_equal(got.act, cases[i].act);
        assert_int_equal(got.node, cases[i].node);
    }
}

static void who_drains_or_is_dead_counts_for_nothing(void **state)
{
    struct fleet fleet = {.count = 0};

    (void)state;
    add(&fleet, "", 100, 5)->draining = true;
    add(&fleet, "", 100, 5)->alive = false;
    assert_int_equal(judge(&fleet).act, VR_CAPACITY_ADD);
    add(&fleet, "", 100, 5);
    add(&fleet, "", 100, 5);
    assert_int_equal(judge(&fleet).act, VR_CAPACITY_KEEP);
    assert_int_equal(judge(&fleet).taking, 2);
}

static void the_last_of_a_region_stays(void **state)
{
    struct fleet fleet = {.count = 0};

    (void)state;
    add(&fleet, "east", 50, 1);
    add(&fleet, "west", 100, 50);
    add(&fleet, "west", 100, 40);
    assert_int_equal(judge(&fleet).node, 3);
}

/** However the load is, following the advice ends, and one more loss can then be borne. */
static void following_it_comes_to_rest(void **state)
{
    (void)state;
    for (uint32_t total = 0; total <= 12000; total += 37) {
        uint32_t count = 1 + total % 17;
        int steps = 0;
        struct vr_capacity got = {.act = VR_CAPACITY_ADD};

        while (got.act != VR_CAPACITY_KEEP && steps++ < NODES_MAX) {
            struct fleet fleet = {.count = 0};

            for (uint32_t i = 0; i < count; i++) {
                add(&fleet, "", total / count > 1000 ? 1000 : total / count, i);
            }
            got = judge(&fleet);
            count = got.act == VR_CAPACITY_ADD      ? count + 1
                    : got.act == VR_CAPACITY_REMOVE ? count - 1
                                                    : count;
        }
        assert_int_equal(got.act, VR_CAPACITY_KEEP);
        assert_true(got.after_loss <= VR_CAPACITY_FULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_is_needed),
        cmocka_unit_test(who_drains_or_is_dead_counts_for_nothing),
        cmocka_unit_test(the_last_of_a_region_stays),
        cmocka_unit_test(following_it_comes_to_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
