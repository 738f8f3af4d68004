/* Goal: a session that the room's owner may have lost sight of tells that it lives; one whose place
 * is gone for good closes its socket, so that the client joins anew. */

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "actors/session/session_rig.h"

static void owner_is_there(struct world *world)
{
    struct vr_msg msg = {.kind = VR_MSG_CLUSTER, .to = world->session, .deadline = VR_NEVER};

    msg.as.note.type = VR_NOTE_OWNER;
    assert_int_equal(vr_system_send(world->system, &msg), VR_OK);
    pass(world, VR_MS(100));
}

static void a_new_owner_is_told(void **state)
{
    struct world *world = *state;

    world->attach = true;
    join(world);
    peer_is(world, 0, VR_PEER_UP);
    owner_is_there(world);
    assert_int_equal(last_asked(world), VR_CMD_RESUME);
    assert_true(world->last_flag);
    assert_int_equal(vr_sessions_count(world->services.sessions), 1);
    assert_int_equal(world->closed_count, 0);
}

static void one_without_a_valid_owner_is_told_again(void **state)
{
    struct world *world = *state;
    uint32_t before;

    world->attach = true;
    join(world);
    peer_is(world, 0, VR_PEER_UP);
    before = world->asked_count;
    world->refuse = VR_E_FROZEN;
    owner_is_there(world);
    assert_int_equal(world->asked_count, before + 1);
    pass(world, VR_SECONDS(2));
    assert_int_equal(world->asked_count, before + 2);
    assert_int_equal(vr_sessions_count(world->services.sessions), 1);
}

static void a_place_that_is_gone_ends_the_session(void **state)
{
    struct world *world = *state;

    world->attach = true;
    join(world);
    peer_is(world, 0, VR_PEER_UP);
    world->refuse = VR_E_GONE;
    owner_is_there(world);
    assert_int_equal(world->close_code, 4002);
    assert_int_equal(vr_sessions_count(world->services.sessions), 0);
}

static void who_is_told_that_he_is_gone_comes_back(void **state)
{
    struct world *world = *state;

    world->attach = true;
    join(world);
    peer_is(world, 0, VR_PEER_UP);
    world->refuse = VR_E_GONE;
    say(world, "{\"type\":\"room:hand-raise\",\"id\":\"1\"}");
    pass(world, VR_MS(100));
    assert_true(was_sent(world, "\"code\":\"gone\""));
    assert_int_equal(last_asked(world), VR_CMD_RESUME);
    assert_true(world->last_flag);
    assert_int_equal(vr_sessions_count(world->services.sessions), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(a_new_owner_is_told),
        WITH_WORLD(one_without_a_valid_owner_is_told_again),
        WITH_WORLD(a_place_that_is_gone_ends_the_session),
        WITH_WORLD(who_is_told_that_he_is_gone_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
