/* Goal: a session ends with the key or token that opened it, whether its client is there or not,
 * and nothing is looked at while nothing was withdrawn. */

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "actors/session/session_rig.h"

static bool gone;         /* the token behind every session of the test */
static uint64_t changes;  /* as the node counts them */
static uint32_t question; /* how often the node was asked */

static bool withdrawn(void *ctx, struct vr_id token_ref)
{
    (void)ctx;
    (void)token_ref;
    question++;
    return gone;
}

static uint64_t withdrawals(void *ctx)
{
    (void)ctx;
    return changes;
}

static int set_up_review(void **state)
{
    int failed = set_up(state);
    struct world *world = *state;

    gone = false;
    changes = 0;
    question = 0;
    world->services.withdrawn = withdrawn;
    world->services.withdrawals = withdrawals;
    return failed;
}

static void withdraw(struct world *world, bool this_one)
{
    gone = this_one;
    changes++;
    pass(world, VR_SECONDS(5));
}

static void a_session_ends_with_its_token(void **state)
{
    struct world *world = *state;

    world->attach = true;
    join(world);
    peer_is(world, 0, VR_PEER_UP);
    withdraw(world, false);
    assert_int_equal(world->closed_count, 0);
    withdraw(world, true);
    assert_int_equal(world->close_code, 4001);
    assert_int_equal(world->closed_count, 1);
    assert_int_equal(last_asked(world), VR_CMD_LEAVE);
    assert_true(world->last_flag);
    assert_int_equal(vr_sessions_count(world->services.sessions), 0);
}

static void one_without_socket_too(void **state)
{
    struct world *world = *state;

    join(world);
    peer_is(world, 0, VR_PEER_UP);
    peer_is(world, 0, VR_PEER_SILENT);
    assert_int_equal(last_asked(world), VR_CMD_LOST);
    withdraw(world, true);
    assert_int_equal(last_asked(world), VR_CMD_LEAVE);
    assert_int_equal(vr_sessions_count(world->services.sessions), 0);
}

static void nothing_is_looked_at_without_a_change(void **state)
{
    struct world *world = *state;

    join(world);
    peer_is(world, 0, VR_PEER_UP);
    gone = true;
    pass(world, VR_SECONDS(60));
    assert_int_equal(question, 0);
    assert_int_equal(vr_sessions_count(world->services.sessions), 1);
}

static void one_that_is_joining_is_left_to_its_end(void **state)
{
    struct world *world = *state;

    world->silent = true;
    start(world, false, true, "ana");
    withdraw(world, true); /* the room has not answered yet */
    assert_int_equal(world->joined_count, 0);
    assert_int_equal(vr_sessions_count(world->services.sessions), 1);
    pass(world, VR_SECONDS(5)); /* it never does */
    assert_int_equal(world->joined_err, VR_E_TIMEOUT);
    assert_int_equal(vr_sessions_count(world->services.sessions), 0);
}

static bool draining(void *ctx)
{
    (void)ctx;
    return true;
}

static int set_up_drain(void **state)
{
    int failed = set_up_review(state);
    struct world *world = *state;

    world->services.draining = draining;
    world->attach = true;
    return failed;
}

static uint32_t told(const struct world *world)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < world->sent_count; i++) {
        count += strstr(world->sent[i], "server:draining") != NULL;
    }
    return count;
}

/* Each makes a new peer elsewhere: the next ones are told when those before have gone, or do not
 * know how to. */
static void a_drain_moves_a_few_at_a_time(void **state)
{
    struct world *world = *state;

    for (int i = 0; i < 25; i++) {
        char user[16];

        snprintf(user, sizeof(user), "user%d", i);
        start(world, false, true, user);
    }
    pass(world, VR_MS(250));
    assert_int_equal(told(world), 20);
    pass(world, VR_MS(500));
    assert_int_equal(told(world), 20);
    pass(world, VR_SECONDS(1));
    assert_int_equal(told(world), 25);
    pass(world, VR_SECONDS(4)); /* who is still there is told again */
    assert_true(told(world) > 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_session_ends_with_its_token, set_up_review, tear_down),
        cmocka_unit_test_setup_teardown(one_without_socket_too, set_up_review, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_looked_at_without_a_change, set_up_review,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_that_is_joining_is_left_to_its_end, set_up_review,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_drain_moves_a_few_at_a_time, set_up_drain, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
