/* media_port_send.c - the way out of a media port: datagrams gather one behind the other and leave
 * by sendmmsg, several for one listener as one segmented datagram (UDP_SEGMENT). */
#include <errno.h>
#include <netinet/udp.h>
#include <stdatomic.h>
#include <string.h>

#include "nodes/media_port_internal.h"

void media_out_init(struct vr_media_port *port)
{
    for (uint32_t i = 0; i < BATCH_OUT; i++) {
        port->out[i].msg_hdr = (struct msghdr){.msg_name = &port->kept->out_hop[i].remote,
                                               .msg_iov = &port->out_vec[i],
                                               .msg_iovlen = 1};
    }
}

/* The kernel or the card does no segmentation (EIO without checksum offload, EINVAL, an old
 * kernel): this one goes one by one, and so do all to come. */
static bool send_segments(struct vr_media_port *port, int fd, uint32_t at)
{
    struct iovec *vec = &port->out_vec[at];
    uint16_t segment = port->kept->out_segment[at];
    const uint8_t *data = vec->iov_base;

    if (!port->conf.gso) {
        stat_add(&port->stats.gso_refused, port->stats.gso_refused == 0);
    }
    for (size_t from = 0; from < vec->iov_len; from += segment) {
        size_t left = vec->iov_len - from;

        if (sendto(fd, data + from, left < segment ? left : segment, 0,
                   &port->kept->out_hop[at].remote.any, port->out[at].msg_hdr.msg_namelen) < 0) {
            return false;
        }
    }
    return true;
}

static bool is_refusal(int error)
{
    return error == EIO || error == EINVAL || error == EOPNOTSUPP || error == ENOPROTOOPT;
}

/** A run of datagrams that leave by one socket. What the kernel does not take now is dropped: late
 * speech is worth less than the next one's. */
static void run_send(struct vr_media_port *port, uint32_t from, uint32_t to)
{
    int fd = port->sockets[port->kept->out_hop[from].socket].fd;

    while (from < to) {
        int sent = sendmmsg(fd, port->out + from, to - from, 0);

        stat_add(&port->stats.batches_out, 1);
        if (sent > 0) {
            from += (uint32_t)sent;
        } else if (errno == EINTR) {
            continue;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
            stat_add(&port->stats.send_dropped, to - from);
            return;
        } else { /* this one can't go (no route, too long); the others may */
            if (port->kept->out_segment[from] != 0 && is_refusal(errno)) {
                port->conf.gso = false;
            }
            if (port->kept->out_segment[from] == 0 || !send_segments(port, fd, from)) {
                stat_add(&port->stats.send_dropped, 1);
            }
            from++;
        }
    }
}

void media_out_flush(struct vr_media_port *port)
{
    struct port_kept *kept = port->kept;
    uint32_t from = 0;

    for (uint32_t i = 1; i <= kept->out_count; i++) {
        if (i == kept->out_count || kept->out_hop[i].socket != kept->out_hop[from].socket) {
            run_send(port, from, i);
            from = i;
        }
    }
    kept->out_count = 0;
    kept->out_bytes = 0;
    if (port->tcp != NULL) {
        vr_media_tcp_flush(port->tcp);
    }
}

void media_out_prepare(struct vr_media_port *port, uint32_t at, uint32_t offset)
{
    struct port_kept *kept = port->kept;
    uint16_t segment = kept->out_segment[at];
    struct msghdr *message = &port->out[at].msg_hdr;

    port->out_vec[at] = (struct iovec){kept->out_data + offset, kept->out_size[at]};
    message->msg_namelen = kept->out_hop[at].remote.any.sa_family == AF_INET6
                               ? sizeof(kept->out_hop[at].remote.in6)
                               : sizeof(kept->out_hop[at].remote.in4);
    message->msg_control = NULL;
    message->msg_controllen = 0;
    if (segment != 0) {
        struct cmsghdr *head = &port->out_control[at].align;

        message->msg_control = port->out_control[at].bytes;
        message->msg_controllen = sizeof(port->out_control[at].bytes);
        head->cmsg_level = SOL_UDP;
        head->cmsg_type = UDP_SEGMENT;
        head->cmsg_len = CMSG_LEN(sizeof(segment));
        memcpy(CMSG_DATA(head), &segment, sizeof(segment));
    }
}

/* One message to the kernel: a datagram, or with `segment` several that it cuts. */
static void queue(struct vr_media_port *port, const struct vr_hop *hop, struct vr_bytes data,
                  uint16_t segment)
{
    struct port_kept *kept = port->kept;
    uint32_t at = 0;

    if (kept->out_count == BATCH_OUT || kept->out_bytes + data.size > OUT_BYTES) {
        media_out_flush(port);
    }
    at = kept->out_count;
    memcpy(kept->out_data + kept->out_bytes, data.data, data.size);
    kept->out_size[at] = (uint32_t)data.size;
    kept->out_hop[at] = *hop;
    kept->out_segment[at] = segment;
    media_out_prepare(port, at, kept->out_bytes);
    kept->out_bytes += (uint32_t)data.size;
    atomic_signal_fence(memory_order_seq_cst); /* whole, before it counts */
    kept->out_count = at + 1;
}

void media_out_send_burst(void *ctx, const struct vr_hop *hop, struct vr_bytes data, size_t segment)
{
    struct vr_media_port *port = ctx;

    if ((hop->socket & VR_PATH_TCP) != 0 && port->tcp != NULL && port->open) {
        vr_media_tcp_send(port->tcp, hop, data, segment);
        return;
    }
    if (!port->open || data.size > BURST_MAX || hop->socket >= port->socket_count) {
        stat_add(&port->stats.send_dropped, 1);
        return;
    }
    if (data.size > segment && port->conf.gso) {
        stat_add(&port->stats.segmented, (data.size + segment - 1) / segment);
        queue(port, hop, data, (uint16_t)segment);
        return;
    }
    for (size_t from = 0; from < data.size; from += segment) {
        size_t left = data.size - from;

        queue(port, hop, vr_bytes(data.data + from, left < segment ? left : segment), 0);
    }
}

void media_out_send(void *ctx, const struct vr_path *path, struct vr_bytes datagram)
{
    struct vr_hop hop = {.socket = path->socket};

    memcpy(&hop.remote, &path->remote, sizeof(hop.remote));
    media_out_send_burst(ctx, &hop, datagram, datagram.size);
}
