/* metrics.h - what /metrics says (Prometheus text). Prefix voiceroom_, base units, never a room or
 * user label. Counters here are atomic: any thread may count, any may write. */
#ifndef VR_NODES_METRICS_H
#define VR_NODES_METRICS_H

#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/clock.h"

struct vr_metrics;
struct vr_node;
struct vr_route;

struct vr_quality;

struct vr_metrics *vr_metrics_new(void); /* NULL: memory is out */
void vr_metrics_free(struct vr_metrics *metrics);

/** Before the first request: which routes will be counted. At most 128 in all. */
void vr_metrics_routes(struct vr_metrics *metrics, const struct vr_route *routes, size_t count);
/** `route` NULL: a path that no route knows, or a file. */
void vr_metrics_request(struct vr_metrics *metrics, const struct vr_route *route, int status,
                        vr_time_us took);
void vr_metrics_ws_opened(struct vr_metrics *metrics);
void vr_metrics_ws_closed(struct vr_metrics *metrics,
                          uint16_t code); /* 4008 counts as backpressure */
/** From the join's arrival to its answer, sent ones only. */
void vr_metrics_join(struct vr_metrics *metrics, vr_time_us took);
void vr_metrics_join_refused(struct vr_metrics *metrics);

/** What clients measured of their sound; lives as long as the metrics. */
struct vr_quality *vr_metrics_quality(struct vr_metrics *metrics);

/** Everything, the node's parts included (`node` may be NULL: HTTP only). */
void vr_metrics_write(struct vr_metrics *metrics, struct vr_node *node, struct vr_buf *out);

#endif
