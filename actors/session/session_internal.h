/* session_internal.h - what the files of this folder share; nobody else includes it.
 *
 * A session's memory lives from vr_session_join to the turn after it is gone; whoever waits for an
 * answer keeps the id, not the pointer, and looks it up again. Everything runs on the session's own
 * worker. */
#ifndef VR_SESSION_SESSION_INTERNAL_H
#define VR_SESSION_SESSION_INTERNAL_H

#include "actors/base/list.h"
#include "actors/messages/hearing.h"
#include "actors/runtime/env.h"
#include "actors/session/session.h"
#include "actors/session/session_state.h"

#define PEERS_MAX 2      /* the one in use and, during a restart or resume, the next */
#define HELD_MAX 256     /* events kept back while a join is answered */
#define RATE_MESSAGES 50 /* in RATE_WINDOW; beyond: 4029 */
#define RATE_WINDOW VR_SECONDS(5)
/* A new peer without a socket that is not up by then is lost. */
#define PEER_UP_WITHIN VR_SECONDS(15)
#define CLOSED_EXPLAINED_WITHIN VR_MS(500)
#define ROOM_TIMEOUT VR_SECONDS(6)
#define PEER_TIMEOUT VR_SECONDS(3)
#define COMMAND_TIMEOUT VR_SECONDS(10)
#define TOLD_WITHIN VR_SECONDS(30)
#define BUCKETS_MIN 64u
#define REVIEW_EVERY VR_MS(100)         /* has anything been withdrawn, or anybody banned? */
#define REGISTER_EVERY 100              /* reviews */
#define DRAIN_AT_ONCE 20                /* sessions that move at the same time */
#define DRAIN_MOVE_WITHIN VR_SECONDS(1) /* who has not moved by then makes room for the next */
#define DRAIN_AGAIN VR_SECONDS(5)
#define STAYING_UNKNOWN 0xffffffu /* they were not looked at yet */
#define RESUME_VALID_S ((int64_t)12 * 3600)

struct session_peer {
    struct vr_id id; /* zero: unused */
    uint32_t shard;
    enum vr_peer_state state;
    vr_time_us opened;
};

struct session_table {
    struct session **buckets; /* sessions by id, linked by `next`; NULL: none yet */
    uint32_t bucket_count;    /* a power of two */
    struct vr_list ops;       /* op.link: questions under way */
    struct vr_list dead;      /* session.dead_link: to be freed */
    uint32_t count;           /* atomic: read by metrics */
    struct vr_timer review;   /* armed from the first session on */
    struct vr_worker *worker;
    uint64_t withdrawals; /* as of the last review that saw all sessions */
    uint32_t reviews;
    bool draining;    /* at the last review */
    uint32_t staying; /* atomic: in a drain, whose client is still here */
    struct session_door *door;
};

struct session {
    struct session *next; /* of the same bucket */
    struct vr_list dead_link;
    struct vr_id id;
    struct session_table *table;
    struct vr_worker *worker;
    const struct vr_env *env;
    enum vr_session_state state; /* moved by session_move only */
    bool actor_open;             /* an actor of this address lives: it must be stopped at the end */
    bool joining;                /* a join or resume of this session is under way */
    bool moving;     /* the place is another node's session's until our peer is up: move.c */
    bool announcing; /* announce.c */
    bool restored;   /* over a restart, and nobody has shown an access token for it since */
    bool resumed;    /* the JOIN of a new session was a RESUME: undone by LOST, not LEAVE */

    struct vr_id room;
    struct vr_actor_identity who;
    uint32_t acts; /* commands made: their order within this generation */
    struct vr_id user_hint;
    struct vr_id token_ref; /* of the access token behind this place */
    uint32_t shard;         /* where the room knows this session */
    enum vr_role role;
    uint64_t epoch;
    uint64_t sequence; /* of the last state the client knows */

    struct session_peer peers[PEERS_MAX];
    struct vr_peer_conf media; /* of the newest offer: what a resume without one is told */
    uint32_t answers;          /* SDP answers written */
    vr_time_us drain_told;     /* when its client was told to move; 0: not in this drain */
    bool media_lost_told;
    vr_time_us
        media_lost_due; /* not told before: whoever closed the peer may be about to say why */

    const struct vr_socket_ops *ops;
    void *socket;        /* NULL: none */
    struct vr_list held; /* held_event.link */
    uint32_t held_count;

    vr_time_us rate_start;
    uint32_t rate_count;
    struct vr_timer timer; /* peer never up; grace over; freed */
};

/** A question under way, on the heap; freed by op_done. Owners embed it as first member. */
struct op {
    struct vr_list link; /* session_table.ops */
    struct session_table *table;
    struct vr_worker *worker;
    struct vr_id session;
    void (*free)(struct op *op);
};

/* table.c */
const struct vr_env *session_env(struct vr_worker *worker);
struct session_table *session_table_of(struct vr_worker *worker);
struct session *session_find(struct vr_worker *worker, struct vr_id id);
struct session *session_new(struct vr_worker *worker);
/** With an id that it had before; it must be of this worker and not be there. */
struct session *session_new_as(struct vr_worker *worker, struct vr_id id);
/** Unlinked now, freed in a later turn. */
void session_bury(struct session *session);
void op_start(struct op *op, struct session *session, void (*free)(struct op *op));
struct session *op_session(const struct op *op); /* NULL: it has gone meanwhile */
void op_done(struct op *op);

/* door.c */
struct session_door *session_door_new(void); /* NULL when memory is out */
void session_door_free(struct session_door *door);
/** May this person come in with a new peer? 0: yes. Else he shall ask again after so many
 * milliseconds. */
uint32_t session_door_ask(struct vr_worker *worker, bool resume, struct vr_id person,
                          struct vr_id room);
/** A room has answered a join after `took`. */
void session_door_answered(struct vr_worker *worker, vr_time_us took);
/** Adds to `out`; any thread. */
void session_door_stats(const struct session_door *door, struct vr_sessions_door *out);

/* session.c */
/** Make the move of the table; false when it is not in it (logged at debug). */
bool session_move(struct session *session, enum vr_session_event event);
/** Close sockets (4002, `why`) and peers (unless `keep_media`), then bury. */
void session_over(struct session *session, const char *why, bool keep_media);
/** After each change of socket or media: is anybody left? Arms the timer. */
void session_look(struct session *session);
struct vr_command *session_command(struct session *session, enum vr_command_kind kind,
                                   const char *request_id);
/** Post a command to the room without waiting for its answer. */
void session_tell_room(struct session *session, enum vr_command_kind kind, bool flag);

/* remote.c */
/** Its address as all nodes know it. */
struct vr_address session_address(struct vr_worker *worker, struct vr_id id);
/** Tell the replica of this node that the session is of its room, or is no more: events of an owner
 * elsewhere reach it that way. Alone: nothing. */
void session_register(const struct session *session, bool there);

/* ask.c */
/** Ask the room; takes `command`, always. In a cluster its owner may be changing: what was lost on
 * the way or refused for that is asked again with the same command id, which has no second effect,
 * until `timeout` is over. Told once, as by vr_ask. */
void session_ask_room(struct session *session, struct vr_command *command, vr_time_us timeout,
                      vr_reply_fn reply, void *ctx);

/* move.c */
/** The new peer is up: take the place, which ends the session on the other node. */
void session_take_over(struct session *session);
/** The new peer did not come up: nothing was taken, nothing is told. */
void session_move_failed(struct session *session);

/** server:draining, with the node to go to. */
void session_tell_draining(struct session *session);

/* announce.c */
/** Tell the room that this session lives; one whose place is gone for good ends (4002). */
void session_announce(struct session *session);

/* repair.c */
/** The shard wants this transport's client to do that; `verdict` says what is broken. */
void session_repair(struct session *session, struct vr_id peer, enum vr_repair_act act,
                    uint8_t verdict);

/* review.c */
void session_review_start(struct session_table *table, struct vr_worker *worker);

/* screen.c */
/** A name or a line of chat through the node's word filter. VR_OK, and `masked` has something where
 * it must be used instead; VR_E_UNPROCESSABLE. */
VR_MUST_CHECK enum vr_err session_screen(const struct vr_session_services *services,
                                         const char *what, const char *text, struct vr_buf *masked,
                                         struct vr_why *why);
/** The name of who comes in, masked if need be. */
VR_MUST_CHECK enum vr_err session_screen_name(const struct vr_session_services *services,
                                              struct vr_actor_identity *who, struct vr_why *why);

/* client.c */
void session_send_answer(struct session *session, const struct vr_client_msg *asked,
                         const struct vr_answer *answer);

/* sound_clock.c */
/** Answers when what this client hears was said; takes what `asked` owns. */
void session_sound_clock(struct session *session, struct vr_client_msg *asked);

/* socket.c */
void session_send(struct session *session, struct vr_blob *text);
void session_close_socket(struct session *session, uint16_t code, const char *reason);
void session_event(struct session *session, const struct vr_msg *msg);
void session_flush_held(struct session *session, bool deliver);
void session_media_lost(struct session *session);

/* peers.c */
bool session_media_up(const struct session *session);
bool session_has_peer(const struct session *session); /* up, or on its way */
/** When the youngest peer not yet up is given up; VR_NEVER: there is none. */
vr_time_us session_media_expected(const struct session *session);
struct session_peer *session_peer_find(struct session *session, struct vr_id peer);
/** A free place; the older of two is closed for it. */
struct session_peer *session_peer_place(struct session *session);
void session_peer_state(struct session *session, struct vr_id peer, enum vr_peer_state state);
void session_peer_close(struct session *session, struct session_peer *peer);
void session_peers_close(struct session *session);

/* remote.c */
bool session_is_remote(const struct vr_worker *worker, struct vr_id session);
void session_remote_restart(struct vr_worker *worker, struct vr_id session, const char *user,
                            struct vr_bytes sdp, vr_joined_fn joined, void *ctx);
/** A command that another worker sent here on behalf of this session's client. */
void session_serve(struct session *session, const struct vr_msg *msg);

/* answer.c */
struct join_answer {
    const struct vr_answer *room;
    const struct vr_blob *sdp; /* NULL: resumed without an offer */
    const char *resume_token;
};
struct vr_blob *session_answer_json(const struct session *session,
                                    const struct join_answer *answer);
VR_MUST_CHECK enum vr_err session_resume_token(const struct session *session, char out[288]);

#endif
