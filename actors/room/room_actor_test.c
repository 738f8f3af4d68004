/* Goal: a room as an actor answers only after the commit, tells sessions its events and shards its
 * gates, in the right order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/room/room_actor_rig.h"

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
        cmocka_unit_test(test_silent_shard_is_named),
        cmocka_unit_test(test_end_and_delete),
        cmocka_unit_test(test_mute_of_one_who_is_joining),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_speakers),
    };

    vr_log_set_level(VR_LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
