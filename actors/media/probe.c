/* probe.c - asks transports whether they hear us, and has broken ones repaired: hearing.h and
 * repair.h at work in an engine.
 *
 * Not on the way of a packet: a look at each peer once a second, as for consent, and the few whose
 * answer is waited for in each tick. */
#include <stdio.h>

#include "actors/media/shard_internal.h"

#define BUSY_PERCENT 70 /* from here on a peer is asked every fourth second only, */
#define SELDOM 4        /* and so is who is spared (vr_packs_spare) */

static void ask(struct vr_engine *engine, uint32_t peer)
{
    const struct vr_peer_conf *conf = &engine->cold[peer].conf;
    struct vr_peer_live *live = &engine->live[peer];
    char username[2 * VR_UFRAG_MAX + 2];
    struct vr_stun_question question = {
        .username = username, .password = conf->peer_pwd, .tie = engine->hash_key};
    uint8_t datagram[VR_STUN_REPLY_MAX];
    size_t size;

    snprintf(username, sizeof username, "%s:%s", conf->peer_ufrag, conf->ufrag);
    memcpy(question.id, live->question, sizeof question.id);
    size = vr_stun_ask(engine->stun, &question, datagram);
    if (size > 0) {
        engine->stats.questions++;
        vr_engine_send(engine, &live->path, vr_bytes(datagram, size));
    }
}

/* ---- what follows ---- */

static void count_found(struct vr_engine_stats *stats, const struct vr_hearing *hearing)
{
    stats->found_away += hearing->verdict == VR_HEARING_AWAY;
    stats->found_deaf += hearing->verdict == VR_HEARING_DEAF;
    stats->found_dumb += hearing->verdict == VR_HEARING_DUMB;
}

static bool may_repair(struct vr_engine *engine)
{
    uint64_t milli = engine->repairs_milli;

    milli += (uint64_t)(engine->now - engine->repairs_at) * VR_REPAIRS_PER_SECOND / 1000;
    engine->repairs_milli =
        milli > VR_REPAIRS_BURST * 1000 ? VR_REPAIRS_BURST * 1000 : (uint32_t)milli;
    engine->repairs_at = engine->now;
    return engine->repairs_milli >= 1000;
}

static void repair(struct vr_engine *engine, uint32_t peer)
{
    struct vr_peer_live *live = &engine->live[peer];
    struct vr_repair *repair = &live->who->repair;
    bool ran = repair->broken_at != 0 && repair->last != VR_REPAIR_NONE;
    bool given_up = repair->given_up;
    enum vr_repair_act act =
        vr_repair_step(repair, engine->now, &live->hearing, may_repair(engine));

    engine->stats.repairs_cured += ran && repair->broken_at == 0;
    engine->stats.repairs_given_up += repair->given_up && !given_up;
    if (act == VR_REPAIR_NONE) {
        return;
    }
    engine->repairs_milli -= 1000;
    engine->stats.repairs_restart += act == VR_REPAIR_RESTART;
    engine->stats.repairs_rebuild += act == VR_REPAIR_REBUILD;
    live->shard->conf.ops->repair(live->shard->conf.ctx, &engine->cold[peer].conf, act,
                                  live->hearing.verdict);
}

static void judge(struct vr_engine *engine, uint32_t peer)
{
    struct vr_peer_live *live = &engine->live[peer];
    const struct vr_peer_hot *hot = &engine->hot[peer];
    vr_time_us life = hot->checked_at > hot->tokens_at ? hot->checked_at : hot->tokens_at;

    if (vr_hearing_judge(&live->hearing, engine->now, life)) {
        count_found(&engine->stats, &live->hearing);
    }
    if (vr_shard_is_active(live)) {
        repair(engine, peer);
    }
}

/* ---- when ---- */

/* Is this a second in which he is not asked? A question with its answer costs as much as three to
 * five packets. Who does not answer is asked on as ever: found within 2 s of the question. */
static bool passed_over(const struct vr_engine *engine, uint32_t peer)
{
    const struct vr_peer_live *live = &engine->live[peer];

    return (engine->rounds + peer) % SELDOM != 0 &&
           (engine->busy_percent >= BUSY_PERCENT || vr_packs_spare(live->shard, &live->listener));
}

void vr_probe_look(struct vr_engine *engine, uint32_t peer)
{
    const struct vr_peer_hot *hot = &engine->hot[peer];
    struct vr_peer_live *live = &engine->live[peer];
    uint32_t sent = 0;
    bool sends;

    for (uint32_t k = 0; k < VR_SLOTS_MAX; k++) {
        sent += hot->slots[k].packets;
        vr_hearing_sent(&live->hearing, k, hot->slots[k].packets);
    }
    /* Whether he answers at all is asked before the first word. */
    sends = (sent != live->sent_before || live->hearing.answered_at == 0) &&
            !passed_over(engine, peer) && engine->cold[peer].conf.peer_pwd[0] != 0 &&
            hot->hop.remote.any.sa_family != AF_UNSPEC;
    live->sent_before = sent;
    if (vr_hearing_ask(&live->hearing, engine->now, sends)) {
        engine->conf.random->fill(engine->conf.random->ctx, live->question, sizeof live->question);
        vr_list_remove(&live->asked);
        vr_list_push(&engine->asked, &live->asked);
        ask(engine, peer);
    }
    judge(engine, peer);
}

void vr_probe_tick(struct vr_engine *engine)
{
    VR_LIST_EACH(item, &engine->asked)
    {
        struct vr_peer_live *live = VR_OWNER(item, struct vr_peer_live, asked);

        if (live->hearing.asked_at == 0) {
            vr_list_remove(&live->asked);
            continue;
        }
        if (vr_hearing_repeat(&live->hearing, engine->now)) {
            ask(engine, live->index);
        }
        judge(engine, live->index);
    }
}

bool vr_probe_input(struct vr_engine *engine, const struct vr_path *path, struct vr_bytes datagram)
{
    const uint8_t *id = vr_stun_answers(datagram);
    uint32_t peer = id == NULL ? VR_PEER_NONE : vr_peers_by_path(engine, path);
    struct vr_peer_live *live;

    if (peer == VR_PEER_NONE) {
        return false;
    }
    live = &engine->live[peer];
    if (live->hearing.asked_at == 0 || memcmp(id, live->question, sizeof live->question) != 0) {
        return false; /* doubled, or the answer to a repeat of one that was answered */
    }
    engine->stats.questions_answered++;
    vr_hearing_answer(&live->hearing, engine->now - engine->waited);
    vr_list_remove(&live->asked);
    judge(engine, peer);
    return true;
}
