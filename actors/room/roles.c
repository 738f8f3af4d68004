/* roles.c - moves between roles, as a table, and the commands that make them. */
#include "actors/room/state.h"

/* clang-format off */
static const struct {
    enum role_move move;
    enum vr_role from;
    enum vr_role to;
} moves[] = {
    { MOVE_PROMOTED,   VR_ROLE_LISTENER,  VR_ROLE_SPEAKER   },
    { MOVE_DEMOTED,    VR_ROLE_SPEAKER,   VR_ROLE_LISTENER  },
    { MOVE_DEMOTED,    VR_ROLE_MODERATOR, VR_ROLE_LISTENER  },
    { MOVE_MODERATOR,  VR_ROLE_LISTENER,  VR_ROLE_MODERATOR },
    { MOVE_MODERATOR,  VR_ROLE_SPEAKER,   VR_ROLE_MODERATOR },
    { MOVE_HOST,       VR_ROLE_LISTENER,  VR_ROLE_HOST      },
    { MOVE_HOST,       VR_ROLE_SPEAKER,   VR_ROLE_HOST      },
    { MOVE_HOST,       VR_ROLE_MODERATOR, VR_ROLE_HOST      },
    { MOVE_HOST_GIVEN, VR_ROLE_HOST,      VR_ROLE_MODERATOR },
};
/* clang-format on */

bool role_after(enum role_move move, enum vr_role from, enum vr_role *to)
{
    for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        if (moves[i].move == move && moves[i].from == from) {
            *to = moves[i].to;
            return true;
        }
    }
    return false;
}

/* The only place that changes the role of somebody who is in the room. */
void role_set(struct step *step, struct person *person, enum role_move move)
{
    enum vr_role from = person->role;
    enum vr_role to = from;
    bool listed = person_listed(person);
    struct event event;

    vr_assert(role_after(move, from, &to)); /* callers ask before */
    if (to > VR_ROLE_LISTENER) {
        hand_down(step, person, "promoted");
        person->invited_until_wall = 0;
        person->demoted = false;
    }
    person->role = to;
    person->served = ++step->room->counters.served;
    person_changed(step, person);
    if (person_present(person)) {
        gate_changed(step, person, to == VR_ROLE_LISTENER);
    }
    if (listed) {
        event = event_begin(step, "room:role-changed", true);
        event_person(step, &event, person);
        event_text(&event, "from", vr_role_name(from));
        event_id(&event, "by", self_id(step));
        event_send(step, &event, 0);
    }
}

static enum vr_err need_voice(struct step *step, const struct person *person)
{
    if (!person->no_publish) {
        return VR_OK;
    }
    return vr_fail(&step->why, VR_E_FORBIDDEN, "this person's token does not allow to speak");
}

static enum vr_err need_place(struct step *step)
{
    if (stage_has_place(step->room)) {
        return VR_OK;
    }
    return vr_fail(&step->why, VR_E_STAGE_FULL, "all %u places for speakers are taken",
                   step->room->settings.speaker_capacity);
}

enum vr_err step_promote(struct step *step)
{
    struct person *target = step->target;
    enum vr_err err;

    if (target->role != VR_ROLE_LISTENER) {
        return vr_fail(&step->why, VR_E_CONFLICT, "this person may speak already");
    }
    if (target->hand_order == 0) {
        return vr_fail(&step->why, VR_E_CONFLICT,
                       "this person has not raised a hand: invite instead");
    }
    err = need_voice(step, target);
    if (err == VR_OK) {
        err = need_place(step);
    }
    if (err == VR_OK) {
        role_set(step, target, MOVE_PROMOTED);
    }
    return err;
}

enum vr_err step_demote(struct step *step)
{
    struct person *person = step->target != NULL ? step->target : step->self;
    enum vr_role to;

    if (person == NULL) {
        return vr_fail(&step->why, VR_E_FORBIDDEN, "only for people in the room");
    }
    if (!role_after(MOVE_DEMOTED, person->role, &to)) {
        return vr_fail(&step->why, VR_E_CONFLICT,
                       person->role == VR_ROLE_HOST ? "a host hands the room over instead"
                                                    : "this person is a listener already");
    }
    role_set(step, person, MOVE_DEMOTED);
    person->demoted = step->target != NULL;
    return VR_OK;
}

enum vr_err step_invite(struct step *step)
{
    struct person *target = step->target;
    struct event event;

    if (target->role != VR_ROLE_LISTENER) {
        return vr_fail(&step->why, VR_E_CONFLICT, "this person may speak already");
    }
    if (target->no_publish) {
        return need_voice(step, target);
    }
    target->invited_until_wall = step->at.wall + VR_INVITATION_US;
    person_changed(step, target);
    event = event_begin(step, "room:invited", false);
    event_number(&event, "who", target->id);
    event_id(&event, "by", self_id(step));
    event_send_moderators(step, &event, target->id);
    return VR_OK;
}

static enum vr_err need_invitation(struct step *step)
{
    if (step->self->invited_until_wall <= step->at.wall) {
        return vr_fail(&step->why, VR_E_CONFLICT, "no invitation to speak is open");
    }
    return VR_OK;
}

enum vr_err step_accept(struct step *step)
{
    enum vr_err err = need_invitation(step);

    if (err == VR_OK) {
        err = need_voice(step, step->self);
    }
    if (err == VR_OK) {
        err = need_place(step);
    }
    if (err == VR_OK) {
        role_set(step, step->self, MOVE_PROMOTED); /* only listeners hold an invitation */
    }
    return err;
}

static void drop_invitation(struct step *step, struct person *person, const char *reason)
{
    struct event event;

    person->invited_until_wall = 0;
    person_changed(step, person);
    event = event_begin(step, "room:declined", false);
    event_number(&event, "who", person->id);
    event_id(&event, "by", self_id(step));
    event_text(&event, "reason", reason);
    event_send_moderators(step, &event, person->id);
}

enum vr_err step_decline(struct step *step)
{
    enum vr_err err = need_invitation(step);

    if (err == VR_OK) {
        drop_invitation(step, step->self, "declined");
    }
    return err;
}

void invitations_tick(struct step *step)
{
    for (uint32_t i = 0; i < step->room->people_count; i++) {
        struct person *person = step->room->people[i];

        if (person->invited_until_wall != 0 && person->invited_until_wall <= step->at.wall) {
            drop_invitation(step, person, "expired");
        }
    }
}

enum vr_err step_make_moderator(struct step *step)
{
    struct person *target = step->target;
    enum vr_role to;

    if (!role_after(MOVE_MODERATOR, target->role, &to)) {
        return vr_fail(&step->why, VR_E_CONFLICT, "this person is %s already",
                       vr_role_name(target->role));
    }
    if (target->role == VR_ROLE_LISTENER) {
        enum vr_err err = need_place(step);

        if (err != VR_OK) {
            return err;
        }
    }
    role_set(step, target, MOVE_MODERATOR);
    return VR_OK;
}

enum vr_err step_transfer_host(struct step *step)
{
    struct vr_room *room = step->room;
    struct person *target = step->target;
    struct person *host = host_of(room);

    if (target->role == VR_ROLE_HOST) {
        return vr_fail(&step->why, VR_E_CONFLICT, "this person is host already");
    }
    if (host != NULL && host != step->self && host->creator && person_present(host)) {
        return vr_fail(&step->why, VR_E_FORBIDDEN, "nobody may do this to the room's creator");
    }
    if (target->role == VR_ROLE_LISTENER) {
        enum vr_err err = need_place(step);

        if (err != VR_OK) {
            return err;
        }
    }
    if (host != NULL) {
        role_set(step, host, MOVE_HOST_GIVEN);
        room->counters.host_given = host->creator && host == step->self;
    }
    role_set(step, target, MOVE_HOST);
    room->counters.host = target->id;
    room->counters.host_seen = true;
    if (target->creator) {
        room->counters.host_given = false;
    }
    host_watch(step);
    return VR_OK;
}
