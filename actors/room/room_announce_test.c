/* Goal: a session that nobody heard for a while has its place again once it tells that it lives,
 * but not past a ban, a kick or a newer session; and what a copy does takes no place in the order.
 */

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "actors/room/room_kit.h"

#define ANA 1u /* host */
#define BEN 2u
#define CAT 2u /* in a room without Ben */

static void start(struct kit *kit)
{
    struct vr_settings *settings = kit_settings("two");

    settings->set |= VR_SET_CAPACITY;
    settings->capacity = 2;
    kit_init(kit, 5);
    assert_int_equal(kit_create(kit, "ana", settings), VR_OK);
    assert_int_equal(kit_join(kit, "ana"), ANA);
    assert_int_equal(kit_join_as(kit, "ben", VR_ROLE_SPEAKER), BEN);
}

/* Ben's session, of generation `generation`, at the address that it joined from. */
static enum vr_err announce(struct kit *kit, uint32_t generation, struct vr_address session)
{
    struct vr_command *cmd = kit_command(VR_CMD_RESUME, "ben");

    cmd->by.participant = BEN;
    cmd->by.generation = generation;
    cmd->by.granted = VR_ROLE_SPEAKER;
    cmd->session = session;
    cmd->shard = vr_shard_address(KIT_ROOM, 0);
    cmd->flag = true;
    return kit_do(kit, cmd);
}

static void lose(struct kit *kit)
{
    assert_int_equal(kit_say(kit, VR_CMD_LOST, BEN, 0), VR_OK);
    assert_true(kit_person(kit, BEN).reconnecting);
}

static void who_is_there_changes_nothing(void **state)
{
    struct vr_address session;
    struct kit kit;

    (void)state;
    start(&kit);
    session = kit_person(&kit, BEN).session;
    assert_int_equal(announce(&kit, 1, session), VR_OK);
    assert_int_equal(kit.answer.generation, 1);
    assert_null(kit.answer.body); /* a full room announces itself at once: no snapshots */
    assert_int_equal(kit.effects.count, 0);
    assert_false(kit.effects.durable);
    kit_deinit(&kit);
}

/* What was sent while his node was away he has missed; with nothing new the digest is rare. */
static void who_was_away_hears_a_digest_soon(void **state)
{
    struct vr_address session;
    struct kit kit;

    (void)state;
    start(&kit);
    session = kit_person(&kit, BEN).session;
    kit_pass(&kit, VR_SECONDS(3));
    kit_tick(&kit);
    assert_true(kit_said(&kit, "room:digest", ""));
    kit_pass(&kit, VR_SECONDS(3));
    kit_tick(&kit);
    assert_true(kit_said(&kit, "room:digest", "")); /* the one before may be lost with its news */
    kit_pass(&kit, VR_SECONDS(3));
    kit_tick(&kit);
    assert_false(kit_said(&kit, "room:digest", ""));
    assert_int_equal(announce(&kit, 1, session), VR_OK);
    kit_tick(&kit);
    assert_true(kit_said(&kit, "room:digest", ""));
    kit_deinit(&kit);
}

static void who_was_held_for_lost_is_back(void **state)
{
    struct vr_address session;
    struct kit kit;

    (void)state;
    start(&kit);
    session = kit_person(&kit, BEN).session;
    lose(&kit);
    assert_int_equal(announce(&kit, 1, session), VR_OK);
    assert_int_equal(kit.answer.generation, 1);
    assert_false(kit_person(&kit, BEN).reconnecting);
    assert_true(kit_said(&kit, "room:participant-joined", "\"returned\":true"));
    kit_deinit(&kit);
}

static void who_was_given_up_comes_in_above_capacity(void **state)
{
    struct vr_address session;
    struct kit kit;

    (void)state;
    start(&kit);
    session = kit_person(&kit, BEN).session;
    assert_int_equal(kit_say(&kit, VR_CMD_MUTE, ANA, BEN), VR_OK);
    lose(&kit);
    kit_pass(&kit, VR_SECONDS(16));
    kit_tick(&kit);
    assert_false(kit_person(&kit, BEN).present);
    assert_int_equal(kit_join(&kit, "cat"), 3);
    assert_int_equal(announce(&kit, 1, session), VR_OK);
    assert_int_equal(kit.answer.generation, 1); /* his peer and his token stay good */
    assert_int_equal(kit.answer.role, VR_ROLE_SPEAKER);
    assert_true(kit.answer.muted_by_moderator);
    assert_int_equal(vr_room_counts(kit.room).participants, 3);
    kit_deinit(&kit);
}

static void give_up(struct kit *kit)
{
    assert_int_equal(kit_say(kit, VR_CMD_LOST, CAT, 0), VR_OK);
    kit_pass(kit, VR_SECONDS(16));
    kit_tick(kit);
    assert_false(kit_person(kit, CAT).present);
}

/* Cat was asked onto the stage, and then not heard; her token alone would make her a listener. */
static void start_given_up(struct kit *kit, struct vr_address *session)
{
    kit_init(kit, 5);
    assert_int_equal(kit_create(kit, "ana", NULL), VR_OK);
    assert_int_equal(kit_join(kit, "ana"), ANA);
    assert_int_equal(kit_join(kit, "cat"), CAT);
    assert_int_equal(kit_say(kit, VR_CMD_INVITE, ANA, CAT), VR_OK);
    assert_int_equal(kit_say(kit, VR_CMD_ACCEPT, CAT, 0), VR_OK);
    *session = kit_person(kit, CAT).session;
    give_up(kit);
}

static enum vr_role announced_role(struct kit *kit, struct vr_address session)
{
    struct vr_command *cmd = kit_command(VR_CMD_RESUME, "cat");

    cmd->by.participant = CAT;
    cmd->by.generation = 1;
    cmd->session = session;
    cmd->shard = vr_shard_address(KIT_ROOM, 0);
    cmd->flag = true;
    assert_int_equal(kit_do(kit, cmd), VR_OK);
    return kit->answer.role;
}

static void who_was_given_up_speaks_again(void **state)
{
    struct vr_address session;
    struct kit kit;

    (void)state;
    start_given_up(&kit, &session);
    assert_int_equal(announced_role(&kit, session), VR_ROLE_SPEAKER);
    kit_deinit(&kit);
}

static void who_was_demoted_before_does_not(void **state)
{
    struct vr_address session;
    struct kit kit;

    (void)state;
    start_given_up(&kit, &session);
    assert_int_equal(announced_role(&kit, session), VR_ROLE_SPEAKER);
    assert_int_equal(kit_say(&kit, VR_CMD_DEMOTE, ANA, CAT), VR_OK);
    give_up(&kit);
    assert_int_equal(announced_role(&kit, session), VR_ROLE_LISTENER);
    kit_deinit(&kit);
}

/* Who joins anew has left the stage, and is no speaker by an older loss. */
static void who_joins_anew_is_a_listener(void **state)
{
    struct vr_address session;
    struct kit kit;

    (void)state;
    start_given_up(&kit, &session);
    assert_int_equal(kit_join(&kit, "cat"), CAT);
    assert_int_equal(kit_person(&kit, CAT).role, VR_ROLE_LISTENER);
    kit_deinit(&kit);
}

static void a_newer_session_a_kick_and_a_ban_stand(void **state)
{
    struct vr_address session;
    struct kit kit;

    (void)state;
    start(&kit);
    session = kit_person(&kit, BEN).session;
    assert_int_equal(kit_join(&kit, "ben"), BEN); /* elsewhere */
    assert_int_equal(announce(&kit, 1, session), VR_E_GONE);
    session = kit_person(&kit, BEN).session;
    assert_int_equal(kit_say(&kit, VR_CMD_KICK, ANA, BEN), VR_OK);
    assert_int_equal(announce(&kit, 2, session), VR_E_GONE);
    assert_int_equal(kit_join(&kit, "ben"), BEN);
    session = kit_person(&kit, BEN).session;
    assert_int_equal(kit_say(&kit, VR_CMD_BAN, ANA, BEN), VR_OK);
    assert_int_equal(announce(&kit, 3, session), VR_E_BANNED);
    assert_false(kit_person(&kit, BEN).present);
    kit_deinit(&kit);
}

static void what_a_copy_does_has_no_place(void **state)
{
    struct vr_room_conf conf;
    struct kit kit;
    uint64_t before;

    (void)state;
    kit_init(&kit, 5);
    conf = kit_conf(&kit.random.random);
    conf.provisional = true;
    vr_room_free(kit.room);
    kit.room = vr_room_new(KIT_ROOM, &conf, 3);
    assert_non_null(kit.room);
    assert_int_equal(kit_create(&kit, "ana", NULL), VR_OK);
    assert_int_equal(kit_join(&kit, "ana"), ANA);
    assert_int_equal(kit_join(&kit, "ben"), BEN);
    before = vr_room_sequence(kit.room);
    assert_int_equal(kit_say(&kit, VR_CMD_MUTE, ANA, BEN), VR_OK);
    assert_true(kit_said(&kit, "room:muted", ",\"provisional\":true,"));
    assert_int_equal(vr_room_sequence(kit.room), before);
    assert_true(kit_person(&kit, BEN).muted_by_moderator);
    kit_deinit(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_there_changes_nothing),
        cmocka_unit_test(who_was_away_hears_a_digest_soon),
        cmocka_unit_test(who_was_held_for_lost_is_back),
        cmocka_unit_test(who_was_given_up_comes_in_above_capacity),
        cmocka_unit_test(who_was_given_up_speaks_again),
        cmocka_unit_test(who_was_demoted_before_does_not),
        cmocka_unit_test(who_joins_anew_is_a_listener),
        cmocka_unit_test(a_newer_session_a_kick_and_a_ban_stand),
        cmocka_unit_test(what_a_copy_does_has_no_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
