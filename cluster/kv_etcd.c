/* kv_etcd.c - calls to etcd: tries, endpoints, time, and what a failure means. */
#include "cluster/kv_etcd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "cluster/kv_etcd_internal.h"

#define PAGE_KEYS 500u
#define LIST_PAIRS_MAX 1000000u
#define REPLY_MAX ((size_t)64 * 1024 * 1024)

enum call_kind { CALL_TXN, CALL_LIST, CALL_GRANT, CALL_RENEW, CALL_REVOKE };
static const char *const paths[] = {"/v3/kv/txn", "/v3/kv/range", "/v3/lease/grant",
                                    "/v3/lease/keepalive", "/v3/lease/revoke"};

struct call {
    struct vr_curl_request request;
    struct vr_list link; /* kv_etcd.calls */
    struct kv_etcd *kv;
    enum call_kind kind;
    bool safe;    /* may be sent twice */
    bool unknown; /* a try may have had its effect */
    uint32_t tries, endpoint;
    vr_time_us started;
    enum vr_err refused; /* of bytes that could not be built */
    vr_kv_done_fn done;
    vr_kv_lease_fn lease_done;
    void *ctx;
    struct vr_buf prefix; /* list */
    int64_t revision;
    uint64_t cluster_id;
    struct vr_kv_reply *pages;
    uint32_t page_count, pair_count;
};

static vr_time_us now_us(void)
{
    return (vr_time_us)(uv_hrtime() / 1000);
}

void vr_kv_etcd_count(uint64_t *counter)
{
    __atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

void vr_kv_etcd_url(const struct kv_etcd *kv, uint32_t endpoint, const char *path,
                    char out[URL_MAX])
{
    snprintf(out, URL_MAX, "%s%s", kv->endpoints[endpoint], path);
}

void vr_kv_etcd_rotate(struct kv_etcd *kv, uint32_t endpoint)
{
    if (endpoint == kv->current && kv->endpoint_count > 1) {
        kv->current = (kv->current + 1) % kv->endpoint_count;
        vr_log(VR_LOG_INFO, "the next etcd endpoint is asked",
               VR_S("left", kv->endpoints[endpoint]), VR_S("endpoint", kv->endpoints[kv->current]));
        vr_kv_etcd_move_watches(kv);
    }
}

void vr_kv_etcd_judge(const struct vr_curl_request *request, struct vr_kv_refusal *out)
{
    if (request->code == CURLE_OK) {
        vr_kv_json_refusal((int)request->status, vr_buf_bytes(&request->in), out);
        return;
    }
    *out = (struct vr_kv_refusal){.err = request->handed ? VR_E_TIMEOUT : VR_E_BUSY,
                                  .nothing = !request->handed};
    if (request->code == CURLE_WRITE_ERROR) {
        out->err = VR_E_TOO_LARGE;
    }
    snprintf(out->text, sizeof(out->text), "%s", curl_easy_strerror(request->code));
}

static void free_call(struct call *call)
{
    vr_curl_stop(&call->kv->curl, &call->request);
    vr_list_remove(&call->link);
    for (uint32_t i = 0; i < call->page_count; i++) {
        vr_kv_reply_deinit(&call->pages[i]);
    }
    free(call->pages);
    vr_buf_deinit(&call->request.body);
    vr_buf_deinit(&call->prefix);
    free(call);
}

static void measure(struct kv_etcd *kv, const struct call *call, enum vr_err err)
{
    vr_time_us took = now_us() - call->started;

    __atomic_store_n(&kv->stats.answer_us_last, took, __ATOMIC_RELAXED);
    if (took > kv->stats.answer_us_max) {
        __atomic_store_n(&kv->stats.answer_us_max, took, __ATOMIC_RELAXED);
    }
    if (err == VR_E_TIMEOUT) {
        vr_kv_etcd_count(&kv->stats.timeouts);
    }
    if (err != VR_OK) {
        vr_kv_etcd_count(&kv->stats.failures);
    }
}

/* The callback may close everything: nothing of ours is touched after it. */
static void answer(struct call *call, struct vr_kv_result *result, int64_t lease, int64_t ttl)
{
    vr_kv_done_fn done = call->done;
    vr_kv_lease_fn lease_done = call->lease_done;
    void *ctx = call->ctx;
    struct vr_kv_reply *pages = call->pages;
    uint32_t page_count = call->page_count;

    call->pages = NULL; /* the pairs must outlive the call */
    call->page_count = 0;
    measure(call->kv, call, result->err);
    free_call(call);
    if (done != NULL) {
        done(ctx, result);
    } else {
        lease_done(ctx, result->err, lease, VR_SECONDS(ttl));
    }
    for (uint32_t i = 0; i < page_count; i++) {
        vr_kv_reply_deinit(&pages[i]);
    }
    free(pages);
}

static void answer_error(struct call *call, enum vr_err err)
{
    struct vr_kv_result result = {.err = err};

    answer(call, &result, 0, 0);
}

static void try_call(struct call *call)
{
    struct kv_etcd *kv = call->kv;
    vr_time_us left = VR_KV_CALL_MAX - (now_us() - call->started);
    long time_ms = left / 1000 < TRY_MS ? (long)(left / 1000) : TRY_MS;
    char url[URL_MAX];

    call->tries++;
    call->endpoint = kv->current;
    vr_kv_etcd_url(kv, kv->current, paths[call->kind], url);
    vr_curl_start(&kv->curl, &call->request, url, CONNECT_MS, time_ms > 1 ? time_ms : 1);
}

/* One try on each endpoint while time is left; a second round only where nothing was refused at
 * once, or three dead members would be asked in a circle. */
static void fail_try(struct call *call, const struct vr_kv_refusal *refusal)
{
    struct kv_etcd *kv = call->kv;
    enum vr_err err = refusal->err;
    bool elsewhere = err == VR_E_BUSY || err == VR_E_TIMEOUT;
    vr_time_us left = VR_KV_CALL_MAX - (now_us() - call->started);

    call->unknown = call->unknown || (err == VR_E_TIMEOUT && !refusal->nothing);
    if (elsewhere) {
        vr_log(VR_LOG_WARN, "etcd did not answer a call",
               VR_S("endpoint", kv->endpoints[call->endpoint]), VR_S("call", paths[call->kind]),
               VR_S("why", refusal->text));
        vr_kv_etcd_rotate(kv, call->endpoint);
    }
    if (elsewhere && (refusal->nothing || call->safe) && !refusal->compacted &&
        call->tries < (kv->endpoint_count < 2 ? 2 : kv->endpoint_count) && left > VR_MS(100)) {
        try_call(call);
        return;
    }
    answer_error(call, err == VR_E_BUSY && call->unknown ? VR_E_TIMEOUT : err);
}

/* --- replies --- */

static bool keep_page(struct call *call, struct vr_kv_reply *reply)
{
    struct vr_kv_reply *grown = realloc(call->pages, (call->page_count + 1) * sizeof(*call->pages));

    if (grown == NULL) {
        vr_kv_reply_deinit(reply);
        return false;
    }
    call->pages = grown;
    call->pages[call->page_count++] = *reply;
    call->pair_count += reply->pair_count;
    if (call->page_count == 1) {
        call->revision = reply->revision;
        call->cluster_id = reply->cluster_id;
    }
    return true;
}

/* From behind the last key, at the revision of the first page. */
static void next_page(struct call *call)
{
    const struct vr_kv_reply *page = &call->pages[call->page_count - 1];
    const struct vr_kv_pair *last = &page->pairs[page->pair_count - 1];
    struct vr_buf from = {0};

    vr_buf_append(&from, last->key.data, last->key.size);
    vr_buf_append(&from, "", 1);
    vr_buf_deinit(&call->request.body);
    vr_kv_json_range(&call->request.body, vr_buf_bytes(&from), vr_buf_bytes(&call->prefix),
                     call->revision, PAGE_KEYS);
    call->request.body.failed = call->request.body.failed || from.failed;
    vr_buf_deinit(&from);
    call->tries = 0;
    try_call(call);
}

static void answer_list(struct call *call)
{
    struct vr_kv_pair *pairs = malloc((call->pair_count + 1) * sizeof(*pairs));
    struct vr_kv_result result = {.err = VR_OK,
                                  .succeeded = true,
                                  .revision = call->revision,
                                  .cluster_id = call->cluster_id,
                                  .pairs = pairs,
                                  .pair_count = call->pair_count};
    uint32_t at = 0;

    if (pairs == NULL) {
        answer_error(call, VR_E_NO_MEMORY);
        return;
    }
    for (uint32_t i = 0; i < call->page_count; i++) {
        for (uint32_t k = 0; k < call->pages[i].pair_count; k++) {
            pairs[at++] = call->pages[i].pairs[k];
        }
    }
    answer(call, &result, 0, 0);
    free(pairs);
}

static void on_page(struct call *call, struct vr_kv_reply *reply)
{
    bool more = reply->more && reply->pair_count > 0;

    if (!keep_page(call, reply)) {
        answer_error(call, VR_E_NO_MEMORY);
    } else if (!more) {
        answer_list(call);
    } else if (call->pair_count > LIST_PAIRS_MAX) {
        answer_error(call, VR_E_TOO_LARGE);
    } else {
        next_page(call);
    }
}

static void on_txn(struct call *call, struct vr_kv_reply *reply)
{
    struct vr_kv_result result = {.err = VR_OK,
                                  .succeeded = reply->succeeded,
                                  .revision = reply->revision,
                                  .cluster_id = reply->cluster_id,
                                  .pairs = reply->pairs,
                                  .pair_count = reply->pair_count};

    if (!keep_page(call, reply)) {
        answer_error(call, VR_E_TIMEOUT); /* it was done, but we cannot tell */
        return;
    }
    answer(call, &result, 0, 0);
}

static void on_lease(struct call *call, struct vr_kv_reply *reply)
{
    struct vr_kv_result result = {.err = VR_OK};
    int64_t lease = reply->lease, ttl = reply->ttl;

    if (call->kind == CALL_RENEW && ttl <= 0) {
        result.err = VR_E_GONE; /* an expired lease comes without its TTL */
    }
    vr_kv_reply_deinit(reply);
    answer(call, &result, lease, ttl);
}

static void on_reply(struct call *call)
{
    struct vr_bytes body = vr_buf_bytes(&call->request.in);
    struct vr_kv_refusal refusal = {.err = VR_E_TIMEOUT, .text = "a reply that is not understood"};
    struct vr_kv_reply reply;
    enum vr_err err;

    err = call->kind == CALL_TXN    ? vr_kv_json_txn_reply(body, &reply)
          : call->kind == CALL_LIST ? vr_kv_json_range_reply(body, &reply)
                                    : vr_kv_json_lease_reply(body, &reply);
    if (err != VR_OK) {
        fail_try(call, &refusal);
        return;
    }
    switch (call->kind) {
    case CALL_TXN:
        on_txn(call, &reply);
        break;
    case CALL_LIST:
        on_page(call, &reply);
        break;
    case CALL_GRANT:
    case CALL_RENEW:
    case CALL_REVOKE:
        on_lease(call, &reply);
        break;
    }
}

static void on_ended(struct vr_curl_request *request)
{
    struct call *call = VR_OWNER(request, struct call, request);
    struct vr_kv_refusal refusal;

    if (call->refused != VR_OK) {
        answer_error(call, call->refused);
    } else if (request->code == CURLE_OK && request->status == 200) {
        on_reply(call);
    } else {
        vr_kv_etcd_judge(request, &refusal);
        fail_try(call, &refusal);
    }
}

/* --- calls --- */

/* NULL: memory is out, or stopped; then nobody can be answered later either. */
static struct call *new_call(struct vr_kv *base, enum call_kind kind, bool safe, void *ctx)
{
    struct kv_etcd *kv = VR_OWNER(base, struct kv_etcd, base);
    struct call *call = kv->stopped ? NULL : calloc(1, sizeof(*call));

    if (call == NULL) {
        return NULL;
    }
    call->kv = kv;
    call->kind = kind;
    call->safe = safe;
    call->ctx = ctx;
    call->started = now_us();
    call->request.in_max = REPLY_MAX;
    call->request.told = on_ended;
    vr_list_push(&kv->calls, &call->link);
    return call;
}

/* What cannot be sent is answered from the loop as well: libcurl is given nothing. */
static void start_call(struct call *call, enum vr_err refused)
{
    call->refused = refused;
    if (refused != VR_OK) {
        call->request.body.failed = true;
    }
    try_call(call);
}

static bool writes(const struct vr_kv_op *ops, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (ops[i].kind != VR_KV_GET && ops[i].kind != VR_KV_GET_PREFIX) {
            return true;
        }
    }
    return false;
}

static enum vr_err check_ops(const struct vr_kv_op *ops, uint32_t count)
{
    if (count > VR_KV_OPS_MAX) {
        return VR_E_BAD_REQUEST;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (ops[i].value.size > VR_KV_VALUE_MAX) {
            return VR_E_TOO_LARGE;
        }
    }
    return VR_OK;
}

static void call_txn(struct vr_kv *base, const struct vr_kv_txn *txn, vr_kv_done_fn done, void *ctx)
{
    bool safe =
        !writes(txn->then, txn->then_count) && !writes(txn->otherwise, txn->otherwise_count);
    struct call *call = new_call(base, CALL_TXN, safe, ctx);
    enum vr_err err = txn->compare_count > VR_KV_OPS_MAX ? VR_E_BAD_REQUEST : VR_OK;

    if (call == NULL) {
        return;
    }
    call->done = done;
    err = err == VR_OK ? check_ops(txn->then, txn->then_count) : err;
    err = err == VR_OK ? check_ops(txn->otherwise, txn->otherwise_count) : err;
    if (err == VR_OK) {
        vr_kv_json_txn(&call->request.body, txn);
        vr_kv_etcd_count(safe ? &call->kv->stats.readings : &call->kv->stats.transactions);
    }
    start_call(call, err);
}

static void call_list(struct vr_kv *base, struct vr_bytes prefix, vr_kv_done_fn done, void *ctx)
{
    struct call *call = new_call(base, CALL_LIST, true, ctx);

    if (call == NULL) {
        return;
    }
    call->done = done;
    vr_buf_append(&call->prefix, prefix.data, prefix.size);
    vr_kv_json_range(&call->request.body, prefix, prefix, 0, PAGE_KEYS);
    vr_kv_etcd_count(&call->kv->stats.readings);
    start_call(call, call->prefix.failed ? VR_E_NO_MEMORY : VR_OK);
}

static void call_lease(struct vr_kv *base, enum call_kind kind, int64_t number, vr_kv_lease_fn done,
                       void *ctx)
{
    struct call *call = new_call(base, kind, true, ctx);

    if (call == NULL) {
        return;
    }
    call->lease_done = done;
    if (kind == CALL_GRANT) {
        vr_kv_json_grant(&call->request.body, number);
    } else {
        vr_kv_json_lease(&call->request.body, number);
    }
    if (kind == CALL_RENEW) {
        vr_kv_etcd_count(&call->kv->stats.renewals);
    }
    start_call(call, VR_OK);
}

static void lease_grant(struct vr_kv *kv, vr_time_us ttl, vr_kv_lease_fn done, void *ctx)
{
    int64_t seconds = (ttl + VR_SECONDS(1) - 1) / VR_SECONDS(1);

    call_lease(kv, CALL_GRANT, seconds < 1 ? 1 : seconds, done, ctx);
}

static void lease_renew(struct vr_kv *kv, int64_t lease, vr_kv_lease_fn done, void *ctx)
{
    call_lease(kv, CALL_RENEW, lease, done, ctx);
}

static void lease_revoke(struct vr_kv *kv, int64_t lease, vr_kv_lease_fn done, void *ctx)
{
    call_lease(kv, CALL_REVOKE, lease, done, ctx);
}

/* --- life --- */

static void release(struct kv_etcd *kv)
{
    if (__atomic_sub_fetch(&kv->refs, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    for (uint32_t i = 0; i < kv->endpoint_count; i++) {
        free(kv->endpoints[i]);
    }
    free(kv->ca_file);
    free(kv->cert_file);
    free(kv->key_file);
    free(kv);
}

static void on_handles_gone(struct vr_curl *curl)
{
    release(VR_OWNER(curl, struct kv_etcd, curl));
}

static void on_look_closed(uv_handle_t *handle)
{
    release(VR_OWNER((uv_timer_t *)handle, struct kv_etcd, look));
}

static void stop(struct kv_etcd *kv)
{
    if (kv->stopped) {
        return;
    }
    kv->stopped = true;
    VR_LIST_EACH(item, &kv->calls)
    {
        free_call(VR_OWNER(item, struct call, link));
    }
    vr_kv_etcd_end_watches(kv);
    uv_close((uv_handle_t *)&kv->look, on_look_closed);
    vr_curl_close(&kv->curl, on_handles_gone);
}

void vr_kv_etcd_stop(struct vr_kv *kv)
{
    stop(VR_OWNER(kv, struct kv_etcd, base));
}

static void close_kv(struct vr_kv *base)
{
    struct kv_etcd *kv = VR_OWNER(base, struct kv_etcd, base);

    stop(kv);
    release(kv);
}

static const struct vr_kv_ops etcd_ops = {
    .txn = call_txn,
    .list = call_list,
    .watch = vr_kv_etcd_watch,
    .unwatch = vr_kv_etcd_unwatch,
    .lease_grant = lease_grant,
    .lease_renew = lease_renew,
    .lease_revoke = lease_revoke,
    .close = close_kv,
};

static bool copy_file_name(const char *name, char **out, struct vr_why *why)
{
    if (name == NULL || *name == 0) {
        return true;
    }
    if (access(name, R_OK) != 0) {
        vr_fail(why, VR_E_BAD_REQUEST, "etcd: the file %s cannot be read", name);
        return false;
    }
    *out = strdup(name);
    return *out != NULL;
}

static enum vr_err copy_conf(struct kv_etcd *kv, const struct vr_kv_etcd_conf *conf,
                             struct vr_why *why)
{
    if (conf->endpoint_count == 0 || conf->endpoint_count > VR_KV_ENDPOINTS_MAX) {
        return vr_fail(why, VR_E_BAD_REQUEST, "etcd: %u endpoints, 1 to %u are needed",
                       conf->endpoint_count, (unsigned)VR_KV_ENDPOINTS_MAX);
    }
    for (uint32_t i = 0; i < conf->endpoint_count; i++) {
        size_t size = strlen(conf->endpoints[i]);

        if (size > URL_MAX - 64) {
            return vr_fail(why, VR_E_BAD_REQUEST, "etcd: an endpoint is too long");
        }
        size -= size > 0 && conf->endpoints[i][size - 1] == '/' ? 1 : 0;
        kv->endpoints[i] = strndup(conf->endpoints[i], size);
        if (kv->endpoints[i] == NULL) {
            return vr_fail(why, VR_E_NO_MEMORY, "no memory for etcd's endpoints");
        }
        kv->endpoint_count++;
    }
    kv->current = conf->first % kv->endpoint_count;
    if (!copy_file_name(conf->ca_file, &kv->ca_file, why) ||
        !copy_file_name(conf->cert_file, &kv->cert_file, why) ||
        !copy_file_name(conf->key_file, &kv->key_file, why)) {
        return VR_E_BAD_REQUEST;
    }
    return VR_OK;
}

enum vr_err vr_kv_etcd_new(const struct vr_kv_etcd_conf *conf, struct vr_kv **out,
                           struct vr_why *why)
{
    struct kv_etcd *kv = calloc(1, sizeof(*kv));
    enum vr_err err;

    *out = NULL;
    if (kv == NULL) {
        return vr_fail(why, VR_E_NO_MEMORY, "no memory for etcd");
    }
    kv->base.ops = &etcd_ops;
    kv->refs = 1;
    vr_list_init(&kv->calls);
    vr_list_init(&kv->watches);
    err = copy_conf(kv, conf, why);
    if (err == VR_OK) {
        err = vr_curl_open(&kv->curl,
                           &(struct vr_curl_conf){.loop = conf->loop,
                                                  .ca_file = kv->ca_file,
                                                  .cert_file = kv->cert_file,
                                                  .key_file = kv->key_file},
                           why);
    }
    if (err != VR_OK) {
        release(kv);
        return err;
    }
    uv_timer_init(conf->loop, &kv->look);
    kv->refs = 3; /* see there */
    *out = &kv->base;
    return VR_OK;
}

void vr_kv_etcd_stats(const struct vr_kv *base, struct vr_kv_stats *out)
{
    const struct vr_kv_stats *stats = &VR_OWNER(base, struct kv_etcd, base)->stats;

    out->transactions = __atomic_load_n(&stats->transactions, __ATOMIC_RELAXED);
    out->readings = __atomic_load_n(&stats->readings, __ATOMIC_RELAXED);
    out->renewals = __atomic_load_n(&stats->renewals, __ATOMIC_RELAXED);
    out->failures = __atomic_load_n(&stats->failures, __ATOMIC_RELAXED);
    out->timeouts = __atomic_load_n(&stats->timeouts, __ATOMIC_RELAXED);
    out->watches_lost = __atomic_load_n(&stats->watches_lost, __ATOMIC_RELAXED);
    out->answer_us_last = __atomic_load_n(&stats->answer_us_last, __ATOMIC_RELAXED);
    out->answer_us_max = __atomic_load_n(&stats->answer_us_max, __ATOMIC_RELAXED);
}
