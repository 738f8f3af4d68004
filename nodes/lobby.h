/* lobby.h - live counts of this node's rooms, for the list of rooms: the actor VR_ACTOR_LOBBY keeps
 * them from VR_MSG_SUMMARY; any thread may read. Not durable: a room that sleeps has nobody in it.
 */
#ifndef VR_NODES_LOBBY_H
#define VR_NODES_LOBBY_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/err.h"
#include "actors/base/ids.h"
#include "actors/runtime/system.h"

struct vr_lobby;

struct vr_lobby_room {
    uint32_t participants;
    uint32_t speakers;
    uint32_t hands;
    struct vr_blob
        *on_stage; /* JSON array as the room gave it; one reference is the caller's; may be NULL */
};

struct vr_lobby_totals {
    uint32_t rooms; /* with somebody in it or awake */
    uint32_t participants;
    uint32_t speakers;
    uint32_t hands;
};

VR_MUST_CHECK enum vr_err vr_lobby_new(struct vr_lobby **out);
void vr_lobby_free(struct vr_lobby *lobby);

/** Zero values and false when the room is not awake. Release `on_stage`. Any thread. */
bool vr_lobby_find(struct vr_lobby *lobby, struct vr_id room, struct vr_lobby_room *out);
void vr_lobby_totals(struct vr_lobby *lobby, struct vr_lobby_totals *out);

/** What the actor does with a summary; for tests and simulations. Takes over `json`'s reference
 * when it keeps it. */
void vr_lobby_note(struct vr_lobby *lobby, const struct vr_msg *summary);

/** The class for VR_ACTOR_LOBBY; it finds its lobby by `vr_node_lobby` of the node. */
const struct vr_actor_class *vr_lobby_class(void);

#endif
