/* replica.h - the inside of a replica actor: this node's copy of one room. It writes what the
 * room's owner sends into LMDB, gives the copy to others, hands events on to this node's sessions,
 * and acts for the room while nobody validly owns it. */
#ifndef VR_CLUSTER_REPLICA_H
#define VR_CLUSTER_REPLICA_H

#include "actors/room/room.h"
#include "cluster.pb-c.h"
#include "cluster/copies.h"
#include "copies.pb-c.h"
#include "store/commit.h"

#define REPLICA_IDLE VR_SECONDS(30)
#define REPLICA_ASK_AGAIN VR_SECONDS(1) /* a snapshot that does not come */
#define REPLICA_ASK_SOON VR_MS(10)      /* one that was read before what we wait for was on disk */

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
    vr_time_us ask_pause, ask_not_before; /* one that came was too old; 0: it was not */
    uint32_t owner;                       /* who sent the newest commit; 0: unknown */

    struct vr_buf parts; /* of a long commit */
    uint32_t part_next;
    struct vr_commit *staged; /* a snapshot's rows */
    uint32_t staged_next;

    struct vr_id *sessions; /* ascending */
    uint32_t session_count, session_capacity;
    uint64_t event_epoch;
    uint64_t announced;      /* the epoch to whose owner the sessions were sent; 0: to nobody */
    uint64_t announced_last; /* and when that was, and to whom, whatever happened since */
    vr_time_us announced_at;
    uint32_t announced_join; /* this node was away since: what was sent to it meanwhile is lost */
    bool owner_silent;       /* when it was looked at last */
    vr_time_us subscribe_at, idle_since;

    /* While nobody validly owns the room (marks.c): it as the copy has it, with what was done here
     * since; NULL: not needed. What was done waits for the next owner. */
    struct vr_room *copy;
    uint64_t copy_epoch;
    struct vr_list deeds;  /* struct deed.link, in order */
    struct vr_list acting; /* struct acting.link: not answered yet */
    struct vr_list judged; /* struct deed.link: marks whose rows are still in the journal */
    vr_time_us forget_at;  /* these are tried no earlier */
    uint64_t deed_ticket;
};

/** Something done without an owner, to be taken by the next one as a command with its id. */
struct deed {
    struct vr_list link; /* replica.deeds, replica.judged */
    struct vr_command *command;
    uint64_t ticket;
    bool mark; /* a row of VR_TABLE_MARKS as well */
    bool sent; /* the owner was asked; judged: the journal was */
};

/** The cluster of a node: what vr_cluster_set_lookup was given. */
struct vr_cluster *cluster_of(const struct vr_system *system);

/* replica.c */
bool replica_has_session(const struct replica *self, struct vr_id session);

/* replica_apply.c */
void replica_on_commit(struct replica *self, const struct vr_msg *msg);
void replica_on_stored(struct replica *self, const struct vr_msg *msg);
void replica_submit(struct replica *self, struct flight *flight, struct vr_commit *commit);
/** Takes `commit`; VR_MSG_STORED comes with `ticket`. False: no memory, nothing was written. */
bool replica_submit_told(struct replica *self, struct vr_commit *commit, uint64_t ticket);
#define REPLICA_MARK ((uint64_t)1 << 63) /* in a ticket: of a mark, not of a flight */
void replica_ask_snapshot(struct replica *self, uint32_t node);
void replica_read_head(struct replica *self);
void replica_confirm(struct replica *self, uint32_t node);
void replica_tell_cluster(struct replica *self, uint64_t sealed, enum vr_err err, bool missing);
void flight_free(struct flight *flight);

/** What of another node's operations is written here. */
void replica_add_ops(struct replica *self, struct vr_commit *to, struct vr_bytes ops);
void replica_take_held(struct replica *self);

/* replica_fill.c */
void replica_on_snapshot(struct replica *self, const struct vr_msg *msg);

/* replica_give.c */
void replica_on_get(struct replica *self, const struct vr_msg *msg);
void replica_give(struct replica *self, struct vr_address to, uint64_t sealed, enum vr_err err);

/* marks.c */
void replica_on_command(struct replica *self, struct vr_msg *msg);
/** Another node's mark: carried out here as well. */
void marks_hear(struct replica *self, const struct vr_command *command);
void marks_close(struct replica *self);
void marks_stored(struct replica *self, uint64_t ticket, enum vr_err err);

/* marks_keep.c */
/** Is there an owner whom we may believe? Then what was done is his to judge. */
bool marks_owner_is_back(const struct replica *self);
void marks_load(struct replica *self); /* those of this node's journal */
bool deed_known(const struct replica *self, struct vr_id command);
bool deed_add(struct replica *self, const struct vr_command *command, bool mark);
/** Onto the copy, which is as the store has it: nobody comes back past what waits for an owner. */
void marks_replay(struct replica *self, struct vr_instant at);
void deeds_hand_over(struct replica *self);
/** Rows of marks that an owner has judged, out of the journal; again, when its disk was full. */
void marks_forget(struct replica *self);
bool mark_forgotten(struct replica *self, uint64_t ticket, enum vr_err err); /* false: no such */
void deeds_free(struct replica *self);
/** Into the journal; `silenced` is the participant whose gates it closed, 0: nobody's. True:
 * marks_stored will be told with `ticket`, which is not 0. */
bool mark_keep(struct replica *self, const struct vr_command *command, vr_participant_id silenced,
               uint64_t ticket);
void mark_tell(struct replica *self, const struct vr_command *command, vr_participant_id silenced);
void replica_on_mark(struct replica *self, const struct vr_msg *msg);

#endif
