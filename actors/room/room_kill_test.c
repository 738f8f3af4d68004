/* Goal: a room is killed at every boundary of the effects of every kind of command (close gates,
 * journal, replicate, open, answer, publish), and between any two messages on the way. What was
 * acknowledged is there, what was not is there whole or not at all, the same command again has no
 * second effect, and nobody who is muted has an open gate.
 *
 * One message a turn, workers and journal in an order drawn from a seed; the process ends after the
 * first step, after the second, ... until the command is through. Gates outlive it, as shards keep
 * them (media/keep.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LOG_MAX 512
#include "actors/room/copy.h"
#include "actors/room/room_actor_rig.h"

#ifdef __SANITIZE_ADDRESS__
#define SEEDS 2 /* it takes ten times as long */
#else
#define SEEDS 4
#endif
#define STEPS_MOST 80
#define STILL 12 /* steps of all kinds without any work: it is through */
#define WHO_MAX 12

enum { ANA = 1, BEN, CLEO, DAN, EVE, FAY, GIL, HAL, JON, KAY, IVY };
static const char *const users[WHO_MAX] = {"",    "ana", "ben", "cleo", "dan", "eve",
                                           "fay", "gil", "hal", "jon",  "kay", "ivy"};

struct act {
    const char *name;
    enum vr_command_kind kind;
    uint32_t by;
    uint32_t target;
    uint32_t session; /* JOIN, RESUME: a new one */
    const char *text;
    bool flag;
    bool fresh; /* there is no room yet */
    bool plain; /* has no effect that lasts */
};

/* clang-format off */
static const struct act acts[] = {
    { "create",             VR_CMD_CREATE,         ANA,  0,    0,  NULL,    false, true,  false },
    { "join",               VR_CMD_JOIN,           IVY,  0,    31, NULL,    false, false, false },
    { "join again",         VR_CMD_JOIN,           CLEO, 0,    32, NULL,    false, false, false },
    { "resume",             VR_CMD_RESUME,         CLEO, 0,    33, NULL,    false, false, false },
    { "resume a lost one",  VR_CMD_RESUME,         GIL,  0,    34, NULL,    false, false, false },
    { "leave",              VR_CMD_LEAVE,          CLEO, 0,    0,  NULL,    true,  false, false },
    { "the host leaves",    VR_CMD_LEAVE,          ANA,  0,    0,  NULL,    true,  false, false },
    { "lost",               VR_CMD_LOST,           CLEO, 0,    0,  NULL,    false, false, false },
    { "raise",              VR_CMD_HAND_RAISE,     JON,  0,    0,  NULL,    false, false, false },
    { "lower",              VR_CMD_HAND_LOWER,     BEN,  0,    0,  NULL,    false, false, false },
    { "decline a hand",     VR_CMD_HAND_LOWER,     DAN,  BEN,  0,  NULL,    false, false, false },
    { "mute oneself",       VR_CMD_MUTE,           CLEO, 0,    0,  NULL,    false, false, false },
    { "mute",               VR_CMD_MUTE,           DAN,  CLEO, 0,  NULL,    false, false, false },
    { "mute a listener",    VR_CMD_MUTE,           DAN,  JON,  0,  NULL,    false, false, false },
    { "unmute oneself",     VR_CMD_UNMUTE,         KAY,  0,    0,  NULL,    false, false, false },
    { "unmute",             VR_CMD_UNMUTE,         DAN,  FAY,  0,  NULL,    false, false, false },
    { "mute all",           VR_CMD_MUTE_ALL,       ANA,  0,    0,  NULL,    false, false, false },
    { "ask to unmute",      VR_CMD_ASK_UNMUTE,     ANA,  KAY,  0,  NULL,    false, false, true  },
    { "promote",            VR_CMD_PROMOTE,        DAN,  BEN,  0,  NULL,    false, false, false },
    { "demote",             VR_CMD_DEMOTE,         DAN,  CLEO, 0,  NULL,    false, false, false },
    { "demote oneself",     VR_CMD_DEMOTE,         CLEO, 0,    0,  NULL,    false, false, false },
    { "invite",             VR_CMD_INVITE,         DAN,  JON,  0,  NULL,    false, false, false },
    { "accept",             VR_CMD_ACCEPT,         EVE,  0,    0,  NULL,    false, false, false },
    { "decline",            VR_CMD_DECLINE,        EVE,  0,    0,  NULL,    false, false, false },
    { "make moderator",     VR_CMD_MAKE_MODERATOR, ANA,  CLEO, 0,  NULL,    false, false, false },
    { "transfer host",      VR_CMD_TRANSFER_HOST,  ANA,  DAN,  0,  NULL,    false, false, false },
    { "kick",               VR_CMD_KICK,           DAN,  CLEO, 0,  "noise", false, false, false },
    { "ban",                VR_CMD_BAN,            DAN,  CLEO, 0,  "noise", false, false, false },
    { "unban",              VR_CMD_UNBAN,          ANA,  HAL,  0,  NULL,    false, false, false },
    { "lock",               VR_CMD_LOCK,           ANA,  0,    0,  NULL,    true,  false, false },
    { "update",             VR_CMD_UPDATE,         ANA,  0,    0,  NULL,    false, false, false },
    { "end",                VR_CMD_END,            ANA,  0,    0,  "late",  false, false, false },
    { "report",             VR_CMD_REPORT,         JON,  CLEO, 0,  "rude",  false, false, false },
    { "chat",               VR_CMD_CHAT,           JON,  0,    0,  "hello", false, false, true  },
    { "reaction",           VR_CMD_REACTION,       JON,  0,    0,  "+",     false, false, true  },
};
/* clang-format on */

static struct vr_command *command_of(const struct act *act)
{
    struct vr_command *cmd = kit_command(act->kind, users[act->by]);

    cmd->id = (struct vr_id){77, 7};
    cmd->flag = act->flag;
    cmd->target = act->kind == VR_CMD_UNBAN ? 0 : act->target;
    if (act->kind == VR_CMD_UNBAN) {
        snprintf(cmd->target_user, sizeof(cmd->target_user), "%s", users[act->target]);
    }
    if (act->kind == VR_CMD_CREATE || act->kind == VR_CMD_UPDATE) {
        cmd->settings = kit_settings("another title");
    }
    if (act->text != NULL) {
        kit_text(cmd, act->text);
    }
    if (act->session != 0) {
        cmd->session = vr_session_address((struct vr_id){0, act->session});
        cmd->shard = vr_shard_address(KIT_ROOM, 0);
    }
    if (act->kind != VR_CMD_JOIN && act->kind != VR_CMD_CREATE) {
        cmd->by.participant = act->by;
        cmd->by.generation = 1;
    }
    return cmd;
}

/* ---- the room before it ---- */

static void do_well(struct node *node, enum vr_command_kind kind, uint32_t who, uint32_t target)
{
    assert_int_equal(say(node, by(kind, users[who], who, target))->err, VR_OK);
}

static void to_stage(struct node *node, uint32_t who)
{
    do_well(node, VR_CMD_HAND_RAISE, who, 0);
    do_well(node, VR_CMD_PROMOTE, ANA, who);
}

/* Somebody in every state that a command may find. */
static void fill_room(struct node *node)
{
    create(node);
    for (uint32_t who = ANA; who <= KAY; who++) {
        assert_int_equal(say(node, joining(users[who], who, 0))->participant, who);
    }
    to_stage(node, CLEO);
    to_stage(node, DAN);
    to_stage(node, FAY);
    to_stage(node, KAY);
    do_well(node, VR_CMD_MAKE_MODERATOR, ANA, DAN);
    do_well(node, VR_CMD_MUTE, ANA, FAY);
    do_well(node, VR_CMD_MUTE, KAY, 0);
    do_well(node, VR_CMD_HAND_RAISE, BEN, 0);
    do_well(node, VR_CMD_INVITE, ANA, EVE);
    do_well(node, VR_CMD_BAN, ANA, HAL);
    do_well(node, VR_CMD_LOST, GIL, 0);
}

/* Sessions of the time before it outlive the process, with their transports. */
static bool old_session(void *ctx, struct vr_worker *worker, struct vr_address session,
                        vr_participant_id participant, uint32_t generation)
{
    (void)ctx;
    (void)worker;
    (void)participant;
    (void)generation;
    return session.id.lo < 30;
}

static struct node *node_before(const struct act *act)
{
    struct node *node = node_new();

    if (!act->fresh) {
        fill_room(node);
    }
    stop(node); /* from here on one message a turn */
    node->turn_messages = 1;
    start(node);
    node->services.lives = old_session;
    if (!act->fresh) {
        assert_int_equal(say(node, by(VR_CMD_SNAPSHOT, "ana", ANA, 0))->err, VR_OK);
    }
    vr_memory_set_immediate(node->records, false);
    return node;
}

/* ---- what the store says ---- */

struct picture {
    uint64_t audits;
    uint32_t bans;
    uint32_t reports;
    bool exists;
    bool may_speak[WHO_MAX];
    char text[8192];
};

static bool count_row(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    (void)key;
    (void)value;
    ++*(uint32_t *)ctx;
    return true;
}

static uint32_t rows(struct node *node, enum vr_table table)
{
    uint32_t count = 0;

    enum vr_err err = vr_records_scan(node->records, table, (struct vr_bytes){0},
                                      (struct vr_bytes){0}, count_row, &count);

    assert_true(err == VR_OK || err == VR_E_NOT_FOUND);
    return count;
}

static void people_of(const struct vr_room *room, struct picture *out, struct vr_buf *text)
{
    for (vr_participant_id who = 1; who < WHO_MAX; who++) {
        struct vr_person_view view;

        if (vr_room_person(room, who, &view)) {
            vr_buf_printf(text, "%u %s%s role %d mutes %d%d hand %u generation %u session %d\n",
                          who, view.present ? "there" : "gone", view.was_lost ? " lost" : "",
                          view.role, view.muted_by_self, view.muted_by_moderator, view.hand,
                          view.generation, (int)view.session.id.lo);
            out->may_speak[who] = view.present && view.role >= VR_ROLE_SPEAKER &&
                                  !view.muted_by_self && !view.muted_by_moderator;
        }
    }
}

static struct picture picture_of(struct node *node)
{
    struct vr_instant at = {node->now, node_wall(node)};
    struct vr_room *room = vr_room_copy_load(node->system, KIT_ROOM, 1, at, NULL);
    struct picture out = {.bans = rows(node, VR_TABLE_BANS),
                          .reports = rows(node, VR_TABLE_REPORTS)};
    struct vr_buf text = {0};

    if (room == NULL) {
        return out;
    }
    out.exists = true;
    out.audits = vr_room_audits(room);
    vr_buf_printf(&text, "phase %d revision %d bans %u reports %u audits %d\n", vr_room_phase(room),
                  (int)vr_room_revision(room), out.bans, out.reports, (int)out.audits);
    people_of(room, &out, &text);
    vr_room_snapshot_json(room, true, &text);
    assert_true(text.size < sizeof(out.text));
    memcpy(out.text, text.data, text.size);
    vr_buf_deinit(&text);
    vr_room_free(room);
    return out;
}

/* ---- gates, as the shard of all of them keeps them ---- */

struct gates {
    bool open[WHO_MAX];
    bool closed[WHO_MAX]; /* his transport of the first session: nothing comes from there */
    int version[WHO_MAX];
    uint32_t life[WHO_MAX];
};

/* The number behind `start` in a line; 0: it does not begin so. */
static uint32_t number_after(const char *line, const char *start)
{
    size_t size = strlen(start);

    return strncmp(line, start, size) == 0 ? (uint32_t)strtoul(line + size, NULL, 10) : 0;
}

/* A gate of a later life counts; of the same one a newer, and what shuts in any case. */
static void take_gate(struct gates *gates, uint32_t who, uint32_t life, const char *line)
{
    bool open = strstr(line, " send ") != NULL;
    bool newer = life > gates->life[who];
    int version = (int)strtol(strrchr(line, 'v') + 1, NULL, 10);

    assert_true(version > 0);
    if (newer || version >= gates->version[who] || !open) {
        gates->open[who] = open;
        gates->life[who] = life;
        gates->version[who] =
            newer || version > gates->version[who] ? version : gates->version[who];
    }
}

static struct gates gates_of(const struct node *node)
{
    struct gates gates = {0};
    uint32_t life = 1;

    for (uint32_t i = 0; i < node->lines; i++) {
        const char *line = node->log[i];
        uint32_t closed = number_after(line, "transport ");
        uint32_t who = number_after(line, "shard 0: gate ");

        assert_true(closed < WHO_MAX && who < WHO_MAX);
        if (strcmp(line, "begins") == 0) {
            life++;
        } else if (strcmp(line, "shard 0: close") == 0) {
            memset(gates.open, 0, sizeof(gates.open));
        } else if (closed != 0) {
            gates.closed[closed] = true;
        } else if (who != 0) {
            take_gate(&gates, who, life, line);
        }
    }
    return gates;
}

/* ---- one step, one death ---- */

static uint64_t work_of(const struct node *node)
{
    struct vr_runtime_stats stats;

    vr_system_stats(node->system, &stats);
    return stats.handled + node->lines;
}

/* True when it did something. */
static bool step_once(struct node *node, const struct vr_random *random)
{
    uint64_t before = work_of(node);

    switch (vr_random_below(random, 3)) {
    case 0:
        (void)vr_worker_turn(vr_system_worker(node->system, VR_WORKER_CONTROL, 0), node->now);
        break;
    case 1:
        (void)vr_worker_turn(vr_system_worker(node->system, VR_WORKER_MEDIA, 0), node->now);
        break;
    default:
        return vr_memory_step(node->records, VR_OK);
    }
    return work_of(node) != before;
}

/* At most `most` steps; true when nothing was left to do before. */
static bool run_steps(struct node *node, uint64_t seed, uint32_t most)
{
    struct vr_random_seeded random;
    uint32_t still = 0;

    vr_random_seeded_init(&random, seed);
    for (uint32_t i = 0; i < most; still >= STILL ? i = most : i++) {
        if (step_once(node, &random.random)) {
            still = 0;
        } else {
            still++;
            i--; /* an idle worker is no boundary */
        }
    }
    return still >= STILL;
}

static void die(struct node *node)
{
    while (vr_memory_step(node->records, VR_E_GONE)) { /* what had not landed never does */
    }
    stop(node);
}

/* What each session of the time before says when its process has begun again (session/restore.c);
 * one that is refused for good ends, and its transport with it. */
static void sessions_announce(struct node *node, const struct act *act)
{
    for (uint32_t who = ANA; who <= KAY; who++) {
        struct vr_command *cmd = kit_command(VR_CMD_RESUME, "");
        enum vr_err err;

        if (who == GIL || who == HAL || (act->kind == VR_CMD_LOST && who == act->by)) {
            /* had no transport any more */
            vr_command_free(cmd);
            continue;
        }
        cmd->by.participant = who;
        cmd->by.generation = 1;
        cmd->flag = true;
        cmd->session = vr_session_address((struct vr_id){0, who});
        cmd->shard = vr_shard_address(KIT_ROOM, 0);
        err = say(node, cmd)->err;
        if (err != VR_OK) {
            assert_int_not_equal(vr_err_status(err), 503);
            snprintf(new_line(node), 160, "transport %u closed", who);
        }
    }
}

static void begin(struct node *node)
{
    snprintf(new_line(node), 160, "begins");
    node->sessions_dead = true; /* but those that outlived it: old_session */
    start(node);
    node->services.lives = old_session;
}

static void come_back(struct node *node, const struct act *act, bool fresh)
{
    begin(node);
    vr_memory_set_immediate(node->records, true);
    if (!fresh) {
        (void)say(node, by(VR_CMD_SNAPSHOT, "ana", ANA, 0));
        sessions_announce(node, act);
    }
    settle(node);
}

/* Where it is muted, or off the stage, it is shut: also while the next process begins. */
static void check_gates(const struct node *node, const struct act *act, const struct picture *now)
{
    struct gates gates = gates_of(node);

    for (uint32_t who = 1; who < WHO_MAX; who++) {
        bool heard = gates.open[who] && !(gates.closed[who] && !now->may_speak[who]);

        if (heard != now->may_speak[who]) {
            fail_msg("%s, %s: gate %s, may %s", act->name, users[who],
                     gates.open[who] ? "open" : "shut",
                     now->may_speak[who] ? "speak" : "not speak");
        }
    }
}

/* What was opened is stored; what was acknowledged as shut is shut, at every instant. */
static void check_at_death(const struct node *node, const struct act *act,
                           const struct picture *stored, bool answered)
{
    struct gates gates = gates_of(node);

    if (act->kind == VR_CMD_END) {
        return; /* no safety act: the shards close once everybody has been told */
    }
    for (uint32_t who = 1; who < WHO_MAX; who++) {
        /* Not yet: a closing act whose commit was quicker than the shard; nobody was told of it. */
        if (gates.open[who] && !stored->may_speak[who] && answered) {
            fail_msg("%s is heard after the answer", users[who]);
        }
    }
}

static bool same(const struct picture *a, const struct picture *b)
{
    return a->exists == b->exists && strcmp(a->text, b->text) == 0;
}

struct expected {
    struct picture before;
    struct picture done;
};

/* What comes to pass when nobody dies. */
static struct expected without_death(const struct act *act)
{
    struct node *node = node_before(act);
    struct expected out = {.before = picture_of(node)};
    uint32_t number = ask(node, command_of(act));

    assert_true(run_steps(node, 1, STEPS_MOST));
    if (node->errors[number] != VR_OK) {
        fail_msg("%s: %s", act->name, vr_err_code(node->errors[number]));
    }
    out.done = picture_of(node);
    if (!act->plain && same(&out.before, &out.done)) {
        fail_msg("%s has no effect", act->name);
    }
    vr_memory_set_immediate(node->records, true);
    node_free(node);
    return out;
}

/* The client asks again, and the next process dies as well. */
static void die_again(struct node *node, const struct act *act, const struct expected *expected,
                      uint64_t seed, uint32_t steps)
{
    struct picture stored;
    uint32_t number;

    begin(node);
    number = ask(node, command_of(act));
    (void)run_steps(node, seed, steps);
    stored = picture_of(node);
    if (!same(&stored, &expected->done) &&
        (node->errors[number] == VR_OK || !same(&stored, &expected->before))) {
        fail_msg("%s, seed %d, step %u, again: %s", act->name, (int)seed, steps, stored.text);
    }
    die(node);
}

static void repeat_it(struct node *node, const struct act *act, const struct expected *expected,
                      bool had_effect)
{
    const struct vr_answer *answer = say(node, command_of(act));
    struct picture now;
    enum vr_err err = answer->err;

    settle(node);
    now = picture_of(node);
    if (act->plain) {
        return; /* not remembered, and nothing that lasts */
    }
    if (err != VR_OK) {
        fail_msg("%s again, %s: %s", act->name, had_effect ? "done" : "not done", vr_err_code(err));
    }
    if (strcmp(now.text, expected->done.text) != 0) {
        fail_msg("%s again, %s:\n%s\nnot\n%s", act->name, had_effect ? "done" : "not done",
                 now.text, expected->done.text);
    }
    check_gates(node, act, &now);
}

/* True: it was through before it could be killed. */
static bool die_after(const struct act *act, const struct expected *expected, uint64_t seed,
                      uint32_t steps)
{
    struct node *node = node_before(act);
    uint32_t number = ask(node, command_of(act));
    bool through = run_steps(node, seed, steps);
    bool answered = node->errors[number] == VR_OK;
    struct picture stored = picture_of(node);
    bool done = same(&stored, &expected->done);

    if (answered && !done && !act->plain) {
        fail_msg("%s, seed %d, step %u: answered and lost:\n%s\nnot\n%s", act->name, (int)seed,
                 steps, stored.text, expected->done.text);
    }
    if (!done && !same(&stored, &expected->before)) {
        fail_msg("%s, seed %d, step %u: half done:\n%s", act->name, (int)seed, steps, stored.text);
    }
    check_at_death(node, act, &stored, answered);
    die(node);
    if (seed % 2 == 0 && !act->plain) {
        vr_memory_set_immediate(node->records, false);
        die_again(node, act, expected, seed + 7, 1 + steps / 2);
    }
    come_back(node, act, !stored.exists);
    stored = picture_of(node);
    check_gates(node, act, &stored);
    repeat_it(node, act, expected, done);
    node_free(node);
    return through;
}

static void test_death_at_every_boundary(void **state)
{
    uint32_t deaths = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        struct expected expected = without_death(&acts[i]);

        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            bool through = false;

            for (uint32_t steps = 0; !through; steps++) {
                assert_true(steps < STEPS_MOST);
                through = die_after(&acts[i], &expected, seed * 1000 + i, steps);
                deaths++;
            }
        }
    }
    print_message("measured: %u deaths of a room, %d kinds of commands\n", deaths,
                  (int)(sizeof(acts) / sizeof(acts[0])));
    assert_true(deaths > 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_death_at_every_boundary),
    };

    vr_log_set_level(VR_LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
