/* top_write.c - the picture of `top`: columns that share a terminal's width. */
#include "tools/ctl/top.h"

#include <stdio.h>
#include <string.h>

#include "tools/ctl/output.h"

#define WIDE_ENOUGH 160 /* columns where nobody asks for them: a file, a pipe */
#define NUMBERS 23      /* columns of PEOPLE, STAGE, HANDS and the gaps before them */
#define NODE_NAME 20
#define NODE_REST 36 /* columns after the name and before the version */

json_t *vr_ctl_talkers(const json_t *before, const json_t *now)
{
    json_t *out = json_array();
    const char *name = NULL;
    json_t *value = NULL;

    json_object_foreach((json_t *)(uintptr_t)now, name, value)
    {
        double grown = json_number_value(value) - json_number_value(json_object_get(before, name));
        size_t at = 0;

        if (before == NULL || grown <= 0) {
            continue;
        }
        while (at < json_array_size(out) &&
               json_number_value(json_array_get(json_array_get(out, at), 1)) >= grown) {
            at++;
        }
        json_array_insert_new(out, at, json_pack("[s, f]", name, grown));
    }
    for (size_t i = 0; i < json_array_size(out); i++) {
        json_array_set(out, i, json_array_get(json_array_get(out, i), 0));
    }
    return out;
}

/** The text in exactly `width` columns, cut if need be. The last one in a line is not filled up. */
static void fit(struct vr_buf *out, const struct vr_buf *text, size_t width, bool last)
{
    const char *at = (const char *)text->data;
    size_t columns = text->size == 0 ? 0 : vr_ctl_columns(at);
    size_t used = 0;

    if (columns <= width) {
        vr_buf_append(out, text->data, text->size == 0 ? 0 : text->size - 1);
        used = columns;
    }
    while (columns > width && *at != 0) {
        size_t size = 1;
        char one[8] = "";

        while ((at[size] & 0xc0) == 0x80 && size < 4) {
            size++;
        }
        memcpy(one, at, size);
        if (used + vr_ctl_columns(one) + 1 > width) {
            vr_buf_text(out, width == 0 ? "" : "…");
            used++;
            break;
        }
        vr_buf_text(out, one);
        used += vr_ctl_columns(one);
        at += size;
    }
    for (; !last && used < width; used++) {
        vr_buf_text(out, " ");
    }
}

/** A value in so many columns. */
static void cell(struct vr_buf *out, const json_t *value, size_t width, bool last)
{
    struct vr_buf text = {0};

    vr_ctl_cell(&text, value);
    vr_buf_append(&text, "", 1);
    if (!text.failed) {
        fit(out, &text, width, last);
    }
    vr_buf_deinit(&text);
}

static void word(struct vr_buf *out, const char *text, size_t width, bool last)
{
    json_t *value = json_string(text);

    cell(out, value, width, last);
    json_decref(value);
}

/** Names with commas; nobody is "-". */
static void names(struct vr_buf *out, const json_t *list, const char *member, size_t width,
                  bool last)
{
    struct vr_buf text = {0};
    size_t i = 0;
    json_t *item = NULL;

    json_array_foreach(list, i, item)
    {
        vr_buf_text(&text, i == 0 ? "" : ", ");
        vr_ctl_cell(&text, member == NULL ? item : json_object_get(item, member));
    }
    vr_buf_text(&text, i == 0 ? "-" : "");
    vr_buf_append(&text, "", 1);
    if (!text.failed) {
        fit(out, &text, width, last);
    }
    vr_buf_deinit(&text);
}

static void number(struct vr_buf *out, const json_t *value, int width)
{
    vr_buf_printf(out, "  %*lld", width, (long long)json_integer_value(value));
}

static void write_node(struct vr_buf *out, const json_t *node, size_t version_width)
{
    bool alive = json_is_true(json_object_get(node, "alive"));
    bool draining = json_is_true(json_object_get(node, "draining"));

    cell(out, json_object_get(node, "node"), NODE_NAME, false);
    vr_buf_printf(out, "  %-8s", !alive ? "down" : draining ? "draining" : "up");
    number(out, json_object_get(node, "rooms"), 6);
    number(out, json_object_get(node, "participants"), 6);
    vr_buf_printf(out, "  %5.0f%%  ", 100 * json_number_value(json_object_get(node, "stress")));
    cell(out, json_object_get(node, "version"), version_width, true);
    vr_buf_text(out, "\n");
}

struct widths {
    size_t title, talking, stage, version;
};

/* The numbers stand; a third of the rest is for the title, the others share what is left. */
static struct widths share(size_t columns)
{
    size_t all = columns == 0 ? WIDE_ENOUGH : columns < 60 ? 60 : columns;
    size_t rest = all - NUMBERS - 4;
    struct widths widths = {.title = rest / 3};

    widths.title = widths.title > 40 ? 40 : widths.title;
    widths.talking = (rest - widths.title) / 2;
    widths.stage = rest - widths.title - widths.talking;
    widths.version = all - NODE_NAME - NODE_REST;
    return widths;
}

static void write_room(struct vr_buf *out, const json_t *room, const struct widths *widths)
{
    cell(out, json_object_get(room, "title"), widths->title, false);
    number(out, vr_ctl_at(room, "counts.participants"), 6);
    number(out, vr_ctl_at(room, "counts.speakers"), 5);
    number(out, vr_ctl_at(room, "counts.hands"), 5);
    vr_buf_text(out, "  ");
    names(out, json_object_get(room, "talking"), NULL, widths->talking, false);
    vr_buf_text(out, "  ");
    names(out, json_object_get(room, "on_stage"), "name", widths->stage, true);
    vr_buf_text(out, "\n");
}

void vr_ctl_top_write(struct vr_buf *out, const json_t *nodes, const json_t *rooms,
                      const struct vr_ctl_screen *screen)
{
    struct widths widths = share(screen->columns);
    size_t lines = screen->lines == 0 ? SIZE_MAX : screen->lines - 1; /* the cursor's own */
    size_t i = 0;
    json_t *item = NULL;

    word(out, "NODE", NODE_NAME, false);
    vr_buf_text(out, "  STATE      ROOMS  PEOPLE    LOAD  ");
    word(out, "VERSION", widths.version, true);
    vr_buf_text(out, "\n");
    json_array_foreach(nodes, i, item)
    {
        write_node(out, item, widths.version);
    }
    lines = lines > i + 3 ? lines - i - 3 : 0;
    vr_buf_text(out, "\n");
    word(out, "ROOM", widths.title, false);
    vr_buf_text(out, "  PEOPLE  STAGE  HANDS  ");
    word(out, "TALKING", widths.talking, false);
    vr_buf_text(out, "  ON STAGE\n");
    json_array_foreach(rooms, i, item)
    {
        if (i + 1 >= lines && i + 1 < json_array_size(rooms)) {
            vr_buf_printf(out, "… and %zu more rooms\n", json_array_size(rooms) - i);
            break;
        }
        write_room(out, item, &widths);
    }
}
