/* Goal: a deleted room that is restored at any node is the newest there is: no copy of the deletion
 * brings it down again, asked for or not, whichever node dies, and a node that was away takes it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "actors/room/records.h"
#include "cluster/sim_kit.h"

#define ROOM ((struct vr_id){0x2222, 0x7777})

static struct ck *kit;
static struct ck_answer answer;
static struct vr_buf rows;

static struct vr_command *admins(enum vr_command_kind kind)
{
    struct vr_command *command = ck_command(kit, kind, "root");

    command->by.admin = true;
    return command;
}

static struct vr_command *piece(uint64_t restore, uint32_t number, struct vr_bytes bytes, bool last)
{
    struct vr_command *command = admins(VR_CMD_RESTORE);

    command->message = (struct vr_id){9, restore};
    command->after = number;
    command->flag = last;
    command->text = vr_blob_new(bytes);
    return command;
}

/* Three nodes, a room with a ban, its backup. */
static int set_up(void **state)
{
    struct vr_command *ban;

    (void)state;
    kit = ck_new(77, 3);
    if (!ck_until(kit, ck_all_joined, VR_SECONDS(10))) {
        return -1;
    }
    ban = admins(VR_CMD_BAN);
    snprintf(ban->target_user, sizeof(ban->target_user), "mallory");
    assert_int_equal(ck_tell(kit, 1, ROOM, ck_create(kit, "ana", "kept"), &answer), VR_OK);
    assert_int_equal(ck_tell(kit, 2, ROOM, ck_join(kit, 2, ROOM, "ben"), &answer), VR_OK);
    assert_int_equal(ck_tell(kit, 3, ROOM, ban, &answer), VR_OK);
    ck_run(kit, VR_SECONDS(5));
    rows = (struct vr_buf){0};
    assert_int_equal(
        vr_room_rows_read(vr_sim_node_records(kit->nodes[ck_holder(kit, ROOM, NULL)].sim), ROOM,
                          SIZE_MAX, &rows),
        VR_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vr_buf_deinit(&rows);
    ck_free(kit);
    kit = NULL;
    return 0;
}

static void forget_at(uint32_t node)
{
    assert_int_equal(ck_tell(kit, node, ROOM, admins(VR_CMD_DELETE), &answer), VR_OK);
    for (uint32_t i = 1; i <= 3; i++) { /* who asks for it makes an owner of nothing */
        if (kit->nodes[i].cluster != NULL) {
            assert_int_equal(ck_tell(kit, i, ROOM, ck_show(kit, "root", VR_SHOW_STATE), &answer),
                             VR_E_NOT_FOUND);
        }
    }
}

static void restore_at(uint32_t first, uint32_t last)
{
    size_t half = rows.size / 2;

    assert_int_equal(
        ck_tell(kit, first, ROOM, piece(1, 0, vr_bytes(rows.data, half), false), &answer), VR_OK);
    assert_int_equal(ck_tell(kit, last, ROOM,
                             piece(1, 1, vr_bytes(rows.data + half, rows.size - half), true),
                             &answer),
                     VR_OK);
    assert_non_null(strstr(answer.body, "\"title\":\"kept\""));
}

/* Every living node shows it, with its ban. */
static bool all_have_it(struct ck *of)
{
    for (uint32_t i = 1; i <= 3; i++) {
        if (of->nodes[i].cluster != NULL &&
            (ck_tell(of, i, ROOM, ck_show(of, "root", VR_SHOW_BANS), &answer) != VR_OK ||
             strstr(answer.body, "\"mallory\"") == NULL)) {
            return false;
        }
    }
    return true;
}

static void is_served_by_all(void **state)
{
    (void)state;
    for (uint32_t at = 1; at <= 3; at++) {
        forget_at(at);
        restore_at(1 + at % 3, 1 + (at + 1) % 3);
        assert_true(all_have_it(kit));
    }
    assert_int_equal(ck_tell(kit, 3, ROOM, ck_join(kit, 3, ROOM, "mallory"), &answer), VR_E_BANNED);
    assert_int_equal(ck_tell(kit, 3, ROOM, ck_join(kit, 3, ROOM, "dan"), &answer), VR_OK);
}

static void outlives_its_owner(void **state)
{
    uint32_t owner;

    (void)state;
    forget_at(2);
    restore_at(3, 3);
    for (int deaths = 0; deaths < 3; deaths++) { /* the first before anybody is in sync with it */
        owner = ck_holder(kit, ROOM, NULL);
        assert_int_not_equal(owner, 0);
        ck_crash(kit, owner);
        assert_true(ck_until(kit, all_have_it, VR_SECONDS(60)));
        ck_start(kit, owner);
        assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(20)));
        ck_run(kit, VR_SECONDS(5));
        assert_true(all_have_it(kit));
    }
}

static void outlives_all_nodes(void **state)
{
    (void)state;
    forget_at(1);
    restore_at(2, 1);
    for (uint32_t i = 1; i <= 3; i++) {
        ck_crash(kit, i);
    }
    ck_run(kit, VR_SECONDS(10));
    for (uint32_t i = 1; i <= 3; i++) {
        ck_start(kit, i);
    }
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(20)));
    assert_true(ck_until(kit, all_have_it, VR_SECONDS(60)));
}

/* With the room as it was, and without having heard of its deletion. */
static void is_taken_by_who_was_away(void **state)
{
    uint32_t away = 1 + ck_holder(kit, ROOM, NULL) % 3;
    uint32_t other = 1 + away % 3;

    (void)state;
    ck_crash(kit, away);
    ck_run(kit, VR_SECONDS(10));
    forget_at(other);
    restore_at(other, other);
    ck_start(kit, away);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(20)));
    assert_true(ck_until(kit, all_have_it, VR_SECONDS(20)));
    ck_crash(kit, ck_holder(kit, ROOM, NULL));
    assert_true(ck_until(kit, all_have_it, VR_SECONDS(60)));
}

static void of_two_at_once_one_wins(void **state)
{
    struct ck_answer both[2];

    (void)state;
    forget_at(1);
    ck_ask(kit, 2, ROOM, piece(1, 0, vr_buf_bytes(&rows), true), &both[0]);
    ck_ask(kit, 3, ROOM, piece(2, 0, vr_buf_bytes(&rows), true), &both[1]);
    assert_true(ck_until(kit, ck_answered, VR_SECONDS(20)));
    assert_true((both[0].err == VR_OK) != (both[1].err == VR_OK));
    for (int i = 0; i < 2; i++) {
        assert_true(both[i].err == VR_OK || both[i].err == VR_E_EXISTS ||
                    both[i].err == VR_E_IN_PROGRESS);
    }
    assert_true(all_have_it(kit));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_served_by_all),         TEST(outlives_its_owner),      TEST(outlives_all_nodes),
        TEST(is_taken_by_who_was_away), TEST(of_two_at_once_one_wins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
