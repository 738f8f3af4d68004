/* room_actor.c - the room as an actor: messages in, steps of the rules, time. */
#include "actors/room/room_actor.h"

#include <stdio.h>
#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/log.h"
#include "actors/room/actor_state.h"
#include "actors/room/copy.h"

#define TICK_AGAIN VR_MS(100)

struct vr_instant actor_instant(const struct room_actor *self)
{
    const struct vr_clock *clock = vr_system_clock(vr_actor_system(self->actor));

    return (struct vr_instant){vr_actor_now(self->actor), clock->wall(clock->ctx)};
}

void actor_send(struct room_actor *self, struct vr_msg *msg)
{
    msg->from = vr_actor_address(self->actor);
    msg->epoch = vr_room_epoch(self->room);
    vr_system_post(vr_actor_system(self->actor), msg);
}

static vr_time_us earlier(vr_time_us a, vr_time_us b)
{
    return a < b ? a : b;
}

void actor_arm(struct room_actor *self)
{
    vr_time_us due = vr_room_deadline(self->room, actor_instant(self));

    due = earlier(due, self->held_due);
    if (due < self->retry_at) {
        due = self->retry_at;
    }
    due = earlier(due, self->speakers_due);
    due = earlier(due, self->summary_due);
    if (self->services->life != NULL && told_nodes(self) > 0) {
        due = earlier(due, self->lives_due);
    }
    if (self->empty_since != VR_NEVER) {
        due = earlier(due, self->empty_since + self->env->idle);
    }
    due = earlier(due, restore_deadline(self));
    vr_actor_arm(self->actor, due);
}

/* Sleep, once nothing is under way. The next message wakes the room from the store. */
static void rest(struct room_actor *self)
{
    if (self->disowned) { /* what is under way is the next owner's to show, or not */
        vr_actor_stop(self->actor, VR_CLOSE_STOP);
        return;
    }
    if (self->step_count > 0 || self->in_flight > 0) {
        return;
    }
    if (!vr_room_exists(self->room) && !restore_waits(self)) {
        vr_actor_stop(self->actor, VR_CLOSE_DONE);
    } else if (self->draining) {
        vr_actor_stop(self->actor, VR_CLOSE_DRAIN);
    } else if (self->empty_since != VR_NEVER &&
               vr_actor_now(self->actor) >= self->empty_since + self->env->idle) {
        summary_gone(self);
        vr_actor_stop(self->actor, VR_CLOSE_IDLE);
    }
}

static void look_who_is_there(struct room_actor *self)
{
    if (vr_room_counts(self->room).present > 0) {
        self->empty_since = VR_NEVER;
    } else if (self->empty_since == VR_NEVER) {
        self->empty_since = vr_actor_now(self->actor);
    }
}

static void refuse(struct room_actor *self, const struct vr_msg *asked, enum vr_err err)
{
    struct vr_answer *answer = vr_answer_new(err, NULL);
    struct vr_span *span = trace_begin(self, asked);

    if (answer != NULL) {
        answer->retry_after_ms = vr_err_status(err) == 503 ? 200 : 0;
        answer->epoch = vr_room_epoch(self->room);
        answer->sequence = self->sequence_told;
        answer_now(self, asked, answer);
    }
    trace_end(self, &span, err);
}

/* It makes the room be, which begins with owning it. */
static bool makes_room(const struct room_actor *self, const struct vr_command *cmd)
{
    return (cmd->kind == VR_CMD_CREATE || cmd->kind == VR_CMD_RESTORE) &&
           !vr_room_exists(self->room);
}

/* Whatever it asks: may anything be begun now? */
static enum vr_err may_begin(struct room_actor *self, const struct vr_command *cmd)
{
    return self->disowned || !actor_owns(self)            ? VR_E_FROZEN
           : self->failed != VR_OK                        ? self->failed
           : self->draining                               ? VR_E_DRAINING
           : self->step_count >= STEPS_MAX                ? VR_E_BUSY
           : makes_room(self, cmd) && restore_lands(self) ? VR_E_IN_PROGRESS
                                                          : VR_OK;
}

static enum vr_err on_command(struct room_actor *self, const struct vr_msg *msg, struct vr_why *why)
{
    const struct vr_command *cmd = msg->as.command;
    bool leaves = cmd->kind == VR_CMD_LEAVE || cmd->kind == VR_CMD_LOST;
    struct vr_effects effects = {0};
    struct vr_answer *answer;
    enum vr_err err = may_begin(self, cmd);

    if (msg->deadline <= vr_actor_now(self->actor)) {
        return VR_OK; /* whoever asked was told that nobody answered, and has gone on since */
    }
    if (err == VR_E_FROZEN && mark_hand_on(self, msg, mark_of(self, msg))) {
        return VR_OK;
    }
    if (err != VR_OK) {
        refuse(self, msg, err);
        return VR_OK;
    }
    if (makes_room(self, cmd)) {
        err = actor_take(self, why);
        if (err != VR_OK) {
            refuse(self, msg, err);
            return VR_OK;
        }
    }
    answer = vr_answer_new(VR_OK, NULL);
    if (answer == NULL) {
        return vr_fail(why, VR_E_NO_MEMORY, "no memory for an answer");
    }
    err = vr_room_step(self->room, cmd, actor_instant(self), &effects, answer);
    if (err == VR_OK && cmd->kind == VR_CMD_RESTORE) {
        restore_take(self, cmd, &effects, answer);
    }
    return steps_begin(self, msg, answer, &effects, leaves ? cmd->by.participant : 0);
}

static enum vr_err tick(struct room_actor *self)
{
    struct vr_instant at = actor_instant(self);
    struct vr_effects effects = {0};
    bool lives_due = lives_are_due(self);

    if (at.now < self->retry_at) {
        return VR_OK;
    }
    if (self->disowned || self->failed != VR_OK ||
        (vr_room_exists(self->room) && !actor_owns(self))) {
        self->retry_at = at.now + TICK_AGAIN; /* what is due stays so: never without a pause */
        return VR_OK;
    }
    self->retry_at = 0;
    if (lives_due) {
        lives_look(self);
    }
    gates_release(self);
    if (vr_room_deadline(self->room, at) > at.now) {
        return VR_OK;
    }
    vr_room_tick(self->room, at, &effects);
    return steps_begin(self, NULL, NULL, &effects, 0);
}

/* Nothing new is begun; counts that no commit has taken along yet are written. */
static enum vr_err drain(struct room_actor *self)
{
    struct vr_effects effects = {.durable = true};
    bool first = !self->draining;

    self->draining = true;
    if (!first || self->disowned || self->failed != VR_OK || !vr_room_exists(self->room)) {
        return VR_OK;
    }
    return steps_begin(self, NULL, NULL, &effects, 0);
}

static void on_ping(struct room_actor *self, const struct vr_msg *msg)
{
    struct vr_msg pong = {.kind = VR_MSG_PONG, .as.number = msg->as.number};

    vr_reply(vr_actor_system(self->actor), msg, &pong);
}

static enum vr_err dispatch(struct room_actor *self, struct vr_msg *msg, struct vr_why *why)
{
    switch (msg->kind) {
    case VR_MSG_COMMAND:
        return on_command(self, msg, why);
    case VR_MSG_STORED:
        return steps_stored(self, msg->as.stored.ticket, msg->as.stored.err);
    case VR_MSG_SPEAKERS:
        speakers_heard(self, msg);
        return VR_OK;
    case VR_MSG_DRAIN:
        return drain(self);
    case VR_MSG_PING:
        on_ping(self, msg);
        return VR_OK;
    case VR_MSG_ANSWER:
    case VR_MSG_EVENT:
    case VR_MSG_GATE:
    case VR_MSG_GATE_DONE: /* late: after its ask was given up */
    case VR_MSG_SHARD_SET:
    case VR_MSG_SHARD_CLOSE:
    case VR_MSG_PEER_OPEN:
    case VR_MSG_PEER_OPENED:
    case VR_MSG_PEER_CLOSE:
    case VR_MSG_PEER_STATE:
    case VR_MSG_SUMMARY:
    case VR_MSG_RELAY:
    case VR_MSG_SHARD_LEVELS:
    case VR_MSG_PONG:
    case VR_MSG_CLUSTER:
    case VR_MSG_CLUSTER_DONE:
    case VR_MSG_KINDS:
        break;
    }
    return VR_OK; /* not for a room: dropped */
}

/* After each turn: what became due, when to wake, whether to sleep. */
static enum vr_err settle(struct room_actor *self, enum vr_err err)
{
    if (err == VR_OK) {
        if (!self->disowned) {
            look_who_is_there(self);
            summary_tick(self);
            speakers_tick(self);
            actor_arm(self);
        }
        rest(self);
    }
    return err;
}

static enum vr_err on_message(struct vr_actor *actor, void *state, struct vr_msg *msg,
                              struct vr_why *why)
{
    struct room_actor *self = state;

    (void)actor;
    return settle(self, dispatch(self, msg, why));
}

static enum vr_err on_timer(struct vr_actor *actor, void *state, struct vr_why *why)
{
    struct room_actor *self = state;

    (void)actor;
    (void)why;
    return settle(self, tick(self));
}

struct vr_room *actor_fresh_room(struct room_actor *self, uint64_t epoch)
{
    struct vr_room_conf conf = vr_room_conf_of(vr_actor_system(self->actor), self->env);

    return vr_room_new(vr_actor_address(self->actor).id, &conf, epoch);
}

static enum vr_err on_open(struct vr_actor *actor, void *state, struct vr_why *why)
{
    struct room_actor *self = state;
    enum vr_err err;

    self->actor = actor;
    vr_list_init(&self->steps);
    self->env = vr_system_context(vr_actor_system(actor));
    vr_assert(self->env != NULL && self->env->room_services != NULL);
    self->services = self->env->room_services;
    self->vault = vr_room_vault_of(self->services);
    /* Far from a former life's, and never near the end of the numbers. */
    self->ticket = 1 + (vr_random_u64(vr_system_random(vr_actor_system(actor))) >> 1);
    self->first_ticket = self->ticket;
    self->held_due = VR_NEVER;
    self->speakers_due = VR_NEVER;
    self->summary_due = VR_NEVER;
    self->empty_since = VR_NEVER;
    err = actor_load(self, why);
    if (err == VR_OK && self->disowned) {
        vr_actor_arm(actor, vr_actor_now(actor)); /* what waits is refused first */
    } else if (err == VR_OK) {
        actor_ping_sessions(self);
        look_who_is_there(self);
        actor_arm(self);
    }
    return err;
}

static void release(const struct room_actor *self, enum vr_close_reason reason)
{
    bool by_itself = reason == VR_CLOSE_IDLE || reason == VR_CLOSE_DRAIN || reason == VR_CLOSE_DONE;

    if (by_itself && self->services->release != NULL && self->room != NULL &&
        vr_room_epoch(self->room) != 0) {
        self->services->release(self->services->ctx, vr_room_id(self->room),
                                vr_room_epoch(self->room), vr_room_exists(self->room));
    } else if (self->disowned && self->services->closed != NULL && self->room != NULL) {
        self->services->closed(self->services->ctx, vr_room_id(self->room),
                               vr_room_epoch(self->room));
    }
}

static void on_close(struct vr_actor *actor, void *state, enum vr_close_reason reason)
{
    struct room_actor *self = state;

    (void)actor;
    if (self->actor == NULL) {
        return;
    }
    release(self, reason);
    if (reason == VR_CLOSE_FAILED && self->room != NULL) {
        steps_free(self, VR_E_INTERNAL);
    }
    while (!vr_list_empty(&self->steps)) {
        struct begun *step = (struct begun *)vr_list_pop(&self->steps);

        vr_answer_free(step->answer);
        vr_command_free(step->mark);
        vr_effects_deinit(&step->effects);
        free(step->span);
        free(step);
    }
    restore_drop(self);
    free(self->people);
    vr_room_free(self->room);
}

const struct vr_actor_class *vr_room_class(void)
{
    static const struct vr_actor_class class = {
        .kind = VR_ACTOR_ROOM,
        .name = "room",
        .state_size = sizeof(struct room_actor),
        .worker = VR_WORKER_CONTROL,
        .open = on_open,
        .handle = on_message,
        .timer = on_timer,
        .close = on_close,
        .mailbox_max = 4096,
    };

    return &class;
}
