/* socket.c - socket, bind, and what their errors mean to who set the address. */
#include "nodes/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nodes/inherit.h"

union name {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/** The size of the name; 0: not an address. */
static socklen_t name_parse(const char *text, uint16_t port, union name *out)
{
    *out = (union name){.v6 = {0}};
    if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        return sizeof(out->v4);
    }
    if (inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(port);
        return sizeof(out->v6);
    }
    return 0;
}

static const char *protocol(const struct vr_socket_ask *ask)
{
    return ask->type == SOCK_STREAM ? "TCP" : "UDP";
}

static enum vr_err refused(const struct vr_socket_ask *ask, int failed, struct vr_why *why)
{
    if (failed == EADDRINUSE) {
        return vr_fail(why, VR_E_EXISTS, "%s port %u of %s is in use: stop what uses it, or set %s",
                       protocol(ask), ask->port, ask->address, ask->port_setting);
    }
    return vr_fail(why, failed == EADDRNOTAVAIL ? VR_E_NOT_FOUND : VR_E_INTERNAL,
                   "%s port %u of %s: %s", protocol(ask), ask->port, ask->address,
                   strerror(failed));
}

enum vr_err vr_socket_bind(const struct vr_socket_ask *ask, int *out, struct vr_why *why)
{
    union name name;
    socklen_t size = name_parse(ask->address, ask->port, &name);
    int yes = 1;
    int fd = -1;

    *out = -1;
    if (vr_inherit_socket(ask->inherit, ask->type, ask->address, ask->port, out)) {
        return VR_OK;
    }
    if (size == 0) {
        return vr_fail(why, VR_E_UNPROCESSABLE, "%s: \"%s\" is no address", ask->address_setting,
                       ask->address);
    }
    fd = socket(name.any.sa_family, ask->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return vr_fail(why, errno == EAFNOSUPPORT ? VR_E_NOT_FOUND : VR_E_INTERNAL, "%s socket: %s",
                       protocol(ask), strerror(errno));
    }
    if (ask->reuse_address) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    }
    if (ask->reuse_port) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes));
    }
    if (name.any.sa_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
    }
    if (bind(fd, &name.any, size) != 0) {
        int failed = errno;

        close(fd);
        return refused(ask, failed, why);
    }
    *out = fd;
    return VR_OK;
}

uint16_t vr_socket_port(int fd)
{
    union name name = {.v6 = {0}};
    socklen_t size = sizeof(name);

    if (getsockname(fd, &name.any, &size) != 0) {
        return 0;
    }
    return ntohs(name.any.sa_family == AF_INET6 ? name.v6.sin6_port : name.v4.sin_port);
}
