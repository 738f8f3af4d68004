/* actor_shards.c - the shards where people of this room are: their set, their gates, their end. */
#include "actors/room/actor_state.h"

/* What a shard learns beyond the versions that it may have seen from steps that were never
 * committed. */
#define GATE_LEAP 64

static bool has_shard(const struct room_actor *self, uint32_t number)
{
    for (uint32_t i = 0; i < self->shard_count; i++) {
        if (self->shards[i].number == number) {
            return true;
        }
    }
    return false;
}

static struct vr_address shard_address(const struct room_actor *self, uint32_t number)
{
    return vr_shard_address(vr_actor_address(self->actor).id, number);
}

static void send_gate(struct room_actor *self, uint32_t shard, const struct told_person *told)
{
    struct vr_msg msg = {.kind = VR_MSG_GATE, .to = shard_address(self, shard)};

    msg.as.gate.participant = told->participant;
    msg.as.gate.generation = told->generation;
    msg.as.gate.version = told->gate_version;
    msg.as.gate.may_send = told->may_send;
    msg.as.gate.may_hear = told->may_hear;
    actor_send(self, &msg);
}

static void send_all_gates(struct room_actor *self, uint32_t shard)
{
    for (uint32_t i = 0; i < self->people_count; i++) {
        if (self->people[i].gate_version != 0) {
            send_gate(self, shard, &self->people[i]);
        }
    }
}

/* `only` NULL: to all shards. */
static void send_set(struct room_actor *self, const struct told_shard *only)
{
    struct vr_shard_set *set = vr_shard_set_new();

    if (set == NULL) {
        return; /* the last one stays in force; the next change brings a new one */
    }
    set->epoch = vr_room_epoch(self->room);
    set->version = self->set_version;
    set->count = self->shard_count;
    for (uint32_t i = 0; i < self->shard_count; i++) {
        set->shards[i] = self->shards[i].number;
    }
    for (uint32_t i = 0; i < self->shard_count; i++) {
        struct vr_msg msg = {.kind = VR_MSG_SHARD_SET,
                             .to = shard_address(self, self->shards[i].number)};

        if (only == NULL || only == &self->shards[i]) {
            msg.as.shard_set = vr_shard_set_retain(set);
            actor_send(self, &msg);
        }
    }
    vr_shard_set_release(set);
}

/* Who has them has them so, or newer: versions say. */
void shard_repeat(struct room_actor *self, const struct told_shard *shard)
{
    send_set(self, shard);
    send_all_gates(self, shard->number);
}

static void send_close(struct room_actor *self, uint32_t number)
{
    struct vr_msg msg = {.kind = VR_MSG_SHARD_CLOSE, .to = shard_address(self, number)};

    actor_send(self, &msg);
}

/* Shards that nobody is on any more. */
static bool drop_empty(struct room_actor *self)
{
    uint32_t kept = 0;
    bool changed = false;

    for (uint32_t s = 0; s < self->shard_count; s++) {
        bool used = false;

        for (uint32_t i = 0; i < self->people_count && !used; i++) {
            used = self->people[i].shard.kind == VR_ACTOR_SHARD &&
                   self->people[i].shard.sub == self->shards[s].number;
        }
        if (used) {
            self->shards[kept++] = self->shards[s];
        } else {
            send_close(self, self->shards[s].number);
            changed = true;
        }
    }
    self->shard_count = kept;
    return changed;
}

/* The set follows from where people are. A new shard learns all gates before its first peer comes.
 */
void shards_update(struct room_actor *self)
{
    bool changed = drop_empty(self);
    uint32_t before = self->shard_count;

    for (uint32_t i = 0; i < self->people_count; i++) {
        const struct told_person *told = &self->people[i];

        if (told->shard.kind == VR_ACTOR_SHARD && !has_shard(self, told->shard.sub) &&
            self->shard_count < VR_SHARDS_MAX) {
            self->shards[self->shard_count++] =
                (struct told_shard){.number = told->shard.sub,
                                    .contact = contact_with(self, told->shard.sub),
                                    .repeat_at = VR_NEVER};
            changed = true;
        }
    }
    if (changed) {
        self->set_version++;
        send_set(self, NULL);
    }
    for (uint32_t s = before; s < self->shard_count; s++) {
        send_all_gates(self, self->shards[s].number);
    }
}

static void note_gate(struct told_person *told, const struct vr_effect *gate)
{
    if (told == NULL || gate->as.gate.version <= told->gate_version) {
        return;
    }
    told->generation = gate->as.gate.generation;
    told->gate_version = gate->as.gate.version;
    told->may_send = gate->as.gate.may_send;
    told->may_hear = gate->as.gate.may_hear;
    told->held = false;
}

static void send_to_all(struct room_actor *self, const struct told_person *told)
{
    for (uint32_t s = 0; s < self->shard_count; s++) {
        send_gate(self, self->shards[s].number, told);
    }
}

/* An opening, or one that changes nothing but the generation: after its commit, before the answer.
 */
void gate_open(struct room_actor *self, const struct vr_effect *gate)
{
    struct told_person *told = told_find(self, gate->as.gate.participant);

    if (told == NULL) {
        return;
    }
    note_gate(told, gate);
    if (told->may_send && mark_holds(self, told->participant)) {
        told->may_send = false;
        told->held = true;
        self->held_due = vr_actor_now(self->actor) + HELD_LOOK;
    }
    send_to_all(self, told);
}

/* In the version that he was held in: it is news to no shard that it may not have heard. */
void gates_release(struct room_actor *self)
{
    bool any = false;

    if (vr_actor_now(self->actor) < self->held_due) {
        return;
    }
    for (uint32_t i = 0; i < self->people_count; i++) {
        struct told_person *told = &self->people[i];

        if (told->held && mark_holds(self, told->participant)) {
            any = true;
        } else if (told->held) {
            told->held = false;
            told->may_send = true;
            send_to_all(self, told);
        }
    }
    self->held_due = any ? vr_actor_now(self->actor) + HELD_LOOK : VR_NEVER;
}

static enum vr_err on_gate_done(struct vr_actor *actor, void *state, uint64_t tag, enum vr_err err,
                                struct vr_msg *answer, struct vr_why *why)
{
    struct room_actor *self = state;

    (void)actor;
    (void)answer;
    (void)why;
    VR_LIST_EACH(item, &self->steps)
    {
        struct begun *step = (struct begun *)item;

        if (step->ticket != tag) {
            continue;
        }
        if (--step->gates_waiting == 0) {
            trace_gates(self, step->span);
        }
        if (err != VR_OK && err != VR_E_NOT_FOUND && err != VR_E_GONE) {
            step->gates_silent++; /* a shard that does not live forwards nothing */
        }
        err = steps_drain(self);
        actor_arm(self);
        return err;
    }
    return VR_OK; /* its step was given up */
}

static struct vr_msg gate_msg(const struct room_actor *self, const struct vr_effect *gate,
                              uint32_t shard)
{
    struct vr_msg msg = {.kind = VR_MSG_GATE, .to = shard_address(self, shard)};

    msg.epoch = vr_room_epoch(self->room);
    msg.as.gate.participant = gate->as.gate.participant;
    msg.as.gate.generation = gate->as.gate.generation;
    msg.as.gate.version = gate->as.gate.version;
    msg.as.gate.may_send = gate->as.gate.may_send;
    msg.as.gate.may_hear = gate->as.gate.may_hear;
    msg.as.gate.gone = gate->as.gate.gone;
    return msg;
}

static void close_at(struct room_actor *self, struct begun *step, const struct vr_effect *gate,
                     uint32_t shard)
{
    struct vr_msg msg = gate_msg(self, gate, shard);

    if (is_out_of_reach(self, shard)) { /* it may live all the same, and play */
        step->gates_silent++;
        actor_send(self, &msg);
        return;
    }
    step->gates_waiting++;
    vr_actor_ask(self->actor, &msg, GATE_WAIT, on_gate_done, step->ticket);
}

/* Closing acts close first: at all shards, before anything is written. */
void gates_close(struct room_actor *self, struct begun *step)
{
    for (uint32_t i = 0; i < step->effects.count; i++) {
        const struct vr_effect *gate = &step->effects.items[i];

        if (gate->kind != VR_EFFECT_GATE || !gate->as.gate.closes) {
            continue;
        }
        note_gate(told_find(self, gate->as.gate.participant), gate);
        for (uint32_t s = 0; s < self->shard_count; s++) {
            close_at(self, step, gate, self->shards[s].number);
        }
    }
}

/* The step's turn has come: steps before it may have opened what it closed, or brought new shards.
 */
void gates_note_closed(struct room_actor *self, const struct begun *step)
{
    for (uint32_t i = 0; i < step->effects.count; i++) {
        const struct vr_effect *gate = &step->effects.items[i];

        if (gate->kind != VR_EFFECT_GATE || !gate->as.gate.closes) {
            continue;
        }
        note_gate(told_find(self, gate->as.gate.participant), gate);
        for (uint32_t s = 0; step->set_version != self->set_version && s < self->shard_count; s++) {
            struct vr_msg msg = gate_msg(self, gate, self->shards[s].number);

            actor_send(self, &msg);
        }
    }
}

/* Every gate as the store has it, with a version above all that shards may have seen. */
void gates_again(struct room_actor *self)
{
    for (uint32_t i = 0; i < self->people_count; i++) {
        struct told_person *told = &self->people[i];
        struct vr_effect gate = {0};

        if (vr_room_gate_again(self->room, told->participant, told->gate_version + GATE_LEAP,
                               &gate)) {
            gate_open(self, &gate);
        }
    }
}

void shards_close(struct room_actor *self)
{
    for (uint32_t s = 0; s < self->shard_count; s++) {
        send_close(self, self->shards[s].number);
    }
    self->shard_count = 0;
}
