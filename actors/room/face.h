/* face.h - what the room object says of settings and dates, and its one writer: for the room itself
 * and for the list, which has only the room's record. */
#ifndef VR_ROOM_FACE_H
#define VR_ROOM_FACE_H

#include "actors/messages/command.h"

/** Borrowed texts; 0-terminated. Dates: 0 is null. */
struct vr_room_face {
    const char *title, *topic, *description, *language, *end_reason;
    const char (*tags)[VR_TAG_MAX + 1];
    uint32_t tag_count;
    enum vr_visibility visibility;
    enum vr_phase phase;
    bool locked;
    bool has_passcode;
    uint32_t capacity;
    uint32_t speaker_capacity;
    uint32_t slow_hand_s;
    enum vr_speak_on_entry entry;
    vr_time_us created_wall;
    vr_time_us starts_wall;
    vr_time_us started_wall;
    vr_time_us ended_wall;
};

/** From ,"title" to ,"end_reason":... : members of an object that has its id already. */
void vr_room_face_json(const struct vr_room_face *face, struct vr_buf *out);

#endif
