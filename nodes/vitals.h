/* vitals.h - how a node is beside its packets and rooms: its stress and what makes it, disk,
 * memory, its place in the cluster. */
#ifndef VR_NODES_VITALS_H
#define VR_NODES_VITALS_H

#include "actors/base/bytes.h"
#include "cluster/kv.h"
#include "cluster/transport.h"
#include "nodes/link_port.h"
#include "nodes/stress.h"

struct vr_node;

struct vr_vitals {
    struct vr_stress stress;
    struct vr_stress_sample sample; /* the last one */
    double disk_free, disk_size;    /* bytes, of the data folder's file system */
    bool cluster;                   /* what follows is of a node of a cluster only */
    bool joined;                    /* its lease holds: what it owns is its own */
    vr_time_us lease_left;
    uint32_t nodes_alive, rooms_owned;
    struct vr_kv_stats etcd;
    struct vr_transport_stats messages;
    struct vr_link_port_stats links; /* summed over the media workers */
};

/** Control worker's thread. */
void vr_node_vitals(struct vr_node *node, struct vr_vitals *out);
/** The last second's stress. Any thread, from the node's start on. */
void vr_node_stress(struct vr_node *node, struct vr_stress *out);

/** As Prometheus' text. */
void vr_vitals_write(const struct vr_vitals *vitals, struct vr_buf *out);

#endif
