/* base64url.h - base64 with the URL alphabet and without padding (RFC 4648 5; RFC 7515 2), strict:
 * one text for one value, so a signature covers what was read. */
#ifndef VR_WIRE_BASE64URL_H
#define VR_WIRE_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>

#include "actors/base/bytes.h"

/** Append the text form to `out`, without a 0. */
void vr_base64url_write(struct vr_bytes bytes, struct vr_buf *out);

/** Decode into `out`; *size is what was written. False: another character, an impossible length,
 * spare bits that are not zero, or more than `capacity`. */
bool vr_base64url_read(struct vr_bytes text, uint8_t *out, size_t capacity, size_t *size);

#endif
