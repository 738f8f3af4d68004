/* Goal: every pair of (command, role of who asks, role of the target, phase) gives what is written
 * down here, by a real room; and a refusal changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/room/room_kit.h"
#include "actors/room/state.h"

/* Who asks: the rows. */
enum { OUT, LIS, SPK, MOD, HOST, ADM, ASKERS };
/* Whom: the columns. */
enum { NONE, AT_LIS, AT_SPK, AT_MOD, AT_HOST, AT_CREATOR, TARGETS };

static const char *const askers[] = {"outsider",  "listener", "speaker",
                                     "moderator", "host",     "admin"};

/* k fine, f forbidden, c conflict, b bad request, g gone, e exists. Columns: no target, a listener,
 * a speaker, a moderator, the host, the creator (a moderator here, for he has given the room to the
 * host). The host aimed at himself is like no target. A listener's hand is up, all are muted by
 * themselves, an invitation is out to the asking listener. */
/* clang-format off */
static const struct {
    enum vr_command_kind kind;
    const char *active[ASKERS];
} expected[] = {
    /*                         outsider  listener  speaker   moderator host      admin (not in the room) */
    { VR_CMD_CREATE,         { "eeeeee", "eeeeee", "eeeeee", "eeeeee", "eeeeee", "eeeeee" } },
    { VR_CMD_START,          { "ffffff", "ffffff", "ffffff", "ffffff", "cccccc", "cccccc" } },
    { VR_CMD_JOIN,           { "kkkkkk", "kkkkkk", "kkkkkk", "kkkkkk", "kkkkkk", "kkkkkk" } },
    { VR_CMD_RESUME,         { "gggggg", "kkkkkk", "kkkkkk", "kkkkkk", "kkkkkk", "gggggg" } },
    { VR_CMD_LEAVE,          { "kkkkkk", "kkkkkk", "kkkkkk", "kkkkkk", "kkkkkk", "kkkkkk" } },
    { VR_CMD_LOST,           { "kkkkkk", "kkkkkk", "kkkkkk", "kkkkkk", "kkkkkk", "kkkkkk" } },
    { VR_CMD_SNAPSHOT,       { "ffffff", "kkkkkk", "kkkkkk", "kkkkkk", "kkkkkk", "ffffff" } },
    { VR_CMD_HAND_RAISE,     { "ffffff", "kfffff", "cfffff", "cfffff", "cfffcf", "ffffff" } },
    { VR_CMD_HAND_LOWER,     { "ffffff", "kfffff", "kfffff", "kkkkkk", "kkkkkk", "fkkkkk" } },
    { VR_CMD_MUTE,           { "ffffff", "kfffff", "kfffff", "kkkfff", "kkkkkk", "fkkkkk" } },
    { VR_CMD_UNMUTE,         { "ffffff", "kfffff", "kfffff", "kkkkkk", "kkkkkk", "fkkkkk" } },
    { VR_CMD_MUTE_ALL,       { "ffffff", "ffffff", "ffffff", "kkkkkk", "kkkkkk", "kkkkkk" } },
    { VR_CMD_ASK_UNMUTE,     { "bfffff", "bfffff", "bfffff", "bkkkkk", "bkkkbk", "bkkkkk" } },
    { VR_CMD_PROMOTE,        { "bfffff", "bfffff", "bfffff", "bkcccc", "bkccbc", "bkcccc" } },
    { VR_CMD_DEMOTE,         { "ffffff", "ffffff", "kfffff", "kckfff", "cckkcf", "fckkcf" } },
    { VR_CMD_INVITE,         { "bfffff", "bfffff", "bfffff", "bkcccc", "bkccbc", "bkcccc" } },
    { VR_CMD_ACCEPT,         { "ffffff", "kkkkkk", "cccccc", "cccccc", "cccccc", "ffffff" } },
    { VR_CMD_DECLINE,        { "ffffff", "kkkkkk", "cccccc", "cccccc", "cccccc", "ffffff" } },
    { VR_CMD_MAKE_MODERATOR, { "bfffff", "bfffff", "bfffff", "bfffff", "bkkcbc", "bkkccc" } },
    { VR_CMD_TRANSFER_HOST,  { "bfffff", "bfffff", "bfffff", "bfffff", "bkkkbk", "bkkkck" } },
    { VR_CMD_KICK,           { "bfffff", "bfffff", "bfffff", "bkkfff", "bkkkbf", "bkkkkf" } },
    { VR_CMD_BAN,            { "bfffff", "bfffff", "bfffff", "bkkfff", "bkkkbf", "bkkkkf" } },
    { VR_CMD_UNBAN,          { "ffffff", "ffffff", "ffffff", "kkkkkk", "kkkkkk", "kkkkkk" } },
    { VR_CMD_LOCK,           { "ffffff", "ffffff", "ffffff", "kkkkkk", "kkkkkk", "kkkkkk" } },
    { VR_CMD_UPDATE,         { "ffffff", "ffffff", "ffffff", "kkkkkk", "kkkkkk", "kkkkkk" } },
    { VR_CMD_END,            { "ffffff", "ffffff", "ffffff", "ffffff", "kkkkkk", "kkkkkk" } },
    { VR_CMD_DELETE,         { "ffffff", "ffffff", "ffffff", "ffffff", "cccccc", "kkkkkk" } },
    { VR_CMD_REPORT,         { "bfffff", "bkkkkk", "bkkkkk", "bkkkkk", "bkkkbk", "bkkkkk" } },
    { VR_CMD_REACTION,       { "ffffff", "kkkkkk", "kkkkkk", "kkkkkk", "kkkkkk", "ffffff" } },
    { VR_CMD_CHAT,           { "ffffff", "kkkkkk", "kkkkkk", "kkkkkk", "kkkkkk", "ffffff" } },
    { VR_CMD_CHAT_DELETE,    { "ffffff", "ffffff", "ffffff", "kkkkkk", "kkkkkk", "kkkkkk" } },
    { VR_CMD_QUALITY,        { "ffffff", "kkkkkk", "kkkkkk", "kkkkkk", "kkkkkk", "ffffff" } },
    { VR_CMD_SPOKE,          { "kkkkkk", "kkkkkk", "kkkkkk", "kkkkkk", "kkkkkk", "kkkkkk" } },
    { VR_CMD_SHOW,           { "kkkkkk", "kkkkkk", "kkkkkk", "kkkkkk", "kkkkkk", "kkkkkk" } },
    { VR_CMD_MOVE,           { "bfffff", "bfffff", "bfffff", "bfffff", "bfffbf", "bkkkkk" } },
    { VR_CMD_RESTORE,        { "ffffff", "ffffff", "ffffff", "ffffff", "ffffff", "eeeeee" } },
};
/* clang-format on */
_Static_assert(sizeof(expected) / sizeof(expected[0]) == VR_CMD_KINDS, "every command is judged");

/* Where a scheduled or an ended room answers otherwise than an active one. */
static char expect(size_t row, int asker, int target, enum vr_phase phase)
{
    enum vr_command_kind kind = expected[row].kind;
    char active = expected[row].active[asker][target];

    if (phase == VR_SCHEDULED) {
        if (kind == VR_CMD_HAND_RAISE || kind == VR_CMD_HAND_LOWER || kind == VR_CMD_REACTION) {
            return 'c';
        }
        if (kind == VR_CMD_START && asker >= HOST) {
            return 'k';
        }
        if (kind == VR_CMD_JOIN && asker == OUT) {
            return 'c';
        }
    }
    if (phase == VR_ENDED) {
        if (kind == VR_CMD_DELETE) {
            return asker >= HOST ? 'k' : 'f';
        }
        if (kind == VR_CMD_CREATE || kind == VR_CMD_LEAVE || kind == VR_CMD_LOST ||
            kind == VR_CMD_SPOKE || kind == VR_CMD_SHOW || kind == VR_CMD_RESTORE) {
            return active;
        }
        return 'g';
    }
    return active;
}

static char letter(enum vr_err err)
{
    switch ((int)err) {
    case VR_OK:
        return 'k';
    case VR_E_FORBIDDEN:
        return 'f';
    case VR_E_CONFLICT:
        return 'c';
    case VR_E_BAD_REQUEST:
        return 'b';
    case VR_E_GONE:
        return 'g';
    case VR_E_EXISTS:
        return 'e';
    default:
        return '?';
    }
}

struct cast {
    struct kit kit;
    vr_participant_id ask[ASKERS];
    vr_participant_id at[TARGETS];
    struct vr_id chat;
};

static void invite(struct cast *cast, vr_participant_id host, vr_participant_id who)
{
    assert_int_equal(kit_say(&cast->kit, VR_CMD_INVITE, host, who), VR_OK);
}

static void set_up(struct cast *cast, enum vr_phase phase)
{
    struct kit *kit = &cast->kit;
    struct vr_command *cmd;

    memset(cast, 0, sizeof(*cast));
    kit_init(kit, 5);
    assert_int_equal(kit_create(kit, "creator", NULL), VR_OK);
    cast->at[AT_CREATOR] = kit_join(kit, "creator");
    cast->ask[HOST] = cast->at[AT_HOST] = kit_join(kit, "host");
    assert_int_equal(kit_say(kit, VR_CMD_TRANSFER_HOST, cast->at[AT_CREATOR], cast->ask[HOST]),
                     VR_OK);
    cast->ask[LIS] = kit_join(kit, "listener");
    cast->at[AT_LIS] = kit_join(kit, "listener2");
    cast->ask[SPK] = kit_join_as(kit, "speaker", VR_ROLE_SPEAKER);
    cast->at[AT_SPK] = kit_join_as(kit, "speaker2", VR_ROLE_SPEAKER);
    cast->ask[MOD] = kit_join_as(kit, "moderator", VR_ROLE_MODERATOR);
    cast->at[AT_MOD] = kit_join_as(kit, "moderator2", VR_ROLE_MODERATOR);
    assert_int_equal(kit_say(kit, VR_CMD_HAND_RAISE, cast->at[AT_LIS], 0), VR_OK);
    for (int i = AT_LIS; i < TARGETS; i++) {
        assert_int_equal(kit_say(kit, VR_CMD_MUTE, cast->at[i], 0), VR_OK);
    }
    invite(cast, cast->ask[HOST], cast->ask[LIS]);
    cmd = kit_by(kit, VR_CMD_BAN, cast->ask[HOST], 0);
    snprintf(cmd->target_user, sizeof(cmd->target_user), "bad");
    assert_int_equal(kit_do(kit, cmd), VR_OK);
    cmd = kit_by(kit, VR_CMD_CHAT, cast->at[AT_LIS], 0);
    kit_text(cmd, "hello");
    assert_int_equal(kit_do(kit, cmd), VR_OK);
    assert_non_null(kit->answer.body);
    {
        char text[VR_ID_TEXT];

        memcpy(text, kit->answer.body->data + 12, 26);
        text[26] = 0;
        assert_true(vr_id_parse(text, &cast->chat));
    }
    kit->room->phase = phase; /* no command leads back to scheduled with people inside */
}

static struct vr_command *ask(struct cast *cast, enum vr_command_kind kind, int asker, int target)
{
    struct kit *kit = &cast->kit;
    struct vr_command *cmd;

    if (asker == OUT || asker == ADM) {
        cmd = kit_command(kind, askers[asker]);
        cmd->by.admin = asker == ADM;
        cmd->target = cast->at[target];
    } else {
        cmd = kit_by(kit, kind, cast->ask[asker], cast->at[target]);
    }
    cmd->session = vr_session_address((struct vr_id){8, 8});
    cmd->message = kind == VR_CMD_CHAT_DELETE ? cast->chat : (struct vr_id){0};
    cmd->flag = kind != VR_CMD_RESUME; /* there it is the session itself that speaks */
    cmd->want = VR_SHOW_STATE;
    if (kind == VR_CMD_UPDATE || kind == VR_CMD_CREATE) {
        cmd->settings = kit_settings("another title");
    }
    if (kind == VR_CMD_UNBAN) {
        snprintf(cmd->target_user, sizeof(cmd->target_user), "bad");
    }
    if (kind == VR_CMD_CHAT || kind == VR_CMD_REACTION || kind == VR_CMD_REPORT) {
        kit_text(cmd, "text");
    }
    return cmd;
}

static void test_walk(void **state)
{
    uint32_t walked = 0;

    (void)state;
    for (size_t row = 0; row < VR_CMD_KINDS; row++) {
        assert_int_equal(expected[row].kind, row);
        for (int pair = 0; pair < ASKERS * TARGETS * 3; pair++) {
            int asker = pair % ASKERS;
            int target = pair / ASKERS % TARGETS;
            enum vr_phase phase = (enum vr_phase)(pair / ASKERS / TARGETS);
            struct cast cast;
            uint64_t sequence;
            uint64_t digest;
            char got;

            set_up(&cast, phase);
            sequence = vr_room_sequence(cast.kit.room);
            digest = vr_room_digest(cast.kit.room);
            got = letter(kit_do(&cast.kit, ask(&cast, expected[row].kind, asker, target)));
            if (got != expect(row, asker, target, phase)) {
                fail_msg("%s by %s, target %d, %s: '%c' (%s), expected '%c'",
                         vr_command_name(expected[row].kind), askers[asker], target,
                         vr_phase_name(phase), got, cast.kit.answer.why,
                         expect(row, asker, target, phase));
            }
            if (got != 'k') {
                assert_int_equal(vr_room_sequence(cast.kit.room), sequence);
                assert_true(vr_room_digest(cast.kit.room) == digest);
                assert_int_equal(cast.kit.effects.count, 0);
                assert_false(cast.kit.effects.durable);
            }
            kit_deinit(&cast.kit);
            walked++;
        }
    }
    assert_int_equal(walked, VR_CMD_KINDS * ASKERS * TARGETS * 3);
}

/* The moves between roles: everything that is not written here is no move. */
static void test_role_moves(void **state)
{
    /* clang-format off */
    static const char *const to[ROLE_MOVES] = { /* from listener, speaker, moderator, host */
        [MOVE_PROMOTED]   = "s---",
        [MOVE_DEMOTED]    = "-ll-",
        [MOVE_MODERATOR]  = "mm--",
        [MOVE_HOST]       = "hhh-",
        [MOVE_HOST_GIVEN] = "---m",
    };
    /* clang-format on */

    (void)state;
    for (int move = 0; move < ROLE_MOVES; move++) {
        for (int from = 0; from < VR_ROLES; from++) {
            enum vr_role after = VR_ROLES;
            bool moves = role_after((enum role_move)move, (enum vr_role)from, &after);
            int got = moves ? vr_role_name(after)[0] : '-';

            assert_int_equal(got, to[move][from]);
        }
    }
}

static void test_life_moves(void **state)
{
    (void)state;
    for (int kind = 0; kind < VR_CMD_KINDS; kind++) {
        for (int from = 0; from <= VR_ENDED; from++) {
            enum vr_phase to = VR_SCHEDULED;
            bool moves = life_after((enum vr_command_kind)kind, (enum vr_phase)from, &to);
            bool starts = kind == VR_CMD_START && from == VR_SCHEDULED;
            bool ends = kind == VR_CMD_END && from != VR_ENDED;

            assert_int_equal(moves, starts || ends);
            if (moves) {
                assert_int_equal(to, starts ? VR_ACTIVE : VR_ENDED);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_role_moves),
        cmocka_unit_test(test_life_moves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
