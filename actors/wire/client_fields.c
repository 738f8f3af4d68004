/* client_fields.c - types of fields: what is allowed, said once. */
#include "actors/wire/client_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct vr_bytes trimmed(json_t *value)
{
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);

    while (size > 0 && strchr(" \t\r\n", text[0]) != NULL) {
        text++;
        size--;
    }
    while (size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL) {
        size--;
    }
    return vr_bytes(text, size);
}

static bool text_fits(struct vr_bytes text, uint64_t min, uint64_t max, bool lines)
{
    return text.size >= min && text.size <= max &&
           !vr_json_has_control((const char *)text.data, text.size, lines);
}

struct vr_bytes field_item(const struct field_value *value, size_t i)
{
    return trimmed(json_array_get(value->json, i));
}

static bool list_fits(const struct field *field, json_t *list)
{
    size_t i;
    json_t *item;

    if (!json_is_array(list) || json_array_size(list) > field->max) {
        return false;
    }
    json_array_foreach(list, i, item)
    {
        if (!json_is_string(item) || !text_fits(trimmed(item), 1, field->item_max, false)) {
            return false;
        }
    }
    return true;
}

static bool word_fits(const struct field *field, struct field_value *value)
{
    for (uint64_t i = 0; field->words[i] != NULL; i++) {
        if (vr_bytes_equal(value->text, vr_bytes_of(field->words[i]))) {
            value->number = i;
            return true;
        }
    }
    return false;
}

static bool two_digits(const uint8_t *p, int min, int max, int *out)
{
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9') {
        return false;
    }
    *out = (p[0] - '0') * 10 + p[1] - '0';
    return *out >= min && *out <= max;
}

/* Behind the seconds: an optional fraction, then Z or +hh:mm. */
static bool zone(struct vr_bytes rest, vr_time_us *fraction, int *offset_s)
{
    const uint8_t *p = rest.data;
    const uint8_t *end = p + rest.size;
    vr_time_us unit = 100000;
    int hours;
    int minutes;

    *fraction = 0;
    *offset_s = 0;
    if (p < end && *p == '.') {
        const uint8_t *first = ++p;

        while (p < end && *p >= '0' && *p <= '9') {
            *fraction += (*p++ - '0') * unit;
            unit /= 10;
        }
        if (p == first || p - first > 9) {
            return false;
        }
    }
    if (end - p == 1 && (*p == 'Z' || *p == 'z')) {
        return true;
    }
    if (end - p != 6 || (*p != '+' && *p != '-') || !two_digits(p + 1, 0, 23, &hours) ||
        p[3] != ':' || !two_digits(p + 4, 0, 59, &minutes)) {
        return false;
    }
    *offset_s = (hours * 60 + minutes) * 60 * (*p == '-' ? -1 : 1);
    return true;
}

bool field_time(struct vr_bytes text, vr_time_us *out)
{
    const uint8_t *p = text.data;
    struct tm tm = {0};
    struct tm back;
    vr_time_us fraction;
    int offset_s;
    int century;
    int year;
    time_t seconds;

    if (text.size < 20 || !two_digits(p, 19, 99, &century) || !two_digits(p + 2, 0, 99, &year) ||
        p[4] != '-' || !two_digits(p + 5, 1, 12, &tm.tm_mon) || p[7] != '-' ||
        !two_digits(p + 8, 1, 31, &tm.tm_mday) || (p[10] != 'T' && p[10] != 't') ||
        !two_digits(p + 11, 0, 23, &tm.tm_hour) || p[13] != ':' ||
        !two_digits(p + 14, 0, 59, &tm.tm_min) || p[16] != ':' ||
        !two_digits(p + 17, 0, 59, &tm.tm_sec) ||
        !zone(vr_bytes(p + 19, text.size - 19), &fraction, &offset_s)) {
        return false;
    }
    tm.tm_mon--;
    tm.tm_year = century * 100 + year - 1900;
    back = tm;
    seconds = timegm(&back);
    if (back.tm_mday != tm.tm_mday || seconds < 0) { /* 30 February; before 1970 */
        return false;
    }
    *out = ((vr_time_us)seconds - offset_s) * 1000000 + fraction;
    return *out > 0;
}

static bool object_fits(const struct field *field, json_t *object)
{
    size_t size = json_is_object(object) ? json_dumpb(object, NULL, 0, JSON_COMPACT) : 0;

    return size > 0 && size <= field->max;
}

static bool fits_as_text(const struct field *field, struct field_value *value)
{
    char id[VR_ID_TEXT];
    bool raw = field->type == FIELD_SECRET || field->type == FIELD_RAW;

    if (!json_is_string(value->json)) {
        return false;
    }
    value->text = raw ? vr_bytes(json_string_value(value->json), json_string_length(value->json))
                      : trimmed(value->json);
    if (field->type == FIELD_RAW) {
        return value->text.size >= field->min && value->text.size <= field->max;
    }
    if (field->type == FIELD_WORD) {
        return word_fits(field, value);
    }
    if (field->type == FIELD_ID) {
        if (value->text.size != VR_ID_TEXT - 1) {
            return false;
        }
        memcpy(id, value->text.data, VR_ID_TEXT - 1);
        id[VR_ID_TEXT - 1] = 0;
        return vr_id_parse(id, &value->id);
    }
    if (field->type == FIELD_TIME) {
        return field_time(value->text, &value->time);
    }
    return text_fits(value->text, field->min, field->max, field->type == FIELD_LINES);
}

static bool fits(const struct field *field, struct field_value *value)
{
    switch (field->type) {
    case FIELD_NUMBER:
        value->number = (uint64_t)json_integer_value(value->json);
        return json_is_integer(value->json) && json_integer_value(value->json) >= 0 &&
               value->number >= field->min && value->number <= field->max;
    case FIELD_FLAG:
        value->flag = json_is_true(value->json);
        return json_is_boolean(value->json);
    case FIELD_OBJECT:
        return object_fits(field, value->json);
    case FIELD_LIST:
        return list_fits(field, value->json);
    case FIELD_TIME:
        if (json_is_null(value->json)) {
            return true;
        }
        return fits_as_text(field, value);
    case FIELD_TEXT:
    case FIELD_LINES:
    case FIELD_SECRET:
    case FIELD_RAW:
    case FIELD_ID:
    case FIELD_WORD:
        return fits_as_text(field, value);
    }
    return false;
}

static enum vr_err refuse_word(const struct field *field, struct vr_why *why)
{
    char words[100] = "";
    size_t used = 0;

    for (size_t i = 0; field->words[i] != NULL && used < sizeof(words); i++) {
        used += (size_t)snprintf(words + used, sizeof(words) - used, "%s%s", i == 0 ? "" : ", ",
                                 field->words[i]);
    }
    return vr_fail(why, VR_E_UNPROCESSABLE, "%s: one of %s", field->name, words);
}

enum vr_err field_refuse(const struct field *field, struct vr_why *why)
{
    unsigned long long min = field->min;
    unsigned long long max = field->max;

    switch (field->type) {
    case FIELD_NUMBER:
        return vr_fail(why, VR_E_UNPROCESSABLE, "%s: a whole number from %llu to %llu", field->name,
                       min, max);
    case FIELD_FLAG:
        return vr_fail(why, VR_E_UNPROCESSABLE, "%s: true or false", field->name);
    case FIELD_TEXT:
    case FIELD_SECRET:
        return vr_fail(why, VR_E_UNPROCESSABLE,
                       "%s: text of %llu to %llu bytes in one line, without control characters",
                       field->name, min, max);
    case FIELD_LINES:
        return vr_fail(why, VR_E_UNPROCESSABLE,
                       "%s: text of %llu to %llu bytes without control characters but line feeds",
                       field->name, min, max);
    case FIELD_RAW:
        return vr_fail(why, VR_E_UNPROCESSABLE, "%s: text of %llu to %llu bytes", field->name, min,
                       max);
    case FIELD_ID:
        return vr_fail(why, VR_E_UNPROCESSABLE, "%s: an id of %d characters", field->name,
                       VR_ID_TEXT - 1);
    case FIELD_WORD:
        return refuse_word(field, why);
    case FIELD_TIME:
        return vr_fail(why, VR_E_UNPROCESSABLE, "%s: a time as 2026-11-22T16:00:00Z, or null",
                       field->name);
    case FIELD_OBJECT:
        return vr_fail(why, VR_E_UNPROCESSABLE, "%s: an object of at most %llu bytes", field->name,
                       max);
    case FIELD_LIST:
        return vr_fail(why, VR_E_UNPROCESSABLE,
                       "%s: a list of at most %llu texts of 1 to %u bytes each", field->name, max,
                       field->item_max);
    }
    return VR_E_UNPROCESSABLE;
}

enum vr_err field_read(json_t *object, const struct field *field, bool must,
                       struct field_value *value, struct vr_why *why)
{
    value->json = json_object_get(object, field->name);
    /* null says the same as leaving a field out, but for times, where it is a value. */
    if (json_is_null(value->json) && field->type != FIELD_TIME) {
        value->json = NULL;
    }
    if (value->json == NULL) {
        return must ? field_refuse(field, why) : VR_OK;
    }
    return fits(field, value) ? VR_OK : field_refuse(field, why);
}

void vr_client_msg_deinit(struct vr_client_msg *msg)
{
    vr_command_free(msg->command);
    vr_blob_release(msg->sdp);
    explicit_bzero(msg, sizeof(*msg));
}
