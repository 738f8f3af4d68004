/* routes_export.c - all that is kept of a room in one document: the room is asked for each part in
 * turn, so that its own rules say who may have it. */
#include <stdlib.h>

#include "nodes/routes_admin.h"

static const struct {
    enum vr_show want;
    const char *member; /* of the document; NULL: the members of the answer are taken over */
} parts[] = {
    {VR_SHOW_AUDIT, NULL}, {VR_SHOW_BANS, NULL},    {VR_SHOW_PARTICIPANTS, NULL},
    {VR_SHOW_HANDS, NULL}, {VR_SHOW_STATE, "room"}, {VR_SHOW_ANALYTICS, "analytics"},
};

struct export
{
    struct vr_id room;
    size_t next;
    json_t *document;
};

static void ask_next(struct vr_http_request *request);

static void got_part(struct vr_http_request *request, const struct vr_answer *answer)
{
    struct export *export = request->state;
    struct vr_bytes text = vr_blob_bytes(answer->body);
    json_t *part = NULL;
    const char *member = NULL;

    if (export == NULL) { /* the first: who may not have it was refused by now */
        export = calloc(1, sizeof(*export));
        if (export == NULL || !vr_id_parse(request->param[0], &export->room)) {
            free(export);
            vr_http_answer_problem(request, VR_E_NO_MEMORY, NULL);
            return;
        }
        export->document = json_object();
        request->state = export;
    }
    part = json_loadb((const char *)text.data, text.size, 0, NULL);
    member = parts[export->next].member;
    if (member == NULL) {
        json_object_update(export->document, part);
    } else if (part != NULL) {
        json_object_set(export->document, member, part);
    }
    json_decref(part);
    export->next++;
    ask_next(request);
}

static void ask_next(struct vr_http_request *request)
{
    struct export *export = request->state;
    struct vr_command *command = NULL;
    json_t *document = export->document;

    if (export->next == sizeof(parts) / sizeof(parts[0])) {
        free(export);
        vr_http_header(request, "cache-control", "no-store");
        vr_admin_answer(request, 200, document);
        return;
    }
    command = vr_route_command(request, export->room, VR_CMD_SHOW);
    if (command != NULL) {
        command->want = parts[export->next].want;
        vr_route_ask(request, export->room, command, got_part);
    }
}

void vr_route_room_export(struct vr_http_request *request)
{
    struct vr_command *command = NULL;
    struct vr_id room;

    if (!vr_route_id(request, 0, &room)) {
        return;
    }
    command = vr_route_command(request, room, VR_CMD_SHOW);
    if (command != NULL) {
        command->want = parts[0].want;
        vr_route_ask(request, room, command, got_part);
    }
}
