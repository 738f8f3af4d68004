/* routes_rooms.c - one room over REST: made, shown, changed, begun, ended, forgotten; what is kept
 * of it. */
#include <stdio.h>
#include <string.h>

#include "actors/runtime/system.h"
#include "nodes/metrics.h"
#include "nodes/node.h"
#include "nodes/quality.h"
#include "nodes/routes.h"

static void ask_plain(struct vr_http_request *request, enum vr_command_kind kind,
                      vr_route_done_fn done)
{
    struct vr_id room;
    struct vr_command *command = NULL;

    if (!vr_route_id(request, 0, &room)) {
        return;
    }
    command = vr_route_command(request, room, kind);
    if (command != NULL) {
        vr_route_ask(request, room, command, done);
    }
}

static void ask_show(struct vr_http_request *request, enum vr_show want, vr_route_done_fn done)
{
    struct vr_id room;
    struct vr_command *command = NULL;

    if (!vr_route_id(request, 0, &room)) {
        return;
    }
    command = vr_route_command(request, room, VR_CMD_SHOW);
    if (command != NULL) {
        command->want = want;
        vr_route_ask(request, room, command, done);
    }
}

static void answer_room_object(struct vr_http_request *request, const struct vr_answer *answer)
{
    vr_route_etag(request, answer->revision);
    vr_route_answer_body(request, answer);
}

static void answer_created(struct vr_http_request *request, const struct vr_answer *answer)
{
    static const char head[] = "{\"id\":\"";
    const char *body = vr_blob_text(answer->body);
    char location[64];

    if (strncmp(body, head, sizeof(head) - 1) == 0) {
        snprintf(location, sizeof(location), "/v1/rooms/%.26s", body + sizeof(head) - 1);
        vr_http_header(request, "location", location);
    }
    vr_route_etag(request, answer->revision);
    vr_http_answer_json(request, 201, vr_blob_bytes(answer->body));
}

void vr_route_room_create(struct vr_http_request *request)
{
    struct vr_id room = vr_random_id(vr_system_random(vr_worker_system(request->worker)));
    struct vr_command *command = NULL;

    if (!request->grants.room_create && !request->grants.admin) {
        vr_http_answer_problem(request, VR_E_FORBIDDEN, "the token does not allow to create rooms");
        return;
    }
    command = vr_route_body_command(request, room, VR_CMD_CREATE);
    if (command != NULL) {
        vr_route_ask(request, room, command, answer_created);
    }
}

void vr_route_room_show(struct vr_http_request *request)
{
    ask_show(request, VR_SHOW_STATE, answer_room_object);
}

void vr_route_room_update(struct vr_http_request *request)
{
    struct vr_id room;
    struct vr_command *command = NULL;
    uint64_t revision = 0;

    if (!vr_route_id(request, 0, &room)) {
        return;
    }
    if (!vr_route_if_match(request, &revision)) {
        vr_http_answer_problem(request, VR_E_STALE, "If-Match names no revision of this room");
        return;
    }
    command = vr_route_body_command(request, room, VR_CMD_UPDATE);
    if (command == NULL) {
        return;
    }
    if (revision != 0) {
        command->version = revision;
    }
    vr_route_ask(request, room, command, answer_room_object);
}

void vr_route_room_start(struct vr_http_request *request)
{
    ask_plain(request, VR_CMD_START, answer_room_object);
}

void vr_route_room_end(struct vr_http_request *request)
{
    struct vr_id room;
    struct vr_command *command = NULL;

    if (!vr_route_id(request, 0, &room)) {
        return;
    }
    command = vr_route_body_command(request, room, VR_CMD_END);
    if (command != NULL) {
        vr_route_ask(request, room, command, answer_room_object);
    }
}

void vr_route_room_delete(struct vr_http_request *request)
{
    ask_plain(request, VR_CMD_DELETE, vr_route_answer_nothing);
}

/** The room's own figures, and beside them what clients measured (nodes/quality.h). */
static void answer_analytics(struct vr_http_request *request, const struct vr_answer *answer)
{
    struct vr_bytes body = vr_blob_bytes(answer->body);
    struct vr_buf out = {0};
    struct vr_id room;

    if (body.size < 2 || !vr_id_parse(request->param[0], &room)) {
        vr_route_answer_body(request, answer);
        return;
    }
    vr_buf_append(&out, body.data, body.size - 1); /* all but the last brace */
    vr_buf_text(&out, ",\"quality\":");
    vr_quality_room_write(vr_metrics_quality(vr_node_metrics(request->node)), room, &out);
    vr_buf_text(&out, "}");
    vr_route_answer_buf(request, 200, &out);
}

void vr_route_analytics(struct vr_http_request *request)
{
    ask_show(request, VR_SHOW_ANALYTICS, answer_analytics);
}

void vr_route_audit(struct vr_http_request *request)
{
    ask_show(request, VR_SHOW_AUDIT, vr_route_answer_body);
}

void vr_route_chat_delete(struct vr_http_request *request)
{
    struct vr_id room;
    struct vr_id message;
    struct vr_command *command = NULL;

    if (!vr_route_id(request, 0, &room) || !vr_route_id(request, 1, &message)) {
        return;
    }
    command = vr_route_command(request, room, VR_CMD_CHAT_DELETE);
    if (command != NULL) {
        command->message = message;
        vr_route_ask(request, room, command, vr_route_answer_nothing);
    }
}
