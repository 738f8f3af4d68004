/* Goal: a drained node hands its rooms over without losing anyone's command; the last one needs
 * force; a new room goes where there is less load; what belongs to no room reaches every node; a
 * node that ran alone brings its rooms; a restored etcd is adopted without losing a room. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "cluster/internal.h"
#include "cluster/sim_kit.h"

#define ROOM ((struct vr_id){0x1111, 0x2222})
#define ROOMS 6

static struct ck *kit;
static struct ck_answer answer;

static int set_up(void **state)
{
    (void)state;
    kit = ck_new(21, 3);
    return ck_until(kit, ck_all_joined, VR_SECONDS(10)) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    ck_free(kit);
    kit = NULL;
    return 0;
}

static enum vr_err outcome;

static void on_done(void *ctx, enum vr_err err)
{
    (void)ctx;
    outcome = err;
}

static bool is_done(struct ck *unused)
{
    (void)unused;
    return outcome != VR_E_IN_PROGRESS;
}

static void drain(uint32_t at, uint32_t node, bool force)
{
    outcome = VR_E_IN_PROGRESS;
    vr_cluster_drain(kit->nodes[at].cluster, node, force, on_done, NULL);
}

static bool first_owns_none(struct ck *of)
{
    struct vr_cluster_node nodes[4];

    return vr_cluster_nodes(of->nodes[2].cluster, nodes, 4) == 3 && nodes[0].draining &&
           nodes[0].rooms_owned == 0;
}

static bool nobody_owns(struct ck *of)
{
    return vr_kv_model_count(of->etcd, "/voiceroom/owners/") == 0;
}

static struct vr_id room_at(uint64_t i)
{
    return (struct vr_id){0x77, i};
}

static void make_rooms(uint32_t at)
{
    for (uint64_t i = 0; i < ROOMS; i++) {
        assert_int_equal(ck_tell(kit, at, room_at(i), ck_create(kit, "ana", "r"), &answer), VR_OK);
        assert_int_equal(ck_tell(kit, 2, room_at(i), ck_join(kit, 2, room_at(i), "ben"), &answer),
                         VR_OK);
    }
    ck_run(kit, VR_SECONDS(3)); /* each gets a partner */
}

static void assert_all_there(uint32_t at)
{
    for (uint64_t i = 0; i < ROOMS; i++) {
        assert_int_equal(
            ck_tell(kit, at, room_at(i), ck_show(kit, "ana", VR_SHOW_PARTICIPANTS), &answer),
            VR_OK);
        assert_non_null(strstr(answer.body, "ben"));
    }
}

static bool others_hold_all(struct ck *of)
{
    for (uint64_t i = 0; i < ROOMS; i++) {
        if (ck_holder(of, room_at(i), NULL) <= 1) {
            return false; /* nobody has woken it there yet */
        }
    }
    return true;
}

static void test_drain(void **state)
{
    struct ck_answer asked[ROOMS];
    uint64_t before[ROOMS];
    struct vr_cluster_owner owner;
    vr_time_us start;

    (void)state;
    make_rooms(1);
    for (uint64_t i = 0; i < ROOMS; i++) {
        assert_int_equal(ck_holder(kit, room_at(i), &before[i]), 1);
    }
    start = vr_sim_now(kit->sim);
    drain(2, 1, false); /* asked at another node */
    ck_run(kit, VR_MS(100));
    for (uint64_t i = 0; i < ROOMS; i++) { /* in the middle of it */
        ck_ask(kit, 3, room_at(i), ck_join(kit, 3, room_at(i), "cleo"), &asked[i]);
    }
    assert_true(ck_until(kit, is_done, VR_SECONDS(2)));
    assert_int_equal(outcome, VR_OK);
    assert_true(ck_until(kit, first_owns_none, VR_SECONDS(20)));
    assert_true(vr_sim_now(kit->sim) - start < VR_SECONDS(5)); /* not by waiting for a lease */
    assert_true(ck_until(kit, ck_answered, VR_SECONDS(10)));
    assert_true(ck_until(kit, others_hold_all, VR_SECONDS(5)));
    for (uint64_t i = 0; i < ROOMS; i++) {
        uint64_t after = 0;

        assert_true(asked[i].err == VR_OK || asked[i].err == VR_E_DRAINING);
        assert_true(ck_holder(kit, room_at(i), &after) > 1);
        assert_true(after > before[i]);
        assert_true(vr_cluster_owner(kit->nodes[3].cluster, room_at(i), &owner));
        assert_string_equal(owner.reason, "handed over by a");
    }
    assert_all_there(1);
    /* A new one asked for there is made elsewhere; and it takes some again after the undrain. */
    assert_int_equal(ck_tell(kit, 1, ROOM, ck_create(kit, "ana", "new"), &answer), VR_OK);
    assert_true(ck_holder(kit, ROOM, NULL) > 1);
    vr_cluster_undrain(kit->nodes[3].cluster, 1, on_done, NULL);
    ck_run(kit, VR_SECONDS(3));
    assert_int_equal(ck_tell(kit, 1, (struct vr_id){5, 5}, ck_create(kit, "ana", "n"), &answer),
                     VR_OK);
    assert_int_equal(ck_holder(kit, (struct vr_id){5, 5}, NULL), 1);
}

static void test_last_one_needs_force(void **state)
{
    uint64_t epoch = 0;
    uint64_t later = 0;

    (void)state;
    ck_crash(kit, 2);
    ck_crash(kit, 3);
    ck_run(kit, VR_SECONDS(8));
    drain(1, 1, false);
    assert_true(ck_until(kit, is_done, VR_SECONDS(2)));
    assert_int_equal(outcome, VR_E_CONFLICT);
    assert_int_equal(ck_tell(kit, 1, ROOM, ck_create(kit, "ana", "r"), &answer), VR_OK);
    drain(1, 0, true);
    assert_true(ck_until(kit, is_done, VR_SECONDS(10)));
    assert_int_equal(outcome, VR_OK);
    assert_true(ck_until(kit, nobody_owns, VR_SECONDS(10)));
    /* Who finds no other node comes in, and is served to the end. */
    assert_int_equal(ck_tell(kit, 1, ROOM, ck_join(kit, 1, ROOM, "ben"), &answer), VR_OK);
    (void)ck_holder(kit, ROOM, &epoch);
    ck_run(kit, VR_SECONDS(3));
    assert_int_equal(ck_holder(kit, ROOM, &later), 1);
    assert_true(later == epoch);
}

static void test_placed_by_load(void **state)
{
    struct vr_cluster_owner owner;

    (void)state;
    vr_cluster_set_load(kit->nodes[1].cluster, 800, 0);
    vr_cluster_set_load(kit->nodes[2].cluster, 300, 0);
    vr_cluster_set_load(kit->nodes[3].cluster, 100, 0);
    ck_run(kit, VR_SECONDS(8)); /* records are written anew every 5 s */
    assert_int_equal(ck_tell(kit, 1, ROOM, ck_create(kit, "ana", "r"), &answer), VR_OK);
    assert_int_equal(ck_holder(kit, ROOM, NULL), 3);
    ck_run(kit, VR_SECONDS(1));
    assert_true(vr_cluster_owner(kit->nodes[1].cluster, ROOM, &owner));
    assert_int_equal(owner.node, 3);
    assert_string_not_equal(owner.reason, "");
}

/* ---- rows of no room ---- */

static bool has_row(uint32_t node, enum vr_table table, const char *key)
{
    struct vr_buf value = {0};
    bool found = vr_records_get(vr_sim_node_records(kit->nodes[node].sim), table, vr_bytes_of(key),
                                &value) == VR_OK;

    vr_buf_deinit(&value);
    return found;
}

static void put_row(uint32_t node, enum vr_table table, const char *key)
{
    struct vr_commit *commit = vr_commit_new((struct vr_id){0}, 0, UINT64_MAX);
    struct vr_records *records = vr_sim_node_records(kit->nodes[node].sim);

    vr_commit_put(commit, table, vr_bytes_of(key), vr_bytes_of("value"));
    vr_sim_prepare(kit->nodes[node].sim, true);
    assert_int_equal(vr_records_commit(records, commit, NULL), VR_OK);
    vr_sim_prepare(kit->nodes[node].sim, false);
}

static void deploy(uint32_t at, enum vr_table table, const char *key, bool removed)
{
    struct cluster_row row = {
        .removed = removed, .table = table, .key = vr_bytes_of(key), .value = vr_bytes_of("value")};

    outcome = VR_E_IN_PROGRESS;
    cluster_deploy(kit->nodes[at].cluster, &row, 1, on_done, NULL);
    assert_true(ck_until(kit, is_done, VR_SECONDS(5)));
    assert_int_equal(outcome, VR_OK);
    ck_run(kit, VR_SECONDS(1));
}

static void test_deployment_rows(void **state)
{
    (void)state;
    deploy(1, VR_TABLE_KEYS, "key-1", false);
    for (uint32_t i = 1; i <= 3; i++) { /* within a second */
        assert_true(has_row(i, VR_TABLE_KEYS, "key-1"));
        assert_true(kit->nodes[i].deployed > 0);
    }
    deploy(2, VR_TABLE_REVOKED, "jti-1", false);
    ck_crash(kit, 3);
    deploy(2, VR_TABLE_KEYS, "key-1", true);
    assert_false(has_row(1, VR_TABLE_KEYS, "key-1"));
    ck_start(kit, 3); /* it was away: the key goes there too */
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(10)));
    ck_run(kit, VR_SECONDS(1));
    assert_false(has_row(3, VR_TABLE_KEYS, "key-1"));
    assert_true(has_row(3, VR_TABLE_REVOKED, "jti-1"));
}

static void test_rows_of_a_node_that_was_alone(void **state)
{
    (void)state;
    ck_free(kit);
    kit = ck_new_nodes(31, 2);
    ck_start(kit, 1);
    ck_run(kit, VR_SECONDS(2));
    put_row(2, VR_TABLE_KEYS, "own-key");
    put_row(2, VR_TABLE_DEPLOYMENT, "own-ban");
    ck_start(kit, 2);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(10)));
    ck_run(kit, VR_SECONDS(1));
    assert_true(has_row(1, VR_TABLE_KEYS, "own-key"));
    assert_true(has_row(1, VR_TABLE_DEPLOYMENT, "own-ban"));
}

/* A room made in a cluster of its own (the node alone, in all but name), brought into another. */
static void test_a_node_brings_its_rooms(void **state)
{
    (void)state;
    ck_free(kit);
    kit = ck_new_nodes(33, 2);
    ck_start(kit, 2);
    ck_run(kit, VR_SECONDS(2));
    assert_int_equal(ck_tell(kit, 2, ROOM, ck_create(kit, "ana", "brought"), &answer), VR_OK);
    assert_int_equal(ck_tell(kit, 2, ROOM, ck_join(kit, 2, ROOM, "ben"), &answer), VR_OK);
    ck_crash(kit, 2);
    vr_kv_model_wipe(kit->etcd); /* another etcd, which knows neither node nor room */
    ck_forget(kit, 2);
    ck_start(kit, 1);
    ck_run(kit, VR_SECONDS(2));
    ck_start(kit, 2);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(10)));
    ck_run(kit, VR_SECONDS(1));
    assert_int_equal(ck_tell(kit, 1, ROOM, ck_show(kit, "ana", VR_SHOW_PARTICIPANTS), &answer),
                     VR_OK);
    assert_non_null(strstr(answer.body, "ben"));
}

/* ---- etcd restored ---- */

static void test_adopted(void **state)
{
    uint64_t before = 0;
    uint64_t after = 0;

    (void)state;
    assert_true(vr_kv_model_save(kit->etcd)); /* a backup from before the rooms */
    make_rooms(1);
    deploy(1, VR_TABLE_REVOKED, "jti-9", false);
    (void)ck_holder(kit, room_at(0), &before);
    vr_kv_model_restore(kit->etcd, false);
    ck_run(kit, VR_SECONDS(20));
    assert_int_equal(ck_holder(kit, room_at(0), NULL), 0); /* nobody is sure */
    outcome = VR_E_IN_PROGRESS;
    vr_cluster_adopt(kit->nodes[1].cluster, on_done, NULL);
    assert_true(ck_until(kit, is_done, VR_SECONDS(5)));
    assert_int_equal(outcome, VR_OK);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(20)));
    ck_run(kit, VR_SECONDS(2));
    assert_all_there(1);
    (void)ck_holder(kit, room_at(0), &after);
    assert_true(after >> 48 == 2 && after > before);
    /* Revocations win: those that etcd had forgotten are back in it. */
    assert_int_equal(vr_kv_model_count(kit->etcd, "/voiceroom/deploy/revoked/"), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_drain),
        TEST(test_last_one_needs_force),
        TEST(test_placed_by_load),
        TEST(test_deployment_rows),
        TEST(test_rows_of_a_node_that_was_alone),
        TEST(test_adopted),
        TEST(test_a_node_brings_its_rooms),
    };

    vr_log_set_level(getenv("VR_LOUD") != NULL ? VR_LOG_DEBUG : VR_LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
