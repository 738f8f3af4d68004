/* commands_record.c - ban, audit, analytics: what a room keeps about people. */
#include <stdlib.h>
#include <string.h>

#include "tools/ctl/commands.h"

static const struct vr_ctl_column ban_columns[] = {
    {"BAN", "id", false},
    {"NAME", "name", false},
    {"USER", "user", false},
    {"UNTIL", "until", false},
    {"BY", "by", false},
    {"REASON", "reason", false},
    {"ADDRESS", "by_address", true},
    {"AT", "at", true},
    {NULL, NULL, false},
};
static const struct vr_ctl_shape ban_shape = {ban_columns, "id"};

static const struct vr_ctl_column audit_columns[] = {
    {"AT", "at", false},         {"BY", "by", false},
    {"ACT", "act", false},       {"TARGET", "target", false},
    {"REASON", "reason", false}, {"REQUEST", "request_id", true},
    {"EPOCH", "epoch", true},    {"SEQUENCE", "sequence", true},
    {NULL, NULL, false},
};
static const struct vr_ctl_shape audit_shape = {audit_columns, "sequence"};

static const struct vr_ctl_column analytics_columns[] = {
    {"ROOM", "room", false},
    {"PHASE", "phase", false},
    {"JOINS", "joins", false},
    {"UNIQUE", "unique", false},
    {"PEAK", "peak", false},
    {"MEAN-STAY-S", "mean_stay_s", false},
    {"HANDS", "hands_raised", false},
    {"REACTIONS", "reactions", false},
    {"CHATS", "chats", false},
    {"STARTED", "started_at", false},
    {"ENDED", "ended_at", false},
    {"SPEAKERS", "speakers", false},
    {NULL, NULL, false},
};
static const struct vr_ctl_shape analytics_shape = {analytics_columns, "room"};

enum vr_ctl_exit vr_ctl_ban_list(struct vr_ctl *ctl)
{
    return vr_ctl_show(ctl, "/v1/rooms/%/bans", "bans", &ban_shape);
}

static json_t *ban_body(struct vr_ctl *ctl)
{
    const char *participant = vr_ctl_text(ctl->line, "participant");
    const char *user = vr_ctl_text(ctl->line, "user");
    const char *reason = vr_ctl_text(ctl->line, "reason");
    json_t *body = NULL;

    if ((participant == NULL) == (user == NULL)) {
        (void)vr_ctl_fail(ctl, VR_CTL_USAGE, "say whom: --participant NUMBER or --user USER");
        return NULL;
    }
    body = json_pack("{s:I, s:b}", "duration_s", (json_int_t)vr_ctl_seconds(ctl->line, "for", 0),
                     "by_address", vr_ctl_given(ctl->line, "by-address") ? 1 : 0);
    if (participant != NULL) {
        json_object_set_new(body, "participant",
                            json_integer(vr_ctl_number(ctl->line, "participant", 0)));
    }
    if ((user != NULL && json_object_set_new(body, "user", json_string(user)) != 0) ||
        (reason != NULL && json_object_set_new(body, "reason", json_string(reason)) != 0)) {
        (void)vr_ctl_fail(ctl, VR_CTL_USAGE, "--user or --reason is not UTF-8");
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

enum vr_ctl_exit vr_ctl_ban_remove(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {.method = "DELETE",
                                     .path = "/v1/rooms/%/bans/%",
                                     .args = {vr_ctl_arg(ctl, 0), vr_ctl_arg(ctl, 1)}};
    enum vr_ctl_exit code = vr_ctl_call(ctl, &request, NULL);

    if (code == VR_CTL_OK) {
        vr_ctl_say(ctl, "ban %s is lifted", vr_ctl_arg(ctl, 1));
    }
    return code;
}

enum vr_ctl_exit vr_ctl_audit_list(struct vr_ctl *ctl)
{
    return vr_ctl_show(ctl, "/v1/rooms/%/audit", "entries", &audit_shape);
}

enum vr_ctl_exit vr_ctl_analytics_room(struct vr_ctl *ctl)
{
    return vr_ctl_show(ctl, "/v1/rooms/%/analytics", NULL, &analytics_shape);
}
