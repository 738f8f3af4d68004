/* routes_session.c - joining over HTTP (JSON or WHIP, RFC 9725), leaving, ICE restart. */
#include <stdio.h>
#include <string.h>

#include "actors/runtime/env.h"
#include "actors/session/ice.h"
#include "actors/session/session.h"
#include "nodes/auth_ref.h"
#include "nodes/metrics.h"
#include "nodes/node.h"
#include "nodes/routes.h"

static void set_session_headers(struct vr_http_request *request,
                                const struct vr_join_result *result)
{
    const struct vr_env *env = vr_node_env(request->node);
    char text[640];
    char id[VR_ID_TEXT];

    snprintf(text, sizeof(text), "/v1/sessions/%s", vr_id_format(result->session, id));
    vr_http_header(request, "location", text);
    for (uint32_t i = 0; i < env->ice_server_count; i++) {
        struct vr_ice_server server;
        int size = 0;

        vr_ice_server_take(env, i, id, &server);
        size = snprintf(text, sizeof(text), "<%s>; rel=\"ice-server\"", server.urls);
        if (server.username[0] != 0) { /* RFC 9725, 4.6 */
            snprintf(text + size, sizeof(text) - (size_t)size,
                     "; username=\"%s\"; credential=\"%s\"; credential-type=\"password\"",
                     server.username, server.credential);
        }
        vr_http_header(request, "link", text);
    }
}

/** Counts the join and sets its headers; false: it was refused, and so answered. */
static bool came_in(struct vr_http_request *request, const struct vr_join_result *result)
{
    struct vr_metrics *metrics = vr_node_metrics(request->node);

    if (result->err != VR_OK) {
        vr_metrics_join_refused(metrics);
        vr_http_answer_refusal(request, result->answer);
        return false;
    }
    vr_metrics_join(metrics, vr_worker_now(request->worker) - request->started);
    set_session_headers(request, result);
    return true;
}

static void on_joined(void *ctx, const struct vr_join_result *result)
{
    struct vr_http_request *request = ctx;

    if (came_in(request, result)) {
        vr_http_answer_json(request, 201, vr_blob_bytes(result->json));
    }
}

static void on_whip(void *ctx, const struct vr_join_result *result)
{
    struct vr_http_request *request = ctx;

    if (came_in(request, result)) {
        vr_http_answer(request, 201, "application/sdp", vr_blob_bytes(result->sdp));
    }
}

/** Who asks to come in; false: the request was answered. */
static bool judge_entry(struct vr_http_request *request, bool resume, struct vr_join_request *join)
{
    const struct vr_grants *grants = &request->grants;
    enum vr_err err = VR_OK;

    if (!request->has_identity && !resume) {
        vr_http_answer_problem(request, VR_E_UNAUTHORIZED, NULL);
        return false;
    }
    if (request->has_identity && !grants->room_join && !grants->room_admin && !grants->admin) {
        vr_http_answer_problem(request, VR_E_FORBIDDEN, "the token does not allow to join rooms");
        return false;
    }
    join->token_ref = vr_auth_ref(grants);
    err = vr_http_identity(request, join->room, &join->identity);
    if (err != VR_OK) {
        vr_http_answer_problem(request, err, "the token is for another room");
        return false;
    }
    return true;
}

/** True: answered. Who is here already is moved; who comes is sent to the others at once. */
static bool sent_elsewhere(struct vr_http_request *request)
{
    struct vr_buf nodes = {0};
    bool others = vr_node_elsewhere(request->node, &nodes);

    if (others) {
        const struct vr_http_problem problem = {
            .err = VR_E_DRAINING,
            .detail = "this node is being drained: join at another",
            .more = nodes.failed ? NULL : (const char *)nodes.data};

        vr_http_answer_problem_full(request, &problem);
    }
    vr_buf_deinit(&nodes);
    return others;
}

static void join_by_whip(struct vr_http_request *request, struct vr_join_request *join)
{
    if (judge_entry(request, false, join) && !sent_elsewhere(request)) {
        join->whip = true;
        join->sdp = request->body;
        vr_session_join(request->worker, join, on_whip, request);
    }
}

static void join_by_json(struct vr_http_request *request, struct vr_join_request *join)
{
    struct vr_client_msg msg = {0};
    struct vr_why why = {0};
    enum vr_err err = vr_client_body_parse(request->body, VR_CMD_JOIN, &msg, &why);

    if (err != VR_OK) {
        vr_route_bad_body(request, err, &why);
    } else {
        join->msg = &msg;
        join->resume = msg.resume_token[0] != '\0';
        if (judge_entry(request, join->resume, join) &&
            (msg.sdp == NULL || !sent_elsewhere(request))) {
            vr_session_join(request->worker, join, on_joined, request);
        }
        join->msg = NULL; /* borrowed for the call only */
    }
    vr_client_msg_deinit(&msg);
}

void vr_route_join(struct vr_http_request *request)
{
    struct vr_join_request join = {.request_id = request->request_id, .trace = request->trace};

    if (!vr_route_id(request, 0, &join.room)) {
        return;
    }
    if (vr_node_draining(request->node)) {
        vr_http_answer_problem(request, VR_E_DRAINING, NULL);
        return;
    }
    if (strcmp(request->content_type, "application/sdp") == 0) {
        join_by_whip(request, &join);
    } else if (strcmp(request->content_type, "application/json") == 0 ||
               request->content_type[0] == '\0') {
        join_by_json(request, &join);
    } else {
        vr_http_answer_problem(request, VR_E_MEDIA_TYPE,
                               "application/json or application/sdp is expected");
    }
}

static void on_left(void *ctx, enum vr_err err)
{
    struct vr_http_request *request = ctx;

    if (err == VR_OK) {
        vr_http_answer_empty(request, 200); /* RFC 9725, 4.2: 200, not 204 */
    } else {
        vr_http_answer_problem(request, err == VR_E_GONE ? VR_E_NOT_FOUND : err, NULL);
    }
}

void vr_route_session_delete(struct vr_http_request *request)
{
    struct vr_id session;

    if (vr_route_id(request, 0, &session)) {
        vr_session_leave(request->worker, session, request->grants.user, on_left, request);
    }
}

static void on_restarted(void *ctx, const struct vr_join_result *result)
{
    struct vr_http_request *request = ctx;

    if (result->err == VR_E_GONE) { /* of a session on another worker: as if it had never been */
        vr_http_answer_problem(request, VR_E_NOT_FOUND, NULL);
        return;
    }
    if (result->err != VR_OK) {
        vr_http_answer_refusal(request, result->answer);
        return;
    }
    vr_http_answer(request, 200, "application/sdp", vr_blob_bytes(result->sdp));
}

void vr_route_session_offer(struct vr_http_request *request)
{
    struct vr_id session;

    if (!vr_route_id(request, 0, &session)) {
        return;
    }
    if (strcmp(request->content_type, "application/sdp") != 0) {
        vr_http_answer_problem(request, VR_E_MEDIA_TYPE, "application/sdp is expected");
        return;
    }
    vr_session_restart_ice(request->worker, session, request->grants.user, request->body,
                           on_restarted, request);
}
