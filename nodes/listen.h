/* listen.h - sockets before their use: which addresses this machine has, and TCP sockets that
 * listen. */
#ifndef VR_NODES_LISTEN_H
#define VR_NODES_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/err.h"

#define VR_ADDRESSES_MAX 16
#define VR_LISTEN_MAX 4

struct vr_inherit;

struct vr_addresses {
    uint32_t count;
    char text[VR_ADDRESSES_MAX][46];
};

/** Addresses of this machine, IPv4 before IPv6, loopback last; no link-local ones, which need a
 * zone. */
void vr_addresses_local(struct vr_addresses *out);

/** Sockets for `where`: an address, "localhost" (both loopback ones) or "*" (all). `reuse_port`:
 * several workers bind the same. Errors: VR_E_EXISTS, with what to do; VR_E_NOT_FOUND no such
 * address here. `*port` 0 becomes the port got. */
VR_MUST_CHECK enum vr_err vr_listen_open(const char *where, uint16_t *port, bool reuse_port,
                                         int out[VR_LISTEN_MAX], uint32_t *count,
                                         const char *setting, struct vr_why *why);
/** The same, with what a parent holds (NULL: nothing) taken first: nodes/inherit.h. */
VR_MUST_CHECK enum vr_err vr_listen_take(const struct vr_inherit *inherit, const char *where,
                                         uint16_t *port, int out[VR_LISTEN_MAX], uint32_t *count,
                                         const char *setting, struct vr_why *why);

#endif
