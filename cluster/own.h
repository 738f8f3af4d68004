/* own.h - inside the directory half of the cluster: membership, the mirror of etcd's keys, owners.
 *
 * All of it is the cluster worker's own. What the copies half may use stands in internal.h. */
#ifndef VR_CLUSTER_OWN_H
#define VR_CLUSTER_OWN_H

#include "cluster.pb-c.h"
#include "cluster/internal.h"
#include "cluster/keys.h"
#include "cluster/owners_rules.h"

#define LIST_AGAIN VR_SECONDS(60) /* watches are not trusted for longer */
#define LIST_SOON VR_SECONDS(2)
#define LATE VR_MS(500) /* a watch tells of what another node knows within this */
#define LATE_AGAIN VR_SECONDS(5)
#define RETRY VR_MS(200) /* after etcd said that it could not */
#define PENDING_MAX 512  /* messages that wait for one room's owner */

struct cluster_room;

/* ---- asked.c: calls to etcd; each answer is judged before anyone sees it ---- */

/** As vr_kv_ops.txn and .list. An answer of another etcd cluster, or of a revision below one that
 * we knew when we asked, makes the node refuse (member_refuse) and is told as VR_E_FROZEN. After
 * the detach nothing is told. */
void cluster_txn(struct vr_cluster *cluster, const struct vr_kv_txn *txn, vr_kv_done_fn done,
                 void *ctx);
void cluster_list(struct vr_cluster *cluster, struct vr_bytes prefix, vr_kv_done_fn done,
                  void *ctx);
/** The same for a room: told only if nothing threw the room back since (its `life`). The room stays
 * in memory until then. */
typedef void (*room_done_fn)(struct cluster_room *room, const struct vr_kv_result *result);
void room_txn(struct cluster_room *room, const struct vr_kv_txn *txn, room_done_fn done);
void room_list(struct cluster_room *room, struct vr_bytes prefix, room_done_fn done);
void asked_free_all(struct vr_cluster *cluster);

/* ---- mirror.c: one prefix of etcd, listed and watched ---- */

struct mirror_ops {
    /** A list is being read: each of its pairs is put, then `listed` is called, all in one go. */
    void (*begin)(struct vr_cluster *cluster);
    void (*put)(struct vr_cluster *cluster, const struct vr_kv_pair *pair);
    void (*gone)(struct vr_cluster *cluster, struct vr_bytes key, int64_t revision);
    /** What it did not name and was not changed after `revision` is gone. */
    void (*listed)(struct vr_cluster *cluster, int64_t revision);
    /** Listed again LIST_SOON after the first time: who comes when we do tells us nothing before we
     * know of him, should our watch be silent. */
    bool soon;
};
struct mirror {
    struct vr_cluster *cluster;
    const struct mirror_ops *ops;
    char prefix[128];
    void *watch;
    int64_t revision; /* everything up to here is known */
    int64_t newest;   /* of what was changed under it, as far as we know */
    int64_t expected; /* another node knows of a change at this revision */
    bool open, listing, complete;
    bool late; /* `expected` is waited for */
    struct vr_timer timer, late_timer;
    vr_time_us late_not_before; /* nor listed for that */
};
void mirror_open(struct mirror *mirror, struct vr_cluster *cluster, const char *name,
                 const struct mirror_ops *ops);
/** List anew, now. */
void mirror_again(struct mirror *mirror);
/** Another node knows of a change under this prefix at `revision`. When our watch does not tell of
 * it within LATE, it has gone silent, and all are listed anew, at most once in LATE_AGAIN. */
void mirror_expect(struct mirror *mirror, int64_t revision);
void mirror_close(struct mirror *mirror);

/* ---- member.c: lease, deadline, own record; member_nodes.c: the others ---- */

struct node_entry {
    uint32_t number; /* 0: free */
    char name[64], region[32], url[256], control[128], bulk[128], link[128], key[48], version[32];
    uint64_t incarnation;
    int64_t lease, mod;
    uint32_t media_workers, stress_permille, participants, rooms_owned;
    vr_time_us started_at; /* 0: its version does not tell */
    bool draining;
    bool listed;         /* named by the list that is being read */
    vr_time_us heard_at; /* its last hello */
    bool valid;          /* it said so then */
    uint64_t link_incarnation;
    uint32_t link_confirmed; /* generation of our key that it has; 0: none yet */
    vr_time_us link_renew_at;
};

enum member_stage {
    MEMBER_OUT,
    MEMBER_READING,
    MEMBER_GRANTING,
    MEMBER_REGISTERING,
    MEMBER_IN,
    MEMBER_REFUSED
};

struct cluster_member {
    enum member_stage stage;
    bool asked;    /* vr_cluster_join was called */
    bool draining; /* our record says so */
    bool dirty;    /* our record is to be written anew */
    bool restored; /* refused: etcd has forgotten what we knew of it */
    bool misfit;   /* refused: a node is there that we cannot talk with (member_version.c) */
    bool told_joined;
    bool keep_tried;  /* member_keep.c: over a death of the process */
    bool kept;        /* the lease is the one of the process before */
    int64_t keep_mod; /* its record, to be written over; 0: there is none to be */
    bool to_claim;    /* we ran alone until now, or etcd was adopted: our rooms are news to it */
    uint64_t incarnation, cluster_id;
    int64_t lease, own_mod, revision, saved_revision;
    vr_time_us ttl, lease_sent_at, written_at, saved_at;
    bool renewing;
    struct vr_timer timer, hello_timer;
    struct mirror nodes_mirror, generation_mirror;
    struct node_entry nodes[VR_CLUSTER_NODES_MAX];
    uint32_t numbered[VR_CLUSTER_NODES_MAX]; /* all that ever joined, as of our own joining */
    uint32_t numbered_count;
    struct link_gone {
        uint32_t number; /* 0: a free place */
        vr_time_us at;   /* its keys are forgotten then */
    } links_gone[VR_CLUSTER_NODES_MAX];
    bool drained_told; /* logged once */
    struct vr_timer drain_timer;
    struct adopt *adopt; /* under way; admin.c */
};

void member_start(struct vr_cluster *cluster, void *ctx); /* a cluster_call */
void member_refuse(struct vr_cluster *cluster, enum vr_err err, const char *why);
/** Our lease is dead or our key is not ours: frozen at once, then registered anew. */
void member_lost(struct vr_cluster *cluster, const char *why);
void member_renew(struct vr_cluster *cluster);
void member_register(struct vr_cluster *cluster); /* our record, under the lease that is there */
void member_out(struct vr_cluster *cluster);      /* it came to nothing: look again soon */
/* member_restored.c */
/** The generation says that somebody has found etcd restored, and nobody has adopted it yet. */
bool member_is_marked(const struct vr_kv_pair *generation);
void member_mark_restored(struct vr_cluster *cluster);
/** Who ever joined, from what is read before joining. */
void member_note_numbered(struct vr_cluster *cluster, const struct vr_kv_result *result);
/** So long after we joined that whoever has a newer copy than ours is here too, or will not come.
 */
bool member_has_gathered(struct vr_cluster *cluster);
/* member_version.c */
#define CLUSTER_PROTOCOL 1u /* grows when the version before could not read us any more */
uint32_t member_protocol(const struct vr_cluster *cluster);
/** False, and this node is refused: one is there that is neither of our version nor of one beside
 * it. Looked at again each second. */
bool member_versions_fit(struct vr_cluster *cluster, const struct vr_kv_result *result);
bool member_is_lively(const struct vr_cluster *cluster);
void member_renew_soon(struct vr_cluster *cluster);
void member_check_joined(struct vr_cluster *cluster);             /* are all mirrors complete? */
bool member_pack(struct vr_cluster *cluster, struct vr_buf *out); /* our record */
void member_save(struct vr_cluster *cluster);
bool member_is_valid(struct vr_cluster *cluster);

/* member_keep.c: over a death of the process */
void member_keep_save(struct vr_cluster *cluster);
/** True: on its way in with the lease of the process before. */
bool member_keep_try(struct vr_cluster *cluster, const struct vr_kv_pair *record);

extern const struct mirror_ops member_nodes_ops, member_generation_ops;
struct node_entry *member_node(struct vr_cluster *cluster, uint32_t number);
void member_nodes_publish(struct vr_cluster *cluster);
/** Another etcd, or one that was restored: what is read next is newer, whatever its revision. */
void member_nodes_renumbered(struct vr_cluster *cluster);
void member_hello_start(struct vr_cluster *cluster);
void member_on_hello(struct vr_cluster *cluster, uint32_t node, struct vr_bytes bytes);
void member_frame_from(struct vr_cluster *cluster,
                       uint32_t node); /* whatever it says: it is there */
/** The living nodes as the rules want them; returns how many. */
uint32_t member_places(struct vr_cluster *cluster, struct owners_place *out, uint32_t max);

/* ---- link_keys.c: speech links ---- */

void link_keys_put(struct vr_cluster *cluster, struct node_entry *node);
/** It is forgotten 5 s later, unless it is back. */
void link_keys_gone(struct vr_cluster *cluster, uint32_t number);
/** With each hello: those whose time is over. */
void link_keys_forget(struct vr_cluster *cluster, vr_time_us now);
/** A list named all nodes: who went while this process was being started is known of no longer. */
void link_keys_listed(struct vr_cluster *cluster);
void link_keys_tick(struct vr_cluster *cluster, struct node_entry *node, vr_time_us now);
void link_keys_note(struct vr_cluster *cluster, struct vr_msg *msg);

/* ---- gates_held.c: what an owner opens, and a mark of this node's journal keeps closed ---- */

/** A message from another node to a shard of this one, before it is handed in: a gate that opens
 * for somebody whom a mark silences is shut in `msg`, and handed in as it came once no mark of his
 * waits any more. Does nothing to other messages. */
void gates_hold(struct vr_cluster *cluster, struct vr_msg *msg);
void gates_detach(struct vr_cluster *cluster); /* none is handed in any more */
void gates_free(struct vr_cluster *cluster);

/* ---- owners*.c ---- */

enum room_stage {
    ROOM_AT_REST,    /* nothing is under way here; another's, or nobody's */
    ROOM_FINDING,    /* the directory is read for it */
    ROOM_TAKING,     /* the transaction is under way */
    ROOM_SEALING,    /* ours; the one in sync is asked */
    ROOM_READING,    /* durable rows */
    ROOM_INSTALLING, /* ... into the store */
    ROOM_SYNCING,    /* the in-sync list names us */
    ROOM_OURS,
    ROOM_MOVING,  /* to be handed over: its actor stops */
    ROOM_LEAVING, /* the transaction of a release or a hand-over is under way */
};

struct room_sync {
    bool known, idle;
    uint32_t owner, partner;
    uint64_t epoch;
    int64_t mod;
};
struct room_head {
    int64_t mod; /* 0: there is none */
    uint64_t epoch, revision;
};

struct cluster_room {
    struct vr_list link; /* cluster_owners.buckets */
    struct vr_cluster *cluster;
    struct vr_id id;
    enum room_stage stage;
    uint32_t life; /* grows when the stage is thrown back: answers to older questions are nothing */

    /* as etcd has it, as far as we know */
    bool owner_listed, sync_listed; /* named by the list that is being read */
    uint32_t owner;
    uint64_t owner_incarnation;
    int64_t owner_mod; /* also of the deletion */
    int64_t sync_mod;  /* also of the deletion */
    char reason[96];
    struct room_sync sync;
    struct room_head head;

    /* ours */
    uint64_t epoch;
    bool wanted;         /* take it when nobody owns it */
    bool creating;       /* somebody waits to create it */
    bool from_other;     /* another node sent us here: don't send it on */
    bool exists;         /* of a release */
    uint32_t move_to;    /* hand over to this node; 0: release */
    vr_time_us lost_at;  /* its owner went; 0: not */
    vr_time_us begun_at; /* we own it since, and wait for what was acknowledged before */
    uint32_t tries;
    uint32_t seal_tries, seal_from;
    bool to_wake;             /* people or a life under way: it must not wait for a message */
    struct vr_list questions; /* struct question.link: asked of other nodes */
    struct {                  /* of heads, when nobody in sync answers */
        uint32_t waiting, node;
        uint64_t epoch, revision;
    } newest;
    struct vr_timer timer;
    struct vr_list pending; /* struct waiting.link */
    uint32_t pending_count;
    struct vr_list durables; /* struct durable.link; durable.c */
    bool durable_busy;
    bool head_unsure; /* a write has an unknown outcome: read before the next one */
    uint32_t asked;   /* answers that will come: it stays in memory */
};

/** A room's actor that has been given an epoch and has not closed since; under vr_cluster.lock. */
struct awake {
    struct vr_list link; /* cluster_owners.awake */
    struct vr_id id;
    uint64_t epoch;
    bool resting; /* it has closed; a message may wake it before the directory hears of it */
    bool exists;
    bool closed; /* disowned, and gone: nothing of it is under way here */
};

#define OWNER_BUCKETS 1024
struct cluster_owners {
    struct vr_list buckets[OWNER_BUCKETS]; /* cluster_room.link */
    struct vr_list awake;                  /* struct awake.link; under vr_cluster.lock */
    uint32_t room_count, ours_count, in_flight, pending_count;
    struct mirror owners_mirror, sync_mirror;
    struct vr_list claims, claims_sent; /* struct claim.link; claim.c */
    uint32_t claims_in_flight;
};

enum vr_err owners_new(struct vr_cluster *cluster);
void owners_free(struct vr_cluster *cluster);
void owners_open(struct vr_cluster *cluster);
void owners_close(struct vr_cluster *cluster);
void owners_detach(struct vr_cluster *cluster); /* no answer means anything any more */
struct cluster_room *owners_find(struct vr_cluster *cluster, struct vr_id id);
struct cluster_room *owners_get(struct vr_cluster *cluster, struct vr_id id); /* or a new one */
/** Forget it if it says nothing any more. */
void owners_forget(struct cluster_room *room);
void owners_publish(struct cluster_room *room); /* into the view */
void owners_each(struct vr_cluster *cluster, void (*fn)(struct cluster_room *room, void *ctx),
                 void *ctx);
/** Our ownership is over, all of it: nothing may be answered any more. */
void owners_lost_all(struct vr_cluster *cluster);
void owners_node_gone(struct vr_cluster *cluster);
void owners_set_reason(struct cluster_room *room, const char *reason);
/** For administrators: why it is where it is. Any thread. */
void owners_reason(struct vr_cluster *cluster, struct vr_id room, char *out, size_t size);
uint64_t owners_epoch(struct vr_cluster *cluster, int64_t revision);

/* owners_read.c: what etcd says about one room, into the struct */
void owners_read_owner(struct cluster_room *room, const struct vr_kv_pair *pair);
void owners_read_sync(struct cluster_room *room, const struct vr_kv_pair *pair);
/** Its key is the one of the process before this one, whose lease we keep: ours to take. */
bool owners_was_ours(const struct cluster_room *room);
bool owners_parse_key(struct vr_cluster *cluster, struct vr_bytes key, const char *folder,
                      struct vr_id *out);
extern const struct mirror_ops owners_owner_ops, owners_sync_ops;

/* owners_take.c */
void take_find(struct cluster_room *room);
void take_consider(struct cluster_room *room); /* nobody owns it: when do we take it? */
void take_settled(struct cluster_room *room, enum vr_err err); /* tell who waits */
void take_stop(struct cluster_room *room);                     /* throw back to rest */

/* claim.c: rooms that we have and the directory doesn't know */
void claim_rooms(struct vr_cluster *cluster);
void claims_free(struct vr_cluster *cluster);

/* questions.c: to other nodes, about a room. Told once, or never when the room is thrown back. */
void question_seal(struct cluster_room *room, uint32_t from,
                   void (*done)(struct cluster_room *room, enum vr_err err));
void question_install(struct cluster_room *room, const struct cluster_row *rows, uint32_t count,
                      void (*done)(struct cluster_room *room, enum vr_err err));
void question_heads(struct cluster_room *room, void (*done)(struct cluster_room *room));
void question_on_head_get(struct vr_cluster *cluster, struct vr_msg *msg);
/** At the very end, when nobody can answer any more. */
void questions_free(struct cluster_room *room);

/* owners_own.c: from the transaction to the room's waking */
void own_begin(struct cluster_room *room, uint64_t epoch);
void own_end(struct cluster_room *room, const char *why); /* it is another's, or we are frozen */
void own_read_head(struct cluster_room *room, const struct vr_kv_pair *pair);
void own_on_timer(struct cluster_room *room);
/** vr_room_services.take and .release; any thread. */
enum vr_err own_wake(struct vr_cluster *cluster, struct vr_id id, uint64_t *epoch);
bool own_rests(struct vr_cluster *cluster, struct vr_id id, uint64_t epoch, bool exists);
/** It has closed and was not woken since: nobody wakes it any more in that epoch. */
bool own_take_rest(struct vr_cluster *cluster, struct vr_id id, uint64_t epoch, bool *exists);
void own_closed(struct vr_cluster *cluster, struct vr_id id, uint64_t epoch);
bool own_is_awake(struct vr_cluster *cluster, struct vr_id id, uint64_t *epoch);

/* owners_move.c: release, hand over, drain */
void move_released(struct vr_cluster *cluster, struct vr_id id, uint64_t epoch);
void move_hand_over(struct cluster_room *room, uint32_t to);
void move_on_timer(struct cluster_room *room);
/** Our record says that we drain: go on until nothing is left. */
void move_drain_run(struct vr_cluster *cluster);

/* durable.c */
void durable_end(struct cluster_room *room, enum vr_err err); /* tell all that wait */
void durable_run(struct cluster_room *room);

/* ---- route.c ---- */

/** Takes `msg`. From `node` (0: of this node itself). */
void route_wait(struct vr_cluster *cluster, struct vr_msg *msg, uint32_t node);
void route_flush(struct cluster_room *room);                  /* to the owner, as known now */
void route_pass_on(struct cluster_room *room, uint32_t node); /* let that node take it */
void route_drop(struct cluster_room *room); /* nobody is told: the system is gone */
void route_refuse(struct cluster_room *room, enum vr_err err); /* or to the copy here */
enum vr_err route_send(struct vr_cluster *cluster, uint32_t node, struct vr_msg *msg);
void route_refuse_msg(struct vr_cluster *cluster, struct vr_msg *msg, enum vr_err err);

/* ---- admin.c: what administrators ask ---- */
void admin_on_note(struct vr_cluster *cluster, struct vr_msg *msg);
/* rebalance.c */
void rebalance_on_note(struct vr_cluster *cluster, const struct vr_msg *msg);
void rebalance_free(struct vr_cluster *cluster);
void move_drain(struct vr_cluster *cluster, bool force, void (*done)(void *ctx, enum vr_err err),
                void *ctx);
void move_undrain(struct vr_cluster *cluster);

/* ---- deploy.c, adopt.c ---- */
enum vr_err deploy_new(struct vr_cluster *cluster);
void deploy_open(struct vr_cluster *cluster);
void deploy_again(struct vr_cluster *cluster); /* as mirror_again */
void deploy_close(struct vr_cluster *cluster);
void deploy_free(struct vr_cluster *cluster);
bool deploy_complete(const struct vr_cluster *cluster);

#endif
