/* kv_model.c - clients of the model, what happens to their calls on the way, and its watches. */
#include "cluster/kv_model.h"

#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/owner.h"
#include "cluster/kv_model_store.h"

#define WAY_MIN 300 /* one way, microseconds */
#define WAY_MAX 2500
#define TRY VR_MS(1200)
#define WATCH_DEAF VR_SECONDS(3)
#define NEW_LEADER VR_MS(1600)

enum call_kind { CALL_TXN, CALL_LIST, CALL_GRANT, CALL_RENEW, CALL_REVOKE };

struct client {
    struct vr_kv kv;
    struct vr_list link; /* vr_kv_model.clients */
    struct vr_kv_model *model;
    struct vr_sim_node *node;
    struct vr_list watches; /* struct watch.link */
    bool closed;
};

struct call {
    struct vr_list link; /* vr_kv_model.calls: freed with the model at the latest */
    struct client *client;
    enum call_kind kind;
    struct vr_kv_txn txn; /* a deep copy */
    int64_t lease;
    vr_time_us ttl;
    vr_kv_done_fn done;
    vr_kv_lease_fn lease_done;
    void *ctx;
    struct vr_kv_result result;
    bool answered;    /* told, or the time is over */
    bool hangs;       /* at a server without quorum */
    uint32_t pending; /* events that will come to it; the last one frees it */
};

struct watch {
    struct vr_list link; /* client.watches, or vr_kv_model.dead_watches */
    struct client *client;
    struct vr_bytes prefix;
    int64_t next; /* revision */
    vr_kv_watch_fn told;
    void *ctx;
    bool dead;          /* unwatched or lost */
    vr_time_us deaf_at; /* it will be noticed then that nothing comes; 0: all is well */
};

/* What stands between one node and the model. */
struct way {
    bool cut_to, cut_from, silent, praised;
};
#define WAYS 17

struct vr_kv_model {
    struct vr_sim *sim;
    struct model_store store, saved;
    struct vr_list clients, calls, dead_watches;
    struct way ways[WAYS]; /* by the node's number */
    uint32_t timeouts;
    bool quorum;
};

static vr_time_us between(struct vr_kv_model *model, vr_time_us min, vr_time_us max)
{
    return min + (vr_time_us)vr_random_below(vr_sim_random(model->sim), (uint64_t)(max - min) + 1);
}

static struct way *way_of(const struct client *client)
{
    return &client->model->ways[vr_sim_node_number(client->node)];
}

static void later(struct vr_kv_model *model, struct vr_sim_node *node, vr_time_us in,
                  void (*fn)(void *ctx), void *ctx)
{
    vr_assert(vr_sim_at(model->sim, node, vr_sim_now(model->sim) + in, fn, ctx));
}

/* ---- watches ---- */

static void kill_watch(struct watch *watch)
{
    watch->dead = true;
    vr_list_remove(&watch->link);
    vr_list_push(&watch->client->model->dead_watches, &watch->link);
}

static void lose_watch(struct watch *watch)
{
    kill_watch(watch);
    watch->told(watch->ctx, true, 0, NULL, 0);
}

static bool is_deaf(const struct watch *watch)
{
    const struct way *way = way_of(watch->client);

    return way->cut_to || way->cut_from || !watch->client->model->quorum;
}

/* All changes of one revision in one call. Returns where to go on. */
static struct vr_list *tell_revision(struct watch *watch, struct vr_list *link)
{
    struct vr_kv_model *model = watch->client->model;
    struct vr_kv_event events[VR_KV_OPS_MAX];
    int64_t revision = VR_OWNER(link, struct model_change, link)->event.pair.mod_revision;
    uint32_t count = 0;

    for (; link != &model->store.history; link = link->next) {
        const struct model_change *change = VR_OWNER(link, struct model_change, link);

        if (change->event.pair.mod_revision != revision) {
            break;
        }
        if (model_has_prefix(change->event.pair.key, watch->prefix) && count < VR_KV_OPS_MAX) {
            events[count++] = change->event;
        }
    }
    watch->next = revision + 1;
    if (count > 0) {
        watch->told(watch->ctx, false, revision, events, count);
    }
    return link;
}

static void pump(void *ctx)
{
    struct watch *watch = ctx;
    struct vr_kv_model *model = watch->client->model;
    struct vr_list *link = model->store.history.next;

    if (watch->dead || watch->client->closed || is_deaf(watch) || way_of(watch->client)->silent) {
        return;
    }
    if (watch->next <= model->store.compacted && watch->next <= model->store.revision) {
        lose_watch(watch);
        return;
    }
    while (link != &model->store.history && !watch->dead) {
        if (VR_OWNER(link, struct model_change, link)->event.pair.mod_revision < watch->next) {
            link = link->next;
        } else {
            link = tell_revision(watch, link);
        }
    }
}

static void each_watch(struct vr_kv_model *model, void (*fn)(struct watch *watch))
{
    VR_LIST_EACH(link, &model->clients)
    {
        struct client *client = VR_OWNER(link, struct client, link);

        VR_LIST_EACH(item, &client->watches)
        {
            fn(VR_OWNER(item, struct watch, link));
        }
    }
}

static void pump_soon(struct watch *watch)
{
    struct vr_kv_model *model = watch->client->model;

    later(model, watch->client->node, between(model, WAY_MIN, WAY_MAX), pump, watch);
}

static void notice_deafness(void *ctx)
{
    struct watch *watch = ctx;

    if (!watch->dead && !watch->client->closed && watch->deaf_at != 0 &&
        vr_sim_now(watch->client->model->sim) >= watch->deaf_at) {
        lose_watch(watch);
    }
}

/* The way has changed: what is deaf now is noticed later, what hears again is told. */
static void check_watch(struct watch *watch)
{
    struct vr_kv_model *model = watch->client->model;

    if (!is_deaf(watch)) {
        watch->deaf_at = 0;
        pump_soon(watch);
    } else if (watch->deaf_at == 0) {
        watch->deaf_at = vr_sim_now(model->sim) + WATCH_DEAF;
        later(model, watch->client->node, WATCH_DEAF, notice_deafness, watch);
    }
}

static void *on_watch(struct vr_kv *kv, struct vr_bytes prefix, int64_t revision,
                      vr_kv_watch_fn told, void *ctx)
{
    struct client *client = VR_OWNER(kv, struct client, kv);
    struct watch *watch = calloc(1, sizeof(*watch));
    uint8_t *copy = malloc(prefix.size + 1);

    vr_assert(watch != NULL && copy != NULL);
    memcpy(copy, prefix.data, prefix.size);
    *watch = (struct watch){.client = client,
                            .prefix = vr_bytes(copy, prefix.size),
                            .next = revision,
                            .told = told,
                            .ctx = ctx};
    vr_list_init(&watch->link);
    vr_list_push(&client->watches, &watch->link);
    check_watch(watch);
    return watch;
}

static void on_unwatch(struct vr_kv *kv, void *handle)
{
    struct watch *watch = handle;

    (void)kv;
    if (!watch->dead) {
        kill_watch(watch);
    }
}

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
        each_watch(model, pump_soon);
    }
}

static void prolong(struct vr_kv_model *model, struct model_lease *lease)
{
    lease->ends_at = vr_sim_now(model->sim) + lease->ttl;
    later(model, NULL, lease->ttl, expire_leases, model);
}

static void prolong_all(struct vr_kv_model *model)
{
    VR_LIST_EACH(link, &model->store.leases)
    {
        prolong(model, VR_OWNER(link, struct model_lease, link));
    }
}

static void run_lease(struct vr_kv_model *model, struct call *call)
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
            call->kind == CALL_RENEW && way_of(call->client)->praised ? VR_OK : VR_E_GONE;
    } else if (call->kind == CALL_RENEW) {
        call->ttl = lease->ttl;
        prolong(model, lease);
    } else {
        model_lease_end(&model->store, lease);
        each_watch(model, pump_soon);
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

static void free_call(struct call *call)
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

static void tell(struct call *call)
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

static void call_later(struct call *call, struct vr_sim_node *node, vr_time_us in,
                       void (*fn)(void *ctx))
{
    call->pending++;
    later(call->client->model, node, in, fn, call);
}

/* One of its events is over. */
static void settle(struct call *call)
{
    if (--call->pending == 0 && !call->hangs) {
        free_call(call);
    }
}

static void on_answer(void *ctx)
{
    struct call *call = ctx;

    if (!call->answered && !way_of(call->client)->cut_from) {
        tell(call);
    }
    settle(call);
}

static void on_timeout(void *ctx)
{
    struct call *call = ctx;

    if (!call->answered) {
        model_result_deinit(&call->result);
        call->result.err = VR_E_TIMEOUT;
        tell(call);
    }
    settle(call);
}

static void execute(struct call *call)
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
        each_watch(model, pump_soon);
    }
}

static void on_arrival(void *ctx)
{
    struct call *call = ctx;
    struct vr_kv_model *model = call->client->model;

    if (!way_of(call->client)->cut_to && model->quorum) {
        execute(call);
        call_later(call, call->client->node, between(model, WAY_MIN, WAY_MAX), on_answer);
    } else if (!way_of(call->client)->cut_to) {
        call->hangs = true;
    }
    settle(call);
}

/* The answer never comes; the write happens now, later than anyone waits, or not at all. */
static void on_bad_arrival(void *ctx)
{
    struct call *call = ctx;

    if (!way_of(call->client)->cut_to && call->client->model->quorum) {
        execute(call);
    }
    settle(call);
}

static void start(struct client *client, struct call *call)
{
    struct vr_kv_model *model = client->model;
    vr_time_us limit = between(model, TRY, VR_KV_CALL_MAX);

    call->client = client;
    vr_list_init(&call->link);
    vr_list_push(&model->calls, &call->link);
    if (vr_random_below(vr_sim_random(model->sim), 1000) >= model->timeouts) {
        call_later(call, NULL, between(model, WAY_MIN, WAY_MAX), on_arrival);
    } else if (vr_random_below(vr_sim_random(model->sim), 2) == 0) {
        call_later(call, NULL, between(model, WAY_MIN, VR_SECONDS(4)), on_bad_arrival);
    }
    call_later(call, client->node, limit, on_timeout);
}

static struct call *new_call(enum call_kind kind, void *ctx)
{
    struct call *call = calloc(1, sizeof(*call));

    vr_assert(call != NULL);
    call->kind = kind;
    call->ctx = ctx;
    return call;
}

static void on_txn(struct vr_kv *kv, const struct vr_kv_txn *txn, vr_kv_done_fn done, void *ctx)
{
    struct call *call = new_call(CALL_TXN, ctx);

    call->done = done;
    copy_txn(&call->txn, txn);
    start(VR_OWNER(kv, struct client, kv), call);
}

static void on_list(struct vr_kv *kv, struct vr_bytes prefix, vr_kv_done_fn done, void *ctx)
{
    struct vr_kv_op get = {.kind = VR_KV_GET_PREFIX, .key = prefix};
    struct vr_kv_txn txn = {.then = &get, .then_count = 1};

    on_txn(kv, &txn, done, ctx);
}

static void lease_call(struct vr_kv *kv, enum call_kind kind, int64_t lease, vr_time_us ttl,
                       vr_kv_lease_fn done, void *ctx)
{
    struct call *call = new_call(kind, ctx);

    call->lease = lease;
    call->ttl = ttl;
    call->lease_done = done;
    start(VR_OWNER(kv, struct client, kv), call);
}

static void on_grant(struct vr_kv *kv, vr_time_us ttl, vr_kv_lease_fn done, void *ctx)
{
    lease_call(kv, CALL_GRANT, 0, ttl, done, ctx);
}

static void on_renew(struct vr_kv *kv, int64_t lease, vr_kv_lease_fn done, void *ctx)
{
    lease_call(kv, CALL_RENEW, lease, VR_SECONDS(6), done, ctx);
}

static void on_revoke(struct vr_kv *kv, int64_t lease, vr_kv_lease_fn done, void *ctx)
{
    lease_call(kv, CALL_REVOKE, lease, 0, done, ctx);
}

static void on_close(struct vr_kv *kv)
{
    VR_OWNER(kv, struct client, kv)->closed = true; /* freed with the model: calls point to it */
}

/* ---- the model ---- */

struct vr_kv_model *vr_kv_model_new(struct vr_sim *sim)
{
    struct vr_kv_model *model = calloc(1, sizeof(*model));

    if (model != NULL) {
        model->sim = sim;
        model->quorum = true;
        model_store_init(&model->store);
        vr_list_init(&model->clients);
        vr_list_init(&model->calls);
        vr_list_init(&model->dead_watches);
    }
    return model;
}

static void free_watches(struct vr_list *watches)
{
    struct vr_list *link;

    while ((link = vr_list_pop(watches)) != NULL) {
        struct watch *watch = VR_OWNER(link, struct watch, link);

        free((void *)(uintptr_t)watch->prefix.data);
        free(watch);
    }
}

void vr_kv_model_free(struct vr_kv_model *model)
{
    struct vr_list *link;

    if (model == NULL) {
        return;
    }
    while (!vr_list_empty(&model->calls)) {
        free_call(VR_OWNER(model->calls.next, struct call, link));
    }
    while ((link = vr_list_pop(&model->clients)) != NULL) {
        struct client *client = VR_OWNER(link, struct client, link);

        free_watches(&client->watches);
        free(client);
    }
    free_watches(&model->dead_watches);
    model_store_deinit(&model->store);
    model_store_deinit(&model->saved);
    free(model);
}

struct vr_kv *vr_kv_model_client(struct vr_kv_model *model, struct vr_sim_node *node)
{
    static const struct vr_kv_ops ops = {
        .txn = on_txn,
        .list = on_list,
        .watch = on_watch,
        .unwatch = on_unwatch,
        .lease_grant = on_grant,
        .lease_renew = on_renew,
        .lease_revoke = on_revoke,
        .close = on_close,
    };
    struct client *client = calloc(1, sizeof(*client));

    if (client == NULL) {
        return NULL;
    }
    client->kv.ops = &ops;
    client->model = model;
    client->node = node;
    vr_list_init(&client->watches);
    vr_list_init(&client->link);
    vr_list_push(&model->clients, &client->link);
    return &client->kv;
}

/* ---- faults ---- */

void vr_kv_model_cut(struct vr_kv_model *model, struct vr_sim_node *node, bool to, bool from)
{
    struct way *way = &model->ways[vr_sim_node_number(node)];

    way->cut_to = to;
    way->cut_from = from;
    each_watch(model, check_watch);
}

void vr_kv_model_set_timeouts(struct vr_kv_model *model, uint32_t permille)
{
    model->timeouts = permille;
}

static void run_what_hung(struct vr_kv_model *model)
{
    VR_LIST_EACH(link, &model->calls)
    {
        struct call *call = VR_OWNER(link, struct call, link);

        if (call->hangs) {
            bool happens = vr_random_below(vr_sim_random(model->sim), 2) == 0;

            call->hangs = false;
            call->pending++;
            if (happens) {
                call_later(call, NULL, between(model, WAY_MIN, WAY_MAX), on_arrival);
            }
            settle(call);
        }
    }
}

void vr_kv_model_set_quorum(struct vr_kv_model *model, bool quorum)
{
    if (quorum && !model->quorum) {
        model->quorum = true;
        prolong_all(model);
        run_what_hung(model);
    }
    model->quorum = quorum;
    each_watch(model, check_watch);
}

static void on_new_leader(void *ctx)
{
    vr_kv_model_set_quorum(ctx, true);
}

void vr_kv_model_change_leader(struct vr_kv_model *model)
{
    vr_kv_model_set_quorum(model, false);
    later(model, NULL, NEW_LEADER, on_new_leader, model);
}

void vr_kv_model_silence(struct vr_kv_model *model, struct vr_sim_node *node, bool silent)
{
    model->ways[vr_sim_node_number(node)].silent = silent;
    each_watch(model, check_watch);
}

void vr_kv_model_compact(struct vr_kv_model *model)
{
    model_forget_history(&model->store);
}

void vr_kv_model_revoke(struct vr_kv_model *model, struct vr_sim_node *node, bool praised)
{
    struct model_lease *newest = NULL;

    VR_LIST_EACH(link, &model->store.leases)
    {
        struct model_lease *lease = VR_OWNER(link, struct model_lease, link);

        if (lease->node == vr_sim_node_number(node)) {
            newest = lease;
        }
    }
    model->ways[vr_sim_node_number(node)].praised = praised;
    if (newest != NULL) {
        model_lease_end(&model->store, newest);
        each_watch(model, pump_soon);
    }
}

bool vr_kv_model_save(struct vr_kv_model *model)
{
    return model_copy(&model->saved, &model->store);
}

void vr_kv_model_restore(struct vr_kv_model *model, bool other_id)
{
    model_copy(&model->store, &model->saved);
    model->store.cluster_id += other_id ? 1 : 0;
    prolong_all(model);
    VR_LIST_EACH(link, &model->clients)
    {
        struct client *client = VR_OWNER(link, struct client, link);

        while (!client->closed && !vr_list_empty(&client->watches)) {
            lose_watch(VR_OWNER(client->watches.next, struct watch, link));
        }
    }
}

void vr_kv_model_wipe(struct vr_kv_model *model)
{
    uint64_t id = model->store.cluster_id;

    model_store_deinit(&model->store);
    model_store_init(&model->store);
    model->store.cluster_id = id + 1;
}

/* ---- looking in ---- */

int64_t vr_kv_model_revision(const struct vr_kv_model *model)
{
    return model->store.revision;
}

bool vr_kv_model_get(const struct vr_kv_model *model, const char *key, struct vr_kv_pair *out)
{
    const struct model_key *found = model_find(&model->store, vr_bytes_of(key));

    if (found != NULL) {
        *out = found->pair;
    }
    return found != NULL;
}

uint32_t vr_kv_model_count(const struct vr_kv_model *model, const char *prefix)
{
    uint32_t count = 0;

    VR_LIST_EACH(link, &model->store.keys)
    {
        const struct model_key *key = VR_OWNER(link, struct model_key, link);

        count += model_has_prefix(key->pair.key, vr_bytes_of(prefix)) ? 1 : 0;
    }
    return count;
}

void vr_kv_model_delete(struct vr_kv_model *model, const char *key)
{
    struct vr_kv_op op = {.kind = VR_KV_DELETE, .key = vr_bytes_of(key)};
    struct vr_kv_txn txn = {.then = &op, .then_count = 1};
    struct vr_kv_result result;

    model_txn(&model->store, &txn, &result);
    model_result_deinit(&result);
    each_watch(model, pump_soon);
}

uint64_t vr_kv_model_transactions(const struct vr_kv_model *model)
{
    return model->store.transactions;
}
