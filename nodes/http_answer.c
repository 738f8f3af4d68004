/* http_answer.c - answers: JSON, problem documents (RFC 9457), files; the headers that all of them
 * carry. */
#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/log.h"
#include "actors/wire/client_json.h"
#include "nodes/http_internal.h"

const char *status_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Status";
}

static void header_add(h2o_req_t *h2o, const char *name, const char *value)
{
    h2o_iovec_t copy = h2o_strdup(&h2o->pool, value, SIZE_MAX);

    h2o_add_header_by_str(&h2o->pool, &h2o->res.headers, name, strlen(name), 1, NULL, copy.base,
                          copy.len);
}

void vr_http_header(struct vr_http_request *pub, const char *name, const char *value)
{
    struct request *request = request_of(pub);

    if (request->header_count < HEADERS_MAX) {
        request->headers[request->header_count].name = name;
        request->headers[request->header_count].value =
            h2o_strdup(&request->pool, value, SIZE_MAX).base;
        request->header_count++;
    }
}

static void rate_headers(struct request *request)
{
    static const char *const names[] = {"address", "identity"};
    char policy[120] = "";
    char left[120] = "";
    size_t p = 0, l = 0;

    for (size_t i = 0; i < request->rate_count && i < sizeof(names) / sizeof(names[0]); i++) {
        const struct vr_rate_result *rate = &request->rates[i];

        if (rate->limit == 0) {
            continue;
        }
        p += (size_t)snprintf(policy + p, sizeof(policy) - p, "%s\"%s\";q=%u;w=60", p ? ", " : "",
                              names[i], rate->limit);
        l += (size_t)snprintf(left + l, sizeof(left) - l, "%s\"%s\";r=%u;t=%u", l ? ", " : "",
                              names[i], rate->remaining, rate->reset_s);
    }
    if (p > 0) {
        header_add(request->h2o, "ratelimit-policy", policy);
        header_add(request->h2o, "ratelimit", left);
    }
}

static void common_headers(struct request *request)
{
    h2o_req_t *h2o = request->h2o;
    const struct vr_http_request *pub = &request->pub;

    header_add(h2o, "x-request-id", pub->request_id);
    header_add(h2o, "x-content-type-options", "nosniff");
    header_add(h2o, "cache-control", "no-store");
    if (pub->origin[0] != 0 && origin_listed(request->part->http, pub->origin)) {
        header_add(h2o, "access-control-allow-origin", pub->origin);
        header_add(h2o, "access-control-expose-headers",
                   "Location, ETag, Link, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id");
    }
    header_add(h2o, "vary", "origin");
    http_hsts_header(request->part, h2o);
    rate_headers(request);
    for (uint32_t i = 0; i < request->header_count; i++) {
        header_add(h2o, request->headers[i].name, request->headers[i].value);
    }
}

static void told(struct request *request, int status)
{
    const struct vr_http_request *pub = &request->pub;
    vr_time_us took = part_now(request->part) - pub->started;

    if (vr_trace_on(&pub->trace)) {
        request->span.name = pub->route == NULL ? "other" : pub->route->pattern;
        request->span.method = vr_method_name(pub->method);
        request->span.status = status;
        vr_span_end(request->part->http->conf.tracing, &request->span, pub->started + took);
    }
    if (request->part->http->conf.metrics != NULL) {
        vr_metrics_request(request->part->http->conf.metrics, pub->route, status, took);
    }
    vr_log(VR_LOG_DEBUG, "request", VR_S("method", vr_method_name(pub->method)),
           VR_S("route", pub->route == NULL ? "-" : pub->route->pattern), VR_U("status", status),
           VR_I("took_us", took), VR_S("request_id", pub->request_id));
}

void answer_send(struct request *request, int status, const char *content_type,
                 struct vr_bytes body)
{
    h2o_req_t *h2o = request->h2o;

    told(request, status);
    if (h2o != NULL) {
        h2o->res.status = status;
        h2o->res.reason = status_reason(status);
        /* Without a length h2o answers "Connection: close". */
        h2o->res.content_length = body.size;
        common_headers(request);
        if (content_type != NULL) {
            header_add(h2o, "content-type", content_type);
        }
        if (request->part->closing) {
            h2o->http1_is_persistent = 0;
        }
        h2o_send_inline(h2o, body.size == 0 ? "" : (const char *)body.data, body.size);
    }
    request_free(request);
}

/* --- Idempotency-Key: the answer is kept before it is given --- */

/** status (2 bytes), then texts with a 0 each: content type, names and values; an empty one; the
 * body. */
static void answer_keep(const struct request *request, struct vr_buf *out)
{
    uint8_t status[2];

    vr_put16(status, (uint16_t)request->status);
    vr_buf_append(out, status, 2);
    vr_buf_append(out, request->content_type == NULL ? "" : request->content_type,
                  (request->content_type == NULL ? 0 : strlen(request->content_type)) + 1);
    for (uint32_t i = 0; i < request->header_count; i++) {
        vr_buf_append(out, request->headers[i].name, strlen(request->headers[i].name) + 1);
        vr_buf_append(out, request->headers[i].value, strlen(request->headers[i].value) + 1);
    }
    vr_buf_append(out, "", 1);
    vr_buf_append(out, request->body.data, request->body.size);
}

static const char *kept_text(struct vr_bytes *rest)
{
    const char *text = (const char *)rest->data;
    const uint8_t *end = memchr(rest->data, 0, rest->size);

    if (end == NULL) {
        return NULL;
    }
    rest->size -= (size_t)(end + 1 - rest->data);
    rest->data = end + 1;
    return text;
}

void answer_repeat(struct request *request, struct vr_bytes kept)
{
    struct vr_bytes rest = vr_bytes(kept.data + 2, kept.size < 2 ? 0 : kept.size - 2);
    const char *content_type = kept_text(&rest);

    while (content_type != NULL && rest.size > 0) {
        const char *name = kept_text(&rest);
        const char *value = name == NULL || name[0] == 0 ? NULL : kept_text(&rest);

        if (value == NULL) {
            break;
        }
        vr_http_header(&request->pub, h2o_strdup(&request->pool, name, SIZE_MAX).base, value);
    }
    if (content_type == NULL) {
        vr_http_answer_problem(&request->pub, VR_E_DAMAGED, NULL);
        return;
    }
    vr_http_header(&request->pub, "idempotency-replayed", "true");
    answer_send(request, vr_get16(kept.data), content_type[0] == 0 ? NULL : content_type, rest);
}

static void on_kept_here(struct vr_http_request *pub)
{
    struct request *request = request_of(pub);

    request->answering = false;
    answer_send(request, request->status, request->content_type, vr_buf_bytes(&request->body));
}

/* On the journal's thread. Also when the row could not be written the thing was made: answer so. */
static void on_kept(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    struct request *request = ctx;

    (void)ticket;
    (void)revision;
    if (err != VR_OK) {
        vr_log(VR_LOG_WARN, "an answer could not be kept for its Idempotency-Key",
               VR_S("why", vr_err_code(err)), VR_S("request_id", request->pub.request_id));
    }
    vr_http_resume(&request->pub, on_kept_here);
}

void vr_http_answer(struct vr_http_request *pub, int status, const char *content_type,
                    struct vr_bytes body)
{
    struct request *request = request_of(pub);
    struct vr_buf kept = {0};

    vr_assert(!request->answering);
    if (!request->idempotent) {
        answer_send(request, status, content_type, body);
        return;
    }
    request->idempotent = false;
    if (status >= 500 || status == 429 || status == 409) {
        vr_idempotency_drop(request->part->http->idempotency, request->slot);
        answer_send(request, status, content_type, body);
        return;
    }
    request->answering = true;
    request->status = status;
    request->content_type =
        content_type == NULL ? NULL : h2o_strdup(&request->pool, content_type, SIZE_MAX).base;
    vr_buf_append(&request->body, body.data, body.size);
    answer_keep(request, &kept);
    vr_idempotency_finish(request->part->http->idempotency, request->slot, request->fingerprint,
                          vr_buf_bytes(&kept), on_kept, request);
    vr_buf_deinit(&kept);
}

void vr_http_answer_json(struct vr_http_request *pub, int status, struct vr_bytes json)
{
    vr_http_answer(pub, status, "application/json", json);
}

void vr_http_answer_empty(struct vr_http_request *pub, int status)
{
    vr_http_answer(pub, status, NULL, vr_bytes("", 0));
}

/* --- problems --- */

static void problem_write(const struct vr_http_request *pub, const struct vr_http_problem *problem,
                          uint32_t retry_after_ms, struct vr_buf *out)
{
    const char *code = vr_err_code(problem->err);

    vr_buf_printf(out, "{\"type\":\"https://voicerooms.dev/problems/%s\",\"title\":", code);
    vr_json_text(out, vr_err_text(problem->err));
    vr_buf_printf(out, ",\"status\":%d,\"detail\":", vr_err_status(problem->err));
    vr_json_text(out, problem->detail != NULL && problem->detail[0] != 0
                          ? problem->detail
                          : vr_err_text(problem->err));
    vr_buf_text(out, ",\"instance\":");
    vr_json_text(out, pub->path);
    vr_buf_printf(out, ",\"code\":\"%s\",\"request_id\":\"%s\"", code, pub->request_id);
    if (retry_after_ms > 0) {
        vr_buf_printf(out, ",\"retry_after_ms\":%u", retry_after_ms);
    }
    if (problem->pointer != NULL) {
        vr_buf_text(out, ",\"errors\":[{\"pointer\":");
        vr_json_text(out, problem->pointer);
        vr_buf_text(out, ",\"detail\":");
        vr_json_text(out, problem->detail != NULL ? problem->detail : vr_err_text(problem->err));
        vr_buf_text(out, "}]");
    }
    if (problem->more != NULL) {
        vr_buf_text(out, ",");
        vr_buf_text(out, problem->more);
    }
    vr_buf_text(out, "}");
}

void vr_http_answer_problem_full(struct vr_http_request *pub, const struct vr_http_problem *problem)
{
    int status = vr_err_status(problem->err);
    uint32_t retry_after_ms = problem->retry_after_ms;
    struct vr_buf json = {0};

    if (status == 429 || status == 503) {
        char seconds[12];

        retry_after_ms = retry_after_ms == 0 ? 1000 : retry_after_ms;
        snprintf(seconds, sizeof(seconds), "%u", (retry_after_ms + 999) / 1000);
        vr_http_header(pub, "retry-after", seconds);
    }
    if (status == 401) {
        vr_http_header(pub, "www-authenticate", "Bearer");
    }
    problem_write(pub, problem, retry_after_ms, &json);
    vr_http_answer(pub, status, "application/problem+json", vr_buf_bytes(&json));
    vr_buf_deinit(&json);
}

void vr_http_answer_problem(struct vr_http_request *pub, enum vr_err err, const char *detail)
{
    const struct vr_http_problem problem = {.err = err, .detail = detail};

    vr_http_answer_problem_full(pub, &problem);
}

void vr_http_answer_refusal(struct vr_http_request *pub, const struct vr_answer *answer)
{
    const struct vr_http_problem problem = {
        .err = answer->err, .detail = answer->why, .retry_after_ms = answer->retry_after_ms};

    vr_http_answer_problem_full(pub, &problem);
}

/* --- files --- */

static bool accepts(h2o_req_t *h2o, const char *coding)
{
    ssize_t at = h2o_find_header_by_str(&h2o->headers, H2O_STRLIT("accept-encoding"), -1);

    return at != -1 &&
           h2o_strstr(h2o->headers.entries[at].value.base, h2o->headers.entries[at].value.len,
                      coding, strlen(coding)) != SIZE_MAX;
}

void answer_file(struct vr_http_worker *part, h2o_req_t *h2o, const struct vr_file *file,
                 int status)
{
    struct vr_blob *blob = file->plain;
    ssize_t match = h2o_find_header_by_str(&h2o->headers, H2O_STRLIT("if-none-match"), -1);
    bool same = match != -1 &&
                h2o_memis(h2o->headers.entries[match].value.base,
                          h2o->headers.entries[match].value.len, file->etag, strlen(file->etag));

    if (file->brotli != NULL && accepts(h2o, "br")) {
        blob = file->brotli;
        header_add(h2o, "content-encoding", "br");
    } else if (file->gzip != NULL && accepts(h2o, "gzip")) {
        blob = file->gzip;
        header_add(h2o, "content-encoding", "gzip");
    }
    h2o->res.status = same ? 304 : status;
    h2o->res.reason = status_reason(h2o->res.status);
    h2o->res.content_length = same ? 0 : blob->size;
    header_add(h2o, "content-type", file->type);
    header_add(h2o, "etag", file->etag);
    header_add(h2o, "vary", "accept-encoding");
    header_add(h2o, "x-content-type-options", "nosniff");
    header_add(h2o, "cache-control",
               file->hashed ? "public, max-age=31536000, immutable" : "no-cache");
    http_hsts_header(part, h2o);
    if (strncmp(file->type, "text/html", 9) == 0) {
        http_page_headers(part, h2o);
    }
    if (part->closing) {
        h2o->http1_is_persistent = 0;
    }
    if (part->http->conf.metrics != NULL) {
        vr_metrics_request(part->http->conf.metrics, NULL, h2o->res.status, 0);
    }
    h2o_send_inline(h2o, (const char *)blob->data, same ? 0 : blob->size);
}
