/* http_gate.c - what is judged before a handler runs: preflights, the route, rates, the token,
 * repeats. */
#include <strings.h>

#include "nodes/http_internal.h"
#include "nodes/origins.h"
#include "nodes/tls.h"

#define RATE_WINDOW VR_SECONDS(60)
#define STRICT_COST 10

bool origin_listed(const struct vr_http *http, const char *origin)
{
    const struct vr_config_list *list = http->conf.cors_origins;

    for (uint32_t i = 0; list != NULL && i < list->count; i++) {
        if (strcasecmp(list->item[i], origin) == 0) {
            return true;
        }
    }
    return vr_origins_has(http->conf.origins, origin);
}

bool origin_own(const char *origin, const char *host)
{
    const char *at = strstr(origin, "://");

    /* The scheme may differ: a proxy may have ended TLS. */
    return at != NULL && host[0] != 0 && strcasecmp(at + 3, host) == 0;
}

void route_find(const struct vr_http *http, enum vr_method method, struct vr_bytes path,
                struct vr_route_match *out)
{
    uint32_t allowed = 0;

    for (uint32_t i = 0; i < VR_ROUTE_TABLES; i++) {
        vr_route_find(http->conf.tables[i].routes, http->conf.tables[i].count, method, path, out);
        allowed |= out->allowed;
        if (out->route != NULL) {
            break;
        }
    }
    out->allowed = allowed;
}

static bool refuse(struct request *request, enum vr_err err, const char *detail)
{
    vr_http_answer_problem(&request->pub, err, detail);
    return false;
}

/** OPTIONS: what is allowed here, and to a listed origin what a page of its may send. */
static bool preflight(struct request *request)
{
    struct vr_buf methods = {0};

    vr_method_list(request->match.allowed, &methods);
    vr_buf_append(&methods, "", 1);
    if (methods.failed) {
        vr_buf_deinit(&methods);
        return refuse(request, VR_E_NO_MEMORY, NULL);
    }
    vr_http_header(&request->pub, "allow", (const char *)methods.data);
    if (request->pub.origin[0] != 0 && origin_listed(request->part->http, request->pub.origin)) {
        vr_http_header(&request->pub, "access-control-allow-methods", (const char *)methods.data);
        vr_http_header(&request->pub, "access-control-allow-headers",
                       "authorization, content-type, if-match, if-none-match, idempotency-key, "
                       "x-request-id, traceparent");
        vr_http_header(&request->pub, "access-control-max-age", "600");
    }
    vr_buf_deinit(&methods);
    vr_http_answer_empty(&request->pub, 204);
    return false;
}

static bool rate_pass(struct request *request, uint64_t key, uint32_t limit, uint32_t cost)
{
    struct vr_http *http = request->part->http;
    struct vr_rate_result *result = &request->rates[request->rate_count++];

    if (limit == 0) {
        return true;
    }
    pthread_mutex_lock(&http->rate_lock);
    vr_rate_take(http->rate, key, limit, RATE_WINDOW, cost, request->pub.started, result);
    pthread_mutex_unlock(&http->rate_lock);
    if (!result->allowed) {
        const struct vr_http_problem problem = {.err = VR_E_RATE,
                                                .retry_after_ms = result->retry_after_ms};
        vr_http_answer_problem_full(&request->pub, &problem); /* `result` goes with the request */
        return false;
    }
    return true;
}

static bool rate_address_pass(struct request *request)
{
    const struct vr_http *http = request->part->http;
    uint32_t cost = (request->pub.route->flags & VR_ROUTE_STRICT) != 0 ? STRICT_COST : 1;

    return rate_pass(request, vr_rate_key_address(http->rate, request->pub.address),
                     http->conf.rate_per_address, cost);
}

/** A token is judged whenever there is one, also where none is needed. */
static bool token_pass(struct request *request)
{
    struct vr_http_request *pub = &request->pub;
    const char *header = request_header(request, "authorization");
    struct vr_why why = {0};
    const struct vr_http *http = request->part->http;

    if (header[0] == 0) {
        return true;
    }
    if (strncasecmp(header, "bearer ", 7) != 0 || http->conf.auth == NULL) {
        return refuse(request, VR_E_UNAUTHORIZED, "only bearer tokens are taken");
    }
    header += 7 + strspn(header + 7, " ");
    if (vr_auth_token(http->conf.auth, vr_bytes_of(header), &pub->grants, &why) != VR_OK) {
        return refuse(request, VR_E_UNAUTHORIZED, why.text);
    }
    pub->has_identity = true;
    return rate_pass(request, vr_rate_key_text(http->rate, pub->grants.kid, pub->grants.user),
                     http->conf.rate_per_identity, 1);
}

static bool needs_pass(struct request *request)
{
    const struct vr_http_request *pub = &request->pub;
    const struct vr_auth *auth = request->part->http->conf.auth;

    switch (pub->route->needs) {
    case VR_NEEDS_NOTHING:
        return true;
    case VR_NEEDS_VIEWER:
        if (pub->has_identity || (auth != NULL && vr_auth_viewer_allowed(auth, pub->loopback))) {
            return true;
        }
        return refuse(request, VR_E_UNAUTHORIZED, NULL);
    case VR_NEEDS_TOKEN:
        return pub->has_identity ? true : refuse(request, VR_E_UNAUTHORIZED, NULL);
    case VR_NEEDS_LOCAL:
        if (pub->loopback) {
            return true;
        }
        break;
    case VR_NEEDS_ADMIN:
        break;
    }
    if (!pub->has_identity) {
        return refuse(request, VR_E_UNAUTHORIZED, NULL);
    }
    return pub->grants.admin ? true : refuse(request, VR_E_FORBIDDEN, "only for administrators");
}

/** Hash of who asks and under which key; and of what is asked. */
static void slot_make(struct request *request)
{
    const struct vr_http_request *pub = &request->pub;
    struct vr_buf text = {0};

    vr_buf_printf(&text, "%s|%s|%s|%s", pub->grants.kid, pub->grants.user,
                  pub->has_identity ? "" : pub->address, request->idempotency_key);
    vr_sha256(vr_buf_bytes(&text), request->slot);
    text.size = 0;
    vr_buf_printf(&text, "%s %s|", vr_method_name(pub->method), pub->path);
    vr_buf_append(&text, pub->body.data, pub->body.size);
    vr_sha256(vr_buf_bytes(&text), request->fingerprint);
    vr_buf_deinit(&text);
}

/** The room knows the act by this id, also when the answer kept here was lost or is on another
 * node. */
static void command_id_make(struct request *request)
{
    uint8_t both[sizeof(request->slot) + sizeof(request->fingerprint)];
    uint8_t hash[32];

    memcpy(both, request->slot, sizeof(request->slot));
    memcpy(both + sizeof(request->slot), request->fingerprint, sizeof(request->fingerprint));
    vr_sha256(vr_bytes(both, sizeof(both)), hash);
    request->pub.command_id = vr_id_get(hash);
}

static bool repeat_pass(struct request *request)
{
    struct vr_idempotency *table = request->part->http->idempotency;
    struct vr_buf kept = {0};
    enum vr_err err = VR_OK;

    if (table == NULL || request->idempotency_key[0] == 0 ||
        (request->pub.route->flags & VR_ROUTE_IDEMPOTENT) == 0) {
        return true;
    }
    if (strlen(request->idempotency_key) > 255) {
        return refuse(request, VR_E_BAD_REQUEST, "Idempotency-Key: at most 255 bytes");
    }
    slot_make(request);
    err = vr_idempotency_begin(table, request->slot, request->fingerprint, &kept);
    request->idempotent = err == VR_OK;
    command_id_make(request);
    if (err == VR_E_EXISTS) {
        answer_repeat(request, vr_buf_bytes(&kept));
    } else if (err != VR_OK) {
        refuse(request, err, NULL);
    }
    vr_buf_deinit(&kept);
    return err == VR_OK;
}

static void params_take(struct request *request)
{
    request->pub.route = request->match.route;
    request->pub.param_count = request->match.param_count;
    for (uint32_t i = 0; i < request->match.param_count; i++) {
        request->pub.param[i] = request->match.param[i];
    }
}

static bool method_refuse(struct request *request)
{
    struct vr_buf methods = {0};

    if (request->match.allowed == 0) {
        return refuse(request, VR_E_NOT_FOUND, NULL);
    }
    vr_method_list(request->match.allowed, &methods);
    vr_buf_append(&methods, "", 1);
    vr_http_header(&request->pub, "allow", methods.failed ? "" : (const char *)methods.data);
    vr_buf_deinit(&methods);
    return refuse(request, VR_E_METHOD, NULL);
}

bool gate_pass(struct request *request)
{
    h2o_iovec_t word = request->h2o->method;
    bool known = vr_method_parse(vr_bytes(word.base, word.len), &request->pub.method);
    bool limited = strncmp(request->pub.path, "/v1/", 4) == 0;
    bool options = h2o_memis(word.base, word.len, H2O_STRLIT("OPTIONS"));

    /* A method that no route has: all are looked at, to say which are allowed. */
    route_find(request->part->http, known ? request->pub.method : VR_HTTP_METHODS,
               vr_bytes_of(request->pub.path), &request->match);
    if (options) {
        return preflight(request);
    }
    if (!known || request->match.route == NULL) {
        return method_refuse(request);
    }
    params_take(request);
    if (request->pub.body.size > VR_HTTP_BODY_MAX) {
        vr_http_answer_problem(&request->pub, VR_E_TOO_LARGE, NULL);
        return false;
    }
    return (!limited || rate_address_pass(request)) && token_pass(request) && needs_pass(request) &&
           repeat_pass(request);
}
