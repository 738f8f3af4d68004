/* cluster.h - a node's part in the cluster, as nodes/ and simulations make it.
 *
 *     vr_cluster        what any thread may ask: who owns a room, does our ownership still hold,
 * who is alive cluster actor     VR_ACTOR_CLUSTER on the cluster worker: membership, lease, owners,
 * takes, hand-overs (member.c, owners.c), and the way out of and into the node (route.c) replica
 * actor     VR_ACTOR_REPLICA on a control worker: this node's copy of one room (replica.c), kept
 * for shards that live here, for the in-sync partner's duty, and for acts without a valid owner
 * (marks.c) cluster records   a vr_records that adds to each commit of a room the in-sync partner's
 * confirmation and, for durable rows, the transaction in the directory (replicate.c)
 *
 * All of it runs on actors, timers and messages of the runtime and on two interfaces (kv.h,
 * transport.h), so that a simulation runs these very objects. */
#ifndef VR_CLUSTER_CLUSTER_H
#define VR_CLUSTER_CLUSTER_H

#include "actors/runtime/system.h"
#include "cluster/kv.h"
#include "cluster/transport.h"

struct vr_cluster;
struct vr_records;
struct vr_links;

#define VR_CLUSTER_NODES_MAX 64

struct vr_cluster_conf {
    uint32_t number; /* of this node, 1 .. 2^24-1: random, made once, kept in its store (nodes/); it
                      * is known before the system is made, since asks and shards carry it. Claimed
                      * at the join by a transaction on numbers/<n>; another name has it: REFUSED,
                      * `why` says so and nodes/ makes another one for the next start */
    const char *name;   /* of this node, unique in the cluster; copied */
    const char *prefix; /* of all keys: "/voiceroom/" */
    const char *region; /* "" is fine */
    const char *url;    /* for clients: its public base address */
    const char
        *control; /* for other nodes: transport endpoints and the address of the speech links */
    const char *bulk;
    const char *link;          /* "[fd00::3]:7500": of media worker 0, the others follow */
    const char *curve_key;     /* public, Z85 */
    const char *version;       /* of this program */
    uint32_t protocol;         /* between nodes; 0: the one that this program speaks */
    uint64_t link_incarnation; /* of this life of the process; `links` know their own */
    struct vr_links *links;    /* link.h: the cluster tells it the peers and their keys; borrowed;
                                  NULL: no speech */
    uint32_t media_workers;
    const struct vr_clock *clock; /* `now` is CLOCK_BOOTTIME here: a pause of the machine counts */
    const struct vr_random *random;
    struct vr_records *local; /* LMDB; borrowed */
    vr_time_us lease_ttl;     /* 0: 6 s */
    vr_time_us take_after;    /* by rank, 0: 300 ms */
    vr_time_us sync_silent;   /* a partner silent for so long is replaced; 0: 1 s */
    bool goes_on; /* the process before this one died a moment ago, and what it kept is there: its
                   * lease and its rooms stay here, if the lease still lives (member_keep.c) */
    /** Has every worker of this node ticked within 2 s? The lease is renewed only then. Called on
     * the cluster worker's thread; NULL: always. */
    bool (*lively)(void *ctx);
    /** A node was seen for the first time, or with another address. Cluster worker's thread; may be
     * NULL. */
    void (*seen)(void *ctx, const char *url);
    /** Durable rows of no room as all nodes have them now were changed by another one (keys,
     * revocations, deployment bans): they are in the local store when this is called. Cluster
     * worker's thread; may be NULL. */
    void (*deployed)(void *ctx);
    void *ctx; /* for the two above */
};

/** Before the system: nothing is sent yet. `*records` is what vr_system_conf.records is to be
 * (borrowed, lives as long as the cluster). Errors: VR_E_NO_MEMORY, VR_E_BAD_REQUEST. */
VR_MUST_CHECK enum vr_err vr_cluster_new(const struct vr_cluster_conf *conf,
                                         struct vr_cluster **out, struct vr_records **records);
/** After the system has gone. */
void vr_cluster_free(struct vr_cluster *cluster);

/** The system is made, nothing turns yet on its cluster worker. Called on that worker's thread (the
 * loop's `opened`), since both back ends live on its loop. Takes `kv` and `transport`: closed on
 * the same thread by vr_cluster_detach. */
void vr_cluster_attach(struct vr_cluster *cluster, struct vr_system *system, struct vr_kv *kv,
                       struct vr_transport *transport);
/** The cluster worker stops: leaves politely if it can (revokes the lease), closes both. That
 * worker's thread. */
void vr_cluster_detach(struct vr_cluster *cluster);
/** What the transport calls with each frame (vr_frame_fn with ctx = cluster). Cluster worker's
 * thread. */
void vr_cluster_frame(void *cluster, uint32_t node, enum vr_frame_lane lane, struct vr_bytes frame);

/** Where clients reach this node, when that is known only now. Before the join. */
void vr_cluster_set_url(struct vr_cluster *cluster, const char *url);
/** As vr_cluster_conf.goes_on, when that is known only now. Before the join. */
void vr_cluster_goes_on(struct vr_cluster *cluster);
/** Ask to join: register, list, watch. Any thread, once. Until vr_cluster_state says JOINED the
 * node serves nobody. */
void vr_cluster_join(struct vr_cluster *cluster);

enum vr_cluster_state {
    VR_CLUSTER_OUT,     /* not yet, or never */
    VR_CLUSTER_JOINED,  /* lease valid */
    VR_CLUSTER_FROZEN,  /* past the deadline, or own key gone: nothing is owned validly */
    VR_CLUSTER_REFUSED, /* another cluster id, a lower revision, a newer schema: `why` says */
};
enum vr_cluster_state vr_cluster_state(struct vr_cluster *cluster,
                                       struct vr_why *why); /* any thread */
uint32_t vr_cluster_self(const struct vr_cluster *cluster); /* this node's number */
/** Until the deadline of what this node owns; 0: past it. Any thread. */
vr_time_us vr_cluster_lease_left(struct vr_cluster *cluster);

/** vr_system_conf.route: takes a message that is for another node, or whose owner must be found
 * first. */
enum vr_err vr_cluster_route(void *cluster, struct vr_msg *msg);
/** vr_room_services.take: the epoch in which this node owns the room now. VR_E_FROZEN,
 * VR_E_CONFLICT (another owns it). */
enum vr_err vr_cluster_take(void *cluster, struct vr_id room, uint64_t *epoch);
/** vr_room_services.release: the room's actor has closed by itself; its ownership ends unless it is
 * taken again before. Any thread. */
void vr_cluster_release(void *cluster, struct vr_id room, uint64_t epoch, bool exists);
/** vr_room_services.closed. */
void vr_cluster_closed(void *cluster, struct vr_id room, uint64_t epoch);

/** As vr_room_services.life. Any thread. */
uint64_t vr_cluster_life(void *cluster, uint32_t node);
/** As vr_room_services.contact. Any thread. */
uint64_t vr_cluster_contact(void *cluster, uint32_t node);
/** Does this node's ownership of the room in this epoch hold right now? At dispatch and again
 * before the answer; any thread, no lock. */
bool vr_cluster_holds(void *cluster, struct vr_id room, uint64_t epoch);

/** Classes for vr_system_conf.classify; they find their cluster by the function that nodes gives.
 */
const struct vr_actor_class *vr_cluster_class(void);
const struct vr_actor_class *vr_replica_class(void);
/** vr_system_context -> cluster: set once per process before any system, the same for all
 * (simulations too). */
void vr_cluster_set_lookup(struct vr_cluster *(*of)(const struct vr_system *system));

/* --- for administrators: docs/openapi.yaml, /v1/cluster, /v1/nodes --- */

struct vr_cluster_node {
    uint32_t number;
    char name[64];
    char region[32];
    char url[256];
    char version[32];
    bool alive, draining, self;
    uint32_t rooms_owned, participants;
    uint32_t stress_permille; /* load that placement counts */
    vr_time_us started_at;    /* its process, by its own wall clock; 0: not known */
};
/** At most `max` nodes, oldest number first; returns how many. Any thread. */
uint32_t vr_cluster_nodes(struct vr_cluster *cluster, struct vr_cluster_node *out, uint32_t max);

struct vr_cluster_owner {
    uint32_t node; /* 0: nobody now */
    uint64_t epoch;
    uint32_t in_sync; /* 0: nobody */
    char reason[96];  /* why it is there: "created here", "in sync when node b was lost", ... */
};
bool vr_cluster_owner(struct vr_cluster *cluster, struct vr_id room, struct vr_cluster_owner *out);
/** The owner's number alone; 0: nobody now. Cheap. Any thread. */
uint32_t vr_cluster_owner_node(struct vr_cluster *cluster, struct vr_id room);
/** Rooms that have an owner, on whichever node, as far as this one knows: at most `max`, in the
 * order of their ids; returns how many. Any thread. */
uint32_t vr_cluster_rooms(struct vr_cluster *cluster, struct vr_id *out, uint32_t max);

/** Drain: no new rooms, owners handed over, participants told to move one by one. Told when it has
 * begun (asked again while it goes on: the same), or refused: VR_E_CONFLICT the last node, without
 * `force`. How far it is: vr_cluster_nodes. Any thread; `done` on the cluster worker's. */
void vr_cluster_drain(struct vr_cluster *cluster, uint32_t node, bool force,
                      void (*done)(void *ctx, enum vr_err err), void *ctx);
void vr_cluster_undrain(struct vr_cluster *cluster, uint32_t node,
                        void (*done)(void *ctx, enum vr_err err), void *ctx);
/** After a restore of etcd: raise the generation, show and merge newer records. */
void vr_cluster_adopt(struct vr_cluster *cluster, void (*done)(void *ctx, enum vr_err err),
                      void *ctx);

/* Spread the rooms anew: owners are handed over, one by one and at most four a second. */
enum vr_cluster_move_state {
    VR_CLUSTER_MOVE_PLANNED,
    VR_CLUSTER_MOVE_RUNS,
    VR_CLUSTER_MOVE_DONE,
    VR_CLUSTER_MOVE_SKIPPED, /* at its turn it was not as when it was planned */
    VR_CLUSTER_MOVE_FAILED,  /* the owner did not give it away within 10 s */
};
struct vr_cluster_move {
    struct vr_id room;
    uint32_t from, to;
    char reason[96];
    enum vr_cluster_move_state state;
};
#define VR_CLUSTER_MOVES_MAX 1000 /* in one go */

/** What would be handed over now. Any thread. */
uint32_t vr_cluster_rebalance_plan(struct vr_cluster *cluster, struct vr_cluster_move *out,
                                   uint32_t max);
/** Begin: told VR_OK when it is planned and runs, VR_E_IN_PROGRESS while one runs already,
 * VR_E_FROZEN. Any thread; `done` on the cluster worker's. */
void vr_cluster_rebalance(struct vr_cluster *cluster, void (*done)(void *ctx, enum vr_err err),
                          void *ctx);
/** The hand-overs of the last one that was begun here, in order. Any thread. */
uint32_t vr_cluster_rebalance_progress(struct vr_cluster *cluster, struct vr_cluster_move *out,
                                       uint32_t max);

/** A safety act that was done without a valid owner and waits for the next one. */
struct vr_cluster_mark {
    struct vr_id room, command;
    enum vr_command_kind kind;  /* MUTE, KICK or BAN */
    vr_participant_id target;   /* 0: of target_user */
    vr_participant_id silenced; /* whose gates it closed there; 0: nobody's */
    char target_user[VR_USER_MAX + 1];
    vr_participant_id by; /* 0: not from the room */
    char by_user[VR_USER_MAX + 1];
    char by_name[VR_NAME_MAX + 1];
    char reason[257];
    uint32_t node; /* where it was done */
    uint64_t epoch;
    vr_time_us at;
};
/** Those that this node did or was told of, by room; until `each` says false. Any thread. */
VR_MUST_CHECK enum vr_err
vr_cluster_marks(struct vr_cluster *cluster,
                 bool (*each)(void *ctx, const struct vr_cluster_mark *mark), void *ctx);
/** Does one of them silence him, as participant or as user ("": not known)? Also true when that
 * cannot be read: a mark only closes. Any thread. */
bool vr_cluster_marked(struct vr_cluster *cluster, struct vr_id room, vr_participant_id participant,
                       const char *user);

/** Is this node being drained, and do the others know (its record says so)? Any thread. */
bool vr_cluster_draining(struct vr_cluster *cluster);
/** This node's load, from metrics, once a second: placement. */
void vr_cluster_set_load(struct vr_cluster *cluster, uint32_t stress_permille,
                         uint32_t participants);

#endif
