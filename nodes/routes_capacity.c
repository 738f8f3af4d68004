/* routes_capacity.c - how hard the nodes work, and whether there should be more or fewer. */
#include <math.h>
#include <stdlib.h>

#include "nodes/capacity.h"
#include "nodes/routes_admin.h"
#include "nodes/routes_cluster.h"

static double rounded(double value)
{
    return round(value * 1000) / 1000;
}

static json_t *node_json(const struct vr_cluster_node *node)
{
    return json_pack("{s:s, s:s, s:b, s:b, s:f, s:I, s:I}", "node", node->name, "region",
                     node->region, "alive", node->alive ? 1 : 0, "draining", node->draining ? 1 : 0,
                     "stress", rounded(node->stress_permille / 1000.0), "participants",
                     (json_int_t)node->participants, "rooms", (json_int_t)node->rooms_owned);
}

void vr_route_cluster_capacity(struct vr_http_request *request)
{
    static const char *const acts[] = {
        [VR_CAPACITY_KEEP] = "keep", [VR_CAPACITY_ADD] = "add", [VR_CAPACITY_REMOVE] = "remove"};
    struct vr_cluster_node *nodes = calloc(VR_CLUSTER_NODES_MAX, sizeof(*nodes));
    uint32_t count = nodes == NULL ? 0 : vr_route_nodes_read(request, nodes);
    json_t *list = json_array();
    struct vr_capacity capacity;

    if (nodes == NULL) {
        json_decref(list);
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
        return;
    }
    vr_capacity_judge(nodes, count, &capacity);
    for (uint32_t i = 0; i < count; i++) {
        json_array_append_new(list, node_json(&nodes[i]));
    }
    vr_admin_answer(request, 200,
                    json_pack("{s:s, s:o, s:s, s:I, s:f, s:f, s:o}", "recommendation",
                              acts[capacity.act], "node",
                              vr_admin_text(vr_route_node_name(nodes, count, capacity.node)), "why",
                              capacity.why, "taking", (json_int_t)capacity.taking, "stress",
                              rounded(capacity.stress), "after_loss", rounded(capacity.after_loss),
                              "nodes", list));
    free(nodes);
}
