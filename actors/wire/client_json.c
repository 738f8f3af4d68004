/* client_json.c - which message has which fields, and the walk through them. */
#include <stdio.h>
#include <stdlib.h>

#include "actors/wire/client_fields.h"
#include "actors/wire/sdp.h"

#define DEPTH_MAX 8
#define REPORT_MAX 4096          /* bytes of a quality report */
#define DURATION_MAX_S 315360000 /* ten years; longer is for ever, which is 0 */
#define USES_MAX 10

/* ---- where values go ---- */

static void copy(char *out, struct vr_bytes text)
{
    memcpy(out, text.data, text.size);
    out[text.size] = 0;
}

static bool put_target(struct vr_client_msg *msg, const struct field_value *value)
{
    msg->command->target = (vr_participant_id)value->number;
    return true;
}

static bool put_user(struct vr_client_msg *msg, const struct field_value *value)
{
    copy(msg->command->target_user, value->text);
    return true;
}

static bool put_version(struct vr_client_msg *msg, const struct field_value *value)
{
    msg->command->version = value->number;
    return true;
}

static bool put_text(struct vr_client_msg *msg, const struct field_value *value)
{
    msg->command->text = vr_blob_new(value->text);
    return msg->command->text != NULL;
}

static bool put_report(struct vr_client_msg *msg, const struct field_value *value)
{
    char *text = json_dumps(value->json, JSON_COMPACT);

    if (text != NULL) {
        msg->command->text = vr_blob_new(vr_bytes_of(text));
    }
    free(text);
    return msg->command->text != NULL;
}

static bool put_duration(struct vr_client_msg *msg, const struct field_value *value)
{
    msg->command->duration_s = (uint32_t)value->number;
    return true;
}

static bool put_flag(struct vr_client_msg *msg, const struct field_value *value)
{
    msg->command->flag = value->flag;
    return true;
}

static bool put_message(struct vr_client_msg *msg, const struct field_value *value)
{
    msg->command->message = value->id;
    return true;
}

static bool put_passcode(struct vr_client_msg *msg, const struct field_value *value)
{
    copy(msg->command->passcode, value->text);
    return true;
}

static bool put_room(struct vr_client_msg *msg, const struct field_value *value)
{
    copy(msg->room, value->text);
    return true;
}

static bool put_sdp(struct vr_client_msg *msg, const struct field_value *value)
{
    msg->sdp = vr_blob_new(value->text);
    return msg->sdp != NULL;
}

static bool put_resume_token(struct vr_client_msg *msg, const struct field_value *value)
{
    copy(msg->resume_token, value->text);
    return true;
}

static bool put_access_token(struct vr_client_msg *msg, const struct field_value *value)
{
    copy(msg->access_token, value->text);
    return true;
}

static bool put_protocol(struct vr_client_msg *msg, const struct field_value *value)
{
    msg->protocol = (uint32_t)value->number;
    return true;
}

static bool put_capabilities(struct vr_client_msg *msg, const struct field_value *value)
{
    for (size_t i = 0; i < json_array_size(value->json); i++) {
        struct vr_bytes word = field_item(value, i);

        msg->pack60 = msg->pack60 || vr_bytes_equal(word, vr_bytes_of("pack60"));
        msg->red = msg->red || vr_bytes_equal(word, vr_bytes_of("red"));
    }
    return true; /* unknown ones are a newer client's, and ignored */
}

#define SIZE_OF(type, member) (sizeof(((type *)NULL)->member) - 1)
#define MSG_SIZE(member) SIZE_OF(struct vr_client_msg, member)

/* clang-format off */
static const struct field participant  = {"participant",  FIELD_NUMBER, 1, UINT32_MAX,           put_target,       NULL, 0};
static const struct field version      = {"version",      FIELD_NUMBER, 0, INT64_MAX,            put_version,      NULL, 0};
static const struct field revision     = {"revision",     FIELD_NUMBER, 0, INT64_MAX,            put_version,      NULL, 0};
static const struct field user         = {"user",         FIELD_TEXT,   1, VR_USER_MAX,          put_user,         NULL, 0};
static const struct field reason       = {"reason",       FIELD_LINES,  0, VR_TEXT_MAX,          put_text,         NULL, 0};
static const struct field complaint    = {"reason",       FIELD_LINES,  1, VR_TEXT_MAX,          put_text,         NULL, 0};
static const struct field chat         = {"text",         FIELD_LINES,  1, VR_TEXT_MAX,          put_text,         NULL, 0};
static const struct field reaction     = {"reaction",     FIELD_TEXT,   1, 16,                   put_text,         NULL, 0};
static const struct field report       = {"report",       FIELD_OBJECT, 0, REPORT_MAX,           put_report,       NULL, 0};
static const struct field duration     = {"duration_s",   FIELD_NUMBER, 0, DURATION_MAX_S,       put_duration,     NULL, 0};
static const struct field by_address   = {"by_address",   FIELD_FLAG,   0, 0,                    put_flag,         NULL, 0};
static const struct field locked       = {"locked",       FIELD_FLAG,   0, 0,                    put_flag,         NULL, 0};
static const struct field ban          = {"ban",          FIELD_ID,     0, 0,                    put_message,      NULL, 0};
static const struct field message      = {"message",      FIELD_ID,     0, 0,                    put_message,      NULL, 0};
static const struct field passcode     = {"passcode",     FIELD_SECRET, 0, SIZE_OF(struct vr_command, passcode), put_passcode, NULL, 0};
static const struct field room         = {"room",         FIELD_ID,     0, 0,                    put_room,         NULL, 0};
static const struct field sdp          = {"sdp",          FIELD_RAW,    1, VR_SDP_MAX,           put_sdp,          NULL, 0};
static const struct field resume_token = {"resume_token", FIELD_SECRET, 1, MSG_SIZE(resume_token), put_resume_token, NULL, 0};
static const struct field access_token = {"token",        FIELD_SECRET, 1, MSG_SIZE(access_token), put_access_token, NULL, 0};
static const struct field protocol     = {"protocol",     FIELD_NUMBER, 1, UINT16_MAX,           put_protocol,     NULL, 0};
static const struct field capabilities = {"capabilities", FIELD_LIST,   0, VR_CAPABILITIES_MAX,  put_capabilities, NULL, 32};

/* ---- which message has which ---- */

struct shape {
    enum vr_command_kind kind;
    struct field_use uses[USES_MAX];
};

static const struct shape commands[] = {
    { VR_CMD_JOIN,           {{&room, MUST_WS}, {&protocol, MAY}, {&capabilities, MAY}, {&sdp, MAY},
                              {&passcode, MAY}, {&resume_token, MAY}} },
    { VR_CMD_RESUME,         {{&room, MUST_WS}, {&resume_token, MUST}, {&protocol, MAY}, {&capabilities, MAY},
                              {&sdp, MAY}, {&access_token, MAY}} },
    { VR_CMD_HAND_LOWER,     {{&participant, MAY}} },
    { VR_CMD_MUTE,           {{&participant, MAY}} },
    { VR_CMD_UNMUTE,         {{&participant, MAY}, {&version, MAY}} },
    { VR_CMD_ASK_UNMUTE,     {{&participant, MUST_WS}} },
    { VR_CMD_PROMOTE,        {{&participant, MUST_WS}} },
    { VR_CMD_DEMOTE,         {{&participant, MAY}} },
    { VR_CMD_INVITE,         {{&participant, MUST_WS}} },
    { VR_CMD_MAKE_MODERATOR, {{&participant, MUST_WS}} },
    { VR_CMD_TRANSFER_HOST,  {{&participant, MUST_WS}} },
    { VR_CMD_KICK,           {{&participant, MUST_WS}, {&reason, MAY}} },
    { VR_CMD_BAN,            {{&participant, MAY}, {&user, MAY}, {&reason, MAY}, {&duration, MAY}, {&by_address, MAY}} },
    { VR_CMD_UNBAN,          {{&ban, MAY}, {&user, MAY}} },
    { VR_CMD_LOCK,           {{&locked, MUST}} },
    { VR_CMD_UPDATE,         {{&revision, MAY}} },
    { VR_CMD_END,            {{&reason, MAY}} },
    { VR_CMD_REPORT,         {{&participant, MUST_WS}, {&complaint, MUST}} },
    { VR_CMD_REACTION,       {{&reaction, MUST}} },
    { VR_CMD_CHAT,           {{&chat, MUST}} },
    { VR_CMD_CHAT_DELETE,    {{&message, MUST_WS}} },
    { VR_CMD_QUALITY,        {{&report, MUST}} },
};

/* What a session answers itself. */
static const struct {
    const char *type;
    struct field_use uses[USES_MAX];
} own[] = {
    { "session:hello",            {{&access_token, MUST}} },
    { "session:ping",             {{NULL, MAY}} },
    { "session:sound-clock",      {{NULL, MAY}} },
    { "room:webrtc:offer",        {{&sdp, MUST}} },
    { "room:webrtc:ice-candidate", {{NULL, MAY}} },
};
/* clang-format on */

/* ---- the walk ---- */

static enum vr_err take_uses(struct vr_client_msg *msg, json_t *object,
                             const struct field_use *uses, size_t count, bool socket,
                             struct vr_why *why)
{
    for (size_t i = 0; i < count && uses[i].field != NULL; i++) {
        bool must = uses[i].need == MUST || (uses[i].need == MUST_WS && socket);
        struct field_value value = {0};
        enum vr_err err = field_read(object, uses[i].field, must, &value, why);

        if (err == VR_OK && value.json != NULL && !uses[i].field->put(msg, &value)) {
            err = vr_fail(why, VR_E_NO_MEMORY, "memory is out");
        }
        if (err != VR_OK) {
            return err;
        }
    }
    return VR_OK;
}

static enum vr_err take_settings(struct vr_client_msg *msg, json_t *object, struct vr_why *why)
{
    struct vr_settings *settings = calloc(1, sizeof(*settings));
    enum vr_err err;

    if (settings == NULL) {
        return vr_fail(why, VR_E_NO_MEMORY, "memory is out");
    }
    msg->command->settings = settings;
    err = take_uses(msg, object, settings_uses, settings_use_count, false, why);
    if (err == VR_OK && msg->kind == VR_CMD_CREATE && (settings->set & VR_SET_TITLE) == 0) {
        err = field_refuse(settings_uses[0].field, why);
    }
    return err;
}

/* What no single field can tell. */
static enum vr_err check_whole(const struct vr_client_msg *msg, struct vr_why *why)
{
    const struct vr_command *command = msg->command;

    if (msg->kind == VR_CMD_BAN && (command->target != 0) == (command->target_user[0] != 0)) {
        return vr_fail(why, VR_E_UNPROCESSABLE, "participant: this or user, one of them");
    }
    if (msg->kind == VR_CMD_UNBAN && vr_id_is_zero(command->message) &&
        command->target_user[0] == 0) {
        return vr_fail(why, VR_E_UNPROCESSABLE, "ban: this or user");
    }
    return VR_OK;
}

static enum vr_err take_command(struct vr_client_msg *msg, json_t *object, bool socket,
                                struct vr_why *why)
{
    enum vr_err err = VR_OK;

    msg->is_command = true;
    msg->command = vr_command_new(msg->kind);
    if (msg->command == NULL) {
        return vr_fail(why, VR_E_NO_MEMORY, "memory is out");
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (err == VR_OK && commands[i].kind == msg->kind) {
            err = take_uses(msg, object, commands[i].uses, USES_MAX, socket, why);
        }
    }
    if (err == VR_OK && (msg->kind == VR_CMD_CREATE || msg->kind == VR_CMD_UPDATE)) {
        err = take_settings(msg, object, why);
    }
    return err == VR_OK && (socket || msg->kind == VR_CMD_BAN) ? check_whole(msg, why) : err;
}

/* The id to repeat: text, or a whole number. */
static enum vr_err take_id(struct vr_client_msg *msg, json_t *id, struct vr_why *why)
{
    if (id == NULL || json_is_null(id)) {
        return VR_OK;
    }
    if (json_is_integer(id)) {
        snprintf(msg->id, sizeof(msg->id), "%lld", (long long)json_integer_value(id));
        msg->id_is_number = true;
        return VR_OK;
    }
    if (!json_is_string(id) || json_string_length(id) > VR_CLIENT_ID_MAX ||
        vr_json_has_control(json_string_value(id), json_string_length(id), false)) {
        return vr_fail(why, VR_E_UNPROCESSABLE, "id: a whole number, or text of at most %d bytes",
                       VR_CLIENT_ID_MAX);
    }
    memcpy(msg->id, json_string_value(id), json_string_length(id) + 1);
    return VR_OK;
}

/* The client's own name for this act: who sends it again, after a lost answer, means the same act.
 */
static enum vr_err take_command_id(struct vr_client_msg *msg, json_t *name, struct vr_why *why)
{
    if (name == NULL || json_is_null(name)) {
        return VR_OK;
    }
    if (!json_is_string(name) || json_string_length(name) == 0 ||
        json_string_length(name) > VR_CLIENT_ID_MAX) {
        return vr_fail(why, VR_E_UNPROCESSABLE, "command_id: text of 1 to %d bytes",
                       VR_CLIENT_ID_MAX);
    }
    msg->command->id = vr_id_of_text(json_string_value(name), json_string_length(name));
    return VR_OK;
}

/* Whatever is wrong with it, it is no reason to refuse a message (W3C Trace Context, 4.3). */
static void take_trace(struct vr_client_msg *msg, json_t *traceparent)
{
    if (json_is_string(traceparent) && json_string_length(traceparent) < sizeof(msg->traceparent)) {
        memcpy(msg->traceparent, json_string_value(traceparent),
               json_string_length(traceparent) + 1);
    }
}

/* Text to a JSON object; NULL after vr_fail. */
static json_t *read_object(struct vr_bytes text, struct vr_why *why, enum vr_err *err)
{
    char problem[96];
    json_t *object;

    if (text.size > VR_CLIENT_JSON_MAX) {
        *err = vr_fail(why, VR_E_TOO_LARGE, "over %d bytes", VR_CLIENT_JSON_MAX);
        return NULL;
    }
    object = vr_json_read(text, DEPTH_MAX, problem, sizeof(problem));
    if (object != NULL && json_is_object(object)) {
        return object;
    }
    *err = vr_fail(why, VR_E_BAD_WIRE, "%s", object == NULL ? problem : "not a JSON object");
    json_decref(object);
    return NULL;
}

static enum vr_err take_message(struct vr_client_msg *msg, json_t *object, struct vr_why *why)
{
    json_t *type = json_object_get(object, "type");
    enum vr_err err;

    if (json_is_string(type)) {
        snprintf(msg->type, sizeof(msg->type), "%s", json_string_value(type));
    }
    err = take_id(msg, json_object_get(object, "id"), why);
    take_trace(msg, json_object_get(object, "traceparent"));
    if (!json_is_string(type)) {
        return vr_fail(why, VR_E_BAD_WIRE, "type: the name of a message is needed");
    }
    if (err != VR_OK) {
        return err;
    }
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (strcmp(json_string_value(type), own[i].type) == 0) {
            return take_uses(msg, object, own[i].uses, USES_MAX, true, why);
        }
    }
    if (!vr_command_parse(json_string_value(type), &msg->kind)) {
        return vr_fail(why, VR_E_UNKNOWN_MSG, "unknown message %s", msg->type);
    }
    err = take_command(msg, object, true, why);
    return err == VR_OK ? take_command_id(msg, json_object_get(object, "command_id"), why) : err;
}

enum vr_err vr_client_msg_parse(struct vr_bytes text, struct vr_client_msg *out, struct vr_why *why)
{
    enum vr_err err = VR_OK;
    json_t *object;

    *out = (struct vr_client_msg){.protocol = 1};
    object = read_object(text, why, &err);
    if (object == NULL) {
        return err;
    }
    err = take_message(out, object, why);
    json_decref(object);
    return err;
}

enum vr_err vr_client_body_parse(struct vr_bytes text, enum vr_command_kind kind,
                                 struct vr_client_msg *out, struct vr_why *why)
{
    enum vr_err err = VR_OK;
    json_t *object;

    *out = (struct vr_client_msg){.protocol = 1, .kind = kind};
    snprintf(out->type, sizeof(out->type), "%s", vr_command_name(kind));
    object = read_object(text.size == 0 ? vr_bytes_of("{}") : text, why, &err);
    if (object == NULL) {
        return err;
    }
    err = take_command(out, object, false, why);
    json_decref(object);
    return err;
}

enum vr_err vr_client_text_parse(struct vr_bytes text, const char *name, size_t min, char *out,
                                 size_t size, struct vr_why *why)
{
    const struct field field = {.name = name, .type = FIELD_TEXT, .min = min, .max = size - 1};
    struct field_value value = {0};
    enum vr_err err = VR_OK;
    json_t *object = read_object(text.size == 0 ? vr_bytes_of("{}") : text, why, &err);

    out[0] = 0;
    if (object == NULL) {
        return err;
    }
    err = field_read(object, &field, min > 0, &value, why);
    if (err == VR_OK && value.text.size > 0) {
        copy(out, value.text);
    }
    json_decref(object);
    return err;
}
