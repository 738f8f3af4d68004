/* Goal: what comes seldom is read at once; what comes often in bunches, with no datagram waiting
 * longer than it may and no wake for nothing but the last; and nothing waits while somebody
 * connects. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "actors/base/random.h"
#include "nodes/patience.h"

/* A worker with one socket: datagrams come, speech wakes it. */
struct world {
    struct vr_patience patience;
    vr_time_us now;
    bool busy; /* somebody connects */
    vr_time_us waiting[64];
    uint32_t waiting_count;
    uint32_t wakes, empty, reads;
    vr_time_us longest;
};

static void read_all(struct world *w)
{
    for (uint32_t i = 0; i < w->waiting_count; i++) {
        vr_time_us waited = w->now - w->waiting[i];

        w->longest = waited > w->longest ? waited : w->longest;
    }
    w->empty += w->waiting_count == 0;
    w->reads++;
    vr_patience_read(&w->patience, w->now, w->waiting_count, !w->busy);
    w->waiting_count = 0;
}

/* The loop has woken, for this or for something else. */
static void turn(struct world *w)
{
    bool polled = vr_patience_until(&w->patience) == VR_NEVER;

    if (vr_patience_is_due(&w->patience, w->now, polled && w->waiting_count > 0, !w->busy)) {
        read_all(w);
    }
}

/* Until `end`: a datagram each `every` (0: none) in the mean, speech each `speech` (0: nobody). */
static void run(struct world *w, vr_time_us time, vr_time_us every, vr_time_us speech,
                struct vr_random_seeded *random)
{
    vr_time_us end = w->now + time;
    vr_time_us spoken = w->now;

    for (; w->now < end; w->now += VR_MS(1)) {
        vr_time_us until = vr_patience_until(&w->patience);
        bool wake = until <= w->now;

        if (every != 0 && vr_random_below(&random->random, (uint64_t)every) < VR_MS(1)) {
            w->waiting[w->waiting_count++] = w->now;
            wake = wake || until == VR_NEVER;
        }
        if (wake) {
            w->wakes++;
        }
        if (speech != 0 && w->now - spoken >= speech) {
            spoken = w->now;
            wake = true;
        }
        if (wake) {
            turn(w);
        }
    }
}

static void begin(struct world *w, struct vr_random_seeded *random)
{
    *w = (struct world){.now = VR_SECONDS(100)};
    vr_random_seeded_init(random, 7);
}

static void what_comes_seldom_is_read_at_once(void **state)
{
    struct vr_random_seeded random;
    struct world w;

    (void)state;
    begin(&w, &random);
    for (int i = 0; i < 50; i++) {
        w.waiting[w.waiting_count++] = w.now;
        turn(&w);
        assert_int_equal(w.waiting_count, 0);
        assert_int_equal(vr_patience_until(&w.patience), VR_NEVER);
        w.now += VR_PATIENCE_LONGEST;
    }
    assert_int_equal(w.reads, 50); /* each by its own, and none for nothing */
}

static void what_comes_often_is_read_with_speech(void **state)
{
    struct vr_random_seeded random;
    struct world w;

    (void)state;
    begin(&w, &random);
    run(&w, VR_SECONDS(20), VR_MS(2), VR_MS(20), &random); /* 10 000 datagrams, 1000 packets */
    assert_in_range(w.reads, 900, 1100);
    assert_true(w.wakes <= 10); /* speech does it */
    assert_true(w.longest <= VR_MS(20));
}

static void without_speech_a_bunch_waits_no_longer_than_it_may(void **state)
{
    struct vr_random_seeded random;
    struct world w;

    (void)state;
    begin(&w, &random);
    run(&w, VR_SECONDS(20), VR_MS(2), 0, &random);
    assert_in_range(w.wakes, 700, 850); /* 40 a second, not 500 */
    assert_true(w.longest <= VR_PATIENCE_LONGEST);
}

static void many_wakes_are_not_many_reads(void **state)
{
    struct vr_random_seeded random;
    struct world w;

    (void)state;
    begin(&w, &random);
    run(&w, VR_SECONDS(10), VR_MS(2), VR_MS(2), &random);
    assert_true(w.reads <= 1050); /* one in 10 ms */
}

static void after_an_empty_read_it_is_polled_again(void **state)
{
    struct vr_random_seeded random;
    struct world w;

    (void)state;
    begin(&w, &random);
    run(&w, VR_SECONDS(2), VR_MS(2), 0, &random);
    run(&w, VR_SECONDS(1), 0, 0, &random);
    assert_int_equal(w.empty, 1);
    assert_int_equal(vr_patience_until(&w.patience), VR_NEVER);
    w.waiting[w.waiting_count++] = w.now;
    turn(&w);
    assert_int_equal(w.waiting_count, 0);
}

static void nothing_waits_while_somebody_connects(void **state)
{
    struct vr_random_seeded random;
    struct world w;

    (void)state;
    begin(&w, &random);
    run(&w, VR_SECONDS(1), VR_MS(2), VR_MS(20), &random);
    while (w.waiting_count == 0 || !w.patience.waits ||
           w.now - w.patience.read_at >= VR_PATIENCE_SHORTEST) { /* in the midst of a wait */
        run(&w, VR_MS(1), VR_MS(2), VR_MS(20), &random);
    }
    w.busy = true;
    turn(&w);
    assert_int_equal(w.waiting_count, 0);
    w.longest = 0;
    run(&w, VR_SECONDS(1), VR_MS(2), VR_MS(20), &random);
    assert_int_equal(w.longest, 0);
    w.busy = false;
    run(&w, VR_SECONDS(1), VR_MS(2), VR_MS(20), &random);
    assert_true(w.longest > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_seldom_is_read_at_once),
        cmocka_unit_test(what_comes_often_is_read_with_speech),
        cmocka_unit_test(without_speech_a_bunch_waits_no_longer_than_it_may),
        cmocka_unit_test(many_wakes_are_not_many_reads),
        cmocka_unit_test(after_an_empty_read_it_is_polled_again),
        cmocka_unit_test(nothing_waits_while_somebody_connects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
