/* Goal: who does not hear is found within two seconds, and nobody who hears is taken for deaf:
 * not by silence, mute, loss, long round trips, stalls of our own, or for want of answers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "actors/base/random.h"
#include "actors/media/hearing.h"
#include "actors/media/repair.h"

#define TICK VR_MS(50)
#define NEWS 64

/* A listener behind a path, looked at as an engine does: each tick, and once a second. */
struct world {
    vr_time_us now;
    struct vr_hearing hearing;
    struct vr_random_seeded random;
    vr_time_us delay;               /* of one way */
    uint32_t loss_there, loss_back; /* per cent */
    bool answers;
    bool silent;           /* nobody speaks */
    bool stalled;          /* we: no tick, no datagram */
    vr_time_us life;       /* what came from him last */
    vr_time_us life_every; /* 0: nothing comes by itself */
    struct {
        vr_time_us at;
        vr_time_us asked; /* by which question: an engine knows it by its id */
    } arrivals[NEWS];
    uint32_t arrival_count;
    uint32_t sent; /* questions and repeats */
    uint32_t ticks;
    uint32_t changes;
};

static void world_init(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof *w);
    vr_random_seeded_init(&w->random, seed);
    w->now = VR_SECONDS(100);
    w->answers = true;
    w->delay = VR_MS(10);
    w->life_every = VR_MS(2500);
    vr_hearing_init(&w->hearing, w->now);
}

static bool lost(struct world *w, uint32_t percent)
{
    return vr_random_below(&w->random.random, 100) < percent;
}

static void question(struct world *w)
{
    w->sent++;
    if (w->answers && !lost(w, w->loss_there) && !lost(w, w->loss_back) &&
        w->arrival_count < NEWS) {
        w->arrivals[w->arrival_count].at = w->now + 2 * w->delay;
        w->arrivals[w->arrival_count++].asked = w->hearing.asked_at;
    }
}

static void deliver(struct world *w)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < w->arrival_count; i++) {
        if (w->arrivals[i].at <= w->now) {
            if (w->arrivals[i].asked == w->hearing.asked_at) {
                vr_hearing_answer(&w->hearing, w->now);
            }
            w->life = w->now;
        } else {
            w->arrivals[kept++] = w->arrivals[i];
        }
    }
    w->arrival_count = kept;
}

static void turn(struct world *w)
{
    w->now += TICK;
    w->ticks++;
    if (w->life_every != 0 && w->now - w->life >= w->life_every) {
        w->life = w->now;
    }
    if (w->stalled) {
        return;
    }
    deliver(w);
    if (vr_hearing_repeat(&w->hearing, w->now)) {
        question(w);
    }
    if (w->ticks % 20 == 0 && vr_hearing_ask(&w->hearing, w->now, !w->silent)) {
        question(w);
    }
    w->changes += vr_hearing_judge(&w->hearing, w->now, w->life);
}

static void run(struct world *w, vr_time_us time)
{
    for (vr_time_us until = w->now + time; w->now < until;) {
        turn(w);
    }
}

/* How long until this verdict; fails after `most`. */
static vr_time_us until(struct world *w, enum vr_hearing_verdict verdict, vr_time_us most)
{
    vr_time_us start = w->now;

    while (w->hearing.verdict != verdict) {
        turn(w);
        assert_true(w->now - start <= most);
    }
    return w->now - start;
}

static struct vr_rtcp_report block(uint32_t highest, int32_t lost_in_all)
{
    return (struct vr_rtcp_report){.ssrc = VR_SLOT_SSRC, .highest = highest, .lost = lost_in_all};
}

static void he_hears(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 1);
    assert_int_equal(w.hearing.verdict, VR_HEARING_UNKNOWN);
    run(&w, VR_SECONDS(2));
    assert_int_equal(w.hearing.verdict, VR_HEARING_HEARS);
    assert_int_equal(w.hearing.why, VR_HEARING_BY_PATH);
    run(&w, VR_SECONDS(60));
    assert_int_equal(w.hearing.verdict, VR_HEARING_HEARS);
    assert_int_equal(w.changes, 1);
    assert_in_range(w.sent, 60, 64); /* one question a second, and no repeats */
    assert_in_range(w.hearing.round_trip, VR_MS(20), VR_MS(60));
}

/* From the worst moment, right behind an answer, and with what Chromium sends by itself. */
static void deafness_is_found_within_two_seconds(void **state)
{
    (void)state;
    for (uint32_t offset = 0; offset < 40; offset++) {
        struct world w;
        vr_time_us took;

        world_init(&w, offset);
        run(&w, VR_SECONDS(10) + offset * TICK);
        w.answers = false;
        w.arrival_count = 0;
        w.life_every = VR_MS(500);
        took = until(&w, VR_HEARING_DEAF, VR_SECONDS(2));
        assert_true(took >= VR_HEARING_PATIENCE);
        assert_int_equal(w.hearing.why, VR_HEARING_BY_PATH);
        w.answers = true;
        assert_true(until(&w, VR_HEARING_HEARS, VR_SECONDS(1)) <= VR_SECONDS(1));
    }
}

/* Until something comes from him it is not known to be one-sided; then it is, at once. */
static void nothing_from_there_is_away(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 3);
    w.life_every = 0;
    run(&w, VR_SECONDS(10));
    w.answers = false;
    w.arrival_count = 0;
    (void)until(&w, VR_HEARING_AWAY, VR_SECONDS(2));
    run(&w, VR_SECONDS(5));
    assert_int_equal(w.hearing.verdict, VR_HEARING_AWAY);
    w.life = w.now;
    turn(&w);
    assert_int_equal(w.hearing.verdict, VR_HEARING_DEAF);
}

static void silence_is_no_deafness(void **state)
{
    struct world w;
    uint32_t sent;

    (void)state;
    world_init(&w, 4);
    run(&w, VR_SECONDS(5));
    w.silent = true; /* mute, DTX, a break: nothing is sent, nothing is asked */
    w.answers = false;
    sent = w.sent;
    run(&w, VR_SECONDS(30));
    assert_int_equal(w.sent, sent);
    assert_int_equal(w.hearing.verdict, VR_HEARING_UNKNOWN);
    w.silent = false;
    w.life_every = VR_MS(500);
    (void)until(&w, VR_HEARING_DEAF, VR_SECONDS(2)); /* the first words already */
}

/* Property: at 30 % loss nobody is found deaf in a hundred hours of speech. At 30 % both ways (half
 * of all questions) hardly anybody. */
static void loss_is_no_deafness(void **state)
{
    uint32_t wrong = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct world w;

        world_init(&w, seed);
        w.loss_there = 30;
        for (uint32_t i = 0; i < 3600 * 20; i++) {
            turn(&w);
            assert_true(w.hearing.verdict == VR_HEARING_HEARS ||
                        w.hearing.verdict == VR_HEARING_UNKNOWN);
        }
    }
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct world w;

        world_init(&w, seed);
        w.loss_there = w.loss_back = 30;
        run(&w, VR_SECONDS(3600));
        wrong += w.changes > 1 ? (w.changes - 1) / 2 : 0;
    }
    assert_in_range(wrong, 0, 20); /* in ten hours; each costs one ICE restart */
}

static void long_round_trips_are_waited_for(void **state)
{
    (void)state;
    for (vr_time_us delay = VR_MS(10); delay <= VR_MS(350); delay += VR_MS(20)) {
        struct world w;

        world_init(&w, (uint64_t)delay);
        w.delay = delay;
        w.loss_there = 10;
        run(&w, VR_SECONDS(600));
        assert_int_equal(w.hearing.verdict, VR_HEARING_HEARS);
        assert_int_equal(w.changes, 1);
    }
}

/* We were stopped (SIGSTOP, a machine that swaps): his answers lie in our socket. */
static void our_own_stall_is_no_deafness(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 6);
    run(&w, VR_SECONDS(10));
    for (uint32_t i = 0; i < 20; i++) {
        w.stalled = true;
        run(&w, VR_MS(700) + (vr_time_us)i * VR_MS(250));
        w.stalled = false;
        run(&w, VR_MS(450) + (vr_time_us)i * VR_MS(50));
    }
    assert_int_equal(w.hearing.verdict, VR_HEARING_HEARS);
    assert_int_equal(w.changes, 1);
}

static void who_never_answers_is_not_asked_for_ever(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 7);
    w.answers = false;
    w.life_every = VR_MS(100);
    run(&w, VR_SECONDS(120));
    assert_int_equal(w.hearing.verdict, VR_HEARING_UNKNOWN);
    assert_int_equal(w.changes, 0);
    assert_int_equal(w.sent, VR_HEARING_IGNORED * VR_HEARING_TRIES_STRANGER);
}

/* He does not answer any more, but his reports move: they are believed. One alone is not: it tells
 * of what came since the one before, which may have been before the path broke. */
static void reports_of_arrivals_outweigh(void **state)
{
    struct world w;
    struct vr_rtcp_report report = block(100, 0);

    (void)state;
    world_init(&w, 8);
    run(&w, VR_SECONDS(5));
    vr_hearing_report(&w.hearing, w.now, 0, &report, 100);
    w.answers = false;
    w.life_every = VR_MS(500);
    (void)until(&w, VR_HEARING_DEAF, VR_SECONDS(2));
    report.highest += 50;
    vr_hearing_report(&w.hearing, w.now, 0, &report, 200);
    turn(&w);
    assert_int_equal(w.hearing.verdict, VR_HEARING_DEAF);
    run(&w, VR_SECONDS(5));
    report.highest += 250;
    vr_hearing_report(&w.hearing, w.now, 0, &report, 450);
    turn(&w);
    assert_int_equal(w.hearing.verdict, VR_HEARING_HEARS);
    assert_int_equal(w.hearing.why, VR_HEARING_BY_REPORT);
}

/* The path answers, and speech is not taken: keys, payload types, a receiver that hangs. */
static void reports_that_stand_still_are_deafness(void **state)
{
    struct world w;
    struct vr_rtcp_report report = block(1000, 0);

    (void)state;
    world_init(&w, 9);
    vr_hearing_report(&w.hearing, w.now, 0, &report, 100);
    run(&w, VR_SECONDS(5));
    vr_hearing_report(&w.hearing, w.now, 0, &report, 350);
    turn(&w);
    assert_int_equal(w.hearing.verdict, VR_HEARING_HEARS); /* once is chance */
    run(&w, VR_SECONDS(5));
    vr_hearing_report(&w.hearing, w.now, 0, &report, 600);
    turn(&w);
    assert_int_equal(w.hearing.verdict, VR_HEARING_DEAF);
    assert_int_equal(w.hearing.why, VR_HEARING_BY_REPORT);
    report.highest++;
    vr_hearing_report(&w.hearing, w.now, 0, &report, 850);
    turn(&w);
    assert_int_equal(w.hearing.verdict, VR_HEARING_HEARS);
}

/* libwebrtc leaves a stream out of its reports once nothing has come for 8 s. */
static void reports_that_leave_a_slot_out_are_deafness(void **state)
{
    struct world w;
    struct vr_rtcp_report report = block(1000, 0);
    struct world next;
    uint32_t sent = 100;

    (void)state;
    world_init(&w, 12);
    vr_hearing_sent(&w.hearing, 0, sent);
    vr_hearing_report(&w.hearing, w.now, 0, &report, sent);
    for (uint32_t s = 0; s < 60; s++) { /* nobody speaks: left out by right */
        vr_hearing_sent(&w.hearing, 0, sent);
        if (s % 5 == 0) {
            vr_hearing_compound(&w.hearing);
        }
        run(&w, VR_SECONDS(1));
        assert_int_equal(w.hearing.verdict, VR_HEARING_HEARS);
    }
    for (uint32_t s = 0; s < VR_HEARING_OMITTED_S; s++) {
        assert_int_equal(w.hearing.verdict, VR_HEARING_HEARS);
        sent += 8;
        vr_hearing_sent(&w.hearing, 0, sent);
        run(&w, VR_SECONDS(1));
    }
    assert_int_equal(w.hearing.verdict, VR_HEARING_DEAF);
    assert_int_equal(w.hearing.why, VR_HEARING_BY_REPORT);
    world_init(&next, 13); /* after an ICE restart it has time to report again */
    vr_hearing_go_on(&next.hearing, &w.hearing);
    run(&next, VR_SECONDS(2));
    assert_int_equal(next.hearing.verdict, VR_HEARING_HEARS);
    report.highest += 5;
    vr_hearing_report(&w.hearing, w.now, 0, &report, sent);
    turn(&w);
    assert_int_equal(w.hearing.verdict, VR_HEARING_HEARS);
}

/* One that sends no reports at all, or none about what it hears: not known to be deaf. */
static void who_does_not_report_is_not_deaf(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 14);
    for (uint32_t s = 0; s < 60; s++) {
        vr_hearing_sent(&w.hearing, 0, 50 * s);
        if (s > 30) {
            vr_hearing_compound(&w.hearing);
        }
        run(&w, VR_SECONDS(1));
    }
    assert_int_equal(w.hearing.verdict, VR_HEARING_HEARS); /* it answers */
}

/* Reports of a slot on which nothing was said stand still by right, in any number. */
static void reports_of_a_quiet_slot(void **state)
{
    struct world w;
    struct vr_rtcp_report report = block(1000, 12);

    (void)state;
    world_init(&w, 10);
    for (uint32_t i = 0; i < 100; i++) {
        vr_hearing_report(&w.hearing, w.now, 0, &report, 100 + i % 20);
        run(&w, VR_SECONDS(5));
        assert_int_equal(w.hearing.verdict, VR_HEARING_HEARS);
    }
    /* And with loss of 30 % they move all the same. */
    for (uint32_t i = 0; i < 100; i++) {
        report.highest += 30;
        report.lost += 13;
        vr_hearing_report(&w.hearing, w.now, 0, &report, 200 + i * 50);
        run(&w, VR_SECONDS(5));
        assert_int_equal(w.hearing.verdict, VR_HEARING_HEARS);
    }
}

static void who_sends_and_is_not_received_is_dumb(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 11);
    run(&w, VR_SECONDS(3));
    vr_hearing_sender(&w.hearing, 1000, 990);
    vr_hearing_sender(&w.hearing, 1250, 990);
    turn(&w);
    assert_int_equal(w.hearing.verdict, VR_HEARING_HEARS);
    vr_hearing_sender(&w.hearing, 1260, 990); /* muted meanwhile: does not count */
    vr_hearing_sender(&w.hearing, 1500, 990);
    turn(&w);
    assert_int_equal(w.hearing.verdict, VR_HEARING_DUMB);
    vr_hearing_sender(&w.hearing, 1750, 1100);
    turn(&w);
    assert_int_equal(w.hearing.verdict, VR_HEARING_HEARS);
    vr_hearing_sender(&w.hearing, 2000, 1100);
    vr_hearing_sender_anew(&w.hearing);
    vr_hearing_sender(&w.hearing, 100, 0);
    vr_hearing_sender(&w.hearing, 105, 0); /* a mute of any length */
    vr_hearing_sender(&w.hearing, 110, 0);
    turn(&w);
    assert_int_equal(w.hearing.verdict, VR_HEARING_HEARS);
}

/* ---- repair ---- */

static enum vr_repair_act step(struct vr_repair *repair, vr_time_us *now, vr_time_us time,
                               enum vr_hearing_verdict verdict)
{
    struct vr_hearing hearing = {.verdict = (uint8_t)verdict, .why = VR_HEARING_BY_PATH};
    enum vr_repair_act act = VR_REPAIR_NONE;

    for (vr_time_us until_then = *now + time; *now < until_then && act == VR_REPAIR_NONE;) {
        *now += TICK;
        act = vr_repair_step(repair, *now, &hearing, true);
    }
    return act;
}

static void first_a_restart_then_a_rebuild(void **state)
{
    struct vr_repair repair = {0};
    vr_time_us now = VR_SECONDS(50);
    vr_time_us start;

    (void)state;
    assert_int_equal(step(&repair, &now, VR_SECONDS(9), VR_HEARING_HEARS), VR_REPAIR_NONE);
    assert_int_equal(step(&repair, &now, VR_SECONDS(9), VR_HEARING_UNKNOWN), VR_REPAIR_NONE);
    start = now;
    assert_int_equal(step(&repair, &now, TICK, VR_HEARING_DEAF), VR_REPAIR_RESTART);
    assert_int_equal(step(&repair, &now, VR_SECONDS(60), VR_HEARING_DEAF), VR_REPAIR_REBUILD);
    assert_in_range(now - start, VR_REPAIR_PATIENCE, VR_REPAIR_PATIENCE + VR_SECONDS(1));
    /* The new transport is not known yet, then it hears. */
    assert_int_equal(step(&repair, &now, VR_SECONDS(1), VR_HEARING_UNKNOWN), VR_REPAIR_NONE);
    assert_int_equal(step(&repair, &now, VR_SECONDS(1), VR_HEARING_HEARS), VR_REPAIR_NONE);
    assert_int_equal(repair.done_count, 2);
    assert_int_equal(repair.done[0].outcome, VR_REPAIR_FAILED);
    assert_int_equal(repair.done[1].outcome, VR_REPAIR_CURED);
    assert_in_range(repair.done[1].took, VR_REPAIR_PATIENCE, VR_REPAIR_PATIENCE + VR_SECONDS(3));
    /* Again at once: a restart was not enough. Much later: from the beginning. */
    assert_int_equal(step(&repair, &now, TICK, VR_HEARING_DEAF), VR_REPAIR_REBUILD);
    (void)step(&repair, &now, VR_REPAIR_HOLDS + VR_SECONDS(1), VR_HEARING_HEARS);
    assert_int_equal(step(&repair, &now, TICK, VR_HEARING_DUMB), VR_REPAIR_RESTART);
}

/* Reports said that he is deaf: answers, which he gave all the time, do not say that it is over. */
static void what_reports_found_only_reports_cure(void **state)
{
    struct vr_repair repair = {0};
    struct vr_hearing hearing = {.verdict = VR_HEARING_DEAF, .why = VR_HEARING_BY_REPORT};
    vr_time_us now = VR_SECONDS(50);

    (void)state;
    assert_int_equal(vr_repair_step(&repair, now, &hearing, true), VR_REPAIR_RESTART);
    hearing.verdict = VR_HEARING_HEARS;
    hearing.why = VR_HEARING_BY_PATH;
    assert_int_equal(vr_repair_step(&repair, now + VR_SECONDS(9), &hearing, true), VR_REPAIR_NONE);
    assert_int_equal(repair.done[0].outcome, VR_REPAIR_RUNS);
    hearing.verdict = VR_HEARING_DEAF;
    hearing.why = VR_HEARING_BY_REPORT;
    assert_int_equal(vr_repair_step(&repair, now + VR_SECONDS(20), &hearing, true),
                     VR_REPAIR_REBUILD);
    assert_int_equal(repair.done[0].outcome, VR_REPAIR_FAILED);
    hearing.verdict = VR_HEARING_HEARS;
    assert_int_equal(vr_repair_step(&repair, now + VR_SECONDS(25), &hearing, true), VR_REPAIR_NONE);
    assert_int_equal(repair.done[1].outcome, VR_REPAIR_CURED);
}

static void repairs_have_pauses_and_an_end(void **state)
{
    struct vr_repair repair = {0};
    vr_time_us now = VR_SECONDS(50);
    vr_time_us before = 0;
    vr_time_us pause = 0;
    uint32_t rebuilds = 0;

    (void)state;
    for (;;) {
        enum vr_repair_act act = step(&repair, &now, VR_SECONDS(3600), VR_HEARING_DEAF);

        if (act == VR_REPAIR_NONE) {
            break;
        }
        if (act == VR_REPAIR_RESTART && before != 0) {
            assert_true(now - before > pause); /* each longer than the one before */
            pause = now - before;
        }
        rebuilds += act == VR_REPAIR_REBUILD;
        before = now;
    }
    assert_true(repair.given_up);
    assert_int_equal(rebuilds, VR_REPAIR_ROUNDS);
    assert_int_equal(repair.acts, 2 * VR_REPAIR_ROUNDS);
    assert_int_equal(repair.done_count, VR_REPAIRS_KEPT);
    assert_int_equal(repair.done[VR_REPAIRS_KEPT - 1].outcome, VR_REPAIR_FAILED);
    /* Healed by itself, for good: he may be repaired again. */
    (void)step(&repair, &now, VR_REPAIR_HOLDS + VR_SECONDS(1), VR_HEARING_HEARS);
    assert_false(repair.given_up);
    assert_int_equal(step(&repair, &now, TICK, VR_HEARING_DEAF), VR_REPAIR_RESTART);
}

/* Nobody there: asked once, and not again until something comes from him. */
static void who_is_away_is_asked_once(void **state)
{
    struct vr_repair repair = {0};
    vr_time_us now = VR_SECONDS(50);

    (void)state;
    assert_int_equal(step(&repair, &now, TICK, VR_HEARING_AWAY), VR_REPAIR_RESTART);
    assert_int_equal(step(&repair, &now, VR_SECONDS(600), VR_HEARING_AWAY), VR_REPAIR_NONE);
    assert_int_equal(step(&repair, &now, TICK, VR_HEARING_DEAF), VR_REPAIR_REBUILD);
}

static void a_repair_waits_for_its_turn(void **state)
{
    struct vr_repair repair = {0};
    struct vr_hearing hearing = {.verdict = VR_HEARING_DEAF};

    (void)state;
    assert_int_equal(vr_repair_step(&repair, VR_SECONDS(9), &hearing, false), VR_REPAIR_NONE);
    assert_int_equal(vr_repair_step(&repair, VR_SECONDS(10), &hearing, true), VR_REPAIR_RESTART);
    assert_int_equal(repair.broken_at, VR_SECONDS(9));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(he_hears),
        cmocka_unit_test(deafness_is_found_within_two_seconds),
        cmocka_unit_test(nothing_from_there_is_away),
        cmocka_unit_test(silence_is_no_deafness),
        cmocka_unit_test(loss_is_no_deafness),
        cmocka_unit_test(long_round_trips_are_waited_for),
        cmocka_unit_test(our_own_stall_is_no_deafness),
        cmocka_unit_test(who_never_answers_is_not_asked_for_ever),
        cmocka_unit_test(reports_of_arrivals_outweigh),
        cmocka_unit_test(reports_that_stand_still_are_deafness),
        cmocka_unit_test(reports_that_leave_a_slot_out_are_deafness),
        cmocka_unit_test(who_does_not_report_is_not_deaf),
        cmocka_unit_test(reports_of_a_quiet_slot),
        cmocka_unit_test(who_sends_and_is_not_received_is_dumb),
        cmocka_unit_test(first_a_restart_then_a_rebuild),
        cmocka_unit_test(what_reports_found_only_reports_cure),
        cmocka_unit_test(repairs_have_pauses_and_an_end),
        cmocka_unit_test(who_is_away_is_asked_once),
        cmocka_unit_test(a_repair_waits_for_its_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
