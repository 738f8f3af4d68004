/* session.h - one client's signalling, as an actor on a control worker: it joins a room for a
 * client, gives the SDP answer, carries messages both ways, survives a lost socket by its resume
 * token.
 *
 * The socket itself (h2o, nodes/ws.h) is attached through a table of functions; a session without a
 * socket (WHIP, WHEP, a join by POST whose WebSocket has not come yet) lives as long as its media
 * does. States (session.c has the table): JOINING, LIVE, LOST, GONE. */
#ifndef VR_SESSION_SESSION_H
#define VR_SESSION_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/err.h"
#include "actors/messages/command.h"
#include "actors/messages/peer.h"
#include "actors/runtime/env.h"
#include "actors/runtime/system.h"
#include "actors/wire/client_json.h"

/** A socket that belongs to one session at most. Called on the session's worker only. */
struct vr_socket_ops {
    /** Queue one text message; takes a reference of its own. False: its queue is full, it will be
     * closed. */
    bool (*send)(void *socket, struct vr_blob *text);
    /** Close with a WebSocket code (RFC 6455, 7.4) and reason; `detached` will not be called for
     * it. */
    void (*close)(void *socket, uint16_t code, const char *reason);
};

/** The sessions of one node, a table per control worker. One per system: made before it, freed
 * after it. */
struct vr_sessions;
struct vr_sessions *vr_sessions_new(uint32_t control_workers); /* NULL when memory is out */
void vr_sessions_free(struct vr_sessions *sessions);
/** Live sessions of all workers; any thread, for metrics. */
uint32_t vr_sessions_count(const struct vr_sessions *sessions);
/** Of these, while their node is drained: whose client is still here. Any thread. */
uint32_t vr_sessions_staying(const struct vr_sessions *sessions);

/** Who comes in, of all workers; any thread, for metrics. */
struct vr_sessions_door {
    uint32_t rate;    /* joins a second that are let in at most, now; 0: no bound, or nobody came */
    uint64_t put_off; /* joins and resumes that were told to ask again later */
};
void vr_sessions_door(const struct vr_sessions *sessions, struct vr_sessions_door *out);

/** What a word filter says; VR_SCREEN_MASKED: the text to use instead was appended. */
enum vr_screened { VR_SCREEN_FINE, VR_SCREEN_MASKED, VR_SCREEN_REFUSED };

/** What sessions need of their node; found in vr_env.session_services. */
struct vr_session_services {
    /** Least loaded place for a new peer of `room`: a shard number (on one node: media worker
     * index). */
    uint32_t (*place)(void *ctx, struct vr_id room);
    void *ctx;
    /** Is the access token withdrawn that this stands for (vr_resume.token_ref)? NULL: none is. */
    bool (*withdrawn)(void *ctx, struct vr_id token_ref);
    /** Grows with each withdrawal and ban: then the sessions are looked at, and those whose token
     * is withdrawn (4001), or who are banned (room:banned, 4002), end within 100 ms. NULL: they are
     *  never looked at. */
    uint64_t (*withdrawals)(void *ctx);
    /** Base addresses of the nodes that a client may go to beside those of vr_env:
     *  how many were written. NULL: vr_env's are all. */
    uint32_t (*nodes)(void *ctx, char out[VR_NODE_URLS_MAX][256]);
    struct vr_sessions *sessions; /* must be set */
    uint32_t node; /* this node's number in a cluster, where `place` returns vr_shard_number(node,
                      worker); 0 alone */
    /** Base address of the node to which a client of this room is to move when this one drains;
     * false: any other that it knows. NULL: none is named. */
    bool (*move_to)(void *ctx, struct vr_id room, char *url, size_t size);
    /** Is this node being drained? Then each session's client is told once, and again after a
     * while, a few every 100 ms. NULL: never. */
    bool (*draining)(void *ctx);
    /** Is this person, by the hash in resume tokens, or this address ("": not to be judged) banned
     * from the whole deployment? NULL: nobody is. */
    bool (*banned)(void *ctx, struct vr_id user_hint, const char *address, struct vr_why *why);
    /** Judge a name or a line of chat. NULL: all are fine. */
    enum vr_screened (*screen)(void *ctx, const char *text, struct vr_buf *masked);
    /** With a new peer, per control worker; fewer while it runs late (admission.h). 0: no bound. */
    uint32_t joins_per_second_max;
};

/** A line of chat, and what a room is called (title, topic, description, tags, its creator's name)
 * through the word filter: masked in place; other commands pass. VR_E_UNPROCESSABLE: refused. */
VR_MUST_CHECK enum vr_err vr_session_screen(const struct vr_session_services *services,
                                            struct vr_command *command, struct vr_why *why);

/** The class for VR_ACTOR_SESSION. A message never makes a session: one for a stranger's id is
 * answered VR_E_GONE (asks) or dropped. VR_MSG_DRAIN tells the client `server:draining`. The
 * system's `place` must send VR_ACTOR_SESSION addresses to vr_session_worker_index. */
const struct vr_actor_class *vr_session_class(void);

/** What a join or resume asks, from HTTP or WebSocket. Everything borrowed. */
struct vr_join_request {
    struct vr_id room;
    struct vr_actor_identity identity; /* judged by the edge */
    const struct vr_client_msg
        *msg; /* body: sdp, capabilities, resume token, passcode; may be NULL with `sdp` */
    struct vr_bytes sdp; /* WHIP: the offer, when `msg` is NULL */
    const char *request_id;
    struct vr_id token_ref; /* stands for the access token that the identity is from */
    bool resume; /* the token in `msg` says who; identity.user may be "" (judged by the token alone)
                  */
    bool whip;   /* plain SDP in and out: no JSON, no participant list */
    struct vr_trace trace; /* for whom; zero: not traced */
};

/** Told once. On VR_OK `json` is the whole join answer (docs/protocol.md, "Join answer"), `sdp` the
 * SDP answer alone, `session` names it. On an error `answer` carries the sentence. Borrowed. */
struct vr_join_result {
    enum vr_err err;
    const struct vr_answer *answer;
    struct vr_id session;
    const char *resume_token; /* as in `json`: for vr_session_attach; "" on an error */
    struct vr_blob *json;
    struct vr_blob *sdp; /* NULL after a resume without an offer */
};
typedef void (*vr_joined_fn)(void *ctx, const struct vr_join_result *result);

/** Make a session on this (control) worker and join. Deadline 10 s. Worker's own thread. `joined`
 * may run before the return (refusals; VR_E_BUSY with retry_after_ms: too many come at once).
 * Events that come between the room's answer and `joined` are held back; attach a socket inside
 * `joined`, after the answer was queued on it, and they follow in order. */
void vr_session_join(struct vr_worker *worker, const struct vr_join_request *request,
                     vr_joined_fn joined, void *ctx);

/** Bind a socket to a live session of this worker; an older socket is closed with 4000 "replaced by
 * a newer socket". Errors: VR_E_GONE, VR_E_UNAUTHORIZED (the resume token does not fit the
 * session). */
VR_MUST_CHECK enum vr_err vr_session_attach(struct vr_worker *worker, struct vr_id session,
                                            const char *resume_token,
                                            const struct vr_socket_ops *ops, void *socket);
/** The socket has closed by itself. */
void vr_session_detached(struct vr_worker *worker, struct vr_id session, void *socket);
/** One parsed message of the attached client; takes it (deinit included). Answers go out by the
 * socket. */
void vr_session_client_msg(struct vr_worker *worker, struct vr_id session,
                           struct vr_client_msg *msg, const char *request_id);
/** DELETE of a WHIP or session resource: leave. VR_E_NOT_FOUND when it is not of this worker.
 * `user` must be its own. */
VR_MUST_CHECK enum vr_err vr_session_delete(struct vr_worker *worker, struct vr_id session,
                                            const char *user);
/** The same wherever the session lives; `left` is told once, maybe before the return. */
typedef void (*vr_session_left_fn)(void *ctx, enum vr_err err);
void vr_session_leave(struct vr_worker *worker, struct vr_id session, const char *user,
                      vr_session_left_fn left, void *ctx);
/** ICE restart by a new offer; answers with the new SDP by `joined` (json NULL). */
void vr_session_restart_ice(struct vr_worker *worker, struct vr_id session, const char *user,
                            struct vr_bytes sdp, vr_joined_fn joined, void *ctx);

/** At the start of a node, before its first turn and before any client: the session of a transport
 * that outlived the process before this one, as its shard has it (restore.c). Two transports of one
 * session may be told. It has no socket yet; with its transport it lives and ends.
 *  Errors: VR_E_BAD_REQUEST not a session of this worker; VR_E_EXISTS; VR_E_NO_MEMORY. */
VR_MUST_CHECK enum vr_err vr_session_restore(struct vr_worker *worker,
                                             const struct vr_peer_conf *conf, uint32_t shard);
/** Does this session run here, with this place? For a room that comes back from the store on the
 * same worker: who is there was never away. */
bool vr_session_lives(struct vr_worker *worker, struct vr_id session, vr_participant_id participant,
                      uint32_t generation);

/** Look at this worker's sessions now, because of a withdrawal or a ban: those that must end have
 * closed their media when it returns (a shard on another thread follows within a message's way). */
void vr_session_review(struct vr_worker *worker);

/** Sessions are placed on a control worker by their id: with several workers HTTP hands requests
 * over. Which index is it? */
uint32_t vr_session_worker_index(const struct vr_system *system, struct vr_id session);

#endif
