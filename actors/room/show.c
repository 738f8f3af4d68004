/* show.c - what REST reads: the room, its people, hands, bans, analytics, audit entries. */
#include <string.h>

#include "actors/room/names.h"
#include "actors/room/state.h"

/* A private room is there only for those who may enter it, or were let in before. */
bool may_see(const struct step *step)
{
    const struct vr_room *room = step->room;
    struct vr_id user;

    if (room->settings.visibility != VR_PRIVATE || step->rank >= VR_RANK_MODERATOR ||
        person_by_user(room, step->cmd->by.user) != NULL || is_creator(room, step->cmd->by.user) ||
        room->settings.has_passcode) {
        return true;
    }
    user = room->conf.ref(room->conf.ctx, step->cmd->by.user);
    for (uint32_t i = 0; i < room->settings.invited_count; i++) {
        if (vr_id_equal(room->settings.invited[i], user)) {
            return true;
        }
    }
    return false;
}

static enum vr_err show_people(struct step *step, struct vr_buf *out)
{
    bool with_user = step->rank >= VR_RANK_MODERATOR;
    const struct person *one;
    vr_participant_id next;

    if (step->cmd->target == 0) {
        vr_buf_text(out, "{\"participants\":");
        next = step->cmd->text == NULL
                   ? json_people(step->room, with_user, step->cmd->after, step->cmd->limit, out)
                   : json_people_named(step->room, with_user, vr_blob_text(step->cmd->text),
                                       step->cmd, out);
        vr_buf_text(out, ",\"next_after\":");
        if (next == 0) {
            vr_buf_text(out, "null}");
        } else {
            vr_buf_printf(out, "%u}", next - 1);
        }
        return VR_OK;
    }
    one = person_by_id(step->room, step->cmd->target);
    if (one == NULL || !person_listed(one)) {
        return vr_fail(&step->why, VR_E_NOT_FOUND, "this person is not in the room");
    }
    json_person(step->room, one, with_user, out);
    return VR_OK;
}

static enum vr_err show(struct step *step, struct vr_buf *out)
{
    bool inner = step->cmd->want == VR_SHOW_BANS || step->cmd->want == VR_SHOW_ANALYTICS ||
                 step->cmd->want == VR_SHOW_AUDIT || step->cmd->want == VR_SHOW_DIAGNOSIS;

    if (inner && step->rank < VR_RANK_MODERATOR) {
        return vr_fail(&step->why, VR_E_FORBIDDEN, "the role does not allow it");
    }
    switch (step->cmd->want) {
    case VR_SHOW_STATE:
        json_room(step->room, out);
        return VR_OK;
    case VR_SHOW_PARTICIPANTS:
        return show_people(step, out);
    case VR_SHOW_HANDS:
        vr_buf_text(out, "{\"hands\":");
        json_hands(step->room, out);
        vr_buf_text(out, "}");
        return VR_OK;
    case VR_SHOW_BANS:
        json_bans(step->room, out);
        return VR_OK;
    case VR_SHOW_ANALYTICS:
        analytics_json(step->room, step->at.wall, out);
        return VR_OK;
    case VR_SHOW_AUDIT:
        step->effects->show_audit = true; /* the entries are in the store only */
        return VR_OK;
    case VR_SHOW_DIAGNOSIS:
        json_diagnosis(step->room, out);
        return VR_OK;
    }
    return vr_fail(&step->why, VR_E_BAD_REQUEST, "unknown reading");
}

enum vr_err step_show(struct step *step)
{
    struct vr_buf json = {0};
    enum vr_err err;

    err = show(step, &json);
    if (err == VR_OK && json.size > 0) {
        step->answer->body = json_blob(step, &json);
    } else {
        vr_buf_deinit(&json);
    }
    return err;
}
