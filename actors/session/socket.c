/* socket.c - what goes to the client: events in order, refusals, the end. */
#include "actors/session/session_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "actors/base/owner.h"
#include "actors/wire/resume.h"

struct held_event {
    struct vr_list link;
    struct vr_msg msg; /* holds one reference of the text */
};

void session_send(struct session *session, struct vr_blob *text)
{
    if (session->socket == NULL) {
        return;
    }
    /* A full queue: the socket closes by itself (4008) and tells vr_session_detached. */
    (void)session->ops->send(session->socket, text);
}

void session_close_socket(struct session *session, uint16_t code, const char *reason)
{
    void *socket = session->socket;

    if (socket != NULL) {
        session->socket = NULL;
        session->ops->close(socket, code, reason);
    }
}

/** Events that repeat the current sequence instead of raising it (docs/protocol.md, the ones marked
 * *). */
static bool is_passing(const struct vr_blob *json)
{
    static const char *const types[] = {
        "room:digest",          "room:hand-position", "room:unmute-asked", "room:kicked",
        "room:banned",          "room:reaction",      "room:chat",         "room:chat-deleted",
        "room:active-speakers", "session:replaced",   "room:error",        "room:audience"};
    static const char head[] = "{\"type\":\"";
    const char *text = vr_blob_text(json);
    size_t size = 0;

    if (strncmp(text, head, sizeof(head) - 1) != 0) {
        return true; /* cannot tell: a doubled event does less harm than a missing one */
    }
    text += sizeof(head) - 1;
    size = strcspn(text, "\"");
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strlen(types[i]) == size && strncmp(types[i], text, size) == 0) {
            return true;
        }
    }
    return false;
}

/** What a copy without an owner did: it has no place in the order. */
static bool is_provisional(const struct vr_msg *msg)
{
    return msg->as.event.sequence == 0;
}

/** The snapshot that the client got may hold this change already. */
static bool is_news(const struct session *session, const struct vr_msg *msg)
{
    if (is_provisional(msg) || msg->as.event.sequence > session->sequence ||
        msg->epoch > session->epoch) {
        return true;
    }
    return msg->as.event.only != 0 || msg->as.event.last || is_passing(msg->as.event.json);
}

static void deliver(struct session *session, const struct vr_msg *msg)
{
    if (!is_news(session, msg)) {
        return;
    }
    if (is_provisional(msg)) {
        session_send(session, msg->as.event.json);
        return;
    }
    if (msg->epoch > session->epoch) {
        session->epoch = msg->epoch;
        session->sequence = msg->as.event.sequence;
    } else if (msg->as.event.sequence > session->sequence) {
        session->sequence = msg->as.event.sequence;
    }
    session_send(session, msg->as.event.json);
}

static void hold(struct session *session, const struct vr_msg *msg)
{
    struct held_event *held = NULL;

    if (session->held_count == HELD_MAX) {
        return; /* the client sees the gap and asks for a snapshot */
    }
    held = calloc(1, sizeof(*held));
    if (held == NULL) {
        return;
    }
    held->msg = *msg;
    held->msg.as.event.json = vr_blob_retain(msg->as.event.json);
    vr_list_push(&session->held, &held->link);
    session->held_count++;
}

void session_flush_held(struct session *session, bool now)
{
    VR_LIST_EACH(item, &session->held)
    {
        struct held_event *held = VR_OWNER(item, struct held_event, link);

        vr_list_remove(&held->link);
        if (now) {
            deliver(session, &held->msg);
        }
        vr_blob_release(held->msg.as.event.json);
        free(held);
    }
    session->held_count = 0;
}

void session_event(struct session *session, const struct vr_msg *msg)
{
    if (msg->epoch < session->epoch) {
        return; /* an owner who has been replaced and does not know it */
    }
    if (msg->as.event.last) {
        session_flush_held(session, true);
        session_send(session, msg->as.event.json);
        if (session_move(session, VR_SESSION_EV_OVER)) {
            session_over(session, "session over", msg->as.event.media_goes_on);
        }
        return;
    }
    if (session->joining) {
        hold(session, msg);
        return;
    }
    deliver(session, msg);
}

void session_media_lost(struct session *session)
{
    char room[VR_ID_TEXT];
    struct vr_buf text = {0};
    struct vr_blob *blob = NULL;

    if (session->media_lost_told || session->socket == NULL) {
        return;
    }
    vr_buf_printf(
        &text,
        "{\"type\":\"room:error\",\"code\":\"media-lost\",\"detail\":\"the media connection "
        "is lost: send room:webrtc:offer\",\"retry_after_ms\":0,\"room\":\"%s\","
        "\"epoch\":%llu,\"sequence\":%llu}",
        vr_id_format(session->room, room), (unsigned long long)session->epoch,
        (unsigned long long)session->sequence);
    blob = text.failed ? NULL : vr_blob_new(vr_buf_bytes(&text));
    vr_buf_deinit(&text);
    if (blob != NULL) {
        session->media_lost_told = true;
        session_send(session, blob);
        vr_blob_release(blob);
    }
}

enum vr_err vr_session_attach(struct vr_worker *worker, struct vr_id id, const char *resume_token,
                              const struct vr_socket_ops *ops, void *socket)
{
    struct session *session = session_find(worker, id);
    struct vr_resume token;
    const struct vr_clock *clock = vr_system_clock(vr_worker_system(worker));

    if (session == NULL) {
        return VR_E_GONE;
    }
    if (vr_resume_read(resume_token, session->env->resume_key, clock->wall(clock->ctx) / 1000000,
                       &token) != VR_OK ||
        !vr_id_equal(token.session, id) || token.generation != session->who.generation) {
        return VR_E_UNAUTHORIZED;
    }
    session_close_socket(session, 4000, "replaced by a newer socket");
    session->ops = ops;
    session->socket = socket;
    session->media_lost_told = false;
    session->rate_count = 0;
    session_flush_held(session, true);
    session_look(session);
    return VR_OK;
}

void vr_session_detached(struct vr_worker *worker, struct vr_id id, void *socket)
{
    struct session *session = session_find(worker, id);

    if (session == NULL || session->socket != socket) {
        return;
    }
    session->socket = NULL;
    session_look(session);
}
