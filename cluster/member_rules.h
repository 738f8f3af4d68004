/* member_rules.h - the arithmetic of a lease, pure. */
#ifndef VR_CLUSTER_MEMBER_RULES_H
#define VR_CLUSTER_MEMBER_RULES_H

#include <stdbool.h>

#include "actors/base/clock.h"

/* etcd may end a lease this much before its time as we count it: its clock and ours, the way of the
 * answer, and what an answer of ours may still take after its last check. */
#define LEASE_MARGIN VR_MS(1500)

/** What we own holds until then, when a renewal that was sent at `sent` has succeeded. */
static inline vr_time_us lease_deadline(vr_time_us sent, vr_time_us ttl)
{
    return sent + ttl - LEASE_MARGIN;
}

/** When to send the next renewal after one that was sent at `sent`: a third of the lease later; at
 * once, but not in a ring, when it failed. */
static inline vr_time_us lease_next(vr_time_us sent, vr_time_us now, vr_time_us ttl, bool failed)
{
    vr_time_us next = failed ? now + VR_MS(50) : sent + ttl / 3;

    return next < now ? now : next;
}

#endif
