/* patience.c - polled or read in bunches: by what was there the last two times. */
#include "nodes/patience.h"

bool vr_patience_is_due(const struct vr_patience *patience, vr_time_us now, bool readable,
                        bool settled)
{
    if (!patience->waits) {
        return readable;
    }
    return !settled || now - patience->read_at >= VR_PATIENCE_SHORTEST;
}

/* It pays where the next one is likely to come within one wait: a wait that nothing came in costs a
 * waking for nothing. */
void vr_patience_read(struct vr_patience *patience, vr_time_us now, uint32_t count, bool settled)
{
    bool soon = count > 1 || patience->waits ||
                (patience->came && now - patience->came_at < VR_PATIENCE_LONGEST);

    patience->waits = settled && count > 0 && soon;
    patience->read_at = now;
    if (count > 0) {
        patience->came = true;
        patience->came_at = now;
    }
}

vr_time_us vr_patience_until(const struct vr_patience *patience)
{
    return patience->waits ? patience->read_at + VR_PATIENCE_LONGEST : VR_NEVER;
}
