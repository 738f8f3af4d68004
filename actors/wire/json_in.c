#include "actors/wire/json_in.h"

#include <stdio.h>

/* Nesting outside of strings. Counted before parsing, because a parser recurses. */
static bool too_deep(struct vr_bytes text, unsigned depth_max)
{
    unsigned depth = 0;
    bool string = false;

    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        if (string) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                string = false;
            }
        } else if (c == '"') {
            string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > depth_max) {
                return true;
            }
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

json_t *vr_json_read(struct vr_bytes text, unsigned depth_max, char *problem, size_t size)
{
    json_error_t error;
    json_t *json;

    if (too_deep(text, depth_max)) {
        snprintf(problem, size, "JSON nested more than %u deep", depth_max);
        return NULL;
    }
    json = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        /* jansson's own sentence may repeat bytes of the input: only the place is told. */
        snprintf(problem, size, "not JSON, or a key twice, at line %d, column %d", error.line,
                 error.column);
    }
    return json;
}

bool vr_json_has_control(const char *text, size_t size, bool lines)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c < 32 && !(lines && c == '\n')) || c == 127) {
            return true;
        }
        /* C1 controls, U+0080 to U+009F, in UTF-8. */
        if (c == 0xc2 && i + 1 < size && (unsigned char)text[i + 1] < 0xa0) {
            return true;
        }
    }
    return false;
}
