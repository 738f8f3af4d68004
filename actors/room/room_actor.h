/* room_actor.h - the room as an actor: it feeds the pure core (room/room.h), persists, publishes.
 *
 * Order of every change: close gates, journal, replicate (immediate on one node), answer, publish;
 * opening gates comes between journal and answer (DESIGN: commit, replicate, open, answer). A
 * failed commit opens nothing: the actor fails over to what the store holds, clients get the error
 * and a fresh snapshot. */
#ifndef VR_ROOM_ROOM_ACTOR_H
#define VR_ROOM_ROOM_ACTOR_H

#include <stdatomic.h>

#include "actors/runtime/system.h"

struct vr_personal;

/** What the room actor needs of the node beside struct vr_env. */
struct vr_room_services {
    struct vr_personal *personal; /* borrowed */
    /** Epoch of this node's ownership of the room, raised by taking it; on one node the local
     * directory counts. Called at activation. */
    enum vr_err (*take)(void *ctx, struct vr_id room, uint64_t *epoch);
    /** The actor has closed by itself: idle, drained, or its room is gone for good (`exists`
     * false). Its ownership may end now. NULL: nobody wants to know. */
    void (*release)(void *ctx, struct vr_id room, uint64_t epoch, bool exists);
    /** The actor has closed because it was not sure of its ownership any more: whoever takes the
     * room anew here need not wait for it. NULL: nobody wants to know. */
    void (*closed)(void *ctx, struct vr_id room, uint64_t epoch);
    /** Does the ownership in this epoch hold right now? Asked when a command is begun and again
     * before its answer: an owner that is not sure says nothing. NULL: it always does (alone). */
    bool (*holds)(void *ctx, struct vr_id room, uint64_t epoch);
    /** Does this session run on `worker`, and have this place? Then its person was never away, and
     * a room that comes back from the store need not ask. NULL: all are asked. */
    bool (*lives)(void *ctx, struct vr_worker *worker, struct vr_address session,
                  vr_participant_id participant, uint32_t generation);
    /** Which life of that node's process the directory knows; 0: it names no such node, else a
     * number that no other process has. NULL: there are no others. Any thread. */
    uint64_t (*life)(void *ctx, uint32_t node);
    /** A number that is another one after each time in which nothing could be heard of that node,
     * however short: what was sent to it meanwhile may be lost. 0: it cannot be heard now. NULL:
     * there are no others. Any thread. */
    uint64_t (*contact)(void *ctx, uint32_t node);
    /** Has this person been silenced without a valid owner (a mark), and no owner has judged it
     * yet, as far as this node knows? Then no gate of his opens. NULL: there are no marks. Any
     * thread. */
    bool (*marked)(void *ctx, struct vr_id room, vr_participant_id participant, const char *user);
    void *ctx;
    const atomic_bool *outbox; /* true: events go into each commit, for webhooks; NULL: never */
};

/** The class for VR_ACTOR_ROOM. It finds its services in vr_env.room_services. */
const struct vr_actor_class *vr_room_class(void);

#endif
