/* Goal: three simulated nodes find each other through the model of etcd; a lease that is lost, a
 * lease that is falsely praised, a silent watch and a restore never leave a node that believes in
 * what it does not have. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "cluster/member_rules.h"
#include "cluster/sim_kit.h"

static struct ck *kit;

static int set_up(void **state)
{
    (void)state;
    kit = ck_new(3, 3);
    return ck_until(kit, ck_all_joined, VR_SECONDS(10)) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    ck_free(kit);
    kit = NULL;
    return 0;
}

static uint32_t seen_by(uint32_t number)
{
    struct vr_cluster_node nodes[VR_CLUSTER_NODES_MAX];

    return vr_cluster_nodes(kit->nodes[number].cluster, nodes, VR_CLUSTER_NODES_MAX);
}

static enum vr_cluster_state state_of(uint32_t number)
{
    return vr_cluster_state(kit->nodes[number].cluster, NULL);
}

static void test_arithmetic(void **state)
{
    (void)state;
    assert_true(lease_deadline(VR_SECONDS(100), VR_SECONDS(6)) == VR_MS(104500));
    assert_true(lease_next(VR_SECONDS(100), VR_MS(100200), VR_SECONDS(6), false) ==
                VR_SECONDS(102));
    assert_true(lease_next(VR_SECONDS(100), VR_MS(101200), VR_SECONDS(6), true) == VR_MS(101250));
    /* late already: at once */
    assert_true(lease_next(VR_SECONDS(100), VR_SECONDS(109), VR_SECONDS(6), false) ==
                VR_SECONDS(109));
}

static void test_three_join(void **state)
{
    struct vr_cluster_node nodes[VR_CLUSTER_NODES_MAX];
    struct vr_kv_pair pair;

    (void)state;
    assert_int_equal(vr_cluster_nodes(kit->nodes[2].cluster, nodes, VR_CLUSTER_NODES_MAX), 3);
    assert_string_equal(nodes[0].name, "a");
    assert_int_equal(nodes[2].number, 3);
    assert_true(nodes[1].self);
    assert_false(nodes[2].self);
    assert_true(vr_kv_model_get(kit->etcd, "/voiceroom/generation", &pair));
    assert_memory_equal(pair.value.data, "1", 1);
    assert_true(vr_kv_model_get(kit->etcd, "/voiceroom/numbers/3", &pair));
    assert_memory_equal(pair.value.data, "c", 1);
    ck_run(kit, VR_SECONDS(120)); /* and they stay */
    assert_true(ck_all_joined(kit));
}

static bool two_left(struct ck *unused)
{
    (void)unused;
    return seen_by(1) == 2 && seen_by(2) == 2;
}

static void test_crash_and_return(void **state)
{
    vr_time_us start;

    (void)state;
    ck_crash(kit, 3);
    assert_true(ck_until(kit, two_left, VR_SECONDS(8))); /* its lease has run out */
    ck_start(kit, 3);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(5)));

    ck_crash(kit, 3); /* back before that: it revokes the lease of its former life */
    ck_run(kit, VR_MS(500));
    start = vr_sim_now(kit->sim);
    ck_start(kit, 3);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(5)));
    assert_true(vr_sim_now(kit->sim) - start < VR_SECONDS(1));
}

static bool first_is_frozen(struct ck *unused)
{
    (void)unused;
    return state_of(1) == VR_CLUSTER_FROZEN;
}

static void test_cut_off_freezes_before_its_lease_ends(void **state)
{
    vr_time_us start = vr_sim_now(kit->sim);

    (void)state;
    vr_kv_model_cut(kit->etcd, kit->nodes[1].sim, true, true);
    assert_true(ck_until(kit, first_is_frozen, VR_SECONDS(6)));
    assert_true(vr_sim_now(kit->sim) - start <= VR_MS(4500));
    assert_int_equal(seen_by(2), 3); /* nobody has taken its place yet */
    ck_run(kit, VR_SECONDS(3));
    assert_int_equal(seen_by(2), 2);
    vr_kv_model_cut(kit->etcd, kit->nodes[1].sim, false, false);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(8)));
}

static void test_a_worker_that_hangs(void **state)
{
    (void)state;
    kit->nodes[1].hangs = true;
    assert_true(ck_until(kit, first_is_frozen, VR_SECONDS(6)));
    ck_run(kit, VR_SECONDS(3));
    assert_int_equal(seen_by(2), 2);
    kit->nodes[1].hangs = false;
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(5)));
}

static bool first_is_not_in(struct ck *unused)
{
    (void)unused;
    return state_of(1) != VR_CLUSTER_JOINED;
}

/* The lease is revoked, its keepalives succeed all the same, and no watch says a word. */
static void test_praised_dead_lease_and_silent_watch(void **state)
{
    (void)state;
    vr_kv_model_silence(kit->etcd, kit->nodes[1].sim, true);
    vr_kv_model_revoke(kit->etcd, kit->nodes[1].sim, true);
    assert_true(ck_until(kit, first_is_not_in, VR_MS(4500)));
    vr_kv_model_silence(kit->etcd, kit->nodes[1].sim, false);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(20)));
}

static void test_silent_watch_is_listed_over(void **state)
{
    (void)state;
    vr_kv_model_silence(kit->etcd, kit->nodes[1].sim, true);
    ck_crash(kit, 3);
    ck_run(kit, VR_SECONDS(70));
    assert_int_equal(seen_by(1), 2);
}

static void test_compaction(void **state)
{
    (void)state;
    vr_kv_model_cut(kit->etcd, kit->nodes[1].sim, false, true);
    ck_crash(kit, 3);
    ck_run(kit, VR_SECONDS(8));
    vr_kv_model_compact(kit->etcd);
    vr_kv_model_cut(kit->etcd, kit->nodes[1].sim, false, false);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(8)));
    assert_int_equal(seen_by(1), 2);
}

static void test_no_quorum_for_long(void **state)
{
    (void)state;
    vr_kv_model_set_quorum(kit->etcd, false);
    assert_true(ck_until(kit, first_is_frozen, VR_SECONDS(6)));
    ck_run(kit, VR_SECONDS(600));
    assert_int_equal(seen_by(1), 3); /* nothing is known to have changed */
    vr_kv_model_set_quorum(kit->etcd, true);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(8)));
}

static void test_leader_change_is_survived(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        vr_kv_model_change_leader(kit->etcd);
        ck_run(kit, VR_SECONDS(10));
        assert_true(ck_all_joined(kit));
    }
}

static void test_another_with_our_number(void **state)
{
    struct vr_why why = {0};

    (void)state;
    ck_free(kit);
    kit = ck_new_nodes(5, 2);
    ck_start(kit, 1);
    ck_run(kit, VR_SECONDS(2));
    ck_crash(kit, 1);
    /* The second one, with another name, comes with the first one's number. */
    kit->nodes[1].sim = kit->nodes[2].sim;
    ck_start(kit, 1);
    ck_run(kit, VR_SECONDS(2));
    assert_int_equal(vr_cluster_state(kit->nodes[1].cluster, &why), VR_CLUSTER_REFUSED);
    assert_string_not_equal(why.text, "");
}

static bool all_refuse(struct ck *unused)
{
    (void)unused;
    return state_of(1) == VR_CLUSTER_REFUSED && state_of(2) == VR_CLUSTER_REFUSED &&
           state_of(3) == VR_CLUSTER_REFUSED;
}

static enum vr_err adopted;

static void on_adopted(void *ctx, enum vr_err err)
{
    (void)ctx;
    adopted = err;
}

static void restore(bool other_id)
{
    assert_true(vr_kv_model_save(kit->etcd));
    ck_run(kit, VR_SECONDS(30)); /* they go on, and write */
    vr_kv_model_restore(kit->etcd, other_id);
    assert_true(ck_until(kit, all_refuse, VR_SECONDS(10)));
    ck_run(kit, VR_SECONDS(60));
    assert_true(all_refuse(kit));
    adopted = VR_E_INTERNAL;
    vr_cluster_adopt(kit->nodes[2].cluster, on_adopted, NULL);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(20)));
    assert_int_equal(adopted, VR_OK);
}

static void test_restored_etcd(void **state)
{
    (void)state;
    restore(false);
    restore(true);
}

static void test_adopt_needs_a_reason(void **state)
{
    (void)state;
    adopted = VR_OK;
    vr_cluster_adopt(kit->nodes[2].cluster, on_adopted, NULL);
    ck_run(kit, VR_SECONDS(1));
    assert_int_equal(adopted, VR_E_CONFLICT);
}

/* Whatever is lost on the way, they are together again soon after. */
static void test_bad_etcd(void **state)
{
    (void)state;
    vr_kv_model_set_timeouts(kit->etcd, 200);
    ck_run(kit, VR_SECONDS(120));
    vr_kv_model_set_timeouts(kit->etcd, 0);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(20)));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arithmetic),
        TEST(test_three_join),
        TEST(test_crash_and_return),
        TEST(test_cut_off_freezes_before_its_lease_ends),
        TEST(test_a_worker_that_hangs),
        TEST(test_praised_dead_lease_and_silent_watch),
        TEST(test_silent_watch_is_listed_over),
        TEST(test_compaction),
        TEST(test_no_quorum_for_long),
        TEST(test_leader_change_is_survived),
        TEST(test_another_with_our_number),
        TEST(test_restored_etcd),
        TEST(test_adopt_needs_a_reason),
        TEST(test_bad_etcd),
    };

    vr_log_set_level(VR_LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
