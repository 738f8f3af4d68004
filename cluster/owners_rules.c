/* owners_rules.c - ranks by rendezvous hashing: each room has its own order of nodes, all nodes
 * know it, and when one goes the others keep their order. */
#include "cluster/owners_rules.h"

#include <stdio.h>
#include <string.h>

static uint64_t mix(uint64_t x) /* the finaliser of SplitMix64 */
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t weight(struct vr_id room, const struct owners_place *place)
{
    uint64_t hash = mix(room.hi ^ mix(room.lo ^ mix(place->number)));

    return place->draining ? hash >> 1 : hash >> 1 | UINT64_C(1) << 63;
}

static bool in_sync(uint32_t number, uint32_t owner, uint32_t partner)
{
    return number != 0 && (number == owner || number == partner);
}

uint32_t owners_rank(struct vr_id room, uint32_t self, uint32_t owner, uint32_t partner,
                     const struct owners_place *places, uint32_t count)
{
    uint64_t mine = 0;
    uint32_t rank = 1;

    if (in_sync(self, owner, partner)) {
        return 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        mine = places[i].number == self ? weight(room, &places[i]) : mine;
    }
    for (uint32_t i = 0; i < count; i++) {
        bool other = places[i].number != self && !in_sync(places[i].number, owner, partner);

        rank += other && weight(room, &places[i]) > mine ? 1 : 0;
    }
    return rank;
}

uint32_t owners_candidate(struct vr_id room, uint32_t self, uint32_t except,
                          const struct owners_place *places, uint32_t count)
{
    uint64_t best = 0;
    uint32_t found = 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct owners_place *place = &places[i];

        if (place->number != self && place->number != except && !place->draining &&
            weight(room, place) >= best) {
            best = weight(room, place);
            found = place->number;
        }
    }
    return found;
}

static const struct owners_place *place_of(uint32_t number, const struct owners_place *places,
                                           uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (places[i].number == number) {
            return &places[i];
        }
    }
    return NULL;
}

static bool is_better(struct vr_id room, const struct owners_place *a, const struct owners_place *b)
{
    if (b == NULL || a->stress_permille != b->stress_permille) {
        return b == NULL || a->stress_permille < b->stress_permille;
    }
    return a->rooms != b->rooms ? a->rooms < b->rooms : weight(room, a) > weight(room, b);
}

/* `region` NULL: in any. */
static const struct owners_place *best_in(struct vr_id room, const char *region,
                                          const struct owners_place *places, uint32_t count)
{
    const struct owners_place *best = NULL;

    for (uint32_t i = 0; i < count; i++) {
        if (!places[i].draining && (region == NULL || strcmp(region, places[i].region) == 0) &&
            is_better(room, &places[i], best)) {
            best = &places[i];
        }
    }
    return best;
}

uint32_t owners_place(struct vr_id room, uint32_t self, const struct owners_place *places,
                      uint32_t count, char *reason, size_t size)
{
    const struct owners_place *here = place_of(self, places, count);
    const struct owners_place *best =
        here == NULL ? NULL : best_in(room, here->region, places, count);

    if (here != NULL && !here->draining &&
        (best == NULL || here->stress_permille < best->stress_permille + PLACE_MARGIN)) {
        snprintf(reason, size, "created here");
        return self;
    }
    if (best != NULL) {
        snprintf(reason, size,
                 here->draining ? "created on %s: %s drains" : "created on %s: %s has more load",
                 best->name, here->name);
        return best->number;
    }
    best = best_in(room, NULL, places, count);
    if (best != NULL) {
        snprintf(reason, size, "created on %s: no other node of the region", best->name);
        return best->number;
    }
    reason[0] = '\0';
    return 0;
}

enum owners_step owners_decide(const struct owners_found *found, const struct owners_wish *wish,
                               uint32_t *to)
{
    bool ours = in_sync(wish->self, found->in_sync[0], found->in_sync[1]);

    *to = 0;
    if (found->was_ours) {
        return OWNERS_TAKE;
    }
    if (found->has_owner) {
        return found->owner_is_us ? OWNERS_BEGIN : OWNERS_TELL;
    }
    if (!found->known) {
        if (!wish->creating) {
            return OWNERS_NONE;
        }
        return wish->from_other ? OWNERS_TAKE : OWNERS_PLACE;
    }
    for (int i = 0; i < 2 && !wish->wanted && !wish->from_other && (!ours || wish->draining); i++) {
        if (found->in_sync_lives[i] && found->in_sync[i] != wish->self) {
            *to = found->in_sync[i];
            return OWNERS_PASS_ON;
        }
    }
    return OWNERS_TAKE;
}
