/* routes_reminders.c - "remind me" of a scheduled room: for the one who asks, kept until it is
 * over. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/room/records.h"
#include "nodes/node.h"
#include "nodes/reminders.h"
#include "nodes/routes_admin.h"

static struct vr_id own_ref(const struct vr_http_request *request)
{
    return vr_personal_ref(vr_node_personal(request->node), request->grants.user);
}

static const char *text_of(const json_t *room, const char *member)
{
    const char *text = json_string_value(json_object_get(room, member));

    return text == NULL ? "" : text;
}

/** 0: it has no time, or none that can be read. */
static vr_time_us time_of(const char *text)
{
    struct tm parts = {0};

    return strptime(text, "%Y-%m-%dT%H:%M:%S", &parts) == NULL
               ? 0
               : (vr_time_us)timegm(&parts) * 1000000;
}

static json_t *reminder_json(struct vr_id room, const char *title, vr_time_us starts_wall)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "room", vr_admin_id(room), "title", json_string(title),
                     "starts_at", vr_admin_time(starts_wall), "remind_at",
                     vr_admin_time(starts_wall - VR_REMIND_BEFORE));
}

/* --- set --- */

/** Is there place for one more of this user's? False: answered. */
static bool has_place(struct vr_http_request *request, struct vr_id ref, struct vr_id room)
{
    struct vr_id rooms[VR_REMINDERS_OF_ONE_MAX];
    uint32_t count = 0;
    enum vr_err err = vr_reminders_of(vr_node_records(request->node), ref, rooms,
                                      VR_REMINDERS_OF_ONE_MAX, &count);

    for (uint32_t i = 0; i < count; i++) {
        if (vr_id_equal(rooms[i], room)) {
            return true;
        }
    }
    if (err == VR_OK && count < VR_REMINDERS_OF_ONE_MAX) {
        return true;
    }
    vr_http_answer_problem(request, err == VR_OK ? VR_E_CONFLICT : err,
                           err == VR_OK ? "there are 50 reminders: remove one first" : NULL);
    return false;
}

static void set(struct vr_http_request *request, struct vr_id room, const char *title,
                vr_time_us starts_wall)
{
    struct vr_deployment *deployment = vr_node_deployment(request->node);
    struct vr_reminder_row row = {.room = room, .at = vr_deployment_wall(deployment)};
    struct vr_admin_change change = {.status = 200, .change.commit = vr_deployment_commit()};
    struct vr_buf body = {0};
    enum vr_err err = VR_E_NO_MEMORY;

    if (change.change.commit != NULL) {
        err = vr_deployment_user(deployment, request->grants.user, change.change.commit, &row.ref);
    }
    if (err == VR_OK) {
        err = vr_reminder_body(&row, &body);
    }
    if (err != VR_OK) {
        vr_commit_free(change.change.commit);
        vr_http_answer_problem(request, err, NULL);
    } else {
        change.change.row = (struct vr_deployment_row){.kind = VR_DEPLOYMENT_REMINDER,
                                                       .id = vr_reminder_id(row.ref, room),
                                                       .body = vr_buf_bytes(&body)};
        change.value = reminder_json(room, title, starts_wall);
        vr_admin_change(request, &change);
    }
    vr_buf_deinit(&body);
}

static void on_shown(struct vr_http_request *request, const struct vr_answer *answer)
{
    json_t *room = json_loads(answer->body == NULL ? "" : vr_blob_text(answer->body), 0, NULL);
    vr_time_us starts_wall = time_of(text_of(room, "starts_at"));
    struct vr_id id;

    if (!vr_id_parse(text_of(room, "id"), &id)) {
        vr_http_answer_problem(request, VR_E_INTERNAL, NULL);
    } else if (strcmp(text_of(room, "phase"), "scheduled") != 0 || starts_wall == 0) {
        vr_http_answer_problem(request, VR_E_CONFLICT,
                               "the room is not scheduled: it has begun, or is over");
    } else if (has_place(request, own_ref(request), id)) {
        set(request, id, text_of(room, "title"), starts_wall);
    }
    json_decref(room);
}

/* The room says whether one may see it, and when it begins. */
void vr_route_reminder_set(struct vr_http_request *request)
{
    struct vr_id room;
    struct vr_command *command = NULL;

    if (!vr_route_id(request, 0, &room)) {
        return;
    }
    command = vr_route_command(request, room, VR_CMD_SHOW);
    if (command != NULL) {
        command->want = VR_SHOW_STATE;
        vr_route_ask(request, room, command, on_shown);
    }
}

/* --- remove --- */

void vr_route_reminder_remove(struct vr_http_request *request)
{
    struct vr_admin_change change = {.status = 204};
    struct vr_buf value = {0};
    struct vr_deployment_row row;
    uint8_t key[VR_DEPLOYMENT_KEY] = {(uint8_t)VR_DEPLOYMENT_REMINDER};
    struct vr_bytes name = vr_bytes(key, sizeof(key));
    struct vr_id room;
    struct vr_id id;
    enum vr_err err;

    if (!vr_route_id(request, 0, &room)) {
        return;
    }
    id = vr_reminder_id(own_ref(request), room);
    vr_id_put(key + 1, id);
    err = vr_records_get(vr_node_records(request->node), VR_TABLE_DEPLOYMENT, name, &value);
    if (err == VR_E_NOT_FOUND ||
        (err == VR_OK && vr_deployment_row_get(name, vr_buf_bytes(&value), &row) && row.gone)) {
        vr_http_answer_empty(request, 204); /* none was wanted: as good as removed */
    } else if (err != VR_OK) {
        vr_http_answer_problem(request, err, NULL);
    } else {
        change.change.commit = vr_deployment_commit();
        change.change.row =
            (struct vr_deployment_row){.kind = VR_DEPLOYMENT_REMINDER, .id = id, .gone = true};
        vr_admin_change(request, &change);
    }
    vr_buf_deinit(&value);
}

/* --- list --- */

static void add_room(struct vr_http_request *request, struct vr_room_listing *row,
                     struct vr_id room, json_t *list)
{
    struct vr_buf value = {0};
    uint8_t key[16];

    vr_id_put(key, room);
    if (vr_records_get(vr_node_records(request->node), VR_TABLE_ROOMS, vr_bytes(key, sizeof(key)),
                       &value) == VR_OK &&
        vr_room_listing_decode(vr_buf_bytes(&value), &vr_vault_closed, row) == VR_OK &&
        vr_reminder_state(row, vr_deployment_wall(vr_node_deployment(request->node))) !=
            VR_REMINDER_OVER) {
        json_array_append_new(list, reminder_json(room, row->title, row->starts_wall));
    }
    vr_buf_deinit(&value);
}

void vr_route_reminders(struct vr_http_request *request)
{
    struct vr_room_listing *row = calloc(1, sizeof(*row)); /* 20 KB: not for the stack */
    struct vr_id rooms[VR_REMINDERS_OF_ONE_MAX];
    json_t *list = json_array();
    uint32_t count = 0;
    enum vr_err err = row == NULL
                          ? VR_E_NO_MEMORY
                          : vr_reminders_of(vr_node_records(request->node), own_ref(request), rooms,
                                            VR_REMINDERS_OF_ONE_MAX, &count);

    for (uint32_t i = 0; err == VR_OK && i < count; i++) {
        add_room(request, row, rooms[i], list);
    }
    free(row);
    if (err != VR_OK) {
        json_decref(list);
        vr_http_answer_problem(request, err, NULL);
        return;
    }
    vr_admin_answer(request, 200, json_pack("{s:o}", "reminders", list));
}
