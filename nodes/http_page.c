/* http_page.c - the headers that go with the page itself: what it may load, connect to and use; and
 * what goes with TLS. */
#include <stdio.h>
#include <string.h>

#include "nodes/config.h"
#include "nodes/http_internal.h"
#include "nodes/origins.h"

static void add(h2o_req_t *h2o, const char *name, const char *value)
{
    h2o_iovec_t copy = h2o_strdup(&h2o->pool, value, SIZE_MAX);

    h2o_add_header_by_str(&h2o->pool, &h2o->res.headers, name, strlen(name), 1, NULL, copy.base,
                          copy.len);
}

/** Where the page may connect to: its own node, and the origins that are ours too (the other nodes
 * of a cluster, to which it fails over). */
static void connect_sources(const struct vr_http_worker *part, struct vr_buf *out)
{
    const struct vr_config_list *origins = part->http->conf.cors_origins;

    vr_buf_text(out, "connect-src 'self' ws: wss:");
    for (uint32_t i = 0; origins != NULL && i < origins->count; i++) {
        const char *origin = origins->item[i];

        if (strpbrk(origin, " ;,*'") == NULL) { /* a policy ends at none of these */
            vr_buf_printf(out, " %s", origin);
        }
    }
    vr_origins_write(part->http->conf.origins, out);
}

void http_page_headers(const struct vr_http_worker *part, h2o_req_t *h2o)
{
    struct vr_buf policy = {0};

    vr_buf_text(&policy, "default-src 'self'; ");
    connect_sources(part, &policy);
    vr_buf_text(&policy, "; img-src 'self' data: blob:; media-src 'self' blob:; "
                         "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; "
                         "form-action 'self'; frame-ancestors 'none'");
    vr_buf_append(&policy, "", 1);
    add(h2o, "content-security-policy",
        policy.failed ? "default-src 'none'" : (const char *)policy.data);
    vr_buf_deinit(&policy);
    add(h2o, "permissions-policy", "microphone=(self), camera=(), geolocation=(), payment=()");
    add(h2o, "referrer-policy", "same-origin");
    add(h2o, "cross-origin-opener-policy", "same-origin");
}

void http_hsts_header(const struct vr_http_worker *part, h2o_req_t *h2o)
{
    if (part->http->hsts[0] != 0 && h2o->scheme == &H2O_URL_SCHEME_HTTPS) {
        add(h2o, "strict-transport-security", part->http->hsts);
    }
}

void vr_http_tls_set(struct vr_http *http, struct ssl_ctx_st *tls, uint64_t hsts_s)
{
    http->conf.tls = tls;
    VR_LIST_EACH(item, &http->parts)
    {
        VR_OWNER(item, struct vr_http_worker, link)->accept_tls.ssl_ctx = tls;
    }
    http->hsts[0] = 0;
    if (hsts_s > 0) {
        snprintf(http->hsts, sizeof(http->hsts), "max-age=%llu", (unsigned long long)hsts_s);
    }
}

bool page_serve(struct vr_http_worker *part, h2o_req_t *h2o, struct vr_bytes path)
{
    const struct vr_files *files = part->http->conf.files;
    bool reads = h2o_memis(h2o->method.base, h2o->method.len, H2O_STRLIT("GET")) ||
                 h2o_memis(h2o->method.base, h2o->method.len, H2O_STRLIT("HEAD"));
    const struct vr_file *file = NULL;

    if (files == NULL || !reads || (path.size >= 4 && memcmp(path.data, "/v1/", 4) == 0)) {
        return false;
    }
    file = vr_files_find(files, path);
    if (file != NULL) {
        answer_file(part, h2o, file, 200);
    }
    return file != NULL;
}
