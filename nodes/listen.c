/* listen.c - getifaddrs, bind. */
#include "nodes/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void address_add(struct vr_addresses *out, const struct ifaddrs *at, int family,
                        bool loopback)
{
    char text[46];

    if (at->ifa_addr == NULL || at->ifa_addr->sa_family != family ||
        (at->ifa_flags & IFF_UP) == 0 || ((at->ifa_flags & IFF_LOOPBACK) != 0) != loopback ||
        out->count == VR_ADDRESSES_MAX) {
        return;
    }
    if (family == AF_INET) {
        inet_ntop(AF_INET, &((struct sockaddr_in *)at->ifa_addr)->sin_addr, text, sizeof(text));
    } else {
        const struct in6_addr *v6 = &((struct sockaddr_in6 *)at->ifa_addr)->sin6_addr;

        if (IN6_IS_ADDR_LINKLOCAL(v6)) {
            return;
        }
        inet_ntop(AF_INET6, v6, text, sizeof(text));
    }
    memcpy(out->text[out->count++], text, sizeof(text));
}

void vr_addresses_local(struct vr_addresses *out)
{
    static const struct {
        int family;
        bool loopback;
    } order[] = {{AF_INET, false}, {AF_INET6, false}, {AF_INET, true}, {AF_INET6, true}};
    struct ifaddrs *list = NULL;

    *out = (struct vr_addresses){0};
    if (getifaddrs(&list) != 0) {
        return;
    }
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        for (const struct ifaddrs *at = list; at != NULL; at = at->ifa_next) {
            address_add(out, at, order[i].family, order[i].loopback);
        }
    }
    freeifaddrs(list);
}

static enum vr_err one_open(const char *address, uint16_t *port, bool reuse_port, int *out,
                            const char *setting, struct vr_why *why)
{
    struct sockaddr_storage name = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&name;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&name;
    socklen_t size = sizeof(*v4);
    int yes = 1;
    int fd = -1;

    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(*port);
    } else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(*port);
        size = sizeof(*v6);
    } else {
        return vr_fail(why, VR_E_UNPROCESSABLE, "%s: \"%s\" is no address", setting, address);
    }
    fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return vr_fail(why, VR_E_NOT_FOUND, "TCP socket: %s", strerror(errno));
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (reuse_port) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes));
    }
    if (name.ss_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
    }
    if (bind(fd, (struct sockaddr *)&name, size) != 0) {
        int failed = errno;

        close(fd);
        if (failed == EADDRINUSE) {
            return vr_fail(why, VR_E_EXISTS,
                           "TCP port %u of %s is in use: stop what uses it, or set %s", *port,
                           address, setting);
        }
        return vr_fail(why, failed == EADDRNOTAVAIL ? VR_E_NOT_FOUND : VR_E_INTERNAL,
                       "TCP port %u of %s: %s", *port, address, strerror(failed));
    }
    size = sizeof(name);
    getsockname(fd, (struct sockaddr *)&name, &size);
    *port = ntohs(name.ss_family == AF_INET6 ? v6->sin6_port : v4->sin_port);
    *out = fd;
    return VR_OK;
}

enum vr_err vr_listen_open(const char *where, uint16_t *port, bool reuse_port,
                           int out[VR_LISTEN_MAX], uint32_t *count, const char *setting,
                           struct vr_why *why)
{
    static const char *const both[] = {"127.0.0.1", "::1"};
    static const char *const all[] = {"0.0.0.0", "::"};
    bool single = strcmp(where, "localhost") != 0 && strcmp(where, "*") != 0;
    const char *const *names = strcmp(where, "*") == 0 ? all : both;

    *count = 0;
    for (uint32_t i = 0; i < (single ? 1u : 2u); i++) {
        const char *name = single ? where : names[i];
        enum vr_err err = one_open(name, port, reuse_port, &out[*count], setting, why);

        if (err == VR_OK) {
            (*count)++;
        } else if (i == 0 || (err != VR_E_NOT_FOUND && err != VR_E_INTERNAL)) {
            /* A machine without IPv6 is fine. */
            for (uint32_t k = 0; k < *count; k++) {
                close(out[k]);
            }
            *count = 0;
            return err;
        }
    }
    return VR_OK;
}
