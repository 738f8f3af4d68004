#include "actors/room/face.h"

#include "actors/wire/client_json.h"

static const char *yes(bool value)
{
    return value ? "true" : "false";
}

void vr_room_face_json(const struct vr_room_face *face, struct vr_buf *out)
{
    vr_json_member_text(out, "title", face->title);
    vr_json_member_text(out, "topic", face->topic);
    vr_json_member_text(out, "description", face->description);
    vr_json_member_text(out, "language", face->language);
    vr_buf_text(out, ",\"tags\":[");
    for (uint32_t i = 0; i < face->tag_count; i++) {
        vr_buf_text(out, i == 0 ? "" : ",");
        vr_json_text(out, face->tags[i]);
    }
    vr_buf_printf(out,
                  "],\"visibility\":\"%s\",\"phase\":\"%s\",\"locked\":%s,\"has_passcode\":%s,"
                  "\"capacity\":%u,\"speaker_capacity\":%u,\"slow_hand_s\":%u,\"entry\":\"%s\"",
                  vr_visibility_name(face->visibility), vr_phase_name(face->phase),
                  yes(face->locked), yes(face->has_passcode), face->capacity,
                  face->speaker_capacity, face->slow_hand_s,
                  face->entry == VR_ENTRY_SPEAKS ? "speak" : "listen");
    vr_json_member_time(out, "created_at", face->created_wall);
    vr_json_member_time(out, "starts_at", face->starts_wall);
    vr_json_member_time(out, "started_at", face->started_wall);
    vr_json_member_time(out, "ended_at", face->ended_wall);
    vr_buf_text(out, ",\"end_reason\":");
    if (face->phase == VR_ENDED) {
        vr_json_text(out, face->end_reason);
    } else {
        vr_buf_text(out, "null");
    }
}
