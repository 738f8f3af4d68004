/* marks.c - what a replica does for a room that nobody validly owns now. */
#include "cluster/replica.h"

void replica_on_command(struct replica *self, struct vr_msg *msg)
{
    struct vr_msg answer = {.kind = VR_MSG_ANSWER};

    answer.as.answer = vr_answer_new(VR_E_FROZEN, "the room has no valid owner now");
    if (answer.as.answer != NULL) {
        answer.as.answer->retry_after_ms = 500;
        vr_reply(vr_actor_system(self->actor), msg, &answer);
    }
}
