/* digest.c - one number over the state that clients hold, so that one who missed something notices.
 * docs/protocol.md, "Digest", has the text that is hashed. */
#include <stdio.h>
#include <string.h>

#include "actors/base/fnv.h"
#include "actors/room/state.h"

#define SOON VR_SECONDS(2)   /* after a change, and once more */
#define LATER VR_SECONDS(10) /* when nothing changes */

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return vr_fnv64(hash, text, strlen(text));
}

static uint64_t hash_number(uint64_t hash, uint64_t value)
{
    char digits[VR_DECIMAL_MAX];

    return vr_fnv64(hash, digits, vr_decimal(value, digits));
}

static uint64_t hash_flag(uint64_t hash, bool value)
{
    return vr_fnv64(hash, value ? "|1" : "|0", 2);
}

static uint64_t hash_person(uint64_t hash, const struct vr_room *room, const struct person *person)
{
    hash = hash_text(hash_number(hash, person->id), "|");
    hash = hash_text(hash, vr_role_name(person->role));
    hash = hash_flag(hash, person->muted_by_self);
    hash = hash_flag(hash, person->muted_by_moderator);
    hash = hash_number(hash_text(hash, "|"), hand_position(room, person));
    return hash_text(hash, person->presence == PERSON_LOST ? "|reconnecting\n" : "|live\n");
}

/* Asked for at each join, over everybody that clients list: hashed as it goes, without printf. */
uint64_t vr_room_digest(const struct vr_room *room)
{
    uint64_t hash = hash_text(hash_number(VR_FNV_START, room->revision), "|");

    hash = hash_flag(hash_text(hash, vr_phase_name(room->phase)), room->settings.locked);
    hash = hash_text(hash, "\n");
    for (uint32_t i = 0; i < room->people_count; i++) {
        if (person_shown(room, room->people[i])) {
            hash = hash_person(hash, room, room->people[i]);
        }
    }
    return hash;
}

void digest_tick(struct step *step)
{
    struct vr_room *room = step->room;
    struct event event;
    char text[17];

    if (step->at.now < digest_deadline(room)) {
        return;
    }
    room->digest_again = room->digest_told != room->counters.sequence;
    room->digest_told = room->counters.sequence;
    room->digest_told_at = step->at.now;
    snprintf(text, sizeof(text), "%016llx", (unsigned long long)vr_room_digest(room));
    event = event_begin(step, "room:digest", false);
    event_text(&event, "digest", text);
    event_send(step, &event, 0);
}

void digest_soon(struct vr_room *room)
{
    room->digest_told = UINT64_MAX;
}

/* The first one after a quiet time comes with the change itself. A link that was cut for less than
 * anybody calls silent has lost both, so what it named is told once more. */
vr_time_us digest_deadline(const struct vr_room *room)
{
    bool news = room->digest_again || room->digest_told != room->counters.sequence;

    if (room->phase == VR_ENDED || vr_room_counts(room).present == 0) {
        return VR_NEVER;
    }
    return room->digest_told_at + (news ? SOON : LATER);
}
