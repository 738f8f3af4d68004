#include "nodes/list_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "actors/room/face.h"
#include "actors/wire/client_json.h"
#include "nodes/routes.h"

static void write_face(struct vr_buf *out, const struct vr_room_listing *row)
{
    const struct vr_room_face face = {
        .title = row->title,
        .topic = row->topic,
        .description = row->description,
        .language = row->language,
        .end_reason = row->end_reason,
        .tags = row->tags,
        .tag_count = row->tag_count,
        .visibility = row->visibility,
        .phase = row->phase,
        .locked = row->locked,
        .has_passcode = row->has_passcode,
        .capacity = row->capacity,
        .speaker_capacity = row->speaker_capacity,
        .slow_hand_s = row->slow_hand_s,
        .entry = row->entry,
        .created_wall = row->created_wall,
        .starts_wall = row->starts_wall,
        .started_wall = row->started_wall,
        .ended_wall = row->ended_wall,
    };

    vr_room_face_json(&face, out);
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
    write_face(out, row);
    write_host(out, &live, row->creator_name);
    vr_buf_printf(out,
                  ",\"revision\":%" PRIu64 ",\"counts\":{\"participants\":%u,\"speakers\":%u,"
                  "\"listeners\":%u,\"hands\":%u},\"on_stage\":%s}",
                  row->revision, live.participants, live.speakers,
                  live.participants - live.speakers, live.hands,
                  live.on_stage == NULL ? "[]" : vr_blob_text(live.on_stage));
    vr_blob_release(live.on_stage);
}
