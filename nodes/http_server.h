/* http_server.h - opening and closing of HTTP: one struct vr_http per node, one worker part per
 * control worker's loop. Sockets are opened elsewhere (listen.h) and handed in. */
#ifndef VR_NODES_HTTP_SERVER_H
#define VR_NODES_HTTP_SERVER_H

#include "actors/base/random.h"
#include "nodes/config.h"
#include "nodes/http.h"
#include "nodes/ws.h"

struct uv_loop_s;
struct ssl_ctx_st;
struct vr_auth;
struct vr_files;
struct vr_metrics;
struct vr_http;
struct vr_origins;
struct vr_http_worker;

#define VR_ROUTE_TABLES 3
#define VR_HTTP_SOCKETS_MAX 16

struct vr_http_conf {
    struct vr_node *node; /* may be NULL in tests */
    const struct vr_clock *clock;
    const struct vr_random *random;
    struct vr_auth *auth;             /* borrowed; NULL: tokens are refused */
    struct vr_records *records;       /* for Idempotency-Key; NULL: not honoured */
    struct vr_metrics *metrics;       /* may be NULL */
    const struct vr_tracing *tracing; /* NULL: nothing is traced */
    const struct vr_files *files;     /* the web application; may be NULL */
    struct ssl_ctx_st *tls;           /* for sockets marked so */
    const struct vr_ws_handlers *ws;  /* NULL: no WebSockets */
    struct {
        const struct vr_route *routes;
        size_t count;
    } tables[VR_ROUTE_TABLES];
    const struct vr_config_list *cors_origins; /* may be NULL */
    struct vr_origins *origins;                /* beside them: the cluster's; may be NULL */
    uint32_t rate_per_address;                 /* in 60 s; 0: unlimited */
    uint32_t rate_per_identity;
    uint32_t connections_max;         /* 0: unlimited */
    uint32_t connections_per_address; /* loopback is exempt; 0: unlimited */
};

/** A listening socket; owned by vr_http_open from then on. */
struct vr_http_socket {
    int fd;
    bool tls;
};

VR_MUST_CHECK enum vr_err vr_http_new(const struct vr_http_conf *conf, struct vr_http **out);
/** After all worker parts' loops have ended, the system and the store are closed. */
void vr_http_free(struct vr_http *http);
/** Other limits from now on, on the worker's own thread: those of the conf by the same names. */
struct vr_http_limits {
    uint32_t rate_per_address;
    uint32_t rate_per_identity;
    uint32_t connections_max;
    uint32_t connections_per_address;
};
void vr_http_limits_set(struct vr_http *http, const struct vr_http_limits *limits);
/** Another context for TLS connections that come from now on, and how long browsers shall insist on
 * TLS (RFC 6797; 0: not told). On the worker's own thread, or before it is opened. */
void vr_http_tls_set(struct vr_http *http, struct ssl_ctx_st *tls, uint64_t hsts_s);

/** On the loop's thread. `worker` may be NULL in tests. On an error nothing is left open but what
 * uv_close still has to run. */
VR_MUST_CHECK enum vr_err vr_http_open(struct vr_http *http, struct vr_worker *worker,
                                       struct uv_loop_s *loop, const struct vr_http_socket *sockets,
                                       uint32_t count, struct vr_http_worker **out,
                                       struct vr_why *why);
/** Write what was queued for WebSockets. Happens by itself before the loop waits; call it once more
 *  after a turn that ran later than that. */
void vr_http_flush(struct vr_http_worker *part);
/** A text for every open WebSocket. Any thread. */
void vr_http_announce(struct vr_http_worker *part, struct vr_blob *text);
/** Begin to close: nothing is accepted any more, WebSockets get 1001, running requests are waited
 * for up to `patience`, then answered 503. The part's handles are gone when its loop ends. */
void vr_http_close(struct vr_http_worker *part, vr_time_us patience);
/** The same from any thread; then ask vr_http_closed until it is true. */
void vr_http_close_soon(struct vr_http_worker *part, vr_time_us patience);
bool vr_http_closed(const struct vr_http_worker *part);

#endif
