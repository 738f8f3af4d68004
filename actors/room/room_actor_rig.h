/* room_actor_rig.h - for tests: a room as an actor over the real runtime and a store in memory, in
 * one thread; sessions, shards and the lobby only write down what they got. */
#ifndef VR_ROOM_ACTOR_RIG_H
#define VR_ROOM_ACTOR_RIG_H

#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "actors/room/room_actor.h"
#include "actors/room/room_kit.h"
#include "actors/runtime/env.h"
#include "actors/runtime/system.h"
#include "store/memory.h"
#include "store/personal.h"

#ifndef LOG_MAX
#define LOG_MAX 4096
#endif

/* One line per message that a session, a shard or the lobby got. */
struct node {
    struct vr_clock clock;
    vr_time_us now;
    struct vr_random_seeded random;
    struct vr_records *records;
    struct vr_personal *personal;
    struct vr_room_services services;
    struct vr_env env;
    struct vr_system *system;
    uint64_t epoch;
    bool shards_silent;     /* shards do not confirm gates */
    bool room_fails;        /* the room's handler, at its next message */
    bool sessions_dead;     /* sessions do not answer pings */
    uint32_t turn_messages; /* of the next start: most that an actor handles in a turn */
    enum vr_err (*route)(void *ctx, struct vr_msg *msg); /* likewise; NULL: all is here */
    char log[LOG_MAX][160];
    uint32_t lines;
    struct vr_answer *answers[64]; /* by question, NULL: none yet */
    enum vr_err errors[64];
    uint32_t asked;
};

static inline vr_time_us node_now(void *ctx)
{
    return ((struct node *)ctx)->now;
}

static inline vr_time_us node_wall(void *ctx)
{
    return ((struct node *)ctx)->now + VR_SECONDS(1800000000);
}

static inline enum vr_err take(void *ctx, struct vr_id room, uint64_t *epoch)
{
    struct node *node = ctx;

    (void)room;
    *epoch = ++node->epoch;
    return VR_OK;
}

static inline struct node *node_of(const struct vr_actor *actor)
{
    const struct vr_env *env = vr_system_context(vr_actor_system(actor));

    return env->room_services->ctx;
}

static inline char *new_line(struct node *node)
{
    assert_true(node->lines < LOG_MAX);
    return node->log[node->lines++];
}

static inline enum vr_err on_session(struct vr_actor *actor, void *state, struct vr_msg *msg,
                                     struct vr_why *why)
{
    struct node *node = node_of(actor);
    struct vr_msg pong = {.kind = VR_MSG_PONG};

    (void)state;
    (void)why;
    if (msg->kind == VR_MSG_PING) {
        if (!node->sessions_dead) {
            vr_reply(vr_actor_system(actor), msg, &pong);
        }
    } else if (msg->kind == VR_MSG_EVENT) {
        char type[40] = "";

        (void)sscanf(vr_blob_text(msg->as.event.json), "{\"type\":\"%39[^\"]", type);
        snprintf(new_line(node), 160, "session %d: %s %d%s", (int)vr_actor_address(actor).id.lo,
                 type, (int)msg->as.event.sequence, msg->as.event.last ? " last" : "");
    }
    return VR_OK;
}

static inline enum vr_err on_shard(struct vr_actor *actor, void *state, struct vr_msg *msg,
                                   struct vr_why *why)
{
    struct node *node = node_of(actor);
    int number = (int)vr_actor_address(actor).sub;

    (void)state;
    (void)why;
    if (msg->kind == VR_MSG_GATE) {
        struct vr_msg done = {.kind = VR_MSG_GATE_DONE};

        snprintf(new_line(node), 160, "shard %d: gate %u %s%s%s v%d", number,
                 msg->as.gate.participant, msg->as.gate.may_send ? "send" : "-",
                 msg->as.gate.may_hear ? " hear" : " -", msg->as.gate.gone ? " gone" : "",
                 (int)msg->as.gate.version);
        done.as.gate = msg->as.gate;
        if (!node->shards_silent && msg->from.kind == VR_ACTOR_ASK) {
            vr_reply(vr_actor_system(actor), msg, &done);
        }
    } else if (msg->kind == VR_MSG_SHARD_SET) {
        snprintf(new_line(node), 160, "shard %d: set of %u", number, msg->as.shard_set->count);
    } else if (msg->kind == VR_MSG_SHARD_CLOSE) {
        snprintf(new_line(node), 160, "shard %d: close", number);
    }
    return VR_OK;
}

static inline enum vr_err on_lobby(struct vr_actor *actor, void *state, struct vr_msg *msg,
                                   struct vr_why *why)
{
    struct node *node = node_of(actor);

    (void)state;
    (void)why;
    if (msg->kind == VR_MSG_SUMMARY) {
        snprintf(new_line(node), 160, "lobby: %u people %u speakers %u hands%s",
                 msg->as.summary.participants, msg->as.summary.speakers, msg->as.summary.hands,
                 msg->as.summary.live ? "" : " gone");
    }
    return VR_OK;
}

/* Events for another node's people. */
static inline enum vr_err on_replica(struct vr_actor *actor, void *state, struct vr_msg *msg,
                                     struct vr_why *why)
{
    struct node *node = node_of(actor);
    char type[40] = "";

    (void)state;
    (void)why;
    if (msg->kind == VR_MSG_EVENT) {
        (void)sscanf(vr_blob_text(msg->as.event.json), "{\"type\":\"%39[^\"]", type);
        snprintf(new_line(node), 160, "replica %u: %s for %d%s", vr_actor_address(actor).sub, type,
                 (int)msg->as.event.session.lo, msg->as.event.last ? " last" : "");
    } else if (msg->kind == VR_MSG_COMMAND) {
        snprintf(new_line(node), 160, "replica %u: command %s", vr_actor_address(actor).sub,
                 vr_command_name(msg->as.command->kind));
    }
    return VR_OK;
}

/* The real room, but for a failure that the test orders. */
static inline enum vr_err on_room(struct vr_actor *actor, void *state, struct vr_msg *msg,
                                  struct vr_why *why)
{
    struct node *node = node_of(actor);

    if (node->room_fails) {
        node->room_fails = false;
        return vr_fail(why, VR_E_INTERNAL, "ordered by the test");
    }
    return vr_room_class()->handle(actor, state, msg, why);
}

static inline const struct vr_actor_class *room_class(void)
{
    static struct vr_actor_class class;

    class = *vr_room_class();
    class.handle = on_room;
    return &class;
}

static const struct vr_actor_class session_class = {
    .kind = VR_ACTOR_SESSION, .name = "session", .worker = VR_WORKER_CONTROL, .handle = on_session};
static const struct vr_actor_class shard_class = {
    .kind = VR_ACTOR_SHARD, .name = "shard", .worker = VR_WORKER_MEDIA, .handle = on_shard};
static const struct vr_actor_class lobby_class = {
    .kind = VR_ACTOR_LOBBY, .name = "lobby", .worker = VR_WORKER_CONTROL, .handle = on_lobby};

static const struct vr_actor_class replica_class = {
    .kind = VR_ACTOR_REPLICA, .name = "replica", .worker = VR_WORKER_CONTROL, .handle = on_replica};

static inline const struct vr_actor_class *classify(void *ctx, const struct vr_address *address)
{
    (void)ctx;
    switch (address->kind) {
    case VR_ACTOR_ROOM:
        return room_class();
    case VR_ACTOR_SESSION:
        return &session_class;
    case VR_ACTOR_SHARD:
        return &shard_class;
    case VR_ACTOR_LOBBY:
        return &lobby_class;
    case VR_ACTOR_REPLICA:
        return &replica_class;
    case VR_ACTOR_NONE:
    case VR_ACTOR_ASK:
    case VR_ACTOR_CLUSTER:
    case VR_ACTOR_KINDS:
        break;
    }
    return NULL;
}

static inline void start(struct node *node)
{
    struct vr_system_conf conf = {
        .clock = &node->clock,
        .random = &node->random.random,
        .records = node->records,
        .node = 1,
        .control_workers = 1,
        .media_workers = 1,
        .turn_messages = node->turn_messages,
        .classify = classify,
        .route = node->route,
        .ctx = node,
        .node_context = &node->env,
    };
    uint8_t pepper[32] = {1, 2, 3};

    assert_int_equal(vr_personal_new(node->records, pepper, &node->personal), VR_OK);
    node->services =
        (struct vr_room_services){.personal = node->personal, .take = take, .ctx = node};
    assert_int_equal(vr_system_new(&conf, &node->system), VR_OK);
}

static inline void stop(struct node *node)
{
    vr_system_free(node->system);
    vr_personal_free(node->personal);
    node->system = NULL;
}

static inline struct node *node_new(void)
{
    struct node *node = calloc(1, sizeof(*node));

    node->now = VR_SECONDS(1000);
    node->clock = (struct vr_clock){node_now, node_wall, node};
    vr_random_seeded_init(&node->random, 11);
    node->env = (struct vr_env){
        .node = "test",
        .slots = 4,
        .capacity_max = 1000,
        .capacity_default = 100,
        .speaker_capacity_default = 10,
        .grace = VR_SECONDS(15),
        .idle = VR_SECONDS(60),
        .host_grace = VR_SECONDS(60),
        .chat_per_10s = 10,
        .reactions_per_10s = 20,
        .room_services = &node->services,
    };
    assert_int_equal(vr_memory_new(&node->records), VR_OK);
    vr_memory_set_immediate(node->records, true);
    start(node);
    return node;
}

static inline void node_free(struct node *node)
{
    stop(node);
    vr_memory_free(node->records);
    for (uint32_t i = 0; i < node->asked; i++) {
        vr_answer_free(node->answers[i]);
    }
    free(node);
}

/* Turn both workers until nothing is left to do at this moment. */
static inline void settle(struct node *node)
{
    struct vr_worker *control = vr_system_worker(node->system, VR_WORKER_CONTROL, 0);
    struct vr_worker *media = vr_system_worker(node->system, VR_WORKER_MEDIA, 0);
    struct vr_runtime_stats before;
    struct vr_runtime_stats after;

    do {
        vr_system_stats(node->system, &before);
        (void)vr_worker_turn(control, node->now);
        (void)vr_worker_turn(media, node->now);
        vr_system_stats(node->system, &after);
    } while (before.handled != after.handled || before.sent != after.sent);
}

static inline void pass(struct node *node, vr_time_us time)
{
    vr_time_us end = node->now + time;

    while (node->now < end) { /* in steps: what a timer does may arm the next one */
        node->now += end - node->now > VR_MS(100) ? VR_MS(100) : end - node->now;
        settle(node);
    }
}

struct question {
    struct node *node;
    uint32_t number;
};

static inline void on_answer(void *ctx, enum vr_err err, struct vr_msg *answer)
{
    struct question *question = ctx;
    struct node *node = question->node;

    if (err == VR_OK && answer->kind == VR_MSG_ANSWER) {
        node->answers[question->number] = answer->as.answer;
        err = answer->as.answer->err;
        answer->as.answer = NULL;
    }
    node->errors[question->number] = err;
    snprintf(new_line(node), 160, "answer %u: %s", question->number, vr_err_code(err));
    free(question);
}

/* Ask without waiting; the number of the question. Takes `cmd`. */
static inline uint32_t ask(struct node *node, struct vr_command *cmd)
{
    struct question *question = calloc(1, sizeof(*question));
    struct vr_msg msg = {.kind = VR_MSG_COMMAND, .to = vr_room_address(KIT_ROOM)};

    *question = (struct question){node, node->asked++};
    assert_true(node->asked < 64);
    msg.as.command = cmd;
    node->errors[question->number] = VR_ERR_COUNT;
    vr_ask(vr_system_worker(node->system, VR_WORKER_CONTROL, 0), &msg, VR_SECONDS(5), on_answer,
           question);
    return node->asked - 1;
}

static inline const struct vr_answer *say(struct node *node, struct vr_command *cmd)
{
    static const struct vr_answer none = {.err = VR_E_TIMEOUT};
    uint32_t number = ask(node, cmd);

    settle(node);
    return node->answers[number] != NULL ? node->answers[number] : &none;
}

static inline struct vr_command *by(enum vr_command_kind kind, const char *user,
                                    vr_participant_id participant, vr_participant_id target)
{
    struct vr_command *cmd = kit_command(kind, user);

    cmd->by.participant = participant;
    cmd->target = target;
    return cmd;
}

static inline struct vr_command *joining(const char *user, uint64_t session, uint32_t shard)
{
    struct vr_command *cmd = kit_command(VR_CMD_JOIN, user);

    cmd->session = vr_session_address((struct vr_id){0, session});
    cmd->shard = vr_shard_address(KIT_ROOM, shard);
    return cmd;
}

static inline void create(struct node *node)
{
    struct vr_command *cmd = kit_command(VR_CMD_CREATE, "ana");

    cmd->settings = kit_settings("a room");
    assert_int_equal(say(node, cmd)->err, VR_OK);
}

/* A room with Ana (host, session 1) and Ben (listener, session 2), both on shard 0. */
static inline void create_with_two(struct node *node)
{
    create(node);
    assert_int_equal(say(node, joining("ana", 1, 0))->participant, 1);
    assert_int_equal(say(node, joining("ben", 2, 0))->participant, 2);
}

static inline void clear_log(struct node *node)
{
    pass(node, VR_MS(1100)); /* the lobby hears once a second */
    node->lines = 0;
}

/* Place of the first line that begins so, from `from` on; -1: there is none. */
static inline int find(const struct node *node, const char *start, int from)
{
    for (int i = from; i < (int)node->lines; i++) {
        if (strncmp(node->log[i], start, strlen(start)) == 0) {
            return i;
        }
    }
    return -1;
}

static inline int find_last(const struct node *node, const char *start)
{
    int found = -1;

    for (int at = find(node, start, 0); at >= 0; at = find(node, start, at + 1)) {
        found = at;
    }
    return found;
}

static inline bool shows(struct node *node, enum vr_show want, const char *user, const char *part)
{
    struct vr_command *cmd = kit_command(VR_CMD_SHOW, user);
    const struct vr_answer *answer;

    cmd->want = want;
    answer = say(node, cmd);
    return answer->err == VR_OK && strstr(vr_blob_text(answer->body), part) != NULL;
}

#endif
