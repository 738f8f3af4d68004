/* names.h - finding people by a part of their name. Pure. */
#ifndef VR_ROOM_NAMES_H
#define VR_ROOM_NAMES_H

#include <stdbool.h>

#include "actors/room/state.h"

/** Does `name` hold `part`, whatever is written large or small in either? Both UTF-8; Latin, Greek
 * and Cyrillic letters are folded, others must be the same. An empty part is in every name. */
bool name_holds(const char *name, const char *part);

/** As json_people, of those whose name holds `part`. */
uint32_t json_people_named(const struct vr_room *room, bool with_user, const char *part,
                           const struct vr_command *page, struct vr_buf *out);

#endif
