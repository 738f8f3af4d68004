/* audience_test.c - a large room tells its listeners as a number, and everything else exactly. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "actors/room/room_kit.h"

#define LARGE 8 /* listeners */

static void start(struct kit *kit, uint32_t listeners)
{
    struct vr_room_conf conf;
    struct vr_command *create;

    kit_init(kit, 5);
    conf = kit_conf(&kit->random.random);
    conf.audience = LARGE;
    vr_room_free(kit->room);
    kit->room = vr_room_new(KIT_ROOM, &conf, 3);
    assert_non_null(kit->room);
    create = kit_command(VR_CMD_CREATE, "ana");
    create->settings = kit_settings("large");
    assert_int_equal(kit_do(kit, create), VR_OK);
    assert_int_equal(kit_join(kit, "ana"), 1);
    for (uint32_t i = 0; i < listeners; i++) {
        char user[16];

        snprintf(user, sizeof(user), "u%u", i);
        assert_int_equal(kit_join(kit, user), i + 2);
    }
}

static bool shows(const struct kit *kit, const char *needle)
{
    struct vr_buf text = {0};
    bool found;

    vr_room_snapshot_json(kit->room, false, &text);
    vr_buf_append(&text, "", 1);
    found = strstr((const char *)text.data, needle) != NULL;
    vr_buf_deinit(&text);
    return found;
}

static void a_small_room_names_everybody(void **state)
{
    struct kit kit;

    (void)state;
    start(&kit, LARGE);
    assert_non_null(kit_event(&kit, "room:participant-joined", 0));
    assert_true(shows(&kit, "\"audience\":null"));
    assert_true(shows(&kit, "name of u3"));
    kit_deinit(&kit);
}

static void beyond_it_listeners_are_a_number(void **state)
{
    uint64_t digest;
    struct kit kit;

    (void)state;
    start(&kit, LARGE + 1);
    assert_true(kit_said(&kit, "room:state", "\"audience\":{\"listeners\":9}"));
    assert_true(shows(&kit, "name of ana"));
    assert_false(shows(&kit, "name of u3"));
    digest = vr_room_digest(kit.room);

    assert_true(kit_join(&kit, "late") != 0); /* oneself is in one's own answer */
    assert_non_null(strstr(vr_blob_text(kit.answer.body), "name of late"));
    assert_null(strstr(vr_blob_text(kit.answer.body), "name of u3"));
    assert_null(kit_event(&kit, "room:participant-joined", 0));
    assert_int_equal(kit_say(&kit, VR_CMD_LOST, 3, 0), VR_OK);
    assert_null(kit_event(&kit, "room:participant-reconnecting", 0));
    assert_int_equal(kit_say(&kit, VR_CMD_LEAVE, 4, 0), VR_OK);
    assert_null(kit_event(&kit, "room:participant-left", 0));
    assert_true(vr_room_digest(kit.room) == digest); /* nobody holds what has changed */

    assert_true(kit_join(&kit, "later") != 0);
    kit_pass(&kit, VR_SECONDS(1));
    kit_tick(&kit);
    assert_true(kit_said(&kit, "room:audience", "\"listeners\":10"));
    kit_tick(&kit);
    assert_null(kit_event(&kit, "room:audience", 0)); /* told already */
    kit_deinit(&kit);
}

static void who_stands_out_is_shown_and_goes_back(void **state)
{
    struct kit kit;

    (void)state;
    start(&kit, LARGE + 1);
    assert_int_equal(kit_say(&kit, VR_CMD_HAND_RAISE, 5, 0), VR_OK);
    assert_true(kit_said(&kit, "room:participant-joined", "\"from_audience\":true"));
    assert_true(shows(&kit, "name of u3"));
    assert_int_equal(kit_say(&kit, VR_CMD_PROMOTE, 1, 5), VR_OK);
    assert_null(kit_event(&kit, "room:participant-joined", 0)); /* is there already */
    assert_true(kit_said(&kit, "room:role-changed", "\"role\":\"speaker\""));
    assert_int_equal(kit_say(&kit, VR_CMD_DEMOTE, 1, 5), VR_OK);
    assert_true(kit_said(&kit, "room:participant-audience", "\"who\":5"));
    assert_false(shows(&kit, "name of u3"));
    assert_int_equal(kit_say(&kit, VR_CMD_INVITE, 1, 6), VR_OK);
    assert_true(kit_said(&kit, "room:participant-joined", "\"invited\":true"));
    assert_int_equal(kit_say(&kit, VR_CMD_LEAVE, 6, 0), VR_OK);
    assert_true(kit_said(&kit, "room:participant-left", "\"who\":6"));
    kit_deinit(&kit);
}

static void it_turns_back_well_below(void **state)
{
    struct kit kit;

    (void)state;
    start(&kit, LARGE + 1); /* nine listeners: numbers 2 to 10 */
    for (vr_participant_id who = 2; who < 5; who++) {
        assert_int_equal(kit_say(&kit, VR_CMD_LEAVE, who, 0), VR_OK);
        assert_null(kit_event(&kit, "room:state", 0)); /* six are left at the least */
    }
    assert_int_equal(kit_say(&kit, VR_CMD_LEAVE, 5, 0), VR_OK);
    assert_true(kit_said(&kit, "room:state", "\"audience\":null"));
    assert_true(shows(&kit, "name of u8"));
    assert_int_equal(kit_say(&kit, VR_CMD_LEAVE, 6, 0), VR_OK);
    assert_true(kit_said(&kit, "room:participant-left", "\"who\":6"));
    kit_deinit(&kit);
}

static void everybody_is_read_in_pages(void **state)
{
    struct vr_command *show;
    struct kit kit;

    (void)state;
    start(&kit, LARGE + 1);
    show = kit_by(&kit, VR_CMD_SHOW, 1, 0);
    show->want = VR_SHOW_PARTICIPANTS;
    show->after = 3;
    show->limit = 2;
    assert_int_equal(kit_do(&kit, show), VR_OK);
    assert_null(strstr(vr_blob_text(kit.answer.body), "name of u1\""));
    assert_non_null(strstr(vr_blob_text(kit.answer.body), "name of u2\""));
    assert_non_null(strstr(vr_blob_text(kit.answer.body), "name of u3\""));
    assert_null(strstr(vr_blob_text(kit.answer.body), "name of u4\""));
    assert_non_null(strstr(vr_blob_text(kit.answer.body), "\"next_after\":5"));
    show = kit_by(&kit, VR_CMD_SHOW, 1, 0);
    show->want = VR_SHOW_PARTICIPANTS;
    show->after = 9;
    show->limit = 2;
    assert_int_equal(kit_do(&kit, show), VR_OK);
    assert_non_null(strstr(vr_blob_text(kit.answer.body), "\"next_after\":null"));
    kit_deinit(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_room_names_everybody),
        cmocka_unit_test(beyond_it_listeners_are_a_number),
        cmocka_unit_test(who_stands_out_is_shown_and_goes_back),
        cmocka_unit_test(it_turns_back_well_below),
        cmocka_unit_test(everybody_is_read_in_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
