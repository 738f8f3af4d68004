/* session.c - the actor's shell and the one place where a session's state moves. */
#include "actors/session/session_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "actors/wire/resume.h"

bool session_move(struct session *session, enum vr_session_event event)
{
    char id[VR_ID_TEXT];
    char room[VR_ID_TEXT];
    struct vr_session_move move;
    bool known = vr_session_move(session->state, event, &move);

    vr_log(VR_LOG_DEBUG, known ? "session moved" : "session event ignored",
           VR_S("session", vr_id_format(session->id, id)),
           VR_S("room", vr_id_format(session->room, room)),
           VR_S("state", vr_session_state_name(session->state)),
           VR_S("event", vr_session_event_name(event)));
    if (!known) {
        return false;
    }
    session->state = move.next;
    switch (move.action) {
    case VR_SESSION_TELL_LOST:
        session_tell_room(session, VR_CMD_LOST, false);
        break;
    case VR_SESSION_TELL_LEFT:
        session_tell_room(session, VR_CMD_LEAVE, true);
        break;
    case VR_SESSION_NOTHING:
    case VR_SESSION_CLOSE:
        break;
    }
    return true;
}

struct vr_command *session_command(struct session *session, enum vr_command_kind kind,
                                   const char *request_id)
{
    struct vr_command *command = vr_command_new(kind);

    if (command == NULL) {
        return NULL;
    }
    command->id = vr_random_id(vr_system_random(vr_worker_system(session->worker)));
    command->by = session->who;
    command->by.order = (uint64_t)session->who.generation << 32 | ++session->acts;
    if (session->moving) {
        command->by.generation--; /* the room knows the one that is being left */
    }
    command->session = session_address(session->worker, session->id);
    snprintf(command->request_id, sizeof(command->request_id), "%s",
             request_id == NULL ? "" : request_id);
    return command;
}

/* In a cluster the room's owner may be changing: it is told again until it has heard. */
static void nobody_waits(void *ctx, enum vr_err err, struct vr_msg *answer)
{
    (void)ctx;
    (void)err;
    (void)answer;
}

void session_tell_room(struct session *session, enum vr_command_kind kind, bool flag)
{
    struct vr_command *command = session_command(session, kind, NULL);
    struct vr_msg msg = {.kind = VR_MSG_COMMAND,
                         .to = vr_room_address(session->room),
                         .from = session_address(session->worker, session->id),
                         .deadline = VR_NEVER};

    if (command == NULL) {
        return;
    }
    command->flag = flag;
    if (session->env->session_services->node != 0) {
        session_ask_room(session, command, TOLD_WITHIN, nobody_waits, NULL);
        return;
    }
    msg.as.command = command;
    vr_system_post(vr_worker_system(session->worker), &msg);
}

void session_over(struct session *session, const char *why, bool keep_media)
{
    struct vr_msg stop = {.kind = VR_MSG_DRAIN,
                          .to = session_address(session->worker, session->id),
                          .deadline = VR_NEVER};
    bool actor_open = session->actor_open;

    vr_assert(session->state == VR_SESSION_GONE);
    session_flush_held(session, false);
    session_close_socket(session, 4002, why);
    if (!keep_media) {
        session_peers_close(session);
    }
    session_bury(session);
    if (actor_open) {
        vr_system_post(vr_worker_system(session->worker), &stop);
    }
}

/** The media of a session that the room holds for lost came back by itself (a network that was away
 * for a while): take the place again. */
struct comeback {
    struct op op;
};

static void free_comeback(struct op *op)
{
    free(op);
}

static void on_back(void *ctx, enum vr_err err, struct vr_msg *answer)
{
    struct comeback *comeback = ctx;
    struct session *session = op_session(&comeback->op);

    op_done(&comeback->op);
    if (session == NULL || session->state != VR_SESSION_LOST) {
        return;
    }
    if (err != VR_OK || answer->kind != VR_MSG_ANSWER || answer->as.answer->err != VR_OK) {
        return; /* the grace timer ends it, a resume may still come */
    }
    (void)session_move(session, VR_SESSION_EV_BACK);
    session_look(session);
}

static void come_back(struct session *session)
{
    struct comeback *comeback = calloc(1, sizeof(*comeback));
    struct vr_command *command = NULL;

    if (comeback == NULL) {
        return;
    }
    command = session_command(session, VR_CMD_SNAPSHOT, NULL);
    if (command == NULL) {
        free(comeback);
        return;
    }
    op_start(&comeback->op, session, free_comeback);
    session_ask_room(session, command, ROOM_TIMEOUT, on_back, comeback);
}

static void on_timer(struct vr_timer *timer, vr_time_us now)
{
    struct session *session = VR_OWNER(timer, struct session, timer);

    if (session->state == VR_SESSION_LOST) {
        if (session->joining) { /* a resume is under way: its end looks again */
            vr_timer_arm(session->worker, timer, now + VR_SECONDS(1));
            return;
        }
        if (session_move(session, VR_SESSION_EV_GRACE_OVER)) {
            session_over(session, "the grace time is over", false);
        }
        return;
    }
    session_look(session);
}

static void look_live(struct session *session)
{
    vr_time_us now = vr_worker_now(session->worker);
    vr_time_us expected = session_media_expected(session);

    if (session_media_up(session)) {
        session->media_lost_told = false;
        vr_timer_disarm(session->worker, &session->timer);
        session_take_over(session);
        return;
    }
    if (expected != VR_NEVER && now < expected) {
        vr_timer_arm(session->worker, &session->timer, expected);
        return;
    }
    if (session->moving) {
        session_move_failed(session);
        return;
    }
    if (session->socket != NULL && now < session->media_lost_due) {
        vr_timer_arm(session->worker, &session->timer, session->media_lost_due);
        return;
    }
    if (session->socket != NULL) {
        session_media_lost(session);
        return;
    }
    if (session_move(session, VR_SESSION_EV_ALONE)) {
        vr_timer_arm(session->worker, &session->timer, now + session->env->grace + VR_SECONDS(1));
    }
}

void session_look(struct session *session)
{
    session->timer.fire = on_timer;
    if (session->joining) {
        return;
    }
    switch (session->state) {
    case VR_SESSION_LIVE:
        look_live(session);
        break;
    case VR_SESSION_LOST:
        if (session_media_up(session)) {
            come_back(session);
        }
        break;
    case VR_SESSION_JOINING:
    case VR_SESSION_GONE:
    case VR_SESSION_STATES:
        break;
    }
}

enum vr_err vr_session_delete(struct vr_worker *worker, struct vr_id id, const char *user)
{
    struct session *session = session_find(worker, id);

    /* Somebody else's session is not told apart from none. */
    if (session == NULL || !vr_id_equal(session->user_hint, vr_resume_user_hint(user))) {
        return VR_E_NOT_FOUND;
    }
    if (session_move(session, VR_SESSION_EV_LEFT)) {
        session_over(session, "left", false);
    }
    return VR_OK;
}

/* The actor: only an address to which room and shard can send. What it is about lives in the table,
 * so that a restart by supervision loses nothing. */

struct shell {
    struct vr_id id;
};

static enum vr_err open_shell(struct vr_actor *actor, void *state, struct vr_why *why)
{
    struct shell *shell = state;
    struct session *session = NULL;

    (void)why;
    shell->id = vr_actor_address(actor).id;
    session = session_find(vr_actor_worker(actor), shell->id);
    if (session == NULL) {
        vr_actor_stop(actor, VR_CLOSE_DONE);
        return VR_OK;
    }
    session->actor_open = true;
    return VR_OK;
}

static void refuse(struct vr_actor *actor, const struct vr_msg *msg)
{
    struct vr_msg answer = {.kind = VR_MSG_ANSWER};

    if (msg->from.kind == VR_ACTOR_ASK) {
        answer.as.answer = vr_answer_new(VR_E_GONE, "the session is over");
        if (answer.as.answer != NULL) {
            vr_reply(vr_actor_system(actor), msg, &answer);
        }
    }
    vr_actor_stop(actor, VR_CLOSE_DONE);
}

void session_tell_draining(struct session *session)
{
    const struct vr_session_services *services = session->env->session_services;
    struct vr_buf text = {0};
    struct vr_blob *blob = NULL;
    char url[256] = "";

    vr_buf_text(&text, "{\"type\":\"server:draining\",\"retry_after_ms\":1000");
    if (services->move_to != NULL &&
        services->move_to(services->ctx, session->room, url, sizeof(url))) {
        vr_buf_text(&text, ",\"node\":");
        vr_json_text(&text, url);
    }
    vr_buf_text(&text, "}");
    blob = text.failed ? NULL : vr_blob_new(vr_buf_bytes(&text));
    vr_buf_deinit(&text);
    if (blob != NULL) {
        session_send(session, blob);
        vr_blob_release(blob);
    }
}

static void pong(struct vr_actor *actor, const struct session *session, const struct vr_msg *msg)
{
    struct vr_msg answer = {.kind = VR_MSG_PONG, .as.number = msg->as.number};

    if (session->state == VR_SESSION_LOST) {
        answer.kind = VR_MSG_ANSWER;
        answer.as.answer = vr_answer_new(VR_E_GONE, "the client is away");
    }
    if (answer.kind == VR_MSG_ANSWER && answer.as.answer == NULL) {
        return; /* memory is out: the asker's deadline says the same */
    }
    vr_reply(vr_actor_system(actor), msg, &answer);
}

static enum vr_err handle_shell(struct vr_actor *actor, void *state, struct vr_msg *msg,
                                struct vr_why *why)
{
    struct shell *shell = state;
    struct session *session = session_find(vr_actor_worker(actor), shell->id);

    (void)why;
    if (session == NULL) {
        refuse(actor, msg);
        return VR_OK;
    }
    switch (msg->kind) {
    case VR_MSG_EVENT:
        session_event(session, msg);
        break;
    case VR_MSG_PEER_STATE:
        if (msg->as.peer_state.repair != VR_REPAIR_NONE) {
            session_repair(session, msg->as.peer_state.peer,
                           (enum vr_repair_act)msg->as.peer_state.repair,
                           msg->as.peer_state.verdict);
            break;
        }
        session_peer_state(session, msg->as.peer_state.peer, msg->as.peer_state.state);
        break;
    case VR_MSG_DRAIN:
        session_tell_draining(session);
        break;
    case VR_MSG_PING: /* a room that came back from the store asks who is still there */
        pong(actor, session, msg);
        break;
    case VR_MSG_COMMAND:
        session_serve(session, msg);
        break;
    case VR_MSG_CLUSTER:
        if (msg->as.note.type == VR_NOTE_OWNER) {
            session_announce(session);
        }
        break;
    case VR_MSG_ANSWER: /* of LOST and LEAVE, which were only posted */
    case VR_MSG_GATE:
    case VR_MSG_GATE_DONE:
    case VR_MSG_SHARD_SET:
    case VR_MSG_SHARD_CLOSE:
    case VR_MSG_SPEAKERS:
    case VR_MSG_PEER_OPEN:
    case VR_MSG_PEER_OPENED:
    case VR_MSG_PEER_CLOSE:
    case VR_MSG_STORED:
    case VR_MSG_SUMMARY:
    case VR_MSG_RELAY:
    case VR_MSG_SHARD_LEVELS:
    case VR_MSG_PONG:
    case VR_MSG_CLUSTER_DONE:
    case VR_MSG_KINDS:
        break;
    }
    return VR_OK;
}

static void close_shell(struct vr_actor *actor, void *state, enum vr_close_reason reason)
{
    struct shell *shell = state;
    struct session *session = session_find(vr_actor_worker(actor), shell->id);

    (void)reason;
    if (session != NULL) {
        session->actor_open = false;
    }
}

const struct vr_actor_class *vr_session_class(void)
{
    static const struct vr_actor_class class = {.kind = VR_ACTOR_SESSION,
                                                .name = "session",
                                                .state_size = sizeof(struct shell),
                                                .worker = VR_WORKER_CONTROL,
                                                .open = open_shell,
                                                .handle = handle_shell,
                                                .close = close_shell,
                                                .mailbox_max = 1024};

    return &class;
}
