/* journal.c - the queue and the thread. */
#include "store/journal.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "store/commit.h"
#include "store/writer.h"

#define BATCH_COUNT_MAX 4096
#define BATCH_BYTES_MAX ((size_t)8 * 1024 * 1024)
#define QUEUE_BYTES_DEFAULT ((size_t)64 * 1024 * 1024)
#define RESERVE_BYTES_DEFAULT ((size_t)4 * 1024 * 1024)

struct vr_journal {
    struct vr_env *env;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* Under the lock. */
    struct vr_waiting *first;
    struct vr_waiting **last;
    size_t bytes;
    uint64_t ticket_last;
    bool closing;
    struct vr_records_stats stats;
    /* The thread's own; the bound is never changed. */
    struct vr_writer writer;
    size_t queue_bytes_max;
    struct vr_waiting *batch[BATCH_COUNT_MAX];
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
    struct vr_waiting *waiting = calloc(1, sizeof(*waiting));
    struct vr_commit *unwanted = NULL;
    uint64_t ticket;

    if (waiting == NULL) {
        vr_commit_free(commit);
        return tell_no_memory(journal, done, ctx);
    }
    *waiting = (struct vr_waiting){.commit = commit, .done = done, .ctx = ctx, .since = now_us()};
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
        struct vr_waiting *waiting = journal->first;

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

/* ---- the thread ---- */

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
    journal->stats.transactions = journal->writer.transactions;
    journal->stats.full = journal->writer.full;
    pthread_mutex_unlock(&journal->lock);
    for (size_t i = 0; i < count; i++) {
        struct vr_waiting *waiting = journal->batch[i];

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
        if (!journal->writer.full) {
            pthread_cond_wait(&journal->wake, &journal->lock);
        } else {
            vr_time_us left = journal->writer.probe_at - now_us();
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
        vr_writer_probe(&journal->writer, now_us());
        if (count > 0) {
            vr_writer_write(&journal->writer, journal->batch, count);
        }
        tell(journal, count);
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
    vr_writer_init(&journal->writer, env, conf->folder,
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
        vr_writer_deinit(&journal->writer);
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
    vr_writer_deinit(&journal->writer);
    free(journal);
}

void vr_journal_stats(struct vr_journal *journal, struct vr_records_stats *out)
{
    pthread_mutex_lock(&journal->lock);
    *out = journal->stats;
    pthread_mutex_unlock(&journal->lock);
}
