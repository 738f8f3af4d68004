/* listen.c - getifaddrs, and which names stand for which addresses. */
#include "nodes/listen.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nodes/socket.h"

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

static enum vr_err listen_any(const struct vr_inherit *inherit, const char *where, uint16_t *port,
                              bool reuse_port, int out[VR_LISTEN_MAX], uint32_t *count,
                              const char *setting, struct vr_why *why)
{
    static const char *const both[] = {"127.0.0.1", "::1"};
    static const char *const all[] = {"0.0.0.0", "::"};
    bool single = strcmp(where, "localhost") != 0 && strcmp(where, "*") != 0;
    const char *const *names = strcmp(where, "*") == 0 ? all : both;

    struct vr_socket_ask ask = {.type = SOCK_STREAM,
                                .reuse_address = true,
                                .reuse_port = reuse_port,
                                .inherit = inherit,
                                .address_setting = setting,
                                .port_setting = setting};

    *count = 0;
    for (uint32_t i = 0; i < (single ? 1u : 2u); i++) {
        enum vr_err err = VR_OK;

        ask.address = single ? where : names[i];
        ask.port = *port;
        err = vr_socket_bind(&ask, &out[*count], why);
        if (err == VR_OK) {
            *port = vr_socket_port(out[*count]);
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

enum vr_err vr_listen_open(const char *where, uint16_t *port, bool reuse_port,
                           int out[VR_LISTEN_MAX], uint32_t *count, const char *setting,
                           struct vr_why *why)
{
    return listen_any(NULL, where, port, reuse_port, out, count, setting, why);
}

enum vr_err vr_listen_take(const struct vr_inherit *inherit, const char *where, uint16_t *port,
                           int out[VR_LISTEN_MAX], uint32_t *count, const char *setting,
                           struct vr_why *why)
{
    return listen_any(inherit, where, port, false, out, count, setting, why);
}
