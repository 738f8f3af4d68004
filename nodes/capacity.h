/* capacity.h - are there enough nodes, or too many: pure.
 *
 * The nodes that take rooms must carry everything when one of them dies, at no more than 0.7 each:
 * else one more is wanted. One may go when the others then still stand at no more than 0.5 after
 * such a loss: between the two nothing changes, so that who acts on the advice does not swing. */
#ifndef VR_NODES_CAPACITY_H
#define VR_NODES_CAPACITY_H

#include "cluster/cluster.h"

#define VR_CAPACITY_FULL 0.7
#define VR_CAPACITY_SPARE 0.5

enum vr_capacity_act { VR_CAPACITY_KEEP, VR_CAPACITY_ADD, VR_CAPACITY_REMOVE };

struct vr_capacity {
    enum vr_capacity_act act;
    uint32_t node;     /* to be removed, after a drain: its number; 0: none */
    uint32_t taking;   /* nodes that live and do not drain */
    double stress;     /* mean of these */
    double after_loss; /* mean when one of them is lost; of one node alone: its own */
    char why[160];
};

void vr_capacity_judge(const struct vr_cluster_node *nodes, uint32_t count,
                       struct vr_capacity *out);

#endif
