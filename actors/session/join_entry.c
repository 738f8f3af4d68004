/* join_entry.c - what is judged before a join starts: the request, the resume token, whose session
 * it is. */
#include "actors/session/join.h"

#include <stdio.h>
#include <stdlib.h>

#include "actors/wire/resume.h"

/** Refused before there is a session. */
static void refuse(vr_joined_fn joined, void *ctx, enum vr_err err, const struct vr_why *why)
{
    struct vr_answer answer = {.err = err};
    struct vr_join_result result = {.err = err, .answer = &answer, .resume_token = ""};

    snprintf(answer.why, sizeof(answer.why), "%s",
             why != NULL && why->text[0] != '\0' ? why->text : vr_err_text(err));
    joined(ctx, &result);
}

/** More come in than there is room for just now. */
static void put_off(vr_joined_fn joined, void *ctx, uint32_t wait_ms)
{
    struct vr_answer answer = {.err = VR_E_BUSY, .retry_after_ms = wait_ms};
    struct vr_join_result result = {.err = VR_E_BUSY, .answer = &answer, .resume_token = ""};

    snprintf(answer.why, sizeof(answer.why), "many come in at once: ask again later");
    joined(ctx, &result);
}

/** Who comes back, and into which session: the running one, or a new one in its place. */
static enum vr_err find_resumed(struct vr_worker *worker, const struct vr_join_request *request,
                                struct vr_resume *token, struct session **out, struct vr_why *why)
{
    const struct vr_env *env = session_env(worker);
    const struct vr_session_services *services = env->session_services;
    const struct vr_clock *clock = vr_system_clock(vr_worker_system(worker));
    enum vr_err err = vr_resume_read(request->msg == NULL ? "" : request->msg->resume_token,
                                     env->resume_key, clock->wall(clock->ctx) / 1000000, token);
    bool named = request->identity.user[0] != '\0';

    if (err != VR_OK) {
        return vr_fail(why, VR_E_UNAUTHORIZED, "the resume token is not valid");
    }
    if (!vr_id_equal(token->room, request->room)) {
        return vr_fail(why, VR_E_UNAUTHORIZED, "the resume token is for another room");
    }
    if (named && !vr_id_equal(token->user_ref_hint, vr_resume_user_hint(request->identity.user))) {
        return vr_fail(why, VR_E_UNAUTHORIZED, "the resume token is somebody else's");
    }
    /* An access token was judged by the edge; without one, what he once came with must still be
     * good. */
    if (!named && !vr_id_is_zero(token->token_ref) && services->withdrawn != NULL &&
        services->withdrawn(services->ctx, token->token_ref)) {
        return vr_fail(why, VR_E_UNAUTHORIZED, "the token behind this place was withdrawn");
    }
    *out = session_find(worker, token->session);
    if (*out == NULL) {
        return VR_OK;
    }
    if ((*out)->joining) {
        *out = NULL;
        return vr_fail(why, VR_E_IN_PROGRESS, "another join of this session is under way");
    }
    if (token->generation + 1 < (*out)->who.generation) {
        *out = NULL;
        return vr_fail(why, VR_E_GONE, "a newer resume token has been used");
    }
    return VR_OK;
}

/** Banned from the whole deployment? An administrator is not judged by where he is. */
static enum vr_err judge_ban(const struct vr_session_services *services,
                             const struct vr_join_request *request, const struct vr_resume *token,
                             const struct session *running, struct vr_why *why)
{
    bool admin = request->identity.admin || (running != NULL && running->who.admin);
    bool named = request->identity.user[0] != '\0';
    struct vr_id hint = named ? vr_resume_user_hint(request->identity.user) : token->user_ref_hint;

    if (services->banned == NULL ||
        !services->banned(services->ctx, hint, admin ? "" : request->identity.address, why)) {
        return VR_OK;
    }
    return VR_E_BANNED;
}

static void take_identity(struct session *session, const struct vr_join_request *request,
                          const struct vr_resume *token)
{
    session->room = request->room;
    session->who = request->identity;
    session->who.participant = token->participant;
    session->who.generation = token->generation;
    session->role = token->role;
    session->user_hint = token->participant != 0 ? token->user_ref_hint
                                                 : vr_resume_user_hint(request->identity.user);
}

/** A session that outlived its process gets back what its person's access token grants. */
static void know_again(struct session *session, const struct vr_actor_identity *who)
{
    vr_participant_id participant = session->who.participant;
    uint32_t generation = session->who.generation;

    if (session->restored && session->who.address[0] == '\0') {
        memcpy(session->who.address, who->address, sizeof(who->address));
    }
    if (!session->restored || who->user[0] == '\0') {
        return;
    }
    session->restored = false;
    session->who = *who;
    session->who.participant = participant;
    session->who.generation = generation;
    session->user_hint = vr_resume_user_hint(who->user);
}

static struct vr_bytes offer_of(const struct vr_join_request *request)
{
    if (request->msg != NULL && request->msg->sdp != NULL) {
        return vr_blob_bytes(request->msg->sdp);
    }
    return request->sdp;
}

static enum vr_err judge(struct vr_worker *worker, const struct vr_join_request *request,
                         struct vr_resume *token, struct session **found, struct vr_why *why)
{
    const struct vr_session_services *services = session_env(worker)->session_services;
    enum vr_err err = VR_OK;
    bool offer = offer_of(request).size != 0;

    if (request->msg != NULL && request->msg->protocol > 1) {
        return vr_fail(why, VR_E_UNPROCESSABLE, "protocol: this server speaks 1");
    }
    if (!request->resume) {
        err = judge_ban(services, request, token, NULL, why);
        return err != VR_OK || offer
                   ? err
                   : vr_fail(why, VR_E_UNPROCESSABLE, "sdp: an offer is needed to join");
    }
    err = find_resumed(worker, request, token, found, why);
    if (err == VR_OK) {
        err = judge_ban(services, request, token, *found, why);
    }
    if (err == VR_OK && *found == NULL && !offer) {
        return vr_fail(why, VR_E_GONE, "the session does not run any more: resume with an offer");
    }
    return err;
}

/** What costs a handshake may have to wait; a socket alone that comes back costs little. */
static uint32_t ask_door(struct vr_worker *worker, const struct vr_join_request *request,
                         const struct vr_resume *token)
{
    bool named = request->identity.user[0] != '\0';

    if (offer_of(request).size == 0) {
        return 0;
    }
    return session_door_ask(
        worker, request->resume,
        named ? vr_resume_user_hint(request->identity.user) : token->user_ref_hint, request->room);
}

/** Everything is judged; a join with what belongs to it starts. */
static void start_join(struct join *join, struct session *session,
                       const struct vr_join_request *request)
{
    const struct vr_session_services *services = session->env->session_services;
    struct vr_bytes offer = offer_of(request);
    struct vr_why why = {0};
    enum vr_err err = VR_OK;

    session->joining = true;
    join->shard = services->place(services->ctx, session->room);
    op_start(&join->op, session, join_free);
    if (offer.size != 0) {
        err = join_prepare_peer(join, session, offer, request->msg, &why);
    }
    if (err != VR_OK) {
        join_fail(join, err, why.text[0] == '\0' ? NULL : why.text);
        return;
    }
    join_ask_room(join, session);
}

void vr_session_join(struct vr_worker *worker, const struct vr_join_request *request,
                     vr_joined_fn joined, void *ctx)
{
    struct vr_why why = {0};
    struct vr_resume token = {0};
    struct session *session = NULL;
    struct join *join = NULL;
    struct vr_actor_identity who = request->identity;
    uint32_t wait_ms = 0;
    enum vr_err err = judge(worker, request, &token, &session, &why);

    if (err == VR_OK) {
        err = session_screen_name(session_env(worker)->session_services, &who, &why);
    }
    if (err != VR_OK) {
        refuse(joined, ctx, err, &why);
        return;
    }
    wait_ms = ask_door(worker, request, &token);
    if (wait_ms > 0) {
        put_off(joined, ctx, wait_ms);
        return;
    }
    join = calloc(1, sizeof(*join));
    if (join == NULL) {
        refuse(joined, ctx, VR_E_NO_MEMORY, NULL);
        return;
    }
    join->made = session == NULL;
    if (join->made) {
        session = session_new(worker);
        if (session == NULL) {
            free(join);
            refuse(joined, ctx, VR_E_NO_MEMORY, NULL);
            return;
        }
        take_identity(session, request, &token);
        memcpy(session->who.name, who.name, sizeof(who.name));
    } else {
        know_again(session, &who);
    }
    /* The place stands on the newest access token that its person showed. */
    session->token_ref = request->identity.user[0] == '\0' ? token.token_ref : request->token_ref;
    join->way = request->resume ? WAY_RESUME : WAY_JOIN;
    join->whip = request->whip;
    join->joined = joined;
    join->ctx = ctx;
    join->generation = token.generation;
    join->trace = request->trace;
    snprintf(join->request_id, sizeof(join->request_id), "%s",
             request->request_id == NULL ? "" : request->request_id);
    if (request->msg != NULL && request->msg->command != NULL) {
        snprintf(join->passcode, sizeof(join->passcode), "%s", request->msg->command->passcode);
    }
    start_join(join, session, request);
}

/** The peer that the client still has, so that its DTLS association goes on. */
static const struct session_peer *running_peer(const struct session *session)
{
    const struct session_peer *found = NULL;

    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        const struct session_peer *peer = &session->peers[i];

        if (!vr_id_is_zero(peer->id) && peer->state != VR_PEER_NEW &&
            (found == NULL || peer->opened > found->opened)) {
            found = peer;
        }
    }
    return found;
}

void vr_session_restart_ice(struct vr_worker *worker, struct vr_id id, const char *user,
                            struct vr_bytes sdp, vr_joined_fn joined, void *ctx)
{
    struct session *session = session_find(worker, id);
    const struct session_peer *running = NULL;
    struct join *join = NULL;
    struct vr_why why = {0};
    enum vr_err err = VR_OK;

    if (session == NULL && user != NULL && session_is_remote(worker, id)) {
        session_remote_restart(worker, id, user, sdp, joined, ctx);
        return;
    }
    if (session == NULL ||
        (user != NULL && !vr_id_equal(session->user_hint, vr_resume_user_hint(user)))) {
        refuse(joined, ctx, VR_E_NOT_FOUND, NULL);
        return;
    }
    if (session->joining || session->state != VR_SESSION_LIVE) {
        refuse(joined, ctx, VR_E_CONFLICT, NULL);
        return;
    }
    join = calloc(1, sizeof(*join));
    if (join == NULL) {
        refuse(joined, ctx, VR_E_NO_MEMORY, NULL);
        return;
    }
    running = running_peer(session);
    join->way = WAY_RESTART;
    join->joined = joined;
    join->ctx = ctx;
    join->shard = session->shard; /* the room is not asked, so it must be where the room knows it */
    join->conf.restarts = running == NULL ? (struct vr_id){0} : running->id;
    session->joining = true;
    op_start(&join->op, session, join_free);
    err = join_prepare_peer(join, session, sdp, NULL, &why);
    if (err != VR_OK) {
        join_fail(join, err, why.text[0] == '\0' ? NULL : why.text);
        return;
    }
    join_open_peer(join, session);
}
