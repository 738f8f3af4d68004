/* records_internal.h - reading fields of stored records, for the two files that do. What is read is
 * judged like any bytes from outside. */
#ifndef VR_ROOM_RECORDS_INTERNAL_H
#define VR_ROOM_RECORDS_INTERNAL_H

#include <string.h>

#include "actors/room/records.h"
#include "actors/room/state.h"
#include "room_record.pb-c.h"

static inline struct vr_bytes record_bytes(ProtobufCBinaryData data)
{
    return vr_bytes(data.data, data.len);
}

static inline struct vr_id record_id(ProtobufCBinaryData data)
{
    return data.len == 16 ? vr_id_get(data.data) : (struct vr_id){0};
}

/* Text that fits and holds no 0 inside. */
static inline bool record_copy(char *out, size_t size, struct vr_bytes text)
{
    if (text.size >= size || (text.size > 0 && memchr(text.data, 0, text.size) != NULL)) {
        return false;
    }
    if (text.size > 0) {
        memcpy(out, text.data, text.size);
    }
    out[text.size] = 0;
    return true;
}

#define RECORD_TEXT(to, from) record_copy(to, sizeof(to), vr_bytes_of(from))

/* A sealed field opened; "" when its user was erased. False: damaged. */
static inline bool record_unseal(const struct vr_vault *vault, struct vr_id ref,
                                 ProtobufCBinaryData field, char *out, size_t size)
{
    struct vr_buf plain = {0};
    enum vr_err err;
    bool fine;

    out[0] = 0;
    if (field.len == 0) {
        return true;
    }
    err = vault->open(vault->ctx, ref, record_bytes(field), &plain);
    fine = err == VR_E_NOT_FOUND ||
           (err == VR_OK && !plain.failed && record_copy(out, size, vr_buf_bytes(&plain)));
    vr_buf_deinit(&plain);
    return fine;
}

static inline bool record_user(const struct vr_vault *vault, struct vr_id ref, char *out,
                               size_t size)
{
    struct vr_buf plain = {0};
    enum vr_err err;
    bool fine;

    out[0] = 0;
    if (vr_id_is_zero(ref)) {
        return true;
    }
    err = vault->user(vault->ctx, ref, &plain);
    fine = err == VR_E_NOT_FOUND ||
           (err == VR_OK && !plain.failed && record_copy(out, size, vr_buf_bytes(&plain)));
    vr_buf_deinit(&plain);
    return fine;
}

enum vr_err record_load_room(struct vr_room *room, const struct vr_vault *vault,
                             struct vr_bytes value);

#endif
