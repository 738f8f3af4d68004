#include "actors/media/relay_pool.h"

#include <stdlib.h>

#define LOOKS 32 /* objects come back in the order they went: the next one is free or few are */

struct vr_relay_pool {
    uint32_t count;
    uint32_t next;
    struct vr_relay *items[];
};

struct vr_relay_pool *vr_relay_pool_new(uint32_t count)
{
    struct vr_relay_pool *pool = calloc(1, sizeof *pool + count * sizeof(struct vr_relay *));

    if (pool == NULL) {
        return NULL;
    }
    for (; pool->count < count; pool->count++) {
        pool->items[pool->count] = vr_relay_new();
        if (pool->items[pool->count] == NULL) {
            vr_relay_pool_free(pool);
            return NULL;
        }
    }
    return pool;
}

void vr_relay_pool_free(struct vr_relay_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    for (uint32_t i = 0; i < pool->count; i++) {
        vr_relay_release(pool->items[i]);
    }
    free(pool);
}

struct vr_relay *vr_relay_pool_take(struct vr_relay_pool *pool)
{
    for (uint32_t look = 0; look < LOOKS && look < pool->count; look++) {
        struct vr_relay *relay = pool->items[pool->next];

        pool->next = (pool->next + 1) % pool->count;
        /* Pairs with the release of the last reader: what he read is read. */
        if (__atomic_load_n(&relay->refs, __ATOMIC_ACQUIRE) == 1) {
            return vr_relay_retain(relay);
        }
    }
    return NULL;
}
