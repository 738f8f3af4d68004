/* Goal: headers survive the way out and back, nothing cut or reserved is taken, and sequence
 * numbers and losses are counted as RFC 3550 and 3711 say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/wire/level.h"
#include "actors/wire/rtp.h"

static void demux_by_first_byte(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned second = 0; second < 256; second++) {
            uint8_t data[2] = {(uint8_t)first, (uint8_t)second};
            enum vr_packet_class want = VR_PACKET_OTHER;

            if (first <= 3) {
                want = VR_PACKET_STUN;
            } else if (first >= 20 && first <= 63) {
                want = VR_PACKET_DTLS;
            } else if (first >= 128 && first <= 191) {
                want = second >= 192 && second <= 223 ? VR_PACKET_RTCP : VR_PACKET_RTP;
            }
            assert_int_equal(vr_demux(vr_bytes(data, 2)), want);
        }
    }
    assert_int_equal(vr_demux(vr_bytes("\x80", 1)), VR_PACKET_OTHER);
    assert_int_equal(vr_demux(vr_bytes(NULL, 0)), VR_PACKET_OTHER);
}

/* A packet as Chromium sends it: marker, one-byte level (id 1) and mid (id 4), padded to a word. */
static const uint8_t chromium[] = {
    0x90, 0xef, 0x12, 0x34, 0x00, 0x00, 0x0f, 0xa0, 0xde, 0xad, 0xbe, 0xef, /* fixed part */
    0xbe, 0xde, 0x00, 0x01, 0x10, 0x9e, 0x40, '0', /* level 30, voice; mid "0" */
    0x78, 0x01, 0x02,                              /* payload */
};

static void reads_a_browsers_packet(void **state)
{
    struct vr_rtp rtp;
    struct vr_level level;
    struct vr_bytes mid;

    (void)state;
    assert_true(vr_rtp_parse(vr_bytes(chromium, sizeof(chromium)), &rtp));
    assert_true(rtp.marker);
    assert_int_equal(rtp.pt, 111);
    assert_int_equal(rtp.seq, 0x1234);
    assert_int_equal(rtp.ts, 4000);
    assert_int_equal(rtp.ssrc, 0xdeadbeef);
    assert_int_equal(rtp.csrc_count, 0);
    assert_int_equal(rtp.head_size, 20);
    assert_int_equal(rtp.payload.size, 3);
    assert_true(vr_level_of(&rtp, 1, &level));
    assert_int_equal(level.level, 30);
    assert_true(level.voice);
    assert_true(vr_rtp_ext_find(&rtp, 4, &mid));
    assert_true(vr_bytes_equal(mid, vr_bytes_of("0")));
    assert_false(vr_rtp_ext_find(&rtp, 2, &mid));
    assert_false(vr_level_of(&rtp, 0, &level));
    assert_false(vr_level_of(&rtp, 9, &level));
}

static void refuses_every_cut(void **state)
{
    struct vr_rtp rtp;

    (void)state;
    for (size_t size = 0; size < 20; size++) {
        uint8_t copy[20];

        memcpy(copy, chromium, sizeof(copy));
        assert_false(vr_rtp_parse(vr_bytes(copy, size), &rtp));
    }
    assert_true(vr_rtp_parse(vr_bytes(chromium, 20), &rtp));
    assert_int_equal(rtp.payload.size, 0);
}

static void refuses_bad_heads(void **state)
{
    struct vr_rtp rtp;
    uint8_t packet[VR_RTP_FIXED + 8] = {0x80};
    static const uint8_t versions[] = {0x00, 0x40, 0xc0};

    (void)state;
    for (size_t i = 0; i < sizeof(versions); i++) {
        packet[0] = versions[i];
        assert_false(vr_rtp_parse_head(vr_bytes(packet, sizeof(packet)), &rtp));
    }
    packet[0] = 0x83; /* three CSRCs need twelve bytes, eight are there */
    assert_false(vr_rtp_parse_head(vr_bytes(packet, sizeof(packet)), &rtp));
    packet[0] = 0x82;
    assert_true(vr_rtp_parse_head(vr_bytes(packet, sizeof(packet)), &rtp));
    packet[0] = 0x90; /* extension of 0xffff words */
    memset(packet + VR_RTP_FIXED, 0xff, 8);
    assert_false(vr_rtp_parse_head(vr_bytes(packet, sizeof(packet)), &rtp));
}

static void judges_padding(void **state)
{
    uint8_t packet[VR_RTP_FIXED + 4] = {0xa0};
    struct vr_bytes bytes = vr_bytes(packet, sizeof(packet));
    uint8_t *last = &packet[sizeof(packet) - 1];
    struct vr_rtp rtp;

    (void)state;
    *last = 0;
    assert_false(vr_rtp_parse(bytes, &rtp));
    *last = 5; /* more than the payload */
    assert_false(vr_rtp_parse(bytes, &rtp));
    *last = 255;
    assert_false(vr_rtp_parse(bytes, &rtp));
    *last = 3;
    assert_true(vr_rtp_parse(bytes, &rtp));
    assert_int_equal(rtp.payload.size, 1);
    assert_int_equal(rtp.padding, 3);
    *last = 4;
    assert_true(vr_rtp_parse(bytes, &rtp));
    assert_int_equal(rtp.payload.size, 0);
    /* With the head alone nothing is judged: the last byte is still encrypted. */
    *last = 0;
    assert_true(vr_rtp_parse_head(bytes, &rtp));
    assert_int_equal(rtp.payload.size, 4);
    assert_true(rtp.has_padding);
    assert_false(vr_rtp_parse(vr_bytes(packet, VR_RTP_FIXED), &rtp));
}

static struct vr_rtp with_ext(uint16_t profile, const void *data, size_t size)
{
    return (struct vr_rtp){.ext_profile = profile, .ext = vr_bytes(data, size)};
}

/* Each row: the elements' bytes and the ids that a walk must find. */
static void walks_extensions(void **state)
{
    /* clang-format off */
    static const struct {
        uint16_t profile;
        const char *bytes;
        size_t size;
        const char *ids;
    } rows[] = {
        { 0xBEDE, "\x10\x01\x00\x00",                 4, "\x01" },
        { 0xBEDE, "\x00\x00\x10\x01\x20\x02",         6, "\x01\x02" },     /* padding between */
        { 0xBEDE, "\x10\x01\xf0\x09\x20\x02",         6, "\x01" },         /* id 15 ends it */
        { 0xBEDE, "\x10\x01\x01\x09\x20\x02",         6, "\x01" },         /* id 0 with a length */
        { 0xBEDE, "\x10\x01\x23\x09\x09",             5, "\x01" },         /* cut */
        { 0xBEDE, "\x1f" "0123456789abcdef",         17, "\x01" },         /* sixteen bytes */
        { 0xBEDE, "\x1f" "0123456789abcde",          16, "" },
        { 0xBEDE, "\x10",                             1, "" },
        { 0xBEDE, "",                                 0, "" },
        { 0x1000, "\x01\x01\x05\x00",                 4, "\x01" },
        { 0x1000, "\x01\x00\x20\x01\x07",             5, "\x01\x20" },     /* empty value */
        { 0x100f, "\x00\xff\x01\x07",                 4, "\xff" },         /* application bits are ignored */
        { 0x1000, "\x0f\x01\x05",                     3, "\x0f" },         /* 15 is an id here */
        { 0x1000, "\x01\x02\x05",                     3, "" },
        { 0x1000, "\x01",                             1, "" },
        { 0x1010, "\x01\x01\x05\x00",                 4, "" },             /* not a profile of RFC 8285 */
        { 0xABAC, "\x10\x01\x00\x00",                 4, "" },
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vr_rtp rtp = with_ext(rows[i].profile, rows[i].bytes, rows[i].size);
        const char *want = rows[i].ids;
        size_t at = 0;
        size_t found = 0;
        uint8_t id;
        struct vr_bytes value;

        while (vr_rtp_ext_next(&rtp, &at, &id, &value)) {
            assert_true(found < strlen(want));
            assert_int_equal(id, (uint8_t)want[found]);
            found++;
        }
        assert_int_equal(found, strlen(want));
        assert_false(vr_rtp_ext_next(&rtp, &at, &id, &value));
        assert_false(vr_rtp_ext_find(&rtp, 0, &value));
    }
}

static void level_in_both_forms(void **state)
{
    struct vr_rtp one = with_ext(0xBEDE, "\x10\xff\x00\x00", 4);
    struct vr_rtp two = with_ext(0x1000, "\x01\x01\x7f\x00", 4);
    struct vr_rtp fat = with_ext(0xBEDE, "\x11\xff\x00\x00", 4);
    struct vr_level level;

    (void)state;
    assert_true(vr_level_of(&one, 1, &level));
    assert_int_equal(level.level, 127);
    assert_true(level.voice);
    assert_true(vr_level_of(&two, 1, &level));
    assert_int_equal(level.level, 127);
    assert_false(level.voice);
    assert_false(vr_level_of(&fat, 1, &level)); /* two bytes are not a level */
    assert_false(vr_level_parse(vr_bytes(NULL, 0), &level));
    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t in = (uint8_t)byte;

        assert_true(vr_level_parse(vr_bytes(&in, 1), &level));
        assert_int_equal(vr_level_byte(level), in);
    }
    assert_int_equal(vr_level_byte((struct vr_level){.level = 200}), 127);
}

static void writes_what_it_reads(void **state)
{
    static const uint32_t csrc[15] = {17, 0xffffffff, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const uint8_t level = 0x85;
    uint8_t out[256];

    (void)state;
    for (unsigned csrcs = 0; csrcs <= 15; csrcs++) {
        for (unsigned id = 0; id < 40; id++) {
            struct vr_rtp_ext ext[] = {{(uint8_t)id, 1, &level}, {2, 3, (const uint8_t *)"abc"}};
            struct vr_rtp_head head = {.marker = (csrcs & 1) != 0,
                                       .pt = 109,
                                       .seq = 65535,
                                       .ts = 0xfffffff0,
                                       .ssrc = 0x56520001,
                                       .csrc = csrc,
                                       .csrc_count = (uint8_t)csrcs,
                                       .ext = ext,
                                       .ext_count = 2};
            size_t size = vr_rtp_head_write(&head, out, sizeof(out));
            struct vr_bytes value;
            struct vr_rtp rtp;

            if (id == 2) {
                continue;
            }
            assert_int_equal(size, vr_rtp_head_size(&head));
            assert_int_equal(size % 4, 0);
            assert_true(vr_rtp_parse(vr_bytes(out, size), &rtp));
            assert_int_equal(rtp.marker, head.marker);
            assert_int_equal(rtp.pt, 109);
            assert_int_equal(rtp.seq, 65535);
            assert_int_equal(rtp.ts, 0xfffffff0);
            assert_int_equal(rtp.ssrc, 0x56520001);
            assert_int_equal(rtp.csrc_count, csrcs);
            for (unsigned i = 0; i < csrcs; i++) {
                assert_int_equal(vr_rtp_csrc(&rtp, i), csrc[i]);
            }
            assert_int_equal(rtp.ext_profile, id > 14 ? 0x1000 : 0xBEDE);
            assert_int_equal(vr_rtp_ext_find(&rtp, (uint8_t)id, &value), id != 0);
            assert_true(vr_rtp_ext_find(&rtp, 2, &value));
            assert_true(vr_bytes_equal(value, vr_bytes_of("abc")));
            assert_int_equal(vr_rtp_head_write(&head, out, size - 1), 0);
        }
    }
}

static void writes_before_the_payload(void **state)
{
    uint8_t room[64];
    uint8_t *payload = room + 40;
    const uint32_t csrc = 9;
    struct vr_rtp_head head = {.pt = 96, .csrc_count = 1, .csrc = &csrc};
    struct vr_rtp rtp;
    uint8_t *start;

    (void)state;
    memset(room, 0xaa, sizeof(room));
    start = vr_rtp_head_prepend(&head, payload, 40);
    assert_ptr_equal(start, payload - 16);
    assert_int_equal(start[-1], 0xaa);
    assert_int_equal(payload[0], 0xaa);
    vr_rtp_put_pt(start, 111);
    vr_rtp_put_seq(start, 7);
    vr_rtp_put_ts(start, 8);
    vr_rtp_put_ssrc(start, 10);
    assert_true(vr_rtp_parse(vr_bytes(start, 16), &rtp));
    assert_int_equal(rtp.pt, 111);
    assert_int_equal(rtp.seq, 7);
    assert_int_equal(rtp.ts, 8);
    assert_int_equal(rtp.ssrc, 10);
    assert_null(vr_rtp_head_prepend(&head, payload, 15));
    head.csrc_count = 16;
    assert_int_equal(vr_rtp_head_size(&head), 0);
    assert_null(vr_rtp_head_prepend(&head, payload, 40));
}

static void index_next_to_the_highest(void **state)
{
    /* clang-format off */
    static const struct { uint64_t highest; uint16_t seq; uint64_t want; } rows[] = {
        { 0,           0,      0 },
        { 0,           0x8000, 0x8000 },
        { 0,           0xffff, 0xffff },          /* no rollover below zero */
        { 0xffff,      0,      0x10000 },
        { 0xfff0,      5,      0x10005 },
        { 0x10005,     0xfff0, 0xfff0 },          /* late, from before the wrap */
        { 0x17fff,     0xffff, 0x1ffff },
        { 0x17ffe,     0xffff, 0xffff },          /* more than half ahead is behind */
        { 0x18000,     0,      0x10000 },
        { 0x18001,     0,      0x20000 },
        { 0xffffffffffff, 0,   0 },               /* 48 bits and no more */
    };
    /* clang-format on */
    uint64_t highest = 65000;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(vr_rtp_index(rows[i].highest, rows[i].seq), rows[i].want);
    }
    for (uint64_t i = 65000; i < 400000; i += 123) {
        assert_int_equal(vr_rtp_index(highest, (uint16_t)i), i);
        highest = i;
    }
}

static void source_on_probation(void **state)
{
    struct vr_rtp_source source;
    uint64_t index = 0;

    (void)state;
    vr_rtp_source_init(&source, VR_RTP_MIN_SEQUENTIAL);
    assert_false(vr_rtp_source_update(&source, 10, &index));
    assert_int_equal(vr_rtp_source_expected(&source), 0);
    assert_false(vr_rtp_source_update(&source, 20, &index)); /* not in a row */
    assert_true(vr_rtp_source_update(&source, 21, &index));
    assert_int_equal(index, 21);
    assert_int_equal(vr_rtp_source_expected(&source), 1);
    assert_int_equal(vr_rtp_source_lost(&source), 0);
}

static void source_counts_losses(void **state)
{
    struct vr_rtp_source source;
    uint64_t index;

    (void)state;
    vr_rtp_source_init(&source, 0);
    for (uint32_t i = 65500; i < 65500 + 100; i++) {
        if (i % 4 != 0) {
            assert_true(vr_rtp_source_update(&source, (uint16_t)i, &index));
            assert_int_equal(index, i);
        }
    }
    /* 65500 itself was left out, so it starts at 65501 and ends at 65599. */
    assert_int_equal(vr_rtp_source_expected(&source), 99);
    assert_int_equal(vr_rtp_source_lost(&source), 24);
    assert_int_equal(vr_rtp_source_fraction(&source), 24 * 256 / 99);
    assert_int_equal(vr_rtp_source_fraction(&source), 0);
    /* A late one is counted; a doubled one can make losses negative. */
    assert_true(vr_rtp_source_update(&source, (uint16_t)65596, &index));
    assert_int_equal(index, 65596);
    assert_int_equal(vr_rtp_source_lost(&source), 23);
    for (int i = 0; i < 30; i++) {
        assert_true(vr_rtp_source_update(&source, (uint16_t)65596, NULL));
    }
    assert_int_equal(vr_rtp_source_lost(&source), -7);
    assert_int_equal(vr_rtp_source_fraction(&source), 0);
    /* All of an interval lost but one in 2999: stays 8 bits. */
    assert_true(vr_rtp_source_update(&source, (uint16_t)(65599 + 2999), NULL));
    assert_int_equal(vr_rtp_source_fraction(&source), 2998 * 256 / 2999);
}

static void source_doubts_a_jump(void **state)
{
    struct vr_rtp_source source;
    uint64_t index;

    (void)state;
    vr_rtp_source_init(&source, 0);
    assert_true(vr_rtp_source_update(&source, 100, &index));
    assert_false(vr_rtp_source_update(&source, 40000, &index));
    assert_true(vr_rtp_source_update(&source, 101, &index)); /* it was noise */
    assert_int_equal(vr_rtp_source_lost(&source), 0);
    assert_false(vr_rtp_source_update(&source, 20000, &index));
    assert_true(vr_rtp_source_update(&source, 20001, &index)); /* it was a restart */
    assert_int_equal(index, 20001);
    assert_int_equal(vr_rtp_source_expected(&source), 1);
    assert_true(vr_rtp_source_update(&source, 20002, &index));
    assert_int_equal(vr_rtp_source_lost(&source), 0);
}

static void source_measures_jitter(void **state)
{
    struct vr_rtp_source source;
    uint32_t want = 0;

    (void)state;
    vr_rtp_source_init(&source, 0);
    vr_rtp_source_arrived(&source, 1000, 0);
    for (uint32_t i = 1; i < 50; i++) {
        vr_rtp_source_arrived(&source, 1000 + i * 960, i * 960);
    }
    assert_int_equal(vr_rtp_source_jitter(&source), 0);
    /* Every second packet 480 late: J moves to 480 by a sixteenth, as in A.8. */
    for (uint32_t i = 50; i < 500; i++) {
        vr_rtp_source_arrived(&source, 1000 + i * 960 + (i & 1) * 480, i * 960);
        if (i > 50) {
            want += 480 - ((want + 8) >> 4);
        }
        assert_int_equal(vr_rtp_source_jitter(&source), want >> 4);
    }
    assert_in_range(vr_rtp_source_jitter(&source), 470, 480);
    /* Forged timestamps saturate and do not wrap. */
    for (uint32_t i = 0; i < 1000; i++) {
        vr_rtp_source_arrived(&source, 0, (i & 1) * 0x7fffffff);
    }
    assert_true(vr_rtp_source_jitter(&source) >= 0x0ffffff0 - 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(demux_by_first_byte),
        cmocka_unit_test(reads_a_browsers_packet),
        cmocka_unit_test(refuses_every_cut),
        cmocka_unit_test(refuses_bad_heads),
        cmocka_unit_test(judges_padding),
        cmocka_unit_test(walks_extensions),
        cmocka_unit_test(level_in_both_forms),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(writes_before_the_payload),
        cmocka_unit_test(index_next_to_the_highest),
        cmocka_unit_test(source_on_probation),
        cmocka_unit_test(source_counts_losses),
        cmocka_unit_test(source_doubts_a_jump),
        cmocka_unit_test(source_measures_jitter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
