/* ice.h - ice_servers as clients get them: the stun: and turn: servers of the settings, with
 * credentials. */
#ifndef VR_SESSION_ICE_H
#define VR_SESSION_ICE_H

#include "actors/base/bytes.h"
#include "actors/runtime/env.h"

/** One server with its credentials; those that are minted become good for a while from now. */
void vr_ice_server_take(const struct vr_env *env, uint32_t index, const char *who,
                        struct vr_ice_server *out);

/** "[...]" (docs/protocol.md, "Join answer"). `who` stands in the names of minted credentials. */
void vr_ice_servers_write(const struct vr_env *env, const char *who, struct vr_buf *out);

#endif
