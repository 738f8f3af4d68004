/* tracer.c - the queue of spans and the thread that empties it. */
#include "nodes/tracer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "nodes/metrics_text.h"
#include "nodes/otlp.h"
#include "nodes/tracer_internal.h"

#define QUEUE_MAX 4096
#define BATCH_MAX 512
#define GATHER VR_SECONDS(1) /* until a batch leaves that is not full */
#define WAIT_MIN VR_SECONDS(1)
#define WAIT_MAX VR_SECONDS(60)

struct vr_tracer {
    struct vr_tracer_conf conf;
    struct vr_tracing tracing;
    pthread_t thread;
    struct tracer_post *post; /* the thread's */
    atomic_bool over;
    atomic_uint_fast64_t sent, dropped, refused, failed;

    pthread_mutex_t lock; /* over the next ones */
    pthread_cond_t filled;
    struct vr_span *queue; /* a ring */
    size_t first, count;
};

static void record(void *ctx, const struct vr_span *span)
{
    struct vr_tracer *tracer = ctx;
    const struct vr_clock *clock = tracer->conf.clock;
    vr_time_us to_wall = clock->wall(clock->ctx) - clock->now(clock->ctx);
    bool wake = false;

    pthread_mutex_lock(&tracer->lock);
    if (tracer->count == QUEUE_MAX) {
        atomic_fetch_add(&tracer->dropped, 1);
    } else {
        struct vr_span *kept = &tracer->queue[(tracer->first + tracer->count++) % QUEUE_MAX];

        *kept = *span;
        kept->begun += to_wall;
        kept->ended += to_wall;
        wake = tracer->count == BATCH_MAX;
    }
    pthread_mutex_unlock(&tracer->lock);
    if (wake) {
        pthread_cond_signal(&tracer->filled);
    }
}

/* --- the thread --- */

/* Locked: until `wait` is over, or the node stops; with `batch` also until there is a full one. */
static void rest(struct vr_tracer *tracer, vr_time_us wait, bool batch)
{
    struct timespec until;
    int err = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait / VR_SECONDS(1);
    until.tv_nsec += (long)(wait % VR_SECONDS(1)) * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (err != ETIMEDOUT && !atomic_load(&tracer->over) &&
           !(batch && tracer->count >= BATCH_MAX)) {
        err = pthread_cond_timedwait(&tracer->filled, &tracer->lock, &until);
    }
}

/* Locked: the first spans of the queue, which stay in it. */
static size_t look(const struct vr_tracer *tracer, struct vr_span *out)
{
    size_t count = tracer->count < BATCH_MAX ? tracer->count : BATCH_MAX;

    for (size_t i = 0; i < count; i++) {
        out[i] = tracer->queue[(tracer->first + i) % QUEUE_MAX];
    }
    return count;
}

static enum tracer_outcome send_batch(struct vr_tracer *tracer, const struct vr_span *spans,
                                      size_t count)
{
    const struct vr_otlp_source source = {.node = tracer->conf.node, .version = VR_VERSION};
    enum tracer_outcome outcome = TRACER_FAILED;
    struct vr_buf body = {0};

    vr_otlp_write(&source, spans, count, &body);
    if (!body.failed) {
        outcome = tracer_post_send(tracer->post, vr_buf_bytes(&body), &tracer->over);
    }
    vr_buf_deinit(&body);
    switch (outcome) {
    case TRACER_TAKEN:
        atomic_fetch_add(&tracer->sent, count);
        break;
    case TRACER_REFUSED:
        atomic_fetch_add(&tracer->refused, count);
        break;
    case TRACER_FAILED:
        atomic_fetch_add(&tracer->failed, 1);
        break;
    }
    return outcome;
}

static vr_time_us next_wait(vr_time_us wait)
{
    if (wait == 0) {
        return WAIT_MIN;
    }
    return wait * 2 < WAIT_MAX ? wait * 2 : WAIT_MAX;
}

/* A batch leaves the queue when the collector has it, or will never take it. */
static void *tracer_run(void *arg)
{
    struct vr_tracer *tracer = arg;
    struct vr_span *spans = calloc(BATCH_MAX, sizeof(*spans));
    vr_time_us wait = GATHER;
    bool failed = false;

    pthread_mutex_lock(&tracer->lock);
    while (spans != NULL) {
        bool last = atomic_load(&tracer->over);
        size_t count;

        if (!last) {
            rest(tracer, wait, !failed);
        }
        count = look(tracer, spans);
        if (count == 0 && last) {
            break;
        }
        if (count > 0) {
            enum tracer_outcome outcome;
            bool before = failed;

            pthread_mutex_unlock(&tracer->lock);
            outcome = send_batch(tracer, spans, count);
            pthread_mutex_lock(&tracer->lock);
            failed = outcome == TRACER_FAILED;
            wait = !failed ? GATHER : next_wait(before ? wait : 0);
            if (!failed) {
                tracer->first = (tracer->first + count) % QUEUE_MAX;
                tracer->count -= count;
            } else if (last) {
                break;
            }
        }
    }
    pthread_mutex_unlock(&tracer->lock);
    free(spans);
    return NULL;
}

/* --- its life --- */

static bool primitives_init(struct vr_tracer *tracer)
{
    pthread_condattr_t attributes;

    if (pthread_mutex_init(&tracer->lock, NULL) != 0) {
        return false;
    }
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&tracer->filled, &attributes);
    pthread_condattr_destroy(&attributes);
    return true;
}

enum vr_err vr_tracer_new(const struct vr_tracer_conf *conf, struct vr_tracer **out)
{
    struct vr_tracer *tracer = calloc(1, sizeof(*tracer));

    *out = NULL;
    if (tracer == NULL || !primitives_init(tracer)) {
        free(tracer);
        return VR_E_NO_MEMORY;
    }
    tracer->conf = *conf;
    tracer->tracing = (struct vr_tracing){record, tracer, conf->random, conf->share};
    tracer->queue = calloc(QUEUE_MAX, sizeof(*tracer->queue));
    tracer->post = tracer_post_new(conf->endpoint, conf->ca);
    if (tracer->queue == NULL || tracer->post == NULL ||
        pthread_create(&tracer->thread, NULL, tracer_run, tracer) != 0) {
        tracer_post_free(tracer->post);
        free(tracer->queue);
        pthread_cond_destroy(&tracer->filled);
        pthread_mutex_destroy(&tracer->lock);
        free(tracer);
        return VR_E_NO_MEMORY;
    }
    *out = tracer;
    return VR_OK;
}

void vr_tracer_free(struct vr_tracer *tracer)
{
    if (tracer == NULL) {
        return;
    }
    pthread_mutex_lock(&tracer->lock); /* or the thread might look at it before, and wait after */
    atomic_store(&tracer->over, true);
    pthread_cond_signal(&tracer->filled);
    pthread_mutex_unlock(&tracer->lock);
    pthread_join(tracer->thread, NULL);
    tracer_post_free(tracer->post);
    free(tracer->queue);
    pthread_cond_destroy(&tracer->filled);
    pthread_mutex_destroy(&tracer->lock);
    free(tracer);
}

const struct vr_tracing *vr_tracer_tracing(const struct vr_tracer *tracer)
{
    return tracer == NULL ? NULL : &tracer->tracing;
}

void vr_tracer_stats(struct vr_tracer *tracer, struct vr_tracer_stats *out)
{
    *out = (struct vr_tracer_stats){0};
    if (tracer == NULL) {
        return;
    }
    out->sent = atomic_load(&tracer->sent);
    out->dropped = atomic_load(&tracer->dropped);
    out->refused = atomic_load(&tracer->refused);
    out->failed = atomic_load(&tracer->failed);
    pthread_mutex_lock(&tracer->lock);
    out->waiting = tracer->count;
    pthread_mutex_unlock(&tracer->lock);
}

void vr_tracer_metrics_write(struct vr_tracer *tracer, struct vr_buf *out)
{
    struct vr_tracer_stats stats;

    vr_tracer_stats(tracer, &stats);
    metrics_head(out, "trace_spans_total", "counter", "Spans of traces, by what became of them.");
    vr_buf_printf(out, "voiceroom_trace_spans_total{outcome=\"sent\"} %" PRIu64 "\n", stats.sent);
    vr_buf_printf(out, "voiceroom_trace_spans_total{outcome=\"dropped\"} %" PRIu64 "\n",
                  stats.dropped);
    vr_buf_printf(out, "voiceroom_trace_spans_total{outcome=\"refused\"} %" PRIu64 "\n",
                  stats.refused);
    metrics_counter(out, "trace_export_failed_total", "Attempts to send spans that failed.",
                    stats.failed);
    metrics_gauge(out, "trace_spans_waiting", "Spans that wait to be sent.", (double)stats.waiting);
}
