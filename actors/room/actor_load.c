/* actor_load.c - the room from the store: when it wakes, and after a commit that failed. */
#include <stdlib.h>

#include "actors/base/log.h"
#include "actors/room/actor_state.h"

#define PONG_WAIT VR_SECONDS(2)

static struct vr_records *records_of(const struct room_actor *self)
{
    return vr_system_records(vr_actor_system(self->actor));
}

static void log_room(const struct room_actor *self, enum vr_log_level level, const char *msg,
                     const char *why)
{
    char id[VR_ID_TEXT];

    vr_log(level, msg, VR_S("room", vr_id_format(vr_room_id(self->room), id)), VR_S("why", why),
           VR_U("epoch", vr_room_epoch(self->room)));
}

/* Ownership: a new epoch, and the revision that the next commit follows. */
enum vr_err actor_take(struct room_actor *self, struct vr_why *why)
{
    struct vr_id id = vr_room_id(self->room);
    uint64_t stored_epoch = 0;
    uint64_t epoch = vr_room_epoch(self->room);
    enum vr_err err;

    if (epoch == 0) {
        err = self->services->take(self->services->ctx, id, &epoch);
        if (err != VR_OK) {
            return vr_fail(why, err, "the room could not be taken: %s", vr_err_text(err));
        }
        vr_room_set_epoch(self->room, epoch);
    }
    err = vr_records_head(records_of(self), id, &stored_epoch, &self->head);
    if (err != VR_OK) {
        return vr_fail(why, err, "the head of the room cannot be read: %s", vr_err_text(err));
    }
    self->head_epoch = stored_epoch;
    if (stored_epoch > epoch) {
        return vr_fail(why, VR_E_FENCED, "a newer owner has written already");
    }
    return VR_OK;
}

/* Load into a fresh room; one that is not stored stays fresh. */
static enum vr_err read_room(struct room_actor *self, uint64_t epoch, struct vr_room **out,
                             struct vr_why *why)
{
    struct vr_room *room = actor_fresh_room(self, epoch);
    enum vr_err err;

    *out = room;
    if (room == NULL) {
        return vr_fail(why, VR_E_NO_MEMORY, "no memory for a room");
    }
    err = vr_room_load(records_of(self), &self->vault, room, actor_instant(self), why);
    return err == VR_E_NOT_FOUND ? VR_OK : err;
}

/* He is told as the store has him. */
static bool tell_as_stored(struct room_actor *self, const struct vr_person_view *view)
{
    struct vr_effect subscribe = {.kind = VR_EFFECT_SUBSCRIBE};

    subscribe.as.subscriber.participant = view->participant;
    subscribe.as.subscriber.generation = view->generation;
    if (!view->was_lost) {
        subscribe.as.subscriber.session = view->session;
    }
    subscribe.as.subscriber.shard = view->shard;
    return told_apply(self, &subscribe);
}

/* People as they were when the last owner stopped: gates are sent anew, sessions hear from us. */
static enum vr_err remember_people(struct room_actor *self)
{
    struct vr_room *room = self->room;

    for (vr_participant_id id = vr_room_next(room, 0); id != 0; id = vr_room_next(room, id)) {
        struct vr_person_view view;

        if (vr_room_person(room, id, &view) && !tell_as_stored(self, &view)) {
            return VR_E_NO_MEMORY;
        }
    }
    return VR_OK;
}

/* Whose session runs beside us was never away: no event, no commit, and the state is the one that
 * clients had when we ended. */
static void attach_living(struct room_actor *self)
{
    const struct vr_room_services *services = self->services;

    for (uint32_t i = 0; services->lives != NULL && i < self->people_count; i++) {
        const struct told_person *told = &self->people[i];

        if (told->session.kind == VR_ACTOR_SESSION && !is_far(self, told->session) &&
            services->lives(services->ctx, vr_actor_worker(self->actor), told->session,
                            told->participant, told->generation)) {
            (void)vr_room_attach(self->room, told->participant, told->generation);
        }
    }
}

static enum vr_err publish_state(struct room_actor *self)
{
    struct vr_buf text = {0};
    struct vr_blob *json;

    vr_room_state_json(self->room, &text);
    json = text.failed ? NULL : vr_blob_new(vr_buf_bytes(&text));
    vr_buf_deinit(&text);
    if (json == NULL) {
        return VR_E_NO_MEMORY;
    }
    self->sequence_told = vr_room_sequence(self->room);
    told_to_all(self, json);
    vr_blob_release(json);
    return VR_OK;
}

enum vr_err actor_load(struct room_actor *self, struct vr_why *why)
{
    enum vr_err err = read_room(self, 0, &self->room, why);

    if (err != VR_OK || !vr_room_exists(self->room)) {
        return err;
    }
    err = actor_take(self, why);
    if (err == VR_E_FROZEN || err == VR_E_FENCED || err == VR_E_CONFLICT) {
        actor_disown(self,
                     VR_E_FROZEN); /* not ours to decide now: who asks is told to come again */
        return VR_OK;
    }
    if (err == VR_OK && !actor_owns(self)) {
        return VR_OK;
    }
    if (err == VR_OK) {
        err = remember_people(self);
    }
    if (err != VR_OK) {
        return err;
    }
    self->sequence_told = vr_room_sequence(self->room);
    self->summary_due = vr_actor_now(self->actor);
    log_room(self, VR_LOG_INFO, "room opened", NULL);
    attach_living(self);
    if (self->people_count > 0) { /* sessions that outlived us learn that they did */
        shards_update(self);
        gates_again(self);
        err = publish_state(self);
    }
    return err;
}

static void forget_gone(struct room_actor *self)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < self->people_count; i++) {
        struct vr_person_view view;

        if (vr_room_person(self->room, self->people[i].participant, &view) && view.present) {
            self->people[kept++] = self->people[i];
        }
    }
    self->people_count = kept;
    self->nodes_old = true;
}

/* Whoever was told to be there is there still: the last steps did not happen. Or they did, and
 * nobody was told: a commit of this actor's former life, or one that failed only elsewhere. Then
 * the session that the store names is the one to hear of the room, if it lives. */
static enum vr_err catch_up(struct room_actor *self)
{
    struct vr_room *room = self->room;

    forget_gone(self);
    for (vr_participant_id id = vr_room_next(room, 0); id != 0; id = vr_room_next(room, id)) {
        struct told_person *told = told_find(self, id);
        struct vr_person_view view;

        if (!vr_room_person(room, id, &view) || !view.present) {
            continue;
        }
        if (told == NULL || told->generation < view.generation) {
            if (!tell_as_stored(self, &view)) {
                return VR_E_NO_MEMORY;
            }
        } else if (view.was_lost) {
            told->session = (struct vr_address){0};
        } else if (told->session.kind == VR_ACTOR_SESSION) {
            (void)vr_room_attach(room, id, told->generation);
        }
    }
    return VR_OK;
}

enum vr_err actor_read(struct room_actor *self, struct vr_why *why)
{
    struct vr_room *old = self->room;
    enum vr_err err = read_room(self, vr_room_epoch(old), &self->room, why);

    if (self->room == NULL) {
        self->room = old;
    } else {
        vr_room_free(old);
    }
    return err;
}

enum vr_err actor_reload(struct room_actor *self)
{
    struct vr_why why = {0};
    enum vr_err err = actor_read(self, &why);

    if (err != VR_OK) {
        return err;
    }
    err = vr_room_exists(self->room) ? actor_take(self, &why) : VR_OK;
    if (err == VR_E_FENCED || err == VR_E_FROZEN) {
        actor_disown(self, err);
        return VR_OK;
    }
    if (err != VR_OK) {
        return err;
    }
    log_room(self, VR_LOG_WARN, "room loaded anew after a commit failed",
             vr_err_code(self->failed));
    self->failed = VR_OK;
    self->retry_at = vr_actor_now(self->actor) + RETRY_AFTER_FAILURE;
    err = catch_up(self);
    if (err != VR_OK || !vr_room_exists(self->room)) {
        return err;
    }
    shards_update(self);
    gates_again(self);
    actor_ping_sessions(self); /* of those whom nobody was told of */
    return publish_state(self);
}

static enum vr_err on_pong(struct vr_actor *actor, void *state, uint64_t tag, enum vr_err err,
                           struct vr_msg *answer, struct vr_why *why)
{
    struct room_actor *self = state;
    struct vr_effects effects = {0};
    vr_participant_id participant = (vr_participant_id)(tag >> 32);

    (void)actor;
    (void)why;
    if (self->failed != VR_OK) {
        return VR_OK;
    }
    if (err != VR_OK || answer->kind != VR_MSG_PONG) {
        struct told_person *told = told_find(self, participant);
        struct vr_person_view view;

        if (told != NULL && told->generation == (uint32_t)tag &&
            vr_room_person(self->room, participant, &view) && view.reconnecting) {
            told->session = (struct vr_address){0}; /* the grace time decides */
        }
        return VR_OK;
    }
    vr_room_session_lives(self->room, participant, (uint32_t)tag, actor_instant(self), &effects);
    err = steps_begin(self, NULL, NULL, &effects, 0);
    actor_arm(self);
    return err;
}

/* A new owner on the same node: sessions may have outlived the old one without a word. Those that
 * answer were never away. */
void actor_ping_sessions(struct room_actor *self)
{
    for (uint32_t i = 0; i < self->people_count; i++) {
        const struct told_person *told = &self->people[i];
        struct vr_msg ping = {.kind = VR_MSG_PING, .to = told->session};
        struct vr_person_view view;

        if (vr_room_person(self->room, told->participant, &view) && !view.reconnecting) {
            continue; /* known to live */
        }
        if (told->session.kind == VR_ACTOR_SESSION && !vr_id_is_zero(told->session.id)) {
            vr_actor_ask(self->actor, &ping, PONG_WAIT, on_pong,
                         (uint64_t)told->participant << 32 | told->generation);
        }
    }
}
