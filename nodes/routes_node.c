/* routes_node.c - what concerns the node and not one room: guests, ICE servers, revocation, log
 * level, health. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "actors/runtime/env.h"
#include "actors/session/ice.h"
#include "actors/wire/client_json.h"
#include "nodes/auth.h"
#include "nodes/metrics.h"
#include "nodes/node.h"
#include "nodes/routes.h"

json_t *vr_route_object(struct vr_http_request *request)
{
    json_t *root = json_loadb((const char *)request->body.data, request->body.size,
                              JSON_REJECT_DUPLICATES, NULL);

    if (json_is_object(root)) {
        return root;
    }
    json_decref(root);
    vr_http_answer_problem(request, VR_E_BAD_REQUEST, "a JSON object is expected");
    return NULL;
}

void vr_route_invalid(struct vr_http_request *request, const char *pointer, const char *detail)
{
    struct vr_http_problem problem = {
        .err = VR_E_UNPROCESSABLE, .detail = detail, .pointer = pointer};

    vr_http_answer_problem_full(request, &problem);
}

void vr_route_answer_buf(struct vr_http_request *request, int status, struct vr_buf *body)
{
    if (body->failed) {
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
    } else {
        vr_http_answer_json(request, status, vr_buf_bytes(body));
    }
    vr_buf_deinit(body);
}

/** A display name: trimmed, 1 to VR_NAME_MAX bytes, no control characters (jansson has judged the
 * UTF-8). */
static bool read_name(const char *text, char out[VR_NAME_MAX + 1])
{
    size_t size = 0;

    text += strspn(text, " \t\r\n");
    size = strlen(text);
    while (size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL) {
        size--;
    }
    if (size == 0 || size > VR_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            return false;
        }
    }
    memcpy(out, text, size);
    out[size] = '\0';
    return true;
}

static void mint_guest(struct vr_http_request *request, const char *name)
{
    struct vr_grants grants;
    struct vr_buf token = {0};
    struct vr_buf body = {0};
    enum vr_err err = vr_auth_guest_mint(vr_node_auth(request->node), name, &grants, &token);

    vr_buf_append(&token, "", 1);
    if (err == VR_OK && token.failed) {
        err = VR_E_NO_MEMORY;
    }
    if (err != VR_OK) {
        vr_buf_deinit(&token);
        vr_http_answer_problem(request, err, NULL);
        return;
    }
    vr_buf_text(&body, "{\"token\":");
    vr_json_text(&body, (const char *)token.data);
    vr_buf_text(&body, ",\"user\":");
    vr_json_text(&body, grants.user);
    vr_buf_text(&body, ",\"name\":");
    vr_json_text(&body, grants.name);
    vr_buf_text(&body, ",\"expires_at\":");
    vr_json_time(&body, VR_SECONDS(grants.expires_at));
    vr_buf_text(&body, "}");
    vr_buf_deinit(&token);
    vr_route_answer_buf(request, 201, &body);
}

void vr_route_guest(struct vr_http_request *request)
{
    json_t *root = vr_route_object(request);
    struct vr_why why = {0};
    const char *name = NULL;
    const char *code = NULL;
    char clean[VR_NAME_MAX + 1];

    if (root == NULL) {
        return;
    }
    name = json_string_value(json_object_get(root, "name"));
    code = json_string_value(json_object_get(root, "code"));
    if (vr_auth_guest_allowed(vr_node_auth(request->node), request->loopback,
                              code == NULL ? "" : code, &why) != VR_OK) {
        vr_http_answer_problem(request, VR_E_FORBIDDEN, why.text);
    } else if (name == NULL || !read_name(name, clean)) {
        vr_route_invalid(request, "/name", "name: 1 to 64 bytes of text");
    } else {
        mint_guest(request, clean);
    }
    json_decref(root);
}

void vr_route_ice_servers(struct vr_http_request *request)
{
    struct vr_buf body = {0};

    vr_buf_text(&body, "{\"ice_servers\":");
    vr_ice_servers_write(vr_node_env(request->node), request->request_id, &body);
    vr_buf_text(&body, "}");
    vr_route_answer_buf(request, 200, &body);
}

static void revoked(struct vr_http_request *request)
{
    enum vr_err err = (enum vr_err)(intptr_t)request->state;

    if (err == VR_OK) {
        vr_http_answer_empty(request, 204);
    } else {
        vr_http_answer_problem(request, err, NULL);
    }
}

/** On the journal's thread. */
static void on_revoked(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    struct vr_http_request *request = ctx;

    (void)ticket;
    (void)revision;
    request->state =
        (void *)(intptr_t)err; /* nobody else touches the request until it is resumed */
    vr_http_resume(request, revoked);
}

void vr_route_revoke(struct vr_http_request *request)
{
    json_t *root = vr_route_object(request);
    const char *jti = json_string_value(json_object_get(root, "jti"));
    const json_t *until = json_object_get(root, "exp");

    if (root == NULL) {
        return;
    }
    if (jti == NULL || jti[0] == '\0' || strlen(jti) > VR_JTI_MAX) {
        vr_route_invalid(request, "/jti", "jti: 1 to 64 bytes of text");
    } else if (until != NULL && (!json_is_integer(until) || json_integer_value(until) <= 0)) {
        vr_route_invalid(request, "/exp", "exp: seconds since 1970, as in the token");
    } else {
        vr_auth_revoke(vr_node_auth(request->node), jti, json_integer_value(until), on_revoked,
                       request);
    }
    json_decref(root);
}

static void answer_level(struct vr_http_request *request)
{
    struct vr_buf body = {0};

    vr_buf_printf(&body, "{\"level\":\"%s\"}", vr_log_level_name(vr_log_get_level()));
    vr_route_answer_buf(request, 200, &body);
}

void vr_route_log_level_show(struct vr_http_request *request)
{
    answer_level(request);
}

void vr_route_log_level_set(struct vr_http_request *request)
{
    json_t *root = vr_route_object(request);
    const char *word = json_string_value(json_object_get(root, "level"));
    enum vr_log_level level = VR_LOG_INFO;

    if (root == NULL) {
        return;
    }
    if (word == NULL || !vr_log_level_parse(word, &level)) {
        vr_route_invalid(request, "/level", "level: debug, info, warn, error or off");
    } else {
        vr_log_set_level(level);
        vr_log(VR_LOG_WARN, "log level changed", VR_S("level", word),
               VR_S("request_id", request->request_id));
        answer_level(request);
    }
    json_decref(root);
}

void vr_route_healthz(struct vr_http_request *request)
{
    vr_http_answer_json(request, 200, vr_bytes_of("{\"status\":\"ok\"}"));
}

void vr_route_readyz(struct vr_http_request *request)
{
    struct vr_buf body = {0};
    bool ready = vr_node_ready(request->node, &body);

    vr_route_answer_buf(request, ready ? 200 : 503, &body);
}

void vr_route_metrics(struct vr_http_request *request)
{
    struct vr_buf body = {0};

    vr_metrics_write(vr_node_metrics(request->node), request->node, &body);
    if (body.failed) {
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
    } else {
        vr_http_answer(request, 200, "text/plain; version=0.0.4; charset=utf-8",
                       vr_buf_bytes(&body));
    }
    vr_buf_deinit(&body);
}
