/* timer.c - a binary heap of armed timers per worker, earliest first. */
#include "actors/base/assert.h"
#include "actors/runtime/internal.h"

#include <stdlib.h>

#define LAG_WINDOW VR_MS(50)

static void put(struct vr_worker *worker, size_t place, struct vr_timer *timer)
{
    worker->heap[place] = timer;
    timer->heap_index = place + 1;
}

static void sift_up(struct vr_worker *worker, size_t place, struct vr_timer *timer)
{
    while (place > 0) {
        size_t parent = (place - 1) / 2;

        if (worker->heap[parent]->deadline <= timer->deadline) {
            break;
        }
        put(worker, place, worker->heap[parent]);
        place = parent;
    }
    put(worker, place, timer);
}

static void sift_down(struct vr_worker *worker, size_t place, struct vr_timer *timer)
{
    for (;;) {
        size_t child = place * 2 + 1;

        if (child >= worker->heap_size) {
            break;
        }
        if (child + 1 < worker->heap_size &&
            worker->heap[child + 1]->deadline < worker->heap[child]->deadline) {
            child++;
        }
        if (timer->deadline <= worker->heap[child]->deadline) {
            break;
        }
        put(worker, place, worker->heap[child]);
        place = child;
    }
    put(worker, place, timer);
}

static void settle(struct vr_worker *worker, size_t place, struct vr_timer *timer)
{
    if (place > 0 && worker->heap[(place - 1) / 2]->deadline > timer->deadline) {
        sift_up(worker, place, timer);
    } else {
        sift_down(worker, place, timer);
    }
}

void vr_timer_disarm(struct vr_worker *worker, struct vr_timer *timer)
{
    size_t place = timer->heap_index;

    if (place-- == 0) {
        return;
    }
    vr_assert(place < worker->heap_size && worker->heap[place] == timer);
    timer->heap_index = 0;
    worker->heap_size--;
    if (place < worker->heap_size) {
        settle(worker, place, worker->heap[worker->heap_size]);
    }
}

void vr_timer_arm(struct vr_worker *worker, struct vr_timer *timer, vr_time_us deadline)
{
    if (deadline == VR_NEVER) {
        vr_timer_disarm(worker, timer);
        timer->deadline = deadline;
        return;
    }
    timer->deadline = deadline;
    if (timer->heap_index != 0) {
        settle(worker, timer->heap_index - 1, timer);
    } else {
        if (worker->heap_size == worker->heap_capacity) {
            size_t capacity = worker->heap_capacity == 0 ? 64 : worker->heap_capacity * 2;
            struct vr_timer **heap = realloc(worker->heap, capacity * sizeof(struct vr_timer *));

            vr_assert(heap != NULL); /* a worker that forgets a timer is a confused one */
            worker->heap = heap;
            worker->heap_capacity = capacity;
        }
        sift_up(worker, worker->heap_size++, timer);
    }
    if (!worker->in_turn && worker->heap[0] == timer) {
        vr_worker_signal(worker); /* the loop sleeps until a later deadline */
    }
}

static void keep_larger(vr_time_us *kept, vr_time_us lag)
{
    if (lag > __atomic_load_n(kept, __ATOMIC_RELAXED)) {
        __atomic_store_n(kept, lag, __ATOMIC_RELAXED);
    }
}

/** Another thread may read while a window ends: it then misses a window or sees one twice. */
void vr_worker_note_lag(struct vr_worker *worker, vr_time_us lag, vr_time_us now)
{
    vr_time_us began = worker->lag_recent.began;

    if (now - began >= LAG_WINDOW) {
        vr_time_us earlier = now - began < 2 * LAG_WINDOW ? worker->lag_recent.worst : 0;

        __atomic_store_n(&worker->lag_recent.earlier, earlier, __ATOMIC_RELAXED);
        __atomic_store_n(&worker->lag_recent.worst, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&worker->lag_recent.began, now, __ATOMIC_RELAXED);
    }
    keep_larger(&worker->lag_recent.worst, lag);
    keep_larger(&worker->lag_max, lag);
}

vr_time_us vr_worker_lag_recent(const struct vr_worker *worker, vr_time_us now)
{
    vr_time_us since = now - __atomic_load_n(&worker->lag_recent.began, __ATOMIC_RELAXED);
    vr_time_us worst = __atomic_load_n(&worker->lag_recent.worst, __ATOMIC_RELAXED);
    vr_time_us earlier = __atomic_load_n(&worker->lag_recent.earlier, __ATOMIC_RELAXED);

    if (since >= 2 * LAG_WINDOW) {
        return 0;
    }
    return since < LAG_WINDOW && earlier > worst ? earlier : worst;
}

void vr_timers_run(struct vr_worker *worker, vr_time_us now, uint32_t limit)
{
    while (limit-- > 0 && worker->heap_size > 0 && worker->heap[0]->deadline <= now) {
        struct vr_timer *timer = worker->heap[0];

        vr_worker_note_lag(worker, now - timer->deadline, now);
        vr_timer_disarm(worker, timer);
        timer->fire(timer, now);
    }
}

vr_time_us vr_timers_next(const struct vr_worker *worker)
{
    return worker->heap_size == 0 ? VR_NEVER : worker->heap[0]->deadline;
}
