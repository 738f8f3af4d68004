/* copies.h - inside the copies half of the cluster: what each node keeps of rooms, and when a
 * commit counts.
 *
 *     room actor -> replicate.c --+-> LMDB here
 *                                 +-> NOTE_REPLICATE to the in-sync node, and to nodes that follow
 *                                 +-> durable rows to the directory (cluster_durable)
 *     all said yes, in the order of submission: the room actor is told
 *
 *     replica actor (one per room and node)  applies what comes to LMDB here, gives and takes
 * snapshots, hands events on to this node's sessions, acts without a valid owner (marks.c).
 *
 * Threads: rooms submit on control workers, LMDB answers on the journal's thread, the directory and
 * confirmations on the cluster worker. What they share stands in struct copy_room under one lock,
 * which is never held while calling anything else. */
#ifndef VR_CLUSTER_COPIES_H
#define VR_CLUSTER_COPIES_H

#include "cluster/internal.h"

#define COPY_BUCKETS 1024u
#define COPY_TICK VR_MS(250)
#define COPY_PART ((size_t)256 * 1024)    /* bytes of operations in one frame */
#define COPY_BYTES_MAX ((size_t)64 << 20) /* of one room that is being copied */
#define COPY_FOLLOWS VR_SECONDS(15)       /* a follower not heard of for so long is dropped */
#define COPY_SEAL_WAIT VR_SECONDS(1)
#define COPY_JOIN_WAIT VR_SECONDS(5) /* a new partner has everything within this, or not */
#define COPY_JOIN_AGAIN VR_SECONDS(2)
#define COPY_SUBSCRIBE VR_SECONDS(2)
#define COPY_HELD_MAX 4096 /* commits kept while a snapshot comes */

/** A node that gets the room's commits. */
struct follower {
    uint32_t node; /* 0: free */
    vr_time_us heard_at;
    uint64_t epoch, revision; /* of its copy then */
};

/** A commit under way: told when nothing is awaited any more, and all before it were. */
struct pending {
    struct vr_list link; /* copy_room.waiting */
    struct cluster_copies *copies;
    struct copy_room *room;
    uint64_t ticket, epoch, revision;
    vr_committed_fn done;
    void *ctx;
    vr_time_us since;
    uint32_t waits[2]; /* nodes that must confirm: the partner, and one that becomes it; 0: none */
    uint32_t calls;    /* of LMDB and the directory, to come */
    enum vr_err err;
    struct vr_trace trace; /* zero: not traced, and the times below are not taken */
    vr_time_us journaled_at, confirmed_at, durable_at; /* 0: not, or not waited for */
};

struct copy_room {
    struct vr_list link; /* cluster_copies.rooms */
    struct vr_id id;
    uint64_t epoch;         /* in which we own it; 0: we don't */
    uint64_t submitted;     /* revision of the newest commit of this epoch; 0: none yet */
    struct vr_list waiting; /* struct pending.link, in order */
    bool telling;
    struct follower followers[VR_CLUSTER_NODES_MAX];
    uint32_t people; /* sessions of this node */
    bool upload;     /* the directory has no row of it yet: all go there with its next commit */

    /* A new partner: first it gets everything, then commits wait for it, then the directory names
     * it. */
    uint32_t joining;
    bool joining_waits;  /* commits wait for it */
    uint64_t joining_at; /* when it has this one it has everything */
    vr_time_us joining_since, joining_next;
    bool replacing; /* the directory has been asked */
};

/** Somebody waits for a copy to be sealed. Cluster worker's. */
struct seal {
    struct vr_list link; /* cluster_copies.seals */
    struct cluster_copies *copies;
    struct vr_id room;
    uint64_t epoch;
    vr_time_us deadline; /* 0: nobody else is waited for */
    enum vr_err err;
    replica_seal_fn done;
    void *ctx;
};

struct cluster_copies {
    struct vr_records records; /* what the system gets */
    struct vr_cluster *cluster;
    pthread_mutex_t lock; /* of all below, but the cluster worker's own */
    struct vr_list rooms[COPY_BUCKETS];
    uint64_t ticket;
    bool closed;            /* nothing is told any more */
    struct vr_list orphans; /* struct pending.link: told at the end, LMDB or etcd still has them */
    /* cluster worker */
    struct vr_list seals;
    struct vr_timer tick;
};

/** Durable rows of a commit; keys and values are borrowed from it. */
struct rows {
    struct cluster_row *items;
    struct vr_buf keys; /* pointers to keys of rows found for a prefix: freed with the rows */
    uint32_t count, capacity;
    bool failed;
};

extern const struct vr_records_ops copies_ops; /* replicate.c */

/* replicate_rows.c */
void rows_of(struct cluster_copies *copies, const struct vr_commit *commit, struct rows *rows);
/** Those that stand in LMDB already: before rows_of, whose changes are newer. */
void rows_of_room(struct cluster_copies *copies, struct vr_id room, struct rows *rows);
void rows_free(struct rows *rows);

/* replicate.c. "Locked": the caller holds the lock. */
struct copy_room *copy_find(struct cluster_copies *copies, struct vr_id id); /* locked */
struct copy_room *copy_make(struct cluster_copies *copies, struct vr_id id); /* locked */
/** Tell what has been decided, in order. Locked; it is let go while telling. */
void copy_flush(struct cluster_copies *copies, struct copy_room *room);
void copy_fail(struct copy_room *room, enum vr_err err); /* locked: all that waits */
vr_time_us copies_now(const struct cluster_copies *copies);

/* replicate_trace.c */
/** Spans of a commit that is being told; nothing when it is not traced. */
void copy_trace(const struct cluster_copies *copies, const struct pending *pending);

/* replicate_deploy.c: a commit of no room */
uint64_t deploy_submit(struct cluster_copies *copies, struct vr_commit *commit,
                       vr_committed_fn done, void *ctx);

/** The head that it makes. */
static inline uint64_t copy_revision(const struct vr_commit *commit)
{
    return commit->revision != 0 ? commit->revision : commit->expected + 1;
}

/* replicate_note.c: a commit as notes for other nodes */
struct note_parts {
    struct vr_blob **items;
    uint32_t count;
};
/** With the rows of users whose keys are needed to read it. VR_E_NO_MEMORY. */
VR_MUST_CHECK enum vr_err note_parts_make(struct vr_cluster *cluster,
                                          const struct vr_commit *commit, bool confirm,
                                          struct note_parts *out);
void note_parts_free(struct note_parts *parts);
struct id_set;
struct id_set *id_set_new(void);
bool id_set_add(struct id_set *set, struct vr_id id); /* false: it is in already, or no memory */
void id_set_free(struct id_set *set);
/** Puts of users' rows for all refs in `ops`, but those that are in `known` or put in `ops`
 * itself. */
void note_users(struct vr_records *local, struct vr_bytes ops, struct id_set *known,
                struct vr_buf *out);

/* replicate_partner.c: cluster worker's */
/** A snapshot for that node's replica, as if it had asked. */
void give_snapshot(struct cluster_copies *copies, struct vr_id room, uint32_t node);
void partner_tick(struct cluster_copies *copies);
void partner_confirmed(struct cluster_copies *copies, struct vr_id room, uint32_t node,
                       uint64_t epoch, uint64_t revision);

/* replica_seal.c: cluster worker's */
void seals_tick(struct cluster_copies *copies);
void seals_free(struct cluster_copies *copies);
void seal_answered(struct cluster_copies *copies, struct vr_id room, uint64_t epoch,
                   enum vr_err err);

#endif
