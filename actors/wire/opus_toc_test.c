/* Goal: durations and frames of Opus packets as RFC 6716 says, and each rule of its section 3.4
 * held. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/wire/opus_toc.h"

/* RFC 6716, table 2, by hand: duration of one frame in tenths of a millisecond. */
static const unsigned table2[32] = {
    100, 200, 400, 600, 100, 200, 400, 600, 100, 200, 400, 600, 100, 200, 100, 200,
    25,  50,  100, 200, 25,  50,  100, 200, 25,  50,  100, 200, 25,  50,  100, 200,
};

static void every_configuration(void **state)
{
    (void)state;
    for (unsigned config = 0; config < 32; config++) {
        for (unsigned code = 0; code < 3; code++) {
            uint8_t packet[5] = {(uint8_t)(config << 3 | code), 1, 2, 3, 4};
            unsigned frames = code == 0 ? 1 : 2;
            struct vr_opus opus;

            assert_true(vr_opus_parse(vr_bytes(packet, sizeof(packet)), &opus));
            assert_int_equal(opus.config, config);
            assert_int_equal(opus.frames, frames);
            assert_int_equal(opus.samples, frames * table2[config] * 48 / 10);
            assert_int_equal(vr_opus_samples(vr_bytes(packet, 5)), opus.samples);
            assert_false(opus.stereo);
            assert_int_equal(opus.mode, config < 12   ? VR_OPUS_SILK
                                        : config < 16 ? VR_OPUS_HYBRID
                                                      : VR_OPUS_CELT);
        }
    }
}

static void counts_of_code_3(void **state)
{
    (void)state;
    for (unsigned count = 0; count < 64; count++) {
        uint8_t packet[2] = {0xe3, (uint8_t)count}; /* CELT, 2.5 ms: 48 fit into 120 ms */
        struct vr_opus opus;
        bool fine = count >= 1 && count <= 48;

        assert_int_equal(vr_opus_parse(vr_bytes(packet, 2), &opus), fine);
        assert_int_equal(vr_opus_samples(vr_bytes(packet, 2)), fine ? count * 120 : 0);
    }
    for (unsigned count = 0; count < 64; count++) {
        uint8_t packet[2] = {0x1b, (uint8_t)count}; /* SILK, 60 ms: two at most */

        assert_int_equal(vr_opus_samples(vr_bytes(packet, 2)), count == 1   ? 2880
                                                               : count == 2 ? 5760
                                                                            : 0);
    }
}

static void rules_of_framing(void **state)
{
    /* clang-format off */
    static const struct { const char *bytes; size_t size; bool fine; bool dtx; const char *rule; } rows[] = {
        { "",                              0, false, false, "R1: a byte at least" },
        { "\x78",                          1, true,  true,  "code 0, empty frame" },
        { "\x78\x01",                      2, true,  true,  "code 0, a frame of one byte" },
        { "\x78\x01\x02",                  3, true,  false, "code 0" },
        { "\x79\x01\x02",                  3, true,  true,  "code 1, two of one byte" },
        { "\x79\x01\x02\x03",              4, false, false, "R3: code 1 must be even" },
        { "\x7a",                          1, false, false, "R4: code 2 wants a length" },
        { "\x7a\x02\x01",                  3, false, false, "R4: first longer than what is left" },
        { "\x7a\x02\x01\x02",              4, true,  false, "code 2, second empty" },
        { "\x7a\xfc",                      2, false, false, "R4: half a two-byte length" },
        { "\x7a\xfc\x00\x01",              4, false, false, "252 bytes are not there" },
        { "\x7b",                          1, false, false, "R6: code 3 wants a count" },
        { "\x7b\x00",                      2, false, false, "R5: no frame" },
        { "\x7b\x02\x01\x02\x03",          5, false, false, "R6: not divisible" },
        { "\x7b\x02\x01\x02\x03\x04",      6, true,  false, "code 3, constant" },
        { "\x7b\x42\x01\x01\x02\x00",      6, true,  true,  "a byte of padding" },
        { "\x7b\x42\x09\x01\x02",          5, false, false, "R6: more padding than bytes" },
        { "\x7b\x42",                      2, false, false, "padding length missing" },
        { "\x7b\x42\xff",                  3, false, false, "padding length goes on" },
        { "\x7b\x82\x02\x01\x02\x03",      6, true,  false, "code 3, variable" },
        { "\x7b\x82\x05\x01",              4, false, false, "R7: first too long" },
        { "\x7b\x83\x01",                  3, false, false, "R7: lengths missing" },
        { "\x7b\x06",                      2, true,  true,  "six times 20 ms are 120" },
        { "\x7b\x07",                      2, false, false, "seven are too many" },
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vr_opus opus;

        if (vr_opus_parse(vr_bytes(rows[i].bytes, rows[i].size), &opus) != rows[i].fine ||
            (rows[i].fine && opus.dtx != rows[i].dtx)) {
            fail_msg("%s", rows[i].rule);
        }
    }
}

static void longest_frame(void **state)
{
    uint8_t packet[1 + 1276] = {0x7c};
    struct vr_opus opus;

    (void)state;
    assert_true(vr_opus_parse(vr_bytes(packet, 1 + 1275), &opus));
    assert_true(opus.stereo);
    assert_false(vr_opus_parse(vr_bytes(packet, 1 + 1276), &opus)); /* R2 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_configuration),
        cmocka_unit_test(counts_of_code_3),
        cmocka_unit_test(rules_of_framing),
        cmocka_unit_test(longest_frame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
