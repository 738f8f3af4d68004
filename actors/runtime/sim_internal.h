/* sim_internal.h - what the two halves of the simulation share: nodes and time (sim.c), the network
 * and the trace (sim_network.c). */
#ifndef VR_RUNTIME_SIM_INTERNAL_H
#define VR_RUNTIME_SIM_INTERNAL_H

#include "actors/runtime/internal.h"
#include "actors/runtime/sim.h"

#define NODES_MAX 16
#define START VR_SECONDS(1000)
#define WALL_AT_START VR_SECONDS(1800000000) /* some day in January 2027 */
#define TURNS_MAX 1000000                    /* in one moment */

#define LANES 3 /* messages, and the two of frames */

struct vr_sim_node {
    struct vr_sim *sim;
    uint32_t number;
    char name[32];
    struct vr_records *records;
    struct vr_random_seeded random;
    struct vr_clock clock; /* the simulation's, but for the jumps of its wall clock */
    vr_time_us wall_ahead;
    struct vr_sim_node_conf conf;
    struct vr_system *system;
    bool crashing;
    bool paused;
    struct vr_list door; /* packet.link: came while it was paused */
    vr_time_us lands_at; /* the oldest commit; VR_NEVER: none waits */
    uint32_t commits_to_fail;
    enum vr_err commit_err;
    bool cut[NODES_MAX + 1];                       /* by the other's number */
    vr_time_us last_arrival[NODES_MAX + 1][LANES]; /* of what was sent to it: links keep order */
};

struct vr_sim {
    vr_time_us now;
    struct vr_clock clock;
    struct vr_random_seeded random;  /* the network's and the scheduler's */
    struct vr_random_seeded scripts; /* vr_sim_random */
    struct vr_sim_delays delays;
    uint32_t node_count;
    struct vr_sim_node *nodes[NODES_MAX];
    struct vr_sim_faults faults;
    struct vr_list packets; /* packet.link */
    struct vr_list calls;   /* sim_call.link, by time */
    struct vr_buf trace;
    bool trace_all;
};

/** Evenly spread over both ends. */
vr_time_us vr_sim_between(struct vr_sim *sim, vr_time_us min, vr_time_us max);

/** vr_system_conf.route of a node. */
enum vr_err vr_sim_route(void *ctx, struct vr_msg *msg);
/** Hand over what is due by now. */
void vr_sim_arrivals(struct vr_sim *sim);
/** When the next message arrives; VR_NEVER: none is on its way. */
vr_time_us vr_sim_next_arrival(const struct vr_sim *sim);
/** What waited at the door of a node that goes on. */
void vr_sim_open_door(struct vr_sim_node *node);
/** Calls of vr_sim_at: those due, when the next one is, and the end of all. */
void vr_sim_run_calls(struct vr_sim *sim);
vr_time_us vr_sim_next_call(const struct vr_sim *sim);
void vr_sim_drop_calls(struct vr_sim *sim);
/** Lose what is on its way to this node; NULL: to any. */
void vr_sim_drop_packets(struct vr_sim *sim, const struct vr_sim_node *to);

#endif
