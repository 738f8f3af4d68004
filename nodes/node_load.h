/* node_load.h - inside nodes/: this node's stress, once a second. */
#ifndef VR_NODES_NODE_LOAD_H
#define VR_NODES_NODE_LOAD_H

#include <pthread.h>

#include "actors/runtime/system.h"
#include "nodes/stress.h"

#define NODE_LOOPS_MAX 65 /* media and control workers */

struct vr_node;

struct node_load {
    struct vr_timer timer;
    struct vr_worker *worker; /* that samples: the cluster's; alone the control worker */
    vr_time_us at;            /* of the last sample */
    uint64_t cpu;             /* microseconds of this process at that time */
    uint64_t packets;         /* of all media ports at that time */
    double memory_max;        /* bytes; 0: could not be told */
    pthread_mutex_t lock;     /* of the two below */
    struct vr_stress stress;
    struct vr_stress_sample sample;
    vr_time_us lags[NODE_LOOPS_MAX]; /* atomic: largest since it was taken for /metrics */
};

void node_load_init(struct vr_node *node);
void node_load_deinit(struct vr_node *node);
/** Sample now and once a second; in a cluster the others are told. The thread of `worker`. */
void node_load_start(struct vr_node *node, struct vr_worker *worker);
/** The largest lateness of a loop (media workers first, then control) since the last call. */
vr_time_us node_lag_take(struct vr_node *node, uint32_t loop);

#endif
