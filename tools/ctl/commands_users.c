/* commands_users.c - user, filter. */
#include <string.h>

#include "tools/ctl/commands.h"

static const struct vr_ctl_column user_columns[] = {
    {"USER", "user", false},
    {"KNOWN", "known", false},
    {"REF", "ref", false},
    {"PLACES", "places", false},
    {"ROOMS", "rooms", false},
    {"BANS", "bans", false},
    {"DEPLOYMENT-BANS", "deployment_bans", false},
    {"REPORTS-ABOUT", "reports_about", false},
    {"REPORTS-BY", "reports_by", false},
    {"AUDIT", "audit", false},
    {"REMINDERS", "reminders", false},
    {NULL, NULL, false},
};
static const struct vr_ctl_shape user_shape = {user_columns, "user"};

static const struct vr_ctl_column filter_columns[] = {
    {"FILTER", "id", false}, {"WORD", "word", false}, {"ACTION", "action", false},
    {"AT", "at", true},      {NULL, NULL, false},
};
static const struct vr_ctl_shape filter_shape = {filter_columns, "id"};

/* --- users --- */

/** For people: how many of each; the lists themselves are for -o json and yaml. */
enum vr_ctl_exit vr_ctl_user_show(struct vr_ctl *ctl)
{
    json_t *answer = NULL;
    enum vr_ctl_exit code = vr_ctl_get(ctl, "/v1/users/%", vr_ctl_arg(ctl, 0), &answer);
    const char *key = NULL;
    json_t *value = NULL;
    void *next = NULL;

    if (code == VR_CTL_OK && (ctl->format == VR_CTL_TABLE || ctl->format == VR_CTL_WIDE)) {
        json_object_foreach_safe(answer, next, key, value)
        {
            if (json_is_array(value)) {
                json_object_set_new(answer, key, json_integer((json_int_t)json_array_size(value)));
            }
        }
    }
    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, answer, &user_shape);
    }
    json_decref(answer);
    return code;
}

enum vr_ctl_exit vr_ctl_user_export(struct vr_ctl *ctl)
{
    if (ctl->format == VR_CTL_TABLE || ctl->format == VR_CTL_WIDE) {
        ctl->format = VR_CTL_JSON; /* to be handed out, not to be looked at */
    }
    return vr_ctl_show(ctl, "/v1/users/%/export", NULL, &user_shape);
}

enum vr_ctl_exit vr_ctl_user_erase(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {.method = "DELETE",
                                     .path = "/v1/users/%",
                                     .args = {vr_ctl_arg(ctl, 0)},
                                     .question = "Destroy everything that names this user?",
                                     .target = "/v1/users/%",
                                     .target_path = "user"};
    enum vr_ctl_exit code = vr_ctl_call(ctl, &request, NULL);

    if (code == VR_CTL_OK) {
        vr_ctl_say(ctl,
                   "user %s is erased; his tokens still work (see 'ban add all' and 'token "
                   "revoke')",
                   vr_ctl_arg(ctl, 0));
    }
    return code;
}

/* --- filter --- */

enum vr_ctl_exit vr_ctl_filter_list(struct vr_ctl *ctl)
{
    return vr_ctl_show(ctl, "/v1/filters", "filters", &filter_shape);
}

enum vr_ctl_exit vr_ctl_filter_add(struct vr_ctl *ctl)
{
    const char *action = vr_ctl_text(ctl->line, "action");
    struct vr_ctl_request request = {.method = "POST", .path = "/v1/filters"};
    json_t *answer = NULL;
    enum vr_ctl_exit code = VR_CTL_OK;

    request.body = json_pack("{s:s, s:s}", "word", vr_ctl_arg(ctl, 0), "action",
                             action == NULL ? "mask" : action);
    if (request.body == NULL) {
        return vr_ctl_fail(ctl, VR_CTL_USAGE, "WORD is not UTF-8");
    }
    code = vr_ctl_call(ctl, &request, &answer);
    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, answer, &filter_shape);
    }
    json_decref(answer);
    json_decref(request.body);
    return code;
}

/** By its id, or by the word itself. */
enum vr_ctl_exit vr_ctl_filter_remove(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {
        .method = "DELETE", .path = "/v1/filters/%", .args = {vr_ctl_arg(ctl, 0)}};
    json_t *answer = NULL;
    size_t i = 0;
    json_t *filter = NULL;
    enum vr_ctl_exit code = VR_CTL_OK;

    if (!vr_ctl_given(ctl->line, "curl")) {
        code = vr_ctl_get(ctl, "/v1/filters", NULL, &answer);
    }
    json_array_foreach(json_object_get(answer, "filters"), i, filter)
    {
        if (strcmp(json_string_value(json_object_get(filter, "word")), vr_ctl_arg(ctl, 0)) == 0) {
            request.args[0] = json_string_value(json_object_get(filter, "id"));
        }
    }
    if (code == VR_CTL_OK) {
        code = vr_ctl_call(ctl, &request, NULL);
    }
    if (code == VR_CTL_OK) {
        vr_ctl_say(ctl, "%s is not filtered any more", vr_ctl_arg(ctl, 0));
    }
    json_decref(answer);
    return code;
}
