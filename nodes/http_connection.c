/* http_connection.c - accepted connections: counted against the limits, found by their descriptor,
 * ended.
 *
 * h2o never sets TCP_NODELAY and keeps no list that could be closed, so both are done here. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "nodes/http_internal.h"
#include "nodes/tls.h"

/** Where the address counts, or ADDRESS_COUNTS for this machine itself. */
static uint32_t address_place(const uv_tcp_t *tcp)
{
    struct sockaddr_storage name = {0};
    int size = sizeof(name);
    uint64_t sum = 0;

    if (uv_tcp_getpeername(tcp, (struct sockaddr *)&name, &size) != 0) {
        return ADDRESS_COUNTS;
    }
    if (name.ss_family == AF_INET) {
        uint32_t v4 = ntohl(((struct sockaddr_in *)&name)->sin_addr.s_addr);

        if (v4 >> 24 == 127) {
            return ADDRESS_COUNTS;
        }
        sum = v4;
    } else {
        const uint8_t *v6 = ((struct sockaddr_in6 *)&name)->sin6_addr.s6_addr;

        if (IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)&name)->sin6_addr)) {
            return ADDRESS_COUNTS;
        }
        sum = IN6_IS_ADDR_V4MAPPED(&((struct sockaddr_in6 *)&name)->sin6_addr) ? vr_get32(v6 + 12)
                                                                               : vr_get64(v6);
    }
    sum *= 0x9e3779b97f4a7c15u;
    return (uint32_t)(sum >> 48) % ADDRESS_COUNTS;
}

static void connection_forget(struct connection *connection)
{
    struct vr_http *http = connection->part->http;

    if (connection->address_place != ADDRESS_COUNTS) {
        atomic_fetch_sub(&http->by_address[connection->address_place], 1);
    }
    atomic_fetch_sub(&http->connections, 1);
    vr_list_remove(&connection->link);
}

static void on_connection_closed(uv_handle_t *handle)
{
    struct connection *connection = VR_OWNER((uv_tcp_t *)handle, struct connection, tcp);
    struct vr_http_worker *part = connection->part;

    for (size_t i = 0; i < part->by_fd_count; i++) {
        /* The descriptor is gone from the handle by now; a number may have been taken again. */
        if (part->by_fd[i] == connection) {
            part->by_fd[i] = NULL;
            break;
        }
    }
    connection_forget(connection);
    vr_tls_close(connection->tls);
    free(connection);
}

static bool connection_map(struct connection *connection)
{
    struct vr_http_worker *part = connection->part;
    uv_os_fd_t fd = -1;

    if (uv_fileno((uv_handle_t *)&connection->tcp, &fd) != 0) {
        return false;
    }
    if ((size_t)fd >= part->by_fd_count) {
        size_t count = ((size_t)fd + 64) * 2;
        struct connection **grown = realloc(part->by_fd, count * sizeof(struct connection *));

        if (grown == NULL) {
            return false;
        }
        memset(grown + part->by_fd_count, 0,
               (count - part->by_fd_count) * sizeof(struct connection *));
        part->by_fd = grown;
        part->by_fd_count = count;
    }
    part->by_fd[fd] = connection;
    return true;
}

struct connection *connection_of(struct vr_http_worker *part, h2o_req_t *h2o)
{
    int fd = h2o_socket_get_fd(h2o->conn->callbacks->get_socket(h2o->conn));

    return fd < 0 || (size_t)fd >= part->by_fd_count ? NULL : part->by_fd[fd];
}

/** Counts the connection; false when a limit is reached. */
static bool connection_admit(struct connection *connection)
{
    struct vr_http *http = connection->part->http;
    uint32_t all = atomic_fetch_add(&http->connections, 1) + 1;
    bool fits = http->conf.connections_max == 0 || all <= http->conf.connections_max;

    connection->address_place = address_place(&connection->tcp);
    if (connection->address_place != ADDRESS_COUNTS) {
        uint32_t same = atomic_fetch_add(&http->by_address[connection->address_place], 1) + 1u;

        fits = fits && (http->conf.connections_per_address == 0 ||
                        same <= http->conf.connections_per_address);
    }
    return fits;
}

void connection_accept(uv_stream_t *stream, int status)
{
    struct listener *listener = VR_OWNER((uv_tcp_t *)stream, struct listener, tcp);
    struct vr_http_worker *part = listener->part;
    struct connection *connection = NULL;

    if (status != 0 || (connection = calloc(1, sizeof(*connection))) == NULL) {
        return;
    }
    connection->part = part;
    uv_tcp_init(part->loop, &connection->tcp);
    vr_list_push(&part->connections, &connection->link);
    if (uv_accept(stream, (uv_stream_t *)&connection->tcp) != 0 || !connection_admit(connection) ||
        !connection_map(connection)) {
        uv_close((uv_handle_t *)&connection->tcp, on_connection_closed);
        return;
    }
    /* h2o writes a WebSocket frame's header and payload apart: with Nagle's algorithm every message
     * would wait 44 ms for an acknowledgement. */
    uv_tcp_nodelay(&connection->tcp, 1);
    connection->tls = listener->tls ? vr_tls_retain(part->accept_tls.ssl_ctx) : NULL;
    connection->sock = h2o_uv_socket_create((uv_stream_t *)&connection->tcp, on_connection_closed);
    h2o_accept(listener->tls ? &part->accept_tls : &part->accept_plain, connection->sock);
}

void connections_reap(struct vr_http_worker *part)
{
    VR_LIST_EACH(item, &part->connections)
    {
        struct connection *connection = VR_OWNER(item, struct connection, link);
        h2o_socket_t *sock = connection->sock;

        if (sock != NULL && sock->_cb.write != NULL &&
            !uv_is_closing((uv_handle_t *)&connection->tcp) &&
            !uv_is_writable((uv_stream_t *)&connection->tcp)) {
            h2o_socket_cb written = sock->_cb.write;

            sock->_cb.write = NULL;
            written(sock, h2o_socket_error_io);
        }
    }
}

void connections_end(struct vr_http_worker *part, bool websockets, bool writes)
{
    VR_LIST_EACH(item, &part->connections)
    {
        struct connection *connection = VR_OWNER(item, struct connection, link);
        uv_os_fd_t fd = -1;

        if (connection->websocket == websockets &&
            uv_fileno((uv_handle_t *)&connection->tcp, &fd) == 0) {
            shutdown(fd, writes ? SHUT_RDWR : SHUT_RD);
        }
    }
}
