/* routes_fleet.c - spread the rooms over the nodes, and the acts that wait for an owner: for
 * administrators. A node alone has nothing of either. */
#include <stdlib.h>

#include "actors/base/log.h"
#include "nodes/node.h"
#include "nodes/routes.h"
#include "nodes/routes_admin.h"
#include "nodes/routes_cluster.h"

#define MARKS_SHOWN 1000u

static const char *const states[] = {[VR_CLUSTER_MOVE_PLANNED] = "planned",
                                     [VR_CLUSTER_MOVE_RUNS] = "running",
                                     [VR_CLUSTER_MOVE_DONE] = "done",
                                     [VR_CLUSTER_MOVE_SKIPPED] = "skipped",
                                     [VR_CLUSTER_MOVE_FAILED] = "failed"};

/** Hand-overs as JSON. */
struct fleet {
    struct vr_cluster_node *nodes;
    uint32_t node_count;
    struct vr_cluster_move *moves;
    uint32_t count;
};

static bool fleet_init(struct fleet *fleet, const struct vr_http_request *request)
{
    *fleet = (struct fleet){.nodes = calloc(VR_CLUSTER_NODES_MAX, sizeof(*fleet->nodes)),
                            .moves = calloc(VR_CLUSTER_MOVES_MAX, sizeof(*fleet->moves))};
    if (fleet->nodes == NULL || fleet->moves == NULL) {
        return false;
    }
    fleet->node_count = vr_route_nodes_read(request, fleet->nodes);
    return true;
}

static void fleet_deinit(struct fleet *fleet)
{
    free(fleet->nodes);
    free(fleet->moves);
}

static json_t *move_json(const struct fleet *fleet, const struct vr_cluster_move *move)
{
    return json_pack("{s:o, s:s, s:s, s:s, s:s}", "room", vr_admin_id(move->room), "from",
                     vr_route_node_name(fleet->nodes, fleet->node_count, move->from), "to",
                     vr_route_node_name(fleet->nodes, fleet->node_count, move->to), "state",
                     states[move->state], "reason", move->reason);
}

static void answer_fleet(struct vr_http_request *request, int status, const struct fleet *fleet)
{
    json_t *list = json_array();
    json_int_t open = 0;
    json_int_t done = 0;

    for (uint32_t i = 0; i < fleet->count; i++) {
        const struct vr_cluster_move *move = &fleet->moves[i];

        open += move->state == VR_CLUSTER_MOVE_PLANNED || move->state == VR_CLUSTER_MOVE_RUNS;
        done += move->state == VR_CLUSTER_MOVE_DONE;
        json_array_append_new(list, move_json(fleet, move));
    }
    vr_admin_answer(request, status,
                    json_pack("{s:I, s:I, s:I, s:o}", "planned", (json_int_t)fleet->count, "open",
                              open, "done", done, "moves", list));
}

void vr_route_cluster_plan(struct vr_http_request *request)
{
    struct vr_cluster *cluster = vr_node_cluster(request->node);
    struct fleet fleet;

    if (fleet_init(&fleet, request)) {
        fleet.count = cluster == NULL
                          ? 0
                          : vr_cluster_rebalance_plan(cluster, fleet.moves, VR_CLUSTER_MOVES_MAX);
        answer_fleet(request, 200, &fleet);
    } else {
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
    }
    fleet_deinit(&fleet);
}

static void answer_progress(struct vr_http_request *request, int status)
{
    struct vr_cluster *cluster = vr_node_cluster(request->node);
    struct fleet fleet;

    if (fleet_init(&fleet, request)) {
        fleet.count = cluster == NULL ? 0
                                      : vr_cluster_rebalance_progress(cluster, fleet.moves,
                                                                      VR_CLUSTER_MOVES_MAX);
        answer_fleet(request, status, &fleet);
    } else {
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
    }
    fleet_deinit(&fleet);
}

void vr_route_cluster_progress(struct vr_http_request *request)
{
    answer_progress(request, 200);
}

static void begun(struct vr_http_request *request)
{
    enum vr_err err = (enum vr_err)(intptr_t)request->state;

    request->state = NULL;
    if (err == VR_OK) {
        answer_progress(request, 202);
    } else if (err == VR_E_IN_PROGRESS) {
        vr_http_answer_problem(request, VR_E_CONFLICT,
                               "this node spreads the rooms already; GET /v1/cluster/rebalance "
                               "tells how far it is");
    } else {
        vr_http_answer_problem(request, err, NULL);
    }
}

/* The cluster worker's thread; nobody else touches the request until it is resumed. */
static void on_begun(void *ctx, enum vr_err err)
{
    struct vr_http_request *request = ctx;

    request->state = (void *)(intptr_t)err;
    vr_http_resume(request, begun);
}

void vr_route_cluster_rebalance(struct vr_http_request *request)
{
    struct vr_cluster *cluster = vr_node_cluster(request->node);

    if (cluster == NULL) {
        vr_http_answer_problem(request, VR_E_CONFLICT,
                               "this node is not in a cluster: there is nobody to give rooms to");
        return;
    }
    vr_log(VR_LOG_WARN, "the rooms are to be spread anew", VR_S("by", request->grants.user),
           VR_S("request_id", request->request_id));
    vr_cluster_rebalance(cluster, on_begun, request);
}

/* --- acts that wait for an owner --- */

struct waiting {
    struct fleet fleet; /* names of nodes */
    json_t *acts;
};

static bool add_mark(void *ctx, const struct vr_cluster_mark *mark)
{
    static const char *const acts[VR_CMD_KINDS] = {
        [VR_CMD_MUTE] = "mute", [VR_CMD_KICK] = "kick", [VR_CMD_BAN] = "ban"};
    struct waiting *waiting = ctx;
    const char *act = acts[mark->kind] == NULL ? "?" : acts[mark->kind];

    json_array_append_new(
        waiting->acts,
        json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:s, s:o, s:I}", "room", vr_admin_id(mark->room),
                  "act", act, "participant",
                  mark->target == 0 ? json_null() : json_integer(mark->target), "user",
                  vr_admin_text(mark->target_user), "by", vr_admin_text(mark->by_name), "reason",
                  vr_admin_text(mark->reason), "node",
                  vr_route_node_name(waiting->fleet.nodes, waiting->fleet.node_count, mark->node),
                  "at", vr_admin_time(mark->at), "epoch", (json_int_t)mark->epoch));
    return json_array_size(waiting->acts) < MARKS_SHOWN;
}

void vr_route_cluster_provisional(struct vr_http_request *request)
{
    struct vr_cluster *cluster = vr_node_cluster(request->node);
    struct waiting waiting = {.acts = json_array()};
    enum vr_err err = fleet_init(&waiting.fleet, request) ? VR_OK : VR_E_NO_MEMORY;

    if (err == VR_OK && cluster != NULL) {
        err = vr_cluster_marks(cluster, add_mark, &waiting);
    }
    if (err == VR_OK) {
        vr_admin_answer(request, 200, json_pack("{s:O}", "acts", waiting.acts));
    } else {
        vr_http_answer_problem(request, err, NULL);
    }
    json_decref(waiting.acts);
    fleet_deinit(&waiting.fleet);
}
