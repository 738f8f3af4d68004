/* audience.c - large rooms: beyond a threshold of listeners their coming and going is told as a
 * count, and only people who concern everybody stand in the list that clients hold: the stage,
 * raised hands, the invited. docs/protocol.md, "Audience".
 *
 * `shown` says of each person whether clients have him in that list. What changes in a step is
 * settled at its end, so that no rule above needs to know of all this. */
#include "actors/room/state.h"

#define TELL_GAP VR_SECONDS(1)

/* Somebody whom all must see, however large the room is. */
static bool stands_out(const struct person *person)
{
    return person->role > VR_ROLE_LISTENER || person->hand_order != 0 ||
           person->invited_until_wall != 0;
}

bool person_shown(const struct vr_room *room, const struct person *person)
{
    return person_listed(person) && (!room->audience_on || stands_out(person));
}

static uint32_t listeners(const struct vr_room *room)
{
    struct vr_room_counts counts = vr_room_counts(room);

    return counts.participants - counts.speakers;
}

void audience_json(const struct vr_room *room, struct vr_buf *out)
{
    if (room->audience_on) {
        vr_buf_printf(out, ",\"audience\":{\"listeners\":%u}", listeners(room));
    } else {
        vr_buf_text(out, ",\"audience\":null");
    }
}

void audience_loaded(struct vr_room *room)
{
    room->audience_on = room->conf.audience > 0 && listeners(room) > room->conf.audience;
    for (uint32_t i = 0; i < room->people_count; i++) {
        room->people[i]->shown = person_shown(room, room->people[i]);
    }
}

/* The other way to show a room from here on: everybody gets the state in it. */
static void turn(struct step *step, bool on)
{
    struct vr_room *room = step->room;
    struct event event = {0};

    room->audience_on = on;
    for (uint32_t i = 0; i < room->people_count; i++) {
        room->people[i]->shown = person_shown(room, room->people[i]);
    }
    room->audience_told = listeners(room);
    room->audience_told_at = step->at.now;
    take_place(step);
    vr_buf_text(&event.json, "{\"type\":\"room:state\",");
    json_snapshot(room, false, NULL, &event.json);
    event_send(step, &event, 0);
}

static void show_person(struct step *step, struct person *person)
{
    bool want = person_shown(step->room, person);
    struct event event;

    person->touched = false;
    if (want == person->shown) {
        return;
    }
    person->shown = want;
    if (want) {
        event = event_begin(step, "room:participant-joined", true);
        event_person(step, &event, person);
        vr_buf_text(&event.json, ",\"from_audience\":true");
        event_send(step, &event, 0);
    } else if (person_listed(person)) {
        event = event_begin(step, "room:participant-audience", true);
        event_number(&event, "who", person->id);
        event_send(step, &event, 0);
    }
}

void audience_settle(struct step *step)
{
    struct vr_room *room = step->room;
    uint32_t count;

    if (!room->people_touched) {
        return;
    }
    room->people_touched = false;
    for (uint32_t i = 0; i < room->people_count; i++) {
        if (room->people[i]->touched) {
            show_person(step, room->people[i]);
        }
    }
    if (room->conf.audience == 0 || !room->exists || room->phase == VR_ENDED) {
        return;
    }
    count = listeners(room);
    if (!room->audience_on && count > room->conf.audience) {
        turn(step, true);
    } else if (room->audience_on && count < room->conf.audience - room->conf.audience / 4) {
        turn(step,
             false); /* well below, so that one who comes and goes does not turn it each time */
    }
}

void audience_tick(struct step *step)
{
    struct vr_room *room = step->room;
    struct event event;

    if (step->at.now < audience_deadline(room)) {
        return;
    }
    room->audience_told = listeners(room);
    room->audience_told_at = step->at.now;
    event = event_begin(step, "room:audience", false);
    event_number(&event, "listeners", room->audience_told);
    event_send(step, &event, 0);
}

vr_time_us audience_deadline(const struct vr_room *room)
{
    if (!room->audience_on || room->phase == VR_ENDED || listeners(room) == room->audience_told) {
        return VR_NEVER;
    }
    return room->audience_told_at + TELL_GAP;
}
