/* people_index.c - people by user: a hash table with chains, for it is small and its keys are
 * texts. */
#include <stdlib.h>
#include <string.h>

#include "actors/room/state.h"

static struct person **chain_of(const struct vr_room *room, const char *user)
{
    return &room->chains[memory_hash(user) & (room->chain_count - 1)];
}

struct person *person_by_user(const struct vr_room *room, const char *user)
{
    if (user[0] == 0 || room->chain_count == 0) {
        return NULL;
    }
    for (struct person *person = *chain_of(room, user); person != NULL; person = person->next) {
        if (strcmp(person->user, user) == 0) {
            return person;
        }
    }
    return NULL;
}

static void link_person(struct vr_room *room, struct person *person)
{
    struct person **chain = chain_of(room, person->user);

    person->next = *chain;
    *chain = person;
}

/* Chains stay about one person long. */
static bool grow(struct vr_room *room)
{
    uint32_t count = room->chain_count == 0 ? 16 : room->chain_count * 2;
    struct person **chains;

    if (room->indexed_count < room->chain_count) {
        return true;
    }
    chains = calloc(count, sizeof(struct person *));
    if (chains == NULL) {
        return false;
    }
    free(room->chains);
    room->chains = chains;
    room->chain_count = count;
    for (uint32_t i = 0; i < room->people_count; i++) {
        if (room->people[i]->user[0] != 0) {
            link_person(room, room->people[i]);
        }
    }
    return true;
}

bool index_add(struct vr_room *room, struct person *person)
{
    if (person->user[0] == 0) {
        return true; /* erased: nobody finds him by a name */
    }
    if (!grow(room)) {
        return false;
    }
    link_person(room, person);
    room->indexed_count++;
    return true;
}

void index_remove(struct vr_room *room, struct person *person)
{
    if (person->user[0] == 0) {
        return;
    }
    for (struct person **at = chain_of(room, person->user); *at != NULL; at = &(*at)->next) {
        if (*at == person) {
            *at = person->next;
            room->indexed_count--;
            return;
        }
    }
}
