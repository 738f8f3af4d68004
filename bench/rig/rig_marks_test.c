/* Goal: a frame's time is found again by its bytes, in its own room, and repeats tell the latest.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "bench/rig/marks.h"

static void found_by_bytes_and_room(void **state)
{
    struct vr_marks *marks = vr_marks_new();
    struct vr_bytes a = vr_bytes_of("a frame of speech"), b = vr_bytes_of("another frame");

    (void)state;
    vr_marks_put(marks, 1, a, 100);
    vr_marks_put(marks, 2, a, 200);
    vr_marks_put(marks, 1, b, 300);
    assert_int_equal(vr_marks_find(marks, 1, a), 100);
    assert_int_equal(vr_marks_find(marks, 2, a), 200);
    assert_int_equal(vr_marks_find(marks, 1, b), 300);
    assert_int_equal(vr_marks_find(marks, 2, b), 0);
    vr_marks_free(marks);
}

static void repeats_tell_the_latest_and_short_frames_nothing(void **state)
{
    struct vr_marks *marks = vr_marks_new();
    struct vr_bytes frame = vr_bytes_of("said twice"), quiet = vr_bytes_of("dtx");

    (void)state;
    vr_marks_put(marks, 0, frame, 100);
    vr_marks_put(marks, 0, frame, 900);
    vr_marks_put(marks, 0, quiet, 100);
    assert_int_equal(vr_marks_find(marks, 0, frame), 900);
    assert_int_equal(vr_marks_find(marks, 0, quiet), 0);
    vr_marks_free(marks);
}

/* A minute of 64 speakers: the newest seconds are always there, whatever else was put since. */
static void old_ones_give_way_to_new(void **state)
{
    struct vr_marks *marks = vr_marks_new();
    uint64_t body[2] = {0, 0x1234567890abcdefu};
    uint32_t missing = 0;

    (void)state;
    for (uint64_t i = 1; i <= 400000; i++) {
        body[0] = i;
        vr_marks_put(marks, 0, vr_bytes(body, sizeof(body)), (int64_t)i);
    }
    for (uint64_t i = 390001; i <= 400000; i++) {
        body[0] = i;
        missing += vr_marks_find(marks, 0, vr_bytes(body, sizeof(body))) != (int64_t)i;
    }
    assert_true(missing < 10);
    vr_marks_free(marks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_by_bytes_and_room),
        cmocka_unit_test(repeats_tell_the_latest_and_short_frames_nothing),
        cmocka_unit_test(old_ones_give_way_to_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
