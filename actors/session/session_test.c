/* Goal: a session joins, forwards, survives losses and ends as docs/protocol.md says, against a
 * room and a shard that the test plays itself, on one thread with a clock that the test moves. */

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>

#include "actors/base/random.h"
#include "actors/runtime/env.h"
#include "actors/session/session.h"
#include "actors/wire/resume.h"

#define SENT_MAX 128

static const char offer[] = "v=0\r\n"
                            "o=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
                            "a=group:BUNDLE 0 1 2\r\n"
                            "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n"
                            "a=ice-ufrag:abcd\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa\r\n"
                            "a=fingerprint:sha-256 "
                            "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:"
                            "10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n"
                            "a=setup:actpass\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\n"
                            "a=rtpmap:111 opus/48000/2\r\n"
                            "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n"
                            "a=ice-ufrag:abcd\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa\r\n"
                            "a=fingerprint:sha-256 "
                            "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:"
                            "10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n"
                            "a=setup:actpass\r\na=mid:1\r\na=recvonly\r\na=rtcp-mux\r\n"
                            "a=rtpmap:111 opus/48000/2\r\n"
                            "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n"
                            "a=ice-ufrag:abcd\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa\r\n"
                            "a=fingerprint:sha-256 "
                            "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:"
                            "10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n"
                            "a=setup:actpass\r\na=mid:2\r\na=recvonly\r\na=rtcp-mux\r\n"
                            "a=rtpmap:111 opus/48000/2\r\n";

/** What a test sees and steers. vr_env is first, as in a node's context. */
struct world {
    struct vr_env env;
    struct vr_session_services services;
    struct vr_media_place media;
    struct vr_random_seeded random;
    struct vr_clock clock;
    vr_time_us now;
    struct vr_system *system;
    struct vr_worker *control;

    /* the room */
    enum vr_command_kind asked[SENT_MAX];
    struct vr_actor_identity last_by;
    struct vr_address session; /* of the last join or resume */
    uint64_t sequence;

    /* the shard */
    struct vr_peer_conf opened[8];
    struct vr_id closed[8];

    /* the socket */
    char *sent[SENT_MAX];

    /* joined */
    char joined_why[160];
    struct vr_id session_id;
    char token[VR_RESUME_TEXT];
    char *json;
    char *sdp;

    /* small ones together */
    uint32_t asked_count;
    enum vr_err refuse; /* the next command is refused with it */
    uint32_t generation;
    uint32_t opened_count;
    uint32_t closed_count;
    enum vr_err refuse_peer;
    uint32_t sent_count;
    uint32_t joined_count;
    enum vr_err joined_err;
    uint16_t close_code;
    bool last_flag;
    bool silent; /* the room does not answer */
    bool event_before_answer;
    bool opened_before_joined; /* the shard had the peer before the answer left */
    bool attach; /* attach a socket from within joined, as the WebSocket's edge does */
};

static struct world *world_of(struct vr_actor *actor)
{
    return vr_system_context(vr_actor_system(actor));
}

static vr_time_us world_now(void *ctx)
{
    return ((struct world *)ctx)->now;
}

static vr_time_us world_wall(void *ctx)
{
    return ((struct world *)ctx)->now + VR_SECONDS(1790000000);
}

static void send_event(struct world *world, uint64_t sequence, const char *text, bool last)
{
    struct vr_msg msg = {
        .kind = VR_MSG_EVENT, .to = world->session, .deadline = VR_NEVER, .epoch = 1};

    msg.as.event.sequence = sequence;
    msg.as.event.last = last;
    msg.as.event.json = vr_blob_new(vr_bytes_of(text));
    assert_int_equal(vr_system_send(world->system, &msg), VR_OK);
}

static struct vr_answer *room_answer(struct world *world, const struct vr_command *command)
{
    struct vr_answer *answer =
        vr_answer_new(world->refuse, world->refuse == VR_OK ? "" : "the room says no");

    world->refuse = VR_OK;
    answer->epoch = 1;
    answer->sequence = world->sequence;
    if (answer->err != VR_OK) {
        return answer;
    }
    if (command->kind == VR_CMD_JOIN || command->kind == VR_CMD_RESUME) {
        world->session = command->session;
        answer->participant = 17;
        answer->generation = ++world->generation;
        answer->role = VR_ROLE_SPEAKER;
    }
    answer->body = vr_blob_new(vr_bytes_of("{\"mark\":\"snapshot\"}"));
    return answer;
}

static enum vr_err room_handle(struct vr_actor *actor, void *state, struct vr_msg *msg,
                               struct vr_why *why)
{
    struct world *world = world_of(actor);
    struct vr_msg answer = {.kind = VR_MSG_ANSWER};
    struct vr_command *command = msg->as.command;

    (void)state;
    (void)why;
    if (msg->kind != VR_MSG_COMMAND) {
        return VR_OK;
    }
    world->asked[world->asked_count++] = command->kind;
    world->last_by = command->by;
    world->last_flag = command->flag;
    if (world->silent) {
        return VR_OK;
    }
    answer.as.answer = room_answer(world, command);
    if (world->event_before_answer) {
        world->event_before_answer = false;
        send_event(world, world->sequence,
                   "{\"type\":\"room:updated\",\"mark\":\"in the snapshot\"}", false);
        send_event(world, world->sequence + 1, "{\"type\":\"room:updated\",\"mark\":\"news\"}",
                   false);
    }
    vr_reply(vr_actor_system(actor), msg, &answer);
    return VR_OK;
}

static enum vr_err shard_handle(struct vr_actor *actor, void *state, struct vr_msg *msg,
                                struct vr_why *why)
{
    struct world *world = world_of(actor);
    struct vr_msg answer = {.kind = VR_MSG_PEER_OPENED};

    (void)state;
    (void)why;
    if (msg->kind == VR_MSG_PEER_CLOSE) {
        world->closed[world->closed_count++] = msg->as.peer_close.peer;
    }
    if (msg->kind == VR_MSG_PEER_OPEN) {
        world->opened[world->opened_count++] = *msg->as.peer;
        world->opened_before_joined = world->joined_count == 0;
        answer.as.peer_opened.peer = msg->as.peer->peer;
        answer.as.peer_opened.err = world->refuse_peer;
        world->refuse_peer = VR_OK;
        vr_reply(vr_actor_system(actor), msg, &answer);
    }
    return VR_OK;
}

static enum vr_err open_nothing(struct vr_actor *actor, void *state, struct vr_why *why)
{
    (void)actor;
    (void)state;
    (void)why;
    return VR_OK;
}

static void close_nothing(struct vr_actor *actor, void *state, enum vr_close_reason reason)
{
    (void)actor;
    (void)state;
    (void)reason;
}

static const struct vr_actor_class *classify(void *ctx, const struct vr_address *address)
{
    static const struct vr_actor_class room = {
        VR_ACTOR_ROOM, "room",        1, VR_WORKER_CONTROL, open_nothing, room_handle,
        NULL,          close_nothing, 0};
    static const struct vr_actor_class shard = {
        VR_ACTOR_SHARD, "shard",       1, VR_WORKER_MEDIA, open_nothing, shard_handle,
        NULL,           close_nothing, 0};

    (void)ctx;
    if (address->kind == VR_ACTOR_ROOM) {
        return &room;
    }
    if (address->kind == VR_ACTOR_SHARD) {
        return &shard;
    }
    return address->kind == VR_ACTOR_SESSION ? vr_session_class() : NULL;
}

static uint32_t place_zero(void *ctx, struct vr_id room)
{
    (void)ctx;
    (void)room;
    return 0;
}

static bool fake_send(void *socket, struct vr_blob *text)
{
    struct world *world = socket;

    world->sent[world->sent_count++] = strdup(vr_blob_text(text));
    return true;
}

static void fake_close(void *socket, uint16_t code, const char *reason)
{
    (void)reason;
    ((struct world *)socket)->close_code = code;
}

static const struct vr_socket_ops fake_ops = {fake_send, fake_close};

/** Turns of both workers until nothing moves any more. */
static void settle(struct world *world)
{
    struct vr_worker *media = vr_system_worker(world->system, VR_WORKER_MEDIA, 0);
    uint32_t count = vr_system_worker_count(world->system, VR_WORKER_CONTROL);

    for (int i = 0; i < 20; i++) {
        for (uint32_t k = 0; k < count; k++) {
            (void)vr_worker_turn(vr_system_worker(world->system, VR_WORKER_CONTROL, k), world->now);
        }
        (void)vr_worker_turn(media, world->now);
    }
}

static void pass(struct world *world, vr_time_us time)
{
    for (vr_time_us step = 0; step < time; step += VR_MS(500)) {
        world->now += VR_MS(500);
        settle(world);
    }
}

static uint32_t place_actor(void *ctx, const struct vr_address *address)
{
    const struct world *world = ctx;

    return address->kind == VR_ACTOR_SESSION ? vr_session_worker_index(world->system, address->id)
                                             : 0;
}

static int set_up_workers(void **state, uint32_t control_workers)
{
    struct world *world = calloc(1, sizeof(*world));
    struct vr_system_conf conf = {.control_workers = control_workers,
                                  .media_workers = 1,
                                  .node = 1,
                                  .classify = classify,
                                  .place = place_actor,
                                  .ctx = world};

    vr_random_seeded_init(&world->random, 7);
    world->now = VR_SECONDS(100);
    world->clock = (struct vr_clock){world_now, world_wall, world};
    world->sequence = 12;
    world->media.candidate_count = 1;
    world->media.candidates[0] = (struct vr_candidate){"192.0.2.7", 40000};
    world->env.media = &world->media;
    world->env.media_count = 1;
    world->env.slots = 4;
    world->env.grace = VR_SECONDS(15);
    world->services = (struct vr_session_services){.place = place_zero,
                                                   .sessions = vr_sessions_new(control_workers)};
    world->env.session_services = &world->services;
    memcpy(world->env.node, "one", 4);
    conf.clock = &world->clock;
    conf.random = &world->random.random;
    conf.node_context = world;
    assert_int_equal(vr_system_new(&conf, &world->system), VR_OK);
    world->control = vr_system_worker(world->system, VR_WORKER_CONTROL, 0);
    *state = world;
    return 0;
}

static int set_up(void **state)
{
    return set_up_workers(state, 1);
}

static int set_up_two(void **state)
{
    return set_up_workers(state, 2);
}

static int tear_down(void **state)
{
    struct world *world = *state;

    vr_system_free(world->system);
    vr_sessions_free(world->services.sessions);
    for (uint32_t i = 0; i < world->sent_count; i++) {
        free(world->sent[i]);
    }
    free(world->json);
    free(world->sdp);
    free(world);
    return 0;
}

static void on_joined(void *ctx, const struct vr_join_result *result)
{
    struct world *world = ctx;

    world->joined_count++;
    world->joined_err = result->err;
    snprintf(world->joined_why, sizeof(world->joined_why), "%s",
             result->answer == NULL ? "" : result->answer->why);
    free(world->sdp);
    world->sdp = result->sdp == NULL ? NULL : strdup(vr_blob_text(result->sdp));
    if (result->err != VR_OK) {
        return;
    }
    world->session_id = result->session;
    if (result->json != NULL) {
        free(world->json);
        world->json = strdup(vr_blob_text(result->json));
        snprintf(world->token, sizeof(world->token), "%s", result->resume_token);
    }
    if (world->attach) {
        world->sent[world->sent_count++] = strdup("answer");
        assert_int_equal(vr_session_attach(world->control, result->session, result->resume_token,
                                           &fake_ops, world),
                         VR_OK);
    }
}

static const struct vr_id room_id = {1, 2};

static void start(struct world *world, bool resume, bool with_offer, const char *user)
{
    struct vr_client_msg msg = {.protocol = 1, .red = true};
    struct vr_join_request request = {
        .room = room_id, .msg = &msg, .request_id = "r1", .resume = resume};

    snprintf(request.identity.user, sizeof(request.identity.user), "%s", user);
    snprintf(msg.resume_token, sizeof(msg.resume_token), "%s", world->token);
    msg.sdp = with_offer ? vr_blob_new(vr_bytes_of(offer)) : NULL;
    vr_session_join(world->control, &request, on_joined, world);
    vr_blob_release(msg.sdp);
    settle(world);
}

static void join(struct world *world)
{
    start(world, false, true, "ana");
    assert_int_equal(world->joined_err, VR_OK);
}

static void peer_is(struct world *world, uint32_t peer, enum vr_peer_state peer_state)
{
    struct vr_msg msg = {.kind = VR_MSG_PEER_STATE,
                         .to = vr_session_address(world->session_id),
                         .deadline = VR_NEVER};

    msg.as.peer_state.peer = world->opened[peer].peer;
    msg.as.peer_state.state = peer_state;
    assert_int_equal(vr_system_send(world->system, &msg), VR_OK);
    settle(world);
}

static void say(struct world *world, const char *text)
{
    struct vr_client_msg msg;

    assert_int_equal(vr_client_msg_parse(vr_bytes_of(text), &msg, NULL), VR_OK);
    vr_session_client_msg(world->control, world->session_id, &msg, "r2");
    settle(world);
}

static bool was_sent(const struct world *world, const char *part)
{
    for (uint32_t i = 0; i < world->sent_count; i++) {
        if (strstr(world->sent[i], part) != NULL) {
            return true;
        }
    }
    return false;
}

static enum vr_command_kind last_asked(const struct world *world)
{
    return world->asked_count == 0 ? VR_CMD_KINDS : world->asked[world->asked_count - 1];
}

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

static void lost_media_is_told_and_restarted(void **state)
{
    struct world *world = *state;
    struct vr_buf text = {0};

    world->attach = true;
    join(world);
    peer_is(world, 0, VR_PEER_UP);
    peer_is(world, 0, VR_PEER_CLOSED);
    assert_true(was_sent(world, "\"code\":\"media-lost\""));
    assert_int_equal(last_asked(world), VR_CMD_JOIN);
    vr_buf_text(&text, "{\"type\":\"room:webrtc:offer\",\"id\":\"3\",\"sdp\":");
    vr_json_text(&text, offer);
    vr_buf_append(&text, "}", 2);
    say(world, (const char *)text.data);
    vr_buf_deinit(&text);
    assert_int_equal(world->opened_count, 2);
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
    peer_is(world, 0, VR_PEER_UP);
    world->attach = true;
    start(world, true, false, "");
    assert_int_equal(world->joined_err, VR_OK);
    assert_int_equal(last_asked(world), VR_CMD_SNAPSHOT);
    assert_null(world->sdp);
    assert_int_equal(world->opened_count, 1);
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

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(join_gives_the_whole_answer),
        WITH_WORLD(refused_by_the_room_leaves_nothing),
        WITH_WORLD(refused_by_the_shard_is_undone_in_the_room),
        WITH_WORLD(a_silent_room_is_a_timeout_and_is_told_to_forget),
        WITH_WORLD(an_offer_is_needed_and_judged),
        WITH_WORLD(events_follow_the_answer_once),
        WITH_WORLD(commands_carry_who_and_get_their_answer),
        WITH_WORLD(leave_ends_it),
        WITH_WORLD(kicked_closes_socket_and_media),
        WITH_WORLD(media_without_socket_lives_and_nothing_is_lost),
        WITH_WORLD(media_that_never_comes_is_lost_and_forgotten),
        WITH_WORLD(lost_media_is_told_and_restarted),
        WITH_WORLD(ice_restart_keeps_the_old_peer_until_the_new_is_up),
        WITH_WORLD(resume_binds_a_socket_without_a_new_peer),
        WITH_WORLD(resume_with_an_offer_takes_the_same_place),
        WITH_WORLD(resume_after_the_session_is_gone_makes_a_new_one),
        WITH_WORLD(a_token_fits_its_owner_only),
        WITH_WORLD(an_old_token_is_refused_once_two_newer_exist),
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
