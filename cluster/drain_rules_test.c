/* Goal: whoever's node is drained goes to one that has had its turn in a rolling restart, unless it
 * is full, or in another region; then where the room's owner is, or the fewest people. Nodes that
 * are drained one after another, in whichever order, move nobody a third time. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "cluster/drain_rules.h"

#define NODES 4
#define PEOPLE 200 /* on each node */

static struct vr_cluster_node nodes[NODES];
static vr_time_us wall;

/* Started in one go; the first is the one that is drained. */
static int set_up(void **state)
{
    (void)state;
    wall = VR_SECONDS(2100);
    for (uint32_t i = 0; i < NODES; i++) {
        nodes[i] = (struct vr_cluster_node){.number = i + 1,
                                            .alive = true,
                                            .self = i == 0,
                                            .draining = i == 0,
                                            .url = "https://node.example",
                                            .participants = PEOPLE,
                                            .started_at = VR_SECONDS(1000) + VR_MS(500 * i)};
    }
    return 0;
}

static uint32_t target(uint32_t owner)
{
    const struct vr_cluster_node *node = vr_drain_target(nodes, NODES, owner, wall);

    return node == NULL ? 0 : node->number;
}

static void the_owner_is_first_then_the_emptiest(void **state)
{
    (void)state;
    nodes[2].participants = 5;
    assert_int_equal(target(4), 4);
    assert_int_equal(target(2), 2);
    assert_int_equal(target(0), 3);
    assert_int_equal(target(1), 3); /* ourselves */
    nodes[1].draining = true;
    assert_int_equal(target(2), 3);
}

static void who_was_restarted_comes_before_load(void **state)
{
    (void)state;
    nodes[3].started_at = VR_SECONDS(2000);
    nodes[3].participants = 5 * PEOPLE;
    nodes[3].stress_permille = 700;
    assert_int_equal(target(2), 4);
    nodes[1].started_at = VR_SECONDS(1999); /* quick: both have had their turn */
    assert_int_equal(target(0), 2);
    assert_int_equal(target(4), 4);
    nodes[1].started_at = 0; /* of a version that does not tell */
    nodes[2].started_at = 0;
    assert_int_equal(target(2), 4);
}

/* A drain long after the last restart spreads people as they come. */
static void who_was_restarted_long_ago_has_no_priority(void **state)
{
    (void)state;
    nodes[3].started_at = VR_SECONDS(2000);
    nodes[3].participants = 5 * PEOPLE;
    wall = VR_SECONDS(2000) + DRAIN_ROUND;
    assert_int_equal(target(2), 4);
    wall += 1;
    assert_int_equal(target(2), 2);
    assert_int_equal(target(0), 2);
}

static void a_full_one_takes_nobody_while_others_can(void **state)
{
    (void)state;
    nodes[3].started_at = VR_SECONDS(2000);
    nodes[3].stress_permille = DRAIN_FULL;
    assert_int_equal(target(2), 2);
    assert_int_equal(target(4), 2);
    nodes[1].stress_permille = nodes[2].stress_permille = 790; /* they are no better off */
    assert_int_equal(target(2), 4);
    nodes[1].stress_permille = nodes[2].stress_permille = nodes[3].stress_permille = 1000;
    assert_int_equal(target(2), 4);
}

static void people_stay_in_their_region(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < NODES; i++) {
        snprintf(nodes[i].region, sizeof(nodes[i].region), "%s", i == 3 ? "far" : "near");
    }
    nodes[3].started_at = VR_SECONDS(2000);
    assert_int_equal(target(4), 2);
    nodes[1].alive = false;
    nodes[2].url[0] = '\0';
    assert_int_equal(target(0), 4); /* better than nowhere */
    nodes[3].draining = true;
    assert_int_equal(target(0), 0);
}

struct person {
    uint32_t at, moves;
};

/* One node after another is emptied, restarted, and takes people again. */
static void drain(uint32_t node, struct person people[NODES][PEOPLE], vr_time_us now)
{
    wall = now;
    for (uint32_t i = 0; i < NODES; i++) {
        nodes[i].self = nodes[i].draining = i == node;
    }
    for (uint32_t i = 0; i < NODES * PEOPLE; i++) {
        struct person *person = &people[i / PEOPLE][i % PEOPLE];

        if (person->at == node) {
            uint32_t to = target(1 + (i % NODES));

            assert_int_not_equal(to, 0);
            person->at = to - 1;
            person->moves++;
            nodes[node].participants--;
            nodes[to - 1].participants++;
        }
    }
    nodes[node].started_at = now;
    nodes[node].draining = false;
}

static void nobody_moves_a_third_time(void **state)
{
    static const uint32_t orders[][NODES] = {
        {0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2}};

    for (uint32_t o = 0; o < 4; o++) {
        struct person people[NODES][PEOPLE] = {0};

        (void)set_up(state);
        for (uint32_t i = 0; i < NODES * PEOPLE; i++) {
            people[i / PEOPLE][i % PEOPLE].at = i / PEOPLE;
        }
        for (uint32_t i = 0; i < NODES; i++) {
            drain(orders[o][i], people, VR_SECONDS(5000 + 60 * i));
        }
        for (uint32_t i = 0; i < NODES * PEOPLE; i++) {
            bool first = i / PEOPLE == orders[o][0];

            assert_in_range(people[i / PEOPLE][i % PEOPLE].moves, 1, first ? 2 : 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_owner_is_first_then_the_emptiest, set_up),
        cmocka_unit_test_setup(who_was_restarted_comes_before_load, set_up),
        cmocka_unit_test_setup(who_was_restarted_long_ago_has_no_priority, set_up),
        cmocka_unit_test_setup(a_full_one_takes_nobody_while_others_can, set_up),
        cmocka_unit_test_setup(people_stay_in_their_region, set_up),
        cmocka_unit_test_setup(nobody_moves_a_third_time, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
