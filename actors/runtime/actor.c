/* actor.c - the life of one actor on its worker: opened by its first message, handled in turns,
 * closed. */
#include "actors/base/assert.h"
#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "actors/runtime/internal.h"

#include <string.h>

static void count_actors(struct vr_worker *worker, enum vr_actor_kind kind, int change)
{
    uint32_t *count = &worker->actors[kind];

    __atomic_store_n(count, __atomic_load_n(count, __ATOMIC_RELAXED) + (uint32_t)change,
                     __ATOMIC_RELAXED);
}

static struct item *pop_message(struct vr_actor *actor)
{
    struct vr_list *link = vr_list_pop(&actor->mailbox);

    if (link == NULL) {
        return NULL;
    }
    __atomic_fetch_sub(&actor->waiting, 1, __ATOMIC_RELAXED);
    return VR_OWNER(link, struct item, link);
}

void vr_actor_refuse_waiting(struct vr_actor *actor, enum vr_err err)
{
    struct item *item;

    while ((item = pop_message(actor)) != NULL) {
        vr_ask_refuse(actor->worker->system, item->msg.from, err);
        vr_mail_free(actor->worker, item);
    }
}

/* Free what the actor holds; it sleeps then. */
static void wipe(struct vr_actor *actor, enum vr_close_reason reason)
{
    actor->running = true; /* close may send to itself */
    if (actor->class->close != NULL) {
        actor->class->close(actor, actor->state, reason);
    }
    actor->running = false;
    vr_timer_disarm(actor->worker, &actor->timer);
    vr_ask_cancel_all(actor);
    memset(actor->state, 0, actor->class->state_size);
    actor->stopping = false;
    actor->phase = ACTOR_ASLEEP;
}

void vr_actor_shut(struct vr_actor *actor, enum vr_close_reason reason)
{
    if (actor->phase != ACTOR_OPEN) {
        return;
    }
    vr_actor_table_remove(&actor->worker->open, actor);
    count_actors(actor->worker, actor->address.kind, -1);
    wipe(actor, reason);
}

/* Nothing lives here, or it lives on another node now: no failure. */
static bool is_elsewhere(enum vr_err err)
{
    return err == VR_E_NOT_FOUND || err == VR_E_FROZEN || err == VR_E_CONFLICT;
}

/* VR_OK: open. Else it sleeps again, and what to do about it is the caller's. */
static enum vr_err open_state(struct vr_actor *actor, struct vr_why *why)
{
    enum vr_err err = VR_OK;

    if (!vr_actor_table_add(&actor->worker->open, actor)) {
        return vr_fail(why, VR_E_NO_MEMORY, "no room for one more open actor");
    }
    actor->phase = ACTOR_OPEN;
    actor->stopping = false;
    count_actors(actor->worker, actor->address.kind, 1);
    if (actor->class->open != NULL) {
        actor->running = true;
        err = actor->class->open(actor, actor->state, why);
        actor->running = false;
    }
    if (err != VR_OK) {
        vr_actor_shut(actor, is_elsewhere(err) ? VR_CLOSE_DONE : VR_CLOSE_FAILED);
    }
    return err;
}

static bool wake(struct vr_actor *actor)
{
    struct vr_why why = {0};
    enum vr_err err = open_state(actor, &why);

    if (is_elsewhere(err)) {
        vr_actor_refuse_waiting(actor, err);
    } else if (err != VR_OK) {
        why.code = err;
        vr_actor_failed(actor, &why);
    }
    return err == VR_OK;
}

/* After each piece of the actor's code: its failure, or its wish to end. */
static void settle(struct vr_actor *actor, enum vr_err err, struct vr_why *why)
{
    actor->running = false;
    if (err != VR_OK) {
        why->code = err;
        vr_actor_failed(actor, why);
    } else if (actor->stopping) {
        vr_actor_shut(actor, actor->reason);
    }
}

static void handle(struct vr_actor *actor, struct vr_msg *msg)
{
    struct vr_why why = {0};
    struct vr_address asker = msg->from;
    enum vr_err err;

    actor->running = true;
    COUNT_HERE(actor->worker, handled);
    err = actor->class->handle(actor, actor->state, msg, &why);
    if (err != VR_OK) {
        vr_ask_refuse(actor->worker->system, asker, VR_E_INTERNAL);
    }
    settle(actor, err, &why);
}

uint32_t vr_actor_turn(struct vr_actor *actor, uint32_t limit)
{
    uint32_t handled = 0;

    if (actor->phase == ACTOR_QUARANTINED) { /* sent before it was given up */
        vr_actor_refuse_waiting(actor, VR_E_INTERNAL);
    }
    while (handled < limit && !vr_list_empty(&actor->mailbox) &&
           (actor->phase == ACTOR_OPEN || (actor->phase == ACTOR_ASLEEP && wake(actor)))) {
        struct item *item = pop_message(actor);

        handle(actor, &item->msg);
        vr_mail_free(actor->worker, item);
        handled++;
    }
    if (vr_list_empty(&actor->mailbox)) {
        vr_actor_retire(actor);
    } else if (actor->phase != ACTOR_RESTARTING) {
        vr_worker_run_later(actor->worker, actor);
    }
    return handled;
}

/* What code outside of vr_actor_turn left: a sleeper with mail is opened in the next turn. */
static void look_after(struct vr_actor *actor)
{
    if (actor->phase == ACTOR_ASLEEP && !vr_list_empty(&actor->mailbox)) {
        vr_worker_run_later(actor->worker, actor);
    } else {
        vr_actor_retire(actor);
    }
}

void vr_actor_handle_media(struct vr_actor *actor, struct vr_msg *msg)
{
    handle(actor, msg);
    vr_msg_clear(msg);
    look_after(actor);
}

void vr_actor_on_timer(struct vr_timer *timer, vr_time_us now)
{
    struct vr_actor *actor = VR_OWNER(timer, struct vr_actor, timer);
    struct vr_why why = {0};
    enum vr_err err = VR_OK;

    (void)now;
    actor->running = true;
    if (actor->class->timer != NULL) {
        err = actor->class->timer(actor, actor->state, &why);
    }
    settle(actor, err, &why);
    look_after(actor);
}

void vr_actor_replied(struct vr_actor *actor, vr_actor_reply_fn reply, uint64_t tag,
                      enum vr_err err, struct vr_msg *answer)
{
    struct vr_why why = {0};

    actor->running = true;
    settle(actor, reply(actor, actor->state, tag, err, answer, &why), &why);
    look_after(actor);
}

void vr_actor_reopen(struct vr_actor *actor)
{
    if (wake(actor) && !vr_list_empty(&actor->mailbox)) {
        vr_worker_run_later(actor->worker, actor);
        return;
    }
    if (actor->phase == ACTOR_OPEN && actor->stopping) {
        vr_actor_shut(actor, actor->reason);
    }
    look_after(actor);
}

enum vr_err vr_actor_run(struct vr_worker *worker, const struct vr_address *address,
                         vr_actor_body_fn body, void *ctx, struct vr_why *why)
{
    uint64_t hash = vr_address_hash(worker->system, address);
    struct vr_actor *actor = vr_actor_table_find(&worker->open, hash, address);
    struct vr_why own = {0};
    enum vr_err err;

    if (actor == NULL) {
        return vr_fail(why, VR_E_NOT_FOUND, "no such actor is open on this worker");
    }
    vr_assert(!actor->running);
    actor->running = true;
    err = body(actor, actor->state, ctx, &own);
    if (err != VR_OK && why != NULL) {
        *why = own;
    }
    settle(actor, err, &own);
    look_after(actor);
    return err;
}

/* A sleeping actor that is to be opened here and now; NULL with `err` set. */
static struct vr_actor *claim_address(struct vr_worker *worker, const struct vr_actor_class *class,
                                      const struct vr_address *address, enum vr_err *err)
{
    uint64_t hash = vr_address_hash(worker->system, address);
    struct stripe *stripe = vr_actor_stripe(worker->system, hash);
    struct vr_actor *actor;

    pthread_mutex_lock(&stripe->lock);
    actor = vr_actor_table_find(&stripe->actors, hash, address);
    if (actor != NULL) {
        *err = VR_E_EXISTS;
        actor = NULL;
    } else {
        actor = vr_actor_insert(worker->system, class, address, hash, worker);
        *err = actor == NULL ? VR_E_NO_MEMORY : VR_OK;
    }
    pthread_mutex_unlock(&stripe->lock);
    return actor;
}

enum vr_err vr_actor_spawn(struct vr_worker *worker, const struct vr_actor_class *class,
                           const struct vr_address *address, void *seed, struct vr_why *why)
{
    enum vr_err err;
    struct vr_actor *actor;

    vr_assert(class->worker == worker->kind);
    vr_assert(vr_system_place(worker->system, worker->kind, address) == worker->index);
    if (__atomic_load_n(&worker->closed, __ATOMIC_RELAXED)) {
        return vr_fail(why, VR_E_GONE, "the worker has closed");
    }
    actor = claim_address(worker, class, address, &err);
    if (actor == NULL) {
        return vr_fail(why, err, "%s cannot be made: %s", class->name, vr_err_text(err));
    }
    actor->seed = seed;
    err = open_state(actor, why);
    actor->seed = NULL;
    if (err != VR_OK) {
        vr_actor_refuse_waiting(actor, err);
    } else if (actor->stopping) {
        vr_actor_shut(actor, actor->reason);
    }
    look_after(actor);
    return err;
}

void *vr_actor_seed(const struct vr_actor *actor)
{
    return actor->seed;
}

struct vr_system *vr_actor_system(const struct vr_actor *actor)
{
    return actor->worker->system;
}

struct vr_worker *vr_actor_worker(const struct vr_actor *actor)
{
    return actor->worker;
}

struct vr_address vr_actor_address(const struct vr_actor *actor)
{
    return actor->address;
}

vr_time_us vr_actor_now(const struct vr_actor *actor)
{
    return vr_worker_now(actor->worker);
}

void vr_actor_arm(struct vr_actor *actor, vr_time_us deadline)
{
    vr_timer_arm(actor->worker, &actor->timer, deadline);
}

void vr_actor_stop(struct vr_actor *actor, enum vr_close_reason reason)
{
    actor->stopping = true;
    actor->reason = reason;
}
