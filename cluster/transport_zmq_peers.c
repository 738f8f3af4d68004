/* transport_zmq_peers.c - the way out: peers, their DEALERs and queues.
 *
 * A DEALER takes a frame only while its connection is up (ZMQ_IMMEDIATE), so that what waits, waits
 * in our own queue, with a bound in bytes and an age. libzmq does not try again after a refused
 * handshake, and a peer refuses us until it has read of us in the directory: a DEALER that has not
 * connected is made anew, after 0.5 s at first and then at longer intervals. */
#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "cluster/transport_zmq_internal.h"

#define AGE_MAX_MS 5000u
#define PATIENCE_MS 500u
#define PATIENCE_MAX_MS 2000u
#define STUCK_MS 4000u /* connected, but nothing moves: longer than heartbeats need to see it */
#define RECONNECT_MS 100
#define RECONNECT_MAX_MS 1000

static const struct {
    uint32_t frames;
    size_t bytes;
    int hwm; /* of libzmq, beside ours */
} limits[LANES] = {
    [VR_FRAME_CONTROL] = {16384, (size_t)8 * 1024 * 1024, 512},
    [VR_FRAME_BULK] = {4096, (size_t)32 * 1024 * 1024, 64},
};

struct peer *vr_zmq_peer_by_key(const struct transport *transport, const char *key)
{
    for (uint32_t i = 0; i < transport->peer_count; i++) {
        if (strcmp(transport->peers[i]->conf.key, key) == 0) {
            return transport->peers[i];
        }
    }
    return NULL;
}

/* --- queue --- */

static void free_frame(struct frame *frame)
{
    zframe_destroy(&frame->body);
    free(frame);
}

enum vr_err vr_zmq_queue(struct link_out *out, struct vr_bytes bytes)
{
    struct frame *frame;

    if (out->count >= limits[out->lane].frames ||
        out->bytes + bytes.size > limits[out->lane].bytes) {
        return VR_E_BUSY;
    }
    frame = calloc(1, sizeof(*frame));
    if (frame == NULL || (frame->body = zframe_new(bytes.data, bytes.size)) == NULL) {
        free(frame);
        return VR_E_BUSY;
    }
    frame->size = bytes.size;
    frame->queued_ms = uv_hrtime() / 1000000;
    vr_list_push(&out->queue, &frame->link);
    out->count++;
    out->bytes += bytes.size;
    return VR_OK;
}

static struct frame *take_first(struct transport *transport, struct link_out *out)
{
    struct frame *frame = NULL;
    struct vr_list *item;

    uv_mutex_lock(&transport->lock);
    item = vr_list_pop(&out->queue);
    if (item != NULL) {
        frame = VR_OWNER(item, struct frame, link);
        out->count--;
        out->bytes -= frame->size;
    }
    uv_mutex_unlock(&transport->lock);
    return frame;
}

static void put_back(struct transport *transport, struct link_out *out, struct frame *frame)
{
    uv_mutex_lock(&transport->lock);
    vr_list_push(out->queue.next, &frame->link); /* before the first */
    out->count++;
    out->bytes += frame->size;
    uv_mutex_unlock(&transport->lock);
}

/* --- sending --- */

static void send_queued(struct transport *transport, struct link_out *out)
{
    struct frame *frame;

    while (out->end != NULL && (frame = take_first(transport, out)) != NULL) {
        size_t size = frame->size;

        if (zframe_send(&frame->body, out->end->socket, ZFRAME_DONTWAIT) != 0) {
            put_back(transport, out, frame); /* EAGAIN: not connected, or its pipe is full */
            return;
        }
        free_frame(frame);
        out->moved_ms = uv_hrtime() / 1000000;
        vr_zmq_count(&transport->stats.frames_out, 1);
        vr_zmq_count(&transport->stats.bytes_out, size);
    }
}

static void on_out(struct zmq_end *end)
{
    struct link_out *out = end->link;

    if (vr_zmq_has(end, ZMQ_POLLOUT)) {
        out->connected = true;
        send_queued(end->transport, out);
    }
}

void vr_zmq_flush(struct transport *transport)
{
    for (uint32_t i = 0; i < transport->peer_count; i++) {
        for (uint32_t lane = 0; lane < LANES; lane++) {
            send_queued(transport, &transport->peers[i]->out[lane]);
        }
    }
}

/* --- peers --- */

static bool keys_set(const struct transport *transport, const struct vr_transport_peer *conf,
                     zsock_t *socket)
{
    char key[VR_CURVE_KEY + 1];

    if (!vr_zmq_key_good(conf->key) ||
        vr_transport_zmq_public(transport->conf.secret_key, key) != VR_OK) {
        return false;
    }
    zsock_set_curve_serverkey(socket, conf->key);
    zsock_set_curve_publickey(socket, key);
    zsock_set_curve_secretkey(socket, transport->conf.secret_key);
    return true;
}

static void connect_out(struct transport *transport, struct link_out *out)
{
    const struct vr_transport_peer *conf = &out->peer->conf;
    zsock_t *socket = vr_zmq_socket(ZMQ_DEALER);

    out->end = NULL;
    out->connected = false;
    out->moved_ms = uv_hrtime() / 1000000;
    if (socket == NULL) {
        return;
    }
    zsock_set_immediate(socket, 1);
    zsock_set_reconnect_ivl(socket, RECONNECT_MS);
    zsock_set_reconnect_ivl_max(socket, RECONNECT_MAX_MS);
    zsock_set_sndhwm(socket, limits[out->lane].hwm);
    if (!keys_set(transport, conf, socket) ||
        zsock_connect(socket, "%s", out->lane == VR_FRAME_CONTROL ? conf->control : conf->bulk) !=
            0) {
        vr_log(VR_LOG_WARN, "a node's address or key cannot be used", VR_U("node", conf->node));
        zsock_destroy(&socket);
        return;
    }
    out->end = vr_zmq_end_open(transport, socket, on_out);
    if (out->end != NULL) {
        out->end->link = out;
        out->end->lane = out->lane;
    }
}

static struct peer *new_peer(struct transport *transport, const struct vr_transport_peer *conf)
{
    struct peer *peer = calloc(1, sizeof(*peer));

    if (peer == NULL) {
        return NULL;
    }
    peer->conf = *conf;
    for (uint32_t lane = 0; lane < LANES; lane++) {
        struct link_out *out = &peer->out[lane];

        out->peer = peer;
        out->lane = (enum vr_frame_lane)lane;
        out->patience_ms = PATIENCE_MS;
        vr_list_init(&out->queue);
        connect_out(transport, out);
    }
    return peer;
}

static void free_peer(struct peer *peer)
{
    for (uint32_t lane = 0; lane < LANES; lane++) {
        vr_zmq_end_close(peer->out[lane].end);
        VR_LIST_EACH(item, &peer->out[lane].queue)
        {
            free_frame(VR_OWNER(item, struct frame, link));
        }
    }
    free(peer);
}

static bool is_same(const struct vr_transport_peer *a, const struct vr_transport_peer *b)
{
    return a->node == b->node && a->incarnation == b->incarnation &&
           strcmp(a->control, b->control) == 0 && strcmp(a->bulk, b->bulk) == 0 &&
           strcmp(a->key, b->key) == 0;
}

static bool is_wanted(const struct peer *peer, const struct vr_transport_peer *peers,
                      uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (is_same(&peer->conf, &peers[i])) {
            return true;
        }
    }
    return false;
}

static bool is_there(const struct transport *transport, const struct vr_transport_peer *wanted)
{
    for (uint32_t i = 0; i < transport->peer_count; i++) {
        if (is_same(&transport->peers[i]->conf, wanted)) {
            return true;
        }
    }
    return false;
}

static void drop_unwanted(struct transport *transport, const struct vr_transport_peer *peers,
                          uint32_t count)
{
    struct peer *gone[PEERS_MAX];
    uint32_t gone_count = 0, kept = 0;

    uv_mutex_lock(&transport->lock);
    for (uint32_t i = 0; i < transport->peer_count; i++) {
        if (is_wanted(transport->peers[i], peers, count)) {
            transport->peers[kept++] = transport->peers[i];
        } else {
            gone[gone_count++] = transport->peers[i];
        }
    }
    transport->peer_count = kept;
    uv_mutex_unlock(&transport->lock);
    for (uint32_t i = 0; i < gone_count; i++) {
        free_peer(gone[i]);
    }
}

enum vr_err vr_zmq_set_peers(struct vr_transport *base, const struct vr_transport_peer *peers,
                             uint32_t count)
{
    struct transport *transport = VR_OWNER(base, struct transport, base);

    if (count > PEERS_MAX) {
        return VR_E_TOO_LARGE;
    }
    drop_unwanted(transport, peers, count);
    for (uint32_t i = 0; i < count; i++) {
        struct peer *peer;

        if (is_there(transport, &peers[i])) {
            continue;
        }
        peer = new_peer(transport, &peers[i]);
        if (peer == NULL) {
            return VR_E_NO_MEMORY;
        }
        uv_mutex_lock(&transport->lock);
        transport->peers[transport->peer_count++] = peer;
        uv_mutex_unlock(&transport->lock);
    }
    return VR_OK;
}

void vr_zmq_drop_peers(struct transport *transport)
{
    drop_unwanted(transport, NULL, 0);
}

/* --- each tick --- */

static void drop_old(struct transport *transport, struct link_out *out, uint64_t now)
{
    uv_mutex_lock(&transport->lock);
    while (!vr_list_empty(&out->queue)) {
        struct frame *frame = VR_OWNER(out->queue.next, struct frame, link);

        if (now - frame->queued_ms < AGE_MAX_MS) {
            break;
        }
        (void)vr_list_pop(&out->queue);
        out->count--;
        out->bytes -= frame->size;
        free_frame(frame);
        vr_zmq_count(&transport->stats.refused_busy, 1);
    }
    uv_mutex_unlock(&transport->lock);
}

static void connect_again(struct transport *transport, struct link_out *out)
{
    vr_zmq_end_close(out->end);
    out->patience_ms *= 2;
    out->patience_ms = out->patience_ms > PATIENCE_MAX_MS ? PATIENCE_MAX_MS : out->patience_ms;
    connect_out(transport, out);
}

static void look_at(struct transport *transport, struct link_out *out, uint64_t now)
{
    uint64_t still = now - out->moved_ms;

    if (out->end != NULL && vr_zmq_has(out->end, ZMQ_POLLOUT)) {
        out->connected = true;
        out->patience_ms = PATIENCE_MS;
        out->moved_ms = now;
        send_queued(transport, out);
    } else if (still > (out->connected ? STUCK_MS : out->patience_ms)) {
        connect_again(transport, out);
    }
    drop_old(transport, out, now);
}

void vr_zmq_look_after(struct transport *transport)
{
    uint64_t now = uv_hrtime() / 1000000;
    uint32_t connected = 0;

    for (uint32_t i = 0; i < transport->peer_count; i++) {
        struct peer *peer = transport->peers[i];

        for (uint32_t lane = 0; lane < LANES; lane++) {
            look_at(transport, &peer->out[lane], now);
        }
        connected += peer->out[VR_FRAME_CONTROL].connected;
    }
    __atomic_store_n(&transport->stats.connected, connected, __ATOMIC_RELAXED);
}
