/* runtime_bench - messages per second: on one worker, between two workers, and speech between two.
 *
 *     runtime_bench [seconds per figure, default 1]
 *
 * Prints one line per figure. Needs two cores of its own for the figures between workers. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "actors/runtime/loop.h"

struct bench {
    struct vr_system *system;
    struct vr_loop *loops[4];
    uint64_t stop; /* atomic: players let the ball drop */
};

static enum vr_err play(struct vr_actor *actor, void *state, struct vr_msg *msg, struct vr_why *why)
{
    struct bench *bench = vr_system_context(vr_actor_system(actor));
    struct vr_msg back = {
        .kind = VR_MSG_PING, .to = msg->from, .from = msg->to, .as.number = msg->as.number + 1};

    (void)state;
    (void)why;
    if (!__atomic_load_n(&bench->stop, __ATOMIC_RELAXED)) {
        vr_system_post(vr_actor_system(actor), &back);
    }
    return VR_OK;
}

/* Speech goes round: the packet itself is passed on, as a shard does. */
static enum vr_err pass_on(struct vr_actor *actor, void *state, struct vr_msg *msg,
                           struct vr_why *why)
{
    struct bench *bench = vr_system_context(vr_actor_system(actor));
    struct vr_msg next = *msg;

    (void)state;
    (void)why;
    if (msg->kind != VR_MSG_RELAY || __atomic_load_n(&bench->stop, __ATOMIC_RELAXED)) {
        return VR_OK;
    }
    next.to.sub = msg->to.sub ^ 1;
    msg->as.relay = NULL;
    vr_system_post(vr_actor_system(actor), &next);
    return VR_OK;
}

static const struct vr_actor_class room_class = {
    .kind = VR_ACTOR_ROOM, .name = "player", .worker = VR_WORKER_CONTROL, .handle = play};
static const struct vr_actor_class shard_class = {
    .kind = VR_ACTOR_SHARD, .name = "shard", .worker = VR_WORKER_MEDIA, .handle = pass_on};

static const struct vr_actor_class *classify(void *ctx, const struct vr_address *address)
{
    (void)ctx;
    return address->kind == VR_ACTOR_ROOM    ? &room_class
           : address->kind == VR_ACTOR_SHARD ? &shard_class
                                             : NULL;
}

static uint32_t place(void *ctx, const struct vr_address *address)
{
    (void)ctx;
    return address->kind == VR_ACTOR_SHARD ? address->sub : (uint32_t)address->id.lo;
}

static bool open_bench(struct bench *bench, uint32_t control_workers)
{
    struct vr_system_conf conf = {
        .clock = vr_clock_system(),
        .random = vr_random_system(),
        .node = 1,
        .control_workers = control_workers,
        .media_workers = 2,
        .classify = classify,
        .place = place,
        .node_context = bench,
    };

    *bench = (struct bench){0};
    if (vr_system_new(&conf, &bench->system) != VR_OK) {
        return false;
    }
    for (uint32_t i = 0; i < control_workers + 2; i++) {
        bool control = i < control_workers;
        struct vr_worker *worker =
            vr_system_worker(bench->system, control ? VR_WORKER_CONTROL : VR_WORKER_MEDIA,
                             control ? i : i - control_workers);
        if (vr_loop_start(worker, NULL, &bench->loops[i], NULL) != VR_OK) {
            return false;
        }
    }
    return true;
}

static void close_bench(struct bench *bench)
{
    __atomic_store_n(&bench->stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 4 && bench->loops[i] != NULL; i++) {
        vr_loop_stop(bench->loops[i]);
    }
    for (int i = 0; i < 4 && bench->loops[i] != NULL; i++) {
        vr_loop_join(bench->loops[i]);
    }
    vr_system_free(bench->system);
}

static vr_time_us now(void)
{
    return vr_clock_system()->now(NULL);
}

static uint64_t handled(const struct bench *bench)
{
    struct vr_runtime_stats stats;

    vr_system_stats(bench->system, &stats);
    return stats.handled;
}

static void nap(vr_time_us time)
{
    struct timespec ts = {time / 1000000, time % 1000000 * 1000};

    nanosleep(&ts, NULL);
}

static void measure(struct bench *bench, const char *what, double seconds)
{
    uint64_t before;
    vr_time_us start;

    nap(VR_MS(100)); /* under way */
    before = handled(bench);
    start = now();
    nap((vr_time_us)(seconds * 1e6));
    printf("%-46s %11.0f messages/s\n", what,
           (double)(handled(bench) - before) * 1e6 / (double)(now() - start));
    fflush(stdout);
}

static void bench_rooms(const char *what, uint32_t workers, uint64_t balls, double seconds)
{
    struct bench bench;

    if (!open_bench(&bench, workers)) {
        return;
    }
    for (uint64_t i = 0; i < balls; i++) { /* room 2i is on worker 0, room 2i + 1 on worker 1 */
        struct vr_msg msg = {.kind = VR_MSG_PING,
                             .to = vr_room_address((struct vr_id){9, 2 * i}),
                             .from = vr_room_address((struct vr_id){9, 2 * i + 1})};
        vr_system_post(bench.system, &msg);
    }
    measure(&bench, what, seconds);
    close_bench(&bench);
}

static void bench_speech(double seconds)
{
    struct bench bench;
    struct vr_id room = {9, 1};

    if (!open_bench(&bench, 1)) {
        return;
    }
    for (uint32_t i = 0; i < 2; i++) {
        struct vr_msg hello = {.kind = VR_MSG_PING, .to = vr_shard_address(room, i)};
        vr_system_post(bench.system, &hello);
    }
    while (handled(&bench) < 2) {
        sched_yield();
    }
    for (uint32_t i = 0; i < 500; i++) {
        struct vr_msg msg = {.kind = VR_MSG_RELAY, .to = vr_shard_address(room, i % 2)};
        msg.as.relay = vr_relay_new();
        vr_system_post(bench.system, &msg);
    }
    measure(&bench, "speech between two workers, 500 packets", seconds);
    close_bench(&bench);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 1.0;

    bench_rooms("one worker, 100 pairs of actors", 1, 100, seconds);
    bench_rooms("one worker, 1 pair (a turn for each message)", 1, 1, seconds);
    bench_rooms("between two workers, 100 pairs, both together", 2, 100, seconds);
    bench_rooms("between two workers, 1 pair (a wake each)", 2, 1, seconds);
    bench_speech(seconds);
    return 0;
}
