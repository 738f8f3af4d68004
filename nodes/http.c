/* http.c - h2o on a control worker's loop: its settings, the one handler behind every path,
 * closing.
 *
 * What shapes it are traps of h2o 2.2 on libuv: its graceful shutdown leaves idle connections and a
 * timer behind, so closing is done here, over our own list of connections (http_connection.c); and
 * HTTP/2 must be out of reach. */
#include <stdlib.h>

#include "actors/base/log.h"
#include "nodes/http_internal.h"
#include "nodes/tls.h"

#define SWEEP_MS 1000
#define STORE_SWEEP VR_SECONDS(3600)
#define SWEEP_CLOSING_MS 20
#define WS_GOODBYE VR_MS(500)
#define RATE_BUCKETS 65536
#define REQUEST_TIMEOUT_MS 10000

/* --- requests --- */

static int on_request(h2o_handler_t *self, h2o_req_t *h2o)
{
    struct vr_http_worker *part = VR_OWNER(h2o->conn->ctx, struct vr_http_worker, ctx);
    size_t path_size = h2o->query_at == SIZE_MAX ? h2o->path.len : h2o->query_at;
    struct vr_bytes path = vr_bytes(h2o->path.base, path_size);
    struct vr_route_match match;
    struct request *request = NULL;

    (void)self;
    if (request_lengths_disagree(h2o)) {
        h2o->http1_is_persistent = 0;
        h2o_send_error_400(h2o, "Bad Request", "the length of the body is given twice",
                           H2O_SEND_ERROR_HTTP1_CLOSE_CONNECTION);
        return 0;
    }
    if (part->http->conf.ws != NULL && vr_bytes_equal(path, vr_bytes_of("/v1/ws"))) {
        return ws_upgrade(part, h2o);
    }
    route_find(part->http, VR_HTTP_GET, path, &match);
    if (match.allowed == 0 && page_serve(part, h2o, path)) {
        return 0;
    }
    request = request_new(part, h2o);
    if (request == NULL) {
        h2o_send_error_503(h2o, "Service Unavailable", "memory is out", 0);
        return 0;
    }
    if (gate_pass(request)) {
        request->pub.route->handler(&request->pub);
    }
    return 0;
}

/* --- the node's part --- */

static enum vr_err config_open(struct vr_http *http)
{
    h2o_pathconf_t *path = NULL;

    h2o_config_init(&http->global);
    http->global.server_name = h2o_iovec_init(H2O_STRLIT("voicerooms"));
    /* h2o's own refusal is no problem document; the gate refuses what lies between the two limits.
     */
    http->global.max_request_entity_size = 4 * VR_HTTP_BODY_MAX;
    http->global.http1.req_timeout = REQUEST_TIMEOUT_MS;
    http->global.http1.upgrade_to_http2 = 0;
    h2o_hostconf_t *host =
        h2o_config_register_host(&http->global, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    path = h2o_config_register_path(host, "/", 0);
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = on_request;
    return VR_OK;
}

enum vr_err vr_http_new(const struct vr_http_conf *conf, struct vr_http **out)
{
    struct vr_http *http = calloc(1, sizeof(*http));
    enum vr_err err = VR_OK;

    *out = NULL;
    if (http == NULL) {
        return VR_E_NO_MEMORY;
    }
    http->conf = *conf;
    pthread_mutex_init(&http->rate_lock, NULL);
    pthread_mutex_init(&http->parts_lock, NULL);
    vr_list_init(&http->parts);
    config_open(http);
    err = vr_rate_new(RATE_BUCKETS, vr_random_u64(conf->random), &http->rate);
    if (err == VR_OK && conf->records != NULL) {
        err = vr_idempotency_new(conf->records, conf->clock, &http->idempotency);
    }
    for (uint32_t i = 0; i < VR_ROUTE_TABLES && conf->metrics != NULL; i++) {
        vr_metrics_routes(conf->metrics, conf->tables[i].routes, conf->tables[i].count);
    }
    if (err != VR_OK) {
        vr_http_free(http);
        return err;
    }
    *out = http;
    return VR_OK;
}

static void part_free(struct vr_http_worker *part)
{
    VR_LIST_EACH(item, &part->requests)
    {
        request_free(VR_OWNER(item, struct request, link));
    }
    pthread_mutex_destroy(&part->posts_lock);
    free(part->by_fd);
    free(part);
}

void vr_http_free(struct vr_http *http)
{
    if (http == NULL) {
        return;
    }
    VR_LIST_EACH(item, &http->parts)
    {
        part_free(VR_OWNER(item, struct vr_http_worker, link));
    }
    h2o_config_dispose(&http->global);
    vr_rate_free(http->rate);
    vr_idempotency_free(http->idempotency);
    pthread_mutex_destroy(&http->rate_lock);
    pthread_mutex_destroy(&http->parts_lock);
    free(http);
}

/* --- a worker's part --- */

static void on_flush(uv_prepare_t *handle)
{
    ws_flush(VR_OWNER(handle, struct vr_http_worker, flush));
}

void vr_http_flush(struct vr_http_worker *part)
{
    ws_flush(part);
}

static void on_posted(uv_async_t *handle)
{
    struct vr_http_worker *part = VR_OWNER(handle, struct vr_http_worker, posted);
    struct request *posts = NULL;
    struct vr_blob *announcement = NULL;
    bool close_asked = false;

    pthread_mutex_lock(&part->posts_lock);
    posts = part->posts;
    part->posts = NULL;
    announcement = part->announcement;
    part->announcement = NULL;
    close_asked = part->close_asked;
    pthread_mutex_unlock(&part->posts_lock);
    if (announcement != NULL) {
        ws_send_all(part, announcement);
        vr_blob_release(announcement);
    }
    while (posts != NULL) {
        struct request *next = posts->post_next;

        posts->post_next = NULL;
        posts->post_run(&posts->pub);
        posts = next;
    }
    if (close_asked) {
        vr_http_close(part, part->close_patience);
    }
}

void vr_http_announce(struct vr_http_worker *part, struct vr_blob *text)
{
    pthread_mutex_lock(&part->posts_lock);
    if (!part->posts_closed) {
        vr_blob_release(part->announcement);
        part->announcement = vr_blob_retain(text);
        uv_async_send(&part->posted);
    }
    pthread_mutex_unlock(&part->posts_lock);
}

void vr_http_close_soon(struct vr_http_worker *part, vr_time_us patience)
{
    pthread_mutex_lock(&part->posts_lock);
    if (!part->posts_closed) {
        part->close_asked = true;
        part->close_patience = patience;
        uv_async_send(&part->posted);
    }
    pthread_mutex_unlock(&part->posts_lock);
}

bool vr_http_closed(const struct vr_http_worker *part)
{
    return atomic_load(&part->closed);
}

static void closing_step(struct vr_http_worker *part);

/** What is over goes from the store: once an hour all of it, a bite at each call. */
static void store_sweep(struct vr_http_worker *part, vr_time_us now)
{
    struct vr_http *http = part->http;
    bool more = false;

    if (now < part->store_sweep_at || part->closing) {
        return;
    }
    more = http->idempotency != NULL && vr_idempotency_sweep(http->idempotency);
    more = (http->conf.auth != NULL && vr_auth_sweep(http->conf.auth)) || more;
    part->store_sweep_at = more ? now : now + STORE_SWEEP;
}

static void on_sweep(uv_timer_t *handle)
{
    struct vr_http_worker *part = VR_OWNER(handle, struct vr_http_worker, sweep);

    ws_sweep(part, part_now(part));
    store_sweep(part, part_now(part));
    connections_reap(part);
    if (part->closing) {
        closing_step(part);
    }
}

static enum vr_err listener_open(struct vr_http_worker *part, const struct vr_http_socket *socket,
                                 struct vr_why *why)
{
    struct listener *listener = &part->listeners[part->listener_count++];
    int failed = 0;

    listener->part = part;
    listener->tls = socket->tls;
    listener->open = true;
    uv_tcp_init(part->loop, &listener->tcp);
    failed = uv_tcp_open(&listener->tcp, socket->fd);
    if (failed == 0) {
        failed = uv_listen((uv_stream_t *)&listener->tcp, 1024, connection_accept);
    }
    return failed == 0 ? VR_OK : vr_fail(why, VR_E_INTERNAL, "listen: %s", uv_strerror(failed));
}

static struct vr_http_worker *part_new(struct vr_http *http, struct vr_worker *worker,
                                       uv_loop_t *loop)
{
    struct vr_http_worker *part = calloc(1, sizeof(*part));

    if (part == NULL) {
        return NULL;
    }
    part->http = http;
    part->worker = worker;
    part->loop = loop;
    vr_list_init(&part->connections);
    vr_list_init(&part->requests);
    vr_list_init(&part->sockets);
    vr_list_init(&part->dirty);
    pthread_mutex_init(&part->posts_lock, NULL);
    h2o_context_init(&part->ctx, loop, &http->global);
    part->accept_plain.ctx = &part->ctx;
    part->accept_plain.hosts = http->global.hosts;
    part->accept_tls = part->accept_plain;
    part->accept_tls.ssl_ctx = http->conf.tls;
    uv_prepare_init(loop, &part->flush);
    uv_prepare_start(&part->flush, on_flush);
    uv_timer_init(loop, &part->sweep);
    uv_timer_start(&part->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
    uv_async_init(loop, &part->posted, on_posted);
    pthread_mutex_lock(&http->parts_lock);
    vr_list_push(&http->parts, &part->link);
    pthread_mutex_unlock(&http->parts_lock);
    return part;
}

enum vr_err vr_http_open(struct vr_http *http, struct vr_worker *worker, struct uv_loop_s *loop,
                         const struct vr_http_socket *sockets, uint32_t count,
                         struct vr_http_worker **out, struct vr_why *why)
{
    struct vr_http_worker *part = part_new(http, worker, loop);

    *out = part;
    if (part == NULL) {
        return vr_fail(why, VR_E_NO_MEMORY, "memory is out");
    }
    for (uint32_t i = 0; i < count && i < VR_HTTP_SOCKETS_MAX; i++) {
        enum vr_err err = listener_open(part, &sockets[i], why);

        if (err != VR_OK) {
            vr_http_close(part, 0);
            return err;
        }
    }
    return VR_OK;
}

/* --- closing --- */

static void part_finish(struct vr_http_worker *part)
{
    pthread_mutex_lock(&part->posts_lock);
    part->posts_closed = true;
    vr_blob_release(part->announcement);
    part->announcement = NULL;
    pthread_mutex_unlock(&part->posts_lock);
    h2o_context_dispose(&part->ctx);
    uv_close((uv_handle_t *)&part->flush, NULL);
    uv_close((uv_handle_t *)&part->sweep, NULL);
    uv_close((uv_handle_t *)&part->posted, NULL);
    atomic_store(&part->closed, true);
}

/** Answer for handlers that did not in time. They may still answer later: dropped then. */
static void requests_end(struct vr_http_worker *part)
{
    VR_LIST_EACH(item, &part->requests)
    {
        struct request *request = VR_OWNER(item, struct request, link);
        h2o_req_t *h2o = request->h2o;

        if (h2o == NULL) {
            continue;
        }
        request->h2o = NULL;
        *request->anchor = NULL;
        request->anchor = NULL;
        h2o->http1_is_persistent = 0;
        h2o->res.status = 503;
        h2o->res.reason = status_reason(503);
        h2o->res.content_length = 0;
        h2o_send_inline(h2o, "", 0);
    }
}

static void closing_step(struct vr_http_worker *part)
{
    vr_time_us now = part_now(part);

    if (vr_list_empty(&part->connections) && vr_list_empty(&part->sockets)) {
        part_finish(part);
        return;
    }
    if (now >= part->close_started + WS_GOODBYE) {
        ws_drop_all(part);
    }
    if (now >= part->close_patience_until) {
        requests_end(part);
    }
    if (now >= part->close_patience_until + WS_GOODBYE) {
        connections_end(part, false, true);
    }
}

void vr_http_close(struct vr_http_worker *part, vr_time_us patience)
{
    if (part->closing) {
        return;
    }
    part->closing = true;
    part->close_started = part_now(part);
    part->close_patience_until = part->close_started + patience;
    for (uint32_t i = 0; i < part->listener_count; i++) {
        uv_close((uv_handle_t *)&part->listeners[i].tcp, NULL);
    }
    part->ctx.shutdown_requested = 1;
    ws_close_all(part, VR_WS_GOING_AWAY, "the server goes down");
    ws_flush(part);
    connections_end(part, false, false);
    uv_timer_start(&part->sweep, on_sweep, SWEEP_CLOSING_MS, SWEEP_CLOSING_MS);
}

#if defined(__SANITIZE_ADDRESS__)
/* h2o keeps up to 16 free chunks per thread and allocator, in static thread-local lists that
 * nothing can empty: they are lost with the thread. Bounded, and only at the end of a worker. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:h2o_mem_alloc_recycle\n";
}
#endif

void vr_http_limits_set(struct vr_http *http, const struct vr_http_limits *limits)
{
    http->conf.rate_per_address = limits->rate_per_address;
    http->conf.rate_per_identity = limits->rate_per_identity;
    http->conf.connections_max = limits->connections_max;
    http->conf.connections_per_address = limits->connections_per_address;
}
