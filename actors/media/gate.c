#include "actors/media/gate.h"

bool vr_gate_apply(struct vr_gate *gate, const struct vr_gate *news)
{
    bool same_owner = gate->known && news->epoch == gate->epoch;

    if (gate->known && news->epoch < gate->epoch) {
        return false;
    }
    if (same_owner && news->generation < gate->generation) {
        return false;
    }
    if (same_owner && news->generation == gate->generation && news->version < gate->version) {
        return false;
    }
    *gate = *news;
    gate->known = true;
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
