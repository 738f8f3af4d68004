/* http_internal.h - what the files http*.c and ws*.c share; shows h2o. */
#ifndef VR_NODES_HTTP_INTERNAL_H
#define VR_NODES_HTTP_INTERNAL_H

/* uv.h must come before h2o.h, and the libuv flavour must be chosen (the header's layouts differ).
 */
#include <h2o.h>
#include <h2o/websocket.h>
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "actors/base/list.h"
#include "actors/base/owner.h"
#include "actors/runtime/system.h"
#include "nodes/auth.h"
#include "nodes/files.h"
#include "nodes/http_server.h"
#include "nodes/idempotency.h"
#include "nodes/metrics.h"
#include "nodes/rate.h"
#include "nodes/router.h"

#define ADDRESS_COUNTS 65536
#define HEADERS_MAX 16

struct vr_http {
    struct vr_http_conf conf;
    h2o_globalconf_t global;
    pthread_mutex_t rate_lock;
    struct vr_rate *rate;
    struct vr_idempotency *idempotency;
    atomic_uint connections;
    /** Open connections by hash of the address; two that share a place share the limit. */
    atomic_ushort by_address[ADDRESS_COUNTS];
    pthread_mutex_t parts_lock;
    struct vr_list parts; /* vr_http_worker.link; freed with this */
    char hsts[40];        /* Strict-Transport-Security, for TLS; "": none */
};

/** One accepted connection; it lives until its handle is closed. */
struct connection {
    uv_tcp_t tcp;
    struct vr_list link; /* vr_http_worker.connections */
    struct vr_http_worker *part;
    h2o_socket_t *sock;     /* h2o's, good until the handle is closed; NULL before */
    struct ssl_ctx_st *tls; /* a reference; h2o keeps the bare pointer. NULL: not TLS */
    uint32_t address_place; /* in by_address; ADDRESS_COUNTS: not counted */
    bool websocket;
};

struct listener {
    uv_tcp_t tcp;
    struct vr_http_worker *part;
    bool tls;
    bool open;
};

struct vr_http_worker {
    struct vr_list link; /* vr_http.parts */
    struct vr_http *http;
    struct vr_worker *worker;
    uv_loop_t *loop;
    h2o_context_t ctx;
    h2o_accept_ctx_t accept_plain;
    h2o_accept_ctx_t accept_tls;
    struct listener listeners[VR_HTTP_SOCKETS_MAX];
    uint32_t listener_count;
    uv_prepare_t flush;
    uv_timer_t sweep;
    vr_time_us store_sweep_at;
    uv_async_t posted;
    pthread_mutex_t posts_lock;
    struct request *posts; /* singly linked by post_next */
    bool posts_closed;
    struct vr_blob *announcement; /* for every WebSocket; under posts_lock, like the next two */
    bool close_asked;
    vr_time_us close_patience;
    atomic_bool closed;         /* every connection and handle is gone, or going */
    struct vr_list connections; /* connection.link */
    struct vr_list requests;    /* request.link: not answered yet */
    struct vr_list sockets;     /* vr_ws.link */
    struct vr_list dirty;       /* vr_ws.dirty_link: something to write or to free */
    struct connection **by_fd;  /* connections by file descriptor */
    size_t by_fd_count;
    bool closing;
    vr_time_us close_patience_until;
    vr_time_us close_started;
};

/** The private half of a request. */
struct request {
    struct vr_http_request pub;
    struct vr_list link;
    struct vr_http_worker *part;
    h2o_req_t *h2o;          /* NULL: the client has gone, or was answered for the handler */
    struct request **anchor; /* in h2o's pool; cleared by whichever side goes first */
    h2o_mem_pool_t pool;     /* texts of `pub` */
    struct vr_route_match match;
    struct vr_bytes query;
    const char *idempotency_key;
    struct {
        const char *name;
        const char *value; /* in `pool` */
    } headers[HEADERS_MAX];
    uint32_t header_count;
    struct vr_rate_result rates[2]; /* address, identity */
    uint32_t rate_count;
    bool idempotent; /* slot and fingerprint are set, and it counts as running */
    bool answering;  /* the answer waits for its commit */
    uint8_t slot[32];
    uint8_t fingerprint[32];
    int status;
    const char *content_type;
    struct vr_buf body;  /* the answer's, while its commit is awaited */
    struct vr_span span; /* when it is traced */
    vr_handler_fn post_run;
    struct request *post_next;
};

static inline struct request *request_of(struct vr_http_request *pub)
{
    return VR_OWNER(pub, struct request, pub);
}

static inline vr_time_us part_now(const struct vr_http_worker *part)
{
    return part->http->conf.clock->now(part->http->conf.clock->ctx);
}

/* http_request.c */
struct request *request_new(struct vr_http_worker *part, h2o_req_t *h2o);
void request_free(struct request *request);
/** A header's value as text in the request's pool; "" when absent. */
const char *request_header(struct request *request, const char *name);
void request_id_take(const h2o_req_t *h2o, const struct vr_random *random,
                     char out[VR_REQUEST_ID_MAX + 1]);
void client_address(h2o_req_t *h2o, char out[46], bool *loopback);
/** Two lengths, or a length and chunks: whoever stands before us may have read another end of the
 *  body (request smuggling, RFC 9112, 6.3). h2o takes the last and drops the rest from its headers,
 *  so the bytes as they came are looked at. */
bool request_lengths_disagree(h2o_req_t *h2o);

/* http_gate.c: what is judged before a handler runs. False: it was answered. */
bool gate_pass(struct request *request);
bool origin_listed(const struct vr_http *http, const char *origin);
/** Is `origin` the page of this very server? */
bool origin_own(const char *origin, const char *host);
/** The routes of both tables that have this path. */
void route_find(const struct vr_http *http, enum vr_method method, struct vr_bytes path,
                struct vr_route_match *out);

/* http_answer.c */
/** Send now, whatever Idempotency-Key says; frees the request. */
void answer_send(struct request *request, int status, const char *content_type,
                 struct vr_bytes body);
const char *status_reason(int status);
/** http_page.c: the page's file at `path`, or false: the page has none, or it is not asked for. */
bool page_serve(struct vr_http_worker *part, h2o_req_t *h2o, struct vr_bytes path);
/** What the page may load, connect to and use. */
void http_page_headers(const struct vr_http_worker *part, h2o_req_t *h2o);
/** On every answer over TLS: that browsers shall come by TLS only (RFC 6797). */
void http_hsts_header(const struct vr_http_worker *part, h2o_req_t *h2o);
void answer_file(struct vr_http_worker *part, h2o_req_t *h2o, const struct vr_file *file,
                 int status);
void answer_repeat(struct request *request, struct vr_bytes kept);

/* http_connection.c */
/** uv_connection_cb of a listener's `tcp`. */
void connection_accept(uv_stream_t *stream, int status);
struct connection *connection_of(struct vr_http_worker *part, h2o_req_t *h2o);
/** A TLS connection that was reset: libuv has taken its right to write away, uv_write refuses h2o's
 *  close_notify at once, h2o does not look at that and waits for ever for the write to end. End it.
 */
void connections_reap(struct vr_http_worker *part);
/** Every connection that is (or is not) a WebSocket reads its end: idle ones are closed by h2o at
 *  once, those with a running request after its answer. With `writes` too: nobody is waited for any
 *  more. */
void connections_end(struct vr_http_worker *part, bool websockets, bool writes);

/* ws_upgrade.c */
int ws_upgrade(struct vr_http_worker *part, h2o_req_t *h2o);

/* ws.c */
/** Answer 101 to a handshake that was found good, and tell the handlers. False: memory is out. */
bool ws_accept(struct vr_http_worker *part, h2o_req_t *h2o, const char *key);
void ws_flush(struct vr_http_worker *part);
void ws_sweep(struct vr_http_worker *part, vr_time_us now);
void ws_close_all(struct vr_http_worker *part, uint16_t code, const char *reason);
void ws_drop_all(struct vr_http_worker *part);
void ws_send_all(struct vr_http_worker *part, struct vr_blob *text);

#endif
