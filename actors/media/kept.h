/* kept.h - who goes on over a restart: for the sessions that are made again before any client is
 * let in (actors/session/restore.c). */
#ifndef VR_MEDIA_KEPT_H
#define VR_MEDIA_KEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/media/engine.h"
#include "actors/messages/peer.h"

/** The next transport that carries speech, in any order; false behind the last one.
 *
 *  Loop:  before the engine's worker turns; or that worker's.
 *  Owns:  `at` is the caller's, 0 at first; `conf` is borrowed until the worker turns.
 *  `shard`: the number of its shard. */
bool vr_engine_kept(const struct vr_engine *engine, uint32_t *at, const struct vr_peer_conf **conf,
                    uint32_t *shard);

/** Each shard with such transports, once: what is said in it goes no further, and nothing from
 * other shards goes in, until its actor is there.
 *
 *  Loop:  before the engine's worker turns. */
void vr_engine_kept_shards(const struct vr_engine *engine,
                           void (*each)(void *ctx, struct vr_id room, uint32_t shard), void *ctx);

#endif
