/* node_hold.c - the sockets of a node, opened by its parent and taken by the node: the same list in
 * both, from the settings and the addresses of this machine. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nodes/inherit.h"
#include "nodes/node_internal.h"

struct holding {
    const struct vr_inherit *old; /* from the program before */
    int sockets[VR_HELD_MAX];
    uint32_t count;
};

static void hold(struct holding *new, int fd)
{
    if (new->count < VR_HELD_MAX) {
        new->sockets[new->count++] = fd;
    } else {
        close(fd); /* the node opens it by itself, and loses it with a crash */
    }
}

/** Is this address there already? One can stand for several candidates. */
static bool is_twice(const struct vr_node *node, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(node->speech[i].local, node->speech[index].local) == 0) {
            return true;
        }
    }
    return false;
}

/** Of ICE-TCP: connections end with a process, but the next one is waited for. */
static void tcp_hold(struct vr_node *node, struct holding *new, uint32_t worker)
{
    uint64_t port = node->config->media_tcp_port;
    struct vr_why ignored = {0};
    int fd = -1;

    for (uint32_t i = 0; port != 0 && i < node->speech_count && i < VR_CANDIDATES_MAX; i++) {
        if (!is_twice(node, i) &&
            vr_media_tcp_socket_take(new->old, node->speech[i].local, (uint16_t)(port + worker),
                                     &fd, &ignored) == VR_OK) {
            hold(new, fd);
        }
    }
}

static void media_hold(struct vr_node *node, struct holding *new, uint32_t worker)
{
    uint16_t port = (uint16_t)(node->config->media_port + worker);
    struct vr_why ignored = {0};
    int fd = -1;

    tcp_hold(node, new, worker);
    for (uint32_t i = 0; i < node->speech_count && i < VR_CANDIDATES_MAX; i++) {
        if (!is_twice(node, i) &&
            vr_media_socket_take(new->old, node->speech[i].local, port, &fd, &ignored) == VR_OK) {
            hold(new, fd);
        }
    }
    if (node->config->cluster_etcd.count > 0 &&
        vr_link_socket_take(new->old, node->config->cluster_address,
                            (uint16_t)(node->config->cluster_speech_port + worker), &fd,
                            &ignored) == VR_OK) {
        hold(new, fd);
    }
}

static void listeners_hold(struct holding *new, const char *where, uint64_t setting)
{
    struct vr_why ignored = {0};
    uint16_t port = (uint16_t)setting;
    int sockets[VR_LISTEN_MAX];
    uint32_t count = 0;

    if (port != 0 &&
        vr_listen_take(new->old, where, &port, sockets, &count, "", &ignored) != VR_OK) {
        count = 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        hold(new, sockets[i]);
    }
}

void vr_node_sockets_hold(const struct vr_config *config, struct vr_inherit *inherit)
{
    struct vr_node *node = calloc(1, sizeof(*node));
    struct holding *new = calloc(1, sizeof(*new));
    struct vr_why ignored = {0};

    if (node != NULL && new != NULL) {
        new->old = inherit;
        node->config = config;
        node_counts_decide(node);
        vr_addresses_local(&node->local);
        if (node_speech_addresses(node, &ignored) == VR_OK) {
            for (uint32_t i = 0; i < node->media_count; i++) {
                media_hold(node, new, i);
            }
        }
        listeners_hold(new, config->http_address, config->http_port);
        listeners_hold(new, config->https_address, vr_config_https_port(config));
        /* One that is in no setting any more would keep its port, and swallow what comes to it. */
        for (uint32_t i = 0; i < inherit->socket_count; i++) {
            close(inherit->sockets[i]);
        }
        memcpy(inherit->sockets, new->sockets, sizeof(new->sockets));
        inherit->socket_count = new->count;
    }
    free(new);
    free(node);
}
