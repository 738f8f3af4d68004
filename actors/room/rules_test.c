/* Goal: the rules that no table shows: doors, generations and resume tokens, succession of hosts,
 * two mute flags, hands, bans with an end, rates, repeats, counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/room/room_kit.h"

static void start(struct kit *kit, struct vr_settings *settings)
{
    kit_init(kit, 3);
    assert_int_equal(kit_create(kit, "ana", settings), VR_OK);
}

static enum vr_err join_with(struct kit *kit, const char *user, const char *passcode)
{
    struct vr_command *cmd = kit_join_command(kit, user);

    snprintf(cmd->passcode, sizeof(cmd->passcode), "%s", passcode);
    return kit_do(kit, cmd);
}

static enum vr_err resume(struct kit *kit, const char *user, vr_participant_id who,
                          uint32_t generation)
{
    struct vr_command *cmd = kit_join_command(kit, user);

    cmd->kind = VR_CMD_RESUME;
    cmd->by.participant = who;
    cmd->by.generation = generation;
    return kit_do(kit, cmd);
}

static void test_private_by_invitation(void **state)
{
    struct vr_settings *settings = kit_settings("private");
    struct vr_command *cmd;
    struct kit kit;

    (void)state;
    settings->set |= VR_SET_VISIBILITY | VR_SET_INVITED;
    settings->visibility = VR_PRIVATE;
    settings->invited = calloc(1, sizeof(char *));
    settings->invited[0] = strdup("ben");
    settings->invited_count = 1;
    start(&kit, settings);
    assert_true(kit_join(&kit, "ben") != 0);
    assert_int_equal(join_with(&kit, "eve", ""), VR_E_NOT_INVITED);
    assert_int_equal(kit.answer.participant, 0);
    assert_true(kit_join(&kit, "ana") != 0);
    cmd = kit_command(VR_CMD_SHOW, "eve"); /* for her it is not even there */
    assert_int_equal(kit_do(&kit, cmd), VR_E_NOT_FOUND);
    assert_int_equal(kit_do(&kit, kit_command(VR_CMD_SHOW, "ben")), VR_OK);
    kit_deinit(&kit);
}

static void test_passcode(void **state)
{
    struct vr_settings *settings = kit_settings("secret");
    struct kit kit;

    (void)state;
    settings->set |= VR_SET_PASSCODE;
    snprintf(settings->passcode, sizeof(settings->passcode), "open sesame");
    start(&kit, settings);
    assert_int_equal(join_with(&kit, "ben", "open sesame"), VR_OK);
    assert_int_equal(join_with(&kit, "ana", ""), VR_OK); /* the creator has it */
    for (int i = 0; i < 5; i++) {
        assert_int_equal(join_with(&kit, "eve", "guess"), VR_E_PASSCODE);
    }
    assert_int_equal(join_with(&kit, "eve", "open sesame"), VR_E_RATE);
    assert_true(kit.answer.retry_after_ms > 0 && kit.answer.retry_after_ms <= 60000);
    assert_int_equal(join_with(&kit, "fay", "open sesame"), VR_OK); /* others are not kept out */
    kit_pass(&kit, VR_SECONDS(61));
    assert_int_equal(join_with(&kit, "eve", "open sesame"), VR_OK);
    kit_deinit(&kit);
}

static void test_locked_and_full(void **state)
{
    struct vr_settings *settings = kit_settings("small");
    vr_participant_id ana;
    vr_participant_id ben;
    struct vr_command *cmd;
    struct kit kit;

    (void)state;
    settings->set |= VR_SET_CAPACITY | VR_SET_SPEAKERS;
    settings->capacity = 3;
    settings->speaker_capacity = 2;
    start(&kit, settings);
    ana = kit_join(&kit, "ana");
    ben = kit_join_as(&kit, "ben", VR_ROLE_SPEAKER);
    assert_int_equal(kit_person(&kit, ben).role, VR_ROLE_SPEAKER);
    assert_true(kit_join_as(&kit, "cleo", VR_ROLE_SPEAKER) != 0);
    assert_int_equal(kit.answer.role, VR_ROLE_LISTENER); /* the stage is full: he listens */
    assert_int_equal(join_with(&kit, "dan", ""), VR_E_ROOM_FULL);
    assert_int_equal(kit_say(&kit, VR_CMD_HAND_RAISE, 3, 0), VR_OK);
    assert_int_equal(kit_say(&kit, VR_CMD_PROMOTE, ana, 3), VR_E_STAGE_FULL);
    assert_int_equal(kit_say(&kit, VR_CMD_LEAVE, 3, 0), VR_OK);
    cmd = kit_by(&kit, VR_CMD_LOCK, ana, 0);
    cmd->flag = true;
    assert_int_equal(kit_do(&kit, cmd), VR_OK);
    assert_int_equal(join_with(&kit, "dan", ""), VR_E_LOCKED);
    assert_int_equal(join_with(&kit, "ben", ""), VR_OK); /* he is inside already */
    kit_deinit(&kit);
}

static void test_one_session_per_identity(void **state)
{
    vr_participant_id ben;
    struct vr_command *old;
    struct kit kit;

    (void)state;
    start(&kit, NULL);
    assert_true(kit_join(&kit, "ana") != 0);
    ben = kit_join(&kit, "ben");
    assert_int_equal(kit_say(&kit, VR_CMD_MUTE, 1, ben), VR_OK);
    old = kit_by(&kit, VR_CMD_CHAT, ben, 0);
    kit_text(old, "from the old session");
    assert_int_equal(kit_join(&kit, "ben"), ben); /* same place, same mute */
    assert_true(kit.answer.muted_by_moderator);
    assert_int_equal(kit.answer.generation, 2);
    assert_non_null(kit_event(&kit, "session:replaced", 0));
    assert_true(kit_event(&kit, "session:replaced", 0)->as.event.last);
    assert_int_equal(kit_event(&kit, "session:replaced", 0)->as.event.only, ben);
    assert_int_equal(kit_do(&kit, old), VR_E_GONE);
    assert_int_equal(resume(&kit, "ben", ben, 1), VR_E_GONE); /* no ping-pong */
    kit_deinit(&kit);
}

static void test_resume_tokens(void **state)
{
    vr_participant_id ben;
    struct kit kit;

    (void)state;
    start(&kit, NULL);
    assert_true(kit_join(&kit, "ana") != 0);
    ben = kit_join(&kit, "ben");
    assert_int_equal(kit_say(&kit, VR_CMD_HAND_RAISE, ben, 0), VR_OK);
    assert_int_equal(kit_say(&kit, VR_CMD_LOST, ben, 0), VR_OK);
    assert_true(kit_said(&kit, "room:participant-reconnecting", "\"state\":\"reconnecting\""));
    assert_int_equal(resume(&kit, "eve", ben, 1), VR_E_UNAUTHORIZED);
    assert_int_equal(resume(&kit, "ben", ben, 1), VR_OK);
    assert_true(kit_said(&kit, "room:participant-joined", "\"returned\":true"));
    assert_int_equal(kit_person(&kit, ben).hand, 1);
    /* The answer was lost: the previous token is good until the new one is used. */
    assert_int_equal(resume(&kit, "ben", ben, 1), VR_OK);
    assert_int_equal(resume(&kit, "ben", ben, 3), VR_OK);
    assert_int_equal(resume(&kit, "ben", ben, 2), VR_E_GONE);
    kit_deinit(&kit);
}

/* A node that looked for him promised him the next generation, and then nothing came of it; or a
 * copy let him in without an owner. Each token is one that a node signed. */
static void test_a_token_that_nobody_used(void **state)
{
    struct vr_command *look;
    vr_participant_id ben;
    struct kit kit;

    (void)state;
    start(&kit, NULL);
    assert_true(kit_join(&kit, "ana") != 0);
    ben = kit_join(&kit, "ben");
    assert_int_equal(kit_say(&kit, VR_CMD_HAND_RAISE, ben, 0), VR_OK);
    look = kit_by(&kit, VR_CMD_SNAPSHOT, ben, 0);
    look->by.generation = 2;
    look->flag = true;
    assert_int_equal(kit_do(&kit, look), VR_E_CONFLICT); /* he has left that session: resume */
    assert_int_equal(resume(&kit, "eve", ben, 2), VR_E_UNAUTHORIZED);
    assert_int_equal(resume(&kit, "ben", ben, 2), VR_OK);
    assert_int_equal(kit.answer.generation, 3);
    assert_int_equal(kit_person(&kit, ben).hand, 1);
    assert_int_equal(resume(&kit, "ben", ben, 1), VR_E_GONE);
    assert_int_equal(resume(&kit, "ben", ben, 9), VR_OK);
    assert_int_equal(kit.answer.generation, 10);
    assert_int_equal(kit_say(&kit, VR_CMD_KICK, 1, ben), VR_OK);
    assert_int_equal(resume(&kit, "ben", ben, 11), VR_E_GONE); /* thrown out: no token helps */
    kit_deinit(&kit);
}

static void test_grace_is_over(void **state)
{
    vr_participant_id ben;
    struct kit kit;

    (void)state;
    start(&kit, NULL);
    assert_true(kit_join(&kit, "ana") != 0);
    ben = kit_join(&kit, "ben");
    assert_int_equal(kit_say(&kit, VR_CMD_MUTE, 1, ben), VR_OK);
    assert_int_equal(kit_say(&kit, VR_CMD_HAND_RAISE, ben, 0), VR_OK);
    assert_int_equal(kit_say(&kit, VR_CMD_LOST, ben, 0), VR_OK);
    assert_true(vr_room_deadline(kit.room, kit.at) <= kit.at.now + VR_SECONDS(15));
    kit_pass(&kit, VR_SECONDS(15));
    kit_tick(&kit);
    assert_true(kit_said(&kit, "room:participant-left", "\"reason\":\"lost\""));
    assert_false(kit_person(&kit, ben).present);
    assert_int_equal(resume(&kit, "ben", ben, 1), VR_OK); /* a join that keeps his mute */
    assert_true(kit.answer.muted_by_moderator);
    assert_int_equal(kit_person(&kit, ben).hand, 0);
    assert_int_equal(kit_say(&kit, VR_CMD_KICK, 1, ben), VR_OK);
    assert_int_equal(resume(&kit, "ben", ben, 2), VR_E_GONE); /* thrown out: the token is void */
    assert_int_equal(kit_join(&kit, "ben"), ben);             /* but he is not banned */
    assert_true(kit.answer.muted_by_moderator);
    kit_deinit(&kit);
}

static void test_two_mutes(void **state)
{
    vr_participant_id ben;
    struct vr_command *cmd;
    struct kit kit;

    (void)state;
    start(&kit, NULL);
    assert_true(kit_join(&kit, "ana") != 0);
    ben = kit_join_as(&kit, "ben", VR_ROLE_SPEAKER);
    assert_int_equal(kit_say(&kit, VR_CMD_MUTE, ben, 0), VR_OK);
    assert_int_equal(kit_say(&kit, VR_CMD_MUTE, 1, ben), VR_OK);
    cmd = kit_by(&kit, VR_CMD_UNMUTE, ben, 0);
    cmd->version = 1; /* answers his own mute, but a moderator's came since */
    assert_int_equal(kit_do(&kit, cmd), VR_E_STALE);
    assert_int_equal(kit_say(&kit, VR_CMD_UNMUTE, ben, 0), VR_OK);
    assert_true(kit_person(&kit, ben).muted_by_moderator);
    assert_false(kit_person(&kit, ben).muted_by_self);
    assert_int_equal(kit_say(&kit, VR_CMD_UNMUTE, ben, ben), VR_OK); /* aimed at himself: own */
    assert_true(kit_person(&kit, ben).muted_by_moderator);
    assert_int_equal(kit_say(&kit, VR_CMD_MUTE, ben, 0), VR_OK);
    assert_int_equal(kit_say(&kit, VR_CMD_UNMUTE, 1, ben), VR_OK);
    assert_true(kit_person(&kit, ben).muted_by_self); /* nobody unmutes another */
    assert_false(kit.effects.items[0].as.gate.may_send);
    assert_int_equal(kit_say(&kit, VR_CMD_ASK_UNMUTE, 1, ben), VR_OK);
    assert_int_equal(kit_event(&kit, "room:unmute-asked", 0)->as.event.only, ben);
    assert_true(kit_person(&kit, ben).muted_by_self);
    kit_deinit(&kit);
}

static void test_demoted_stays_down(void **state)
{
    vr_participant_id ben;
    struct kit kit;

    (void)state;
    start(&kit, NULL);
    assert_true(kit_join(&kit, "ana") != 0);
    ben = kit_join_as(&kit, "ben", VR_ROLE_SPEAKER);
    assert_int_equal(kit_say(&kit, VR_CMD_DEMOTE, 1, ben), VR_OK);
    assert_int_equal(kit_say(&kit, VR_CMD_LEAVE, ben, 0), VR_OK);
    assert_int_equal(kit_join_as(&kit, "ben", VR_ROLE_SPEAKER), ben);
    assert_int_equal(kit.answer.role, VR_ROLE_LISTENER);
    kit_deinit(&kit);
}

static void test_succession(void **state)
{
    struct kit kit;

    (void)state;
    start(&kit, NULL);
    assert_true(kit_join(&kit, "ana") == 1);
    assert_true(kit_join_as(&kit, "ben", VR_ROLE_SPEAKER) == 2);
    assert_true(kit_join_as(&kit, "cleo", VR_ROLE_MODERATOR) == 3);
    assert_true(kit_join_as(&kit, "dan", VR_ROLE_MODERATOR) == 4);
    assert_int_equal(kit_say(&kit, VR_CMD_LEAVE, 1, 0), VR_OK);
    kit_pass(&kit, VR_SECONDS(59));
    kit_tick(&kit);
    assert_int_equal(kit_person(&kit, 3).role, VR_ROLE_MODERATOR); /* she may come back */
    kit_pass(&kit, VR_SECONDS(1));
    kit_tick(&kit);
    assert_int_equal(kit_person(&kit, 3).role, VR_ROLE_HOST);
    assert_int_equal(kit.effects.audit_count, 1);
    assert_int_equal(kit_join(&kit, "ana"), 1); /* the creator has the room back */
    assert_int_equal(kit.answer.role, VR_ROLE_HOST);
    assert_int_equal(kit_person(&kit, 3).role, VR_ROLE_MODERATOR);
    assert_int_equal(kit_say(&kit, VR_CMD_TRANSFER_HOST, 1, 4), VR_OK);
    assert_int_equal(kit_say(&kit, VR_CMD_KICK, 4, 1), VR_E_FORBIDDEN); /* creator for ever */
    assert_int_equal(kit_say(&kit, VR_CMD_LEAVE, 1, 0), VR_OK);
    assert_int_equal(kit_join(&kit, "ana"), 1);
    assert_int_equal(kit.answer.role, VR_ROLE_MODERATOR); /* given away is given away */
    kit_deinit(&kit);
}

static void test_no_host_for_strangers(void **state)
{
    struct kit kit;

    (void)state;
    start(&kit, NULL);
    assert_true(kit_join(&kit, "ben") == 1); /* the creator was never there */
    kit_pass(&kit, VR_SECONDS(600));
    kit_tick(&kit);
    assert_int_equal(kit_person(&kit, 1).role, VR_ROLE_LISTENER);
    kit_deinit(&kit);
}

static void test_hands(void **state)
{
    struct vr_settings *settings = kit_settings("hands");
    struct kit kit;

    (void)state;
    settings->set |= VR_SET_SLOW_HAND;
    settings->slow_hand_s = 30;
    start(&kit, settings);
    assert_true(kit_join(&kit, "ana") == 1);
    for (vr_participant_id id = 2; id <= 4; id++) {
        char user[8];

        snprintf(user, sizeof(user), "u%u", id);
        assert_int_equal(kit_join(&kit, user), id);
        assert_int_equal(kit_say(&kit, VR_CMD_HAND_RAISE, id, 0), VR_OK);
    }
    assert_int_equal(kit_person(&kit, 4).hand, 3);
    assert_int_equal(kit_say(&kit, VR_CMD_PROMOTE, 1, 3), VR_OK);
    assert_true(kit_said(&kit, "room:hand-lowered", "\"reason\":\"promoted\""));
    assert_true(kit_said(&kit, "room:hand-position", "\"position\":2"));
    assert_int_equal(kit_event(&kit, "room:hand-position", 0)->as.event.only, 4);
    assert_int_equal(kit_person(&kit, 4).hand, 2);
    assert_int_equal(kit_say(&kit, VR_CMD_HAND_LOWER, 1, 2), VR_OK);
    assert_true(kit_said(&kit, "room:hand-lowered", "\"reason\":\"declined\""));
    assert_int_equal(kit_say(&kit, VR_CMD_HAND_RAISE, 2, 0), VR_E_RATE);
    assert_int_equal(kit.answer.retry_after_ms, 30000);
    kit_pass(&kit, VR_SECONDS(30));
    assert_int_equal(kit_say(&kit, VR_CMD_HAND_RAISE, 2, 0), VR_OK);
    assert_int_equal(kit_person(&kit, 2).hand, 2); /* behind the one who waited */
    kit_deinit(&kit);
}

static void test_invitation_ends(void **state)
{
    struct kit kit;

    (void)state;
    start(&kit, NULL);
    assert_true(kit_join(&kit, "ana") == 1);
    assert_true(kit_join(&kit, "ben") == 2);
    assert_int_equal(kit_say(&kit, VR_CMD_INVITE, 1, 2), VR_OK);
    assert_int_equal(kit_person(&kit, 2).role, VR_ROLE_LISTENER); /* he must accept */
    kit_pass(&kit, VR_INVITATION_US);
    kit_tick(&kit);
    assert_true(kit_said(&kit, "room:declined", "\"reason\":\"expired\""));
    assert_int_equal(kit_say(&kit, VR_CMD_ACCEPT, 2, 0), VR_E_CONFLICT);
    assert_int_equal(kit_say(&kit, VR_CMD_INVITE, 1, 2), VR_OK);
    assert_int_equal(kit_say(&kit, VR_CMD_ACCEPT, 2, 0), VR_OK);
    assert_int_equal(kit_person(&kit, 2).role, VR_ROLE_SPEAKER);
    kit_deinit(&kit);
}

static enum vr_err join_from(struct kit *kit, const char *user, const char *address)
{
    struct vr_command *cmd = kit_join_command(kit, user);

    snprintf(cmd->by.address, sizeof(cmd->by.address), "%s", address);
    return kit_do(kit, cmd);
}

static void test_ban_by_address_and_time(void **state)
{
    struct vr_command *cmd;
    struct kit kit;

    (void)state;
    start(&kit, NULL);
    assert_true(kit_join(&kit, "ana") == 1);
    assert_int_equal(join_from(&kit, "ben", "192.0.2.7"), VR_OK);
    cmd = kit_by(&kit, VR_CMD_BAN, 1, 2);
    cmd->flag = true;
    cmd->duration_s = 60;
    kit_text(cmd, "noise");
    assert_int_equal(kit_do(&kit, cmd), VR_OK);
    assert_non_null(strstr(vr_blob_text(kit.answer.body), "\"by_address\":true"));
    assert_true(kit_said(&kit, "room:banned", "\"reason\":\"noise\""));
    assert_int_equal(join_from(&kit, "ben", "192.0.2.9"), VR_E_BANNED);
    assert_int_equal(join_from(&kit, "guest", "192.0.2.7"), VR_E_BANNED);
    assert_int_equal(resume(&kit, "ben", 2, 1), VR_E_BANNED);
    assert_int_equal(join_from(&kit, "ana", "192.0.2.7"), VR_OK);
    kit_pass(&kit, VR_SECONDS(60));
    assert_int_equal(join_from(&kit, "ben", "192.0.2.7"), VR_OK); /* over, ticked or not */
    assert_true(vr_room_deadline(kit.room, kit.at) <= kit.at.now);
    kit_tick(&kit);
    assert_true(kit.effects.durable);
    kit_deinit(&kit);
}

static void test_chat(void **state)
{
    struct vr_command *cmd;
    struct vr_id message;
    char text[VR_ID_TEXT];
    struct kit kit;

    (void)state;
    start(&kit, NULL);
    assert_true(kit_join(&kit, "ana") == 1);
    assert_true(kit_join(&kit, "ben") == 2);
    for (int i = 0; i < 10; i++) {
        cmd = kit_by(&kit, VR_CMD_CHAT, 2, 0);
        kit_text(cmd, "he\"llo");
        assert_int_equal(kit_do(&kit, cmd), VR_OK);
        assert_true(kit_said(&kit, "room:chat", "\"text\":\"he\\\"llo\""));
    }
    memcpy(text, kit.answer.body->data + 12, 26);
    text[26] = 0;
    assert_true(vr_id_parse(text, &message));
    cmd = kit_by(&kit, VR_CMD_CHAT, 2, 0);
    kit_text(cmd, "one more");
    assert_int_equal(kit_do(&kit, cmd), VR_E_RATE);
    assert_int_equal(kit.answer.retry_after_ms, 10000);
    cmd = kit_by(&kit, VR_CMD_CHAT_DELETE, 2, 0);
    cmd->message = message;
    assert_int_equal(kit_do(&kit, cmd), VR_OK);
    assert_true(kit_said(&kit, "room:chat-deleted", text));
    assert_false(kit.effects.durable);
    kit_deinit(&kit);
}

static void test_repeat_has_no_second_effect(void **state)
{
    struct vr_command *cmd;
    uint64_t sequence;
    struct kit kit;

    (void)state;
    start(&kit, NULL);
    assert_true(kit_join(&kit, "ana") == 1);
    for (int i = 0; i < 2; i++) {
        cmd = kit_join_command(&kit, "ben");
        cmd->id = (struct vr_id){1, 1};
        assert_int_equal(kit_do(&kit, cmd), VR_OK);
        assert_int_equal(kit.answer.participant, 2);
        assert_int_equal(kit.answer.generation, 1);
        assert_non_null(kit.answer.body);
    }
    sequence = vr_room_sequence(kit.room);
    for (int i = 0; i < 2; i++) {
        cmd = kit_by(&kit, VR_CMD_MUTE, 1, 2);
        cmd->id = (struct vr_id){1, 2};
        assert_int_equal(kit_do(&kit, cmd), VR_OK);
        assert_int_equal(kit.answer.sequence, sequence + 1);
        assert_int_equal(kit.effects.audit_count, i == 0 ? 1 : 0);
    }
    cmd = kit_by(&kit, VR_CMD_MUTE, 2, 0); /* the same id of somebody else is another command */
    cmd->id = (struct vr_id){1, 2};
    assert_int_equal(kit_do(&kit, cmd), VR_OK);
    assert_int_equal(kit.answer.sequence, sequence + 2);
    kit_deinit(&kit);
}

static void test_analytics(void **state)
{
    struct vr_command *cmd;
    struct kit kit;

    (void)state;
    start(&kit, NULL);
    assert_true(kit_join(&kit, "ana") == 1);
    assert_true(kit_join(&kit, "ben") == 2);
    vr_room_spoke(kit.room, 1, 1500);
    kit_pass(&kit, VR_SECONDS(100));
    assert_int_equal(kit_say(&kit, VR_CMD_LEAVE, 2, 0), VR_OK);
    assert_true(kit_join(&kit, "ben") == 2);
    assert_int_equal(kit_say(&kit, VR_CMD_END, 1, 0), VR_OK);
    assert_true(kit.effects.over);
    cmd = kit_command(VR_CMD_SHOW, "ana");
    cmd->want = VR_SHOW_ANALYTICS;
    assert_int_equal(kit_do(&kit, cmd), VR_OK);
    assert_non_null(strstr(vr_blob_text(kit.answer.body), "\"joins\":3,\"unique\":2,\"peak\":2,"
                                                          "\"mean_stay_s\":66.7"));
    assert_non_null(
        strstr(vr_blob_text(kit.answer.body), "{\"name\":\"name of ana\",\"spoke_s\":1.5}"));
    kit_deinit(&kit);
}

static void test_update_and_schedule(void **state)
{
    struct vr_settings *settings = kit_settings("later");
    struct vr_command *cmd;
    struct kit kit;

    (void)state;
    kit_init(&kit, 3);
    settings->set |= VR_SET_STARTS_AT;
    settings->starts_at_wall = kit.at.wall + VR_SECONDS(3600);
    assert_int_equal(kit_create(&kit, "ana", settings), VR_OK);
    assert_int_equal(vr_room_phase(kit.room), VR_SCHEDULED);
    assert_int_equal(join_with(&kit, "ben", ""), VR_E_CONFLICT);
    assert_int_equal(kit_do(&kit, kit_command(VR_CMD_START, "ben")), VR_E_FORBIDDEN);
    assert_int_equal(kit_do(&kit, kit_command(VR_CMD_START, "ana")), VR_OK);
    assert_true(kit_join(&kit, "ben") != 0);
    cmd = kit_command(VR_CMD_UPDATE, "ana");
    cmd->settings = kit_settings("now");
    cmd->version = 1;
    assert_int_equal(kit_do(&kit, cmd), VR_E_STALE);
    cmd = kit_command(VR_CMD_UPDATE, "ana");
    cmd->settings = kit_settings("now");
    cmd->version = 2;
    assert_int_equal(kit_do(&kit, cmd), VR_OK);
    assert_true(kit_said(&kit, "room:updated", "\"title\":\"now\""));
    assert_int_equal(kit.answer.revision, 3);
    cmd = kit_command(VR_CMD_UPDATE, "mod"); /* a moderator by token: not the door */
    cmd->by.granted = VR_ROLE_MODERATOR;
    cmd->settings = kit_settings("mine");
    cmd->settings->set |= VR_SET_PASSCODE;
    assert_int_equal(kit_do(&kit, cmd), VR_E_FORBIDDEN);
    kit_deinit(&kit);
}

static void test_hidden_services(void **state)
{
    struct vr_command *cmd;
    struct kit kit;
    uint64_t digest;

    (void)state;
    start(&kit, NULL);
    assert_true(kit_join(&kit, "ana") == 1);
    digest = vr_room_digest(kit.room);
    cmd = kit_join_command(&kit, "recorder");
    cmd->by.hidden = true;
    cmd->by.granted = VR_ROLE_MODERATOR;
    assert_int_equal(kit_do(&kit, cmd), VR_OK);
    assert_null(kit_event(&kit, "room:participant-joined", 0));
    assert_int_equal(kit.answer.role, VR_ROLE_LISTENER);
    assert_true(vr_room_digest(kit.room) == digest);
    assert_int_equal(vr_room_counts(kit.room).participants, 1);
    assert_int_equal(vr_room_counts(kit.room).present, 2);
    assert_int_equal(kit_say(&kit, VR_CMD_KICK, 1, 2), VR_E_NOT_FOUND);
    cmd = kit_command(VR_CMD_SHOW, "ana");
    cmd->want = VR_SHOW_ANALYTICS;
    assert_int_equal(kit_do(&kit, cmd), VR_OK);
    assert_non_null(strstr(vr_blob_text(kit.answer.body), "\"joins\":1,\"unique\":1"));
    kit_deinit(&kit);
}

/* Everybody is found again by his name, however many there are. */
/* A second tab's join timed out before the room saw it; what undoes it leaves the first tab alone.
 */
static void test_undoing_a_join_that_never_was(void **state)
{
    static const enum vr_command_kind undo[] = {VR_CMD_LEAVE, VR_CMD_LOST};
    struct vr_command *join;
    struct vr_address first;
    struct kit kit;

    (void)state;
    start(&kit, NULL);
    join = kit_join_command(&kit, "ben");
    first = join->session;
    assert_int_equal(kit_do(&kit, join), VR_OK);
    for (int own = 0; own < 2; own++) {
        for (int i = 0; i < 2; i++) {
            struct vr_command *cmd = kit_command(undo[i], "ben");

            cmd->session = own ? first : vr_session_address((struct vr_id){77, 77});
            assert_int_equal(kit_do(&kit, cmd), VR_OK);
            assert_int_equal(vr_room_counts(kit.room).participants, own && i == 0 ? 0 : 1 - own);
        }
    }
    kit_deinit(&kit);
}

/* Each command of a stranger, also one that aims at a person, is answered as if nothing were there.
 */
static void test_private_room_is_hidden(void **state)
{
    struct vr_settings *settings = kit_settings("private");
    struct kit kit;

    (void)state;
    settings->set |= VR_SET_VISIBILITY;
    settings->visibility = VR_PRIVATE;
    start(&kit, settings);
    assert_true(kit_join(&kit, "ana") == 1);
    for (int kind = 0; kind < VR_CMD_KINDS; kind++) {
        struct vr_command *cmd = kit_command((enum vr_command_kind)kind, "eve");

        cmd->target = 1;
        if (kind == VR_CMD_CREATE || kind == VR_CMD_JOIN || kind == VR_CMD_RESUME ||
            kind == VR_CMD_LEAVE || kind == VR_CMD_LOST || kind == VR_CMD_RESTORE) {
            vr_command_free(cmd);
            continue;
        }
        assert_int_equal(kit_do(&kit, cmd), VR_E_NOT_FOUND);
        assert_string_equal(kit.answer.why, "no such room");
    }
    kit_deinit(&kit);
}

static enum vr_err join_with_limits(struct kit *kit, bool publish, bool subscribe, bool request)
{
    struct vr_command *cmd = kit_join_command(kit, "ben");

    cmd->by.granted = VR_ROLE_SPEAKER;
    cmd->by.no_publish = !publish;
    cmd->by.no_subscribe = !subscribe;
    cmd->by.no_request = !request;
    return kit_do(kit, cmd);
}

static const struct vr_effect *last_gate(const struct kit *kit)
{
    const struct vr_effect *found = NULL;

    for (uint32_t i = 0; i < kit->effects.count; i++) {
        if (kit->effects.items[i].kind == VR_EFFECT_GATE) {
            found = &kit->effects.items[i];
        }
    }
    assert_non_null(found);
    return found;
}

/* canPublish, canSubscribe and canRequestToSpeak hold whatever people in the room do, and whoever
 * comes back by his resume token alone does not shed them. */
static void test_limits_of_a_token(void **state)
{
    struct kit kit;

    (void)state;
    start(&kit, NULL);
    assert_true(kit_join(&kit, "ana") == 1);
    assert_int_equal(join_with_limits(&kit, false, true, true), VR_OK);
    assert_int_equal(kit.answer.role, VR_ROLE_LISTENER);
    assert_int_equal(kit_say(&kit, VR_CMD_HAND_RAISE, 2, 0), VR_E_FORBIDDEN);
    assert_int_equal(kit_say(&kit, VR_CMD_INVITE, 1, 2), VR_E_FORBIDDEN);
    assert_int_equal(kit_say(&kit, VR_CMD_MAKE_MODERATOR, 1, 2), VR_OK);
    assert_false(last_gate(&kit)->as.gate.may_send); /* moderates without a voice */
    assert_int_equal(resume(&kit, "", 2, 1), VR_OK);
    assert_false(last_gate(&kit)->as.gate.may_send);
    assert_int_equal(join_with_limits(&kit, true, false, false), VR_OK);
    assert_true(last_gate(&kit)->as.gate.may_send);
    assert_false(last_gate(&kit)->as.gate.may_hear);
    assert_int_equal(kit_say(&kit, VR_CMD_DEMOTE, 1, 2), VR_OK);
    assert_int_equal(kit_say(&kit, VR_CMD_HAND_RAISE, 2, 0), VR_E_FORBIDDEN);
    kit_deinit(&kit);
}

static void test_many_people(void **state)
{
    struct vr_settings *settings = kit_settings("many");
    struct kit kit;
    char user[16];

    (void)state;
    settings->set |= VR_SET_CAPACITY;
    settings->capacity = 300;
    start(&kit, settings);
    for (vr_participant_id id = 1; id <= 300; id++) {
        snprintf(user, sizeof(user), "u%u", id);
        assert_int_equal(kit_join(&kit, user), id);
    }
    assert_int_equal(join_with(&kit, "one more", ""), VR_E_ROOM_FULL);
    for (vr_participant_id id = 300; id >= 1; id--) {
        snprintf(user, sizeof(user), "u%u", id);
        assert_int_equal(kit_join(&kit, user), id);
        assert_int_equal(kit.answer.generation, 2);
    }
    assert_int_equal(vr_room_counts(kit.room).participants, 300);
    kit_deinit(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_private_by_invitation),
        cmocka_unit_test(test_passcode),
        cmocka_unit_test(test_locked_and_full),
        cmocka_unit_test(test_one_session_per_identity),
        cmocka_unit_test(test_resume_tokens),
        cmocka_unit_test(test_a_token_that_nobody_used),
        cmocka_unit_test(test_grace_is_over),
        cmocka_unit_test(test_two_mutes),
        cmocka_unit_test(test_demoted_stays_down),
        cmocka_unit_test(test_succession),
        cmocka_unit_test(test_no_host_for_strangers),
        cmocka_unit_test(test_hands),
        cmocka_unit_test(test_invitation_ends),
        cmocka_unit_test(test_ban_by_address_and_time),
        cmocka_unit_test(test_chat),
        cmocka_unit_test(test_repeat_has_no_second_effect),
        cmocka_unit_test(test_analytics),
        cmocka_unit_test(test_update_and_schedule),
        cmocka_unit_test(test_hidden_services),
        cmocka_unit_test(test_undoing_a_join_that_never_was),
        cmocka_unit_test(test_private_room_is_hidden),
        cmocka_unit_test(test_limits_of_a_token),
        cmocka_unit_test(test_many_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
