/* moves.c - one person is asked to go to another node: his client makes a new peer there before the
 * old one closes, as in a drain. The room only tells him; that he came is a resume like any. */
#include <stdio.h>

#include "actors/room/state.h"

enum vr_err step_move(struct step *step)
{
    const struct person *target = step->target;
    char reason[160];
    struct event event;

    if (target == NULL || target->presence != PERSON_LIVE) {
        return vr_fail(&step->why, VR_E_CONFLICT, "this person is not connected at the moment");
    }
    if (step->cmd->limit != 0 && step->cmd->limit == target->session.sub) {
        return vr_fail(&step->why, VR_E_CONFLICT, "this person is on that node already");
    }
    event = event_begin(step, "server:draining", false);
    event_number(&event, "retry_after_ms", 0);
    event_text(&event, "node", vr_blob_text(step->cmd->text));
    event_send(step, &event, target->id);
    snprintf(reason, sizeof(reason), "to %s", vr_blob_text(step->cmd->text));
    audit(step, "room:move", target->user, target->name, reason);
    return VR_OK;
}
