/* drain_rules.h - where a person goes whose node is drained: pure.
 *
 * Nodes are restarted one after another, and which is next nobody here knows. But one that has been
 * started after the others has had its turn: who goes there need not move again. So the youngest
 * nodes come before those with less load, unless they are full, and before those of other regions
 * never. */
#ifndef VR_CLUSTER_DRAIN_RULES_H
#define VR_CLUSTER_DRAIN_RULES_H

#include "cluster/cluster.h"

/** Who started within this of the youngest is as young: a whole cluster that was started at once.
 */
#define DRAIN_AS_YOUNG VR_SECONDS(2)
/** Who started longer ago was not restarted in what goes on now: all such are as old. */
#define DRAIN_ROUND VR_SECONDS(3600)
/** Load from which on a node is full, unless the others are no better off. */
#define DRAIN_FULL 800 /* permille */

/** The node for one of the people of a room, of those that live, have an address and do not drain;
 *  the one marked as self is left. Among equally young ones it is `owner`, the number of the room's
 *  owner (0: nobody), which saves a hop, else the one with the fewest people. `wall` is now, in
 *  microseconds since 1970, as the nodes' started_at.
 *  Owns: borrowed out of `nodes`. NULL: there is none. */
const struct vr_cluster_node *vr_drain_target(const struct vr_cluster_node *nodes, uint32_t count,
                                              uint32_t owner, vr_time_us wall);

#endif
