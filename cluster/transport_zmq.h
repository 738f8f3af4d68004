/* transport_zmq.h - frames between nodes by ZeroMQ (transport.h is the contract).
 *
 * Per lane one ROUTER that others connect to and one DEALER per peer that we connect with; CURVE on
 * all of them. A connection is let in when its CURVE key is a peer's, and whose key it is names the
 * sender of each frame: nothing that a frame says can. Sockets live on the cluster worker's loop;
 * send() from any thread goes into a bounded queue per peer and lane. A frame that waited for 5 s,
 * since its peer is not reached, is dropped: whoever asked has given up. */
#ifndef VR_CLUSTER_TRANSPORT_ZMQ_H
#define VR_CLUSTER_TRANSPORT_ZMQ_H

#include "cluster/transport.h"

struct uv_loop_s;

struct vr_transport_zmq_conf {
    struct uv_loop_s *loop; /* the cluster worker's */
    const char *control;    /* to bind: "tcp://[fd00::3]:7400", "tcp://127.0.0.1:*" */
    const char *bulk;
    char key[VR_CURVE_KEY + 1]; /* ours, Z85 */
    char secret_key[VR_CURVE_KEY + 1];
    vr_frame_fn frame; /* on the loop's thread */
    void *ctx;
};

/** On the loop's thread, or before the loop runs. Errors: VR_E_BAD_REQUEST (an address that cannot
 * be bound, a malformed key), VR_E_NO_MEMORY. */
VR_MUST_CHECK enum vr_err vr_transport_zmq_new(const struct vr_transport_zmq_conf *conf,
                                               struct vr_transport **out, struct vr_why *why);

/** End what lives on the loop, on its thread while it still runs (vr_loop_hooks.closing). The
 * transport may then be closed when the loop has gone; without this, close must come while it runs.
 * Sends are refused from here on. */
void vr_transport_zmq_stop(struct vr_transport *transport);

/** Any thread, until close. */
void vr_transport_zmq_stats(const struct vr_transport *transport, struct vr_transport_stats *out);

/** The address that was bound, with the port that was found for "*". */
const char *vr_transport_zmq_bound(const struct vr_transport *transport, enum vr_frame_lane lane);

/** A new pair of CURVE keys, as Z85 text. VR_E_INTERNAL: this libzmq has no CURVE. */
VR_MUST_CHECK enum vr_err vr_transport_zmq_keypair(char key[VR_CURVE_KEY + 1],
                                                   char secret_key[VR_CURVE_KEY + 1]);
/** The public key of a secret one. VR_E_BAD_REQUEST: malformed. */
VR_MUST_CHECK enum vr_err vr_transport_zmq_public(const char *secret_key,
                                                  char key[VR_CURVE_KEY + 1]);

#endif
