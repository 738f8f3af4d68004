/* transport_zmq_internal.h - what the parts of the ZeroMQ transport share. */
#ifndef VR_CLUSTER_TRANSPORT_ZMQ_INTERNAL_H
#define VR_CLUSTER_TRANSPORT_ZMQ_INTERNAL_H

#include <czmq.h>
#include <uv.h>

#include "actors/base/clock.h"
#include "actors/base/list.h"
#include "actors/base/owner.h"
#include "cluster/transport_zmq.h"

#define LANES 2u
#define PEERS_MAX 256u

struct transport;

/* A socket with its descriptor polled. The descriptor is edge-triggered: it tells only that
 * something changed, so that `ready` drains the socket, and so does whoever sends or receives. */
struct zmq_end {
    uv_poll_t poll;
    struct transport *transport;
    zsock_t *socket;
    void (*ready)(struct zmq_end *end);
    struct link_out *link; /* of a DEALER */
    enum vr_frame_lane lane;
};

struct frame {
    struct vr_list link; /* link_out.queue */
    zframe_t *body;
    size_t size;
    uint64_t queued_ms;
};

/* The way to one peer on one lane. */
struct link_out {
    struct peer *peer;
    enum vr_frame_lane lane;
    struct zmq_end *end;  /* NULL: it could not be made; the tick tries again */
    struct vr_list queue; /* frame.link; under transport.lock */
    uint32_t count;       /* of frames there */
    size_t bytes;
    bool connected;    /* at the last look: a frame can be sent, or the pipe was full */
    uint64_t moved_ms; /* when it was made, or last sent */
    uint32_t patience_ms;
};

struct peer {
    struct vr_transport_peer conf;
    struct link_out out[LANES];
};

struct transport {
    struct vr_transport base;
    struct vr_transport_zmq_conf conf;
    uv_loop_t *loop;
    struct vr_list gate_link; /* of the gatekeeper, under its lock */
    char domain[24];          /* by which the gatekeeper is asked for this transport */
    struct zmq_end *in[LANES];
    char bound[LANES][128];
    uv_async_t wake;
    uv_timer_t tick;
    uv_mutex_t lock; /* of peers as an array, and of their queues */
    struct peer *peers[PEERS_MAX];
    uint32_t peer_count;
    struct vr_transport_stats stats; /* atomic, relaxed */
    bool stopped;                    /* under the lock */
    uint32_t refs;                   /* atomic: the owner and each handle of the loop */
};

void vr_zmq_count(uint64_t *counter, uint64_t more);
void vr_zmq_release(struct transport *transport);
/** Takes the socket, also when it fails (NULL). */
struct zmq_end *vr_zmq_end_open(struct transport *transport, zsock_t *socket,
                                void (*ready)(struct zmq_end *end));
void vr_zmq_end_close(struct zmq_end *end); /* NULL is fine */
bool vr_zmq_has(const struct zmq_end *end, int events);
/** NULL: no descriptors are left. */
zsock_t *vr_zmq_socket(int type);
/** czmq has one context a process, and a socket that was closed lets go of its place a little
 * later, on libzmq's thread: who comes right after another in the same place waits for that, 1 s at
 * most. False: why is in zmq_errno(). */
bool vr_zmq_bind(zsock_t *socket, const char *address);
bool vr_zmq_key_good(const char *key);

/** The gatekeeper of all ROUTERs of this process (ZAP, RFC 27), an actor of czmq: before the first
 * of this transport's is bound, and after its last is closed. */
enum vr_err vr_zmq_gate_enter(struct transport *transport);
void vr_zmq_gate_leave(struct transport *transport);
/** On the loop's thread, or with the transport's lock held. */
struct peer *vr_zmq_peer_by_key(const struct transport *transport, const char *key);

/** Any thread, with the lock held. Copies. */
enum vr_err vr_zmq_queue(struct link_out *out, struct vr_bytes bytes);

/** Loop's thread. */
enum vr_err vr_zmq_set_peers(struct vr_transport *base, const struct vr_transport_peer *peers,
                             uint32_t count);
void vr_zmq_drop_peers(struct transport *transport);
void vr_zmq_flush(struct transport *transport);
void vr_zmq_look_after(struct transport *transport);

#endif
