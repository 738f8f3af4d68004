/* peers.c - the media transports of a session: one, and a second while the first is replaced. */
#include "actors/session/session_internal.h"

bool session_media_up(const struct session *session)
{
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        if (!vr_id_is_zero(session->peers[i].id) && session->peers[i].state == VR_PEER_UP) {
            return true;
        }
    }
    return false;
}

bool session_has_peer(const struct session *session)
{
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        if (!vr_id_is_zero(session->peers[i].id)) {
            return true;
        }
    }
    return false;
}

vr_time_us session_media_expected(const struct session *session)
{
    vr_time_us latest = VR_NEVER;

    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        const struct session_peer *peer = &session->peers[i];

        if (vr_id_is_zero(peer->id) ||
            (peer->state != VR_PEER_NEW && peer->state != VR_PEER_CHECKED)) {
            continue;
        }
        if (latest == VR_NEVER || peer->opened + PEER_UP_WITHIN > latest) {
            latest = peer->opened + PEER_UP_WITHIN;
        }
    }
    return latest;
}

struct session_peer *session_peer_find(struct session *session, struct vr_id peer)
{
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        if (!vr_id_is_zero(peer) && vr_id_equal(session->peers[i].id, peer)) {
            return &session->peers[i];
        }
    }
    return NULL;
}

void session_peer_close(struct session *session, struct session_peer *peer)
{
    struct vr_msg msg = {.kind = VR_MSG_PEER_CLOSE,
                         .to = vr_shard_address(session->room, peer->shard),
                         .from = session_address(session->worker, session->id),
                         .deadline = VR_NEVER};

    if (vr_id_is_zero(peer->id)) {
        return;
    }
    msg.as.peer_close.peer = peer->id;
    vr_system_post(vr_worker_system(session->worker), &msg);
    peer->id = (struct vr_id){0};
}

void session_peers_close(struct session *session)
{
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        session_peer_close(session, &session->peers[i]);
    }
}

struct session_peer *session_peer_place(struct session *session)
{
    struct session_peer *worst = &session->peers[0];

    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        struct session_peer *peer = &session->peers[i];

        if (vr_id_is_zero(peer->id)) {
            return peer;
        }
        /* Of two, the one that carries sound stays: the other was a restart that came to nothing.
         */
        if (worst->state == VR_PEER_UP &&
            (peer->state != VR_PEER_UP || peer->opened < worst->opened)) {
            worst = peer;
        }
    }
    session_peer_close(session, worst);
    return worst;
}

/** A newer peer is up: what was before it has done its service. */
static void close_older(struct session *session, const struct session_peer *up)
{
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        struct session_peer *peer = &session->peers[i];

        if (peer != up && peer->opened <= up->opened) {
            session_peer_close(session, peer);
        }
    }
}

void session_peer_state(struct session *session, struct vr_id id, enum vr_peer_state state)
{
    struct session_peer *peer = session_peer_find(session, id);

    if (peer == NULL) {
        return; /* of a peer closed meanwhile */
    }
    peer->state = state;
    switch (state) {
    case VR_PEER_UP:
        close_older(session, peer);
        break;
    case VR_PEER_CLOSED: /* by the server, not by the network: a kick closes before it is stored */
        session->media_lost_due = vr_worker_now(session->worker) + CLOSED_EXPLAINED_WITHIN;
        session_peer_close(session, peer);
        break;
    case VR_PEER_FAILED:
        session_peer_close(session, peer);
        break;
    case VR_PEER_NEW:
    case VR_PEER_CHECKED:
    case VR_PEER_SILENT:
        break;
    }
    session_look(session);
}
