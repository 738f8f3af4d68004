/* restored.c - the rules of a room that comes back from a backup: nobody but an administrator may,
 * and only where there is no room; whoever was in it then is not there now. */
#include "actors/room/state.h"

enum vr_err step_restore(struct step *step)
{
    if (step->room->exists) {
        return vr_fail(&step->why, VR_E_EXISTS,
                       "the room is there: delete it first, if it is to be as in the backup");
    }
    return VR_OK;
}

/* As at a room's end, but nobody is told: sessions of then belong to another life of the room. */
static void empty(struct step *step)
{
    struct vr_room *room = step->room;

    room->hand_count = 0;
    for (uint32_t i = 0; i < room->people_count; i++) {
        struct person *person = room->people[i];

        person->hand_order = 0;
        if (!person_present(person)) {
            continue;
        }
        person->unheard = person->was_lost = false;
        person->shown = false;
        person_ends(step, person);
    }
    room->host_missing_since = VR_NEVER;
}

void vr_room_restored(struct vr_room *room, const struct vr_command *cmd, struct vr_instant at,
                      struct vr_effects *effects, struct vr_answer *answer)
{
    struct step step = {.room = room,
                        .cmd = cmd,
                        .at = at,
                        .effects = effects,
                        .answer = answer,
                        .rank = VR_RANK_ADMIN};
    struct vr_buf json = {0};

    effects->at_wall = at.wall;
    empty(&step);
    audience_settle(&step);
    take_place(&step);
    audit(&step, "room:restore", NULL, NULL, NULL);
    effects->summary = true;
    answer->epoch = room->epoch;
    answer->sequence = room->counters.sequence;
    answer->revision = room->revision;
    json_room(room, &json);
    answer->body = json_blob(&step, &json);
}
