/* envelope.h - the protobuf form of wire messages (envelope.proto): bytes <-> struct vr_msg.
 *
 * Readable by the previous and the next version: unknown fields are kept out of the way, absent
 * ones are zero, an unknown kind is VR_E_UNKNOWN_MSG. Pure: no I/O, no clock. `deadline` travels as
 * the time left, so that clocks of two nodes need not agree. */
#ifndef VR_MESSAGES_ENVELOPE_H
#define VR_MESSAGES_ENVELOPE_H

#include "actors/messages/msg.h"

#define VR_ENVELOPE_MAX ((size_t)1024 * 1024)
/* Bytes of a command's text; the room has narrower bounds. */
#define VR_COMMAND_TEXT_MAX ((size_t)64 * 1024)

/** Errors: VR_E_BAD_REQUEST when the kind is local or a payload is missing; VR_E_TOO_LARGE;
 * VR_E_NO_MEMORY. Appends to `out`. */
VR_MUST_CHECK enum vr_err vr_envelope_encode(const struct vr_msg *msg, vr_time_us now,
                                             struct vr_buf *out);

/** Owns: `out` is the caller's on VR_OK and must be cleared. Errors: VR_E_BAD_WIRE,
 * VR_E_UNKNOWN_MSG, VR_E_TOO_LARGE, VR_E_NO_MEMORY; then `out` is zeroed. Every string and count is
 * bounded. */
VR_MUST_CHECK enum vr_err vr_envelope_decode(struct vr_bytes in, vr_time_us now,
                                             struct vr_msg *out);

#endif
