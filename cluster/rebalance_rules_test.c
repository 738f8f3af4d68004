/* Goal: the plan evens out what nodes carry, names why, moves no room twice, leaves regions and
 * draining nodes alone, and has nothing left to do once it was carried out. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "cluster/rebalance_rules.h"

#define ROOMS 60

struct world {
    struct owners_place places[4];
    uint32_t place_count;
    struct rebalance_room rooms[ROOMS];
    uint32_t room_count;
    struct vr_cluster_move moves[ROOMS];
};

static void add_node(struct world *world, const char *name, const char *region, uint32_t stress)
{
    struct owners_place *place = &world->places[world->place_count++];

    *place = (struct owners_place){.number = world->place_count, .stress_permille = stress};
    snprintf(place->name, sizeof(place->name), "%s", name);
    snprintf(place->region, sizeof(place->region), "%s", region);
}

static void add_rooms(struct world *world, uint32_t owner, uint32_t partner, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        world->rooms[world->room_count] = (struct rebalance_room){
            .id = {owner, world->room_count}, .owner = owner, .partner = partner};
        world->room_count++;
    }
}

static uint32_t plan(struct world *world, uint32_t max)
{
    return rebalance_plan(world->places, world->place_count, world->rooms, world->room_count,
                          world->moves, max);
}

static void test_evens_out(void **state)
{
    struct world world = {0};

    (void)state;
    add_node(&world, "a", "", 10);
    add_node(&world, "b", "", 40);
    add_node(&world, "c", "", 100);
    add_rooms(&world, 1, 2, 9);
    add_rooms(&world, 3, 1, 1);
    assert_int_equal(plan(&world, ROOMS), 5);
    assert_int_equal(world.places[0].rooms, 4);
    assert_int_equal(world.places[1].rooms + world.places[2].rooms, 6);
    assert_int_equal(world.moves[0].from, 1);
    assert_int_equal(world.moves[0].to, 2);
    assert_string_equal(world.moves[0].reason, "a has 9 rooms at 1%, b 0 at 4%, in sync");
    for (uint32_t i = 0; i < 5; i++) {
        for (uint32_t j = 0; j < i; j++) {
            assert_false(vr_id_equal(world.moves[i].room, world.moves[j].room));
        }
    }
    assert_int_equal(plan(&world, ROOMS), 0); /* carried out, nothing is left to do */
}

static void test_one_room_more_is_even(void **state)
{
    struct world world = {0};

    (void)state;
    add_node(&world, "a", "", 0);
    add_node(&world, "b", "", 149); /* less than the margin: alike */
    add_rooms(&world, 1, 2, 2);
    add_rooms(&world, 2, 1, 1);
    assert_int_equal(plan(&world, ROOMS), 0);
}

static void test_busy_nodes_get_less(void **state)
{
    struct world world = {0};

    (void)state;
    add_node(&world, "idle", "", 0);
    add_node(&world, "busy", "", 990);
    add_rooms(&world, 2, 1, 22);
    assert_int_equal(plan(&world, ROOMS), 20);
    assert_int_equal(world.places[1].rooms, 2);
    assert_int_equal(plan(&world, ROOMS), 0);
}

static void test_stays_in_the_region(void **state)
{
    struct world world = {0};

    (void)state;
    add_node(&world, "a", "north", 0);
    add_node(&world, "b", "south", 0);
    add_rooms(&world, 1, 2, 10);
    assert_int_equal(plan(&world, ROOMS), 0);
}

static void test_draining_takes_and_gives_none(void **state)
{
    struct world world = {0};

    (void)state;
    add_node(&world, "a", "", 0);
    add_node(&world, "b", "", 0);
    add_node(&world, "c", "", 0);
    world.places[1].draining = true;
    add_rooms(&world, 1, 2, 4);
    add_rooms(&world, 2, 1, 9);
    assert_int_equal(plan(&world, ROOMS), 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(world.moves[i].from, 1);
        assert_int_equal(world.moves[i].to, 3);
    }
    assert_null(strstr(world.moves[0].reason, "in sync")); /* b has the copy */
}

static void test_bounds(void **state)
{
    struct world world = {0};

    (void)state;
    assert_int_equal(plan(&world, ROOMS), 0);
    add_node(&world, "a", "", 0);
    add_rooms(&world, 1, 0, 30);
    add_rooms(&world, 9, 0, 3); /* of a node that is not there any more */
    assert_int_equal(plan(&world, ROOMS), 0);
    add_node(&world, "b", "", 0);
    assert_int_equal(plan(&world, 4), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evens_out),
        cmocka_unit_test(test_one_room_more_is_even),
        cmocka_unit_test(test_busy_nodes_get_less),
        cmocka_unit_test(test_stays_in_the_region),
        cmocka_unit_test(test_draining_takes_and_gives_none),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
