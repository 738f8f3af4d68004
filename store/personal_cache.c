#include "store/personal_cache.h"

#include <openssl/crypto.h>
#include <stddef.h>

#define PATIENCE 64 /* places looked at for one that is merely cached */

static uint16_t *bucket_of(struct vr_personal_cache *cache, struct vr_id ref)
{
    /* A ref is a keyed hash already: its low bits are as good as any. */
    return &cache->buckets[ref.lo % VR_PERSONAL_CAPACITY];
}

struct vr_personal_entry *vr_personal_cache_find(struct vr_personal_cache *cache, struct vr_id ref)
{
    uint16_t at = *bucket_of(cache, ref);

    while (at != 0) {
        struct vr_personal_entry *entry = &cache->entries[at - 1];

        if (vr_id_equal(entry->ref, ref)) {
            return entry;
        }
        at = entry->next;
    }
    return NULL;
}

static void drop(struct vr_personal_cache *cache, uint32_t place)
{
    struct vr_personal_entry *entry = &cache->entries[place];
    uint16_t *link = bucket_of(cache, entry->ref);

    while (*link != place + 1) {
        link = &cache->entries[*link - 1].next;
    }
    *link = entry->next;
    OPENSSL_cleanse(entry->key, sizeof(entry->key));
    *entry = (struct vr_personal_entry){.state = VR_PERSONAL_NONE};
}

static uint32_t choose_place(struct vr_personal_cache *cache)
{
    uint32_t place = cache->hand;

    for (int i = 0; i < PATIENCE; i++) {
        place = (cache->hand + (uint32_t)i) % VR_PERSONAL_CAPACITY;
        if (cache->entries[place].state == VR_PERSONAL_NONE ||
            cache->entries[place].state == VR_PERSONAL_STORED) {
            break;
        }
        place = cache->hand; /* the oldest, when all of them are waiting */
    }
    cache->hand = (place + 1) % VR_PERSONAL_CAPACITY;
    return place;
}

struct vr_personal_entry *vr_personal_cache_add(struct vr_personal_cache *cache, struct vr_id ref)
{
    uint32_t place = choose_place(cache);
    struct vr_personal_entry *entry = &cache->entries[place];
    uint16_t *bucket = bucket_of(cache, ref);

    if (entry->state != VR_PERSONAL_NONE) {
        drop(cache, place);
    }
    entry->ref = ref;
    entry->next = *bucket;
    *bucket = (uint16_t)(place + 1);
    return entry;
}

void vr_personal_cache_drop_stored(struct vr_personal_cache *cache)
{
    for (uint32_t place = 0; place < VR_PERSONAL_CAPACITY; place++) {
        if (cache->entries[place].state == VR_PERSONAL_STORED) {
            drop(cache, place);
        }
    }
}
