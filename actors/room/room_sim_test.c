/* Goal: a room's life over two simulated nodes, run twice under one seed, leaves the same trace
 * byte for byte; and a crash of the owner in the middle changes nothing that was answered. The room
 * lives on node 1, sessions and a shard on node 2: every command, answer, event and gate goes
 * through its envelope. */
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
#include "actors/runtime/sim.h"
#include "store/personal.h"

#define PEOPLE 6
#define STEPS 120

static const char *const users[PEOPLE] = {"ana", "ben", "cleo", "dan", "eva", "fay"};

struct life {
    struct vr_sim *sim;
    struct vr_sim_node *owner;
    struct vr_sim_node *edge;
    struct vr_personal *personal;
    struct vr_room_services services;
    struct vr_env env;
    uint64_t epoch;
    struct {
        vr_participant_id id;
        uint32_t generation;
    } who[PEOPLE];
    uint32_t waiting;
    uint32_t sessions;
    uint32_t fine;
    uint32_t refused;
    char people[4096]; /* what SHOW said last */
};

static enum vr_err take(void *ctx, struct vr_id room, uint64_t *epoch)
{
    struct life *life = ctx;

    (void)room;
    *epoch = ++life->epoch;
    return VR_OK;
}

static struct life *life_of(const struct vr_actor *actor)
{
    const struct vr_env *env = vr_system_context(vr_actor_system(actor));

    return env->room_services->ctx;
}

static enum vr_err on_session(struct vr_actor *actor, void *state, struct vr_msg *msg,
                              struct vr_why *why)
{
    struct life *life = life_of(actor);
    struct vr_msg pong = {.kind = VR_MSG_PONG};
    char type[40] = "";

    (void)state;
    (void)why;
    if (msg->kind == VR_MSG_PING) {
        vr_reply(vr_actor_system(actor), msg, &pong);
    } else if (msg->kind == VR_MSG_EVENT) {
        (void)sscanf(vr_blob_text(msg->as.event.json), "{\"type\":\"%39[^\"]", type);
        vr_sim_trace(life->sim, "session %d %s %d%s", (int)vr_actor_address(actor).id.lo, type,
                     (int)msg->as.event.sequence, msg->as.event.last ? " last" : "");
    }
    return VR_OK;
}

static enum vr_err on_shard(struct vr_actor *actor, void *state, struct vr_msg *msg,
                            struct vr_why *why)
{
    struct life *life = life_of(actor);
    struct vr_msg done = {.kind = VR_MSG_GATE_DONE};

    (void)state;
    (void)why;
    if (msg->kind == VR_MSG_GATE) {
        vr_sim_trace(life->sim, "shard gate %u v%d %s", msg->as.gate.participant,
                     (int)msg->as.gate.version, msg->as.gate.may_send ? "open" : "shut");
        done.as.gate = msg->as.gate;
        if (msg->from.kind == VR_ACTOR_ASK) {
            vr_reply(vr_actor_system(actor), msg, &done);
        }
    }
    return VR_OK;
}

static enum vr_err on_lobby(struct vr_actor *actor, void *state, struct vr_msg *msg,
                            struct vr_why *why)
{
    (void)actor;
    (void)state;
    (void)msg;
    (void)why;
    return VR_OK;
}

static const struct vr_actor_class *classify(void *ctx, const struct vr_address *address)
{
    static const struct vr_actor_class session = {.kind = VR_ACTOR_SESSION,
                                                  .name = "session",
                                                  .worker = VR_WORKER_CONTROL,
                                                  .handle = on_session};
    static const struct vr_actor_class shard = {
        .kind = VR_ACTOR_SHARD, .name = "shard", .worker = VR_WORKER_MEDIA, .handle = on_shard};
    static const struct vr_actor_class lobby = {
        .kind = VR_ACTOR_LOBBY, .name = "lobby", .worker = VR_WORKER_CONTROL, .handle = on_lobby};

    (void)ctx;
    return address->kind == VR_ACTOR_ROOM      ? vr_room_class()
           : address->kind == VR_ACTOR_SESSION ? &session
           : address->kind == VR_ACTOR_SHARD   ? &shard
           : address->kind == VR_ACTOR_LOBBY   ? &lobby
                                               : NULL;
}

static uint32_t locate(void *ctx, const struct vr_address *address)
{
    (void)ctx;
    return address->kind == VR_ACTOR_ROOM || address->kind == VR_ACTOR_LOBBY ? 1 : 2;
}

static void start_node(struct life *life, struct vr_sim_node *node)
{
    struct vr_sim_node_conf conf = {
        .classify = classify, .locate = locate, .node_context = &life->env};

    assert_int_equal(vr_sim_start(node, &conf), VR_OK);
}

static struct life *life_new(uint64_t seed)
{
    struct life *life = calloc(1, sizeof(*life));
    uint8_t pepper[32] = {4, 5, 6};

    life->sim = vr_sim_new(seed);
    vr_sim_trace_all(life->sim, true);
    life->owner = vr_sim_add_node(life->sim, "a");
    life->edge = vr_sim_add_node(life->sim, "b");
    assert_int_equal(vr_personal_new(vr_sim_node_records(life->owner), pepper, &life->personal),
                     VR_OK);
    life->services =
        (struct vr_room_services){.personal = life->personal, .take = take, .ctx = life};
    life->env = (struct vr_env){
        .capacity_max = 1000,
        .capacity_default = 4,
        .speaker_capacity_default = 3,
        .grace = VR_SECONDS(15),
        .idle = VR_SECONDS(60),
        .host_grace = VR_SECONDS(20),
        .chat_per_10s = 10,
        .reactions_per_10s = 20,
        .room_services = &life->services,
    };
    start_node(life, life->owner);
    start_node(life, life->edge);
    return life;
}

static void life_free(struct life *life)
{
    vr_sim_free(life->sim);
    vr_personal_free(life->personal);
    free(life);
}

struct question {
    struct life *life;
    uint32_t who;
    enum vr_command_kind kind;
};

static void on_answer(void *ctx, enum vr_err err, struct vr_msg *msg)
{
    struct question *question = ctx;
    struct life *life = question->life;
    const struct vr_answer *answer = err == VR_OK ? msg->as.answer : NULL;

    if (answer != NULL) {
        err = answer->err;
    }
    if (answer != NULL && err == VR_OK && answer->participant != 0) {
        life->who[question->who].id = answer->participant;
        life->who[question->who].generation = answer->generation;
    }
    if (answer != NULL && err == VR_OK && question->kind == VR_CMD_SHOW) {
        snprintf(life->people, sizeof(life->people), "%s", vr_blob_text(answer->body));
    }
    life->fine += err == VR_OK ? 1 : 0;
    life->refused += err == VR_OK ? 0 : 1;
    life->waiting--;
    vr_sim_trace(life->sim, "%s %s: %s, sequence %d", users[question->who],
                 vr_command_name(question->kind), vr_err_code(err),
                 answer == NULL ? 0 : (int)answer->sequence);
    free(question);
}

static void ask(struct life *life, uint32_t who, struct vr_command *cmd)
{
    struct question *question = calloc(1, sizeof(*question));
    struct vr_msg msg = {.kind = VR_MSG_COMMAND, .to = vr_room_address(KIT_ROOM)};

    *question = (struct question){life, who, cmd->kind};
    life->waiting++;
    msg.as.command = cmd;
    vr_ask(vr_system_worker(vr_sim_node_system(life->edge), VR_WORKER_CONTROL, 0), &msg,
           VR_SECONDS(5), on_answer, question);
}

static bool all_answered(void *ctx)
{
    return ((struct life *)ctx)->waiting == 0;
}

static void wait_all(struct life *life)
{
    assert_true(vr_sim_run_until(life->sim, all_answered, life, VR_SECONDS(10)));
}

static struct vr_command *random_command(struct life *life, uint32_t who)
{
    /* clang-format off */
    static const enum vr_command_kind kinds[] = {
        VR_CMD_JOIN, VR_CMD_JOIN, VR_CMD_RESUME, VR_CMD_LEAVE, VR_CMD_LOST, VR_CMD_HAND_RAISE,
        VR_CMD_HAND_RAISE, VR_CMD_PROMOTE, VR_CMD_PROMOTE, VR_CMD_MUTE, VR_CMD_UNMUTE,
        VR_CMD_DEMOTE, VR_CMD_KICK, VR_CMD_CHAT, VR_CMD_REACTION, VR_CMD_MUTE_ALL,
        VR_CMD_MAKE_MODERATOR,
    };
    /* clang-format on */
    const struct vr_random *random = vr_sim_random(life->sim);
    enum vr_command_kind kind = kinds[vr_random_below(random, sizeof(kinds) / sizeof(kinds[0]))];
    struct vr_command *cmd = kit_command(kind, users[who]);

    if (kind == VR_CMD_JOIN || kind == VR_CMD_RESUME) {
        cmd->session = vr_session_address((struct vr_id){0, ++life->sessions});
        cmd->shard = vr_shard_address(KIT_ROOM, 0);
    }
    if (kind != VR_CMD_JOIN) {
        cmd->by.participant = life->who[who].id;
        cmd->by.generation = life->who[who].generation;
        cmd->target =
            vr_random_below(random, 3) == 0 ? 0 : life->who[vr_random_below(random, PEOPLE)].id;
    }
    cmd->id = vr_random_id(random);
    kit_text(cmd, "text");
    return cmd;
}

static void create(struct life *life)
{
    struct vr_command *cmd = kit_command(VR_CMD_CREATE, "ana");

    cmd->settings = kit_settings("a room");
    ask(life, 0, cmd);
    wait_all(life);
}

static void show(struct life *life)
{
    struct vr_command *cmd = kit_command(VR_CMD_SHOW, "ana");

    cmd->want = VR_SHOW_PARTICIPANTS;
    ask(life, 0, cmd);
    wait_all(life);
}

/* A crowd that does not wait for answers; the trace is the caller's to free. */
static char *live(uint64_t seed, bool crash)
{
    struct life *life = life_new(seed);
    char before[sizeof(life->people)];
    char *trace;

    create(life);
    for (int i = 0; i < STEPS; i++) {
        uint32_t who = (uint32_t)vr_random_below(vr_sim_random(life->sim), PEOPLE);

        ask(life, who, random_command(life, who));
        (void)vr_sim_run_until(life->sim, NULL, NULL,
                               VR_MS(vr_random_below(vr_sim_random(life->sim), 500)));
        if (crash && i == STEPS / 2) {
            wait_all(life);
            show(life);
            memcpy(before, life->people, sizeof(before));
            /* Every commit has landed by now: what follows is a plain kill -9. */
            (void)vr_sim_run_until(life->sim, NULL, NULL, VR_MS(100));
            vr_sim_crash(life->owner);
            start_node(life, life->owner);
            show(life); /* wakes the room: sessions answer that they live */
            (void)vr_sim_run_until(life->sim, NULL, NULL, VR_SECONDS(1));
            show(life);
            assert_string_equal(before, life->people);
        }
    }
    wait_all(life);
    show(life);
    assert_true(life->fine > STEPS / 6);
    assert_true(life->refused > 0);
    trace = strdup(vr_sim_trace_text(life->sim));
    life_free(life);
    return trace;
}

static void test_same_seed_same_trace(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        char *first = live(seed, false);
        char *second = live(seed, false);
        char *other = live(seed + 100, false);

        assert_non_null(strstr(first, "room:participant-joined"));
        assert_non_null(strstr(first, "a -> b EVENT"));
        assert_string_equal(first, second);
        assert_string_not_equal(first, other);
        free(first);
        free(second);
        free(other);
    }
}

static void test_crash_of_the_owner(void **state)
{
    (void)state;
    for (uint64_t seed = 20; seed < 26; seed++) {
        char *first = live(seed, true);
        char *second = live(seed, true);

        assert_string_equal(first, second);
        free(first);
        free(second);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_trace),
        cmocka_unit_test(test_crash_of_the_owner),
    };

    vr_log_set_level(VR_LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
