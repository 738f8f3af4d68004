/* node_drain.c - who is sent elsewhere, and how a node is left before a clean end. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "actors/base/log.h"
#include "nodes/node_internal.h"
#include "nodes/vitals.h"

#define LOOK_EVERY_NS (20L * 1000 * 1000)
#define BEGIN_WITHIN VR_SECONDS(2)

bool node_cluster_draining(void *ctx)
{
    return vr_cluster_draining(((struct vr_node *)ctx)->cluster);
}

/* --- who comes while it is drained --- */

/** Somebody else has room left, and we have not. */
static bool full_here_only(struct vr_node *node)
{
    struct vr_cluster_node *nodes = NULL;
    struct vr_stress stress;
    uint32_t count = 0;
    bool other = false;

    vr_node_stress(node, &stress);
    if (!node->config->full_sends_on || !stress.high) {
        return false;
    }
    nodes = calloc(VR_CLUSTER_NODES_MAX, sizeof(*nodes));
    count = nodes == NULL ? 0 : vr_cluster_nodes(node->cluster, nodes, VR_CLUSTER_NODES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        other = other || (!nodes[i].self && nodes[i].alive && !nodes[i].draining &&
                          nodes[i].stress_permille < VR_STRESS_LOW * 1000);
    }
    free(nodes);
    return other;
}

bool vr_node_elsewhere(struct vr_node *node, struct vr_buf *member)
{
    char urls[VR_NODE_URLS_MAX][256];
    bool away =
        node->cluster != NULL && (vr_cluster_draining(node->cluster) || full_here_only(node));
    uint32_t count = away ? node_cluster_urls(node, urls) : 0;

    for (uint32_t i = 0; i < count; i++) {
        vr_buf_text(member, i == 0 ? "\"nodes\":[" : ",");
        vr_json_text(member, urls[i]);
    }
    if (count > 0) {
        vr_buf_append(member, "]", 2); /* and the end of the text */
    }
    return count > 0;
}

/* --- a clean end --- */

/* Freed by whoever comes last: the one who waits gives up, the cluster may answer later. */
struct begun {
    atomic_int err; /* VR_E_IN_PROGRESS: not told yet */
    atomic_int users;
};

static void begun_leave(struct begun *begun)
{
    if (atomic_fetch_sub(&begun->users, 1) == 1) {
        free(begun);
    }
}

static void on_begun(void *ctx, enum vr_err err)
{
    struct begun *begun = ctx;

    atomic_store(&begun->err, (int)err);
    begun_leave(begun);
}

static vr_time_us now_of(void)
{
    const struct vr_clock *clock = vr_clock_system();

    return clock->now(clock->ctx);
}

static void wait_a_little(void)
{
    nanosleep(&(struct timespec){.tv_nsec = LOOK_EVERY_NS}, NULL);
}

static bool begin(struct vr_node *node)
{
    struct begun *begun = malloc(sizeof(*begun));
    vr_time_us until = now_of() + BEGIN_WITHIN;
    enum vr_err err;

    if (begun == NULL) {
        return false;
    }
    atomic_init(&begun->err, (int)VR_E_IN_PROGRESS);
    atomic_init(&begun->users, 2);
    vr_cluster_drain(node->cluster, 0, false, on_begun, begun);
    while (atomic_load(&begun->err) == (int)VR_E_IN_PROGRESS && now_of() < until) {
        wait_a_little();
    }
    err = (enum vr_err)atomic_load(&begun->err);
    begun_leave(begun);
    return err == VR_OK;
}

static uint32_t rooms_here(struct vr_node *node)
{
    struct vr_cluster_node *nodes = calloc(VR_CLUSTER_NODES_MAX, sizeof(*nodes));
    uint32_t count =
        nodes == NULL ? 0 : vr_cluster_nodes(node->cluster, nodes, VR_CLUSTER_NODES_MAX);
    uint32_t rooms = 0;

    for (uint32_t i = 0; i < count; i++) {
        rooms += nodes[i].self ? nodes[i].rooms_owned : 0;
    }
    free(nodes);
    return rooms;
}

void node_drain(struct vr_node *node, vr_time_us patience)
{
    vr_time_us until = now_of() + patience;
    uint32_t rooms = 0;
    uint32_t people = 0;

    if (vr_cluster_state(node->cluster, NULL) != VR_CLUSTER_JOINED || !begin(node)) {
        return; /* nobody takes over: clients come back by themselves */
    }
    do {
        rooms = rooms_here(node);
        people = vr_sessions_staying(node->sessions);
        if (rooms > 0 || people > 0) {
            wait_a_little();
        }
    } while ((rooms > 0 || people > 0) && now_of() < until);
    vr_log(VR_LOG_INFO, "node was drained before its end", VR_U("rooms_left", rooms),
           VR_U("people_left", people));
}
