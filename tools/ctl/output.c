/* output.c - the forms of output: table, wide, json, jsonl, name (yaml.c has the sixth). */
#include "tools/ctl/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 24
#define GAP 2

bool vr_ctl_format_parse(const char *word, enum vr_ctl_format *out)
{
    static const char *const names[] = {"table", "wide", "json", "jsonl", "yaml", "name"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], word) == 0) {
            *out = (enum vr_ctl_format)i;
            return true;
        }
    }
    return false;
}

const json_t *vr_ctl_at(const json_t *value, const char *path)
{
    while (value != NULL && *path != '\0') {
        size_t size = strcspn(path, ".");
        char key[64];

        snprintf(key, sizeof(key), "%.*s", (int)size, path);
        value = json_object_get(value, key);
        path += size + (path[size] == '.' ? 1 : 0);
    }
    return value;
}

static void cell_list(struct vr_buf *out, const json_t *list)
{
    size_t i = 0;
    json_t *item = NULL;

    if (json_array_size(list) == 0) {
        vr_buf_text(out, "-");
    }
    json_array_foreach(list, i, item)
    {
        const json_t *name = json_object_get(item, "name");

        vr_buf_text(out, i == 0 ? "" : ",");
        vr_ctl_cell(out, name != NULL ? name : item);
    }
}

static void cell_object(struct vr_buf *out, const json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);

    vr_ctl_safe(out, text == NULL ? "?" : text);
    free(text);
}

void vr_ctl_cell(struct vr_buf *out, const json_t *value)
{
    if (value == NULL) {
        vr_buf_text(out, "-");
        return;
    }
    switch (json_typeof(value)) {
    case JSON_NULL:
        vr_buf_text(out, "-");
        break;
    case JSON_TRUE:
        vr_buf_text(out, "yes");
        break;
    case JSON_FALSE:
        vr_buf_text(out, "no");
        break;
    case JSON_INTEGER:
        vr_buf_printf(out, "%lld", (long long)json_integer_value(value));
        break;
    case JSON_REAL:
        vr_buf_printf(out, "%.6g", json_real_value(value));
        break;
    case JSON_STRING:
        if (json_string_length(value) == 0) {
            vr_buf_text(out, "-");
        } else {
            vr_ctl_safe(out, json_string_value(value));
        }
        break;
    case JSON_ARRAY:
        cell_list(out, value);
        break;
    case JSON_OBJECT:
        cell_object(out, value);
        break;
    }
}

/** A cell as a C string in `cell`, which is emptied before. */
static const char *cell_text(struct vr_buf *cell, const json_t *row, const char *path)
{
    cell->size = 0;
    vr_ctl_cell(cell, vr_ctl_at(row, path));
    vr_buf_append(cell, "", 1);
    return cell->failed ? "" : (const char *)cell->data;
}

static void pad(struct vr_buf *out, size_t columns)
{
    for (size_t i = 0; i < columns; i++) {
        vr_buf_text(out, " ");
    }
}

/** The columns to be shown, in order. */
static size_t choose(const struct vr_ctl_shape *shape, bool wide,
                     const struct vr_ctl_column *out[COLUMNS_MAX])
{
    size_t count = 0;

    for (const struct vr_ctl_column *c = shape->columns; c->title != NULL; c++) {
        if ((wide || !c->wide) && count < COLUMNS_MAX) {
            out[count++] = c;
        }
    }
    return count;
}

static void write_list(struct vr_buf *out, const json_t *list, const struct vr_ctl_shape *shape,
                       bool wide, bool colour)
{
    const struct vr_ctl_column *columns[COLUMNS_MAX];
    size_t widths[COLUMNS_MAX];
    size_t count = choose(shape, wide, columns);
    struct vr_buf cell = {0};
    size_t i = 0;
    json_t *row = NULL;

    for (size_t c = 0; c < count; c++) {
        widths[c] = strlen(columns[c]->title);
        json_array_foreach(list, i, row)
        {
            size_t width = vr_ctl_columns(cell_text(&cell, row, columns[c]->path));

            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    vr_buf_text(out, colour ? "\033[1m" : "");
    for (size_t c = 0; c < count; c++) {
        vr_buf_text(out, columns[c]->title);
        pad(out, c + 1 == count ? 0 : widths[c] - strlen(columns[c]->title) + GAP);
    }
    vr_buf_text(out, colour ? "\033[0m\n" : "\n");
    json_array_foreach(list, i, row)
    {
        for (size_t c = 0; c < count; c++) {
            const char *text = cell_text(&cell, row, columns[c]->path);

            vr_buf_text(out, text);
            pad(out, c + 1 == count ? 0 : widths[c] - vr_ctl_columns(text) + GAP);
        }
        vr_buf_text(out, "\n");
    }
    vr_buf_deinit(&cell);
}

/** One thing: a line for each field. */
static void write_one(struct vr_buf *out, const json_t *object, const struct vr_ctl_shape *shape,
                      bool colour)
{
    size_t width = 0;
    struct vr_buf cell = {0};

    for (const struct vr_ctl_column *c = shape->columns; c->title != NULL; c++) {
        width = strlen(c->title) > width ? strlen(c->title) : width;
    }
    for (const struct vr_ctl_column *c = shape->columns; c->title != NULL; c++) {
        vr_buf_text(out, colour ? "\033[1m" : "");
        vr_buf_text(out, c->title);
        vr_buf_text(out, colour ? "\033[0m" : "");
        pad(out, width - strlen(c->title) + GAP);
        vr_buf_text(out, cell_text(&cell, object, c->path));
        vr_buf_text(out, "\n");
    }
    vr_buf_deinit(&cell);
}

static void write_json(struct vr_buf *out, const json_t *value, size_t flags)
{
    char *text = json_dumps(value, flags | JSON_ENCODE_ANY);

    if (text == NULL) {
        out->failed = true;
        return;
    }
    vr_buf_text(out, text);
    vr_buf_text(out, "\n");
    free(text);
}

static void write_name(struct vr_buf *out, const json_t *value, const struct vr_ctl_shape *shape)
{
    vr_ctl_cell(out, vr_ctl_at(value, shape->name));
    vr_buf_text(out, "\n");
}

static void write_each(struct vr_buf *out, enum vr_ctl_format format, const json_t *value,
                       const struct vr_ctl_shape *shape)
{
    size_t i = 0;
    json_t *row = NULL;

    if (!json_is_array(value)) {
        if (format == VR_CTL_NAME) {
            write_name(out, value, shape);
        } else {
            write_json(out, value, JSON_COMPACT);
        }
        return;
    }
    json_array_foreach(value, i, row)
    {
        write_each(out, format, row, shape); // NOLINT
    }
}

void vr_ctl_write(struct vr_buf *out, enum vr_ctl_format format, const json_t *value,
                  const struct vr_ctl_shape *shape, bool colour)
{
    switch (format) {
    case VR_CTL_TABLE:
    case VR_CTL_WIDE:
        if (json_is_array(value)) {
            write_list(out, value, shape, format == VR_CTL_WIDE, colour);
        } else {
            write_one(out, value, shape, colour);
        }
        break;
    case VR_CTL_JSON:
        write_json(out, value, JSON_INDENT(2));
        break;
    case VR_CTL_YAML:
        vr_ctl_yaml(out, value);
        break;
    case VR_CTL_JSONL:
    case VR_CTL_NAME:
        write_each(out, format, value, shape);
        break;
    }
}
