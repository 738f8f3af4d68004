/* diagnosis.c - what a diagnosis needs of the room: its people, and the shards where their media
 * is. What the shards know is asked of them by who puts it together (nodes/routes_diagnosis.c). */
#include "actors/messages/msg.h"
#include "actors/room/state.h"

#define SHOWN 2000

static bool before_has(const struct vr_room *room, uint32_t count, uint32_t shard)
{
    for (uint32_t i = 0; i < count; i++) {
        if (person_present(room->people[i]) && room->people[i]->shard.kind == VR_ACTOR_SHARD &&
            room->people[i]->shard.sub == shard) {
            return true;
        }
    }
    return false;
}

void json_diagnosis(const struct vr_room *room, struct vr_buf *out)
{
    uint32_t count = 0;

    vr_buf_text(out, "{\"shards\":[");
    for (uint32_t i = 0; i < room->people_count && count < VR_SHARDS_MAX; i++) {
        const struct person *person = room->people[i];

        if (person_present(person) && person->shard.kind == VR_ACTOR_SHARD &&
            !before_has(room, i, person->shard.sub)) {
            vr_buf_printf(out, "%s%u", count++ == 0 ? "" : ",", person->shard.sub);
        }
    }
    vr_buf_text(out, "],\"participants\":");
    (void)json_people(room, false, 0, SHOWN, out);
    vr_buf_text(out, "}");
}
