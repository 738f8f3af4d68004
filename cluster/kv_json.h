/* kv_json.h - the bytes of etcd 3.4's JSON gateway: requests from typed values, replies into them.
 *
 * Pure. Requests come from here only: etcd ignores a field that it does not know, so that a
 * mistyped compare would silently make a transaction weaker; a test holds their exact bytes. In
 * replies a field with its default value is left out, 64-bit numbers are text, keys and values
 * base64, and what came off a network is judged, never trusted. */
#ifndef VR_CLUSTER_KV_JSON_H
#define VR_CLUSTER_KV_JSON_H

#include "cluster/kv.h"

/** Requests, appended to `out` (check out->failed once, at the end). */
void vr_kv_json_txn(struct vr_buf *out, const struct vr_kv_txn *txn);
/** One page: keys from `from` to the end of `prefix`, at most `limit`, as of `revision` (0: now).
 */
void vr_kv_json_range(struct vr_buf *out, struct vr_bytes from, struct vr_bytes prefix,
                      int64_t revision, uint32_t limit);
void vr_kv_json_watch(struct vr_buf *out, struct vr_bytes prefix, int64_t revision);
void vr_kv_json_grant(struct vr_buf *out, int64_t seconds);
void vr_kv_json_lease(struct vr_buf *out, int64_t lease); /* keepalive, revoke */

/** What a reply said. `pairs` and their bytes belong to it. */
struct vr_kv_reply {
    bool succeeded, more;
    int64_t revision;
    uint64_t cluster_id;
    int64_t lease, ttl; /* ttl in seconds, 0: the lease is dead */
    struct vr_kv_pair *pairs;
    uint32_t pair_count;
    struct vr_buf memory;
};
/** All: VR_E_BAD_WIRE malformed (nothing is left in `reply`), VR_E_NO_MEMORY. */
VR_MUST_CHECK enum vr_err vr_kv_json_txn_reply(struct vr_bytes body, struct vr_kv_reply *reply);
VR_MUST_CHECK enum vr_err vr_kv_json_range_reply(struct vr_bytes body, struct vr_kv_reply *reply);
VR_MUST_CHECK enum vr_err vr_kv_json_lease_reply(struct vr_bytes body, struct vr_kv_reply *reply);
void vr_kv_reply_deinit(struct vr_kv_reply *reply);

/** One line of a watch's stream. */
struct vr_kv_watch_line {
    bool created, canceled;
    bool failed; /* the stream ends with an error: no leader, or the server stops */
    int64_t compact_revision;
    int64_t revision;
    struct vr_kv_event *events;
    uint32_t event_count;
    struct vr_buf memory;
};
VR_MUST_CHECK enum vr_err vr_kv_json_watch_line(struct vr_bytes line, struct vr_kv_watch_line *out);
void vr_kv_watch_line_deinit(struct vr_kv_watch_line *line);

/** What a reply with another status than 200 means. */
struct vr_kv_refusal {
    enum vr_err err; /* of kv.h's list */
    bool nothing;    /* surely nothing was done: another endpoint may be asked */
    bool compacted;  /* the revision asked for is compacted */
    char text[120];  /* etcd's words, for the log */
};
void vr_kv_json_refusal(int status, struct vr_bytes body, struct vr_kv_refusal *out);

/** Base64 of RFC 4648, 4: with padding. Decoding appends; false on a malformed one. */
void vr_kv_base64(struct vr_buf *out, struct vr_bytes in);
VR_MUST_CHECK bool vr_kv_base64_decode(struct vr_buf *out, const char *text, size_t size);

#endif
