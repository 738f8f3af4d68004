/* stored.h - an actor learns by a message what became of its commit. */
#ifndef VR_RUNTIME_STORED_H
#define VR_RUNTIME_STORED_H

#include "actors/runtime/system.h"

struct vr_stored;

/** Who is to be told, and under which ticket of his own; he may have been closed and opened
 * meanwhile. NULL when memory is out. Free it (free) if the commit is not handed in after all. */
struct vr_stored *vr_stored_new(const struct vr_actor *actor, uint64_t ticket);
/** For vr_records_submit, with a struct vr_stored as ctx, which it frees: posts VR_MSG_STORED. The
 * journal's thread. */
void vr_stored_post(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision);

#endif
