/* otlp.h - spans as OTLP/JSON (opentelemetry-proto 1.x, ExportTraceServiceRequest). Pure.
 *
 * Ids are hexadecimal, 64-bit numbers are strings: what the specification asks of its JSON form. */
#ifndef VR_NODES_OTLP_H
#define VR_NODES_OTLP_H

#include <stddef.h>

#include "actors/base/trace.h"

/** Who records: the resource of all spans. */
struct vr_otlp_source {
    const char *node;
    const char *version;
};

/** One request's body, appended. Times of `spans` are wall time here. */
void vr_otlp_write(const struct vr_otlp_source *source, const struct vr_span *spans, size_t count,
                   struct vr_buf *out);

#endif
