/* Goal: when etcd was restored from a snapshot, nobody goes on with it before it is adopted, also
 * who cannot know by himself; and after that no older copy of a room comes before a newer one. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "cluster/sim_kit.h"

#define ROOM ((struct vr_id){0x1357, 0x2468})

static struct ck *kit;
static struct ck_answer answer;
static enum vr_err adopted;

static int set_up(void **state)
{
    (void)state;
    kit = ck_new(51, 3);
    return ck_until(kit, ck_all_joined, VR_SECONDS(10)) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    ck_free(kit);
    kit = NULL;
    return 0;
}

static bool refuses(uint32_t node)
{
    return vr_cluster_state(kit->nodes[node].cluster, NULL) == VR_CLUSTER_REFUSED;
}

static bool first_two_refuse(struct ck *unused)
{
    (void)unused;
    return refuses(1) && refuses(2);
}

static bool third_refuses(struct ck *unused)
{
    (void)unused;
    return refuses(3);
}

static bool third_is_in(struct ck *of)
{
    return ck_is_in(of, 3);
}

static void on_adopted(void *ctx, enum vr_err err)
{
    (void)ctx;
    adopted = err;
}

static void adopt_at(uint32_t node)
{
    adopted = VR_E_INTERNAL;
    vr_cluster_adopt(kit->nodes[node].cluster, on_adopted, NULL);
}

/* Node 3 has seen nothing since before the snapshot: to it all is as it should be. */
static void restore_without_the_third(void)
{
    ck_crash(kit, 3);
    ck_run(kit, VR_SECONDS(30)); /* the others write their records */
    assert_true(vr_kv_model_save(kit->etcd));
    ck_run(kit, VR_SECONDS(30));
    vr_kv_model_restore(kit->etcd, false);
}

static void who_was_away_is_told(void **state)
{
    (void)state;
    restore_without_the_third();
    assert_true(ck_until(kit, first_two_refuse, VR_SECONDS(5)));
    ck_start(kit, 3);
    assert_true(ck_until(kit, third_refuses, VR_SECONDS(5)));
    ck_run(kit, VR_SECONDS(30));
    assert_true(third_refuses(kit));
    adopt_at(3);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(5)));
    assert_int_equal(adopted, VR_OK);
}

/* It has joined before anybody noticed. */
static void who_is_in_already_is_told(void **state)
{
    (void)state;
    restore_without_the_third();
    vr_sim_pause(kit->nodes[1].sim, true);
    vr_sim_pause(kit->nodes[2].sim, true);
    ck_start(kit, 3);
    assert_true(ck_until(kit, third_is_in, VR_SECONDS(5)));
    vr_sim_pause(kit->nodes[1].sim, false);
    assert_true(ck_until(kit, third_refuses, VR_SECONDS(5)));
    vr_sim_pause(kit->nodes[2].sim, false);
    assert_true(ck_until(kit, first_two_refuse, VR_SECONDS(5)));
}

/* All were stopped while etcd was restored: none has seen it happen. */
static void who_starts_remembers(void **state)
{
    (void)state;
    ck_run(kit, VR_SECONDS(30));
    assert_true(vr_kv_model_save(kit->etcd));
    ck_run(kit, VR_SECONDS(30));
    for (uint32_t i = 1; i <= 3; i++) {
        ck_crash(kit, i);
    }
    vr_kv_model_restore(kit->etcd, false);
    for (uint32_t i = 1; i <= 3; i++) {
        ck_start(kit, i);
    }
    assert_true(ck_until(kit, first_two_refuse, VR_SECONDS(5)));
    assert_true(ck_until(kit, third_refuses, VR_SECONDS(5)));
}

static bool third_is_gone(struct ck *of)
{
    struct vr_cluster_node nodes[4];

    return vr_cluster_nodes(of->nodes[1].cluster, nodes, 4) == 2 &&
           vr_cluster_nodes(of->nodes[2].cluster, nodes, 4) == 2;
}

/* Though all that was read before had higher revisions. */
static void what_is_read_after_is_newer(void **state)
{
    (void)state;
    assert_true(vr_kv_model_save(kit->etcd));
    ck_run(kit, VR_SECONDS(300));
    vr_kv_model_restore(kit->etcd, false);
    assert_true(ck_until(kit, first_two_refuse, VR_SECONDS(5)));
    adopt_at(1);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(10)));
    ck_crash(kit, 3);
    assert_true(ck_until(kit, third_is_gone, VR_SECONDS(10)));
    ck_start(kit, 3);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(10)));
}

/* An etcd with another id may be another cluster's, to which a node was sent by mistake: it refuses
 * for itself, and says nothing there. */
static void another_cluster_is_left_alone(void **state)
{
    struct vr_kv_pair pair;

    (void)state;
    assert_true(vr_kv_model_save(kit->etcd));
    ck_run(kit, VR_SECONDS(30));
    vr_kv_model_restore(kit->etcd, true);
    assert_true(ck_until(kit, first_two_refuse, VR_SECONDS(5)));
    ck_run(kit, VR_SECONDS(10));
    assert_true(vr_kv_model_get(kit->etcd, "/voiceroom/generation", &pair));
    assert_true(vr_bytes_equal(pair.value, vr_bytes_of("1")));
}

/* Of three nodes the one that missed a ban is the first to come back, and wants the room. */
static void come_back_later(vr_time_us settled, vr_time_us late)
{
    struct vr_command *ban = ck_command(kit, VR_CMD_BAN, "root");

    assert_true(vr_kv_model_save(kit->etcd));
    assert_int_equal(ck_tell(kit, 1, ROOM, ck_create(kit, "ana", "r"), &answer), VR_OK);
    assert_int_equal(ck_tell(kit, 3, ROOM, ck_join(kit, 3, ROOM, "ben"), &answer), VR_OK);
    assert_int_equal(ck_holder(kit, ROOM, NULL), 1);
    ck_run(kit, VR_SECONDS(5));
    vr_sim_cut(kit->nodes[3].sim, kit->nodes[1].sim, true);
    vr_sim_cut(kit->nodes[3].sim, kit->nodes[2].sim, true);
    ck_run(kit, VR_SECONDS(5)); /* nobody waits for it any more */
    ban->by.admin = true;
    snprintf(ban->target_user, sizeof(ban->target_user), "mallory");
    assert_int_equal(ck_tell(kit, 1, ROOM, ban, &answer), VR_OK);
    vr_kv_model_restore(kit->etcd, false);
    assert_true(ck_until(kit, third_refuses, VR_SECONDS(5)));
    assert_true(ck_until(kit, first_two_refuse, VR_SECONDS(5)));
    ck_run(kit, settled);
    vr_sim_pause(kit->nodes[1].sim, true);
    vr_sim_pause(kit->nodes[2].sim, true);
    adopt_at(3);
    assert_true(ck_until(kit, third_is_in, VR_SECONDS(5)));
    vr_sim_cut(kit->nodes[3].sim, kit->nodes[1].sim, false);
    vr_sim_cut(kit->nodes[3].sim, kit->nodes[2].sim, false);
    ck_ask(kit, 3, ROOM, ck_show(kit, "root", VR_SHOW_STATE), &answer);
    ck_run(kit, late);
    vr_sim_pause(kit->nodes[1].sim, false);
    vr_sim_pause(kit->nodes[2].sim, false);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(5)));
    assert_true(ck_until(kit, ck_answered, VR_SECONDS(20)));
    assert_int_equal(ck_tell(kit, 3, ROOM, ck_show(kit, "root", VR_SHOW_BANS), &answer), VR_OK);
    assert_non_null(strstr(answer.body, "\"mallory\""));
}

/* Stopped with questions under way: what answers them later says nothing of the etcd of then. */
static void the_newest_copy_is_waited_for(void **state)
{
    (void)state;
    come_back_later(0, VR_MS(500));
}

/* The leases of before are over; who ever joined stands in etcd. */
static void whoever_was_here_is_waited_for(void **state)
{
    (void)state;
    come_back_later(VR_SECONDS(7), VR_SECONDS(6));
}

/* But not for ever. */
static void who_stays_away_is_not_waited_for(void **state)
{
    (void)state;
    assert_int_equal(ck_tell(kit, 1, ROOM, ck_create(kit, "ana", "r"), &answer), VR_OK);
    ck_run(kit, VR_SECONDS(5));
    restore_without_the_third();
    assert_true(ck_until(kit, first_two_refuse, VR_SECONDS(5)));
    adopt_at(1);
    ck_run(kit, VR_SECONDS(15));
    assert_int_equal(ck_tell(kit, 2, ROOM, ck_show(kit, "root", VR_SHOW_STATE), &answer), VR_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_was_away_is_told),           TEST(who_is_in_already_is_told),
        TEST(who_starts_remembers),           TEST(what_is_read_after_is_newer),
        TEST(another_cluster_is_left_alone),  TEST(the_newest_copy_is_waited_for),
        TEST(whoever_was_here_is_waited_for), TEST(who_stays_away_is_not_waited_for),
    };

    vr_log_set_level(getenv("VR_LOUD") != NULL ? VR_LOG_DEBUG : VR_LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
