/* media_tcp_io.c - reading and writing of ICE-TCP connections.
 *
 *     readable -> read -> frames -> the engine ... -> queues -> one write for each connection
 *
 * The kernel is kept from gathering speech of its own: it takes no more once 4 KB wait unsent
 * (TCP_NOTSENT_LOWAT). What comes after that waits here, where it can still be left out. */
#include "nodes/media_tcp_internal.h"

#include <errno.h>
#include <unistd.h>

#include "actors/base/owner.h"

#define ROUNDS_MAX 4 /* reads in one callback, so that the others get their turn */

/* --- out --- */

static void listen_for(struct connection *connection)
{
    int events = UV_READABLE | (connection->blocked ? UV_WRITABLE : 0);

    if (uv_poll_start(&connection->poll, events, tcp_on_ready) != 0) {
        tcp_connection_end(connection, TCP_END_RESET);
    }
}

static void set_blocked(struct connection *connection, bool blocked)
{
    if (connection->blocked != blocked) {
        connection->blocked = blocked;
        listen_for(connection);
    }
}

/** False: it has ended. */
static bool write_out(struct connection *connection, vr_time_us now)
{
    struct vr_media_tcp *tcp = connection->tcp;
    struct vr_bytes out;

    tcp_count(&tcp->stats.dropped, vr_tcp_queue_expire(&connection->out, now));
    out = vr_tcp_queue_bytes(&connection->out);
    while (out.size > 0) {
        /* MSG_EOR: a write of its own in the kernel, else it would be added to the last one that
         * waits there, past the bound. */
        ssize_t sent =
            send(connection->fd, out.data, out.size, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_EOR);

        if (sent > 0) {
            vr_tcp_queue_sent(&connection->out, (size_t)sent);
            connection->moved_at = now;
            out = vr_tcp_queue_bytes(&connection->out);
        } else if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            break;
        } else if (sent == 0 || errno != EINTR) {
            tcp_connection_end(connection, TCP_END_RESET);
            return false;
        }
    }
    set_blocked(connection, out.size > 0);
    return !connection->closing;
}

void vr_media_tcp_send(struct vr_media_tcp *tcp, const struct vr_hop *hop, struct vr_bytes data,
                       size_t segment)
{
    struct connection *connection = tcp_connection_find(tcp, hop);
    vr_time_us now;

    if (connection == NULL) {
        tcp_count(&tcp->stats.dropped, 1);
        return;
    }
    connection->answered |= connection == tcp->current;
    now = tcp_now(tcp);
    if (connection->out.count == 0) {
        connection->moved_at = now;
    }
    for (size_t from = 0; from < data.size; from += segment) {
        size_t left = data.size - from;
        struct vr_bytes one = vr_bytes(data.data + from, left < segment ? left : segment);

        tcp_count(&tcp->stats.dropped, vr_tcp_queue_push(&connection->out, now, one));
    }
    if (!connection->blocked && vr_list_empty(&connection->dirty)) {
        vr_list_push(&tcp->dirty, &connection->dirty);
    }
}

void vr_media_tcp_flush(struct vr_media_tcp *tcp)
{
    vr_time_us now;

    if (vr_list_empty(&tcp->dirty)) {
        return;
    }
    now = tcp_now(tcp);
    VR_LIST_EACH(item, &tcp->dirty)
    {
        vr_list_remove(item);
        write_out(VR_OWNER(item, struct connection, dirty), now);
    }
}

/* --- in --- */

static void keep_ufrag(struct connection *connection, const char *ufrag)
{
    memcpy(connection->ufrag, ufrag, sizeof(connection->ufrag));
}

/** One datagram. False: the connection has ended. */
static bool frame_in(struct connection *connection, vr_time_us now, struct vr_span frame)
{
    struct vr_media_tcp *tcp = connection->tcp;
    struct vr_bytes named = vr_frame_ufrag(vr_bytes(frame.data, frame.size));
    char ufrag[VR_UFRAG_MAX + 1] = "";

    if (named.size > 0 && named.size < sizeof(ufrag)) {
        memcpy(ufrag, named.data, named.size); /* the frame may be overwritten */
    }
    if (connection->proved || ufrag[0] != 0) {
        connection->answered = false;
        tcp->current = connection;
        tcp->conf.input(tcp->conf.ctx, now, &connection->path, frame.data, frame.size);
        tcp->current = NULL;
        if (connection->answered && ufrag[0] != 0) {
            connection->answered_at = now;
            keep_ufrag(connection, ufrag);
            tcp_connection_proved(connection);
        }
    }
    if (!connection->proved) { /* nobody who belongs here begins so */
        tcp_connection_end(connection, TCP_END_RESET);
    }
    return !connection->closing;
}

/** One read and its frames. False: there is no more now, or the connection has ended. */
static bool read_in(struct connection *connection, vr_time_us now)
{
    struct vr_media_tcp *tcp = connection->tcp;
    ssize_t got = recv(connection->fd, tcp->read, sizeof(tcp->read), MSG_DONTWAIT);
    struct vr_span in = {tcp->read, got > 0 ? (size_t)got : 0};
    struct vr_span frame;

    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
            tcp_connection_end(connection, got == 0 ? TCP_END_PLAIN : TCP_END_RESET);
        }
        return false;
    }
    for (;;) {
        switch (vr_frame_next(&connection->in, &in, &frame)) {
        case VR_FRAME_MORE:
            return (size_t)got == sizeof(tcp->read);
        case VR_FRAME_WHOLE:
            if (!frame_in(connection, now, frame)) {
                return false;
            }
            break;
        case VR_FRAME_TOO_LONG:
            tcp_connection_end(connection, TCP_END_RESET);
            return false;
        }
    }
}

void tcp_on_ready(uv_poll_t *poll, int status, int events)
{
    struct connection *connection = VR_OWNER(poll, struct connection, poll);
    struct vr_media_tcp *tcp = connection->tcp;
    vr_time_us now = tcp_now(tcp);

    if (status < 0) {
        tcp_connection_end(connection, TCP_END_RESET);
        return;
    }
    if ((events & UV_WRITABLE) != 0 && !write_out(connection, now)) {
        return;
    }
    if ((events & UV_READABLE) == 0) {
        return;
    }
    for (int round = 0; round < ROUNDS_MAX && read_in(connection, now); round++) {
        now = tcp_now(tcp);
    }
    tcp->conf.after(tcp->conf.ctx, now);
}
