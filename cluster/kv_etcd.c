/* kv_etcd.c - the calls of kv.h, and the life of the back end. A call's way: kv_etcd_call.c,
 * kv_etcd_reply.c; watches: kv_etcd_watch.c. */
#include "cluster/kv_etcd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/base/owner.h"
#include "cluster/kv_etcd_internal.h"

#define REPLY_MAX ((size_t)64 * 1024 * 1024)

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
    call->started = vr_kv_now();
    call->request.in_max = REPLY_MAX;
    call->request.told = vr_kv_call_ended;
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
    vr_kv_call_try(call);
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
        call->lease = number;
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
        vr_kv_call_free(VR_OWNER(item, struct call, link));
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
