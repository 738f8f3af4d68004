/* link_port.h - a media worker's way to other nodes: one UDP socket for speech between nodes, read
 * and written in batches, around cluster/link.h.
 *
 * What shards of this worker have for another node's shard is packed while the loop goes through
 * its callbacks and leaves at the end of the pass: no frame waits for another one. What comes in is
 * handed to the shard's worker, this one or a sibling. */
#ifndef VR_NODES_LINK_PORT_H
#define VR_NODES_LINK_PORT_H

#include "actors/messages/msg.h"
#include "cluster/link.h"

struct uv_loop_s;
struct vr_inherit;
struct vr_system;
struct vr_link_port;

struct vr_link_port_conf {
    struct vr_links *links;   /* shared by all workers; borrowed */
    uint32_t node;            /* this node's number */
    uint32_t worker;          /* of this node's media workers */
    int socket;               /* closed by the port */
    struct vr_system *system; /* may be set later: vr_link_port_attach */
    /** Instead of vr_system_deliver: tests. NULL is fine. Takes the message. */
    void (*deliver)(void *ctx, struct vr_msg *msg);
    void *ctx;
};

struct vr_link_port_stats {
    struct vr_link_stats link;
    uint64_t batches_in, batches_out;
    uint64_t send_dropped; /* the socket's buffer was full, or the network refused */
    uint64_t pool_empty;   /* came in while all packets were under way */
    uint64_t misdirected;  /* for a shard of another node */
    uint64_t stale;        /* waited in the kernel for too long while no process was there */
};

/** A bound UDP socket with large buffers: as vr_media_socket_open. */
VR_MUST_CHECK enum vr_err vr_link_socket_open(const char *address, uint16_t port, int *out,
                                              struct vr_why *why);
/** The same, with what a parent holds (NULL: nothing) taken first: nodes/inherit.h. */
VR_MUST_CHECK enum vr_err vr_link_socket_take(const struct vr_inherit *inherit, const char *address,
                                              uint16_t port, int *out, struct vr_why *why);

/** Owns the socket from here on, also when it fails. */
VR_MUST_CHECK enum vr_err vr_link_port_new(const struct vr_link_port_conf *conf,
                                           struct vr_link_port **out);
/** Before the loop runs. */
void vr_link_port_attach(struct vr_link_port *port, struct vr_system *system);
/** On the loop's thread. */
VR_MUST_CHECK enum vr_err vr_link_port_open(struct vr_link_port *port, struct uv_loop_s *loop,
                                            struct vr_why *why);
/** vr_engine_conf.link_out with the port as its context: the worker's thread. */
void vr_link_port_out(void *port, uint32_t shard, const struct vr_relay *relay);
/** After each turn: what is packed is sent. */
void vr_link_port_before_wait(struct vr_link_port *port);
/** Begin to close the handle; nothing is sent any more. */
void vr_link_port_close(struct vr_link_port *port);
/** After the loop has ended. */
void vr_link_port_free(struct vr_link_port *port);

/** Any thread; racy, whole words. */
void vr_link_port_stats(const struct vr_link_port *port, struct vr_link_port_stats *out);

#endif
