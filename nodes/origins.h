/* origins.h - the other nodes of the cluster as origins: a page that one of them has served may
 * call here, since that is how it goes on when its node dies. Remembered for the life of the
 * process: who is dead now is who matters. Thread-safe. */
#ifndef VR_NODES_ORIGINS_H
#define VR_NODES_ORIGINS_H

#include <stdbool.h>

#include "actors/base/bytes.h"

struct vr_origins;

struct vr_origins *vr_origins_new(void); /* NULL: memory is out */
void vr_origins_free(struct vr_origins *origins);
/** The origin of a node's address; at most 64 are kept. */
void vr_origins_add(struct vr_origins *origins, const char *url);
/** `origins` may be NULL. */
bool vr_origins_has(struct vr_origins *origins, const char *origin);
/** Each with a space before it. */
void vr_origins_write(struct vr_origins *origins, struct vr_buf *out);

#endif
