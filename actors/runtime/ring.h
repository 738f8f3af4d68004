/* ring.h - a bounded queue between threads without a lock: values of one size, copied in and out.
 *
 * Any number of producers and consumers (a producer that must make room takes the oldest out
 * itself, so one consumer is not enough). Each cell carries a sequence that says whose turn it is:
 *
 *     cell.sequence == position              free, a producer may claim it
 *     cell.sequence == position + 1          full, a consumer may claim it
 *     cell.sequence == position + capacity   free again, for the next lap
 *
 * A thread that was stopped between claim and release holds up this one cell: others then see the
 * ring as full or empty for that while, they never spin. Values of one producer come out in order.
 */
#ifndef VR_RUNTIME_RING_H
#define VR_RUNTIME_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/base/err.h"

struct vr_ring {
    uint8_t *cells;
    size_t value_size;
    size_t stride;
    uint64_t mask;
    _Alignas(64) uint64_t tail; /* producers; atomic */
    _Alignas(64) uint64_t head; /* consumers; atomic */
};

/** `capacity` is rounded up to a power of two, at least 2. VR_E_NO_MEMORY. */
VR_MUST_CHECK enum vr_err vr_ring_init(struct vr_ring *ring, size_t capacity, size_t value_size);
void vr_ring_deinit(struct vr_ring *ring);

/** False: full. */
bool vr_ring_push(struct vr_ring *ring, const void *value);
/** False: empty. */
bool vr_ring_pop(struct vr_ring *ring, void *value);
/** How many are in it, about: others may be at work. */
size_t vr_ring_length(const struct vr_ring *ring);
size_t vr_ring_capacity(const struct vr_ring *ring);

#endif
