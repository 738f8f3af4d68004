/* http_request.c - from h2o's request to ours: everything that a handler may look at, copied,
 * because the handler may come back to it when the client, and h2o's memory with it, has gone. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <strings.h>

#include "nodes/http_internal.h"

static char *pool_text(struct request *request, const char *text, size_t size)
{
    return h2o_strdup(&request->pool, text, size).base;
}

const char *request_header(struct request *request, const char *name)
{
    ssize_t at = h2o_find_header_by_str(&request->h2o->headers, name, strlen(name), -1);

    if (at == -1) {
        return "";
    }
    return pool_text(request, request->h2o->headers.entries[at].value.base,
                     request->h2o->headers.entries[at].value.len);
}

static bool id_is_good(h2o_iovec_t text)
{
    if (text.len == 0 || text.len > VR_REQUEST_ID_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.base[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '_' || c == '-')) {
            return false;
        }
    }
    return true;
}

void request_id_take(const h2o_req_t *h2o, const struct vr_random *random,
                     char out[VR_REQUEST_ID_MAX + 1])
{
    ssize_t at = h2o_find_header_by_str(&h2o->headers, H2O_STRLIT("x-request-id"), -1);

    if (at != -1 && id_is_good(h2o->headers.entries[at].value)) {
        h2o_iovec_t value = h2o->headers.entries[at].value;

        memcpy(out, value.base, value.len);
        out[value.len] = 0;
        return;
    }
    vr_id_format(vr_random_id(random), out);
}

void client_address(h2o_req_t *h2o, char out[46], bool *loopback)
{
    struct sockaddr_storage name = {0};
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&name;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&name;

    out[0] = 0;
    *loopback = false;
    h2o->conn->callbacks->get_peername(h2o->conn, (struct sockaddr *)&name);
    if (name.ss_family == AF_INET) {
        inet_ntop(AF_INET, &v4->sin_addr, out, 46);
        *loopback = (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
    } else if (name.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, out, 46);
        *loopback = v6->sin6_addr.s6_addr[12] == 127;
    } else if (name.ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &v6->sin6_addr, out, 46);
        *loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    }
}

/** Is `host` (with or without a port) a name that always means this machine? */
static bool host_is_local(struct vr_bytes host)
{
    static const char *const names[] = {"localhost", "[::1]"};
    const char *text = (const char *)host.data;
    size_t size = host.size;
    const char *colon = size == 0 ? NULL : memrchr(text, ':', size);
    char address[16];
    struct in_addr v4;

    if (colon != NULL && memchr(colon, ']', size - (size_t)(colon - text)) == NULL) {
        size = (size_t)(colon - text);
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (h2o_lcstris(text, size, names[i], strlen(names[i]))) {
            return true;
        }
    }
    if (size == 0 || size >= sizeof(address)) {
        return false;
    }
    memcpy(address, text, size);
    address[size] = 0;
    return inet_pton(AF_INET, address, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

/** Whoever sits at this machine has rights of his own; the address alone does not prove it. A page
 * of a stranger can give its own name our address (DNS rebinding), and then its Host is that name.
 * A proxy beside us speaks for others, and says so. */
static bool client_is_local(h2o_req_t *h2o)
{
    static const char *const proxied[] = {"forwarded", "x-forwarded-for", "x-real-ip"};

    for (size_t i = 0; i < sizeof(proxied) / sizeof(proxied[0]); i++) {
        if (h2o_find_header_by_str(&h2o->headers, proxied[i], strlen(proxied[i]), -1) != -1) {
            return false;
        }
    }
    return host_is_local(vr_bytes(h2o->authority.base, h2o->authority.len));
}

/** Lower case, without parameters: "application/json; charset=utf-8" is application/json. */
static const char *media_type(struct request *request)
{
    char *text = pool_text(request, request_header(request, "content-type"), SIZE_MAX);
    size_t size = strcspn(text, "; \t");

    for (size_t i = 0; i < size; i++) {
        text[i] = (char)h2o_tolower(text[i]);
    }
    text[size] = 0;
    return text;
}

static void on_client_gone(void *anchor)
{
    struct request *request = *(struct request **)anchor;

    if (request != NULL) {
        request->h2o = NULL;
        request->anchor = NULL;
    }
}

/** When h2o lets go of its request, whatever the reason, its pool tells us. */
static bool anchor_drop(struct request *request)
{
    request->anchor =
        h2o_mem_alloc_shared(&request->h2o->pool, sizeof(struct request *), on_client_gone);
    if (request->anchor == NULL) {
        return false;
    }
    *request->anchor = request;
    return true;
}

struct request *request_new(struct vr_http_worker *part, h2o_req_t *h2o)
{
    struct request *request = calloc(1, sizeof(*request));
    size_t path_size = h2o->query_at == SIZE_MAX ? h2o->path.len : h2o->query_at;

    if (request == NULL) {
        return NULL;
    }
    vr_list_push(&part->requests, &request->link);
    request->part = part;
    request->h2o = h2o;
    h2o_mem_init_pool(&request->pool);
    if (!anchor_drop(request)) {
        request_free(request);
        return NULL;
    }
    struct vr_http_request *pub = &request->pub;
    pub->node = part->http->conf.node;
    pub->worker = part->worker;
    pub->path = pool_text(request, h2o->path.base, path_size);
    if (h2o->query_at != SIZE_MAX) {
        size_t size = h2o->path.len - h2o->query_at - 1;

        request->query =
            vr_bytes(pool_text(request, h2o->path.base + h2o->query_at + 1, size), size);
    }
    pub->body = vr_bytes(pool_text(request, h2o->entity.base == NULL ? "" : h2o->entity.base,
                                   h2o->entity.base == NULL ? 0 : h2o->entity.len),
                         h2o->entity.base == NULL ? 0 : h2o->entity.len);
    pub->content_type = media_type(request);
    pub->accept = request_header(request, "accept");
    pub->if_match = request_header(request, "if-match");
    pub->if_none_match = request_header(request, "if-none-match");
    pub->origin = request_header(request, "origin");
    pub->host = pool_text(request, h2o->authority.base, h2o->authority.len);
    request->idempotency_key = request_header(request, "idempotency-key");
    pub->tls = h2o->scheme == &H2O_URL_SCHEME_HTTPS;
    client_address(h2o, pub->address, &pub->loopback);
    pub->loopback = pub->loopback && client_is_local(h2o);
    request_id_take(h2o, part->http->conf.random, pub->request_id);
    pub->started = part_now(part);
    if (part->http->conf.tracing != NULL && strncmp(pub->path, "/v1/", 4) == 0) {
        vr_span_begin(part->http->conf.tracing, request_header(request, "traceparent"),
                      pub->started, &request->span);
        pub->trace = request->span.trace;
    }
    return request;
}

void request_free(struct request *request)
{
    if (request->anchor != NULL) {
        *request->anchor = NULL;
    }
    vr_list_remove(&request->link);
    vr_buf_deinit(&request->body);
    h2o_mem_clear_pool(&request->pool);
    free(request);
}

bool vr_http_query(const struct vr_http_request *pub, const char *name, char *out, size_t capacity)
{
    return vr_query_find(VR_OWNER(pub, struct request, pub)->query, name, out, capacity);
}

enum vr_err vr_http_identity(const struct vr_http_request *pub, struct vr_id room,
                             struct vr_actor_identity *out)
{
    return vr_auth_identity(&pub->grants, room, pub->address, out);
}

void vr_http_resume(struct vr_http_request *pub, vr_handler_fn run)
{
    struct request *request = request_of(pub);
    struct vr_http_worker *part = request->part;

    pthread_mutex_lock(&part->posts_lock);
    if (!part->posts_closed) {
        request->post_run = run;
        request->post_next = part->posts;
        part->posts = request;
        uv_async_send(&part->posted);
    }
    pthread_mutex_unlock(&part->posts_lock);
}

bool request_lengths_disagree(h2o_req_t *h2o)
{
    const h2o_buffer_t *input = h2o->conn->callbacks->get_socket(h2o->conn)->input;
    const char *at = input->bytes;
    const char *end = at + input->size;
    uint32_t lengths = 0, codings = 0;

    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        size_t size = line_end == NULL ? 0 : (size_t)(line_end - at);

        if (size == 0 || (size == 1 && at[0] == '\r')) {
            break;
        }
        lengths += size > 15 && strncasecmp(at, "content-length:", 15) == 0;
        codings += size > 18 && strncasecmp(at, "transfer-encoding:", 18) == 0;
        at = line_end + 1;
    }
    return lengths + codings > 1;
}
