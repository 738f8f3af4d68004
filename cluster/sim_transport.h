/* sim_transport.h - frames between simulated nodes (actors/runtime/sim.h) as a vr_transport. A
 * node's control endpoint is "sim:<number of the simulated node>". Tests only. */
#ifndef VR_CLUSTER_SIM_TRANSPORT_H
#define VR_CLUSTER_SIM_TRANSPORT_H

#include "actors/runtime/sim.h"
#include "cluster/transport.h"

/** `in` gets what comes from peers that the directory names. NULL: out of memory. */
struct vr_transport *vr_sim_transport_new(struct vr_sim *sim, struct vr_sim_node *node,
                                          vr_frame_fn in, void *ctx);
/** What vr_sim_node_conf.frame passes on. Frames of strangers are dropped, as CURVE would. */
void vr_sim_transport_frame(struct vr_transport *transport, struct vr_sim_node *from, uint32_t lane,
                            struct vr_bytes bytes);

#endif
