/* Goal: a room that was deleted comes back from the rows of a backup with its settings, bans and
 * roles, all of it or nothing; what is not its own, or comes from who may not, is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/room/records.h"
#include "actors/room/room_actor_rig.h"
#include "store/commit.h"

static struct node *node;
static struct vr_buf rows;
static uint64_t restores;

static struct vr_command *act(enum vr_command_kind kind, const char *user, vr_participant_id who,
                              vr_participant_id target)
{
    return by(kind, user, who, target);
}

static struct vr_command *admins(enum vr_command_kind kind)
{
    struct vr_command *cmd = kit_command(kind, "root");

    cmd->by.admin = true;
    return cmd;
}

static struct vr_command *piece(uint64_t restore, uint32_t number, struct vr_bytes bytes, bool last)
{
    struct vr_command *cmd = admins(VR_CMD_RESTORE);

    cmd->message = (struct vr_id){7, restore};
    cmd->after = number;
    cmd->flag = last;
    cmd->text = vr_blob_new(bytes);
    return cmd;
}

/* In pieces that end anywhere. */
static const struct vr_answer *restore(struct vr_bytes bytes)
{
    uint64_t id = ++restores;
    size_t third = bytes.size / 3;

    assert_int_equal(say(node, piece(id, 0, vr_bytes(bytes.data, third), false))->err, VR_OK);
    assert_int_equal(say(node, piece(id, 1, vr_bytes(bytes.data + third, third), false))->err,
                     VR_OK);
    return say(node, piece(id, 2, vr_bytes(bytes.data + 2 * third, bytes.size - 2 * third), true));
}

static void forget(void)
{
    assert_int_equal(say(node, admins(VR_CMD_DELETE))->err, VR_OK);
    assert_int_equal(say(node, kit_command(VR_CMD_SHOW, "root"))->err, VR_E_NOT_FOUND);
}

/* Ana hosts, Ben is a moderator, Mallory is banned, Cy talks with his hand up. Then a backup. */
static int set_up(void **state)
{
    struct vr_command *ban;

    (void)state;
    node = node_new();
    create_with_two(node);
    assert_int_equal(say(node, joining("cy", 3, 0))->participant, 3);
    assert_int_equal(say(node, act(VR_CMD_HAND_RAISE, "ben", 2, 0))->err, VR_OK);
    assert_int_equal(say(node, act(VR_CMD_PROMOTE, "ana", 1, 2))->err, VR_OK);
    assert_int_equal(say(node, act(VR_CMD_MAKE_MODERATOR, "ana", 1, 2))->err, VR_OK);
    assert_int_equal(say(node, act(VR_CMD_HAND_RAISE, "cy", 3, 0))->err, VR_OK);
    ban = act(VR_CMD_BAN, "ana", 1, 0);
    snprintf(ban->target_user, sizeof(ban->target_user), "mallory");
    assert_int_equal(say(node, ban)->err, VR_OK);
    rows = (struct vr_buf){0};
    assert_int_equal(vr_room_rows_read(node->records, KIT_ROOM, SIZE_MAX, &rows), VR_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vr_buf_deinit(&rows);
    node_free(node);
    return 0;
}

static void assert_as_it_was(void)
{
    assert_true(shows(node, VR_SHOW_STATE, "ana", "\"title\":\"a room\""));
    assert_int_equal(say(node, joining("mallory", 9, 0))->err, VR_E_BANNED);
    assert_int_equal(say(node, joining("ben", 12, 0))->role, VR_ROLE_MODERATOR);
    assert_int_equal(say(node, joining("ana", 11, 0))->role, VR_ROLE_HOST);
    assert_true(shows(node, VR_SHOW_PARTICIPANTS, "ana", "\"participant\":2"));
    /* No number twice: 4 may have been somebody's after the backup, with a token for it. */
    assert_true(say(node, joining("dan", 14, 0))->participant > 1000000);
    assert_true(shows(node, VR_SHOW_AUDIT, "ana", "room:restore"));
    assert_true(shows(node, VR_SHOW_AUDIT, "ana", "room:ban"));
}

static void comes_back(void **state)
{
    const struct vr_answer *answer;

    (void)state;
    forget();
    pass(node, VR_SECONDS(1));
    clear_log(node);
    answer = restore(vr_buf_bytes(&rows));
    assert_int_equal(answer->err, VR_OK);
    assert_non_null(strstr(vr_blob_text(answer->body), "\"title\":\"a room\""));
    /* Who was in it then is not there now, and nobody is told anything. */
    assert_int_equal(find(node, "session", 0), -1);
    assert_false(shows(node, VR_SHOW_PARTICIPANTS, "ana", "\"participant\":3"));
    assert_false(shows(node, VR_SHOW_HANDS, "ana", "\"participant\":3"));
    assert_as_it_was();
}

static void outlives_its_node(void **state)
{
    (void)state;
    forget();
    assert_int_equal(restore(vr_buf_bytes(&rows))->err, VR_OK);
    stop(node);
    start(node);
    assert_as_it_was();
}

/* Also on a node that never heard of these people: their keys come along. */
static void brings_the_keys_of_its_people(void **state)
{
    struct node *other = node_new();
    struct node *first = node;

    (void)state;
    node = other;
    assert_int_equal(restore(vr_buf_bytes(&rows))->err, VR_OK);
    assert_as_it_was();
    node_free(other);
    node = first;
}

static void who_was_erased_stays_so(void **state)
{
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);
    struct vr_buf name = {0};
    struct vr_id ref = vr_personal_ref(node->personal, "cy");

    (void)state;
    forget();
    assert_int_equal(vr_personal_erase(node->personal, ref, commit), VR_OK);
    assert_int_equal(vr_records_commit(node->records, commit, NULL), VR_OK);
    assert_int_equal(restore(vr_buf_bytes(&rows))->err, VR_OK);
    assert_int_equal(vr_personal_user(node->personal, ref, &name), VR_E_NOT_FOUND);
    vr_buf_deinit(&name);
    assert_as_it_was();
}

static void only_where_no_room_is(void **state)
{
    struct vr_command *cmd = piece(1, 0, vr_buf_bytes(&rows), true);

    (void)state;
    assert_int_equal(say(node, piece(1, 0, vr_buf_bytes(&rows), true))->err, VR_E_EXISTS);
    forget();
    cmd->by.admin = false;
    assert_int_equal(say(node, cmd)->err, VR_E_FORBIDDEN);
    assert_int_equal(say(node, kit_command(VR_CMD_SHOW, "root"))->err, VR_E_NOT_FOUND);
    assert_int_equal(restore(vr_buf_bytes(&rows))->err, VR_OK);
    assert_int_equal(say(node, piece(2, 0, vr_buf_bytes(&rows), true))->err, VR_E_EXISTS);
}

static void pieces_keep_their_order(void **state)
{
    struct vr_bytes part = vr_bytes(rows.data, 10);

    (void)state;
    forget();
    assert_int_equal(say(node, piece(1, 1, part, false))->err, VR_E_CONFLICT);
    assert_int_equal(say(node, piece(1, 0, part, false))->err, VR_OK);
    assert_int_equal(say(node, piece(1, 2, part, true))->err, VR_E_CONFLICT);
    assert_int_equal(say(node, piece(2, 0, part, false))->err, VR_E_IN_PROGRESS);
    assert_int_equal(say(node, kit_command(VR_CMD_SHOW, "root"))->err, VR_E_NOT_FOUND);
    pass(node, VR_SECONDS(31)); /* whoever began it has gone */
    assert_int_equal(say(node, piece(1, 1, part, false))->err, VR_E_CONFLICT);
    assert_int_equal(say(node, piece(2, 0, part, false))->err, VR_OK);
    assert_int_equal(say(node, piece(2, 0, part, false))->err, VR_OK); /* begun anew */
    assert_int_equal(say(node, piece(2, 1, vr_bytes(rows.data + 10, rows.size - 10), true))->err,
                     VR_OK);
    assert_as_it_was();
}

static struct vr_commit *copy_of_rows(void)
{
    struct vr_commit *copy = NULL;

    assert_int_equal(vr_commit_from_ops(KIT_ROOM, 0, 0, 0, vr_buf_bytes(&rows), &copy), VR_OK);
    return copy;
}

static void only_its_own_rows(void **state)
{
    static const uint8_t other[32] = {1};
    uint8_t own[32];
    struct vr_commit *bad[8];
    size_t count = 0;

    (void)state;
    forget();
    vr_id_put(own, KIT_ROOM);
    memset(own + 16, 7, 16);
    for (; count < 8; count++) {
        bad[count] = copy_of_rows();
    }
    vr_commit_put(bad[0], VR_TABLE_BANS, vr_bytes(other, 32), vr_bytes(other, 4));
    vr_commit_put(bad[1], VR_TABLE_KEYS, vr_bytes_of("admin"), vr_bytes(other, 4));
    vr_commit_put(bad[2], VR_TABLE_ROOMS, vr_bytes(own, 16), vr_bytes(other, 0));
    vr_commit_put(bad[3], VR_TABLE_PARTICIPANTS, vr_bytes(own, 17), vr_bytes(other, 0));
    vr_commit_put(bad[4], VR_TABLE_COMMANDS, vr_bytes(own, 32), vr_bytes(other, 0));
    vr_commit_remove_prefix(bad[5], VR_TABLE_BANS, vr_bytes(own, 16));
    vr_commit_put(bad[6], VR_TABLE_USERS, vr_bytes(own, 16), vr_bytes(other, 3));
    vr_buf_append(&bad[7]->ops, other, 5);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(restore(vr_commit_ops(bad[i]))->err, VR_E_UNPROCESSABLE);
        vr_commit_free(bad[i]);
    }
    assert_int_equal(restore(vr_bytes(rows.data, rows.size / 2))->err, VR_E_UNPROCESSABLE);
    assert_int_equal(say(node, kit_command(VR_CMD_SHOW, "root"))->err, VR_E_NOT_FOUND);
    assert_int_equal(restore(vr_buf_bytes(&rows))->err, VR_OK);
}

static void nothing_of_it_after_a_failure(void **state)
{
    uint32_t last;
    uint32_t late;

    (void)state;
    forget();
    vr_memory_set_immediate(node->records, false);
    last = ask(node, piece(1, 0, vr_buf_bytes(&rows), true));
    late = ask(node, piece(2, 0, vr_buf_bytes(&rows), true));
    settle(node);
    assert_int_equal(node->errors[late], VR_E_IN_PROGRESS);
    assert_true(vr_memory_step(node->records, VR_E_FULL));
    settle(node);
    assert_int_equal(node->errors[last], VR_E_FULL);
    vr_memory_set_immediate(node->records, true);
    assert_int_equal(say(node, kit_command(VR_CMD_SHOW, "root"))->err, VR_E_NOT_FOUND);
    pass(node, VR_SECONDS(2));
    assert_int_equal(restore(vr_buf_bytes(&rows))->err, VR_OK);
    assert_as_it_was();
}

/* Eve came after the backup and has a token for number 4; by the token alone she is whoever has it.
 */
static void tokens_of_after_the_backup_open_nothing(void **state)
{
    struct vr_command *resume = kit_command(VR_CMD_RESUME, "");

    (void)state;
    assert_int_equal(say(node, joining("eve", 20, 0))->participant, 4);
    forget();
    assert_int_equal(restore(vr_buf_bytes(&rows))->err, VR_OK);
    assert_int_equal(say(node, joining("dan", 21, 0))->err, VR_OK);
    resume->by.participant = 4;
    resume->by.generation = 1;
    resume->session = vr_session_address((struct vr_id){0, 22});
    assert_int_equal(say(node, resume)->err, VR_E_GONE);
}

static void old_entries_of_a_long_log_are_left_out(void **state)
{
    struct vr_buf few = {0};

    (void)state;
    assert_int_equal(vr_room_rows_read(node->records, KIT_ROOM, 1, &few), VR_OK);
    assert_true(few.size < rows.size);
    forget();
    assert_int_equal(restore(vr_buf_bytes(&few))->err, VR_OK);
    assert_false(shows(node, VR_SHOW_AUDIT, "ana", "room:make-moderator"));
    assert_true(shows(node, VR_SHOW_AUDIT, "ana", "room:restore"));
    vr_buf_deinit(&few);
    assert_int_equal(vr_room_rows_read(node->records, (struct vr_id){5, 5}, 1, &few),
                     VR_E_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(comes_back),
        TEST(outlives_its_node),
        TEST(brings_the_keys_of_its_people),
        TEST(who_was_erased_stays_so),
        TEST(only_where_no_room_is),
        TEST(pieces_keep_their_order),
        TEST(only_its_own_rows),
        TEST(nothing_of_it_after_a_failure),
        TEST(tokens_of_after_the_backup_open_nothing),
        TEST(old_entries_of_a_long_log_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
