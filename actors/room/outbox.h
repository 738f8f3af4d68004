/* outbox.h - inside room/: what goes with a commit for others than the people in the room: events
 * for webhooks, and reports into the moderation queue.
 *
 * An event row names nobody: numbers of participants stand in it, and beside it the refs of their
 * users, which are opened when it is sent. Who was erased meanwhile stays a number.
 *
 *     VR_TABLE_OUTBOX:  | 0 | room 16 | epoch 8 | sequence 8 | n 2 |     an event, not yet looked
 * at */
#ifndef VR_ROOM_OUTBOX_H
#define VR_ROOM_OUTBOX_H

#include "actors/room/records.h"

#define VR_OUTBOX_EVENT_KEY 35

/** Events of this step that others may hear of. Errors: VR_E_NO_MEMORY, and what the vault says. */
VR_MUST_CHECK enum vr_err outbox_put(const struct vr_room *room, const struct vr_effects *effects,
                                     const struct vr_vault *vault, struct vr_commit *commit);

VR_MUST_CHECK enum vr_err report_put(const struct vr_room *room, const struct vr_audit *entry,
                                     const struct vr_vault *vault, struct vr_commit *commit);

#endif
