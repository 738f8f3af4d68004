/* link_keep.h - what speech links need to go on over a death of the process, as it lies in memory
 * that outlives it (docs/architecture.md, "Over a restart: links"). Shared by link_keep.c,
 * link_peers.c and link.c.
 *
 *     header | generations | peers | per worker: counter, windows by peer
 *
 * A death between any two stores leaves the old, the new, or one that is seen to be torn. The one
 * thing that may never go wrong is a nonce used twice. So a worker's counter is stored ahead of
 * what it may send, and never goes back while a key of this memory lives: it counts for all keys at
 * once, whatever becomes of peers and keys. When it is in doubt the memory starts empty, with new
 * keys. */
#ifndef VR_CLUSTER_LINK_KEEP_H
#define VR_CLUSTER_LINK_KEEP_H

#include "cluster/link_internal.h"

#define LINK_SENDERS_MAX 256u /* workers of a peer: a byte of the datagram */

/** A number that only grows. `check` is ~value; anything else is torn or damaged. */
struct link_mark {
    uint64_t value;
    uint64_t check;
};

/** The highest counter of each of the peer's workers that has come in; what is not above it is
 * refused after a restart. `node` is 0 while the rest is of nobody. */
struct link_keep_window {
    uint32_t node;
    uint32_t spare;
    uint64_t incarnation;
    uint64_t highest[LINK_SENDERS_MAX];
};

struct link_keep_worker {
    struct link_mark counter; /* no datagram beyond it was sent */
    struct link_keep_window windows[VR_LINK_PEERS_MAX];
};

struct link_keep_peer {
    uint64_t sum; /* of `peer`; 0 while it is written, or none */
    struct link_peer peer;
};

struct link_keep {
    uint64_t magic; /* stored last */
    uint32_t layout;
    uint32_t node, workers;
    uint32_t peer_size, worker_size; /* what this build takes a record to be */
    uint32_t spare;
    uint64_t incarnation;
    uint64_t sum;                 /* of layout to incarnation */
    struct link_mark generations; /* of keys made */
    struct link_keep_peer peers[VR_LINK_PEERS_MAX];
};

/** Under the lock, or before there are other threads. All do nothing without a keep. */
void link_keep_peer_put(struct vr_links *links, const struct link_peer *peer);
void link_keep_generations_put(struct vr_links *links);

/** The sums as they should be over what lies there: for tests. */
void link_keep_sums(struct link_keep *keep);

/** This worker's part; NULL: there is none. */
struct link_keep_worker *link_keep_worker(const struct vr_links *links, uint32_t worker);
/** That worker's thread. */
void link_mark_put(struct link_mark *mark, uint64_t value);
/** The record at this place as the peer's: what another one left there is wiped. */
struct link_keep_window *link_keep_window(struct link_keep_worker *worker, uint32_t place,
                                          uint32_t node, uint64_t incarnation);
/** After the datagram has authenticated, before any effect. */
void link_keep_seen(struct link_keep_window *window, uint32_t sender, uint64_t highest);

#endif
