/* kv_model_call.c - calls of the model's clients, what happens to them on the way, and leases. */
#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/owner.h"
#include "cluster/kv_model_internal.h"

#define TRY VR_MS(1200)

/* ---- leases ---- */

static void expire_leases(void *ctx)
{
    struct vr_kv_model *model = ctx;
    bool any = false;

    if (!model->quorum) {
        return; /* they have their whole time again when it is back */
    }
    VR_LIST_EACH(link, &model->store.leases)
    {
        struct model_lease *lease = VR_OWNER(link, struct model_lease, link);

        if (lease->ends_at <= vr_sim_now(model->sim)) {
            model_lease_end(&model->store, lease);
            any = true;
        }
    }
    if (any) {
        model_wake_watches(model);
    }
}

static void prolong(struct vr_kv_model *model, struct model_lease *lease)
{
    lease->ends_at = vr_sim_now(model->sim) + lease->ttl;
    model_later(model, NULL, lease->ttl, expire_leases, model);
}

void model_prolong_all(struct vr_kv_model *model)
{
    VR_LIST_EACH(link, &model->store.leases)
    {
        prolong(model, VR_OWNER(link, struct model_lease, link));
    }
}

static void run_lease(struct vr_kv_model *model, struct model_call *call)
{
    struct model_lease *lease = model_lease(&model->store, call->lease);

    if (call->kind == CALL_GRANT) {
        lease = calloc(1, sizeof(*lease));
        vr_assert(lease != NULL);
        vr_list_init(&lease->link);
        lease->id = ++model->store.last_lease;
        lease->ttl = call->ttl;
        lease->node = vr_sim_node_number(call->client->node);
        vr_list_push(&model->store.leases, &lease->link);
        call->lease = lease->id;
        prolong(model, lease);
    } else if (lease == NULL) {
        call->result.err =
            call->kind == CALL_RENEW && model_way_of(call->client)->praised ? VR_OK : VR_E_GONE;
    } else if (call->kind == CALL_RENEW) {
        call->ttl = lease->ttl;
        prolong(model, lease);
    } else {
        model_lease_end(&model->store, lease);
        model_wake_watches(model);
    }
}

/* ---- calls ---- */

static void *copy_array(const void *from, size_t size)
{
    void *to = malloc(size + 1);

    vr_assert(to != NULL);
    if (size > 0) {
        memcpy(to, from, size);
    }
    return to;
}

static struct vr_bytes copy_view(struct vr_bytes bytes)
{
    return vr_bytes(copy_array(bytes.data, bytes.size), bytes.size);
}

static struct vr_kv_op *copy_ops(const struct vr_kv_op *ops, uint32_t count)
{
    struct vr_kv_op *copy = copy_array(ops, count * sizeof(*ops));

    for (uint32_t i = 0; i < count; i++) {
        copy[i].key = copy_view(ops[i].key);
        copy[i].value = copy_view(ops[i].value);
    }
    return copy;
}

static void free_ops(const struct vr_kv_op *ops, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        free((void *)(uintptr_t)ops[i].key.data);
        free((void *)(uintptr_t)ops[i].value.data);
    }
    free((void *)(uintptr_t)ops);
}

static void copy_txn(struct vr_kv_txn *to, const struct vr_kv_txn *from)
{
    struct vr_kv_compare *compares =
        copy_array(from->compares, from->compare_count * sizeof(*compares));

    for (uint32_t i = 0; i < from->compare_count; i++) {
        compares[i].key = copy_view(from->compares[i].key);
        compares[i].value = copy_view(from->compares[i].value);
    }
    *to = *from;
    to->compares = compares;
    to->then = copy_ops(from->then, from->then_count);
    to->otherwise = copy_ops(from->otherwise, from->otherwise_count);
}

void model_free_call(struct model_call *call)
{
    for (uint32_t i = 0; i < call->txn.compare_count; i++) {
        free((void *)(uintptr_t)call->txn.compares[i].key.data);
        free((void *)(uintptr_t)call->txn.compares[i].value.data);
    }
    free((void *)(uintptr_t)call->txn.compares);
    free_ops(call->txn.then, call->txn.then_count);
    free_ops(call->txn.otherwise, call->txn.otherwise_count);
    model_result_deinit(&call->result);
    vr_list_remove(&call->link);
    free(call);
}

static void tell(struct model_call *call)
{
    if (call->answered) {
        return;
    }
    call->answered = true;
    if (call->client->closed) {
        return;
    }
    if (call->kind <= CALL_LIST) {
        call->done(call->ctx, &call->result);
    } else {
        call->lease_done(call->ctx, call->result.err, call->lease, call->ttl);
    }
}

static void call_later(struct model_call *call, struct vr_sim_node *node, vr_time_us in,
                       void (*fn)(void *ctx))
{
    call->pending++;
    model_later(call->client->model, node, in, fn, call);
}

/* One of its events is over. */
static void settle(struct model_call *call)
{
    if (--call->pending == 0 && !call->hangs) {
        model_free_call(call);
    }
}

static void on_answer(void *ctx)
{
    struct model_call *call = ctx;

    if (!call->answered && !model_way_of(call->client)->cut_from) {
        tell(call);
    }
    settle(call);
}

static void on_timeout(void *ctx)
{
    struct model_call *call = ctx;

    if (!call->answered) {
        model_result_deinit(&call->result);
        call->result.err = VR_E_TIMEOUT;
        tell(call);
    }
    settle(call);
}

static void execute(struct model_call *call)
{
    struct vr_kv_model *model = call->client->model;
    int64_t before = model->store.revision;

    if (call->kind <= CALL_LIST) {
        struct vr_kv_result result;

        model_txn(&model->store, &call->txn, &result);
        if (call->answered) { /* happened too late for anyone to be told */
            model_result_deinit(&result);
        } else {
            call->result = result;
        }
    } else {
        run_lease(model, call);
    }
    if (model->store.revision != before) {
        model_wake_watches(model);
    }
}

static void on_arrival(void *ctx)
{
    struct model_call *call = ctx;
    struct vr_kv_model *model = call->client->model;

    if (call->discarded) {
        settle(call);
        return;
    }
    if (!model_way_of(call->client)->cut_to && model->quorum) {
        execute(call);
        call_later(call, call->client->node, model_between(model, WAY_MIN, WAY_MAX), on_answer);
    } else if (!model_way_of(call->client)->cut_to) {
        call->hangs = true;
    }
    settle(call);
}

/* The answer never comes; the write happens now, later than anyone waits, or not at all. */
static void on_bad_arrival(void *ctx)
{
    struct model_call *call = ctx;

    if (!call->discarded && !model_way_of(call->client)->cut_to && call->client->model->quorum) {
        execute(call);
    }
    settle(call);
}

static void start(struct model_client *client, struct model_call *call)
{
    struct vr_kv_model *model = client->model;
    vr_time_us limit = model_between(model, TRY, VR_KV_CALL_MAX);

    call->client = client;
    vr_list_init(&call->link);
    vr_list_push(&model->calls, &call->link);
    if (vr_random_below(vr_sim_random(model->sim), 1000) >= model->timeouts) {
        call_later(call, NULL, model_between(model, WAY_MIN, WAY_MAX), on_arrival);
    } else if (vr_random_below(vr_sim_random(model->sim), 2) == 0) {
        call_later(call, NULL, model_between(model, WAY_MIN, VR_SECONDS(4)), on_bad_arrival);
    }
    call_later(call, client->node, limit, on_timeout);
}

static struct model_call *new_call(enum model_call_kind kind, void *ctx)
{
    struct model_call *call = calloc(1, sizeof(*call));

    vr_assert(call != NULL);
    call->kind = kind;
    call->ctx = ctx;
    return call;
}

void model_on_txn(struct vr_kv *kv, const struct vr_kv_txn *txn, vr_kv_done_fn done, void *ctx)
{
    struct model_call *call = new_call(CALL_TXN, ctx);

    call->done = done;
    copy_txn(&call->txn, txn);
    start(VR_OWNER(kv, struct model_client, kv), call);
}

void model_on_list(struct vr_kv *kv, struct vr_bytes prefix, vr_kv_done_fn done, void *ctx)
{
    struct vr_kv_op get = {.kind = VR_KV_GET_PREFIX, .key = prefix};
    struct vr_kv_txn txn = {.then = &get, .then_count = 1};

    model_on_txn(kv, &txn, done, ctx);
}

static void lease_call(struct vr_kv *kv, enum model_call_kind kind, int64_t lease, vr_time_us ttl,
                       vr_kv_lease_fn done, void *ctx)
{
    struct model_call *call = new_call(kind, ctx);

    call->lease = lease;
    call->ttl = ttl;
    call->lease_done = done;
    start(VR_OWNER(kv, struct model_client, kv), call);
}

void model_on_grant(struct vr_kv *kv, vr_time_us ttl, vr_kv_lease_fn done, void *ctx)
{
    lease_call(kv, CALL_GRANT, 0, ttl, done, ctx);
}

void model_on_renew(struct vr_kv *kv, int64_t lease, vr_kv_lease_fn done, void *ctx)
{
    lease_call(kv, CALL_RENEW, lease, VR_SECONDS(6), done, ctx);
}

void model_on_revoke(struct vr_kv *kv, int64_t lease, vr_kv_lease_fn done, void *ctx)
{
    lease_call(kv, CALL_REVOKE, lease, 0, done, ctx);
}

void model_run_what_hung(struct vr_kv_model *model)
{
    VR_LIST_EACH(link, &model->calls)
    {
        struct model_call *call = VR_OWNER(link, struct model_call, link);

        if (call->hangs) {
            bool happens = vr_random_below(vr_sim_random(model->sim), 2) == 0;

            call->hangs = false;
            call->pending++;
            if (happens) {
                call_later(call, NULL, model_between(model, WAY_MIN, WAY_MAX), on_arrival);
            }
            settle(call);
        }
    }
}

void model_discard_calls(struct vr_kv_model *model)
{
    VR_LIST_EACH(link, &model->calls)
    {
        struct model_call *call = VR_OWNER(link, struct model_call, link);

        call->discarded = true;
        if (call->hangs) {
            call->hangs = false;
            call->pending++;
            settle(call);
        }
    }
}
