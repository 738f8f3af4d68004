/* join.h - a join, a resume or an ICE restart under way; for the files of this folder only. */
#ifndef VR_SESSION_JOIN_H
#define VR_SESSION_JOIN_H

#include "actors/session/session_internal.h"

enum way { WAY_JOIN, WAY_RESUME, WAY_RESTART };

struct join {
    struct op op; /* first */
    enum way way;
    bool whip;
    bool made;  /* the session was made for this: it goes when this fails */
    bool offer; /* there is a new peer */
    bool moves; /* the place is still another node's until the new peer is up */
    bool stays; /* it cannot be moved so: taken at once */
    vr_joined_fn joined;
    void *ctx;
    uint32_t generation; /* as the resume token has it */
    uint32_t shard;
    struct vr_peer_conf conf;
    struct vr_blob *sdp;
    struct vr_answer *room;
    char request_id[VR_REQUEST_ID_MAX + 1];
    char passcode[65];
    vr_time_us asked;      /* the room */
    struct vr_trace trace; /* of who asked; zero: not traced */
};

/* join_offer.c */
/** Read the offer, write the answer: all that needs nobody else. `msg` may be NULL (WHIP, restart).
 */
VR_MUST_CHECK enum vr_err join_prepare_peer(struct join *join, struct session *session,
                                            struct vr_bytes text, const struct vr_client_msg *msg,
                                            struct vr_why *why);

/* join.c */
void join_free(struct op *op);
/** The end of a join that failed: the session is as before, or gone. `text` NULL: the error's own.
 */
void join_fail(struct join *join, enum vr_err err, const char *text);
void join_ask_room(struct join *join, struct session *session);
void join_open_peer(struct join *join, struct session *session);

#endif
