#include "tools/impair.h"

#include <string.h>

void vr_impair_init(struct vr_impair *impair, uint64_t seed)
{
    *impair = (struct vr_impair){.conf = {.reorder_by = VR_MS(30)}};
    vr_random_seeded_init(&impair->random, seed);
}

/* Uniform in [0, 1). Drawn also when it does not matter, so that a change of one setting leaves the
 * other decisions of a seed as they were. */
static double draw(struct vr_impair *impair)
{
    return (double)(vr_random_u64(&impair->random.random) >> 11) / 9007199254740992.0;
}

size_t vr_impair_decide(struct vr_impair *impair, vr_time_us now, vr_time_us due[2])
{
    const struct vr_impair_conf *conf = &impair->conf;
    double lost = draw(impair);
    double jitter = draw(impair);
    double late = draw(impair);
    double twice = draw(impair);
    vr_time_us at = now + conf->delay + (vr_time_us)(jitter * (double)conf->jitter);

    if (conf->blackhole || lost < conf->loss) {
        impair->lost++;
        return 0;
    }
    impair->passed++;
    if (late < conf->reorder) {
        impair->reordered++;
        at += conf->reorder_by; /* and last_due stays: those behind may overtake */
    } else {
        at = at < impair->last_due ? impair->last_due : at;
        impair->last_due = at;
    }
    due[0] = at;
    if (twice < conf->duplicate) {
        impair->duplicated++;
        due[1] = at + 1;
        return 2;
    }
    return 1;
}

bool vr_impair_set(struct vr_impair_conf *conf, const char *name, double value)
{
    if (strcmp(name, "delay") == 0) {
        conf->delay = (vr_time_us)(value * 1000);
    } else if (strcmp(name, "jitter") == 0) {
        conf->jitter = (vr_time_us)(value * 1000);
    } else if (strcmp(name, "loss") == 0) {
        conf->loss = value;
    } else if (strcmp(name, "duplicate") == 0) {
        conf->duplicate = value;
    } else if (strcmp(name, "reorder") == 0) {
        conf->reorder = value;
    } else if (strcmp(name, "blackhole") == 0) {
        conf->blackhole = value != 0;
    } else {
        return false;
    }
    return true;
}
