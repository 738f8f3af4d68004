/* Goal: thousands who come at once are in within 30 s, those inside notice nothing, a lone join
 * never waits, and who waited as he was told does not wait for ever. */

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>

#include "actors/base/random.h"
#include "actors/session/admission.h"

#define MOST 1000
#define PEOPLE_MAX 8192

/** A worker with work to do: each who is let in costs `cost`. */
struct model {
    struct vr_admission admission;
    struct vr_random_seeded random;
    vr_time_us now, cost;
    vr_time_us work; /* not yet done */
    vr_time_us work_max;
    struct {
        vr_time_us comes, in; /* in VR_NEVER: not yet */
        enum vr_admission_kind kind;
        uint32_t asks;
    } people[PEOPLE_MAX];
    uint32_t count;
};

static struct model *model_new(uint32_t rate_max, vr_time_us cost)
{
    struct model *model = calloc(1, sizeof(*model));

    assert_non_null(model);
    model->now = VR_SECONDS(1000);
    model->cost = cost;
    vr_random_seeded_init(&model->random, 11);
    vr_admission_init(&model->admission, rate_max, model->now);
    return model;
}

static void come(struct model *model, enum vr_admission_kind kind, uint32_t count,
                 vr_time_us within)
{
    for (uint32_t i = 0; i < count; i++) {
        model->people[model->count].comes =
            model->now + (vr_time_us)vr_random_below(&model->random.random, (uint64_t)within + 1);
        model->people[model->count].in = VR_NEVER;
        model->people[model->count++].kind = kind;
    }
}

static uint32_t ask(struct model *model, uint32_t who)
{
    const struct vr_admission_ask asked = {.kind = model->people[who].kind,
                                           .who = (uint64_t)who * 7919 + 1,
                                           .random = vr_random_u64(&model->random.random)};

    return vr_admission_ask(&model->admission, &asked, model->now);
}

/** One millisecond: who is due asks, the worker works, and is sampled now and then. */
static void step(struct model *model)
{
    for (uint32_t i = 0; i < model->count; i++) {
        uint32_t wait = 0;

        if (model->people[i].in != VR_NEVER || model->people[i].comes > model->now) {
            continue;
        }
        model->people[i].asks++;
        wait = ask(model, i);
        if (wait == 0) {
            model->people[i].in = model->now;
            model->work += model->cost;
        } else {
            model->people[i].comes = model->now + VR_MS(wait);
        }
    }
    model->work_max = model->work > model->work_max ? model->work : model->work_max;
    model->work = model->work > VR_MS(1) ? model->work - VR_MS(1) : 0;
    model->now += VR_MS(1);
    if (model->now % VR_ADMISSION_EVERY == 0) {
        const struct vr_admission_sample sample = {.lag = model->work, .answer = VR_NEVER};

        vr_admission_sample(&model->admission, &sample, model->now);
    }
}

static uint32_t inside(const struct model *model, enum vr_admission_kind kind)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < model->count; i++) {
        count += model->people[i].kind == kind && model->people[i].in != VR_NEVER;
    }
    return count;
}

static void run(struct model *model, vr_time_us span)
{
    for (vr_time_us end = model->now + span; model->now < end;) {
        step(model);
    }
}

static void a_storm_is_in_within_30_s(void **state)
{
    static const vr_time_us costs[] = {200, 1000, 3000, 8000};

    (void)state;
    for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++) {
        struct model *model = model_new(MOST, costs[i]);
        uint32_t asks = 0;

        come(model, VR_ADMISSION_RESUME, 2000, VR_MS(300));
        run(model, VR_SECONDS(30));
        assert_int_equal(inside(model, VR_ADMISSION_RESUME), 2000);
        for (uint32_t k = 0; k < model->count; k++) {
            asks += model->people[k].asks;
        }
        assert_in_range(asks, 2000, 2000 * 6); /* refusals cost too */
        free(model);
    }
}

/* Without admission the last of them would find 2000 times the cost before him. */
static void the_worker_runs_late_for_a_moment_only(void **state)
{
    struct model *model = model_new(MOST, 3000);
    uint32_t late = 0;

    (void)state;
    come(model, VR_ADMISSION_RESUME, 2000, VR_MS(300));
    for (uint32_t i = 0; i < 30000; i++) {
        step(model);
        late += model->work > VR_MS(200);
    }
    assert_true(model->work_max < VR_SECONDS(1));
    assert_in_range(late, 0, 1000); /* milliseconds */
    free(model);
}

static void a_lone_join_never_waits(void **state)
{
    struct model *model = model_new(MOST, 1000);

    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        come(model, VR_ADMISSION_JOIN, 1, 0);
        run(model, VR_MS(20));
        assert_int_equal(model->people[i].asks, 1);
        assert_true(model->people[i].in != VR_NEVER);
    }
    free(model);
    model = model_new(1, 1000); /* also where few are wanted */
    come(model, VR_ADMISSION_JOIN, 1, 0);
    step(model);
    assert_int_equal(inside(model, VR_ADMISSION_JOIN), 1);
    free(model);
}

static void who_comes_back_goes_before_who_comes_anew(void **state)
{
    struct model *model = model_new(MOST, 3000);
    vr_time_us last[2] = {0, 0};

    (void)state;
    come(model, VR_ADMISSION_JOIN, 1000, VR_MS(300));
    come(model, VR_ADMISSION_RESUME, 1000, VR_MS(300));
    run(model, VR_SECONDS(3));
    assert_true(inside(model, VR_ADMISSION_RESUME) > 2 * inside(model, VR_ADMISSION_JOIN));
    run(model, VR_SECONDS(27));
    assert_int_equal(inside(model, VR_ADMISSION_JOIN), 1000);
    assert_int_equal(inside(model, VR_ADMISSION_RESUME), 1000);
    for (uint32_t i = 0; i < model->count; i++) {
        vr_time_us *at = &last[model->people[i].kind];

        *at = model->people[i].in > *at ? model->people[i].in : *at;
    }
    assert_true(last[VR_ADMISSION_RESUME] < last[VR_ADMISSION_JOIN]);
    free(model);
}

/* More come than ever can be let in: whoever waited as he was told is in nevertheless. */
static void nobody_starves(void **state)
{
    struct model *model = model_new(200, 1000);

    (void)state;
    come(model, VR_ADMISSION_JOIN, 100, VR_MS(100));
    come(model, VR_ADMISSION_RESUME, 7500, VR_SECONDS(30));
    run(model, VR_SECONDS(28));
    assert_true(inside(model, VR_ADMISSION_RESUME) < 5700);
    for (uint32_t i = 0; i < 100; i++) {
        assert_true(model->people[i].in != VR_NEVER);
    }
    free(model);
}

/* Whoever comes back finds a place always, so that the next who comes anew finds none: not for
 * ever. */
static void who_waited_for_long_goes_before_all(void **state)
{
    struct model *model = model_new(100, 1000);
    vr_time_us began = model->now;
    uint32_t wait = 1;

    (void)state;
    come(model, VR_ADMISSION_JOIN, 1, 0);
    come(model, VR_ADMISSION_RESUME, PEOPLE_MAX - 1, 0);
    for (uint32_t next = 1; wait > 0; model->now += VR_MS(wait)) {
        while (ask(model, next++) == 0) {
        }
        wait = ask(model, 0);
        assert_true(model->now - began < VR_SECONDS(15));
    }
    assert_true(model->now - began >= VR_SECONDS(10));
    free(model);
}

static void returns_are_spread(void **state)
{
    struct model *model = model_new(200, 1000);
    uint32_t seconds[16] = {0};
    uint32_t told = 0;

    (void)state;
    come(model, VR_ADMISSION_RESUME, 600, 0);
    for (uint32_t i = 0; i < model->count; i++) {
        uint32_t wait = ask(model, i);

        assert_true(wait <= 12500);
        seconds[wait / 1000] += wait > 0;
        told += wait > 0;
    }
    assert_true(told >= 530);
    for (uint32_t i = 0; i < 4; i++) { /* 100 a second, and jitter over a quarter more */
        assert_in_range(seconds[i], 60, 130);
    }
    free(model);
}

/* The same who asks at once again keeps his place in line and gains nothing. */
static void asking_early_does_not_help(void **state)
{
    struct model *model = model_new(10, 1000);
    uint32_t first = 0;
    uint32_t again = 0;

    (void)state;
    come(model, VR_ADMISSION_JOIN, 80, 0);
    for (uint32_t i = 0; i < model->count; i++) {
        first = ask(model, i);
    }
    model->now += VR_MS(50);
    again = ask(model, model->count - 1);
    assert_true(first > 2000);
    assert_in_range(again, first * 4 / 5 - 51, first * 5 / 4);
    free(model);
}

/* They went to another node: their places are nobody's, and the next who comes is let in. */
static void places_of_who_does_not_come_are_not_lost(void **state)
{
    struct model *model = model_new(100, 1000);

    (void)state;
    come(model, VR_ADMISSION_RESUME, 2000, 0);
    for (uint32_t i = 0; i < model->count; i++) {
        (void)ask(model, i);
    }
    model->count = 0;
    run(model, VR_SECONDS(1));
    come(model, VR_ADMISSION_JOIN, 1, 0);
    step(model);
    assert_int_equal(model->people[0].asks, 1);
    assert_true(model->people[0].in != VR_NEVER);
    free(model);
}

static void the_rate_follows(void **state)
{
    static struct vr_admission admission;
    struct vr_admission_sample late = {.lag = VR_MS(51), .answer = VR_NEVER};
    const struct vr_admission_sample slow = {.lag = 0, .answer = VR_MS(51)};
    const struct vr_admission_sample between = {.lag = VR_MS(30), .answer = VR_MS(10)};
    const struct vr_admission_sample easy = {.lag = VR_MS(1), .answer = VR_MS(10)};
    vr_time_us now = VR_SECONDS(5);
    double rest = 0;

    (void)state;
    vr_admission_init(&admission, MOST, now);
    rest = admission.rate;
    assert_true(vr_admission_rests(&admission));
    vr_admission_sample(&admission, &late, now += VR_ADMISSION_EVERY);
    assert_true(admission.rate == rest); /* one late turn is heard once */
    vr_admission_sample(&admission, &slow, now += VR_ADMISSION_EVERY);
    assert_true(admission.rate == rest / 2);
    assert_false(vr_admission_rests(&admission));
    vr_admission_sample(&admission, &between, now += VR_ADMISSION_EVERY);
    assert_true(admission.rate == rest / 2);
    for (uint32_t i = 0; i < 100; i++) {
        vr_admission_sample(&admission, &late, now += VR_ADMISSION_EVERY);
    }
    assert_true(admission.rate == VR_ADMISSION_RATE_MIN);
    for (uint32_t i = 0; i < 60; i++) { /* nobody wants more */
        vr_admission_sample(&admission, &easy, now += VR_ADMISSION_EVERY);
    }
    assert_true(admission.rate == rest && vr_admission_rests(&admission));
    late.lag = VR_MS(201); /* that much is heard at once */
    vr_admission_sample(&admission, &late, now + VR_ADMISSION_EVERY);
    assert_true(admission.rate < rest / 2);
}

/* What costs little comes in as fast as it is allowed. */
static void the_rate_grows_while_it_is_wanted(void **state)
{
    struct model *model = model_new(MOST, 100);

    (void)state;
    come(model, VR_ADMISSION_JOIN, 4000, VR_SECONDS(5));
    run(model, VR_SECONDS(3));
    assert_true(model->admission.rate > MOST * 0.6);
    run(model, VR_SECONDS(5));
    assert_int_equal(inside(model, VR_ADMISSION_JOIN), 4000);
    run(model, VR_SECONDS(3));
    assert_true(vr_admission_rests(&model->admission));
    free(model);
}

static void without_a_bound_nobody_waits(void **state)
{
    struct model *model = model_new(0, 1000);

    (void)state;
    come(model, VR_ADMISSION_JOIN, 2000, 0);
    step(model);
    assert_int_equal(inside(model, VR_ADMISSION_JOIN), 2000);
    free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_storm_is_in_within_30_s),
        cmocka_unit_test(the_worker_runs_late_for_a_moment_only),
        cmocka_unit_test(a_lone_join_never_waits),
        cmocka_unit_test(who_comes_back_goes_before_who_comes_anew),
        cmocka_unit_test(nobody_starves),
        cmocka_unit_test(who_waited_for_long_goes_before_all),
        cmocka_unit_test(returns_are_spread),
        cmocka_unit_test(asking_early_does_not_help),
        cmocka_unit_test(places_of_who_does_not_come_are_not_lost),
        cmocka_unit_test(the_rate_follows),
        cmocka_unit_test(the_rate_grows_while_it_is_wanted),
        cmocka_unit_test(without_a_bound_nobody_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
