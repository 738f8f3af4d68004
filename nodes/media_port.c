/* media_port.c - raw sockets under uv_poll: measured 22 % cheaper to read than uv_udp, and simpler
 * to batch.
 *
 *     readable -> recvmmsg (64) -> engine_input ... -> send queues (256) -> sendmmsg at the end of
 * the callback, and after each turn for what actors and timers have queued
 *
 * TCP beside it, for who has no UDP: media_tcp.h.
 *
 * A socket per address, never 0.0.0.0: an answer must leave by the address that was asked. */
#include "nodes/media_port_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "actors/base/assert.h"
#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "actors/runtime/system.h"
#include "nodes/socket.h"

/* --- sockets --- */

/** The kernel cuts it to net.core.rmem_max without privileges: better than its default all the
 * same, but a burst may lose packets, so it is said. */
void media_socket_ready(int fd)
{
    int size = BUFFER_BYTES;
    socklen_t length = sizeof(size);

    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    }
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) != 0) {
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    }
    if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &length) == 0 && size < BUFFER_BYTES / 2) {
        vr_log(VR_LOG_WARN, "small receive buffer: raise net.core.rmem_max to 4194304",
               VR_I("bytes", size));
    }
    /* A node that starts, or stood still, asks how long speech has waited here. */
    stamps_ask(fd);
}

enum vr_err vr_media_socket_take(const struct vr_inherit *inherit, const char *address,
                                 uint16_t port, int *out, struct vr_why *why)
{
    const struct vr_socket_ask ask = {.inherit = inherit,
                                      .address = address,
                                      .port = port,
                                      .type = SOCK_DGRAM,
                                      .address_setting = "media_addresses",
                                      .port_setting = "media_port"};
    enum vr_err err = vr_socket_bind(&ask, out, why);

    if (err == VR_OK) {
        media_socket_ready(*out);
    }
    return err;
}

enum vr_err vr_media_socket_open(const char *address, uint16_t port, int *out, struct vr_why *why)
{
    return vr_media_socket_take(NULL, address, port, out, why);
}

/* --- receiving --- */

static vr_time_us clock_now(const struct vr_media_port *port)
{
    return port->conf.clock->now(port->conf.clock->ctx);
}

static void timer_arm(struct vr_media_port *port, vr_time_us now);

static int batch_read(struct vr_media_port *port, struct socket_in *in, vr_time_us now)
{
    struct port_kept *kept = port->kept;
    bool fresh = port->fresh_until != 0;
    int count = 0;

    for (uint32_t i = 0; i < BATCH_IN; i++) {
        kept->in[i].msg_hdr.msg_namelen = sizeof(kept->in_name[i]);
    }
    kept->in_socket = in->index;
    kept->in_at = now;
    if (fresh || in->patient) {
        media_in_stamps(port, in->patient || now < port->fresh_until);
    }
    count = recvmmsg(in->fd, kept->in, BATCH_IN, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        if (fresh && media_in_stale(port, (uint32_t)i)) {
            kept->in[i].msg_len = 0;
            stat_add(&port->stats.stale_dropped, 1);
            continue;
        }
        if (in->patient) {
            vr_engine_waited(port->engine, media_patients_waited(port, (uint32_t)i, now));
        }
        media_in_handle(port, (uint32_t)i, now);
    }
    if (count > 0) {
        stat_add(&port->stats.batches_in, 1);
    }
    return count;
}

uint32_t media_in_read(struct vr_media_port *port, struct socket_in *in, vr_time_us now)
{
    uint32_t sum = 0;
    int count = BATCH_IN;

    for (int round = 0; round < ROUNDS_MAX && count == BATCH_IN; round++) {
        count = batch_read(port, in, round == 0 ? now : clock_now(port));
        media_out_flush(port);
        sum += count > 0 ? (uint32_t)count : 0;
    }
    return sum;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct socket_in *in = VR_OWNER(poll, struct socket_in, poll);
    struct vr_media_port *port = in->port;
    vr_time_us now = clock_now(port);

    (void)events;
    media_stood_still(port, now);
    if (status < 0) {
        return; /* an ICMP error of some remote; recvmmsg has cleared it next time */
    }
    media_in_read(port, in, now); /* timers are armed before the wait */
}

/* --- TCP --- */

static void tcp_input(void *ctx, vr_time_us now, const struct vr_path *path, uint8_t *data,
                      size_t size)
{
    vr_engine_input(((struct vr_media_port *)ctx)->engine, now, path, data, size, size);
}

static void tcp_after(void *ctx, vr_time_us now)
{
    struct vr_media_port *port = ctx;

    media_out_flush(port);
    timer_arm(port, now);
}

static bool tcp_knows(void *ctx, struct vr_bytes ufrag)
{
    return vr_engine_knows(((struct vr_media_port *)ctx)->engine, ufrag);
}

static enum vr_err tcp_new(struct vr_media_port *port, const struct vr_media_port_conf *conf)
{
    const struct vr_media_tcp_conf tcp = {.clock = conf->clock,
                                          .random = conf->random,
                                          .listeners = conf->listeners,
                                          .listener_count = conf->listener_count,
                                          .connections_max = conf->tcp_max,
                                          .per_address_max = conf->tcp_per_address,
                                          .input = tcp_input,
                                          .after = tcp_after,
                                          .knows = tcp_knows,
                                          .ctx = port};

    return conf->listener_count == 0 ? VR_OK : vr_media_tcp_new(&tcp, &port->tcp);
}

/* --- time --- */

static void on_timer(uv_timer_t *timer)
{
    struct vr_media_port *port = VR_OWNER(timer, struct vr_media_port, timer);
    vr_time_us now = clock_now(port);

    media_stood_still(port, now);
    if (now > port->armed) { /* no actor here has a timer: this one tells how late the worker is */
        vr_worker_note_lag(port->conf.worker, now - port->armed, now);
    }
    port->armed = VR_NEVER;
    vr_engine_tick(port->engine, now);
    media_out_flush(port);
    /* Armed anew before the wait: a deadline that has passed would keep libuv in its timers. */
}

static void timer_arm(struct vr_media_port *port, vr_time_us now)
{
    vr_time_us deadline = vr_engine_deadline(port->engine);
    vr_time_us patience = vr_patience_until(&port->patience);

    deadline = patience < deadline ? patience : deadline;
    if (deadline == port->armed || !port->open) {
        return;
    }
    port->armed = deadline;
    if (deadline == VR_NEVER) {
        uv_timer_stop(&port->timer);
        return;
    }
    uv_update_time(port->loop);
    uv_timer_start(&port->timer, on_timer,
                   deadline <= now ? 0 : (uint64_t)((deadline - now + 999) / 1000), 0);
}

/* How busy this thread was, for the engine: it packs more when there is much to do. */
static void look_at_load(struct vr_media_port *port, vr_time_us now)
{
    struct timespec used;
    uint64_t cpu = 0;

    if (now - port->load_at < LOAD_EVERY || clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) != 0) {
        return;
    }
    cpu = (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
    if (port->load_at != 0) {
        vr_engine_set_load(port->engine, (uint32_t)((cpu - port->load_cpu) * 100 /
                                                    (uint64_t)(now - port->load_at)));
    }
    port->load_at = now;
    port->load_cpu = cpu;
}

void vr_media_port_before_wait(struct vr_media_port *port, vr_time_us now)
{
    media_out_flush(port);
    if (port->open) {
        media_patients_turn(port, now);
        vr_engine_tick_early(port->engine, now);
        media_out_flush(port);
    }
    look_at_load(port, now);
    timer_arm(port, now);
}

/* --- life --- */

static void batches_init(struct vr_media_port *port)
{
    struct port_kept *kept = port->kept;

    for (uint32_t i = 0; i < BATCH_IN; i++) {
        port->in_vec[i] = (struct iovec){kept->in_data[i], DATAGRAM_MAX};
        /* Addresses of this process; what it reads stays as it is. */
        kept->in[i].msg_hdr.msg_name = &kept->in_name[i];
        kept->in[i].msg_hdr.msg_iov = &port->in_vec[i];
        kept->in[i].msg_hdr.msg_iovlen = 1;
        kept->in[i].msg_hdr.msg_control = NULL;
        kept->in[i].msg_hdr.msg_controllen = 0;
    }
    media_out_init(port);
}

enum vr_err vr_media_port_new(const struct vr_media_port_conf *conf, struct vr_media_port **out)
{
    struct vr_media_port *port = calloc(1, sizeof(*port));
    struct vr_engine_conf engine = {.worker = conf->worker,
                                    .random = conf->random,
                                    .identity = conf->identity,
                                    .send = media_out_send,
                                    .send_burst = media_out_send_burst,
                                    .ctx = port,
                                    .link_out = conf->link_out,
                                    .link_ctx = conf->link_ctx,
                                    .gso = conf->gso,
                                    .peers_max = conf->peers_max,
                                    .keep = conf->keep,
                                    .keep_worker = conf->keep_worker,
                                    .now = conf->clock->now(conf->clock->ctx),
                                    .pack = conf->pack};
    enum vr_err err = VR_OK;

    *out = NULL;
    if (port == NULL) {
        return VR_E_NO_MEMORY;
    }
    port->conf = *conf;
    port->armed = VR_NEVER;
    port->socket_count =
        conf->socket_count < VR_CANDIDATES_MAX ? conf->socket_count : VR_CANDIDATES_MAX;
    for (uint32_t i = 0; i < port->socket_count; i++) {
        port->sockets[i] = (struct socket_in){.port = port, .index = i, .fd = conf->sockets[i]};
    }
    media_patients_init(port);
    err = media_kept_open(port) ? VR_OK : VR_E_NO_MEMORY;
    if (err == VR_OK) {
        batches_init(port);
        err = vr_engine_new(&engine, &port->engine);
    }
    if (err == VR_OK) {
        err = tcp_new(port, conf);
    }
    if (err != VR_OK) {
        vr_engine_free(port->engine);
        media_kept_close(port);
        free(port);
        return err;
    }
    *out = port;
    return VR_OK;
}

enum vr_err vr_media_port_open(struct vr_media_port *port, struct uv_loop_s *loop,
                               struct vr_why *why)
{
    port->loop = loop;
    uv_timer_init(loop, &port->timer);
    port->open = true;
    vr_worker_set_context(port->conf.worker, port->engine);
    for (uint32_t i = 0; i < port->socket_count; i++) {
        int failed = uv_poll_init(loop, &port->sockets[i].poll, port->sockets[i].fd);

        if (failed == 0) {
            port->sockets[i].open = true;
            failed = uv_poll_start(&port->sockets[i].poll, UV_READABLE, on_readable);
        }
        if (failed != 0) {
            vr_media_port_close(port);
            return vr_fail(why, VR_E_INTERNAL, "UDP socket: %s", uv_strerror(failed));
        }
    }
    if (port->tcp != NULL) {
        enum vr_err err = vr_media_tcp_open(port->tcp, loop, why);

        if (err != VR_OK) {
            vr_media_port_close(port);
            return err;
        }
    }
    media_patients_open(port);
    media_go_on(port, clock_now(port));
    timer_arm(port, clock_now(port));
    return VR_OK;
}

void vr_media_port_close(struct vr_media_port *port)
{
    if (!port->open) {
        return;
    }
    media_out_flush(port);
    if (port->tcp != NULL) {
        vr_media_tcp_close(port->tcp);
    }
    port->open = false;
    media_patients_close(port);
    uv_close((uv_handle_t *)&port->timer, NULL);
    for (uint32_t i = 0; i < port->socket_count; i++) {
        if (port->sockets[i].open) {
            uv_close((uv_handle_t *)&port->sockets[i].poll, NULL);
        }
    }
}

void vr_media_port_free(struct vr_media_port *port)
{
    if (port == NULL) {
        return;
    }
    vr_engine_free(port->engine);
    vr_media_tcp_free(port->tcp);
    for (uint32_t i = 0; i < port->socket_count; i++) {
        close(port->sockets[i].fd);
    }
    media_patients_free(port);
    media_kept_close(port);
    free(port);
}

const struct vr_engine *vr_media_port_engine(const struct vr_media_port *port)
{
    return port->engine;
}

void vr_media_port_stats(const struct vr_media_port *port, struct vr_engine_stats *media,
                         struct vr_media_port_stats *out)
{
    vr_engine_stats(port->engine, media);
    out->batches_in = __atomic_load_n(&port->stats.batches_in, __ATOMIC_RELAXED);
    out->batches_out = __atomic_load_n(&port->stats.batches_out, __ATOMIC_RELAXED);
    out->segmented = __atomic_load_n(&port->stats.segmented, __ATOMIC_RELAXED);
    out->gso_refused = __atomic_load_n(&port->stats.gso_refused, __ATOMIC_RELAXED);
    out->stale_dropped = __atomic_load_n(&port->stats.stale_dropped, __ATOMIC_RELAXED);
    out->patient_sockets = __atomic_load_n(&port->stats.patient_sockets, __ATOMIC_RELAXED);
    out->send_dropped = __atomic_load_n(&port->stats.send_dropped, __ATOMIC_RELAXED);
    if (port->tcp != NULL) {
        vr_media_tcp_stats(port->tcp, &out->tcp);
    }
}
