/* Goal: a command at any node reaches the room wherever its owner is; the owner dies and another
 * has all that was acknowledged, in a higher epoch; two never hold one room; what a deposed owner
 * still has to say is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "cluster/sim_kit.h"

#define ROOM ((struct vr_id){0x1111, 0x2222})

static struct ck *kit;
static struct ck_answer answer;

static int set_up(void **state)
{
    (void)state;
    kit = ck_new(11, 3);
    return ck_until(kit, ck_all_joined, VR_SECONDS(10)) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    ck_free(kit);
    kit = NULL;
    return 0;
}

static uint32_t partner_of(uint32_t at, struct vr_id room)
{
    struct vr_cluster_owner owner;

    return vr_cluster_owner(kit->nodes[at].cluster, room, &owner) ? owner.in_sync : 0;
}

static bool has_partner(struct ck *unused)
{
    uint32_t holder = ck_holder(kit, ROOM, NULL);

    (void)unused;
    return holder != 0 && partner_of(holder, ROOM) != 0;
}

static bool is_held(struct ck *unused)
{
    (void)unused;
    return ck_holder(kit, ROOM, NULL) != 0;
}

static void create_at(uint32_t at)
{
    assert_int_equal(ck_tell(kit, at, ROOM, ck_create(kit, "ana", "a room"), &answer), VR_OK);
}

static void join_at(uint32_t at, const char *user)
{
    assert_int_equal(ck_tell(kit, at, ROOM, ck_join(kit, at, ROOM, user), &answer), VR_OK);
    assert_int_not_equal(answer.participant, 0);
}

static void test_one_room_on_three_nodes(void **state)
{
    struct vr_cluster_owner owner;
    uint64_t epoch = 0;

    (void)state;
    create_at(1);
    assert_int_equal(ck_holder(kit, ROOM, &epoch), 1);
    assert_true(epoch >> 48 == 1); /* the generation */
    join_at(2, "ben");
    assert_true(answer.epoch == epoch);
    join_at(3, "cleo");
    assert_int_equal(ck_holder(kit, ROOM, NULL), 1);
    assert_true(ck_until(kit, has_partner, VR_SECONDS(10)));
    assert_true(vr_cluster_owner(kit->nodes[3].cluster, ROOM, &owner));
    assert_int_equal(owner.node, 1);
    assert_string_equal(owner.reason, "created here");
    ck_run(kit, VR_SECONDS(1));
    assert_true(kit->nodes[2].events > 0); /* the session there hears of cleo */
}

static void test_no_such_room(void **state)
{
    (void)state;
    assert_int_equal(ck_tell(kit, 2, ROOM, ck_show(kit, "ana", VR_SHOW_STATE), &answer),
                     VR_E_NOT_FOUND);
    assert_int_equal(vr_kv_model_count(kit->etcd, "/voiceroom/owners/"), 0);
    assert_int_equal(vr_kv_model_count(kit->etcd, "/voiceroom/rooms/"), 0);
}

static void test_owner_dies(void **state)
{
    uint64_t before = 0;
    uint64_t after = 0;
    uint32_t partner;
    uint32_t holder;
    vr_time_us start;

    (void)state;
    create_at(1);
    join_at(2, "ben");
    join_at(3, "cleo");
    assert_true(ck_until(kit, has_partner, VR_SECONDS(10)));
    assert_int_equal(ck_holder(kit, ROOM, &before), 1);
    partner = partner_of(1, ROOM);
    ck_crash(kit, 1);
    start = vr_sim_now(kit->sim);
    assert_true(ck_until(kit, is_held, VR_SECONDS(12)));
    holder = ck_holder(kit, ROOM, &after);
    assert_int_equal(holder, partner); /* the one in sync */
    assert_true(after > before);
    assert_true(vr_sim_now(kit->sim) - start < VR_SECONDS(8));
    for (uint32_t at = 2; at <= 3; at++) { /* both ask, one of them is not the owner */
        assert_int_equal(ck_tell(kit, at, ROOM, ck_show(kit, "ana", VR_SHOW_PARTICIPANTS), &answer),
                         VR_OK);
        assert_non_null(strstr(answer.body, "ben"));
        assert_non_null(strstr(answer.body, "cleo"));
    }
    assert_int_equal(ck_tell(kit, 5 - holder, ROOM, ck_join(kit, 5 - holder, ROOM, "dan"), &answer),
                     VR_OK);
    assert_true(answer.epoch == after);
}

static void test_owner_comes_back_at_once(void **state)
{
    uint64_t before = 0;
    uint64_t after = 0;

    (void)state;
    create_at(1);
    join_at(2, "ben");
    (void)ck_holder(kit, ROOM, &before);
    ck_crash(kit, 1);
    ck_run(kit, VR_MS(300));
    ck_start(kit, 1);
    ck_run(kit, VR_SECONDS(1)); /* its old lease is revoked: nobody waits for its end */
    assert_int_equal(ck_tell(kit, 3, ROOM, ck_show(kit, "ana", VR_SHOW_PARTICIPANTS), &answer),
                     VR_OK);
    assert_non_null(strstr(answer.body, "ben"));
    assert_int_not_equal(ck_holder(kit, ROOM, &after), 0);
    assert_true(after > before);
}

/* SIGSTOP for 20 s: another owner meanwhile; what was queued at the old one has no effect in the
 * old epoch. */
static void test_owner_is_paused(void **state)
{
    struct ck_answer answers[20];
    uint64_t before = 0;
    uint64_t after = 0;

    (void)state;
    create_at(1);
    join_at(2, "ben");
    join_at(1, "ana");
    assert_true(ck_until(kit, has_partner, VR_SECONDS(10)));
    (void)ck_holder(kit, ROOM, &before);
    vr_sim_pause(kit->nodes[1].sim, true);
    for (int i = 0; i < 20; i++) { /* on its own workers and from another node: they pile up */
        ck_ask(kit, i % 2 == 0 ? 1 : 2, ROOM,
               ck_join(kit, i % 2 == 0 ? 1 : 2, ROOM, i % 2 == 0 ? "eve" : "fay"), &answers[i]);
    }
    ck_run(kit, VR_SECONDS(20));
    assert_int_not_equal(ck_holder(kit, ROOM, &after), 0);
    assert_true(after > before);
    vr_sim_pause(kit->nodes[1].sim, false);
    assert_true(ck_until(kit, ck_answered, VR_SECONDS(20)));
    for (int i = 0; i < 20; i++) {
        assert_true(answers[i].err != VR_OK || answers[i].epoch >= after);
    }
    ck_run(kit, VR_SECONDS(10));
    assert_true(ck_all_joined(kit));
    for (uint32_t at = 1; at <= 3; at++) {
        assert_int_equal(ck_tell(kit, at, ROOM, ck_show(kit, "ana", VR_SHOW_STATE), &answer),
                         VR_OK);
        assert_true(answer.epoch >= after);
    }
}

static bool is_released(struct ck *unused)
{
    (void)unused;
    return vr_kv_model_count(kit->etcd, "/voiceroom/owners/") == 0;
}

static void test_idle_room_has_no_owner(void **state)
{
    uint64_t before = 0;
    uint64_t after = 0;
    uint32_t partner;

    (void)state;
    ck_free(kit);
    kit = ck_new_nodes(12, 3);
    kit->idle = VR_SECONDS(4);
    for (uint32_t i = 1; i <= 3; i++) {
        ck_start(kit, i);
    }
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(10)));
    create_at(2);
    assert_true(ck_until(kit, has_partner, VR_SECONDS(3)));
    partner = partner_of(2, ROOM);
    (void)ck_holder(kit, ROOM, &before);
    assert_true(ck_until(kit, is_released, VR_SECONDS(10)));
    ck_run(kit, VR_SECONDS(2));
    assert_true(is_released(kit)); /* and nobody takes it by himself */
    /* Asked for at the one node that has no full copy: it goes to one that has. */
    assert_int_equal(ck_tell(kit, 4 - partner, ROOM, ck_show(kit, "ana", VR_SHOW_STATE), &answer),
                     VR_OK);
    assert_true(ck_holder(kit, ROOM, &after) == 2 || ck_holder(kit, ROOM, &after) == partner);
    assert_true(after > before);
}

static void test_both_in_sync_are_lost(void **state)
{
    uint32_t holder;
    uint32_t partner;

    (void)state;
    create_at(1);
    join_at(1, "ana");
    join_at(2, "ben");
    join_at(3, "cleo");
    assert_true(ck_until(kit, has_partner, VR_SECONDS(10)));
    ck_run(kit, VR_SECONDS(2));
    holder = ck_holder(kit, ROOM, NULL);
    partner = partner_of(holder, ROOM);
    ck_crash(kit, holder);
    ck_crash(kit, partner);
    assert_true(ck_until(kit, is_held, VR_SECONDS(40)));
    assert_int_equal(ck_holder(kit, ROOM, NULL), 6 - holder - partner);
    assert_int_equal(
        ck_tell(kit, 6 - holder - partner, ROOM, ck_show(kit, "ana", VR_SHOW_STATE), &answer),
        VR_OK);
}

/* The directory's rows are sealed with a key that the third node was never given by a copy. */
static void test_keys_come_with_the_rows(void **state)
{
    uint32_t holder;
    uint32_t partner;
    uint32_t third;

    (void)state;
    create_at(1);
    assert_true(ck_until(kit, has_partner, VR_SECONDS(10)));
    ck_run(kit, VR_SECONDS(2));
    holder = ck_holder(kit, ROOM, NULL);
    partner = partner_of(holder, ROOM);
    third = 6 - holder - partner;
    ck_crash(kit, holder);
    ck_crash(kit, partner);
    ck_run(kit, VR_SECONDS(30));
    assert_int_equal(ck_tell(kit, third, ROOM, ck_show(kit, "eve", VR_SHOW_STATE), &answer), VR_OK);
    assert_non_null(strstr(answer.body, "\"name\":\"ana\""));
}

/* Each makes a key before it hears of the other's, and the row that came last stood alone in etcd.
 */
static void test_keys_of_two_rooms_of_one_user(void **state)
{
    static const struct vr_id other = {0x1111, 0x3333};
    struct ck_answer here = {.kit = kit};
    struct ck_answer there = {.kit = kit};

    (void)state;
    ck_crash(kit, 3); /* it shall have no copy of either */
    ck_run(kit, VR_SECONDS(15));
    ck_ask(kit, 1, ROOM, ck_create(kit, "ana", "a room"), &here);
    ck_ask(kit, 2, other, ck_create(kit, "ana", "another"), &there);
    ck_run(kit, VR_SECONDS(5));
    assert_true(here.done && here.err == VR_OK && there.done && there.err == VR_OK);
    ck_start(kit, 3);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(20)));
    ck_run(kit, VR_SECONDS(5));
    ck_crash(kit, 1);
    ck_crash(kit, 2);
    ck_run(kit, VR_SECONDS(30));
    assert_int_equal(ck_tell(kit, 3, ROOM, ck_show(kit, "eve", VR_SHOW_STATE), &answer), VR_OK);
    assert_non_null(strstr(answer.body, "\"name\":\"ana\""));
    assert_int_equal(ck_tell(kit, 3, other, ck_show(kit, "eve", VR_SHOW_STATE), &answer), VR_OK);
    assert_non_null(strstr(answer.body, "\"name\":\"ana\""));
}

static void test_etcd_is_gone_and_back(void **state)
{
    uint64_t before = 0;
    uint64_t after = 0;

    (void)state;
    create_at(1);
    join_at(2, "ben");
    (void)ck_holder(kit, ROOM, &before);
    vr_kv_model_set_quorum(kit->etcd, false);
    ck_run(kit, VR_SECONDS(600));
    assert_int_equal(ck_holder(kit, ROOM, NULL), 0); /* frozen */
    assert_int_equal(ck_tell(kit, 3, ROOM, ck_create(kit, "eve", "x"), &answer), VR_E_FROZEN);
    vr_kv_model_set_quorum(kit->etcd, true);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(10)));
    assert_int_equal(ck_holder(kit, ROOM, &after), 1); /* nothing moves */
    assert_int_equal(ck_tell(kit, 2, ROOM, ck_show(kit, "ana", VR_SHOW_STATE), &answer), VR_OK);
    assert_true(after >= before);
}

static bool first_is_in(struct ck *unused)
{
    (void)unused;
    return ck_is_in(kit, 1);
}

/* Its actor closed when the deadline passed: nothing of it is waited for when it is taken anew. */
static void test_a_former_owner_takes_it_again_at_once(void **state)
{
    (void)state;
    create_at(1);
    join_at(1, "ana");
    ck_crash(kit, 2);
    ck_crash(kit, 3);
    ck_run(kit, VR_SECONDS(10));
    vr_kv_model_cut(kit->etcd, kit->nodes[1].sim, true, true);
    ck_run(kit, VR_SECONDS(10));
    assert_int_equal(ck_holder(kit, ROOM, NULL), 0);
    assert_int_equal(ck_tell(kit, 1, ROOM, ck_create(kit, "ana", "x"), &answer), VR_E_FROZEN);
    ck_run(kit, VR_SECONDS(1));
    vr_kv_model_cut(kit->etcd, kit->nodes[1].sim, false, false);
    assert_true(ck_until(kit, first_is_in, VR_SECONDS(10)));
    assert_true(ck_until(kit, is_held, VR_MS(1500)));
}

static void test_bad_etcd_and_bad_network(void **state)
{
    struct vr_sim_faults faults = {.doubled = 50, .overtaken = 50};
    uint32_t fine = 0;

    (void)state;
    vr_sim_set_faults(kit->sim, &faults);
    vr_kv_model_set_timeouts(kit->etcd, 100);
    for (uint32_t i = 0; i < 40; i++) {
        struct vr_id room = {7, i % 5};
        uint32_t at = 1 + i % 3;

        if (ck_tell(kit, at, room, ck_create(kit, "ana", "r"), &answer) == VR_OK) {
            fine++;
        }
        ck_run(kit, VR_MS(300));
        (void)ck_holder(kit, room, NULL);
    }
    assert_true(fine >= 3);
    vr_kv_model_set_timeouts(kit->etcd, 0);
    ck_run(kit, VR_SECONDS(30));
    for (uint32_t i = 0; i < 5; i++) {
        struct vr_id room = {7, i};

        assert_int_equal(ck_tell(kit, 1, room, ck_show(kit, "ana", VR_SHOW_STATE), &answer), VR_OK);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_room_on_three_nodes),
        TEST(test_no_such_room),
        TEST(test_owner_dies),
        TEST(test_owner_comes_back_at_once),
        TEST(test_owner_is_paused),
        TEST(test_idle_room_has_no_owner),
        TEST(test_both_in_sync_are_lost),
        TEST(test_keys_come_with_the_rows),
        TEST(test_keys_of_two_rooms_of_one_user),
        TEST(test_etcd_is_gone_and_back),
        TEST(test_a_former_owner_takes_it_again_at_once),
        TEST(test_bad_etcd_and_bad_network),
    };

    vr_log_set_level(getenv("VR_LOUD") != NULL ? VR_LOG_DEBUG : VR_LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
