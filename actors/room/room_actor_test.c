/* Goal: a room as an actor, over the real runtime and a store in memory, in one thread: answers
 * only after the commit, events to sessions, gates to shards in the right order, and nothing half
 * done when a commit fails or the node dies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "actors/room/room_actor.h"
#include "actors/room/room_kit.h"
#include "actors/runtime/env.h"
#include "actors/runtime/system.h"
#include "store/memory.h"
#include "store/personal.h"

#define LOG_MAX 4096

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
    bool shards_silent; /* shards do not confirm gates */
    bool room_fails;    /* the room's handler, at its next message */
    bool sessions_dead; /* sessions do not answer pings */
    char log[LOG_MAX][160];
    uint32_t lines;
    struct vr_answer *answers[64]; /* by question, NULL: none yet */
    enum vr_err errors[64];
    uint32_t asked;
};

static vr_time_us node_now(void *ctx)
{
    return ((struct node *)ctx)->now;
}

static vr_time_us node_wall(void *ctx)
{
    return ((struct node *)ctx)->now + VR_SECONDS(1800000000);
}

static enum vr_err take(void *ctx, struct vr_id room, uint64_t *epoch)
{
    struct node *node = ctx;

    (void)room;
    *epoch = ++node->epoch;
    return VR_OK;
}

static struct node *node_of(const struct vr_actor *actor)
{
    const struct vr_env *env = vr_system_context(vr_actor_system(actor));

    return env->room_services->ctx;
}

static char *new_line(struct node *node)
{
    assert_true(node->lines < LOG_MAX);
    return node->log[node->lines++];
}

static enum vr_err on_session(struct vr_actor *actor, void *state, struct vr_msg *msg,
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

static enum vr_err on_shard(struct vr_actor *actor, void *state, struct vr_msg *msg,
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

static enum vr_err on_lobby(struct vr_actor *actor, void *state, struct vr_msg *msg,
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

/* The real room, but for a failure that the test orders. */
static enum vr_err on_room(struct vr_actor *actor, void *state, struct vr_msg *msg,
                           struct vr_why *why)
{
    struct node *node = node_of(actor);

    if (node->room_fails) {
        node->room_fails = false;
        return vr_fail(why, VR_E_INTERNAL, "ordered by the test");
    }
    return vr_room_class()->handle(actor, state, msg, why);
}

static const struct vr_actor_class *room_class(void)
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

static const struct vr_actor_class *classify(void *ctx, const struct vr_address *address)
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
    case VR_ACTOR_NONE:
    case VR_ACTOR_ASK:
    case VR_ACTOR_KINDS:
        break;
    }
    return NULL;
}

static void start(struct node *node)
{
    struct vr_system_conf conf = {
        .clock = &node->clock,
        .random = &node->random.random,
        .records = node->records,
        .node = 1,
        .control_workers = 1,
        .media_workers = 1,
        .classify = classify,
        .node_context = &node->env,
    };
    uint8_t pepper[32] = {1, 2, 3};

    assert_int_equal(vr_personal_new(node->records, pepper, &node->personal), VR_OK);
    node->services = (struct vr_room_services){node->personal, take, node};
    assert_int_equal(vr_system_new(&conf, &node->system), VR_OK);
}

static void stop(struct node *node)
{
    vr_system_free(node->system);
    vr_personal_free(node->personal);
    node->system = NULL;
}

static struct node *node_new(void)
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

static void node_free(struct node *node)
{
    stop(node);
    vr_memory_free(node->records);
    for (uint32_t i = 0; i < node->asked; i++) {
        vr_answer_free(node->answers[i]);
    }
    free(node);
}

/* Turn both workers until nothing is left to do at this moment. */
static void settle(struct node *node)
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

static void pass(struct node *node, vr_time_us time)
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

static void on_answer(void *ctx, enum vr_err err, struct vr_msg *answer)
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
static uint32_t ask(struct node *node, struct vr_command *cmd)
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

static const struct vr_answer *say(struct node *node, struct vr_command *cmd)
{
    static const struct vr_answer none = {.err = VR_E_TIMEOUT};
    uint32_t number = ask(node, cmd);

    settle(node);
    return node->answers[number] != NULL ? node->answers[number] : &none;
}

static struct vr_command *by(enum vr_command_kind kind, const char *user,
                             vr_participant_id participant, vr_participant_id target)
{
    struct vr_command *cmd = kit_command(kind, user);

    cmd->by.participant = participant;
    cmd->target = target;
    return cmd;
}

static struct vr_command *joining(const char *user, uint64_t session, uint32_t shard)
{
    struct vr_command *cmd = kit_command(VR_CMD_JOIN, user);

    cmd->session = vr_session_address((struct vr_id){0, session});
    cmd->shard = vr_shard_address(KIT_ROOM, shard);
    return cmd;
}

static void create(struct node *node)
{
    struct vr_command *cmd = kit_command(VR_CMD_CREATE, "ana");

    cmd->settings = kit_settings("a room");
    assert_int_equal(say(node, cmd)->err, VR_OK);
}

/* A room with Ana (host, session 1) and Ben (listener, session 2), both on shard 0. */
static void create_with_two(struct node *node)
{
    create(node);
    assert_int_equal(say(node, joining("ana", 1, 0))->participant, 1);
    assert_int_equal(say(node, joining("ben", 2, 0))->participant, 2);
}

static void clear_log(struct node *node)
{
    pass(node, VR_MS(1100)); /* the lobby hears once a second */
    node->lines = 0;
}

/* Place of the first line that begins so, from `from` on; -1: there is none. */
static int find(const struct node *node, const char *start, int from)
{
    for (int i = from; i < (int)node->lines; i++) {
        if (strncmp(node->log[i], start, strlen(start)) == 0) {
            return i;
        }
    }
    return -1;
}

static int find_last(const struct node *node, const char *start)
{
    int found = -1;

    for (int at = find(node, start, 0); at >= 0; at = find(node, start, at + 1)) {
        found = at;
    }
    return found;
}

static bool shows(struct node *node, enum vr_show want, const char *user, const char *part)
{
    struct vr_command *cmd = kit_command(VR_CMD_SHOW, user);
    const struct vr_answer *answer;

    cmd->want = want;
    answer = say(node, cmd);
    return answer->err == VR_OK && strstr(vr_blob_text(answer->body), part) != NULL;
}

static void test_nothing_there(void **state)
{
    struct node *node = node_new();
    struct vr_runtime_stats stats;

    (void)state;
    assert_int_equal(say(node, joining("ben", 2, 0))->err, VR_E_NOT_FOUND);
    settle(node);
    vr_system_stats(node->system, &stats);
    assert_int_equal(stats.actors[VR_ACTOR_ROOM], 0);
    assert_int_equal(node->epoch, 0); /* a stranger's id takes nothing */
    node_free(node);
}

static void test_join_and_events(void **state)
{
    struct node *node = node_new();
    const struct vr_answer *answer;

    (void)state;
    create(node);
    answer = say(node, joining("ana", 1, 0));
    assert_int_equal(answer->err, VR_OK);
    assert_int_equal(answer->role, VR_ROLE_HOST);
    assert_int_equal(answer->generation, 1);
    assert_non_null(strstr(vr_blob_text(answer->body), "\"name of ana\""));
    clear_log(node);
    assert_int_equal(say(node, joining("ben", 2, 1))->err, VR_OK);
    /* The new shard knows set and gates before the answer; the others hear after it. */
    assert_true(find(node, "shard 1: set of 2", 0) >= 0);
    assert_true(find(node, "shard 1: gate 1 send hear", 0) >= 0);
    assert_true(find(node, "shard 1: gate 2 - hear", 0) >= 0);
    assert_true(find(node, "session 1: room:participant-joined", 0) >= 0);
    assert_int_equal(find(node, "session 2:", 0), -1);
    pass(node, VR_SECONDS(2));
    assert_true(find(node, "lobby: 2 people 1 speakers 0 hands", 0) >= 0);
    assert_true(find(node, "session 2: room:digest", 0) >= 0);
    node_free(node);
}

static void test_answer_after_commit(void **state)
{
    struct node *node = node_new();
    uint32_t mute;
    uint32_t chat;
    struct vr_command *cmd;

    (void)state;
    create_with_two(node);
    clear_log(node);
    vr_memory_set_immediate(node->records, false);
    mute = ask(node, by(VR_CMD_MUTE, "ana", 1, 2));
    cmd = by(VR_CMD_CHAT, "ben", 2, 0);
    kit_text(cmd, "hello");
    chat = ask(node, cmd);
    settle(node);
    /* The gate closes at once; answer and event wait, and the chat after them does not overtake. */
    assert_true(find(node, "shard 0: gate 2 - hear", 0) >= 0);
    assert_null(node->answers[mute]);
    assert_null(node->answers[chat]);
    assert_int_equal(find(node, "session", 0), -1);
    assert_true(vr_memory_step(node->records, VR_OK));
    settle(node);
    assert_int_equal(node->errors[mute], VR_OK);
    assert_int_equal(node->errors[chat], VR_OK);
    assert_true(find(node, "session 1: room:muted", 0) < find(node, "session 1: room:chat", 0));
    node_free(node);
}

static void test_opening_waits_for_commit(void **state)
{
    struct node *node = node_new();
    uint32_t promote;

    (void)state;
    create_with_two(node);
    assert_int_equal(say(node, by(VR_CMD_HAND_RAISE, "ben", 2, 0))->err, VR_OK);
    clear_log(node);
    vr_memory_set_immediate(node->records, false);
    promote = ask(node, by(VR_CMD_PROMOTE, "ana", 1, 2));
    settle(node);
    assert_int_equal(find(node, "shard 0: gate 2 send", 0), -1);
    assert_true(vr_memory_step(node->records, VR_OK));
    settle(node);
    assert_int_equal(node->errors[promote], VR_OK);
    assert_true(find(node, "shard 0: gate 2 send", 0) >= 0);
    assert_true(find(node, "session 2: room:role-changed", 0) >= 0);
    node_free(node);
}

static void test_failed_commit(void **state)
{
    struct node *node = node_new();
    uint32_t first;
    uint32_t second;

    (void)state;
    create_with_two(node);
    assert_int_equal(say(node, by(VR_CMD_HAND_RAISE, "ben", 2, 0))->err, VR_OK);
    clear_log(node);
    vr_memory_set_immediate(node->records, false);
    first = ask(node, by(VR_CMD_PROMOTE, "ana", 1, 2));
    second = ask(node, by(VR_CMD_MUTE, "ana", 1, 2));
    settle(node);
    assert_true(vr_memory_step(node->records, VR_E_FULL));
    settle(node);
    assert_int_equal(node->errors[first], VR_E_FULL);
    assert_int_equal(node->errors[second], VR_E_FULL); /* it stood on what did not happen */
    while (vr_memory_step(node->records, VR_OK)) {
        settle(node);
    }
    settle(node);
    vr_memory_set_immediate(node->records, true);
    /* As before: hand up, not muted, everybody is told the whole state, and nobody is reconnecting.
     */
    assert_true(find(node, "session 1: room:state", 0) >= 0);
    assert_true(find(node, "session 2: room:state", 0) >= 0);
    assert_int_equal(find(node, "session 2: room:role-changed", 0), -1);
    assert_true(shows(node, VR_SHOW_PARTICIPANTS, "ana",
                      "\"role\":\"listener\",\"creator\":false,\"guest\":false,\"muted\":false"));
    assert_true(shows(node, VR_SHOW_HANDS, "ana", "\"participant\":2"));
    assert_false(shows(node, VR_SHOW_PARTICIPANTS, "ana", "reconnecting"));
    assert_int_equal(say(node, by(VR_CMD_PROMOTE, "ana", 1, 2))->err, VR_OK);
    assert_true(find(node, "shard 0: gate 2 send hear", 0) >= 0);
    node_free(node);
}

/* Supervision: within 50 ms the room is back from the store, sessions see its state, nobody was
 * away; whoever waited for an answer has one. */
static void test_restart_by_supervision(void **state)
{
    struct node *node = node_new();
    uint32_t failing;

    (void)state;
    create_with_two(node);
    assert_int_equal(say(node, by(VR_CMD_HAND_RAISE, "ben", 2, 0))->err, VR_OK);
    clear_log(node);
    node->room_fails = true;
    failing = ask(node, by(VR_CMD_MUTE, "ana", 1, 2));
    settle(node);
    assert_int_not_equal(node->errors[failing], VR_ERR_COUNT);
    assert_int_not_equal(node->errors[failing], VR_OK);
    pass(node, VR_MS(50));
    assert_true(find(node, "session 1: room:state", 0) >= 0);
    assert_true(find(node, "session 2: room:state", 0) >= 0);
    assert_true(find(node, "shard 0: gate 1 send hear", 0) >= 0);
    assert_int_equal(find(node, "shard 0: close", 0), -1); /* media goes on */
    assert_false(shows(node, VR_SHOW_PARTICIPANTS, "ana", "reconnecting"));
    assert_true(shows(node, VR_SHOW_HANDS, "ana", "\"participant\":2"));
    assert_int_equal(say(node, by(VR_CMD_PROMOTE, "ana", 1, 2))->err, VR_OK);
    node_free(node);
}

/* It fails between a mute and its commit: the mute is answered, and whether it holds is the same
 * for the store, for whoever asks, and for the gate. */
static void test_restart_between_step_and_commit(void **state)
{
    struct node *node = node_new();
    uint32_t mute;
    uint32_t failing;
    int shut;

    (void)state;
    create_with_two(node);
    assert_int_equal(say(node, by(VR_CMD_HAND_RAISE, "ben", 2, 0))->err, VR_OK);
    assert_int_equal(say(node, by(VR_CMD_PROMOTE, "ana", 1, 2))->err, VR_OK);
    clear_log(node);
    vr_memory_set_immediate(node->records, false);
    mute = ask(node, by(VR_CMD_MUTE, "ana", 1, 2));
    settle(node);
    assert_true(find(node, "shard 0: gate 2 - hear", 0) >= 0);
    node->room_fails = true;
    failing = ask(node, by(VR_CMD_LOCK, "ana", 1, 0));
    settle(node);
    assert_int_equal(node->errors[mute], VR_E_INTERNAL);
    assert_int_not_equal(node->errors[failing], VR_OK);
    pass(node, VR_MS(50));
    while (vr_memory_step(node->records, VR_OK)) { /* of the life before: it lands all the same */
        settle(node);
    }
    vr_memory_set_immediate(node->records, true);
    pass(node, VR_SECONDS(1));
    assert_true(shows(node, VR_SHOW_PARTICIPANTS, "ana", "\"muted_by_moderator\":true"));
    shut = find_last(node, "shard 0: gate 2 - hear");
    assert_true(shut > find_last(node, "shard 0: gate 2 send hear"));
    assert_true(find(node, "session 2: room:state", shut) >= 0);
    assert_int_equal(say(node, by(VR_CMD_UNMUTE, "ana", 1, 2))->err, VR_OK);
    assert_int_equal(say(node, by(VR_CMD_MUTE, "ana", 1, 2))->err, VR_OK);
    stop(node);
    start(node);
    assert_true(shows(node, VR_SHOW_PARTICIPANTS, "ana", "\"muted_by_moderator\":true"));
    node_free(node);
}

static void test_disk_full_reads_go_on(void **state)
{
    struct node *node = node_new();
    uint32_t kick;

    (void)state;
    create_with_two(node);
    vr_memory_set_immediate(node->records, false);
    kick = ask(node, by(VR_CMD_KICK, "ana", 1, 2));
    settle(node);
    assert_true(vr_memory_step(node->records, VR_E_FULL));
    settle(node);
    assert_int_equal(node->errors[kick], VR_E_FULL);
    assert_true(shows(node, VR_SHOW_PARTICIPANTS, "ana", "name of ben"));
    vr_memory_set_immediate(node->records, true);
    assert_int_equal(say(node, by(VR_CMD_KICK, "ana", 1, 2))->err, VR_OK);
    assert_true(find(node, "session 2: room:kicked", 0) >= 0);
    assert_true(shows(node, VR_SHOW_AUDIT, "ana", "\"act\":\"room:kick\""));
    assert_true(shows(node, VR_SHOW_AUDIT, "ana", "\"target\":\"name of ben\""));
    node_free(node);
}

static void test_silent_shard_is_named(void **state)
{
    struct node *node = node_new();
    uint32_t mute;

    (void)state;
    create_with_two(node);
    node->shards_silent = true;
    mute = ask(node, by(VR_CMD_MUTE, "ana", 1, 2));
    settle(node);
    assert_null(node->answers[mute]);
    pass(node, VR_MS(310));
    assert_int_equal(node->errors[mute], VR_OK);
    assert_non_null(strstr(node->answers[mute]->why, "1 shards have not confirmed"));
    node_free(node);
}

/* kill -9: what was answered is there, people come back to their places. */
static void test_crash_and_return(void **state)
{
    struct node *node = node_new();
    struct vr_command *cmd;
    const struct vr_answer *answer;
    uint32_t lost;

    (void)state;
    create_with_two(node);
    assert_int_equal(say(node, joining("eve", 3, 0))->participant, 3);
    assert_int_equal(say(node, by(VR_CMD_HAND_RAISE, "ben", 2, 0))->err, VR_OK);
    assert_int_equal(say(node, by(VR_CMD_MUTE, "ana", 1, 2))->err, VR_OK);
    assert_int_equal(say(node, by(VR_CMD_BAN, "ana", 1, 3))->err, VR_OK);
    vr_memory_set_immediate(node->records, false);
    cmd = by(VR_CMD_LOCK, "ana", 1, 0);
    cmd->flag = true;
    lost = ask(node, cmd); /* never committed */
    settle(node);
    assert_true(
        vr_memory_step(node->records, VR_E_GONE)); /* it never lands, and nobody hears of it */
    stop(node);
    vr_memory_set_immediate(node->records, true);
    assert_int_not_equal(node->errors[lost], VR_OK);
    node->sessions_dead = true;
    node->now += VR_SECONDS(3);
    start(node);
    assert_true(shows(node, VR_SHOW_HANDS, "ana", "\"participant\":2"));
    assert_true(shows(node, VR_SHOW_PARTICIPANTS, "ana", "\"muted_by_moderator\":true"));
    assert_true(shows(node, VR_SHOW_BANS, "ana", "\"user\":\"eve\""));
    assert_true(shows(node, VR_SHOW_STATE, "ana", "\"locked\":false"));
    assert_int_equal(say(node, joining("eve", 4, 0))->err, VR_E_BANNED);
    cmd = kit_command(VR_CMD_RESUME, "ben");
    cmd->by.participant = 2;
    cmd->by.generation = 1;
    cmd->session = vr_session_address((struct vr_id){0, 12});
    cmd->shard = vr_shard_address(KIT_ROOM, 0);
    answer = say(node, cmd);
    assert_int_equal(answer->err, VR_OK);
    assert_int_equal(answer->participant, 2);
    assert_int_equal(answer->generation, 2);
    assert_true(answer->muted_by_moderator);
    assert_true(answer->epoch > 1);
    assert_non_null(strstr(vr_blob_text(answer->body), "\"hand\":{\"position\":1"));
    pass(node, VR_SECONDS(20)); /* Ana does not come: her place is given up after the grace time */
    assert_true(find(node, "session 12: room:participant-left", 0) >= 0);
    assert_false(shows(node, VR_SHOW_PARTICIPANTS, "", "name of ana"));
    node_free(node);
}

/* The room alone is restarted: sessions that answer were never away. */
static void test_sessions_outlive_the_room(void **state)
{
    struct node *node = node_new();

    (void)state;
    create_with_two(node);
    stop(node);
    start(node);
    node->lines = 0;
    assert_true(shows(node, VR_SHOW_PARTICIPANTS, "ana", "name of ben"));
    settle(node);
    assert_true(find(node, "session 2: room:state", 0) >= 0);
    pass(node, VR_SECONDS(30));
    assert_true(shows(node, VR_SHOW_PARTICIPANTS, "ana", "name of ben"));
    assert_false(shows(node, VR_SHOW_PARTICIPANTS, "ana", "reconnecting"));
    node_free(node);
}

static void test_repeat_after_restart(void **state)
{
    struct node *node = node_new();
    struct vr_id id = {5, 5};
    struct vr_command *cmd;

    (void)state;
    create_with_two(node);
    cmd = by(VR_CMD_BAN, "ana", 1, 2);
    cmd->id = id;
    assert_int_equal(say(node, cmd)->err, VR_OK);
    stop(node);
    start(node);
    cmd = by(VR_CMD_BAN, "ana", 1, 2);
    cmd->id = id;
    assert_int_equal(say(node, cmd)->err, VR_OK);
    cmd = kit_command(VR_CMD_SHOW, "ana");
    cmd->want = VR_SHOW_AUDIT;
    {
        const char *entries = vr_blob_text(say(node, cmd)->body);
        const char *first = strstr(entries, "room:ban");

        assert_non_null(first);
        assert_null(strstr(first + 1, "room:ban")); /* one effect, one entry */
    }
    node_free(node);
}

static void test_end_and_delete(void **state)
{
    struct node *node = node_new();
    struct vr_command *cmd;

    (void)state;
    create_with_two(node);
    clear_log(node);
    cmd = by(VR_CMD_END, "ana", 1, 0);
    kit_text(cmd, "that is all");
    assert_int_equal(say(node, cmd)->err, VR_OK);
    assert_true(find(node, "session 1: room:ended", 0) >= 0);
    assert_non_null(strstr(node->log[find(node, "session 2: room:ended", 0)], " last"));
    assert_true(find(node, "shard 0: close", 0) >= 0);
    assert_true(find(node, "lobby: 0 people 0 speakers 0 hands gone", 0) >= 0);
    assert_int_equal(say(node, joining("ben", 5, 0))->err, VR_E_GONE);
    assert_true(shows(node, VR_SHOW_ANALYTICS, "ana", "\"unique\":2,\"peak\":2"));
    assert_int_equal(say(node, kit_command(VR_CMD_DELETE, "ben"))->err, VR_E_FORBIDDEN);
    assert_int_equal(say(node, kit_command(VR_CMD_DELETE, "ana"))->err, VR_OK);
    assert_int_equal(say(node, kit_command(VR_CMD_SHOW, "ana"))->err, VR_E_NOT_FOUND);
    node_free(node);
}

static void test_sleep_and_wake(void **state)
{
    struct node *node = node_new();
    struct vr_runtime_stats stats;

    (void)state;
    create_with_two(node);
    assert_int_equal(say(node, by(VR_CMD_LEAVE, "ana", 1, 0))->err, VR_OK);
    assert_int_equal(say(node, by(VR_CMD_LEAVE, "ben", 2, 0))->err, VR_OK);
    assert_true(find(node, "shard 0: close", 0) >= 0);
    pass(node, VR_SECONDS(62));
    vr_system_stats(node->system, &stats);
    assert_int_equal(stats.actors[VR_ACTOR_ROOM], 0);
    assert_int_equal(say(node, joining("ana", 7, 0))->role, VR_ROLE_HOST);
    node_free(node);
}

/* A mute overtakes the join that it follows on the way to a shard which nobody knew before. */
static void test_mute_of_one_who_is_joining(void **state)
{
    struct node *node = node_new();
    struct vr_command *cmd = joining("ben", 2, 1);
    uint32_t join;
    uint32_t mute;
    int last = -1;

    (void)state;
    create(node);
    assert_int_equal(say(node, joining("ana", 1, 0))->participant, 1);
    vr_memory_set_immediate(node->records, false);
    cmd->by.granted = VR_ROLE_SPEAKER;
    join = ask(node, cmd);
    mute = ask(node, by(VR_CMD_MUTE, "ana", 1, 2));
    settle(node);
    assert_int_equal(find(node, "shard 1:", 0), -1);
    while (vr_memory_step(node->records, VR_OK)) {
        settle(node);
    }
    assert_int_equal(node->errors[join], VR_OK);
    assert_int_equal(node->errors[mute], VR_OK);
    for (int at = find(node, "shard 1: gate 2", 0); at >= 0;
         at = find(node, "shard 1: gate 2", at + 1)) {
        last = at;
    }
    assert_non_null(strstr(node->log[last], "gate 2 - hear v2"));
    node_free(node);
}

static void test_drain(void **state)
{
    struct node *node = node_new();
    struct vr_msg drain = {.kind = VR_MSG_DRAIN, .to = vr_room_address(KIT_ROOM)};
    struct vr_command *cmd;
    uint32_t late;

    (void)state;
    create_with_two(node);
    cmd = by(VR_CMD_CHAT, "ben", 2, 0);
    kit_text(cmd, "counted");
    assert_int_equal(say(node, cmd)->err, VR_OK);
    vr_memory_set_immediate(node->records, false);
    assert_int_equal(vr_system_send(node->system, &drain), VR_OK);
    late = ask(node, by(VR_CMD_MUTE, "ana", 1, 2));
    settle(node);
    assert_int_equal(node->errors[late], VR_E_DRAINING);
    assert_true(vr_memory_step(node->records, VR_OK));
    settle(node);
    stop(node);
    vr_memory_set_immediate(node->records, true);
    start(node);
    assert_true(shows(node, VR_SHOW_ANALYTICS, "ana", "\"chats\":1"));
    node_free(node);
}

static void test_speakers(void **state)
{
    struct node *node = node_new();
    struct vr_msg msg = {.kind = VR_MSG_SPEAKERS,
                         .to = vr_room_address(KIT_ROOM),
                         .from = vr_shard_address(KIT_ROOM, 0)};

    (void)state;
    create_with_two(node);
    clear_log(node);
    msg.as.speakers.count = 1;
    msg.as.speakers.items[0] = (struct vr_speaker){1, 2500, 30, true};
    assert_int_equal(vr_system_send(node->system, &msg), VR_OK);
    settle(node);
    assert_true(find(node, "session 2: room:active-speakers", 0) >= 0);
    assert_true(shows(node, VR_SHOW_ANALYTICS, "ana", "\"spoke_s\":2.5"));
    node->lines = 0;
    pass(node, VR_SECONDS(3)); /* the shard says nothing more: nobody speaks */
    assert_true(find(node, "session 2: room:active-speakers", 0) >= 0);
    node_free(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_there),
        cmocka_unit_test(test_join_and_events),
        cmocka_unit_test(test_answer_after_commit),
        cmocka_unit_test(test_opening_waits_for_commit),
        cmocka_unit_test(test_failed_commit),
        cmocka_unit_test(test_restart_by_supervision),
        cmocka_unit_test(test_restart_between_step_and_commit),
        cmocka_unit_test(test_disk_full_reads_go_on),
        cmocka_unit_test(test_silent_shard_is_named),
        cmocka_unit_test(test_crash_and_return),
        cmocka_unit_test(test_sessions_outlive_the_room),
        cmocka_unit_test(test_repeat_after_restart),
        cmocka_unit_test(test_end_and_delete),
        cmocka_unit_test(test_sleep_and_wake),
        cmocka_unit_test(test_mute_of_one_who_is_joining),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_speakers),
    };

    vr_log_set_level(VR_LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
