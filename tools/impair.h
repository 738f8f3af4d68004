/* impair.h - what a bad network does to datagrams, decided by a seed. Pure: no socket, no clock.
 *
 * The kernels of test machines have no netem; impair_main.c is the relay around this. */
#ifndef VR_TOOLS_IMPAIR_H
#define VR_TOOLS_IMPAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/base/clock.h"
#include "actors/base/random.h"

struct vr_impair_conf {
    vr_time_us delay;  /* each way */
    vr_time_us jitter; /* uniform, added to the delay; does not reorder by itself */
    double loss;       /* 0..1, independent */
    double duplicate;  /* 0..1 */
    double reorder;    /* 0..1: held back by `reorder_by` more */
    vr_time_us reorder_by;
    bool blackhole; /* everything is lost */
};

/** One direction of one flow. */
struct vr_impair {
    struct vr_impair_conf conf;
    struct vr_random_seeded random;
    vr_time_us last_due; /* jitter alone keeps the order: never due before the one ahead */
    uint64_t passed;
    uint64_t lost;
    uint64_t duplicated;
    uint64_t reordered;
};

void vr_impair_init(struct vr_impair *impair, uint64_t seed);

/** Decide about one datagram that arrives `now`: 0, 1 or 2 times it is due, in `due`. Returns how
 * many. */
size_t vr_impair_decide(struct vr_impair *impair, vr_time_us now, vr_time_us due[2]);

/** "loss 0.1", "delay 25", "jitter 10" (ms), "reorder 0.02", "duplicate 0.01", "blackhole 1".
 * False: not understood. */
bool vr_impair_set(struct vr_impair_conf *conf, const char *name, double value);

#endif
