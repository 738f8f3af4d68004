/* kv_etcd_internal.h - what the parts of the etcd back end share. */
#ifndef VR_CLUSTER_KV_ETCD_INTERNAL_H
#define VR_CLUSTER_KV_ETCD_INTERNAL_H

#include "cluster/kv_curl.h"
#include "cluster/kv_etcd.h"
#include "cluster/kv_json.h"

#define CONNECT_MS 700 /* with the TLS handshake */
#define TRY_MS 1200
#define URL_MAX 320
#define PAGE_KEYS 500u /* of a list, in one request */

struct kv_etcd {
    struct vr_kv base;
    struct vr_curl curl;
    char *endpoints[VR_KV_ENDPOINTS_MAX];
    uint32_t endpoint_count;
    uint32_t current;
    char *ca_file, *cert_file, *key_file;
    struct vr_list calls;     /* struct call.link */
    struct vr_list watches;   /* struct watch.link */
    uv_timer_t look;          /* runs while a watch is not live */
    struct vr_kv_stats stats; /* written here only, read from any thread */
    bool stopped;             /* nothing on the loop is begun any more */
    uint32_t refs;            /* atomic: the owner, libcurl's handles, the timer */
};

enum call_kind { CALL_TXN, CALL_LIST, CALL_GRANT, CALL_RENEW, CALL_REVOKE };
struct call {
    struct vr_curl_request request;
    struct vr_list link; /* kv_etcd.calls */
    struct kv_etcd *kv;
    enum call_kind kind;
    bool safe;    /* may be sent twice */
    bool unknown; /* a try may have had its effect */
    uint32_t tries, endpoint;
    vr_time_us started;
    enum vr_err refused; /* of bytes that could not be built */
    vr_kv_done_fn done;
    vr_kv_lease_fn lease_done;
    void *ctx;
    struct vr_buf prefix; /* list */
    int64_t lease;        /* to renew or revoke: who asked is told of which, also when it fails */
    int64_t revision;
    uint64_t cluster_id;
    struct vr_kv_reply *pages;
    uint32_t page_count, pair_count;
};

vr_time_us vr_kv_now(void);
void vr_kv_call_free(struct call *call);
/** Frees the call, then tells; the callback may close everything. */
void vr_kv_call_answer(struct call *call, struct vr_kv_result *result, int64_t lease, int64_t ttl);
void vr_kv_call_error(struct call *call, enum vr_err err);
/** Send request.body to the current endpoint. */
void vr_kv_call_try(struct call *call);
/** A try has failed: another one, or the answer. */
void vr_kv_call_fail(struct call *call, const struct vr_kv_refusal *refusal);
/** vr_curl_request.told of a call. */
void vr_kv_call_ended(struct vr_curl_request *request);

void vr_kv_etcd_url(const struct kv_etcd *kv, uint32_t endpoint, const char *path,
                    char out[URL_MAX]);
/** `endpoint` failed: if it is the current one, the next is, and watches move there. */
void vr_kv_etcd_rotate(struct kv_etcd *kv, uint32_t endpoint);
void vr_kv_etcd_count(uint64_t *counter);
/** No answer, or one that is not 200: what it means. */
void vr_kv_etcd_judge(const struct vr_curl_request *request, struct vr_kv_refusal *out);

void *vr_kv_etcd_watch(struct vr_kv *base, struct vr_bytes prefix, int64_t revision,
                       vr_kv_watch_fn told, void *ctx);
void vr_kv_etcd_unwatch(struct vr_kv *base, void *watch);
/** The endpoint has changed. */
void vr_kv_etcd_move_watches(struct kv_etcd *kv);
void vr_kv_etcd_end_watches(struct kv_etcd *kv);

#endif
