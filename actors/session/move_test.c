/* Goal: who comes from another node keeps his place there until the new peer is up, and loses
 * nothing when it does not come up; what a changing owner did not answer is asked again, the same.
 */

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "actors/session/session_rig.h"

/* This node is number 1 of a cluster; "ana" has a running session on another one. */
static int set_up_cluster(void **state)
{
    struct vr_resume token = {.room = {1, 2},
                              .session = {0xffff, 0xfffe},
                              .user_ref_hint = vr_resume_user_hint("ana"),
                              .participant = 17,
                              .generation = 4,
                              .role = VR_ROLE_SPEAKER};
    struct world *world;

    set_up(state);
    world = *state;
    world->services.node = 1;
    world->place = vr_shard_number(1, 0);
    world->generation = 4;
    token.expires_at_s = world_wall(world) / 1000000 + 3600;
    assert_int_equal(vr_resume_write(&token, world->env.resume_key, world->token), VR_OK);
    return 0;
}

static void the_old_place_stands_until_the_new_peer_is_up(void **state)
{
    struct world *world = *state;

    world->attach = true;
    start(world, true, true, "ana");
    assert_int_equal(world->joined_err, VR_OK);
    assert_int_equal(last_asked(world), VR_CMD_SNAPSHOT);
    assert_true(world->last_flag); /* only looked */
    assert_int_equal(world->last_by.generation, 4);
    assert_non_null(strstr(world->json, "\"generation\":5"));
    assert_int_equal(world->opened[0].generation, 5);
    assert_int_equal(world->opened_at, vr_shard_number(1, 0));
    say(world, "{\"type\":\"room:hand-raise\",\"id\":\"1\"}");
    assert_int_equal(world->last_by.generation, 4); /* as whom the room knows him still */
    peer_is(world, 0, VR_PEER_UP);
    assert_int_equal(last_asked(world), VR_CMD_RESUME);
    assert_int_equal(world->last_by.generation, 4);
    assert_int_equal(world->session.sub, 1); /* named with its node */
    say(world, "{\"type\":\"room:hand-lower\",\"id\":\"2\"}");
    assert_int_equal(world->last_by.generation, 5);
    assert_int_equal(vr_sessions_count(world->services.sessions), 1);
}

static void a_peer_that_does_not_come_up_costs_nothing(void **state)
{
    struct world *world = *state;

    start(world, true, true, "ana");
    assert_int_equal(world->joined_err, VR_OK);
    pass(world, VR_SECONDS(17));
    assert_int_equal(last_asked(world), VR_CMD_SNAPSHOT); /* nobody was told that he is lost */
    assert_int_equal(vr_sessions_count(world->services.sessions), 0);
    assert_int_equal(world->closed_count, 1);
}

static void who_is_lost_takes_his_place_at_once(void **state)
{
    struct world *world = *state;

    world->refuse = VR_E_CONFLICT; /* the look: his session there is lost */
    start(world, true, true, "ana");
    assert_int_equal(world->joined_err, VR_OK);
    assert_int_equal(world->asked_count, 2);
    assert_int_equal(last_asked(world), VR_CMD_RESUME);
    assert_non_null(strstr(world->json, "\"generation\":5"));
}

static void a_look_that_nobody_may_answer_now_takes_nothing(void **state)
{
    struct world *world = *state;

    world->refuse = VR_E_FROZEN;
    start(world, true, true, "ana");
    assert_int_equal(world->joined_err, VR_E_FROZEN);
    assert_int_equal(last_asked(world), VR_CMD_SNAPSHOT);
    assert_int_equal(vr_sessions_count(world->services.sessions), 0);
}

static void somebody_was_faster(void **state)
{
    struct world *world = *state;

    world->attach = true;
    start(world, true, true, "ana");
    world->generation = 7; /* he came back elsewhere meanwhile */
    peer_is(world, 0, VR_PEER_UP);
    pass(world, VR_MS(500));
    assert_int_equal(vr_sessions_count(world->services.sessions), 0);
    assert_int_equal(world->close_code, 4002);
}

static void a_changing_owner_is_asked_again(void **state)
{
    struct world *world = *state;

    world->attach = true;
    start(world, false, true, "ana");
    assert_int_equal(world->joined_err, VR_OK);
    world->asked_count = 0;
    world->refuse = VR_E_FENCED;
    say(world, "{\"type\":\"room:hand-raise\",\"id\":\"9\"}");
    assert_int_equal(world->asked_count, 1);
    assert_false(was_sent(world, "\"id\":\"9\""));
    pass(world, VR_MS(500));
    assert_int_equal(world->asked_count, 2);
    assert_true(was_sent(world, "\"id\":\"9\""));
    world->silent = true;
    say(world, "{\"type\":\"room:hand-lower\",\"id\":\"10\"}");
    pass(world, VR_SECONDS(4));
    world->silent = false;
    pass(world, VR_SECONDS(4));
    assert_true(was_sent(world, "\"type\":\"room:hand-lower\",\"id\":\"10\",\"ok\":true"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_old_place_stands_until_the_new_peer_is_up,
                                        set_up_cluster, tear_down),
        cmocka_unit_test_setup_teardown(a_peer_that_does_not_come_up_costs_nothing, set_up_cluster,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_is_lost_takes_his_place_at_once, set_up_cluster,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_look_that_nobody_may_answer_now_takes_nothing,
                                        set_up_cluster, tear_down),
        cmocka_unit_test_setup_teardown(somebody_was_faster, set_up_cluster, tear_down),
        cmocka_unit_test_setup_teardown(a_changing_owner_is_asked_again, set_up_cluster, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
