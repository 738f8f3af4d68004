/* view.c - the open table that readers of any thread look into. */
#include "cluster/view.h"

#include <stdlib.h>

#define FIRST_SIZE 256

struct slot {
    _Atomic bool used; /* the id stands; never taken back in this table's life */
    uint64_t hi, lo;
    _Atomic uint32_t owner, partner;
    _Atomic uint64_t epoch, held;
};

struct cluster_view_table {
    uint32_t size; /* a power of two */
    uint32_t used; /* the writer's */
    struct slot slots[];
};

static struct cluster_view_table *new_table(uint32_t size)
{
    struct cluster_view_table *table = calloc(1, sizeof(*table) + size * sizeof(struct slot));

    if (table != NULL) {
        table->size = size;
    }
    return table;
}

enum vr_err cluster_view_init(struct cluster_view *view)
{
    struct cluster_view_table *table = new_table(FIRST_SIZE);

    if (table == NULL) {
        return VR_E_NO_MEMORY;
    }
    atomic_store(&view->table, table);
    return VR_OK;
}

void cluster_view_deinit(struct cluster_view *view)
{
    free(atomic_load(&view->table));
    free(view->old);
    atomic_store(&view->table, NULL);
    view->old = NULL;
}

/* The room's place, or the free one where it would go; NULL: no place is left. */
static struct slot *find(struct cluster_view_table *table, struct vr_id room)
{
    uint32_t at = (uint32_t)(room.hi ^ room.lo ^ room.lo >> 32);

    for (uint32_t i = 0; i < table->size; i++) {
        struct slot *slot = &table->slots[(at + i) & (table->size - 1)];

        if (!atomic_load_explicit(&slot->used, memory_order_acquire) ||
            (slot->hi == room.hi && slot->lo == room.lo)) {
            return slot;
        }
    }
    return NULL;
}

static bool is_empty(const struct slot *slot)
{
    return atomic_load(&slot->owner) == 0 && atomic_load(&slot->partner) == 0 &&
           atomic_load(&slot->held) == 0 && atomic_load(&slot->epoch) == 0;
}

static void write_slot(struct slot *slot, const struct cluster_view_room *now)
{
    /* What we hold ends before another owner shows, and begins after. */
    if (now->held == 0) {
        atomic_store(&slot->held, 0);
    }
    atomic_store(&slot->partner, now->partner);
    atomic_store(&slot->epoch, now->epoch);
    atomic_store(&slot->owner, now->owner);
    atomic_store(&slot->held, now->held);
}

static struct slot *claim(struct cluster_view_table *table, struct vr_id room,
                          const struct cluster_view_room *now)
{
    struct slot *slot = find(table, room);

    slot->hi = room.hi;
    slot->lo = room.lo;
    write_slot(slot, now);
    atomic_store_explicit(&slot->used, true, memory_order_release);
    table->used++;
    return slot;
}

static void read_slot(struct slot *slot, struct cluster_view_room *out)
{
    out->owner = atomic_load(&slot->owner);
    out->epoch = atomic_load(&slot->epoch);
    out->held = atomic_load(&slot->held);
    out->partner = atomic_load(&slot->partner);
}

static void free_old(struct cluster_view *view)
{
    /* Whoever looks in now finds the new table; nobody inside means nobody has the old one. */
    if (view->old != NULL && atomic_load(&view->readers) == 0) {
        free(view->old);
        view->old = NULL;
    }
}

/* The living rooms move into a table of four times their number. */
static enum vr_err grow(struct cluster_view *view)
{
    struct cluster_view_table *table = atomic_load(&view->table);
    struct cluster_view_table *next;
    uint32_t live = 0;
    uint32_t size = FIRST_SIZE;

    while (view->old != NULL) { /* a reader is inside for some instructions at most */
        free_old(view);
    }
    for (uint32_t i = 0; i < table->size; i++) {
        live += atomic_load(&table->slots[i].used) && !is_empty(&table->slots[i]) ? 1 : 0;
    }
    while (size < 4 * live) {
        size *= 2;
    }
    next = new_table(size);
    if (next == NULL) {
        return VR_E_NO_MEMORY;
    }
    for (uint32_t i = 0; i < table->size; i++) {
        struct slot *slot = &table->slots[i];

        if (atomic_load(&slot->used) && !is_empty(slot)) {
            struct cluster_view_room now;

            read_slot(slot, &now);
            claim(next, (struct vr_id){slot->hi, slot->lo}, &now);
        }
    }
    view->old = table;
    atomic_store(&view->table, next);
    free_old(view);
    return VR_OK;
}

enum vr_err cluster_view_set(struct cluster_view *view, struct vr_id room,
                             const struct cluster_view_room *now)
{
    struct cluster_view_table *table = atomic_load(&view->table);
    struct slot *slot = find(table, room);

    free_old(view);
    if (slot != NULL && atomic_load(&slot->used)) {
        write_slot(slot, now);
        return VR_OK;
    }
    if (table->used + 1 > table->size / 4 * 3) {
        enum vr_err err = grow(view);

        if (err != VR_OK) {
            return err;
        }
        table = atomic_load(&view->table);
    }
    claim(table, room, now);
    return VR_OK;
}

bool cluster_view_get(struct cluster_view *view, struct vr_id room, struct cluster_view_room *out)
{
    struct slot *slot;
    bool found;

    *out = (struct cluster_view_room){0};
    atomic_fetch_add(&view->readers, 1);
    slot = find(atomic_load(&view->table), room);
    found = slot != NULL && atomic_load(&slot->used);
    if (found) {
        read_slot(slot, out);
    }
    atomic_fetch_sub(&view->readers, 1);
    return found;
}

uint32_t cluster_view_owned(struct cluster_view *view, uint32_t node)
{
    struct cluster_view_table *table;
    uint32_t count = 0;

    atomic_fetch_add(&view->readers, 1);
    table = atomic_load(&view->table);
    for (uint32_t i = 0; i < table->size; i++) {
        count += atomic_load(&table->slots[i].used) && atomic_load(&table->slots[i].owner) == node
                     ? 1
                     : 0;
    }
    atomic_fetch_sub(&view->readers, 1);
    return count;
}

void cluster_view_each(struct cluster_view *view,
                       void (*each)(void *ctx, struct vr_id room,
                                    const struct cluster_view_room *now),
                       void *ctx)
{
    struct cluster_view_table *table;

    atomic_fetch_add(&view->readers, 1);
    table = atomic_load(&view->table);
    for (uint32_t i = 0; i < table->size; i++) {
        struct slot *slot = &table->slots[i];
        struct cluster_view_room now;

        if (atomic_load_explicit(&slot->used, memory_order_acquire) && !is_empty(slot)) {
            read_slot(slot, &now);
            each(ctx, (struct vr_id){slot->hi, slot->lo}, &now);
        }
    }
    atomic_fetch_sub(&view->readers, 1);
}

uint32_t cluster_view_place(struct cluster_view *view, uint32_t node)
{
    uint32_t i = 0;

    while (i < CLUSTER_VIEW_NODES && (node == 0 || atomic_load(&view->alive[i]) != node)) {
        i++;
    }
    return i;
}
