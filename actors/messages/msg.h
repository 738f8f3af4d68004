/* msg.h - everything that passes between actors, on one worker or between nodes.
 *
 * A message owns what its pointers show; vr_msg_clear frees it. Kinds are marked with the lane they
 * travel in (control is never dropped but refused when full; media drops its oldest, counted), and
 * with their scope: a wire kind has a protobuf form (messages/envelope.h), a local kind never
 * leaves the process. */
#ifndef VR_MESSAGES_MSG_H
#define VR_MESSAGES_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/clock.h"
#include "actors/base/err.h"
#include "actors/messages/address.h"
#include "actors/messages/command.h"
#include "actors/messages/peer.h"

enum vr_lane { VR_LANE_CONTROL, VR_LANE_MEDIA };
enum vr_scope { VR_SCOPE_LOCAL, VR_SCOPE_WIRE };

/* clang-format off */
#define VR_MSG_MAP(X)                                                                              \
    /* kind                lane     scope    who -> whom, what */                                  \
    X(VR_MSG_COMMAND,      CONTROL, WIRE)  /* session, edge -> room: an ask */                     \
    X(VR_MSG_ANSWER,       CONTROL, WIRE)  /* room -> asker */                                     \
    X(VR_MSG_EVENT,        CONTROL, WIRE)  /* room -> subscribers: one event, as JSON */           \
    X(VR_MSG_GATE,         CONTROL, WIRE)  /* room -> shard: one participant's gate; may be asked */ \
    X(VR_MSG_GATE_DONE,    CONTROL, WIRE)  /* shard -> room: reply to an asked gate */             \
    X(VR_MSG_SHARD_SET,    CONTROL, WIRE)  /* room -> shard: the shards of this room */            \
    X(VR_MSG_SHARD_CLOSE,  CONTROL, WIRE)  /* room -> shard: the room has ended or sleeps */       \
    X(VR_MSG_SPEAKERS,     CONTROL, WIRE)  /* shard -> room: who speaks, and time spoken */        \
    X(VR_MSG_PEER_OPEN,    CONTROL, LOCAL) /* session -> shard: an ask */                          \
    X(VR_MSG_PEER_OPENED,  CONTROL, LOCAL) /* shard -> session: reply */                           \
    X(VR_MSG_PEER_CLOSE,   CONTROL, LOCAL) /* session -> shard */                                  \
    X(VR_MSG_PEER_STATE,   CONTROL, LOCAL) /* shard -> session */                                  \
    X(VR_MSG_STORED,       CONTROL, LOCAL) /* journal -> room: a commit's outcome */               \
    X(VR_MSG_SUMMARY,      CONTROL, WIRE)  /* room -> lobby: live counts */                        \
    X(VR_MSG_RELAY,        MEDIA,   LOCAL) /* shard -> shard of one room on another worker: speech */ \
    X(VR_MSG_SHARD_LEVELS, MEDIA,   WIRE)  /* shard -> shard: holders, levels; shard_summary.c */   \
    X(VR_MSG_DRAIN,        CONTROL, LOCAL) /* node -> any: finish what runs, then close */         \
    X(VR_MSG_PING,         CONTROL, WIRE)  /* anyone: an ask that measures */                      \
    X(VR_MSG_PONG,         CONTROL, WIRE)                                                          \
    X(VR_MSG_CLUSTER,      CONTROL, WIRE)  /* between nodes, rooms and replicas: cluster/cluster.proto */ \
    X(VR_MSG_CLUSTER_DONE, CONTROL, WIRE)  /* the reply to an asked one */
/* clang-format on */

enum vr_msg_kind {
#define X(name, lane, scope) name,
    VR_MSG_MAP(X)
#undef X
        VR_MSG_KINDS
};

const char *vr_msg_name(enum vr_msg_kind kind); /* "COMMAND" ... for logs and traces */
enum vr_lane vr_msg_lane(enum vr_msg_kind kind);
enum vr_scope vr_msg_scope(enum vr_msg_kind kind);

/** A relayed packet: an Opus frame of one participant with what a shard's choice needs to know. */
#define VR_RELAY_PAYLOAD_MAX 1280
struct vr_relay {
    uint32_t refs; /* atomic */
    struct vr_id room;
    uint32_t origin_shard;
    uint8_t hops;
    vr_participant_id participant;
    uint32_t generation;
    uint64_t index;     /* the speaker's own extended sequence: ROC << 16 | seq */
    uint32_t timestamp; /* the speaker's own, 48 kHz */
    uint8_t level;      /* RFC 6464: 0 loudest .. 127 silence */
    bool voice;
    bool marker;
    uint16_t size;
    uint8_t payload[VR_RELAY_PAYLOAD_MAX];
};

#define VR_SHARDS_MAX 64
/* Of a version: made while the owner was silent; whatever the owner sends stands above it. */
#define VR_SHARD_SET_PROVISIONAL ((uint64_t)1 << 63)

struct vr_shard_set {
    uint32_t refs; /* atomic; immutable once sent */
    uint64_t epoch;
    uint64_t version;
    uint32_t count;
    uint32_t shards[VR_SHARDS_MAX]; /* vr_address.sub of each */
};

struct vr_speaker {
    vr_participant_id participant;
    uint32_t spoke_ms; /* since the last report */
    uint8_t level;     /* smoothed, RFC 6464 */
    bool holds_slot;
};

/** as.note.type of the notes that are sent from below cluster/: a session tells the replica of its
 * own node that it is of this room (and again now and then: the replica may have been restarted),
 * and when it is no more. `from` names it. */
#define VR_NOTE_SESSION 32u
#define VR_NOTE_SESSION_GONE 33u
/* A replica to its sessions: the room has an owner, tell him you live. */
#define VR_NOTE_OWNER 34u

/** Asked of a shard: what it knows of its transports, as JSON (media/diagnosis.c). */
#define VR_NOTE_DIAGNOSIS 35u
/** Asked of a shard: when was said what listeners hear (messages/sound_clock.h). The bytes of the
 * question are the peer that hears (16), or none; of the answer, a sound clock. */
#define VR_NOTE_SOUND_CLOCK 36u
/** Asked of another node's lobby: which rooms of yours does this list show? (nodes/list_far.c) */
#define VR_NOTE_LISTING 37u

struct vr_msg {
    enum vr_msg_kind kind;
    struct vr_address to;
    struct vr_address from; /* of an ask: VR_ACTOR_ASK; reply by vr_reply */
    uint64_t epoch;         /* of the room's owner who sent it; 0 where none applies */
    vr_time_us deadline;    /* asks: after it nobody waits any more; VR_NEVER otherwise */
    union {
        struct vr_command *command; /* COMMAND: owned */
        struct vr_answer *answer;   /* ANSWER: owned */
        struct {
            uint64_t sequence;
            vr_participant_id only; /* 0: for everybody */
            bool last; /* the session is over after this one (kicked, banned, ended, replaced) */
            bool media_goes_on;   /* with `last`: the peer stays (a newer socket took over) */
            struct vr_id session; /* to a replica: for this session alone; zero: for all there */
            struct vr_blob *json; /* one reference */
        } event;
        struct {
            vr_participant_id participant;
            uint32_t generation;
            uint64_t version; /* grows with each change of this gate; a lower one is ignored */
            bool may_send;    /* way in: role and mutes allow speech */
            bool may_hear;    /* way out; false: kicked, banned, gone */
            bool gone;        /* forget the participant and close his peers */
        } gate;               /* GATE, GATE_DONE */
        struct vr_shard_set *shard_set; /* SHARD_SET: one reference */
        struct {
            uint32_t count;
            struct vr_speaker items[VR_SPOKE_MAX];
            bool deaf; /* SHARD_LEVELS: nobody hears there now, speech need not be sent */
        } speakers;    /* SPEAKERS, SHARD_LEVELS */
        struct vr_peer_conf *peer; /* PEER_OPEN: owned */
        struct {
            struct vr_id peer;
            enum vr_err err;
        } peer_opened;
        struct {
            struct vr_id peer;
        } peer_close;
        struct {
            struct vr_id peer;
            vr_participant_id participant;
            enum vr_peer_state state;
            uint8_t repair;  /* enum vr_repair_act: not NONE: the client is to do this */
            uint8_t verdict; /* what for: enum vr_hearing_verdict */
        } peer_state;
        struct {
            uint64_t ticket;
            enum vr_err err;
            uint64_t revision; /* the room's, after the commit */
        } stored;
        struct {
            struct vr_id room;
            uint32_t participants;
            uint32_t speakers;
            uint32_t hands;
            bool live;            /* false: forget it */
            struct vr_blob *json; /* names of who is on stage, for the list of rooms; may be NULL */
        } summary;
        struct vr_relay *relay; /* RELAY: one reference */
        uint64_t number;        /* PING, PONG */
        struct {
            uint32_t type;         /* cluster.proto, enum NoteType: what `bytes` is */
            uint64_t number;       /* of the kind's own use: a ticket, a revision */
            enum vr_err err;       /* DONE: the outcome */
            struct vr_blob *bytes; /* one reference; may be NULL */
        } note;                    /* CLUSTER, CLUSTER_DONE */
    } as;
};

/** Free what the message owns and zero it. */
void vr_msg_clear(struct vr_msg *msg);

/** Fresh relay or shard set with one reference; NULL when memory is out. The media path uses a pool
 *  instead (media/relay_pool.h) and never this. */
struct vr_shard_set *vr_shard_set_new(void);
struct vr_shard_set *vr_shard_set_retain(struct vr_shard_set *set);
void vr_shard_set_release(struct vr_shard_set *set);
struct vr_relay *vr_relay_new(void);
struct vr_relay *vr_relay_retain(struct vr_relay *relay);
void vr_relay_release(struct vr_relay *relay);

#endif
