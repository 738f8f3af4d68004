/* client.c - messages of an attached client: commands to the room, answers back, the few that are
 * the session's own. */
#include "actors/session/session_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** A message that waits for its answer. */
struct request {
    struct op op; /* first */
    struct vr_client_msg msg;
    struct vr_span span; /* of a command that is traced */
    bool leaves;
};

static void free_request(struct op *op)
{
    struct request *request = (struct request *)op;

    vr_client_msg_deinit(&request->msg);
    free(request);
}

void session_send_answer(struct session *session, const struct vr_client_msg *asked,
                         const struct vr_answer *answer)
{
    struct vr_buf text = {0};
    struct vr_blob *blob = NULL;

    vr_client_answer_write(asked, answer, NULL, &text);
    blob = text.failed ? NULL : vr_blob_new(vr_buf_bytes(&text));
    vr_buf_deinit(&text);
    if (blob != NULL) {
        session_send(session, blob);
        vr_blob_release(blob);
    }
}

static void send_outcome(struct session *session, const struct vr_client_msg *asked,
                         enum vr_err err, const char *why)
{
    struct vr_answer answer = {.err = err, .epoch = session->epoch, .sequence = session->sequence};

    if (err != VR_OK) {
        snprintf(answer.why, sizeof(answer.why), "%s", why == NULL ? vr_err_text(err) : why);
    }
    session_send_answer(session, asked, &answer);
}

static vr_time_us clock_now(struct vr_worker *worker)
{
    const struct vr_clock *clock = vr_system_clock(vr_worker_system(worker));

    return clock->now(clock->ctx);
}

static void trace_begin(struct request *request)
{
    const struct vr_tracing *tracing = vr_system_tracing(vr_worker_system(request->op.worker));

    if (tracing != NULL) {
        vr_span_begin(tracing, request->msg.traceparent, clock_now(request->op.worker),
                      &request->span);
        request->span.name = vr_command_name(request->msg.kind);
    }
}

static void trace_end(struct request *request, enum vr_err err)
{
    if (vr_trace_on(&request->span.trace)) {
        request->span.err = err;
        vr_span_end(vr_system_tracing(vr_worker_system(request->op.worker)), &request->span,
                    clock_now(request->op.worker));
    }
}

static void on_answer(void *ctx, enum vr_err err, struct vr_msg *msg)
{
    struct request *request = ctx;
    struct session *session = op_session(&request->op);
    const struct vr_answer *answer = NULL;

    trace_end(request, err == VR_OK && msg->kind == VR_MSG_ANSWER ? msg->as.answer->err : err);
    if (session == NULL) {
        op_done(&request->op);
        return;
    }
    if (err == VR_OK && msg->kind == VR_MSG_ANSWER) {
        answer = msg->as.answer;
        if (request->msg.kind == VR_CMD_SNAPSHOT && answer->err == VR_OK &&
            answer->epoch == session->epoch && answer->sequence > session->sequence) {
            session->sequence = answer->sequence; /* what the snapshot holds need not come again */
        }
        session_send_answer(session, &request->msg, answer);
        if (answer->err == VR_E_GONE) {
            session_announce(session); /* the room lost sight of us; or the place is another's */
        }
    } else {
        send_outcome(session, &request->msg, err == VR_OK ? VR_E_INTERNAL : err, NULL);
    }
    if (request->leaves && answer != NULL && answer->err == VR_OK) {
        if (session_move(session, VR_SESSION_EV_OVER)) {
            session_over(session, "left", false);
        }
    }
    op_done(&request->op);
}

static struct request *new_request(struct session *session, struct vr_client_msg *msg)
{
    struct request *request = calloc(1, sizeof(*request));

    if (request == NULL) {
        send_outcome(session, msg, VR_E_NO_MEMORY, NULL);
        vr_client_msg_deinit(msg);
        return NULL;
    }
    request->msg = *msg;
    memset(msg, 0, sizeof(*msg));
    op_start(&request->op, session, free_request);
    return request;
}

static void ask_room(struct session *session, struct vr_client_msg *taken, const char *request_id)
{
    struct vr_command *command = NULL;
    struct vr_command *draft = NULL;
    struct request *request = new_request(session, taken);
    struct vr_why why = {0};
    enum vr_err err = VR_OK;

    if (request == NULL) {
        return;
    }
    err = vr_session_screen(session->env->session_services, request->msg.command, &why);
    if (err != VR_OK) {
        send_outcome(session, &request->msg, err, why.text);
        op_done(&request->op);
        return;
    }
    draft = session_command(session, request->msg.kind, request_id);
    if (draft == NULL) {
        send_outcome(session, &request->msg, VR_E_NO_MEMORY, NULL);
        op_done(&request->op);
        return;
    }
    command = request->msg.command;
    request->msg.command = NULL;
    if (vr_id_is_zero(command->id)) {
        command->id = draft->id;
    }
    command->by = draft->by;
    trace_begin(request);
    command->trace = request->span.trace;
    command->session = draft->session;
    command->shard = draft->shard;
    memcpy(command->request_id, draft->request_id, sizeof(draft->request_id));
    vr_command_free(draft);
    if (request->msg.kind == VR_CMD_LEAVE) {
        command->flag = true;
        request->leaves = true;
    }
    session_ask_room(session, command, COMMAND_TIMEOUT, on_answer, request);
}

static void on_restarted(void *ctx, const struct vr_join_result *result)
{
    struct request *request = ctx;
    struct session *session = op_session(&request->op);
    struct vr_answer answer = {0};
    struct vr_buf extra = {0};

    if (session != NULL && result->err != VR_OK) {
        send_outcome(session, &request->msg, result->err, result->answer->why);
    } else if (session != NULL) {
        answer.epoch = session->epoch;
        answer.sequence = session->sequence;
        vr_buf_text(&extra, "{\"sdp\":");
        vr_json_text(&extra, vr_blob_text(result->sdp));
        vr_buf_text(&extra, "}");
        answer.body = extra.failed ? NULL : vr_blob_new(vr_buf_bytes(&extra));
        answer.err = answer.body == NULL ? VR_E_NO_MEMORY : VR_OK;
        session_send_answer(session, &request->msg, &answer);
        vr_blob_release(answer.body);
        vr_buf_deinit(&extra);
    }
    op_done(&request->op);
}

static void own_message(struct session *session, struct vr_client_msg *msg)
{
    struct request *request = NULL;

    if (strcmp(msg->type, "room:webrtc:ice-candidate") == 0 ||
        strcmp(msg->type, "session:ping") == 0) {
        send_outcome(session, msg, VR_OK, "");
        vr_client_msg_deinit(msg);
        return;
    }
    if (strcmp(msg->type, "session:sound-clock") == 0) {
        session_sound_clock(session, msg);
        return;
    }
    if (strcmp(msg->type, "room:webrtc:offer") != 0) {
        send_outcome(session, msg, VR_E_CONFLICT, "this socket has its session already");
        vr_client_msg_deinit(msg);
        return;
    }
    if (msg->sdp == NULL) {
        send_outcome(session, msg, VR_E_UNPROCESSABLE, "sdp: an offer is needed");
        vr_client_msg_deinit(msg);
        return;
    }
    request = new_request(session, msg);
    if (request != NULL) {
        vr_session_restart_ice(session->worker, session->id, NULL, vr_blob_bytes(request->msg.sdp),
                               on_restarted, request);
    }
}

/** False, and the socket is closed, when the client sends more than a person can. */
static bool within_rate(struct session *session)
{
    vr_time_us now = vr_worker_now(session->worker);

    if (session->rate_count == 0 || now - session->rate_start >= RATE_WINDOW) {
        session->rate_start = now;
        session->rate_count = 0;
    }
    session->rate_count++;
    if (session->rate_count <= RATE_MESSAGES) {
        return true;
    }
    session_close_socket(session, 4029, "too many messages");
    session_look(session);
    return false;
}

static bool is_entry(const struct vr_client_msg *msg)
{
    return msg->is_command && (msg->kind == VR_CMD_JOIN || msg->kind == VR_CMD_RESUME);
}

void vr_session_client_msg(struct vr_worker *worker, struct vr_id id, struct vr_client_msg *msg,
                           const char *request_id)
{
    struct session *session = session_find(worker, id);

    if (session == NULL || !within_rate(session)) {
        vr_client_msg_deinit(msg);
        return;
    }
    if (is_entry(msg)) {
        send_outcome(session, msg, VR_E_CONFLICT, "this socket has its session already");
        vr_client_msg_deinit(msg);
    } else if (msg->is_command) {
        ask_room(session, msg, request_id);
    } else {
        own_message(session, msg);
    }
}
