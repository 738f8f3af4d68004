/* records.c - calls go to the back end; waiting for a commit is made of submitting one. */
#include "store/records.h"

#include <pthread.h>

#include "actors/base/assert.h"
#include "store/commit.h"

uint64_t vr_records_submit(struct vr_records *records, struct vr_commit *commit,
                           vr_committed_fn done, void *ctx)
{
    return records->ops->submit(records, commit, done, ctx);
}

enum vr_err vr_records_get(struct vr_records *records, enum vr_table table, struct vr_bytes key,
                           struct vr_buf *out)
{
    vr_assert((unsigned)table < VR_TABLE_COUNT);
    if (key.size == 0 || key.size > VR_KEY_MAX) {
        return VR_E_NOT_FOUND; /* no such key can have been written */
    }
    return records->ops->get(records, table, key, out);
}

enum vr_err vr_records_scan(struct vr_records *records, enum vr_table table, struct vr_bytes prefix,
                            struct vr_bytes from, vr_visit_fn visit, void *ctx)
{
    vr_assert((unsigned)table < VR_TABLE_COUNT);
    if (prefix.size > VR_KEY_MAX) {
        return VR_OK; /* nothing can begin with it */
    }
    if (from.size > VR_KEY_MAX) {
        return VR_E_BAD_REQUEST; /* often a cursor that came from outside */
    }
    return records->ops->scan(records, table, prefix, from, visit, ctx);
}

void vr_records_stats(struct vr_records *records, struct vr_records_stats *out)
{
    *out = (struct vr_records_stats){0};
    records->ops->stats(records, out);
}

enum vr_err vr_records_head(struct vr_records *records, struct vr_id room, uint64_t *epoch,
                            uint64_t *revision)
{
    struct vr_buf value = {0};
    struct vr_head head = {0, 0};
    uint8_t key[16];
    enum vr_err err;

    vr_id_put(key, room);
    err = vr_records_get(records, VR_TABLE_HEADS, vr_bytes(key, sizeof(key)), &value);
    if (err == VR_OK && !vr_head_get(vr_buf_bytes(&value), &head)) {
        err = VR_E_DAMAGED;
    }
    vr_buf_deinit(&value);
    *epoch = head.epoch;
    *revision = head.revision;
    return err == VR_E_NOT_FOUND ? VR_OK : err;
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t told;
    bool done;
    enum vr_err err;
    uint64_t revision;
};

static void on_committed(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    struct waiter *waiter = ctx;

    (void)ticket;
    pthread_mutex_lock(&waiter->lock);
    waiter->done = true;
    waiter->err = err;
    waiter->revision = revision;
    pthread_cond_signal(&waiter->told); /* under the lock: the waiter's stack goes right after */
    pthread_mutex_unlock(&waiter->lock);
}

enum vr_err vr_records_commit(struct vr_records *records, struct vr_commit *commit,
                              uint64_t *revision)
{
    struct waiter waiter = {.done = false};

    pthread_mutex_init(&waiter.lock, NULL);
    pthread_cond_init(&waiter.told, NULL);
    vr_records_submit(records, commit, on_committed, &waiter);
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.done) {
        pthread_cond_wait(&waiter.told, &waiter.lock);
    }
    pthread_mutex_unlock(&waiter.lock);
    pthread_cond_destroy(&waiter.told);
    pthread_mutex_destroy(&waiter.lock);
    if (revision != NULL) {
        *revision = waiter.revision;
    }
    return waiter.err;
}
