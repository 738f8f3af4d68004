/* routes_keys.c - API keys over REST: seen by name, made with their secret told once, deleted. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "actors/base/random.h"
#include "actors/wire/client_json.h"
#include "nodes/auth.h"
#include "nodes/node.h"
#include "nodes/routes.h"

void vr_route_keys(struct vr_http_request *request)
{
    struct vr_key_about keys[VR_KEYS_MAX];
    uint32_t count = vr_auth_keys(vr_node_auth(request->node), keys);
    char kept[VR_KID_MAX + 1];
    struct vr_buf body = {0};

    vr_node_admin_kid(request->node, kept);
    vr_buf_text(&body, "{\"keys\":[");
    for (uint32_t i = 0; i < count; i++) {
        vr_buf_text(&body, i == 0 ? "{\"kid\":" : ",{\"kid\":");
        vr_json_text(&body, keys[i].kid);
        vr_buf_text(&body, ",\"created_at\":");
        vr_json_time(&body, VR_SECONDS(keys[i].created_at));
        vr_buf_printf(&body, ",\"admin_file\":%s}",
                      strcmp(keys[i].kid, kept) == 0 ? "true" : "false");
    }
    vr_buf_text(&body, "]}");
    vr_route_answer_buf(request, 200, &body);
}

/** What becomes of a request whose commit is under way; in request->state. */
struct outcome {
    enum vr_err err;
    int64_t created_at;
    struct vr_key key;
};

static void outcome_free(struct outcome *outcome)
{
    explicit_bzero(outcome, sizeof(*outcome));
    free(outcome);
}

static void log_change(const struct vr_http_request *request, const char *text, const char *kid)
{
    vr_log(VR_LOG_WARN, text, VR_S("kid", kid), VR_S("by", request->grants.user),
           VR_S("request_id", request->request_id));
}

static void added(struct vr_http_request *request)
{
    struct outcome *outcome = request->state;
    char location[64];
    struct vr_buf body = {0};

    if (outcome->err != VR_OK) {
        vr_http_answer_problem(request, outcome->err, NULL);
        outcome_free(outcome);
        return;
    }
    log_change(request, "an API key was made", outcome->key.kid);
    vr_buf_text(&body, "{\"kid\":");
    vr_json_text(&body, outcome->key.kid);
    vr_buf_printf(&body, ",\"secret\":\"%.*s\",\"created_at\":", (int)outcome->key.secret_size,
                  (const char *)outcome->key.secret);
    vr_json_time(&body, VR_SECONDS(outcome->created_at));
    vr_buf_text(&body, "}");
    snprintf(location, sizeof(location), "/v1/keys/%s", outcome->key.kid);
    vr_http_header(request, "location", location);
    vr_http_header(request, "cache-control", "no-store");
    outcome_free(outcome);
    vr_route_answer_buf(request, 201, &body);
}

static void removed(struct vr_http_request *request)
{
    struct outcome *outcome = request->state;
    enum vr_err err = outcome->err;

    if (err == VR_OK) {
        log_change(request, "an API key was deleted", outcome->key.kid);
    }
    outcome_free(outcome);
    if (err == VR_OK) {
        vr_http_answer_empty(request, 204);
    } else {
        vr_http_answer_problem(request, err,
                               "the key is refused until the next start, but not deleted for good: "
                               "try again");
    }
}

/* On the journal's thread; nobody else touches the request until it is resumed. */

static void on_added(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    struct vr_http_request *request = ctx;

    (void)ticket;
    (void)revision;
    ((struct outcome *)request->state)->err = err;
    vr_http_resume(request, added);
}

static void on_removed(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    struct vr_http_request *request = ctx;

    (void)ticket;
    (void)revision;
    ((struct outcome *)request->state)->err = err;
    vr_http_resume(request, removed);
}

/** NULL: the request was answered. */
static struct outcome *outcome_new(struct vr_http_request *request, const char *kid)
{
    struct outcome *outcome = calloc(1, sizeof(*outcome));

    if (outcome == NULL) {
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
        return NULL;
    }
    snprintf(outcome->key.kid, sizeof(outcome->key.kid), "%s", kid);
    request->state = outcome;
    return outcome;
}

static void key_add(struct vr_http_request *request, const char *kid)
{
    struct outcome *outcome = outcome_new(request, kid);
    enum vr_err err = VR_OK;

    if (outcome == NULL) {
        return;
    }
    err = vr_auth_key_add(vr_node_auth(request->node), &outcome->key, &outcome->created_at,
                          on_added, request);
    if (err == VR_OK) {
        return; /* on_added may have run by now: nothing here is ours any more */
    }
    outcome_free(outcome);
    vr_http_answer_problem(request, err,
                           err == VR_E_EXISTS     ? "a key of this kid exists"
                           : err == VR_E_CONFLICT ? "there are 64 keys: delete one first"
                                                  : NULL);
}

void vr_route_key_add(struct vr_http_request *request)
{
    char made[VR_KID_MAX + 1];
    char id[VR_ID_TEXT];
    json_t *root = NULL;
    const json_t *kid = NULL;

    if (request->body.size == 0) {
        root = json_object();
    } else {
        root = vr_route_object(request);
        if (root == NULL) {
            return;
        }
    }
    snprintf(made, sizeof(made), "key-%.12s",
             vr_id_format(vr_random_id(vr_system_random(vr_worker_system(request->worker))), id));
    kid = json_object_get(root, "kid");
    if (kid == NULL) {
        key_add(request, made);
    } else if (!json_is_string(kid) || !vr_auth_kid_valid(json_string_value(kid))) {
        vr_route_invalid(request, "/kid",
                         "kid: 1 to 32 letters, digits and \". _ -\", and not \"guest\"");
    } else {
        key_add(request, json_string_value(kid));
    }
    json_decref(root);
}

void vr_route_key_remove(struct vr_http_request *request)
{
    const char *kid = request->param[0];
    char kept[VR_KID_MAX + 1];
    char force[8];
    struct outcome *outcome = NULL;
    enum vr_err err = VR_OK;
    bool forced = vr_http_query(request, "force", force, sizeof(force));

    if (forced && strcmp(force, "true") != 0 && strcmp(force, "false") != 0) {
        vr_route_invalid(request, "/force", "force: true or false");
        return;
    }
    if (!vr_auth_kid_valid(kid)) {
        vr_http_answer_problem(request, VR_E_NOT_FOUND, NULL);
        return;
    }
    outcome = outcome_new(request, kid);
    if (outcome == NULL) {
        return;
    }
    forced = forced && strcmp(force, "true") == 0;
    vr_node_admin_kid(request->node, kept);
    err = vr_auth_key_remove(vr_node_auth(request->node), kid, forced ? NULL : kept, on_removed,
                             request);
    if (err == VR_OK) {
        return;
    }
    outcome_free(outcome);
    vr_http_answer_problem(request, err,
                           err == VR_E_CONFLICT
                               ? "it is the last key, or the one in admin-key.json: put another "
                                 "one there first, or use ?force=true"
                               : NULL);
}
