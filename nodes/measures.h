/* measures.h - what a node's parts have counted, gathered for /metrics. */
#ifndef VR_NODES_MEASURES_H
#define VR_NODES_MEASURES_H

#include "actors/media/engine.h"
#include "actors/runtime/system.h"
#include "actors/session/session.h"
#include "nodes/certificate.h"
#include "nodes/lobby.h"
#include "nodes/media_port.h"
#include "nodes/sender.h"
#include "store/records.h"

struct vr_node;

#define VR_WORKERS_MAX 65

struct vr_measures {
    struct vr_engine_stats media; /* summed over the media workers */
    struct vr_media_port_stats ports;
    struct vr_runtime_stats runtime;
    struct vr_records_stats store;
    struct vr_lobby_totals lobby;
    struct vr_sender_stats webhooks;
    uint32_t worker_count;
    struct {
        enum vr_worker_kind kind;
        uint32_t index;
        vr_time_us lag; /* largest since it was asked last */
    } workers[VR_WORKERS_MAX];
    struct vr_sessions_door door;
    struct vr_certificate_stats certificate;
    bool ready;
};

/** Any thread. Takes the lags: the next call begins anew. */
void vr_node_measure(struct vr_node *node, struct vr_measures *out);

#endif
