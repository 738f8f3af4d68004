/* Goal: one number says how hard a node works: the worst part counts, a burst hardly moves it, what
 * lasts does within seconds, and "full" does not flap. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <math.h>

#include "nodes/stress.h"

static const struct vr_stress_sample idle = {.cpu = 0.05,
                                             .packets = 100,
                                             .packets_max = 100000,
                                             .lag = VR_MS(2),
                                             .memory = 3e8,
                                             .memory_max = 2e9,
                                             .files = 100,
                                             .files_max = 20000};

static void go_on(struct vr_stress *stress, const struct vr_stress_sample *sample, int times)
{
    for (int i = 0; i < times; i++) {
        vr_stress_step(stress, sample);
    }
}

static void the_worst_part_counts(void **state)
{
    struct {
        struct vr_stress_sample sample;
        enum vr_stress_part worst;
        double level;
    } cases[] = {
        {idle, VR_STRESS_CPU, 0.05}, {idle, VR_STRESS_CPU, 0.9},    {idle, VR_STRESS_PACKETS, 0.7},
        {idle, VR_STRESS_LAG, 0.5},  {idle, VR_STRESS_MEMORY, 0.8}, {idle, VR_STRESS_FILES, 0.9},
        {idle, VR_STRESS_CPU, 1},    {idle, VR_STRESS_LAG, 1},
    };

    (void)state;
    cases[1].sample.cpu = 0.9;
    cases[2].sample.packets = 70000;
    cases[3].sample.lag = VR_MS(275);
    cases[4].sample.memory = 1.8e9;
    cases[5].sample.files = 19000;
    cases[6].sample.cpu = 3; /* threads of the library beside the workers */
    cases[7].sample.lag = VR_SECONDS(9);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vr_stress stress = {0};

        go_on(&stress, &cases[i].sample, 40);
        assert_int_equal(vr_stress_worst(&stress), cases[i].worst);
        assert_true(fabs(stress.level - cases[i].level) < 0.001);
    }
}

static void a_burst_is_no_load(void **state)
{
    struct vr_stress_sample burst = idle;
    struct vr_stress stress = {0};

    (void)state;
    burst.cpu = 1;
    burst.lag = VR_SECONDS(2);
    go_on(&stress, &idle, 10);
    vr_stress_step(&stress, &burst);
    assert_true(stress.level < 0.35);
    go_on(&stress, &idle, 3);
    assert_true(stress.level < 0.16);
    for (int i = 0; i < 50; i++) { /* late once in a while, again and again */
        go_on(&stress, &idle, VR_STRESS_LAGS - 1);
        vr_stress_step(&stress, &burst);
        assert_true(stress.part[VR_STRESS_LAG] < 0.001);
    }
    stress = (struct vr_stress){0};
    vr_stress_step(&stress, &burst); /* the start itself */
    assert_true(stress.level < 0.35);
}

static void what_lasts_is_seen_soon(void **state)
{
    struct vr_stress_sample busy = idle;
    struct vr_stress stress = {0};

    (void)state;
    busy.cpu = 0.95;
    go_on(&stress, &idle, 10);
    go_on(&stress, &busy, 8);
    assert_true(stress.high);
    assert_true(stress.level > 0.85);
}

static void full_does_not_flap(void **state)
{
    struct vr_stress_sample around = idle;
    struct vr_stress stress = {0};
    int changes = 0;

    (void)state;
    for (int i = 0; i < 400; i++) {
        bool before = stress.high;

        around.cpu = 0.78 + 0.06 * sin(i * 0.7) + 0.05 * (i % 3);
        vr_stress_step(&stress, &around);
        changes += stress.high != before;
    }
    assert_int_equal(changes, 1);
    around.cpu = 0.5;
    go_on(&stress, &around, 20);
    assert_false(stress.high);
}

static void odd_figures_are_harmless(void **state)
{
    const struct vr_stress_sample odd = {.cpu = NAN,
                                         .packets = -5,
                                         .packets_max = 1,
                                         .lag = -7,
                                         .memory = 5,
                                         .memory_max = 0,
                                         .files = INFINITY,
                                         .files_max = 0};
    struct vr_stress stress = {0};

    (void)state;
    go_on(&stress, &odd, 20);
    assert_true(stress.level >= 0 && stress.level < 0.001);
    assert_false(stress.high);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worst_part_counts),    cmocka_unit_test(a_burst_is_no_load),
        cmocka_unit_test(what_lasts_is_seen_soon),  cmocka_unit_test(full_does_not_flap),
        cmocka_unit_test(odd_figures_are_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
