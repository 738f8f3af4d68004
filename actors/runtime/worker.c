/* worker.c - one worker's turn: take in what came, run what is due, each actor a bounded share. */
#include "actors/base/owner.h"
#include "actors/runtime/internal.h"

#include <sched.h>
#include <stdlib.h>

/* Whose thread this is: lets a sender on the actor's own worker go past ring and wake. */
static _Thread_local struct vr_worker *current_worker;

struct vr_worker *vr_worker_current(void)
{
    return current_worker;
}

struct vr_worker *vr_worker_enter(struct vr_worker *worker)
{
    struct vr_worker *before = current_worker;

    current_worker = worker;
    return before;
}

static size_t or_else(size_t given, size_t otherwise)
{
    return given == 0 ? otherwise : given;
}

enum vr_err vr_worker_init(struct vr_worker *worker, struct vr_system *system,
                           enum vr_worker_kind kind, uint32_t index, uint32_t place)
{
    const struct vr_system_conf *conf = &system->conf;
    size_t media = or_else(conf->inbox_media_max, kind == VR_WORKER_MEDIA ? 4096 : 256);
    enum vr_err err;

    worker->system = system;
    worker->kind = kind;
    worker->index = index;
    worker->stamp = (vr_random_u64(conf->random) & ~(uint64_t)0xffff) | place;
    worker->open.which = BY_WORKER;
    vr_list_init(&worker->runnable);
    vr_list_init(&worker->replies);
    vr_list_init(&worker->failed);
    vr_list_init(&worker->spare);
    err = vr_ring_init(&worker->control, or_else(conf->inbox_control_max, INBOX_CONTROL_DEFAULT),
                       sizeof(struct item *));
    if (err == VR_OK) {
        err = vr_ring_init(&worker->media, media, sizeof(struct vr_msg));
    }
    return err;
}

struct item *vr_mail_new(struct vr_worker *current)
{
    struct vr_list *link = current == NULL ? NULL : vr_list_pop(&current->spare);

    if (link == NULL) {
        return malloc(sizeof(struct item));
    }
    current->spare_count--;
    return VR_OWNER(link, struct item, link);
}

void vr_mail_free(struct vr_worker *current, struct item *item)
{
    vr_msg_clear(&item->msg);
    if (current != NULL && current->spare_count < ITEMS_KEPT_MAX) {
        vr_list_push(&current->spare, &item->link);
        current->spare_count++;
    } else {
        free(item);
    }
}

/* Both sides exchange: either the turn that begins sees the message, or this sees the cleared flag.
 * A loop's own thread needs no wake: it turns before it waits, and looks at the flag once more
 * after that. */
void vr_worker_signal(struct vr_worker *worker)
{
    void (*wake)(void *ctx);

    if (__atomic_exchange_n(&worker->signalled, 1, __ATOMIC_ACQ_REL) != 0 ||
        current_worker == worker) {
        return;
    }
    __atomic_fetch_add(&worker->wakers, 1, __ATOMIC_SEQ_CST);
    wake = __atomic_load_n(&worker->wake, __ATOMIC_ACQUIRE);
    if (!__atomic_load_n(&worker->closed, __ATOMIC_SEQ_CST) && wake != NULL) {
        wake(worker->wake_ctx);
    }
    __atomic_fetch_sub(&worker->wakers, 1, __ATOMIC_RELEASE);
}

bool vr_worker_signalled(const struct vr_worker *worker)
{
    return __atomic_load_n(&worker->signalled, __ATOMIC_ACQUIRE) != 0;
}

void vr_worker_run_later(struct vr_worker *worker, struct vr_actor *actor)
{
    if (vr_list_empty(&actor->run_link)) {
        vr_list_push(&worker->runnable, &actor->run_link);
    }
    if (!worker->in_turn) {
        vr_worker_signal(worker);
    }
}

void vr_worker_accept(struct vr_worker *worker, struct item *item)
{
    struct vr_actor *actor = item->actor;
    uint32_t length;

    if (actor == NULL) {
        vr_list_push(&worker->replies, &item->link);
        if (!worker->in_turn) {
            vr_worker_signal(worker);
        }
        return;
    }
    vr_list_push(&actor->mailbox, &item->link);
    length = __atomic_load_n(&actor->waiting, __ATOMIC_RELAXED);
    if (length > __atomic_load_n(&worker->mailbox_length_max, __ATOMIC_RELAXED)) {
        __atomic_store_n(&worker->mailbox_length_max, length, __ATOMIC_RELAXED);
    }
    if (actor->phase != ACTOR_RESTARTING) {
        vr_worker_run_later(worker, actor);
    }
}

static void take_in(struct vr_worker *worker)
{
    size_t count = vr_ring_length(&worker->control);
    struct item *item;

    while (count-- > 0 && vr_ring_pop(&worker->control, &item)) {
        vr_worker_accept(worker, item);
    }
}

static void run_replies(struct vr_worker *worker)
{
    struct vr_list came;
    struct vr_list *link;

    vr_list_init(&came);
    while ((link = vr_list_pop(&worker->replies)) != NULL) {
        vr_list_push(&came, link); /* what these cause waits for the next turn */
    }
    while ((link = vr_list_pop(&came)) != NULL) {
        struct item *item = VR_OWNER(link, struct item, link);

        vr_ask_answered(worker, &item->msg);
        vr_mail_free(worker, item);
    }
}

/* Each actor that was runnable when the turn began gets its share once; `marker` stands behind
 * them. */
static void run_actors(struct vr_worker *worker)
{
    uint32_t share = worker->system->conf.turn_messages;
    uint32_t left = TURN_TOTAL;
    struct vr_list marker;

    vr_list_push(&worker->runnable, &marker);
    while (left > 0 && worker->runnable.next != &marker) {
        struct vr_list *link = vr_list_pop(&worker->runnable);
        struct vr_actor *actor = VR_OWNER(link, struct vr_actor, run_link);

        left -= vr_actor_turn(actor, share < left ? share : left);
    }
    vr_list_remove(&marker);
}

static void run_media(struct vr_worker *worker)
{
    size_t count = vr_ring_length(&worker->media);
    struct vr_msg msg;

    for (uint32_t i = 0; i < TURN_MEDIA && i < count && vr_ring_pop(&worker->media, &msg); i++) {
        uint64_t hash = vr_address_hash(worker->system, &msg.to);
        struct vr_actor *actor = vr_actor_table_find(&worker->open, hash, &msg.to);

        if (actor != NULL) {
            vr_actor_handle_media(actor, &msg);
        } else {
            COUNT_HERE(worker, undelivered);
            vr_msg_clear(&msg);
        }
    }
}

static vr_time_us next_turn(struct vr_worker *worker)
{
    vr_time_us timer = vr_timers_next(worker);

    if (!vr_list_empty(&worker->runnable) || !vr_list_empty(&worker->replies) ||
        !vr_list_empty(&worker->failed) || vr_ring_length(&worker->control) > 0 ||
        vr_ring_length(&worker->media) > 0 || timer < worker->now) {
        return worker->now;
    }
    return timer;
}

vr_time_us vr_worker_turn(struct vr_worker *worker, vr_time_us now)
{
    struct vr_worker *before = vr_worker_enter(worker);
    vr_time_us next;

    worker->now = now > worker->now ? now : worker->now;
    worker->in_turn = true;
    __atomic_exchange_n(&worker->signalled, 0, __ATOMIC_ACQ_REL);
    take_in(worker);
    run_replies(worker);
    vr_ask_run_failed(worker);
    vr_timers_run(worker, worker->now, TURN_TIMERS);
    run_actors(worker); /* before the media: a gate that closes shall stop packets behind it */
    run_media(worker);
    worker->in_turn = false;
    next = next_turn(worker);
    vr_worker_enter(before);
    return next;
}

static void drop_all(struct vr_worker *worker)
{
    struct item *item;
    struct vr_list *link;
    struct vr_msg msg;

    while (vr_ring_pop(&worker->control, &item)) {
        vr_ask_refuse(worker->system, item->actor == NULL ? (struct vr_address){0} : item->msg.from,
                      VR_E_GONE);
        if (item->actor != NULL) {
            __atomic_fetch_sub(&item->actor->waiting, 1, __ATOMIC_RELAXED);
        }
        vr_mail_free(NULL, item);
    }
    while ((link = vr_list_pop(&worker->replies)) != NULL) {
        vr_mail_free(NULL, VR_OWNER(link, struct item, link));
    }
    while (vr_ring_pop(&worker->media, &msg)) {
        vr_msg_clear(&msg);
    }
}

void vr_worker_close(struct vr_worker *worker)
{
    struct vr_worker *before = vr_worker_enter(worker);
    struct vr_actor *actor;
    size_t from = 0;

    worker->now = vr_worker_now(worker);
    worker->in_turn = true; /* one time for all that still runs, and no wake */
    __atomic_store_n(&worker->closed, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&worker->wakers, __ATOMIC_ACQUIRE) != 0) {
        sched_yield(); /* somebody is inside the wake function, which goes away after this */
    }
    while ((actor = vr_actor_table_any(&worker->open, &from)) != NULL) {
        vr_actor_shut(actor, VR_CLOSE_STOP);
        vr_actor_refuse_waiting(actor, VR_E_GONE);
    }
    drop_all(worker);
    vr_ask_close(worker);
    worker->in_turn = false;
    vr_worker_enter(before);
}

void vr_worker_deinit(struct vr_worker *worker)
{
    struct vr_list *link;

    if (worker->system == NULL) {
        return;
    }
    drop_all(worker); /* what was on its way while it closed */
    while ((link = vr_list_pop(&worker->spare)) != NULL) {
        free(VR_OWNER(link, struct item, link));
    }
    vr_ring_deinit(&worker->control);
    vr_ring_deinit(&worker->media);
    free(worker->open.buckets);
    free(worker->heap);
}

vr_time_us vr_worker_now(struct vr_worker *worker)
{
    const struct vr_clock *clock = worker->system->conf.clock;
    vr_time_us now;

    if (worker->in_turn) {
        return worker->now;
    }
    now = clock->now(clock->ctx);
    return now > worker->now ? now : worker->now;
}

vr_time_us vr_worker_lag_take(struct vr_worker *worker)
{
    return __atomic_exchange_n(&worker->lag_max, 0, __ATOMIC_RELAXED);
}
