/* journal.c - the queue, the thread, and what happens when there is no space. */
#include "store/journal.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "actors/base/log.h"
#include "store/apply.h"
#include "store/commit.h"
#include "store/space.h"

#define BATCH_COUNT_MAX 4096
#define BATCH_BYTES_MAX (8u * 1024 * 1024)
#define QUEUE_BYTES_DEFAULT (64u * 1024 * 1024)
#define RESERVE_BYTES_DEFAULT (4u * 1024 * 1024)
#define PROBE_US VR_SECONDS(1)
#define PROBE_KEY "probe"
#define MAP_RATIO_AGAIN 0.97

struct waiting {
    struct waiting *next;
    struct vr_commit *commit; /* NULL once refused */
    vr_committed_fn done;
    void *ctx;
    uint64_t ticket;
    size_t bytes;
    vr_time_us since;
    enum vr_err refused; /* at submit; told in its turn */
    enum vr_err err;
    uint64_t revision;
};

struct vr_journal {
    struct vr_env *env;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* Under the lock. */
    struct waiting *first;
    struct waiting **last;
    size_t bytes;
    uint64_t ticket_last;
    bool closing;
    struct vr_records_stats stats;
    /* The thread's own. */
    struct vr_space space;
    size_t queue_bytes_max;
    bool full;
    vr_time_us probe_at;
    struct waiting *batch[BATCH_COUNT_MAX];
};

static vr_time_us now_us(void)
{
    const struct vr_clock *clock = vr_clock_system();

    return clock->now(clock->ctx);
}

/* ---- queue ---- */

static uint64_t tell_no_memory(struct vr_journal *journal, vr_committed_fn done, void *ctx)
{
    uint64_t ticket;

    pthread_mutex_lock(&journal->lock);
    ticket = ++journal->ticket_last;
    journal->stats.failed++;
    pthread_mutex_unlock(&journal->lock);
    if (done != NULL) {
        done(ctx, ticket, VR_E_NO_MEMORY, 0);
    }
    return ticket;
}

uint64_t vr_journal_submit(struct vr_journal *journal, struct vr_commit *commit,
                           vr_committed_fn done, void *ctx)
{
    struct waiting *waiting = calloc(1, sizeof(*waiting));
    struct vr_commit *unwanted = NULL;
    uint64_t ticket;

    if (waiting == NULL) {
        vr_commit_free(commit);
        return tell_no_memory(journal, done, ctx);
    }
    *waiting = (struct waiting){.commit = commit, .done = done, .ctx = ctx, .since = now_us()};
    waiting->bytes = sizeof(*waiting) + (commit == NULL ? 0 : commit->ops.size);
    waiting->refused = vr_commit_check(commit);
    pthread_mutex_lock(&journal->lock);
    if (waiting->refused == VR_OK && journal->bytes + waiting->bytes > journal->queue_bytes_max) {
        waiting->refused = VR_E_BUSY;
    }
    if (waiting->refused !=
        VR_OK) { /* the small rest is queued, so that outcomes keep their order */
        unwanted = waiting->commit;
        waiting->commit = NULL;
        waiting->bytes = sizeof(*waiting);
    }
    waiting->ticket = ticket = ++journal->ticket_last;
    journal->bytes += waiting->bytes;
    journal->stats.waiting++;
    *journal->last = waiting;
    journal->last = &waiting->next;
    pthread_cond_signal(&journal->wake);
    pthread_mutex_unlock(&journal->lock);
    vr_commit_free(unwanted);
    return ticket;
}

/* Under the lock. */
static size_t take_batch(struct vr_journal *journal)
{
    size_t count = 0;
    size_t bytes = 0;

    while (journal->first != NULL && count < BATCH_COUNT_MAX && bytes < BATCH_BYTES_MAX) {
        struct waiting *waiting = journal->first;

        journal->batch[count++] = waiting;
        bytes += waiting->bytes;
        journal->first = waiting->next;
    }
    if (journal->first == NULL) {
        journal->last = &journal->first;
    }
    journal->bytes -= bytes;
    return count;
}

/* ---- one transaction ---- */

/* The meta page could not be written: LMDB refuses everything until it is opened again, and only
 * then can be told whether the transaction is in. */
static enum vr_err settle_panic(struct vr_journal *journal, size_t txn_id)
{
    MDB_envinfo info;
    enum vr_err err = vr_env_reopen(journal->env);

    if (err != VR_OK || mdb_env_info(journal->env->env, &info) != MDB_SUCCESS) {
        return VR_E_FULL;
    }
    vr_log(VR_LOG_WARN, "the store was opened again after a failed meta page",
           VR_S("committed", info.me_last_txnid >= txn_id ? "yes" : "no"));
    return info.me_last_txnid >= txn_id ? VR_OK : VR_E_FULL;
}

static bool has_panicked(struct vr_journal *journal)
{
    MDB_txn *txn;
    int rc;

    if (journal->env->env == NULL) {
        return true;
    }
    rc = mdb_txn_begin(journal->env->env, NULL, MDB_RDONLY, &txn);
    if (rc == MDB_SUCCESS) {
        mdb_txn_abort(txn);
    }
    return rc == MDB_PANIC;
}

static enum vr_err finish(struct vr_journal *journal, MDB_txn *txn)
{
    size_t txn_id = mdb_txn_id(txn);
    int rc = mdb_txn_commit(txn);

    pthread_mutex_lock(&journal->lock);
    journal->stats.transactions++;
    pthread_mutex_unlock(&journal->lock);
    if (rc != MDB_SUCCESS && has_panicked(journal)) {
        return settle_panic(journal, txn_id);
    }
    return vr_env_err(rc);
}

static enum vr_err begin(struct vr_journal *journal, MDB_txn **txn)
{
    int rc = MDB_PANIC;

    if (journal->env->env != NULL) {
        rc = mdb_txn_begin(journal->env->env, NULL, 0, txn);
    }
    return rc == MDB_PANIC ? VR_E_FULL : vr_env_err(rc);
}

/* Outcomes of single commits go to `err` and `revision` of each; the result is the transaction's,
 * and when it is not VR_OK nothing of it is in the file. */
static enum vr_err write_together(struct vr_journal *journal, struct waiting **batch, size_t count)
{
    MDB_txn *txn;
    bool wrote = false;
    enum vr_err err = begin(journal, &txn);

    if (err != VR_OK) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        struct waiting *waiting = batch[i];

        waiting->err = waiting->refused;
        waiting->revision = 0;
        if (waiting->err != VR_OK) {
            continue;
        }
        waiting->err = vr_apply(journal->env, txn, waiting->commit, &waiting->revision);
        wrote = wrote || waiting->err == VR_OK;
        if (waiting->err != VR_OK && waiting->err != VR_E_FENCED && waiting->err != VR_E_STALE) {
            err = waiting->err;
            mdb_txn_abort(txn);
            return err;
        }
    }
    if (!wrote) {
        mdb_txn_abort(txn);
        return VR_OK;
    }
    return finish(journal, txn);
}

/* ---- no space ---- */

static void set_full(struct vr_journal *journal, bool full)
{
    if (full && !journal->full) {
        vr_log(VR_LOG_ERROR, "the store is full: changes are refused, reading goes on",
               VR_S("folder", journal->env->folder),
               VR_U("disk_bytes_left", vr_space_left(&journal->space)));
    } else if (!full && journal->full) {
        vr_log(VR_LOG_WARN, "the store has space again", VR_S("folder", journal->env->folder));
    }
    journal->full = full;
    if (full) {
        vr_space_free(&journal->space);
        journal->probe_at = now_us() + PROBE_US;
    }
    pthread_mutex_lock(&journal->lock);
    journal->stats.full = full;
    pthread_mutex_unlock(&journal->lock);
}

static void refuse(struct waiting *waiting, enum vr_err err)
{
    waiting->err = waiting->refused == VR_OK ? err : waiting->refused;
    waiting->revision = 0;
}

/* Removals write pages too: they get the freed reserve of the disk, and the same again above the
 * map. */
static void write_removal(struct vr_journal *journal, struct waiting *waiting)
{
    enum vr_err err = vr_env_resize(journal->env, journal->space.bytes);

    if (err == VR_OK) {
        err = write_together(journal, &waiting, 1);
        if (vr_env_resize(journal->env, 0) != VR_OK) {
            vr_log(VR_LOG_WARN, "the map could not be made small again");
        }
    }
    if (err != VR_OK) {
        refuse(waiting, err);
    }
}

static void write_when_full(struct vr_journal *journal, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct waiting *waiting = journal->batch[i];

        waiting->err = waiting->refused;
        if (waiting->refused != VR_OK) {
            continue;
        }
        if (vr_commit_only_removes(waiting->commit)) {
            write_removal(journal, waiting);
        } else {
            refuse(waiting, VR_E_FULL);
        }
    }
}

/* Is there space again? Only once the reserve is held again, the map has a margin (without one the
 * state would flap), and a page has been written. */
static bool probe(struct vr_journal *journal)
{
    static const uint8_t page[4096];
    MDB_txn *txn;
    enum vr_err err;

    if (journal->env->env == NULL && vr_env_reopen(journal->env) != VR_OK) {
        return false;
    }
    if (vr_env_used_ratio(journal->env) > MAP_RATIO_AGAIN || !vr_space_hold(&journal->space)) {
        return false;
    }
    err = begin(journal, &txn);
    if (err != VR_OK) {
        return false;
    }
    err = vr_env_put(journal->env, txn, VR_TABLE_META, vr_bytes_of(PROBE_KEY),
                     vr_bytes(page, sizeof(page)));
    if (err != VR_OK) {
        mdb_txn_abort(txn);
        return false;
    }
    return finish(journal, txn) == VR_OK;
}

static void probe_when_due(struct vr_journal *journal)
{
    if (journal->full && now_us() >= journal->probe_at) {
        set_full(journal, !probe(journal));
    }
}

/* ---- the thread ---- */

static void write_batch(struct vr_journal *journal, size_t count)
{
    enum vr_err err;

    if (journal->full) {
        write_when_full(journal, count);
        return;
    }
    err = write_together(journal, journal->batch, count);
    for (size_t i = 0; err != VR_OK && err != VR_E_FULL && i < count; i++) {
        /* One of them cannot be written (too large, or on a damaged page): each for itself. */
        enum vr_err one = write_together(journal, &journal->batch[i], 1);

        if (one != VR_OK) {
            refuse(journal->batch[i], one);
        }
    }
    if (err == VR_E_FULL) {
        set_full(journal, true);
        write_when_full(journal, count);
    }
}

static void tell(struct vr_journal *journal, size_t count)
{
    vr_time_us now = now_us();

    pthread_mutex_lock(&journal->lock);
    for (size_t i = 0; i < count; i++) {
        vr_time_us took = now - journal->batch[i]->since;

        journal->stats.commits += journal->batch[i]->err == VR_OK;
        journal->stats.failed += journal->batch[i]->err != VR_OK;
        journal->stats.commit_us_last = took;
        if (took > journal->stats.commit_us_max) {
            journal->stats.commit_us_max = took;
        }
    }
    journal->stats.waiting -= count;
    pthread_mutex_unlock(&journal->lock);
    for (size_t i = 0; i < count; i++) {
        struct waiting *waiting = journal->batch[i];

        if (waiting->done != NULL) {
            waiting->done(waiting->ctx, waiting->ticket, waiting->err, waiting->revision);
        }
        vr_commit_free(waiting->commit);
        free(waiting);
    }
}

/* Under the lock. While full it wakes by itself, to probe. */
static void wait_for_work(struct vr_journal *journal)
{
    while (journal->first == NULL && !journal->closing) {
        if (!journal->full) {
            pthread_cond_wait(&journal->wake, &journal->lock);
        } else {
            vr_time_us left = journal->probe_at - now_us();
            struct timespec until;

            if (left <= 0) {
                return;
            }
            clock_gettime(CLOCK_MONOTONIC, &until);
            left += until.tv_nsec / 1000;
            until.tv_sec += left / 1000000;
            until.tv_nsec = left % 1000000 * 1000;
            pthread_cond_timedwait(&journal->wake, &journal->lock, &until);
        }
    }
}

static void *run(void *arg)
{
    struct vr_journal *journal = arg;

    if (!journal->space.held) {
        set_full(journal, true);
        journal->probe_at = 0;
    }
    for (;;) {
        size_t count;
        bool over;

        pthread_mutex_lock(&journal->lock);
        wait_for_work(journal);
        count = take_batch(journal);
        over = count == 0 && journal->closing;
        pthread_mutex_unlock(&journal->lock);
        if (over) {
            return NULL;
        }
        probe_when_due(journal);
        if (count > 0) {
            write_batch(journal, count);
            tell(journal, count);
        }
    }
}

enum vr_err vr_journal_open(struct vr_env *env, const struct vr_lmdb_conf *conf,
                            struct vr_journal **out)
{
    struct vr_journal *journal = calloc(1, sizeof(*journal));
    pthread_condattr_t attr;
    sigset_t all;
    sigset_t before;
    int rc;

    if (journal == NULL) {
        return VR_E_NO_MEMORY;
    }
    journal->env = env;
    journal->last = &journal->first;
    journal->queue_bytes_max =
        conf->queue_bytes_max == 0 ? QUEUE_BYTES_DEFAULT : conf->queue_bytes_max;
    vr_space_init(&journal->space, conf->folder,
                  conf->reserve_bytes == 0 ? RESERVE_BYTES_DEFAULT : conf->reserve_bytes);
    pthread_mutex_init(&journal->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&journal->wake, &attr);
    pthread_condattr_destroy(&attr);
    sigfillset(&all); /* signals are for the loops */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&journal->thread, NULL, run, journal);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        vr_space_deinit(&journal->space);
        free(journal);
        return VR_E_NO_MEMORY;
    }
    *out = journal;
    return VR_OK;
}

void vr_journal_close(struct vr_journal *journal)
{
    if (journal == NULL) {
        return;
    }
    pthread_mutex_lock(&journal->lock);
    journal->closing = true;
    pthread_cond_signal(&journal->wake);
    pthread_mutex_unlock(&journal->lock);
    pthread_join(journal->thread, NULL);
    pthread_cond_destroy(&journal->wake);
    pthread_mutex_destroy(&journal->lock);
    vr_space_deinit(&journal->space);
    free(journal);
}

void vr_journal_stats(struct vr_journal *journal, struct vr_records_stats *out)
{
    pthread_mutex_lock(&journal->lock);
    *out = journal->stats;
    pthread_mutex_unlock(&journal->lock);
}
