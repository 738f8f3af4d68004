/* routes_admin.h - what the routes for administrators share: answers made of JSON values, a change
 * of the deployment that is answered when it has landed, long work on a thread of its own. */
#ifndef VR_NODES_ROUTES_ADMIN_H
#define VR_NODES_ROUTES_ADMIN_H

#include "nodes/deployment.h"
#include "nodes/routes.h"

/** A time as JSON; null for 0. */
json_t *vr_admin_time(vr_time_us wall);
/** Text that may be of strangers; null for "". */
json_t *vr_admin_text(const char *text);
json_t *vr_admin_id(struct vr_id id);
/** Answer with `value`, which it takes; NULL is an answer of its own: memory is out. */
void vr_admin_answer(struct vr_http_request *request, int status, json_t *value);

/** A member as text of `min` to `max` bytes without control characters. False: answered 422. `out`
 * NULL stays so when it is absent and min is 0. */
bool vr_admin_member(struct vr_http_request *request, const json_t *body, const char *name,
                     size_t min, size_t max, const char **out);
/** A whole number of seconds, 0 when absent. False: answered 422. */
bool vr_admin_seconds(struct vr_http_request *request, const json_t *body, const char *name,
                      uint32_t *out);

/** Who asks, for the audit log. */
void vr_admin_audit(const struct vr_http_request *request, struct vr_audit *audit, const char *act);

/** Write `change` and answer when it has landed: `status`, with `value` (taken; NULL: without a
 * body). `location` may be NULL. Sessions are looked at before the answer, so that a ban has closed
 * what it ends. */
struct vr_admin_change {
    struct vr_deployment_change change;
    int status;
    json_t *value;
    const char *location;
};
void vr_admin_change(struct vr_http_request *request, struct vr_admin_change *change);

/** Run `job` on the chores' thread, which may only touch request->node's thread-safe parts and
 * request->state, then `done` on the request's own worker. */
void vr_admin_chore(struct vr_http_request *request, void (*job)(struct vr_http_request *request),
                    vr_handler_fn done);

/* routes_bans.c */
void vr_route_deployment_bans(struct vr_http_request *request);
void vr_route_deployment_ban_show(struct vr_http_request *request);
void vr_route_deployment_ban_add(struct vr_http_request *request);
void vr_route_deployment_ban_remove(struct vr_http_request *request);

/* routes_filters.c */
void vr_route_filters(struct vr_http_request *request);
void vr_route_filter_add(struct vr_http_request *request);
void vr_route_filter_remove(struct vr_http_request *request);

/* routes_audit.c */
void vr_route_deployment_audit(struct vr_http_request *request);
void vr_route_deployment_audit_verify(struct vr_http_request *request);
void vr_route_room_audit_verify(struct vr_http_request *request);

/* routes_reports.c */
void vr_route_reports(struct vr_http_request *request);
void vr_route_report_show(struct vr_http_request *request);
void vr_route_report_resolve(struct vr_http_request *request);

/* routes_users.c */
void vr_route_user_show(struct vr_http_request *request);
void vr_route_user_export(struct vr_http_request *request);
void vr_route_user_erase(struct vr_http_request *request);

/* routes_webhooks.c */
void vr_route_webhooks(struct vr_http_request *request);
void vr_route_webhook_show(struct vr_http_request *request);
void vr_route_webhook_add(struct vr_http_request *request);
void vr_route_webhook_remove(struct vr_http_request *request);
void vr_route_webhook_test(struct vr_http_request *request);
void vr_route_webhook_deliveries(struct vr_http_request *request);
void vr_route_webhook_redeliver(struct vr_http_request *request);
void vr_route_events(struct vr_http_request *request);

/* routes_restore.c */
void vr_route_room_restore(struct vr_http_request *request);

/* routes_export.c */
void vr_route_room_export(struct vr_http_request *request);

/* routes_diagnosis.c */
void vr_route_room_diagnosis(struct vr_http_request *request);

/* routes_config.c */
void vr_route_config_show(struct vr_http_request *request);
void vr_route_config_check(struct vr_http_request *request);
void vr_route_node_reload(struct vr_http_request *request);
void vr_route_node_upgrade(struct vr_http_request *request);
void vr_route_node_upgrades(struct vr_http_request *request);
void vr_route_analytics_summary(struct vr_http_request *request);

#endif
