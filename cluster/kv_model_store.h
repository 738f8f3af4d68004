/* kv_model_store.h - inside the model of etcd: keys, leases, revisions, history; no time of its own
 * and no faults. */
#ifndef VR_CLUSTER_KV_MODEL_STORE_H
#define VR_CLUSTER_KV_MODEL_STORE_H

#include "actors/base/list.h"
#include "cluster/kv.h"

struct model_key {
    struct vr_list link; /* model_store.keys, by key */
    struct vr_kv_pair pair;
};

struct model_lease {
    struct vr_list link; /* model_store.leases */
    int64_t id;
    vr_time_us ttl, ends_at;
    uint32_t node;
};

/** One change, for watches. */
struct model_change {
    struct vr_list link; /* model_store.history */
    struct vr_kv_event event;
};

struct model_store {
    struct vr_list keys, leases, history;
    int64_t revision, compacted; /* changes up to `compacted` are forgotten */
    int64_t last_lease;
    uint64_t cluster_id, transactions;
};

void model_store_init(struct model_store *store);
void model_store_deinit(struct model_store *store);
struct model_key *model_find(const struct model_store *store, struct vr_bytes key);
bool model_has_prefix(struct vr_bytes key, struct vr_bytes prefix);

/** A transaction's answer: `result->pairs` are copies, freed by model_result_deinit. */
void model_txn(struct model_store *store, const struct vr_kv_txn *txn, struct vr_kv_result *result);
void model_result_deinit(struct vr_kv_result *result);
struct model_lease *model_lease(struct model_store *store, int64_t id);
/** It runs out: its keys go, in one revision. */
void model_lease_end(struct model_store *store, struct model_lease *lease);
void model_forget_history(struct model_store *store);
bool model_copy(struct model_store *to, const struct model_store *from);

#endif
