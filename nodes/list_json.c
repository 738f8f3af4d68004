#include "nodes/list_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "actors/wire/client_json.h"
#include "nodes/routes.h"

static void write_settings(struct vr_buf *out, const struct vr_room_listing *row)
{
    vr_json_member_text(out, "title", row->title);
    vr_json_member_text(out, "topic", row->topic);
    vr_json_member_text(out, "description", row->description);
    vr_json_member_text(out, "language", row->language);
    vr_buf_text(out, ",\"tags\":[");
    for (uint32_t i = 0; i < row->tag_count; i++) {
        vr_buf_text(out, i == 0 ? "" : ",");
        vr_json_text(out, row->tags[i]);
    }
    vr_buf_printf(out,
                  "],\"visibility\":\"%s\",\"phase\":\"%s\",\"locked\":%s,\"has_passcode\":%s,"
                  "\"capacity\":%u,\"speaker_capacity\":%u,\"slow_hand_s\":%u,\"entry\":\"%s\"",
                  vr_visibility_name(row->visibility), vr_phase_name(row->phase),
                  row->locked ? "true" : "false", row->has_passcode ? "true" : "false",
                  row->capacity, row->speaker_capacity, row->slow_hand_s,
                  row->entry == VR_ENTRY_SPEAKS ? "speak" : "listen");
    vr_json_member_time(out, "created_at", row->created_wall);
    vr_json_member_time(out, "starts_at", row->starts_wall);
    vr_json_member_time(out, "started_at", row->started_wall);
    vr_json_member_time(out, "ended_at", row->ended_wall);
    vr_buf_text(out, ",\"end_reason\":");
    if (row->phase == VR_ENDED) {
        vr_json_text(out, row->end_reason);
    } else {
        vr_buf_text(out, "null");
    }
}

/** The host as the stage shows him; away or asleep: the creator's name. */
static void write_host(struct vr_buf *out, const struct vr_lobby_room *live, const char *creator)
{
    json_t *stage = json_loads(vr_blob_text(live->on_stage), 0, NULL);
    json_t *person = NULL;
    const char *name = NULL;
    json_int_t participant = 0;
    size_t i = 0;

    json_array_foreach(stage, i, person)
    {
        const char *role = json_string_value(json_object_get(person, "role"));

        if (name == NULL && role != NULL && strcmp(role, "host") == 0) {
            name = json_string_value(json_object_get(person, "name"));
            participant = json_integer_value(json_object_get(person, "participant"));
        }
    }
    vr_buf_text(out, ",\"host\":{\"participant\":");
    if (name == NULL) {
        vr_buf_text(out, "null");
    } else {
        vr_buf_printf(out, "%" JSON_INTEGER_FORMAT, participant);
    }
    vr_json_member_text(out, "name", name == NULL ? creator : name);
    vr_buf_text(out, "}");
    json_decref(stage);
}

void vr_list_row_write(struct vr_lobby *lobby, struct vr_id room, const struct vr_room_listing *row,
                       struct vr_buf *out)
{
    struct vr_lobby_room live = {0};
    char id[VR_ID_TEXT];

    (void)vr_lobby_find(lobby, room, &live);
    vr_buf_printf(out, "{\"id\":\"%s\"", vr_id_format(room, id));
    write_settings(out, row);
    write_host(out, &live, row->creator_name);
    vr_buf_printf(out,
                  ",\"revision\":%" PRIu64 ",\"counts\":{\"participants\":%u,\"speakers\":%u,"
                  "\"listeners\":%u,\"hands\":%u},\"on_stage\":%s}",
                  row->revision, live.participants, live.speakers,
                  live.participants - live.speakers, live.hands,
                  live.on_stage == NULL ? "[]" : vr_blob_text(live.on_stage));
    vr_blob_release(live.on_stage);
}
