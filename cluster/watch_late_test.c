/* Goal: a node whose watches have gone silent hears from the others that it is behind, and reads
 * anew who owns what, long before its next list. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "cluster/internal.h"
#include "cluster/sim_kit.h"

#define ROOM ((struct vr_id){0x1111, 0x7777})
#define OWNER 1
#define IN_SYNC 3 /* by its hash: it takes the room */
#define SILENT 2

static struct ck *kit;
static struct ck_answer answer;

static int set_up(void **state)
{
    (void)state;
    kit = ck_new(51, 3);
    if (!ck_until(kit, ck_all_joined, VR_SECONDS(10))) {
        return -1;
    }
    assert_int_equal(ck_tell(kit, OWNER, ROOM, ck_create(kit, "ana", "r"), &answer), VR_OK);
    assert_int_equal(ck_tell(kit, SILENT, ROOM, ck_join(kit, SILENT, ROOM, "ben"), &answer), VR_OK);
    ck_run(kit, VR_SECONDS(5));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ck_free(kit);
    kit = NULL;
    return 0;
}

static uint32_t owner_seen_by(uint32_t node)
{
    struct vr_cluster_owner owner = {0};

    (void)vr_cluster_owner(kit->nodes[node].cluster, ROOM, &owner);
    return owner.node;
}

static bool other_holds(struct ck *unused)
{
    (void)unused;
    return ck_holder(kit, ROOM, NULL) == IN_SYNC;
}

static bool silent_knows(struct ck *unused)
{
    (void)unused;
    return owner_seen_by(SILENT) == IN_SYNC;
}

static void take_from_dead(void)
{
    ck_crash(kit, OWNER);
    assert_true(ck_until(kit, other_holds, VR_SECONDS(12)));
}

static void test_others_tell(void **state)
{
    (void)state;
    vr_kv_model_silence(kit->etcd, kit->nodes[SILENT].sim, true);
    take_from_dead();
    assert_int_equal(owner_seen_by(SILENT), OWNER);
    assert_true(ck_until(kit, silent_knows, VR_SECONDS(2)));
}

/* It could not hear the new owner when it took the room: as soon as it can. */
static void test_told_after_a_cut(void **state)
{
    (void)state;
    vr_kv_model_silence(kit->etcd, kit->nodes[SILENT].sim, true);
    vr_sim_cut(kit->nodes[IN_SYNC].sim, kit->nodes[SILENT].sim, true);
    take_from_dead();
    ck_run(kit, VR_SECONDS(5));
    assert_int_equal(owner_seen_by(SILENT), OWNER);
    vr_sim_cut(kit->nodes[IN_SYNC].sim, kit->nodes[SILENT].sim, false);
    assert_true(ck_until(kit, silent_knows, VR_SECONDS(2)));
}

/* A node went and came back unseen by one that holds a room: its people would be told of nothing
 * until the next minute's list. */
static bool silent_sees_it(struct ck *unused)
{
    struct vr_cluster_node nodes[4];
    uint32_t count = vr_cluster_nodes(kit->nodes[SILENT].cluster, nodes, 4);
    bool sees = false;

    (void)unused;
    for (uint32_t i = 0; i < count; i++) {
        sees = sees || (nodes[i].number == OWNER && nodes[i].alive);
    }
    return sees;
}

static bool silent_has_lost_it(struct ck *unused)
{
    return !silent_sees_it(unused);
}

/* Until then what it says to the silent one is dropped as a stranger's, and it knows that. */
static bool is_back(struct ck *unused)
{
    (void)unused;
    return ck_is_in(kit, OWNER);
}

static bool has_met_silent(struct ck *unused)
{
    (void)unused;
    return cluster_met(kit->nodes[OWNER].cluster, SILENT);
}

static void test_a_node_is_back(void **state)
{
    (void)state;
    ck_crash(kit, OWNER);
    assert_true(ck_until(kit, silent_has_lost_it, VR_SECONDS(12)));
    ck_run(kit, VR_SECONDS(10)); /* rooms have settled: nothing changes under owners/ any more */
    vr_kv_model_silence(kit->etcd, kit->nodes[SILENT].sim, true);
    ck_start(kit, OWNER);
    assert_true(ck_until(kit, is_back, VR_SECONDS(8)));
    assert_false(silent_sees_it(kit) || has_met_silent(kit));
    assert_true(ck_until(kit, silent_sees_it, VR_SECONDS(8)));
    assert_false(has_met_silent(kit));
    assert_true(ck_until(kit, has_met_silent, VR_MS(1100)));
}

static bool all_seen(struct ck *unused)
{
    struct vr_cluster_node nodes[4];

    (void)unused;
    return vr_cluster_nodes(kit->nodes[SILENT].cluster, nodes, 4) == 3;
}

/* It has come first, with a watch that never told anything: it knows nobody who could tell it. */
static void test_silent_from_the_first(void **state)
{
    (void)state;
    ck_free(kit);
    kit = ck_new_nodes(53, 3);
    vr_kv_model_silence(kit->etcd, kit->nodes[SILENT].sim, true);
    ck_start(kit, SILENT);
    ck_run(kit, VR_SECONDS(1));
    ck_start(kit, OWNER);
    ck_start(kit, IN_SYNC);
    assert_true(ck_until(kit, all_seen, VR_SECONDS(3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_others_tell, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_told_after_a_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_node_is_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_silent_from_the_first, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
