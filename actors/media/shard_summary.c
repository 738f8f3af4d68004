/* shard_summary.c - what shards tell each other of who holds slots: every 100 ms, and on change;
 * once a second where nobody has spoken for a while: to a shard in which nobody speaks all speech
 * is sent, whether its last report is old or not, so that a thousand silent rooms cost little.
 *
 * A sibling is told of us alone. A node that an edge leads to is told by our entry of all that lies
 * behind it on our side: our node's shards and, in a tree, what the other edges lead to. A talker
 * is left out there only if he could win nowhere; so where one place lacks speakers, all lack them.
 */
#include <string.h>

#include "actors/media/shard_internal.h"

#define SUMMARY_FRESH VR_MS(350) /* three reports lost */
#define SUMMARY_GAP (VR_MS(100) - VR_TICK_EARLY)
#define SILENT_GAP VR_SECONDS(1)
#define SILENT_AFTER VR_SECONDS(1) /* what is new is said ten times: one may be lost */

struct summary {
    struct vr_speaker items[VR_SPOKE_MAX];
    uint32_t count;
    bool deaf;
    bool lacking; /* somewhere a slot is free, or nothing is known */
};

bool vr_link_fresh(const struct vr_link *link, vr_time_us now)
{
    return link->summary_at != 0 && now - link->summary_at <= SUMMARY_FRESH;
}

static void own_summary(const struct vr_shard *shard, vr_time_us now, struct summary *out)
{
    out->count = 0;
    out->deaf = shard->open_listeners == 0;
    for (uint32_t i = 0; i < shard->slots.count; i++) {
        const struct vr_talker *holder = shard->slots.holders[i];

        if (holder != NULL && vr_talker_speaks(holder, now)) {
            out->items[out->count++] = (struct vr_speaker){
                .participant = holder->participant,
                .level = (uint8_t)(holder->level / 16),
                .holds_slot = true,
            };
        }
    }
    out->lacking = !out->deaf && out->count < shard->slots.count;
}

/* Quietest first: who is dropped at the end is louder than those, and wins by that. */
static void add_item(struct summary *sum, const struct vr_speaker *item)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < sum->count; i++) {
        if (sum->items[i].participant == item->participant) {
            return;
        }
    }
    while (at < sum->count && sum->items[at].level >= item->level) {
        at++;
    }
    if (at == VR_SLOTS_MAX) {
        return;
    }
    sum->count += sum->count < VR_SLOTS_MAX;
    memmove(&sum->items[at + 1], &sum->items[at], (sum->count - 1 - at) * sizeof *item);
    sum->items[at] = *item;
}

static void add_link(struct summary *sum, const struct vr_link *link, vr_time_us now)
{
    if (!vr_link_fresh(link, now)) {
        sum->deaf = false;
        sum->lacking = true;
        return;
    }
    if (link->deaf) {
        return;
    }
    sum->deaf = false;
    sum->lacking = sum->lacking || link->holder_count < link->owner->slots.count;
    for (uint32_t i = 0; i < link->holder_count; i++) {
        add_item(sum, &link->holders[i]);
    }
}

/* Of our side of the edge to `node`: never what came from there, or it would live for ever. */
static void side_summary(const struct vr_shard *shard, vr_time_us now, const struct summary *own,
                         uint32_t node, struct summary *out)
{
    *out = (struct summary){.deaf = own->deaf, .lacking = own->lacking};
    for (uint32_t i = 0; i < own->count && !own->deaf; i++) {
        add_item(out, &own->items[i]);
    }
    for (uint32_t i = 0; i < shard->link_count; i++) {
        const struct vr_link *link = &shard->links[i];
        bool sibling = link->way.edge == shard->tree.node;

        if (link->way.next && link->way.edge != node && (sibling || !shard->tree.mesh)) {
            add_link(out, link, now);
        }
    }
    if (out->lacking && out->count >= shard->slots.count) {
        out->count = shard->slots.count - 1;
    }
}

static bool others_speak(const struct vr_shard *shard, vr_time_us now)
{
    for (uint32_t i = 0; i < shard->link_count; i++) {
        if (shard->links[i].holder_count > 0 && vr_link_fresh(&shard->links[i], now)) {
            return true;
        }
    }
    return false;
}

void vr_shard_links_tick(struct vr_shard *shard, vr_time_us now)
{
    bool deaf = shard->open_listeners == 0;
    bool news = shard->levels_at == 0 || shard->slots.changes != shard->levels_changes ||
                deaf != shard->levels_deaf;
    struct summary own, side;
    vr_time_us gap;

    if (shard->link_count == 0) {
        return;
    }
    own_summary(shard, now, &own);
    if (news || own.count > 0 || others_speak(shard, now)) {
        shard->loud_at = now;
    }
    gap = now - shard->loud_at < SILENT_AFTER ? SUMMARY_GAP : SILENT_GAP;
    if (!news && now - shard->levels_at < gap) {
        return;
    }
    shard->levels_at = now;
    shard->levels_changes = shard->slots.changes;
    shard->levels_deaf = deaf;
    for (uint32_t i = 0; i < shard->link_count; i++) {
        const struct vr_link *link = &shard->links[i];
        const struct summary *told = &own;

        if (link->way.edge != shard->tree.node) {
            if (!shard->tree.entry) {
                continue; /* nothing comes to us from there */
            }
            side_summary(shard, now, &own, link->way.edge, &side);
            told = &side;
        }
        shard->conf.ops->levels(shard->conf.ctx, link->shard, told->items, told->count, told->deaf);
    }
}

/* News that opens or shuts a way goes on at once: who comes to hear at the far end of a tree should
 * not wait for one report a hop. It ends there: nothing is told back that came from there. */
void vr_shard_levels_in(struct vr_shard *shard, vr_time_us now, uint32_t from,
                        const struct vr_speaker *items, uint32_t count, bool deaf)
{
    for (uint32_t i = 0; i < shard->link_count; i++) {
        struct vr_link *link = &shard->links[i];
        bool full = link->holder_count >= shard->slots.count;

        if (link->shard != from) {
            continue;
        }
        link->holder_count = count > VR_SLOTS_MAX ? VR_SLOTS_MAX : count;
        memcpy(link->holders, items, link->holder_count * sizeof items[0]);
        link->summary_at = now;
        if (link->deaf != deaf || full != (link->holder_count >= shard->slots.count)) {
            link->deaf = deaf;
            shard->levels_at = 0;
            vr_shard_links_tick(shard, now);
            return;
        }
    }
}
