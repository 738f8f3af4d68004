/* loop.c - a worker on a libuv loop and thread of its own.
 *
 * One pass of the loop: due uv timers, idle, PREPARE (a turn, then `before_wait`), poll, the
 * callbacks of sockets. What those callbacks send is taken up by the next pass, before it waits,
 * without a system call; an async wakes it for what other threads send. libuv runs the prepare
 * handle that was started last first: ours is started before those of the hooks, so that nothing is
 * sent between it and the poll. */
#include "actors/runtime/loop.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "actors/base/log.h"
#include "actors/runtime/internal.h"

#define SIGN_OF_LIFE VR_SECONDS(1)

struct vr_loop {
    struct vr_worker *worker;
    struct vr_loop_hooks hooks;
    uv_thread_t thread;
    uv_loop_t uv;
    uv_async_t wake;
    uv_timer_t timer;
    uv_idle_t idle; /* running: do not wait, work is left */
    uv_prepare_t prepare;
    uv_sem_t started;
    enum vr_err err; /* of `opened`; read after `started` */
    struct vr_why why;
    uint32_t stop;     /* atomic */
    vr_time_us ticked; /* atomic */
    bool closing;
};

static void wake_loop(void *ctx)
{
    struct vr_loop *loop = ctx;

    uv_async_send(&loop->wake);
}

static void close_handles(struct vr_loop *loop)
{
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->timer, NULL);
    uv_close((uv_handle_t *)&loop->idle, NULL);
    uv_close((uv_handle_t *)&loop->prepare, NULL);
}

/* Actors first: they still may speak to what lives beside them on this loop. */
static void begin_close(struct vr_loop *loop)
{
    loop->closing = true;
    vr_worker_close(loop->worker);
    if (loop->hooks.closing != NULL) {
        loop->hooks.closing(loop->hooks.ctx);
    }
    close_handles(loop);
}

static void on_wake(uv_async_t *wake)
{
    struct vr_loop *loop = wake->data;

    if (__atomic_load_n(&loop->stop, __ATOMIC_ACQUIRE) && !loop->closing) {
        begin_close(loop);
    }
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* its being there keeps the poll from waiting */
}

static void on_timer(uv_timer_t *timer)
{
    (void)timer; /* ends the poll; the turn itself is run by on_prepare */
}

static vr_time_us read_clock(const struct vr_loop *loop)
{
    const struct vr_clock *clock = vr_system_clock(vr_worker_system(loop->worker));

    return clock->now(clock->ctx);
}

/* uv counts in whole milliseconds from the loop's time, which is itself rounded down: round up. */
static void wait_until(struct vr_loop *loop, vr_time_us next, vr_time_us now)
{
    uv_idle_stop(&loop->idle);
    if (next > now + SIGN_OF_LIFE) {
        next = now + SIGN_OF_LIFE;
    }
    if (next <= now) {
        uv_timer_stop(&loop->timer);
        uv_idle_start(&loop->idle, on_idle);
    } else {
        uv_update_time(&loop->uv);
        uv_timer_start(&loop->timer, on_timer, (uint64_t)((next - now + 999) / 1000), 0);
    }
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct vr_loop *loop = prepare->data;
    vr_time_us now = read_clock(loop);
    vr_time_us next;

    __atomic_store_n(&loop->ticked, now, __ATOMIC_RELAXED);
    next = vr_worker_turn(loop->worker, now);
    if (loop->hooks.before_wait != NULL) {
        loop->hooks.before_wait(loop->hooks.ctx, now);
    }
    now = read_clock(loop);
    wait_until(loop, vr_worker_signalled(loop->worker) ? now : next, now);
}

static enum vr_err open_handles(struct vr_loop *loop)
{
    if (uv_async_init(&loop->uv, &loop->wake, on_wake) != 0) {
        return vr_fail(&loop->why, VR_E_INTERNAL, "no wake-up descriptor for a worker's loop");
    }
    uv_timer_init(&loop->uv, &loop->timer);
    uv_idle_init(&loop->uv, &loop->idle);
    uv_prepare_init(&loop->uv, &loop->prepare);
    loop->wake.data = loop;
    loop->timer.data = loop;
    loop->idle.data = loop;
    loop->prepare.data = loop;
    vr_worker_set_wake(loop->worker, wake_loop, loop);
    return VR_OK;
}

static enum vr_err start_on_thread(struct vr_loop *loop)
{
    enum vr_err err = VR_OK;

    uv_prepare_start(&loop->prepare, on_prepare);
    if (loop->hooks.opened != NULL) {
        err = loop->hooks.opened(loop->hooks.ctx, loop->worker, &loop->uv, &loop->why);
    }
    if (err != VR_OK) {
        vr_worker_close(loop->worker);
        close_handles(loop);
    }
    return err;
}

/* What `top -H` and the bench tell the workers by; the kernel keeps 15 bytes. */
static void name_thread(const struct vr_worker *worker)
{
    static const char *const kinds[] = {
        [VR_WORKER_CONTROL] = "control",
        [VR_WORKER_MEDIA] = "media",
        [VR_WORKER_CLUSTER] = "cluster",
    };
    char name[16];

    snprintf(name, sizeof(name), "%s-%u", kinds[worker->kind], worker->index);
    pthread_setname_np(pthread_self(), name);
}

static void run_thread(void *arg)
{
    struct vr_loop *loop = arg;

    name_thread(loop->worker);
    vr_worker_enter(loop->worker);
    loop->err = start_on_thread(loop);
    uv_sem_post(&loop->started);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    vr_worker_enter(NULL);
}

static void free_loop(struct vr_loop *loop)
{
    vr_worker_set_wake(loop->worker, NULL, NULL);
    if (uv_loop_close(&loop->uv) != 0) {
        vr_log(VR_LOG_ERROR, "a worker's loop ended with handles open");
    }
    uv_sem_destroy(&loop->started);
    free(loop);
}

/* What did not get as far as a thread. */
static enum vr_err give_up_start(struct vr_loop *loop, struct vr_why *why)
{
    enum vr_err err = loop->why.code;

    if (why != NULL) {
        *why = loop->why;
    }
    uv_run(&loop->uv, UV_RUN_DEFAULT); /* the closing of handles */
    free_loop(loop);
    return err;
}

enum vr_err vr_loop_start(struct vr_worker *worker, const struct vr_loop_hooks *hooks,
                          struct vr_loop **out, struct vr_why *why)
{
    struct vr_loop *loop = calloc(1, sizeof(*loop));

    *out = NULL;
    if (loop == NULL || uv_loop_init(&loop->uv) != 0) {
        free(loop);
        return vr_fail(why, VR_E_NO_MEMORY, "no loop for a worker");
    }
    loop->worker = worker;
    if (hooks != NULL) {
        loop->hooks = *hooks;
    }
    uv_sem_init(&loop->started, 0);
    if (open_handles(loop) != VR_OK) {
        return give_up_start(loop, why);
    }
    if (uv_thread_create(&loop->thread, run_thread, loop) != 0) {
        vr_worker_close(worker);
        close_handles(loop);
        vr_fail(&loop->why, VR_E_INTERNAL, "no thread for a worker");
        return give_up_start(loop, why);
    }
    uv_sem_wait(&loop->started);
    if (loop->err != VR_OK) {
        loop->why.code = loop->err;
        uv_thread_join(&loop->thread);
        return give_up_start(loop, why);
    }
    *out = loop;
    return VR_OK;
}

void vr_loop_stop(struct vr_loop *loop)
{
    if (__atomic_exchange_n(&loop->stop, 1, __ATOMIC_ACQ_REL) == 0) {
        uv_async_send(&loop->wake);
    }
}

void vr_loop_join(struct vr_loop *loop)
{
    uv_thread_join(&loop->thread);
    free_loop(loop);
}

vr_time_us vr_loop_lag_take(struct vr_loop *loop)
{
    return vr_worker_lag_take(loop->worker);
}

vr_time_us vr_loop_ticked(const struct vr_loop *loop)
{
    return __atomic_load_n(&loop->ticked, __ATOMIC_RELAXED);
}
