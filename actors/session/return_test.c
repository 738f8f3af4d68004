/* Goal: a session survives the loss of its socket or its media, and comes back by its token, as
 * docs/protocol.md says. */

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "actors/messages/hearing.h"
#include "actors/session/session_rig.h"

static void media_without_socket_lives_and_nothing_is_lost(void **state)
{
    struct world *world = *state;

    world->attach = true;
    join(world);
    peer_is(world, 0, VR_PEER_UP);
    vr_session_detached(world->control, world->session_id, world);
    pass(world, VR_SECONDS(60));
    assert_int_equal(last_asked(world), VR_CMD_JOIN);
    peer_is(world, 0, VR_PEER_SILENT);
    assert_int_equal(last_asked(world), VR_CMD_LOST);
    peer_is(world, 0, VR_PEER_UP); /* the network came back */
    assert_int_equal(last_asked(world), VR_CMD_SNAPSHOT);
    pass(world, VR_SECONDS(30));
    assert_int_equal(vr_sessions_count(world->services.sessions), 1);
}

static void media_that_never_comes_is_lost_and_forgotten(void **state)
{
    struct world *world = *state;

    join(world);
    pass(world, VR_SECONDS(14));
    assert_int_equal(last_asked(world), VR_CMD_JOIN);
    pass(world, VR_SECONDS(2));
    assert_int_equal(last_asked(world), VR_CMD_LOST);
    pass(world, VR_SECONDS(17));
    assert_int_equal(vr_sessions_count(world->services.sessions), 0);
}

static void sound_that_goes_one_way_is_to_be_repaired(void **state)
{
    struct world *world = *state;
    struct vr_msg msg = {.kind = VR_MSG_PEER_STATE, .deadline = VR_NEVER};

    world->attach = true;
    join(world);
    peer_is(world, 0, VR_PEER_UP);
    msg.to = vr_session_address(world->session_id);
    msg.as.peer_state.peer = world->opened[0].peer;
    msg.as.peer_state.state = VR_PEER_UP;
    msg.as.peer_state.repair = VR_REPAIR_REBUILD;
    msg.as.peer_state.verdict = VR_HEARING_DEAF;
    assert_int_equal(vr_system_send(world->system, &msg), VR_OK);
    settle(world);
    assert_true(was_sent(world, "{\"type\":\"session:repair\",\"act\":\"rebuild\","
                                "\"reason\":\"deaf\","));
    assert_false(was_sent(world, "media-lost")); /* nothing else has changed */
    assert_int_equal(last_asked(world), VR_CMD_JOIN);
}

static void lost_media_is_told_and_restarted(void **state)
{
    struct world *world = *state;
    struct vr_buf text = {0};

    world->attach = true;
    join(world);
    peer_is(world, 0, VR_PEER_UP);
    peer_is(world, 0, VR_PEER_CLOSED);
    assert_false(was_sent(world, "\"code\":\"media-lost\"")); /* a kick would be told now */
    pass(world, VR_SECONDS(1));
    assert_true(was_sent(world, "\"code\":\"media-lost\""));
    assert_int_equal(last_asked(world), VR_CMD_JOIN);
    world->place = 1; /* others came meanwhile: a joiner would go elsewhere */
    vr_buf_text(&text, "{\"type\":\"room:webrtc:offer\",\"id\":\"3\",\"sdp\":");
    vr_json_text(&text, offer);
    vr_buf_append(&text, "}", 2);
    say(world, (const char *)text.data);
    vr_buf_deinit(&text);
    assert_int_equal(world->opened_count, 2);
    assert_int_equal(world->opened_at, 0); /* only there the room has sent his gate */
    assert_int_equal(world->opened[1].generation, world->opened[0].generation);
    assert_string_not_equal(world->opened[1].ufrag, world->opened[0].ufrag);
    assert_true(was_sent(world, "\"id\":\"3\""));
}

static void ice_restart_keeps_the_old_peer_until_the_new_is_up(void **state)
{
    struct world *world = *state;

    join(world);
    peer_is(world, 0, VR_PEER_UP);
    vr_session_restart_ice(world->control, world->session_id, "bob", vr_bytes_of(offer), on_joined,
                           world);
    assert_int_equal(world->joined_err, VR_E_NOT_FOUND);
    vr_session_restart_ice(world->control, world->session_id, "ana", vr_bytes_of(offer), on_joined,
                           world);
    settle(world);
    assert_int_equal(world->joined_err, VR_OK);
    assert_true(vr_id_equal(world->opened[1].restarts, world->opened[0].peer));
    assert_int_equal(world->closed_count, 0);
    peer_is(world, 1, VR_PEER_UP);
    assert_int_equal(world->closed_count, 1);
    assert_true(vr_id_equal(world->closed[0], world->opened[0].peer));
}

static void resume_binds_a_socket_without_a_new_peer(void **state)
{
    struct world *world = *state;

    join(world);
    assert_non_null(strstr(world->json, "\"media\":\"new\""));
    peer_is(world, 0, VR_PEER_UP);
    world->attach = true;
    start(world, true, false, "");
    assert_int_equal(world->joined_err, VR_OK);
    assert_int_equal(last_asked(world), VR_CMD_SNAPSHOT);
    assert_null(world->sdp);
    assert_int_equal(world->opened_count, 1);
    assert_non_null(strstr(world->json, "\"media\":\"kept\""));
    start(world, true, false, ""); /* a newer socket */
    assert_int_equal(world->close_code, 4000);
}

static void resume_with_an_offer_takes_the_same_place(void **state)
{
    struct world *world = *state;
    struct vr_id before;

    join(world);
    before = world->session_id;
    peer_is(world, 0, VR_PEER_UP);
    start(world, true, true, "ana");
    assert_int_equal(world->joined_err, VR_OK);
    assert_int_equal(last_asked(world), VR_CMD_RESUME);
    assert_true(vr_id_equal(world->session_id, before));
    assert_int_equal(world->last_by.participant, 17);
    assert_int_equal(world->opened[1].generation, 2);
    peer_is(world, 1, VR_PEER_UP);
    assert_true(vr_id_equal(world->closed[0], world->opened[0].peer));
}

static void resume_after_the_session_is_gone_makes_a_new_one(void **state)
{
    struct world *world = *state;
    struct vr_id before;

    join(world);
    before = world->session_id;
    pass(world, VR_SECONDS(40));
    assert_int_equal(vr_sessions_count(world->services.sessions), 0);
    start(world, true, false, "");
    assert_int_equal(world->joined_err, VR_E_GONE);
    start(world, true, true, "");
    assert_int_equal(world->joined_err, VR_OK);
    assert_int_equal(world->last_by.participant, 17);
    assert_int_equal(world->last_by.generation, 1);
    assert_false(vr_id_equal(world->session_id, before));
}

static void a_token_fits_its_owner_only(void **state)
{
    struct world *world = *state;
    uint32_t asked = 0;

    join(world);
    asked = world->asked_count;
    start(world, true, true, "bob");
    assert_int_equal(world->joined_err, VR_E_UNAUTHORIZED);
    world->token[5] ^= 1;
    start(world, true, true, "ana");
    assert_int_equal(world->joined_err, VR_E_UNAUTHORIZED);
    assert_int_equal(
        vr_session_attach(world->control, world->session_id, world->token, &fake_ops, world),
        VR_E_UNAUTHORIZED);
    assert_int_equal(world->asked_count, asked);
}

static void an_old_token_is_refused_once_two_newer_exist(void **state)
{
    struct world *world = *state;
    char first[VR_RESUME_TEXT];

    join(world);
    memcpy(first, world->token, sizeof(first));
    start(world, true, true, "ana");
    memcpy(world->token, first, sizeof(first)); /* its answer was lost on the way: once more */
    start(world, true, true, "ana");
    assert_int_equal(world->joined_err, VR_OK);
    memcpy(world->token, first, sizeof(first));
    start(world, true, true, "ana");
    assert_int_equal(world->joined_err, VR_E_GONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(media_without_socket_lives_and_nothing_is_lost),
        WITH_WORLD(media_that_never_comes_is_lost_and_forgotten),
        WITH_WORLD(lost_media_is_told_and_restarted),
        WITH_WORLD(sound_that_goes_one_way_is_to_be_repaired),
        WITH_WORLD(ice_restart_keeps_the_old_peer_until_the_new_is_up),
        WITH_WORLD(resume_binds_a_socket_without_a_new_peer),
        WITH_WORLD(resume_with_an_offer_takes_the_same_place),
        WITH_WORLD(resume_after_the_session_is_gone_makes_a_new_one),
        WITH_WORLD(a_token_fits_its_owner_only),
        WITH_WORLD(an_old_token_is_refused_once_two_newer_exist),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
