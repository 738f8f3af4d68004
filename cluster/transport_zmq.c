/* transport_zmq.c - life of the ZeroMQ transport, and what comes in. What goes out and to whom:
 * transport_zmq_peers.c. */
#include "cluster/transport_zmq.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "cluster/transport_zmq_internal.h"

#define TURN_FRAMES 512u /* of one lane in one pass: the worker's actors live on this loop, too */
#define TICK_MS 100u
#define HEARTBEAT_MS 1000
#define SILENT_MS 3000
#define HWM_IN 1000
#define CURVE_OVERHEAD 64 /* libzmq counts a frame with its seal */

void vr_zmq_count(uint64_t *counter, uint64_t more)
{
    __atomic_add_fetch(counter, more, __ATOMIC_RELAXED);
}

void vr_zmq_release(struct transport *transport)
{
    if (__atomic_sub_fetch(&transport->refs, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    uv_mutex_destroy(&transport->lock);
    free(transport);
}

/* --- sockets on the loop --- */

bool vr_zmq_has(const struct zmq_end *end, int events)
{
    int now = 0;
    size_t size = sizeof(now);

    return zmq_getsockopt(end->socket, ZMQ_EVENTS, &now, &size) == 0 && (now & events) != 0;
}

static void on_end_closed(uv_handle_t *handle)
{
    struct zmq_end *end = VR_OWNER((uv_poll_t *)handle, struct zmq_end, poll);
    struct transport *transport = end->transport;

    free(end);
    vr_zmq_release(transport);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct zmq_end *end = VR_OWNER(poll, struct zmq_end, poll);

    (void)status;
    (void)events;
    end->ready(end);
}

void *vr_zmq_socket(struct transport *transport, int type)
{
    void *socket = zmq_socket(transport->ctx, type);
    int linger = 0, heartbeat = HEARTBEAT_MS, silent = SILENT_MS, ipv6 = 1;

    if (socket != NULL) {
        zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger));
        zmq_setsockopt(socket, ZMQ_IPV6, &ipv6, sizeof(ipv6));
        zmq_setsockopt(socket, ZMQ_HEARTBEAT_IVL, &heartbeat, sizeof(heartbeat));
        zmq_setsockopt(socket, ZMQ_HEARTBEAT_TIMEOUT, &silent, sizeof(silent));
        zmq_setsockopt(socket, ZMQ_HEARTBEAT_TTL, &silent, sizeof(silent));
        zmq_setsockopt(socket, ZMQ_HANDSHAKE_IVL, &silent, sizeof(silent));
    }
    return socket;
}

struct zmq_end *vr_zmq_end_open(struct transport *transport, void *socket,
                                void (*ready)(struct zmq_end *end))
{
    struct zmq_end *end = calloc(1, sizeof(*end));
    uv_os_sock_t fd = -1;
    size_t size = sizeof(fd);

    if (end == NULL || zmq_getsockopt(socket, ZMQ_FD, &fd, &size) != 0 ||
        uv_poll_init_socket(transport->loop, &end->poll, fd) != 0) {
        free(end);
        zmq_close(socket);
        return NULL;
    }
    end->transport = transport;
    end->socket = socket;
    end->ready = ready;
    __atomic_add_fetch(&transport->refs, 1, __ATOMIC_ACQ_REL);
    uv_poll_start(&end->poll, UV_READABLE, on_poll);
    return end;
}

void vr_zmq_end_close(struct zmq_end *end)
{
    if (end != NULL) {
        uv_close((uv_handle_t *)&end->poll, on_end_closed);
        zmq_close(end->socket); /* its descriptor goes: after the poll has let go of it */
    }
}

/* --- in --- */

static bool more_parts(void *socket)
{
    int more = 0;
    size_t size = sizeof(more);

    return zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) == 0 && more != 0;
}

/* Identity and frame. Anything else is no frame of ours: read away. */
static bool receive_parts(void *socket, zmq_msg_t *frame)
{
    bool whole = more_parts(socket) && zmq_msg_recv(frame, socket, ZMQ_DONTWAIT) >= 0;
    zmq_msg_t rest;

    while (more_parts(socket)) {
        whole = false;
        zmq_msg_init(&rest);
        if (zmq_msg_recv(&rest, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&rest);
            break;
        }
        zmq_msg_close(&rest);
    }
    return whole;
}

static void hand_in(struct zmq_end *end, zmq_msg_t *frame)
{
    struct transport *transport = end->transport;
    const char *key = zmq_msg_gets(frame, "User-Id");
    const struct peer *peer = key == NULL ? NULL : vr_zmq_peer_by_key(transport, key);
    size_t size = zmq_msg_size(frame);

    if (peer == NULL) { /* let in once, cut off since */
        vr_zmq_count(&transport->stats.refused_key, 1);
        return;
    }
    vr_zmq_count(&transport->stats.frames_in, 1);
    vr_zmq_count(&transport->stats.bytes_in, size);
    transport->conf.frame(transport->conf.ctx, peer->conf.node, end->lane,
                          vr_bytes(zmq_msg_data(frame), size));
}

/* False: nothing is there. */
static bool receive_one(struct zmq_end *end)
{
    zmq_msg_t identity, frame;

    zmq_msg_init(&identity);
    if (zmq_msg_recv(&identity, end->socket, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&identity);
        return false;
    }
    zmq_msg_init(&frame);
    if (receive_parts(end->socket, &frame) && zmq_msg_size(&frame) <= VR_FRAME_MAX) {
        hand_in(end, &frame);
    } else {
        vr_zmq_count(&end->transport->stats.malformed, 1);
    }
    zmq_msg_close(&frame);
    zmq_msg_close(&identity);
    return true;
}

/* What is left for the next pass is not told again by the descriptor: wake ourselves. */
static void on_in(struct zmq_end *end)
{
    struct transport *transport = end->transport;

    for (uint32_t i = 0; i < TURN_FRAMES; i++) {
        if (transport->stopped || !receive_one(end)) {
            return;
        }
    }
    uv_async_send(&transport->wake);
}

static void on_wake(uv_async_t *wake)
{
    struct transport *transport = VR_OWNER(wake, struct transport, wake);

    vr_zmq_flush(transport);
    for (uint32_t lane = 0; lane < LANES && !transport->stopped; lane++) {
        on_in(transport->in[lane]);
    }
}

static void on_tick(uv_timer_t *tick)
{
    vr_zmq_look_after(VR_OWNER(tick, struct transport, tick));
}

/* --- life --- */

static struct zmq_end *open_router(struct transport *transport, enum vr_frame_lane lane,
                                   struct vr_why *why)
{
    const char *address = lane == VR_FRAME_CONTROL ? transport->conf.control : transport->conf.bulk;
    void *socket = vr_zmq_socket(transport, ZMQ_ROUTER);
    int server = 1, hwm = HWM_IN;
    int64_t largest = (int64_t)VR_FRAME_MAX + CURVE_OVERHEAD;
    size_t size = sizeof(transport->bound[lane]);
    struct zmq_end *end;

    if (socket == NULL) {
        vr_fail(why, VR_E_NO_MEMORY, "no socket for messages between nodes");
        return NULL;
    }
    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &largest, sizeof(largest));
    zmq_setsockopt(socket, ZMQ_RCVHWM, &hwm, sizeof(hwm));
    if (zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &server, sizeof(server)) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, transport->conf.secret_key, VR_CURVE_KEY + 1) !=
            0 ||
        zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, "voiceroom", 9) != 0) {
        vr_fail(why, VR_E_BAD_REQUEST, "the key for messages between nodes is malformed");
        zmq_close(socket);
        return NULL;
    }
    if (zmq_bind(socket, address) != 0) {
        vr_fail(why, VR_E_BAD_REQUEST, "%s cannot be bound: %s", address,
                zmq_strerror(zmq_errno()));
        zmq_close(socket);
        return NULL;
    }
    zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, transport->bound[lane], &size);
    end = vr_zmq_end_open(transport, socket, on_in);
    if (end == NULL) {
        vr_fail(why, VR_E_NO_MEMORY, "no memory for messages between nodes");
    } else {
        end->lane = lane;
    }
    return end;
}

static void on_wake_closed(uv_handle_t *handle)
{
    vr_zmq_release(VR_OWNER((uv_async_t *)handle, struct transport, wake));
}

static void on_tick_closed(uv_handle_t *handle)
{
    vr_zmq_release(VR_OWNER((uv_timer_t *)handle, struct transport, tick));
}

static void stop(struct transport *transport)
{
    bool was;

    uv_mutex_lock(&transport->lock);
    was = transport->stopped;
    transport->stopped = true; /* nobody touches `wake` any more */
    uv_mutex_unlock(&transport->lock);
    if (was) {
        return;
    }
    vr_zmq_drop_peers(transport);
    for (uint32_t lane = 0; lane < LANES; lane++) {
        vr_zmq_end_close(transport->in[lane]);
    }
    vr_zmq_end_close(transport->zap);
    uv_close((uv_handle_t *)&transport->wake, on_wake_closed);
    uv_close((uv_handle_t *)&transport->tick, on_tick_closed);
    zmq_ctx_term(transport->ctx);
}

void vr_transport_zmq_stop(struct vr_transport *transport)
{
    stop(VR_OWNER(transport, struct transport, base));
}

static void close_transport(struct vr_transport *base)
{
    struct transport *transport = VR_OWNER(base, struct transport, base);

    stop(transport);
    vr_zmq_release(transport);
}

static enum vr_err send_frame(struct vr_transport *base, uint32_t node, enum vr_frame_lane lane,
                              struct vr_bytes bytes);

static const struct vr_transport_ops zmq_ops = {
    .send = send_frame, .peers = vr_zmq_set_peers, .close = close_transport};

static enum vr_err open_all(struct transport *transport, struct vr_why *why)
{
    if (!vr_zmq_zap_open(transport)) { /* before the first ROUTER: nobody slips in */
        return vr_fail(why, VR_E_NO_MEMORY, "no gatekeeper for messages between nodes");
    }
    transport->in[VR_FRAME_CONTROL] = open_router(transport, VR_FRAME_CONTROL, why);
    if (transport->in[VR_FRAME_CONTROL] == NULL) {
        return VR_E_BAD_REQUEST;
    }
    transport->in[VR_FRAME_BULK] = open_router(transport, VR_FRAME_BULK, why);
    return transport->in[VR_FRAME_BULK] == NULL ? VR_E_BAD_REQUEST : VR_OK;
}

enum vr_err vr_transport_zmq_new(const struct vr_transport_zmq_conf *conf,
                                 struct vr_transport **out, struct vr_why *why)
{
    struct transport *transport = calloc(1, sizeof(*transport));
    enum vr_err err;

    *out = NULL;
    if (transport == NULL) {
        return vr_fail(why, VR_E_NO_MEMORY, "no memory for messages between nodes");
    }
    transport->base.ops = &zmq_ops;
    transport->conf = *conf;
    transport->loop = conf->loop;
    transport->ctx = zmq_ctx_new();
    if (transport->ctx == NULL || uv_mutex_init(&transport->lock) != 0 ||
        uv_async_init(conf->loop, &transport->wake, on_wake) != 0) {
        zmq_ctx_term(transport->ctx);
        free(transport);
        return vr_fail(why, VR_E_NO_MEMORY, "no context for messages between nodes");
    }
    uv_timer_init(conf->loop, &transport->tick);
    uv_timer_start(&transport->tick, on_tick, TICK_MS, TICK_MS);
    transport->refs = 3; /* the owner, wake, tick */
    err = open_all(transport, why);
    transport->conf.control = transport->conf.bulk = NULL; /* were borrowed */
    memset(transport->conf.secret_key, 0, err == VR_OK ? 0 : sizeof(transport->conf.secret_key));
    if (err != VR_OK) {
        close_transport(&transport->base);
        return err;
    }
    *out = &transport->base;
    return VR_OK;
}

static enum vr_err send_frame(struct vr_transport *base, uint32_t node, enum vr_frame_lane lane,
                              struct vr_bytes bytes)
{
    struct transport *transport = VR_OWNER(base, struct transport, base);
    enum vr_err err = VR_E_NOT_FOUND;

    if (bytes.size > VR_FRAME_MAX) {
        return VR_E_TOO_LARGE;
    }
    uv_mutex_lock(&transport->lock);
    for (uint32_t i = 0; i < transport->peer_count && !transport->stopped; i++) {
        if (transport->peers[i]->conf.node == node) {
            err = vr_zmq_queue(&transport->peers[i]->out[lane], bytes);
            break;
        }
    }
    if (err == VR_OK) {
        uv_async_send(&transport->wake);
    }
    uv_mutex_unlock(&transport->lock);
    if (err == VR_E_BUSY) {
        vr_zmq_count(&transport->stats.refused_busy, 1);
    }
    return err;
}

void vr_transport_zmq_stats(const struct vr_transport *base, struct vr_transport_stats *out)
{
    const struct vr_transport_stats *stats = &VR_OWNER(base, struct transport, base)->stats;

    out->frames_out = __atomic_load_n(&stats->frames_out, __ATOMIC_RELAXED);
    out->frames_in = __atomic_load_n(&stats->frames_in, __ATOMIC_RELAXED);
    out->bytes_out = __atomic_load_n(&stats->bytes_out, __ATOMIC_RELAXED);
    out->bytes_in = __atomic_load_n(&stats->bytes_in, __ATOMIC_RELAXED);
    out->refused_busy = __atomic_load_n(&stats->refused_busy, __ATOMIC_RELAXED);
    out->refused_key = __atomic_load_n(&stats->refused_key, __ATOMIC_RELAXED);
    out->malformed = __atomic_load_n(&stats->malformed, __ATOMIC_RELAXED);
    out->connected = __atomic_load_n(&stats->connected, __ATOMIC_RELAXED);
}

const char *vr_transport_zmq_bound(const struct vr_transport *transport, enum vr_frame_lane lane)
{
    return VR_OWNER(transport, struct transport, base)->bound[lane];
}

#if defined(__SANITIZE_THREAD__)
/* libzmq's atomic operations are assembler that the thread sanitizer does not see: what its threads
 * hand to each other looks like a race. Ours are watched. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:libzmq.so\nrace:libzmq.so\n";
}
#endif
