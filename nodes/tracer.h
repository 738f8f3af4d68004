/* tracer.h - where a node's spans go: a bounded queue, and a thread that sends what has gathered
 * to a collector (OTLP over HTTP, JSON).
 *
 * Recording copies into the queue under a lock that is held for no longer than a copy; a full queue
 * drops, counted. Nothing waits for the collector: while it does not answer the thread tries again
 * after 1 s, then twice as long each time, up to a minute. libcurl is used in tracer_send.c only.
 */
#ifndef VR_NODES_TRACER_H
#define VR_NODES_TRACER_H

#include "actors/base/trace.h"

struct vr_tracer;

struct vr_tracer_conf {
    const char *endpoint; /* http:// or https://; borrowed, as the next two */
    const char *ca;       /* PEM file; "": the machine's */
    const char *node;
    const struct vr_clock *clock;
    const struct vr_random *random; /* any thread's */
    uint32_t share;                 /* as in vr_tracing */
};

/** Starts the thread. */
VR_MUST_CHECK enum vr_err vr_tracer_new(const struct vr_tracer_conf *conf, struct vr_tracer **out);
/** Sends what is left, for at most a second; then the thread ends. After all who record. NULL is
 * fine. */
void vr_tracer_free(struct vr_tracer *tracer);
/** For who records; NULL for NULL. Good until vr_tracer_free. */
const struct vr_tracing *vr_tracer_tracing(const struct vr_tracer *tracer);

struct vr_tracer_stats {
    uint64_t sent;    /* spans that the collector took */
    uint64_t dropped; /* the queue was full */
    uint64_t refused; /* the collector would never take them (4xx) */
    uint64_t failed;  /* attempts to send */
    uint64_t waiting;
};
/** Any thread. NULL: zeros. */
void vr_tracer_stats(struct vr_tracer *tracer, struct vr_tracer_stats *out);
void vr_tracer_metrics_write(struct vr_tracer *tracer, struct vr_buf *out);

#endif
