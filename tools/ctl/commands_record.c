/* commands_record.c - analytics, room export, schedule, config: what is kept, and what is set. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ctl/commands.h"

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

enum vr_ctl_exit vr_ctl_analytics_room(struct vr_ctl *ctl)
{
    return vr_ctl_show(ctl, "/v1/rooms/%/analytics", NULL, &analytics_shape);
}

static const struct vr_ctl_column summary_columns[] = {
    {"SCHEDULED", "rooms.scheduled", false},
    {"ACTIVE", "rooms.active", false},
    {"ENDED", "rooms.ended", false},
    {"JOINS", "joins", false},
    {"PEAK", "peak", false},
    {"MEAN-STAY-S", "mean_stay_s", false},
    {"HANDS", "hands_raised", false},
    {"REACTIONS", "reactions", false},
    {"CHATS", "chats", false},
    {NULL, NULL, false},
};
static const struct vr_ctl_shape summary_shape = {summary_columns, "joins"};

enum vr_ctl_exit vr_ctl_analytics_summary(struct vr_ctl *ctl)
{
    return vr_ctl_show(ctl, "/v1/analytics", NULL, &summary_shape);
}

static const struct vr_ctl_column export_columns[] = {
    {"ROOM", "room.id", false}, {"TITLE", "room.title", false}, {NULL, NULL, false}};
static const struct vr_ctl_shape export_shape = {export_columns, "room.id"};

enum vr_ctl_exit vr_ctl_room_export(struct vr_ctl *ctl)
{
    if (ctl->format == VR_CTL_TABLE || ctl->format == VR_CTL_WIDE) {
        ctl->format = VR_CTL_JSON; /* to be kept, not to be looked at */
    }
    return vr_ctl_show(ctl, "/v1/rooms/%/export", NULL, &export_shape);
}

static const struct vr_ctl_column schedule_columns[] = {
    {"ID", "id", false},          {"STARTS", "starts_at", false}, {"TITLE", "title", false},
    {"HOST", "host.name", false}, {"TOPIC", "topic", false},      {NULL, NULL, false},
};
static const struct vr_ctl_shape schedule_shape = {schedule_columns, "id"};

enum vr_ctl_exit vr_ctl_schedule_list(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {
        .method = "GET", .path = "/v1/rooms", .query = "?phase=scheduled&sort=starts_at&limit=100"};
    json_t *answer = NULL;
    enum vr_ctl_exit code = vr_ctl_call(ctl, &request, &answer);

    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, json_object_get(answer, "rooms"), &schedule_shape);
        if (json_is_string(json_object_get(answer, "next_cursor"))) {
            vr_ctl_say(ctl, "there are more; see 'room list --phase scheduled --limit'");
        }
    }
    json_decref(answer);
    return code;
}

enum vr_ctl_exit vr_ctl_schedule_create(struct vr_ctl *ctl)
{
    const char *topic = vr_ctl_text(ctl->line, "topic");
    struct vr_ctl_request request = {.method = "POST", .path = "/v1/rooms", .idempotent = true};
    json_t *answer = NULL;
    enum vr_ctl_exit code = VR_CTL_USAGE;

    request.body =
        json_pack("{s:s, s:s}", "title", vr_ctl_arg(ctl, 1), "starts_at", vr_ctl_arg(ctl, 0));
    if (request.body == NULL ||
        (topic != NULL && json_object_set_new(request.body, "topic", json_string(topic)) != 0)) {
        json_decref(request.body);
        return vr_ctl_fail(ctl, VR_CTL_USAGE, "TIME, TITLE or --topic is not UTF-8");
    }
    code = vr_ctl_call(ctl, &request, &answer);
    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, answer, &schedule_shape);
        if (strcmp(json_string_value(json_object_get(answer, "phase")), "scheduled") != 0) {
            vr_ctl_say(ctl, "the time is past: the room has begun");
        }
    }
    json_decref(answer);
    json_decref(request.body);
    return code;
}

enum vr_ctl_exit vr_ctl_schedule_cancel(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {.method = "POST",
                                     .path = "/v1/rooms/%/end",
                                     .args = {vr_ctl_arg(ctl, 0)},
                                     .question = "Cancel this room?",
                                     .target = "/v1/rooms/%",
                                     .target_path = "title"};
    enum vr_ctl_exit code = VR_CTL_OK;

    request.body = json_pack("{s:s}", "reason", "cancelled");
    code = vr_ctl_call(ctl, &request, NULL);
    if (code == VR_CTL_OK) {
        vr_ctl_say(ctl, "room %s is cancelled", vr_ctl_arg(ctl, 0));
    }
    json_decref(request.body);
    return code;
}

static const struct vr_ctl_column setting_columns[] = {
    {"SETTING", "setting", false}, {"VALUE", "value", false}, {NULL, NULL, false}};
static const struct vr_ctl_shape setting_shape = {setting_columns, "setting"};

/** For people a line for each setting, those of a part with its name before them. */
static void settings_rows(json_t *rows, const char *part, const json_t *settings)
{
    const char *key = NULL;
    json_t *value = NULL;

    json_object_foreach((json_t *)(uintptr_t)settings, key, value)
    {
        if (json_is_object(value)) {
            settings_rows(rows, key, value); // NOLINT
        } else {
            char name[96];

            snprintf(name, sizeof(name), "%s%s%s", part, part[0] == 0 ? "" : ".", key);
            json_array_append_new(rows, json_pack("{s:s, s:O}", "setting", name, "value", value));
        }
    }
}

enum vr_ctl_exit vr_ctl_config_show(struct vr_ctl *ctl)
{
    json_t *answer = NULL;
    json_t *rows = json_array();
    enum vr_ctl_exit code = vr_ctl_get(ctl, "/v1/config", NULL, &answer);

    if (code == VR_CTL_OK) {
        settings_rows(rows, "", answer);
        code = vr_ctl_print(
            ctl, ctl->format == VR_CTL_JSON || ctl->format == VR_CTL_YAML ? answer : rows,
            &setting_shape);
    }
    json_decref(rows);
    json_decref(answer);
    return code;
}

static const struct vr_ctl_column good_columns[] = {
    {"GOOD", "good", false}, {"WHY", "why", false}, {NULL, NULL, false}};
static const struct vr_ctl_shape good_shape = {good_columns, "good"};

static enum vr_ctl_exit read_file(struct vr_ctl *ctl, const char *path, struct vr_buf *out)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char chunk[4096];
    size_t size = 0;

    if (file == NULL) {
        return vr_ctl_fail(ctl, VR_CTL_USAGE, "%s cannot be read", path);
    }
    while ((size = fread(chunk, 1, sizeof(chunk), file)) > 0 && out->size < 65536) {
        vr_buf_append(out, chunk, size);
    }
    if (file != stdin) {
        fclose(file);
    }
    vr_buf_append(out, "", 1);
    return out->failed ? vr_ctl_fail(ctl, VR_CTL_ERROR, "memory is out") : VR_CTL_OK;
}

enum vr_ctl_exit vr_ctl_config_check(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {.method = "POST", .path = "/v1/config/check"};
    struct vr_buf text = {0};
    json_t *answer = NULL;
    enum vr_ctl_exit code = read_file(ctl, vr_ctl_arg(ctl, 0), &text);

    if (code == VR_CTL_OK) {
        request.yaml = (const char *)text.data;
        code = vr_ctl_call(ctl, &request, &answer);
    }
    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, answer, &good_shape);
        if (code == VR_CTL_OK && !json_is_true(json_object_get(answer, "good"))) {
            code = VR_CTL_USAGE;
        }
    }
    json_decref(answer);
    vr_buf_deinit(&text);
    return code;
}
