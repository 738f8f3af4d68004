/* routes_admin.c - the table of the routes for who runs the deployment, and what they share. */
#include "nodes/routes_admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/session/session.h"
#include "nodes/chores.h"
#include "nodes/node.h"
#include "nodes/routes_backup.h"
#include "nodes/routes_cluster.h"

/* clang-format off */
static const struct vr_route table[] = {
    /* method          pattern                               handler                           who              flags */
    { VR_HTTP_GET,    "/v1/bans",                            vr_route_deployment_bans,         VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_POST,   "/v1/bans",                            vr_route_deployment_ban_add,      VR_NEEDS_ADMIN,   VR_ROUTE_IDEMPOTENT },
    { VR_HTTP_GET,    "/v1/bans/{ban}",                      vr_route_deployment_ban_show,     VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_DELETE, "/v1/bans/{ban}",                      vr_route_deployment_ban_remove,   VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/filters",                         vr_route_filters,                 VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_POST,   "/v1/filters",                         vr_route_filter_add,              VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_DELETE, "/v1/filters/{filter}",                vr_route_filter_remove,           VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/audit",                           vr_route_deployment_audit,        VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/audit/verify",                    vr_route_deployment_audit_verify, VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/rooms/{id}/audit/verify",         vr_route_room_audit_verify,       VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/rooms/{id}/export",               vr_route_room_export,             VR_NEEDS_TOKEN,   0 },
    { VR_HTTP_POST,   "/v1/rooms/{id}/restore",              vr_route_room_restore,            VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/rooms/{id}/diagnosis",            vr_route_room_diagnosis,          VR_NEEDS_TOKEN,   0 },
    { VR_HTTP_GET,    "/v1/reports",                         vr_route_reports,                 VR_NEEDS_TOKEN,   0 },
    { VR_HTTP_GET,    "/v1/reports/{report}",                vr_route_report_show,             VR_NEEDS_TOKEN,   0 },
    { VR_HTTP_POST,   "/v1/reports/{report}/resolve",        vr_route_report_resolve,          VR_NEEDS_TOKEN,   0 },
    { VR_HTTP_GET,    "/v1/users/{user}",                    vr_route_user_show,               VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/users/{user}/export",             vr_route_user_export,             VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_DELETE, "/v1/users/{user}",                    vr_route_user_erase,              VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/webhooks",                        vr_route_webhooks,                VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_POST,   "/v1/webhooks",                        vr_route_webhook_add,             VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/webhooks/{webhook}",              vr_route_webhook_show,            VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_DELETE, "/v1/webhooks/{webhook}",              vr_route_webhook_remove,          VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_POST,   "/v1/webhooks/{webhook}/test",         vr_route_webhook_test,            VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/webhooks/{webhook}/deliveries",   vr_route_webhook_deliveries,      VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_POST,   "/v1/webhooks/{webhook}/redeliver",    vr_route_webhook_redeliver,       VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/events",                          vr_route_events,                  VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/analytics",                       vr_route_analytics_summary,       VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/cluster/capacity",                vr_route_cluster_capacity,        VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/cluster/rebalance/plan",          vr_route_cluster_plan,            VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/cluster/rebalance",               vr_route_cluster_progress,        VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_POST,   "/v1/cluster/rebalance",               vr_route_cluster_rebalance,       VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/cluster/provisional",             vr_route_cluster_provisional,     VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/config",                          vr_route_config_show,             VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_POST,   "/v1/config/check",                    vr_route_config_check,            VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_POST,   "/v1/node/backup",                     vr_route_backup_make,             VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/node/backup/{backup}",            vr_route_backup_read,             VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_DELETE, "/v1/node/backup/{backup}",            vr_route_backup_drop,             VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_POST,   "/v1/node/reload",                     vr_route_node_reload,             VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_POST,   "/v1/node/upgrade",                    vr_route_node_upgrade,            VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/node/upgrade",                    vr_route_node_upgrades,           VR_NEEDS_ADMIN,   0 },
};
/* clang-format on */

const struct vr_route *vr_admin_routes(size_t *count)
{
    *count = sizeof(table) / sizeof(table[0]);
    return table;
}

/* --- values --- */

json_t *vr_admin_time(vr_time_us wall)
{
    struct vr_buf text = {0};
    json_t *value = NULL;

    if (wall == 0) {
        return json_null();
    }
    vr_json_time(&text, wall);
    if (!text.failed && text.size > 2) { /* between its quotes */
        value = json_stringn((const char *)text.data + 1, text.size - 2);
    }
    vr_buf_deinit(&text);
    return value;
}

json_t *vr_admin_text(const char *text)
{
    return text[0] == 0 ? json_null() : json_string(text);
}

json_t *vr_admin_id(struct vr_id id)
{
    char text[VR_ID_TEXT];

    return json_string(vr_id_format(id, text));
}

void vr_admin_answer(struct vr_http_request *request, int status, json_t *value)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT);

    json_decref(value);
    if (text == NULL) {
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
        return;
    }
    vr_http_answer_json(request, status, vr_bytes_of(text));
    free(text);
}

static void invalid(struct vr_http_request *request, const char *name, const char *what)
{
    char pointer[64];
    char detail[120];

    snprintf(pointer, sizeof(pointer), "/%s", name);
    snprintf(detail, sizeof(detail), "%s: %s", name, what);
    vr_route_invalid(request, pointer, detail);
}

bool vr_admin_member(struct vr_http_request *request, const json_t *body, const char *name,
                     size_t min, size_t max, const char **out)
{
    const json_t *value = json_object_get(body, name);
    const char *text = json_string_value(value);
    size_t size = text == NULL ? 0 : strlen(text);
    bool fine = size >= min && size <= max;
    char what[80];

    *out = text;
    if (value == NULL || json_is_null(value)) {
        *out = NULL;
        fine = min == 0;
    } else if (text == NULL || json_string_length(value) != size) {
        fine = false;
    }
    for (size_t i = 0; fine && i < size; i++) {
        fine = (unsigned char)text[i] >= 0x20 && text[i] != 0x7f;
    }
    if (!fine) {
        snprintf(what, sizeof(what), "%zu to %zu bytes of text", min, max);
        invalid(request, name, what);
    }
    return fine;
}

bool vr_admin_seconds(struct vr_http_request *request, const json_t *body, const char *name,
                      uint32_t *out)
{
    const json_t *value = json_object_get(body, name);

    *out = 0;
    if (value == NULL || json_is_null(value)) {
        return true;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > 10 * 366 * 86400LL) {
        invalid(request, name, "whole seconds, at most ten years");
        return false;
    }
    *out = (uint32_t)json_integer_value(value);
    return true;
}

void vr_admin_audit(const struct vr_http_request *request, struct vr_audit *audit, const char *act)
{
    audit->act = act;
    memcpy(audit->by_user, request->grants.user, sizeof(audit->by_user));
    memcpy(audit->by_name, request->grants.name, sizeof(audit->by_name));
    memcpy(audit->request_id, request->request_id, sizeof(audit->request_id));
}

/* --- changes --- */

struct pending {
    enum vr_err err;
    int status;
    json_t *value;
    char location[128];
};

static void pending_free(struct pending *pending)
{
    json_decref(pending->value);
    free(pending);
}

static void answer_pending(struct vr_http_request *request)
{
    struct pending *pending = request->state;
    json_t *value = pending->value;

    if (pending->err != VR_OK) {
        vr_http_answer_problem(request, pending->err == VR_E_STALE ? VR_E_BUSY : pending->err,
                               NULL);
        pending_free(pending);
        return;
    }
    vr_session_review(request->worker);
    if (pending->location[0] != 0) {
        vr_http_header(request, "location", pending->location);
    }
    pending->value = NULL;
    if (value == NULL) {
        vr_http_answer_empty(request, pending->status);
    } else {
        vr_admin_answer(request, pending->status, value);
    }
    pending_free(pending);
}

/* On the journal's thread, or before the return. */
static void on_changed(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    struct vr_http_request *request = ctx;

    (void)ticket;
    (void)revision;
    ((struct pending *)request->state)->err = err;
    vr_http_resume(request, answer_pending);
}

void vr_admin_change(struct vr_http_request *request, struct vr_admin_change *change)
{
    struct pending *pending = calloc(1, sizeof(*pending));

    if (pending == NULL || change->change.commit == NULL) {
        free(pending);
        json_decref(change->value);
        vr_commit_free(change->change.commit);
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
        return;
    }
    pending->status = change->status;
    pending->value = change->value;
    snprintf(pending->location, sizeof(pending->location), "%s",
             change->location == NULL ? "" : change->location);
    request->state = pending;
    vr_deployment_change(vr_node_deployment(request->node), &change->change, on_changed, request);
}

/* --- long work --- */

struct chore {
    struct vr_http_request *request;
    void (*job)(struct vr_http_request *request);
    vr_handler_fn done;
};

static void run_chore(void *ctx)
{
    struct chore chore = *(struct chore *)ctx;

    free(ctx);
    chore.job(chore.request);
    vr_http_resume(chore.request, chore.done);
}

void vr_admin_chore(struct vr_http_request *request, void (*job)(struct vr_http_request *request),
                    vr_handler_fn done)
{
    struct chore *chore = malloc(sizeof(*chore));

    if (chore != NULL) {
        *chore = (struct chore){request, job, done};
    }
    if (chore == NULL || !vr_chores_do(vr_node_chores(request->node), run_chore, chore)) {
        free(chore);
        free(request->state);
        vr_http_answer_problem(request, VR_E_BUSY, NULL);
    }
}
