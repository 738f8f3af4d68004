/* socket.h - a socket bound to one address of this machine: what TCP and UDP have in common.
 *
 * Spec: RFC 3493 (an IPv6 socket takes no IPv4, so that each address has a socket of its own). */
#ifndef VR_NODES_SOCKET_H
#define VR_NODES_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/err.h"

struct vr_inherit;

struct vr_socket_ask {
    const char *address;         /* IPv4 or IPv6 as text */
    uint16_t port;               /* 0: any */
    int type;                    /* SOCK_STREAM or SOCK_DGRAM */
    bool reuse_address;          /* bind though old connections linger */
    bool reuse_port;             /* several sockets share the port */
    const char *address_setting; /* names for complaints */
    const char *port_setting;
    const struct vr_inherit *inherit; /* what a parent holds is taken first; NULL: nothing */
};

/** Bound, not blocking, closed on exec; a stream does not listen yet. Errors: VR_E_UNPROCESSABLE no
 * address; VR_E_EXISTS port taken, with what to do; VR_E_NOT_FOUND not of this machine. */
VR_MUST_CHECK enum vr_err vr_socket_bind(const struct vr_socket_ask *ask, int *out,
                                         struct vr_why *why);

/** The port that a bound socket has. */
uint16_t vr_socket_port(int fd);

#endif
