/* link_internal.h - what link_peers.c (the node's half) and link.c (a worker's half) share. */
#ifndef VR_CLUSTER_LINK_INTERNAL_H
#define VR_CLUSTER_LINK_INTERNAL_H

#include <pthread.h>

#include "cluster/link.h"

struct link_keep;

struct link_secret {
    uint32_t generation; /* 0: none */
    uint8_t key[VR_LINK_KEY];
};

struct link_peer {
    uint32_t node; /* 0: free */
    uint64_t incarnation;
    uint32_t workers;
    struct sockaddr_storage base;   /* of its media worker 0 */
    struct link_secret out, coming; /* in use; given to the peer, not yet confirmed */
    struct link_secret in[2];       /* newest first */
};

struct vr_links {
    uint32_t node, workers;
    uint64_t incarnation;
    const struct vr_random *random;
    pthread_mutex_t lock;
    struct link_peer peers[VR_LINK_PEERS_MAX];
    uint32_t generations;   /* of keys made */
    struct link_keep *keep; /* NULL: all of it ends with the process */
    uint64_t version;       /* atomic: grows with each change, written under the lock */
};

#endif
