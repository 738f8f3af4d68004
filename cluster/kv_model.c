/* kv_model.c - the model of etcd as a whole: its clients, faults put upon it, and looking in. */
#include "cluster/kv_model.h"

#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/owner.h"
#include "cluster/kv_model_internal.h"

#define NEW_LEADER VR_MS(1600)

vr_time_us model_between(struct vr_kv_model *model, vr_time_us min, vr_time_us max)
{
    return min + (vr_time_us)vr_random_below(vr_sim_random(model->sim), (uint64_t)(max - min) + 1);
}

struct model_way *model_way_of(const struct model_client *client)
{
    return &client->model->ways[vr_sim_node_number(client->node)];
}

void model_later(struct vr_kv_model *model, struct vr_sim_node *node, vr_time_us in,
                 void (*fn)(void *ctx), void *ctx)
{
    vr_assert(vr_sim_at(model->sim, node, vr_sim_now(model->sim) + in, fn, ctx));
}

/* ---- the model ---- */

static void on_close(struct vr_kv *kv)
{
    VR_OWNER(kv, struct model_client, kv)->closed =
        true; /* freed with the model: calls point to it */
}

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

void vr_kv_model_free(struct vr_kv_model *model)
{
    struct vr_list *link;

    if (model == NULL) {
        return;
    }
    while (!vr_list_empty(&model->calls)) {
        model_free_call(VR_OWNER(model->calls.next, struct model_call, link));
    }
    while ((link = vr_list_pop(&model->clients)) != NULL) {
        struct model_client *client = VR_OWNER(link, struct model_client, link);

        model_free_watches(&client->watches);
        free(client);
    }
    model_free_watches(&model->dead_watches);
    model_store_deinit(&model->store);
    model_store_deinit(&model->saved);
    free(model);
}

struct vr_kv *vr_kv_model_client(struct vr_kv_model *model, struct vr_sim_node *node)
{
    static const struct vr_kv_ops ops = {
        .txn = model_on_txn,
        .list = model_on_list,
        .watch = model_watch,
        .unwatch = model_unwatch,
        .lease_grant = model_on_grant,
        .lease_renew = model_on_renew,
        .lease_revoke = model_on_revoke,
        .close = on_close,
    };
    struct model_client *client = calloc(1, sizeof(*client));

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
    struct model_way *way = &model->ways[vr_sim_node_number(node)];

    way->cut_to = to;
    way->cut_from = from;
    model_check_watches(model);
}

void vr_kv_model_set_timeouts(struct vr_kv_model *model, uint32_t permille)
{
    model->timeouts = permille;
}

void vr_kv_model_set_quorum(struct vr_kv_model *model, bool quorum)
{
    if (quorum && !model->quorum) {
        model->quorum = true;
        model_prolong_all(model);
        model_run_what_hung(model);
    }
    model->quorum = quorum;
    model_check_watches(model);
}

static void on_new_leader(void *ctx)
{
    vr_kv_model_set_quorum(ctx, true);
}

void vr_kv_model_change_leader(struct vr_kv_model *model)
{
    vr_kv_model_set_quorum(model, false);
    model_later(model, NULL, NEW_LEADER, on_new_leader, model);
}

void vr_kv_model_silence(struct vr_kv_model *model, struct vr_sim_node *node, bool silent)
{
    model->ways[vr_sim_node_number(node)].silent = silent;
    model_check_watches(model);
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
        model_wake_watches(model);
    }
}

bool vr_kv_model_save(struct vr_kv_model *model)
{
    return model_copy(&model->saved, &model->store);
}

void vr_kv_model_restore(struct vr_kv_model *model, bool other_id)
{
    uint64_t id = model->store.cluster_id;
    int64_t last_lease = model->store.last_lease;

    model_discard_calls(model);
    model_copy(&model->store, &model->saved);
    model->store.cluster_id = other_id ? id + 1 : model->saved.cluster_id;
    model->store.last_lease = last_lease; /* etcd draws them from 63 bits: none comes twice */
    model_prolong_all(model);
    VR_LIST_EACH(link, &model->clients)
    {
        struct model_client *client = VR_OWNER(link, struct model_client, link);

        model_lose_watches(client);
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
    model_wake_watches(model);
}

uint64_t vr_kv_model_transactions(const struct vr_kv_model *model)
{
    return model->store.transactions;
}
