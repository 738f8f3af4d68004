/* jwt_claims.h - private to jwt*.c: what header and payload of a token say, as JSON objects. */
#ifndef VR_WIRE_JWT_CLAIMS_H
#define VR_WIRE_JWT_CLAIMS_H

#include "actors/wire/json_in.h"
#include "actors/wire/jwt.h"

/** The key's id from header (kid) or payload (iss; both must agree), and the rest of the header
 * judged: HS256 and nothing that asks for more (RFC 7515 4.1). Nothing is verified yet. */
bool vr_jwt_key_id(json_t *header, json_t *payload, char kid[VR_KID_MAX + 1]);

/** The claims of a payload whose signature holds. */
VR_MUST_CHECK enum vr_err vr_jwt_claims(json_t *payload, const struct vr_jwt_verify *verify,
                                        struct vr_grants *out, struct vr_why *why);

/** The payload to sign; NULL: memory is out. */
json_t *vr_jwt_payload(const struct vr_grants *grants, const char *kid);

#endif
