/* passcode.h - the slow hash of a room's passcode: PBKDF2 with HMAC-SHA-256 (RFC 8018, 5.2), by
 * OpenSSL. Pure. */
#ifndef VR_ROOM_PASSCODE_H
#define VR_ROOM_PASSCODE_H

#include <stdbool.h>
#include <stdint.h>

/** About 1 ms; `ctx` is not used. False when OpenSSL failed. */
bool vr_passcode_hash(void *ctx, const char *passcode, const uint8_t salt[16], uint8_t out[32]);

#endif
