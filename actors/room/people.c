/* people.c - the people a room knows: by participant id (ascending, ids count from 1 and are never
 * used twice) and by user. Who is gone stays known, so that mutes and roles survive his return. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/room/state.h"

bool person_present(const struct person *person)
{
    return person->presence != PERSON_GONE;
}

bool person_has_session(const struct person *person)
{
    return person->presence == PERSON_LIVE || (person->presence == PERSON_LOST && person->unheard);
}

bool person_listed(const struct person *person)
{
    return person_present(person) && !person->hidden;
}

/* Place of the first person whose id is not below `id`. */
static uint32_t place_of(const struct vr_room *room, vr_participant_id id)
{
    uint32_t low = 0;
    uint32_t high = room->people_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (room->people[middle]->id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct person *person_by_id(const struct vr_room *room, vr_participant_id id)
{
    uint32_t place = place_of(room, id);

    return place < room->people_count && room->people[place]->id == id ? room->people[place] : NULL;
}

static bool grow(struct vr_room *room)
{
    uint32_t capacity = room->people_capacity == 0 ? 16 : room->people_capacity * 2;
    struct person **people = NULL;

    if (room->people_count < room->people_capacity) {
        return true;
    }
    people = realloc(room->people, capacity * sizeof(struct person *));
    if (people == NULL) {
        return false;
    }
    room->people = people;
    room->people_capacity = capacity;
    return true;
}

struct person *person_load(struct vr_room *room, vr_participant_id id, const char *user)
{
    uint32_t place = place_of(room, id);
    struct person *person;

    if (id == 0 || (place < room->people_count && room->people[place]->id == id) ||
        person_by_user(room, user) != NULL || !grow(room)) {
        return NULL;
    }
    person = calloc(1, sizeof(*person));
    if (person == NULL) {
        return NULL;
    }
    person->id = id;
    snprintf(person->user, sizeof(person->user), "%s", user);
    if (!index_add(room, person)) {
        free(person);
        return NULL;
    }
    memmove(&room->people[place + 1], &room->people[place],
            (room->people_count - place) * sizeof(struct person *));
    room->people[place] = person;
    room->people_count++;
    person->creator = is_creator(room, user);
    return person;
}

/* Nothing would be lost with him but that he once was here. */
static bool forgettable(const struct person *person)
{
    return person->presence == PERSON_GONE && person->role == VR_ROLE_LISTENER &&
           !person->creator && !person->demoted && !person->muted_by_moderator &&
           person->spoke_ms == 0;
}

static bool forget(struct vr_room *room, uint32_t place)
{
    struct person *person = room->people[place];
    vr_participant_id *grown =
        realloc(room->forgotten, (room->forgotten_count + 1) * sizeof(*grown));

    if (grown == NULL) {
        return false;
    }
    grown[room->forgotten_count] = person->id;
    room->forgotten = grown;
    room->forgotten_count++;
    index_remove(room, person);
    memmove(&room->people[place], &room->people[place + 1],
            (room->people_count - place - 1) * sizeof(struct person *));
    room->people_count--;
    free(person);
    return true;
}

void people_make_room(struct vr_room *room)
{
    if (room->people_count < VR_PEOPLE_MAX) {
        return;
    }
    for (uint32_t i = 0; i < room->people_count; i++) {
        if (forgettable(room->people[i])) {
            (void)forget(room, i);
            return;
        }
    }
}

struct person *person_add(struct vr_room *room, const char *user, vr_participant_id given)
{
    struct person *person;

    people_make_room(room);
    if (given >= VR_PARTICIPANT_GIVEN && room->people_count < VR_PEOPLE_MAX &&
        person_by_id(room, given) == NULL) {
        return person_load(room, given, user);
    }
    if (room->people_count >= VR_PEOPLE_MAX ||
        room->counters.last_participant >= VR_PARTICIPANT_GIVEN - 1) {
        return NULL;
    }
    person = person_load(room, room->counters.last_participant + 1, user);
    if (person != NULL) {
        room->counters.last_participant++;
    }
    return person;
}

void people_free(struct vr_room *room)
{
    for (uint32_t i = 0; i < room->people_count; i++) {
        free(room->people[i]);
    }
    free(room->people);
    free(room->chains);
    room->people = NULL;
    room->people_count = 0;
    room->chains = NULL;
    room->chain_count = 0;
}

void person_changed(struct step *step, struct person *person)
{
    person->dirty = true;
    person->touched = true;
    step->room->people_touched = true;
    step->room->people_dirty = true;
    durable(step);
}

void settings_changed(struct step *step)
{
    step->room->settings_dirty = true;
    durable(step);
}

struct person *host_of(const struct vr_room *room)
{
    return room->counters.host == 0 ? NULL : person_by_id(room, room->counters.host);
}

vr_participant_id vr_room_next(const struct vr_room *room, vr_participant_id after)
{
    for (uint32_t i = after == UINT32_MAX ? room->people_count : place_of(room, after + 1);
         i < room->people_count; i++) {
        if (person_present(room->people[i])) {
            return room->people[i]->id;
        }
    }
    return 0;
}
