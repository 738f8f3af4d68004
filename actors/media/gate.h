/* gate.h - a shard's switch per participant: may he be heard, may he hear. Pure.
 *
 * Shut until somebody who decides has opened it. What an owner of a lower epoch says is ignored,
 * that of a higher one stands. In one epoch lower versions are late news and ignored; a higher
 * generation of the session wins over any version, and silences what the lower one sends.
 *
 * A gate that a former process left counts like any other, but what shuts it is taken whatever
 * version it has: whoever says so may have lost count with that process. */
#ifndef VR_MEDIA_GATE_H
#define VR_MEDIA_GATE_H

#include <stdbool.h>
#include <stdint.h>

struct vr_gate {
    uint64_t epoch; /* of the owner who said it */
    uint64_t version;
    uint32_t generation;
    bool known; /* false: nobody has said anything yet */
    bool may_send;
    bool may_hear;
    bool gone;
    bool kept; /* by a former process; nobody has spoken since */
};

/** Take `news` over. False: it was old, nothing has changed. */
bool vr_gate_apply(struct vr_gate *gate, const struct vr_gate *news);

/** May a transport or a relayed packet of this session generation pass? */
bool vr_gate_passes_in(const struct vr_gate *gate, uint32_t generation);
bool vr_gate_passes_out(const struct vr_gate *gate, uint32_t generation);

#endif
