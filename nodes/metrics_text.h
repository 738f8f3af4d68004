/* metrics_text.h - lines of Prometheus' text; every name begins with voiceroom_. */
#ifndef VR_NODES_METRICS_TEXT_H
#define VR_NODES_METRICS_TEXT_H

#include <inttypes.h>

#include "actors/base/bytes.h"

static inline void metrics_head(struct vr_buf *out, const char *name, const char *type,
                                const char *help)
{
    vr_buf_printf(out, "# HELP voiceroom_%s %s\n# TYPE voiceroom_%s %s\n", name, help, name, type);
}

static inline void metrics_counter(struct vr_buf *out, const char *name, const char *help,
                                   uint64_t value)
{
    metrics_head(out, name, "counter", help);
    vr_buf_printf(out, "voiceroom_%s %" PRIu64 "\n", name, value);
}

static inline void metrics_gauge(struct vr_buf *out, const char *name, const char *help,
                                 double value)
{
    metrics_head(out, name, "gauge", help);
    vr_buf_printf(out, "voiceroom_%s %.9g\n", name, value);
}

#endif
