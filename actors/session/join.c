/* join.c - the way into a room: offer read, place chosen, room asked, peer posted to its shard,
 * answer given.
 *
 * The peer is at its shard before the answer leaves, or the first STUN check is lost. Each step
 * that fails undoes those before it. A resume in place and an ICE restart go the same way with
 * fewer steps. */
#include "actors/session/join.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/wire/resume.h"

void join_free(struct op *op)
{
    struct join *join = (struct join *)op;

    vr_blob_release(join->sdp);
    vr_answer_free(join->room);
    free(join);
}

void join_fail(struct join *join, enum vr_err err, const char *text)
{
    struct session *session = op_session(&join->op);
    struct session_peer *opened = NULL;
    struct vr_answer answer = {.err = err};
    const struct vr_answer *given =
        join->room != NULL && join->room->err != VR_OK ? join->room : &answer;
    struct vr_join_result result = {.err = given->err, .answer = given, .resume_token = ""};

    snprintf(answer.why, sizeof(answer.why), "%s", text == NULL ? vr_err_text(err) : text);
    if (session != NULL) {
        opened = session_peer_find(session, join->conf.peer);
        if (opened != NULL) {
            session_peer_close(session, opened);
        }
        session->joining = false;
        if (join->made) {
            (void)session_move(session, VR_SESSION_EV_REFUSED);
            session_over(session, "refused", false);
        } else {
            session_flush_held(session, true);
            session_look(session);
        }
    }
    join->joined(join->ctx, &result);
    op_done(&join->op);
}

/** The room has let the person in, but the rest failed: take it back there too. */
static void undo_room(struct join *join)
{
    struct session *session = op_session(&join->op);

    if (session == NULL || !join->made || session->moving || join->moves) {
        return; /* resumed in place: session_look tells the room when nothing is left */
    }
    session_tell_room(session, join->way == WAY_JOIN ? VR_CMD_LEAVE : VR_CMD_LOST,
                      join->way == WAY_JOIN);
}

static void finish(struct join *join)
{
    struct session *session = op_session(&join->op);
    char token[VR_RESUME_TEXT] = "";
    struct vr_join_result result = {.err = VR_OK, .resume_token = token, .sdp = join->sdp};
    struct join_answer parts = {.room = join->room, .sdp = join->sdp, .resume_token = token};

    result.session = session->id;
    result.answer = join->room;
    if (join->way != WAY_RESTART) {
        if (session_resume_token(session, token) == VR_OK && !join->whip) {
            result.json = session_answer_json(session, &parts);
        }
        if (token[0] == '\0' || (!join->whip && result.json == NULL)) {
            undo_room(join);
            join_fail(join, VR_E_NO_MEMORY, NULL);
            return;
        }
        (void)session_move(session, session->state == VR_SESSION_JOINING ? VR_SESSION_EV_JOINED
                                                                         : VR_SESSION_EV_BACK);
    }
    session->joining = false;
    join->joined(join->ctx, &result);
    vr_blob_release(result.json);
    session = op_session(&join->op); /* `joined` may have ended it */
    if (session != NULL) {
        session_flush_held(session, true);
        session_look(session);
    }
    op_done(&join->op);
}

static void on_peer_opened(void *ctx, enum vr_err err, struct vr_msg *answer)
{
    struct join *join = ctx;
    struct session *session = op_session(&join->op);

    if (session == NULL) {
        join_fail(join, VR_E_GONE, "the session ended while it was joining");
        return;
    }
    if (err == VR_OK && answer->kind == VR_MSG_PEER_OPENED) {
        err = answer->as.peer_opened.err;
    } else if (err == VR_OK) {
        err = VR_E_INTERNAL;
    }
    if (err != VR_OK) {
        undo_room(join);
        join_fail(join, err, err == VR_E_BUSY ? "this node has no place for another peer" : NULL);
        return;
    }
    finish(join);
}

void join_open_peer(struct join *join, struct session *session)
{
    struct vr_msg msg = {.kind = VR_MSG_PEER_OPEN,
                         .to = vr_shard_address(session->room, join->shard)};
    struct session_peer *place = session_peer_place(session);

    join->conf.participant = session->who.participant;
    join->conf.generation = session->who.generation;
    join->conf.user_hint = session->user_hint;
    join->conf.token_ref = session->token_ref;
    *place = (struct session_peer){.id = join->conf.peer,
                                   .shard = join->shard,
                                   .state = VR_PEER_NEW,
                                   .opened = vr_worker_now(session->worker)};
    msg.as.peer = malloc(sizeof(*msg.as.peer));
    if (msg.as.peer == NULL) {
        undo_room(join);
        join_fail(join, VR_E_NO_MEMORY, NULL);
        return;
    }
    *msg.as.peer = join->conf;
    session->media = join->conf;
    vr_ask(session->worker, &msg, PEER_TIMEOUT, on_peer_opened, join);
}

/** A snapshot does not name the asker's role; the list in it does. */
static enum vr_role role_in(struct vr_bytes snapshot, vr_participant_id who, enum vr_role role)
{
    json_t *root = json_loadb((const char *)snapshot.data, snapshot.size, 0, NULL);
    json_t *person = NULL;
    size_t i = 0;

    json_array_foreach(json_object_get(root, "participants"), i, person)
    {
        if (json_integer_value(json_object_get(person, "participant")) == (json_int_t)who) {
            const char *word = json_string_value(json_object_get(person, "role"));

            (void)vr_role_parse(word == NULL ? "" : word, &role);
        }
    }
    json_decref(root);
    return role;
}

/** What the room said about the person is now the session's. */
static void take_place(struct session *session, const struct vr_answer *answer)
{
    if (answer->participant != 0) {
        session->who.participant = answer->participant;
        session->who.generation = answer->generation;
        session->role = answer->role;
    }
    if (answer->participant == 0 && answer->body != NULL) {
        session->role =
            role_in(vr_blob_bytes(answer->body), session->who.participant, session->role);
    }
    session->epoch = answer->epoch;
    session->sequence = answer->sequence;
}

static void on_room(void *ctx, enum vr_err err, struct vr_msg *answer)
{
    struct join *join = ctx;
    struct session *session = op_session(&join->op);

    if (session == NULL) {
        join_fail(join, VR_E_GONE, "the session ended while it was joining");
        return;
    }
    if (err == VR_OK && answer->kind == VR_MSG_ANSWER && join->moves &&
        answer->as.answer->err != VR_OK && vr_err_status(answer->as.answer->err) != 503) {
        join->stays = true; /* lost, or over its grace time: there is nothing to be left behind */
        join_ask_room(join, session);
        return;
    }
    if (err != VR_OK || answer->kind != VR_MSG_ANSWER) {
        if (err == VR_E_TIMEOUT) {
            undo_room(join); /* it may have let the person in all the same */
        }
        join_fail(join, err == VR_OK ? VR_E_INTERNAL : err, NULL);
        return;
    }
    join->room = answer->as.answer;
    answer->as.answer = NULL;
    if (join->room->err != VR_OK) {
        join_fail(join, join->room->err, NULL);
        return;
    }
    session_door_answered(session->worker, vr_worker_now(session->worker) - join->asked);
    take_place(session, join->room);
    if (join->moves) {
        session->who.generation++; /* what taking the place will make it */
        session->moving = true;
    }
    if (join->offer) {
        session->shard = join->shard;
        join_open_peer(join, session);
    } else {
        finish(join);
    }
}

void join_ask_room(struct join *join, struct session *session)
{
    /* A running session whose socket alone comes back has not left its place: it needs the state
     * only. */
    bool only_look = join->way == WAY_RESUME && !join->offer && session->state == VR_SESSION_LIVE;
    /* In a cluster the session may run on another node: it plays until the new peer is up. */
    bool moves = join->way == WAY_RESUME && join->offer && join->made && !join->stays &&
                 session->env->session_services->node != 0;
    enum vr_command_kind kind = join->way == WAY_JOIN ? VR_CMD_JOIN
                                : only_look || moves  ? VR_CMD_SNAPSHOT
                                                      : VR_CMD_RESUME;
    struct vr_command *command = session_command(session, kind, join->request_id);

    if (command == NULL) {
        join_fail(join, VR_E_NO_MEMORY, NULL);
        return;
    }
    join->moves = moves;
    command->flag = moves;
    if (kind == VR_CMD_RESUME || moves) {
        command->by.generation = join->generation;
    }
    if (join->offer) { /* without one the media stays where it is */
        command->shard = vr_shard_address(session->room, join->shard);
    }
    snprintf(command->passcode, sizeof(command->passcode), "%s", join->passcode);
    command->trace = join->trace;
    join->asked = vr_worker_now(session->worker);
    session_register(session, true); /* before the room knows it: no event is missed */
    session_ask_room(session, command, ROOM_TIMEOUT, on_room, join);
}
