/* readings.c - what others may know of a room without changing it. */
#include "actors/room/state.h"

bool vr_room_exists(const struct vr_room *room)
{
    return room->exists;
}

struct vr_id vr_room_id(const struct vr_room *room)
{
    return room->id;
}

uint64_t vr_room_sequence(const struct vr_room *room)
{
    return room->counters.sequence;
}

uint64_t vr_room_epoch(const struct vr_room *room)
{
    return room->epoch;
}

void vr_room_set_epoch(struct vr_room *room, uint64_t epoch)
{
    room->epoch = epoch;
}

uint64_t vr_room_revision(const struct vr_room *room)
{
    return room->revision;
}

uint64_t vr_room_audits(const struct vr_room *room)
{
    return room->counters.audits;
}

enum vr_phase vr_room_phase(const struct vr_room *room)
{
    return room->phase;
}

struct vr_room_counts vr_room_counts(const struct vr_room *room)
{
    struct vr_room_counts counts = {.hands = room->hand_count};

    for (uint32_t i = 0; i < room->people_count; i++) {
        const struct person *person = room->people[i];

        if (!person_present(person)) {
            continue;
        }
        counts.present++;
        if (!person->hidden) {
            counts.participants++;
            counts.speakers += person->role >= VR_ROLE_SPEAKER ? 1 : 0;
        }
    }
    return counts;
}

bool vr_room_person(const struct vr_room *room, vr_participant_id participant,
                    struct vr_person_view *out)
{
    const struct person *person = person_by_id(room, participant);

    if (person == NULL) {
        return false;
    }
    *out = (struct vr_person_view){
        .participant = person->id,
        .generation = person->generation,
        .gate_version = person->gate_version,
        .role = person->role,
        .present = person_present(person),
        .reconnecting = person->presence == PERSON_LOST,
        .was_lost = person->presence == PERSON_LOST && person->was_lost,
        .hidden = person->hidden,
        .creator = person->creator,
        .muted_by_self = person->muted_by_self,
        .muted_by_moderator = person->muted_by_moderator,
        .hand = hand_position(room, person),
        .user = person->user,
        .name = person->name,
        .session = person->session,
        .shard = person->shard,
    };
    return true;
}

bool vr_room_attach(struct vr_room *room, vr_participant_id participant, uint32_t generation)
{
    struct person *person = person_by_id(room, participant);

    if (person == NULL || person->presence != PERSON_LOST || person->generation != generation) {
        return false;
    }
    person->presence = PERSON_LIVE;
    if (participant == room->counters.host) {
        room->host_missing_since = VR_NEVER;
    }
    return true;
}
