/* output.h - JSON from a node as text for people and programs. Pure: a value in, text out.
 *
 * Field names of json, jsonl and yaml are those of the REST interface; columns are for people. */
#ifndef VR_CTL_OUTPUT_H
#define VR_CTL_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>

#include "actors/base/bytes.h"

enum vr_ctl_format {
    VR_CTL_TABLE,
    VR_CTL_WIDE,
    VR_CTL_JSON,
    VR_CTL_JSONL,
    VR_CTL_YAML,
    VR_CTL_NAME,
};

struct vr_ctl_column {
    const char *title; /* NULL ends a list */
    const char *path;  /* "counts.participants" */
    bool wide;         /* with -o wide, and when one thing is shown alone */
};

/** How a kind of thing is shown. */
struct vr_ctl_shape {
    const struct vr_ctl_column *columns;
    const char *name; /* path of what -o name prints */
};

bool vr_ctl_format_parse(const char *word, enum vr_ctl_format *out);

/** Append `value`: an array is a list with a heading, an object is shown field by field.
 *  `colour`: the heading stands out by a terminal's bold. */
void vr_ctl_write(struct vr_buf *out, enum vr_ctl_format format, const json_t *value,
                  const struct vr_ctl_shape *shape, bool colour);

/** The value at "a.b"; NULL: there is none. */
const json_t *vr_ctl_at(const json_t *value, const char *path);

/** Columns of a terminal that a text takes: 0 for what combines, 2 for wide letters and emoji. */
size_t vr_ctl_columns(const char *text);

/** Append a text of strangers so that it cannot drive a terminal: control characters, and those
 * that turn the direction of writing, become '?'. */
void vr_ctl_safe(struct vr_buf *out, const char *text);

/** Append one value in one line: null is "-", truth "yes" or "no", lists with commas. */
void vr_ctl_cell(struct vr_buf *out, const json_t *value);

void vr_ctl_yaml(struct vr_buf *out, const json_t *value);

#endif
