/* members.c - coming and going: join, resume, leave, lost and back, kick. */
#include <stdio.h>
#include <string.h>

#include "actors/room/state.h"
#include "actors/wire/client_json.h"

static void event_simple(struct step *step, const char *type, const struct person *person)
{
    struct event event = event_begin(step, type, true);

    event_person(step, &event, person);
    event_send(step, &event, 0);
}

static void tell_joined(struct step *step, struct person *person, bool returned)
{
    struct event event;

    if (!person_shown(step->room, person)) {
        return;
    }
    person->shown = true;
    event = event_begin(step, "room:participant-joined", true);
    event_person(step, &event, person);
    if (returned) {
        vr_buf_text(&event.json, ",\"returned\":true");
    }
    event_send(step, &event, 0);
}

/* The session that had the place until now is told that it is over. */
static void replace_session(struct step *step, const struct person *person, bool media_goes_on)
{
    struct event event;

    if (!person_has_session(person) || vr_address_equal(person->session, step->cmd->session)) {
        return;
    }
    event = event_begin(step, "session:replaced", false);
    event_send_last(step, &event, person->id, media_goes_on);
}

static void fill_place(struct step *step, const struct person *person)
{
    step->answer->participant = person->id;
    step->answer->generation = person->generation;
    step->answer->role = person->role;
    step->answer->muted_by_moderator = person->muted_by_moderator;
    step->answer->muted_by_self = person->muted_by_self;
}

static void fill_answer(struct step *step, const struct person *person)
{
    struct vr_buf json = {0};
    struct vr_answer *answer = step->answer;

    fill_place(step, person);
    vr_buf_text(&json, "{");
    json_snapshot(step->room, person->role >= VR_ROLE_MODERATOR, person, &json);
    vr_buf_text(&json, "}");
    answer->body = json_blob(step, &json);
}

/* The running session is this command's from now on. */
static void take_session(struct step *step, struct person *person)
{
    const struct vr_command *cmd = step->cmd;

    person->session = cmd->session;
    if (cmd->shard.kind == VR_ACTOR_SHARD) {
        person->shard = cmd->shard;
        step->effects->shards = true;
    }
    if (cmd->by.name[0] != 0) {
        snprintf(person->name, sizeof(person->name), "%s", cmd->by.name);
    }
    snprintf(person->address, sizeof(person->address), "%s", cmd->by.address);
    person->generation++;
    person_changed(step, person);
}

/* What the token that he comes with withholds. */
static void take_limits(struct person *person, const struct vr_actor_identity *by)
{
    person->no_publish = by->no_publish;
    person->no_subscribe = by->no_subscribe;
    person->no_request = by->no_request;
}

/* A gone or new person takes his place. */
static void come_in(struct step *step, struct person *person)
{
    const struct vr_command *cmd = step->cmd;

    person->guest = cmd->by.guest;
    person->hidden = cmd->by.hidden;
    take_limits(person, &cmd->by);
    person->role = entry_role(step, person);
    person->spoke_unheard = false;
    if (person->role > VR_ROLE_LISTENER || person->served == 0) {
        person->served = ++step->room->counters.served;
    }
    person->presence = PERSON_LIVE;
    person->joined_wall = step->at.wall;
    take_session(step, person);
    gate_changed(step, person, false);
    analytics_joined(step, person);
    tell_joined(step, person, false);
    host_arrived(step, person);
    effect_subscribe(step, person); /* the answer has all that went before */
}

/* The same person again, while his place is held: a newer session, or back after a loss. */
static void come_back(struct step *step, struct person *person, bool media_goes_on)
{
    bool was_lost = person->presence == PERSON_LOST;

    replace_session(step, person, media_goes_on);
    take_limits(person, &step->cmd->by);
    take_session(step, person);
    person->presence = PERSON_LIVE;
    gate_changed(step, person, false);
    if (was_lost) {
        tell_joined(step, person, true);
    }
    host_arrived(step, person);
    effect_subscribe(step, person);
}

enum vr_err step_join(struct step *step)
{
    const char *user = step->cmd->by.user;
    struct person *person = person_by_user(step->room, user);
    enum vr_err err;

    if (user[0] == 0) {
        return vr_fail(&step->why, VR_E_UNAUTHORIZED, "only somebody with an identity may join");
    }
    err = entry_check(step, person, true);
    if (err != VR_OK) {
        return err;
    }
    if (person == NULL) {
        person = person_add(step->room, user, step->cmd->target);
        if (person == NULL) {
            return vr_fail(&step->why, VR_E_NO_MEMORY, "no place for one more person");
        }
    }
    if (person_present(person)) {
        come_back(step, person, false);
    } else {
        come_in(step, person);
    }
    person->resume_floor = person->generation; /* an older session's token is over */
    fill_answer(step, person);
    return VR_OK;
}

/* A session that never ended tells a new owner that it is there: it keeps its place and generation,
 * and comes in again, also above capacity, when its place was given up while nobody heard it; as
 * a speaker, if he was one and the stage has a place. Only a ban, a kick or a newer session keeps
 * it out. */
static enum vr_err step_announce(struct step *step, struct person *person)
{
    const struct vr_command *cmd = step->cmd;
    bool same = vr_address_equal(person->session, cmd->session);
    enum vr_err err = entry_ban(step);

    if (err != VR_OK) {
        return err;
    }
    if (cmd->by.generation < person->resume_floor || cmd->by.generation < person->generation ||
        (cmd->by.generation == person->generation && !same && person->presence == PERSON_LIVE)) {
        return vr_fail(&step->why, VR_E_GONE, "a newer session has taken this place: join anew");
    }
    if (cmd->by.generation == person->generation && same && person_present(person)) {
        if (person->presence == PERSON_LOST) {
            member_returned(step, person);
        }
    } else {
        person->generation = cmd->by.generation - 1; /* taking the session gives it the next */
        if (person_present(person)) {
            come_back(step, person, false);
        } else {
            if (person->spoke_unheard) { /* nobody took it from him: a demotion needs him here */
                person->role = VR_ROLE_SPEAKER;
            }
            come_in(step, person);
        }
    }
    digest_soon(step->room); /* he may have missed events, and the last of them for long */
    fill_place(step, person);
    return VR_OK;
}

enum vr_err step_resume(struct step *step)
{
    const struct vr_actor_identity *by = &step->cmd->by;
    struct person *person = person_by_id(step->room, by->participant);
    enum vr_err err;

    if (person == NULL) {
        return vr_fail(&step->why, VR_E_GONE, "the room knows this place no more: join anew");
    }
    if (strcmp(person->user, by->user) != 0) {
        return vr_fail(&step->why, VR_E_UNAUTHORIZED, "the resume token is somebody else's");
    }
    if (step->cmd->flag) {
        return step_announce(step, person);
    }
    err = entry_check(step, person, false);
    if (err != VR_OK) {
        return err;
    }
    if (by->generation > person->generation && person_present(person)) {
        person->generation = by->generation; /* the token is signed: promised, and never taken */
    }
    if (by->generation < person->resume_floor || by->generation > person->generation ||
        by->generation + 1 < person->generation) {
        return vr_fail(&step->why, VR_E_GONE, "the resume token was replaced: join anew");
    }
    if (person_present(person)) {
        come_back(step, person, step->cmd->shard.kind != VR_ACTOR_SHARD);
    } else {
        come_in(step, person);
    }
    fill_answer(step, person);
    return VR_OK;
}

/* Out of the room: place, hand and invitation are given up; mutes stay, and a moderator's role. */
void member_go(struct step *step, struct person *person, const char *reason)
{
    struct event event;

    hand_down(step, person, "left");
    analytics_left(step, person);
    person->invited_until_wall = 0;
    person->spoke_unheard = person->presence == PERSON_LOST && person->role == VR_ROLE_SPEAKER;
    person->presence = PERSON_GONE;
    if (person->role == VR_ROLE_SPEAKER) {
        person->role = VR_ROLE_LISTENER;
    }
    person_changed(step, person);
    person->gate_version++;
    effect_gate(step, &(struct vr_effect){.kind = VR_EFFECT_GATE,
                                          .as.gate = {.participant = person->id,
                                                      .generation = person->generation,
                                                      .version = person->gate_version,
                                                      .gone = true,
                                                      .closes = true}});
    effect_unsubscribe(step, person->id, true);
    step->effects->shards = true;
    if (person->shown) {
        person->shown = false;
        event = event_begin(step, "room:participant-left", true);
        event_number(&event, "who", person->id);
        event_text(&event, "reason", reason);
        event_send(step, &event, 0);
    }
    host_watch(step);
}

void member_thrown_out(struct step *step, struct person *person, const char *type,
                       const char *reason, vr_time_us until_wall)
{
    struct event event = event_begin(step, type, false);
    bool banned = strcmp(type, "room:banned") == 0;

    event_text(&event, "reason", reason);
    vr_buf_text(&event.json, ",\"until\":");
    vr_json_time(&event.json, until_wall);
    event_send_last(step, &event, person->id, false);
    person->role = VR_ROLE_LISTENER;               /* what he was given he has lost */
    person->resume_floor = person->generation + 1; /* his token opens nothing any more */
    member_go(step, person, banned ? "banned" : "kicked");
}

/* A session that was never told its place (its join was given up on) speaks by its user alone: it
 * may end its own stay, not that of the same person's other session. Nor may one of which a copy
 * tells late: generations that copies gave may be given again. */
static bool is_of_another_session(const struct step *step, const struct person *person)
{
    return (step->cmd->by.participant == 0 || is_late(step->cmd)) &&
           step->cmd->session.kind == VR_ACTOR_SESSION &&
           !vr_address_equal(person->session, step->cmd->session);
}

enum vr_err step_leave(struct step *step)
{
    struct person *person = step->self;

    if (person == NULL || is_of_another_session(step, person)) {
        return VR_OK; /* gone already */
    }
    person->resume_floor = person->generation + 1;
    member_go(step, person, "left");
    return VR_OK;
}

static void lose(struct step *step, struct person *person)
{
    person->presence = PERSON_LOST;
    person->was_lost = false;
    person->unheard = false;
    person->lost_at = step->at.now;
    person_changed(step, person);
    effect_unsubscribe(step, person->id, false);
    if (person->shown) {
        event_simple(step, "room:participant-reconnecting", person);
    }
    host_watch(step);
}

enum vr_err step_lost(struct step *step)
{
    struct person *person = step->self;

    if (person != NULL && person->presence == PERSON_LIVE && !is_of_another_session(step, person)) {
        lose(step, person);
    }
    return VR_OK;
}

/* The node restarted, not the client: he never noticed. */
void member_returned(struct step *step, struct person *person)
{
    person->presence = PERSON_LIVE;
    person_changed(step, person);
    tell_joined(step, person, true);
    host_arrived(step, person);
    effect_subscribe(step, person);
}

void vr_room_session_lives(struct vr_room *room, vr_participant_id participant, uint32_t generation,
                           struct vr_instant at, struct vr_effects *effects)
{
    struct step step = {.room = room, .at = at, .effects = effects};
    struct person *person = person_by_id(room, participant);

    effects->at_wall = at.wall;

    if (person != NULL && person->presence == PERSON_LOST && person->generation == generation) {
        member_returned(&step, person);
    }
}

void vr_room_session_gone(struct vr_room *room, vr_participant_id participant, uint32_t generation,
                          struct vr_instant at, struct vr_effects *effects)
{
    struct step step = {.room = room, .at = at, .effects = effects};
    struct person *person = person_by_id(room, participant);

    effects->at_wall = at.wall;
    if (person != NULL && person->presence == PERSON_LIVE && person->generation == generation) {
        lose(&step, person);
    }
}

enum vr_err step_kick(struct step *step)
{
    struct person *target = step->target;
    char user[VR_USER_MAX + 1];
    char name[VR_NAME_MAX + 1];

    if (target == NULL || !person_present(target)) {
        return vr_fail(&step->why, VR_E_NOT_FOUND, "this person is not in the room");
    }
    snprintf(user, sizeof(user), "%s", target->user);
    snprintf(name, sizeof(name), "%s", target->name);
    member_thrown_out(step, target, "room:kicked", vr_blob_text(step->cmd->text), 0);
    audit(step, "room:kick", user, name, vr_blob_text(step->cmd->text));
    return VR_OK;
}

enum vr_err step_snapshot(struct step *step)
{
    struct vr_buf json = {0};

    if (step->cmd->flag && step->self != NULL) {
        fill_answer(step, step->self);
        return VR_OK;
    }
    vr_buf_text(&json, "{");
    json_snapshot(step->room, step->rank >= VR_RANK_MODERATOR, step->self, &json);
    vr_buf_text(&json, "}");
    step->answer->body = json_blob(step, &json);
    return VR_OK;
}
