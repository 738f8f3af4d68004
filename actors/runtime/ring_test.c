/* Goal: the ring keeps order, refuses when full, and loses or doubles nothing between threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>

#include "actors/runtime/ring.h"

static void test_order_and_bound(void **state)
{
    struct vr_ring ring;
    uint64_t value = 0;

    (void)state;
    assert_int_equal(vr_ring_init(&ring, 5, sizeof(value)), VR_OK);
    assert_int_equal(vr_ring_capacity(&ring), 8);
    for (int lap = 0; lap < 5; lap++) {
        assert_false(vr_ring_pop(&ring, &value));
        for (uint64_t i = 0; i < 8; i++) {
            assert_true(vr_ring_push(&ring, &i));
        }
        assert_int_equal(vr_ring_length(&ring), 8);
        assert_false(vr_ring_push(&ring, &value));
        for (uint64_t i = 0; i < 8; i++) {
            assert_true(vr_ring_pop(&ring, &value));
            assert_int_equal(value, i);
        }
    }
    vr_ring_deinit(&ring);
    vr_ring_deinit(&ring); /* zeroed is fine */
}

#define PRODUCERS 3
#define EACH 20000

struct wide {
    uint64_t producer;
    uint64_t number;
    uint64_t twice; /* number * 2: a torn value shows */
};

struct job {
    struct vr_ring *ring;
    uint64_t producer;
};

static void *produce(void *arg)
{
    struct job *job = arg;

    for (uint64_t i = 1; i <= EACH; i++) {
        struct wide value = {job->producer, i, i * 2};

        while (!vr_ring_push(job->ring, &value)) {
            sched_yield();
        }
    }
    return NULL;
}

static void test_many_producers(void **state)
{
    struct vr_ring ring;
    pthread_t threads[PRODUCERS];
    struct job jobs[PRODUCERS];
    uint64_t last[PRODUCERS] = {0};
    uint64_t left = (uint64_t)PRODUCERS * EACH;

    (void)state;
    assert_int_equal(vr_ring_init(&ring, 256, sizeof(struct wide)), VR_OK);
    for (uint64_t i = 0; i < PRODUCERS; i++) {
        jobs[i] = (struct job){&ring, i};
        pthread_create(&threads[i], NULL, produce, &jobs[i]);
    }
    while (left > 0) {
        struct wide value;

        if (!vr_ring_pop(&ring, &value)) {
            sched_yield();
            continue;
        }
        assert_in_range(value.producer, 0, PRODUCERS - 1);
        assert_int_equal(value.number, last[value.producer] + 1);
        assert_int_equal(value.twice, value.number * 2);
        last[value.producer] = value.number;
        left--;
    }
    for (int i = 0; i < PRODUCERS; i++) {
        pthread_join(threads[i], NULL);
    }
    vr_ring_deinit(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_bound),
        cmocka_unit_test(test_many_producers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
