/* Goal: the moment at which a talker spoke is found on our clock, whatever his clock and his RTP
 * time are, and is not told when it can't be known. */

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "actors/base/random.h"
#include "actors/media/capture.h"
#include "actors/wire/rtcp.h"

/** A talker, his two clocks, and the way between him and us. */
struct talker {
    vr_time_us wall;  /* his clock minus ours */
    uint32_t rtp;     /* his RTP time when our clock is 0 */
    vr_time_us there; /* from him to us */
    vr_time_us back;
};

static uint32_t rtp_at(const struct talker *talker, vr_time_us ours)
{
    return talker->rtp + (uint32_t)((uint64_t)ours * 48 / 1000);
}

/* What vr_rtp_source keeps of a packet that was said at `said`. */
static uint32_t transit(const struct talker *talker, vr_time_us said, vr_time_us arrived)
{
    return (uint32_t)((uint64_t)arrived * 48 / 1000) - rtp_at(talker, said);
}

static void report(struct vr_capture *capture, const struct talker *talker, vr_time_us sent,
                   vr_time_us late)
{
    vr_capture_report(capture, sent + talker->there + late, vr_ntp_from_wall(sent + talker->wall),
                      rtp_at(talker, sent), transit(talker, sent, sent + talker->there));
}

static struct vr_capture_moment moment(const struct talker *talker, vr_time_us said)
{
    return (struct vr_capture_moment){
        .ts = rtp_at(talker, said),
        .transit = transit(talker, said, said + talker->there),
        .arrived = said + talker->there,
        .round_trip = talker->there + talker->back,
    };
}

static void near(vr_time_us found, vr_time_us wanted, vr_time_us by)
{
    if (found > wanted + by || found < wanted - by) {
        fail_msg("%lld us instead of %lld", (long long)found, (long long)wanted);
    }
}

static void any_clock_will_do(void **state)
{
    struct vr_random_seeded random;

    (void)state;
    vr_random_seeded_init(&random, 7);
    for (int i = 0; i < 2000; i++) {
        uint64_t drawn[4];
        struct talker talker;
        struct vr_capture capture = {0};
        struct vr_capture_moment packet;
        vr_time_us start;
        vr_time_us said = 0;

        random.random.fill(random.random.ctx, drawn, sizeof drawn);
        start = VR_SECONDS(1) + (vr_time_us)(drawn[0] % VR_SECONDS(1000000));
        talker.wall = (vr_time_us)(drawn[1] % VR_SECONDS(1900000000));
        talker.rtp = (uint32_t)drawn[2]; /* wraps in many of them */
        talker.there = talker.back = (vr_time_us)(drawn[3] % VR_MS(400)) + 1;
        report(&capture, &talker, start, 0);
        packet = moment(&talker, start + VR_SECONDS(4));
        assert_true(vr_capture_at(&capture, packet.arrived, &packet, &said));
        near(said, start + VR_SECONDS(4), 50);
    }
}

static void the_quickest_report_counts(void **state)
{
    struct talker talker = {VR_SECONDS(900), 5, VR_MS(30), VR_MS(30)};
    struct vr_capture capture = {0};
    struct vr_capture_moment packet;
    vr_time_us said = 0;

    (void)state;
    report(&capture, &talker, VR_SECONDS(10), VR_MS(200));
    report(&capture, &talker, VR_SECONDS(15), 0);
    report(&capture, &talker, VR_SECONDS(20), VR_MS(80));
    packet = moment(&talker, VR_SECONDS(21));
    assert_true(vr_capture_at(&capture, packet.arrived, &packet, &said));
    near(said, VR_SECONDS(21), 50);
    for (int i = 0; i < VR_CAPTURE_REPORTS; i++) { /* the quick one is forgotten in the end */
        report(&capture, &talker, VR_SECONDS(25 + 5 * i), VR_MS(40));
    }
    packet = moment(&talker, VR_SECONDS(61));
    assert_true(vr_capture_at(&capture, packet.arrived, &packet, &said));
    near(said, VR_SECONDS(61) + VR_MS(40), 50);
}

static void a_way_that_is_longer_there_than_back_is_off_by_half(void **state)
{
    struct talker talker = {VR_SECONDS(900), 5, VR_MS(50), VR_MS(10)};
    struct vr_capture capture = {0};
    struct vr_capture_moment packet;
    vr_time_us said = 0;

    (void)state;
    report(&capture, &talker, VR_SECONDS(10), 0);
    packet = moment(&talker, VR_SECONDS(11));
    assert_true(vr_capture_at(&capture, packet.arrived, &packet, &said));
    near(said, VR_SECONDS(11) + VR_MS(20), 50);
}

static void nothing_is_told_without_a_report_or_a_round_trip(void **state)
{
    struct talker talker = {VR_SECONDS(900), 5, VR_MS(30), VR_MS(30)};
    struct vr_capture capture = {0};
    struct vr_capture_moment packet = moment(&talker, VR_SECONDS(11));
    vr_time_us said = 0;

    (void)state;
    assert_false(vr_capture_at(&capture, packet.arrived, &packet, &said));
    report(&capture, &talker, VR_SECONDS(10), 0);
    packet.round_trip = 0;
    assert_false(vr_capture_at(&capture, packet.arrived, &packet, &said));
}

static void an_old_report_is_not_gone_by(void **state)
{
    struct talker talker = {VR_SECONDS(900), 5, VR_MS(30), VR_MS(30)};
    struct vr_capture capture = {0};
    vr_time_us later = VR_SECONDS(11) + VR_CAPTURE_STALE;
    struct vr_capture_moment packet = moment(&talker, later);
    vr_time_us said = 0;

    (void)state;
    report(&capture, &talker, VR_SECONDS(10), 0);
    assert_false(vr_capture_at(&capture, packet.arrived, &packet, &said));
    report(&capture, &talker, later, VR_MS(10)); /* alone: the quicker one is too old to count */
    assert_true(vr_capture_at(&capture, packet.arrived, &packet, &said));
    near(said, later + VR_MS(10), 50);
}

static void a_clock_that_is_set_begins_anew(void **state)
{
    struct talker talker = {VR_SECONDS(900), 5, VR_MS(30), VR_MS(30)};
    struct vr_capture capture = {0};
    struct vr_capture_moment packet;
    vr_time_us said = 0;

    (void)state;
    report(&capture, &talker, VR_SECONDS(10), 0);
    talker.wall -= VR_SECONDS(3600);
    report(&capture, &talker, VR_SECONDS(15), 0);
    packet = moment(&talker, VR_SECONDS(16));
    assert_true(vr_capture_at(&capture, packet.arrived, &packet, &said));
    near(said, VR_SECONDS(16), 50);
}

/* A browser's RTP time does not go on while it sends nothing: what the last report said is wrong
 * by the pause, until the next one. */
static void rtp_time_that_stood_still_tells_nothing(void **state)
{
    struct talker talker = {VR_SECONDS(900), 5, VR_MS(30), VR_MS(30)};
    struct vr_capture capture = {0};
    struct vr_capture_moment packet;
    vr_time_us said = 0;

    (void)state;
    report(&capture, &talker, VR_SECONDS(10), 0);
    talker.rtp -= 48000 * 3;
    packet = moment(&talker, VR_SECONDS(14));
    assert_false(vr_capture_at(&capture, packet.arrived, &packet, &said));
    report(&capture, &talker, VR_SECONDS(15), 0);
    assert_true(vr_capture_at(&capture, packet.arrived, &packet, &said));
    near(said, VR_SECONDS(14), 50);
}

static void what_can_not_be_is_not_told(void **state)
{
    struct talker talker = {VR_SECONDS(900), 5, VR_MS(30), VR_MS(30)};
    struct vr_capture capture = {0};
    struct vr_capture_moment packet;
    vr_time_us said = 0;

    (void)state;
    report(&capture, &talker, VR_SECONDS(10), 0);
    packet = moment(&talker, VR_SECONDS(11));
    packet.ts += 48000; /* said after it came */
    assert_false(vr_capture_at(&capture, packet.arrived, &packet, &said));
    packet.ts -= 48000 * 7;
    assert_false(vr_capture_at(&capture, packet.arrived, &packet, &said));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_clock_will_do),
        cmocka_unit_test(the_quickest_report_counts),
        cmocka_unit_test(a_way_that_is_longer_there_than_back_is_off_by_half),
        cmocka_unit_test(nothing_is_told_without_a_report_or_a_round_trip),
        cmocka_unit_test(an_old_report_is_not_gone_by),
        cmocka_unit_test(a_clock_that_is_set_begins_anew),
        cmocka_unit_test(rtp_time_that_stood_still_tells_nothing),
        cmocka_unit_test(what_can_not_be_is_not_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
