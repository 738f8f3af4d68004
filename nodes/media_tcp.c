/* media_tcp.c - who may connect for ICE-TCP, and for how long. */
#include "nodes/media_tcp_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/base/assert.h"
#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "nodes/media_tcp_table.h"
#include "nodes/socket.h"

#define BACKLOG 512
#define ACCEPTS_MAX 32        /* in one callback, so that speech gets its turn */
#define UNSENT_BYTES_MAX 4096 /* in the kernel: 100 ms of three speakers */

enum vr_err vr_media_tcp_socket_take(const struct vr_inherit *inherit, const char *address,
                                     uint16_t port, int *out, struct vr_why *why)
{
    const struct vr_socket_ask ask = {.inherit = inherit,
                                      .address = address,
                                      .port = port,
                                      .type = SOCK_STREAM,
                                      .reuse_address = true,
                                      .address_setting = "media_addresses",
                                      .port_setting = "media_tcp_port"};

    return vr_socket_bind(&ask, out, why);
}

enum vr_err vr_media_tcp_socket_open(const char *address, uint16_t port, int *out,
                                     struct vr_why *why)
{
    return vr_media_tcp_socket_take(NULL, address, port, out, why);
}

/* --- the end of a connection --- */

static void on_connection_closed(uv_handle_t *handle)
{
    struct connection *connection = VR_OWNER((uv_poll_t *)handle, struct connection, poll);

    close(connection->fd);
    free(connection);
}

void tcp_connection_end(struct connection *connection, enum tcp_end end)
{
    struct vr_media_tcp *tcp = connection->tcp;
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};

    if (connection->closing) {
        return;
    }
    connection->closing = true;
    tcp_table_remove(tcp, connection);
    if (!connection->proved) {
        tcp_count(&tcp->stats.unproved, 1);
    }
    if (end == TCP_END_RESET) {
        setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    }
    uv_close((uv_handle_t *)&connection->poll, on_connection_closed);
}

/* --- the beginning of one --- */

static void options_set(int fd)
{
    int yes = 1;
    int unsent = UNSENT_BYTES_MAX;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
}

/** Takes the descriptor. */
static void connection_begin(struct vr_media_tcp *tcp, int fd,
                             const struct sockaddr_storage *remote)
{
    struct connection *connection = NULL;

    if (tcp->fresh_count >= tcp->fresh_max) {
        tcp_connection_end(VR_OWNER(tcp->fresh.next, struct connection, link), TCP_END_RESET);
    }
    if (tcp_table_admits(tcp, remote)) {
        connection = malloc(sizeof(*connection));
    }
    if (connection == NULL) {
        tcp_count(&tcp->stats.refused, 1);
        close(fd);
        return;
    }
    memset(connection, 0, offsetof(struct connection, out));
    vr_tcp_queue_init(&connection->out);
    vr_list_init(&connection->dirty);
    connection->tcp = tcp;
    connection->fd = fd;
    connection->opened_at = tcp_now(tcp);
    connection->moved_at = connection->opened_at;
    options_set(fd);
    if (uv_poll_init(tcp->loop, &connection->poll, fd) != 0) {
        tcp_count(&tcp->stats.refused, 1);
        close(fd);
        free(connection);
        return;
    }
    tcp_table_add(tcp, connection, remote);
    tcp_count(&tcp->stats.accepted, 1);
    if (uv_poll_start(&connection->poll, UV_READABLE, tcp_on_ready) != 0) {
        tcp_connection_end(connection, TCP_END_RESET);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct vr_media_tcp *tcp = VR_OWNER(timer, struct vr_media_tcp, timer);

    tcp_look(tcp, tcp_now(tcp));
}

static void look_soon(struct vr_media_tcp *tcp)
{
    if (!uv_is_active((uv_handle_t *)&tcp->timer)) {
        uv_timer_start(&tcp->timer, on_timer, TCP_LOOK_MS, TCP_LOOK_MS);
    }
}

static void on_incoming(uv_poll_t *poll, int status, int events)
{
    struct listener *listener = VR_OWNER(poll, struct listener, poll);
    struct vr_media_tcp *tcp = listener->tcp;

    (void)events;
    for (int i = 0; status == 0 && i < ACCEPTS_MAX; i++) {
        struct sockaddr_storage remote = {0};
        socklen_t size = sizeof(remote);
        int fd =
            accept4(listener->fd, (struct sockaddr *)&remote, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            connection_begin(tcp, fd, &remote);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            listener->paused = true; /* else the loop would ask again at once, and again */
            uv_poll_stop(poll);
            break;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        }
    }
    look_soon(tcp);
}

/* --- time --- */

static bool has_to_go(struct connection *connection, vr_time_us now)
{
    const struct vr_media_tcp *tcp = connection->tcp;

    if (now - connection->answered_at >= TCP_STILL_TIME) {
        return true;
    }
    if (connection->blocked && now - connection->moved_at >= TCP_STILL_TIME) {
        return true;
    }
    return !tcp->conf.knows(tcp->conf.ctx, vr_bytes_of(connection->ufrag));
}

void tcp_look(struct vr_media_tcp *tcp, vr_time_us now)
{
    bool paused = false;

    VR_LIST_EACH(item, &tcp->fresh)
    {
        struct connection *connection = VR_OWNER(item, struct connection, link);

        if (now - connection->opened_at < TCP_PROOF_TIME) {
            break; /* the rest is younger */
        }
        tcp_connection_end(connection, TCP_END_RESET);
    }
    VR_LIST_EACH(item, &tcp->proved)
    {
        struct connection *connection = VR_OWNER(item, struct connection, link);

        if (has_to_go(connection, now)) {
            tcp_connection_end(connection, TCP_END_RESET);
        }
    }
    for (uint32_t i = 0; i < tcp->listener_count; i++) {
        struct listener *listener = &tcp->listeners[i];

        if (listener->paused) {
            listener->paused = uv_poll_start(&listener->poll, UV_READABLE, on_incoming) != 0;
            paused |= listener->paused;
        }
    }
    if (!paused && tcp->stats.open == 0) {
        uv_timer_stop(&tcp->timer);
    }
}

/* --- life --- */

enum vr_err vr_media_tcp_new(const struct vr_media_tcp_conf *conf, struct vr_media_tcp **out)
{
    struct vr_media_tcp *tcp = calloc(1, sizeof(*tcp));

    *out = NULL;
    if (tcp == NULL) {
        return VR_E_NO_MEMORY;
    }
    tcp->conf = *conf;
    tcp->conf.connections_max =
        conf->connections_max < TCP_SLOTS_MAX ? conf->connections_max : TCP_SLOTS_MAX;
    tcp->slots = calloc(tcp->conf.connections_max, sizeof(struct connection *));
    if (tcp->slots == NULL) {
        free(tcp);
        return VR_E_NO_MEMORY;
    }
    tcp->hash_key = vr_random_u64(conf->random);
    tcp->generation = (uint32_t)vr_random_u64(conf->random);
    tcp->fresh_max = TCP_FRESH_MAX;
    vr_list_init(&tcp->fresh);
    vr_list_init(&tcp->proved);
    vr_list_init(&tcp->dirty);
    tcp->listener_count =
        conf->listener_count < VR_CANDIDATES_MAX ? conf->listener_count : VR_CANDIDATES_MAX;
    for (uint32_t i = 0; i < tcp->listener_count; i++) {
        tcp->listeners[i] = (struct listener){.tcp = tcp, .fd = conf->listeners[i]};
    }
    *out = tcp;
    return VR_OK;
}

enum vr_err vr_media_tcp_open(struct vr_media_tcp *tcp, struct uv_loop_s *loop, struct vr_why *why)
{
    tcp->loop = loop;
    tcp->open = true;
    uv_timer_init(loop, &tcp->timer);
    for (uint32_t i = 0; i < tcp->listener_count; i++) {
        struct listener *listener = &tcp->listeners[i];
        int failed = listen(listener->fd, BACKLOG) != 0 ? uv_translate_sys_error(errno) : 0;

        failed = failed != 0 ? failed : uv_poll_init(loop, &listener->poll, listener->fd);
        if (failed == 0) {
            listener->open = true;
            failed = uv_poll_start(&listener->poll, UV_READABLE, on_incoming);
        }
        if (failed != 0) {
            vr_media_tcp_close(tcp);
            return vr_fail(why, failed == UV_EADDRINUSE ? VR_E_EXISTS : VR_E_INTERNAL,
                           "TCP port for speech (media_tcp_port): %s", uv_strerror(failed));
        }
    }
    return VR_OK;
}

void vr_media_tcp_close(struct vr_media_tcp *tcp)
{
    if (!tcp->open) {
        return;
    }
    tcp->open = false;
    vr_media_tcp_flush(tcp);
    VR_LIST_EACH(item, &tcp->fresh)
    {
        tcp_connection_end(VR_OWNER(item, struct connection, link), TCP_END_RESET);
    }
    VR_LIST_EACH(item, &tcp->proved)
    {
        tcp_connection_end(VR_OWNER(item, struct connection, link), TCP_END_PLAIN);
    }
    for (uint32_t i = 0; i < tcp->listener_count; i++) {
        if (tcp->listeners[i].open) {
            uv_close((uv_handle_t *)&tcp->listeners[i].poll, NULL);
        }
    }
    uv_close((uv_handle_t *)&tcp->timer, NULL);
}

void vr_media_tcp_free(struct vr_media_tcp *tcp)
{
    if (tcp == NULL) {
        return;
    }
    for (uint32_t i = 0; i < tcp->listener_count; i++) {
        close(tcp->listeners[i].fd);
    }
    free(tcp->slots);
    free(tcp);
}
