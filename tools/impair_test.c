/* Goal: a seed decides the fate of every datagram, and each setting does what its name says. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tools/impair.h"

#define MANY 20000

static void test_seed_replays(void **state)
{
    struct vr_impair a, b;

    (void)state;
    vr_impair_init(&a, 5);
    vr_impair_init(&b, 5);
    a.conf.loss = b.conf.loss = 0.3;
    a.conf.jitter = b.conf.jitter = VR_MS(20);
    for (int i = 0; i < 1000; i++) {
        vr_time_us due_a[2] = {0}, due_b[2] = {0};

        assert_int_equal(vr_impair_decide(&a, VR_MS(i), due_a),
                         vr_impair_decide(&b, VR_MS(i), due_b));
        assert_int_equal(due_a[0], due_b[0]);
    }
}

static void test_loss_share(void **state)
{
    struct vr_impair impair;
    vr_time_us due[2];

    (void)state;
    vr_impair_init(&impair, 1);
    impair.conf.loss = 0.1;
    for (int i = 0; i < MANY; i++) {
        (void)vr_impair_decide(&impair, VR_MS(i), due);
    }
    assert_in_range(impair.lost, MANY / 10 - 300, MANY / 10 + 300);
    assert_int_equal(impair.lost + impair.passed, MANY);
}

static void test_jitter_keeps_order_and_bounds(void **state)
{
    struct vr_impair impair;
    vr_time_us last = 0;

    (void)state;
    vr_impair_init(&impair, 2);
    impair.conf.delay = VR_MS(25);
    impair.conf.jitter = VR_MS(50);
    for (int i = 0; i < MANY; i++) {
        vr_time_us due[2];

        assert_int_equal(vr_impair_decide(&impair, VR_MS(20) * i, due), 1);
        assert_true(due[0] >= last);
        assert_in_range(due[0] - VR_MS(20) * i, VR_MS(25), VR_MS(75));
        last = due[0];
    }
}

static void test_reorder_lets_others_overtake(void **state)
{
    struct vr_impair impair;
    vr_time_us last = 0;
    int overtaken = 0;

    (void)state;
    vr_impair_init(&impair, 3);
    impair.conf.reorder = 0.05;
    for (int i = 0; i < MANY; i++) {
        vr_time_us due[2];

        assert_int_equal(vr_impair_decide(&impair, VR_MS(20) * i, due), 1);
        overtaken += due[0] < last;
        last = due[0];
    }
    assert_in_range(overtaken, MANY / 20 - 250, MANY / 20 + 250);
}

static void test_blackhole_and_duplicates(void **state)
{
    struct vr_impair impair;
    vr_time_us due[2];

    (void)state;
    vr_impair_init(&impair, 4);
    assert_true(vr_impair_set(&impair.conf, "blackhole", 1));
    assert_int_equal(vr_impair_decide(&impair, 0, due), 0);
    assert_true(vr_impair_set(&impair.conf, "blackhole", 0));
    assert_true(vr_impair_set(&impair.conf, "duplicate", 1));
    assert_int_equal(vr_impair_decide(&impair, 0, due), 2);
    assert_false(vr_impair_set(&impair.conf, "nonsense", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seed_replays),
        cmocka_unit_test(test_loss_share),
        cmocka_unit_test(test_jitter_keeps_order_and_bounds),
        cmocka_unit_test(test_reorder_lets_others_overtake),
        cmocka_unit_test(test_blackhole_and_duplicates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
