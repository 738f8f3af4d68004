/* memory_table.h - inside store/: records sorted by key in an array, for the memory back end.
 *
 * Not thread-safe. Putting is split in two, so that a commit can allocate all it needs before its
 * first change. */
#ifndef VR_STORE_MEMORY_TABLE_H
#define VR_STORE_MEMORY_TABLE_H

#include "actors/base/bytes.h"

/** One record; the key stands first in `bytes`, the value after it. Freed with free(3). */
struct vr_item {
    size_t key_size;
    size_t value_size;
    uint8_t bytes[];
};

struct vr_item *vr_item_new(struct vr_bytes key, struct vr_bytes value); /* NULL: memory is out */

static inline struct vr_bytes vr_item_key(const struct vr_item *item)
{
    return vr_bytes(item->bytes, item->key_size);
}

static inline struct vr_bytes vr_item_value(const struct vr_item *item)
{
    return vr_bytes(item->bytes + item->key_size, item->value_size);
}

/** A zeroed one is empty. */
struct vr_memory_table {
    struct vr_item **items;
    size_t count;
    size_t capacity;
};

void vr_memory_table_deinit(struct vr_memory_table *table);

/** The first place whose key is not below `key`; `count` when there is none. */
size_t vr_memory_table_place(const struct vr_memory_table *table, struct vr_bytes key);
struct vr_item *vr_memory_table_find(const struct vr_memory_table *table, struct vr_bytes key);

/** Room for `more` records; false when memory is out. */
bool vr_memory_table_reserve(struct vr_memory_table *table, size_t more);
/** Takes `item`; room for it was reserved. */
void vr_memory_table_put(struct vr_memory_table *table, struct vr_item *item);
void vr_memory_table_remove(struct vr_memory_table *table, struct vr_bytes key);
void vr_memory_table_remove_prefix(struct vr_memory_table *table, struct vr_bytes prefix);

#endif
