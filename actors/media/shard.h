/* shard.h - a room's presence on one media worker: its transports, gates, slots, and links to the
 * room's other shards.
 *
 * Knows no actor and no message: what it has to tell goes out through `ops`, so that the shard
 * actor (shard_actor.c) and tests drive it alike. Owner: the engine's worker. */
#ifndef VR_MEDIA_SHARD_H
#define VR_MEDIA_SHARD_H

#include "actors/base/list.h"
#include "actors/media/gate.h"
#include "actors/media/listener.h"
#include "actors/media/slots.h"
#include "actors/messages/hearing.h"
#include "actors/messages/msg.h"
#include "actors/messages/sound_clock.h"

struct vr_engine;
struct vr_shard;

struct vr_shard_ops {
    /** One packet for another shard of the room; takes the reference. */
    void (*relay)(void *ctx, uint32_t shard, struct vr_relay *relay);
    /** Our holders, for all other shards; `deaf`: nobody hears here, so send no speech. */
    void (*levels)(void *ctx, uint32_t shard, const struct vr_speaker *items, uint32_t count,
                   bool deaf);
    /** Who of our own speaks, for the room. */
    void (*speakers)(void *ctx, const struct vr_speaker *items, uint32_t count);
    void (*peer_state)(void *ctx, const struct vr_peer_conf *conf, enum vr_peer_state state);
    /** The client is to do this about its transport, which is up; `verdict` says what
     * is broken. */
    void (*repair)(void *ctx, const struct vr_peer_conf *conf, enum vr_repair_act act,
                   uint8_t verdict);
};

struct vr_shard_conf {
    struct vr_id room;
    uint32_t number;  /* vr_address.sub */
    uint32_t slots;   /* N; 0: 4 */
    uint32_t fan_out; /* of speech between nodes (relay_tree.h); 0: 16 */
    const struct vr_shard_ops *ops;
    void *ctx;
};

/** Over a restart (engine.h, `keep`): when the engine has restored this shard, it is taken over
 * with its peers, gates, slots and shard set, speech having gone on without anybody. */
VR_MUST_CHECK enum vr_err vr_shard_open(struct vr_engine *engine, const struct vr_shard_conf *conf,
                                        struct vr_shard **out);
/** Closes its peers (each is told VR_PEER_CLOSED) and frees it. */
void vr_shard_close(struct vr_shard *shard);

/** Over a restart: who opens a peer that was restored (same id, same participant) adopts it:
 * `session` and a higher generation are taken from `conf`, all else stays as it was; its state is
 * told at once. With an empty `ufrag` it is asked to adopt and nothing else: VR_E_NOT_FOUND when it
 * is not there, and then the client must join anew. A gate of the room for its participant counts
 * as adoption too. Who is adopted by nobody is closed 10 s after the start.
 *  Errors: VR_E_EXISTS by id or ufrag, VR_E_GONE when the gate of this generation says gone,
 * VR_E_BUSY at the engine's limit, VR_E_NO_MEMORY. */
VR_MUST_CHECK enum vr_err vr_shard_peer_open(struct vr_shard *shard,
                                             const struct vr_peer_conf *conf, vr_time_us now);
void vr_shard_peer_close(struct vr_shard *shard, struct vr_id peer);
bool vr_shard_has_peers(const struct vr_shard *shard);
/** Nobody and nothing is known here: woken by a late message of another shard. */
bool vr_shard_is_empty(const struct vr_shard *shard);

/** From return on nothing of a shut participant leaves or enters, over a restart neither: the gate
 * is kept before it is applied, and applied before it is answered. Restored gates stand until news
 * comes: of a higher epoch any, of the same epoch newer ones, and shutting ones of any version.
 * Errors: VR_E_NO_MEMORY. */
VR_MUST_CHECK enum vr_err vr_shard_gate(struct vr_shard *shard, vr_participant_id participant,
                                        const struct vr_gate *gate, vr_time_us now);

/** Takes the reference. An older version is dropped. */
void vr_shard_set_shards(struct vr_shard *shard, struct vr_shard_set *set);
/** A packet from another shard; borrowed. */
void vr_shard_relay_in(struct vr_shard *shard, vr_time_us now, const struct vr_relay *relay);
/** Another shard's holders, and whether anybody hears there. */
void vr_shard_levels_in(struct vr_shard *shard, vr_time_us now, uint32_t from,
                        const struct vr_speaker *items, uint32_t count, bool deaf);

/** All that is known of the transports here, who is to be heard, and what was repaired, as a JSON
 * object (docs/protocol.md, "Diagnosis"); those that are broken first, and no more than a frame
 * between nodes can hold. */
void vr_shard_diagnosis(const struct vr_shard *shard, vr_time_us now, struct vr_buf *out);

/** When was said what is heard: the slots as `peer` gets them (zero, or of another shard: none),
 * and the talkers whose own packets arrive here. */
void vr_shard_sound_clock(const struct vr_shard *shard, struct vr_id peer, vr_time_us now,
                          struct vr_sound_clock *out);

#endif
