/* ring.c - claim a position by compare and swap, copy, hand the cell on by its sequence. */
#include "actors/runtime/ring.h"

#include <stdlib.h>
#include <string.h>

static uint64_t *sequence_at(const struct vr_ring *ring, uint64_t position)
{
    return (uint64_t *)(void *)(ring->cells + (position & ring->mask) * ring->stride);
}

static uint8_t *value_at(const struct vr_ring *ring, uint64_t position)
{
    return ring->cells + (position & ring->mask) * ring->stride + sizeof(uint64_t);
}

enum vr_err vr_ring_init(struct vr_ring *ring, size_t capacity, size_t value_size)
{
    size_t rounded = 2;

    while (rounded < capacity) {
        rounded *= 2;
    }
    *ring = (struct vr_ring){.value_size = value_size, .mask = rounded - 1};
    ring->stride = sizeof(uint64_t) + (value_size + 7) / 8 * 8;
    ring->cells = calloc(rounded, ring->stride);
    if (ring->cells == NULL) {
        return VR_E_NO_MEMORY;
    }
    for (uint64_t i = 0; i < rounded; i++) {
        *sequence_at(ring, i) = i;
    }
    return VR_OK;
}

void vr_ring_deinit(struct vr_ring *ring)
{
    free(ring->cells);
    *ring = (struct vr_ring){0};
}

/* Claim the next position whose cell has come to `position + offset`; false when it has not. */
static bool claim(struct vr_ring *ring, uint64_t *counter, uint64_t offset, uint64_t *claimed)
{
    uint64_t position = __atomic_load_n(counter, __ATOMIC_RELAXED);

    for (;;) {
        uint64_t sequence = __atomic_load_n(sequence_at(ring, position), __ATOMIC_ACQUIRE);
        int64_t lead = (int64_t)(sequence - (position + offset));

        if (lead < 0) {
            return false;
        }
        if (lead > 0) {
            position = __atomic_load_n(counter, __ATOMIC_RELAXED); /* somebody was faster */
        } else if (__atomic_compare_exchange_n(counter, &position, position + 1, true,
                                               __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            *claimed = position;
            return true;
        }
    }
}

bool vr_ring_push(struct vr_ring *ring, const void *value)
{
    uint64_t position;

    if (!claim(ring, &ring->tail, 0, &position)) {
        return false;
    }
    memcpy(value_at(ring, position), value, ring->value_size);
    __atomic_store_n(sequence_at(ring, position), position + 1, __ATOMIC_RELEASE);
    return true;
}

bool vr_ring_pop(struct vr_ring *ring, void *value)
{
    uint64_t position;

    if (!claim(ring, &ring->head, 1, &position)) {
        return false;
    }
    memcpy(value, value_at(ring, position), ring->value_size);
    __atomic_store_n(sequence_at(ring, position), position + ring->mask + 1, __ATOMIC_RELEASE);
    return true;
}

size_t vr_ring_length(const struct vr_ring *ring)
{
    uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_RELAXED);
    uint64_t tail = __atomic_load_n(&ring->tail, __ATOMIC_RELAXED);

    return tail > head ? (size_t)(tail - head) : 0;
}

size_t vr_ring_capacity(const struct vr_ring *ring)
{
    return (size_t)ring->mask + 1;
}
