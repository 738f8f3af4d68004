/* shard_out.c - from a shard to its listeners: at once, or together with what other speakers say
 * within 5 ms (docs/architecture.md, "Levers").
 *
 * What waits here is plain and not yet anybody's: encrypted when it leaves, for those who may hear
 * then. So a hold costs memory by room and not by listener, each listener's state is fetched once
 * for all packets of the hold, and who is muted meanwhile is dropped. */
#include <stdlib.h>
#include <string.h>

#include "actors/base/owner.h"
#include "actors/media/shard_internal.h"

#define HOLD VR_MS(5)
#define FRAME_TIME VR_MS(20)
#define LATE_MAX VR_MS(5) /* a packet that is overdue by more has missed this turn */
#define HOLD_AUDIENCE 6   /* for fewer listeners a hold saves nothing worth a delay */
#define PREFETCH 6        /* listeners ahead: about one packet's way through the kernel's batch */
#define HELD_BYTES (VR_RELAY_PAYLOAD_MAX + VR_RED_DEPTH_MAX * (VR_RELAY_PAYLOAD_MAX + 64))

struct vr_held {
    struct vr_slot_packet packet;
    uint8_t bytes[HELD_BYTES]; /* what the packet points to */
};

struct vr_hold {
    uint32_t count;
    vr_time_us until;
    struct vr_held held[VR_BURST_MAX];
};

enum vr_err vr_shard_out_open(struct vr_shard *shard)
{
    enum vr_err err = VR_OK;

    if (shard->engine->conf.gso) {
        shard->hold = calloc(1, sizeof *shard->hold);
        err = shard->hold == NULL ? VR_E_NO_MEMORY : VR_OK;
    }
    if (err == VR_OK && shard->engine->conf.pack != VR_PACK_OFF) {
        err = vr_packs_open(shard);
    }
    return err;
}

void vr_shard_out_close(struct vr_shard *shard)
{
    vr_list_remove(&shard->waiting);
    free(shard->hold);
    shard->hold = NULL;
    vr_packs_close(shard);
}

void vr_shard_hear_sync(struct vr_shard *shard, struct vr_listener *listener)
{
    struct vr_hear *hear = &shard->hears[listener->place];
    enum vr_hear_mode open = listener->narrow ? VR_HEAR_NARROW : VR_HEAR_WIDE;
    uint8_t before = hear->mode;

    hear->participant = listener->participant;
    hear->slot_count = listener->slot_count;
    hear->mode = (uint8_t)(listener->open ? open : VR_HEAR_SHUT);
    hear->may_pack = 0;
    if (listener->ops == &vr_peer_listener_ops) {
        struct vr_peer_live *live = VR_OWNER(listener, struct vr_peer_live, listener);
        const struct vr_participant *who = live->who;

        hear->peer = live->index;
        shard->engine->hot[live->index].red_depth = listener->red_depth;
        hear->may_pack = hear->mode == VR_HEAR_WIDE &&
                         shard->engine->cold[live->index].conf.pack60 && live->lossy_at == 0 &&
                         !(who->gate.known && who->gate.may_send);
    }
    if (shard->packs == NULL) {
        return;
    }
    if (!hear->may_pack) {
        vr_packs_leave(shard, hear);
    } else if (before == VR_HEAR_SHUT) {
        vr_packs_join(shard, hear);
    }
}

/* ---- the walk ---- */

static bool takes(const struct vr_hear *hear, const struct vr_slot_packet *packet)
{
    bool packed = (hear->packed >> packet->slot & 1) != 0;

    return hear->mode == (packet->tier == VR_TIER_NARROW ? VR_HEAR_NARROW : VR_HEAR_WIDE) &&
           hear->participant != packet->participant && packet->slot < hear->slot_count &&
           packed == (packet->tier == VR_TIER_PACKED);
}

static void send_to(struct vr_shard *shard, uint32_t place, uint32_t mask)
{
    struct vr_engine *engine = shard->engine;
    struct vr_listener *listener = shard->listeners[place];

    if (shard->hears[place].peer != VR_PEER_NONE) {
        vr_downlink_send(engine, shard->hears[place].peer, mask);
        return;
    }
    for (uint32_t k = 0; k < engine->forms.count; k++) {
        if ((mask >> k & 1) != 0 && listener->ops->slot != NULL) {
            listener->ops->slot(listener, engine->forms.packets[k]);
        }
    }
}

static void walk(struct vr_shard *shard, const struct vr_slot_packet *const *packets,
                 uint32_t count)
{
    struct vr_engine *engine = shard->engine;

    vr_forms_begin(&engine->forms, packets, count, engine->conf.gso);
    for (uint32_t i = 0; i < shard->listener_count; i++) {
        uint32_t mask = 0;

        if (i + PREFETCH < shard->listener_count &&
            shard->hears[i + PREFETCH].peer != VR_PEER_NONE) {
            vr_downlink_prefetch(engine, shard->hears[i + PREFETCH].peer, packets[0]->slot);
        }
        for (uint32_t k = 0; k < count; k++) {
            mask |= (uint32_t)takes(&shard->hears[i], packets[k]) << k;
        }
        if (mask != 0) {
            send_to(shard, i, mask);
        }
    }
}

/* ---- the hold ---- */

void vr_shard_let_go(struct vr_shard *shard)
{
    const struct vr_slot_packet *packets[VR_BURST_MAX];
    uint32_t count = shard->hold == NULL ? 0 : shard->hold->count;

    if (count == 0) {
        return;
    }

    for (uint32_t k = 0; k < count; k++) {
        packets[k] = &shard->hold->held[k].packet;
    }
    shard->hold->count = 0;
    walk(shard, packets, count);
    for (uint32_t k = 0; k < count; k++) {
        vr_shard_frame_left(shard, packets[k]);
    }
}

/* Another speaker's next packet, 20 ms after his last one, comes before the hold is over. */
static bool more_expected(const struct vr_shard *shard, vr_time_us now, vr_time_us until)
{
    for (uint32_t k = 0; k < shard->slots.count; k++) {
        vr_time_us sent_at = shard->slots.slots[k].sent_at;
        vr_time_us due = sent_at + FRAME_TIME;

        if (sent_at != 0 && shard->slots.holders[k] != NULL && due <= until &&
            now - due <= LATE_MAX) {
            return true;
        }
    }
    return false;
}

static struct vr_bytes copy_to(uint8_t **at, struct vr_bytes from)
{
    uint8_t *to = *at;

    memcpy(to, from.data, from.size);
    *at += from.size;
    return vr_bytes(to, from.size);
}

static bool fits(const struct vr_slot_packet *packet)
{
    size_t size = packet->opus.size;

    for (uint32_t i = 0; i < VR_RED_DEPTH_MAX; i++) {
        size += packet->red[i].payload.size;
    }
    return size <= HELD_BYTES;
}

static void put_by(struct vr_hold *hold, const struct vr_slot_packet *packet)
{
    struct vr_held *held = &hold->held[hold->count++];
    uint8_t *at = held->bytes;

    held->packet = *packet;
    held->packet.opus = copy_to(&at, packet->opus);
    for (uint32_t i = 0; i < VR_RED_DEPTH_MAX; i++) {
        if (packet->red[i].payload.size > 0) {
            held->packet.red[i].payload = copy_to(&at, packet->red[i].payload);
        }
    }
}

void vr_shard_waits(struct vr_shard *shard, vr_time_us until)
{
    struct vr_engine *engine = shard->engine;

    if (vr_list_empty(&shard->waiting)) {
        vr_list_push(&engine->waiting, &shard->waiting);
    }
    engine->wait_over = until < engine->wait_over ? until : engine->wait_over;
}

void vr_shard_out(struct vr_shard *shard, const struct vr_slot_packet *packet)
{
    struct vr_hold *hold = shard->hold;

    if (hold == NULL || packet->tier == VR_TIER_NARROW || !fits(packet) ||
        shard->open_listeners < HOLD_AUDIENCE) {
        vr_shard_let_go(shard); /* in their order */
        walk(shard, &packet, 1);
        vr_shard_frame_left(shard, packet);
        return;
    }
    if (hold->count == 0) {
        hold->until = packet->now + HOLD;
    }
    put_by(hold, packet);
    if (hold->count == VR_BURST_MAX || !more_expected(shard, packet->now, hold->until)) {
        vr_shard_let_go(shard);
    } else {
        vr_shard_waits(shard, hold->until);
    }
}

vr_time_us vr_shard_wait_over(struct vr_shard *shard, vr_time_us now)
{
    vr_time_us next = shard->packs == NULL ? VR_NEVER : vr_packs_tick(shard, now);

    if (shard->hold == NULL || shard->hold->count == 0) {
        return next;
    }
    if (now >= shard->hold->until) {
        vr_shard_let_go(shard);
        return next;
    }
    return shard->hold->until < next ? shard->hold->until : next;
}

/* The newest of a slot's numbers that nobody has seen are used again by who comes next. */
static void close_up(struct vr_shard *shard, const struct vr_slot_packet *packet)
{
    struct vr_slot *slot = &shard->slots.slots[packet->slot];

    if (packet->tier == VR_TIER_WIDE && slot->index == packet->index) {
        slot->index--;
    }
}

static void take_out(struct vr_hold *hold, uint32_t at)
{
    uint32_t end = hold->count;

    hold->count = at;
    for (uint32_t i = at + 1; i < end; i++) { /* rare; what points inside moves along */
        put_by(hold, &hold->held[i].packet);
    }
}

void vr_shard_drop_waiting(struct vr_shard *shard, vr_participant_id participant)
{
    struct vr_hold *hold = shard->hold;

    if (shard->packs != NULL) {
        vr_packs_drop(shard, participant);
    }
    for (uint32_t k = hold == NULL ? 0 : hold->count; k-- > 0;) {
        if (hold->held[k].packet.participant == participant) {
            close_up(shard, &hold->held[k].packet);
            vr_shard_frame_left(shard, &hold->held[k].packet);
            shard->engine->stats.shut_dropped++;
            take_out(hold, k);
        }
    }
}
