/* Goal: a session joins, forwards and ends as docs/protocol.md says. */

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "actors/session/session_rig.h"

static void join_gives_the_whole_answer(void **state)
{
    struct world *world = *state;
    struct vr_resume token;

    join(world);
    assert_int_equal(world->joined_count, 1);
    assert_true(world->opened_before_joined);
    assert_int_equal(world->opened[0].participant, 17);
    assert_int_equal(world->opened[0].generation, 1);
    assert_true(strlen(world->opened[0].ufrag) >= 4 && strlen(world->opened[0].pwd) >= 22);
    assert_non_null(strstr(world->sdp, "192.0.2.7 40000"));
    assert_non_null(strstr(world->sdp, world->opened[0].ufrag));
    assert_non_null(strstr(world->json, "\"participant\":17"));
    assert_non_null(strstr(world->json, "\"state\":{\"mark\":\"snapshot\"}"));
    assert_non_null(strstr(world->json, "{\"mid\":\"1\",\"ssrc\":1448214528}"));
    assert_int_equal(
        vr_resume_read(world->token, world->env.resume_key, world_wall(world) / 1000000, &token),
        VR_OK);
    assert_int_equal(token.participant, 17);
    assert_true(vr_id_equal(token.session, world->session_id));
    assert_int_equal(vr_sessions_count(world->services.sessions), 1);
}

static void refused_by_the_room_leaves_nothing(void **state)
{
    struct world *world = *state;

    world->refuse = VR_E_BANNED;
    start(world, false, true, "ana");
    assert_int_equal(world->joined_err, VR_E_BANNED);
    assert_string_equal(world->joined_why, "the room says no");
    assert_int_equal(world->opened_count, 0);
    assert_int_equal(vr_sessions_count(world->services.sessions), 0);
}

static void refused_by_the_shard_is_undone_in_the_room(void **state)
{
    struct world *world = *state;

    world->refuse_peer = VR_E_BUSY;
    start(world, false, true, "ana");
    assert_int_equal(world->joined_err, VR_E_BUSY);
    assert_int_equal(last_asked(world), VR_CMD_LEAVE);
    assert_int_equal(world->last_by.participant, 17);
    assert_int_equal(vr_sessions_count(world->services.sessions), 0);
}

static void a_silent_room_is_a_timeout_and_is_told_to_forget(void **state)
{
    struct world *world = *state;

    world->silent = true;
    start(world, false, true, "ana");
    assert_int_equal(world->joined_count, 0);
    pass(world, VR_SECONDS(7));
    assert_int_equal(world->joined_err, VR_E_TIMEOUT);
    assert_int_equal(last_asked(world), VR_CMD_LEAVE);
}

static void an_offer_is_needed_and_judged(void **state)
{
    struct world *world = *state;
    struct vr_client_msg msg = {.protocol = 1};
    struct vr_join_request request = {.room = room_id, .msg = &msg};

    start(world, false, false, "ana");
    assert_int_equal(world->joined_err, VR_E_UNPROCESSABLE);
    msg.sdp = vr_blob_new(vr_bytes_of("v=0\r\n"));
    vr_session_join(world->control, &request, on_joined, world);
    assert_int_equal(world->joined_err, VR_E_BAD_SDP);
    vr_blob_release(msg.sdp);
    msg.sdp = NULL;
    msg.protocol = 2;
    vr_session_join(world->control, &request, on_joined, world);
    assert_int_equal(world->joined_err, VR_E_UNPROCESSABLE);
    assert_int_equal(world->asked_count, 0);
}

static void who_finds_no_place_at_the_door_leaves_nothing_behind(void **state)
{
    struct world *world = *state;
    uint32_t asked = 0;

    world->services.joins_per_second_max = 1; /* four who come anew fit at once */
    for (uint32_t i = 0; i < 4; i++) {
        const char user[] = {(char)('a' + i), 0};

        start(world, false, true, user);
        assert_int_equal(world->joined_err, VR_OK);
    }
    asked = world->asked_count;
    start(world, false, true, "eve");
    assert_int_equal(world->joined_err, VR_E_BUSY);
    assert_int_equal(world->asked_count, asked);
    assert_int_equal(world->opened_count, 4);
    assert_int_equal(vr_sessions_count(world->services.sessions), 4);
    start(world, true, false, "d"); /* a socket alone waits for nobody, */
    assert_int_equal(world->joined_err, VR_OK);
    start(world, true, true, "d"); /* and who has a place goes before who comes */
    assert_int_equal(world->joined_err, VR_OK);
    pass(world, VR_MS(1100)); /* his turn: too soon for one more who comes anew */
    start(world, false, true, "zoe");
    assert_int_equal(world->joined_err, VR_E_BUSY);
    start(world, false, true, "eve");
    assert_int_equal(world->joined_err, VR_OK);
}

static void nothing_to_do(struct vr_timer *timer, vr_time_us now)
{
    (void)timer;
    (void)now;
}

static uint32_t rate_after(struct world *world, vr_time_us media_lag)
{
    struct vr_timer timer = {.fire = nothing_to_do};
    struct vr_sessions_door door = {0};

    world->services.joins_per_second_max = 1000;
    start(world, false, true, "ana");
    vr_timer_arm(vr_system_worker(world->system, VR_WORKER_MEDIA, 0), &timer,
                 world->now - media_lag);
    settle(world);
    world->now += VR_MS(50);
    settle(world);
    vr_sessions_door(world->services.sessions, &door);
    return door.rate;
}

static void fewer_come_in_while_a_media_worker_is_late(void **state)
{
    assert_int_equal(rate_after(*state, VR_MS(250)), 100);
}

static void a_media_worker_in_time_holds_nobody_up(void **state)
{
    assert_int_equal(rate_after(*state, 0), 250);
}

static void events_follow_the_answer_once(void **state)
{
    struct world *world = *state;

    world->attach = true;
    world->event_before_answer = true;
    join(world);
    settle(world);
    assert_string_equal(world->sent[0], "answer");
    assert_false(was_sent(world, "in the snapshot"));
    assert_true(was_sent(world, "news"));
    send_event(world, 13, "{\"type\":\"room:chat\",\"mark\":\"passing\"}", false);
    settle(world);
    assert_true(was_sent(world, "passing"));
}

static void commands_carry_who_and_get_their_answer(void **state)
{
    struct world *world = *state;

    world->attach = true;
    join(world);
    say(world, "{\"type\":\"room:hand-raise\",\"id\":\"7\"}");
    assert_int_equal(last_asked(world), VR_CMD_HAND_RAISE);
    assert_int_equal(world->last_by.participant, 17);
    assert_int_equal(world->last_by.generation, 1);
    assert_int_equal(world->last_by.order >> 32, 1); /* of this generation, the n-th */
    assert_true((uint32_t)world->last_by.order > 0);
    assert_string_equal(world->last_by.user, "ana");
    assert_true(was_sent(world, "\"id\":\"7\""));
    world->refuse = VR_E_FORBIDDEN;
    say(world, "{\"type\":\"room:mute-all\",\"id\":\"8\"}");
    assert_true(was_sent(world, "\"code\":\"forbidden\""));
    say(world, "{\"type\":\"room:webrtc:ice-candidate\",\"id\":\"9\"}");
    assert_true(was_sent(world, "\"id\":\"9\""));
}

static void leave_ends_it(void **state)
{
    struct world *world = *state;

    world->attach = true;
    join(world);
    say(world, "{\"type\":\"room:leave\",\"id\":\"1\"}");
    assert_int_equal(last_asked(world), VR_CMD_LEAVE);
    assert_true(world->last_flag);
    assert_int_equal(world->close_code, 4002);
    assert_int_equal(world->closed_count, 1);
    assert_int_equal(vr_sessions_count(world->services.sessions), 0);
}

static void kicked_closes_socket_and_media(void **state)
{
    struct world *world = *state;

    world->attach = true;
    join(world);
    send_event(world, 12, "{\"type\":\"room:kicked\"}", true);
    settle(world);
    assert_true(was_sent(world, "room:kicked"));
    assert_int_equal(world->close_code, 4002);
    assert_int_equal(world->closed_count, 1);
    assert_int_equal(vr_sessions_count(world->services.sessions), 0);
}

static void deleting_is_for_the_owner(void **state)
{
    struct world *world = *state;

    join(world);
    assert_int_equal(vr_session_delete(world->control, world->session_id, "bob"), VR_E_NOT_FOUND);
    assert_int_equal(vr_session_delete(world->control, world->session_id, "ana"), VR_OK);
    settle(world);
    assert_int_equal(last_asked(world), VR_CMD_LEAVE);
    assert_int_equal(world->closed_count, 1);
    assert_int_equal(vr_session_delete(world->control, world->session_id, "ana"), VR_E_NOT_FOUND);
}

static void too_many_messages_close_the_socket(void **state)
{
    struct world *world = *state;

    world->attach = true;
    join(world);
    peer_is(world, 0, VR_PEER_UP);
    for (int i = 0; i < 50; i++) {
        say(world, "{\"type\":\"room:webrtc:ice-candidate\"}");
    }
    assert_int_equal(world->close_code, 0);
    say(world, "{\"type\":\"room:webrtc:ice-candidate\"}");
    assert_int_equal(world->close_code, 4029);
    assert_int_equal(vr_sessions_count(world->services.sessions), 1);
}

static void a_message_makes_no_session(void **state)
{
    struct world *world = *state;
    struct vr_runtime_stats stats;

    world->session = vr_session_address((struct vr_id){8, 8});
    send_event(world, 1, "{\"type\":\"room:updated\"}", false);
    settle(world);
    vr_system_stats(world->system, &stats);
    assert_int_equal(vr_sessions_count(world->services.sessions), 0);
    assert_int_equal(stats.actors[VR_ACTOR_SESSION], 0);
}

static void on_pong(void *ctx, enum vr_err err, struct vr_msg *answer)
{
    *(enum vr_msg_kind *)ctx = err == VR_OK ? answer->kind : VR_MSG_KINDS;
}

static enum vr_msg_kind ping(struct world *world)
{
    enum vr_msg_kind kind = VR_MSG_KINDS;
    struct vr_msg msg = {.kind = VR_MSG_PING, .to = vr_session_address(world->session_id)};

    vr_ask(world->control, &msg, VR_SECONDS(1), on_pong, &kind);
    settle(world);
    return kind;
}

static void only_who_is_there_answers_a_ping(void **state)
{
    struct world *world = *state;

    join(world);
    peer_is(world, 0, VR_PEER_UP);
    assert_int_equal(ping(world), VR_MSG_PONG);
    peer_is(world, 0, VR_PEER_SILENT);
    assert_int_equal(last_asked(world), VR_CMD_LOST);
    assert_int_equal(ping(world), VR_MSG_ANSWER);
    pass(world, VR_SECONDS(30));
    assert_int_equal(ping(world), VR_MSG_ANSWER);
}

/** More than the table's first buckets; each is found again. */
static void many_sessions(void **state)
{
    struct world *world = *state;
    static struct vr_id ids[200];

    for (int i = 0; i < 200; i++) {
        char user[16];

        world->asked_count = 0;
        world->opened_count = 0;
        snprintf(user, sizeof(user), "user%d", i);
        start(world, false, true, user);
        ids[i] = world->session_id;
    }
    assert_int_equal(vr_sessions_count(world->services.sessions), 200);
    for (int i = 0; i < 200; i++) {
        char user[16];

        world->closed_count = 0;
        world->asked_count = 0;
        snprintf(user, sizeof(user), "user%d", i);
        assert_int_equal(vr_session_delete(world->control, ids[i], user), VR_OK);
        settle(world);
    }
    assert_int_equal(vr_sessions_count(world->services.sessions), 0);
}

static void on_left(void *ctx, enum vr_err err)
{
    *(enum vr_err *)ctx = err;
}

static enum vr_err leave_from(struct world *world, struct vr_worker *worker, const char *user)
{
    enum vr_err err = VR_ERR_COUNT;

    vr_session_leave(worker, world->session_id, user, on_left, &err);
    settle(world);
    return err;
}

/** HTTP comes in on any control worker, the session lives on one. */
static void requests_reach_a_session_on_another_worker(void **state)
{
    struct world *world = *state;
    struct vr_worker *other = vr_system_worker(world->system, VR_WORKER_CONTROL, 1);

    join(world);
    assert_int_equal(vr_session_worker_index(world->system, world->session_id), 0);
    vr_session_restart_ice(other, world->session_id, "ana", vr_bytes_of(offer), on_joined, world);
    settle(world);
    assert_int_equal(world->joined_err, VR_OK);
    assert_int_equal(world->opened_count, 2);
    assert_non_null(strstr(world->sdp, world->opened[1].ufrag));
    vr_session_restart_ice(other, world->session_id, "bob", vr_bytes_of(offer), on_joined, world);
    settle(world);
    assert_int_equal(world->joined_err, VR_E_NOT_FOUND);
    assert_int_equal(leave_from(world, other, "bob"), VR_E_NOT_FOUND);
    assert_int_equal(leave_from(world, other, "ana"), VR_OK);
    assert_int_equal(last_asked(world), VR_CMD_LEAVE);
    assert_int_equal(leave_from(world, other, "ana"), VR_E_GONE);
    assert_int_equal(leave_from(world, world->control, "ana"), VR_E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(join_gives_the_whole_answer),
        WITH_WORLD(refused_by_the_room_leaves_nothing),
        WITH_WORLD(refused_by_the_shard_is_undone_in_the_room),
        WITH_WORLD(a_silent_room_is_a_timeout_and_is_told_to_forget),
        WITH_WORLD(an_offer_is_needed_and_judged),
        WITH_WORLD(who_finds_no_place_at_the_door_leaves_nothing_behind),
        WITH_WORLD(fewer_come_in_while_a_media_worker_is_late),
        WITH_WORLD(a_media_worker_in_time_holds_nobody_up),
        WITH_WORLD(events_follow_the_answer_once),
        WITH_WORLD(commands_carry_who_and_get_their_answer),
        WITH_WORLD(leave_ends_it),
        WITH_WORLD(kicked_closes_socket_and_media),
        WITH_WORLD(deleting_is_for_the_owner),
        WITH_WORLD(too_many_messages_close_the_socket),
        WITH_WORLD(a_message_makes_no_session),
        WITH_WORLD(only_who_is_there_answers_a_ping),
        WITH_WORLD(many_sessions),
        cmocka_unit_test_setup_teardown(requests_reach_a_session_on_another_worker, set_up_two,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
