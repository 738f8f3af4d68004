/* replicate_trace.c - what a traced commit waited for, as spans below the room's own: here, at the
 * in-sync node, in the directory. All three begin together. */
#include "cluster/copies.h"

static void record(const struct vr_tracing *tracing, const struct pending *pending,
                   const char *name, vr_time_us until)
{
    struct vr_span span;

    if (until != 0) {
        vr_span_below(tracing, &pending->trace, pending->since, &span);
        span.name = name;
        span.room = pending->room->id;
        vr_span_end(tracing, &span, until);
    }
}

void copy_trace(const struct cluster_copies *copies, const struct pending *pending)
{
    const struct vr_tracing *tracing = NULL;

    if (!vr_trace_on(&pending->trace)) {
        return;
    }
    tracing = vr_system_tracing(copies->cluster->system);
    if (tracing != NULL) {
        record(tracing, pending, "journal", pending->journaled_at);
        record(tracing, pending, "replicate", pending->confirmed_at);
        record(tracing, pending, "directory", pending->durable_at);
    }
}
