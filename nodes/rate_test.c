/* rate_test.c - goal: a bucket gives what its limit says, refills evenly, and the table stays
 * small. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>

#include "nodes/rate.h"

#define WINDOW VR_SECONDS(60)

static uint32_t take_until_refused(struct vr_rate *rate, uint64_t key, uint32_t limit,
                                   vr_time_us now)
{
    struct vr_rate_result result;
    uint32_t taken = 0;

    for (;;) {
        vr_rate_take(rate, key, limit, WINDOW, 1, now, &result);
        if (!result.allowed) {
            return taken;
        }
        taken++;
    }
}

static void a_full_bucket_gives_its_limit_then_refills(void **state)
{
    struct vr_rate *rate = NULL;
    struct vr_rate_result result;
    vr_time_us now = VR_SECONDS(1000);

    (void)state;
    assert_int_equal(vr_rate_new(64, 1, &rate), VR_OK);
    assert_int_equal(take_until_refused(rate, 7, 60, now), 60);
    vr_rate_take(rate, 7, 60, WINDOW, 1, now, &result);
    assert_in_range(result.retry_after_ms, 990, 1010);
    assert_int_equal(result.remaining, 0);
    assert_int_equal(take_until_refused(rate, 7, 60, now + VR_SECONDS(10)), 10);
    assert_int_equal(take_until_refused(rate, 8, 60, now), 60); /* another key, another bucket */
    assert_int_equal(take_until_refused(rate, 7, 60, now + VR_SECONDS(10000)), 60); /* never more */
    vr_rate_free(rate);
}

static void a_refusal_costs_nothing(void **state)
{
    struct vr_rate *rate = NULL;
    struct vr_rate_result result;

    (void)state;
    assert_int_equal(vr_rate_new(64, 1, &rate), VR_OK);
    for (int i = 0; i < 10; i++) {
        vr_rate_take(rate, 7, 10, WINDOW, 11, 0, &result);
        assert_false(result.allowed);
    }
    vr_rate_take(rate, 7, 10, WINDOW, 10, 0, &result);
    assert_true(result.allowed);
    vr_rate_free(rate);
}

static void a_flood_of_keys_forgets_the_oldest_only(void **state)
{
    struct vr_rate *rate = NULL;
    struct vr_rate_result result;
    uint32_t kept = 0;

    (void)state;
    assert_int_equal(vr_rate_new(1024, 1, &rate), VR_OK);
    for (uint64_t i = 1; i <= 100000; i++) {
        char name[32];

        snprintf(name, sizeof(name), "user-%llu", (unsigned long long)i);
        vr_rate_take(rate, vr_rate_key_text(rate, "kid", name), 5, WINDOW, 5, (vr_time_us)i,
                     &result);
        assert_true(result.allowed);
    }
    for (uint64_t i = 100000; i > 100000 - 200; i--) {
        char name[32];

        snprintf(name, sizeof(name), "user-%llu", (unsigned long long)i);
        vr_rate_take(rate, vr_rate_key_text(rate, "kid", name), 5, WINDOW, 5, 100001, &result);
        kept += result.allowed ? 0 : 1;
    }
    assert_true(kept > 190); /* the newest are remembered */
    vr_rate_free(rate);
}

static void an_ipv6_network_is_one_client(void **state)
{
    struct vr_rate *rate = NULL;

    (void)state;
    assert_int_equal(vr_rate_new(64, 1, &rate), VR_OK);
    assert_true(vr_rate_key_address(rate, "2001:db8::1") ==
                vr_rate_key_address(rate, "2001:db8::ffff:1"));
    assert_true(vr_rate_key_address(rate, "2001:db8::1") !=
                vr_rate_key_address(rate, "2001:db8:0:1::1"));
    assert_true(vr_rate_key_address(rate, "192.0.2.1") != vr_rate_key_address(rate, "192.0.2.2"));
    vr_rate_free(rate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_bucket_gives_its_limit_then_refills),
        cmocka_unit_test(a_refusal_costs_nothing),
        cmocka_unit_test(a_flood_of_keys_forgets_the_oldest_only),
        cmocka_unit_test(an_ipv6_network_is_one_client),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
