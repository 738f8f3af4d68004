/* list_json.h - one row of the list of rooms: the room object (docs/protocol.md) from a room's
 * record and the lobby's live counts, without waking the room. */
#ifndef VR_NODES_LIST_JSON_H
#define VR_NODES_LIST_JSON_H

#include "actors/room/records.h"
#include "nodes/lobby.h"

/** Append the object. Any thread. */
void vr_list_row_write(struct vr_lobby *lobby, struct vr_id room, const struct vr_room_listing *row,
                       struct vr_buf *out);

#endif
