/* key.h - inside store/: the order of keys, the same in every back end: bytes first, then length,
 * as LMDB has it. */
#ifndef VR_STORE_KEY_H
#define VR_STORE_KEY_H

#include "actors/base/bytes.h"

static inline int vr_key_compare(struct vr_bytes a, struct vr_bytes b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static inline bool vr_key_begins_with(struct vr_bytes key, struct vr_bytes prefix)
{
    return key.size >= prefix.size &&
           (prefix.size == 0 || memcmp(key.data, prefix.data, prefix.size) == 0);
}

#endif
