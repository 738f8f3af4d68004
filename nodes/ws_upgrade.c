/* ws_upgrade.c - a request that wants to become a WebSocket (RFC 6455, 4.2) is judged: version,
 * origin, subprotocol. */
#include <string.h>

#include "nodes/http_internal.h"

static struct vr_bytes header_of(h2o_req_t *h2o, const char *name)
{
    ssize_t at = h2o_find_header_by_str(&h2o->headers, name, strlen(name), -1);

    return at == -1
               ? vr_bytes("", 0)
               : vr_bytes(h2o->headers.entries[at].value.base, h2o->headers.entries[at].value.len);
}

/** "a, voicerooms.v1": is ours among them? */
static bool protocol_offered(struct vr_bytes list)
{
    for (size_t i = 0; i < list.size;) {
        size_t end = i;

        while (end < list.size && list.data[end] != ',') {
            end++;
        }
        size_t from = i, to = end;
        while (from < to && list.data[from] == ' ') {
            from++;
        }
        while (to > from && list.data[to - 1] == ' ') {
            to--;
        }
        if (vr_bytes_equal(vr_bytes(list.data + from, to - from), vr_bytes_of(VR_WS_PROTOCOL))) {
            return true;
        }
        i = end + 1;
    }
    return false;
}

static int refuse(struct vr_http_worker *part, h2o_req_t *h2o, int status, enum vr_err err,
                  const char *detail)
{
    struct request *request = request_new(part, h2o);

    if (request == NULL) {
        h2o_send_error_503(h2o, "Service Unavailable", "memory is out", 0);
        return 0;
    }
    if (status == 426) {
        vr_http_header(&request->pub, "sec-websocket-version", "13");
        vr_http_header(&request->pub, "upgrade", "websocket");
        vr_http_answer(&request->pub, 426, "text/plain; charset=utf-8", vr_bytes_of(detail));
        return 0;
    }
    vr_http_answer_problem(&request->pub, err, detail);
    return 0;
}

static const char *text_of(h2o_req_t *h2o, struct vr_bytes bytes)
{
    return h2o_strdup(&h2o->pool, (const char *)bytes.data, bytes.size).base;
}

static bool origin_good(struct vr_http_worker *part, h2o_req_t *h2o)
{
    struct vr_bytes origin = header_of(h2o, "origin");
    struct vr_bytes host = vr_bytes(h2o->authority.base, h2o->authority.len);

    /* CORS does not cover WebSockets: without this any page could speak with the user's address. */
    return origin.size == 0 || origin_own(text_of(h2o, origin), text_of(h2o, host)) ||
           origin_listed(part->http, text_of(h2o, origin));
}

int ws_upgrade(struct vr_http_worker *part, h2o_req_t *h2o)
{
    const char *key = NULL;

    if (!vr_bytes_equal(header_of(h2o, "sec-websocket-version"), vr_bytes_of("13"))) {
        return refuse(part, h2o, 426, VR_E_BAD_REQUEST, "WebSocket version 13 is spoken here\n");
    }
    if (h2o_is_websocket_handshake(h2o, &key) != 0 || key == NULL) {
        return refuse(part, h2o, 400, VR_E_BAD_REQUEST, "this is no WebSocket handshake");
    }
    if (!origin_good(part, h2o)) {
        return refuse(part, h2o, 403, VR_E_FORBIDDEN, "this origin is not allowed");
    }
    if (!protocol_offered(header_of(h2o, "sec-websocket-protocol"))) {
        return refuse(part, h2o, 400, VR_E_BAD_REQUEST,
                      "the subprotocol " VR_WS_PROTOCOL " must be offered");
    }
    if (part->closing) {
        return refuse(part, h2o, 503, VR_E_DRAINING, NULL);
    }
    if (!ws_accept(part, h2o, key)) {
        return refuse(part, h2o, 503, VR_E_NO_MEMORY, NULL);
    }
    return 0;
}
