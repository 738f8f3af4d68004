/* stored.c - an actor learns by a message what became of its commit. */
#include "actors/runtime/stored.h"

#include <stdlib.h>

struct vr_stored {
    struct vr_system *system;
    struct vr_address to;
    uint64_t ticket;
};

struct vr_stored *vr_stored_new(const struct vr_actor *actor, uint64_t ticket)
{
    struct vr_stored *stored = malloc(sizeof(*stored));

    if (stored != NULL) {
        *stored = (struct vr_stored){vr_actor_system(actor), vr_actor_address(actor), ticket};
    }
    return stored;
}

void vr_stored_post(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    struct vr_stored *stored = ctx;
    struct vr_msg msg = {
        .kind = VR_MSG_STORED, .to = stored->to, .as.stored = {stored->ticket, err, revision}};

    (void)ticket; /* the journal's */
    vr_system_post(stored->system, &msg);
    free(stored);
}
