/* idempotency.c - a row is: until (8 bytes, wall seconds), fingerprint, answer. Running ones are
 * only in memory: after a crash the client asks again, and the room's own command id keeps that
 * from counting twice. */
#include "nodes/idempotency.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_S (24 * 3600)
#define RUNNING_MAX 1024
#define SWEEP_ROWS 1000 /* looked at in one bite */
#define HEAD (8 + 32)

struct vr_idempotency {
    struct vr_records *records;
    const struct vr_clock *clock;
    uint8_t swept[32];    /* the last row looked at by vr_idempotency_sweep; its caller's thread */
    pthread_mutex_t lock; /* over `running` */
    uint32_t running_count;
    struct {
        uint8_t slot[32];
        uint8_t fingerprint[32];
    } running[RUNNING_MAX];
};

static uint64_t wall_s(const struct vr_idempotency *table)
{
    return (uint64_t)(table->clock->wall(table->clock->ctx) / 1000000);
}

struct sweep {
    struct vr_commit *commit;
    uint64_t now_s;
    uint32_t seen;
    uint8_t last[32];
};

static bool note_expired(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct sweep *sweep = ctx;

    if (value.size < HEAD || vr_get64(value.data) < sweep->now_s) {
        vr_commit_remove(sweep->commit, VR_TABLE_IDEMPOTENCY, key);
    }
    memcpy(sweep->last, key.data, key.size < 32 ? key.size : 32);
    return ++sweep->seen < SWEEP_ROWS;
}

static void on_swept(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    (void)ctx;
    (void)ticket;
    (void)err; /* they are found again in an hour */
    (void)revision;
}

bool vr_idempotency_sweep(struct vr_idempotency *table)
{
    struct sweep sweep = {.commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX),
                          .now_s = wall_s(table)};
    enum vr_err err = VR_E_NO_MEMORY;

    if (sweep.commit != NULL) {
        err = vr_records_scan(table->records, VR_TABLE_IDEMPOTENCY, vr_bytes("", 0),
                              vr_bytes(table->swept, 32), note_expired, &sweep);
    }
    if (err == VR_OK && sweep.commit->op_count > 0) {
        vr_records_submit(table->records, sweep.commit, on_swept, NULL);
    } else {
        vr_commit_free(sweep.commit);
    }
    memset(table->swept, 0, sizeof(table->swept));
    if (err != VR_OK || sweep.seen < SWEEP_ROWS) {
        return false;
    }
    memcpy(table->swept, sweep.last, sizeof(table->swept));
    return true;
}

enum vr_err vr_idempotency_new(struct vr_records *records, const struct vr_clock *clock,
                               struct vr_idempotency **out)
{
    struct vr_idempotency *table = calloc(1, sizeof(*table));

    *out = NULL;
    if (table == NULL) {
        return VR_E_NO_MEMORY;
    }
    table->records = records;
    table->clock = clock;
    pthread_mutex_init(&table->lock, NULL);
    *out = table;
    return VR_OK;
}

void vr_idempotency_free(struct vr_idempotency *table)
{
    if (table != NULL) {
        pthread_mutex_destroy(&table->lock);
        free(table);
    }
}

/** Under the lock; RUNNING_MAX when it does not run. */
static uint32_t running_find(const struct vr_idempotency *table, const uint8_t slot[32])
{
    for (uint32_t i = 0; i < table->running_count; i++) {
        if (memcmp(table->running[i].slot, slot, 32) == 0) {
            return i;
        }
    }
    return RUNNING_MAX;
}

static enum vr_err running_start(struct vr_idempotency *table, const uint8_t slot[32],
                                 const uint8_t fingerprint[32])
{
    enum vr_err err = VR_OK;
    uint32_t at = 0;

    pthread_mutex_lock(&table->lock);
    at = running_find(table, slot);
    if (at != RUNNING_MAX) {
        err = memcmp(table->running[at].fingerprint, fingerprint, 32) == 0 ? VR_E_IN_PROGRESS
                                                                           : VR_E_KEY_REUSED;
    } else if (table->running_count == RUNNING_MAX) {
        err = VR_E_BUSY;
    } else {
        at = table->running_count++;
        memcpy(table->running[at].slot, slot, 32);
        memcpy(table->running[at].fingerprint, fingerprint, 32);
    }
    pthread_mutex_unlock(&table->lock);
    return err;
}

void vr_idempotency_drop(struct vr_idempotency *table, const uint8_t slot[32])
{
    uint32_t at = 0;

    pthread_mutex_lock(&table->lock);
    at = running_find(table, slot);
    if (at != RUNNING_MAX) {
        table->running[at] = table->running[--table->running_count];
    }
    pthread_mutex_unlock(&table->lock);
}

enum vr_err vr_idempotency_begin(struct vr_idempotency *table, const uint8_t slot[32],
                                 const uint8_t fingerprint[32], struct vr_buf *answer)
{
    struct vr_buf row = {0};
    enum vr_err err = running_start(table, slot, fingerprint);

    if (err != VR_OK) {
        return err;
    }
    /* Looked up while it counts as running, so that a twin can't slip in between. */
    err = vr_records_get(table->records, VR_TABLE_IDEMPOTENCY, vr_bytes(slot, 32), &row);
    if (err == VR_E_NOT_FOUND || err == VR_E_DAMAGED ||
        (err == VR_OK && (row.size < HEAD || vr_get64(row.data) < wall_s(table)))) {
        err = VR_OK; /* go on */
    } else if (err == VR_OK) {
        bool same = memcmp(row.data + 8, fingerprint, 32) == 0;

        err = same ? VR_E_EXISTS : VR_E_KEY_REUSED;
        if (same) {
            vr_buf_append(answer, row.data + HEAD, row.size - HEAD);
        }
    }
    vr_buf_deinit(&row);
    if (err != VR_OK) {
        vr_idempotency_drop(table, slot);
    }
    return err;
}

struct finish {
    struct vr_idempotency *table;
    uint8_t slot[32];
    vr_committed_fn done;
    void *ctx;
};

static void on_committed(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    struct finish *finish = ctx;

    vr_idempotency_drop(finish->table, finish->slot);
    finish->done(finish->ctx, ticket, err, revision);
    free(finish);
}

void vr_idempotency_finish(struct vr_idempotency *table, const uint8_t slot[32],
                           const uint8_t fingerprint[32], struct vr_bytes answer,
                           vr_committed_fn done, void *ctx)
{
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);
    struct finish *finish = malloc(sizeof(*finish));
    struct vr_buf row = {0};
    uint8_t until[8];

    if (commit == NULL || finish == NULL) {
        vr_commit_free(commit);
        free(finish);
        vr_idempotency_drop(table, slot);
        done(ctx, 0, VR_E_NO_MEMORY, 0);
        return;
    }
    *finish = (struct finish){.table = table, .done = done, .ctx = ctx};
    memcpy(finish->slot, slot, 32);
    vr_put64(until, wall_s(table) + KEEP_S);
    vr_buf_append(&row, until, 8);
    vr_buf_append(&row, fingerprint, 32);
    vr_buf_append(&row, answer.data, answer.size);
    commit->ops.failed = commit->ops.failed || row.failed;
    vr_commit_put(commit, VR_TABLE_IDEMPOTENCY, vr_bytes(slot, 32), vr_buf_bytes(&row));
    vr_buf_deinit(&row);
    vr_records_submit(table->records, commit, on_committed, finish);
}
