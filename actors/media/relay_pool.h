/* relay_pool.h - packets on their way between shards of one room on two workers, made at start.
 *
 * The pool holds one reference to each of its objects for ever, so that the last reader's
 * vr_relay_release, on whatever thread and however late, only counts down: an object with one
 * reference is free. Owner: one engine. */
#ifndef VR_MEDIA_RELAY_POOL_H
#define VR_MEDIA_RELAY_POOL_H

#include "actors/messages/msg.h"

struct vr_relay_pool;

/** `count` objects at once. NULL: memory is out. */
struct vr_relay_pool *vr_relay_pool_new(uint32_t count);
/** Objects still travelling live on until their last reader lets go. */
void vr_relay_pool_free(struct vr_relay_pool *pool);
/** One with a reference for the caller; NULL: the pool is empty (a counted drop). Owner's thread.
 */
struct vr_relay *vr_relay_pool_take(struct vr_relay_pool *pool);

#endif
