/* kv_etcd.h - the cluster's common memory in etcd 3.4, by its JSON gateway (kv.h is the contract).
 *
 * Every request says that it wants a leader, so that a member without one refuses at once instead
 * of hanging for 7 s. A try takes at most 1.2 s, a call at most VR_KV_CALL_MAX; a failed try moves
 * the back end, and all its watches, on to the next endpoint: renewals every 2 s so notice a silent
 * member for the watches as well. Readings, grants and renewals are tried again there by
 * themselves, a transaction that writes only when surely nothing of it was sent or done. */
#ifndef VR_CLUSTER_KV_ETCD_H
#define VR_CLUSTER_KV_ETCD_H

#include "cluster/kv.h"

struct uv_loop_s;

#define VR_KV_ENDPOINTS_MAX 16

struct vr_kv_etcd_conf {
    struct uv_loop_s *loop;       /* the cluster worker's */
    const char *const *endpoints; /* "https://10.0.0.1:2379"; copied, as all texts here */
    uint32_t endpoint_count;
    const char *ca_file, *cert_file, *key_file; /* PEM; NULL: plain http */
    uint32_t first; /* endpoint to begin with, modulo their count: nodes spread by their number */
};

/** On the loop's thread, or before the loop runs. Reaches no network yet. Errors: VR_E_BAD_REQUEST
 * (no endpoints, a file that cannot be read), VR_E_NO_MEMORY. */
VR_MUST_CHECK enum vr_err vr_kv_etcd_new(const struct vr_kv_etcd_conf *conf, struct vr_kv **out,
                                         struct vr_why *why);

/** End everything that lives on the loop, on its thread while it still runs
 * (vr_loop_hooks.closing): no call is answered any more. vr_kv_close may then come when the loop
 * has gone, from any thread; without this it does the same itself and must come while the loop
 * runs. */
void vr_kv_etcd_stop(struct vr_kv *kv);

/** Any thread, until close. */
void vr_kv_etcd_stats(const struct vr_kv *kv, struct vr_kv_stats *out);

#endif
