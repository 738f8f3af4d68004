/* Goal: what was done without an owner comes late. It has its effect whatever session its author
 * has by now, unless he himself has taken it back since; of two people who disagree the stricter
 * wins. And a session that a copy let in is neither refused for good nor its leaving lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/room/room_kit.h"
#include "store/commit.h"

#define ORDER(generation, count) ((uint64_t)(generation) << 32 | (count))

static struct kit kit;
static vr_participant_id ana, ben, cat, dan;

static int set_up(void **state)
{
    (void)state;
    kit_init(&kit, 5);
    assert_int_equal(kit_create(&kit, "ana", NULL), VR_OK);
    ana = kit_join(&kit, "ana");
    ben = kit_join_as(&kit, "ben", VR_ROLE_SPEAKER);
    cat = kit_join(&kit, "cat");
    dan = kit_join_as(&kit, "dan", VR_ROLE_MODERATOR);
    assert_true(ana != 0 && ben != 0 && cat != 0 && dan != 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kit_deinit(&kit);
    return 0;
}

static enum vr_err say(enum vr_command_kind kind, vr_participant_id who, vr_participant_id target,
                       uint64_t order)
{
    struct vr_command *cmd = kit_by(&kit, kind, who, target);

    cmd->id = vr_random_id(&kit.random.random);
    cmd->by.order = order;
    return kit_do(&kit, cmd);
}

/* As a copy hands it over. */
static enum vr_err late(enum vr_command_kind kind, vr_participant_id who, vr_participant_id target,
                        uint64_t order)
{
    struct vr_command *cmd = kit_by(&kit, kind, who, target);

    cmd->id = vr_random_id(&kit.random.random);
    cmd->by.generation = 0;
    cmd->by.order = order;
    return kit_do(&kit, cmd);
}

static void a_hand_that_went_up_again_stays_up(void **state)
{
    (void)state;
    assert_int_equal(say(VR_CMD_HAND_RAISE, cat, 0, ORDER(1, 4)), VR_OK);
    assert_int_equal(say(VR_CMD_HAND_RAISE, cat, 0, ORDER(1, 6)), VR_OK); /* it was up still */
    assert_int_equal(late(VR_CMD_HAND_LOWER, cat, 0, ORDER(1, 5)), VR_OK);
    assert_int_equal(kit_person(&kit, cat).hand, 1);
    assert_int_equal(late(VR_CMD_HAND_LOWER, cat, 0, ORDER(1, 7)), VR_OK);
    assert_int_equal(kit_person(&kit, cat).hand, 0);
}

static void a_newer_session_is_newer_whatever_it_counts(void **state)
{
    (void)state;
    assert_int_equal(say(VR_CMD_HAND_RAISE, cat, 0, ORDER(1, 90)), VR_OK);
    assert_int_equal(kit_join(&kit, "cat"), cat);
    assert_int_equal(late(VR_CMD_HAND_LOWER, cat, 0, ORDER(2, 1)), VR_OK);
    assert_int_equal(kit_person(&kit, cat).hand, 0);
    assert_int_equal(say(VR_CMD_HAND_RAISE, cat, 0, ORDER(2, 2)), VR_OK);
    assert_int_equal(late(VR_CMD_HAND_LOWER, cat, 0, ORDER(1, 91)), VR_OK);
    assert_int_equal(kit_person(&kit, cat).hand, 1);
}

static void a_mute_stands_unless_its_author_took_it_back(void **state)
{
    (void)state;
    assert_int_equal(say(VR_CMD_UNMUTE, ana, ben, ORDER(1, 8)), VR_OK); /* was not muted yet */
    assert_int_equal(late(VR_CMD_MUTE, ana, ben, ORDER(1, 7)), VR_OK);
    assert_false(kit_person(&kit, ben).muted_by_moderator);
    assert_int_equal(late(VR_CMD_MUTE, dan, ben, ORDER(1, 2)), VR_OK); /* somebody else's */
    assert_true(kit_person(&kit, ben).muted_by_moderator);
    assert_int_equal(say(VR_CMD_UNMUTE, ben, 0, ORDER(1, 9)), VR_OK);
    assert_int_equal(late(VR_CMD_MUTE, ben, 0, ORDER(1, 10)), VR_OK); /* his own, and newer */
    assert_true(kit_person(&kit, ben).muted_by_self);
    assert_int_equal(late(VR_CMD_MUTE, ana, cat, ORDER(1, 7)), VR_OK); /* another person */
    assert_true(kit_person(&kit, cat).muted_by_moderator);
}

static void a_ban_that_was_lifted_does_not_come_back(void **state)
{
    struct vr_command *unban = NULL;

    (void)state;
    assert_int_equal(late(VR_CMD_BAN, ana, ben, ORDER(1, 3)), VR_OK);
    assert_int_equal(kit_join(&kit, "ben"), 0);
    unban = kit_by(&kit, VR_CMD_UNBAN, ana, 0);
    snprintf(unban->target_user, sizeof(unban->target_user), "ben");
    unban->id = vr_random_id(&kit.random.random);
    unban->by.order = ORDER(1, 4);
    assert_int_equal(kit_do(&kit, unban), VR_OK);
    assert_int_equal(late(VR_CMD_BAN, ana, ben, ORDER(1, 3)), VR_OK); /* from another copy */
    assert_int_equal(kit_join(&kit, "ben"), ben);
    assert_int_equal(late(VR_CMD_BAN, dan, ben, ORDER(1, 1)), VR_OK); /* the stricter wins */
    assert_int_equal(kit_join(&kit, "ben"), 0);
}

static void a_moderator_who_has_left_has_acted_all_the_same(void **state)
{
    (void)state;
    assert_int_equal(kit_say(&kit, VR_CMD_LEAVE, dan, 0), VR_OK);
    assert_int_equal(late(VR_CMD_MUTE, dan, ben, ORDER(1, 2)), VR_OK);
    assert_true(kit_person(&kit, ben).muted_by_moderator);
    assert_int_equal(late(VR_CMD_MUTE, cat, ben, ORDER(1, 2)), VR_E_FORBIDDEN); /* who may not */
}

static void a_session_that_a_copy_let_in_comes_again(void **state)
{
    struct vr_command *cmd = kit_by(&kit, VR_CMD_HAND_RAISE, cat, 0);

    (void)state;
    cmd->by.generation = 3;
    assert_int_equal(kit_do(&kit, cmd), VR_E_FROZEN); /* it announces itself in a moment */
    assert_true(kit.answer.retry_after_ms > 0);
    cmd = kit_by(&kit, VR_CMD_LEAVE, cat, 0);
    cmd->by.generation = 3; /* it came and went while nobody owned the room */
    assert_int_equal(kit_do(&kit, cmd), VR_OK);
    assert_false(kit_person(&kit, cat).present);
}

static void a_session_ends_its_own_stay_alone(void **state)
{
    struct vr_command *leave = kit_by(&kit, VR_CMD_LEAVE, cat, 0);

    (void)state;
    leave->by.generation = 0;
    leave->by.order = ORDER(1, 3);
    leave->session = kit_person(&kit, cat).session;
    assert_int_equal(kit_join(&kit, "cat"), cat); /* before the copy tells that the other is over */
    assert_int_equal(kit_do(&kit, leave), VR_OK);
    assert_true(kit_person(&kit, cat).present);
    leave = kit_by(&kit, VR_CMD_LEAVE, cat, 0);
    leave->by.generation = 0;
    leave->by.order = ORDER(2, 1);
    leave->session = kit_person(&kit, cat).session;
    assert_int_equal(kit_do(&kit, leave), VR_OK);
    assert_false(kit_person(&kit, cat).present);
}

/* What the next owner, on another node, knows of it. */
static void what_was_taken_back_is_known_to_the_next_owner(void **state)
{
    struct kit_vault names = {0};
    struct vr_vault vault = kit_vault_of(&names);
    struct vr_commit *commit = vr_commit_new(KIT_ROOM, 3, 0);
    struct vr_room_conf conf = kit_conf(&kit.random.random);
    struct vr_bytes ops;
    struct vr_op op;
    bool bad = false;

    (void)state;
    assert_int_equal(say(VR_CMD_UNMUTE, ana, ben, ORDER(1, 8)), VR_OK);
    kit.effects.durable = true;
    assert_int_equal(vr_room_save(kit.room, &kit.effects, &vault, commit), VR_OK);
    vr_room_free(kit.room);
    kit.room = vr_room_new(KIT_ROOM, &conf, 4);
    ops = vr_commit_ops(commit);
    while (vr_op_next(&ops, &op, &bad)) {
        if (op.kind == VR_OP_PUT && op.table != VR_TABLE_USERS && op.table != VR_TABLE_AUDIT) {
            assert_int_equal(vr_room_load_record(kit.room, &vault, op.table, op.key, op.value),
                             VR_OK);
        }
    }
    vr_commit_free(commit);
    assert_int_equal(late(VR_CMD_MUTE, ana, ben, ORDER(1, 7)), VR_OK);
    assert_false(kit_person(&kit, ben).muted_by_moderator);
    assert_int_equal(late(VR_CMD_MUTE, ana, ben, ORDER(1, 9)), VR_OK);
    assert_true(kit_person(&kit, ben).muted_by_moderator);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_hand_that_went_up_again_stays_up),
        TEST(a_newer_session_is_newer_whatever_it_counts),
        TEST(a_mute_stands_unless_its_author_took_it_back),
        TEST(a_ban_that_was_lifted_does_not_come_back),
        TEST(a_moderator_who_has_left_has_acted_all_the_same),
        TEST(a_session_that_a_copy_let_in_comes_again),
        TEST(a_session_ends_its_own_stay_alone),
        TEST(what_was_taken_back_is_known_to_the_next_owner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
