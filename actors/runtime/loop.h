/* loop.h - the edge that runs a worker on a libuv loop and thread of its own.
 *
 * uv.h is kept out of this header: loops are handed around as the opaque struct uv_loop_s. */
#ifndef VR_RUNTIME_LOOP_H
#define VR_RUNTIME_LOOP_H

#include "actors/runtime/system.h"

struct uv_loop_s;
struct vr_loop;

/** What else lives on this loop. `opened` runs on the new thread before the first turn (open
 * sockets, h2o contexts); `before_wait` after each turn (flush batches), may be NULL; `closing`
 * when the loop was asked to stop: close every handle you opened, the loop ends when none is left.
 * A turn comes in each pass before the loop waits; prepare handles of yours run before it, so what
 * must follow a turn belongs into `before_wait`. */
struct vr_loop_hooks {
    enum vr_err (*opened)(void *ctx, struct vr_worker *worker, struct uv_loop_s *loop,
                          struct vr_why *why);
    void (*before_wait)(void *ctx, vr_time_us now);
    void (*closing)(void *ctx);
    void *ctx;
};

/** Start the thread; returns once `opened` has returned. Hooks are copied (NULL: none). On an error
 * the worker is closed (vr_worker_close); an `opened` that fails has closed what it opened,
 * `closing` is not called. */
VR_MUST_CHECK enum vr_err vr_loop_start(struct vr_worker *worker, const struct vr_loop_hooks *hooks,
                                        struct vr_loop **out, struct vr_why *why);
/** Ask to stop; any thread, also more than once, but not after the join. The loop closes its worker
 *  (vr_worker_close: actors, asks), then calls `closing`. */
void vr_loop_stop(struct vr_loop *loop);
/** Wait for the thread and free. */
void vr_loop_join(struct vr_loop *loop);

/** When the loop last ran a turn, on the system's clock; any thread. It does so once a second at
 * least, with or without work: an older time means that it hangs. */
vr_time_us vr_loop_ticked(const struct vr_loop *loop);

/** Largest lag between a timer's deadline and its run since the last call, in microseconds:
 * metrics. */
vr_time_us vr_loop_lag_take(struct vr_loop *loop);

#endif
