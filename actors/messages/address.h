/* address.h - the name of an actor. It does not tell on which worker or node the actor lives now;
 * the runtime and, between nodes, the directory know that. */
#ifndef VR_MESSAGES_ADDRESS_H
#define VR_MESSAGES_ADDRESS_H

#include <stdbool.h>

#include "actors/base/ids.h"

enum vr_actor_kind {
    VR_ACTOR_NONE,
    VR_ACTOR_ROOM,    /* id: the room */
    VR_ACTOR_SHARD,   /* id: the room; sub: the shard's number, given by the node that made it */
    VR_ACTOR_SESSION, /* id: the session */
    VR_ACTOR_LOBBY,   /* the node's list of live rooms; id: zero */
    VR_ACTOR_ASK,     /* a reply's way back; id.hi: the asking worker's stamp, id.lo: the ticket,
                       * sub: the asking node's number */
    VR_ACTOR_KINDS
};

struct vr_address {
    struct vr_id id;
    uint32_t sub;
    enum vr_actor_kind kind;
};

static inline struct vr_address vr_room_address(struct vr_id room)
{
    return (struct vr_address){.id = room, .kind = VR_ACTOR_ROOM};
}

static inline struct vr_address vr_shard_address(struct vr_id room, uint32_t shard)
{
    return (struct vr_address){.id = room, .sub = shard, .kind = VR_ACTOR_SHARD};
}

static inline struct vr_address vr_session_address(struct vr_id session)
{
    return (struct vr_address){.id = session, .kind = VR_ACTOR_SESSION};
}

static inline bool vr_address_equal(struct vr_address a, struct vr_address b)
{
    return a.kind == b.kind && a.sub == b.sub && vr_id_equal(a.id, b.id);
}

#endif
