/* commands_room.c - room create, list, show, update, start, end, delete. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ctl/commands.h"

#define PAGE 100

static const struct vr_ctl_column columns[] = {
    {"ID", "id", false},
    {"TITLE", "title", false},
    {"PHASE", "phase", false},
    {"PEOPLE", "counts.participants", false},
    {"SPEAKERS", "counts.speakers", false},
    {"HANDS", "counts.hands", false},
    {"HOST", "host.name", false},
    {"VISIBILITY", "visibility", true},
    {"LOCKED", "locked", true},
    {"PASSCODE", "has_passcode", true},
    {"CAPACITY", "capacity", true},
    {"STAGE", "speaker_capacity", true},
    {"ENTRY", "entry", true},
    {"SLOW-HAND", "slow_hand_s", true},
    {"TOPIC", "topic", true},
    {"LANGUAGE", "language", true},
    {"TAGS", "tags", true},
    {"CREATED", "created_at", true},
    {"STARTS", "starts_at", true},
    {"STARTED", "started_at", true},
    {"ENDED", "ended_at", true},
    {"REASON", "end_reason", true},
    {"REVISION", "revision", true},
    {NULL, NULL, false},
};
static const struct vr_ctl_shape shape = {columns, "id"};

/** Members of the body from flags that are given; "list" flags gather. */
static const struct {
    const char *flag;
    const char *member;
    enum { TEXT, NUMBER, SECONDS, LIST } kind;
} settings[] = {
    {"title", "title", TEXT},
    {"topic", "topic", TEXT},
    {"description", "description", TEXT},
    {"language", "language", TEXT},
    {"tag", "tags", LIST},
    {"visibility", "visibility", TEXT},
    {"capacity", "capacity", NUMBER},
    {"speaker-capacity", "speaker_capacity", NUMBER},
    {"slow-hand", "slow_hand_s", SECONDS},
    {"entry", "entry", TEXT},
    {"starts-at", "starts_at", TEXT},
    {"invite", "invited", LIST},
};

static json_t *gather(const struct vr_ctl_line *line, const char *flag)
{
    json_t *list = json_array();

    for (size_t i = 0; i < line->value_count; i++) {
        const char *text = line->values[i].text;

        if (strcmp(line->values[i].flag->name, flag) == 0 && text[0] != '\0') {
            json_array_append_new(list, json_string(text));
        }
    }
    return list;
}

static json_t *setting_value(const struct vr_ctl_line *line, size_t i)
{
    switch (settings[i].kind) {
    case TEXT:
        return json_string(vr_ctl_text(line, settings[i].flag));
    case NUMBER:
        return json_integer(vr_ctl_number(line, settings[i].flag, 0));
    case SECONDS:
        return json_integer((json_int_t)vr_ctl_seconds(line, settings[i].flag, 0));
    case LIST:
        return gather(line, settings[i].flag);
    }
    return NULL;
}

/** The body of creation and update. NULL: explained already. */
static json_t *settings_body(struct vr_ctl *ctl)
{
    json_t *body = json_object();
    const char *file = vr_ctl_text(ctl->line, "passcode-file");
    const char *locked = vr_ctl_text(ctl->line, "locked");
    char passcode[256] = "";
    struct vr_why why = {0};

    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (vr_ctl_given(ctl->line, settings[i].flag)) {
            json_t *value = setting_value(ctl->line, i);

            if (value == NULL) {
                (void)vr_ctl_fail(ctl, VR_CTL_USAGE, "--%s is not UTF-8", settings[i].flag);
                json_decref(body);
                return NULL;
            }
            json_object_set_new(body, settings[i].member, value);
        }
    }
    if (locked != NULL) {
        json_object_set_new(body, "locked", json_boolean(strcmp(locked, "yes") == 0));
    }
    if (file != NULL && vr_ctl_secret_read(file, passcode, sizeof(passcode), &why) != VR_OK) {
        (void)vr_ctl_fail(ctl, VR_CTL_USAGE, "%s", why.text);
        json_decref(body);
        return NULL;
    }
    if (file != NULL || vr_ctl_given(ctl->line, "no-passcode")) {
        json_object_set_new(body, "passcode", json_string(passcode));
    }
    explicit_bzero(passcode, sizeof(passcode));
    return body;
}

/** Call, and print the room that is answered. */
static enum vr_ctl_exit call_room(struct vr_ctl *ctl, const struct vr_ctl_request *request)
{
    json_t *answer = NULL;
    enum vr_ctl_exit code = vr_ctl_call(ctl, request, &answer);

    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, answer, &shape);
    }
    json_decref(answer);
    return code;
}

enum vr_ctl_exit vr_ctl_room_create(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {.method = "POST", .path = "/v1/rooms", .idempotent = true};
    enum vr_ctl_exit code = VR_CTL_USAGE;
    json_t *title = json_string(vr_ctl_arg(ctl, 0));

    request.body = settings_body(ctl);
    if (title == NULL) {
        code = vr_ctl_fail(ctl, VR_CTL_USAGE, "TITLE is not UTF-8");
    } else if (request.body != NULL) {
        json_object_set(request.body, "title", title);
        code = call_room(ctl, &request);
    }
    json_decref(title);
    json_decref(request.body);
    return code;
}

static void add_query(struct vr_buf *query, const char *name, const char *value)
{
    if (value != NULL) {
        vr_buf_printf(query, "%s%s=", query->size == 0 ? "?" : "&", name);
        vr_ctl_encode(query, value);
    }
}

/** One page into `rooms`; *cursor is replaced by the next one, NULL at the end. */
static enum vr_ctl_exit list_page(struct vr_ctl *ctl, int64_t want, json_t *rooms, json_t **cursor)
{
    static const char *const filters[] = {"phase", "q", "topic", "tag", "language", "sort"};
    struct vr_ctl_request request = {.method = "GET", .path = "/v1/rooms"};
    struct vr_buf query = {0};
    char limit[24];
    json_t *answer = NULL;
    enum vr_ctl_exit code = VR_CTL_ERROR;

    snprintf(limit, sizeof(limit), "%lld", (long long)(want < PAGE ? want : PAGE));
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        const char *flag = strcmp(filters[i], "q") == 0 ? "search" : filters[i];

        add_query(&query, filters[i], vr_ctl_text(ctl->line, flag));
    }
    add_query(&query, "limit", limit);
    add_query(&query, "cursor", json_string_value(*cursor));
    vr_buf_append(&query, "", 1);
    request.query = (const char *)query.data;
    code = vr_ctl_call(ctl, &request, &answer);
    json_decref(*cursor);
    *cursor = NULL;
    if (code == VR_CTL_OK) {
        json_array_extend(rooms, json_object_get(answer, "rooms"));
        if (json_is_string(json_object_get(answer, "next_cursor"))) {
            *cursor = json_incref(json_object_get(answer, "next_cursor"));
        }
    }
    json_decref(answer);
    vr_buf_deinit(&query);
    return code;
}

enum vr_ctl_exit vr_ctl_room_list(struct vr_ctl *ctl)
{
    int64_t want = vr_ctl_number(ctl->line, "limit", PAGE);
    json_t *rooms = json_array();
    json_t *cursor = NULL;
    enum vr_ctl_exit code = VR_CTL_OK;

    do {
        code = list_page(ctl, want - (int64_t)json_array_size(rooms), rooms, &cursor);
    } while (code == VR_CTL_OK && cursor != NULL && (int64_t)json_array_size(rooms) < want);
    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, rooms, &shape);
    }
    if (code == VR_CTL_OK && cursor != NULL) {
        vr_ctl_say(ctl, "there are more rooms; raise --limit");
    }
    json_decref(cursor);
    json_decref(rooms);
    return code;
}

enum vr_ctl_exit vr_ctl_room_show(struct vr_ctl *ctl)
{
    return vr_ctl_show(ctl, "/v1/rooms/%", NULL, &shape);
}

enum vr_ctl_exit vr_ctl_room_update(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {
        .method = "PATCH", .path = "/v1/rooms/%", .args = {vr_ctl_arg(ctl, 0)}};
    char revision[32];
    enum vr_ctl_exit code = VR_CTL_USAGE;

    request.body = settings_body(ctl);
    if (vr_ctl_given(ctl->line, "revision")) {
        snprintf(revision, sizeof(revision), "\"r%lld\"",
                 (long long)vr_ctl_number(ctl->line, "revision", 0));
        request.if_match = revision;
    }
    if (request.body != NULL && json_object_size(request.body) == 0) {
        code = vr_ctl_fail(ctl, VR_CTL_USAGE,
                           "nothing to change; see 'voiceroomctl room update --help'");
    } else if (request.body != NULL) {
        code = call_room(ctl, &request);
    }
    json_decref(request.body);
    return code;
}

enum vr_ctl_exit vr_ctl_room_start(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {
        .method = "POST", .path = "/v1/rooms/%/start", .args = {vr_ctl_arg(ctl, 0)}};

    return call_room(ctl, &request);
}

enum vr_ctl_exit vr_ctl_room_end(struct vr_ctl *ctl)
{
    const char *reason = vr_ctl_text(ctl->line, "reason");
    struct vr_ctl_request request = {.method = "POST",
                                     .path = "/v1/rooms/%/end",
                                     .args = {vr_ctl_arg(ctl, 0)},
                                     .question = "End this room and disconnect everybody?",
                                     .target = "/v1/rooms/%",
                                     .target_path = "title"};
    enum vr_ctl_exit code = VR_CTL_OK;

    request.body = reason == NULL ? NULL : json_pack("{s:s}", "reason", reason);
    code = reason != NULL && request.body == NULL
               ? vr_ctl_fail(ctl, VR_CTL_USAGE, "--reason is not UTF-8")
               : call_room(ctl, &request);
    json_decref(request.body);
    return code;
}

enum vr_ctl_exit vr_ctl_room_delete(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {.method = "DELETE",
                                     .path = "/v1/rooms/%",
                                     .args = {vr_ctl_arg(ctl, 0)},
                                     .question = "Forget this room and all that was kept of it?",
                                     .target = "/v1/rooms/%",
                                     .target_path = "title"};
    enum vr_ctl_exit code = vr_ctl_call(ctl, &request, NULL);

    if (code == VR_CTL_OK) {
        vr_ctl_say(ctl, "room %s is deleted", vr_ctl_arg(ctl, 0));
    }
    return code;
}
