/* routes_move.c - one person is moved to another node: the room tells his client where to go. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nodes/node.h"
#include "nodes/routes.h"
#include "nodes/routes_cluster.h"

/** May this node take him? NULL: yes. */
static const char *hindrance(const struct vr_cluster_node *node)
{
    if (!node->alive) {
        return "that node does not live";
    }
    if (node->draining) {
        return "that node is being drained: it takes nobody";
    }
    return node->url[0] == 0 ? "that node has told no address for clients (public_urls)" : NULL;
}

/** The node that the body names; false: answered. */
static bool read_node(struct vr_http_request *request, struct vr_cluster_node *out)
{
    struct vr_cluster_node *nodes = calloc(VR_CLUSTER_NODES_MAX, sizeof(*nodes));
    uint32_t count = nodes == NULL ? 0 : vr_route_nodes_read(request, nodes);
    json_t *root = vr_route_object(request);
    const char *name = json_string_value(json_object_get(root, "node"));
    uint32_t at = 0;
    bool fine = false;

    while (name != NULL && at < count && !vr_route_node_is(&nodes[at], name)) {
        at++;
    }
    if (root == NULL) {
        free(nodes);
        return false;
    }
    if (name == NULL) {
        vr_route_invalid(request, "/node", "node: name or number of a node, as text");
    } else if (vr_node_cluster(request->node) == NULL) {
        vr_http_answer_problem(
            request, VR_E_CONFLICT,
            "this node runs alone: there is nowhere to move; it needs a cluster");
    } else if (at == count) {
        vr_route_invalid(request, "/node", "node: no node has this name; GET /v1/nodes lists them");
    } else if (hindrance(&nodes[at]) != NULL) {
        vr_http_answer_problem(request, VR_E_CONFLICT, hindrance(&nodes[at]));
    } else {
        *out = nodes[at];
        fine = true;
    }
    free(nodes);
    json_decref(root);
    return fine;
}

void vr_route_move(struct vr_http_request *request)
{
    struct vr_id room;
    vr_participant_id target = 0;
    struct vr_cluster_node node;
    struct vr_command *command = NULL;

    if (!vr_route_id(request, 0, &room) || !vr_route_participant(request, 1, &target)) {
        return;
    }
    command = vr_route_command(request, room, VR_CMD_MOVE);
    if (command == NULL) {
        return;
    }
    if (!command->by.admin) {
        vr_command_free(command);
        vr_http_answer_problem(request, VR_E_FORBIDDEN, "only an administrator moves people");
        return;
    }
    if (!read_node(request, &node)) {
        vr_command_free(command);
        return;
    }
    command->target = target;
    command->limit = node.number;
    command->text = vr_blob_new(vr_bytes_of(node.url));
    vr_route_ask(request, room, command, vr_route_answer_body);
}
