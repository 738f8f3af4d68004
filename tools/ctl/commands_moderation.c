/* commands_moderation.c - ban, audit, report: of a room or of the whole deployment. */
#include <string.h>

#include "tools/ctl/commands.h"

static const struct vr_ctl_column ban_columns[] = {
    {"BAN", "id", false},        {"NAME", "name", false},         {"USER", "user", false},
    {"RANGE", "range", false},   {"UNTIL", "until", false},       {"BY", "by", false},
    {"REASON", "reason", false}, {"ADDRESS", "by_address", true}, {"AT", "at", true},
    {NULL, NULL, false},
};
static const struct vr_ctl_shape ban_shape = {ban_columns, "id"};

static const struct vr_ctl_column audit_columns[] = {
    {"NUMBER", "number", false},     {"AT", "at", false},         {"BY", "by", false},
    {"ACT", "act", false},           {"TARGET", "target", false}, {"REASON", "reason", false},
    {"REQUEST", "request_id", true}, {"EPOCH", "epoch", true},    {"SEQUENCE", "sequence", true},
    {"HASH", "hash", true},          {NULL, NULL, false},
};
static const struct vr_ctl_shape audit_shape = {audit_columns, "number"};

static const struct vr_ctl_column verdict_columns[] = {
    {"SOUND", "sound", false}, {"ENTRIES", "entries", false},     {"FIRST", "first", false},
    {"LAST", "last", false},   {"UNCHAINED", "unchained", false}, {"BROKEN-AT", "broken_at", false},
    {"WHY", "why", false},     {"HEAD", "head", false},           {NULL, NULL, false},
};
static const struct vr_ctl_shape verdict_shape = {verdict_columns, "sound"};

static const struct vr_ctl_column report_columns[] = {
    {"REPORT", "id", false},
    {"AT", "at", false},
    {"STATUS", "status", false},
    {"ROOM", "room", false},
    {"BY", "by.name", false},
    {"TARGET", "target.name", false},
    {"REASON", "reason", false},
    {"OUTCOME", "outcome", false},
    {"BY-USER", "by.user", true},
    {"TARGET-USER", "target.user", true},
    {"TARGET-PARTICIPANT", "target.participant", true},
    {"RESOLVED", "resolved_at", true},
    {"RESOLVED-BY", "resolved_by", true},
    {"NOTE", "note", true},
    {NULL, NULL, false},
};
static const struct vr_ctl_shape report_shape = {report_columns, "id"};

/** ROOM is "all": the whole deployment. */
static bool everywhere(const struct vr_ctl *ctl)
{
    return strcmp(vr_ctl_arg(ctl, 0), "all") == 0;
}

/** A request about ROOM or all, whose answer is printed; `list` is its member (NULL: the whole). */
static enum vr_ctl_exit scoped(struct vr_ctl *ctl, const char *all_path, const char *room_path,
                               const char *list, const struct vr_ctl_shape *shape)
{
    struct vr_ctl_request request = {.method = "GET",
                                     .path = everywhere(ctl) ? all_path : room_path};
    json_t *answer = NULL;
    enum vr_ctl_exit code = VR_CTL_OK;

    request.args[0] = everywhere(ctl) ? NULL : vr_ctl_arg(ctl, 0);
    code = vr_ctl_call(ctl, &request, &answer);
    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, list == NULL ? answer : json_object_get(answer, list), shape);
    }
    json_decref(answer);
    return code;
}

/* --- bans --- */

enum vr_ctl_exit vr_ctl_ban_list(struct vr_ctl *ctl)
{
    return scoped(ctl, "/v1/bans", "/v1/rooms/%/bans", "bans", &ban_shape);
}

static json_t *ban_body(struct vr_ctl *ctl)
{
    const char *participant = vr_ctl_text(ctl->line, "participant");
    const char *user = vr_ctl_text(ctl->line, "user");
    const char *range = vr_ctl_text(ctl->line, "range");
    const char *reason = vr_ctl_text(ctl->line, "reason");
    bool all = everywhere(ctl);
    json_t *body = NULL;

    if (all ? participant != NULL || (user == NULL && range == NULL)
            : range != NULL || (participant == NULL) == (user == NULL)) {
        (void)vr_ctl_fail(ctl, VR_CTL_USAGE,
                          all ? "say whom: --user USER, --range RANGE, or both"
                              : "say whom: --participant NUMBER or --user USER (--range is for "
                                "'ban add all')");
        return NULL;
    }
    body = json_pack("{s:I}", "duration_s", (json_int_t)vr_ctl_seconds(ctl->line, "for", 0));
    if (!all) {
        json_object_set_new(body, "by_address",
                            json_boolean(vr_ctl_given(ctl->line, "by-address")));
    }
    if (participant != NULL) {
        json_object_set_new(body, "participant",
                            json_integer(vr_ctl_number(ctl->line, "participant", 0)));
    }
    if ((user != NULL && json_object_set_new(body, "user", json_string(user)) != 0) ||
        (range != NULL && json_object_set_new(body, "range", json_string(range)) != 0) ||
        (reason != NULL && json_object_set_new(body, "reason", json_string(reason)) != 0)) {
        (void)vr_ctl_fail(ctl, VR_CTL_USAGE, "--user, --range or --reason is not UTF-8");
        json_decref(body);
        return NULL;
    }
    return body;
}

enum vr_ctl_exit vr_ctl_ban_add(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {.method = "POST",
                                     .path = "/v1/rooms/%/bans",
                                     .args = {vr_ctl_arg(ctl, 0)},
                                     .question = "Ban this person from the room?",
                                     .target = "/v1/rooms/%",
                                     .target_path = "title"};
    json_t *answer = NULL;
    enum vr_ctl_exit code = VR_CTL_USAGE;

    if (everywhere(ctl)) {
        request = (struct vr_ctl_request){.method = "POST",
                                          .path = "/v1/bans",
                                          .question = "Ban from every room?",
                                          .idempotent = true};
        request.args[0] = "the whole deployment"; /* named by the question; the path has no place */
    }
    request.body = ban_body(ctl);
    if (request.body != NULL) {
        code = vr_ctl_call(ctl, &request, &answer);
    }
    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, answer, &ban_shape);
    }
    json_decref(answer);
    json_decref(request.body);
    return code;
}

enum vr_ctl_exit vr_ctl_ban_show(struct vr_ctl *ctl)
{
    const char *wanted = vr_ctl_arg(ctl, 1);
    json_t *answer = NULL;
    size_t i = 0;
    json_t *ban = NULL;
    enum vr_ctl_exit code = VR_CTL_OK;

    if (everywhere(ctl)) {
        struct vr_ctl_request request = {.method = "GET", .path = "/v1/bans/%", .args = {wanted}};

        code = vr_ctl_call(ctl, &request, &answer);
        code = code == VR_CTL_OK ? vr_ctl_print(ctl, answer, &ban_shape) : code;
        json_decref(answer);
        return code;
    }
    code = vr_ctl_get(ctl, "/v1/rooms/%/bans", vr_ctl_arg(ctl, 0), &answer);
    if (code == VR_CTL_OK) {
        code = VR_CTL_NOT_FOUND;
        json_array_foreach(json_object_get(answer, "bans"), i, ban)
        {
            if (strcmp(json_string_value(json_object_get(ban, "id")), wanted) == 0) {
                code = vr_ctl_print(ctl, ban, &ban_shape);
            }
        }
        if (code == VR_CTL_NOT_FOUND) {
            (void)vr_ctl_fail(ctl, code, "this room has no such ban");
        }
    }
    json_decref(answer);
    return code;
}

enum vr_ctl_exit vr_ctl_ban_remove(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {.method = "DELETE",
                                     .path = "/v1/rooms/%/bans/%",
                                     .args = {vr_ctl_arg(ctl, 0), vr_ctl_arg(ctl, 1)}};
    enum vr_ctl_exit code = VR_CTL_OK;

    if (everywhere(ctl)) {
        request = (struct vr_ctl_request){
            .method = "DELETE", .path = "/v1/bans/%", .args = {vr_ctl_arg(ctl, 1)}};
    }
    code = vr_ctl_call(ctl, &request, NULL);
    if (code == VR_CTL_OK) {
        vr_ctl_say(ctl, "ban %s is lifted", vr_ctl_arg(ctl, 1));
    }
    return code;
}

/* --- audit --- */

enum vr_ctl_exit vr_ctl_audit_list(struct vr_ctl *ctl)
{
    return scoped(ctl, "/v1/audit", "/v1/rooms/%/audit", "entries", &audit_shape);
}

enum vr_ctl_exit vr_ctl_audit_verify(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {
        .method = "GET", .path = everywhere(ctl) ? "/v1/audit/verify" : "/v1/rooms/%/audit/verify"};
    const char *hash = vr_ctl_text(ctl->line, "hash");
    struct vr_buf query = {0};
    json_t *answer = NULL;
    enum vr_ctl_exit code = VR_CTL_OK;

    if ((hash == NULL) != !vr_ctl_given(ctl->line, "number")) {
        return vr_ctl_fail(ctl, VR_CTL_USAGE, "--number and --hash go together");
    }
    if (hash != NULL) {
        vr_buf_printf(&query,
                      "?number=%lld&hash=", (long long)vr_ctl_number(ctl->line, "number", 0));
        vr_ctl_encode(&query, hash);
        vr_buf_append(&query, "", 1);
        request.query = (const char *)query.data;
    }
    request.args[0] = everywhere(ctl) ? NULL : vr_ctl_arg(ctl, 0);
    code = vr_ctl_call(ctl, &request, &answer);
    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, answer, &verdict_shape);
        if (code == VR_CTL_OK && !json_is_true(json_object_get(answer, "sound"))) {
            code = VR_CTL_ERROR;
        }
    }
    vr_buf_deinit(&query);
    json_decref(answer);
    return code;
}

/* --- reports --- */

enum vr_ctl_exit vr_ctl_report_list(struct vr_ctl *ctl)
{
    const char *status = vr_ctl_text(ctl->line, "status");
    const char *room = vr_ctl_text(ctl->line, "room");
    struct vr_ctl_request request = {.method = "GET", .path = "/v1/reports"};
    struct vr_buf query = {0};
    json_t *answer = NULL;
    enum vr_ctl_exit code = VR_CTL_OK;

    vr_buf_printf(&query, "?status=%s", status == NULL ? "open" : status);
    if (room != NULL) {
        vr_buf_text(&query, "&room=");
        vr_ctl_encode(&query, room);
    }
    vr_buf_append(&query, "", 1);
    request.query = (const char *)query.data;
    code = vr_ctl_call(ctl, &request, &answer);
    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, json_object_get(answer, "reports"), &report_shape);
    }
    vr_buf_deinit(&query);
    json_decref(answer);
    return code;
}

enum vr_ctl_exit vr_ctl_report_show(struct vr_ctl *ctl)
{
    return vr_ctl_show(ctl, "/v1/reports/%", NULL, &report_shape);
}

enum vr_ctl_exit vr_ctl_report_resolve(struct vr_ctl *ctl)
{
    const char *note = vr_ctl_text(ctl->line, "note");
    struct vr_ctl_request request = {
        .method = "POST", .path = "/v1/reports/%/resolve", .args = {vr_ctl_arg(ctl, 0)}};
    json_t *answer = NULL;
    enum vr_ctl_exit code = VR_CTL_OK;

    request.body = json_pack("{s:s}", "outcome", vr_ctl_arg(ctl, 1));
    if (note != NULL && json_object_set_new(request.body, "note", json_string(note)) != 0) {
        json_decref(request.body);
        return vr_ctl_fail(ctl, VR_CTL_USAGE, "--note is not UTF-8");
    }
    code = vr_ctl_call(ctl, &request, &answer);
    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, answer, &report_shape);
    }
    json_decref(answer);
    json_decref(request.body);
    return code;
}
