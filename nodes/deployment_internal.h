/* deployment_internal.h - what the files of deployment.h share. */
#ifndef VR_NODES_DEPLOYMENT_INTERNAL_H
#define VR_NODES_DEPLOYMENT_INTERNAL_H

#include <pthread.h>

#include "deployment.pb-c.h"
#include "nodes/deployment.h"

#define BARRED_MAX 64

struct held_ban {
    struct vr_id id;
    struct vr_id ref;  /* zero: no user */
    struct vr_id hint; /* of the user; zero: erased, then nobody can come in as him */
    bool has_range;
    struct vr_net_range range;
    vr_time_us until;
};

struct vr_deployment {
    struct vr_deployment_conf conf;
    struct vr_vault vault;
    atomic_uint_fast64_t changes;
    atomic_bool wants_events;
    _Atomic int64_t follow_until;
    vr_deployment_watch_fn watch;
    void *watch_ctx;

    pthread_mutex_t writing; /* over the next ones; recursive: a store in memory tells at once */
    uint64_t revision;       /* of the head, as it will be when all is told */
    uint64_t audits;
    uint8_t head[VR_AUDIT_HASH];
    uint32_t in_flight;
    bool broken; /* a change failed: what follows it fails too; then the store says what holds */

    pthread_rwlock_t lock; /* over the copies */
    struct held_ban *bans;
    uint32_t ban_count;
    uint32_t ban_capacity;
    uint32_t barred_count;
    struct vr_id barred[BARRED_MAX]; /* hints of users who are being erased now */
    uint32_t word_count;
    struct vr_id word_ids[VR_DEPLOYMENT_WORDS_MAX];
    struct vr_filter_rule words[VR_DEPLOYMENT_WORDS_MAX];
    uint32_t webhook_count;
    struct vr_webhook webhooks[VR_WEBHOOKS_MAX];
};

static inline ProtobufCBinaryData deployment_binary(struct vr_bytes bytes)
{
    return (ProtobufCBinaryData){bytes.size, (uint8_t *)(uintptr_t)bytes.data};
}

static inline struct vr_bytes deployment_bytes(ProtobufCBinaryData data)
{
    return vr_bytes(data.data, data.len);
}

/** Sealed for `user`, or for the deployment itself when it is "". Nothing for an empty text. */
VR_MUST_CHECK enum vr_err deployment_seal(struct vr_deployment *deployment, const char *user,
                                          struct vr_bytes text, struct vr_commit *commit,
                                          struct vr_buf *out);
/** Appends; false: it cannot be opened (any more). */
bool deployment_open(const struct vr_deployment *deployment, struct vr_id ref,
                     struct vr_bytes sealed, struct vr_buf *out);
/** The row of a user whom this change names goes with it: another node of the cluster may never
 * have heard of him, and can read nothing that is sealed for him. */
void deployment_share_user(struct vr_deployment *deployment, struct vr_id ref,
                           struct vr_commit *commit);
struct vr_id deployment_own_ref(const struct vr_deployment *deployment);
VR_MUST_CHECK enum vr_err deployment_pack(const ProtobufCMessage *message, struct vr_buf *out);

/** The row into memory, or out of it; under the lock, for writing. */
void deployment_ban_apply(struct vr_deployment *deployment, const struct vr_deployment_row *row);
void deployment_word_apply(struct vr_deployment *deployment, const struct vr_deployment_row *row);
void deployment_webhook_apply(struct vr_deployment *deployment,
                              const struct vr_deployment_row *row);

#endif
