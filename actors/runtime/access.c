/* access.c - what a system and its workers tell about themselves. */
#include "actors/base/assert.h"
#include "actors/runtime/internal.h"

struct vr_worker *vr_system_worker(struct vr_system *system, enum vr_worker_kind kind,
                                   uint32_t index)
{
    uint32_t before = 0; /* control workers, media workers, the cluster worker */

    vr_assert(index < vr_system_worker_count(system, kind));
    if (kind != VR_WORKER_CONTROL) {
        before += system->conf.control_workers;
    }
    if (kind == VR_WORKER_CLUSTER) {
        before += system->conf.media_workers;
    }
    return &system->workers[before + index];
}

uint32_t vr_system_worker_count(const struct vr_system *system, enum vr_worker_kind kind)
{
    switch (kind) {
    case VR_WORKER_MEDIA:
        return system->conf.media_workers;
    case VR_WORKER_CLUSTER:
        return system->conf.cluster_workers;
    case VR_WORKER_CONTROL:
        break;
    }
    return system->conf.control_workers;
}

struct vr_system *vr_worker_system(const struct vr_worker *worker)
{
    return worker->system;
}

uint32_t vr_worker_index(const struct vr_worker *worker)
{
    return worker->index;
}

enum vr_worker_kind vr_worker_kind(const struct vr_worker *worker)
{
    return worker->kind;
}

void vr_worker_set_wake(struct vr_worker *worker, void (*wake)(void *ctx), void *ctx)
{
    /* Other workers may turn already, and send to this one: the function shows that its ctx is
     * there. */
    if (wake != NULL) {
        worker->wake_ctx = ctx;
    }
    __atomic_store_n(&worker->wake, wake, __ATOMIC_RELEASE);
}

void vr_worker_set_context(struct vr_worker *worker, void *context)
{
    worker->context = context;
}

void *vr_worker_context(const struct vr_worker *worker)
{
    return worker->context;
}

void *vr_system_context(const struct vr_system *system)
{
    return system->conf.node_context;
}

const struct vr_clock *vr_system_clock(const struct vr_system *system)
{
    return system->conf.clock;
}

const struct vr_random *vr_system_random(const struct vr_system *system)
{
    return system->conf.random;
}

struct vr_records *vr_system_records(const struct vr_system *system)
{
    return system->conf.records;
}

const struct vr_tracing *vr_system_tracing(const struct vr_system *system)
{
    return system->conf.tracing;
}

uint32_t vr_system_node(const struct vr_system *system)
{
    return system->conf.node;
}

vr_time_us vr_system_media_lag(const struct vr_system *system, vr_time_us now)
{
    vr_time_us worst = 0;

    for (uint32_t i = 0; i < system->conf.media_workers; i++) {
        const struct vr_worker *worker = &system->workers[system->conf.control_workers + i];
        vr_time_us lag = vr_worker_lag_recent(worker, now);

        worst = lag > worst ? lag : worst;
    }
    return worst;
}
