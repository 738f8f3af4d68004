/* ask.c - questions with a deadline: a ticket goes out in the asker's address and comes back in
 * `to`. */
#include "actors/base/assert.h"
#include "actors/base/owner.h"
#include "actors/runtime/internal.h"

#include <stdlib.h>

struct ask {
    struct vr_timer timer;
    struct vr_worker *worker;
    vr_reply_fn reply;
    void *ctx;
    struct vr_actor *owner; /* of an actor's ask, else NULL */
    vr_actor_reply_fn actor_reply;
    uint64_t tag;
    struct vr_list owner_link;  /* vr_actor.asks */
    struct vr_list failed_link; /* vr_worker.failed */
    enum vr_err failed;
    uint32_t slot;        /* in worker->asks; UINT32_MAX: never sent */
    struct vr_span *span; /* of a command that is traced; else NULL */
};

static bool grow_slots(struct vr_worker *worker)
{
    uint32_t capacity = worker->ask_capacity == 0 ? 64 : worker->ask_capacity * 2;
    struct ask_slot *slots;

    if (capacity > ASKS_MAX) {
        return false;
    }
    slots = realloc(worker->asks, capacity * sizeof(*slots));
    if (slots == NULL) {
        return false;
    }
    for (uint32_t i = worker->ask_capacity; i < capacity; i++) {
        slots[i] = (struct ask_slot){.next_free = i + 1};
    }
    worker->asks = slots;
    worker->ask_free = worker->ask_capacity;
    worker->ask_capacity = capacity;
    return true;
}

static bool take_slot(struct vr_worker *worker, struct ask *ask)
{
    if (worker->ask_free == worker->ask_capacity && !grow_slots(worker)) {
        return false;
    }
    ask->slot = worker->ask_free;
    worker->ask_free = worker->asks[ask->slot].next_free;
    worker->asks[ask->slot].ask = ask;
    worker->ask_count++;
    return true;
}

static vr_time_us clock_now(const struct vr_worker *worker)
{
    const struct vr_clock *clock = worker->system->conf.clock;

    return clock->now(clock->ctx); /* of a turn its beginning would be too early */
}

/* Whoever works for the command works below a span of ours, until the answer. */
static void trace_asked(struct ask *ask, struct vr_command *command)
{
    const struct vr_tracing *tracing = ask->worker->system->conf.tracing;

    ask->span = malloc(sizeof(*ask->span));
    if (ask->span != NULL) {
        command->traced_at = clock_now(ask->worker);
        vr_span_below(tracing, &command->trace, command->traced_at, ask->span);
        ask->span->kind = VR_SPAN_CLIENT;
        ask->span->name = vr_command_name(command->kind);
        command->trace = ask->span->trace;
    }
}

static void trace_answered(struct ask *ask, enum vr_err err, const struct vr_msg *answer)
{
    bool told = answer != NULL && answer->kind == VR_MSG_ANSWER && answer->as.answer != NULL;

    ask->span->err = told ? answer->as.answer->err : err;
    vr_span_end(ask->worker->system->conf.tracing, ask->span, clock_now(ask->worker));
}

/* Nobody finds it any more: neither reply nor deadline. */
static void settle(struct ask *ask)
{
    struct vr_worker *worker = ask->worker;

    vr_timer_disarm(worker, &ask->timer);
    vr_list_remove(&ask->owner_link);
    vr_list_remove(&ask->failed_link);
    if (ask->slot != UINT32_MAX) {
        struct ask_slot *slot = &worker->asks[ask->slot];

        slot->ask = NULL;
        slot->generation++;
        slot->next_free = worker->ask_free;
        worker->ask_free = ask->slot;
        worker->ask_count--;
        ask->slot = UINT32_MAX;
    }
}

static void finish(struct ask *ask, enum vr_err err, struct vr_msg *answer)
{
    settle(ask);
    if (ask->span != NULL) {
        trace_answered(ask, err, answer);
    }
    if (ask->owner != NULL) {
        vr_actor_replied(ask->owner, ask->actor_reply, ask->tag, err, answer);
    } else {
        ask->reply(ask->ctx, err, answer);
    }
    free(ask->span);
    free(ask);
}

static void on_deadline(struct vr_timer *timer, vr_time_us now)
{
    struct ask *ask = VR_OWNER(timer, struct ask, timer);

    (void)now;
    COUNT_HERE(ask->worker, asks_timed_out);
    finish(ask, VR_E_TIMEOUT, NULL);
}

/* Send it on its way, or put it where the next turn tells the error. */
static void dispatch(struct vr_worker *worker, struct ask *ask, struct vr_msg *msg,
                     vr_time_us timeout)
{
    enum vr_err err = VR_E_BUSY;

    ask->worker = worker;
    ask->slot = UINT32_MAX;
    ask->timer.fire = on_deadline;
    vr_list_init(&ask->failed_link);
    if (worker->system->conf.tracing != NULL && msg->kind == VR_MSG_COMMAND &&
        vr_trace_on(&msg->as.command->trace)) {
        trace_asked(ask, msg->as.command);
    }
    if (take_slot(worker, ask)) {
        uint64_t generation = worker->asks[ask->slot].generation;

        msg->deadline = vr_worker_now(worker) + timeout;
        msg->from = (struct vr_address){
            .kind = VR_ACTOR_ASK,
            .sub = worker->system->conf.node,
            .id = {.hi = worker->stamp, .lo = generation << 32 | ask->slot},
        };
        vr_timer_arm(worker, &ask->timer, msg->deadline);
        err = vr_system_send(worker->system, msg);
    }
    if (err != VR_OK) {
        vr_msg_clear(msg);
        ask->failed = err;
        vr_timer_disarm(worker, &ask->timer);
        vr_list_push(&worker->failed, &ask->failed_link);
        if (!worker->in_turn) {
            vr_worker_signal(worker);
        }
    }
}

void vr_ask(struct vr_worker *worker, struct vr_msg *msg, vr_time_us timeout, vr_reply_fn reply,
            void *ctx)
{
    bool closed = __atomic_load_n(&worker->closed, __ATOMIC_RELAXED) != 0;
    struct ask *ask = closed ? NULL : calloc(1, sizeof(*ask));

    if (ask == NULL) {
        vr_msg_clear(msg);
        reply(ctx, closed ? VR_E_GONE : VR_E_NO_MEMORY, NULL);
        return;
    }
    ask->reply = reply;
    ask->ctx = ctx;
    vr_list_init(&ask->owner_link);
    dispatch(worker, ask, msg, timeout);
}

void vr_actor_ask(struct vr_actor *actor, struct vr_msg *msg, vr_time_us timeout,
                  vr_actor_reply_fn reply, uint64_t tag)
{
    struct ask *ask = calloc(1, sizeof(*ask));

    vr_assert(ask != NULL); /* an actor must not wait for an answer for ever */
    ask->owner = actor;
    ask->actor_reply = reply;
    ask->tag = tag;
    vr_list_push(&actor->asks, &ask->owner_link);
    dispatch(actor->worker, ask, msg, timeout);
}

/* The runtime's own refusals come from nobody (vr_ask_refuse); an actor's answers never do. */
static bool is_refusal(const struct vr_msg *msg)
{
    return msg->kind == VR_MSG_ANSWER && msg->from.kind == VR_ACTOR_NONE && msg->as.answer != NULL;
}

void vr_ask_answered(struct vr_worker *worker, struct vr_msg *msg)
{
    uint32_t place = (uint32_t)msg->to.id.lo;
    struct ask_slot *slot = place < worker->ask_capacity ? &worker->asks[place] : NULL;

    if (slot == NULL || slot->ask == NULL || slot->generation != msg->to.id.lo >> 32) {
        COUNT_HERE(worker, late_replies);
    } else if (is_refusal(msg)) {
        finish(slot->ask, msg->as.answer->err, NULL);
    } else {
        finish(slot->ask, VR_OK, msg);
    }
    vr_msg_clear(msg);
}

void vr_ask_run_failed(struct vr_worker *worker)
{
    struct vr_list now_due;
    struct vr_list *link;

    vr_list_init(&now_due);
    while ((link = vr_list_pop(&worker->failed)) != NULL) {
        vr_list_push(&now_due, link); /* what these ask again waits for the turn after */
    }
    while ((link = vr_list_pop(&now_due)) != NULL) {
        struct ask *ask = VR_OWNER(link, struct ask, failed_link);

        finish(ask, ask->failed, NULL);
    }
}

void vr_ask_cancel_all(struct vr_actor *actor)
{
    struct vr_list *link;

    while ((link = vr_list_pop(&actor->asks)) != NULL) {
        struct ask *ask = VR_OWNER(link, struct ask, owner_link);

        settle(ask);
        free(ask->span);
        free(ask);
    }
}

void vr_ask_close(struct vr_worker *worker)
{
    for (uint32_t i = 0; i < worker->ask_capacity; i++) {
        if (worker->asks[i].ask != NULL) {
            finish(worker->asks[i].ask, VR_E_GONE, NULL);
        }
    }
    vr_ask_run_failed(worker);
    free(worker->asks);
    worker->asks = NULL;
    worker->ask_capacity = 0;
    worker->ask_free = 0;
}

void vr_ask_refuse(struct vr_system *system, struct vr_address asker, enum vr_err err)
{
    struct vr_msg msg = {.kind = VR_MSG_ANSWER, .to = asker};

    if (asker.kind != VR_ACTOR_ASK) {
        return;
    }
    msg.as.answer = vr_answer_new(err, NULL);
    if (msg.as.answer != NULL) {
        vr_system_post(system, &msg); /* else the deadline tells him */
    }
}

void vr_reply(struct vr_system *system, const struct vr_msg *asked, struct vr_msg *answer)
{
    if (asked->from.kind == VR_ACTOR_NONE) {
        vr_msg_clear(answer);
        return;
    }
    answer->to = asked->from;
    answer->from = asked->to;
    answer->deadline = VR_NEVER;
    vr_system_post(system, answer);
}
