/* join.c - the way into a room: offer read, place chosen, room asked, peer posted to its shard,
 * answer given.
 *
 * The peer is at its shard before the answer leaves, or the first STUN check is lost. Each step
 * that fails undoes those before it. A resume in place and an ICE restart go the same way with
 * fewer steps. */
#include "actors/session/session_internal.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/wire/resume.h"
#include "actors/wire/sdp.h"

enum way { WAY_JOIN, WAY_RESUME, WAY_RESTART };

struct join {
    struct op op; /* first */
    enum way way;
    bool whip;
    bool made;  /* the session was made for this: it goes when this fails */
    bool offer; /* there is a new peer */
    vr_joined_fn joined;
    void *ctx;
    uint32_t generation; /* as the resume token has it */
    uint32_t shard;
    struct vr_peer_conf conf;
    struct vr_blob *sdp;
    struct vr_answer *room;
    char request_id[VR_REQUEST_ID_MAX + 1];
    char passcode[65];
};

static void free_join(struct op *op)
{
    struct join *join = (struct join *)op;

    vr_blob_release(join->sdp);
    vr_answer_free(join->room);
    free(join);
}

/** Refused before there is a session. */
static void refuse(vr_joined_fn joined, void *ctx, enum vr_err err, const struct vr_why *why)
{
    struct vr_answer answer = {.err = err};
    struct vr_join_result result = {.err = err, .answer = &answer, .resume_token = ""};

    snprintf(answer.why, sizeof(answer.why), "%s",
             why != NULL && why->text[0] != '\0' ? why->text : vr_err_text(err));
    joined(ctx, &result);
}

/** The end of a join that failed: the session as before, or gone. */
static void fail_join(struct join *join, enum vr_err err, const char *text)
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

    if (session == NULL || !join->made) {
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
            fail_join(join, VR_E_NO_MEMORY, NULL);
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
        fail_join(join, VR_E_GONE, "the session ended while it was joining");
        return;
    }
    if (err == VR_OK && answer->kind == VR_MSG_PEER_OPENED) {
        err = answer->as.peer_opened.err;
    } else if (err == VR_OK) {
        err = VR_E_INTERNAL;
    }
    if (err != VR_OK) {
        undo_room(join);
        fail_join(join, err, err == VR_E_BUSY ? "this node has no place for another peer" : NULL);
        return;
    }
    finish(join);
}

static void open_peer(struct join *join, struct session *session)
{
    struct vr_msg msg = {.kind = VR_MSG_PEER_OPEN,
                         .to = vr_shard_address(session->room, join->shard)};
    struct session_peer *place = session_peer_place(session);

    join->conf.participant = session->who.participant;
    join->conf.generation = session->who.generation;
    *place = (struct session_peer){.id = join->conf.peer,
                                   .shard = join->shard,
                                   .state = VR_PEER_NEW,
                                   .opened = vr_worker_now(session->worker)};
    msg.as.peer = malloc(sizeof(*msg.as.peer));
    if (msg.as.peer == NULL) {
        undo_room(join);
        fail_join(join, VR_E_NO_MEMORY, NULL);
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
        fail_join(join, VR_E_GONE, "the session ended while it was joining");
        return;
    }
    if (err != VR_OK || answer->kind != VR_MSG_ANSWER) {
        if (err == VR_E_TIMEOUT) {
            undo_room(join); /* it may have let the person in all the same */
        }
        fail_join(join, err == VR_OK ? VR_E_INTERNAL : err, NULL);
        return;
    }
    join->room = answer->as.answer;
    answer->as.answer = NULL;
    if (join->room->err != VR_OK) {
        fail_join(join, join->room->err, NULL);
        return;
    }
    take_place(session, join->room);
    if (join->offer) {
        open_peer(join, session);
    } else {
        finish(join);
    }
}

static void ask_room(struct join *join, struct session *session)
{
    /* A running session whose socket alone comes back has not left its place: it needs the state
     * only. */
    bool only_look = join->way == WAY_RESUME && !join->offer && session->state == VR_SESSION_LIVE;
    enum vr_command_kind kind = join->way == WAY_JOIN ? VR_CMD_JOIN
                                : only_look           ? VR_CMD_SNAPSHOT
                                                      : VR_CMD_RESUME;
    struct vr_msg msg = {.kind = VR_MSG_COMMAND, .to = vr_room_address(session->room)};
    struct vr_command *command = session_command(session, kind, join->request_id);

    if (command == NULL) {
        fail_join(join, VR_E_NO_MEMORY, NULL);
        return;
    }
    if (kind == VR_CMD_RESUME) {
        command->by.generation = join->generation;
    }
    if (join->offer) { /* without one the media stays where it is */
        command->shard = vr_shard_address(session->room, join->shard);
    }
    snprintf(command->passcode, sizeof(command->passcode), "%s", join->passcode);
    msg.as.command = command;
    vr_ask(session->worker, &msg, ROOM_TIMEOUT, on_room, join);
}

/** `size` characters that ICE allows (RFC 8839, 5.4), 6 random bits each. */
static void random_ice_text(const struct vr_random *random, char *out, size_t size)
{
    static const char ice_chars[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t bytes[64];

    vr_assert(size <= sizeof(bytes));
    random->fill(random->ctx, bytes, size);
    for (size_t i = 0; i < size; i++) {
        out[i] = ice_chars[bytes[i] & 63];
    }
    out[size] = '\0';
}

static void fill_local(struct vr_sdp_local *local, const struct vr_env *env,
                       const struct join *join)
{
    const struct vr_media_place *media = NULL;

    local->ufrag = join->conf.ufrag;
    local->pwd = join->conf.pwd;
    local->fingerprint = env->fingerprint;
    local->session_id = join->conf.peer.lo >> 2; /* below 2^62, RFC 9429 5.2.1 */
    local->red = true;
    if (env->media == NULL || env->media_count == 0) {
        return;
    }
    media = &env->media[join->shard % env->media_count];
    for (uint32_t i = 0; i < media->candidate_count && i < VR_CANDIDATES_MAX; i++) {
        local->candidates[i].address = media->candidates[i].address;
        local->candidates[i].port = media->candidates[i].port;
        local->candidate_count = i + 1;
    }
}

/** Read the offer, choose the place, write the answer: all that needs nobody else. */
static enum vr_err prepare_peer(struct join *join, struct session *session, struct vr_bytes text,
                                const struct vr_client_msg *msg, struct vr_why *why)
{
    const struct vr_env *env = session->env;
    const struct vr_random *random = vr_system_random(vr_worker_system(session->worker));
    struct vr_sdp_offer *offer = calloc(1, sizeof(*offer));
    struct vr_sdp_local local = {0};
    struct vr_buf out = {0};
    enum vr_err err = VR_E_NO_MEMORY;

    if (offer == NULL) {
        return err;
    }
    err = vr_sdp_parse_offer(text, offer, why);
    if (err != VR_OK) {
        goto done;
    }
    if (env->slots != 0 && offer->slot_count > env->slots) {
        offer->slot_count = env->slots;
    }
    vr_sdp_to_peer(offer, &join->conf);
    join->conf.peer = vr_random_id(random);
    join->conf.room = session->room;
    join->conf.session = vr_session_address(session->id);
    join->conf.pack60 = msg != NULL && msg->pack60;
    join->conf.red_receive = msg == NULL ? join->conf.red_pt != VR_PT_NONE : msg->red;
    random_ice_text(random, join->conf.ufrag, 8);
    random_ice_text(random, join->conf.pwd, 32);
    fill_local(&local, env, join);
    err = vr_sdp_write_answer(offer, &local, &out);
    if (err == VR_OK && !out.failed) {
        join->sdp = vr_blob_new(vr_buf_bytes(&out));
    }
    if (err == VR_OK && join->sdp == NULL) {
        err = VR_E_NO_MEMORY;
    }
    join->offer = err == VR_OK;
done:
    vr_buf_deinit(&out);
    free(offer);
    return err;
}

/** Who comes back, and into which session: the running one, or a new one in its place. */
static enum vr_err find_resumed(struct vr_worker *worker, const struct vr_join_request *request,
                                struct vr_resume *token, struct session **out, struct vr_why *why)
{
    const struct vr_env *env = session_env(worker);
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
    enum vr_err err = VR_OK;
    bool offer = offer_of(request).size != 0;

    if (request->msg != NULL && request->msg->protocol > 1) {
        return vr_fail(why, VR_E_UNPROCESSABLE, "protocol: this server speaks 1");
    }
    if (!request->resume) {
        return offer ? VR_OK : vr_fail(why, VR_E_UNPROCESSABLE, "sdp: an offer is needed to join");
    }
    err = find_resumed(worker, request, token, found, why);
    if (err == VR_OK && *found == NULL && !offer) {
        return vr_fail(why, VR_E_GONE, "the session does not run any more: resume with an offer");
    }
    return err;
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
    op_start(&join->op, session, free_join);
    if (offer.size != 0) {
        err = prepare_peer(join, session, offer, request->msg, &why);
    }
    if (err != VR_OK) {
        fail_join(join, err, why.text[0] == '\0' ? NULL : why.text);
        return;
    }
    ask_room(join, session);
}

void vr_session_join(struct vr_worker *worker, const struct vr_join_request *request,
                     vr_joined_fn joined, void *ctx)
{
    struct vr_why why = {0};
    struct vr_resume token = {0};
    struct session *session = NULL;
    struct join *join = NULL;
    enum vr_err err = judge(worker, request, &token, &session, &why);

    if (err != VR_OK) {
        refuse(joined, ctx, err, &why);
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
    }
    join->way = request->resume ? WAY_RESUME : WAY_JOIN;
    join->whip = request->whip;
    join->joined = joined;
    join->ctx = ctx;
    join->generation = token.generation;
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
    join->shard = running == NULL ? session->env->session_services->place(
                                        session->env->session_services->ctx, session->room)
                                  : running->shard;
    join->conf.restarts = running == NULL ? (struct vr_id){0} : running->id;
    session->joining = true;
    op_start(&join->op, session, free_join);
    err = prepare_peer(join, session, sdp, NULL, &why);
    if (err != VR_OK) {
        fail_join(join, err, why.text[0] == '\0' ? NULL : why.text);
        return;
    }
    open_peer(join, session);
}
