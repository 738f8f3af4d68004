/* Goal: a sound clock comes out of its bytes as it went in, and nothing else is read. */

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "actors/messages/sound_clock.h"

static struct vr_sound_clock sample(uint32_t slots, uint32_t talkers)
{
    struct vr_sound_clock clock = {
        .now = VR_SECONDS(123456), .slot_count = slots, .talker_count = talkers};

    for (uint32_t i = 0; i < slots; i++) {
        clock.slots[i] =
            (struct vr_sound_slot){0x51000000u + i, 17 + i, 0xfffffff0u + i, i % 2 ? 65536 : 0};
    }
    for (uint32_t i = 0; i < talkers; i++) {
        clock.talkers[i] = (struct vr_sound_talker){17 + i, 0x80000000u - i, 90000 + i};
    }
    return clock;
}

static void comes_out_as_it_went_in(void **state)
{
    uint8_t bytes[VR_SOUND_CLOCK_MAX];

    (void)state;
    for (uint32_t slots = 0; slots <= VR_SLOTS_MAX; slots++) {
        for (uint32_t talkers = 0; talkers <= VR_SPOKE_MAX; talkers++) {
            struct vr_sound_clock clock = sample(slots, talkers);
            struct vr_sound_clock read;
            size_t size = vr_sound_clock_write(&clock, bytes);

            assert_in_range(size, 11, sizeof bytes);
            assert_true(vr_sound_clock_read(vr_bytes(bytes, size), &read));
            assert_memory_equal(&read, &clock, sizeof clock);
        }
    }
}

static void nothing_else_is_read(void **state)
{
    struct vr_sound_clock clock = sample(3, 2);
    struct vr_sound_clock read;
    uint8_t bytes[VR_SOUND_CLOCK_MAX + 1] = {0};
    size_t size = vr_sound_clock_write(&clock, bytes);

    (void)state;
    assert_false(vr_sound_clock_read((struct vr_bytes){0}, &read));
    for (size_t cut = 0; cut < size; cut++) {
        assert_false(vr_sound_clock_read(vr_bytes(bytes, cut), &read));
    }
    assert_false(vr_sound_clock_read(vr_bytes(bytes, size + 1), &read));
    bytes[0]++;
    assert_false(vr_sound_clock_read(vr_bytes(bytes, size), &read));
    bytes[0]--;
    bytes[9] = VR_SLOTS_MAX + 1;
    assert_false(vr_sound_clock_read(vr_bytes(bytes, size), &read));
}

static void a_talker_is_found(void **state)
{
    struct vr_sound_clock clock = sample(1, 3);

    (void)state;
    assert_int_equal(vr_sound_talker_of(&clock, 18)->ago_us, 90001);
    assert_null(vr_sound_talker_of(&clock, 20));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_out_as_it_went_in),
        cmocka_unit_test(nothing_else_is_read),
        cmocka_unit_test(a_talker_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
