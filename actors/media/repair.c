/* repair.c - the order of repairs, their pauses and their end. */
#include "actors/media/repair.h"

#include <string.h>

const char *vr_repair_outcome_name(enum vr_repair_outcome outcome)
{
    static const char *const names[] = {"running", "cured", "failed"};

    return outcome <= VR_REPAIR_FAILED ? names[outcome] : "failed";
}

static bool is_broken(const struct vr_hearing *hearing)
{
    return hearing->verdict == VR_HEARING_AWAY || hearing->verdict == VR_HEARING_DEAF ||
           hearing->verdict == VR_HEARING_DUMB;
}

static struct vr_repair_done *newest(struct vr_repair *repair)
{
    return repair->done_count == 0 ? NULL : &repair->done[repair->done_count - 1];
}

static void end_act(struct vr_repair *repair, enum vr_repair_outcome outcome, vr_time_us took)
{
    struct vr_repair_done *done = newest(repair);

    if (repair->last != VR_REPAIR_NONE && done != NULL) {
        done->outcome = (uint8_t)outcome;
        done->took = took;
    }
    repair->last = VR_REPAIR_NONE;
}

static void cured(struct vr_repair *repair, vr_time_us now)
{
    if (repair->broken_at != 0) {
        end_act(repair, VR_REPAIR_CURED, now - repair->broken_at);
        repair->broken_at = 0;
        repair->cured_at = now;
        repair->due = 0;
        repair->next = VR_REPAIR_REBUILD; /* if it comes back soon */
    }
    if (repair->next == VR_REPAIR_REBUILD && now - repair->cured_at >= VR_REPAIR_HOLDS) {
        repair->next = VR_REPAIR_RESTART;
        repair->rounds = 0;
        repair->given_up = false;
    }
}

static void note(struct vr_repair *repair, vr_time_us now, const struct vr_hearing *hearing,
                 enum vr_repair_act act)
{
    if (repair->done_count == VR_REPAIRS_KEPT) {
        memmove(repair->done, repair->done + 1, (VR_REPAIRS_KEPT - 1) * sizeof repair->done[0]);
        repair->done_count--;
    }
    repair->done[repair->done_count++] = (struct vr_repair_done){
        .at = now,
        .act = (uint8_t)act,
        .verdict = hearing->verdict,
        .why = hearing->why,
        .outcome = VR_REPAIR_RUNS,
    };
}

/* After a restart a rebuild; after a rebuild a pause, then from the beginning. */
static void plan(struct vr_repair *repair, vr_time_us now, enum vr_repair_act act)
{
    vr_time_us pause = VR_REPAIR_PAUSE;

    if (act == VR_REPAIR_RESTART) {
        repair->next = VR_REPAIR_REBUILD;
        repair->due = now + VR_REPAIR_PATIENCE;
        return;
    }
    for (uint8_t i = 0; i < repair->rounds && pause < VR_REPAIR_PAUSE_MAX; i++) {
        pause *= 2;
    }
    repair->rounds++;
    repair->next = VR_REPAIR_RESTART;
    repair->due = now + (pause > VR_REPAIR_PAUSE_MAX ? VR_REPAIR_PAUSE_MAX : pause);
}

/* Is what was broken known to be whole? That questions are answered was so before, where reports
 * had told of it. */
static bool is_proof(const struct vr_repair *repair, const struct vr_hearing *hearing)
{
    const struct vr_repair_done *done =
        repair->done_count == 0 ? NULL : &repair->done[repair->done_count - 1];

    if (repair->broken_at == 0 || done == NULL || repair->last == VR_REPAIR_NONE) {
        return true;
    }
    if (done->verdict == VR_HEARING_DUMB) {
        return hearing->sender_known && hearing->sender_came > 0;
    }
    return done->why != VR_HEARING_BY_REPORT || hearing->why == VR_HEARING_BY_REPORT;
}

enum vr_repair_act vr_repair_step(struct vr_repair *repair, vr_time_us now,
                                  const struct vr_hearing *hearing, bool may)
{
    enum vr_repair_act act = (enum vr_repair_act)repair->next;

    if (hearing->verdict == VR_HEARING_HEARS) {
        if (is_proof(repair, hearing)) {
            cured(repair, now);
        }
        return VR_REPAIR_NONE;
    }
    if (!is_broken(hearing) || repair->given_up) {
        return VR_REPAIR_NONE; /* a new transport of which nothing is known yet, too */
    }
    if (repair->broken_at == 0) {
        repair->broken_at = now;
    }
    act = act == VR_REPAIR_NONE ? VR_REPAIR_RESTART : act;
    if (now < repair->due || !may) {
        return VR_REPAIR_NONE;
    }
    /* Nothing comes from him either: once he was asked there is nobody who could do more. */
    if (hearing->verdict == VR_HEARING_AWAY && repair->last != VR_REPAIR_NONE) {
        return VR_REPAIR_NONE;
    }
    end_act(repair, VR_REPAIR_FAILED, 0);
    if (repair->rounds >= VR_REPAIR_ROUNDS) {
        repair->given_up = true;
        return VR_REPAIR_NONE;
    }
    note(repair, now, hearing, act);
    repair->last = (uint8_t)act;
    repair->acts++;
    plan(repair, now, act);
    return act;
}
