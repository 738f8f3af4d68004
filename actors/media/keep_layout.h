/* keep_layout.h - what lies in a keep, byte by byte; shared by keep.c, keep_turn.c and restore.c.
 * Plain words without pointers. Each record says below in which order it is written: a death
 * between any two stores leaves the old, the new, or one that is seen to be torn. */
#ifndef VR_MEDIA_KEEP_LAYOUT_H
#define VR_MEDIA_KEEP_LAYOUT_H

#include <stdatomic.h>

#include "actors/media/gate.h"
#include "actors/media/keep.h"
#include "actors/media/peer.h"
#include "actors/media/slots.h"
#include "actors/messages/msg.h"

#define VR_KEEP_MAGIC 0x70656b72764d4f52ull
#define VR_KEEP_GATES_PER_PEER 4 /* a shard knows the gates of people elsewhere too */
#define VR_KEEP_NONE UINT32_MAX
#define VR_KEEP_FRAMES 32 /* under way at once: more than a worker's holds have in 5 ms */
#define VR_KEEP_FRAME_BYTES 1400

/** Stores before it stay before those behind it. A death is seen by nobody but a later process, and
 * what a thread stored before it died is there in the order of its program: keeping the compiler
 * from turning stores round is enough. */
static inline void vr_keep_order(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

struct vr_keep_header {
    uint64_t magic; /* stored last */
    uint32_t layout;
    uint32_t workers;
    uint32_t peers_max;
    uint32_t cold_size, hot_size; /* what this build takes a record to be */
    uint32_t spare;
    struct vr_id boot;
    uint64_t sum; /* of all before it */
};
_Static_assert(sizeof(struct vr_keep_header) <= VR_KEEP_PARENT_AT, "the parent's area is free");

struct vr_keep_head {                             /* of a worker */
    uint32_t peers_high, gates_high, shards_high; /* records below were used at some time */
    uint32_t thread;                              /* gettid of who works on it */
    uint64_t frames;                              /* written so far */
    uint64_t spare[5];
    uint32_t handling; /* peer + 1 whose packet is being handled: a line of its own */
    uint32_t spare_too[15];
};
_Static_assert(sizeof(struct vr_keep_head) == 128, "two cache lines");

/** A slot's numbers and where its holder stands: written for each packet that goes out, before it
 * does. `version` is odd while the others are not of one time: then only `index` is good. */
struct vr_keep_slot {
    uint32_t version;
    uint32_t holder;
    uint64_t index;
    uint64_t source_index; /* the holder's own, newest; his next one follows it */
    uint64_t seq_offset;
    uint32_t ts;
    uint32_t ts_offset;
    uint32_t source_shard;
    uint32_t source_generation;
    vr_time_us sent_at;
    int16_t level;
    uint16_t spare[3];
};
_Static_assert(sizeof(struct vr_keep_slot) == 64, "one cache line");

struct vr_keep_set {
    uint64_t epoch;
    uint64_t version;
    uint32_t count;
    uint32_t shards[VR_SHARDS_MAX];
    uint32_t spare;
    uint64_t sum; /* of all before it; wrong while it is written: no set */
};

/** `used` is stored last, and cleared last when it ends. */
struct vr_keep_shard {
    uint32_t used;
    uint32_t number;
    struct vr_id room;
    uint64_t epoch; /* of the owner heard last */
    uint32_t slots;
    uint32_t fan_out;
    uint64_t sum; /* of used, number, room, slots, fan_out */
    struct vr_keep_slot wide[VR_SLOTS_MAX];
    struct vr_keep_slot narrow;
    struct vr_keep_set set;
};

/** `word` holds the flags and the sum of the rest: 0 (unknown, so shut) while the rest is written.
 */
struct vr_keep_gate {
    uint32_t shard; /* its record */
    vr_participant_id participant;
    uint64_t epoch;
    uint64_t version;
    uint32_t generation;
    uint32_t word;
};
_Static_assert(sizeof(struct vr_keep_gate) == 32, "two in a cache line");

/** A packet that was numbered and may not have left to all its listeners. `shard` is stored last,
 * and cleared when it has left. */
struct vr_keep_frame {
    uint32_t shard; /* record + 1; 0: none */
    uint32_t generation;
    uint64_t index;
    vr_time_us now;
    uint32_t slot;
    uint32_t ts;
    vr_participant_id participant;
    uint16_t size;
    uint8_t level_byte;
    uint8_t marker;
    uint8_t newest;
    uint8_t tier;
    uint8_t spare[6];
    uint8_t opus[VR_KEEP_FRAME_BYTES];
};

/** One worker's part. All NULL without a keep. */
struct vr_keep_part {
    struct vr_keep_head *head;
    struct vr_peer_cold *cold;
    struct vr_peer_hot *hot;
    struct vr_keep_gate *gates;
    struct vr_keep_shard *shards;
    struct vr_keep_frame *frames;
    void *port;
    uint32_t peers_max, gates_max, shards_max;
    struct vr_keep_restored *restored;
};

/** 64 bits that say whether `data` is as it was written. Not against an enemy. */
uint64_t vr_keep_sum(const void *data, size_t size);

/** False: no such worker, or made for another number of peers. */
bool vr_keep_part(struct vr_keep *keep, uint32_t worker, uint32_t peers_max,
                  struct vr_keep_part *out);

void vr_keep_gate_put(struct vr_keep_gate *to, uint32_t shard, vr_participant_id participant,
                      const struct vr_gate *gate);
/** False: torn, or none. */
bool vr_keep_gate_get(const struct vr_keep_gate *from, struct vr_gate *out);

void vr_keep_set_put(struct vr_keep_set *to, const struct vr_shard_set *set);
/** A new one with one reference; NULL: torn, none, or out of memory. */
struct vr_shard_set *vr_keep_set_get(const struct vr_keep_set *from);

uint64_t vr_keep_shard_sum(const struct vr_keep_shard *shard);

#endif
