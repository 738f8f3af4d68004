/* media_tcp_frame.h - datagrams in a stream of bytes (RFC 4571, 2), and whose check one is. Pure.
 *
 *     | length, 16 bits | that many bytes: STUN, DTLS or SRTP | length | ...
 */
#ifndef VR_NODES_MEDIA_TCP_FRAME_H
#define VR_NODES_MEDIA_TCP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/base/bytes.h"

#define VR_FRAME_HEAD 2u
#define VR_FRAME_MAX 2048u /* as for UDP: nothing of ours is as long */

/** Bytes that were read and may be overwritten. */
struct vr_span {
    uint8_t *data;
    size_t size;
};

/** What one connection keeps between two reads. Zeroed is empty. */
struct vr_frame_reader {
    size_t have;
    uint8_t bytes[VR_FRAME_HEAD + VR_FRAME_MAX];
};

enum vr_frame_found {
    VR_FRAME_MORE,    /* all of `in` is used up, and kept where it must be */
    VR_FRAME_WHOLE,   /* `frame` is one; call again for the next */
    VR_FRAME_TOO_LONG /* the stream is not ours: nothing after it can be believed */
};

/** Take the next frame off `in`. `frame` points into `in` or into the reader, until the next call.
 * Empty frames, which keep a path open (RFC 4571, 2), are passed over. */
enum vr_frame_found vr_frame_next(struct vr_frame_reader *reader, struct vr_span *in,
                                  struct vr_span *frame);

/** The ufrag of ours that a Binding request names: USERNAME up to the colon (RFC 8445, 7.2.2), not
 * yet authenticated. Empty: it is none. */
struct vr_bytes vr_frame_ufrag(struct vr_bytes datagram);

#endif
