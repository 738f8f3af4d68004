/* inherit.h - what a node gets from its parent process: sockets that stay open while one node
 * process follows another, and memory that outlives each of them (docs/architecture.md, "The
 * parent").
 *
 * The parent makes all of it before it forks; the node only takes from it. Nothing is shared with a
 * node that runs without a parent: then there is no struct vr_inherit at all. */
#ifndef VR_NODES_INHERIT_H
#define VR_NODES_INHERIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/base/clock.h"

#define VR_HELD_MAX 512
#define VR_PARENT_PAGE_LAYOUT 1u
#define VR_PARENT_WHY_TEXT 320

/** How far the node is; it says so itself, and the parent tells the service manager. */
enum vr_node_state { VR_NODE_STARTING, VR_NODE_SERVING, VR_NODE_READY };

/** One page that both processes see. The parent writes counts, the node its state; each word has
 * one writer, so a death at any instant leaves whole words. */
struct vr_parent_page {
    uint64_t magic;
    /* the parent's */
    atomic_uint_least64_t deaths;       /* of node processes, since the first start */
    atomic_uint_least64_t empty_starts; /* the memory was wiped: three deaths in ten seconds */
    atomic_uint_least64_t upgrades;     /* the program was changed for another in place */
    atomic_int_least64_t died_us;       /* CLOCK_MONOTONIC; 0: never */
    atomic_int_least64_t emptied_us;
    atomic_uint_least32_t died_of; /* signal */
    atomic_uint_least32_t starts;  /* 1: the first, by a person or a service manager */
    /* the node's */
    atomic_int_least64_t alive_us; /* CLOCK_MONOTONIC, when all its loops were seen to turn */
    atomic_int_least64_t served_us;
    atomic_uint_least32_t state; /* enum vr_node_state */
    atomic_bool reloaded;        /* the configuration was read again since the start */
    /* The parent's, and younger: a page of an older program has zeroes here, so new words stand at
     * the end and the layout is the same. */
    atomic_uint_least64_t upgrades_refused; /* the program on disk did not take over */
    char upgrade_why[VR_PARENT_WHY_TEXT];   /* of the last one; ASCII; written before the count */
};

struct vr_inherit {
    struct vr_parent_page *page;
    int page_fd;
    int memory_fd;
    void *memory; /* NULL: nothing is kept; zeroes where nothing was written */
    size_t memory_size;
    int sockets[VR_HELD_MAX];
    uint32_t socket_count;
    bool served; /* the process before this node's did so, from the same store */
};

/** A copy of the held socket that is bound to this address and port; false: there is none.
 *  `type`: SOCK_STREAM or SOCK_DGRAM. `inherit` may be NULL. The copy is the caller's to close. */
bool vr_inherit_socket(const struct vr_inherit *inherit, int type, const char *address,
                       uint16_t port, int *out);

/** The parent's side. Fresh page and memory of `memory_size` bytes (0: none), both only in memory,
 * readable by this user alone, and left out of core files. What `inherit` holds already and fits is
 * kept. False: the kernel refused. */
bool vr_inherit_make(struct vr_inherit *inherit, size_t memory_size);
/** The memory is zeroes again. */
void vr_inherit_wipe(struct vr_inherit *inherit);
void vr_inherit_close(struct vr_inherit *inherit);

/** Descriptors handed to this process by the protocol of sd_listen_fds(3): from the service
 * manager's store, or from the program that this one replaces. Takes them and the variables that
 * announce them; names that are not ours are left alone. */
void vr_inherit_adopt(struct vr_inherit *inherit);
/** The other end of it: set the variables and move the descriptors for execve. */
bool vr_inherit_hand_on(struct vr_inherit *inherit);
/** Give all of it to the service manager to keep, or take it back from there. */
void vr_inherit_store(const struct vr_inherit *inherit);
void vr_inherit_unstore(void);

#endif
