/* Goal: every request of docs/protocol.md is understood, every field is held to its bounds with an
 * error that names it, and answers are valid JSON whatever texts they carry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/wire/client_json.h"

#define ID "00000000000000000000000001"

static struct vr_client_msg sound(const char *text)
{
    struct vr_client_msg msg;
    struct vr_why why = {0};

    if (vr_client_msg_parse(vr_bytes_of(text), &msg, &why) != VR_OK) {
        fail_msg("%s: %s", text, why.text);
    }
    return msg;
}

static struct vr_client_msg sound_body(const char *text, enum vr_command_kind kind)
{
    struct vr_client_msg msg;
    struct vr_why why = {0};

    if (vr_client_body_parse(vr_bytes_of(text), kind, &msg, &why) != VR_OK) {
        fail_msg("%s: %s", text, why.text);
    }
    return msg;
}

static void understands_commands(void **state)
{
    struct vr_client_msg msg =
        sound("{\"type\":\"room:ban\",\"id\":\"7\",\"participant\":17,\"reason\":\" rude\\nvery \","
              "\"duration_s\":60,\"by_address\":true,\"unknown\":[1]}");

    (void)state;
    assert_true(msg.is_command);
    assert_int_equal(msg.kind, VR_CMD_BAN);
    assert_string_equal(msg.type, "room:ban");
    assert_string_equal(msg.id, "7");
    assert_int_equal(msg.command->kind, VR_CMD_BAN);
    assert_int_equal(msg.command->target, 17);
    assert_string_equal(vr_blob_text(msg.command->text), "rude\nvery");
    assert_int_equal(msg.command->duration_s, 60);
    assert_true(msg.command->flag);
    vr_client_msg_deinit(&msg);

    msg = sound("{\"type\":\"room:unmute\",\"id\":7,\"version\":4}");
    assert_int_equal(msg.command->version, 4);
    assert_int_equal(msg.command->target, 0);
    vr_client_msg_deinit(&msg);

    msg = sound("{\"type\":\"room:unban\",\"ban\":\"" ID "\"}");
    assert_int_equal(msg.command->message.lo, 1);
    vr_client_msg_deinit(&msg);

    msg = sound("{\"type\":\"room:lock\",\"locked\":false}");
    assert_false(msg.command->flag);
    vr_client_msg_deinit(&msg);

    msg = sound("{\"type\":\"room:chat\",\"text\":\"a\\nb \\u00e4\"}");
    assert_string_equal(vr_blob_text(msg.command->text), "a\nb \xc3\xa4");
    vr_client_msg_deinit(&msg);

    msg = sound("{\"type\":\"room:quality\",\"report\":{\"loss\": 0.5}}");
    assert_string_equal(vr_blob_text(msg.command->text), "{\"loss\":0.5}");
    vr_client_msg_deinit(&msg);

    msg = sound("{\"type\":\"room:join\",\"room\":\"" ID
                "\",\"protocol\":1,\"capabilities\":[\"red\",\"pack60\",\"x\"],"
                "\"sdp\":\"v=0\\r\\n\",\"passcode\":\" as typed \"}");
    assert_string_equal(msg.room, ID);
    assert_true(msg.red && msg.pack60);
    assert_int_equal(msg.protocol, 1);
    assert_string_equal(vr_blob_text(msg.sdp), "v=0\r\n");
    assert_string_equal(msg.command->passcode, " as typed ");
    vr_client_msg_deinit(&msg);

    msg = sound("{\"type\":\"room:resume\",\"room\":\"" ID
                "\",\"resume_token\":\"abc\",\"token\":\"j.w.t\"}");
    assert_int_equal(msg.kind, VR_CMD_RESUME);
    assert_string_equal(msg.resume_token, "abc");
    assert_string_equal(msg.access_token, "j.w.t");
    assert_null(msg.sdp);
    vr_client_msg_deinit(&msg);
}

static void sessions_own_messages(void **state)
{
    struct vr_client_msg msg = sound("{\"type\":\"session:hello\",\"id\":1,\"token\":\"a.b.c\"}");

    (void)state;
    assert_false(msg.is_command);
    assert_null(msg.command);
    assert_string_equal(msg.access_token, "a.b.c");
    vr_client_msg_deinit(&msg);
    msg = sound("{\"type\":\"room:webrtc:offer\",\"sdp\":\"v=0\"}");
    assert_false(msg.is_command);
    assert_string_equal(vr_blob_text(msg.sdp), "v=0");
    vr_client_msg_deinit(&msg);
    msg = sound("{\"type\":\"room:webrtc:ice-candidate\",\"candidate\":{\"any\":1}}");
    assert_false(msg.is_command);
    vr_client_msg_deinit(&msg);
}

/* Every `room:...` in the first column of the table of requests. */
static void knows_all_that_the_docs_name(void **state)
{
    char line[8192];
    bool requests = false;
    unsigned found = 0;
    FILE *file = fopen(VR_PROTOCOL_MD, "r");

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        char *end = strchr(line + 1, '|');

        requests = strncmp(line, "| request |", 11) == 0 || (requests && line[0] == '|');
        if (!requests || end == NULL) {
            continue;
        }
        *end = 0;
        for (char *p = line; (p = strstr(p, "`room:")) != NULL;) {
            char text[128];
            struct vr_client_msg msg;
            struct vr_why why = {0};
            char *stop = strchr(p + 1, '`');

            assert_non_null(stop);
            snprintf(text, sizeof(text), "{\"type\":\"%.*s\"}", (int)(stop - p - 1), p + 1);
            if (vr_client_msg_parse(vr_bytes_of(text), &msg, &why) == VR_E_UNKNOWN_MSG) {
                fail_msg("%s", why.text);
            }
            vr_client_msg_deinit(&msg);
            found++;
            p = stop + 1;
        }
    }
    fclose(file);
    assert_true(found >= 28);
}

static void reads_settings(void **state)
{
    struct vr_client_msg msg =
        sound_body("{\"title\":\"  Oak  "
                   "\",\"topic\":\"trees\",\"description\":\"a\\nb\",\"language\":\"de-AT\","
                   "\"tags\":[\" one "
                   "\",\"two\"],\"visibility\":\"private\",\"passcode\":\"p\",\"capacity\":10,"
                   "\"speaker_capacity\":5,\"slow_hand_s\":30,\"entry\":\"speak\",\"starts_at\":"
                   "\"2026-11-22T16:00:00Z\","
                   "\"invited\":[\"ana\",\"bob\"]}",
                   VR_CMD_CREATE);
    const struct vr_settings *s = msg.command->settings;

    (void)state;
    assert_string_equal(s->title, "Oak");
    assert_string_equal(s->topic, "trees");
    assert_string_equal(s->description, "a\nb");
    assert_string_equal(s->language, "de-AT");
    assert_int_equal(s->tag_count, 2);
    assert_string_equal(s->tags[0], "one");
    assert_int_equal(s->visibility, VR_PRIVATE);
    assert_string_equal(s->passcode, "p");
    assert_int_equal(s->capacity, 10);
    assert_int_equal(s->speaker_capacity, 5);
    assert_int_equal(s->slow_hand_s, 30);
    assert_int_equal(s->entry, VR_ENTRY_SPEAKS);
    assert_int_equal(s->starts_at_wall, 1795363200LL * 1000000);
    assert_int_equal(s->invited_count, 2);
    assert_string_equal(s->invited[1], "bob");
    assert_int_equal(s->set, (VR_SET_INVITED << 1) - 1 - VR_SET_LOCKED);
    vr_client_msg_deinit(&msg);

    /* An update carries what is there and nothing else. */
    msg = sound("{\"type\":\"room:update\",\"revision\":12,\"passcode\":\"\",\"tags\":[],\"starts_"
                "at\":null,\"topic\":null}");
    assert_int_equal(msg.command->settings->set, VR_SET_PASSCODE | VR_SET_TAGS | VR_SET_STARTS_AT);
    assert_int_equal(msg.command->version, 12);
    assert_string_equal(msg.command->settings->passcode, "");
    vr_client_msg_deinit(&msg);
}

static void reads_times(void **state)
{
    /* clang-format off */
    static const struct { const char *text; long long want_us; } rows[] = {
        { "1970-01-01T00:00:01Z",          1000000 },
        { "2026-11-22T16:00:00Z",          1795363200000000 },
        { "2026-11-22t16:00:00z",          1795363200000000 },
        { "2026-11-22T16:00:00.25Z",       1795363200250000 },
        { "2026-11-22T16:00:00.123456789Z", 1795363200123456 },
        { "2026-11-22T18:30:00+02:30",     1795363200000000 },
        { "2026-11-22T08:00:00-08:00",     1795363200000000 },
        { "2028-02-29T00:00:00Z",          1835395200000000 },
        { "2026-02-29T00:00:00Z",  -1 }, { "2026-13-01T00:00:00Z",  -1 }, { "2026-00-01T00:00:00Z",  -1 },
        { "2026-11-31T00:00:00Z",  -1 }, { "2026-11-22T24:00:00Z",  -1 }, { "2026-11-22T16:60:00Z",  -1 },
        { "2026-11-22T16:00:60Z",  -1 }, { "2026-11-22T16:00:00",   -1 }, { "2026-11-22 16:00:00Z",  -1 },
        { "2026-11-22T16:00Z",     -1 }, { "2026-11-22T16:00:00.Z", -1 }, { "2026-11-22T16:00:00+2:00", -1 },
        { "2026-11-22T16:00:00+24:00", -1 }, { "1969-12-31T23:59:59Z", -1 }, { "1970-01-01T00:00:00Z", -1 },
        { "2026-11-22T16:00:00Zx", -1 }, { "2026-11-22T16:00:00.1234567890Z", -1 }, { "", -1 }, { "now", -1 },
        { "2026-1a-22T16:00:00Z",  -1 }, { "+026-11-22T16:00:00Z", -1 },
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[128];
        struct vr_client_msg msg;
        struct vr_why why = {0};
        enum vr_err err;

        snprintf(text, sizeof(text), "{\"title\":\"t\",\"starts_at\":\"%s\"}", rows[i].text);
        err = vr_client_body_parse(vr_bytes_of(text), VR_CMD_CREATE, &msg, &why);
        if (rows[i].want_us < 0) {
            assert_int_equal(err, VR_E_UNPROCESSABLE);
            assert_non_null(strstr(why.text, "starts_at: "));
        } else {
            assert_int_equal(err, VR_OK);
            assert_int_equal(msg.command->settings->starts_at_wall, rows[i].want_us);
        }
        vr_client_msg_deinit(&msg);
    }
}

/* `ROOM(x)`: creation with a title and x. */
#define ROOM(more) "{\"title\":\"t\"," more "}"

/* clang-format off */
static const struct { const char *text; enum vr_err err; const char *why; } refused[] = {
    { "",                                                      VR_E_BAD_WIRE, "" },
    { "x",                                                     VR_E_BAD_WIRE, "JSON" },
    { "[]",                                                    VR_E_BAD_WIRE, "object" },
    { "1",                                                     VR_E_BAD_WIRE, "JSON" },
    { "{}",                                                    VR_E_BAD_WIRE, "type" },
    { "{\"type\":5}",                                          VR_E_BAD_WIRE, "type" },
    { "{\"type\":null}",                                       VR_E_BAD_WIRE, "type" },
    { "{\"type\":\"room:mute\"} x",                            VR_E_BAD_WIRE, "JSON" },
    { "{\"type\":\"room:mute\",\"type\":\"room:leave\"}",      VR_E_BAD_WIRE, "twice" },
    { "{\"type\":\"room:\xff\"}",                              VR_E_BAD_WIRE, "JSON" },
    { "{\"type\":\"room:mute\\u0000\"}",                       VR_E_BAD_WIRE, "JSON" },
    { "{\"type\":\"room:mute\",\"x\":[[[[[[[[[]]]]]]]]]}",     VR_E_BAD_WIRE, "deep" },
    { "{\"type\":\"room:explode\"}",                           VR_E_UNKNOWN_MSG, "room:explode" },
    { "{\"type\":\"\"}",                                       VR_E_UNKNOWN_MSG, "" },
    { "{\"type\":\"Room:mute\"}",                              VR_E_UNKNOWN_MSG, "Room:mute" },
    { "{\"type\":\"create\"}",                                 VR_E_UNKNOWN_MSG, "create" },
    { "{\"type\":\"room:mute\",\"id\":[]}",                    VR_E_UNPROCESSABLE, "id: " },
    { "{\"type\":\"room:mute\",\"id\":1.5}",                   VR_E_UNPROCESSABLE, "id: " },
    { "{\"type\":\"room:mute\",\"id\":\"a\\u0001\"}",          VR_E_UNPROCESSABLE, "id: " },
    { "{\"type\":\"room:mute\",\"participant\":0}",            VR_E_UNPROCESSABLE, "participant: a whole number from 1 to 4294967295" },
    { "{\"type\":\"room:mute\",\"participant\":-1}",           VR_E_UNPROCESSABLE, "participant: " },
    { "{\"type\":\"room:mute\",\"participant\":4294967296}",   VR_E_UNPROCESSABLE, "participant: " },
    { "{\"type\":\"room:mute\",\"participant\":1.0}",          VR_E_UNPROCESSABLE, "participant: " },
    { "{\"type\":\"room:mute\",\"participant\":\"1\"}",        VR_E_UNPROCESSABLE, "participant: " },
    { "{\"type\":\"room:promote\"}",                           VR_E_UNPROCESSABLE, "participant: " },
    { "{\"type\":\"room:promote\",\"participant\":null}",      VR_E_UNPROCESSABLE, "participant: " },
    { "{\"type\":\"room:unmute\",\"version\":-1}",             VR_E_UNPROCESSABLE, "version: " },
    { "{\"type\":\"room:lock\"}",                              VR_E_UNPROCESSABLE, "locked: true or false" },
    { "{\"type\":\"room:lock\",\"locked\":1}",                 VR_E_UNPROCESSABLE, "locked: true or false" },
    { "{\"type\":\"room:ban\"}",                               VR_E_UNPROCESSABLE, "participant: " },
    { "{\"type\":\"room:ban\",\"participant\":1,\"user\":\"u\"}", VR_E_UNPROCESSABLE, "participant: " },
    { "{\"type\":\"room:ban\",\"user\":\"\"}",                 VR_E_UNPROCESSABLE, "user: " },
    { "{\"type\":\"room:ban\",\"user\":\"u\",\"duration_s\":315360001}", VR_E_UNPROCESSABLE, "duration_s: a whole number from 0 to 315360000" },
    { "{\"type\":\"room:ban\",\"user\":\"u\",\"by_address\":\"yes\"}", VR_E_UNPROCESSABLE, "by_address: " },
    { "{\"type\":\"room:unban\"}",                             VR_E_UNPROCESSABLE, "ban: " },
    { "{\"type\":\"room:unban\",\"ban\":\"7\"}",               VR_E_UNPROCESSABLE, "ban: an id of 26 characters" },
    { "{\"type\":\"room:unban\",\"ban\":\"u000000000000000000000000u\"}", VR_E_UNPROCESSABLE, "ban: " },
    { "{\"type\":\"room:report\",\"participant\":1}",          VR_E_UNPROCESSABLE, "reason: text of 1 to 2000 bytes" },
    { "{\"type\":\"room:report\",\"participant\":1,\"reason\":\"  \"}", VR_E_UNPROCESSABLE, "reason: " },
    { "{\"type\":\"room:reaction\"}",                          VR_E_UNPROCESSABLE, "reaction: " },
    { "{\"type\":\"room:reaction\",\"reaction\":\"12345678901234567\"}", VR_E_UNPROCESSABLE, "reaction: text of 1 to 16 bytes" },
    { "{\"type\":\"room:reaction\",\"reaction\":\"a\\nb\"}",   VR_E_UNPROCESSABLE, "reaction: " },
    { "{\"type\":\"room:chat\",\"text\":\" \\n \"}",           VR_E_UNPROCESSABLE, "text: text of 1 to 2000 bytes" },
    { "{\"type\":\"room:chat\",\"text\":\"a\\tb\"}",           VR_E_UNPROCESSABLE, "text: " },
    { "{\"type\":\"room:chat\",\"text\":\"a\\u001b[2J\"}",     VR_E_UNPROCESSABLE, "text: " },
    { "{\"type\":\"room:chat\",\"text\":\"a\\u009b2J\"}",      VR_E_UNPROCESSABLE, "text: " },
    { "{\"type\":\"room:chat-delete\"}",                       VR_E_UNPROCESSABLE, "message: " },
    { "{\"type\":\"room:quality\",\"report\":[]}",             VR_E_UNPROCESSABLE, "report: an object" },
    { "{\"type\":\"room:join\"}",                              VR_E_UNPROCESSABLE, "room: an id" },
    { "{\"type\":\"room:join\",\"room\":\"oak\"}",             VR_E_UNPROCESSABLE, "room: an id" },
    { "{\"type\":\"room:join\",\"room\":\"" ID "\",\"protocol\":0}", VR_E_UNPROCESSABLE, "protocol: " },
    { "{\"type\":\"room:join\",\"room\":\"" ID "\",\"capabilities\":\"red\"}", VR_E_UNPROCESSABLE, "capabilities: a list" },
    { "{\"type\":\"room:join\",\"room\":\"" ID "\",\"capabilities\":[1]}", VR_E_UNPROCESSABLE, "capabilities: " },
    { "{\"type\":\"room:join\",\"room\":\"" ID "\",\"capabilities\":[\"\",\"\"]}", VR_E_UNPROCESSABLE, "capabilities: " },
    { "{\"type\":\"room:join\",\"room\":\"" ID "\",\"sdp\":\"\"}", VR_E_UNPROCESSABLE, "sdp: " },
    { "{\"type\":\"room:join\",\"room\":\"" ID "\",\"sdp\":{}}", VR_E_UNPROCESSABLE, "sdp: " },
    { "{\"type\":\"room:resume\",\"room\":\"" ID "\"}",        VR_E_UNPROCESSABLE, "resume_token: " },
    { "{\"type\":\"session:hello\"}",                          VR_E_UNPROCESSABLE, "token: " },
    { "{\"type\":\"session:hello\",\"token\":7}",              VR_E_UNPROCESSABLE, "token: " },
    { "{\"type\":\"room:webrtc:offer\"}",                      VR_E_UNPROCESSABLE, "sdp: " },
    { "{\"type\":\"room:update\",\"title\":\"\"}",             VR_E_UNPROCESSABLE, "title: text of 1 to 120 bytes" },
    { "{\"type\":\"room:update\",\"title\":\"a\\nb\"}",        VR_E_UNPROCESSABLE, "title: " },
    { "{\"type\":\"room:update\",\"visibility\":\"secret\"}",  VR_E_UNPROCESSABLE, "visibility: one of public, unlisted, private" },
    { "{\"type\":\"room:update\",\"entry\":\"Speak\"}",        VR_E_UNPROCESSABLE, "entry: one of listen, speak" },
    { "{\"type\":\"room:update\",\"capacity\":1000001}",       VR_E_UNPROCESSABLE, "capacity: a whole number from 0 to 1000000" },
    { "{\"type\":\"room:update\",\"slow_hand_s\":true}",       VR_E_UNPROCESSABLE, "slow_hand_s: " },
    { "{\"type\":\"room:update\",\"tags\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}", VR_E_UNPROCESSABLE, "tags: a list of at most 8 texts of 1 to 32 bytes" },
    { "{\"type\":\"room:update\",\"tags\":[\" \"]}",           VR_E_UNPROCESSABLE, "tags: " },
    { "{\"type\":\"room:update\",\"tags\":[\"123456789012345678901234567890123\"]}", VR_E_UNPROCESSABLE, "tags: " },
    { "{\"type\":\"room:update\",\"language\":\"12345678901234567\"}", VR_E_UNPROCESSABLE, "language: " },
    { "{\"type\":\"room:update\",\"invited\":[5]}",            VR_E_UNPROCESSABLE, "invited: " },
    { "{\"type\":\"room:update\",\"revision\":\"12\"}",        VR_E_UNPROCESSABLE, "revision: " },
};
/* clang-format on */

static void refuses_by_name_of_the_field(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct vr_client_msg msg;
        struct vr_why why = {0};
        enum vr_err err = vr_client_msg_parse(vr_bytes_of(refused[i].text), &msg, &why);

        if (err != refused[i].err || why.code != err || strstr(why.text, refused[i].why) == NULL) {
            fail_msg("%s: %d '%s'", refused[i].text, err, why.text);
        }
        vr_client_msg_deinit(&msg);
    }
}

/* Texts at their bound and one byte over it, in characters of two bytes. */
static void counts_bytes(void **state)
{
    static const struct {
        const char *format;
        unsigned max;
    } rows[] = {
        {"{\"type\":\"room:update\",\"title\":\"%s\"}", VR_TITLE_MAX},
        {"{\"type\":\"room:update\",\"description\":\"%s\"}", VR_TEXT_MAX},
        {"{\"type\":\"room:update\",\"topic\":\"%s\"}", VR_TAG_MAX},
        {"{\"type\":\"room:update\",\"passcode\":\"%s\"}", 64},
        {"{\"type\":\"room:update\",\"tags\":[\"%s\"]}", VR_TAG_MAX},
        {"{\"type\":\"room:update\",\"invited\":[\"%s\"]}", VR_USER_MAX},
        {"{\"type\":\"room:chat\",\"text\":\"%s\"}", VR_TEXT_MAX},
        {"{\"type\":\"room:end\",\"reason\":\"%s\"}", VR_TEXT_MAX},
        {"{\"type\":\"room:ban\",\"user\":\"%s\"}", VR_USER_MAX},
        {"{\"type\":\"session:ping\",\"id\":\"%s\"}", VR_CLIENT_ID_MAX},
        {"{\"type\":\"session:hello\",\"token\":\"%s\"}", 8192},
        {"{\"type\":\"room:resume\",\"room\":\"" ID "\",\"resume_token\":\"%s\"}", 299},
    };
    static char filler[9000];
    static char text[10000];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned over = 0; over < 2; over++) {
            unsigned size = rows[i].max + over;
            struct vr_client_msg msg;
            enum vr_err err;

            for (unsigned k = 0; k + 1 < size; k += 2) {
                memcpy(filler + k, "\xc3\xa4", 2);
            }
            filler[size - size % 2] = 'x';
            filler[size] = 0;
            snprintf(text, sizeof(text), rows[i].format, filler);
            err = vr_client_msg_parse(vr_bytes_of(text), &msg, NULL);
            if (err != (over == 0 ? VR_OK : VR_E_UNPROCESSABLE)) {
                fail_msg("%s at %u: %d", rows[i].format, size, err);
            }
            vr_client_msg_deinit(&msg);
        }
    }
}

static void caps_the_whole(void **state)
{
    struct vr_buf text = {0};
    struct vr_client_msg msg;

    (void)state;
    vr_buf_text(&text, "{\"type\":\"room:leave\"");
    while (text.size < VR_CLIENT_JSON_MAX - 1) {
        vr_buf_text(&text, " ");
    }
    vr_buf_text(&text, "}");
    assert_int_equal(vr_client_msg_parse(vr_buf_bytes(&text), &msg, NULL), VR_OK);
    vr_client_msg_deinit(&msg);
    vr_buf_text(&text, " ");
    assert_int_equal(vr_client_msg_parse(vr_buf_bytes(&text), &msg, NULL), VR_E_TOO_LARGE);
    vr_client_msg_deinit(&msg);
    vr_buf_deinit(&text);
}

static void bodies_of_rest(void **state)
{
    struct vr_client_msg msg = sound_body("", VR_CMD_END);
    struct vr_why why = {0};

    (void)state;
    assert_null(msg.command->text);
    vr_client_msg_deinit(&msg);
    msg = sound_body("{}", VR_CMD_PROMOTE); /* the participant is in the path */
    assert_int_equal(msg.command->kind, VR_CMD_PROMOTE);
    vr_client_msg_deinit(&msg);
    msg = sound_body("{\"version\":3}", VR_CMD_UNMUTE);
    assert_int_equal(msg.command->version, 3);
    vr_client_msg_deinit(&msg);
    msg = sound_body("{\"sdp\":\"v=0\",\"resume_token\":\"t\"}", VR_CMD_JOIN); /* so is the room */
    assert_string_equal(msg.resume_token, "t");
    vr_client_msg_deinit(&msg);
    assert_int_equal(
        vr_client_body_parse(vr_bytes_of("{\"topic\":\"x\"}"), VR_CMD_CREATE, &msg, &why),
        VR_E_UNPROCESSABLE);
    assert_non_null(strstr(why.text, "title: "));
    vr_client_msg_deinit(&msg);
    assert_int_equal(vr_client_body_parse(vr_bytes_of("{}"), VR_CMD_BAN, &msg, &why),
                     VR_E_UNPROCESSABLE);
    vr_client_msg_deinit(&msg);
    assert_int_equal(vr_client_body_parse(vr_bytes_of("null"), VR_CMD_END, &msg, &why),
                     VR_E_BAD_WIRE);
    vr_client_msg_deinit(&msg);
}

static void small_bodies(void **state)
{
    char name[VR_NAME_MAX + 1];
    struct vr_why why = {0};

    (void)state;
    assert_int_equal(vr_client_text_parse(vr_bytes_of("{\"name\":\" Ana \"}"), "name", 1, name,
                                          sizeof(name), &why),
                     VR_OK);
    assert_string_equal(name, "Ana");
    assert_int_equal(vr_client_text_parse(vr_bytes_of("{}"), "name", 0, name, sizeof(name), &why),
                     VR_OK);
    assert_string_equal(name, "");
    assert_int_equal(vr_client_text_parse(vr_bytes_of("{}"), "name", 1, name, sizeof(name), &why),
                     VR_E_UNPROCESSABLE);
    assert_non_null(strstr(why.text, "name: text of 1 to 64 bytes"));
    assert_int_equal(
        vr_client_text_parse(vr_bytes_of("{\"name\":5}"), "name", 0, name, sizeof(name), &why),
        VR_E_UNPROCESSABLE);
    assert_int_equal(vr_client_text_parse(vr_bytes_of("ana"), "name", 0, name, sizeof(name), &why),
                     VR_E_BAD_WIRE);
}

static json_t *written(const struct vr_client_msg *asked, const struct vr_answer *answer,
                       const char *extra)
{
    struct vr_buf out = {0};
    json_t *json;

    vr_client_answer_write(asked, answer, extra, &out);
    assert_false(out.failed);
    json = json_loadb((const char *)out.data, out.size, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    vr_buf_deinit(&out);
    return json;
}

static void a_command_id_names_the_act(void **state)
{
    struct vr_client_msg first = sound("{\"type\":\"room:leave\",\"command_id\":\"a-1\"}");
    struct vr_client_msg again = sound("{\"type\":\"room:leave\",\"command_id\":\"a-1\"}");
    struct vr_client_msg other = sound("{\"type\":\"room:leave\",\"command_id\":\"1-a\"}");
    struct vr_client_msg none = sound("{\"type\":\"room:leave\",\"command_id\":null}");
    struct vr_client_msg bad;
    struct vr_why why = {0};

    (void)state;
    assert_false(vr_id_is_zero(first.command->id));
    assert_true(vr_id_equal(first.command->id, again.command->id));
    assert_false(vr_id_equal(first.command->id, other.command->id));
    assert_true(vr_id_is_zero(none.command->id));
    vr_client_msg_deinit(&first);
    vr_client_msg_deinit(&again);
    vr_client_msg_deinit(&other);
    vr_client_msg_deinit(&none);
    assert_int_equal(
        vr_client_msg_parse(vr_bytes_of("{\"type\":\"room:leave\",\"id\":4,\"command_id\":7}"),
                            &bad, &why),
        VR_E_UNPROCESSABLE);
    assert_memory_equal(why.text, "command_id:", 11);
    assert_string_equal(bad.id, "4");
    vr_client_msg_deinit(&bad);
}

static void answers_repeat_the_id(void **state)
{
    struct vr_client_msg msg = sound("{\"type\":\"room:chat\",\"id\":\"q\\\"7\",\"text\":\"x\"}");
    struct vr_answer answer = {
        .epoch = 3, .sequence = 44, .body = vr_blob_new(vr_bytes_of("{\"message\":\"m\"}"))};
    json_t *json = written(&msg, &answer, "\"more\":1");

    (void)state;
    assert_string_equal(json_string_value(json_object_get(json, "type")), "room:chat");
    assert_string_equal(json_string_value(json_object_get(json, "id")), "q\"7");
    assert_true(json_is_true(json_object_get(json, "ok")));
    assert_int_equal(json_integer_value(json_object_get(json, "epoch")), 3);
    assert_int_equal(json_integer_value(json_object_get(json, "sequence")), 44);
    assert_int_equal(json_integer_value(json_object_get(json, "more")), 1);
    assert_null(json_object_get(json, "detail"));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(json, "result"), "message")), "m");
    json_decref(json);
    vr_client_msg_deinit(&msg);
    vr_blob_release(answer.body);
    answer.body = NULL;

    msg = sound("{\"type\":\"room:mute\"}");
    snprintf(answer.why, sizeof(answer.why), "1 shards have not confirmed yet");
    json = written(&msg, &answer, NULL);
    assert_true(json_is_true(json_object_get(json, "ok")));
    assert_string_equal(json_string_value(json_object_get(json, "detail")), answer.why);
    json_decref(json);
    vr_client_msg_deinit(&msg);

    msg = sound("{\"type\":\"room:mute\",\"id\":-7}");
    answer.err = VR_E_RATE;
    answer.retry_after_ms = 900;
    snprintf(answer.why, sizeof(answer.why), "bad \"byte\" \xff and \xc3");
    json = written(&msg, &answer, NULL);
    assert_string_equal(json_string_value(json_object_get(json, "type")), "room:error");
    assert_string_equal(json_string_value(json_object_get(json, "request")), "room:mute");
    assert_string_equal(json_string_value(json_object_get(json, "code")), "rate-limited");
    assert_string_equal(json_string_value(json_object_get(json, "detail")),
                        "bad \"byte\" \xef\xbf\xbd and \xef\xbf\xbd");
    assert_int_equal(json_integer_value(json_object_get(json, "retry_after_ms")), 900);
    assert_int_equal(json_integer_value(json_object_get(json, "id")), -7);
    assert_null(json_object_get(json, "ok"));
    json_decref(json);
    vr_client_msg_deinit(&msg);

    msg = sound("{\"type\":\"room:leave\"}");
    answer = (struct vr_answer){0};
    json = written(&msg, &answer, NULL);
    assert_null(json_object_get(json, "id"));
    assert_true(json_is_object(json_object_get(json, "result")));
    json_decref(json);
    vr_client_msg_deinit(&msg);
}

static void errors_can_be_answered_too(void **state)
{
    struct vr_client_msg msg;

    (void)state;
    assert_int_equal(
        vr_client_msg_parse(vr_bytes_of("{\"id\":9,\"type\":\"room:dance\"}"), &msg, NULL),
        VR_E_UNKNOWN_MSG);
    assert_string_equal(msg.type, "room:dance");
    assert_string_equal(msg.id, "9");
    vr_client_msg_deinit(&msg);
    assert_int_equal(
        vr_client_msg_parse(vr_bytes_of("{\"id\":\"k\",\"type\":\"room:promote\"}"), &msg, NULL),
        VR_E_UNPROCESSABLE);
    assert_string_equal(msg.type, "room:promote");
    assert_string_equal(msg.id, "k");
    vr_client_msg_deinit(&msg);
    assert_int_equal(vr_client_msg_parse(vr_bytes_of("{\"id\":\"k\"}"), &msg, NULL), VR_E_BAD_WIRE);
    assert_string_equal(msg.id, "k");
    vr_client_msg_deinit(&msg);
}

/* Every byte, and every pair of bytes, comes out as JSON that reads back. */
static void any_text_is_valid_json(void **state)
{
    (void)state;
    for (unsigned a = 1; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            char text[4] = {(char)a, (char)b, b == 0 ? 0 : 'z', 0};
            struct vr_buf out = {0};
            json_t *json;

            vr_json_text(&out, text);
            json = json_loadb((const char *)out.data, out.size, JSON_DECODE_ANY, NULL);
            assert_non_null(json);
            if (a < 128 && b < 128) {
                assert_string_equal(json_string_value(json), text);
            }
            json_decref(json);
            vr_buf_deinit(&out);
        }
    }
}

static unsigned allocations_left;

static void *scarce_malloc(size_t size)
{
    if (allocations_left == 0) {
        return NULL;
    }
    allocations_left--;
    return malloc(size);
}

/* jansson out of memory at any step: an error, no leak, and never half a command taken for a whole
 * one. */
static void memory_may_run_out_at_any_step(void **state)
{
    static const char text[] =
        "{\"type\":\"room:update\",\"id\":\"1\",\"title\":\"t\",\"tags\":[\"a\",\"b\"],"
        "\"passcode\":\"p\",\"visibility\":\"private\",\"invited\":[\"u\"]}";
    static const char report[] =
        "{\"type\":\"room:quality\",\"report\":{\"a\":[1,2,3],\"b\":\"c\"}}";
    unsigned taken = 0;

    (void)state;
    for (unsigned limit = 0; limit < 200; limit++) {
        struct vr_client_msg msg;
        enum vr_err err;

        allocations_left = limit;
        json_set_alloc_funcs(scarce_malloc, free);
        err = vr_client_msg_parse(vr_bytes_of(text), &msg, NULL);
        json_set_alloc_funcs(malloc, free);
        if (err == VR_OK) {
            taken++;
            assert_int_equal(msg.command->settings->set, VR_SET_TITLE | VR_SET_TAGS |
                                                             VR_SET_PASSCODE | VR_SET_VISIBILITY |
                                                             VR_SET_INVITED);
        }
        vr_client_msg_deinit(&msg);

        allocations_left = limit;
        json_set_alloc_funcs(scarce_malloc, free);
        err = vr_client_msg_parse(vr_bytes_of(report), &msg, NULL);
        json_set_alloc_funcs(malloc, free);
        if (err == VR_OK) {
            assert_string_equal(vr_blob_text(msg.command->text), "{\"a\":[1,2,3],\"b\":\"c\"}");
        }
        vr_client_msg_deinit(&msg);
    }
    assert_true(taken > 50 && taken < 200);
}

static void times_are_written_as_rfc_3339(void **state)
{
    struct vr_buf out = {0};

    (void)state;
    vr_json_time(&out, 0);
    vr_json_member_time(&out, "at", VR_SECONDS(1769860800) + 999999);
    vr_json_member_text(&out, "name", "a\"b");
    vr_buf_append(&out, "", 1);
    assert_string_equal((const char *)out.data,
                        "null,\"at\":\"2026-01-31T12:00:00Z\",\"name\":\"a\\\"b\"");
    vr_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(understands_commands),
        cmocka_unit_test(sessions_own_messages),
        cmocka_unit_test(knows_all_that_the_docs_name),
        cmocka_unit_test(reads_settings),
        cmocka_unit_test(reads_times),
        cmocka_unit_test(refuses_by_name_of_the_field),
        cmocka_unit_test(counts_bytes),
        cmocka_unit_test(caps_the_whole),
        cmocka_unit_test(bodies_of_rest),
        cmocka_unit_test(small_bodies),
        cmocka_unit_test(a_command_id_names_the_act),
        cmocka_unit_test(answers_repeat_the_id),
        cmocka_unit_test(errors_can_be_answered_too),
        cmocka_unit_test(any_text_is_valid_json),
        cmocka_unit_test(times_are_written_as_rfc_3339),
        cmocka_unit_test(memory_may_run_out_at_any_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
