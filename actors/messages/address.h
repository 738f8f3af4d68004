/* address.h - the name of an actor. It does not tell on which worker or node the actor lives now;
 * the runtime and, between nodes, the directory know that. */
#ifndef VR_MESSAGES_ADDRESS_H
#define VR_MESSAGES_ADDRESS_H

#include <stdbool.h>

#include "actors/base/ids.h"

enum vr_actor_kind {
    VR_ACTOR_NONE,
    VR_ACTOR_ROOM,    /* id: the room */
    VR_ACTOR_SHARD,   /* id: the room; sub: vr_shard_number */
    VR_ACTOR_SESSION, /* id: the session; sub: the number of its node, 0 for this one */
    VR_ACTOR_LOBBY,   /* a node's list of live rooms; id: zero; sub: its node's number, or 0 */
    VR_ACTOR_ASK,     /* a reply's way back; id.hi: the asking worker's stamp, id.lo: the ticket,
                       * sub: the asking node's number */
    VR_ACTOR_CLUSTER, /* a node's part in the cluster; id: zero; sub: its node's number */
    VR_ACTOR_REPLICA, /* id: the room; sub: the number of the node that keeps this copy */
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

/* A shard's number tells its node and media worker: links and gates find it without the directory.
 * Node 0 is "this node": what a node that runs alone has always written. */
#define VR_SHARD_WORKERS 256u
static inline uint32_t vr_shard_number(uint32_t node, uint32_t worker)
{
    return node * VR_SHARD_WORKERS + worker;
}

static inline uint32_t vr_shard_node(uint32_t shard)
{
    return shard / VR_SHARD_WORKERS;
}

static inline uint32_t vr_shard_worker(uint32_t shard)
{
    return shard % VR_SHARD_WORKERS;
}

static inline struct vr_address vr_session_address_at(struct vr_id session, uint32_t node)
{
    return (struct vr_address){.id = session, .sub = node, .kind = VR_ACTOR_SESSION};
}

static inline struct vr_address vr_cluster_address(uint32_t node)
{
    return (struct vr_address){.sub = node, .kind = VR_ACTOR_CLUSTER};
}

static inline struct vr_address vr_replica_address(struct vr_id room, uint32_t node)
{
    return (struct vr_address){.id = room, .sub = node, .kind = VR_ACTOR_REPLICA};
}

static inline bool vr_address_equal(struct vr_address a, struct vr_address b)
{
    return a.kind == b.kind && a.sub == b.sub && vr_id_equal(a.id, b.id);
}

#endif
