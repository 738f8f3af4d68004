/* remember.c - the answers of the last commands, so that a repeat (a lost answer, a change of node)
 * has no second effect. Those of durable acts outlive a restart. A refusal had no effect: it is
 * judged anew.
 *
 * What was done without an owner comes late: he who did it may have taken it back since, and been
 * answered. The order of his own acts tells. What somebody else opened meanwhile does not count:
 * of two who disagree the stricter wins. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/base/fnv.h"
#include "actors/room/state.h"

uint64_t memory_hash(const char *user)
{
    return vr_fnv64(VR_FNV_START, user, strlen(user));
}

/* Who asks, also when the session knows only the place: it came back by its resume token alone. */
static uint64_t asker(const struct step *step)
{
    const struct vr_actor_identity *by = &step->cmd->by;
    const struct person *person =
        by->user[0] == 0 && by->participant != 0 ? person_by_id(step->room, by->participant) : NULL;

    return memory_hash(person != NULL ? person->user : by->user);
}

/* Whom it is about: himself, when nobody else is named. */
static uint64_t subject(const struct step *step)
{
    const struct vr_command *cmd = step->cmd;
    const struct person *target = cmd->target == 0 ? NULL : person_by_id(step->room, cmd->target);

    if (step->subject != 0) {
        return step->subject;
    }
    return target != NULL                ? memory_hash(target->user)
           : cmd->target_user[0] != '\0' ? memory_hash(cmd->target_user)
                                         : asker(step);
}

/* What takes back what may be done without an owner; VR_CMD_KINDS: nothing does. */
static enum vr_command_kind opposite(enum vr_command_kind kind)
{
    return kind == VR_CMD_MUTE         ? VR_CMD_UNMUTE
           : kind == VR_CMD_BAN        ? VR_CMD_UNBAN
           : kind == VR_CMD_HAND_LOWER ? VR_CMD_HAND_RAISE
                                       : VR_CMD_KINDS;
}

bool memory_outdated(const struct step *step)
{
    const struct vr_actor_identity *by = &step->cmd->by;
    enum vr_command_kind wanted = opposite(step->cmd->kind);

    if (!is_late(step->cmd) || by->order == 0 || wanted == VR_CMD_KINDS) {
        return false;
    }
    for (uint32_t i = 0; i < VR_REMEMBERED_MAX; i++) {
        const struct remembered *kept = step->room->memory[i];

        if (kept != NULL && kept->kind == wanted && kept->order > by->order &&
            kept->by == asker(step) && kept->subject == subject(step)) {
            return true;
        }
    }
    return false;
}

static bool comes_in(enum vr_command_kind kind)
{
    return kind == VR_CMD_JOIN || kind == VR_CMD_RESUME;
}

/* A join's answer carries the room as it is now, as long as the session of that join is the latest.
 */
static void answer_join(struct step *step, const struct remembered *kept)
{
    const struct person *person = person_by_id(step->room, kept->answer.participant);
    struct vr_buf json = {0};

    if (person == NULL || !person_present(person) ||
        person->generation != kept->answer.generation) {
        *step->answer = (struct vr_answer){.err = VR_E_GONE};
        snprintf(step->answer->why, sizeof(step->answer->why), "this session is over");
        return;
    }
    vr_buf_text(&json, "{");
    json_snapshot(step->room, person->role >= VR_ROLE_MODERATOR, person, &json);
    vr_buf_text(&json, "}");
    step->answer->body = json_blob(step, &json);
    step->answer->role = person->role;
    step->answer->muted_by_self = person->muted_by_self;
    step->answer->muted_by_moderator = person->muted_by_moderator;
    step->answer->sequence = step->room->counters.sequence;
    step->answer->digest = vr_room_digest(step->room);
}

/* After a restart the answer's body shows the same things as they are now. */
static void body_afresh(struct step *step)
{
    const struct vr_room *room = step->room;
    const struct vr_command *cmd = step->cmd;
    const struct vr_permission *row = vr_permission(cmd->kind);
    const struct person *person =
        cmd->target != 0 ? person_by_id(room, cmd->target) : person_by_user(room, cmd->by.user);
    struct vr_buf json = {0};

    if (cmd->kind == VR_CMD_CREATE || cmd->kind == VR_CMD_UPDATE || cmd->kind == VR_CMD_START ||
        cmd->kind == VR_CMD_LOCK || cmd->kind == VR_CMD_END) {
        json_room(room, &json);
    } else if (cmd->kind == VR_CMD_BAN) {
        const struct ban *ban = ban_by_name(room, person ? person->user : cmd->target_user);

        if (ban != NULL) {
            json_ban(ban, &json);
        }
    } else if (row->aim != VR_AIM_NONE && person != NULL) {
        json_person(room, person, false, &json);
    }
    if (json.size > 0) {
        step->answer->body = json_blob(step, &json);
    }
}

bool memory_answer(struct step *step)
{
    const struct vr_command *cmd = step->cmd;
    uint64_t by = asker(step);

#if VR_TEETH == 5 /* no repeat is known again */
    return false;
#endif
    for (uint32_t i = 0; i < VR_REMEMBERED_MAX; i++) {
        const struct remembered *kept = step->room->memory[i];

        if (step->room->memory_ids[i] != cmd->id.lo || kept == NULL ||
            !vr_id_equal(kept->command, cmd->id) || kept->by != by || kept->kind != cmd->kind) {
            continue;
        }
        *step->answer = kept->answer;
        vr_blob_retain(step->answer->body);
        if (comes_in(cmd->kind)) {
            answer_join(step, kept);
        } else if (kept->loaded && step->answer->body == NULL) {
            body_afresh(step);
        }
        return true;
    }
    return false;
}

static void drop(struct vr_room *room, struct remembered *kept)
{
    if (kept->durable) {
        struct vr_id *grown =
            realloc(room->unremembered, (room->unremembered_count + 1) * sizeof(*grown));

        if (grown != NULL) { /* else its record stays: a load keeps only the last ones anyway */
            grown[room->unremembered_count] = kept->command;
            room->unremembered = grown;
            room->unremembered_count++;
        }
    }
    vr_blob_release(kept->answer.body);
    free(kept);
}

struct remembered *memory_place(struct vr_room *room, uint64_t number, struct vr_id command)
{
    struct remembered **place = &room->memory[number % VR_REMEMBERED_MAX];

    if (*place != NULL) {
        drop(room, *place);
    }
    *place = calloc(1, sizeof(**place));
    if (*place != NULL) {
        (*place)->number = number;
        (*place)->command = command;
        room->memory_ids[number % VR_REMEMBERED_MAX] = command.lo;
    }
    return *place;
}

void memory_keep(struct step *step, bool is_durable)
{
    struct vr_room *room = step->room;
    struct remembered *kept = memory_place(room, ++room->counters.remembered, step->cmd->id);

    if (kept == NULL) {
        return; /* a repeat would then be judged anew */
    }
    kept->by = asker(step);
    kept->kind = step->cmd->kind;
    kept->subject = subject(step);
    kept->order = step->cmd->by.order;
    kept->durable = is_durable;
    kept->dirty = is_durable;
    room->memory_dirty = room->memory_dirty || is_durable;
    kept->answer = *step->answer;
    if (comes_in(kept->kind)) {
        kept->answer.body = NULL;
    } else {
        vr_blob_retain(kept->answer.body);
    }
}

void memory_free(struct vr_room *room)
{
    for (uint32_t i = 0; i < VR_REMEMBERED_MAX; i++) {
        if (room->memory[i] != NULL) {
            vr_blob_release(room->memory[i]->answer.body);
            free(room->memory[i]);
            room->memory[i] = NULL;
        }
    }
}
