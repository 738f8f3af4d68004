/* Goal: a worker on its libuv loop: hooks are called in order on its thread, timers fire at their
 * time, messages from loop callbacks outside of a turn are taken up, and a stop ends everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <uv.h>

#include "actors/base/owner.h"
#include "actors/runtime/loop.h"

static struct probe {
    struct vr_worker *worker;
    pthread_t thread;
    char name[16];     /* as the kernel tells it */
    uv_timer_t ticker; /* a handle of ours beside the worker's */
    struct vr_timer timer;
    vr_time_us due;
    vr_time_us fired;
    uint32_t before_wait;
    bool closed;
    bool actor_closed_first;
    bool actor_closed;
    sem_t done;
    enum vr_err answer;
} probe;

static enum vr_err echo(struct vr_actor *actor, void *state, struct vr_msg *msg, struct vr_why *why)
{
    struct vr_msg answer = {.kind = VR_MSG_PONG};

    (void)state;
    (void)why;
    vr_reply(vr_actor_system(actor), msg, &answer);
    return VR_OK;
}

static void on_actor_close(struct vr_actor *actor, void *state, enum vr_close_reason reason)
{
    (void)actor;
    (void)state;
    probe.actor_closed = reason == VR_CLOSE_STOP;
}

static const struct vr_actor_class echo_class = {.kind = VR_ACTOR_ROOM,
                                                 .name = "echo",
                                                 .worker = VR_WORKER_CONTROL,
                                                 .handle = echo,
                                                 .close = on_actor_close};

static const struct vr_actor_class *classify(void *ctx, const struct vr_address *address)
{
    (void)ctx;
    return address->kind == VR_ACTOR_ROOM ? &echo_class : NULL;
}

static void on_answer(void *ctx, enum vr_err err, struct vr_msg *answer)
{
    (void)ctx;
    (void)answer;
    probe.answer = pthread_equal(probe.thread, pthread_self()) ? err : VR_E_INTERNAL;
    sem_post(&probe.done);
}

/* A callback of the loop, as of a socket: outside of any turn. */
static void on_tick(uv_timer_t *ticker)
{
    struct vr_msg msg = {.kind = VR_MSG_PING, .to = vr_room_address((struct vr_id){1, 1})};

    (void)ticker;
    vr_ask(probe.worker, &msg, VR_SECONDS(60), on_answer, NULL);
}

static void on_timer(struct vr_timer *timer, vr_time_us now)
{
    (void)timer;
    probe.fired = now;
    sem_post(&probe.done);
}

static enum vr_err opened(void *ctx, struct vr_worker *worker, struct uv_loop_s *loop,
                          struct vr_why *why)
{
    (void)ctx;
    (void)why;
    probe.worker = worker;
    probe.thread = pthread_self();
    pthread_getname_np(probe.thread, probe.name, sizeof(probe.name));
    uv_timer_init(loop, &probe.ticker);
    uv_timer_start(&probe.ticker, on_tick, 5, 0);
    probe.timer.fire = on_timer;
    probe.due = vr_worker_now(worker) + VR_MS(20);
    vr_timer_arm(worker, &probe.timer, probe.due);
    return VR_OK;
}

static void before_wait(void *ctx, vr_time_us now)
{
    (void)ctx;
    (void)now;
    probe.before_wait++;
}

static void closing(void *ctx)
{
    (void)ctx;
    probe.closed = pthread_equal(probe.thread, pthread_self()) != 0;
    probe.actor_closed_first = probe.actor_closed;
    uv_close((uv_handle_t *)&probe.ticker, NULL);
}

static void test_life_of_a_loop(void **state)
{
    struct vr_system_conf conf = {.clock = vr_clock_system(),
                                  .random = vr_random_system(),
                                  .node = 1,
                                  .control_workers = 1,
                                  .media_workers = 1,
                                  .classify = classify};
    struct vr_loop_hooks hooks = {opened, before_wait, closing, NULL};
    struct vr_system *system;
    struct vr_loop *loop;

    (void)state;
    memset(&probe, 0, sizeof(probe));
    sem_init(&probe.done, 0, 0);
    assert_int_equal(vr_system_new(&conf, &system), VR_OK);
    assert_int_equal(
        vr_loop_start(vr_system_worker(system, VR_WORKER_CONTROL, 0), &hooks, &loop, NULL), VR_OK);
    assert_non_null(probe.worker); /* `opened` has returned */
    sem_wait(&probe.done);         /* the answer and the timer, nothing else wakes this loop */
    sem_wait(&probe.done);
    vr_time_us lag = vr_loop_lag_take(loop);
    vr_loop_stop(loop);
    vr_loop_stop(loop);
    vr_loop_join(loop);
    assert_int_equal(probe.answer, VR_OK);
    assert_true(probe.fired >= probe.due); /* never early */
    assert_true(lag <= probe.fired - probe.due);
    assert_in_range(probe.before_wait, 3, 100); /* after each turn, and no spinning */
    assert_true(probe.closed);
    assert_string_equal(probe.name, "control-0");
    assert_true(probe.actor_closed_first);
    vr_system_free(system);
    sem_destroy(&probe.done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life_of_a_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
