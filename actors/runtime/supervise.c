/* supervise.c - what happens to an actor that failed: opened again from the store, or given up. */
#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "actors/runtime/internal.h"

#include <string.h>

/* Is this the third failure in ten seconds? Remembers it. */
static bool too_many(struct vr_actor *actor, vr_time_us now)
{
    bool many =
        actor->failure_count >= FAILURES_MAX - 1 && now - actor->failed_at[0] <= FAILURES_WINDOW;

    actor->failed_at[0] = actor->failed_at[1];
    actor->failed_at[1] = now;
    if (actor->failure_count < FAILURES_MAX - 1) {
        /* The first failure must end up in front when the second has come. */
        actor->failure_count++;
    }
    return many;
}

static void give_up(struct vr_actor *actor, const struct vr_why *why, vr_time_us now)
{
    struct vr_system *system = actor->worker->system;

    actor->phase = ACTOR_QUARANTINED;
    actor->failure_count = 0;
    __atomic_store_n(&actor->refuses, true, __ATOMIC_RELAXED);
    vr_timer_arm(actor->worker, &actor->supervisor, now + QUARANTINE);
    vr_actor_refuse_waiting(actor, VR_E_INTERNAL);
    COUNT_HERE(actor->worker, given_up);
    if (system->conf.failed != NULL) {
        system->conf.failed(system->conf.ctx, &actor->address, why);
    }
}

void vr_actor_failed(struct vr_actor *actor, const struct vr_why *why)
{
    struct vr_worker *worker = actor->worker;
    vr_time_us now = vr_worker_now(worker);
    char id[VR_ID_TEXT];
    bool enough = too_many(actor, now);

    vr_log(VR_LOG_ERROR, enough ? "actor given up" : "actor failed, is opened again",
           VR_S("class", actor->class->name), VR_S("id", vr_id_format(actor->address.id, id)),
           VR_S("code", vr_err_code(why->code)), VR_S("why", why->text));
    vr_actor_shut(actor, VR_CLOSE_FAILED);
    if (enough) {
        give_up(actor, why, now);
        return;
    }
    actor->phase = ACTOR_RESTARTING;
    COUNT_HERE(worker, restarts);
    vr_timer_arm(worker, &actor->supervisor, now + RESTART_DELAY);
}

void vr_actor_supervise(struct vr_timer *timer, vr_time_us now)
{
    struct vr_actor *actor = VR_OWNER(timer, struct vr_actor, supervisor);

    (void)now;
    if (actor->phase == ACTOR_QUARANTINED) {
        __atomic_store_n(&actor->refuses, false, __ATOMIC_RELAXED);
        actor->phase = ACTOR_ASLEEP;
        vr_actor_retire(actor);
    } else {
        actor->phase = ACTOR_ASLEEP;
        vr_actor_reopen(actor);
    }
}
