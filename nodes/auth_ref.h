/* auth_ref.h - what stands for an access token in what outlives it: a resume token names its key
 * and its jti by hashes, so that it ends with them. */
#ifndef VR_NODES_AUTH_REF_H
#define VR_NODES_AUTH_REF_H

#include "nodes/auth.h"

/** For vr_join_request.token_ref. Zero for grants of no token. */
struct vr_id vr_auth_ref(const struct vr_grants *grants);
/** Has its key gone, or was its jti revoked? Any thread. */
bool vr_auth_ref_withdrawn(struct vr_auth *auth, struct vr_id ref);

#endif
