/* life.c - a room's life: created, begun, ended, forgotten; and its settings on the way. */
#include <stdio.h>

#include "actors/room/state.h"

/* clang-format off */
static const struct {
    enum vr_command_kind kind;
    enum vr_phase from;
    enum vr_phase to;
} moves[] = {
    { VR_CMD_START, VR_SCHEDULED, VR_ACTIVE },
    { VR_CMD_END,   VR_SCHEDULED, VR_ENDED  },
    { VR_CMD_END,   VR_ACTIVE,    VR_ENDED  },
};
/* clang-format on */

bool life_after(enum vr_command_kind kind, enum vr_phase from, enum vr_phase *to)
{
    for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        if (moves[i].kind == kind && moves[i].from == from) {
            *to = moves[i].to;
            return true;
        }
    }
    return false;
}

static void body_room(struct step *step)
{
    struct vr_buf json = {0};

    json_room(step->room, &json);
    step->answer->body = json_blob(step, &json);
}

/* The room object has changed: a new revision, told to all. */
static void tell_updated(struct step *step)
{
    struct event event;

    step->room->revision++;
    settings_changed(step);
    event = event_begin_updated(step);
    event_send(step, &event, 0);
}

enum vr_err step_create(struct step *step)
{
    struct vr_room *room = step->room;
    const struct vr_command *cmd = step->cmd;
    enum vr_err err;

    if (room->exists) {
        return vr_fail(&step->why, VR_E_EXISTS, "this room exists already");
    }
    if (cmd->settings == NULL || cmd->by.user[0] == 0) {
        return vr_fail(&step->why, VR_E_BAD_REQUEST, "settings and a creator are needed");
    }
    room->settings.capacity = room->conf.capacity_default;
    room->settings.speaker_capacity = room->conf.speaker_capacity_default;
    err = settings_apply(step, cmd->settings, true);
    if (err != VR_OK) {
        settings_free(&room->settings);
        return err;
    }
    room->exists = true;
    step->effects->created = true;
    room->revision = 1;
    snprintf(room->creator_user, sizeof(room->creator_user), "%s", cmd->by.user);
    snprintf(room->creator_name, sizeof(room->creator_name), "%s", cmd->by.name);
    room->created_wall = step->at.wall;
    room->phase = room->settings.starts_at_wall > step->at.wall ? VR_SCHEDULED : VR_ACTIVE;
    room->started_wall = room->phase == VR_ACTIVE ? step->at.wall : 0;
    settings_changed(step);
    body_room(step);
    return VR_OK;
}

enum vr_err step_start(struct step *step)
{
    if (!life_after(VR_CMD_START, step->room->phase, &step->room->phase)) {
        return vr_fail(&step->why, VR_E_CONFLICT, "the room has begun already");
    }
    step->room->started_wall = step->at.wall;
    tell_updated(step);
    host_watch(step);
    audit(step, "room:start", NULL, NULL, NULL);
    body_room(step);
    return VR_OK;
}

void person_ends(struct step *step, struct person *person)
{
    person->presence = PERSON_GONE;
    person->hand_order = 0;
    person->invited_until_wall = 0;
    person->resume_floor = person->generation + 1;
    if (person->role == VR_ROLE_SPEAKER) {
        person->role = VR_ROLE_LISTENER;
    }
    person->gate_version++;
    person_changed(step, person);
}

/* Everybody out, without an event for each: one says it all. */
static void disconnect_all(struct step *step, const char *reason)
{
    struct vr_room *room = step->room;
    struct event event = event_begin(step, "room:ended", true);

    event_text(&event, "reason", reason);
    event_send_last(step, &event, 0, false);
    room->hand_count = 0;
    for (uint32_t i = 0; i < room->people_count; i++) {
        struct person *person = room->people[i];

        if (!person_present(person)) {
            continue;
        }
        analytics_left(step, person);
        person_ends(step, person);
        effect_unsubscribe(step, person->id, true);
    }
    room->host_missing_since = VR_NEVER;
    step->effects->over = true;
    step->effects->shards = true;
}

enum vr_err step_end(struct step *step)
{
    struct vr_room *room = step->room;
    const char *reason = vr_blob_text(step->cmd->text);

    if (!life_after(VR_CMD_END, room->phase, &room->phase)) {
        return vr_fail(&step->why, VR_E_GONE, "the room has ended");
    }
    room->ended_wall = step->at.wall;
    room->revision++;
    snprintf(room->end_reason, sizeof(room->end_reason), "%s", reason);
    settings_changed(step);
    disconnect_all(step, reason);
    audit(step, "room:end", NULL, NULL, reason);
    body_room(step);
    return VR_OK;
}

enum vr_err step_delete(struct step *step)
{
    struct vr_room *room = step->room;

    if (room->phase != VR_ENDED) {
        if (step->rank < VR_RANK_ADMIN) {
            return vr_fail(&step->why, VR_E_CONFLICT, "end the room first");
        }
        (void)life_after(VR_CMD_END, room->phase, &room->phase);
        disconnect_all(step, "deleted");
    }
    step->effects->deleted = true;
    durable(step);
    return VR_OK;
}

enum vr_err step_lock(struct step *step)
{
    if (step->room->settings.locked != step->cmd->flag) {
        step->room->settings.locked = step->cmd->flag;
        tell_updated(step);
        audit(step, "room:lock", NULL, NULL, step->cmd->flag ? "locked" : "unlocked");
    }
    body_room(step);
    return VR_OK;
}

enum vr_err step_update(struct step *step)
{
    enum vr_err err;

    if (step->cmd->settings == NULL) {
        return vr_fail(&step->why, VR_E_BAD_REQUEST, "settings are needed");
    }
    if (step->cmd->version != 0 && step->cmd->version != step->room->revision) {
        return vr_fail(&step->why, VR_E_STALE, "the room is at revision %llu",
                       (unsigned long long)step->room->revision);
    }
    err = settings_apply(step, step->cmd->settings, false);
    if (err != VR_OK) {
        return err;
    }
    tell_updated(step);
    audit(step, "room:update", NULL, NULL, NULL);
    body_room(step);
    return VR_OK;
}
