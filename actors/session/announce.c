/* announce.c - a session that never ended, and a room that may not know: its owner changed while
 * this node was out of reach, and the grace time may have gone by there. */
#include "actors/session/session_internal.h"

#include <stdlib.h>

#include "actors/base/owner.h"

#define AGAIN_AFTER VR_SECONDS(1)

struct announce {
    struct op op; /* first */
    struct vr_timer timer;
};

static void free_announce(struct op *op)
{
    free(op);
}

/* Refused by an owner who has judged it, not for want of one. */
static bool is_over(enum vr_err err)
{
    return err == VR_E_GONE || err == VR_E_BANNED || err == VR_E_UNAUTHORIZED ||
           err == VR_E_NOT_FOUND || err == VR_E_CONFLICT || err == VR_E_FORBIDDEN;
}

static void on_again(struct vr_timer *timer, vr_time_us now)
{
    struct announce *announce = VR_OWNER(timer, struct announce, timer);
    struct session *session = op_session(&announce->op);

    (void)now;
    op_done(&announce->op);
    if (session != NULL) {
        session->announcing = false;
        session_announce(session);
    }
}

static void on_told(void *ctx, enum vr_err err, struct vr_msg *msg)
{
    struct announce *announce = ctx;
    struct session *session = op_session(&announce->op);
    const struct vr_answer *answer = NULL;

    if (err == VR_OK && msg->kind == VR_MSG_ANSWER) {
        answer = msg->as.answer;
        err = answer->err;
    } else if (err == VR_OK) {
        err = VR_E_INTERNAL;
    }
    if (session != NULL && err != VR_OK && !is_over(err)) {
        announce->timer.fire = on_again;
        vr_timer_arm(announce->op.worker, &announce->timer,
                     vr_worker_now(announce->op.worker) + AGAIN_AFTER);
        return;
    }
    op_done(&announce->op);
    if (session == NULL) {
        return;
    }
    session->announcing = false;
    if (session->state != VR_SESSION_LIVE || session->joining || session->moving) {
        return; /* a resume overtook it */
    }
    if (err == VR_OK) {
        session->role = answer->role;
    } else if (session_move(session, VR_SESSION_EV_OVER)) {
        session_over(session, "the place is gone: join anew", false);
    }
}

void session_announce(struct session *session)
{
    struct announce *announce = NULL;
    struct vr_command *command = NULL;

    if (session->state != VR_SESSION_LIVE || session->joining || session->moving ||
        session->announcing) {
        return;
    }
    announce = calloc(1, sizeof(*announce));
    command = announce == NULL ? NULL : session_command(session, VR_CMD_RESUME, NULL);
    if (command == NULL) {
        free(announce);
        return; /* the next command that is answered so comes by again */
    }
    command->flag = true;
    command->shard = vr_shard_address(session->room, session->shard);
    session->announcing = true;
    op_start(&announce->op, session, free_announce);
    session_ask_room(session, command, ROOM_TIMEOUT, on_told, announce);
}
