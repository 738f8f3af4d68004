/* ice.c - connectivity checks: who is proved, on which path, and whether he still wants to hear
 * from us. */
#include "actors/media/shard_internal.h"

static bool password_of(void *ctx, struct vr_bytes ufrag, struct vr_bytes *password)
{
    struct vr_engine *engine = ctx;
    uint32_t peer = vr_peers_by_ufrag(engine, ufrag);

    engine->checked = peer;
    if (peer == VR_PEER_NONE) {
        return false;
    }
    *password = vr_bytes_of(engine->cold[peer].conf.pwd);
    return true;
}

/* ICE restart: the DTLS association and SRTP of the old transport go on here (RFC 8842, 4). */
static void take_over(struct vr_engine *engine, uint32_t peer)
{
    struct vr_id from = engine->cold[peer].conf.restarts;
    uint32_t old = vr_id_is_zero(from) ? VR_PEER_NONE : vr_peers_by_id(engine, from);
    struct vr_peer_live *live = &engine->live[peer];

    if (old == VR_PEER_NONE || old == peer || live->srtp != NULL || live->dtls != NULL ||
        !vr_peer_keyed(engine, old) || engine->live[old].shard != live->shard ||
        engine->cold[old].conf.participant != engine->cold[peer].conf.participant) {
        return;
    }
    live->srtp = engine->live[old].srtp;
    engine->live[old].srtp = NULL;
    engine->hot[peer].in_index = engine->hot[old].in_index;
    engine->hot[peer].in_started = engine->hot[old].in_started;
    engine->hot[peer].in_ssrc = engine->hot[old].in_ssrc;
    engine->hot[peer].rtcp_out = engine->hot[old].rtcp_out;
    memcpy(engine->hot[peer].slots, engine->hot[old].slots, sizeof engine->hot[old].slots);
    for (uint32_t k = 0; k < VR_SLOTS_MAX; k++) {
        engine->hot[peer].slots[k].run = 0; /* it may hear the slots in another way from now on */
    }
    memcpy(engine->hot[peer].ins, engine->hot[old].ins, sizeof engine->hot[old].ins);
    engine->hot[peer].in_count = engine->hot[old].in_count;
    engine->hot[peer].flight_over = 1;
    memcpy(live->floors, engine->live[old].floors, sizeof live->floors);
    live->floor_count = engine->live[old].floor_count;
    vr_keep_order(); /* a restart that finds both with keys lets this one go on (restore.c) */
    engine->cold[peer].keys = engine->cold[old].keys;
    vr_peer_up(engine, peer);
    vr_hearing_go_on(&live->hearing, &engine->live[old].hearing);
    vr_peer_move(engine, old, VR_PEER_CLOSED);
}

static void checked(struct vr_engine *engine, uint32_t peer, const struct vr_path *path,
                    bool nominated)
{
    struct vr_peer_hot *hot = &engine->hot[peer];
    bool bound = engine->cold[peer].tuple.family != 0;

    hot->checked_at = engine->now;
    /* The first valid check gives the path, later ones only by nomination: nothing else ever moves
     * a peer. A path that another peer has is taken from it by nomination only. */
    if ((!bound && vr_peers_by_path(engine, path) == VR_PEER_NONE) ||
        (nominated && (!bound || !vr_path_equal(path, &engine->live[peer].path)))) {
        vr_peers_bind(engine, peer, path);
        engine->unsettled_at = engine->now;
    }
    if (hot->state == VR_PEER_NEW) {
        vr_peer_move(engine, peer, VR_PEER_CHECKED);
    } else if (hot->state == VR_PEER_SILENT) {
        vr_peer_move(engine, peer, VR_PEER_UP);
    }
    if (nominated && hot->state == VR_PEER_CHECKED) {
        take_over(engine, peer);
    }
}

void vr_ice_input(struct vr_engine *engine, const struct vr_path *path, struct vr_bytes datagram)
{
    struct vr_stun_check check;
    enum vr_stun_verdict verdict;

    engine->stats.stun_in++;
    if (vr_probe_input(engine, path, datagram)) {
        return;
    }
    engine->checked = VR_PEER_NONE;
    verdict = vr_stun_input(engine->stun, datagram, &path->remote, password_of, engine, &check);
    if (verdict == VR_STUN_IGNORED || engine->checked == VR_PEER_NONE) {
        engine->stats.stun_bad++;
        return;
    }
    /* Never more than we were sent: a check may come with a forged source. */
    if (check.reply_size <= datagram.size) {
        vr_engine_send(engine, path, vr_bytes(check.reply, check.reply_size));
    }
    if (verdict == VR_STUN_CHECK) {
        checked(engine, engine->checked, path, check.use_candidate);
    }
}

bool vr_engine_knows(const struct vr_engine *engine, struct vr_bytes ufrag)
{
    return vr_peers_by_ufrag(engine, ufrag) != VR_PEER_NONE;
}
