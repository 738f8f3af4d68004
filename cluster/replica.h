/* replica.h - the inside of a replica actor: this node's copy of one room. It writes what the
 * room's owner sends into LMDB, gives the copy to others, hands events on to this node's sessions,
 * and acts for the room while nobody validly owns it. */
#ifndef VR_CLUSTER_REPLICA_H
#define VR_CLUSTER_REPLICA_H

#include "cluster.pb-c.h"
#include "cluster/copies.h"
#include "copies.pb-c.h"
#include "store/commit.h"

#define REPLICA_IDLE VR_SECONDS(30)
#define REPLICA_ASK_AGAIN VR_SECONDS(1) /* a snapshot that does not come */

/** Where a commit came from, and what is to be said when it is on disk. */
struct flight {
    struct vr_list link;      /* replica.flights, replica.held */
    struct vr_commit *commit; /* held: not submitted yet */
    uint64_t ticket, epoch, revision;
    uint64_t complete; /* a snapshot: everything is there from this revision on */
    uint32_t node;     /* of the owner; 0: nobody */
    bool confirm;
    bool snapshot;
    uint64_t sealed; /* a snapshot that was asked for with a seal: tell the cluster actor */
    bool seals;      /* a seal: then give the copy to */
    struct vr_address give_to; /* ... this one */
};

struct replica {
    struct vr_actor *actor;
    struct vr_cluster *cluster;
    struct vr_id room;
    uint32_t self;

    uint64_t ticket, first_ticket;
    uint64_t head_epoch, head;     /* what the next commit must follow */
    uint64_t stored_epoch, stored; /* on disk */
    uint64_t complete;             /* below it the copy is a mixture: nothing is confirmed */
    struct vr_list flights;        /* struct flight.link: submitted */
    struct vr_list held;           /* struct flight.link: until the snapshot is there */
    uint32_t held_count;
    bool filling; /* a snapshot was asked for */
    vr_time_us asked_at;
    uint32_t owner; /* who sent the newest commit; 0: unknown */

    struct vr_buf parts; /* of a long commit */
    uint32_t part_next;
    struct vr_commit *staged; /* a snapshot's rows */
    uint32_t staged_next;

    struct vr_id *sessions; /* ascending */
    uint32_t session_count, session_capacity;
    uint64_t event_epoch;
    vr_time_us subscribe_at, idle_since;
};

/** The cluster of a node: what vr_cluster_set_lookup was given. */
struct vr_cluster *cluster_of(const struct vr_system *system);

/* replica_apply.c */
void replica_on_commit(struct replica *self, const struct vr_msg *msg);
void replica_on_snapshot(struct replica *self, const struct vr_msg *msg);
void replica_on_stored(struct replica *self, const struct vr_msg *msg);
void replica_submit(struct replica *self, struct flight *flight, struct vr_commit *commit);
void replica_ask_snapshot(struct replica *self, uint32_t node);
void replica_read_head(struct replica *self);
void replica_confirm(struct replica *self, uint32_t node);
void replica_tell_cluster(struct replica *self, uint64_t sealed, enum vr_err err, bool missing);
void flight_free(struct flight *flight);

/* replica_give.c */
void replica_on_get(struct replica *self, const struct vr_msg *msg);
void replica_give(struct replica *self, struct vr_address to, uint64_t sealed, enum vr_err err);

/* marks.c */
void replica_on_command(struct replica *self, struct vr_msg *msg);

#endif
