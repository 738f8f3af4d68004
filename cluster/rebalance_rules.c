/* rebalance_rules.c - greedy: one room at a time, as long as it makes the most laden node lighter.
 */
#include "cluster/rebalance_rules.h"

#include <stdio.h>
#include <string.h>

/* Of a node that is wholly busy something is left, so that its rooms weigh much and not infinitely.
 */
#define LEAST_FREE 100u

static uint32_t free_part(const struct owners_place *place)
{
    uint32_t steps = place->stress_permille / PLACE_MARGIN * PLACE_MARGIN;

    return steps + LEAST_FREE > 1000 ? LEAST_FREE : 1000 - steps;
}

/* Would `a` with its rooms carry more for its share than `b` with `more` rooms beside its own? */
static bool carries_more(const struct owners_place *a, const struct owners_place *b, uint32_t more)
{
    return (uint64_t)a->rooms * free_part(b) > (uint64_t)(b->rooms + more) * free_part(a);
}

static struct owners_place *find(struct owners_place *places, uint32_t count, uint32_t number)
{
    for (uint32_t i = 0; i < count; i++) {
        if (places[i].number == number) {
            return &places[i];
        }
    }
    return NULL;
}

/* The node of `from`'s region that carries least, if it still carries less with one room more. */
static struct owners_place *lightest(struct owners_place *places, uint32_t count,
                                     const struct owners_place *from)
{
    struct owners_place *best = NULL;

    for (uint32_t i = 0; i < count; i++) {
        struct owners_place *place = &places[i];

        if (place != from && !place->draining && strcmp(place->region, from->region) == 0 &&
            carries_more(from, place, 1) && (best == NULL || carries_more(best, place, 0))) {
            best = place;
        }
    }
    return best;
}

/* A room of `from`: best one that `to` has in sync. */
static struct rebalance_room *choose(struct rebalance_room *rooms, uint32_t count, uint32_t from,
                                     uint32_t to)
{
    struct rebalance_room *any = NULL;

    for (uint32_t i = 0; i < count; i++) {
        if (rooms[i].owner == from && rooms[i].partner == to) {
            return &rooms[i];
        }
        any = any == NULL && rooms[i].owner == from ? &rooms[i] : any;
    }
    return any;
}

static void write_move(struct vr_cluster_move *out, const struct rebalance_room *room,
                       const struct owners_place *from, const struct owners_place *to)
{
    *out = (struct vr_cluster_move){.room = room->id, .from = from->number, .to = to->number};
    snprintf(out->reason, sizeof(out->reason), "%.20s has %u rooms at %u%%, %.20s %u at %u%%%s",
             from->name, from->rooms, from->stress_permille / 10, to->name, to->rooms,
             to->stress_permille / 10, room->partner == to->number ? ", in sync" : "");
}

/* The next hand-over; false: nothing would be better than it is. */
static bool next_move(struct owners_place *places, uint32_t place_count,
                      struct rebalance_room *rooms, uint32_t room_count,
                      struct vr_cluster_move *out)
{
    struct owners_place *from = NULL;
    struct owners_place *to = NULL;
    struct rebalance_room *room = NULL;

    for (uint32_t i = 0; i < place_count; i++) {
        struct owners_place *other = lightest(places, place_count, &places[i]);

        if (!places[i].draining && other != NULL &&
            (from == NULL || carries_more(&places[i], from, 0))) {
            from = &places[i];
            to = other;
        }
    }
    room = from == NULL ? NULL : choose(rooms, room_count, from->number, to->number);
    if (room == NULL) {
        return false;
    }
    write_move(out, room, from, to);
    room->partner = from->number; /* who gives it away has all of it */
    room->owner = to->number;
    from->rooms--;
    to->rooms++;
    return true;
}

uint32_t rebalance_plan(struct owners_place *places, uint32_t place_count,
                        struct rebalance_room *rooms, uint32_t room_count,
                        struct vr_cluster_move *out, uint32_t max)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < place_count; i++) {
        places[i].rooms = 0;
    }
    for (uint32_t i = 0; i < room_count; i++) {
        struct owners_place *owner = find(places, place_count, rooms[i].owner);

        if (owner != NULL) {
            owner->rooms++;
        }
    }
    while (count < max && next_move(places, place_count, rooms, room_count, &out[count])) {
        count++;
    }
    return count;
}
