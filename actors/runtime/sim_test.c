/* Goal: one seed gives one run, byte for byte; another seed another. Asks, deadlines, commits, cut
 * links and crashes behave over two simulated nodes as over real ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "actors/runtime/sim.h"
#include "actors/runtime/stored.h"
#include "store/records.h"

/* A room plays ping-pong with the room whose number is its own plus or minus one, on the other
 * node: odd rooms live on node 1, even ones on node 2. Each tenth ball is written to the store
 * before it goes back. */
#define LAST_BALL 60

struct game {
    struct vr_sim *sim;
    struct vr_sim_node *nodes[2];
    int balls_at_end; /* games that have come to their last ball */
    int replies;
    enum vr_err reply_err;
    uint64_t reply_number;
    bool silent; /* rooms don't answer asks */
};

struct player {
    uint64_t ball; /* kept while it is written */
    struct vr_system *system;
    struct vr_address address;
};

static struct game *game_of(const struct vr_actor *actor)
{
    return vr_system_context(vr_actor_system(actor));
}

static void hit(struct vr_actor *actor, uint64_t ball)
{
    struct vr_address me = vr_actor_address(actor);
    uint64_t partner = me.id.lo % 2 == 1 ? me.id.lo + 1 : me.id.lo - 1;
    struct vr_msg msg = {.kind = VR_MSG_PING,
                         .to = vr_room_address((struct vr_id){0, partner}),
                         .from = me,
                         .as.number = ball + 1};

    vr_system_post(vr_actor_system(actor), &msg);
}

static void write_ball(struct vr_actor *actor, uint64_t ball)
{
    struct vr_address me = vr_actor_address(actor);
    struct vr_commit *commit = vr_commit_new(me.id, 1, UINT64_MAX);
    uint8_t key[16];
    uint8_t value[8];

    vr_id_put(key, me.id);
    vr_put64(value, ball);
    vr_commit_put(commit, VR_TABLE_ROOMS, vr_bytes(key, 16), vr_bytes(value, 8));
    vr_records_submit(vr_system_records(vr_actor_system(actor)), commit, vr_stored_post,
                      vr_stored_new(actor, 0));
}

static enum vr_err player_handle(struct vr_actor *actor, void *state, struct vr_msg *msg,
                                 struct vr_why *why)
{
    struct game *game = game_of(actor);
    struct player *self = state;
    uint64_t number = vr_actor_address(actor).id.lo;

    (void)why;
    if (msg->kind == VR_MSG_STORED) {
        vr_sim_trace(game->sim, "room %d wrote ball %d: %s", (int)number, (int)self->ball,
                     vr_err_code(msg->as.stored.err));
        hit(actor, self->ball);
        return VR_OK;
    }
    if (msg->from.kind == VR_ACTOR_ASK) {
        struct vr_msg answer = {.kind = VR_MSG_PONG, .as.number = msg->as.number * 2};

        if (!game->silent) {
            vr_reply(vr_actor_system(actor), msg, &answer);
        }
        return VR_OK;
    }
    vr_sim_trace(game->sim, "room %d ball %d", (int)number, (int)msg->as.number);
    self->ball = msg->as.number;
    if (self->ball == LAST_BALL) {
        game->balls_at_end++;
    } else if (self->ball % 10 == 0) {
        write_ball(actor, self->ball);
    } else {
        hit(actor, self->ball);
    }
    return VR_OK;
}

static const struct vr_actor_class player_class = {
    .kind = VR_ACTOR_ROOM,
    .name = "player",
    .state_size = sizeof(struct player),
    .worker = VR_WORKER_CONTROL,
    .handle = player_handle,
};

static const struct vr_actor_class *classify(void *ctx, const struct vr_address *address)
{
    (void)ctx;
    return address->kind == VR_ACTOR_ROOM ? &player_class : NULL;
}

static uint32_t locate(void *ctx, const struct vr_address *address)
{
    (void)ctx;
    return address->id.lo % 2 == 1 ? 1 : 2;
}

static void start(struct game *game, int i)
{
    struct vr_sim_node_conf conf = {
        .control_workers = 2, .classify = classify, .locate = locate, .node_context = game};

    assert_int_equal(vr_sim_start(game->nodes[i], &conf), VR_OK);
}

static void open_game(struct game *game, uint64_t seed)
{
    *game = (struct game){.sim = vr_sim_new(seed)};
    game->nodes[0] = vr_sim_add_node(game->sim, "a");
    game->nodes[1] = vr_sim_add_node(game->sim, "b");
    start(game, 0);
    start(game, 1);
    vr_log_set_level(VR_LOG_OFF);
}

static void serve(struct game *game, uint64_t room)
{
    struct vr_msg msg = {
        .kind = VR_MSG_PING, .to = vr_room_address((struct vr_id){0, room}), .as.number = 1};

    assert_int_equal(vr_system_send(vr_sim_node_system(game->nodes[0]), &msg), VR_OK);
}

static bool all_games_over(void *ctx)
{
    return ((struct game *)ctx)->balls_at_end == 3;
}

/* Three games at once; the caller frees the text. */
static char *play(uint64_t seed)
{
    struct game game;
    char *text;

    open_game(&game, seed);
    vr_sim_trace_all(game.sim, true);
    serve(&game, 1);
    serve(&game, 3);
    serve(&game, 5);
    assert_true(vr_sim_run_until(game.sim, all_games_over, &game, VR_SECONDS(60)));
    text = strdup(vr_sim_trace_text(game.sim));
    vr_sim_free(game.sim);
    return text;
}

static void test_a_seed_is_a_run(void **state)
{
    char *one = play(1);
    char *same = play(1);
    char *other = play(2);

    (void)state;
    assert_string_equal(one, same);
    assert_string_not_equal(one, other);
    assert_non_null(strstr(one, "room 1 ball 59\n"));
    assert_non_null(strstr(one, "room 2 wrote ball 10: ok\n"));
    assert_non_null(strstr(one, "a -> b PING\n"));
    free(one);
    free(same);
    free(other);
}

static void on_reply(void *ctx, enum vr_err err, struct vr_msg *answer)
{
    struct game *game = ctx;

    game->replies++;
    game->reply_err = err;
    game->reply_number = answer == NULL ? 0 : answer->as.number;
}

static bool replied(void *ctx)
{
    return ((struct game *)ctx)->replies == 1;
}

static void ask_over(struct game *game, vr_time_us timeout)
{
    struct vr_msg msg = {
        .kind = VR_MSG_PING, .to = vr_room_address((struct vr_id){0, 2}), .as.number = 21};
    struct vr_system *system = vr_sim_node_system(game->nodes[0]);

    game->replies = 0;
    vr_ask(vr_system_worker(system, VR_WORKER_CONTROL, 0), &msg, timeout, on_reply, game);
    assert_true(vr_sim_run_until(game->sim, replied, game, VR_SECONDS(60)));
}

static void test_asks_between_nodes(void **state)
{
    struct game game;

    (void)state;
    open_game(&game, 3);
    ask_over(&game, VR_SECONDS(1));
    assert_int_equal(game.reply_err, VR_OK);
    assert_int_equal(game.reply_number, 42);

    game.silent = true;
    vr_time_us asked_at = vr_sim_now(game.sim);
    ask_over(&game, VR_SECONDS(1));
    assert_int_equal(game.reply_err, VR_E_TIMEOUT);
    assert_int_equal(vr_sim_now(game.sim) - asked_at, VR_SECONDS(1));
    game.silent = false;

    vr_sim_cut(game.nodes[0], game.nodes[1], true);
    ask_over(&game, VR_SECONDS(1));
    assert_int_equal(game.reply_err, VR_E_TIMEOUT);
    vr_sim_cut(game.nodes[0], game.nodes[1], false);
    ask_over(&game, VR_SECONDS(1));
    assert_int_equal(game.reply_err, VR_OK);
    vr_sim_free(game.sim);
}

static void test_failed_commits(void **state)
{
    struct game game;

    (void)state;
    open_game(&game, 4);
    vr_sim_fail_commits(game.nodes[1], 1, VR_E_FULL);
    serve(&game, 1);
    vr_sim_run_until(game.sim, NULL, NULL, VR_SECONDS(60));
    assert_int_equal(game.balls_at_end, 1);
    assert_non_null(strstr(vr_sim_trace_text(game.sim), "room 2 wrote ball 10: storage-full\n"));
    assert_non_null(strstr(vr_sim_trace_text(game.sim), "room 2 wrote ball 20: ok\n"));
    vr_sim_free(game.sim);
}

static bool ball_20_written(void *ctx)
{
    struct game *game = ctx;

    return strstr(vr_sim_trace_text(game->sim), "wrote ball 20") != NULL;
}

static void test_crash_and_return(void **state)
{
    struct vr_buf value = {0};
    struct game game;
    uint8_t key[16];

    (void)state;
    open_game(&game, 5);
    serve(&game, 1);
    assert_true(vr_sim_run_until(game.sim, ball_20_written, &game, VR_SECONDS(60)));
    vr_sim_crash(game.nodes[1]);
    assert_null(vr_sim_node_system(game.nodes[1]));
    assert_false(vr_sim_run_until(game.sim, all_games_over, &game, VR_SECONDS(1)));

    vr_id_put(key, (struct vr_id){0, 2});
    assert_int_equal(vr_records_get(vr_sim_node_records(game.nodes[1]), VR_TABLE_ROOMS,
                                    vr_bytes(key, 16), &value),
                     VR_OK);
    assert_int_equal(vr_get64(value.data), 20); /* what landed is there */
    vr_buf_deinit(&value);

    start(&game, 1);
    ask_over(&game, VR_SECONDS(1));
    assert_int_equal(game.reply_err, VR_OK);
    vr_sim_free(game.sim);
}

/* Games, asks, cut links, failing commits and crashes, all by the seed's choice; the caller frees
 * the trace. */
static char *bad_day(uint64_t seed)
{
    const struct vr_random *random;
    struct game game;
    char *text;

    open_game(&game, seed);
    random = vr_sim_random(game.sim);
    vr_sim_trace_all(game.sim, true);
    for (int i = 0; i < 30; i++) {
        uint64_t which = vr_random_below(random, 2);
        struct vr_sim_node *node = game.nodes[which];
        uint64_t choice = vr_random_below(random, 10);

        if (vr_sim_node_system(game.nodes[0]) != NULL) {
            serve(&game, 1 + 2 * vr_random_below(random, 20));
        }
        if (choice == 0) {
            vr_sim_crash(node);
        } else if (choice == 1) {
            vr_sim_cut(game.nodes[0], game.nodes[1], true);
        } else if (choice == 2) {
            vr_sim_fail_commits(node, 3, VR_E_FULL);
        } else if (choice < 6) {
            vr_sim_cut(game.nodes[0], game.nodes[1], false);
        }
        (void)vr_sim_run_until(game.sim, NULL, NULL, (vr_time_us)vr_random_below(random, 20000));
        if (vr_sim_node_system(node) == NULL) {
            start(&game, (int)which);
        }
    }
    text = strdup(vr_sim_trace_text(game.sim));
    vr_sim_free(game.sim); /* in the middle of it all */
    return text;
}

static void test_bad_days_replay(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed < 125; seed++) {
        char *once = bad_day(seed);
        char *again = bad_day(seed);

        assert_string_equal(once, again);
        assert_true(strlen(once) > 1000);
        free(once);
        free(again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_seed_is_a_run), cmocka_unit_test(test_asks_between_nodes),
        cmocka_unit_test(test_failed_commits),  cmocka_unit_test(test_crash_and_return),
        cmocka_unit_test(test_bad_days_replay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
