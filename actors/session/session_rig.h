/* session_rig.h - for tests: sessions against a room and a shard that the test plays itself, on one
 * thread with a clock that the test moves. */
#ifndef VR_SESSION_RIG_H
#define VR_SESSION_RIG_H

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
    struct vr_peer_conf opened[32];
    struct vr_id closed[32];

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
    uint32_t place;     /* the shard that a new peer would be given */
    uint32_t opened_at; /* the shard of the last peer */
    uint16_t close_code;
    bool last_flag;
    bool silent; /* the room does not answer */
    bool event_before_answer;
    bool opened_before_joined; /* the shard had the peer before the answer left */
    void (*note)(struct world *world, struct vr_address shard,
                 const struct vr_msg *msg); /* asked of a shard; NULL: nobody answers */
    bool attach; /* attach a socket from within joined, as the WebSocket's edge does */
};

static inline struct world *world_of(struct vr_actor *actor)
{
    return vr_system_context(vr_actor_system(actor));
}

static inline vr_time_us world_now(void *ctx)
{
    return ((struct world *)ctx)->now;
}

static inline vr_time_us world_wall(void *ctx)
{
    return ((struct world *)ctx)->now + VR_SECONDS(1790000000);
}

static inline void send_event(struct world *world, uint64_t sequence, const char *text, bool last)
{
    struct vr_msg msg = {
        .kind = VR_MSG_EVENT, .to = world->session, .deadline = VR_NEVER, .epoch = 1};

    msg.as.event.sequence = sequence;
    msg.as.event.last = last;
    msg.as.event.json = vr_blob_new(vr_bytes_of(text));
    assert_int_equal(vr_system_send(world->system, &msg), VR_OK);
}

static inline struct vr_answer *room_answer(struct world *world, const struct vr_command *command)
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
        world->generation += command->flag ? 0 : 1; /* it only tells that it is there */
        answer->generation = world->generation;
        answer->role = VR_ROLE_SPEAKER;
    }
    if (command->kind == VR_CMD_SNAPSHOT && command->flag) {
        answer->participant = 17;
        answer->generation = world->generation;
        answer->role = VR_ROLE_SPEAKER;
    }
    answer->body = vr_blob_new(vr_bytes_of("{\"mark\":\"snapshot\"}"));
    return answer;
}

static inline enum vr_err room_handle(struct vr_actor *actor, void *state, struct vr_msg *msg,
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

static inline enum vr_err shard_handle(struct vr_actor *actor, void *state, struct vr_msg *msg,
                                       struct vr_why *why)
{
    struct world *world = world_of(actor);
    struct vr_msg answer = {.kind = VR_MSG_PEER_OPENED};

    (void)state;
    (void)why;
    if (msg->kind == VR_MSG_CLUSTER && world->note != NULL) {
        world->note(world, vr_actor_address(actor), msg);
    }
    if (msg->kind == VR_MSG_PEER_CLOSE) {
        world->closed[world->closed_count++] = msg->as.peer_close.peer;
    }
    if (msg->kind == VR_MSG_PEER_OPEN) {
        world->opened[world->opened_count++] = *msg->as.peer;
        world->opened_at = vr_actor_address(actor).sub;
        world->opened_before_joined = world->joined_count == 0;
        answer.as.peer_opened.peer = msg->as.peer->peer;
        answer.as.peer_opened.err = world->refuse_peer;
        world->refuse_peer = VR_OK;
        vr_reply(vr_actor_system(actor), msg, &answer);
    }
    return VR_OK;
}

static inline enum vr_err open_nothing(struct vr_actor *actor, void *state, struct vr_why *why)
{
    (void)actor;
    (void)state;
    (void)why;
    return VR_OK;
}

static inline void close_nothing(struct vr_actor *actor, void *state, enum vr_close_reason reason)
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

static inline uint32_t place_peer(void *ctx, struct vr_id room)
{
    (void)room;
    return ((const struct world *)ctx)->place;
}

static inline bool fake_send(void *socket, struct vr_blob *text)
{
    struct world *world = socket;

    world->sent[world->sent_count++] = strdup(vr_blob_text(text));
    return true;
}

static inline void fake_close(void *socket, uint16_t code, const char *reason)
{
    (void)reason;
    ((struct world *)socket)->close_code = code;
}

static const struct vr_socket_ops fake_ops = {fake_send, fake_close};

/** Turns of both workers until nothing moves any more. */
static inline void settle(struct world *world)
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

static inline void pass(struct world *world, vr_time_us time)
{
    for (vr_time_us step = 0; step < time; step += VR_MS(500)) {
        world->now += VR_MS(500);
        settle(world);
    }
}

static inline uint32_t place_actor(void *ctx, const struct vr_address *address)
{
    const struct world *world = ctx;

    return address->kind == VR_ACTOR_SESSION ? vr_session_worker_index(world->system, address->id)
                                             : 0;
}

static inline int set_up_workers(void **state, uint32_t control_workers)
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
    world->services = (struct vr_session_services){
        .place = place_peer, .ctx = world, .sessions = vr_sessions_new(control_workers)};
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

static inline int set_up(void **state)
{
    return set_up_workers(state, 1);
}

static inline int set_up_two(void **state)
{
    return set_up_workers(state, 2);
}

static inline int tear_down(void **state)
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

static inline void on_joined(void *ctx, const struct vr_join_result *result)
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

static inline void start(struct world *world, bool resume, bool with_offer, const char *user)
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

static inline void join(struct world *world)
{
    start(world, false, true, "ana");
    assert_int_equal(world->joined_err, VR_OK);
}

static inline void peer_is(struct world *world, uint32_t peer, enum vr_peer_state peer_state)
{
    struct vr_msg msg = {.kind = VR_MSG_PEER_STATE,
                         .to = vr_session_address(world->session_id),
                         .deadline = VR_NEVER};

    msg.as.peer_state.peer = world->opened[peer].peer;
    msg.as.peer_state.state = peer_state;
    assert_int_equal(vr_system_send(world->system, &msg), VR_OK);
    settle(world);
}

static inline void say(struct world *world, const char *text)
{
    struct vr_client_msg msg;

    assert_int_equal(vr_client_msg_parse(vr_bytes_of(text), &msg, NULL), VR_OK);
    vr_session_client_msg(world->control, world->session_id, &msg, "r2");
    settle(world);
}

static inline bool was_sent(const struct world *world, const char *part)
{
    for (uint32_t i = 0; i < world->sent_count; i++) {
        if (strstr(world->sent[i], part) != NULL) {
            return true;
        }
    }
    return false;
}

static inline enum vr_command_kind last_asked(const struct world *world)
{
    return world->asked_count == 0 ? VR_CMD_KINDS : world->asked[world->asked_count - 1];
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
