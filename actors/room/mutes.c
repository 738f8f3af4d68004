/* mutes.c - two flags: one's own mute, which only oneself lifts, and a moderator's, which only a
 * moderator lifts and never the muted person. Each change of either raises the version. */
#include "actors/room/state.h"

bool may_speak(const struct person *person)
{
    return person_present(person) && person->role >= VR_ROLE_SPEAKER && !person->no_publish &&
           !person->muted_by_self && !person->muted_by_moderator;
}

static struct vr_effect gate_of(const struct person *person)
{
    struct vr_effect gate = {.kind = VR_EFFECT_GATE};

    gate.as.gate.participant = person->id;
    gate.as.gate.generation = person->generation;
    gate.as.gate.version = person->gate_version;
    gate.as.gate.may_send = may_speak(person);
    gate.as.gate.may_hear = !person->no_subscribe;
    return gate;
}

void gate_changed(struct step *step, struct person *person, bool closes)
{
    struct vr_effect gate;

    person->gate_version++;
    person_changed(step, person);
    gate = gate_of(person);
    gate.as.gate.closes = closes;
    effect_gate(step, &gate);
}

bool vr_room_gate(const struct vr_room *room, vr_participant_id participant, struct vr_effect *out)
{
    const struct person *person = person_by_id((struct vr_room *)(uintptr_t)room, participant);

    if (person == NULL || !person_present(person)) {
        return false;
    }
    *out = gate_of(person);
    return true;
}

bool vr_room_gate_again(struct vr_room *room, vr_participant_id participant, uint64_t version,
                        struct vr_effect *out)
{
    struct person *person = person_by_id(room, participant);

    if (person == NULL || !person_present(person)) {
        return false;
    }
    person->gate_version = (version > person->gate_version ? version : person->gate_version) + 1;
    person->dirty = true; /* written with the next commit */
    room->people_dirty = true;
    *out = gate_of(person);
    return true;
}

static void set_flag(struct step *step, struct person *person, bool *flag, bool value)
{
    struct event event;

    if (*flag == value) {
        return;
    }
    *flag = value;
    person->mute_version++;
    gate_changed(step, person, value);
    if (person->hidden) {
        return;
    }
    event = event_begin(step, value ? "room:muted" : "room:unmuted", true);
    event_person(step, &event, person);
    event_id(&event, "by", self_id(step));
    event_send(step, &event, 0);
}

enum vr_err step_mute(struct step *step)
{
    if (step->target != NULL) {
        set_flag(step, step->target, &step->target->muted_by_moderator, true);
        return VR_OK;
    }
    if (step->self == NULL) {
        return vr_fail(&step->why, VR_E_FORBIDDEN, "only for people in the room");
    }
    set_flag(step, step->self, &step->self->muted_by_self, true);
    return VR_OK;
}

enum vr_err step_unmute(struct step *step)
{
    struct person *person = step->target != NULL ? step->target : step->self;

    if (person == NULL) {
        return vr_fail(&step->why, VR_E_FORBIDDEN, "only for people in the room");
    }
    if (step->cmd->version != 0 && step->cmd->version < person->mute_version) {
        return vr_fail(&step->why, VR_E_STALE, "muted again meanwhile: version %llu",
                       (unsigned long long)person->mute_version);
    }
    set_flag(step, person,
             step->target != NULL ? &person->muted_by_moderator : &person->muted_by_self, false);
    return VR_OK;
}

enum vr_err step_mute_all(struct step *step)
{
    struct vr_room *room = step->room;
    struct vr_buf json = {0};
    uint32_t muted = 0;

    for (uint32_t i = 0; i < room->people_count; i++) {
        struct person *person = room->people[i];

        if (person_present(person) && person->role == VR_ROLE_SPEAKER && person != step->self &&
            !person->muted_by_moderator) {
            set_flag(step, person, &person->muted_by_moderator, true);
            muted++;
        }
    }
    vr_buf_printf(&json, "{\"muted\":%u}", muted);
    step->answer->body = json_blob(step, &json);
    return VR_OK;
}

enum vr_err step_ask_unmute(struct step *step)
{
    struct person *target = step->target;
    struct event event;

    if (!target->muted_by_self && !target->muted_by_moderator) {
        return vr_fail(&step->why, VR_E_CONFLICT, "this person is not muted");
    }
    event = event_begin(step, "room:unmute-asked", false);
    event_id(&event, "by", self_id(step));
    event_number(&event, "mute_version", target->mute_version);
    event_send(step, &event, target->id);
    return VR_OK;
}
