/* hands.c - the queue of raised hands: a total order by the count at which a hand went up. */
#include <string.h>

#include "actors/room/state.h"

uint32_t hand_position(const struct vr_room *room, const struct person *person)
{
    if (person->hand_order == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < room->hand_count; i++) {
        if (room->hands[i] == person) {
            return i + 1;
        }
    }
    return 0;
}

/* The queue as it is now, in an event about one of its people. */
static void tell_queue(struct step *step, const char *type, const struct person *who,
                       const char *reason)
{
    struct event event = event_begin(step, type, true);

    event_number(&event, "who", who->id);
    vr_buf_text(&event.json, ",\"hands\":");
    json_hands(step->room, &event.json);
    if (reason != NULL) {
        event_text(&event, "reason", reason);
    }
    event_send(step, &event, 0);
}

/* Those from `first` (counted from 0) on have a new position. The queue went to everybody
 * already; this is for people who show nothing but their own number, so the far end may be cut. */
static void tell_positions(struct step *step, uint32_t first)
{
    for (uint32_t i = first; i < step->room->hand_count && i < first + WAIT_TOLD_MAX; i++) {
        struct event event = event_begin(step, "room:hand-position", false);

        event_number(&event, "position", i + 1);
        event_send(step, &event, step->room->hands[i]->id);
    }
}

enum vr_err step_hand_raise(struct step *step)
{
    struct vr_room *room = step->room;
    struct person *self = step->self;
    vr_time_us ready = self->hand_last_wall + VR_SECONDS(room->settings.slow_hand_s);

    if (self->hand_order != 0) {
        return VR_OK;
    }
    if (self->role != VR_ROLE_LISTENER || self->hidden) {
        return vr_fail(&step->why, VR_E_CONFLICT, "only listeners raise a hand");
    }
    if (room->settings.slow_hand_s != 0 && self->hand_last_wall != 0 && step->at.wall < ready) {
        step->answer->retry_after_ms = (uint32_t)((ready - step->at.wall + 999) / 1000);
        return vr_fail(&step->why, VR_E_RATE, "a hand may be raised again in %u s",
                       (step->answer->retry_after_ms + 999) / 1000);
    }
    if (self->no_request || self->no_publish) {
        return vr_fail(&step->why, VR_E_FORBIDDEN, "the token does not allow to ask for the stage");
    }
    if (room->hand_count == VR_HANDS_MAX) {
        return vr_fail(&step->why, VR_E_CONFLICT, "too many hands are up already");
    }
#if VR_TEETH == 6 /* by the clock of whoever owns the room */
    self->hand_order = (uint64_t)step->at.wall;
#else
    self->hand_order = ++room->counters.hand_order;
#endif
    self->hand_wall = step->at.wall;
    self->hand_last_wall = step->at.wall;
    room->hands[room->hand_count++] = self;
    room->counters.hands_raised++;
    person_changed(step, self);
    tell_queue(step, "room:hand-raised", self, NULL);
    tell_positions(step, room->hand_count - 1);
    return VR_OK;
}

void hand_down(struct step *step, struct person *person, const char *reason)
{
    struct vr_room *room = step->room;
    uint32_t position = hand_position(room, person);

    if (position == 0) {
        return;
    }
    memmove(&room->hands[position - 1], &room->hands[position],
            (room->hand_count - position) * sizeof(struct person *));
    room->hand_count--;
    person->hand_order = 0;
    person_changed(step, person);
    tell_queue(step, "room:hand-lowered", person, reason);
    tell_positions(step, position - 1);
}

enum vr_err step_hand_lower(struct step *step)
{
    struct person *person = step->target != NULL ? step->target : step->self;

    if (person == NULL) {
        return vr_fail(&step->why, VR_E_FORBIDDEN, "only for people in the room");
    }
    hand_down(step, person, step->target != NULL ? "declined" : "own");
    return VR_OK;
}

/* After a load, people come in the order of their ids: put each where his order belongs. */
void hand_restore(struct vr_room *room, struct person *person)
{
    uint32_t place = room->hand_count;

    if (place == VR_HANDS_MAX) {
        person->hand_order = 0;
        return;
    }
    while (place > 0 && room->hands[place - 1]->hand_order > person->hand_order) {
        room->hands[place] = room->hands[place - 1];
        place--;
    }
    room->hands[place] = person;
    room->hand_count++;
}
