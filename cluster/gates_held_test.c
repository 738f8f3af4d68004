/* Goal: whoever was silenced on one side of a split stays silenced there until an owner has judged
 * the mark, whatever the owner of the other side says first; then the owner's word counts, and a
 * gate that he opens does open, also when the node was started anew meanwhile. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "actors/media/gate.h"
#include "actors/room/copy.h"
#include "cluster/internal.h"
#include "cluster/sim_kit.h"

#define ROOM ((struct vr_id){0x1111, 0x5555})
#define FAR 2 /* the node that is cut off */
#define NEAR 1

/* One person's gate at the shard of the node that is cut off, as a real shard would keep it. */
static struct {
    vr_participant_id who;
    struct vr_gate gate;
    uint32_t offered; /* so often somebody else than this node's copy said that he may speak */
    uint64_t since;   /* ... in an epoch above this one */
    bool watched;     /* a mark waits: he may not be heard */
    bool heard;
} seen;

static struct ck *kit;
static struct ck_answer answer;
static vr_participant_id ana, mod, ben, cat;

static enum vr_err shard(struct vr_actor *actor, void *state, struct vr_msg *msg,
                         struct vr_why *why)
{
    struct vr_msg done = {.kind = VR_MSG_GATE_DONE};

    (void)state;
    (void)why;
    if (msg->kind != VR_MSG_GATE) {
        return VR_OK;
    }
    if (vr_shard_node(vr_actor_address(actor).sub) == FAR && msg->as.gate.participant == seen.who &&
        seen.who != 0) {
        struct vr_gate news = {.epoch = msg->epoch,
                               .version = msg->as.gate.version,
                               .generation = msg->as.gate.generation,
                               .may_send = msg->as.gate.may_send,
                               .may_hear = msg->as.gate.may_hear,
                               .gone = msg->as.gate.gone};

        (void)vr_gate_apply(&seen.gate, &news);
        seen.offered += seen.watched && msg->epoch > seen.since;
        seen.heard = seen.heard || (seen.watched && seen.gate.may_send);
    }
    if (msg->from.kind == VR_ACTOR_ASK) {
        done.as.gate = msg->as.gate;
        vr_reply(vr_actor_system(actor), msg, &done);
    }
    return VR_OK;
}

static vr_participant_id join(uint32_t at, const char *user, enum vr_role role)
{
    struct vr_command *command = ck_join(kit, at, ROOM, user);

    command->by.granted = role;
    assert_int_equal(ck_tell(kit, at, ROOM, command, &answer), VR_OK);
    return answer.participant;
}

/* The room lives on the far node; ben speaks there, and mod moderates there. */
static int set_up(void **state)
{
    static const struct vr_actor_class class = {
        .kind = VR_ACTOR_SHARD, .name = "shard", .worker = VR_WORKER_MEDIA, .handle = shard};

    (void)state;
    memset(&seen, 0, sizeof(seen));
    kit = ck_new_nodes(91, 3);
    kit->grace = kit->host_grace = VR_SECONDS(120);
    kit->shard = &class;
    for (uint32_t i = 1; i <= 3; i++) {
        ck_start(kit, i);
    }
    assert_true(ck_until(kit, ck_all_joined, VR_SECONDS(10)));
    assert_int_equal(ck_tell(kit, FAR, ROOM, ck_create(kit, "ana", "r"), &answer), VR_OK);
    ana = join(NEAR, "ana", VR_ROLE_HOST);
    mod = join(FAR, "mod", VR_ROLE_MODERATOR);
    ben = join(FAR, "ben", VR_ROLE_SPEAKER);
    cat = join(NEAR, "cat", VR_ROLE_SPEAKER);
    ck_run(kit, VR_SECONDS(5));
    assert_int_equal(ck_holder(kit, ROOM, &seen.since), FAR);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ck_free(kit);
    kit = NULL;
    return 0;
}

static void cut(bool off)
{
    for (uint32_t i = 1; i <= 3; i++) {
        if (i != FAR) {
            vr_sim_cut(kit->nodes[FAR].sim, kit->nodes[i].sim, off);
        }
    }
    vr_kv_model_cut(kit->etcd, kit->nodes[FAR].sim, off, off);
}

static bool another_owns(struct ck *of)
{
    uint32_t holder = ck_holder(of, ROOM, NULL);

    return holder != 0 && holder != FAR;
}

static struct vr_command *aimed(enum vr_command_kind kind, const char *user, vr_participant_id by,
                                vr_participant_id at)
{
    struct vr_command *command = ck_command(kit, kind, user);

    command->by.participant = by;
    command->by.generation = 1;
    command->target = at;
    return command;
}

static bool is_marked(void)
{
    return vr_cluster_marked(kit->nodes[FAR].cluster, ROOM, seen.who, "");
}

static bool is_judged(struct ck *of)
{
    (void)of;
    return !is_marked();
}

static bool is_open(struct ck *of)
{
    (void)of;
    return seen.gate.may_send;
}

static bool was_offered(struct ck *of)
{
    (void)of;
    return seen.offered > 0;
}

/* He is silenced while the far node is by itself, and the owner of the other side knows nothing. */
static void silence(struct vr_command *command, vr_participant_id whom)
{
    seen.who = whom;
    cut(true);
    assert_true(ck_until(kit, another_owns, VR_SECONDS(20)));
    assert_int_equal(ck_tell(kit, FAR, ROOM, command, &answer), VR_OK);
    assert_true(is_marked());
    assert_false(seen.gate.may_send);
    seen.watched = true;
}

/* While the mark waits. That the owner did open, in vain, is what makes this a test. */
static void heal(void)
{
    cut(false);
    assert_true(ck_until(kit, was_offered, VR_SECONDS(10)));
    while (is_marked() && !seen.heard) {
        assert_false(seen.gate.may_send);
        ck_run(kit, VR_MS(5));
    }
    assert_false(seen.heard);
    seen.watched = false;
}

static bool is_muted(vr_participant_id whom)
{
    uint64_t epoch = 0;
    uint32_t holder = ck_holder(kit, ROOM, &epoch);
    struct vr_person_view view = {0};
    struct vr_room *room;

    assert_int_not_equal(holder, 0);
    room = vr_room_copy_load(vr_sim_node_system(kit->nodes[holder].sim), ROOM, epoch,
                             (struct vr_instant){vr_sim_now(kit->sim), 0}, NULL);
    assert_true(vr_room_person(room, whom, &view));
    vr_room_free(room);
    return view.muted_by_moderator;
}

static void a_mark_that_is_taken_stays_shut(void **state)
{
    (void)state;
    silence(aimed(VR_CMD_MUTE, "mod", mod, ben), ben);
    heal();
    assert_true(is_muted(ben));
    ck_run(kit, VR_SECONDS(10));
    assert_false(seen.gate.may_send);
    assert_true(seen.gate.epoch > seen.since); /* the owner's own word by now */
}

/* The user of a ban is named in it, not his number. */
static void a_ban_by_name_holds_as_well(void **state)
{
    struct vr_command *ban = NULL;

    (void)state;
    ban = aimed(VR_CMD_BAN, "mod", mod, 0);
    snprintf(ban->target_user, sizeof(ban->target_user), "ben");
    silence(ban, ben);
    heal();
    ck_run(kit, VR_SECONDS(10));
    assert_false(seen.gate.may_send);
}

/* Who did it has lost the right to, on the other side: the owner says no, and he speaks again. */
static void a_mark_that_is_refused_opens_again(void **state)
{
    (void)state;
    silence(aimed(VR_CMD_MUTE, "mod", mod, ben), ben);
    assert_int_equal(ck_tell(kit, NEAR, ROOM, aimed(VR_CMD_DEMOTE, "ana", ana, mod), &answer),
                     VR_OK);
    heal();
    assert_false(is_muted(ben));
    assert_true(ck_until(kit, is_open, VR_SECONDS(2)));
}

/* Nothing of the far node's life before is in memory, and nobody who was there comes back. */
static void a_node_that_is_started_anew_holds_and_lets_go(void **state)
{
    (void)state;
    silence(aimed(VR_CMD_MUTE, "mod", mod, cat), cat);
    assert_int_equal(ck_tell(kit, NEAR, ROOM, aimed(VR_CMD_DEMOTE, "ana", ana, mod), &answer),
                     VR_OK);
    ck_crash(kit, FAR);
    seen.gate.kept = true;
    ck_start(kit, FAR);
    heal();
    assert_true(ck_until(kit, is_judged, VR_SECONDS(10)));
    assert_true(ck_until(kit, is_open, VR_SECONDS(10)));
}

/* And another one owns the room before the first has judged anything. */
static void the_next_owner_lets_go_as_well(void **state)
{
    uint32_t holder;

    (void)state;
    silence(aimed(VR_CMD_MUTE, "mod", mod, ben), ben);
    holder = ck_holder(kit, ROOM, NULL);
    cut(false);
    assert_true(ck_until(kit, was_offered, VR_SECONDS(10)));
    assert_false(seen.heard);
    ck_crash(kit, holder);
    assert_true(ck_until(kit, is_judged, VR_SECONDS(30)));
    assert_false(seen.heard);
    assert_true(is_muted(ben));
    assert_false(seen.gate.may_send);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_mark_that_is_taken_stays_shut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_ban_by_name_holds_as_well, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_mark_that_is_refused_opens_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_node_that_is_started_anew_holds_and_lets_go, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_next_owner_lets_go_as_well, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
