/* top.c - a live picture of nodes, rooms and who is on stage. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "tools/ctl/commands.h"

static void pause_for(double every)
{
    struct timespec pause = {(time_t)every, (long)((every - (double)(time_t)every) * 1e9)};

    nanosleep(&pause, NULL);
}

static void line_of(struct vr_buf *out, const char *format, size_t width, const json_t *value)
{
    struct vr_buf cell = {0};
    size_t columns = 0;

    vr_ctl_cell(&cell, value);
    vr_buf_append(&cell, "", 1);
    columns = cell.failed ? width : vr_ctl_columns((const char *)cell.data);
    vr_buf_text(out, cell.failed ? "?" : (const char *)cell.data);
    for (; columns < width; columns++) {
        vr_buf_text(out, " ");
    }
    vr_buf_text(out, format);
    vr_buf_deinit(&cell);
}

static void top_nodes(struct vr_buf *out, const json_t *nodes)
{
    size_t i = 0;
    json_t *node = NULL;

    vr_buf_text(out, "NODE                  STATE      ROOMS   PEOPLE   STRESS  VERSION\n");
    json_array_foreach(nodes, i, node)
    {
        bool alive = json_is_true(json_object_get(node, "alive"));
        bool draining = json_is_true(json_object_get(node, "draining"));

        line_of(out, "  ", 20, json_object_get(node, "node"));
        vr_buf_printf(out, "%-9s  %5lld  %7lld   %5.2f  ",
                      !alive     ? "down"
                      : draining ? "draining"
                                 : "up",
                      (long long)json_integer_value(json_object_get(node, "rooms")),
                      (long long)json_integer_value(json_object_get(node, "participants")),
                      json_number_value(json_object_get(node, "stress")));
        line_of(out, "\n", 0, json_object_get(node, "version"));
    }
}

static void top_rooms(struct vr_buf *out, const json_t *rooms)
{
    size_t i = 0;
    json_t *room = NULL;

    vr_buf_text(out, "\nROOM                            PEOPLE  SPEAKERS  HANDS  ON STAGE\n");
    json_array_foreach(rooms, i, room)
    {
        const json_t *counts = json_object_get(room, "counts");
        size_t j = 0;
        json_t *person = NULL;

        line_of(out, "  ", 30, json_object_get(room, "title"));
        vr_buf_printf(out, "%6lld  %8lld  %5lld  ",
                      (long long)json_integer_value(json_object_get(counts, "participants")),
                      (long long)json_integer_value(json_object_get(counts, "speakers")),
                      (long long)json_integer_value(json_object_get(counts, "hands")));
        json_array_foreach(json_object_get(room, "on_stage"), j, person)
        {
            vr_buf_text(out, j == 0 ? "" : ", ");
            vr_ctl_cell(out, json_object_get(person, "name"));
        }
        vr_buf_text(out, "\n");
    }
}

/** One picture. */
static enum vr_ctl_exit top_look(struct vr_ctl *ctl)
{
    struct vr_ctl_request list = {
        .method = "GET", .path = "/v1/rooms", .query = "?sort=live&limit=20&phase=active"};
    json_t *nodes = NULL;
    json_t *rooms = NULL;
    struct vr_buf out = {0};
    enum vr_ctl_exit code = vr_ctl_get(ctl, "/v1/nodes", NULL, &nodes);

    if (code == VR_CTL_OK) {
        code = vr_ctl_call(ctl, &list, &rooms);
    }
    if (code == VR_CTL_OK && ctl->format != VR_CTL_TABLE && ctl->format != VR_CTL_WIDE) {
        static const struct vr_ctl_shape shape = {NULL, "nodes"};
        json_t *both = json_pack("{s:O, s:O}", "nodes", json_object_get(nodes, "nodes"), "rooms",
                                 json_object_get(rooms, "rooms"));

        vr_ctl_write(&out, ctl->format, both, &shape, false);
        json_decref(both);
    } else if (code == VR_CTL_OK) {
        top_nodes(&out, json_object_get(nodes, "nodes"));
        top_rooms(&out, json_object_get(rooms, "rooms"));
    }
    if (code == VR_CTL_OK) {
        if (isatty(STDOUT_FILENO)) {
            fputs("\033[H\033[J", stdout); /* from the top, without a flicker */
        }
        fwrite(out.data, 1, out.size, stdout);
        fflush(stdout);
    }
    vr_buf_deinit(&out);
    json_decref(nodes);
    json_decref(rooms);
    return code;
}

enum vr_ctl_exit vr_ctl_top(struct vr_ctl *ctl)
{
    bool live = isatty(STDOUT_FILENO) || vr_ctl_given(ctl->line, "watch");
    int64_t most = vr_ctl_number(ctl->line, "looks", live ? 0 : 1);
    double every = vr_ctl_seconds(ctl->line, "watch", 2);
    enum vr_ctl_exit code = VR_CTL_OK;

    for (int64_t looks = 0; code == VR_CTL_OK && (most == 0 || looks < most); looks++) {
        if (looks > 0) {
            pause_for(every);
        }
        code = top_look(ctl);
    }
    return code;
}
