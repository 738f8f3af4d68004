/* routes_webhooks.c - webhooks and what became of their deliveries; and the events as they pass. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/runtime/system.h"
#include "nodes/config.h"
#include "nodes/node.h"
#include "nodes/routes_admin.h"
#include "nodes/sender.h"
#include "nodes/webhook.h"

#define FOLLOW_FOR VR_SECONDS(60)

static json_t *webhook_json(const struct vr_webhook *webhook)
{
    json_t *types = json_array();

    for (uint32_t i = 0; i < webhook->type_count; i++) {
        json_array_append_new(types, json_string(webhook->types[i]));
    }
    return json_pack("{s:o, s:s, s:o, s:o, s:b, s:o, s:o}", "id", vr_admin_id(webhook->id), "url",
                     webhook->url, "types", types, "description",
                     vr_admin_text(webhook->description), "disabled", webhook->disabled ? 1 : 0,
                     "disabled_why", vr_admin_text(webhook->disabled_why), "at",
                     vr_admin_time(webhook->at));
}

void vr_route_webhooks(struct vr_http_request *request)
{
    struct vr_webhook *webhooks = calloc(VR_WEBHOOKS_MAX, sizeof(*webhooks));
    json_t *list = json_array();
    uint32_t count =
        webhooks == NULL ? 0 : vr_deployment_webhooks(vr_node_deployment(request->node), webhooks);

    for (uint32_t i = 0; i < count; i++) {
        json_array_append_new(list, webhook_json(&webhooks[i]));
    }
    if (webhooks != NULL) {
        explicit_bzero(webhooks, VR_WEBHOOKS_MAX * sizeof(*webhooks));
    }
    free(webhooks);
    vr_admin_answer(request, 200, json_pack("{s:o}", "webhooks", list));
}

/** False: the request was answered. */
static bool find(struct vr_http_request *request, struct vr_webhook *out)
{
    struct vr_id id;

    if (!vr_route_id(request, 0, &id)) {
        return false;
    }
    if (!vr_deployment_webhook(vr_node_deployment(request->node), id, out)) {
        vr_http_answer_problem(request, VR_E_NOT_FOUND, NULL);
        return false;
    }
    return true;
}

void vr_route_webhook_show(struct vr_http_request *request)
{
    struct vr_webhook webhook;

    if (find(request, &webhook)) {
        vr_admin_answer(request, 200, webhook_json(&webhook));
        explicit_bzero(&webhook, sizeof(webhook));
    }
}

/** A URL that names a forbidden address is refused at once; a name is judged when it is connected
 * to. */
static bool url_allowed(struct vr_http_request *request, const char *url)
{
    const struct vr_config_list *allow = &vr_node_config(request->node)->webhook_allow;
    struct vr_net_range ranges[VR_CONFIG_LIST_MAX];
    struct vr_net_address address;
    bool clear = strncasecmp(url, "http://", 7) == 0;
    size_t count = 0;

    for (uint32_t i = 0; i < allow->count; i++) {
        count += vr_net_range_parse(allow->item[i], &ranges[count]) ? 1 : 0;
    }
    if (clear && count == 0) {
        vr_route_invalid(request, "/url",
                         "url: https:// is needed (http:// only into ranges of webhook_allow)");
        return false;
    }
    if (vr_webhook_url_address(url, &address) &&
        !vr_webhook_may_reach(&address, clear, ranges, count)) {
        vr_route_invalid(request, "/url",
                         "url: this address may not be reached: see webhook_allow");
        return false;
    }
    return true;
}

static bool read_types(struct vr_http_request *request, const json_t *body, struct vr_webhook *out)
{
    const json_t *types = json_object_get(body, "types");
    size_t i = 0;
    json_t *type = NULL;

    if (types == NULL || json_is_null(types)) {
        return true;
    }
    if (!json_is_array(types) || json_array_size(types) > VR_WEBHOOK_TYPES_MAX) {
        vr_route_invalid(request, "/types", "types: a list of at most 16");
        return false;
    }
    json_array_foreach(types, i, type)
    {
        const char *text = json_string_value(type);

        if (text == NULL || !vr_webhook_type_valid(text)) {
            vr_route_invalid(request, "/types", "types: each like room.participant_joined");
            return false;
        }
        snprintf(out->types[out->type_count++], sizeof(out->types[0]), "%s", text);
    }
    return true;
}

/** False: the request was answered. */
static bool read_webhook(struct vr_http_request *request, const json_t *body,
                         struct vr_webhook *out)
{
    const char *url = NULL;
    const char *description = NULL;
    struct vr_why why = {0};

    if (!vr_admin_member(request, body, "url", 1, VR_WEBHOOK_URL_MAX, &url) ||
        !vr_admin_member(request, body, "description", 0, 128, &description) ||
        !read_types(request, body, out)) {
        return false;
    }
    if (!vr_webhook_url_valid(url, &why)) {
        vr_route_invalid(request, "/url", why.text);
        return false;
    }
    snprintf(out->url, sizeof(out->url), "%s", url);
    snprintf(out->description, sizeof(out->description), "%s",
             description == NULL ? "" : description);
    return url_allowed(request, url);
}

static void webhook_add(struct vr_http_request *request, struct vr_webhook *webhook)
{
    struct vr_deployment *deployment = vr_node_deployment(request->node);
    const struct vr_random *random = vr_random_system();
    struct vr_admin_change change = {.status = 201, .change.commit = vr_deployment_commit()};
    char secret[VR_WEBHOOK_SECRET_TEXT];
    struct vr_buf body = {0};
    char location[64];
    char id[VR_ID_TEXT];

    webhook->id = vr_deployment_id_make(deployment);
    webhook->at = vr_deployment_wall(deployment);
    random->fill(random->ctx, webhook->secret, sizeof(webhook->secret));
    if (change.change.commit == NULL ||
        vr_deployment_webhook_body(deployment, webhook, change.change.commit, &body) != VR_OK) {
        vr_commit_free(change.change.commit);
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
    } else {
        change.change.row = (struct vr_deployment_row){
            .kind = VR_DEPLOYMENT_WEBHOOK, .id = webhook->id, .body = vr_buf_bytes(&body)};
        vr_admin_audit(request, &change.change.audit, "webhook:add");
        snprintf(change.change.audit.reason, sizeof(change.change.audit.reason), "%s",
                 vr_id_format(webhook->id, id));
        snprintf(location, sizeof(location), "/v1/webhooks/%s", id);
        change.location = location;
        change.value = webhook_json(webhook);
        vr_webhook_secret_text(webhook->secret, secret);
        json_object_set_new(change.value, "secret", json_string(secret));
        vr_http_header(request, "cache-control", "no-store");
        vr_admin_change(request, &change);
    }
    explicit_bzero(secret, sizeof(secret));
    vr_buf_deinit(&body);
}

static uint32_t webhook_count(struct vr_http_request *request)
{
    struct vr_webhook *all = calloc(VR_WEBHOOKS_MAX, sizeof(*all));
    uint32_t count = VR_WEBHOOKS_MAX;

    if (all != NULL) {
        count = vr_deployment_webhooks(vr_node_deployment(request->node), all);
        explicit_bzero(all, VR_WEBHOOKS_MAX * sizeof(*all));
    }
    free(all);
    return count;
}

void vr_route_webhook_add(struct vr_http_request *request)
{
    json_t *body = vr_route_object(request);
    struct vr_webhook webhook = {.type_count = 0};

    if (body != NULL && read_webhook(request, body, &webhook)) {
        if (webhook_count(request) >= VR_WEBHOOKS_MAX) {
            vr_http_answer_problem(request, VR_E_CONFLICT, "there are 32 webhooks");
        } else {
            webhook_add(request, &webhook);
        }
    }
    explicit_bzero(&webhook, sizeof(webhook));
    json_decref(body);
}

void vr_route_webhook_remove(struct vr_http_request *request)
{
    struct vr_admin_change change = {.status = 204};
    struct vr_webhook webhook;
    char id[VR_ID_TEXT];

    if (!find(request, &webhook)) {
        return;
    }
    change.change.commit = vr_deployment_commit();
    if (change.change.commit != NULL) {
        vr_sender_forget(vr_node_sender(request->node), webhook.id, change.change.commit);
    }
    change.change.row =
        (struct vr_deployment_row){.kind = VR_DEPLOYMENT_WEBHOOK, .id = webhook.id, .gone = true};
    vr_admin_audit(request, &change.change.audit, "webhook:remove");
    snprintf(change.change.audit.reason, sizeof(change.change.audit.reason), "%s",
             vr_id_format(webhook.id, id));
    explicit_bzero(&webhook, sizeof(webhook));
    vr_admin_change(request, &change);
}

/* --- deliveries: the sender waits for commits, so off the loop --- */

struct job {
    struct vr_id webhook;
    char id[32];
    enum vr_err err;
    uint32_t count;
    json_t *found;
};

/** NULL: the request was answered. */
static struct job *job_new(struct vr_http_request *request)
{
    struct vr_webhook webhook;
    struct job *job = NULL;

    if (!find(request, &webhook)) {
        return NULL;
    }
    job = calloc(1, sizeof(*job));
    if (job == NULL) {
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
        return NULL;
    }
    job->webhook = webhook.id;
    explicit_bzero(&webhook, sizeof(webhook));
    request->state = job;
    return job;
}

static void do_test(struct vr_http_request *request)
{
    struct job *job = request->state;

    job->err = vr_sender_test(vr_node_sender(request->node), job->webhook, job->id);
}

static void done_test(struct vr_http_request *request)
{
    struct job *job = request->state;

    if (job->err != VR_OK) {
        vr_http_answer_problem(request, job->err, NULL);
    } else {
        vr_admin_answer(request, 202, json_pack("{s:s}", "id", job->id));
    }
    free(job);
}

void vr_route_webhook_test(struct vr_http_request *request)
{
    if (job_new(request) != NULL) {
        vr_admin_chore(request, do_test, done_test);
    }
}

static void do_list(struct vr_http_request *request)
{
    struct job *job = request->state;

    job->found = vr_sender_deliveries(vr_node_sender(request->node), job->webhook);
}

static void done_list(struct vr_http_request *request)
{
    struct job *job = request->state;

    vr_admin_answer(request, 200, job->found);
    free(job);
}

void vr_route_webhook_deliveries(struct vr_http_request *request)
{
    if (job_new(request) != NULL) {
        vr_admin_chore(request, do_list, done_list);
    }
}

static void do_redeliver(struct vr_http_request *request)
{
    struct job *job = request->state;

    job->count = vr_sender_redeliver(vr_node_sender(request->node), job->webhook, job->id);
}

static void done_redeliver(struct vr_http_request *request)
{
    struct job *job = request->state;

    vr_admin_answer(request, 200, json_pack("{s:I}", "redelivered", (json_int_t)job->count));
    free(job);
}

void vr_route_webhook_redeliver(struct vr_http_request *request)
{
    struct job *job = job_new(request);
    json_t *body = NULL;
    const char *id = NULL;

    if (job == NULL) {
        return;
    }
    body = request->body.size == 0 ? json_object() : vr_route_object(request);
    if (body == NULL || !vr_admin_member(request, body, "id", 0, sizeof(job->id) - 1, &id)) {
        json_decref(body);
        free(job);
        return;
    }
    snprintf(job->id, sizeof(job->id), "%s", id == NULL ? "" : id);
    json_decref(body);
    vr_admin_chore(request, do_redeliver, done_redeliver);
}

/* --- events as they pass --- */

void vr_route_events(struct vr_http_request *request)
{
    const struct vr_clock *clock = vr_clock_system();
    char text[24] = "";
    char *end = NULL;
    uint64_t after = UINT64_MAX; /* from now on */

    if (vr_http_query(request, "after", text, sizeof(text)) && text[0] != 0) {
        errno = 0;
        after = strtoull(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end != 0 || errno != 0) {
            vr_route_invalid(request, "/after", "after: the number of an event");
            return;
        }
    }
    vr_deployment_follow(vr_node_deployment(request->node), clock->now(clock->ctx) + FOLLOW_FOR);
    vr_admin_answer(request, 200, vr_sender_events(vr_node_sender(request->node), after, 200));
}
