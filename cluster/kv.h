/* kv.h - the cluster's common memory, as etcd gives it: keys with revisions, transactions that
 * compare, leases, watches. Asynchronous; two back ends: etcd's JSON gateway (kv_etcd.h), and a
 * model with etcd's faults for simulations (kv_model.h).
 *
 * Thread: the cluster worker's, for every call and every callback. A callback never runs inside of
 * the call that asked for it. Each call is answered exactly once, within 1.2 s a try and CALL_MAX
 * in all (the back end goes on to the next endpoint by itself where that is safe); nothing is
 * called any more once vr_kv_close has returned.
 *
 * Errors of all calls: VR_E_BUSY it was not sent, or surely did nothing (no leader, no endpoint);
 * VR_E_TIMEOUT the outcome is unknown: a write may have happened, read before you write again;
 * VR_E_GONE the lease is dead; VR_E_BAD_REQUEST refused as malformed, a fault of ours;
 * VR_E_TOO_LARGE. */
#ifndef VR_CLUSTER_KV_H
#define VR_CLUSTER_KV_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/clock.h"
#include "actors/base/err.h"

#define VR_KV_OPS_MAX 128          /* operations in one transaction: etcd's own limit */
#define VR_KV_CALL_MAX VR_MS(2400) /* longest time to an answer */
#define VR_KV_VALUE_MAX ((size_t)1024 * 1024)

struct vr_kv;

/** One key as it is now. Borrowed for the callback. */
struct vr_kv_pair {
    struct vr_bytes key, value;
    int64_t create_revision, mod_revision;
    int64_t lease; /* 0: none */
};

enum vr_kv_compare_kind {
    VR_KV_ABSENT, /* the key does not exist */
    VR_KV_EXISTS,
    VR_KV_MOD_IS, /* its mod_revision is `revision` */
    VR_KV_VALUE_IS,
};
struct vr_kv_compare {
    enum vr_kv_compare_kind kind;
    struct vr_bytes key, value;
    int64_t revision;
};

enum vr_kv_op_kind { VR_KV_PUT, VR_KV_DELETE, VR_KV_DELETE_PREFIX, VR_KV_GET, VR_KV_GET_PREFIX };
struct vr_kv_op {
    enum vr_kv_op_kind kind;
    struct vr_bytes key, value;
    int64_t lease; /* PUT: 0 for none */
};

/** All compares hold: `then` is done, else `otherwise`. Everything borrowed for the call; the back
 * end copies. No key may be written twice in one branch. */
struct vr_kv_txn {
    const struct vr_kv_compare *compares;
    uint32_t compare_count;
    const struct vr_kv_op *then;
    uint32_t then_count;
    const struct vr_kv_op *otherwise;
    uint32_t otherwise_count;
};

/** What a transaction or a reading gave. `pairs` are those of all GET operations of the branch that
 * ran, in order. */
struct vr_kv_result {
    enum vr_err err;
    bool succeeded;      /* the `then` branch ran */
    int64_t revision;    /* of the whole store: mod_revision of what was put here */
    uint64_t cluster_id; /* of the etcd cluster that answered */
    const struct vr_kv_pair *pairs;
    uint32_t pair_count;
};
typedef void (*vr_kv_done_fn)(void *ctx, const struct vr_kv_result *result);
/** `lease`: the one that was asked about, or granted; also when it failed (0: none was granted). */
typedef void (*vr_kv_lease_fn)(void *ctx, enum vr_err err, int64_t lease, vr_time_us ttl);

/** What a watch tells. Events come in the order of their revisions, those of one transaction in one
 * call. After `lost` nothing comes any more: list anew (compaction, no leader, connection lost and
 * not to be resumed), then watch from there. */
struct vr_kv_event {
    bool deleted;
    struct vr_kv_pair pair; /* deleted: key and mod_revision only */
};
typedef void (*vr_kv_watch_fn)(void *ctx, bool lost, int64_t revision,
                               const struct vr_kv_event *events, uint32_t count);

struct vr_kv_ops {
    void (*txn)(struct vr_kv *kv, const struct vr_kv_txn *txn, vr_kv_done_fn done, void *ctx);
    /** Every key with the prefix, at one revision, in as many requests as it takes. */
    void (*list)(struct vr_kv *kv, struct vr_bytes prefix, vr_kv_done_fn done, void *ctx);
    /** From `revision` on (that of a list + 1). Returns the watch, NULL when memory is out. */
    void *(*watch)(struct vr_kv *kv, struct vr_bytes prefix, int64_t revision, vr_kv_watch_fn told,
                   void *ctx);
    void (*unwatch)(struct vr_kv *kv, void *watch);
    void (*lease_grant)(struct vr_kv *kv, vr_time_us ttl, vr_kv_lease_fn done, void *ctx);
    /** VR_E_GONE: it had run out, or was revoked. */
    void (*lease_renew)(struct vr_kv *kv, int64_t lease, vr_kv_lease_fn done, void *ctx);
    void (*lease_revoke)(struct vr_kv *kv, int64_t lease, vr_kv_lease_fn done, void *ctx);
    void (*close)(struct vr_kv *kv); /* frees it */
};
struct vr_kv {
    const struct vr_kv_ops *ops;
};

struct vr_kv_stats {
    uint64_t transactions, readings, renewals, failures, timeouts, watches_lost;
    vr_time_us answer_us_last, answer_us_max;
};

#endif
