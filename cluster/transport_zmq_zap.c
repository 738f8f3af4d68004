/* transport_zmq_zap.c - keys, and who is let in by them: the ZAP handler (ZeroMQ RFC 27).
 *
 * libzmq asks it for each new connection to a ROUTER, with the CURVE key that the handshake proved.
 * It answers from the transport's list of peers and gives the key on as the connection's User-Id.
 *
 * czmq has one context a process, and libzmq asks at one place in it. So the handler is one actor
 * for all transports of the process (a node has one; tests have several), each known by its ZAP
 * domain. It comes with the first transport and goes with the last. */
#include <pthread.h>
#include <string.h>

#include "actors/base/log.h"
#include "cluster/transport_zmq_internal.h"

#define ZAP_PLACE "inproc://zeromq.zap.01"

/* The parts of a question. */
enum { VERSION, REQUEST_ID, DOMAIN, ADDRESS, IDENTITY, MECHANISM, KEY, PARTS };

static struct {
    pthread_mutex_t life; /* of the actor: one comes or goes at a time */
    pthread_mutex_t lock; /* of the list, which the actor reads */
    struct vr_list transports;
    uint32_t count;
    uint32_t number; /* of the last domain */
    zactor_t *actor;
} gate = {.life = PTHREAD_MUTEX_INITIALIZER,
          .lock = PTHREAD_MUTEX_INITIALIZER,
          .transports = {&gate.transports, &gate.transports}};

/* With the lock held. */
static struct transport *transport_of(zframe_t *domain)
{
    VR_LIST_EACH(item, &gate.transports)
    {
        struct transport *transport = VR_OWNER(item, struct transport, gate_link);

        if (zframe_streq(domain, transport->domain)) {
            return transport;
        }
    }
    return NULL;
}

static bool is_peer(struct transport *transport, const char *key)
{
    bool is;

    uv_mutex_lock(&transport->lock);
    is = vr_zmq_peer_by_key(transport, key) != NULL;
    uv_mutex_unlock(&transport->lock);
    return is;
}

static bool is_let_in(zframe_t *const part[PARTS], char key[VR_CURVE_KEY + 1])
{
    struct transport *transport;
    bool good;

    key[0] = 0;
    if (!zframe_streq(part[VERSION], "1.0") || !zframe_streq(part[MECHANISM], "CURVE") ||
        zframe_size(part[KEY]) != 32 || zmq_z85_encode(key, zframe_data(part[KEY]), 32) == NULL) {
        return false;
    }
    pthread_mutex_lock(&gate.lock);
    transport = transport_of(part[DOMAIN]);
    good = transport != NULL && is_peer(transport, key);
    if (transport != NULL && !good) {
        vr_zmq_count(&transport->stats.refused_key, 1);
    }
    pthread_mutex_unlock(&gate.lock);
    return good;
}

static void answer(zsock_t *socket)
{
    zmsg_t *question = zmsg_recv(socket);
    zframe_t *part[PARTS] = {NULL};
    char key[VR_CURVE_KEY + 1];
    bool good = false;

    if (question == NULL) {
        return;
    }
    for (uint32_t i = 0; i < PARTS; i++) {
        part[i] = i == 0 ? zmsg_first(question) : zmsg_next(question);
    }
    if (part[KEY] != NULL && zmsg_size(question) == PARTS) {
        good = is_let_in(part, key);
        if (!good) {
            vr_log(VR_LOG_INFO, "a connection from a node that is not in the directory is refused",
                   VR_S("key", key));
        }
    }
    if (part[REQUEST_ID] != NULL) {
        zsock_send(socket, "sfssss", "1.0", part[REQUEST_ID], good ? "200" : "400", "",
                   good ? key : "", "");
    }
    zmsg_destroy(&question);
}

/* Its thread. `arg` is the socket, which it takes. */
static void gatekeeper(zsock_t *pipe, void *arg)
{
    zsock_t *asked = arg;
    zpoller_t *poller = zpoller_new(pipe, asked, NULL);
    void *which = NULL;

    zsock_signal(pipe, 0);
    while (which != pipe && !zpoller_terminated(poller)) {
        which = zpoller_wait(poller, -1);
        if (which == asked) {
            answer(asked);
        }
    }
    zpoller_destroy(&poller);
    zsock_destroy(&asked);
}

/* With `life` held. */
static enum vr_err gate_open(void)
{
    zsock_t *socket;

    zsys_handler_set(NULL); /* signals are ours */
    socket = vr_zmq_socket(ZMQ_REP);
    if (socket == NULL) {
        return VR_E_NO_MEMORY;
    }
    if (!vr_zmq_bind(socket, ZAP_PLACE)) {
        zsock_destroy(&socket);
        return VR_E_INTERNAL;
    }
    gate.actor = zactor_new(gatekeeper, socket);
    return VR_OK;
}

enum vr_err vr_zmq_gate_enter(struct transport *transport)
{
    enum vr_err err = VR_OK;

    pthread_mutex_lock(&gate.life);
    if (gate.count == 0) {
        err = gate_open();
    }
    if (err == VR_OK) {
        gate.count++;
        snprintf(transport->domain, sizeof(transport->domain), "voiceroom-%u", ++gate.number);
        pthread_mutex_lock(&gate.lock);
        vr_list_push(&gate.transports, &transport->gate_link);
        pthread_mutex_unlock(&gate.lock);
    }
    pthread_mutex_unlock(&gate.life);
    return err;
}

void vr_zmq_gate_leave(struct transport *transport)
{
    if (transport->domain[0] == 0) {
        return; /* never came in */
    }
    pthread_mutex_lock(&gate.life);
    pthread_mutex_lock(&gate.lock);
    vr_list_remove(&transport->gate_link);
    pthread_mutex_unlock(&gate.lock);
    if (--gate.count == 0) {
        zactor_destroy(&gate.actor); /* the context stays: czmq 4.2 cannot make a second one */
    }
    pthread_mutex_unlock(&gate.life);
}

enum vr_err vr_transport_zmq_keypair(char key[VR_CURVE_KEY + 1], char secret_key[VR_CURVE_KEY + 1])
{
    return zmq_curve_keypair(key, secret_key) == 0 ? VR_OK : VR_E_INTERNAL;
}

enum vr_err vr_transport_zmq_public(const char *secret_key, char key[VR_CURVE_KEY + 1])
{
    return strlen(secret_key) == VR_CURVE_KEY && zmq_curve_public(key, secret_key) == 0
               ? VR_OK
               : VR_E_BAD_REQUEST;
}
