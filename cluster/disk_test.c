/* Goal: what an owner's full disk refused never hides what was acknowledged after it: not from the
 * node in sync, not from one that follows, and not after the owner's death. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "actors/room/copy.h"
#include "cluster/internal.h"
#include "cluster/sim_kit.h"

#define ROOM ((struct vr_id){0x1111, 0x3333})

static struct ck *kit;
static struct ck_answer answer;
static vr_participant_id ben, cat;

static struct vr_cluster_owner owner_of_room(void)
{
    struct vr_cluster_owner owner = {0};

    (void)vr_cluster_owner(kit->nodes[3].cluster, ROOM, &owner);
    return owner;
}

static bool has_partner(struct ck *of)
{
    (void)of;
    return owner_of_room().node != 0 && owner_of_room().in_sync != 0;
}

static vr_participant_id come(uint32_t at, const char *user)
{
    assert_int_equal(ck_tell(kit, at, ROOM, ck_join(kit, at, ROOM, user), &answer), VR_OK);
    return answer.participant;
}

static int set_up(void **state)
{
    (void)state;
    kit = ck_new(33, 3);
    if (!ck_until(kit, ck_all_joined, VR_SECONDS(10))) {
        return -1;
    }
    assert_int_equal(ck_tell(kit, 1, ROOM, ck_create(kit, "ana", "r"), &answer), VR_OK);
    (void)come(1, "ana");
    ben = come(2, "ben");
    cat = come(3, "cat"); /* all three nodes have a copy */
    if (!ck_until(kit, has_partner, VR_SECONDS(10))) {
        return -1;
    }
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

static enum vr_err raise_hand(uint32_t at, const char *user, vr_participant_id who)
{
    struct vr_command *command = ck_command(kit, VR_CMD_HAND_RAISE, user);

    command->by.participant = who;
    command->by.generation = 1;
    return ck_tell(kit, at, ROOM, command, &answer);
}

static uint32_t hand_at(uint32_t node, vr_participant_id who)
{
    struct vr_room *room =
        vr_room_copy_load(vr_sim_node_system(kit->nodes[node].sim), ROOM, owner_of_room().epoch,
                          (struct vr_instant){vr_sim_now(kit->sim), 0}, NULL);
    struct vr_person_view view = {0};
    uint32_t hand = room != NULL && vr_room_person(room, who, &view) ? (uint32_t)view.hand : 0;

    vr_room_free(room);
    return hand;
}

/* Ben's hand fails at the owner's disk, and has reached the others; then cat's is acknowledged. */
static void fail_then_go_on(uint32_t failures)
{
    struct vr_sim_node *owner = kit->nodes[owner_of_room().node].sim;

    vr_sim_fail_commits(owner, failures, VR_E_FULL);
    assert_int_equal(raise_hand(2, "ben", ben), VR_E_FULL);
    vr_sim_fail_commits(owner, 0, VR_OK);
    assert_int_equal(raise_hand(3, "cat", cat), VR_OK);
}

static void acknowledged_after_a_failure_is_in_sync(void **state)
{
    (void)state;
    fail_then_go_on(1000);
    assert_true(hand_at(owner_of_room().node, cat) != 0);
    assert_true(owner_of_room().in_sync == 0 || hand_at(owner_of_room().in_sync, cat) != 0);
    ck_run(kit, VR_SECONDS(5)); /* and all follow */
    for (uint32_t i = 1; i <= 3; i++) {
        assert_true(hand_at(i, cat) != 0);
        assert_int_equal(hand_at(i, ben), 0);
    }
}

static void acknowledged_after_a_failure_outlives_the_owner(void **state)
{
    struct vr_cluster_owner before;

    (void)state;
    fail_then_go_on(1000);
    before = owner_of_room();
    assert_true(before.in_sync != 0);
    ck_crash(kit, before.node);
    ck_run(kit, VR_SECONDS(12));
    (void)ck_tell(kit, before.in_sync, ROOM, ck_show(kit, "ana", VR_SHOW_PARTICIPANTS), &answer);
    assert_int_not_equal(ck_holder(kit, ROOM, NULL), 0);
    assert_true(hand_at(ck_holder(kit, ROOM, NULL), cat) != 0);
}

/* The next owner's disk is full when he hears of what a copy did: he has not judged it. */
static void a_copys_act_waits_for_space(void **state)
{
    struct vr_command *mute = ck_command(kit, VR_CMD_MUTE, "ben");
    struct vr_sim_node *owner = kit->nodes[owner_of_room().node].sim;
    struct vr_room *room;
    struct vr_person_view view = {0};

    (void)state;
    mute->by.participant = ben;
    mute->by.generation = 1;
    mute->by.order = (uint64_t)1 << 32 | 1;
    vr_kv_model_set_quorum(kit->etcd, false);
    ck_run(kit, VR_SECONDS(8));
    assert_int_equal(ck_tell(kit, 2, ROOM, mute, &answer), VR_OK);
    vr_sim_fail_commits(owner, 1000, VR_E_FULL);
    vr_kv_model_set_quorum(kit->etcd, true);
    ck_run(kit, VR_SECONDS(8));
    vr_sim_fail_commits(owner, 0, VR_OK);
    ck_run(kit, VR_SECONDS(8));
    assert_int_not_equal(ck_holder(kit, ROOM, NULL), 0);
    room = vr_room_copy_load(vr_sim_node_system(kit->nodes[ck_holder(kit, ROOM, NULL)].sim), ROOM,
                             owner_of_room().epoch, (struct vr_instant){vr_sim_now(kit->sim), 0},
                             NULL);
    assert_non_null(room);
    assert_true(vr_room_person(room, ben, &view));
    assert_true(view.muted_by_self);
    vr_room_free(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(acknowledged_after_a_failure_is_in_sync, set_up, tear_down),
        cmocka_unit_test_setup_teardown(acknowledged_after_a_failure_outlives_the_owner, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_copys_act_waits_for_space, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
