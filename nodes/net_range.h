/* net_range.h - addresses as 128 bits, ranges of them ("10.0.0.0/8"), and which addresses are the
 * public Internet's. Pure. */
#ifndef VR_NODES_NET_RANGE_H
#define VR_NODES_NET_RANGE_H

#include <stdbool.h>
#include <stdint.h>

struct sockaddr;

/** IPv4 addresses stand as ::ffff:a.b.c.d. */
struct vr_net_address {
    uint8_t bytes[16];
};

struct vr_net_range {
    struct vr_net_address from;
    uint8_t bits; /* of 128 */
};

/** "192.0.2.7", "2001:db8::1"; a mapped IPv4 address is the IPv4 one. */
bool vr_net_address_parse(const char *text, struct vr_net_address *out);
/** False for another family than IPv4 and IPv6. */
bool vr_net_address_of(const struct sockaddr *name, struct vr_net_address *out);

/** "10.0.0.0/8", "2001:db8::/32", or one address. False: malformed, or bits set behind the prefix.
 */
bool vr_net_range_parse(const char *text, struct vr_net_range *out);
bool vr_net_range_holds(const struct vr_net_range *range, const struct vr_net_address *address);

/** May a request on behalf of a stranger be sent there? Not loopback, private, link-local, shared,
 * documentation, benchmarking, multicast, reserved; nor an IPv6 form of such an IPv4 address
 * (mapped, NAT64, 6to4, Teredo). RFC 6890 and its registries. */
bool vr_net_is_public(const struct vr_net_address *address);

#endif
