/* commands_cluster.c - cluster, and node list, drain, undrain, reload: the fleet. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tools/ctl/commands.h"

static const struct vr_ctl_column node_columns[] = {
    {"NODE", "node", false},         {"NUMBER", "number", false}, {"ALIVE", "alive", false},
    {"DRAINING", "draining", false}, {"ROOMS", "rooms", false},   {"PEOPLE", "participants", false},
    {"STRESS", "stress", false},     {"REGION", "region", true},  {"URL", "url", true},
    {"VERSION", "version", true},    {"SELF", "self", true},      {NULL, NULL, false},
};
static const struct vr_ctl_shape node_shape = {node_columns, "node"};

static const struct vr_ctl_column status_columns[] = {
    {"NODE", "node", false},   {"STATE", "state", false}, {"NODES", "nodes", false},
    {"ALIVE", "alive", false}, {"WHY", "why", false},     {NULL, NULL, false},
};
static const struct vr_ctl_shape status_shape = {status_columns, "state"};

static const struct vr_ctl_column placement_columns[] = {
    {"ROOM", "room", false},       {"OWNER", "owner", false},
    {"IN-SYNC", "in_sync", false}, {"PEOPLE", "participants", false},
    {"REASON", "reason", false},   {"EPOCH", "epoch", true},
    {NULL, NULL, false},
};
static const struct vr_ctl_shape placement_shape = {placement_columns, "room"};

static const struct vr_ctl_column capacity_columns[] = {
    {"NODE", "node", false},    {"STRESS", "stress", false}, {"PEOPLE", "participants", false},
    {"ROOMS", "rooms", false},  {"ALIVE", "alive", false},   {"DRAINING", "draining", false},
    {"REGION", "region", true}, {NULL, NULL, false},
};
static const struct vr_ctl_shape capacity_shape = {capacity_columns, "node"};

static const struct vr_ctl_column move_columns[] = {
    {"ROOM", "room", false},   {"FROM", "from", false},     {"TO", "to", false},
    {"STATE", "state", false}, {"REASON", "reason", false}, {NULL, NULL, false},
};
static const struct vr_ctl_shape move_shape = {move_columns, "room"};

static const struct vr_ctl_column act_columns[] = {
    {"AT", "at", false},      {"ROOM", "room", false},
    {"ACT", "act", false},    {"PARTICIPANT", "participant", false},
    {"USER", "user", false},  {"BY", "by", false},
    {"NODE", "node", false},  {"REASON", "reason", false},
    {"EPOCH", "epoch", true}, {NULL, NULL, false},
};
static const struct vr_ctl_shape act_shape = {act_columns, "room"};

static const struct vr_ctl_column reload_columns[] = {
    {"APPLIED", "applied", false}, {"NEEDS-RESTART", "needs_restart", false}, {NULL, NULL, false}};
static const struct vr_ctl_shape reload_shape = {reload_columns, "applied"};

enum vr_ctl_exit vr_ctl_node_list(struct vr_ctl *ctl)
{
    return vr_ctl_show(ctl, "/v1/nodes", "nodes", &node_shape);
}

/** How far a drain is, on standard error, until nothing is left there. */
static enum vr_ctl_exit wait_drained(struct vr_ctl *ctl)
{
    enum vr_ctl_exit code = VR_CTL_OK;
    json_int_t rooms = -1;
    json_int_t people = -1;

    while (code == VR_CTL_OK && rooms + people != 0) {
        json_t *node = NULL;

        code = vr_ctl_get(ctl, "/v1/nodes/%", vr_ctl_arg(ctl, 0), &node);
        if (code == VR_CTL_OK) {
            rooms = json_integer_value(json_object_get(node, "rooms"));
            people = json_integer_value(json_object_get(node, "participants"));
            vr_ctl_say(ctl, "%lld rooms, %lld people are there", (long long)rooms,
                       (long long)people);
        }
        json_decref(node);
        if (code == VR_CTL_OK && rooms + people != 0) {
            nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
        }
    }
    return code;
}

enum vr_ctl_exit vr_ctl_node_drain(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {.method = "POST",
                                     .path = "/v1/nodes/%/drain",
                                     .args = {vr_ctl_arg(ctl, 0)},
                                     .question = "Move everybody away from this node?",
                                     .target = "/v1/nodes/%",
                                     .target_path = "node"};
    enum vr_ctl_exit code = VR_CTL_OK;

    request.body = json_pack("{s:b}", "force", vr_ctl_given(ctl->line, "force") ? 1 : 0);
    code = vr_ctl_call(ctl, &request, NULL);
    json_decref(request.body);
    if (code == VR_CTL_OK) {
        vr_ctl_say(ctl, "node %s is being drained", vr_ctl_arg(ctl, 0));
        code = vr_ctl_given(ctl->line, "wait") ? wait_drained(ctl) : code;
    }
    return code;
}

enum vr_ctl_exit vr_ctl_node_undrain(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {
        .method = "POST", .path = "/v1/nodes/%/undrain", .args = {vr_ctl_arg(ctl, 0)}};
    enum vr_ctl_exit code = vr_ctl_call(ctl, &request, NULL);

    if (code == VR_CTL_OK) {
        vr_ctl_say(ctl, "node %s takes rooms again", vr_ctl_arg(ctl, 0));
    }
    return code;
}

enum vr_ctl_exit vr_ctl_node_reload(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {.method = "POST", .path = "/v1/node/reload"};
    json_t *answer = NULL;
    enum vr_ctl_exit code = vr_ctl_call(ctl, &request, &answer);

    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, answer, &reload_shape);
    }
    json_decref(answer);
    return code;
}

enum vr_ctl_exit vr_ctl_cluster_status(struct vr_ctl *ctl)
{
    return vr_ctl_show(ctl, "/v1/cluster", NULL, &status_shape);
}

/** People see the nodes and, beside them, what to do; programs all in one. */
enum vr_ctl_exit vr_ctl_cluster_capacity(struct vr_ctl *ctl)
{
    bool table = ctl->format == VR_CTL_TABLE || ctl->format == VR_CTL_WIDE;
    json_t *answer = NULL;
    enum vr_ctl_exit code = vr_ctl_get(ctl, "/v1/cluster/capacity", NULL, &answer);

    if (code == VR_CTL_OK) {
        code =
            vr_ctl_print(ctl, table ? json_object_get(answer, "nodes") : answer, &capacity_shape);
    }
    if (code == VR_CTL_OK && table) {
        const char *node = json_string_value(json_object_get(answer, "node"));

        vr_ctl_say(ctl, "%s%s%s: %s", json_string_value(json_object_get(answer, "recommendation")),
                   node == NULL ? "" : " ", node == NULL ? "" : node,
                   json_string_value(json_object_get(answer, "why")));
    }
    json_decref(answer);
    return code;
}

enum vr_ctl_exit vr_ctl_cluster_placement(struct vr_ctl *ctl)
{
    return vr_ctl_show(ctl, "/v1/cluster/placement", "rooms", &placement_shape);
}

enum vr_ctl_exit vr_ctl_cluster_adopt(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {.method = "POST",
                                     .path = "/v1/cluster/adopt",
                                     .args = {"the whole cluster"},
                                     .question = "Accept what etcd holds now as the truth?"};
    enum vr_ctl_exit code = VR_CTL_OK;

    code = vr_ctl_call(ctl, &request, NULL);
    if (code == VR_CTL_OK) {
        vr_ctl_say(ctl, "the nodes take up their work under a new generation");
    }
    return code;
}

/** How far the hand-overs are, on standard error, until none is open. */
static enum vr_ctl_exit follow_moves(struct vr_ctl *ctl, json_t **answer)
{
    struct vr_ctl_request request = {
        .method = "GET", .path = "/v1/cluster/rebalance", .reads = true};
    enum vr_ctl_exit code = VR_CTL_OK;
    json_int_t told = -1;

    while (code == VR_CTL_OK && json_integer_value(json_object_get(*answer, "open")) > 0) {
        json_int_t open = json_integer_value(json_object_get(*answer, "open"));

        if (open != told) {
            vr_ctl_say(ctl, "%lld rooms are still to be handed over", (long long)open);
            told = open;
        }
        json_decref(*answer);
        *answer = NULL;
        nanosleep(&(struct timespec){.tv_nsec = 500L * 1000 * 1000}, NULL);
        code = vr_ctl_call(ctl, &request, answer);
    }
    return code;
}

static bool all_done(const json_t *answer)
{
    return json_integer_value(json_object_get(answer, "done")) ==
           json_integer_value(json_object_get(answer, "planned"));
}

static enum vr_ctl_exit rebalance(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {.method = "POST",
                                     .path = "/v1/cluster/rebalance",
                                     .args = {"the rooms of all nodes"},
                                     .question = "Hand rooms over to other nodes?"};
    json_t *answer = NULL;
    enum vr_ctl_exit code = vr_ctl_call(ctl, &request, &answer);

    if (code == VR_CTL_OK) {
        code = follow_moves(ctl, &answer);
    }
    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, json_object_get(answer, "moves"), &move_shape);
    }
    if (code == VR_CTL_OK && !all_done(answer)) {
        code = vr_ctl_fail(ctl, VR_CTL_ERROR, "not all rooms were handed over; see STATE");
    } else if (code == VR_CTL_OK && json_integer_value(json_object_get(answer, "planned")) == 0) {
        vr_ctl_say(ctl, "the rooms are spread well: nothing was to be done");
    }
    json_decref(answer);
    return code;
}

/** It only reads: --dry-run does not keep it from being sent. */
static enum vr_ctl_exit show_plan(struct vr_ctl *ctl)
{
    struct vr_ctl_request request = {
        .method = "GET", .path = "/v1/cluster/rebalance/plan", .reads = true};
    json_t *answer = NULL;
    enum vr_ctl_exit code = vr_ctl_call(ctl, &request, &answer);

    if (code == VR_CTL_OK) {
        code = vr_ctl_print(ctl, json_object_get(answer, "moves"), &move_shape);
    }
    json_decref(answer);
    return code;
}

enum vr_ctl_exit vr_ctl_cluster_rebalance(struct vr_ctl *ctl)
{
    enum vr_ctl_exit code;

    if (!vr_ctl_given(ctl->line, "dry-run") || vr_ctl_given(ctl->line, "curl")) {
        return rebalance(ctl);
    }
    code = show_plan(ctl);
    if (code == VR_CTL_OK) {
        vr_ctl_say(ctl, "dry run: this is the plan, nothing was handed over");
    }
    return code;
}

enum vr_ctl_exit vr_ctl_cluster_provisional(struct vr_ctl *ctl)
{
    return vr_ctl_show(ctl, "/v1/cluster/provisional", "acts", &act_shape);
}
