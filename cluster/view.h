/* view.h - what any thread may ask of the directory without a lock: who owns a room, in which epoch
 * we own it, who is its partner, which nodes live.
 *
 * One writer (the cluster worker). Rooms stand in an open table of which each place is claimed once
 * in the table's life; when it has filled up, the living ones go into a new table and the old one
 * is freed once no reader is inside. A reader never waits and sees each room's fields one by one:
 * what must go together (this node, this epoch) is one field, `held`. */
#ifndef VR_CLUSTER_VIEW_H
#define VR_CLUSTER_VIEW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "actors/base/clock.h"
#include "actors/base/err.h"
#include "actors/base/ids.h"

struct cluster_view_table;

#define CLUSTER_VIEW_NODES 64
struct cluster_view {
    _Atomic(struct cluster_view_table *) table;
    struct cluster_view_table *old; /* waits for its readers */
    _Atomic uint64_t readers;
    _Atomic uint32_t alive[CLUSTER_VIEW_NODES];    /* numbers of nodes that live; 0: free */
    _Atomic uint32_t takes[CLUSTER_VIEW_NODES];    /* of these: do not drain */
    _Atomic uint64_t life[CLUSTER_VIEW_NODES];     /* of these: the incarnation */
    _Atomic vr_time_us heard[CLUSTER_VIEW_NODES];  /* when these last sent a frame; 0: not yet */
    _Atomic uint64_t silences[CLUSTER_VIEW_NODES]; /* how often the node here was heard again */
};

struct cluster_view_room {
    uint32_t owner;   /* 0: nobody, or not known */
    uint64_t epoch;   /* of that owner */
    uint64_t held;    /* epoch in which we own it and its actor may act; 0: not */
    uint32_t partner; /* in sync with the owner; 0: nobody */
};

VR_MUST_CHECK enum vr_err cluster_view_init(struct cluster_view *view);
void cluster_view_deinit(struct cluster_view *view);

/** The writer's. All zero: the room's place is given up at the next growth. */
VR_MUST_CHECK enum vr_err cluster_view_set(struct cluster_view *view, struct vr_id room,
                                           const struct cluster_view_room *now);
/** How many rooms a node owns. Any thread; walks the table. */
uint32_t cluster_view_owned(struct cluster_view *view, uint32_t node);
/** Every room that has a place, in no order. Any thread; `each` must be quick. */
void cluster_view_each(struct cluster_view *view,
                       void (*each)(void *ctx, struct vr_id room,
                                    const struct cluster_view_room *now),
                       void *ctx);
/** Where a node that lives stands in alive, takes, life and heard; CLUSTER_VIEW_NODES: nowhere. Any
 * thread. */
uint32_t cluster_view_place(struct cluster_view *view, uint32_t node);
/** Any thread. False, and zeroes, when the room has no place. */
bool cluster_view_get(struct cluster_view *view, struct vr_id room, struct cluster_view_room *out);

#endif
