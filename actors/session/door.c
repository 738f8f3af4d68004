/* door.c - measures how late this worker is while people come in, and asks admission.c about each.
 *
 * Three things tell it: a timer of its own that runs late, those of the media workers (where the
 * handshakes are made, and all speech passes), and what the rooms took to answer joins.
 * A worker where nobody comes in has no timer for it. */
#include "actors/session/session_internal.h"

#include <stdlib.h>

#include "actors/base/owner.h"
#include "actors/session/admission.h"

struct session_door {
    struct vr_admission admission;
    struct vr_worker *worker; /* NULL: nobody has come yet */
    struct vr_timer timer;
    vr_time_us due;    /* of the timer; 0: it rests */
    vr_time_us answer; /* the shortest of a room since the last sample; VR_NEVER: none */
    uint32_t rate;     /* atomic, for metrics: joins a second */
    uint64_t put_off;  /* atomic, for metrics */
};

struct session_door *session_door_new(void)
{
    return calloc(1, sizeof(struct session_door));
}

void session_door_free(struct session_door *door)
{
    free(door);
}

static void arm(struct session_door *door, vr_time_us now)
{
    door->due = now + VR_ADMISSION_EVERY;
    door->answer = VR_NEVER;
    vr_timer_arm(door->worker, &door->timer, door->due);
}

static void on_sample(struct vr_timer *timer, vr_time_us now)
{
    struct session_door *door = VR_OWNER(timer, struct session_door, timer);
    struct vr_admission_sample sample = {.lag = now - door->due, .answer = door->answer};
    vr_time_us media = vr_system_media_lag(vr_worker_system(door->worker), now);

    sample.lag = media > sample.lag ? media : sample.lag;
    vr_admission_sample(&door->admission, &sample, now);
    __atomic_store_n(&door->rate, (uint32_t)(door->admission.rate + 0.5), __ATOMIC_RELAXED);
    if (vr_admission_rests(&door->admission)) {
        door->due = 0;
    } else {
        arm(door, now);
    }
}

static void open_door(struct session_door *door, struct vr_worker *worker, uint32_t rate_max,
                      vr_time_us now)
{
    door->worker = worker;
    door->timer.fire = on_sample;
    __atomic_store_n(&door->rate, rate_max, __ATOMIC_RELAXED);
    vr_admission_init(&door->admission, rate_max, now);
}

uint32_t session_door_ask(struct vr_worker *worker, bool resume, struct vr_id person,
                          struct vr_id room)
{
    struct session_door *door = session_table_of(worker)->door;
    uint32_t rate_max = session_env(worker)->session_services->joins_per_second_max;
    vr_time_us now = vr_worker_now(worker);
    struct vr_admission_ask ask = {.kind = resume ? VR_ADMISSION_RESUME : VR_ADMISSION_JOIN,
                                   .who = person.hi ^ person.lo ^ room.lo};
    uint32_t wait = 0;

    if (rate_max == 0) {
        return 0;
    }
    if (door->worker == NULL) {
        open_door(door, worker, rate_max, now);
    }
    ask.random = vr_random_u64(vr_system_random(vr_worker_system(worker)));
    wait = vr_admission_ask(&door->admission, &ask, now);
    if (wait > 0) {
        __atomic_add_fetch(&door->put_off, 1, __ATOMIC_RELAXED);
    }
    if (door->due == 0) {
        arm(door, now);
    }
    return wait;
}

void session_door_answered(struct vr_worker *worker, vr_time_us took)
{
    struct session_door *door = session_table_of(worker)->door;

    door->answer = took < door->answer ? took : door->answer;
}

void session_door_stats(const struct session_door *door, struct vr_sessions_door *out)
{
    out->rate += __atomic_load_n(&door->rate, __ATOMIC_RELAXED);
    out->put_off += __atomic_load_n(&door->put_off, __ATOMIC_RELAXED);
}
