/* shard_pack.c - frames of a slot collected for an audience: three (under stress six) of 20 ms in
 * one packet, made once per room by libopus' repacketizer, without decoding.
 *
 * A listener gets each slot either frame by frame or packed (vr_hear.packed). He begins to get it
 * packed where it begins anew for him or after a pause, when the longer way to the next packet
 * can't be heard, and goes back at any time: what was collected leaves first, so no frame is missed
 * and none comes twice. A frame of DTX ends what was collected and leaves alone: inside of a packet
 * it would be speech to the listener's jitter buffer, which makes up more of it in the pause. The
 * packed packets of a slot have numbers of their own, without holes; what the uplink lost shows in
 * the timestamps. */
#include <stdlib.h>
#include <string.h>

#include "actors/media/opus_pack.h"
#include "actors/media/shard_internal.h"

#define FRAMES_MAX VR_PACK_6
#define FRAME_BYTES 400 /* a longer frame leaves alone */
#define DTX_BYTES 2     /* and so does a frame of silence: browsers know it by its size */
/* Far from the numbers of single frames: see downlink.c, number. */
#define INDEX_FIRST (1ull << 47)
#define PAUSE VR_MS(200)   /* without a packet: the slot begins anew */
#define PATIENCE VR_MS(45) /* after the last frame: a pause, so the rest leaves */
#define AUDIENCE_3 500     /* VR_PACK_AUTO: so many listeners, */
#define AUDIENCE_6 100     /* or so many on a worker that is */
#define BUSY 75            /* busy to so many per cent, */
#define BUSY_NO_MORE 55    /* until it is not */

struct pack {
    uint32_t listeners;
    uint32_t wanted; /* frames to a packet, since the slot began anew */
    uint32_t count;
    uint32_t ticks;
    uint64_t index;
    vr_time_us due;
    struct vr_slot_packet head; /* of the first frame; the loudest level */
    uint16_t sizes[FRAMES_MAX];
    uint8_t frames[FRAMES_MAX][FRAME_BYTES];
};

struct vr_packs {
    uint32_t level; /* frames to a packet that the room should have: 0, 3 or 6 */
    struct pack slots[VR_SLOTS_MAX];
};

enum vr_err vr_packs_open(struct vr_shard *shard)
{
    shard->packs = calloc(1, sizeof *shard->packs);
    if (shard->packs == NULL) {
        return VR_E_NO_MEMORY;
    }
    for (uint32_t k = 0; k < VR_SLOTS_MAX; k++) {
        shard->packs->slots[k].index = INDEX_FIRST;
    }
    vr_packs_decide(shard);
    return VR_OK;
}

void vr_packs_close(struct vr_shard *shard)
{
    free(shard->packs);
    shard->packs = NULL;
}

/* ---- out ---- */

/* Several frames as one, or the only one. */
static struct vr_bytes join(struct vr_engine *engine, const struct pack *pack)
{
    struct vr_bytes frames[FRAMES_MAX];

    for (uint32_t i = 0; i < pack->count; i++) {
        frames[i] = vr_bytes(pack->frames[i], pack->sizes[i]);
    }
    if (pack->count == 1) {
        return frames[0];
    }
    return vr_bytes(engine->packed, vr_opus_pack(engine->packer, frames, pack->count,
                                                 engine->packed, VR_RELAY_PAYLOAD_MAX));
}

static void leave(struct vr_shard *shard, struct pack *pack, struct vr_bytes opus)
{
    pack->head.opus = opus;
    pack->head.frame = 0; /* the single frame's record is not this one's */
    pack->head.now = shard->engine->now;
    pack->head.index = ++pack->index;
    shard->engine->stats.packs += pack->count > 1;
    vr_shard_out(shard, &pack->head);
}

static void send_one_by_one(struct vr_shard *shard, struct pack *pack)
{
    for (uint32_t i = 0; i < pack->count; i++) {
        leave(shard, pack, vr_bytes(pack->frames[i], pack->sizes[i]));
        pack->head.marker = false;
        pack->head.ts += vr_opus_ticks(pack->head.opus);
    }
}

static void flush(struct vr_shard *shard, struct pack *pack)
{
    struct vr_bytes opus = {0};

    if (pack->count == 0) {
        return;
    }
    opus = join(shard->engine, pack);
    if (opus.size > 0) {
        leave(shard, pack, opus);
    } else { /* refused by libopus, or too long for one packet */
        send_one_by_one(shard, pack);
    }
    pack->count = 0;
    pack->ticks = 0;
}

/* ---- in ---- */

static bool continues(const struct pack *pack, const struct vr_slot_packet *packet, uint32_t ticks)
{
    return packet->participant == pack->head.participant && !packet->marker &&
           packet->ts == pack->head.ts + pack->ticks && pack->ticks + ticks <= VR_OPUS_TICKS_MAX &&
           vr_opus_alike(vr_bytes(pack->frames[0], pack->sizes[0]), packet->opus);
}

/* Quieter is the larger number; voice is the bit above it (RFC 6464). */
static uint8_t louder(uint8_t a, uint8_t b)
{
    uint8_t level = (a & 0x7f) < (b & 0x7f) ? a & 0x7f : b & 0x7f;

    return (uint8_t)(level | ((a | b) & 0x80));
}

static void add(struct pack *pack, const struct vr_slot_packet *packet, uint32_t ticks)
{
    if (pack->count == 0) {
        pack->head = *packet;
        pack->head.tier = VR_TIER_PACKED;
        memset(pack->head.red, 0, sizeof pack->head.red); /* would cost what packing saves */
    } else {
        pack->head.level_byte = louder(pack->head.level_byte, packet->level_byte);
    }
    memcpy(pack->frames[pack->count], packet->opus.data, packet->opus.size);
    pack->sizes[pack->count++] = (uint16_t)packet->opus.size;
    pack->ticks += ticks;
}

static void begin_anew(struct vr_shard *shard, uint32_t slot)
{
    struct pack *pack = &shard->packs->slots[slot];
    uint8_t bit = (uint8_t)(1u << slot);

    flush(shard, pack);
    vr_shard_let_go(shard);
    pack->wanted = shard->packs->level;
    pack->listeners = 0;
    for (uint32_t i = 0; i < shard->listener_count; i++) {
        struct vr_hear *hear = &shard->hears[i];

        hear->packed &= (uint8_t)~bit;
        if (hear->may_pack && pack->wanted > 0) {
            hear->packed |= bit;
            pack->listeners++;
        }
    }
}

void vr_packs_frame(struct vr_shard *shard, const struct vr_slot_packet *packet, vr_time_us before)
{
    struct pack *pack = &shard->packs->slots[packet->slot];
    uint32_t ticks;

    if (!packet->newest) {
        return; /* the packet that had room for it is gone */
    }
    if (before == 0 || packet->now - before >= PAUSE) {
        begin_anew(shard, packet->slot);
    }
    if (pack->listeners == 0) {
        return;
    }
    ticks = vr_opus_ticks(packet->opus);
    if (pack->count > 0 && !continues(pack, packet, ticks)) {
        flush(shard, pack);
    }
    if (packet->opus.size > FRAME_BYTES || packet->opus.size <= DTX_BYTES || ticks == 0) {
        flush(shard, pack);
        pack->head = *packet;
        pack->head.tier = VR_TIER_PACKED;
        memset(pack->head.red, 0, sizeof pack->head.red);
        leave(shard, pack, packet->opus);
        return;
    }
    add(pack, packet, ticks);
    if (pack->count >= pack->wanted || pack->count == FRAMES_MAX ||
        pack->ticks + ticks > VR_OPUS_TICKS_MAX) {
        flush(shard, pack);
        return;
    }
    pack->due = packet->now + PATIENCE;
    vr_shard_waits(shard, pack->due);
}

vr_time_us vr_packs_tick(struct vr_shard *shard, vr_time_us now)
{
    vr_time_us next = VR_NEVER;

    for (uint32_t k = 0; k < VR_SLOTS_MAX; k++) {
        struct pack *pack = &shard->packs->slots[k];

        if (pack->count > 0 && now >= pack->due) {
            flush(shard, pack);
        } else if (pack->count > 0 && pack->due < next) {
            next = pack->due;
        }
    }
    return next;
}

void vr_packs_drop(struct vr_shard *shard, vr_participant_id participant)
{
    for (uint32_t k = 0; k < VR_SLOTS_MAX; k++) {
        struct pack *pack = &shard->packs->slots[k];

        if (pack->count > 0 && pack->head.participant == participant) {
            shard->engine->stats.shut_dropped += pack->count;
            pack->count = 0; /* its number was not given yet */
            pack->ticks = 0;
        }
    }
}

/* ---- who ---- */

/* He has not heard of these slots: nothing can be late for him. */
void vr_packs_join(struct vr_shard *shard, struct vr_hear *hear)
{
    for (uint32_t k = 0; k < VR_SLOTS_MAX; k++) {
        struct pack *pack = &shard->packs->slots[k];

        if (pack->wanted > 0 && shard->packs->level > 0 && (hear->packed >> k & 1) == 0 &&
            shard->engine->hot[hear->peer].slots[k].packets == 0) {
            hear->packed |= (uint8_t)(1u << k);
            pack->listeners++;
        }
    }
}

void vr_packs_leave(struct vr_shard *shard, struct vr_hear *hear)
{
    for (uint32_t k = 0; k < VR_SLOTS_MAX; k++) {
        struct pack *pack = &shard->packs->slots[k];

        if ((hear->packed >> k & 1) != 0) {
            flush(shard, pack); /* he has what the others have, then goes on alone */
            vr_shard_let_go(shard);
            hear->packed &= (uint8_t) ~(1u << k);
            pack->listeners--;
        }
    }
}

bool vr_packs_spare(const struct vr_shard *shard, const struct vr_listener *listener)
{
    const struct vr_packs *packs = shard->packs;

    return packs != NULL && listener->place < shard->listener_count &&
           shard->listeners[listener->place] == listener &&
           shard->hears[listener->place].packed != 0 &&
           (packs->level == VR_PACK_6 || shard->engine->conf.pack == VR_PACK_3);
}

static uint32_t level_for(const struct vr_shard *shard)
{
    const struct vr_engine *engine = shard->engine;
    uint32_t busy = shard->packs->level == VR_PACK_6 ? BUSY_NO_MORE : BUSY;

    switch (engine->conf.pack) {
    case VR_PACK_OFF:
        return 0;
    case VR_PACK_3:
    case VR_PACK_6:
        return (uint32_t)engine->conf.pack;
    case VR_PACK_AUTO:
        break;
    }
    if (engine->busy_percent >= busy && shard->open_listeners >= AUDIENCE_6) {
        return VR_PACK_6;
    }
    /* Some way below the bound before it ends: people come and go. */
    return shard->open_listeners >= (shard->packs->level > 0 ? AUDIENCE_3 * 3 / 4 : AUDIENCE_3)
               ? VR_PACK_3
               : 0;
}

void vr_packs_decide(struct vr_shard *shard)
{
    uint32_t level = shard->packs == NULL ? 0 : level_for(shard);

    if (shard->packs == NULL || level == shard->packs->level) {
        return;
    }
    shard->packs->level = level;
    if (level == 0) {
        for (uint32_t i = 0; i < shard->listener_count; i++) {
            vr_packs_leave(shard, &shard->hears[i]);
        }
    }
}
