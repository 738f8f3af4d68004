/* commands_people.c - participant and hand. */
#include <string.h>

#include "tools/ctl/commands.h"

static const struct vr_ctl_column columns[] = {
    {"PARTICIPANT", "participant", false},
    {"NAME", "name", false},
    {"ROLE", "role", false},
    {"MUTED", "muted", false},
    {"HAND", "hand.position", false},
    {"STATE", "state", false},
    {"USER", "user", true},
    {"CREATOR", "creator", true},
    {"GUEST", "guest", true},
    {"INVITED", "invited", true},
    {"MUTED-BY-SELF", "muted_by_self", true},
    {"MUTED-BY-MODERATOR", "muted_by_moderator", true},
    {"JOINED", "joined_at", true},
    {NULL, NULL, false},
};
static const struct vr_ctl_shape shape = {columns, "participant"};

static const struct vr_ctl_column hand_columns[] = {
    {"POSITION", "position", false},
    {"PARTICIPANT", "participant", false},
    {"NAME", "name", false},
    {"RAISED", "raised_at", false},
    {NULL, NULL, false},
};
static const struct vr_ctl_shape hand_shape = {hand_columns, "participant"};

enum vr_ctl_exit vr_ctl_participant_list(struct vr_ctl *ctl)
{
    return vr_ctl_show(ctl, "/v1/rooms/%/participants", "participants", &shape);
}

/** One request about the person of argument 1; the person answered is printed. */
static enum vr_ctl_exit about(struct vr_ctl *ctl, const char *method, const char *path,
                              const char *act)
{
    struct vr_ctl_request request = {
        .method = method, .path = path, .args = {vr_ctl_arg(ctl, 0), vr_ctl_arg(ctl, 1), act}};
    json_t *answer = NULL;
    enum vr_ctl_exit code = vr_ctl_call(ctl, &request, &answer);

    if (code == VR_CTL_OK && answer != NULL) {
        code = vr_ctl_print(ctl, answer, &shape);
    }
    json_decref(answer);
    return code;
}

enum vr_ctl_exit vr_ctl_participant_show(struct vr_ctl *ctl)
{
    return about(ctl, "GET", "/v1/rooms/%/participants/%", NULL);
}

enum vr_ctl_exit vr_ctl_participant_move(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {
        .method = "POST",
        .path = "/v1/rooms/%/participants/%/move",
        .args = {vr_ctl_arg(ctl, 0), vr_ctl_arg(ctl, 1)},
        .body = json_pack("{s:s}", "node", vr_ctl_arg(ctl, 2)),
    };
    json_t *answer = NULL;
    enum vr_ctl_exit code = vr_ctl_call(ctl, &request, &answer);

    if (code == VR_CTL_OK && answer != NULL) {
        code = vr_ctl_print(ctl, answer, &shape);
        vr_ctl_say(ctl, "participant %s was told to go to node %s", vr_ctl_arg(ctl, 1),
                   vr_ctl_arg(ctl, 2));
    }
    json_decref(request.body);
    json_decref(answer);
    return code;
}

/** The verb is the act's name in the REST interface. */
enum vr_ctl_exit vr_ctl_participant_act(struct vr_ctl *ctl)
{
    return about(ctl, "POST", "/v1/rooms/%/participants/%/%", ctl->line->command->verb);
}

enum vr_ctl_exit vr_ctl_participant_mute_all(struct vr_ctl *ctl)
{
    static const struct vr_ctl_column muted[] = {{"MUTED", "muted", false}, {NULL, NULL, false}};
    static const struct vr_ctl_shape muted_shape = {muted, "muted"};
    struct vr_ctl_request request = {
        .method = "POST", .path = "/v1/rooms/%/mute-all", .args = {vr_ctl_arg(ctl, 0)}};
    json_t *answer = NULL;
    enum vr_ctl_exit code = vr_ctl_call(ctl, &request, &answer);

    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, answer, &muted_shape);
    }
    json_decref(answer);
    return code;
}

enum vr_ctl_exit vr_ctl_participant_kick(struct vr_ctl *ctl)
{
    const char *reason = vr_ctl_text(ctl->line, "reason");
    struct vr_ctl_request request = {.method = "DELETE",
                                     .path = "/v1/rooms/%/participants/%",
                                     .args = {vr_ctl_arg(ctl, 0), vr_ctl_arg(ctl, 1)},
                                     .question = "Throw this person out?",
                                     .target = "/v1/rooms/%/participants/%",
                                     .target_path = "name"};
    struct vr_buf query = {0};
    enum vr_ctl_exit code = VR_CTL_OK;

    if (reason != NULL) {
        vr_buf_text(&query, "?reason=");
        vr_ctl_encode(&query, reason);
        vr_buf_append(&query, "", 1);
        request.query = (const char *)query.data;
    }
    code = vr_ctl_call(ctl, &request, NULL);
    if (code == VR_CTL_OK) {
        vr_ctl_say(ctl, "participant %s is out; he may come back (see 'ban add')",
                   vr_ctl_arg(ctl, 1));
    }
    vr_buf_deinit(&query);
    return code;
}

enum vr_ctl_exit vr_ctl_hand_list(struct vr_ctl *ctl)
{
    return vr_ctl_show(ctl, "/v1/rooms/%/hands", "hands", &hand_shape);
}

enum vr_ctl_exit vr_ctl_hand_accept(struct vr_ctl *ctl)
{
    return about(ctl, "POST", "/v1/rooms/%/participants/%/%", "promote");
}

enum vr_ctl_exit vr_ctl_hand_decline(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {.method = "DELETE",
                                     .path = "/v1/rooms/%/hands/%",
                                     .args = {vr_ctl_arg(ctl, 0), vr_ctl_arg(ctl, 1)}};
    enum vr_ctl_exit code = vr_ctl_call(ctl, &request, NULL);

    if (code == VR_CTL_OK) {
        vr_ctl_say(ctl, "the hand of participant %s is down", vr_ctl_arg(ctl, 1));
    }
    return code;
}
