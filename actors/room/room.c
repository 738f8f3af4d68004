/* room.c - a step from command to answer: who asks, may he, do it, remember it. And what time
 * brings. */
#include "actors/room/room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/room/state.h"

/* clang-format off */
static const handler handlers[VR_CMD_KINDS] = {
    [VR_CMD_CREATE]         = step_create,
    [VR_CMD_START]          = step_start,
    [VR_CMD_JOIN]           = step_join,
    [VR_CMD_RESUME]         = step_resume,
    [VR_CMD_LEAVE]          = step_leave,
    [VR_CMD_LOST]           = step_lost,
    [VR_CMD_SNAPSHOT]       = step_snapshot,
    [VR_CMD_HAND_RAISE]     = step_hand_raise,
    [VR_CMD_HAND_LOWER]     = step_hand_lower,
    [VR_CMD_MUTE]           = step_mute,
    [VR_CMD_UNMUTE]         = step_unmute,
    [VR_CMD_MUTE_ALL]       = step_mute_all,
    [VR_CMD_ASK_UNMUTE]     = step_ask_unmute,
    [VR_CMD_PROMOTE]        = step_promote,
    [VR_CMD_DEMOTE]         = step_demote,
    [VR_CMD_INVITE]         = step_invite,
    [VR_CMD_ACCEPT]         = step_accept,
    [VR_CMD_DECLINE]        = step_decline,
    [VR_CMD_MAKE_MODERATOR] = step_make_moderator,
    [VR_CMD_TRANSFER_HOST]  = step_transfer_host,
    [VR_CMD_KICK]           = step_kick,
    [VR_CMD_BAN]            = step_ban,
    [VR_CMD_UNBAN]          = step_unban,
    [VR_CMD_LOCK]           = step_lock,
    [VR_CMD_UPDATE]         = step_update,
    [VR_CMD_END]            = step_end,
    [VR_CMD_DELETE]         = step_delete,
    [VR_CMD_REPORT]         = step_report,
    [VR_CMD_REACTION]       = step_reaction,
    [VR_CMD_CHAT]           = step_chat,
    [VR_CMD_CHAT_DELETE]    = step_chat_delete,
    [VR_CMD_QUALITY]        = step_quality,
    [VR_CMD_SPOKE]          = step_spoke,
    [VR_CMD_SHOW]           = step_show,
    [VR_CMD_MOVE]           = step_move,
    [VR_CMD_RESTORE]        = step_restore,
};
/* clang-format on */

struct vr_room *vr_room_new(struct vr_id id, const struct vr_room_conf *conf, uint64_t epoch)
{
    struct vr_room *room = calloc(1, sizeof(*room));

    if (room != NULL) {
        room->id = id;
        room->conf = *conf;
        room->epoch = epoch;
        room->host_missing_since = VR_NEVER;
        room->flush_due = VR_NEVER;
    }
    return room;
}

void vr_room_free(struct vr_room *room)
{
    if (room == NULL) {
        return;
    }
    people_free(room);
    memory_free(room);
    settings_free(&room->settings);
    free(room->bans);
    free(room->forgotten);
    free(room->unbanned);
    free(room->unremembered);
    free(room);
}

/* Commands by which a session comes or goes judge place and generation by themselves. */
static bool comes_or_goes(enum vr_command_kind kind)
{
    return kind == VR_CMD_JOIN || kind == VR_CMD_RESUME;
}

bool is_late(const struct vr_command *cmd)
{
    return cmd->by.participant != 0 && cmd->by.generation == 0 && cmd->by.order != 0;
}

/* Of a session that a copy let in while there was no owner: it tells us of itself in a moment. Who
 * looks whether his place is still in use holds a token that nobody used: what he left is over. */
static enum vr_err of_newer_session(struct step *step, struct person *person, bool leaves)
{
    if (step->cmd->kind == VR_CMD_SNAPSHOT && step->cmd->flag) {
        return vr_fail(&step->why, VR_E_CONFLICT, "an older session has this place: resume");
    }
    if (!leaves) {
        step->answer->retry_after_ms = 200;
        return vr_fail(&step->why, VR_E_FROZEN, "the room has not heard of this session yet");
    }
    person->generation = step->cmd->by.generation; /* it came and went meanwhile */
    return VR_OK;
}

static enum vr_err find_self(struct step *step)
{
    const struct vr_actor_identity *by = &step->cmd->by;
    bool leaves = step->cmd->kind == VR_CMD_LEAVE || step->cmd->kind == VR_CMD_LOST;
    struct person *person;

    if (by->participant == 0 || comes_or_goes(step->cmd->kind)) {
        person = person_by_user(step->room, by->user);
        step->self = person != NULL && person_present(person) ? person : NULL;
        return VR_OK;
    }
    person = person_by_id(step->room, by->participant);
    if (person == NULL || !person_present(person)) {
        return leaves || is_late(step->cmd)
                   ? VR_OK
                   : vr_fail(&step->why, VR_E_GONE, "not in the room any more");
    }
    if (by->user[0] != 0 && strcmp(by->user, person->user) != 0) {
        return vr_fail(&step->why, VR_E_UNAUTHORIZED, "this place is somebody else's");
    }
    if (by->generation > person->generation) {
        enum vr_err err = of_newer_session(step, person, leaves);

        if (err != VR_OK) {
            return err;
        }
    } else if (by->generation != 0 && by->generation != person->generation) {
        return vr_fail(&step->why, VR_E_GONE, "a newer session has taken this place");
    }
    step->self = person;
    if (step->cmd->kind == VR_CMD_SNAPSHOT && step->cmd->flag) {
        return person_has_session(person)
                   ? VR_OK
                   : vr_fail(&step->why, VR_E_CONFLICT, "the session is lost: resume");
    }
    if (person->presence == PERSON_LOST && by->generation != 0 && !leaves) {
        member_returned(step, person); /* its session lives: only we were away */
    }
    return VR_OK;
}

static enum vr_rank rank_of_asker(const struct step *step)
{
    const struct vr_actor_identity *by = &step->cmd->by;
    const struct person *known = person_by_user(step->room, by->user);
    enum vr_role role = VR_ROLE_LISTENER;

    if (by->admin) {
        return VR_RANK_ADMIN;
    }
    if (step->self != NULL) {
        return vr_rank_of(step->self->role);
    }
    if (is_creator(step->room, by->user) && !step->room->counters.host_given) {
        return VR_RANK_HOST;
    }
    if (known != NULL) {
        role = known->role;
    }
    if ((known == NULL || !known->demoted) && by->granted > role) {
        role = by->granted;
    }
    return role >= VR_ROLE_MODERATOR ? vr_rank_of(role) : VR_RANK_OUTSIDER;
}

/* Whom the command is aimed at; a ban may be aimed at somebody who is not here. */
static enum vr_err find_target(struct step *step, struct vr_permit *permit)
{
    const struct vr_command *cmd = step->cmd;
    struct person *target = NULL;
    bool ban = cmd->kind == VR_CMD_BAN;

    if (vr_permission(cmd->kind)->aim == VR_AIM_NONE) {
        return VR_OK;
    }
    if (cmd->target == 0 && !(ban && cmd->target_user[0] != 0)) {
        return VR_OK;
    }
    target = cmd->target != 0 ? person_by_id(step->room, cmd->target)
                              : person_by_user(step->room, cmd->target_user);
    if (target != NULL && target == step->self) {
        return VR_OK;
    }
    if (!ban && (target == NULL || !person_present(target) ||
                 (target->hidden && step->rank < VR_RANK_ADMIN))) {
        return vr_fail(&step->why, VR_E_NOT_FOUND, "this person is not in the room");
    }
    if (ban && target == NULL && cmd->target != 0) {
        return vr_fail(&step->why, VR_E_NOT_FOUND, "no such participant");
    }
    step->target = target;
    permit->has_target = true;
    permit->target = target != NULL ? vr_rank_of(target->role) : VR_RANK_OUTSIDER;
    permit->target_is_creator =
        target != NULL ? target->creator : is_creator(step->room, cmd->target_user);
    return VR_OK;
}

/* What an act on a person answers: that person as he is now. */
static void body_of_target(struct step *step)
{
    const struct person *person = step->target != NULL ? step->target : step->self;
    const struct vr_permission *row = vr_permission(step->cmd->kind);
    struct vr_buf json = {0};

    if (step->answer->body != NULL || person == NULL || row->aim == VR_AIM_NONE) {
        return;
    }
    json_person(step->room, person, step->rank >= VR_RANK_MODERATOR, &json);
    step->answer->body = json_blob(step, &json);
}

/* Audit by the table; handlers whose entry needs more than the target write their own. */
static void audit_by_table(struct step *step)
{
    uint32_t traits = vr_permission(step->cmd->kind)->traits;
    bool all = (traits & VR_TRAIT_AUDIT) != 0;
    bool others = (traits & VR_TRAIT_AUDIT_TARGET) != 0 && step->target != NULL;

    if ((!all && !others) || step->effects->audit_count > 0) {
        return;
    }
    if (!step->effects->durable) {
        return; /* it was so already: nothing has happened */
    }
    audit(step, vr_command_name(step->cmd->kind), step->target ? step->target->user : NULL,
          step->target ? step->target->name : NULL, vr_blob_text(step->cmd->text));
}

/* Whoever may not see the room is told of none, whatever he asks. The door speaks for itself, and
 * who goes may go. */
static bool is_hidden_from(const struct step *step)
{
    enum vr_command_kind kind = step->cmd->kind;

    if (step->self != NULL || (vr_permission(kind)->traits & VR_TRAIT_NO_ROOM) != 0 ||
        comes_or_goes(kind) || kind == VR_CMD_LEAVE || kind == VR_CMD_LOST) {
        return false;
    }
    return !may_see(step);
}

static enum vr_err run(struct step *step)
{
    const struct vr_command *cmd = step->cmd;
    struct vr_permit permit = {.kind = cmd->kind, .phase = step->room->phase};
    enum vr_err err;

    if (!step->room->exists && (vr_permission(cmd->kind)->traits & VR_TRAIT_NO_ROOM) == 0) {
        return vr_fail(&step->why, VR_E_NOT_FOUND, "no such room");
    }
    err = find_self(step);
    if (err != VR_OK) {
        return err;
    }
    step->rank = rank_of_asker(step);
    if (is_hidden_from(step)) {
        return vr_fail(&step->why, VR_E_NOT_FOUND, "no such room");
    }
    err = find_target(step, &permit);
    if (err != VR_OK) {
        return err;
    }
    permit.rank = step->rank;
    permit.present = step->self != NULL;
    err = vr_permit(&permit, &step->why);
    if (err != VR_OK) {
        return err;
    }
    err = handlers[cmd->kind](step);
    if (err == VR_OK) {
        audit_by_table(step);
        body_of_target(step);
    }
    return err;
}

/* "It is so already" is an answer too: an owner who has been deposed, and does not know, must not
 * give it. Like a change it is committed, which he cannot, and so the next owner remembers it. */
static void be_sure(struct step *step)
{
    const struct vr_permission *row = vr_permission(step->cmd->kind);

    if ((row->traits & VR_TRAIT_REMEMBER) != 0 && row->aim != VR_AIM_NONE) {
        durable(step);
    }
}

static void finish(struct step *step, enum vr_err err)
{
    struct vr_answer *answer = step->answer;
    enum vr_command_kind kind = step->cmd->kind;

    answer->err = err;
    answer->epoch = step->room->epoch;
    answer->sequence = step->room->counters.sequence;
    answer->revision = step->room->revision;
    if (err != VR_OK) {
        snprintf(answer->why, sizeof(answer->why), "%s",
                 step->why.text[0] != 0 ? step->why.text : vr_err_text(err));
        vr_blob_release(answer->body);
        answer->body = NULL;
    } else if (kind == VR_CMD_JOIN || kind == VR_CMD_RESUME || kind == VR_CMD_SNAPSHOT ||
               kind == VR_CMD_SHOW) {
        answer->digest = vr_room_digest(step->room);
    }
}

/* Who resumes by his resume token alone is who he was, with no more rights than he came with. */
static void name_by_place(struct vr_actor_identity *by, const struct person *person)
{
    memcpy(by->user, person->user, sizeof(by->user));
    by->guest = person->guest;
    by->hidden = person->hidden;
    by->no_publish = person->no_publish;
    by->no_subscribe = person->no_subscribe;
    by->no_request = person->no_request;
}

/* Acts that only take away: they get through when the store is full, from what it keeps back. */
static bool closes_somebody(enum vr_command_kind kind)
{
    return kind == VR_CMD_MUTE || kind == VR_CMD_MUTE_ALL || kind == VR_CMD_DEMOTE ||
           kind == VR_CMD_KICK || kind == VR_CMD_BAN;
}

enum vr_err vr_room_step(struct vr_room *room, const struct vr_command *cmd, struct vr_instant at,
                         struct vr_effects *effects, struct vr_answer *answer)
{
    struct step step = {.room = room, .cmd = cmd, .at = at, .effects = effects, .answer = answer};
    struct vr_command named; /* resume by the token alone: the user is whose place it is */
    bool remember = cmd->kind < VR_CMD_KINDS &&
                    (vr_permission(cmd->kind)->traits & VR_TRAIT_REMEMBER) != 0 &&
                    !vr_id_is_zero(cmd->id);
    enum vr_err err;

    effects->at_wall = at.wall;
    effects->safety = closes_somebody(cmd->kind);
    if (cmd->kind >= VR_CMD_KINDS) {
        answer->err = VR_E_UNKNOWN_MSG;
        return VR_E_UNKNOWN_MSG;
    }
    if (cmd->kind == VR_CMD_RESUME && cmd->by.user[0] == 0 &&
        person_by_id(room, cmd->by.participant) != NULL) {
        named = *cmd;
        name_by_place(&named.by, person_by_id(room, cmd->by.participant));
        step.cmd = &named;
    }
    if (remember && memory_answer(&step)) {
        return answer->err;
    }
    if (remember && memory_outdated(&step)) {
        be_sure(&step);
        finish(&step, VR_OK);
        return VR_OK;
    }
    err = run(&step);
    if (err == VR_OK) {
        be_sure(&step);
    }
    audience_settle(&step);
    finish(&step, err);
    if (remember && err == VR_OK) {
        memory_keep(&step, effects->durable);
    }
    return err;
}

static void grace_tick(struct step *step)
{
    for (uint32_t i = 0; i < step->room->people_count; i++) {
        struct person *person = step->room->people[i];

        if (person->presence == PERSON_LOST &&
            step->at.now - person->lost_at >= step->room->conf.grace) {
            member_go(step, person, "lost");
        }
    }
}

void vr_room_tick(struct vr_room *room, struct vr_instant at, struct vr_effects *effects)
{
    struct step step = {.room = room, .at = at, .effects = effects};

    effects->at_wall = at.wall;
    if (!room->exists) {
        return;
    }
    if (room->phase != VR_ENDED) {
        grace_tick(&step);
        invitations_tick(&step);
        host_tick(&step);
        bans_tick(&step);
        audience_settle(&step);
        audience_tick(&step);
        digest_tick(&step);
    }
    if (room->flush_due == 0) {
        room->flush_due = at.now + FLUSH_AFTER;
    } else if (room->flush_due <= at.now) {
        durable(&step);
    }
}

static vr_time_us earlier(vr_time_us a, vr_time_us b)
{
    return a < b ? a : b;
}

/* Grace and invitations: what each person waits for. */
static vr_time_us people_deadline(const struct vr_room *room, struct vr_instant at)
{
    vr_time_us first = VR_NEVER;

    for (uint32_t i = 0; i < room->people_count; i++) {
        const struct person *person = room->people[i];

        if (person->presence == PERSON_LOST) {
            first = earlier(first, person->lost_at + room->conf.grace);
        }
        if (person->invited_until_wall != 0) {
            vr_time_us left = person->invited_until_wall - at.wall;

            first = earlier(first, at.now + (left > 0 ? left : 0));
        }
    }
    return first;
}

vr_time_us vr_room_deadline(const struct vr_room *room, struct vr_instant at)
{
    vr_time_us first = room->flush_due;

    if (!room->exists) {
        return VR_NEVER;
    }
    if (room->phase == VR_ENDED) {
        return first;
    }
    first = earlier(first, people_deadline(room, at));
    first = earlier(first, host_deadline(room));
    first = earlier(first, audience_deadline(room));
    first = earlier(first, bans_deadline(room, at));
    return earlier(first, digest_deadline(room));
}
