/* link_port.c - the UDP socket of one worker's speech links, under uv_poll as media_port.c has its
 * own.
 *
 *     readable -> recvmmsg (64) -> vr_link_end_take -> VR_MSG_RELAY to the shard's worker
 *     link_out -> packed by node -> at the end of the pass sealed -> sendmmsg (64) */
#include "nodes/link_port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "actors/media/relay_pool.h"
#include "actors/runtime/system.h"
#include "nodes/socket.h"
#include "nodes/stamps.h"

#define BATCH 64
#define ROUNDS_MAX 16 /* then the other handles of the loop have their turn */
#define POOL 1024u    /* packets that came in and are not yet through: some 5 a millisecond */
#define BUFFER_BYTES (2 * 1024 * 1024)

struct batch {
    struct mmsghdr head[BATCH];
    struct iovec vec[BATCH];
    struct sockaddr_storage name[BATCH];
    uint8_t data[BATCH][VR_LINK_DATAGRAM_MAX];
    uint32_t count;
};

struct vr_link_port {
    struct vr_link_port_conf conf;
    struct vr_link_end *end;
    struct vr_relay_pool *pool;
    struct vr_link_port_stats stats; /* without `link` */
    uv_poll_t poll;
    bool open;
    uint64_t passed_at;   /* the loop's last pass, on its clock, in ms */
    uint64_t fresh_until; /* on the loop's clock, in ms; 0: the kernel is not asked for stamps */
    union stamp_room stamps[BATCH];
    struct batch in, out;
};

static void stat_add(uint64_t *counter, uint64_t more)
{
    __atomic_store_n(counter, *counter + more, __ATOMIC_RELAXED); /* read by other threads */
}

enum vr_err vr_link_socket_take(const struct vr_inherit *inherit, const char *address,
                                uint16_t port, int *out, struct vr_why *why)
{
    const struct vr_socket_ask ask = {.inherit = inherit,
                                      .address = address,
                                      .port = port,
                                      .type = SOCK_DGRAM,
                                      .address_setting = "cluster.link",
                                      .port_setting = "cluster.link"};
    enum vr_err err = vr_socket_bind(&ask, out, why);
    int size = BUFFER_BYTES;

    if (err == VR_OK) {
        if (setsockopt(*out, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0) {
            setsockopt(*out, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
        }
        if (setsockopt(*out, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0) {
            setsockopt(*out, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        }
        stamps_ask(*out);
    }
    return err;
}

enum vr_err vr_link_socket_open(const char *address, uint16_t port, int *out, struct vr_why *why)
{
    return vr_link_socket_take(NULL, address, port, out, why);
}

/* --- out --- */

/* The network drops what it cannot take: speech that waits is worth nothing. */
static void send_batch(struct vr_link_port *port)
{
    uint32_t done = 0;

    while (done < port->out.count) {
        int sent = sendmmsg(port->conf.socket, port->out.head + done, port->out.count - done,
                            MSG_DONTWAIT);

        if (sent > 0) {
            done += (uint32_t)sent;
            stat_add(&port->stats.batches_out, 1);
        } else if (sent < 0 && errno != EINTR) {
            stat_add(&port->stats.send_dropped, 1); /* the first of the rest: others may go */
            done++;
        }
    }
    port->out.count = 0;
}

static void on_datagram(void *ctx, const struct sockaddr_storage *to, struct vr_bytes datagram)
{
    struct vr_link_port *port = ctx;
    struct batch *out = &port->out;
    uint32_t at = out->count++;

    memcpy(out->data[at], datagram.data, datagram.size);
    out->vec[at] = (struct iovec){out->data[at], datagram.size};
    out->name[at] = *to;
    out->head[at].msg_hdr = (struct msghdr){
        .msg_name = &out->name[at],
        .msg_namelen =
            to->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in),
        .msg_iov = &out->vec[at],
        .msg_iovlen = 1,
    };
    if (out->count == BATCH) {
        send_batch(port);
    }
}

void vr_link_port_out(void *ctx, uint32_t shard, const struct vr_relay *relay)
{
    struct vr_link_port *port = ctx;
    struct vr_link_frame frame = {
        .room = relay->room,
        .target_shard = shard,
        .origin_shard = relay->origin_shard,
        .participant = relay->participant,
        .generation = relay->generation,
        .index = relay->index,
        .timestamp = relay->timestamp,
        .hops = relay->hops,
        .level = relay->level,
        .voice = relay->voice,
        .marker = relay->marker,
        .payload = vr_bytes(relay->payload, relay->size),
    };

    if (port->open) {
        vr_link_end_put(port->end, vr_shard_node(shard), &frame);
    }
}

/* Stopped, or on a machine that was paused: a wait that a signal broke off ends without events, so
 * that it may show here first. */
static void pass_by(struct vr_link_port *port)
{
    uint64_t now = uv_now(port->poll.loop);

    if (now > port->passed_at + STAMPS_STOOD_STILL / VR_MS(1)) {
        port->fresh_until = now + STAMPS_FRESH / VR_MS(1);
    }
    port->passed_at = now;
}

void vr_link_port_before_wait(struct vr_link_port *port)
{
    if (port->open) {
        pass_by(port);
        vr_link_end_flush(port->end);
        send_batch(port);
    }
}

/* --- in --- */

static void deliver(struct vr_link_port *port, struct vr_msg *msg)
{
    if (port->conf.deliver != NULL) {
        port->conf.deliver(port->conf.ctx, msg);
    } else if (port->conf.system == NULL || vr_system_deliver(port->conf.system, msg) != VR_OK) {
        vr_msg_clear(msg); /* a full mailbox, or a shard that has gone: speech is not kept */
    }
}

static void on_frame(void *ctx, uint32_t node, const struct vr_link_frame *frame)
{
    struct vr_link_port *port = ctx;
    struct vr_relay *relay;
    struct vr_msg msg = {.kind = VR_MSG_RELAY,
                         .to = vr_shard_address(frame->room, frame->target_shard),
                         .from = vr_shard_address(frame->room, vr_shard_number(node, 0)),
                         .deadline = VR_NEVER};

    if (vr_shard_node(frame->target_shard) != port->conf.node) {
        stat_add(&port->stats.misdirected, 1);
        return;
    }
    relay = vr_relay_pool_take(port->pool);
    if (relay == NULL) {
        stat_add(&port->stats.pool_empty, 1);
        return;
    }
    relay->room = frame->room;
    relay->origin_shard = frame->origin_shard;
    relay->hops = frame->hops;
    relay->participant = frame->participant;
    relay->generation = frame->generation;
    relay->index = frame->index;
    relay->timestamp = frame->timestamp;
    relay->level = frame->level;
    relay->voice = frame->voice;
    relay->marker = frame->marker;
    relay->size = (uint16_t)frame->payload.size;
    memcpy(relay->payload, frame->payload.data, frame->payload.size);
    msg.as.relay = relay;
    deliver(port, &msg);
}

/* Ask the kernel when it got each datagram, or not any more. */
static void want_stamps(struct vr_link_port *port)
{
    bool wanted = uv_now(port->poll.loop) < port->fresh_until;

    for (uint32_t i = 0; i < BATCH; i++) {
        stamp_want(&port->in.head[i].msg_hdr, wanted ? &port->stamps[i] : NULL);
    }
    if (!wanted) {
        port->fresh_until = 0;
    }
}

static int read_batch(struct vr_link_port *port)
{
    struct batch *in = &port->in;
    int count;

    if (port->fresh_until != 0) {
        want_stamps(port);
    }
    count = recvmmsg(port->conf.socket, in->head, BATCH, MSG_DONTWAIT, NULL);

    for (int i = 0; i < count; i++) {
        struct msghdr *message = &in->head[i].msg_hdr;

        if (stamp_is_stale(message)) {
            stat_add(&port->stats.stale, 1);
        } else if ((message->msg_flags & MSG_TRUNC) == 0) { /* nothing of ours is as long */
            vr_link_end_take(port->end, in->data[i], in->head[i].msg_len);
        }
    }
    if (count > 0) {
        stat_add(&port->stats.batches_in, 1);
    }
    return count;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct vr_link_port *port = VR_OWNER(poll, struct vr_link_port, poll);

    (void)status; /* an ICMP error of some peer: the next read clears it */
    (void)events;
    pass_by(port);
    for (int round = 0; round < ROUNDS_MAX && read_batch(port) == BATCH; round++) {
    }
}

/* --- life --- */

enum vr_err vr_link_port_new(const struct vr_link_port_conf *conf, struct vr_link_port **out)
{
    struct vr_link_port *port = calloc(1, sizeof(*port));
    struct vr_link_end_conf end = {.links = conf->links,
                                   .worker = conf->worker,
                                   .send = on_datagram,
                                   .frame = on_frame,
                                   .ctx = port};

    *out = NULL;
    if (port == NULL) {
        close(conf->socket);
        return VR_E_NO_MEMORY;
    }
    port->conf = *conf;
    port->end = vr_link_end_new(&end);
    port->pool = vr_relay_pool_new(POOL);
    if (port->end == NULL || port->pool == NULL) {
        vr_link_port_free(port);
        return VR_E_NO_MEMORY;
    }
    for (uint32_t i = 0; i < BATCH; i++) {
        port->in.vec[i] = (struct iovec){port->in.data[i], VR_LINK_DATAGRAM_MAX};
        port->in.head[i].msg_hdr = (struct msghdr){.msg_iov = &port->in.vec[i], .msg_iovlen = 1};
    }
    *out = port;
    return VR_OK;
}

void vr_link_port_attach(struct vr_link_port *port, struct vr_system *system)
{
    port->conf.system = system;
}

enum vr_err vr_link_port_open(struct vr_link_port *port, struct uv_loop_s *loop, struct vr_why *why)
{
    int failed = uv_poll_init(loop, &port->poll, port->conf.socket);

    if (failed == 0) {
        port->open = true;
        port->passed_at = uv_now(loop);
        port->fresh_until = uv_now(loop) + STAMPS_FRESH / VR_MS(1);
        failed = uv_poll_start(&port->poll, UV_READABLE, on_readable);
    }
    if (failed != 0) {
        vr_link_port_close(port);
        return vr_fail(why, VR_E_INTERNAL, "speech link socket: %s", uv_strerror(failed));
    }
    return VR_OK;
}

void vr_link_port_close(struct vr_link_port *port)
{
    if (port->open) {
        vr_link_port_before_wait(port);
        port->open = false;
        uv_close((uv_handle_t *)&port->poll, NULL);
    }
}

void vr_link_port_free(struct vr_link_port *port)
{
    if (port != NULL) {
        vr_link_end_free(port->end);
        vr_relay_pool_free(port->pool);
        close(port->conf.socket);
        free(port);
    }
}

void vr_link_port_stats(const struct vr_link_port *port, struct vr_link_port_stats *out)
{
    const struct vr_link_port_stats *stats = &port->stats;

    vr_link_end_stats(port->end, &out->link);
    out->batches_in = __atomic_load_n(&stats->batches_in, __ATOMIC_RELAXED);
    out->batches_out = __atomic_load_n(&stats->batches_out, __ATOMIC_RELAXED);
    out->send_dropped = __atomic_load_n(&stats->send_dropped, __ATOMIC_RELAXED);
    out->pool_empty = __atomic_load_n(&stats->pool_empty, __ATOMIC_RELAXED);
    out->stale = __atomic_load_n(&stats->stale, __ATOMIC_RELAXED);
    out->misdirected = __atomic_load_n(&stats->misdirected, __ATOMIC_RELAXED);
}
