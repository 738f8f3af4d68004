/* mac.h - HMAC-SHA-256 and SHA-256: this folder's one use of OpenSSL is mac.c. */
#ifndef VR_WIRE_MAC_H
#define VR_WIRE_MAC_H

#include <stdbool.h>

#include "actors/base/bytes.h"

#define VR_MAC_SIZE 32

/** RFC 2104 with SHA-256. False when the library failed (memory). */
bool vr_mac(struct vr_bytes key, struct vr_bytes text, uint8_t out[VR_MAC_SIZE]);

#define VR_MAC_SHA1_SIZE 20

/** RFC 2104 with SHA-1: only for what others have laid down so (turn.h). */
bool vr_mac_sha1(struct vr_bytes key, struct vr_bytes text, uint8_t out[VR_MAC_SHA1_SIZE]);

#define VR_MD5_SIZE 16

/** RFC 1321: only for what others have laid down so (the keys of STUN, RFC 8489, 9.2.2). */
bool vr_md5(struct vr_bytes text, uint8_t out[VR_MD5_SIZE]);

/** SHA-256 (FIPS 180-4). */
bool vr_digest(struct vr_bytes text, uint8_t out[VR_MAC_SIZE]);

/** Compare in a time that tells nothing about where they differ. */
bool vr_mac_equal(const uint8_t *a, const uint8_t *b, size_t size);

#endif
