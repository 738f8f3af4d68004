/* Goal: an owner that is not sure of its ownership changes nothing, tells nothing and stops; people
 * on another node are told through one replica. */

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "actors/room/room_actor_rig.h"

static bool held;

static bool holds(void *ctx, struct vr_id room, uint64_t epoch)
{
    (void)ctx;
    assert_true(vr_id_equal(room, KIT_ROOM));
    assert_true(epoch > 0);
    return held;
}

static enum vr_err take_frozen(void *ctx, struct vr_id room, uint64_t *epoch)
{
    (void)ctx;
    (void)room;
    (void)epoch;
    return VR_E_FROZEN;
}

static struct node *owned_room(void)
{
    struct node *node = node_new();

    held = true;
    node->services.holds = holds;
    create_with_two(node);
    clear_log(node);
    return node;
}

static void test_not_sure_at_dispatch(void **state)
{
    struct node *node = owned_room();
    const struct vr_answer *answer;

    (void)state;
    held = false;
    answer = say(node, by(VR_CMD_MAKE_MODERATOR, "ana", 1, 2));
    assert_int_equal(answer->err, VR_E_FROZEN);
    assert_true(answer->retry_after_ms > 0);
    assert_int_equal(find(node, "session", 0), -1);
    assert_int_equal(find(node, "shard 0: gate", 0), -1);
    held = true; /* it wakes anew, in a new epoch, and knows everybody */
    node->lines = 0;
    answer = say(node, by(VR_CMD_MUTE, "ana", 1, 2));
    assert_int_equal(answer->err, VR_OK);
    assert_true(find(node, "session 2: room:muted", 0) >= 0);
    node_free(node);
}

/* What silences is not refused: this node's copy does it, also what was under way already. */
static void test_not_sure_but_it_silences(void **state)
{
    struct node *node = owned_room();

    (void)state;
    vr_memory_set_immediate(node->records, false);
    (void)ask(node, by(VR_CMD_MUTE, "ana", 1, 2));
    (void)ask(node, by(VR_CMD_HAND_RAISE, "ben", 2, 0));
    settle(node);
    assert_int_equal(find(node, "replica 1: command", 0), -1);
    held = false;
    while (vr_memory_step(node->records, VR_OK)) {
        settle(node);
    }
    assert_true(find(node, "replica 1: command room:mute", 0) >= 0);
    (void)ask(node, by(VR_CMD_BAN, "ana", 1, 2));
    settle(node);
    assert_true(find(node, "replica 1: command room:ban", 0) >= 0);
    assert_int_equal(find(node, "replica 1: command room:hand-raise", 0), -1);
    node_free(node);
}

/* Who was silenced without an owner, and no owner has judged it yet; 0: nobody. */
static vr_participant_id silenced;

static bool marked(void *ctx, struct vr_id room, vr_participant_id participant, const char *user)
{
    (void)ctx;
    assert_true(vr_id_equal(room, KIT_ROOM));
    assert_true(user[0] != '\0');
    return participant == silenced;
}

/* Two who speak, of whom this node's copy muted Ben while nobody owned the room; then it wakes. */
static struct node *room_with_a_mark(void)
{
    struct node *node = owned_room();

    assert_int_equal(say(node, by(VR_CMD_MAKE_MODERATOR, "ana", 1, 2))->err, VR_OK);
    node->services.marked = marked;
    held = false;
    assert_int_equal(say(node, by(VR_CMD_HAND_RAISE, "ben", 2, 0))->err, VR_E_FROZEN);
    held = true;
    silenced = 2;
    node->lines = 0;
    (void)say(node, by(VR_CMD_SNAPSHOT, "ana", 1, 0));
    return node;
}

/* The store does not know of the mark: only who asks for it keeps the gate shut. */
static void test_a_mark_is_known_before_gates_open(void **state)
{
    struct node *node = room_with_a_mark();

    (void)state;
    assert_true(find(node, "shard 0: gate 1 send hear", 0) >= 0);
    assert_true(find(node, "shard 0: gate 2 - hear", 0) >= 0);
    pass(node, VR_SECONDS(3));
    assert_int_equal(find(node, "shard 0: gate 2 send", 0), -1);
    assert_int_equal(say(node, by(VR_CMD_MUTE, "ana", 1, 2))->err,
                     VR_OK); /* it comes: he takes it */
    silenced = 0;
    pass(node, VR_SECONDS(3));
    assert_int_equal(find(node, "shard 0: gate 2 send", 0), -1);
    node_free(node);
}

/* It was taken back since, say: what holds is the owner's state, and nobody stays shut by mistake.
 */
static void test_a_mark_that_the_owner_refuses(void **state)
{
    struct node *node = room_with_a_mark();

    (void)state;
    pass(node, VR_SECONDS(1));
    assert_int_equal(find(node, "shard 0: gate 2 send", 0), -1);
    silenced = 0;
    pass(node, VR_MS(200));
    assert_true(find(node, "shard 0: gate 2 send hear", 0) >= 0);
    node->lines = 0;
    pass(node, VR_SECONDS(3));
    assert_int_equal(find(node, "shard 0: gate", 0), -1); /* once is enough */
    node_free(node);
}

static void test_deadline_passes_before_the_answer(void **state)
{
    struct node *node = owned_room();
    uint32_t first;
    uint32_t second;

    (void)state;
    vr_memory_set_immediate(node->records, false);
    first = ask(node, by(VR_CMD_HAND_RAISE, "ben", 2, 0));
    second = ask(node, by(VR_CMD_MAKE_MODERATOR, "ana", 1, 2));
    settle(node);
    held = false;
    while (vr_memory_step(node->records, VR_OK)) {
        settle(node);
    }
    assert_int_equal(node->errors[first], VR_E_FROZEN);
    assert_int_equal(node->errors[second], VR_E_FROZEN);
    assert_int_equal(find(node, "session", 0), -1);
    node_free(node);
}

static void test_fenced_commit(void **state)
{
    struct node *node = owned_room();
    uint32_t number;

    (void)state;
    vr_memory_set_immediate(node->records, false);
    number = ask(node, by(VR_CMD_HAND_RAISE, "ben", 2, 0));
    settle(node);
    assert_true(vr_memory_step(node->records, VR_E_FENCED));
    settle(node);
    assert_int_equal(node->errors[number], VR_E_FENCED);
    assert_int_equal(find(node, "session", 0), -1);
    node_free(node);
}

static void test_room_that_cannot_be_taken(void **state)
{
    struct node *node = owned_room();
    struct vr_runtime_stats stats;

    (void)state;
    stop(node);
    start(node);
    node->services.take = take_frozen;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(say(node, by(VR_CMD_HAND_RAISE, "ben", 2, 0))->err, VR_E_FROZEN);
        pass(node, VR_MS(200));
    }
    vr_system_stats(node->system, &stats);
    assert_int_equal(stats.given_up, 0); /* no failure, however often */
    assert_int_equal(find(node, "session", 0), -1);
    node->services.take = take;
    assert_int_equal(say(node, by(VR_CMD_HAND_RAISE, "ben", 2, 0))->err, VR_OK);
    node_free(node);
}

static struct vr_command *joining_at(const char *user, uint64_t session, uint32_t far)
{
    struct vr_command *cmd = joining(user, session, vr_shard_number(far, 0));

    cmd->session.sub = far;
    return cmd;
}

static uint32_t count(const struct node *node, const char *begin)
{
    uint32_t lines = 0;

    for (int at = find(node, begin, 0); at >= 0; at = find(node, begin, at + 1)) {
        lines++;
    }
    return lines;
}

static void test_one_event_for_each_node(void **state)
{
    struct node *node = owned_room();

    (void)state;
    for (uint64_t i = 10; i < 15; i++) {
        char user[16];

        snprintf(user, sizeof(user), "far%d", (int)i);
        assert_int_equal(say(node, joining_at(user, i, 2))->err, VR_OK);
    }
    assert_int_equal(say(node, joining_at("cat", 20, 3))->err, VR_OK);
    clear_log(node);
    assert_int_equal(say(node, by(VR_CMD_HAND_RAISE, "ben", 2, 0))->err, VR_OK);
    assert_int_equal(count(node, "replica 2: room:hand-raised for 0"), 1);
    assert_int_equal(count(node, "replica 3: room:hand-raised for 0"), 1);
    assert_int_equal(count(node, "session 1: room:hand-raised"), 1);
    assert_int_equal(count(node, "session 10:"), 0); /* not past its replica */
    node->lines = 0;
    assert_int_equal(say(node, by(VR_CMD_KICK, "ana", 1, 3))->err, VR_OK); /* one of them alone */
    assert_int_equal(count(node, "replica 2: room:kicked for 10 last"), 1);
    assert_int_equal(count(node, "replica 3: room:kicked"), 0);
    node_free(node);
}

/* The node where Cat's and Dan's sessions are: which life of its process is known. */
static uint64_t life;
static uint32_t pings; /* that went there */
static uint64_t contact;

static uint64_t life_of(void *ctx, uint32_t number)
{
    (void)ctx;
    assert_int_equal(number, 2);
    return life;
}

static uint64_t contact_with(void *ctx, uint32_t number)
{
    (void)ctx;
    assert_int_equal(number, 2);
    return contact;
}

/* Of the new process: Cat's session lives on, Dan's was not kept. */
static enum vr_err to_other_node(void *ctx, struct vr_msg *msg)
{
    struct vr_msg pong = {.kind = VR_MSG_PONG};
    struct node *node = ctx;

    if (msg->to.kind != VR_ACTOR_SESSION || msg->to.sub != 2) {
        return VR_E_NOT_FOUND; /* here */
    }
    assert_int_equal(msg->kind, VR_MSG_PING);
    pings++;
    if (msg->to.id.lo != 20 || life == 0) {
        return VR_E_GONE;
    }
    vr_reply(node->system, msg, &pong);
    vr_msg_clear(msg);
    return VR_OK;
}

static struct node *room_of_two_nodes(void)
{
    struct node *node = owned_room();

    life = 77;
    pings = 0;
    stop(node);
    node->route = to_other_node;
    start(node);
    node->services.life = life_of;
    node->services.contact = contact_with;
    assert_int_equal(say(node, joining("ana", 1, 0))->participant, 1);
    assert_int_equal(say(node, joining_at("cat", 20, 2))->err, VR_OK);
    assert_int_equal(say(node, joining_at("dan", 21, 2))->err, VR_OK);
    pass(node, VR_SECONDS(30));
    pings = 0;
    node->lines = 0;
    return node;
}

/* A process that died and was there again at once could not keep every session, and does not know
 * of those that it lost. */
static void test_a_session_that_its_node_did_not_keep(void **state)
{
    struct node *node = room_of_two_nodes();

    (void)state;
    pass(node, VR_SECONDS(20));
    assert_int_equal(pings, 0); /* nobody is asked without need */
    life = 78;
    pass(node, VR_SECONDS(3));
    assert_int_equal(pings, 0); /* what it kept may not be there quite yet */
    pass(node, VR_SECONDS(10));
    assert_int_equal(pings, 4); /* one that was not there is looked for a second time */
    assert_int_equal(count(node, "session 1: room:participant-reconnecting"), 1);
    pass(node, VR_SECONDS(16));
    assert_int_equal(count(node, "session 1: room:participant-left"), 1);
    assert_true(shows(node, VR_SHOW_PARTICIPANTS, "ana", "name of cat"));
    assert_false(shows(node, VR_SHOW_PARTICIPANTS, "ana", "name of dan"));
    assert_int_equal(pings, 4);
    node_free(node);
}

/* It was out of reach for a moment, and the owner stayed: what shards there may have missed is said
 * again, and no other shard is bothered. */
static void test_a_node_that_was_out_of_reach(void **state)
{
    const struct vr_answer *answer;
    struct node *node;
    char shard[24];

    (void)state;
    contact = 5;
    node = room_of_two_nodes();
    snprintf(shard, sizeof(shard), "shard %d:", (int)vr_shard_number(2, 0));
    pass(node, VR_SECONDS(10));
    assert_int_equal(count(node, "shard"), 0); /* nothing without need */
    contact = 0;
    answer = say(node, by(VR_CMD_MUTE, "ana", 1, 2));
    assert_int_equal(answer->err, VR_OK); /* at once, and it says that not all have closed */
    assert_non_null(strstr(answer->why, "1 shards have not confirmed"));
    node->lines = 0;
    pass(node, VR_SECONDS(5));
    assert_int_equal(count(node, "shard"), 0); /* nobody is there to be told */
    contact = 6;
    pass(node, VR_MS(1500));
    assert_int_equal(count(node, "shard"), 5);
    assert_int_equal(count(node, shard), 5); /* the set, and four gates */
    pass(node, VR_SECONDS(5));
    assert_int_equal(count(node, shard), 15); /* twice more, when the way there is open too */
    pass(node, VR_SECONDS(30));
    assert_int_equal(count(node, "shard"), 15);
    node_free(node);
}

/* Nor did it hear of us when we took the room. */
static void test_out_of_reach_of_a_new_owner(void **state)
{
    struct node *node;

    (void)state;
    contact = 5;
    node = room_of_two_nodes();
    node->services.holds = holds;
    contact = 0;
    held = false;
    assert_int_equal(say(node, by(VR_CMD_MAKE_MODERATOR, "ana", 1, 2))->err, VR_E_FROZEN);
    held = true;
    assert_int_equal(say(node, by(VR_CMD_MUTE, "ana", 1, 2))->err, VR_OK);
    pass(node, VR_SECONDS(3));
    node->lines = 0;
    contact = 5; /* as it was before, but not for this owner */
    pass(node, VR_MS(1500));
    assert_int_equal(count(node, "shard"), 5);
    node_free(node);
}

static void test_a_node_that_stays_away(void **state)
{
    struct node *node = room_of_two_nodes();

    (void)state;
    life = 0;
    pass(node, VR_SECONDS(8));
    assert_int_equal(pings, 0); /* it may be back in a moment */
    pass(node, VR_SECONDS(6));
    assert_int_equal(pings, 2);
    assert_int_equal(count(node, "session 1: room:participant-reconnecting"), 0);
    pass(node, VR_SECONDS(12));
    assert_int_equal(count(node, "session 1: room:participant-reconnecting"), 2);
    pass(node, VR_SECONDS(16));
    assert_int_equal(count(node, "session 1: room:participant-left"), 2);
    node_free(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_sure_at_dispatch),
        cmocka_unit_test(test_not_sure_but_it_silences),
        cmocka_unit_test(test_a_mark_is_known_before_gates_open),
        cmocka_unit_test(test_a_mark_that_the_owner_refuses),
        cmocka_unit_test(test_deadline_passes_before_the_answer),
        cmocka_unit_test(test_fenced_commit),
        cmocka_unit_test(test_room_that_cannot_be_taken),
        cmocka_unit_test(test_one_event_for_each_node),
        cmocka_unit_test(test_a_session_that_its_node_did_not_keep),
        cmocka_unit_test(test_a_node_that_stays_away),
        cmocka_unit_test(test_a_node_that_was_out_of_reach),
        cmocka_unit_test(test_out_of_reach_of_a_new_owner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
