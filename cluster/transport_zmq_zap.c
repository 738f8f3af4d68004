/* transport_zmq_zap.c - keys, and who is let in by them: the ZAP handler (ZeroMQ RFC 27) of this
 * transport's context.
 *
 * libzmq asks it for each new connection to a ROUTER, with the CURVE key that the handshake proved.
 * It answers from the list of peers and gives the key on as the connection's User-Id. */
#include <string.h>

#include "actors/base/log.h"
#include "cluster/transport_zmq_internal.h"

#define PARTS_MAX 8u
#define KEY_PART 6u

struct request {
    char part[PARTS_MAX][256];
    size_t size[PARTS_MAX];
    uint32_t count;
};

static bool receive(void *socket, struct request *request)
{
    int more = 1;
    size_t size = sizeof(more);

    request->count = 0;
    while (more != 0) {
        char scratch[256];
        bool fits = request->count < PARTS_MAX;
        int got =
            zmq_recv(socket, fits ? request->part[request->count] : scratch, 256, ZMQ_DONTWAIT);

        if (got < 0) {
            return false;
        }
        if (fits) {
            request->size[request->count++] = got > 256 ? 256 : (size_t)got;
        }
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) != 0) {
            return false;
        }
    }
    return true;
}

static bool is_part(const struct request *request, uint32_t part, const char *text)
{
    return part < request->count && request->size[part] == strlen(text) &&
           memcmp(request->part[part], text, request->size[part]) == 0;
}

/* version, request id, domain, address, identity, mechanism, key */
static bool is_peer(const struct transport *transport, const struct request *request,
                    char key[VR_CURVE_KEY + 1])
{
    key[0] = 0;
    return is_part(request, 0, "1.0") && is_part(request, 5, "CURVE") &&
           request->count == KEY_PART + 1 && request->size[KEY_PART] == 32 &&
           zmq_z85_encode(key, (const uint8_t *)request->part[KEY_PART], 32) != NULL &&
           vr_zmq_peer_by_key(transport, key) != NULL;
}

static void reply(void *socket, const struct request *request, bool good, const char *key)
{
    const char *code = good ? "200" : "400";

    zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(socket, request->part[1], request->count > 1 ? request->size[1] : 0, ZMQ_SNDMORE);
    zmq_send(socket, code, 3, ZMQ_SNDMORE);
    zmq_send(socket, "", 0, ZMQ_SNDMORE);
    zmq_send(socket, good ? key : "", good ? VR_CURVE_KEY : 0, ZMQ_SNDMORE);
    zmq_send(socket, "", 0, 0);
}

static void on_asked(struct zmq_end *end)
{
    struct transport *transport = end->transport;
    struct request request;
    char key[VR_CURVE_KEY + 1];

    while (!transport->stopped && vr_zmq_has(end, ZMQ_POLLIN) && receive(end->socket, &request)) {
        bool good = is_peer(transport, &request, key);

        if (!good) {
            vr_zmq_count(&transport->stats.refused_key, 1);
            vr_log(VR_LOG_INFO, "a connection from a node that is not in the directory is refused",
                   VR_S("key", key));
        }
        reply(end->socket, &request, good, key);
    }
}

bool vr_zmq_zap_open(struct transport *transport)
{
    void *socket = vr_zmq_socket(transport, ZMQ_REP);

    if (socket == NULL || zmq_bind(socket, "inproc://zeromq.zap.01") != 0) {
        if (socket != NULL) {
            zmq_close(socket);
        }
        return false;
    }
    transport->zap = vr_zmq_end_open(transport, socket, on_asked);
    return transport->zap != NULL;
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
