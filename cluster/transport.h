/* transport.h - frames from node to node, encrypted and told apart: who sent it is certain.
 *
 * Two back ends: ZeroMQ (transport_zmq.h: ROUTER and DEALER, CURVE with an allow-list, control and
 * bulk on two sockets of their own, heartbeats, bounded queues), and the simulated network. A frame
 * is the bytes of one envelope (actors/messages/envelope.h), at most VR_FRAME_MAX. Order is kept
 * within one lane between two nodes as long as the connection lives; a frame may be lost when it
 * breaks. Nothing is resent here: who asks has a deadline. */
#ifndef VR_CLUSTER_TRANSPORT_H
#define VR_CLUSTER_TRANSPORT_H

#include "actors/base/bytes.h"
#include "actors/base/err.h"

#define VR_FRAME_MAX ((size_t)1024 * 1024)
#define VR_CURVE_KEY 40 /* Z85 text of a CURVE public key, without the 0 */

enum vr_frame_lane { VR_FRAME_CONTROL, VR_FRAME_BULK };

struct vr_transport;

/** A node that may talk to us and to which we talk: from the directory. */
struct vr_transport_peer {
    uint32_t node;
    uint64_t incarnation; /* another one: the old connection and its queue go */
    char control[128];    /* "tcp://[fd00::3]:7400" */
    char bulk[128];
    char key[VR_CURVE_KEY + 1];
};

struct vr_transport_ops {
    /** Any thread. Copies. VR_E_NOT_FOUND no such peer; VR_E_BUSY its queue is full;
     * VR_E_TOO_LARGE. */
    enum vr_err (*send)(struct vr_transport *transport, uint32_t node, enum vr_frame_lane lane,
                        struct vr_bytes frame);
    /** The cluster worker's thread: all peers there are now; who is missing is cut off, keys not in
     * it are refused. */
    enum vr_err (*peers)(struct vr_transport *transport, const struct vr_transport_peer *peers,
                         uint32_t count);
    void (*close)(struct vr_transport *transport); /* frees it */
};
struct vr_transport {
    const struct vr_transport_ops *ops;
};

/** What came in: `node` is the number of the peer whose CURVE key it was. On the cluster worker's
 * thread. */
typedef void (*vr_frame_fn)(void *ctx, uint32_t node, enum vr_frame_lane lane,
                            struct vr_bytes frame);

struct vr_transport_stats {
    uint64_t frames_out, frames_in, bytes_out, bytes_in;
    uint64_t refused_busy, refused_key, malformed;
    uint32_t connected;
};

#endif
