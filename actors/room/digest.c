/* digest.c - one number over the state that clients hold, so that one who missed something notices.
 * docs/protocol.md, "Digest", has the text that is hashed. */
#include <stdio.h>

#include "actors/room/state.h"

#define SOON VR_SECONDS(2)   /* after a change */
#define LATER VR_SECONDS(10) /* when nothing changes */

uint64_t fnv64(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * 0x100000001b3ull;
    }
    return hash;
}

uint64_t vr_room_digest(const struct vr_room *room)
{
    char line[96];
    int size = snprintf(line, sizeof(line), "%llu|%s|%d\n", (unsigned long long)room->revision,
                        vr_phase_name(room->phase), room->settings.locked ? 1 : 0);
    uint64_t hash = fnv64(FNV_START, line, (size_t)size);

    for (uint32_t i = 0; i < room->people_count; i++) {
        const struct person *person = room->people[i];

        if (!person_shown(room, person)) {
            continue;
        }
        size = snprintf(line, sizeof(line), "%u|%s|%d|%d|%u|%s\n", person->id,
                        vr_role_name(person->role), person->muted_by_self ? 1 : 0,
                        person->muted_by_moderator ? 1 : 0, hand_position(room, person),
                        person->presence == PERSON_LOST ? "reconnecting" : "live");
        hash = fnv64(hash, line, (size_t)size);
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
    room->digest_told = room->counters.sequence;
    room->digest_told_at = step->at.now;
    snprintf(text, sizeof(text), "%016llx", (unsigned long long)vr_room_digest(room));
    event = event_begin(step, "room:digest", false);
    event_text(&event, "digest", text);
    event_send(step, &event, 0);
}

vr_time_us digest_deadline(const struct vr_room *room)
{
    if (room->phase == VR_ENDED || vr_room_counts(room).present == 0) {
        return VR_NEVER;
    }
    return room->digest_told_at + (room->digest_told != room->counters.sequence ? SOON : LATER);
}
