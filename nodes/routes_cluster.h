/* routes_cluster.h - what the routes about the fleet share. */
#ifndef VR_NODES_ROUTES_CLUSTER_H
#define VR_NODES_ROUTES_CLUSTER_H

#include "cluster/cluster.h"
#include "nodes/http.h"

/** The nodes of the cluster; alone this one only. Returns how many. */
uint32_t vr_route_nodes_read(const struct vr_http_request *request,
                             struct vr_cluster_node out[VR_CLUSTER_NODES_MAX]);
/** Is this the node that the text names, by name or number? */
bool vr_route_node_is(const struct vr_cluster_node *node, const char *text);
/** Name of the node with this number; "" when there is none. */
const char *vr_route_node_name(const struct vr_cluster_node *nodes, uint32_t count,
                               uint32_t number);

void vr_route_cluster_capacity(struct vr_http_request *request);
void vr_route_move(struct vr_http_request *request);
void vr_route_cluster_plan(struct vr_http_request *request);
void vr_route_cluster_rebalance(struct vr_http_request *request);
void vr_route_cluster_progress(struct vr_http_request *request);
void vr_route_cluster_provisional(struct vr_http_request *request);

#endif
