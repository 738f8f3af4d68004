/* client_fields.h - private to client_*.c: one description of each JSON field. The parser, its
 * errors and docs/protocol.md take the bounds from here. */
#ifndef VR_WIRE_CLIENT_FIELDS_H
#define VR_WIRE_CLIENT_FIELDS_H

#include "actors/wire/client_json.h"
#include "actors/wire/json_in.h"

enum field_type {
    FIELD_NUMBER, /* a whole number from min to max */
    FIELD_FLAG,
    FIELD_TEXT,   /* min to max bytes after trimming, no control characters */
    FIELD_LINES,  /* the same with line feeds */
    FIELD_SECRET, /* min to max bytes as they are, no control characters */
    FIELD_RAW,    /* min to max bytes as they are */
    FIELD_ID,     /* text form of a struct vr_id */
    FIELD_WORD,   /* one of `words` */
    FIELD_TIME,   /* RFC 3339; null is none */
    FIELD_OBJECT, /* at most max bytes as compact JSON */
    FIELD_LIST,   /* at most max texts of at most `item_max` bytes */
};

/** A value that has the right type and lies within its bounds. Text is borrowed and has no 0 behind
 * it. */
struct field_value {
    json_t *json;
    struct vr_bytes text;
    uint64_t number;
    bool flag;
    struct vr_id id;
    vr_time_us time;
};

struct field {
    const char *name;
    enum field_type type;
    uint64_t min;
    uint64_t max;
    /** Store it; false only when memory is out. */
    bool (*put)(struct vr_client_msg *msg, const struct field_value *value);
    const char *const *words; /* FIELD_WORD: ended by NULL; `number` is the place in the list */
    uint32_t item_max;        /* FIELD_LIST */
};

enum field_need { MAY, MUST, MUST_WS /* on a socket; with REST it is in the path */ };

struct field_use {
    const struct field *field;
    enum field_need need;
};

/** Check one field of `object`. Absent, or null where null says nothing: `value->json` stays NULL,
 * and it is refused when it `must` be there. */
VR_MUST_CHECK enum vr_err field_read(json_t *object, const struct field *field, bool must,
                                     struct field_value *value, struct vr_why *why);
/** "title: 1 to 120 bytes of text ..." into `why`; returns VR_E_UNPROCESSABLE. */
enum vr_err field_refuse(const struct field *field, struct vr_why *why);

/** Item i of a list that passed, trimmed. */
struct vr_bytes field_item(const struct field_value *value, size_t i);

/** Fields of room settings, for room:update and creation. */
extern const struct field_use settings_uses[];
extern const size_t settings_use_count;

/** RFC 3339 with Z or an offset, as microseconds since 1970. */
bool field_time(struct vr_bytes text, vr_time_us *out);

#endif
