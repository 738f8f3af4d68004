/* watch.c - room watch: what happens in a room, found by asking again and again. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tools/ctl/commands.h"

#define EVERY_S 2.0

static const struct vr_ctl_column columns[] = {
    {"AT", "at", false},     {"EVENT", "event", false},   {"PARTICIPANT", "participant", false},
    {"NAME", "name", false}, {"DETAIL", "detail", false}, {NULL, NULL, false},
};
static const struct vr_ctl_shape shape = {columns, "event"};

static const json_t *find(const json_t *people, const json_t *person)
{
    size_t i = 0;
    json_t *item = NULL;

    json_array_foreach(people, i, item)
    {
        if (json_equal(json_object_get(item, "participant"),
                       json_object_get(person, "participant"))) {
            return item;
        }
    }
    return NULL;
}

static void happened(json_t *out, const char *at, const char *event, const json_t *person,
                     const char *detail)
{
    json_t *row =
        json_pack("{s:s, s:s, s:O?, s:O?}", "at", at, "event", event, "participant",
                  json_object_get(person, "participant"), "name", json_object_get(person, "name"));

    json_object_set_new(row, "detail", detail == NULL ? json_null() : json_string(detail));
    json_array_append_new(out, row);
}

static const char *member(const json_t *person, const char *name)
{
    const char *text = json_string_value(json_object_get(person, name));

    return text == NULL ? "" : text;
}

/** What changed about one person who was there before. */
static void compare(json_t *out, const char *at, const json_t *before, const json_t *after)
{
    bool hand = json_is_object(json_object_get(after, "hand"));
    bool muted = json_is_true(json_object_get(after, "muted"));

    if (strcmp(member(before, "role"), member(after, "role")) != 0) {
        happened(out, at, "role", after, member(after, "role"));
    }
    if (hand != json_is_object(json_object_get(before, "hand"))) {
        happened(out, at, hand ? "hand-raised" : "hand-lowered", after, NULL);
    }
    if (muted != json_is_true(json_object_get(before, "muted"))) {
        happened(out, at, muted ? "muted" : "unmuted", after,
                 !muted                                                       ? NULL
                 : json_is_true(json_object_get(after, "muted_by_moderator")) ? "by a moderator"
                                                                              : "by himself");
    }
    if (strcmp(member(before, "state"), member(after, "state")) != 0) {
        happened(out, at, "state", after, member(after, "state"));
    }
}

json_t *vr_ctl_changes(const json_t *before, const json_t *after, const char *at)
{
    json_t *out = json_array();
    size_t i = 0;
    json_t *person = NULL;

    json_array_foreach(before, i, person)
    {
        if (find(after, person) == NULL) {
            happened(out, at, "left", person, NULL);
        }
    }
    json_array_foreach(after, i, person)
    {
        const json_t *known = find(before, person);

        if (known == NULL) {
            happened(out, at, "joined", person, member(person, "role"));
        } else {
            compare(out, at, known, person);
        }
    }
    return out;
}

/** Rows one by one, the heading only at first: the output goes on growing. */
static enum vr_ctl_exit print_rows(struct vr_ctl *ctl, const json_t *rows, bool *begun)
{
    struct vr_buf out = {0};
    size_t i = 0;
    json_t *row = NULL;

    if (ctl->format != VR_CTL_TABLE && ctl->format != VR_CTL_WIDE) {
        json_array_foreach(rows, i, row)
        {
            vr_ctl_write(&out, ctl->format == VR_CTL_JSON ? VR_CTL_JSONL : ctl->format, row, &shape,
                         false);
        }
    } else {
        if (!*begun) {
            vr_buf_text(&out, "AT                    EVENT         WHO\n");
            *begun = true;
        }
        json_array_foreach(rows, i, row)
        {
            vr_buf_printf(&out, "%s  %-12s  ", member(row, "at"), member(row, "event"));
            vr_ctl_cell(&out, json_object_get(row, "participant"));
            vr_buf_text(&out, " ");
            vr_ctl_cell(&out, json_object_get(row, "name"));
            vr_buf_text(&out, json_is_null(json_object_get(row, "detail")) ? "" : ": ");
            vr_ctl_safe(&out, member(row, "detail"));
            vr_buf_text(&out, "\n");
        }
    }
    fwrite(out.data, 1, out.size, stdout);
    fflush(stdout);
    vr_buf_deinit(&out);
    return VR_CTL_OK;
}

static void now_text(char out[32])
{
    time_t now = time(NULL);
    struct tm parts;

    gmtime_r(&now, &parts);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

/** One look: the room and its people. *over: the room has ended. */
static enum vr_ctl_exit look(struct vr_ctl *ctl, json_t **people, bool *over)
{
    json_t *room = NULL;
    json_t *answer = NULL;
    enum vr_ctl_exit code = vr_ctl_get(ctl, "/v1/rooms/%", vr_ctl_arg(ctl, 0), &room);

    *over = strcmp(member(room, "phase"), "ended") == 0;
    if (code == VR_CTL_OK && !*over) {
        code = vr_ctl_get(ctl, "/v1/rooms/%/participants", vr_ctl_arg(ctl, 0), &answer);
    }
    if (code == VR_CTL_OK) {
        *people =
            answer == NULL ? json_array() : json_incref(json_object_get(answer, "participants"));
    }
    json_decref(room);
    json_decref(answer);
    return code;
}

enum vr_ctl_exit vr_ctl_room_watch(struct vr_ctl *ctl)
{
    double every = vr_ctl_seconds(ctl->line, "watch", EVERY_S);
    struct timespec pause = {(time_t)every, (long)((every - (double)(time_t)every) * 1e9)};
    json_t *before = json_array();
    bool over = false;
    bool begun = false;
    enum vr_ctl_exit code = VR_CTL_OK;

    while (code == VR_CTL_OK && !over) {
        char at[32];
        json_t *after = NULL;

        code = look(ctl, &after, &over);
        now_text(at);
        if (code == VR_CTL_OK) {
            json_t *rows = vr_ctl_changes(before, after, at);

            if (over) {
                happened(rows, at, "ended", NULL, NULL);
            }
            code = print_rows(ctl, rows, &begun);
            json_decref(rows);
            json_decref(before);
            before = after;
        }
        if (code == VR_CTL_OK && !over) {
            nanosleep(&pause, NULL);
        }
    }
    json_decref(before);
    return code;
}
