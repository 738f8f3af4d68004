/* marks.c - what a replica does for a room that nobody validly owns now: the rules run on the copy.
 *
 * Resume, joins as listener, leave, lowering one's hand and one's own mute go on. Mute, kick and
 * ban by who may are marks: gates close at every shard within reach, the journal has it, all copies
 * are told, and the answer says "provisional". Everything else is refused. What was done waits for
 * the next owner, who takes it as commands with their ids. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "actors/room/copy.h"
#include "cluster/replica.h"

#define GATES_WAIT VR_MS(300)

/** A command that was carried out: answered once the shards have confirmed, or 300 ms are over. */
struct acting {
    struct vr_list link; /* replica.acting */
    uint64_t ticket;
    struct vr_msg asked;      /* from, to and kind only */
    struct vr_answer *answer; /* NULL: nobody asked, another node's mark */
    struct vr_effects effects;
    struct vr_address before; /* session_before */
    uint32_t waiting, silent;
};

static struct vr_instant instant(const struct replica *self)
{
    const struct vr_clock *clock = vr_system_clock(vr_actor_system(self->actor));

    return (struct vr_instant){vr_actor_now(self->actor), clock->wall(clock->ctx)};
}

static bool is_own(const struct vr_command *command)
{
    return command->target == 0 || command->target == command->by.participant;
}

static bool is_mark(const struct vr_command *command)
{
    return (command->kind == VR_CMD_MUTE && !is_own(command)) || command->kind == VR_CMD_KICK ||
           command->kind == VR_CMD_BAN;
}

static bool goes_on(const struct vr_command *command)
{
    return command->kind == VR_CMD_JOIN || command->kind == VR_CMD_RESUME ||
           command->kind == VR_CMD_LEAVE || command->kind == VR_CMD_LOST ||
           command->kind == VR_CMD_SNAPSHOT || command->kind == VR_CMD_SHOW ||
           ((command->kind == VR_CMD_HAND_LOWER || command->kind == VR_CMD_MUTE) &&
            is_own(command));
}

static bool only_reads(const struct vr_command *command)
{
    return command->kind == VR_CMD_SNAPSHOT || command->kind == VR_CMD_SHOW;
}

/* ---- the copy ---- */

static bool load(struct replica *self)
{
    struct vr_why why = {0};
    uint64_t epoch = 0;

    if (self->copy != NULL) {
        return true;
    }
    (void)cluster_owner(self->cluster, self->room, &epoch);
    self->copy_epoch = epoch > self->stored_epoch ? epoch : self->stored_epoch;
    self->copy = vr_room_copy_load(vr_actor_system(self->actor), self->room, self->copy_epoch,
                                   instant(self), &why);
    if (self->copy != NULL) {
        marks_replay(self, instant(self));
    }
    return self->copy != NULL;
}

static struct vr_address session_of(const struct replica *self, vr_participant_id participant)
{
    struct vr_person_view view;

    if (participant == 0 || !vr_room_person(self->copy, participant, &view)) {
        return (struct vr_address){0};
    }
    return view.session;
}

/* Whoever it ends is told by his session as it was before the step. Who joins names no participant:
 * he may have a place here all the same, with an older session. */
static struct vr_address session_before(const struct replica *self,
                                        const struct vr_command *command)
{
    vr_participant_id id = is_mark(command) ? command->target : command->by.participant;
    struct vr_person_view view;

    if (command->kind != VR_CMD_JOIN) {
        return session_of(self, id);
    }
    for (id = vr_room_next(self->copy, 0); id != 0; id = vr_room_next(self->copy, id)) {
        if (vr_room_person(self->copy, id, &view) && command->by.user[0] != '\0' &&
            strcmp(view.user, command->by.user) == 0) {
            return view.session;
        }
    }
    return (struct vr_address){0};
}

/* As a listener, or as the copy knows him; under a number that no owner gives to anybody else. */
static void as_listener(struct replica *self, struct vr_command *command)
{
    const struct vr_random *random = vr_system_random(vr_actor_system(self->actor));
    struct vr_person_view view;

    command->by.granted = VR_ROLE_LISTENER;
    command->by.admin = false;
    do {
        command->target = VR_PARTICIPANT_GIVEN | (uint32_t)vr_random_u64(random);
    } while (vr_room_person(self->copy, command->target, &view));
}

/* ---- effects ---- */

static void send_to_session(struct replica *self, struct vr_address session,
                            const struct vr_effect *effect)
{
    struct vr_msg msg = {.kind = VR_MSG_EVENT,
                         .to = session,
                         .from = vr_room_address(self->room),
                         .epoch = self->copy_epoch,
                         .deadline = VR_NEVER};

    if (session.kind != VR_ACTOR_SESSION) {
        return;
    }
    if (session.sub != 0 && session.sub != self->self) {
        msg.to = vr_replica_address(self->room, session.sub);
        msg.as.event.session = session.id;
    }
    msg.as.event.sequence = 0; /* only the owner gives places */
    msg.as.event.only = effect->as.event.only;
    msg.as.event.last = effect->as.event.last;
    msg.as.event.media_goes_on = effect->as.event.media_goes_on;
    msg.as.event.json = vr_blob_retain(effect->as.event.json);
    vr_system_post(vr_actor_system(self->actor), &msg);
}

/* This node's people; every other copy does the same for its own. */
static void publish(struct replica *self, const struct acting *acting)
{
    for (uint32_t i = 0; i < acting->effects.count; i++) {
        const struct vr_effect *effect = &acting->effects.items[i];

        if (effect->kind != VR_EFFECT_EVENT) {
            continue;
        }
        if (effect->as.event.only != 0) {
            send_to_session(self,
                            effect->as.event.last && acting->before.kind == VR_ACTOR_SESSION
                                ? acting->before
                                : session_of(self, effect->as.event.only),
                            effect);
            continue;
        }
        for (uint32_t s = 0; s < self->session_count; s++) {
            send_to_session(self, vr_session_address_at(self->sessions[s], self->self), effect);
        }
    }
}

static struct acting *acting_of(struct replica *self, uint64_t ticket)
{
    VR_LIST_EACH(item, &self->acting)
    {
        struct acting *acting = VR_OWNER(item, struct acting, link);

        if (acting->ticket == ticket) {
            return acting;
        }
    }
    return NULL;
}

static void acting_free(struct acting *acting)
{
    vr_list_remove(&acting->link);
    vr_answer_free(acting->answer);
    vr_effects_deinit(&acting->effects);
    free(acting);
}

static void finish(struct replica *self, struct acting *acting)
{
    struct vr_msg msg = {.kind = VR_MSG_ANSWER, .epoch = self->copy_epoch};

    if (acting->answer != NULL) {
        if (acting->silent > 0) {
            snprintf(acting->answer->why, sizeof(acting->answer->why),
                     "%u shards have not confirmed yet; they close on first contact",
                     acting->silent);
        }
        msg.as.answer = acting->answer;
        acting->answer = NULL;
        vr_reply(vr_actor_system(self->actor), &acting->asked, &msg);
    }
    if (self->copy != NULL) {
        publish(self, acting);
    }
    acting_free(acting);
}

static enum vr_err on_gate_done(struct vr_actor *actor, void *state, uint64_t tag, enum vr_err err,
                                struct vr_msg *answer, struct vr_why *why)
{
    struct replica *self = state;
    struct acting *acting = acting_of(self, tag);

    (void)actor;
    (void)answer;
    (void)why;
    if (acting != NULL) {
        acting->silent += err != VR_OK && err != VR_E_NOT_FOUND; /* gone: out of reach */
        if (--acting->waiting == 0) {
            finish(self, acting);
        }
    }
    return VR_OK;
}

static void ask_gate(struct replica *self, struct acting *acting, uint32_t shard,
                     const struct vr_effect *gate)
{
    struct vr_msg msg = {
        .kind = VR_MSG_GATE, .to = vr_shard_address(self->room, shard), .epoch = self->copy_epoch};

    msg.as.gate.participant = gate->as.gate.participant;
    msg.as.gate.generation = gate->as.gate.generation;
    msg.as.gate.version = gate->as.gate.version;
    msg.as.gate.may_send = gate->as.gate.may_send;
    msg.as.gate.may_hear = gate->as.gate.may_hear;
    msg.as.gate.gone = gate->as.gate.gone;
    acting->waiting++;
    vr_actor_ask(self->actor, &msg, GATES_WAIT, on_gate_done, acting->ticket);
}

void marks_stored(struct replica *self, uint64_t ticket, enum vr_err err)
{
    struct acting *acting = acting_of(self, ticket);

    if (mark_forgotten(self, ticket, err)) {
        return;
    }
    if (err != VR_OK) {
        vr_log(VR_LOG_WARN, "a mark is not in the journal", VR_S("why", vr_err_code(err)));
    }
    if (acting != NULL && --acting->waiting == 0) {
        finish(self, acting);
    }
}

/* Every shard where the copy knows people. */
static uint32_t shards_of(const struct replica *self, uint32_t shards[VR_SHARDS_MAX])
{
    uint32_t count = 0;

    for (vr_participant_id id = vr_room_next(self->copy, 0); id != 0;
         id = vr_room_next(self->copy, id)) {
        struct vr_person_view view;
        uint32_t i = 0;

        if (!vr_room_person(self->copy, id, &view) || view.shard.kind != VR_ACTOR_SHARD) {
            continue;
        }
        while (i < count && shards[i] != view.shard.sub) {
            i++;
        }
        if (i == count && count < VR_SHARDS_MAX) {
            shards[count++] = view.shard.sub;
        }
    }
    return count;
}

/* A ban may name a user: whose gates it closed is what nodes look at that know no users. */
static vr_participant_id silenced_by(const struct acting *acting)
{
    for (uint32_t i = 0; i < acting->effects.count; i++) {
        const struct vr_effect *effect = &acting->effects.items[i];

        if (effect->kind == VR_EFFECT_GATE && effect->as.gate.closes) {
            return effect->as.gate.participant;
        }
    }
    return 0;
}

/* A mark only closes; who comes back may what his role and mutes in the copy allow. */
static void ask_gates(struct replica *self, struct acting *acting, const uint32_t *shards,
                      uint32_t count, bool open)
{
    for (uint32_t i = 0; i < acting->effects.count; i++) {
        const struct vr_effect *gate = &acting->effects.items[i];

        if (gate->kind != VR_EFFECT_GATE || (!gate->as.gate.closes && !open)) {
            continue;
        }
        for (uint32_t s = 0; s < count; s++) {
            if (!gate->as.gate.closes && cluster_silent(self->cluster, vr_shard_node(shards[s]))) {
                continue; /* dead, most likely: nobody waits for it to open */
            }
            ask_gate(self, acting, shards[s], gate);
        }
    }
}

/* It is so already, in the copy: an owner that lost the room in the middle of it, or who asks once
 * more. Whether all shards have closed is another question, and his answer says so. */
static void close_again(struct replica *self, struct acting *acting, const uint32_t *shards,
                        uint32_t count, vr_participant_id target)
{
    struct vr_effect gate = {0};

    for (uint32_t i = 0; i < acting->effects.count; i++) {
        if (acting->effects.items[i].kind == VR_EFFECT_GATE) {
            return; /* asked for just now */
        }
    }
    if (vr_room_gate(self->copy, target, &gate) && !gate.as.gate.may_send) {
        for (uint32_t s = 0; s < count; s++) {
            ask_gate(self, acting, shards[s], &gate);
        }
    }
}

/* ---- a command ---- */

/* Etcd still names an owner, and nothing comes from it: people come back through us meanwhile. */
static bool stands_in(const struct replica *self)
{
    uint64_t epoch = 0;
    uint32_t owner = cluster_owner(self->cluster, self->room, &epoch);

    return vr_cluster_state(self->cluster, NULL) == VR_CLUSTER_JOINED &&
           cluster_silent(self->cluster, owner);
}

/* Another node asks, since it does not hear the owner; but we do, or there is a new one. */
static bool is_asked_in_vain(const struct replica *self, const struct vr_msg *msg)
{
    return msg->from.sub != self->self &&
           vr_cluster_state(self->cluster, NULL) == VR_CLUSTER_JOINED && !stands_in(self);
}

/* Fenced: who asked comes again, and the owner that there will be has the last word. */
static void refuse(struct replica *self, const struct vr_msg *asked)
{
    struct vr_msg answer = {.kind = VR_MSG_ANSWER};
    bool again = stands_in(self) || is_asked_in_vain(self, asked);

    answer.as.answer = vr_answer_new(again ? VR_E_FENCED : VR_E_FROZEN,
                                     again ? "the room's owner is silent, and the next one decides"
                                           : "the room has no valid owner now");
    if (answer.as.answer != NULL) {
        answer.as.answer->retry_after_ms = 500;
        answer.as.answer->epoch = self->stored_epoch;
        vr_reply(vr_actor_system(self->actor), asked, &answer);
    }
}

/* ---- the shards, while the owner is silent ---- */

/* The way of speech between them: else who comes back where nobody was would hear nobody. */
static void send_set(struct replica *self, const uint32_t *shards, uint32_t count)
{
    struct vr_shard_set *set = vr_shard_set_new();

    if (set == NULL) {
        return; /* the last one stays in force */
    }
    set->epoch = self->copy_epoch;
    set->version = VR_SHARD_SET_PROVISIONAL | self->deed_ticket;
    set->count = count;
    memcpy(set->shards, shards, count * sizeof(*shards));
    for (uint32_t i = 0; i < count; i++) {
        struct vr_msg msg = {.kind = VR_MSG_SHARD_SET,
                             .to = vr_shard_address(self->room, shards[i]),
                             .from = vr_actor_address(self->actor),
                             .epoch = self->copy_epoch,
                             .deadline = VR_NEVER};

        msg.as.shard_set = vr_shard_set_retain(set);
        vr_system_post(vr_actor_system(self->actor), &msg);
    }
    vr_shard_set_release(set);
}

/* A shard that nobody was on knows no gate. One that knows them has them so, or newer. */
static void send_gates(struct replica *self, uint32_t shard)
{
    for (vr_participant_id id = vr_room_next(self->copy, 0); id != 0;
         id = vr_room_next(self->copy, id)) {
        struct vr_effect gate = {0};
        struct vr_msg msg = {.kind = VR_MSG_GATE,
                             .to = vr_shard_address(self->room, shard),
                             .from = vr_actor_address(self->actor),
                             .epoch = self->copy_epoch,
                             .deadline = VR_NEVER};

        if (!vr_room_gate(self->copy, id, &gate)) {
            continue;
        }
        msg.as.gate.participant = gate.as.gate.participant;
        msg.as.gate.generation = gate.as.gate.generation;
        msg.as.gate.version = gate.as.gate.version;
        msg.as.gate.may_send = gate.as.gate.may_send;
        msg.as.gate.may_hear = gate.as.gate.may_hear;
        vr_system_post(vr_actor_system(self->actor), &msg);
    }
}

/* The shard to which somebody comes back is not in the copy before its step: both are asked. */
static void carry_out(struct replica *self, struct acting *acting, const struct vr_command *command)
{
    uint32_t shards[VR_SHARDS_MAX + 1];
    uint32_t count = shards_of(self, shards);

    acting->waiting++; /* until all are asked */
    if (command->kind == VR_CMD_RESUME && command->shard.kind == VR_ACTOR_SHARD &&
        stands_in(self)) {
        send_gates(self, command->shard.sub);
        send_set(self, shards, count);
    }
    ask_gates(self, acting, shards, count,
              command->kind == VR_CMD_RESUME || command->kind == VR_CMD_JOIN);
    if (command->kind == VR_CMD_MUTE && is_mark(command) && acting->answer != NULL &&
        acting->answer->err == VR_OK) {
        close_again(self, acting, shards, count, command->target);
    }
    if (--acting->waiting == 0) {
        finish(self, acting);
    }
}

static struct acting *begin(struct replica *self, const struct vr_command *command)
{
    struct acting *acting = calloc(1, sizeof(*acting));

    if (acting == NULL) {
        return NULL;
    }
    acting->ticket = ++self->deed_ticket;
    acting->before = session_before(self, command);
    vr_list_push(&self->acting, &acting->link);
    acting->answer = vr_answer_new(VR_OK, NULL);
    if (acting->answer == NULL) {
        acting_free(acting);
        return NULL;
    }
    return acting;
}

void replica_on_command(struct replica *self, struct vr_msg *msg)
{
    struct vr_command *command = msg->as.command;
    struct acting *acting = NULL;
    bool repeated;

    if (is_asked_in_vain(self, msg) || (!is_mark(command) && !goes_on(command)) || !load(self)) {
        refuse(self, msg);
        return;
    }
    acting = begin(self, command);
    if (acting == NULL) {
        refuse(self, msg);
        return;
    }
    acting->asked.kind = msg->kind;
    acting->asked.from = msg->from;
    acting->asked.to = msg->to;
    repeated = deed_known(self, command->id);
    if (command->kind == VR_CMD_JOIN) {
        as_listener(self, command);
    }
    (void)vr_room_step(self->copy, command, instant(self), &acting->effects, acting->answer);
    if (acting->effects.failed) { /* half a step: the copy is loaded anew */
        vr_room_free(self->copy);
        self->copy = NULL;
        acting_free(acting);
        refuse(self, msg);
        return;
    }
    if (acting->answer->err != VR_OK && stands_in(self)) {
        acting_free(acting);
        refuse(self, msg);
        return;
    }
    if (acting->answer->err == VR_OK && !only_reads(command)) {
        acting->answer->provisional = is_mark(command);
        if (!repeated && command->kind == VR_CMD_JOIN) {
            command->by.participant = acting->answer->participant; /* the given one, or his own */
        }
        if (!repeated) {
            (void)deed_add(self, command, is_mark(command));
        }
        if (is_mark(command) && !repeated) {
            vr_participant_id silenced = silenced_by(acting);

            acting->waiting += mark_keep(self, command, silenced, acting->ticket) ? 1 : 0;
            mark_tell(self, command, silenced);
        }
    }
    carry_out(self, acting, command);
}

void marks_hear(struct replica *self, const struct vr_command *command)
{
    struct acting *acting = NULL;

    if (!is_mark(command) || !load(self)) {
        return;
    }
    acting = begin(self, command);
    if (acting == NULL) {
        return;
    }
    (void)vr_room_step(self->copy, command, instant(self), &acting->effects, acting->answer);
    vr_answer_free(acting->answer);
    acting->answer = NULL;
    carry_out(self, acting, command);
}

void marks_close(struct replica *self)
{
    struct vr_list *link;

    while (self->acting.next != NULL && (link = vr_list_pop(&self->acting)) != NULL) {
        acting_free(VR_OWNER(link, struct acting, link));
    }
    vr_room_free(self->copy);
    self->copy = NULL;
}
