/* Goal: compounds are read only when they hold together as RFC 3550 A.2 asks, what is written is
 * read back, and the sums of time are those of section 6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/wire/rtcp.h"

static const struct vr_rtcp_sender sender = {.ssrc = 0x56520000,
                                             .ntp = 0xb44db705ULL << 32 | 0x20000000,
                                             .ts = 960,
                                             .packets = 50,
                                             .bytes = 4000};
static const struct vr_rtcp_report reports[2] = {
    {.ssrc = 1,
     .fraction_lost = 25,
     .lost = -3,
     .highest = 70000,
     .jitter = 9,
     .last_sr = 0xb7052000,
     .delay_last_sr = 0x00054000},
    {.ssrc = 2, .fraction_lost = 255, .lost = 0x7fffff},
};

static void assert_same_report(const struct vr_rtcp_report *a, const struct vr_rtcp_report *b)
{
    assert_int_equal(a->ssrc, b->ssrc);
    assert_int_equal(a->fraction_lost, b->fraction_lost);
    assert_int_equal(a->lost, b->lost);
    assert_int_equal(a->highest, b->highest);
    assert_int_equal(a->jitter, b->jitter);
    assert_int_equal(a->last_sr, b->last_sr);
    assert_int_equal(a->delay_last_sr, b->delay_last_sr);
}

static void written_is_read(void **state)
{
    const uint32_t ssrcs[2] = {0x56520000, 0x56520001};
    uint8_t out[512];
    struct vr_rtcp_writer writer = vr_rtcp_writer(out, sizeof(out));
    struct vr_rtcp_packet packet;
    struct vr_rtcp_sender from;
    struct vr_rtcp_report report;
    struct vr_bytes rest;
    struct vr_bytes cname;
    uint32_t ssrc;
    size_t at = 0;

    (void)state;
    vr_rtcp_write_sr(&writer, &sender, reports, 2);
    vr_rtcp_write_cname(&writer, ssrcs, 2, "voicerooms");
    vr_rtcp_write_bye(&writer, ssrcs + 1, 1);
    assert_false(writer.failed);
    rest = vr_bytes(out, writer.size);
    assert_true(vr_rtcp_valid(rest));

    assert_true(vr_rtcp_next(&rest, &packet));
    assert_int_equal(packet.kind, VR_RTCP_SR);
    assert_int_equal(packet.ssrc, 0x56520000);
    assert_true(vr_rtcp_sender_get(&packet, &from));
    assert_int_equal(from.ssrc, sender.ssrc);
    assert_int_equal(from.ntp, sender.ntp);
    assert_int_equal(from.ts, sender.ts);
    assert_int_equal(from.packets, sender.packets);
    assert_int_equal(from.bytes, sender.bytes);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(vr_rtcp_report_get(&packet, i, &report));
        assert_same_report(&report, &reports[i]);
    }
    assert_false(vr_rtcp_report_get(&packet, 2, &report));

    assert_true(vr_rtcp_next(&rest, &packet));
    assert_int_equal(packet.kind, VR_RTCP_SDES);
    assert_false(vr_rtcp_sender_get(&packet, &from));
    for (unsigned i = 0; i < 2; i++) {
        assert_true(vr_rtcp_sdes_next(&packet, &at, &ssrc, &cname));
        assert_int_equal(ssrc, ssrcs[i]);
        assert_true(vr_bytes_equal(cname, vr_bytes_of("voicerooms")));
    }
    assert_false(vr_rtcp_sdes_next(&packet, &at, &ssrc, &cname));

    assert_true(vr_rtcp_next(&rest, &packet));
    assert_int_equal(packet.kind, VR_RTCP_BYE);
    assert_true(vr_rtcp_bye_get(&packet, 0, &ssrc));
    assert_int_equal(ssrc, 0x56520001);
    assert_false(vr_rtcp_bye_get(&packet, 1, &ssrc));
    assert_false(vr_rtcp_next(&rest, &packet));
}

static void every_cname_length(void **state)
{
    char name[258];
    uint8_t out[512];
    const uint32_t ssrc = 5;

    (void)state;
    memset(name, 'n', sizeof(name));
    for (size_t length = 0; length <= 256; length++) {
        struct vr_rtcp_writer writer = vr_rtcp_writer(out, sizeof(out));

        name[length] = 0;
        vr_rtcp_write_rr(&writer, 5, NULL, 0);
        vr_rtcp_write_cname(&writer, &ssrc, 1, name);
        assert_int_equal(writer.failed, length > 255);
        assert_true(vr_rtcp_valid(vr_bytes(out, writer.size)));
        name[length] = 'n';
    }
}

static void nothing_beyond_the_capacity(void **state)
{
    const uint32_t ssrcs[40] = {1};
    uint8_t out[512];

    (void)state;
    for (size_t capacity = 0; capacity < 160; capacity++) {
        struct vr_rtcp_writer writer = vr_rtcp_writer(out, capacity);

        memset(out, 0xee, sizeof(out));
        vr_rtcp_write_sr(&writer, &sender, reports, 2);
        vr_rtcp_write_cname(&writer, ssrcs, 1, "c");
        vr_rtcp_write_bye(&writer, ssrcs, 1);
        assert_int_equal(writer.failed, capacity < 76 + 12 + 8);
        for (size_t i = capacity; i < sizeof(out); i++) {
            assert_int_equal(out[i], 0xee);
        }
    }
    {
        struct vr_rtcp_writer writer = vr_rtcp_writer(out, sizeof(out));

        vr_rtcp_write_bye(&writer, ssrcs, 32); /* the count has five bits */
        assert_true(writer.failed);
    }
}

static void judged_as_a_whole(void **state)
{
#define RR "\x80\xc9\x00\x01\x00\x00\x00\x07"
    /* clang-format off */
    static const struct { const char *bytes; size_t size; bool fine; const char *what; } rows[] = {
        { RR,                                                 8, true,  "the smallest: an empty RR" },
        { "",                                                 0, false, "nothing" },
        { RR,                                                 7, false, "cut" },
        { "\x40\xc9\x00\x01\x00\x00\x00\x07",                 8, false, "version 1" },
        { "\xa0\xc9\x00\x01\x00\x00\x00\x04",                 8, false, "padding in the first" },
        { "\x80\xca\x00\x01\x00\x00\x00\x07",                 8, false, "SDES first" },
        { "\x81\xcb\x00\x01\x00\x00\x00\x07",                 8, false, "BYE first" },
        { "\x81\xce\x00\x02\x00\x00\x00\x07\x00\x00\x00\x08", 12, false, "feedback first" },
        { "\x81\xc9\x00\x01\x00\x00\x00\x07",                 8, false, "a report counted, none there" },
        { "\x80\xc8\x00\x01\x00\x00\x00\x07",                 8, false, "SR without sender info" },
        { "\x80\xc9\x00\x02\x00\x00\x00\x07",                 8, false, "longer than the datagram" },
        { RR "\x00",                                          9, false, "a byte too many" },
        { RR "\x80\xc9\xff\xff",                             12, false, "second with a huge length" },
        { RR "\x41\xcb\x00\x01\x00\x00\x00\x07",             16, false, "second of version 1" },
        { RR "\x81\xcb\x00\x01\x00\x00\x00\x07",             16, true,  "a BYE" },
        { RR "\x82\xcb\x00\x01\x00\x00\x00\x07",             16, false, "two sources counted, one there" },
        { RR "\x80\xcb\x00\x00",                             12, true,  "an empty BYE" },
        { RR "\xa1\xcb\x00\x02\x00\x00\x00\x07\x00\x00\x00\x04", 20, true, "padded last" },
        { RR "\xa1\xcb\x00\x02\x00\x00\x00\x07\x00\x00\x00\x04" RR, 28, false, "padded, and not last" },
        { RR "\xa1\xcb\x00\x02\x00\x00\x00\x07\x00\x00\x00\x08", 20, false, "the padding eats the source" },
        { RR "\xa1\xcb\x00\x02\x00\x00\x00\x07\x00\x00\x00\x03", 20, false, "padding of no whole word" },
        { RR "\xa1\xcb\x00\x02\x00\x00\x00\x07\x00\x00\x00\x00", 20, false, "padding of nothing" },
        { RR "\xa1\xcb\x00\x02\x00\x00\x00\x07\x00\x00\x00\xfc", 20, false, "padding over the packet" },
        { RR "\x81\xca\x00\x03\x00\x00\x00\x07\x01\x02" "ab\x00\x00\x00\x00", 24, true, "an SDES" },
        { RR "\x81\xca\x00\x02\x00\x00\x00\x07\x01\x02" "ab", 20, false, "SDES without its end" },
        { RR "\x81\xca\x00\x02\x00\x00\x00\x07\x01\xff" "ab", 20, false, "item longer than the packet" },
        { RR "\x82\xca\x00\x02\x00\x00\x00\x07\x00\x00\x00\x00", 20, false, "two chunks counted, one there" },
        { RR "\x80\xca\x00\x00",                             12, true,  "an SDES of no chunk" },
        { RR "\x80\xcc\x00\x02\x00\x00\x00\x07name",         20, true,  "APP, passed by" },
        { RR "\x8f\xcd\x00\x02\x00\x00\x00\x07\x00\x00\x00\x01", 20, true, "transport feedback, passed by" },
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (vr_rtcp_valid(vr_bytes(rows[i].bytes, rows[i].size)) != rows[i].fine) {
            fail_msg("%s", rows[i].what);
        }
    }
}

static void lost_has_24_bits(void **state)
{
    static const struct {
        int32_t in;
        int32_t want;
    } rows[] = {{0, 0},
                {-1, -1},
                {0x7fffff, 0x7fffff},
                {0x800000, 0x7fffff},
                {-0x800000, -0x800000},
                {-0x800001, -0x800000},
                {INT32_MAX, 0x7fffff},
                {INT32_MIN, -0x800000}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t out[64];
        struct vr_rtcp_writer writer = vr_rtcp_writer(out, sizeof(out));
        struct vr_rtcp_report report = {.lost = rows[i].in, .fraction_lost = 0xab};
        struct vr_rtcp_packet packet;
        struct vr_bytes rest;

        vr_rtcp_write_rr(&writer, 1, &report, 1);
        rest = vr_bytes(out, writer.size);
        assert_true(vr_rtcp_next(&rest, &packet));
        assert_true(vr_rtcp_report_get(&packet, 0, &report));
        assert_int_equal(report.lost, rows[i].want);
        assert_int_equal(report.fraction_lost, 0xab);
    }
}

static void round_trip_of_the_rfc(void **state)
{
    /* RFC 3550 6.4.1, figure 2: A = b710:8000, LSR = b705:2000, DLSR = 0005:4000; 6.125 s. */
    struct vr_rtcp_report report = {.last_sr = 0xb7052000, .delay_last_sr = 0x00054000};

    (void)state;
    assert_int_equal(vr_rtcp_round_trip_us(0xb7108000, &report), 6125000);
    report.delay_last_sr = 0x00100000; /* overstated */
    assert_int_equal(vr_rtcp_round_trip_us(0xb7108000, &report), -1);
    report.last_sr = 0;
    assert_int_equal(vr_rtcp_round_trip_us(0xb7108000, &report), -1);
}

static void ntp_time(void **state)
{
    (void)state;
    assert_int_equal(vr_ntp_from_wall(0), 2208988800ULL << 32);
    assert_int_equal(vr_ntp_from_wall(500000), 2208988800ULL << 32 | 0x80000000u);
    assert_int_equal(vr_ntp_from_wall(-500000), 2208988799ULL << 32 | 0x80000000u);
    assert_int_equal(vr_ntp_middle(0x1122334455667788ULL), 0x33445566);
    assert_int_equal(vr_ntp_short(VR_SECONDS(1)), 65536);
    assert_int_equal(vr_ntp_short(VR_MS(5250)), 0x00054000);
    assert_int_equal(vr_ntp_short(-1), 0);
    assert_int_equal(vr_ntp_short(VR_SECONDS(70000)), UINT32_MAX);
    assert_int_equal(vr_ntp_short(VR_NEVER), UINT32_MAX);
    assert_int_equal(vr_ntp_short_us(0x00054000), 5250000);
}

static void interval_between_reports(void **state)
{
    struct vr_rtcp_interval few = {.members = 2,
                                   .senders = 1,
                                   .we_sent = true,
                                   .bandwidth_bytes_s = 200,
                                   .average_packet_size = 100};
    const double compensation = 2.71828 - 1.5;

    (void)state;
    /* Few members: the minimum of 5 s, spread over 0.5 to 1.5, divided by e - 3/2. */
    assert_in_range(vr_rtcp_interval_us(&few, 0), 2.5e6 / compensation - 1,
                    2.5e6 / compensation + 1);
    assert_in_range(vr_rtcp_interval_us(&few, UINT32_MAX), 7.5e6 / compensation - 5,
                    7.5e6 / compensation + 5);
    few.initial = true;
    assert_in_range(vr_rtcp_interval_us(&few, 0), 1.25e6 / compensation - 1,
                    1.25e6 / compensation + 1);
    /* Many listeners, one sender: his report has a quarter of the bandwidth, theirs wait for
     * theirs. */
    {
        struct vr_rtcp_interval many = {.members = 1000,
                                        .senders = 1,
                                        .we_sent = false,
                                        .bandwidth_bytes_s = 200,
                                        .average_packet_size = 100};

        assert_in_range(vr_rtcp_interval_us(&many, 0x80000000u), 666e6 / compensation - 1,
                        666e6 / compensation + 1);
        many.we_sent = true;
        assert_in_range(vr_rtcp_interval_us(&many, 0x80000000u), 5e6 / compensation - 1,
                        5e6 / compensation + 1);
        many.bandwidth_bytes_s = 0;
        assert_in_range(vr_rtcp_interval_us(&many, 0), 2.5e6 / compensation - 1,
                        2.5e6 / compensation + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_is_read),
        cmocka_unit_test(every_cname_length),
        cmocka_unit_test(nothing_beyond_the_capacity),
        cmocka_unit_test(judged_as_a_whole),
        cmocka_unit_test(lost_has_24_bits),
        cmocka_unit_test(round_trip_of_the_rfc),
        cmocka_unit_test(ntp_time),
        cmocka_unit_test(interval_between_reports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
