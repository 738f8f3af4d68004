/* internal.h - what the files of cluster/ share.
 *
 * Two halves meet here. The directory half (member.c, owners*.c, route.c, durable.c) decides where
 * rooms live. The copies half (replica*.c, replicate*.c, marks*.c) keeps what they are. What one
 * needs of the other is declared below and nowhere else.
 *
 * Threads: fields and functions are the cluster worker's own unless they say "any thread". From
 * anywhere else cluster_call brings a piece of work there. */
#ifndef VR_CLUSTER_INTERNAL_H
#define VR_CLUSTER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "actors/base/list.h"
#include "cluster/cluster.h"
#include "cluster/view.h"
#include "store/records.h"

/* --- of the directory half, for the copies half --- */

/** The one other node that has every acknowledged change of a room that we own; 0: nobody has, and
 * a commit need not wait. Any thread, no lock. */
uint32_t cluster_partner(struct vr_cluster *cluster, struct vr_id room);

/** The partner does not answer: put another node in its place (one that lives and does not drain;
 * nobody when there is none), by a transaction on sync/<room> under our epoch. Told `partner`, the
 * one from now on, which may be the old one when it was replaced meanwhile already. VR_E_FENCED:
 * the room is not ours in that epoch any more. VR_E_FROZEN: no way to etcd. The new partner has
 * nothing yet: it counts as in sync only once the caller has given it all, so give first (its
 * snapshot), then call this with `next` set. Any thread; told on the cluster worker's. */
typedef void (*cluster_partner_fn)(void *ctx, enum vr_err err, uint32_t partner);
void cluster_replace_partner(struct vr_cluster *cluster, struct vr_id room, uint64_t epoch,
                             uint32_t next, cluster_partner_fn done, void *ctx);
/** Who could be the partner of a room that we own: alive, not draining, not us, not `except`; by
 * rank. 0: nobody. Any thread. */
uint32_t cluster_candidate(struct vr_cluster *cluster, struct vr_id room, uint32_t except);

/** A durable row as it goes to etcd, under rooms/<room>/<table>/<rest of the key>. */
struct cluster_row {
    bool removed;
    enum vr_table table;
    struct vr_bytes key;   /* as in LMDB: begins with the 16 bytes of the room */
    struct vr_bytes value; /* sealed already, as in LMDB */
};
#define CLUSTER_ROWS_MAX 120 /* in one transaction; etcd's limit is 128 operations */

typedef void (*cluster_done_fn)(void *ctx, enum vr_err err);
/** The fenced transaction: owners/<room> still has our epoch and rooms/<room>/head is the one that
 * we wrote last; then the rows and a head of (epoch, revision) are put. One in flight per room,
 * others wait here in order. An unknown outcome is resolved here by reading the head; told is what
 * is certain: VR_OK it is there; VR_E_FENCED another owner, or the head is somebody else's: it is
 * not and never will be; VR_E_FROZEN the deadline came before certainty: nothing may be answered,
 * and the room must be loaded anew before it goes on. VR_E_TOO_LARGE more than CLUSTER_ROWS_MAX.
 * Copies `rows`. Any thread; told on the cluster worker's. */
void cluster_durable(struct vr_cluster *cluster, struct vr_id room, uint64_t epoch,
                     uint64_t revision, const struct cluster_row *rows, uint32_t count,
                     cluster_done_fn done, void *ctx);

/** What a user's row here becomes with that of another node (users.c), appended to `out`. False:
 * nothing new in it. Any thread. */
bool cluster_user_merged(struct vr_cluster *cluster, struct vr_bytes ref, struct vr_bytes theirs,
                         struct vr_buf *out);

/** As vr_cluster_holds. Any thread, no lock. */
bool cluster_holds(struct vr_cluster *cluster, struct vr_id room, uint64_t epoch);
/** The deadline of all that this node owns, in CLOCK_BOOTTIME. Any thread, no lock. */
vr_time_us cluster_deadline(struct vr_cluster *cluster);
/** Owner of a room as far as this node knows; 0: nobody, or not known. Any thread, no lock. */
uint32_t cluster_owner(struct vr_cluster *cluster, struct vr_id room, uint64_t *epoch);
/** Does the node live, as far as the directory knows? Any thread, no lock. */
bool cluster_alive(struct vr_cluster *cluster, uint32_t node);
/** It lives, as far as the directory knows, but nothing has come from it for longer than hellos
 * need: dead, stopped or cut off, long before its lease ends. Any thread, no lock. */
bool cluster_silent(struct vr_cluster *cluster, uint32_t node);
/** Has the node been heard since we came among the others? A node sends only to those whom it knows
 * and drops what strangers send: before that it may not have been told of us, whatever the
 * directory says of it. We ourselves: yes; 0: no. Any thread, no lock. */
bool cluster_met(struct vr_cluster *cluster, uint32_t node);
uint32_t cluster_self(const struct vr_cluster *cluster); /* any thread */

/** Posts a VR_MSG_CLUSTER; retains `bytes` (may be NULL). Any thread. */
void cluster_send_note(struct vr_cluster *cluster, struct vr_address from, struct vr_address to,
                       uint32_t type, uint64_t number, struct vr_blob *bytes);

/** The cluster of the system's node; NULL: it has none. Any thread. */
struct vr_cluster *cluster_of(const struct vr_system *system);
/** Durable rows of no room (API keys, revocations, deployment bans): put under deploy/, from where
 * every node has them within a second. VR_OK: etcd has them. VR_E_FROZEN: no way to etcd; it may
 * have them. Copies. Any thread; told on the cluster worker's. */
void cluster_deploy(struct vr_cluster *cluster, const struct cluster_row *rows, uint32_t count,
                    cluster_done_fn done, void *ctx);

/** Run `fn` on the cluster worker, from within its actor, in the order of the calls. False: the
 * worker has gone, or memory is out; `fn` is not called. Any thread. */
bool cluster_call(struct vr_cluster *cluster, void (*fn)(struct vr_cluster *cluster, void *ctx),
                  void *ctx);

/* --- of the copies half, for the directory half --- */

/** A new owner must have what was acknowledged before: `from` (0 or ourselves: the copy here) seals
 * the room (refuses epochs below `epoch` from then on) and gives what we lack, which is in LMDB
 * when `done` is told VR_OK. VR_E_TIMEOUT: it does not answer (within 1 s a try). VR_E_NOT_FOUND:
 * it has no such room; fine for one that is created now. Called on the cluster worker's thread;
 * told there. */
typedef void (*replica_seal_fn)(void *ctx, enum vr_err err);
void replica_seal(struct vr_cluster *cluster, struct vr_id room, uint64_t epoch, uint32_t from,
                  replica_seal_fn done, void *ctx);
/** Is there a copy here, and how new? Reads LMDB's head: any thread, quick. */
bool replica_has(struct vr_cluster *cluster, struct vr_id room, uint64_t *epoch,
                 uint64_t *revision);
/** People of the room whose sessions are on this node: rooms with people are taken first. Any
 * thread. */
uint32_t replica_people(struct vr_cluster *cluster, struct vr_id room);
/** In which this node owns the room; 0: it does not. Any thread. */
uint64_t replica_own_epoch(struct vr_cluster *cluster, struct vr_id room);
/** Durable rows as etcd has them, read after the seal: those that differ are written to LMDB in
 * `epoch`, before the room wakes. Borrows. Told on the cluster worker's thread. */
void replica_install(struct vr_cluster *cluster, struct vr_id room, uint64_t epoch,
                     const struct cluster_row *rows, uint32_t count, replica_seal_fn done,
                     void *ctx);
/** What the directory decided: we own the room from now on (rosters, marks, partner's snapshot), or
 * we don't any more (`epoch` 0). Cluster worker's thread. */
void replica_owned(struct vr_cluster *cluster, struct vr_id room, uint64_t epoch);
/** The room's actor has woken here, in an epoch that may be an old one: what it did last may have
 * been told to nobody, so sessions everywhere say that they are there. Any thread. */
void replica_woken(struct vr_cluster *cluster, struct vr_id room);
/** The nodes that live have changed. Cluster worker's thread. */
void replica_nodes_changed(struct vr_cluster *cluster);
/** VR_MSG_CLUSTER to this node's cluster actor of a type that is the copies half's. False: not of
 * its types. Borrows `msg`. */
bool replica_note(struct vr_cluster *cluster, struct vr_msg *msg);

/** The life of the copies half: with the cluster (vr_cluster_new makes `*records`, the vr_records
 * for vr_system_conf), and once the system is there. Its state hangs at vr_cluster.copies. */
VR_MUST_CHECK enum vr_err replicate_new(struct vr_cluster *cluster, struct vr_records **records);
void replicate_attach(struct vr_cluster *cluster);
void replicate_detach(struct vr_cluster *cluster);
/** The system is going, however it does: whoever waits for a commit is told VR_E_GONE now. */
void replicate_abandon(struct vr_cluster *cluster);
void replicate_free(struct vr_cluster *cluster);

/* --- the cluster itself --- */

struct cluster_member;
struct cluster_owners;
struct cluster_copies;
struct cluster_deploy;
struct cluster_rebalance;

struct vr_cluster {
    struct vr_cluster_conf conf; /* texts are copies, below */
    char name[64], region[32], url[256], control[128], bulk[128], link[128], curve_key[48],
        prefix[64];
    vr_time_us started_at;    /* wall clock */
    struct vr_system *system; /* since the attach */
    struct vr_worker *worker; /* the cluster worker */
    struct vr_kv *kv;         /* NULL after the detach */
    struct vr_transport *transport;
    struct vr_actor *actor; /* the cluster actor while it is open */

    /* any thread, no lock */
    _Atomic int state;           /* enum vr_cluster_state */
    _Atomic vr_time_us deadline; /* what we own holds until then; 0: nothing does */
    _Atomic uint64_t generation;
    _Atomic uint32_t joins;       /* grows each time that this node comes (back) among the others */
    _Atomic vr_time_us joined_at; /* when it did so last */
    _Atomic uint32_t stress_permille, participants; /* vr_cluster_set_load */
    struct cluster_view view;                       /* owners, partners, living nodes */

    /* any thread, under the lock: never held while calling anything else */
    pthread_mutex_t lock;
    struct vr_why why;                                  /* of VR_CLUSTER_REFUSED */
    struct vr_cluster_node nodes[VR_CLUSTER_NODES_MAX]; /* as told to administrators */
    uint32_t node_count;
    struct vr_list asked; /* the cluster worker's: struct asked.link, questions to etcd */
    struct vr_list calls; /* struct cluster_task.link */

    struct cluster_member *member;
    struct cluster_owners *owners;
    struct cluster_deploy *deploy;
    struct cluster_copies *copies;       /* the copies half's own */
    struct cluster_rebalance *rebalance; /* rebalance.c: the last one begun here; or NULL */
    struct cluster_gates *gates;         /* gates_held.c: those held now; or NULL */
};

#endif
