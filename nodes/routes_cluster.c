/* routes_cluster.c - nodes, their drain, and where rooms are: for administrators. A node that runs
 * alone answers as a cluster of one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "cluster/cluster.h"
#include "nodes/lobby.h"
#include "nodes/node.h"
#include "nodes/routes.h"
#include "nodes/routes_cluster.h"
#include "nodes/vitals.h"
#include "store/records.h"

#define PLACEMENT_MAX 1000 /* rooms in one answer */

uint32_t vr_route_nodes_read(const struct vr_http_request *request,
                             struct vr_cluster_node out[VR_CLUSTER_NODES_MAX])
{
    struct vr_cluster *cluster = vr_node_cluster(request->node);
    struct vr_lobby_totals totals;
    struct vr_stress stress;

    if (cluster != NULL) {
        return vr_cluster_nodes(cluster, out, VR_CLUSTER_NODES_MAX);
    }
    vr_lobby_totals(vr_node_lobby(request->node), &totals);
    out[0] = (struct vr_cluster_node){.number = vr_system_node(vr_node_system(request->node)),
                                      .alive = true,
                                      .self = true,
                                      .draining = vr_node_draining(request->node),
                                      .rooms_owned = totals.rooms,
                                      .participants = totals.participants};
    vr_node_stress(request->node, &stress);
    out[0].stress_permille = (uint32_t)(stress.level * 1000);
    snprintf(out[0].name, sizeof(out[0].name), "%s", vr_node_env(request->node)->node);
    snprintf(out[0].url, sizeof(out[0].url), "%s", vr_node_env(request->node)->node_urls[0]);
    return 1;
}

bool vr_route_node_is(const struct vr_cluster_node *node, const char *text)
{
    char number[16];

    snprintf(number, sizeof(number), "%u", node->number);
    return strcmp(node->name, text) == 0 || strcmp(number, text) == 0;
}

const char *vr_route_node_name(const struct vr_cluster_node *nodes, uint32_t count, uint32_t number)
{
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i].number == number) {
            return nodes[i].name;
        }
    }
    return "";
}

static void node_json(struct vr_buf *out, const struct vr_cluster_node *node)
{
    vr_buf_text(out, "{\"node\":");
    vr_json_text(out, node->name);
    vr_buf_printf(out, ",\"number\":%u,\"region\":", node->number);
    vr_json_text(out, node->region);
    vr_buf_text(out, ",\"url\":");
    vr_json_text(out, node->url);
    vr_buf_text(out, ",\"version\":");
    vr_json_text(out, node->version);
    vr_buf_printf(out,
                  ",\"alive\":%s,\"draining\":%s,\"self\":%s,\"rooms\":%u,\"participants\":%u,"
                  "\"stress\":%.3f}",
                  node->alive ? "true" : "false", node->draining ? "true" : "false",
                  node->self ? "true" : "false", node->rooms_owned, node->participants,
                  node->stress_permille / 1000.0);
}

void vr_route_nodes(struct vr_http_request *request)
{
    struct vr_cluster_node *nodes = calloc(VR_CLUSTER_NODES_MAX, sizeof(*nodes));
    uint32_t count = nodes == NULL ? 0 : vr_route_nodes_read(request, nodes);
    struct vr_buf body = {.failed = nodes == NULL};

    vr_buf_text(&body, "{\"nodes\":[");
    for (uint32_t i = 0; i < count; i++) {
        vr_buf_text(&body, i == 0 ? "" : ",");
        node_json(&body, &nodes[i]);
    }
    vr_buf_text(&body, "]}");
    free(nodes);
    vr_route_answer_buf(request, 200, &body);
}

/** The node that the path names, by name or number; false: answered, 404, or 503 right after a
 * start, when this node has not read who is there. */
static bool node_find(struct vr_http_request *request, struct vr_cluster_node *out)
{
    struct vr_cluster_node *nodes = calloc(VR_CLUSTER_NODES_MAX, sizeof(*nodes));
    uint32_t count = nodes == NULL ? 0 : vr_route_nodes_read(request, nodes);
    bool found = false;
    bool self = false;

    for (uint32_t i = 0; i < count && !found && request->param_count > 0; i++) {
        found = vr_route_node_is(&nodes[i], request->param[0]);
        self = self || nodes[i].self;
        *out = nodes[i];
    }
    free(nodes);
    if (!found && !self) {
        vr_http_answer_problem(request, VR_E_BUSY, "this node does not know its cluster yet");
    } else if (!found) {
        vr_http_answer_problem(request, VR_E_NOT_FOUND, "no node has this name");
    }
    return found;
}

void vr_route_node_show(struct vr_http_request *request)
{
    struct vr_cluster_node node;
    struct vr_buf body = {0};

    if (node_find(request, &node)) {
        node_json(&body, &node);
        vr_route_answer_buf(request, 200, &body);
    }
}

/** `conflict`: what VR_E_CONFLICT means here. */
static void cluster_answer(struct vr_http_request *request, const char *conflict)
{
    enum vr_err err = (enum vr_err)(intptr_t)request->state;

    request->state = NULL;
    if (err == VR_OK) {
        vr_http_answer_json(request, 202, vr_bytes_of("{\"accepted\":true}"));
    } else {
        vr_http_answer_problem(request, err, err == VR_E_CONFLICT ? conflict : NULL);
    }
}

static void cluster_done(struct vr_http_request *request)
{
    cluster_answer(request, "it is the last node that takes rooms; force it with \"force\": true");
}

static void adopt_done(struct vr_http_request *request)
{
    cluster_answer(request, "this node does not refuse what etcd holds: there is nothing to adopt");
}

/* The cluster worker's thread; nobody else touches the request until it is resumed. */
static void on_cluster_done(void *ctx, enum vr_err err)
{
    struct vr_http_request *request = ctx;

    request->state = (void *)(intptr_t)err;
    vr_http_resume(request, cluster_done);
}

static void on_adopt_done(void *ctx, enum vr_err err)
{
    struct vr_http_request *request = ctx;

    request->state = (void *)(intptr_t)err;
    vr_http_resume(request, adopt_done);
}

static struct vr_cluster *cluster_of(struct vr_http_request *request)
{
    struct vr_cluster *cluster = vr_node_cluster(request->node);

    if (cluster == NULL) {
        vr_http_answer_problem(request, VR_E_CONFLICT,
                               "this node is not in a cluster: there is nobody to take over");
    }
    return cluster;
}

static bool force_read(struct vr_http_request *request, bool *force)
{
    json_t *root = NULL;

    *force = false;
    if (request->body.size == 0) {
        return true;
    }
    root = vr_route_object(request);
    if (root == NULL) {
        return false;
    }
    *force = json_is_true(json_object_get(root, "force"));
    json_decref(root);
    return true;
}

static void act_log(const struct vr_http_request *request, const char *text, const char *node)
{
    vr_log(VR_LOG_WARN, text, VR_S("node", node), VR_S("by", request->grants.user),
           VR_S("request_id", request->request_id));
}

void vr_route_node_drain(struct vr_http_request *request)
{
    struct vr_cluster_node node;
    struct vr_cluster *cluster;
    bool force;

    if (!force_read(request, &force) || !node_find(request, &node)) {
        return;
    }
    cluster = cluster_of(request);
    if (cluster != NULL) {
        act_log(request, "a node is to be drained", node.name);
        vr_cluster_drain(cluster, node.number, force, on_cluster_done, request);
    }
}

void vr_route_node_undrain(struct vr_http_request *request)
{
    struct vr_cluster_node node;
    struct vr_cluster *cluster;

    if (!node_find(request, &node)) {
        return;
    }
    cluster = cluster_of(request);
    if (cluster != NULL) {
        act_log(request, "a node is to take rooms again", node.name);
        vr_cluster_undrain(cluster, node.number, on_cluster_done, request);
    }
}

void vr_route_cluster_show(struct vr_http_request *request)
{
    static const char *const states[] = {[VR_CLUSTER_OUT] = "joining",
                                         [VR_CLUSTER_JOINED] = "joined",
                                         [VR_CLUSTER_FROZEN] = "frozen",
                                         [VR_CLUSTER_REFUSED] = "refused"};
    struct vr_cluster *cluster = vr_node_cluster(request->node);
    struct vr_cluster_node *nodes = calloc(VR_CLUSTER_NODES_MAX, sizeof(*nodes));
    uint32_t count = nodes == NULL ? 0 : vr_route_nodes_read(request, nodes);
    uint32_t alive = 0;
    struct vr_why why = {0};
    struct vr_buf body = {.failed = nodes == NULL};

    for (uint32_t i = 0; i < count; i++) {
        alive += nodes[i].alive;
    }
    free(nodes);
    vr_buf_text(&body, "{\"node\":");
    vr_json_text(&body, vr_node_env(request->node)->node);
    vr_buf_printf(&body, ",\"state\":\"%s\",\"nodes\":%u,\"alive\":%u,\"why\":",
                  cluster == NULL ? "alone" : states[vr_cluster_state(cluster, &why)], count,
                  alive);
    vr_json_text(&body, why.text);
    vr_buf_text(&body, "}");
    vr_route_answer_buf(request, 200, &body);
}

struct placement {
    struct vr_http_request *request;
    struct vr_cluster_node *nodes;
    uint32_t node_count;
    uint32_t count;
    struct vr_buf body;
};

static void placement_add(struct placement *placement, struct vr_id room)
{
    struct vr_cluster *cluster = vr_node_cluster(placement->request->node);
    struct vr_cluster_owner owner = {0};
    struct vr_lobby_room live = {0};
    char text[VR_ID_TEXT];
    bool awake;

    awake = vr_lobby_find(vr_node_lobby(placement->request->node), room, &live);
    vr_blob_release(live.on_stage);
    if (cluster == NULL) {
        owner.node = awake ? placement->nodes[0].number : 0;
        snprintf(owner.reason, sizeof(owner.reason), "%s", awake ? "the only node" : "");
    } else if (!vr_cluster_owner(cluster, room, &owner)) {
        owner = (struct vr_cluster_owner){0};
    }
    if (owner.node == 0) {
        return; /* asleep: it lives nowhere */
    }
    vr_buf_printf(&placement->body,
                  "%s{\"room\":\"%s\",\"owner\":", placement->count == 0 ? "" : ",",
                  vr_id_format(room, text));
    vr_json_text(&placement->body,
                 vr_route_node_name(placement->nodes, placement->node_count, owner.node));
    vr_buf_printf(&placement->body,
                  ",\"epoch\":%llu,\"in_sync\":", (unsigned long long)owner.epoch);
    vr_json_text(&placement->body,
                 vr_route_node_name(placement->nodes, placement->node_count, owner.in_sync));
    vr_buf_printf(&placement->body, ",\"participants\":%u,\"reason\":", live.participants);
    vr_json_text(&placement->body, owner.reason);
    vr_buf_text(&placement->body, "}");
    placement->count++;
}

static bool placement_row(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct placement *placement = ctx;

    (void)value;
    if (key.size == 16) { /* else the room's counters */
        placement_add(placement, (struct vr_id){vr_get64(key.data), vr_get64(key.data + 8)});
    }
    return placement->count < PLACEMENT_MAX;
}

/* Alone: what the store has and is awake. In a cluster: what the directory knows, so that each node
 * tells of all. */
static enum vr_err placement_fill(struct placement *placement)
{
    struct vr_cluster *cluster = vr_node_cluster(placement->request->node);
    struct vr_id *rooms;
    uint32_t count;

    if (cluster == NULL) {
        return vr_records_scan(vr_node_records(placement->request->node), VR_TABLE_ROOMS,
                               (struct vr_bytes){0}, (struct vr_bytes){0}, placement_row,
                               placement);
    }
    rooms = calloc(PLACEMENT_MAX, sizeof(*rooms));
    if (rooms == NULL) {
        return VR_E_NO_MEMORY;
    }
    count = vr_cluster_rooms(cluster, rooms, PLACEMENT_MAX);
    for (uint32_t i = 0; i < count; i++) {
        placement_add(placement, rooms[i]);
    }
    free(rooms);
    return VR_OK;
}

void vr_route_cluster_placement(struct vr_http_request *request)
{
    struct placement placement = {.request = request,
                                  .nodes = calloc(VR_CLUSTER_NODES_MAX, sizeof(*placement.nodes))};
    enum vr_err err = placement.nodes == NULL ? VR_E_NO_MEMORY : VR_OK;

    if (err == VR_OK) {
        placement.node_count = vr_route_nodes_read(request, placement.nodes);
        vr_buf_text(&placement.body, "{\"rooms\":[");
        err = placement_fill(&placement);
        vr_buf_text(&placement.body, "]}");
    }
    free(placement.nodes);
    if (err == VR_OK) {
        vr_route_answer_buf(request, 200, &placement.body);
    } else {
        vr_buf_deinit(&placement.body);
        vr_http_answer_problem(request, err, NULL);
    }
}

void vr_route_cluster_adopt(struct vr_http_request *request)
{
    struct vr_cluster *cluster = cluster_of(request);

    if (cluster != NULL) {
        act_log(request, "etcd's state is to be adopted under a new generation", "");
        vr_cluster_adopt(cluster, on_adopt_done, request);
    }
}
