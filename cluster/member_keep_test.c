/* Goal: a node whose process died and was there again at once keeps its lease and its rooms: nobody
 * else takes them, nobody sees it go, nothing acknowledged is lost, and two never hold one room;
 * whose lease cannot be kept comes back as any other. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "cluster/sim_kit.h"

#define ROOM ((struct vr_id){0x1111, 0x2222})
#define MANY 40 /* more than are taken at the same time */

static struct ck *kit;
static struct ck_answer answer;
static uint32_t seen_least; /* nodes that the second one knew of, at any instant */
static uint32_t taken_by;   /* another held it at some instant */

static int set_up(void **state)
{
    (void)state;
    kit = ck_new(11, 3);
    kit->nodes[1].goes_on = true;
    return ck_until(kit, ck_all_joined, VR_SECONDS(10)) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    ck_free(kit);
    kit = NULL;
    return 0;
}

static struct vr_id room_of(uint32_t i)
{
    return i == 0 ? ROOM : (struct vr_id){0x3333, i};
}

static bool has_partner(struct ck *unused)
{
    struct vr_cluster_owner owner;

    (void)unused;
    return vr_cluster_owner(kit->nodes[1].cluster, ROOM, &owner) && owner.in_sync != 0;
}

static void settle_room(void)
{
    assert_int_equal(ck_tell(kit, 1, ROOM, ck_create(kit, "ana", "a room"), &answer), VR_OK);
    assert_int_equal(ck_tell(kit, 1, ROOM, ck_join(kit, 1, ROOM, "ana"), &answer), VR_OK);
    assert_int_equal(ck_tell(kit, 2, ROOM, ck_join(kit, 2, ROOM, "ben"), &answer), VR_OK);
    assert_true(ck_until(kit, has_partner, VR_SECONDS(10)));
}

static int64_t lease_of_first(void)
{
    struct vr_kv_pair pair;

    return vr_kv_model_get(kit->etcd, "/voiceroom/nodes/a", &pair) ? pair.lease : 0;
}

static uint32_t holders(struct vr_id room)
{
    uint32_t count = 0;

    for (uint32_t i = 1; i <= kit->count; i++) {
        struct vr_cluster_owner owner;

        if (kit->nodes[i].cluster != NULL &&
            vr_cluster_owner(kit->nodes[i].cluster, room, &owner) && owner.node == i &&
            vr_cluster_holds(kit->nodes[i].cluster, room, owner.epoch)) {
            count++;
        }
    }
    return count;
}

/* Looked at in every step: `ck_until` asks. */
static bool first_holds_all(struct ck *unused)
{
    struct vr_cluster_node nodes[VR_CLUSTER_NODES_MAX];
    uint32_t seen = vr_cluster_nodes(kit->nodes[2].cluster, nodes, VR_CLUSTER_NODES_MAX);
    uint32_t holder = ck_holder(kit, ROOM, NULL);

    (void)unused;
    seen_least = seen < seen_least ? seen : seen_least;
    taken_by = holder > 1 ? holder : taken_by;
    assert_true(holders(ROOM) <= 1);
    return holder == 1 && kit->nodes[1].cluster != NULL &&
           vr_cluster_state(kit->nodes[1].cluster, NULL) == VR_CLUSTER_JOINED;
}

static bool never(struct ck *unused)
{
    (void)first_holds_all(unused);
    return false;
}

static void look_for(vr_time_us time)
{
    (void)ck_until(kit, never, time);
}

static void restart(vr_time_us after)
{
    seen_least = 99;
    taken_by = 0;
    ck_crash(kit, 1);
    if (after > 0) {
        look_for(after);
    }
    ck_start(kit, 1);
}

static void test_its_rooms_stay(void **state)
{
    vr_time_us start;
    uint64_t before = 0;
    uint64_t after = 0;
    int64_t lease;

    (void)state;
    settle_room();
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ck_holder(kit, ROOM, &before), 1);
        lease = lease_of_first();
        restart(VR_MS(300) * i);
        start = vr_sim_now(kit->sim);
        assert_true(ck_until(kit, first_holds_all, VR_SECONDS(5)));
        assert_true(vr_sim_now(kit->sim) - start < VR_SECONDS(1));
        assert_int_equal(ck_holder(kit, ROOM, &after), 1);
        assert_true(after > before); /* what is left of the life before is refused */
        assert_true(lease_of_first() == lease);
        look_for(VR_SECONDS(10));
        assert_int_equal(seen_least, 3); /* nobody has seen it go */
        assert_int_equal(taken_by, 0);
        assert_int_equal(ck_tell(kit, 2, ROOM, ck_show(kit, "ana", VR_SHOW_PARTICIPANTS), &answer),
                         VR_OK);
        assert_non_null(strstr(answer.body, "\"name\":\"ben\""));
        assert_null(strstr(answer.body, "reconnecting"));
        assert_true(ck_until(kit, has_partner, VR_SECONDS(10)));
    }
}

static void test_many_rooms_stay(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < MANY; i++) {
        assert_int_equal(ck_tell(kit, 1, room_of(i), ck_create(kit, "ana", "a room"), &answer),
                         VR_OK);
        assert_int_equal(ck_tell(kit, 1, room_of(i), ck_join(kit, 1, room_of(i), "ana"), &answer),
                         VR_OK);
    }
    restart(VR_MS(200));
    look_for(VR_SECONDS(3));
    for (uint32_t i = 0; i < MANY; i++) {
        assert_int_equal(ck_holder(kit, room_of(i), NULL), 1);
    }
    assert_int_equal(seen_least, 3);
}

/* Acknowledged or not when it died: there once, whole, and the same command again changes nothing.
 */
static void test_a_command_under_way(void **state)
{
    uint32_t acknowledged = 0;

    (void)state;
    settle_room();
    for (int i = 0; i < 24; i++) {
        struct vr_command *mute = ck_command(kit, VR_CMD_MUTE, "ana");
        struct vr_command *again;
        struct ck_answer first;
        enum vr_command_kind kind = i % 2 == 0 ? VR_CMD_MUTE : VR_CMD_UNMUTE;

        mute->kind = kind;
        mute->target = 2;
        again = vr_command_copy(mute);
        ck_ask(kit, 1 + i % 3 % 2, ROOM, mute, &first);
        ck_run(kit, VR_MS(i)); /* the further on the later */
        acknowledged += first.done && first.err == VR_OK ? 1 : 0;
        restart(VR_MS(50));
        assert_true(ck_until(kit, first_holds_all, VR_SECONDS(5)));
        if (first.done && first.err == VR_OK) {
            assert_int_equal(
                ck_tell(kit, 2, ROOM, ck_show(kit, "ana", VR_SHOW_PARTICIPANTS), &answer), VR_OK);
            assert_true((strstr(answer.body, "\"muted_by_moderator\":true") != NULL) ==
                        (kind == VR_CMD_MUTE));
        }
        kit->waiting = 0; /* what the dead node was asked is answered by nobody */
        assert_int_equal(ck_tell(kit, 2, ROOM, again, &answer), VR_OK);
        assert_int_equal(ck_tell(kit, 2, ROOM, ck_show(kit, "ana", VR_SHOW_PARTICIPANTS), &answer),
                         VR_OK);
        assert_true((strstr(answer.body, "\"muted_by_moderator\":true") != NULL) ==
                    (kind == VR_CMD_MUTE));
        assert_int_equal(taken_by, 0);
    }
    assert_true(acknowledged > 0 && acknowledged < 24);
}

static bool another_holds(struct ck *unused)
{
    (void)unused;
    return ck_holder(kit, ROOM, NULL) > 1;
}

static bool is_empty(struct ck *unused)
{
    struct vr_cluster_node nodes[VR_CLUSTER_NODES_MAX];
    uint32_t count = vr_cluster_nodes(kit->nodes[2].cluster, nodes, VR_CLUSTER_NODES_MAX);

    (void)unused;
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i].number == 1) {
            return nodes[i].draining && ck_holder(kit, ROOM, NULL) > 1;
        }
    }
    return false;
}

static void on_drain(void *ctx, enum vr_err err)
{
    *(enum vr_err *)ctx = err;
}

/* It dies while it is drained, before its first room is handed over: the drain goes on. */
static void test_a_drain_goes_on(void **state)
{
    enum vr_err err = VR_E_TIMEOUT;

    (void)state;
    settle_room();
    vr_cluster_drain(kit->nodes[1].cluster, 1, false, on_drain, &err);
    ck_run(kit, VR_MS(60));
    assert_int_equal(err, VR_OK);
    restart(VR_MS(50));
    assert_true(ck_until(kit, is_empty, VR_SECONDS(10)));
    assert_int_equal(ck_tell(kit, 2, ROOM, ck_show(kit, "ana", VR_SHOW_STATE), &answer), VR_OK);
}

/* Too late: it comes back as any other, and what was taken meanwhile stays where it is. */
static void test_after_its_lease(void **state)
{
    (void)state;
    settle_room();
    ck_crash(kit, 1);
    assert_true(ck_until(kit, another_holds, VR_SECONDS(12)));
    ck_start(kit, 1);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(5)));
    look_for(VR_SECONDS(10));
    assert_true(ck_holder(kit, ROOM, NULL) > 1);
}

/* At the very end of the lease, and over a bad way to etcd: one of the two, never both. */
static void test_on_the_edge(void **state)
{
    (void)state;
    settle_room();
    for (uint32_t i = 0; i < 12; i++) {
        vr_kv_model_set_timeouts(kit->etcd, i % 3 * 150);
        restart(VR_MS(3500) + VR_MS(250) * i);
        look_for(VR_SECONDS(4));
        vr_kv_model_set_timeouts(kit->etcd, 0);
        look_for(VR_SECONDS(14));
        assert_true(ck_all_joined(kit));
        assert_int_equal(ck_tell(kit, 3, ROOM, ck_show(kit, "ana", VR_SHOW_STATE), &answer), VR_OK);
    }
}

/* Its store does not know the mark in etcd: somebody has begun under this name meanwhile. */
static void test_a_record_that_is_not_ours(void **state)
{
    int64_t lease = lease_of_first();

    (void)state;
    settle_room();
    ck_crash(kit, 1);
    ck_forget(kit, 1);
    ck_start(kit, 1);
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(8)));
    assert_true(lease_of_first() != lease);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_its_rooms_stay),      TEST(test_many_rooms_stay),
        TEST(test_a_command_under_way), TEST(test_after_its_lease),
        TEST(test_on_the_edge),         TEST(test_a_record_that_is_not_ours),
        TEST(test_a_drain_goes_on),
    };

    vr_log_set_level(VR_LOG_OFF);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
