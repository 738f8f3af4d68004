/* shard.c - participants, gates and transports of a room on this worker, and the way of a packet
 * through choice and numbering to the listeners. */
#include "actors/media/shard.h"

#include <stdlib.h>
#include <string.h>

#include "actors/media/shard_internal.h"

#define SLOTS_DEFAULT 4
/* A gone participant's gate is remembered against late news. */
#define FORGET_AFTER VR_SECONDS(60)

enum vr_err vr_shard_open(struct vr_engine *engine, const struct vr_shard_conf *conf,
                          struct vr_shard **out)
{
    *out = vr_shard_adopt(engine, conf);
    return *out != NULL ? VR_OK
                        : vr_shard_make(engine, conf, vr_kept_shard_open(engine, conf), out);
}

enum vr_err vr_shard_make(struct vr_engine *engine, const struct vr_shard_conf *conf,
                          struct vr_keep_shard *record, struct vr_shard **out)
{
    struct vr_shard *shard = calloc(1, sizeof *shard);

    *out = shard;
    if (shard == NULL) {
        if (record != NULL) {
            record->used = 0;
        }
        return VR_E_NO_MEMORY;
    }
    shard->engine = engine;
    shard->conf = *conf;
    shard->keep = record;
    vr_slots_init(&shard->slots, conf->slots == 0 ? SLOTS_DEFAULT : conf->slots,
                  vr_random_u64(engine->conf.random));
    vr_slots_init(&shard->narrow, 1, vr_random_u64(engine->conf.random));
    vr_list_init(&shard->talkers);
    vr_list_init(&shard->waiting);
    vr_list_push(&engine->shards, &shard->link);
    if (vr_shard_out_open(shard) != VR_OK) {
        vr_shard_close(shard);
        *out = NULL;
        return VR_E_NO_MEMORY;
    }
    vr_engine_wake(engine, engine->now);
    return VR_OK;
}

void vr_shard_close(struct vr_shard *shard)
{
    if (shard == NULL) {
        return;
    }
    vr_shard_links_free(shard); /* the last listener's end is told to no other shard any more */
    while (shard->listener_count > 0) { /* each one leaves the list as it closes */
        vr_peer_move(shard->engine,
                     VR_OWNER(shard->listeners[0], struct vr_peer_live, listener)->index,
                     VR_PEER_CLOSED);
    }
    for (uint32_t i = 0; i < VR_PARTICIPANT_BUCKETS; i++) {
        while (shard->participants[i] != NULL) {
            struct vr_participant *who = shard->participants[i];

            shard->participants[i] = who->next;
            vr_shard_keep_forget(shard, who);
            free(who);
        }
    }
    vr_shard_keep_close(shard);
    vr_shard_set_release(shard->set);
    vr_list_remove(&shard->link);
    vr_shard_out_close(shard);
    free(shard->listeners);
    free(shard->hears);
    free(shard);
}

/* ---- participants ---- */

static struct vr_participant **chain_of(struct vr_shard *shard, vr_participant_id id)
{
    return &shard->participants[id * 2654435761u >> 26];
}
_Static_assert(VR_PARTICIPANT_BUCKETS == 1 << 6, "chain_of takes the top six bits");

struct vr_participant *vr_shard_find(const struct vr_shard *shard, vr_participant_id id)
{
    struct vr_participant *who = *chain_of((struct vr_shard *)shard, id);

    while (who != NULL && who->talker.participant != id) {
        who = who->next;
    }
    return who;
}

struct vr_participant *vr_shard_find_or_add(struct vr_shard *shard, vr_participant_id id)
{
    struct vr_participant *who = vr_shard_find(shard, id);

    if (who != NULL) {
        return who;
    }
    who = calloc(1, sizeof *who);
    if (who == NULL) {
        return NULL;
    }
    vr_talker_init(&who->talker, id);
    vr_talker_init(&who->narrow, id);
    vr_list_init(&who->peers);
    vr_list_init(&who->talking);
    who->active = VR_PEER_NONE;
    who->source_shard = VR_SOURCE_LOCAL;
    who->next = *chain_of(shard, id);
    *chain_of(shard, id) = who;
    shard->participant_count++;
    return who;
}

void vr_shard_forget(struct vr_shard *shard, struct vr_participant *who)
{
    struct vr_participant **at = chain_of(shard, who->talker.participant);

    while (*at != who) {
        at = &(*at)->next;
    }
    *at = who->next;
    vr_slots_release(&shard->slots, &who->talker);
    vr_slots_release(&shard->narrow, &who->narrow);
    vr_list_remove(&who->talking);
    shard->participant_count--;
    vr_shard_keep_forget(shard, who);
    free(who);
}

/* The transport that counts: of the newest session, and of that the one that came up last. */
static uint32_t choose_active(const struct vr_engine *engine, const struct vr_participant *who)
{
    uint32_t best = VR_PEER_NONE;

    VR_LIST_EACH(item, &who->peers)
    {
        const struct vr_peer_live *live = VR_OWNER(item, struct vr_peer_live, by_participant);
        uint32_t generation = engine->cold[live->index].conf.generation;
        uint8_t state = engine->hot[live->index].state;

        if ((state != VR_PEER_UP && state != VR_PEER_SILENT) ||
            (who->gate.known && generation < who->gate.generation)) {
            continue;
        }
        if (best == VR_PEER_NONE || generation > engine->cold[best].conf.generation ||
            (generation == engine->cold[best].conf.generation &&
             engine->hot[live->index].up_number > engine->hot[best].up_number)) {
            best = live->index;
        }
    }
    return best;
}

void vr_shard_open_listener(struct vr_shard *shard, struct vr_listener *listener, bool open)
{
    if (listener->slot_count > 0) {
        shard->open_listeners += (uint32_t)open - (uint32_t)listener->open;
    }
    listener->open = open;
    vr_shard_hear_sync(shard, listener);
}

void vr_shard_refresh(struct vr_shard *shard, struct vr_participant *who)
{
    struct vr_engine *engine = shard->engine;
    uint32_t before = who->active;

    who->active = choose_active(engine, who);
    if (who->active != before && who->active != VR_PEER_NONE && before != VR_PEER_NONE) {
        vr_participant_break(who);
    }
    VR_LIST_EACH(item, &who->peers)
    {
        struct vr_peer_live *live = VR_OWNER(item, struct vr_peer_live, by_participant);

        vr_shard_open_listener(
            shard, &live->listener,
            live->index == who->active &&
                vr_gate_passes_out(&who->gate, engine->cold[live->index].conf.generation));
    }
    vr_list_remove(&who->talking);
    if (who->gate.known && who->gate.may_send &&
        (who->active == VR_PEER_NONE || engine->cold[who->active].conf.may_send)) {
        vr_list_push(&shard->talkers, &who->talking);
    } else {
        vr_shard_left(shard, who);
    }
    if ((shard->open_listeners == 0) != shard->levels_deaf) {
        vr_shard_links_tick(shard, engine->now); /* who came to hear must not wait for a tick */
    }
}

void vr_shard_left(struct vr_shard *shard, struct vr_participant *who)
{
    vr_slots_release(&shard->slots, &who->talker);
    vr_slots_release(&shard->narrow, &who->narrow);
}

/* The room knows him: his transports are not the rest of somebody forgotten. */
static void adopt_all(struct vr_participant *who)
{
    VR_LIST_EACH(item, &who->peers)
    {
        VR_OWNER(item, struct vr_peer_live, by_participant)->orphan = false;
    }
}

enum vr_err vr_shard_gate(struct vr_shard *shard, vr_participant_id participant,
                          const struct vr_gate *gate, vr_time_us now)
{
    struct vr_participant *who = vr_shard_find_or_add(shard, participant);
    struct vr_gate next;

    if (who == NULL) {
        return VR_E_NO_MEMORY;
    }
    next = who->gate;
    if (!vr_gate_apply(&next, gate)) {
        return VR_OK;
    }
    /* Kept, obeyed, answered: whoever was told that somebody is mute is right at every moment, also
     * when we die in between. */
    vr_shard_keep_gate(shard, who, &next);
    who->gate = next;
    if (!vr_gate_passes_in(&who->gate, who->gate.generation)) {
        vr_shard_drop_waiting(shard, participant);
    }
    vr_shard_refresh(shard, who);
    if (!who->gate.gone) {
        adopt_all(who);
        return VR_OK;
    }
    who->gone_at = now;
    VR_LIST_EACH(item, &who->peers)
    {
        struct vr_peer_live *live = VR_OWNER(item, struct vr_peer_live, by_participant);

        if (shard->engine->cold[live->index].conf.generation <= who->gate.generation) {
            vr_peer_move(shard->engine, live->index, VR_PEER_CLOSED);
        }
    }
    return VR_OK;
}

enum vr_err vr_shard_gate_back(struct vr_shard *shard, vr_participant_id participant,
                               const struct vr_gate *gate, uint32_t record)
{
    struct vr_participant *who = vr_shard_find_or_add(shard, participant);

    if (who == NULL) {
        return VR_E_NO_MEMORY;
    }
    if (who->kept_gate != 0) {
        return VR_E_DAMAGED; /* two for one person: neither can be believed more */
    }
    who->gate = *gate;
    who->gone_at = shard->engine->now;
    who->kept_gate = record + 1;
    return VR_OK;
}

void vr_shard_refresh_all(struct vr_shard *shard)
{
    for (uint32_t i = 0; i < VR_PARTICIPANT_BUCKETS; i++) {
        for (struct vr_participant *who = shard->participants[i]; who != NULL; who = who->next) {
            vr_shard_refresh(shard, who);
        }
    }
}

/* ---- time ---- */

static void forget_the_gone(struct vr_shard *shard, vr_time_us now)
{
    for (uint32_t i = 0; i < VR_PARTICIPANT_BUCKETS; i++) {
        for (struct vr_participant *who = shard->participants[i], *next; who != NULL; who = next) {
            next = who->next;
            if (who->gate.gone && vr_list_empty(&who->peers) && now - who->gone_at > FORGET_AFTER) {
                vr_shard_forget(shard, who);
            }
        }
    }
}

void vr_shard_tick(struct vr_shard *shard, vr_time_us now)
{
    vr_shard_links_tick(shard, now);
    vr_shard_speakers_tick(shard, now);
    vr_packs_decide(shard);
    if (shard->engine->slice == 0) {
        forget_the_gone(shard, now);
    }
}
