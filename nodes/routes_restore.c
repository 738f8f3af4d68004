/* routes_restore.c - one deleted room comes back from a backup: its rows come in pieces, which go
 * to the room's owner, wherever that is; the last one answers with the room. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/wire/base64url.h"
#include "nodes/node.h"
#include "nodes/routes_admin.h"

/* 202: more is expected. */
static void piece_taken(struct vr_http_request *request, const struct vr_answer *answer)
{
    char place[64];

    if (answer->body == NULL) {
        vr_http_answer_json(request, 202, vr_bytes_of("{}"));
        return;
    }
    snprintf(place, sizeof(place), "/v1/rooms/%.26s", request->param[0]);
    vr_http_header(request, "location", place);
    vr_route_etag(request, answer->revision);
    vr_http_answer_json(request, 201, vr_blob_bytes(answer->body));
}

/* False: answered. */
static bool read_rows(struct vr_http_request *request, const char *text, struct vr_command *command)
{
    size_t capacity = strlen(text) + 1;
    uint8_t *bytes = malloc(capacity);
    size_t size = 0;
    bool fine =
        bytes != NULL && vr_base64url_read(vr_bytes_of(text), bytes, capacity, &size) && size > 0;

    if (fine) {
        command->text = vr_blob_new(vr_bytes(bytes, size));
    } else {
        vr_route_invalid(request, "/rows", "rows: base64url without padding, not empty");
    }
    free(bytes);
    if (fine && command->text == NULL) {
        vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
        return false;
    }
    return fine;
}

static bool read_piece(struct vr_http_request *request, const json_t *body,
                       struct vr_command *command)
{
    const char *id = json_string_value(json_object_get(body, "restore"));
    const char *rows = json_string_value(json_object_get(body, "rows"));
    const json_t *piece = json_object_get(body, "piece");
    const json_t *last = json_object_get(body, "last");

    if (id == NULL || !vr_id_parse(id, &command->message) || vr_id_is_zero(command->message)) {
        vr_route_invalid(request, "/restore", "restore: an id, the same for all pieces of one");
        return false;
    }
    if (!json_is_integer(piece) || json_integer_value(piece) < 0 ||
        json_integer_value(piece) > INT32_MAX) {
        vr_route_invalid(request, "/piece", "piece: a number, from 0");
        return false;
    }
    if (last != NULL && !json_is_boolean(last)) {
        vr_route_invalid(request, "/last", "last: true or false");
        return false;
    }
    if (rows == NULL) {
        vr_route_invalid(request, "/rows", "rows: base64url without padding, not empty");
        return false;
    }
    command->after = (vr_participant_id)json_integer_value(piece);
    command->flag = json_is_true(last);
    return read_rows(request, rows, command);
}

void vr_route_room_restore(struct vr_http_request *request)
{
    struct vr_command *command = NULL;
    struct vr_id room;
    json_t *body;
    bool fine;

    if (!vr_route_id(request, 0, &room)) {
        return;
    }
    body = vr_route_object(request);
    if (body == NULL) {
        return;
    }
    command = vr_route_command(request, room, VR_CMD_RESTORE);
    fine = command != NULL && read_piece(request, body, command);
    json_decref(body);
    if (fine) {
        vr_route_ask(request, room, command, piece_taken);
    } else {
        vr_command_free(command);
    }
}
