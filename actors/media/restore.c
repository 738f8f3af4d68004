/* restore.c - a new process over what a dead one left: shards, gates, transports and slots as they
 * were, before the first packet is read. Each record is judged by itself; one that is torn, out of
 * range or of a join that was under way is dropped and wiped, the others go on.
 *
 * Nothing is decrypted or derived here: 5000 peers are to be back within milliseconds. Contexts of
 * libsrtp are made when the first packet asks for them (vr_restore_contexts). */
#include <stdlib.h>

#include "actors/media/shard_internal.h"

#define ADOPT_WITHIN VR_SECONDS(10)
#define DEATHS_MAX 2
#define RTCP_PRIME_MAX 65536 /* about 60 ms; 3 days of reports: beyond it no more are sent */
#define LATE_MAX VR_MS(500)  /* a packet under way for longer is of no use any more */

/* ---- shards and gates ---- */

static bool shard_is_sound(const struct vr_keep_shard *record)
{
    return record->used == 1 && record->sum == vr_keep_shard_sum(record) &&
           record->slots <= VR_SLOTS_MAX;
}

static enum vr_err shards_back(struct vr_engine *engine, struct vr_shard **shards)
{
    struct vr_keep_part *kept = &engine->kept;

    for (uint32_t i = 0; i < kept->head->shards_high; i++) {
        struct vr_keep_shard *record = &kept->shards[i];
        struct vr_shard_conf conf = {.room = record->room,
                                     .number = record->number,
                                     .slots = record->slots,
                                     .fan_out = record->fan_out,
                                     .ops = &vr_orphan_ops};

        if (!shard_is_sound(record)) {
            kept->restored->torn += record->used != 0;
            memset(record, 0, sizeof *record);
            continue;
        }
        if (vr_shard_make(engine, &conf, record, &shards[i]) != VR_OK) {
            return VR_E_NO_MEMORY;
        }
        shards[i]->orphan = true;
        kept->restored->shards++;
    }
    return VR_OK;
}

static enum vr_err gates_back(struct vr_engine *engine, struct vr_shard **shards)
{
    struct vr_keep_part *kept = &engine->kept;

    for (uint32_t i = 0; i < kept->head->gates_high; i++) {
        struct vr_keep_gate *record = &kept->gates[i];
        struct vr_shard *shard =
            record->shard < kept->head->shards_high ? shards[record->shard] : NULL;
        struct vr_gate gate;
        enum vr_err err = VR_E_DAMAGED;

        if (record->word != 0 && shard != NULL && record->participant != 0 &&
            vr_keep_gate_get(record, &gate)) {
            err = vr_shard_gate_back(shard, record->participant, &gate, i);
        }
        if (err == VR_E_NO_MEMORY) {
            return err;
        }
        if (err == VR_OK) {
            kept->restored->gates++;
            continue;
        }
        kept->restored->torn += record->word != 0;
        record->word = 0;
        engine->gates_free[engine->gates_free_count++] = i;
    }
    return VR_OK;
}

/* ---- peers ---- */

static enum vr_err peer_is_back(struct vr_engine *engine, uint32_t peer, struct vr_shard **shards)
{
    struct vr_keep_part *kept = &engine->kept;
    struct vr_peer_cold *cold = &engine->cold[peer];
    struct vr_peer_hot *hot = &engine->hot[peer];

    if (cold->used == 0) {
        return VR_E_NOT_FOUND;
    }
    if (hot->state != VR_PEER_UP && hot->state != VR_PEER_SILENT) {
        kept->restored->joining++; /* it was not said yet that anybody is there */
        return VR_E_NOT_FOUND;
    }
    if (!vr_peer_cold_is_sound(cold) || !vr_peer_hot_is_sound(hot, engine->now) ||
        cold->shard >= kept->head->shards_high || shards[cold->shard] == NULL ||
        !vr_id_equal(cold->conf.room, shards[cold->shard]->conf.room) ||
        vr_peers_by_id(engine, cold->conf.peer) != VR_PEER_NONE ||
        vr_peers_by_ufrag(engine, vr_bytes_of(cold->conf.ufrag)) != VR_PEER_NONE) {
        kept->restored->torn++;
        return VR_E_DAMAGED;
    }
    if (hot->deaths >= DEATHS_MAX) {
        kept->restored->blamed++;
        return VR_E_GONE;
    }
    return VR_OK;
}

/* What is made again, and what begins anew: the loss that a client tells counts from before. */
static void begin_live(struct vr_engine *engine, uint32_t peer)
{
    struct vr_peer_live *live = &engine->live[peer];
    struct vr_peer_hot *hot = &engine->hot[peer];

    if (engine->cold[peer].conf.session.kind != VR_ACTOR_SESSION) { /* not under the sum */
        memset(&engine->cold[peer].conf.session, 0, sizeof engine->cold[peer].conf.session);
    }
    live->restored = true;
    live->lazy = true;
    live->orphan = true;
    live->unproved = 1;
    live->reports_known = 0;
    live->floor_count = hot->in_count;
    memcpy(live->floors, hot->ins, sizeof live->floors);
    for (uint32_t i = 0; i < hot->in_count; i++) {
        if (hot->in_started && hot->ins[i].ssrc == hot->in_ssrc) {
            live->floors[i].rtp_next = hot->in_index + 1;
        }
    }
    for (uint32_t k = 0; k < VR_SLOTS_MAX; k++) {
        hot->slots[k].run = 0; /* late packets of before do not come any more */
        live->sent_before += hot->slots[k].packets;
    }
    live->rtcp_due =
        engine->now + VR_SECONDS(1) + (vr_time_us)vr_random_below(engine->conf.random, 1000000);
    vr_rtp_source_init(&live->source, 0);
    vr_hearing_init(&live->hearing, engine->now);
    hot->sealed = engine->cold[peer].keys.profile == VR_SRTP_GCM;
    hot->seal = engine->cold[peer].seal;
    hot->tokens_at = 0;
    if (hot->up_number > engine->ups) {
        engine->ups = hot->up_number;
    }
}

static enum vr_err peers_back(struct vr_engine *engine, struct vr_shard **shards)
{
    struct vr_keep_part *kept = &engine->kept;

    engine->high = kept->head->peers_high;
    for (uint32_t i = 0; i < engine->high; i++) {
        if (peer_is_back(engine, i, shards) != VR_OK) {
            vr_peers_clear(engine, i);
            continue;
        }
        vr_peers_take(engine, i, engine->now);
        if (vr_shard_peer_place(shards[engine->cold[i].shard], i) != VR_OK) {
            vr_peers_remove(engine, i);
            return VR_E_NO_MEMORY;
        }
        begin_live(engine, i);
        engine->stats.peers_up++;
        kept->restored->peers++;
    }
    return VR_OK;
}

/* A death within an ICE restart leaves the keys with two peers: they would count the same indices
 * twice. The one that took over has all that the other had. */
static void end_taken_over(struct vr_engine *engine)
{
    for (uint32_t i = 0; i < engine->high; i++) {
        struct vr_id from = engine->cold[i].conf.restarts;
        uint32_t old = engine->cold[i].used == 0 || vr_id_is_zero(from)
                           ? VR_PEER_NONE
                           : vr_peers_by_id(engine, from);

        if (old != VR_PEER_NONE && old != i && engine->live[old].shard != NULL) {
            vr_peer_move(engine, old, VR_PEER_CLOSED);
            engine->kept.restored->peers--;
        }
    }
}

/* ---- all of it ---- */

static enum vr_err all_back(struct vr_engine *engine, struct vr_shard **shards)
{
    enum vr_err err = shards_back(engine, shards);

    if (err == VR_OK) {
        err = gates_back(engine, shards);
    }
    if (err == VR_OK) {
        err = peers_back(engine, shards);
    }
    for (uint32_t i = 0; err == VR_OK && i < engine->kept.head->shards_high; i++) {
        struct vr_shard_set *set =
            shards[i] == NULL ? NULL : vr_keep_set_get(&shards[i]->keep->set);

        if (shards[i] != NULL) {
            vr_shard_slots_back(shards[i]);
            vr_shard_refresh_all(shards[i]);
        }
        if (set != NULL) {
            vr_shard_set_shards(shards[i], set);
        }
    }
    return err;
}

enum vr_err vr_restore(struct vr_engine *engine)
{
    struct vr_keep_part *kept = &engine->kept;
    struct vr_shard **shards;
    enum vr_err err;

    if (kept->head == NULL) {
        return VR_OK;
    }
    if (kept->head->peers_high > kept->peers_max || kept->head->gates_high > kept->gates_max ||
        kept->head->shards_high > kept->shards_max) {
        kept->head->peers_high = 0; /* nothing below can be found: records are cleared as they are
                                       used */
        kept->head->gates_high = 0;
        kept->head->shards_high = 0;
        kept->restored->torn++;
    }
    kept->head->handling = 0;
    engine->now = engine->conf.now;
    engine->restored_at = engine->now;
    engine->gates_free = calloc(kept->gates_max, sizeof *engine->gates_free);
    shards = calloc((size_t)kept->head->shards_high + 1, sizeof(struct vr_shard *));
    err = engine->gates_free == NULL || shards == NULL ? VR_E_NO_MEMORY : all_back(engine, shards);
    free(shards);
    if (err == VR_OK) {
        end_taken_over(engine);
        engine->orphans = kept->restored->shards > 0;
    }
    return err;
}

bool vr_restore_contexts(struct vr_engine *engine, uint32_t peer)
{
    const struct vr_peer_cold *cold = &engine->cold[peer];
    struct vr_peer_hot *hot = &engine->hot[peer];
    struct vr_peer_live *live = &engine->live[peer];
    struct vr_srtp_at at[VR_SLOTS_MAX > VR_PEER_SSRCS ? VR_SLOTS_MAX : VR_PEER_SSRCS];
    uint32_t count = 0;
    bool fine;

    if ((hot->sealed ? vr_srtp_new_in(&cold->keys, &live->srtp)
                     : vr_srtp_new(&cold->keys, &live->srtp)) != VR_OK) {
        return false;
    }
    for (uint32_t i = 0; i < live->floor_count; i++) {
        if (live->floors[i].rtp_next != 0) {
            at[count++] = (struct vr_srtp_at){live->floors[i].ssrc, live->floors[i].rtp_next - 1};
        }
    }
    fine = vr_srtp_prime_in(live->srtp, &cold->keys, at, count);
    count = 0;
    for (uint32_t k = 0; !hot->sealed && k < VR_SLOTS_MAX; k++) {
        if (hot->slots[k].packets > 0) {
            at[count++] = (struct vr_srtp_at){VR_SLOT_SSRC + k, hot->slots[k].wire};
        }
    }
    fine = fine && vr_srtp_prime_out(live->srtp, at, count);
    if (fine && !hot->sealed && hot->rtcp_out <= RTCP_PRIME_MAX) {
        fine = vr_srtp_prime_rtcp_out(live->srtp, VR_SLOT_SSRC, hot->rtcp_out);
    } else if (!hot->sealed) {
        hot->rtcp_out = INT32_MAX; /* no more reports: speech goes on, numbers are not repeated */
    }
    if (!fine) {
        vr_srtp_free(live->srtp);
        live->srtp = NULL;
        return false;
    }
    live->lazy = false;
    return true;
}

/* ---- afterwards ---- */

static struct vr_shard *shard_of(struct vr_engine *engine, uint32_t record)
{
    VR_LIST_EACH(item, &engine->shards)
    {
        struct vr_shard *shard = VR_OWNER(item, struct vr_shard, link);

        if (vr_shard_keep_number(shard) == record) {
            return shard;
        }
    }
    return NULL;
}

/* Gates are asked as they stand now: who was muted between the packet and the death stays so. */
static bool may_go_out(const struct vr_engine *engine, const struct vr_keep_frame *frame,
                       const struct vr_shard *shard)
{
    const struct vr_participant *who =
        shard == NULL ? NULL : vr_shard_find(shard, frame->participant);
    bool narrow = frame->tier == VR_TIER_NARROW;

    return who != NULL && vr_gate_passes_in(&who->gate, frame->generation) &&
           (narrow || frame->tier == VR_TIER_WIDE) && frame->index <= VR_RTP_INDEX_MASK &&
           frame->slot < (narrow ? 1 : shard->slots.count) && frame->size > 0 &&
           frame->size <= VR_KEEP_FRAME_BYTES && frame->now <= engine->now &&
           engine->now - frame->now <= LATE_MAX;
}

/* Of those not looked at yet, the one that was numbered first. */
static struct vr_keep_frame *oldest(struct vr_keep_frame *frames)
{
    struct vr_keep_frame *found = NULL;

    for (uint32_t i = 0; i < VR_KEEP_FRAMES; i++) {
        if (frames[i].shard != 0 &&
            (found == NULL || frames[i].now < found->now ||
             (frames[i].now == found->now && frames[i].index < found->index))) {
            found = &frames[i];
        }
    }
    return found;
}

void vr_engine_go_on(struct vr_engine *engine, vr_time_us now)
{
    struct vr_keep_frame *frame;

    engine->now = now;
    while (engine->kept.head != NULL && (frame = oldest(engine->kept.frames)) != NULL) {
        struct vr_shard *shard = shard_of(engine, frame->shard - 1);

        if (may_go_out(engine, frame, shard)) {
            engine->again = true;
            vr_shard_again(shard, frame);
            engine->again = false;
            engine->kept.restored->again++;
        }
        frame->shard = 0;
    }
}

void vr_restore_tick(struct vr_engine *engine)
{
    vr_time_us within = engine->conf.adopt_within == 0 ? ADOPT_WITHIN : engine->conf.adopt_within;

    if (engine->now - engine->restored_at < within) {
        return;
    }
    for (uint32_t i = 0; i < engine->high; i++) {
        if (engine->cold[i].used != 0 && engine->live[i].orphan) {
            vr_peer_move(engine, i, VR_PEER_CLOSED);
        }
    }
    VR_LIST_EACH(item, &engine->shards)
    {
        struct vr_shard *shard = VR_OWNER(item, struct vr_shard, link);

        if (shard->orphan) {
            vr_shard_close(shard);
        }
    }
    engine->orphans = false;
}
