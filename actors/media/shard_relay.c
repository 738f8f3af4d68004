/* shard_relay.c - speech between the shards of one room (docs/architecture.md, "Across shards").
 *
 * Every shard makes the same choice over local and relayed speech for its own listeners; a link
 * only saves what could not win there. What a link leaves out must not look like loss at the far
 * end: the first packet after a pause is marked, and the far end begins its numbering anew. Which
 * shard sends to which: relay_tree.h. What each tells the others of who holds slots there:
 * shard_summary.c. */
#include <stdlib.h>

#include "actors/base/owner.h"
#include "actors/media/shard_internal.h"

#define LINK_MARGIN 7 /* dB: 3 less than the far end asks for, since its summary is old */
#define HOPS_MAX 15   /* 64 nodes at the least fan-out are 11 apart; 4 bits between nodes */

/* Could this talker get a slot at the far end? `level` in 1/16 dB. */
bool vr_link_wants(const struct vr_link *link, const struct vr_talker *talker, int level,
                   vr_time_us now)
{
    int weakest = 0;

    if (!link->way.next) {
        return false;
    }
    if (!vr_link_fresh(link, now)) {
        return talker->slot != VR_SLOT_NONE;
    }
    if (link->deaf) {
        return false;
    }
    for (uint32_t i = 0; i < link->holder_count; i++) {
        if (link->holders[i].participant == talker->participant) {
            return true;
        }
        weakest = link->holders[i].level * 16 > weakest ? link->holders[i].level * 16 : weakest;
    }
    return link->holder_count < link->owner->slots.count || weakest - level >= LINK_MARGIN * 16;
}

/* The place of a talker among the at most N of a link; he takes one that is unused, silent or
 * clearly weaker. -1: none. */
static int place_of(struct vr_link *link, const struct vr_talker *talker, vr_time_us now)
{
    int found = -1;

    for (uint32_t i = 0; i < link->owner->slots.count; i++) {
        if (link->sent[i].participant == talker->participant) {
            return (int)i;
        }
    }
    for (uint32_t i = 0; i < link->owner->slots.count && found < 0; i++) {
        if (link->sent[i].participant == 0 || now - link->sent[i].sent_at > VR_SLOT_HANG ||
            link->sent[i].level - talker->level >= VR_SLOT_MARGIN * 16) {
            found = (int)i;
        }
    }
    if (found >= 0) {
        link->sent[found].participant = talker->participant;
        link->sent[found].paused = true;
    }
    return found;
}

static void pause_talker(struct vr_link *link, vr_participant_id participant)
{
    for (uint32_t i = 0; i < VR_SLOTS_MAX; i++) {
        if (link->sent[i].participant == participant) {
            link->sent[i].paused = true;
        }
    }
}

/* One packet into one link, if it could be heard behind it. */
static void pass(struct vr_link *link, vr_time_us now, const struct vr_speech *speech,
                 uint32_t origin, uint8_t hops)
{
    struct vr_shard *shard = link->owner;
    struct vr_talker *talker = &speech->who->talker;
    struct vr_relay *relay;
    int place = -1;

    if (vr_talker_speaks(talker, now) && vr_link_wants(link, talker, talker->level, now)) {
        place = place_of(link, talker, now);
    }
    relay = place < 0 ? NULL : vr_relay_pool_take(shard->engine->pool);
    if (relay == NULL) {
        shard->engine->stats.pool_empty += place >= 0;
        pause_talker(link, talker->participant);
        return;
    }
    relay->room = shard->conf.room;
    relay->origin_shard = origin;
    relay->hops = hops;
    relay->participant = talker->participant;
    relay->generation = speech->generation;
    relay->index = speech->index;
    relay->timestamp = speech->ts;
    relay->level = speech->level;
    relay->voice = speech->voice;
    relay->marker = speech->marker || link->sent[place].paused;
    relay->size = (uint16_t)speech->opus.size;
    memcpy(relay->payload, speech->opus.data, speech->opus.size);
    link->sent[place].paused = false;
    link->sent[place].sent_at = now;
    link->sent[place].level = talker->level;
    shard->engine->stats.relayed_out++;
    shard->conf.ops->relay(shard->conf.ctx, link->shard, relay);
}

static void link_speech(struct vr_listener *listener, vr_time_us now,
                        const struct vr_speech *speech)
{
    struct vr_link *link = VR_OWNER(listener, struct vr_link, listener);

    if (link->way.next) {
        pass(link, now, speech, link->owner->conf.number, 0);
    }
}

/* What came in is new here: on to where only we bring it. */
static void hand_on(struct vr_shard *shard, vr_time_us now, const struct vr_speech *speech,
                    const struct vr_relay *relay)
{
    const struct vr_relay_way *from = vr_relay_tree_find(&shard->tree, relay->origin_shard);

    if (from == NULL || !shard->tree.entry || relay->hops >= HOPS_MAX) {
        return; /* NULL: our set is older or newer than the sender's */
    }
    for (uint32_t i = 0; i < shard->link_count; i++) {
        struct vr_link *link = &shard->links[i];

        if (vr_relay_goes(&shard->tree, &link->way, from)) {
            pass(link, now, speech, relay->origin_shard, (uint8_t)(relay->hops + 1));
        }
    }
}

static const struct vr_listener_ops link_ops = {.speech = link_speech};

void vr_shard_links_free(struct vr_shard *shard)
{
    free(shard->links);
    shard->links = NULL;
    shard->link_count = 0;
}

/* A silent owner who is heard again counts from where he was: what was made meanwhile gives way. */
static bool is_older(const struct vr_shard_set *set, const struct vr_shard_set *than)
{
    if (set->epoch != than->epoch) {
        return set->epoch < than->epoch;
    }
    return set->version < than->version &&
           (set->version & VR_SHARD_SET_PROVISIONAL) == (than->version & VR_SHARD_SET_PROVISIONAL);
}

void vr_shard_set_shards(struct vr_shard *shard, struct vr_shard_set *set)
{
    struct vr_link *links;
    uint32_t count = 0;

    if (shard->set != NULL && is_older(set, shard->set)) {
        vr_shard_set_release(set);
        return;
    }
    links = calloc(set->count == 0 ? 1 : set->count, sizeof *links);
    if (links == NULL) {
        vr_shard_set_release(set);
        return; /* the set in force stays; the room repeats it */
    }
    vr_relay_tree_make(&shard->tree, set->shards, set->count, shard->conf.number,
                       shard->conf.fan_out);
    for (uint32_t i = 0; i < shard->tree.count; i++) {
        const struct vr_relay_way *way = &shard->tree.ways[i];

        if (!way->near) {
            continue;
        }
        for (uint32_t k = 0; k < shard->link_count; k++) {
            if (shard->links[k].shard == way->shard) {
                links[count] = shard->links[k];
            }
        }
        links[count].owner = shard;
        links[count].shard = way->shard;
        links[count].way = *way;
        links[count].listener = (struct vr_listener){.ops = &link_ops, .open = true};
        count++;
    }
    vr_shard_links_free(shard);
    shard->links = links;
    shard->link_count = count;
    vr_shard_set_release(shard->set);
    shard->set = set;
    vr_shard_keep_set(shard);
    shard->levels_at = 0; /* the new ones must know at once */
}

void vr_shard_relay_in(struct vr_shard *shard, vr_time_us now, const struct vr_relay *relay)
{
    struct vr_engine *engine = shard->engine;
    struct vr_participant *who;
    struct vr_speech speech;

    if (relay->origin_shard == shard->conf.number || relay->hops > HOPS_MAX || relay->size == 0 ||
        relay->size > VR_RELAY_PAYLOAD_MAX || !vr_id_equal(relay->room, shard->conf.room)) {
        return;
    }
    engine->stats.relayed_in++;
    engine->now = now;
    who = vr_shard_find(shard, relay->participant);
    if (who == NULL || !vr_gate_passes_in(&who->gate, relay->generation) ||
        !vr_shard_source(who, relay->origin_shard, relay->generation, now)) {
        engine->stats.gated++;
        return;
    }
    if (relay->marker && who->talker.heard && relay->index > who->talker.highest) {
        vr_participant_break(who);
    }
    speech = (struct vr_speech){
        .who = who,
        .index = relay->index,
        .ts = relay->timestamp,
        .generation = relay->generation,
        .level = relay->level & 0x7f,
        .voice = relay->voice,
        .marker = relay->marker,
        .opus = vr_bytes(relay->payload, relay->size),
    };
    if (vr_shard_hear(shard, now, &speech)) {
        hand_on(shard, now, &speech, relay);
    }
}
