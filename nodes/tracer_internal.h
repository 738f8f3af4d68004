/* tracer_internal.h - what tracer.c and tracer_send.c share. */
#ifndef VR_NODES_TRACER_INTERNAL_H
#define VR_NODES_TRACER_INTERNAL_H

#include <stdatomic.h>

#include "nodes/tracer.h"

enum tracer_outcome { TRACER_TAKEN, TRACER_REFUSED, TRACER_FAILED };

struct tracer_post;

/** One connection to the collector, on the exporter's own thread. NULL: memory is out. */
struct tracer_post *tracer_post_new(const char *endpoint, const char *ca);
void tracer_post_free(struct tracer_post *post);
/** Waits for the answer, at most 5 s; once `over` is set, at most a second more. */
enum tracer_outcome tracer_post_send(struct tracer_post *post, struct vr_bytes body,
                                     const atomic_bool *over);

#endif
