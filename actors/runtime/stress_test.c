/* Goal: with workers on real threads nothing is lost, doubled or reordered, and every wake arrives.
 * Run under TSan as well. It waits for counts, never for time; ctest's limit ends it should a wake
 * be lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#include "actors/base/log.h"
#include "actors/runtime/loop.h"

#define CONTROL 2
#define MEDIA 2
#define PAIRS 24
#define ROUNDS 1000
#define SINK 1000 /* room that everybody sends to */
#define FAN_IN 3000
#define SPEECH 20000

static struct vr_system *node_system;
static struct vr_loop *loops[CONTROL + MEDIA];
static sem_t done;
static uint64_t sink_count;    /* atomic */
static uint64_t relay_count;   /* atomic */
static uint64_t refused_count; /* atomic */
static uint64_t sleeper_sum;   /* atomic */

static uint64_t count_of(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

struct player {
    uint64_t last; /* of the partner's numbers */
};

static enum vr_err room_handle(struct vr_actor *actor, void *state, struct vr_msg *msg,
                               struct vr_why *why)
{
    struct player *self = state;
    struct vr_address me = vr_actor_address(actor);

    if (msg->from.kind == VR_ACTOR_ASK) {
        struct vr_msg answer = {.kind = VR_MSG_PONG, .as.number = msg->as.number + 1};
        vr_reply(vr_actor_system(actor), msg, &answer);
        return VR_OK;
    }
    if (me.id.lo == SINK) {
        __atomic_fetch_add(&sink_count, 1, __ATOMIC_RELAXED);
        return VR_OK;
    }
    if (msg->as.number != self->last + 1) {
        return vr_fail(why, VR_E_INTERNAL, "out of order");
    }
    self->last = msg->as.number;
    if (self->last == ROUNDS) {
        sem_post(&done);
    }
    struct vr_msg next = {
        .kind = VR_MSG_PING, .to = msg->from, .from = me, .as.number = msg->as.number};
    if (me.id.lo % 2 == 1) {
        next.as.number++; /* the odd one counts up */
    }
    if (next.as.number <= ROUNDS) {
        vr_system_post(vr_actor_system(actor), &next);
    }
    return VR_OK;
}

static enum vr_err shard_handle(struct vr_actor *actor, void *state, struct vr_msg *msg,
                                struct vr_why *why)
{
    (void)actor;
    (void)state;
    (void)why;
    if (msg->kind == VR_MSG_RELAY) {
        __atomic_fetch_add(&relay_count, 1, __ATOMIC_RELAXED);
    }
    return VR_OK;
}

/* Goes to sleep after each message: senders and the closing actor race all the time. */
static enum vr_err sleeper_handle(struct vr_actor *actor, void *state, struct vr_msg *msg,
                                  struct vr_why *why)
{
    (void)state;
    (void)why;
    __atomic_fetch_add(&sleeper_sum, msg->as.number, __ATOMIC_RELAXED);
    vr_actor_stop(actor, VR_CLOSE_IDLE);
    return VR_OK;
}

static const struct vr_actor_class classes[] = {
    {.kind = VR_ACTOR_ROOM,
     .name = "room",
     .state_size = sizeof(struct player),
     .worker = VR_WORKER_CONTROL,
     .handle = room_handle,
     .mailbox_max = 5000},
    {.kind = VR_ACTOR_SHARD, .name = "shard", .worker = VR_WORKER_MEDIA, .handle = shard_handle},
    {.kind = VR_ACTOR_SESSION,
     .name = "sleeper",
     .state_size = 64,
     .worker = VR_WORKER_CONTROL,
     .handle = sleeper_handle},
};

static const struct vr_actor_class *classify(void *ctx, const struct vr_address *address)
{
    (void)ctx;
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (classes[i].kind == address->kind) {
            return &classes[i];
        }
    }
    return NULL;
}

static int start_node(const struct vr_loop_hooks *control_hooks)
{
    struct vr_system_conf conf = {
        .clock = vr_clock_system(),
        .random = vr_random_system(),
        .node = 1,
        .control_workers = CONTROL,
        .media_workers = MEDIA,
        .classify = classify,
        .inbox_media_max = 64,
    };

    vr_log_set_level(VR_LOG_OFF);
    sem_init(&done, 0, 0);
    if (vr_system_new(&conf, &node_system) != VR_OK) {
        return -1;
    }
    for (uint32_t i = 0; i < CONTROL + MEDIA; i++) {
        bool control = i < CONTROL;
        struct vr_worker *worker =
            control ? vr_system_worker(node_system, VR_WORKER_CONTROL, i)
                    : vr_system_worker(node_system, VR_WORKER_MEDIA, i - CONTROL);
        if (vr_loop_start(worker, control ? control_hooks : NULL, &loops[i], NULL) != VR_OK) {
            return -1;
        }
    }
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    return start_node(NULL);
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < CONTROL + MEDIA; i++) {
        vr_loop_stop(loops[i]);
    }
    for (int i = 0; i < CONTROL + MEDIA; i++) {
        vr_loop_join(loops[i]);
    }
    vr_system_free(node_system);
    sem_destroy(&done);
    return 0;
}

static void send_patiently(struct vr_msg *msg)
{
    for (;;) {
        enum vr_err err = vr_system_send(node_system, msg);

        if (err == VR_OK) {
            return;
        }
        assert_int_equal(err, VR_E_BUSY);
        __atomic_fetch_add(&refused_count, 1, __ATOMIC_RELAXED);
        sched_yield();
    }
}

static struct vr_address room(uint64_t number)
{
    return vr_room_address((struct vr_id){7, number});
}

static void test_ping_pong(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < PAIRS; i++) {
        struct vr_msg msg = {
            .kind = VR_MSG_PING, .to = room(2 * i), .from = room(2 * i + 1), .as.number = 1};
        send_patiently(&msg);
    }
    for (int i = 0; i < 2 * PAIRS; i++) {
        sem_wait(&done); /* each player has seen ROUNDS, in order */
    }
    struct vr_runtime_stats stats;
    vr_system_stats(node_system, &stats);
    assert_int_equal(stats.handled, 2 * PAIRS * ROUNDS);
    assert_int_equal(stats.restarts, 0);
    assert_int_equal(stats.actors[VR_ACTOR_ROOM], 2 * PAIRS);
}

static void *fan_in(void *arg)
{
    (void)arg;
    for (int i = 0; i < FAN_IN; i++) {
        struct vr_msg msg = {.kind = VR_MSG_PING, .to = room(SINK)};
        send_patiently(&msg);
    }
    return NULL;
}

static void test_fan_in(void **state)
{
    pthread_t threads[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, fan_in, NULL);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    while (count_of(&sink_count) < (uint64_t)3 * FAN_IN) {
        sched_yield();
    }
    assert_int_equal(count_of(&sink_count), 3 * FAN_IN);
}

static void *fan_sleepers(void *arg)
{
    (void)arg;
    for (uint64_t i = 1; i <= FAN_IN; i++) {
        struct vr_msg msg = {.kind = VR_MSG_PING,
                             .to = vr_session_address((struct vr_id){3, i % 5}),
                             .as.number = i};
        send_patiently(&msg);
    }
    return NULL;
}

static void test_sleepers_lose_nothing(void **state)
{
    const uint64_t all = 2 * (uint64_t)FAN_IN * (FAN_IN + 1) / 2;
    pthread_t threads[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, fan_sleepers, NULL);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    while (count_of(&sleeper_sum) < all) {
        sched_yield();
    }
    assert_int_equal(count_of(&sleeper_sum), all);
}

static void *speak(void *arg)
{
    const uint32_t *shard = arg;

    for (int i = 0; i < SPEECH; i++) {
        struct vr_msg msg = {.kind = VR_MSG_RELAY,
                             .to = vr_shard_address((struct vr_id){7, 1}, *shard)};
        msg.as.relay = vr_relay_new();
        assert_int_equal(vr_system_send(node_system, &msg), VR_OK);
    }
    return NULL;
}

static void test_speech_counts_add_up(void **state)
{
    uint32_t shards[MEDIA] = {0, 1};
    pthread_t threads[2 * MEDIA];
    struct vr_runtime_stats stats;

    (void)state;
    for (uint32_t i = 0; i < MEDIA; i++) {
        struct vr_msg hello = {.kind = VR_MSG_PING,
                               .to = vr_shard_address((struct vr_id){7, 1}, i)};
        send_patiently(&hello);
    }
    for (int i = 0; i < 2 * MEDIA; i++) {
        pthread_create(&threads[i], NULL, speak, &shards[i % MEDIA]);
    }
    for (int i = 0; i < 2 * MEDIA; i++) {
        pthread_join(threads[i], NULL);
    }
    do {
        sched_yield();
        vr_system_stats(node_system, &stats);
    } while (count_of(&relay_count) + stats.dropped_media + stats.undelivered <
             (uint64_t)2 * MEDIA * SPEECH);
    assert_int_equal(count_of(&relay_count) + stats.dropped_media + stats.undelivered,
                     2 * MEDIA * SPEECH);
}

/* ---- asks from a loop's own callbacks, outside of any turn ---- */

struct asker {
    struct vr_worker *worker;
    uint64_t left;
};

static struct asker askers[CONTROL];

static void on_answer(void *ctx, enum vr_err err, struct vr_msg *answer);

static void ask_again(struct asker *asker)
{
    struct vr_msg msg = {
        .kind = VR_MSG_PING, .to = room(2000 + asker->left % 7), .as.number = asker->left};

    vr_ask(asker->worker, &msg, VR_SECONDS(100), on_answer, asker);
}

static void on_answer(void *ctx, enum vr_err err, struct vr_msg *answer)
{
    struct asker *asker = ctx;

    if (err != VR_OK || answer->as.number != asker->left + 1) {
        return; /* `done` never comes: the test's limit shows it */
    }
    if (--asker->left == 0) {
        sem_post(&done);
    } else {
        ask_again(asker);
    }
}

static enum vr_err ask_when_opened(void *ctx, struct vr_worker *worker, struct uv_loop_s *uv,
                                   struct vr_why *why)
{
    struct asker *asker = &askers[vr_worker_index(worker)];

    (void)ctx;
    (void)uv;
    (void)why;
    *asker = (struct asker){worker, 500};
    ask_again(asker);
    return VR_OK;
}

static int set_up_askers(void **state)
{
    (void)state;
    return start_node(&(struct vr_loop_hooks){.opened = ask_when_opened});
}

static void test_asks_across_workers(void **state)
{
    struct vr_runtime_stats stats;

    (void)state;
    for (int i = 0; i < CONTROL; i++) {
        sem_wait(&done);
    }
    vr_system_stats(node_system, &stats);
    assert_int_equal(stats.handled, CONTROL * 500);
    assert_int_equal(stats.asks_timed_out + stats.late_replies, 0);
}

static enum vr_err refuse_to_open(void *ctx, struct vr_worker *worker, struct uv_loop_s *uv,
                                  struct vr_why *why)
{
    (void)ctx;
    (void)worker;
    (void)uv;
    return vr_fail(why, VR_E_CONFLICT, "the port is taken");
}

static void test_failed_start_says_why(void **state)
{
    struct vr_system_conf conf = {.clock = vr_clock_system(),
                                  .random = vr_random_system(),
                                  .node = 1,
                                  .control_workers = 1,
                                  .media_workers = 1};
    struct vr_loop_hooks hooks = {.opened = refuse_to_open};
    struct vr_system *system;
    struct vr_loop *loop;
    struct vr_why why = {0};

    (void)state;
    assert_int_equal(vr_system_new(&conf, &system), VR_OK);
    assert_int_equal(
        vr_loop_start(vr_system_worker(system, VR_WORKER_MEDIA, 0), &hooks, &loop, &why),
        VR_E_CONFLICT);
    assert_string_equal(why.text, "the port is taken");
    assert_null(loop);
    vr_system_free(system);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ping_pong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_fan_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sleepers_lose_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_speech_counts_add_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_asks_across_workers, set_up_askers, tear_down),
        cmocka_unit_test(test_failed_start_says_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
