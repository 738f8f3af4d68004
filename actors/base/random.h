/* random.h - where randomness comes from. Edges hand in the system's, simulations a seeded one. */
#ifndef VR_BASE_RANDOM_H
#define VR_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "actors/base/ids.h"

/** A source of random bytes. `fill` may be called from the thread that owns the source only; the
 *  system's source may be called from any. */
struct vr_random {
    void (*fill)(void *ctx, void *out, size_t size);
    void *ctx;
};

/** getrandom(2): fit for keys and tokens. */
const struct vr_random *vr_random_system(void);

/** A seeded generator (SplitMix64) for simulations and jitter; never for keys. */
struct vr_random_seeded {
    struct vr_random random;
    uint64_t state;
};
void vr_random_seeded_init(struct vr_random_seeded *seeded, uint64_t seed);

uint64_t vr_random_u64(const struct vr_random *random);
/** Uniform in [0, bound); bound > 0. */
uint64_t vr_random_below(const struct vr_random *random, uint64_t bound);
struct vr_id vr_random_id(const struct vr_random *random); /* never zero */

#endif
