#include "actors/media/gate.h"

static bool shuts(const struct vr_gate *gate, const struct vr_gate *news)
{
    return (gate->may_send && !news->may_send) || (gate->may_hear && !news->may_hear);
}

bool vr_gate_apply(struct vr_gate *gate, const struct vr_gate *news)
{
    bool same_owner = gate->known && news->epoch == gate->epoch;

    if (gate->known && news->epoch < gate->epoch) {
        return false;
    }
    if (gate->kept && same_owner && news->version < gate->version && shuts(gate, news)) {
        gate->may_send = gate->may_send && news->may_send;
        gate->may_hear = gate->may_hear && news->may_hear;
        return true;
    }
    if (same_owner && news->generation < gate->generation) {
        return false;
    }
    if (same_owner && news->generation == gate->generation && news->version < gate->version) {
        return false;
    }
    *gate = *news;
    gate->known = true;
    gate->kept = false;
    if (gate->gone) {
        gate->may_send = false;
        gate->may_hear = false;
    }
    return true;
}

bool vr_gate_passes_in(const struct vr_gate *gate, uint32_t generation)
{
    return gate->known && gate->may_send && generation >= gate->generation;
}

bool vr_gate_passes_out(const struct vr_gate *gate, uint32_t generation)
{
    return gate->known && gate->may_hear && generation >= gate->generation;
}
