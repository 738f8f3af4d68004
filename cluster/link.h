/* link.h - speech between nodes: datagrams of several frames, sealed with AES-256-GCM.
 *
 * Pure: no socket, no clock. Two halves. `vr_links` is one per node and knows the peers: where
 * their link sockets are and the keys in both directions; the cluster actor changes it (any thread,
 * under a lock). `vr_link_end` is one per media worker and does the packets; it looks at one atomic
 * number per datagram and takes the lock only when that has changed.
 *
 *     datagram: version 1 | worker 1 | generation 2 | sender's node 4 | counter 8 | sealed | tag 16
 *     sealed:   frames, one behind the other
 *     frame:    size 2 | flags 1 | level 1 | participant 4 | generation 4 | index 6 | timestamp 4 |
 *               [ room 16 | target shard 4 | origin shard 4 ] | payload
 *
 * The header is authenticated; the nonce is the worker's number and the counter, so that workers
 * share a key without asking each other. `size` counts what is behind it. Room and shards are left
 * out where they are those of the frame before. A key is random, made by the sender for one peer,
 * sent over the CURVE channel; it is the link's and its incarnation's, and renewed with overlap:
 * the receiver takes the newest two generations, the sender changes when the peer has confirmed.
 *
 * Over a restart in place all of this goes on in kept memory (link_keep.h): incarnation, keys, and
 * counters above any that can have been used, so that speech waits for no message.
 *
 * Which worker of a node receives from which of another is fixed (their numbers modulo the count),
 * so that each replay window has one owner. */
#ifndef VR_CLUSTER_LINK_H
#define VR_CLUSTER_LINK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/err.h"
#include "actors/base/ids.h"
#include "actors/base/random.h"

#define VR_LINK_KEY 32
#define VR_LINK_PEERS_MAX 64
#define VR_LINK_HEAD 16
#define VR_LINK_TAG 16
#define VR_LINK_PACKED_MAX 1200 /* a datagram of several frames; one long frame may be longer */
#define VR_LINK_PAYLOAD_MAX 1280
#define VR_LINK_FRAME_MAX (2 + 20 + 24 + VR_LINK_PAYLOAD_MAX)
#define VR_LINK_DATAGRAM_MAX (VR_LINK_HEAD + VR_LINK_FRAME_MAX + VR_LINK_TAG)

/** One packet of speech on its way (struct vr_relay), with the shard it is for. */
struct vr_link_frame {
    struct vr_id room;
    uint32_t target_shard, origin_shard;
    vr_participant_id participant;
    uint32_t generation; /* of the session */
    uint64_t index;      /* 48 bits: rollover counter and sequence */
    uint32_t timestamp;
    uint8_t hops; /* 0 to 15 */
    uint8_t level;
    bool voice, marker;
    struct vr_bytes payload; /* 1 to VR_LINK_PAYLOAD_MAX; borrowed */
};

/* --- frames (link_frame.c) --- */

/** Appends at `out`, which has room for VR_LINK_FRAME_MAX. `before`: the frame before it in this
 * datagram, NULL for the first. Returns the size. */
size_t vr_link_frame_put(uint8_t *out, const struct vr_link_frame *frame,
                         const struct vr_link_frame *before);
/** Takes one off the front of `in`; `frame` holds the one before it on entry (`first`: none).
 * VR_E_BAD_WIRE: the rest is not to be used. */
VR_MUST_CHECK enum vr_err vr_link_frame_get(struct vr_bytes *in, struct vr_link_frame *frame,
                                            bool first);

/* --- keys and peers: any thread --- */

struct vr_links;

struct vr_link_key {
    uint32_t generation;
    uint64_t incarnation; /* of the sender */
    uint8_t key[VR_LINK_KEY];
};

/** `workers`: media workers of this node. `random` must be fit for keys and is used under the lock.
 * NULL: memory is out. */
struct vr_links *vr_links_new(uint32_t node, uint64_t incarnation, uint32_t workers,
                              const struct vr_random *random);
void vr_links_free(struct vr_links *links); /* after the ends */

/** Bytes for vr_links_keep; most of it is never touched, so never there. */
size_t vr_links_keep_size(uint32_t workers);
/** Keep peers, keys and counters in `memory` (aligned to 64, outlives the process, one process at a
 * time; keys lie there). `goes_on`: the process before this one left it so, and its incarnation and
 * peers go on: returns how many. Otherwise, and when it is torn, damaged or another node's, it
 * starts empty. Too small: nothing is kept. Before all else: no peer is named, no end made. */
uint32_t vr_links_keep(struct vr_links *links, void *memory, size_t size, bool goes_on);
/** As given to vr_links_new, or the kept one. */
uint64_t vr_links_incarnation(const struct vr_links *links);

/** A peer as the directory has it. `address` "[fd00::3]:7500" or "10.0.0.3:7500" is that of its
 * media worker 0, the others' ports follow. A new incarnation drops the keys. Errors:
 * VR_E_BAD_REQUEST, VR_E_FULL. */
VR_MUST_CHECK enum vr_err vr_links_peer(struct vr_links *links, uint32_t node, uint64_t incarnation,
                                        const char *address, uint32_t workers);
/** It is gone: nothing is sent to it or taken from it. */
void vr_links_drop(struct vr_links *links, uint32_t node);
/** The directory named all that there are: every other one is dropped. */
void vr_links_only(struct vr_links *links, const uint32_t *nodes, uint32_t count);

/** The key that we send to `node` with: give it to the peer (NOTE_LINK_KEY). The first is made, and
 * used at once; `renew` makes the next one, which is used once vr_links_key_confirm says that the
 * peer has it (asked again before: the same one). VR_E_NOT_FOUND: no such peer. */
VR_MUST_CHECK enum vr_err vr_links_key_out(struct vr_links *links, uint32_t node, bool renew,
                                           struct vr_link_key *out);
void vr_links_key_confirm(struct vr_links *links, uint32_t node, uint32_t generation);
/** The key with which `node` sends to us. VR_E_STALE: of an incarnation that is not the peer's, or
 * older than the two that are known; VR_E_NOT_FOUND. */
VR_MUST_CHECK enum vr_err vr_links_key_in(struct vr_links *links, uint32_t node,
                                          const struct vr_link_key *key);

/* --- one worker's end: its thread --- */

struct vr_link_end;

struct vr_link_end_conf {
    struct vr_links *links;
    uint32_t worker; /* of this node's media workers */
    /** A datagram to send; borrowed for the call. */
    void (*send)(void *ctx, const struct sockaddr_storage *to, struct vr_bytes datagram);
    /** A frame that came from `node`; borrowed for the call. */
    void (*frame)(void *ctx, uint32_t node, const struct vr_link_frame *frame);
    void *ctx;
};

struct vr_link_stats { /* whole words, racy reads are fine */
    uint64_t frames_out, frames_in, datagrams_out, datagrams_in, bytes_out, bytes_in;
    uint64_t no_key;  /* not sent: no such peer, or no key for it yet */
    uint64_t unknown; /* received from no known peer, or under a key that is not known */
    uint64_t refused; /* received with a wrong seal */
    uint64_t replayed, malformed;
};

/** NULL: memory is out. */
struct vr_link_end *vr_link_end_new(const struct vr_link_end_conf *conf);
void vr_link_end_free(struct vr_link_end *end);
/** Pack a frame for `node`; leaves with the next flush, or when the datagram is full. */
void vr_link_end_put(struct vr_link_end *end, uint32_t node, const struct vr_link_frame *frame);
/** Send what is packed: at the end of each pass of the loop. */
void vr_link_end_flush(struct vr_link_end *end);
/** One received datagram; opened in place. */
void vr_link_end_take(struct vr_link_end *end, uint8_t *data, size_t size);
void vr_link_end_stats(const struct vr_link_end *end, struct vr_link_stats *out);

#endif
