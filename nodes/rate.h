/* rate.h - token buckets in a table of fixed size. Pure: keys are hashes, time comes in.
 *
 * A key that finds its row full takes the place of the one that was used longest ago: a flood of
 * made-up addresses can forget others, never grow the table. Not thread-safe. */
#ifndef VR_NODES_RATE_H
#define VR_NODES_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/clock.h"
#include "actors/base/err.h"

struct vr_rate;

struct vr_rate_result {
    bool allowed;
    uint32_t limit;
    uint32_t remaining;
    uint32_t reset_s;        /* until the bucket is full again */
    uint32_t retry_after_ms; /* until the same cost is there; 0 when allowed */
};

/** `buckets` is rounded up to a power of two. */
VR_MUST_CHECK enum vr_err vr_rate_new(uint32_t buckets, uint64_t seed, struct vr_rate **out);
void vr_rate_free(struct vr_rate *rate);

/** Take `cost` from the bucket of `key`, which holds `limit` and fills again within `window`. What
 * is refused costs nothing. */
void vr_rate_take(struct vr_rate *rate, uint64_t key, uint32_t limit, vr_time_us window,
                  uint32_t cost, vr_time_us now, struct vr_rate_result *out);

/** A key from text: an address (IPv6 by its /64, which one client has whole) or an identity. */
uint64_t vr_rate_key_address(const struct vr_rate *rate, const char *address);
uint64_t vr_rate_key_text(const struct vr_rate *rate, const char *kind, const char *text);

#endif
