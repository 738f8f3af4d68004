/* Goal: RED blocks come out as they went in, and no length lies beyond the packet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/wire/red.h"

static void splits_what_chromium_sends(void **state)
{
    /* One redundant block, 960 earlier (0x3c0 << 10), three bytes, then the primary. */
    static const uint8_t packet[] = {0xef, 0x0f, 0x00, 0x03, 0x6f, 'a', 'b', 'c', 'p', 'q'};
    struct vr_red red;

    (void)state;
    assert_true(vr_red_split(vr_bytes(packet, sizeof(packet)), &red));
    assert_int_equal(red.count, 2);
    assert_int_equal(red.blocks[0].pt, 111);
    assert_int_equal(red.blocks[0].ts_offset, 960);
    assert_true(vr_bytes_equal(red.blocks[0].payload, vr_bytes_of("abc")));
    assert_int_equal(vr_red_primary(&red)->pt, 111);
    assert_int_equal(vr_red_primary(&red)->ts_offset, 0);
    assert_true(vr_bytes_equal(vr_red_primary(&red)->payload, vr_bytes_of("pq")));
    /* Cut anywhere before the primary's data begins, it is refused. */
    for (size_t size = 0; size < 8; size++) {
        assert_false(vr_red_split(vr_bytes(packet, size), &red));
    }
}

static void merges_and_splits(void **state)
{
    uint8_t long_one[VR_RED_BLOCK_MAX];
    uint8_t out[4096];

    (void)state;
    memset(long_one, 7, sizeof(long_one));
    for (uint32_t count = 1; count <= VR_RED_BLOCKS_MAX; count++) {
        struct vr_red red = {.count = count};
        struct vr_red back;
        size_t size;

        for (uint32_t i = 0; i < count; i++) {
            red.blocks[i].pt = (uint8_t)(96 + i);
            red.blocks[i].ts_offset = (uint16_t)(i + 1 == count ? 0 : VR_RED_OFFSET_MAX - i);
            red.blocks[i].payload = vr_bytes(long_one, i == 0 ? sizeof(long_one) : i * 10);
        }
        size = vr_red_merge(&red, out, sizeof(out));
        assert_true(size > 0);
        assert_true(vr_red_split(vr_bytes(out, size), &back));
        assert_int_equal(back.count, count);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(back.blocks[i].pt, red.blocks[i].pt);
            assert_int_equal(back.blocks[i].ts_offset, red.blocks[i].ts_offset);
            assert_true(vr_bytes_equal(back.blocks[i].payload, red.blocks[i].payload));
        }
        assert_int_equal(vr_red_merge(&red, out, size - 1), 0);
    }
}

static void refuses_over_the_bits(void **state)
{
    uint8_t bytes[2000] = {0};
    uint8_t out[4096];
    struct vr_red red = {.count = 2};

    (void)state;
    red.blocks[0].payload = vr_bytes(bytes, VR_RED_BLOCK_MAX + 1);
    assert_int_equal(vr_red_merge(&red, out, sizeof(out)), 0);
    red.blocks[0].payload.size = 10;
    red.blocks[0].ts_offset = VR_RED_OFFSET_MAX + 1;
    assert_int_equal(vr_red_merge(&red, out, sizeof(out)), 0);
    red.blocks[0].ts_offset = 960;
    assert_int_equal(vr_red_merge(&red, out, sizeof(out)), 4 + 10 + 1);
    red.count = 0;
    assert_int_equal(vr_red_merge(&red, out, sizeof(out)), 0);
    red.count = VR_RED_BLOCKS_MAX + 1;
    assert_int_equal(vr_red_merge(&red, out, sizeof(out)), 0);
}

static void refuses_hostile_heads(void **state)
{
    uint8_t heads[4 * 40];
    struct vr_red red;

    (void)state;
    memset(heads, 0x80, sizeof(heads)); /* nothing but redundant heads */
    for (size_t size = 0; size <= sizeof(heads); size++) {
        assert_false(vr_red_split(vr_bytes(heads, size), &red));
    }
    /* Eight redundant blocks of no bytes and a primary are one block too many. */
    for (size_t i = 0; i < 9; i++) {
        memcpy(heads + i * 4, i < 8 ? "\xef\x00\x04\x00" : "\x6f", i < 8 ? 4 : 1);
    }
    assert_false(vr_red_split(vr_bytes(heads, 33), &red));
    assert_true(vr_red_split(vr_bytes(heads + 4, 29), &red));
    assert_int_equal(red.count, VR_RED_BLOCKS_MAX);
    assert_int_equal(red.blocks[0].payload.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_what_chromium_sends),
        cmocka_unit_test(merges_and_splits),
        cmocka_unit_test(refuses_over_the_bits),
        cmocka_unit_test(refuses_hostile_heads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
