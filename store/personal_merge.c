/* personal_merge.c - one user's rows of two nodes become one: each may have made a key before it
 * heard of the other's, and fields sealed with either must stay readable until the row is erased.
 * Then its life begins anew, and no key of a former life comes back, from wherever. The store
 * merges at the moment a row lands: two commits may each have been made before it knew of the
 * other's key.
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

static bool has_own_key(const Vr__UserRow *row)
{
    return row->key.len == VR_PERSONAL_KEY;
}

static bool is_erased(const Vr__UserRow *row)
{
    return row->key.len == 0 && row->life > 0;
}

/* One of two rows says all: of a later life, or the only one with keys. NULL: both count. */
static const Vr__UserRow *stronger(const Vr__UserRow *a, const Vr__UserRow *b)
{
    if (a == NULL || !(has_own_key(a) || is_erased(a))) { /* none, or a damaged one */
        return b;
    }
    if (a->life != b->life) {
        return a->life > b->life ? a : b;
    }
    return !has_own_key(b) ? a : !has_own_key(a) ? b : NULL;
}

uint32_t vr_personal_life(struct vr_bytes row)
{
    Vr__UserRow *read = vr__user_row__unpack(NULL, row.size, row.data);
    uint32_t life = read == NULL ? 0 : read->life;

    if (read != NULL) {
        vr__user_row__free_unpacked(read, NULL);
    }
    return life;
}

enum vr_err vr_personal_erased(uint32_t life, struct vr_buf *out)
{
    Vr__UserRow row = VR__USER_ROW__INIT;

    row.life = life;
    return pack(&row, out);
}

enum vr_err vr_personal_merge(struct vr_bytes ours, struct vr_bytes theirs, struct vr_buf *out)
{
    ProtobufCBinaryData keys[VR_PERSONAL_KEYS_MAX];
    size_t count = 0;
    Vr__UserRow *a = ours.size == 0 ? NULL : vr__user_row__unpack(NULL, ours.size, ours.data);
    Vr__UserRow *b = vr__user_row__unpack(NULL, theirs.size, theirs.data);
    Vr__UserRow merged = VR__USER_ROW__INIT;
    const Vr__UserRow *one = NULL;
    enum vr_err err = VR_E_BAD_WIRE;

    if (b == NULL || !(has_own_key(b) || is_erased(b))) {
        goto done;
    }
    one = stronger(a, b);
    if (one != NULL) {
        err = pack(one, out);
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
    merged.life = a->life;
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

enum vr_err vr_personal_landed(struct vr_bytes there, struct vr_bytes put, struct vr_buf *out)
{
    enum vr_err err = there.size == 0 ? VR_E_BAD_WIRE : vr_personal_merge(there, put, out);

    if (err != VR_E_BAD_WIRE) {
        return err;
    }
    vr_buf_append(out, put.data, put.size); /* nothing to merge with, or no row */
    return out->failed ? VR_E_NO_MEMORY : VR_OK;
}

bool vr_personal_has_key(struct vr_bytes row, const uint8_t key[32])
{
    ProtobufCBinaryData wanted = {VR_PERSONAL_KEY, (uint8_t *)(uintptr_t)key};
    Vr__UserRow *read = vr__user_row__unpack(NULL, row.size, row.data);
    bool found = read != NULL &&
                 (has_key(&read->key, 1, wanted) || has_key(read->more, read->n_more, wanted));

    if (read != NULL) {
        vr__user_row__free_unpacked(read, NULL);
    }
    return found;
}
