#include "nodes/list_wire.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---- the question ---- */

struct vr_blob *vr_list_question_write(const struct vr_list_query *query)
{
    char cursor[VR_CURSOR_MAX] = "";
    char asker[VR_ID_TEXT];
    struct vr_blob *blob = NULL;
    char *text = NULL;
    json_t *json = NULL;

    if (query->has_cursor && !vr_list_cursor_write(query->sort, &query->cursor, cursor)) {
        return NULL;
    }
    json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:b, s:s}", "phase",
                     query->phase_text, "q", query->q, "topic", query->topic, "tag", query->tag,
                     "language", query->language, "sort", vr_list_sort_name(query->sort), "limit",
                     (int)query->limit, "cursor", cursor, "all", query->all, "asker",
                     vr_id_format(query->asker, asker));
    text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    blob = text == NULL ? NULL : vr_blob_new(vr_bytes_of(text));
    free(text);
    json_decref(json);
    return blob;
}

static bool take_text(const json_t *json, const char *name, char *out, size_t capacity)
{
    const char *text = json_string_value(json_object_get(json, name));

    if (text == NULL || strlen(text) >= capacity) {
        return false;
    }
    memcpy(out, text, strlen(text) + 1);
    return true;
}

bool vr_list_question_read(struct vr_bytes in, struct vr_list_query *query)
{
    json_t *json = json_loadb((const char *)in.data, in.size, 0, NULL);
    json_int_t limit = json_integer_value(json_object_get(json, "limit"));
    char cursor[VR_CURSOR_MAX];
    char sort[16];
    char asker[VR_ID_TEXT];
    bool good;

    memset(query, 0, sizeof(*query));
    good = take_text(json, "phase", query->phase_text, sizeof(query->phase_text)) &&
           vr_list_phases_read(query) && take_text(json, "q", query->q, sizeof(query->q)) &&
           take_text(json, "topic", query->topic, sizeof(query->topic)) &&
           take_text(json, "tag", query->tag, sizeof(query->tag)) &&
           take_text(json, "language", query->language, sizeof(query->language)) &&
           take_text(json, "sort", sort, sizeof(sort)) && vr_list_sort_parse(sort, &query->sort) &&
           take_text(json, "asker", asker, sizeof(asker)) && vr_id_parse(asker, &query->asker) &&
           take_text(json, "cursor", cursor, sizeof(cursor)) && limit > 0 && limit <= VR_LIST_MAX;
    query->has_cursor = good && cursor[0] != '\0';
    good = good && (!query->has_cursor || vr_list_cursor_read(cursor, query->sort, &query->cursor));
    query->all = json_is_true(json_object_get(json, "all"));
    query->limit = (uint32_t)limit;
    json_decref(json);
    return good;
}

/* ---- the answer ---- */

bool vr_list_far_told(const struct vr_list_far *far, uint32_t node)
{
    for (uint32_t i = 0; i < far->told_count; i++) {
        if (far->told[i] == node) {
            return true;
        }
    }
    return false;
}

const struct vr_list_far_row *vr_list_far_row_of(const struct vr_list_far *far, struct vr_id room)
{
    for (uint32_t i = 0; i < far->count; i++) {
        if (vr_id_equal(far->rows[i].place.room, room)) {
            return &far->rows[i];
        }
    }
    return NULL;
}

static void row_add(struct vr_list_far *far, const struct vr_list_far_row *row)
{
    if (vr_list_far_row_of(far, row->place.room) != NULL) {
        return; /* it changes hands just now: both told of it */
    }
    if (far->count == far->capacity) {
        uint32_t capacity = far->capacity == 0 ? 64 : far->capacity * 2;
        struct vr_list_far_row *rows = realloc(far->rows, capacity * sizeof(*rows));

        if (rows == NULL) {
            return;
        }
        far->rows = rows;
        far->capacity = capacity;
    }
    far->rows[far->count++] = *row;
}

static bool line_read(struct vr_bytes line, enum vr_list_sort sort, struct vr_list_far_row *row)
{
    const uint8_t *space = line.size == 0 ? NULL : memchr(line.data, ' ', line.size);
    size_t size = space == NULL ? VR_CURSOR_MAX : (size_t)(space - line.data);
    char cursor[VR_CURSOR_MAX];

    if (size >= sizeof(cursor)) {
        return false;
    }
    memcpy(cursor, line.data, size);
    cursor[size] = '\0';
    row->json = vr_bytes(space + 1, line.size - size - 1);
    return vr_list_cursor_read(cursor, sort, &row->place);
}

void vr_list_answer_read(struct vr_bytes in, enum vr_list_sort sort, struct vr_list_far *far)
{
    struct vr_list_far_row row = {0};
    bool cut = in.size < 2 || in.data[0] != '1';
    size_t at = 2;

    while (at < in.size) {
        const uint8_t *end = memchr(in.data + at, '\n', in.size - at);

        if (end == NULL ||
            !line_read(vr_bytes(in.data + at, (size_t)(end - in.data) - at), sort, &row)) {
            cut = true;
            break;
        }
        row_add(far, &row);
        at = (size_t)(end - in.data) + 1;
    }
    if (cut && at > 2 && (!far->cut || vr_list_compare(&row.place, &far->end) < 0)) {
        far->cut = true;
        far->end = row.place;
    }
}
