/* analytics.c - counts of a room's life, kept after its end. */
#include "actors/room/state.h"
#include "actors/wire/client_json.h"

void analytics_joined(struct step *step, struct person *person)
{
    struct counters *counters = &step->room->counters;
    uint32_t there = vr_room_counts(step->room).participants;

    if (person->hidden) {
        return;
    }
    counters->unique += person->joins == 0 ? 1 : 0;
    person->joins++;
    counters->joins++;
    if (there > counters->peak) {
        counters->peak = there;
    }
}

void analytics_left(struct step *step, struct person *person)
{
    struct counters *counters = &step->room->counters;
    vr_time_us stay = step->at.wall - person->joined_wall;

    if (person->hidden) {
        return;
    }
    stay = stay < 0 ? 0 : stay; /* the wall clock may be set back */
    person->stay_us += (uint64_t)stay;
    counters->stays++;
    counters->stay_us += (uint64_t)stay;
}

void vr_room_spoke(struct vr_room *room, vr_participant_id participant, uint32_t ms)
{
    struct person *person = person_by_id(room, participant);

    if (person == NULL || !person_listed(person) || ms == 0) {
        return;
    }
    person->spoke_ms += ms;
    person->dirty = true;
    room->people_dirty = true;
    if (room->flush_due == VR_NEVER) {
        room->flush_due = 0; /* the next tick gives it a time */
    }
}

enum vr_err step_spoke(struct step *step)
{
    const struct vr_command *cmd = step->cmd;
    uint32_t count = cmd->spoke_count < VR_SPOKE_MAX ? cmd->spoke_count : VR_SPOKE_MAX;

    for (uint32_t i = 0; i < count; i++) {
        vr_room_spoke(step->room, cmd->spoke[i].participant, cmd->spoke[i].ms);
    }
    return VR_OK;
}

/* Mean length of all stays, those that run now counted up to now. */
static double mean_stay_s(const struct vr_room *room, vr_time_us wall)
{
    double sum_us = (double)room->counters.stay_us;
    uint64_t stays = room->counters.stays;

    for (uint32_t i = 0; i < room->people_count; i++) {
        const struct person *person = room->people[i];

        if (person_listed(person)) {
            sum_us += wall > person->joined_wall ? (double)(wall - person->joined_wall) : 0;
            stays++;
        }
    }
    return stays == 0 ? 0 : sum_us / 1e6 / (double)stays;
}

void analytics_json(const struct vr_room *room, vr_time_us wall, struct vr_buf *out)
{
    const struct counters *counters = &room->counters;
    const char *comma = "";
    char id[VR_ID_TEXT];

    vr_buf_printf(out,
                  "{\"room\":\"%s\",\"phase\":\"%s\",\"joins\":%llu,\"unique\":%llu,\"peak\":%u,"
                  "\"mean_stay_s\":%.1f,\"hands_raised\":%llu,\"reactions\":%llu,\"chats\":%llu,"
                  "\"started_at\":",
                  vr_id_format(room->id, id), vr_phase_name(room->phase),
                  (unsigned long long)counters->joins, (unsigned long long)counters->unique,
                  counters->peak, mean_stay_s(room, wall),
                  (unsigned long long)counters->hands_raised,
                  (unsigned long long)counters->reactions, (unsigned long long)counters->chats);
    vr_json_time(out, room->started_wall);
    vr_buf_text(out, ",\"ended_at\":");
    vr_json_time(out, room->ended_wall);
    vr_buf_text(out, ",\"speakers\":[");
    for (uint32_t i = 0; i < room->people_count; i++) {
        const struct person *person = room->people[i];

        if (person->spoke_ms > 0) {
            vr_buf_printf(out, "%s{\"name\":", comma);
            vr_json_text(out, person->name);
            vr_buf_printf(out, ",\"spoke_s\":%.1f}", (double)person->spoke_ms / 1000);
            comma = ",";
        }
    }
    vr_buf_text(out, "]}");
}
