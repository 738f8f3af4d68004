/* host.c - who is host, and who comes after him (the rule stands in room.h). */
#include "actors/room/state.h"

/* Somebody else holds the role: he becomes a moderator, there or away. */
static void depose(struct step *step, const struct person *heir)
{
    struct person *host = host_of(step->room);

    if (host != NULL && host != heir && host->role == VR_ROLE_HOST) {
        role_set(step, host, MOVE_HOST_GIVEN);
    }
}

void host_arrived(struct step *step, struct person *person)
{
    struct counters *counters = &step->room->counters;

    if (person->creator && !counters->host_given && !person->hidden) {
        depose(step, person);
        if (person->role != VR_ROLE_HOST) {
            role_set(step, person, MOVE_HOST);
        }
    }
    if (person->role == VR_ROLE_HOST) {
        counters->host = person->id;
        counters->host_seen = true;
        person_changed(step, person);
    }
    host_watch(step);
}

/* Is there anybody who would miss a host? */
static bool anybody_live(const struct vr_room *room)
{
    for (uint32_t i = 0; i < room->people_count; i++) {
        if (room->people[i]->presence == PERSON_LIVE && !room->people[i]->hidden) {
            return true;
        }
    }
    return false;
}

void host_watch(struct step *step)
{
    struct vr_room *room = step->room;
    const struct person *host = host_of(room);
    bool there = host != NULL && host->presence == PERSON_LIVE && host->role == VR_ROLE_HOST;

    if (there || !room->counters.host_seen || room->phase != VR_ACTIVE || !anybody_live(room)) {
        room->host_missing_since = VR_NEVER;
    } else if (room->host_missing_since == VR_NEVER) {
        room->host_missing_since = step->at.now;
    }
}

/* Is `a` the better heir? */
static bool comes_before(const struct person *a, const struct person *b)
{
    if (b == NULL) {
        return true;
    }
    if (a->creator != b->creator) {
        return a->creator;
    }
    if (a->role != b->role) {
        return a->role > b->role;
    }
    return a->role == VR_ROLE_LISTENER ? a->id < b->id : a->served < b->served;
}

void host_tick(struct step *step)
{
    struct vr_room *room = step->room;
    struct person *heir = NULL;

    if (step->at.now < host_deadline(room)) {
        return;
    }
    for (uint32_t i = 0; i < room->people_count; i++) {
        struct person *person = room->people[i];

        if (person->presence == PERSON_LIVE && !person->hidden && comes_before(person, heir)) {
            heir = person;
        }
    }
    room->host_missing_since = VR_NEVER;
    if (heir == NULL) {
        return; /* the time starts anew with the next who comes */
    }
    depose(step, heir);
    if (heir->role != VR_ROLE_HOST) {
        role_set(step, heir, MOVE_HOST);
    }
    room->counters.host = heir->id;
    if (heir->creator) {
        room->counters.host_given = false;
    }
    audit(step, "room:host-succession", heir->user, heir->name, "the host was gone");
}

vr_time_us host_deadline(const struct vr_room *room)
{
    return room->host_missing_since == VR_NEVER ? VR_NEVER
                                                : room->host_missing_since + room->conf.host_grace;
}
