/* reminders_test.c - goal: a reminder is said when its room's own times say so, and its row holds
 * together. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "actors/room/records.h"
#include "nodes/reminders.h"

#define START VR_SECONDS(1000000)
#define MINUTES(n) VR_SECONDS(60 * (n))

static enum vr_reminder_state at(enum vr_phase phase, vr_time_us starts, vr_time_us started,
                                 vr_time_us now)
{
    static struct vr_room_listing room; /* 20 KB */

    room = (struct vr_room_listing){.phase = phase, .starts_wall = starts, .started_wall = started};
    return vr_reminder_state(&room, now);
}

static void states(void **state)
{
    static const struct {
        enum vr_phase phase;
        vr_time_us starts, started, now;
        enum vr_reminder_state want;
    } rows[] = {
        {VR_SCHEDULED, START, 0, START - MINUTES(11), VR_REMINDER_WAITS},
        {VR_SCHEDULED, START, 0, START - MINUTES(10), VR_REMINDER_DUE},
        {VR_SCHEDULED, START, 0, START + MINUTES(30), VR_REMINDER_DUE},
        {VR_SCHEDULED, START, 0, START + MINUTES(6 * 60), VR_REMINDER_OVER},
        {VR_SCHEDULED, 0, 0, START, VR_REMINDER_WAITS},
        {VR_ACTIVE, START, START - MINUTES(60), START - MINUTES(59), VR_REMINDER_BEGUN},
        {VR_ACTIVE, START, START, START + MINUTES(9), VR_REMINDER_BEGUN},
        {VR_ACTIVE, START, START, START + MINUTES(10), VR_REMINDER_OVER},
        {VR_ENDED, START, START, START, VR_REMINDER_OVER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(at(rows[i].phase, rows[i].starts, rows[i].started, rows[i].now),
                         rows[i].want);
    }
    assert_int_equal(vr_reminder_state(NULL, START), VR_REMINDER_OVER);
}

static void rows(void **state)
{
    const struct vr_reminder_row one = {
        .ref = {1, 2}, .room = {3, 4}, .told = true, .at = MINUTES(5)};
    struct vr_deployment_row row = {.kind = VR_DEPLOYMENT_REMINDER,
                                    .id = vr_reminder_id(one.ref, one.room)};
    struct vr_reminder_row read;
    struct vr_buf body = {0};

    (void)state;
    assert_int_equal(vr_reminder_body(&one, &body), VR_OK);
    row.body = vr_buf_bytes(&body);
    assert_true(vr_reminder_read(&row, &read));
    assert_true(vr_id_equal(read.ref, one.ref) && vr_id_equal(read.room, one.room));
    assert_true(read.told);
    assert_int_equal(read.at, MINUTES(5));
    row.id.lo = 5; /* of another room */
    assert_false(vr_reminder_read(&row, &read));
    row.body = vr_bytes_of("\xff\xff");
    assert_false(vr_reminder_read(&row, &read));
    vr_buf_deinit(&body);
}

static void words(void **state)
{
    const struct vr_reminder reminder = {
        .room = {0, 7}, .begun = true, .starts_wall = VR_SECONDS(60), .title = "a \"b\""};
    struct vr_buf out = {0};

    (void)state;
    vr_reminder_json(&reminder, &out);
    assert_false(out.failed);
    vr_buf_append(&out, "", 1);
    assert_string_equal((const char *)out.data,
                        "{\"type\":\"schedule:reminder\",\"room\":\"00000000000000000000000007\","
                        "\"epoch\":0,\"sequence\":0,\"title\":\"a \\\"b\\\"\","
                        "\"starts_at\":\"1970-01-01T00:01:00Z\",\"begun\":true}");
    vr_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states),
        cmocka_unit_test(rows),
        cmocka_unit_test(words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
