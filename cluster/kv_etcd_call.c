/* kv_etcd_call.c - one call to etcd: its tries, endpoints and time, and its single answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "cluster/kv_etcd_internal.h"

static const char *const paths[] = {"/v3/kv/txn", "/v3/kv/range", "/v3/lease/grant",
                                    "/v3/lease/keepalive", "/v3/lease/revoke"};

vr_time_us vr_kv_now(void)
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

void vr_kv_call_free(struct call *call)
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
    vr_time_us took = vr_kv_now() - call->started;

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
void vr_kv_call_answer(struct call *call, struct vr_kv_result *result, int64_t lease, int64_t ttl)
{
    vr_kv_done_fn done = call->done;
    vr_kv_lease_fn lease_done = call->lease_done;
    void *ctx = call->ctx;
    struct vr_kv_reply *pages = call->pages;
    uint32_t page_count = call->page_count;

    call->pages = NULL; /* the pairs must outlive the call */
    call->page_count = 0;
    measure(call->kv, call, result->err);
    vr_kv_call_free(call);
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

void vr_kv_call_error(struct call *call, enum vr_err err)
{
    struct vr_kv_result result = {.err = err};

    vr_kv_call_answer(call, &result, call->lease, 0);
}

void vr_kv_call_try(struct call *call)
{
    struct kv_etcd *kv = call->kv;
    vr_time_us left = VR_KV_CALL_MAX - (vr_kv_now() - call->started);
    long time_ms = left / 1000 < TRY_MS ? (long)(left / 1000) : TRY_MS;
    char url[URL_MAX];

    call->tries++;
    call->endpoint = kv->current;
    vr_kv_etcd_url(kv, kv->current, paths[call->kind], url);
    vr_curl_start(&kv->curl, &call->request, url, CONNECT_MS, time_ms > 1 ? time_ms : 1);
}

/* One try on each endpoint while time is left; a second round only where nothing was refused at
 * once, or three dead members would be asked in a circle. */
void vr_kv_call_fail(struct call *call, const struct vr_kv_refusal *refusal)
{
    struct kv_etcd *kv = call->kv;
    enum vr_err err = refusal->err;
    bool elsewhere = err == VR_E_BUSY || err == VR_E_TIMEOUT;
    vr_time_us left = VR_KV_CALL_MAX - (vr_kv_now() - call->started);

    call->unknown = call->unknown || (err == VR_E_TIMEOUT && !refusal->nothing);
    if (elsewhere) {
        vr_log(VR_LOG_WARN, "etcd did not answer a call",
               VR_S("endpoint", kv->endpoints[call->endpoint]), VR_S("call", paths[call->kind]),
               VR_S("why", refusal->text));
        vr_kv_etcd_rotate(kv, call->endpoint);
    }
    if (elsewhere && (refusal->nothing || call->safe) && !refusal->compacted &&
        call->tries < (kv->endpoint_count < 2 ? 2 : kv->endpoint_count) && left > VR_MS(100)) {
        vr_kv_call_try(call);
        return;
    }
    vr_kv_call_error(call, err == VR_E_BUSY && call->unknown ? VR_E_TIMEOUT : err);
}
