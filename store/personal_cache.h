/* personal_cache.h - inside store/: the users' keys that are in use, bounded.
 *
 * It is more than a cache: between `ensure` and the landing of its commit the key stands here only,
 * and between `erase` and its landing the row that is still in the store must count as gone. Those
 * two kinds are dropped last, when CAPACITY other users have come since. Not thread-safe: the owner
 * locks. */
#ifndef VR_STORE_PERSONAL_CACHE_H
#define VR_STORE_PERSONAL_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/ids.h"

#define VR_PERSONAL_KEY 32
#define VR_PERSONAL_CAPACITY 4096

enum vr_personal_state {
    VR_PERSONAL_NONE,    /* a free place */
    VR_PERSONAL_STORED,  /* as in the store */
    VR_PERSONAL_PENDING, /* new; its row may not have landed */
    VR_PERSONAL_ERASED   /* whatever the store still says */
};

struct vr_personal_entry {
    struct vr_id ref;
    uint8_t key[VR_PERSONAL_KEY];
    enum vr_personal_state state;
    uint32_t life; /* how often the user was erased, as far as is known here */
    uint16_t next; /* in the bucket; 0: none, else place + 1 */
};

struct vr_personal_cache {
    struct vr_personal_entry entries[VR_PERSONAL_CAPACITY];
    uint16_t buckets[VR_PERSONAL_CAPACITY]; /* place + 1 */
    uint32_t hand;                          /* where the next victim is looked for */
};

struct vr_personal_entry *vr_personal_cache_find(struct vr_personal_cache *cache, struct vr_id ref);
/** A place for `ref`, which must not be in it; its state and key are the caller's to set. */
struct vr_personal_entry *vr_personal_cache_add(struct vr_personal_cache *cache, struct vr_id ref);
/** Forgets what is only as in the store. */
void vr_personal_cache_drop_stored(struct vr_personal_cache *cache);

#endif
