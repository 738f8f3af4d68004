/* shard_keep.c - what a shard writes into the keep as it works, and how it is taken over from
 * there: gates before they are obeyed, a slot's numbers and the packet itself before it leaves. */
#include <string.h>

#include "actors/media/shard_internal.h"

/* ---- the shard itself ---- */

struct vr_keep_shard *vr_kept_shard_open(struct vr_engine *engine, const struct vr_shard_conf *conf)
{
    struct vr_keep_part *kept = &engine->kept;
    struct vr_keep_shard *record;
    uint32_t at = engine->shards_free;

    if (kept->head == NULL) {
        return NULL;
    }
    while (at < kept->head->shards_high && kept->shards[at].used != 0) {
        at++;
    }
    engine->shards_free = at;
    if (at == kept->shards_max) {
        return NULL; /* its peers end with the process */
    }
    if (at == kept->head->shards_high) {
        kept->head->shards_high = at + 1;
    }
    record = &kept->shards[at];
    memset(record, 0, sizeof *record);
    record->number = conf->number;
    record->room = conf->room;
    record->slots = conf->slots;
    record->fan_out = conf->fan_out;
    record->sum = vr_keep_shard_sum(record);
    vr_keep_order();
    record->used = 1;
    return record;
}

void vr_shard_keep_close(struct vr_shard *shard)
{
    struct vr_keep_part *kept = &shard->engine->kept;

    if (shard->keep != NULL) {
        for (uint32_t i = 0; i < VR_KEEP_FRAMES; i++) {
            if (kept->frames[i].shard == vr_shard_keep_number(shard) + 1) {
                kept->frames[i].shard = 0;
            }
        }
        shard->keep->used = 0;
        vr_keep_order();
        memset(shard->keep, 0, sizeof *shard->keep);
        if (vr_shard_keep_number(shard) < shard->engine->shards_free) {
            shard->engine->shards_free = vr_shard_keep_number(shard);
        }
    }
}

uint32_t vr_shard_keep_number(const struct vr_shard *shard)
{
    return shard->keep == NULL ? VR_KEEP_NONE
                               : (uint32_t)(shard->keep - shard->engine->kept.shards);
}

void vr_shard_keep_set(struct vr_shard *shard)
{
    if (shard->keep != NULL && shard->set != NULL) {
        vr_keep_set_put(&shard->keep->set, shard->set);
    }
}

/* ---- gates ---- */

static struct vr_keep_gate *gate_record(struct vr_shard *shard, struct vr_participant *who)
{
    struct vr_engine *engine = shard->engine;
    struct vr_keep_part *kept = &engine->kept;

    if (who->kept_gate == 0 && engine->gates_free_count > 0) {
        who->kept_gate = engine->gates_free[--engine->gates_free_count] + 1;
    } else if (who->kept_gate == 0 && kept->head->gates_high < kept->gates_max) {
        who->kept_gate = ++kept->head->gates_high;
    }
    return who->kept_gate == 0 ? NULL : &kept->gates[who->kept_gate - 1];
}

void vr_shard_keep_gate(struct vr_shard *shard, struct vr_participant *who,
                        const struct vr_gate *gate)
{
    struct vr_keep_gate *record = shard->keep == NULL ? NULL : gate_record(shard, who);

    /* Without a place it is not known to the next process, and unknown is shut. */
    if (record != NULL) {
        vr_keep_gate_put(record, vr_shard_keep_number(shard), who->talker.participant, gate);
    }
}

void vr_shard_keep_forget(struct vr_shard *shard, struct vr_participant *who)
{
    struct vr_engine *engine = shard->engine;

    if (who->kept_gate == 0) {
        return;
    }
    engine->kept.gates[who->kept_gate - 1].word = 0;
    engine->gates_free[engine->gates_free_count++] = who->kept_gate - 1;
    who->kept_gate = 0;
}

/* ---- slots ---- */

void vr_shard_keep_slot(struct vr_shard *shard, const struct vr_participant *who, bool narrow)
{
    const struct vr_talker *talker = narrow ? &who->narrow : &who->talker;
    const struct vr_slot *slot;
    struct vr_keep_slot *record;

    if (shard->keep == NULL || talker->slot == VR_SLOT_NONE || !talker->anchored) {
        return;
    }
    slot = narrow ? &shard->narrow.slots[0] : &shard->slots.slots[talker->slot];
    record = narrow ? &shard->keep->narrow : &shard->keep->wide[talker->slot];
    record->version |= 1;
    vr_keep_order();
    record->index = slot->index;
    record->holder = talker->participant;
    record->source_index = talker->highest;
    record->seq_offset = talker->history[0].seq_offset;
    record->ts_offset = talker->history[0].ts_offset;
    record->ts = slot->ts;
    record->sent_at = slot->sent_at;
    record->source_shard = who->source_shard;
    record->source_generation = who->source_generation;
    record->level = talker->level;
    vr_keep_order();
    record->version++;
    vr_keep_order();
}

/* The slot goes on where it stood: for its listeners nothing has happened. */
static void slot_back(struct vr_shard *shard, struct vr_slots *slots, uint32_t k,
                      const struct vr_keep_slot *record, bool narrow)
{
    struct vr_slot *slot = &slots->slots[k];
    struct vr_participant *who = vr_shard_find(shard, record->holder);
    struct vr_talker *talker;
    vr_time_us now = shard->engine->now;

    if (record->index == 0 || record->index > VR_RTP_INDEX_MASK) {
        return;
    }
    slot->index = record->index;
    if ((record->version & 1) != 0 || record->sent_at <= 0 || record->sent_at > now) {
        return; /* torn: whoever speaks next begins anew behind this index */
    }
    slot->ts = record->ts;
    slot->sent_at = record->sent_at;
    if (who == NULL || !vr_gate_passes_in(&who->gate, record->source_generation) ||
        record->source_index > VR_RTP_INDEX_MASK || record->seq_offset > VR_RTP_INDEX_MASK) {
        return;
    }
    talker = narrow ? &who->narrow : &who->talker;
    if (talker->slot != VR_SLOT_NONE) { /* he went from one slot to another: the newer counts */
        if (slots->slots[talker->slot].sent_at >= record->sent_at) {
            return;
        }
        slots->holders[talker->slot] = NULL;
        slots->slots[talker->slot].holder = 0;
    }
    slots->holders[k] = talker;
    slot->holder = record->holder;
    talker->slot = (int8_t)k;
    talker->heard = true;
    talker->anchored = true;
    talker->highest = record->source_index;
    talker->seen = UINT64_MAX; /* older ones were refused on their way in */
    talker->ts = record->ts - record->ts_offset;
    talker->arrived_at = record->sent_at;
    talker->level = record->level;
    talker->level_at = record->sent_at;
    talker->loud_at = record->sent_at;
    talker->history_count = 1;
    talker->history[0] =
        (struct vr_numbering){record->source_index + 1, record->seq_offset, record->ts_offset};
    who->source_shard = record->source_shard;
    who->source_generation = record->source_generation;
}

void vr_shard_slots_back(struct vr_shard *shard)
{
    for (uint32_t k = 0; k < shard->slots.count; k++) {
        slot_back(shard, &shard->slots, k, &shard->keep->wide[k], false);
    }
    slot_back(shard, &shard->narrow, 0, &shard->keep->narrow, true);
}

/* ---- packets under way ---- */

uint8_t vr_shard_keep_frame(struct vr_shard *shard, const struct vr_slot_packet *packet,
                            uint32_t generation)
{
    struct vr_keep_part *kept = &shard->engine->kept;
    struct vr_keep_frame *frame;
    uint32_t at = 0;

    if (shard->keep == NULL || !packet->newest || packet->opus.size > VR_KEEP_FRAME_BYTES) {
        return 0;
    }
    while (at < VR_KEEP_FRAMES && kept->frames[at].shard != 0) {
        at++;
    }
    if (at == VR_KEEP_FRAMES) {
        return 0;
    }
    frame = &kept->frames[at];
    frame->generation = generation;
    frame->index = packet->index;
    frame->now = packet->now;
    frame->slot = packet->slot;
    frame->ts = packet->ts;
    frame->participant = packet->participant;
    frame->size = (uint16_t)packet->opus.size;
    frame->level_byte = packet->level_byte;
    frame->marker = packet->marker;
    frame->tier = packet->tier;
    memcpy(frame->opus, packet->opus.data, packet->opus.size);
    vr_keep_order();
    frame->shard = vr_shard_keep_number(shard) + 1;
    vr_keep_order();
    return (uint8_t)(at + 1);
}

void vr_shard_frame_left(struct vr_shard *shard, const struct vr_slot_packet *packet)
{
    if (packet->frame != 0) {
        vr_keep_order();
        shard->engine->kept.frames[packet->frame - 1].shard = 0;
    }
}

/* ---- ways out of a shard whose actor has not come yet ---- */

static void no_relay(void *ctx, uint32_t shard, struct vr_relay *relay)
{
    (void)ctx;
    (void)shard;
    vr_relay_release(relay);
}

static void no_levels(void *ctx, uint32_t shard, const struct vr_speaker *items, uint32_t count,
                      bool deaf)
{
    (void)ctx;
    (void)shard;
    (void)items;
    (void)count;
    (void)deaf;
}

static void no_speakers(void *ctx, const struct vr_speaker *items, uint32_t count)
{
    (void)ctx;
    (void)items;
    (void)count;
}

static void no_state(void *ctx, const struct vr_peer_conf *conf, enum vr_peer_state state)
{
    (void)ctx;
    (void)conf;
    (void)state;
}

static void no_repair(void *ctx, const struct vr_peer_conf *conf, enum vr_repair_act act,
                      uint8_t verdict)
{
    (void)ctx;
    (void)conf;
    (void)act;
    (void)verdict;
}

const struct vr_shard_ops vr_orphan_ops = {no_relay, no_levels, no_speakers, no_state, no_repair};

/* ---- taking over ---- */

struct vr_shard *vr_shard_adopt(struct vr_engine *engine, const struct vr_shard_conf *conf)
{
    if (!engine->orphans) {
        return NULL;
    }
    VR_LIST_EACH(item, &engine->shards)
    {
        struct vr_shard *shard = VR_OWNER(item, struct vr_shard, link);

        if (shard->orphan && shard->conf.number == conf->number &&
            vr_id_equal(shard->conf.room, conf->room)) {
            shard->orphan = false;
            shard->conf.ops = conf->ops;
            shard->conf.ctx = conf->ctx;
            shard->levels_at = 0; /* the other shards hear of us at once, and the room who speaks */
            shard->speakers_at = 0;
            shard->speakers_hash = 0;
            return shard;
        }
    }
    return NULL;
}

enum vr_err vr_shard_adopt_peer(struct vr_shard *shard, uint32_t peer,
                                const struct vr_peer_conf *conf)
{
    struct vr_engine *engine = shard->engine;
    struct vr_peer_live *live = &engine->live[peer];
    struct vr_peer_cold *cold = &engine->cold[peer];

    if (live->shard != shard || cold->conf.participant != conf->participant) {
        return VR_E_NOT_FOUND;
    }
    cold->conf.session = conf->session;
    if (conf->generation > cold->conf.generation) {
        cold->conf.generation = conf->generation;
    }
    live->orphan = false;
    vr_shard_peer_moved(shard, peer, (enum vr_peer_state)engine->hot[peer].state);
    return VR_OK;
}
