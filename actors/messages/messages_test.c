/* Goal: every kind and command has a name of its own, names parse back, and clearing a message
 * frees exactly what it owns (leaks are the sanitizer's to find). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "actors/messages/msg.h"

static void test_command_names(void **state)
{
    (void)state;
    for (int i = 0; i < VR_CMD_KINDS; i++) {
        const char *name = vr_command_name((enum vr_command_kind)i);
        enum vr_command_kind back;

        assert_string_not_equal(name, "unknown");
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(name, vr_command_name((enum vr_command_kind)k));
        }
        if (strncmp(name, "room:", 5) == 0) {
            assert_true(vr_command_parse(name, &back));
            assert_int_equal(back, i);
        } else {
            assert_false(vr_command_parse(name, &back)); /* a client can't say it */
        }
    }
    assert_string_equal(vr_command_name(VR_CMD_CREATE), "create");
    assert_string_equal(vr_command_name(VR_CMD_KINDS), "unknown");
}

static void test_words(void **state)
{
    enum vr_role role;
    enum vr_visibility visibility;

    (void)state;
    for (int i = 0; i < VR_ROLES; i++) {
        assert_true(vr_role_parse(vr_role_name((enum vr_role)i), &role));
        assert_int_equal(role, i);
    }
    assert_false(vr_role_parse("Host", &role));
    assert_false(vr_role_parse("", &role));
    assert_true(vr_visibility_parse("private", &visibility));
    assert_int_equal(visibility, VR_PRIVATE);
    assert_string_equal(vr_phase_name(VR_ENDED), "ended");
    assert_string_equal(vr_role_name((enum vr_role)77), "unknown");
}

static void test_kinds(void **state)
{
    (void)state;
    assert_string_equal(vr_msg_name(VR_MSG_COMMAND), "COMMAND");
    assert_string_equal(vr_msg_name(VR_MSG_PONG), "PONG");
    assert_string_equal(vr_msg_name(VR_MSG_KINDS), "UNKNOWN");
    assert_int_equal(vr_msg_lane(VR_MSG_RELAY), VR_LANE_MEDIA);
    assert_int_equal(vr_msg_lane(VR_MSG_GATE), VR_LANE_CONTROL);
    assert_int_equal(vr_msg_scope(VR_MSG_PEER_OPEN), VR_SCOPE_LOCAL);
    assert_int_equal(vr_msg_scope(VR_MSG_EVENT), VR_SCOPE_WIRE);
}

static struct vr_command *full_command(void)
{
    struct vr_command *command = vr_command_new(VR_CMD_CREATE);

    assert_non_null(command);
    command->text = vr_blob_new(vr_bytes_of("why"));
    command->settings = calloc(1, sizeof(*command->settings));
    command->settings->invited = calloc(2, sizeof(char *));
    command->settings->invited[0] = strdup("ana");
    command->settings->invited[1] = strdup("ben");
    command->settings->invited_count = 2;
    return command;
}

static void test_clear_frees_what_is_owned(void **state)
{
    struct vr_blob *blob = vr_blob_new(vr_bytes_of("{}"));
    struct vr_shard_set *set = vr_shard_set_new();

    (void)state;
    for (int i = 0; i < VR_MSG_KINDS; i++) {
        struct vr_msg msg = {.kind = (enum vr_msg_kind)i};

        vr_msg_clear(&msg); /* with nothing in it */
    }
    struct vr_msg msg = {.kind = VR_MSG_COMMAND, .as.command = full_command()};
    vr_msg_clear(&msg);
    assert_null(msg.as.command);

    msg.kind = VR_MSG_ANSWER;
    msg.as.answer = vr_answer_new(VR_E_BANNED, NULL);
    assert_string_equal(msg.as.answer->why, vr_err_text(VR_E_BANNED));
    msg.as.answer->body = vr_blob_retain(blob);
    vr_msg_clear(&msg);

    msg.kind = VR_MSG_EVENT;
    msg.as.event.json = vr_blob_retain(blob);
    vr_msg_clear(&msg);
    msg.kind = VR_MSG_SUMMARY;
    msg.as.summary.json = blob;
    vr_msg_clear(&msg);

    msg.kind = VR_MSG_SHARD_SET;
    msg.as.shard_set = vr_shard_set_retain(set);
    vr_msg_clear(&msg);
    assert_int_equal(set->refs, 1);
    vr_shard_set_release(set);

    msg.kind = VR_MSG_PEER_OPEN;
    msg.as.peer = calloc(1, sizeof(*msg.as.peer));
    vr_msg_clear(&msg);
    msg.kind = VR_MSG_RELAY;
    msg.as.relay = vr_relay_new();
    vr_msg_clear(&msg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_names),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_clear_frees_what_is_owned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
