/* yaml.c - a JSON value as YAML in block style. Texts that YAML could take for something else are
 * quoted as JSON does it, which YAML 1.2 reads as they are. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tools/ctl/output.h"

#define DEPTH_MAX 32

static bool is_plain(const char *text)
{
    static const char *const taken[] = {"true", "false", "null", "yes", "no", "on",
                                        "off",  "y",     "n",    "~",   "",   NULL};
    size_t size = strlen(text);

    for (size_t i = 0; taken[i] != NULL; i++) {
        if (strcasecmp(taken[i], text) == 0) {
            return false;
        }
    }
    /* Only letters at the start: what looks like a number or a date stays a text. */
    return ((text[0] | 0x20) >= 'a' && (text[0] | 0x20) <= 'z') && text[size - 1] != ' ' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./ ") ==
               size;
}

static void scalar(struct vr_buf *out, const json_t *value)
{
    char *text = NULL;

    if (json_is_string(value) && is_plain(json_string_value(value))) {
        vr_buf_text(out, json_string_value(value));
        return;
    }
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    vr_buf_text(out, text == NULL ? "null" : text);
    free(text);
}

static bool is_block(const json_t *value)
{
    return (json_is_object(value) && json_object_size(value) > 0) ||
           (json_is_array(value) && json_array_size(value) > 0);
}

static void indent(struct vr_buf *out, size_t depth)
{
    for (size_t i = 0; i < depth; i++) {
        vr_buf_text(out, "  ");
    }
}

/** Block lines of a value; the first line stands where the cursor is when `begun`. */
static void block(struct vr_buf *out, const json_t *value, size_t depth,
                  bool begun) // NOLINT(misc-no-recursion)
{
    const char *key = NULL;
    json_t *item = NULL;
    size_t i = 0;

    if (depth > DEPTH_MAX) {
        vr_buf_text(out, "null\n");
        return;
    }
    json_array_foreach(value, i, item)
    {
        indent(out, begun && i == 0 ? 0 : depth);
        vr_buf_text(out, "- ");
        if (is_block(item)) {
            block(out, item, depth + 1, true);
        } else {
            scalar(out, item);
            vr_buf_text(out, "\n");
        }
    }
    json_object_foreach((json_t *)value, key, item)
    {
        json_t *name = json_string(key);

        indent(out, begun ? 0 : depth);
        begun = false;
        scalar(out, name);
        json_decref(name);
        vr_buf_text(out, is_block(item) ? ":\n" : ": ");
        if (is_block(item)) {
            block(out, item, depth + 1, false);
        } else {
            scalar(out, item);
            vr_buf_text(out, "\n");
        }
    }
}

void vr_ctl_yaml(struct vr_buf *out, const json_t *value)
{
    if (is_block(value)) {
        block(out, value, 0, false);
    } else {
        scalar(out, value);
        vr_buf_text(out, "\n");
    }
}
