/* turn.h - a name and a password for a TURN server that are good for a while only, from a secret
 * shared with it (draft-uberti-behave-turn-rest-00, 2.2; coturn's use-auth-secret). Pure. */
#ifndef VR_WIRE_TURN_H
#define VR_WIRE_TURN_H

#include "actors/base/bytes.h"
#include "actors/base/err.h"

/** The name is "EXPIRES:WHO", the password base64(HMAC-SHA-1(secret, name)). `who` is cut to fit;
 * it tells the server's log whose allocation it is, nothing hangs on it. Units:  `expires_s` Unix
 * time. Errors: VR_E_INTERNAL when the library failed. */
VR_MUST_CHECK enum vr_err vr_turn_credential(struct vr_bytes secret, int64_t expires_s,
                                             const char *who, char username[128],
                                             char credential[128]);

#endif
