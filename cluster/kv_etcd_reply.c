/* kv_etcd_reply.c - what came back for a call: a result, another page, or another try. */
#include <stdlib.h>

#include "actors/base/owner.h"
#include "cluster/kv_etcd_internal.h"

#define LIST_PAIRS_MAX 1000000u

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
    vr_kv_call_try(call);
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
        vr_kv_call_error(call, VR_E_NO_MEMORY);
        return;
    }
    for (uint32_t i = 0; i < call->page_count; i++) {
        for (uint32_t k = 0; k < call->pages[i].pair_count; k++) {
            pairs[at++] = call->pages[i].pairs[k];
        }
    }
    vr_kv_call_answer(call, &result, 0, 0);
    free(pairs);
}

static void on_page(struct call *call, struct vr_kv_reply *reply)
{
    bool more = reply->more && reply->pair_count > 0;

    if (!keep_page(call, reply)) {
        vr_kv_call_error(call, VR_E_NO_MEMORY);
    } else if (!more) {
        answer_list(call);
    } else if (call->pair_count > LIST_PAIRS_MAX) {
        vr_kv_call_error(call, VR_E_TOO_LARGE);
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
        vr_kv_call_error(call, VR_E_TIMEOUT); /* it was done, but we cannot tell */
        return;
    }
    vr_kv_call_answer(call, &result, 0, 0);
}

static void on_lease(struct call *call, struct vr_kv_reply *reply)
{
    struct vr_kv_result result = {.err = VR_OK};
    int64_t lease = reply->lease, ttl = reply->ttl;

    if (call->kind == CALL_RENEW && ttl <= 0) {
        result.err = VR_E_GONE; /* an expired lease comes without its TTL */
    }
    vr_kv_reply_deinit(reply);
    vr_kv_call_answer(call, &result, lease, ttl);
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
        vr_kv_call_fail(call, &refusal);
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

void vr_kv_call_ended(struct vr_curl_request *request)
{
    struct call *call = VR_OWNER(request, struct call, request);
    struct vr_kv_refusal refusal;

    if (call->refused != VR_OK) {
        vr_kv_call_error(call, call->refused);
    } else if (request->code == CURLE_OK && request->status == 200) {
        on_reply(call);
    } else {
        vr_kv_etcd_judge(request, &refusal);
        vr_kv_call_fail(call, &refusal);
    }
}
