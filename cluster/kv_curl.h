/* kv_curl.h - POST requests by libcurl on a libuv loop, for kv_etcd alone.
 *
 * Loop: one; all of it on its thread. Callbacks come from the loop, never inside of a call here and
 * never inside of libcurl, so that they may start and end requests as they like. Whether any byte
 * of a body was handed to the network is known: libcurl sends a POST again on a fresh connection
 * when a kept one turns out dead, which would hide that a write happened, so the body cannot be
 * rewound. */
#ifndef VR_CLUSTER_KV_CURL_H
#define VR_CLUSTER_KV_CURL_H

#include <curl/curl.h>
#include <uv.h>

#include "actors/base/bytes.h"
#include "actors/base/err.h"
#include "actors/base/list.h"

struct vr_curl;

struct vr_curl_conf {
    uv_loop_t *loop;
    const char *ca_file, *cert_file, *key_file; /* NULL: plain; borrowed */
};

/** Embedded by its owner, zeroed before the first start. */
struct vr_curl_request {
    struct vr_curl *curl;      /* NULL: never started */
    struct vr_list ready_link; /* vr_curl.ready */
    CURL *easy;                /* NULL: not running */
    struct vr_buf body;        /* the owner's: what is sent */
    size_t body_at;
    bool handed;      /* some of the body may have left this process */
    bool stream;      /* no limit of time; `told` with each piece, too */
    bool ended;       /* the answer is whole, or will never be */
    long status;      /* of HTTP; 0: none came */
    CURLcode code;    /* how it ended */
    struct vr_buf in; /* what came; a stream's owner takes from it */
    size_t in_max;
    void (*told)(struct vr_curl_request *request);
};

struct vr_curl {
    struct vr_curl_conf conf;
    CURLM *multi;
    struct curl_slist *headers;
    uv_timer_t timer;
    uv_idle_t idle; /* runs while something is ready that libcurl has not told in a callback */
    struct vr_list ready; /* vr_curl_request.ready_link: to be told */
    uint32_t handles;     /* of uv, not yet closed */
    bool closing;
    void (*closed)(struct vr_curl *curl); /* the last handle is closed */
};

VR_MUST_CHECK enum vr_err vr_curl_open(struct vr_curl *curl, const struct vr_curl_conf *conf,
                                       struct vr_why *why);
/** No request may run. `closed` comes from the loop; the memory must live until then. */
void vr_curl_close(struct vr_curl *curl, void (*closed)(struct vr_curl *curl));

/** POST request->body to `url`. An error of starting comes as `told`, too. `time_ms` 0: none. */
void vr_curl_start(struct vr_curl *curl, struct vr_curl_request *request, const char *url,
                   long connect_ms, long time_ms);
/** Ends it, is fine when it does not run. Nothing is told any more. Keeps `body`. */
void vr_curl_stop(struct vr_curl *curl, struct vr_curl_request *request);

#endif
