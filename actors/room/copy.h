/* copy.h - a room made from what this node's store holds: by its actor, and by a replica that acts
 * for a room which nobody validly owns now. */
#ifndef VR_ROOM_COPY_H
#define VR_ROOM_COPY_H

#include "actors/room/records.h"
#include "actors/room/room_actor.h"
#include "actors/runtime/env.h"

/** The rules' settings and the vault of this node. */
struct vr_room_conf vr_room_conf_of(struct vr_system *system, const struct vr_env *env);
struct vr_vault vr_room_vault_of(const struct vr_room_services *services);

/** The room as the store has it; whose session was not lost then counts as there. NULL: `why` says
 * (VR_E_NOT_FOUND, VR_E_DAMAGED, VR_E_NO_MEMORY). Freed by vr_room_free. */
struct vr_room *vr_room_copy_load(struct vr_system *system, struct vr_id id, uint64_t epoch,
                                  struct vr_instant at, struct vr_why *why);

#endif
