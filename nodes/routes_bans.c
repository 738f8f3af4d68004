/* routes_bans.c - bans of the whole deployment over REST. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nodes/node.h"
#include "nodes/routes_admin.h"

static json_t *ban_json(const struct vr_deployment_ban *ban)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", vr_admin_id(ban->id), "user",
                     vr_admin_text(ban->user), "range", vr_admin_text(ban->range), "reason",
                     vr_admin_text(ban->reason), "by", vr_admin_text(ban->by), "at",
                     vr_admin_time(ban->at), "until", vr_admin_time(ban->until));
}

struct listing {
    struct vr_deployment *deployment;
    struct vr_id only; /* zero: all */
    json_t *found;
};

static bool list_ban(void *ctx, const struct vr_deployment_row *row)
{
    struct listing *listing = ctx;
    struct vr_deployment_ban ban;
    struct vr_buf keep = {0};
    vr_time_us now = vr_deployment_wall(listing->deployment);

    if ((vr_id_is_zero(listing->only) || vr_id_equal(listing->only, row->id)) &&
        vr_deployment_ban_read(listing->deployment, row, &ban, &keep) &&
        (ban.until == 0 || ban.until > now)) {
        json_array_append_new(listing->found, ban_json(&ban));
    }
    vr_buf_deinit(&keep);
    return true;
}

/** Bans in force; NULL: the request was answered. */
static json_t *bans_find(struct vr_http_request *request, struct vr_id only)
{
    struct listing listing = {vr_node_deployment(request->node), only, json_array()};
    enum vr_err err =
        vr_deployment_scan(vr_node_records(request->node), VR_DEPLOYMENT_BAN, list_ban, &listing);

    if (err != VR_OK || listing.found == NULL) {
        json_decref(listing.found);
        vr_http_answer_problem(request, err == VR_OK ? VR_E_NO_MEMORY : err, NULL);
        return NULL;
    }
    return listing.found;
}

void vr_route_deployment_bans(struct vr_http_request *request)
{
    json_t *bans = bans_find(request, (struct vr_id){0, 0});

    if (bans != NULL) {
        vr_admin_answer(request, 200, json_pack("{s:o}", "bans", bans));
    }
}

void vr_route_deployment_ban_show(struct vr_http_request *request)
{
    struct vr_id id;
    json_t *bans = NULL;

    if (!vr_route_id(request, 0, &id)) {
        return;
    }
    bans = bans_find(request, id);
    if (bans != NULL && json_array_size(bans) == 0) {
        vr_http_answer_problem(request, VR_E_NOT_FOUND, NULL);
    } else if (bans != NULL) {
        vr_admin_answer(request, 200, json_incref(json_array_get(bans, 0)));
    }
    json_decref(bans);
}

/** What the body asks for. False: the request was answered. */
static bool read_ban(struct vr_http_request *request, const json_t *body,
                     struct vr_deployment_ban *out)
{
    const char *texts[3] = {NULL, NULL, NULL};
    struct vr_net_range range;
    uint32_t duration = 0;

    if (!vr_admin_member(request, body, "user", 0, VR_USER_MAX, &texts[0]) ||
        !vr_admin_member(request, body, "range", 0, 64, &texts[1]) ||
        !vr_admin_member(request, body, "reason", 0, 256, &texts[2]) ||
        !vr_admin_seconds(request, body, "duration_s", &duration)) {
        return false;
    }
    for (int i = 0; i < 3; i++) {
        texts[i] = texts[i] == NULL ? "" : texts[i];
    }
    if (texts[0][0] == 0 && texts[1][0] == 0) {
        vr_route_invalid(request, "/user", "user: say whom, by user, by range, or by both");
        return false;
    }
    if (texts[1][0] != 0 && !vr_net_range_parse(texts[1], &range)) {
        vr_route_invalid(request, "/range",
                         "range: an address, or a range of them like 192.0.2.0/24");
        return false;
    }
    if (texts[1][0] != 0 && range.bits < 104 && !(range.bits < 96 && range.bits >= 16)) {
        vr_route_invalid(request, "/range",
                         "range: wider than /8 (IPv6: /16) is not meant, surely");
        return false;
    }
    *out = (struct vr_deployment_ban){.user = texts[0], .range = texts[1], .reason = texts[2]};
    out->at = vr_deployment_wall(vr_node_deployment(request->node));
    out->until = duration == 0 ? 0 : out->at + VR_SECONDS(duration);
    return true;
}

static void ban_add(struct vr_http_request *request, struct vr_deployment_ban *ban)
{
    struct vr_deployment *deployment = vr_node_deployment(request->node);
    struct vr_admin_change change = {.status = 201, .change.commit = vr_deployment_commit()};
    struct vr_buf body = {0};
    char location[64];
    char id[VR_ID_TEXT];
    enum vr_err err = VR_E_NO_MEMORY;

    ban->id = vr_deployment_id_make(deployment);
    ban->by = request->grants.name;
    if (change.change.commit != NULL) {
        err = vr_deployment_ban_body(deployment, ban, request->grants.user, change.change.commit,
                                     &body);
    }
    if (err != VR_OK) {
        vr_commit_free(change.change.commit);
        vr_http_answer_problem(request, err, NULL);
    } else {
        change.change.row = (struct vr_deployment_row){
            .kind = VR_DEPLOYMENT_BAN, .id = ban->id, .body = vr_buf_bytes(&body)};
        vr_admin_audit(request, &change.change.audit, "deployment:ban");
        snprintf(change.change.audit.target_user, sizeof(change.change.audit.target_user), "%s",
                 ban->user);
        snprintf(change.change.audit.target_name, sizeof(change.change.audit.target_name), "%.64s",
                 ban->user);
        snprintf(change.change.audit.reason, sizeof(change.change.audit.reason), "%s", ban->reason);
        snprintf(location, sizeof(location), "/v1/bans/%s", vr_id_format(ban->id, id));
        change.location = location;
        change.value = ban_json(ban);
        vr_admin_change(request, &change);
    }
    vr_buf_deinit(&body);
}

void vr_route_deployment_ban_add(struct vr_http_request *request)
{
    json_t *body = vr_route_object(request);
    struct vr_deployment_ban ban;

    if (body != NULL && read_ban(request, body, &ban)) {
        if (vr_deployment_ban_count(vr_node_deployment(request->node)) >= VR_DEPLOYMENT_BANS_MAX) {
            vr_http_answer_problem(request, VR_E_CONFLICT, "there are too many bans");
        } else {
            ban_add(request, &ban);
        }
    }
    json_decref(body);
}

void vr_route_deployment_ban_remove(struct vr_http_request *request)
{
    struct vr_admin_change change = {.status = 204};
    struct vr_id id;
    json_t *bans = NULL;
    const char *user = NULL;

    if (!vr_route_id(request, 0, &id)) {
        return;
    }
    bans = bans_find(request, id);
    if (bans == NULL) {
        return;
    }
    if (json_array_size(bans) == 0) {
        vr_http_answer_problem(request, VR_E_NOT_FOUND, NULL);
    } else {
        user = json_string_value(json_object_get(json_array_get(bans, 0), "user"));
        change.change.row =
            (struct vr_deployment_row){.kind = VR_DEPLOYMENT_BAN, .id = id, .gone = true};
        change.change.commit = vr_deployment_commit();
        vr_admin_audit(request, &change.change.audit, "deployment:unban");
        snprintf(change.change.audit.target_user, sizeof(change.change.audit.target_user), "%s",
                 user == NULL ? "" : user);
        snprintf(change.change.audit.target_name, sizeof(change.change.audit.target_name), "%.64s",
                 user == NULL ? "" : user);
        vr_admin_change(request, &change);
    }
    json_decref(bans);
}
