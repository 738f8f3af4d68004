/* restore.c - a session whose process died and whose transport did not.
 *
 * Made again from what the transport's shard keeps (messages/peer.h), before anybody is let in:
 *
 *     shard's record -> session, live, without a socket -> the shard is asked to go on with it
 *                                                       -> the room is told that it lives
 *
 * Its client finds it by the resume token that he has. What his access token granted was not kept:
 * until he shows one again he has what the room gave him. */
#include "actors/session/session_internal.h"

#include <stdlib.h>

#include "actors/base/log.h"

/* Of acts, higher than in any life before: nobody does 16 a second for long (RATE_MESSAGES). */
#define ACTS_A_SECOND 16u
#define ACTS_SINCE_S 1735689600 /* 2025: good for eight years */

struct adoption {
    struct op op; /* first */
    struct vr_id peer;
};

static void free_adoption(struct op *op)
{
    free(op);
}

static void on_adopted(void *ctx, enum vr_err err, struct vr_msg *answer)
{
    struct adoption *adoption = ctx;
    struct session *session = op_session(&adoption->op);
    struct session_peer *peer = session == NULL ? NULL : session_peer_find(session, adoption->peer);

    if (err == VR_OK && answer->kind == VR_MSG_PEER_OPENED) {
        err = answer->as.peer_opened.err;
    }
    op_done(&adoption->op);
    if (peer != NULL && err != VR_OK && err != VR_E_TIMEOUT) { /* a worker that hangs: it may */
        session_peer_close(session, peer);
    }
    if (session != NULL) {
        session_look(session);
    }
}

/* With no ufrag of its own it is not made when it is not there. */
static void adopt(struct session *session, const struct vr_peer_conf *conf, uint32_t shard)
{
    struct vr_msg msg = {.kind = VR_MSG_PEER_OPEN, .to = vr_shard_address(session->room, shard)};
    struct adoption *adoption = calloc(1, sizeof(*adoption));

    msg.as.peer = malloc(sizeof(*msg.as.peer));
    if (adoption == NULL || msg.as.peer == NULL) {
        free(adoption);
        free(msg.as.peer);
        return; /* nobody adopts it: its shard closes it after a while, and tells */
    }
    *msg.as.peer = *conf;
    msg.as.peer->ufrag[0] = '\0';
    adoption->peer = conf->peer;
    op_start(&adoption->op, session, free_adoption);
    vr_ask(session->worker, &msg, PEER_TIMEOUT, on_adopted, adoption);
}

static void take_record(struct session *session, const struct vr_peer_conf *conf, uint32_t shard)
{
    session->room = conf->room;
    session->shard = shard;
    session->who.participant = conf->participant;
    session->who.generation = conf->generation;
    session->user_hint = conf->user_hint;
    session->token_ref = conf->token_ref;
    session->media = *conf;
}

static uint32_t acts_of_now(struct vr_worker *worker)
{
    const struct vr_clock *clock = vr_system_clock(vr_worker_system(worker));
    int64_t seconds = clock->wall(clock->ctx) / 1000000 - ACTS_SINCE_S;

    return seconds < 0 ? 0 : (uint32_t)seconds * ACTS_A_SECOND;
}

static struct session *make(struct vr_worker *worker, const struct vr_peer_conf *conf)
{
    struct session *session = session_new_as(worker, conf->session.id);

    if (session != NULL) {
        session->restored = true;
        session->role = VR_ROLE_LISTENER; /* until the room has said more */
        session->acts = acts_of_now(worker);
        session->table->withdrawals = UINT64_MAX; /* some may have come in between: look at all */
        (void)session_move(session, VR_SESSION_EV_JOINED);
    }
    return session;
}

/* It died while one transport took over from another: the later one has the session. */
static bool is_older(const struct session *session, const struct vr_peer_conf *conf)
{
    return conf->generation < session->who.generation ||
           vr_id_equal(session->media.restarts, conf->peer);
}

static void age_peers(struct session *session)
{
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        session->peers[i].opened--;
    }
}

enum vr_err vr_session_restore(struct vr_worker *worker, const struct vr_peer_conf *conf,
                               uint32_t shard)
{
    struct session *session = NULL;
    struct session_peer *place = NULL;
    struct vr_address here = session_address(worker, conf->session.id);
    bool made = false;
    bool older = false;

    if (conf->session.kind != VR_ACTOR_SESSION || !vr_address_equal(conf->session, here) ||
        session_is_remote(worker, conf->session.id) || conf->participant == 0 ||
        vr_id_is_zero(conf->peer) || vr_id_is_zero(conf->room)) {
        return VR_E_BAD_REQUEST;
    }
    session = session_find(worker, conf->session.id);
    made = session == NULL;
    if (made) {
        session = make(worker, conf);
    }
    if (session == NULL) {
        return VR_E_NO_MEMORY;
    }
    if (!made && (!session->restored || !vr_id_equal(session->room, conf->room) ||
                  session_peer_find(session, conf->peer) != NULL)) {
        return VR_E_EXISTS;
    }
    older = !made && is_older(session, conf);
    if (!older) {
        age_peers(session);
        take_record(session, conf, shard);
    }
    place = session_peer_place(session);
    *place = (struct session_peer){.id = conf->peer,
                                   .shard = shard,
                                   .state = VR_PEER_UP,
                                   .opened = vr_worker_now(worker) - (older ? 1 : 0)};
    adopt(session, conf, shard);
    if (made) {
        session_register(session, true);
        session_announce(session);
    }
    return VR_OK;
}

bool vr_session_lives(struct vr_worker *worker, struct vr_id id, vr_participant_id participant,
                      uint32_t generation)
{
    const struct session *session = session_is_remote(worker, id) ? NULL : session_find(worker, id);

    return session != NULL && session->state == VR_SESSION_LIVE && !session->moving &&
           session->who.participant == participant && session->who.generation == generation;
}
