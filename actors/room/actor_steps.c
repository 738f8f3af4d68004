/* actor_steps.c - the way of a step: close gates, journal, replicate, open gates, answer, publish.
 *
 * Steps wait in one queue in the order in which they were begun, also those that write nothing:
 * what a client sees never overtakes what it follows from. Several commits may be under way; each
 * expects the revision that the one before it makes, so after a failure none of the later ones can
 * land. */
#include <stdio.h>
#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/log.h"
#include "actors/room/actor_state.h"
#include "actors/runtime/stored.h"

void answer_now(struct room_actor *self, const struct vr_msg *asked, struct vr_answer *answer)
{
    struct vr_msg msg = {.kind = VR_MSG_ANSWER, .epoch = vr_room_epoch(self->room)};

    msg.as.answer = answer;
    vr_reply(vr_actor_system(self->actor), asked, &msg);
}

static void step_free(struct room_actor *self, struct begun *step)
{
    vr_list_remove(&step->link);
    self->step_count--;
    vr_answer_free(step->answer);
    vr_command_free(step->mark);
    vr_effects_deinit(&step->effects);
    free(step->span);
    free(step);
}

/* A commit that failed here may have landed at other nodes. Its revision names nothing else in this
 * epoch: the one after a failure leaves a number out, so that copies see a gap, and ask for all. */
static void number(struct room_actor *self, struct vr_commit *commit)
{
    if (self->head < self->head_used) {
        commit->revision = self->head_used + 2;
    }
    self->head = commit->revision != 0 ? commit->revision : self->head + 1;
    self->head_used = self->head;
}

static enum vr_err submit(struct room_actor *self, struct begun *step)
{
    struct vr_stored *stored = vr_stored_new(self->actor, step->ticket);
    struct vr_commit *commit =
        vr_commit_new(vr_room_id(self->room), vr_room_epoch(self->room), self->head);
    enum vr_err err = stored == NULL || commit == NULL ? VR_E_NO_MEMORY : VR_OK;

    if (err == VR_OK) {
        if (step->effects.deleted) {
            vr_room_save_deletion(self->room, commit);
        } else if (step->effects.restored) {
            err = restore_save(self, commit);
        } else {
            err = vr_room_save(self->room, &step->effects, &self->vault, commit);
        }
    }
    if (err != VR_OK) {
        free(stored);
        vr_commit_free(commit);
        return err;
    }
    commit->safety = step->effects.safety;
    if (step->span != NULL) {
        commit->trace = step->span->trace;
    }
    commit->expected_epoch = self->head_epoch;
    self->head_epoch = vr_room_epoch(self->room);
    number(self, commit);
    self->in_flight++;
    vr_records_submit(vr_system_records(vr_actor_system(self->actor)), commit, vr_stored_post,
                      stored);
    return VR_OK;
}

/* Stored includes, in a cluster, the in-sync node's word and the directory's (cluster records). */
static bool ready(const struct begun *step)
{
    return step->gates_waiting == 0 && (!step->commits || step->stored);
}

static void add_audit(struct room_actor *self, struct vr_answer *answer)
{
    struct vr_buf text = {0};
    enum vr_err err =
        vr_room_audit_json(vr_system_records(vr_actor_system(self->actor)), &self->vault,
                           vr_room_id(self->room), vr_room_audits(self->room), &text);

    if (err == VR_OK && !text.failed) {
        answer->body = vr_blob_new(vr_buf_bytes(&text));
    }
    if (answer->body == NULL) {
        answer->err = err == VR_OK ? VR_E_NO_MEMORY : err;
    }
    vr_buf_deinit(&text);
}

/* Where people are, then what they may: the way opens before anybody is told. */
static enum vr_err open_ways(struct room_actor *self, const struct begun *step)
{
    const struct vr_effects *effects = &step->effects;

    for (uint32_t i = 0; i < effects->count; i++) {
        const struct vr_effect *effect = &effects->items[i];

        if (effect->kind == VR_EFFECT_SUBSCRIBE) {
            struct told_person *told = told_find(self, effect->as.subscriber.participant);
            struct vr_effect place = *effect;

            /* Only the place yet: the session hears nothing before its turn in `publish`. */
            place.as.subscriber.session = told == NULL ? (struct vr_address){0} : told->session;
            if (!told_apply(self, &place)) {
                return VR_E_NO_MEMORY;
            }
        }
    }
    if (effects->shards && !effects->over) {
        shards_update(self);
    }
    for (uint32_t i = 0; i < effects->count; i++) {
        if (effects->items[i].kind == VR_EFFECT_GATE && !effects->items[i].as.gate.closes) {
            gate_open(self, &effects->items[i]);
        }
    }
    gates_note_closed(self, step);
    return VR_OK;
}

static enum vr_err publish(struct room_actor *self, const struct vr_effects *effects)
{
    for (uint32_t i = 0; i < effects->count; i++) {
        const struct vr_effect *effect = &effects->items[i];

        if (effect->kind == VR_EFFECT_EVENT) {
            self->sequence_told = effect->as.event.sequence;
            told_event(self, effect);
        } else if (effect->kind != VR_EFFECT_GATE && !told_apply(self, effect)) {
            return VR_E_NO_MEMORY;
        }
    }
    if (effects->shards && !effects->over) {
        shards_update(self); /* who left may have been a shard's last */
    }
    if (effects->over) {
        shards_close(self);
        told_clear(self);
    }
    return VR_OK;
}

/* What the audit log keeps, without the names in it: those stay sealed in the store. */
static void log_audits(const struct room_actor *self, const struct vr_effects *effects)
{
    char room[VR_ID_TEXT];

    for (uint32_t i = 0; i < effects->audit_count; i++) {
        const struct vr_audit *audit = &effects->audits[i];

        vr_log(VR_LOG_INFO, "act", VR_S("act", audit->act),
               VR_S("room", vr_id_format(vr_room_id(self->room), room)),
               VR_S("request_id", audit->request_id), VR_U("sequence", audit->sequence));
    }
}

static enum vr_err complete(struct room_actor *self, struct begun *step)
{
    enum vr_err err = open_ways(self, step);

    if (err != VR_OK) {
        return err;
    }
    if (step->answer != NULL) {
        if (step->effects.show_audit) {
            add_audit(self, step->answer);
        }
        if (step->gates_silent > 0) {
            snprintf(step->answer->why, sizeof(step->answer->why),
                     "%u shards have not confirmed yet; they close on first contact",
                     step->gates_silent);
        }
        trace_end(self, &step->span, step->answer->err);
        answer_now(self, &step->asked, step->answer);
        step->answer = NULL;
    }
    log_audits(self, &step->effects);
    err = publish(self, &step->effects);
    /* Not later than this, though a change of who speaks may wait longer. */
    if (step->effects.summary && self->summary_due > self->summary_at + SUMMARY_GAP) {
        self->summary_due = self->summary_at + SUMMARY_GAP;
    }
    if (step->effects.over || step->effects.deleted) {
        summary_gone(self);
    }
    return err;
}

void actor_disown(struct room_actor *self, enum vr_err err)
{
    if (!self->disowned) {
        self->disowned = true;
        steps_free(self, err);
    }
}

bool actor_owns(struct room_actor *self)
{
    const struct vr_room_services *services = self->services;
    uint64_t epoch = vr_room_epoch(self->room);

    if (!self->disowned && services->holds != NULL && epoch != 0 &&
        !services->holds(services->ctx, vr_room_id(self->room), epoch)) {
        actor_disown(self, VR_E_FROZEN);
        return false;
    }
    return !self->disowned;
}

static enum vr_err forget(struct room_actor *self)
{
    struct vr_room *fresh = actor_fresh_room(self, vr_room_epoch(self->room));

    if (fresh == NULL) {
        return VR_E_NO_MEMORY;
    }
    vr_room_free(self->room);
    self->room = fresh;
    return VR_OK;
}

/* All rows of a backup are there: the answer follows once the room has read them. Takes `step`. */
static enum vr_err came_back(struct room_actor *self, struct begun *step)
{
    struct vr_msg asked = step->asked;
    struct vr_answer *answer = step->answer;

    step->answer = NULL;
    trace_end(self, &step->span, VR_OK);
    step_free(self, step);
    return restore_landed(self, &asked, answer);
}

enum vr_err steps_drain(struct room_actor *self)
{
    while (!vr_list_empty(&self->steps)) {
        struct begun *step = (struct begun *)self->steps.next;
        bool deleted = step->effects.deleted;
        enum vr_err err;

        if (!ready(step) || !actor_owns(self)) {
            return VR_OK;
        }
        if (step->effects.restored) {
            err = came_back(self, step);
        } else {
            err = complete(self, step);
            step_free(self, step);
        }
        if (err == VR_OK && deleted) {
            err = forget(self);
        }
        if (err != VR_OK) {
            return err;
        }
    }
    return VR_OK;
}

enum vr_err steps_begin(struct room_actor *self, const struct vr_msg *asked,
                        struct vr_answer *answer, struct vr_effects *effects,
                        vr_participant_id leaver)
{
    struct begun *step = calloc(1, sizeof(*step));
    enum vr_err err = VR_OK;

    if (step == NULL) {
        vr_answer_free(answer);
        vr_effects_deinit(effects);
        return VR_E_NO_MEMORY;
    }
    if (asked != NULL) {
        step->asked.kind = asked->kind;
        step->asked.from = asked->from;
        step->asked.to = asked->to;
        step->mark = mark_of(self, asked);
        step->span = trace_begin(self, asked);
    }
    step->answer = answer;
    step->effects = *effects;
    *effects = (struct vr_effects){0};
    step->leaver = leaver;
    step->ticket = self->ticket++;
    step->set_version = self->set_version;
    step->commits = step->effects.durable;
    vr_list_push(&self->steps, &step->link);
    self->step_count++;
    if (step->effects.failed) {
        return VR_E_NO_MEMORY; /* half a step: only the store knows what holds */
    }
    gates_close(self, step);
    if (step->commits) {
        err = submit(self, step);
    }
    return err == VR_OK ? steps_drain(self) : err;
}

void steps_free(struct room_actor *self, enum vr_err err)
{
    VR_LIST_EACH(item, &self->steps)
    {
        struct begun *step = (struct begun *)item;
        struct told_person *left = step->leaver == 0 ? NULL : told_find(self, step->leaver);

        if (left != NULL) {
            left->session = (struct vr_address){0}; /* his session is gone all the same */
        }
        if (step->effects.restored) {
            restore_drop(self);
        }
        if (step->answer != NULL && !mark_goes_on(self, step, err)) {
            struct vr_answer *answer = vr_answer_new(err, NULL);

            if (answer != NULL) {
                answer->retry_after_ms = vr_err_status(err) == 503 ? 200 : 0;
                answer->epoch = vr_room_epoch(self->room);
                answer->sequence = self->sequence_told;
                answer_now(self, &step->asked, answer);
                trace_end(self, &step->span, err);
            }
        }
        step_free(self, step);
    }
}

static struct begun *find_step(struct room_actor *self, uint64_t ticket)
{
    VR_LIST_EACH(item, &self->steps)
    {
        struct begun *step = (struct begun *)item;

        if (step->ticket == ticket) {
            return step;
        }
    }
    return NULL;
}

/* A commit of a former life of this actor has landed, maybe after we read the store: then we show,
 * and let through, what holds no more. Steps under way stand on it and fail, which reloads too. */
static enum vr_err former_life_stored(struct room_actor *self)
{
    uint64_t epoch = 0;
    uint64_t head = 0;
    enum vr_err err;

    if (self->failed != VR_OK || self->in_flight > 0) {
        return VR_OK;
    }
    err = vr_records_head(vr_system_records(vr_actor_system(self->actor)), vr_room_id(self->room),
                          &epoch, &head);
    if (err != VR_OK || head == self->head) {
        return err;
    }
    self->failed = VR_E_STALE;
    steps_free(self, VR_E_STALE);
    return actor_reload(self);
}

enum vr_err steps_stored(struct room_actor *self, uint64_t ticket, enum vr_err err)
{
    struct begun *step = find_step(self, ticket);

    if (self->disowned) {
        return VR_OK;
    }
    if (ticket - self->first_ticket >= self->ticket - self->first_ticket) {
        return err == VR_OK ? former_life_stored(self) : VR_OK;
    }
    if (self->failed != VR_OK) {
        if (self->in_flight > 0) {
            self->in_flight--;
        }
        return self->in_flight == 0 ? actor_reload(self) : VR_OK;
    }
    vr_assert(step != NULL && self->in_flight > 0); /* steps go only once they are stored */
    self->in_flight--;
    if (err == VR_OK) {
        step->stored = true;
        trace_commit(self, step->span);
        return steps_drain(self);
    }
    if (err == VR_E_FENCED || err == VR_E_FROZEN) {
        actor_disown(self, err); /* what the store has of it, the next owner's copy replaces */
        return VR_OK;
    }
    self->failed = err;
    steps_free(self, err);
    return self->in_flight == 0 ? actor_reload(self) : VR_OK;
}
