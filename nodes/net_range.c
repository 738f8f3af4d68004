#include "nodes/net_range.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_mapped(const struct vr_net_address *address)
{
    return memcmp(address->bytes, mapped, sizeof(mapped)) == 0;
}

bool vr_net_address_parse(const char *text, struct vr_net_address *out)
{
    struct in_addr four;

    if (inet_pton(AF_INET, text, &four) == 1) {
        memcpy(out->bytes, mapped, sizeof(mapped));
        memcpy(out->bytes + 12, &four, 4);
        return true;
    }
    return inet_pton(AF_INET6, text, out->bytes) == 1;
}

bool vr_net_address_of(const struct sockaddr *name, struct vr_net_address *out)
{
    if (name->sa_family == AF_INET) {
        memcpy(out->bytes, mapped, sizeof(mapped));
        memcpy(out->bytes + 12, &((const struct sockaddr_in *)(const void *)name)->sin_addr, 4);
        return true;
    }
    if (name->sa_family == AF_INET6) {
        memcpy(out->bytes, &((const struct sockaddr_in6 *)(const void *)name)->sin6_addr, 16);
        return true;
    }
    return false;
}

static bool bit(const struct vr_net_address *address, unsigned place)
{
    return (address->bytes[place / 8] & (0x80u >> (place % 8))) != 0;
}

bool vr_net_range_parse(const char *text, struct vr_net_range *out)
{
    const char *slash = strchr(text, '/');
    char address[64];
    size_t size = slash == NULL ? strlen(text) : (size_t)(slash - text);
    unsigned most;
    unsigned long bits;
    char *end = NULL;

    if (size == 0 || size >= sizeof(address)) {
        return false;
    }
    memcpy(address, text, size);
    address[size] = 0;
    if (!vr_net_address_parse(address, &out->from)) {
        return false;
    }
    most = strchr(address, ':') == NULL ? 32 : 128;
    bits = most;
    if (slash != NULL) {
        if (slash[1] < '0' || slash[1] > '9') {
            return false;
        }
        errno = 0;
        bits = strtoul(slash + 1, &end, 10);
        if (*end != 0 || errno != 0 || bits > most) {
            return false;
        }
    }
    out->bits = (uint8_t)(bits + (most == 32 ? 96 : 0));
    for (unsigned i = out->bits; i < 128; i++) {
        if (bit(&out->from, i)) {
            return false;
        }
    }
    return true;
}

bool vr_net_range_holds(const struct vr_net_range *range, const struct vr_net_address *address)
{
    unsigned whole = range->bits / 8;
    uint8_t mask = (uint8_t)(0xff00u >> (range->bits % 8));

    return memcmp(range->from.bytes, address->bytes, whole) == 0 &&
           (range->bits % 8 == 0 ||
            ((range->from.bytes[whole] ^ address->bytes[whole]) & mask) == 0);
}

static bool in_any(const struct vr_net_address *address, const char *const *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct vr_net_range range;

        if (vr_net_range_parse(ranges[i], &range) && vr_net_range_holds(&range, address)) {
            return true;
        }
    }
    return false;
}

bool vr_net_is_public(const struct vr_net_address *address)
{
    /* clang-format off */
    static const char *const closed_4[] = {
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    };
    /* Of 2000::/3, all that is handed out; and of that, these are not: Teredo and the other protocol
     * assignments, documentation, 6to4, SRv6. */
    static const char *const closed_6[] = {"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"};
    static const char *const global_6[] = {"2000::/3"};
    /* clang-format on */
    if (is_mapped(address)) {
        return !in_any(address, closed_4, sizeof(closed_4) / sizeof(closed_4[0]));
    }
    return in_any(address, global_6, 1) &&
           !in_any(address, closed_6, sizeof(closed_6) / sizeof(closed_6[0]));
}
