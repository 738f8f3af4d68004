#include "store/memory_table.h"

#include <stdlib.h>

#include "store/key.h"

size_t vr_memory_table_place(const struct vr_memory_table *table, struct vr_bytes key)
{
    size_t low = 0;
    size_t high = table->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (vr_key_compare(vr_item_key(table->items[middle]), key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct vr_item *vr_memory_table_find(const struct vr_memory_table *table, struct vr_bytes key)
{
    size_t place = vr_memory_table_place(table, key);

    if (place == table->count || vr_key_compare(vr_item_key(table->items[place]), key) != 0) {
        return NULL;
    }
    return table->items[place];
}

static void table_cut(struct vr_memory_table *table, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        free(table->items[i]);
    }
    if (to > from) {
        memmove(table->items + from, table->items + to,
                (table->count - to) * sizeof(struct vr_item *));
        table->count -= to - from;
    }
}

void vr_memory_table_remove(struct vr_memory_table *table, struct vr_bytes key)
{
    size_t place = vr_memory_table_place(table, key);

    if (place < table->count && vr_key_compare(vr_item_key(table->items[place]), key) == 0) {
        table_cut(table, place, place + 1);
    }
}

void vr_memory_table_remove_prefix(struct vr_memory_table *table, struct vr_bytes prefix)
{
    size_t from = vr_memory_table_place(table, prefix);
    size_t to = from;

    while (to < table->count && vr_key_begins_with(vr_item_key(table->items[to]), prefix)) {
        to++;
    }
    table_cut(table, from, to);
}

struct vr_item *vr_item_new(struct vr_bytes key, struct vr_bytes value)
{
    struct vr_item *item = malloc(sizeof(*item) + key.size + value.size);

    if (item == NULL) {
        return NULL;
    }
    item->key_size = key.size;
    item->value_size = value.size;
    if (key.size > 0) {
        memcpy(item->bytes, key.data, key.size);
    }
    if (value.size > 0) {
        memcpy(item->bytes + key.size, value.data, value.size);
    }
    return item;
}

void vr_memory_table_put(struct vr_memory_table *table, struct vr_item *item)
{
    size_t place = vr_memory_table_place(table, vr_item_key(item));

    if (place < table->count &&
        vr_key_compare(vr_item_key(table->items[place]), vr_item_key(item)) == 0) {
        free(table->items[place]);
    } else {
        memmove(table->items + place + 1, table->items + place,
                (table->count - place) * sizeof(struct vr_item *));
        table->count++;
    }
    table->items[place] = item;
}

bool vr_memory_table_reserve(struct vr_memory_table *table, size_t more)
{
    size_t capacity = table->capacity == 0 ? 16 : table->capacity;
    struct vr_item **items;

    while (capacity < table->count + more) {
        capacity *= 2;
    }
    if (capacity == table->capacity) {
        return true;
    }
    items = realloc(table->items, capacity * sizeof(struct vr_item *));
    if (items == NULL) {
        return false;
    }
    table->items = items;
    table->capacity = capacity;
    return true;
}

void vr_memory_table_deinit(struct vr_memory_table *table)
{
    table_cut(table, 0, table->count);
    free(table->items);
    *table = (struct vr_memory_table){0};
}
