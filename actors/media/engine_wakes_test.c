/* Goal: an engine tells its edge when checks must be answered at once, and what is due soon is done
 * with another wake, neither more often nor later than else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/media/engine_rig.h"

static bool settled(const struct rig_person *person)
{
    return vr_engine_settled(person->node->engine, person->rig->now);
}

static void who_connects_is_answered_at_once(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana;

    assert_true(vr_engine_settled(rig->nodes[0].engine, rig->now));
    ana = rig_person(rig, (struct rig_wish){0});
    assert_false(settled(ana)); /* before his first check */
    rig_advance(rig, VR_SECONDS(2));
    assert_false(settled(ana));
    vr_client_check(ana->client, true, true);
    rig_pump(rig);
    rig_advance(rig, VR_SECONDS(1));
    assert_false(settled(ana)); /* no keys yet */
    vr_client_connect(ana->client);
    rig_pump(rig);
    assert_int_equal(ana->state, VR_PEER_UP);
    assert_false(settled(ana)); /* he may still choose among several ways */
    rig_advance(rig, VR_SECONDS(1));
    assert_true(settled(ana));
    vr_client_check(ana->client, true, true);
    rig_pump(rig);
    assert_true(settled(ana)); /* as every few seconds */
}

static void who_comes_another_way_is_answered_at_once(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});

    rig_advance(rig, VR_SECONDS(1));
    assert_true(settled(ana));
    rig_path(&ana->path, 50000);
    vr_client_check(ana->client, false, true); /* one in reserve, which browsers try for ever */
    rig_pump(rig);
    assert_true(settled(ana));
    vr_client_check(ana->client, true, true);
    rig_pump(rig);
    assert_false(settled(ana));
    rig_advance(rig, VR_SECONDS(1));
    assert_true(settled(ana));
}

static void who_never_comes_is_not_waited_for_for_ever(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});

    (void)rig_person(rig, (struct rig_wish){0});
    for (int s = 0; s < 17; s++) {
        rig_checks(rig);
        rig_advance(rig, VR_SECONDS(1));
    }
    assert_true(settled(ana));
}

/* Woken each 20 ms by speech, as a worker is: time goes on, and all ticks ride along. */
static void ticks_ride_along_with_speech(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.asked = true});
    struct vr_engine *engine = ana->node->engine;
    uint32_t woken = 0, ticks = 0;
    vr_time_us least = VR_NEVER, most = 0;
    vr_time_us before = 0;

    rig->now = vr_engine_deadline(engine);
    vr_engine_tick(engine, rig->now);
    for (int packet = 0; packet < 1000; packet++) {
        vr_time_us deadline = vr_engine_deadline(engine);

        rig->now += VR_MS(20);
        if (deadline < rig->now) { /* a timer of its own */
            woken++;
            vr_engine_tick(engine, deadline);
        }
        deadline = vr_engine_deadline(engine);
        vr_engine_tick_early(engine, rig->now);
        if (vr_engine_deadline(engine) != deadline) {
            if (before != 0) {
                least = rig->now - before < least ? rig->now - before : least;
                most = rig->now - before > most ? rig->now - before : most;
            }
            before = rig->now;
            ticks++;
        }
        if (packet % 100 == 0) {
            rig_checks(rig);
        }
    }
    assert_int_equal(woken, 0);
    assert_in_range(ticks, 399, 401); /* 20 a second, as ever */
    assert_int_equal(least, VR_MS(40));
    assert_int_equal(most, VR_MS(60));
}

static void what_was_missed_is_not_made_up(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct vr_engine *engine = ana->node->engine;

    rig->now += VR_SECONDS(3); /* nobody woke us */
    vr_engine_tick_early(engine, rig->now);
    assert_int_equal(vr_engine_deadline(engine), rig->now + VR_MS(50));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(who_connects_is_answered_at_once),
        RIG_TEST(who_comes_another_way_is_answered_at_once),
        RIG_TEST(who_never_comes_is_not_waited_for_for_ever),
        RIG_TEST(ticks_ride_along_with_speech),
        RIG_TEST(what_was_missed_is_not_made_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
