/* remote.c - requests for a session that lives on another control worker: HTTP comes in on any of
 * them.
 *
 * They travel as commands to the session's own address: LEAVE for a DELETE, RESUME with the offer
 * as its text for an ICE restart. A socket cannot be handed over; whoever comes back on another
 * worker resumes with an offer. */
#include "actors/session/session_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "actors/base/assert.h"

bool session_is_remote(const struct vr_worker *worker, struct vr_id session)
{
    return vr_session_worker_index(vr_worker_system(worker), session) != vr_worker_index(worker);
}

struct vr_address session_address(struct vr_worker *worker, struct vr_id id)
{
    return vr_session_address_at(id, session_env(worker)->session_services->node);
}

void session_register(const struct session *session, bool there)
{
    uint32_t node = session->env->session_services->node;
    struct vr_msg msg = {.kind = VR_MSG_CLUSTER,
                         .to = vr_replica_address(session->room, node),
                         .from = session_address(session->worker, session->id),
                         .deadline = VR_NEVER};

    if (node == 0 || vr_id_is_zero(session->room)) {
        return;
    }
    msg.as.note.type = there ? VR_NOTE_SESSION : VR_NOTE_SESSION_GONE;
    vr_system_post(vr_worker_system(session->worker), &msg);
}

/** The asking side. */
struct remote {
    vr_session_left_fn left; /* or */
    vr_joined_fn joined;
    void *ctx;
    struct vr_id session;
};

static void tell(const struct remote *remote, const struct vr_answer *answer)
{
    struct vr_join_result result = {.err = answer->err,
                                    .answer = answer,
                                    .session = remote->session,
                                    .resume_token = "",
                                    .sdp = answer->body};

    if (remote->left != NULL) {
        remote->left(remote->ctx, answer->err);
    } else {
        vr_assert(remote->joined != NULL);
        remote->joined(remote->ctx, &result);
    }
}

static void on_answer(void *ctx, enum vr_err err, struct vr_msg *msg)
{
    struct remote *remote = ctx;
    struct vr_answer failed = {.err = err == VR_OK ? VR_E_INTERNAL : err};

    if (err == VR_OK && msg->kind == VR_MSG_ANSWER) {
        tell(remote, msg->as.answer);
    } else {
        snprintf(failed.why, sizeof(failed.why), "%s", vr_err_text(failed.err));
        tell(remote, &failed);
    }
    free(remote);
}

static void ask(struct vr_worker *worker, const struct remote *wanted, const char *user,
                struct vr_bytes sdp)
{
    struct vr_msg msg = {.kind = VR_MSG_COMMAND, .to = session_address(worker, wanted->session)};
    struct vr_command *command =
        vr_command_new(wanted->left != NULL ? VR_CMD_LEAVE : VR_CMD_RESUME);
    struct remote *remote = malloc(sizeof(*remote));
    struct vr_answer failed = {.err = VR_E_NO_MEMORY};

    if (remote == NULL || command == NULL) {
        free(remote);
        vr_command_free(command);
        tell(wanted, &failed);
        return;
    }
    *remote = *wanted;
    snprintf(command->by.user, sizeof(command->by.user), "%s", user);
    command->text = sdp.size == 0 ? NULL : vr_blob_new(sdp);
    msg.as.command = command;
    vr_ask(worker, &msg, COMMAND_TIMEOUT, on_answer, remote);
}

void vr_session_leave(struct vr_worker *worker, struct vr_id session, const char *user,
                      vr_session_left_fn left, void *ctx)
{
    if (session_is_remote(worker, session)) {
        ask(worker, &(struct remote){.left = left, .ctx = ctx, .session = session}, user,
            (struct vr_bytes){0});
    } else {
        left(ctx, vr_session_delete(worker, session, user));
    }
}

void session_remote_restart(struct vr_worker *worker, struct vr_id session, const char *user,
                            struct vr_bytes sdp, vr_joined_fn joined, void *ctx)
{
    ask(worker, &(struct remote){.joined = joined, .ctx = ctx, .session = session}, user, sdp);
}

/** The answering side: where a command came from, until the restart is done. */
struct served {
    struct op op; /* first */
    struct vr_msg asked;
};

static void free_served(struct op *op)
{
    free(op);
}

static void reply(struct vr_worker *worker, const struct vr_msg *asked, enum vr_err err,
                  const char *why, struct vr_blob *body)
{
    struct vr_msg msg = {.kind = VR_MSG_ANSWER};

    msg.as.answer = vr_answer_new(err, why == NULL ? vr_err_text(err) : why);
    if (msg.as.answer != NULL) {
        msg.as.answer->body = vr_blob_retain(body);
        vr_reply(vr_worker_system(worker), asked, &msg);
    }
}

static void on_restarted(void *ctx, const struct vr_join_result *result)
{
    struct served *served = ctx;

    reply(served->op.worker, &served->asked, result->err,
          result->answer == NULL ? NULL : result->answer->why, result->sdp);
    op_done(&served->op);
}

static void serve_restart(struct session *session, const struct vr_msg *msg)
{
    struct served *served = calloc(1, sizeof(*served));

    if (served == NULL) {
        reply(session->worker, msg, VR_E_NO_MEMORY, NULL, NULL);
        return;
    }
    served->asked = *msg;
    served->asked.as.command = NULL; /* the runtime's to free */
    op_start(&served->op, session, free_served);
    vr_session_restart_ice(session->worker, session->id, msg->as.command->by.user,
                           vr_blob_bytes(msg->as.command->text), on_restarted, served);
}

void session_serve(struct session *session, const struct vr_msg *msg)
{
    struct vr_worker *worker = session->worker;

    if (msg->as.command->kind == VR_CMD_LEAVE) {
        reply(worker, msg, vr_session_delete(worker, session->id, msg->as.command->by.user), NULL,
              NULL);
    } else if (msg->as.command->kind == VR_CMD_RESUME) {
        serve_restart(session, msg);
    } else {
        reply(worker, msg, VR_E_UNKNOWN_MSG, NULL, NULL);
    }
}
