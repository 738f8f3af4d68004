/* kv_model_internal.h - inside the model of etcd: its clients, their calls and watches. */
#ifndef VR_CLUSTER_KV_MODEL_INTERNAL_H
#define VR_CLUSTER_KV_MODEL_INTERNAL_H

#include "cluster/kv_model.h"
#include "cluster/kv_model_store.h"

#define WAY_MIN 300 /* one way, microseconds */
#define WAY_MAX 2500

enum model_call_kind { CALL_TXN, CALL_LIST, CALL_GRANT, CALL_RENEW, CALL_REVOKE };

struct model_client {
    struct vr_kv kv;
    struct vr_list link; /* vr_kv_model.clients */
    struct vr_kv_model *model;
    struct vr_sim_node *node;
    struct vr_list watches; /* struct watch.link */
    bool closed;
};

struct model_call {
    struct vr_list link; /* vr_kv_model.calls: freed with the model at the latest */
    struct model_client *client;
    enum model_call_kind kind;
    struct vr_kv_txn txn; /* a deep copy */
    int64_t lease;
    vr_time_us ttl;
    vr_kv_done_fn done;
    vr_kv_lease_fn lease_done;
    void *ctx;
    struct vr_kv_result result;
    bool answered;    /* told, or the time is over */
    bool hangs;       /* at a server without quorum */
    bool discarded;   /* its server is no more: nothing happens, nothing is answered */
    uint32_t pending; /* events that will come to it; the last one frees it */
};

struct model_watch {
    struct vr_list link; /* client.watches, or vr_kv_model.dead_watches */
    struct model_client *client;
    struct vr_bytes prefix;
    int64_t next; /* revision */
    vr_kv_watch_fn told;
    void *ctx;
    bool dead;          /* unwatched or lost */
    vr_time_us deaf_at; /* it will be noticed then that nothing comes; 0: all is well */
};

/* What stands between one node and the model. */
struct model_way {
    bool cut_to, cut_from, silent, praised;
};
#define WAYS 17

struct vr_kv_model {
    struct vr_sim *sim;
    struct model_store store, saved;
    struct vr_list clients, calls, dead_watches;
    struct model_way ways[WAYS]; /* by the node's number */
    uint32_t timeouts;
    bool quorum;
};

/** A random time from `min` to `max`. */
vr_time_us model_between(struct vr_kv_model *model, vr_time_us min, vr_time_us max);
struct model_way *model_way_of(const struct model_client *client);
/** `node` NULL: at the model itself. */
void model_later(struct vr_kv_model *model, struct vr_sim_node *node, vr_time_us in,
                 void (*fn)(void *ctx), void *ctx);

/* --- kv_model_watch.c --- */

void *model_watch(struct vr_kv *kv, struct vr_bytes prefix, int64_t revision, vr_kv_watch_fn told,
                  void *ctx);
void model_unwatch(struct vr_kv *kv, void *handle);
/** Something was written: all watches look soon. */
void model_wake_watches(struct vr_kv_model *model);
/** A way has changed: what is deaf now is noticed later, what hears again is told. */
void model_check_watches(struct vr_kv_model *model);
void model_lose_watches(struct model_client *client);
void model_free_watches(struct vr_list *watches);

/* --- kv_model_call.c --- */

void model_on_txn(struct vr_kv *kv, const struct vr_kv_txn *txn, vr_kv_done_fn done, void *ctx);
void model_on_list(struct vr_kv *kv, struct vr_bytes prefix, vr_kv_done_fn done, void *ctx);
void model_on_grant(struct vr_kv *kv, vr_time_us ttl, vr_kv_lease_fn done, void *ctx);
void model_on_renew(struct vr_kv *kv, int64_t lease, vr_kv_lease_fn done, void *ctx);
void model_on_revoke(struct vr_kv *kv, int64_t lease, vr_kv_lease_fn done, void *ctx);
/** All leases have their whole time again. */
void model_prolong_all(struct vr_kv_model *model);
/** There is a quorum again: half of what hung happens. */
void model_run_what_hung(struct vr_kv_model *model);
/** Another store is there: what has not arrived yet never does. */
void model_discard_calls(struct vr_kv_model *model);
void model_free_call(struct model_call *call);

#endif
