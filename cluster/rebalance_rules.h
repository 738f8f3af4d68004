/* rebalance_rules.h - which rooms should change their owner so that the nodes carry alike: pure.
 *
 * A node's share of the rooms follows the part of it that is free, in steps of PLACE_MARGIN: nodes
 * whose load differs by less are alike, as in placement. A room goes from the node that carries
 * most for its share to the one that carries least, and only if that one still carries less
 * afterwards: asked again with the same loads, nothing is left to do. Rooms stay in their region.
 * A node that drains takes none, and gives its own away by the drain. */
#ifndef VR_CLUSTER_REBALANCE_RULES_H
#define VR_CLUSTER_REBALANCE_RULES_H

#include "cluster/cluster.h"
#include "cluster/owners_rules.h"

struct rebalance_room {
    struct vr_id id;
    uint32_t owner;
    uint32_t partner; /* in sync: it has the room's state already and is taken first; 0: nobody */
};

/** Writes at most `max` hand-overs in the order in which they are to be done; returns how many.
 *  `rooms` is changed: each one's owner as it will be. `places[].rooms` is counted here. */
uint32_t rebalance_plan(struct owners_place *places, uint32_t place_count,
                        struct rebalance_room *rooms, uint32_t room_count,
                        struct vr_cluster_move *out, uint32_t max);

#endif
