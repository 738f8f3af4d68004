/* routes.c - the table of the REST interface (docs/protocol.md "REST") and what its handlers share.
 */
#include "nodes/routes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/runtime/env.h"
#include "actors/runtime/system.h"
#include "actors/session/session.h"
#include "nodes/auth.h"
#include "nodes/node.h"

#define ASK_TIMEOUT VR_SECONDS(10)

/* clang-format off */
static const struct vr_route table[] = {
    /* method          pattern                                        handler                     who              flags */
    { VR_HTTP_POST,   "/v1/guests",                                   vr_route_guest,             VR_NEEDS_NOTHING, VR_ROUTE_STRICT },
    { VR_HTTP_GET,    "/v1/ice-servers",                              vr_route_ice_servers,       VR_NEEDS_TOKEN,   0 },
    { VR_HTTP_POST,   "/v1/rooms",                                    vr_route_room_create,       VR_NEEDS_TOKEN,   VR_ROUTE_IDEMPOTENT },
    { VR_HTTP_GET,    "/v1/rooms",                                    vr_route_room_list,         VR_NEEDS_VIEWER,  0 },
    { VR_HTTP_GET,    "/v1/rooms/{id}",                               vr_route_room_show,         VR_NEEDS_VIEWER,  0 },
    { VR_HTTP_PATCH,  "/v1/rooms/{id}",                               vr_route_room_update,       VR_NEEDS_TOKEN,   VR_ROUTE_IDEMPOTENT },
    { VR_HTTP_DELETE, "/v1/rooms/{id}",                               vr_route_room_delete,       VR_NEEDS_TOKEN,   VR_ROUTE_IDEMPOTENT },
    { VR_HTTP_POST,   "/v1/rooms/{id}/start",                         vr_route_room_start,        VR_NEEDS_TOKEN,   VR_ROUTE_IDEMPOTENT },
    { VR_HTTP_POST,   "/v1/rooms/{id}/end",                           vr_route_room_end,          VR_NEEDS_TOKEN,   VR_ROUTE_IDEMPOTENT },
    { VR_HTTP_POST,   "/v1/rooms/{id}/join",                          vr_route_join,              VR_NEEDS_NOTHING, 0 },
    { VR_HTTP_GET,    "/v1/rooms/{id}/participants",                  vr_route_participants,      VR_NEEDS_VIEWER,  0 },
    { VR_HTTP_GET,    "/v1/rooms/{id}/participants/{p}",              vr_route_participant_show,  VR_NEEDS_VIEWER,  0 },
    { VR_HTTP_DELETE, "/v1/rooms/{id}/participants/{p}",              vr_route_kick,              VR_NEEDS_TOKEN,   VR_ROUTE_IDEMPOTENT },
    { VR_HTTP_POST,   "/v1/rooms/{id}/participants/{p}/{act}",        vr_route_act,               VR_NEEDS_TOKEN,   VR_ROUTE_IDEMPOTENT },
    { VR_HTTP_POST,   "/v1/rooms/{id}/mute-all",                      vr_route_mute_all,          VR_NEEDS_TOKEN,   VR_ROUTE_IDEMPOTENT },
    { VR_HTTP_GET,    "/v1/rooms/{id}/hands",                         vr_route_hands,             VR_NEEDS_VIEWER,  0 },
    { VR_HTTP_POST,   "/v1/rooms/{id}/hands/{p}",                     vr_route_hand_raise,        VR_NEEDS_TOKEN,   VR_ROUTE_IDEMPOTENT },
    { VR_HTTP_DELETE, "/v1/rooms/{id}/hands/{p}",                     vr_route_hand_lower,        VR_NEEDS_TOKEN,   VR_ROUTE_IDEMPOTENT },
    { VR_HTTP_GET,    "/v1/rooms/{id}/bans",                          vr_route_bans,              VR_NEEDS_TOKEN,   0 },
    { VR_HTTP_POST,   "/v1/rooms/{id}/bans",                          vr_route_ban,               VR_NEEDS_TOKEN,   VR_ROUTE_IDEMPOTENT },
    { VR_HTTP_DELETE, "/v1/rooms/{id}/bans/{ban}",                    vr_route_unban,             VR_NEEDS_TOKEN,   VR_ROUTE_IDEMPOTENT },
    { VR_HTTP_GET,    "/v1/rooms/{id}/analytics",                     vr_route_analytics,         VR_NEEDS_TOKEN,   0 },
    { VR_HTTP_GET,    "/v1/rooms/{id}/audit",                         vr_route_audit,             VR_NEEDS_TOKEN,   0 },
    { VR_HTTP_GET,    "/v1/rooms/{id}/calendar",                      vr_route_room_calendar,     VR_NEEDS_VIEWER,  0 },
    { VR_HTTP_GET,    "/v1/calendar",                                 vr_route_calendar,          VR_NEEDS_VIEWER,  0 },
    { VR_HTTP_PUT,    "/v1/rooms/{id}/reminder",                      vr_route_reminder_set,      VR_NEEDS_TOKEN,   0 },
    { VR_HTTP_DELETE, "/v1/rooms/{id}/reminder",                      vr_route_reminder_remove,   VR_NEEDS_TOKEN,   0 },
    { VR_HTTP_GET,    "/v1/reminders",                                vr_route_reminders,         VR_NEEDS_TOKEN,   0 },
    { VR_HTTP_DELETE, "/v1/rooms/{id}/chat/{message}",                vr_route_chat_delete,       VR_NEEDS_TOKEN,   VR_ROUTE_IDEMPOTENT },
    { VR_HTTP_DELETE, "/v1/sessions/{session}",                       vr_route_session_delete,    VR_NEEDS_TOKEN,   0 },
    { VR_HTTP_POST,   "/v1/sessions/{session}/offer",                 vr_route_session_offer,     VR_NEEDS_TOKEN,   0 },
    { VR_HTTP_POST,   "/v1/tokens/revoke",                            vr_route_revoke,            VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/keys",                                     vr_route_keys,              VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_POST,   "/v1/keys",                                     vr_route_key_add,           VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_DELETE, "/v1/keys/{kid}",                               vr_route_key_remove,        VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/nodes",                                    vr_route_nodes,             VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/nodes/{node}",                             vr_route_node_show,         VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_POST,   "/v1/nodes/{node}/drain",                       vr_route_node_drain,        VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_POST,   "/v1/nodes/{node}/undrain",                     vr_route_node_undrain,      VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/cluster",                                  vr_route_cluster_show,      VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/cluster/placement",                        vr_route_cluster_placement, VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_POST,   "/v1/cluster/adopt",                            vr_route_cluster_adopt,     VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/log-level",                                vr_route_log_level_show,    VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_PUT,    "/v1/log-level",                                vr_route_log_level_set,     VR_NEEDS_ADMIN,   0 },
    { VR_HTTP_GET,    "/v1/openapi.yaml",                             vr_route_openapi_yaml,      VR_NEEDS_NOTHING, 0 },
    { VR_HTTP_GET,    "/v1/asyncapi.yaml",                            vr_route_asyncapi_yaml,     VR_NEEDS_NOTHING, 0 },
    { VR_HTTP_GET,    "/openapi.json",                                vr_route_openapi_json,      VR_NEEDS_NOTHING, 0 },
    { VR_HTTP_GET,    "/healthz",                                     vr_route_healthz,           VR_NEEDS_NOTHING, 0 },
    { VR_HTTP_GET,    "/readyz",                                      vr_route_readyz,            VR_NEEDS_NOTHING, 0 },
    { VR_HTTP_GET,    "/metrics",                                     vr_route_metrics,           VR_NEEDS_LOCAL,   0 },
};
/* clang-format on */

const struct vr_route *vr_routes(size_t *count)
{
    *count = sizeof(table) / sizeof(table[0]);
    return table;
}

bool vr_route_id(struct vr_http_request *request, uint32_t index, struct vr_id *out)
{
    if (index < request->param_count && vr_id_parse(request->param[index], out)) {
        return true;
    }
    vr_http_answer_problem(request, VR_E_NOT_FOUND, NULL);
    return false;
}

bool vr_route_participant(struct vr_http_request *request, uint32_t index, vr_participant_id *out)
{
    const char *text = index < request->param_count ? request->param[index] : "";
    char *end = NULL;
    unsigned long long number = 0;

    errno = 0;
    if (text[0] >= '1' && text[0] <= '9') {
        number = strtoull(text, &end, 10);
    }
    if (end != NULL && *end == '\0' && errno == 0 && number <= UINT32_MAX) {
        *out = (vr_participant_id)number;
        return true;
    }
    vr_http_answer_problem(request, VR_E_NOT_FOUND, NULL);
    return false;
}

struct vr_command *vr_route_command(struct vr_http_request *request, struct vr_id room,
                                    enum vr_command_kind kind)
{
    struct vr_command *command = vr_command_new(kind);
    enum vr_err err = VR_E_NO_MEMORY;

    if (command != NULL) {
        err = vr_http_identity(request, room, &command->by);
    }
    if (err != VR_OK) {
        vr_command_free(command);
        vr_http_answer_problem(request, err,
                               err == VR_E_FORBIDDEN ? "the token is for another room" : NULL);
        return NULL;
    }
    command->id = vr_id_is_zero(request->command_id)
                      ? vr_random_id(vr_system_random(vr_worker_system(request->worker)))
                      : request->command_id;
    snprintf(command->request_id, sizeof(command->request_id), "%s", request->request_id);
    command->trace = request->trace;
    return command;
}

/** A question to a room on behalf of a request. */
struct question {
    struct vr_http_request *request;
    vr_route_done_fn done;
};

static void on_answer(void *ctx, enum vr_err err, struct vr_msg *msg)
{
    struct question question = *(struct question *)ctx;

    free(ctx);
    if (err != VR_OK || msg->kind != VR_MSG_ANSWER) {
        vr_http_answer_problem(question.request, err == VR_OK ? VR_E_INTERNAL : err, NULL);
        return;
    }
    if (msg->as.answer->err != VR_OK) {
        vr_http_answer_refusal(question.request, msg->as.answer);
        return;
    }
    if (msg->as.answer->provisional) {
        vr_http_header(question.request, "voiceroom-provisional", "true");
    }
    question.done(question.request, msg->as.answer);
}

void vr_route_ask(struct vr_http_request *request, struct vr_id room, struct vr_command *command,
                  vr_route_done_fn done)
{
    struct vr_msg msg = {
        .kind = VR_MSG_COMMAND, .to = vr_room_address(room), .as.command = command};
    struct question *question = malloc(sizeof(*question));

    if (question == NULL) {
        vr_command_free(command);
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
        return;
    }
    *question = (struct question){.request = request, .done = done};
    vr_ask(request->worker, &msg, ASK_TIMEOUT, on_answer, question);
}

void vr_route_bad_body(struct vr_http_request *request, enum vr_err err, const struct vr_why *why)
{
    struct vr_http_problem problem = {.err = err,
                                      .detail = why->text[0] == '\0' ? NULL : why->text};
    char pointer[64] = "/";
    size_t name = strspn(why->text, "abcdefghijklmnopqrstuvwxyz_");

    if (err == VR_E_UNPROCESSABLE && name > 0 && name < sizeof(pointer) - 1 &&
        why->text[name] == ':') {
        memcpy(pointer + 1, why->text, name);
        pointer[name + 1] = '\0';
        problem.pointer = pointer;
    }
    vr_http_answer_problem_full(request, &problem);
}

struct vr_command *vr_route_body_command(struct vr_http_request *request, struct vr_id room,
                                         enum vr_command_kind kind)
{
    struct vr_command *who = vr_route_command(request, room, kind);
    struct vr_command *command = NULL;
    struct vr_client_msg msg = {0};
    struct vr_why why = {0};
    enum vr_err err = VR_OK;

    if (who == NULL) {
        return NULL;
    }
    if (request->body.size != 0 && request->content_type[0] != '\0' &&
        strcmp(request->content_type, "application/json") != 0) {
        vr_command_free(who);
        vr_http_answer_problem(request, VR_E_MEDIA_TYPE, "application/json is expected");
        return NULL;
    }
    err = vr_client_body_parse(request->body.size == 0 ? vr_bytes_of("{}") : request->body, kind,
                               &msg, &why);
    if (err != VR_OK) {
        vr_route_bad_body(request, err, &why);
    } else {
        command = msg.command;
        msg.command = NULL;
        command->id = who->id;
        command->by = who->by;
        memcpy(command->request_id, who->request_id, sizeof(command->request_id));
        command->trace = who->trace;
        err = vr_session_screen(vr_node_env(request->node)->session_services, command, &why);
    }
    if (err != VR_OK && command != NULL) {
        vr_route_bad_body(request, err, &why);
        vr_command_free(command);
        command = NULL;
    }
    vr_client_msg_deinit(&msg);
    vr_command_free(who);
    return command;
}

void vr_route_answer_body(struct vr_http_request *request, const struct vr_answer *answer)
{
    vr_http_answer_json(request, 200,
                        answer->body == NULL ? vr_bytes_of("{}") : vr_blob_bytes(answer->body));
}

void vr_route_answer_nothing(struct vr_http_request *request, const struct vr_answer *answer)
{
    (void)answer;
    vr_http_answer_empty(request, 204);
}

void vr_route_etag(struct vr_http_request *request, uint64_t revision)
{
    char etag[32];

    snprintf(etag, sizeof(etag), "\"r%" PRIu64 "\"", revision);
    vr_http_header(request, "etag", etag);
}

bool vr_route_if_match(const struct vr_http_request *request, uint64_t *revision)
{
    const char *text = request->if_match;
    char *end = NULL;

    *revision = 0;
    if (text[0] == '\0' || strcmp(text, "*") == 0) {
        return true;
    }
    if (strncmp(text, "\"r", 2) != 0 || text[2] < '0' || text[2] > '9') {
        return false;
    }
    errno = 0;
    *revision = strtoull(text + 2, &end, 10);
    return errno == 0 && strcmp(end, "\"") == 0 && *revision != 0;
}
