/* personal_merge.c - one user's rows of two nodes become one: each may have made a key before it
 * heard of the other's, and fields sealed with either must stay readable until the row is erased.
 */
#include <stdlib.h>

#include "personal.pb-c.h"
#include "store/personal.h"
#include "store/personal_cache.h"

static bool has_key(const ProtobufCBinaryData *keys, size_t count, ProtobufCBinaryData key)
{
    for (size_t i = 0; i < count; i++) {
        if (keys[i].len == key.len && memcmp(keys[i].data, key.data, key.len) == 0) {
            return true;
        }
    }
    return false;
}

static void add_key(const Vr__UserRow *ours, ProtobufCBinaryData *keys, size_t *count,
                    ProtobufCBinaryData key)
{
    if (key.len == VR_PERSONAL_KEY && *count < VR_PERSONAL_KEYS_MAX &&
        memcmp(key.data, ours->key.data, VR_PERSONAL_KEY) != 0 && !has_key(keys, *count, key)) {
        keys[(*count)++] = key;
    }
}

static enum vr_err pack(const Vr__UserRow *row, struct vr_buf *out)
{
    size_t size = vr__user_row__get_packed_size(row);
    uint8_t *bytes = malloc(size);

    if (bytes == NULL) {
        return VR_E_NO_MEMORY;
    }
    vr__user_row__pack(row, bytes);
    vr_buf_append(out, bytes, size);
    memset(bytes, 0, size);
    free(bytes);
    return out->failed ? VR_E_NO_MEMORY : VR_OK;
}

enum vr_err vr_personal_merge(struct vr_bytes ours, struct vr_bytes theirs, struct vr_buf *out)
{
    ProtobufCBinaryData keys[VR_PERSONAL_KEYS_MAX];
    size_t count = 0;
    Vr__UserRow *a = vr__user_row__unpack(NULL, ours.size, ours.data);
    Vr__UserRow *b = vr__user_row__unpack(NULL, theirs.size, theirs.data);
    Vr__UserRow merged = VR__USER_ROW__INIT;
    enum vr_err err = VR_E_BAD_WIRE;

    if (b == NULL || b->key.len != VR_PERSONAL_KEY) {
        goto done;
    }
    if (ours.size == 0 || a == NULL || a->key.len != VR_PERSONAL_KEY) { /* none, or a damaged one */
        err = pack(b, out);
        goto done;
    }
    for (size_t i = 0; i < a->n_more; i++) {
        add_key(a, keys, &count, a->more[i]);
    }
    add_key(a, keys, &count, b->key);
    for (size_t i = 0; i < b->n_more; i++) {
        add_key(a, keys, &count, b->more[i]);
    }
    merged.key = a->key;
    merged.sealed_id = a->sealed_id;
    merged.n_more = count;
    merged.more = keys;
    err = pack(&merged, out);
done:
    if (a != NULL) {
        vr__user_row__free_unpacked(a, NULL);
    }
    if (b != NULL) {
        vr__user_row__free_unpacked(b, NULL);
    }
    return err;
}
