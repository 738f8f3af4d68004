/* transport_zmq.c - life of the ZeroMQ transport, and what comes in. What goes out and to whom:
 * transport_zmq_peers.c. */
#include "cluster/transport_zmq.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "cluster/transport_zmq_internal.h"

#define TURN_FRAMES 512u /* of one lane in one pass: the worker's actors live on this loop, too */
#define TICK_MS 100u
#define HEARTBEAT_MS 1000
#define SILENT_MS 3000
#define HWM_IN 1000
#define CURVE_OVERHEAD 64 /* libzmq counts a frame with its seal */
#define SPARE_DESCRIPTORS 4u
#define BIND_TRIES 50u
#define BIND_PAUSE_MS 20

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
    return (zsock_events(end->socket) & events) != 0;
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

/* zsock_new ends the process when there is no descriptor for the socket: look before. */
static bool descriptors_are_left(void)
{
    int fds[SPARE_DESCRIPTORS];
    bool good = true;

    for (uint32_t i = 0; i < SPARE_DESCRIPTORS; i++) {
        fds[i] = eventfd(0, EFD_CLOEXEC);
        good = good && fds[i] >= 0;
    }
    for (uint32_t i = 0; i < SPARE_DESCRIPTORS; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    return good;
}

zsock_t *vr_zmq_socket(int type)
{
    zsock_t *socket = descriptors_are_left() ? zsock_new(type) : NULL;

    if (socket != NULL) {
        zsock_set_linger(socket, 0);
        zsock_set_ipv6(socket, 1);
        zsock_set_heartbeat_ivl(socket, HEARTBEAT_MS);
        zsock_set_heartbeat_timeout(socket, SILENT_MS);
        zsock_set_heartbeat_ttl(socket, SILENT_MS);
        zsock_set_handshake_ivl(socket, SILENT_MS);
        zsock_set_rcvtimeo(socket, 0); /* nothing waits: the loop tells */
    }
    return socket;
}

/* czmq ends the process when libzmq refuses a key. */
bool vr_zmq_key_good(const char *key)
{
    uint8_t bytes[32];
    bool good = strlen(key) == VR_CURVE_KEY && zmq_z85_decode(bytes, key) != NULL;

    explicit_bzero(bytes, sizeof(bytes));
    return good;
}

struct zmq_end *vr_zmq_end_open(struct transport *transport, zsock_t *socket,
                                void (*ready)(struct zmq_end *end))
{
    struct zmq_end *end = calloc(1, sizeof(*end));

    if (end == NULL || uv_poll_init_socket(transport->loop, &end->poll, zsock_fd(socket)) != 0) {
        free(end);
        zsock_destroy(&socket);
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
        zsock_destroy(&end->socket); /* its descriptor goes: after the poll has let go of it */
    }
}

/* --- in --- */

/* Identity and frame. Anything else is no frame of ours: read away. NULL: so it was. */
static zframe_t *receive_frame(zsock_t *socket)
{
    zframe_t *frame = zframe_recv(socket);
    bool more = frame != NULL && zframe_more(frame);

    while (more) {
        zframe_destroy(&frame);
        frame = zframe_recv(socket);
        more = frame != NULL && zframe_more(frame);
        zframe_destroy(&frame);
    }
    return frame;
}

static void hand_in(struct zmq_end *end, zframe_t *frame)
{
    struct transport *transport = end->transport;
    const char *key = zframe_meta(frame, "User-Id");
    const struct peer *peer = key == NULL ? NULL : vr_zmq_peer_by_key(transport, key);
    size_t size = zframe_size(frame);

    if (peer == NULL) { /* let in once, cut off since */
        vr_zmq_count(&transport->stats.refused_key, 1);
        return;
    }
    vr_zmq_count(&transport->stats.frames_in, 1);
    vr_zmq_count(&transport->stats.bytes_in, size);
    transport->conf.frame(transport->conf.ctx, peer->conf.node, end->lane,
                          vr_bytes(zframe_data(frame), size));
}

/* False: nothing is there. */
static bool receive_one(struct zmq_end *end)
{
    zframe_t *identity = zframe_recv(end->socket);
    zframe_t *frame = NULL;

    if (identity == NULL) {
        return false;
    }
    if (zframe_more(identity)) {
        frame = receive_frame(end->socket);
    }
    if (frame != NULL && zframe_size(frame) <= VR_FRAME_MAX) {
        hand_in(end, frame);
    } else {
        vr_zmq_count(&end->transport->stats.malformed, 1);
    }
    zframe_destroy(&frame);
    zframe_destroy(&identity);
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

bool vr_zmq_bind(zsock_t *socket, const char *address)
{
    for (uint32_t i = 0; zsock_bind(socket, "%s", address) < 0; i++) {
        if (zmq_errno() != EADDRINUSE || i >= BIND_TRIES) {
            return false;
        }
        zclock_sleep(BIND_PAUSE_MS);
    }
    return true;
}

static enum vr_err open_router(struct transport *transport, enum vr_frame_lane lane,
                               struct vr_why *why)
{
    const char *address = lane == VR_FRAME_CONTROL ? transport->conf.control : transport->conf.bulk;
    zsock_t *socket;

    if (!vr_zmq_key_good(transport->conf.secret_key)) {
        return vr_fail(why, VR_E_BAD_REQUEST, "the key for messages between nodes is malformed");
    }
    socket = vr_zmq_socket(ZMQ_ROUTER);
    if (socket == NULL) {
        return vr_fail(why, VR_E_NO_MEMORY, "no socket for messages between nodes");
    }
    zsock_set_maxmsgsize(socket, VR_FRAME_MAX + CURVE_OVERHEAD);
    zsock_set_rcvhwm(socket, HWM_IN);
    zsock_set_curve_server(socket, 1);
    zsock_set_curve_secretkey(socket, transport->conf.secret_key);
    zsock_set_zap_domain(socket, transport->domain);
    if (!vr_zmq_bind(socket, address)) {
        vr_fail(why, VR_E_BAD_REQUEST, "%s cannot be bound: %s", address,
                zmq_strerror(zmq_errno()));
        zsock_destroy(&socket);
        return VR_E_BAD_REQUEST;
    }
    snprintf(transport->bound[lane], sizeof(transport->bound[lane]), "%s", zsock_endpoint(socket));
    transport->in[lane] = vr_zmq_end_open(transport, socket, on_in);
    if (transport->in[lane] == NULL) {
        return vr_fail(why, VR_E_NO_MEMORY, "no memory for messages between nodes");
    }
    transport->in[lane]->lane = lane;
    return VR_OK;
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
    vr_zmq_gate_leave(transport);
    uv_close((uv_handle_t *)&transport->wake, on_wake_closed);
    uv_close((uv_handle_t *)&transport->tick, on_tick_closed);
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
    enum vr_err err = vr_zmq_gate_enter(transport); /* first: nobody slips in */

    if (err != VR_OK) {
        return vr_fail(why, err, "no gatekeeper for messages between nodes");
    }
    err = open_router(transport, VR_FRAME_CONTROL, why);
    return err == VR_OK ? open_router(transport, VR_FRAME_BULK, why) : err;
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
    vr_list_init(&transport->gate_link);
    if (uv_mutex_init(&transport->lock) != 0) {
        free(transport);
        return vr_fail(why, VR_E_NO_MEMORY, "no lock for messages between nodes");
    }
    if (uv_async_init(conf->loop, &transport->wake, on_wake) != 0) {
        uv_mutex_destroy(&transport->lock);
        free(transport);
        return vr_fail(why, VR_E_NO_MEMORY, "no descriptor for messages between nodes");
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
    return "called_from_lib:libzmq.so\nrace:libzmq.so\n"
           "called_from_lib:libczmq.so\nrace:libczmq.so\n";
}
#endif
