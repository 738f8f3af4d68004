/* Goal: nothing is half done when a commit fails, the room's actor or the node dies, or the disk is
 * full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/room/room_actor_rig.h"

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

/* What is due while a later commit's outcome is not known yet is looked at now and then, not
 * without a pause: the loop would do nothing else. */
static void test_what_is_due_after_a_failed_commit_waits(void **state)
{
    struct node *node = node_new();
    vr_time_us next;

    (void)state;
    create_with_two(node);
    assert_int_equal(say(node, by(VR_CMD_LOST, "ben", 2, 0))->err, VR_OK);
    assert_true(shows(node, VR_SHOW_PARTICIPANTS, "ana", "reconnecting"));
    vr_memory_set_immediate(node->records, false);
    (void)ask(node, by(VR_CMD_MUTE, "ana", 1, 2));
    (void)ask(node, by(VR_CMD_UNMUTE, "ana", 1, 2));
    settle(node);
    assert_true(vr_memory_step(node->records, VR_E_FULL));
    pass(node, VR_SECONDS(60)); /* ben's time is over */
    next = vr_worker_turn(vr_system_worker(node->system, VR_WORKER_CONTROL, 0), node->now);
    assert_true(next > node->now);
    while (vr_memory_step(node->records, VR_OK)) {
        settle(node);
    }
    vr_memory_set_immediate(node->records, true);
    pass(node, VR_SECONDS(60));
    assert_false(shows(node, VR_SHOW_PARTICIPANTS, "ana", "reconnecting"));
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

/* A commit of the life before names a session that nobody was told of: it hears of the room all the
 * same, from the moment on when that commit has landed. */
static void test_a_return_that_landed_after_the_restart(void **state)
{
    struct node *node = node_new();
    struct vr_command *cmd = by(VR_CMD_RESUME, "ben", 2, 0);
    uint32_t back;
    int landed;

    (void)state;
    create_with_two(node);
    clear_log(node);
    vr_memory_set_immediate(node->records, false);
    cmd->by.generation = 1;
    cmd->session = vr_session_address((struct vr_id){0, 12});
    cmd->shard = vr_shard_address(KIT_ROOM, 1);
    back = ask(node, cmd);
    settle(node);
    node->room_fails = true;
    (void)ask(node, by(VR_CMD_LOCK, "ana", 1, 0));
    settle(node);
    assert_int_equal(node->errors[back], VR_E_INTERNAL);
    pass(node, VR_MS(50));
    while (vr_memory_step(node->records, VR_OK)) {
        settle(node);
    }
    vr_memory_set_immediate(node->records, true);
    pass(node, VR_SECONDS(1));
    landed = (int)node->lines;
    assert_int_equal(say(node, by(VR_CMD_MUTE, "ana", 1, 2))->err, VR_OK);
    assert_true(find(node, "session 12: room:", landed) >= 0);
    assert_int_equal(find(node, "session 2: room:", landed), -1);
    assert_false(shows(node, VR_SHOW_PARTICIPANTS, "ana", "reconnecting"));
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

static bool is_session_one(void *ctx, struct vr_worker *worker, struct vr_address session,
                           vr_participant_id participant, uint32_t generation)
{
    (void)ctx;
    assert_int_equal(vr_worker_kind(worker), VR_WORKER_CONTROL);
    return session.id.lo == 1 && participant == 1 && generation == 1;
}

static bool is_any_session(void *ctx, struct vr_worker *worker, struct vr_address session,
                           vr_participant_id participant, uint32_t generation)
{
    (void)worker;
    (void)generation;
    ((struct node *)ctx)->sessions_dead = true; /* nobody needs to be asked */
    return session.id.lo == participant;
}

static const struct vr_answer *snapshot(struct node *node)
{
    return say(node, by(VR_CMD_SNAPSHOT, "ana", 1, 0));
}

/* kill -9, but sessions and transports were kept: nobody can tell that anything was. */
static void test_whose_session_was_kept_was_never_away(void **state)
{
    struct node *node = node_new();
    const struct vr_answer *before;
    const struct vr_answer *after;
    uint64_t epoch;
    uint64_t revision;
    uint64_t head;

    (void)state;
    create_with_two(node);
    assert_int_equal(say(node, by(VR_CMD_HAND_RAISE, "ben", 2, 0))->err, VR_OK);
    assert_int_equal(say(node, by(VR_CMD_MUTE, "ana", 1, 2))->err, VR_OK);
    before = snapshot(node);
    assert_int_equal(vr_records_head(node->records, KIT_ROOM, &epoch, &head), VR_OK);
    stop(node);
    start(node);
    node->services.lives = is_any_session;
    node->lines = 0;
    after = snapshot(node);
    assert_int_equal(after->err, VR_OK);
    assert_true(after->digest == before->digest);
    assert_true(after->sequence == before->sequence);
    assert_true(after->epoch > before->epoch);
    pass(node, VR_SECONDS(19)); /* past the grace time */
    assert_int_equal(find(node, "session 1: room:participant", 0), -1);
    assert_true(find(node, "session 2: room:state", 0) >= 0);
    assert_true(find(node, "shard 0: gate 2 - hear", 0) >= 0); /* a listener, and muted */
    assert_int_equal(find(node, "shard 0: gate 2 send", 0), -1);
    assert_true(find(node, "lobby: 2 people", 0) >= 0);
    assert_true(snapshot(node)->digest == before->digest);
    assert_int_equal(vr_records_head(node->records, KIT_ROOM, &epoch, &revision), VR_OK);
    assert_true(revision == head); /* nothing had to be written */
    assert_int_equal(say(node, by(VR_CMD_PROMOTE, "ana", 1, 2))->err, VR_OK);
    assert_true(find(node, "session 2: room:role-changed", 0) >= 0);
    node_free(node);
}

/* Of two only Ana's transport was kept: Ben has his grace time from now on. */
static void test_whose_session_was_not_kept_is_reconnecting(void **state)
{
    struct node *node = node_new();

    (void)state;
    create_with_two(node);
    stop(node);
    node->now += VR_SECONDS(10);
    node->sessions_dead = true;
    start(node);
    node->services.lives = is_session_one;
    node->lines = 0;
    assert_true(shows(node, VR_SHOW_PARTICIPANTS, "ana", "name of ben"));
    assert_true(shows(node, VR_SHOW_PARTICIPANTS, "ana", "reconnecting"));
    pass(node, VR_SECONDS(14));
    assert_int_equal(find(node, "session 1: room:participant-left", 0), -1);
    pass(node, VR_SECONDS(2));
    assert_true(find(node, "session 1: room:participant-left", 0) >= 0);
    assert_true(shows(node, VR_SHOW_PARTICIPANTS, "ana", "name of ana"));
    assert_false(shows(node, VR_SHOW_PARTICIPANTS, "ana", "reconnecting"));
    node_free(node);
}

static const struct vr_answer *move_of_ben(struct node *node, enum vr_command_kind kind)
{
    struct vr_command *cmd = kit_command(kind, "ben");

    cmd->by.participant = 2;
    cmd->by.generation = 1;
    cmd->flag = kind == VR_CMD_SNAPSHOT; /* only looks */
    cmd->session = vr_session_address((struct vr_id){0, 12});
    cmd->shard = vr_shard_address(KIT_ROOM, 1);
    return say(node, cmd);
}

/* A drain changes the owner and moves people at the same time: who has not been heard yet by the
 * new owner is moved like anybody, not taken for lost, and his old session is told. */
static void test_a_move_before_the_session_was_heard(void **state)
{
    struct node *node = node_new();

    (void)state;
    create_with_two(node);
    stop(node);
    node->sessions_dead = true; /* its answer is still on its way */
    start(node);
    assert_int_equal(move_of_ben(node, VR_CMD_SNAPSHOT)->err, VR_OK);
    clear_log(node);
    assert_int_equal(move_of_ben(node, VR_CMD_RESUME)->generation, 2);
    assert_true(find(node, "session 2: session:replaced", 0) >= 0);
    node_free(node);
}

/* What an owner that was deposed at once wrote does not make lost who was never heard. */
static void test_who_was_not_heard_is_not_lost_for_the_next_owner(void **state)
{
    struct node *node = node_new();

    (void)state;
    create_with_two(node);
    stop(node);
    node->sessions_dead = true;
    start(node);
    assert_int_equal(say(node, by(VR_CMD_MUTE, "ana", 1, 2))->err, VR_OK);
    stop(node);
    node->sessions_dead = false;
    start(node);
    node->lines = 0;
    assert_true(shows(node, VR_SHOW_PARTICIPANTS, "ana", "name of ben"));
    pass(node, VR_SECONDS(30));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failed_commit),
        cmocka_unit_test(test_what_is_due_after_a_failed_commit_waits),
        cmocka_unit_test(test_restart_by_supervision),
        cmocka_unit_test(test_restart_between_step_and_commit),
        cmocka_unit_test(test_a_return_that_landed_after_the_restart),
        cmocka_unit_test(test_disk_full_reads_go_on),
        cmocka_unit_test(test_crash_and_return),
        cmocka_unit_test(test_sessions_outlive_the_room),
        cmocka_unit_test(test_whose_session_was_kept_was_never_away),
        cmocka_unit_test(test_whose_session_was_not_kept_is_reconnecting),
        cmocka_unit_test(test_a_move_before_the_session_was_heard),
        cmocka_unit_test(test_who_was_not_heard_is_not_lost_for_the_next_owner),
        cmocka_unit_test(test_repeat_after_restart),
        cmocka_unit_test(test_sleep_and_wake),
    };

    vr_log_set_level(VR_LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
