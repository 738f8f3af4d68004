/* trace.h - who called whom, over threads and nodes: W3C trace contexts, and spans.
 *
 * A request that is traced carries a context (struct vr_trace) in what it sends on; whoever works
 * for it records a span: how long, and for whom. Without tracing there is no struct vr_tracing, and
 * a context is all zero: one branch. Spans name nobody: no user, token or address.
 *
 * Spec: W3C Trace Context, 3.2 (traceparent). Pure but for vr_tracing.record, which nodes/tracer.h
 * fills in. */
#ifndef VR_BASE_TRACE_H
#define VR_BASE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/clock.h"
#include "actors/base/err.h"
#include "actors/base/ids.h"
#include "actors/base/random.h"

#define VR_TRACEPARENT_TEXT 56 /* "00-<32 hex>-<16 hex>-01" and the 0 */

/** A trace, and the span in it for which one works. All zero: not traced. */
struct vr_trace {
    uint8_t id[16];
    uint8_t span[8];
};

static inline bool vr_trace_on(const struct vr_trace *trace)
{
    return (vr_get64(trace->id) | vr_get64(trace->id + 8)) != 0;
}

/** A traceparent of this version or a later one. False: not one, to be ignored; `out` is zero.
 * `sampled`: whoever called records his part, and so should we. */
bool vr_traceparent_read(struct vr_bytes text, struct vr_trace *out, bool *sampled);
/** Version 00, sampled. */
void vr_traceparent_write(const struct vr_trace *trace, char out[VR_TRACEPARENT_TEXT]);

/** The numbers are OTLP's. */
enum vr_span_kind { VR_SPAN_INTERNAL = 1, VR_SPAN_SERVER = 2, VR_SPAN_CLIENT = 3 };

#define VR_SPAN_UNKNOWN ((vr_time_us)-1) /* of a part that there was not */

struct vr_span {
    struct vr_trace trace; /* its own id is trace.span */
    uint8_t parent[8];     /* zero: the trace begins here */
    enum vr_span_kind kind;
    const char *name;   /* of static storage, as the next one: a route's pattern, a command */
    const char *method; /* of HTTP; NULL: it is no request of HTTP */
    int status;         /* of HTTP */
    enum vr_err err;    /* of a command */
    struct vr_id room;  /* zero: none */
    vr_time_us begun, ended;
    vr_time_us queue;  /* until somebody looked at it */
    vr_time_us gates;  /* until closed gates were confirmed */
    vr_time_us commit; /* until it was journaled, and replicated */
};

/** What a node hands to who records. */
struct vr_tracing {
    /** Any thread; copies. Times are the monotonic clock's. */
    void (*record)(void *ctx, const struct vr_span *span);
    void *ctx;
    const struct vr_random *random;
    uint32_t share; /* of what comes without a traceparent: in 2^32 parts, UINT32_MAX: all */
};

/** The first span of a node for something that came in. Not traced (`tracing` NULL, the caller says
 * no, or none of the share): `out->trace` is zero. `traceparent` may be "". */
void vr_span_begin(const struct vr_tracing *tracing, const char *traceparent, vr_time_us now,
                   struct vr_span *out);
/** A span below `parent`, which is on. */
void vr_span_below(const struct vr_tracing *tracing, const struct vr_trace *parent, vr_time_us now,
                   struct vr_span *out);
/** Record it, when it is on. */
void vr_span_end(const struct vr_tracing *tracing, struct vr_span *span, vr_time_us now);

#endif
