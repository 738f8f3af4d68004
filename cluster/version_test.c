/* Goal: nodes of neighbouring versions stand side by side; one further off is refused at the door,
 * is told why, disturbs nobody, and comes in by itself once the others fit. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "cluster/internal.h"
#include "cluster/sim_kit.h"

static struct ck *kit;

/* Two nodes run; the third starts with `protocol`. */
static void third_comes(uint32_t protocol)
{
    kit = ck_new_nodes(55, 3);
    for (uint32_t i = 1; i <= 2; i++) {
        kit->nodes[i].protocol = 5;
        ck_start(kit, i);
    }
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(10)));
    kit->nodes[3].protocol = protocol;
    ck_start(kit, 3);
}

static int tear_down(void **state)
{
    (void)state;
    ck_free(kit);
    kit = NULL;
    return 0;
}

static void neighbours_stand_side_by_side(void **state)
{
    (void)state;
    for (uint32_t protocol = 4; protocol <= 6; protocol++) {
        third_comes(protocol);
        assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(10)));
        if (protocol < 6) {
            ck_free(kit);
        }
    }
}

static void refused_at_the_door(uint32_t protocol)
{
    struct vr_cluster_node seen[4];
    struct vr_why why = {0};

    third_comes(protocol);
    ck_run(kit, VR_SECONDS(10));
    assert_int_equal(vr_cluster_state(kit->nodes[3].cluster, &why), VR_CLUSTER_REFUSED);
    assert_non_null(strstr(why.text, "protocol 5"));
    assert_true(ck_is_in(kit, 1) && ck_is_in(kit, 2));
    assert_int_equal(vr_cluster_nodes(kit->nodes[1].cluster, seen, 4), 2);
}

static void two_versions_older_is_refused(void **state)
{
    (void)state;
    refused_at_the_door(3);
}

static void two_versions_newer_waits_for_the_others(void **state)
{
    (void)state;
    refused_at_the_door(7);
    for (uint32_t i = 1; i <= 2; i++) { /* one after the other, as a rolling upgrade does */
        ck_crash(kit, i);
        kit->nodes[i].protocol = 6;
        ck_start(kit, i);
        ck_run(kit, VR_SECONDS(5));
        assert_true(ck_is_in(kit, i));
    }
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(10)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(neighbours_stand_side_by_side, tear_down),
        cmocka_unit_test_teardown(two_versions_older_is_refused, tear_down),
        cmocka_unit_test_teardown(two_versions_newer_waits_for_the_others, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
