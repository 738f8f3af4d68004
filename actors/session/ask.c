/* ask.c - questions to the room, asked again while its owner changes. */
#include "actors/session/session_internal.h"

#include <stdlib.h>

#include "actors/base/owner.h"

#define TRY VR_MS(2500)      /* beyond the time in which a silent in-sync node is replaced */
#define TRY_BACK VR_MS(1200) /* who comes back waits in silence, and a copy may let him in */
#define PAUSE VR_MS(200)

struct question {
    struct op op; /* first */
    struct vr_command *command;
    struct vr_id room;
    vr_time_us deadline;
    struct vr_timer timer; /* until the next try */
    vr_reply_fn reply;
    void *ctx;
};

static void free_question(struct op *op)
{
    struct question *question = (struct question *)op;

    vr_command_free(question->command);
    free(question);
}

static void end(struct question *question, enum vr_err err, struct vr_msg *answer)
{
    vr_reply_fn reply = question->reply;
    void *ctx = question->ctx;

    op_done(&question->op);
    reply(ctx, err, answer);
}

/* The owner changed, or is about to: nothing has happened, or it will be remembered. */
static bool comes_again(enum vr_err err, const struct vr_msg *answer)
{
    if (err == VR_OK && answer->kind == VR_MSG_ANSWER) {
        err = answer->as.answer->err;
        return err == VR_E_FENCED || err == VR_E_DRAINING;
    }
    return err == VR_E_TIMEOUT;
}

static vr_time_us patience(const struct vr_command *command)
{
    bool back =
        (command->kind == VR_CMD_RESUME && !command->flag) || command->kind == VR_CMD_SNAPSHOT;

    return back ? TRY_BACK : TRY;
}

static void on_try(void *ctx, enum vr_err err, struct vr_msg *answer);

static void try_it(struct question *question)
{
    struct vr_msg msg = {.kind = VR_MSG_COMMAND, .to = vr_room_address(question->room)};
    vr_time_us left = question->deadline - vr_worker_now(question->op.worker);
    vr_time_us most = patience(question->command);

    msg.as.command = vr_command_copy(question->command);
    if (msg.as.command == NULL) {
        end(question, VR_E_NO_MEMORY, NULL);
        return;
    }
    vr_ask(question->op.worker, &msg, left < most ? left : most, on_try, question);
}

static void on_pause_over(struct vr_timer *timer, vr_time_us now)
{
    (void)now;
    try_it(VR_OWNER(timer, struct question, timer));
}

static void on_try(void *ctx, enum vr_err err, struct vr_msg *answer)
{
    struct question *question = ctx;
    vr_time_us next = vr_worker_now(question->op.worker) + PAUSE;

    if (comes_again(err, answer) && next < question->deadline) {
        question->timer.fire = on_pause_over;
        vr_timer_arm(question->op.worker, &question->timer, next);
        return;
    }
    end(question, err, answer);
}

void session_ask_room(struct session *session, struct vr_command *command, vr_time_us timeout,
                      vr_reply_fn reply, void *ctx)
{
    struct vr_msg msg = {.kind = VR_MSG_COMMAND, .to = vr_room_address(session->room)};
    struct question *question = NULL;

    if (session->env->session_services->node != 0) {
        question = calloc(1, sizeof(*question));
    }
    if (question == NULL) { /* alone; or once must do */
        msg.as.command = command;
        vr_ask(session->worker, &msg, timeout, reply, ctx);
        return;
    }
    question->command = command;
    question->room = session->room;
    question->deadline = vr_worker_now(session->worker) + timeout;
    question->reply = reply;
    question->ctx = ctx;
    op_start(&question->op, session, free_question);
    try_it(question);
}
