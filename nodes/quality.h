/* quality.h - what clients measured of their sound (room:quality), gathered for /metrics and for a
 * room's analytics.
 *
 * A client may say what it likes: a value counts only inside the bounds of its kind, and nothing is
 * decided by it. Kept in memory of this node only, for the rooms heard of last; no person is
 * kept. Thread-safe. */
#ifndef VR_NODES_QUALITY_H
#define VR_NODES_QUALITY_H

#include <stdbool.h>

#include "actors/base/bytes.h"
#include "actors/base/ids.h"

#define VR_QUALITY_ROOMS_MAX 1024 /* of 150 bytes each; the one heard of longest ago makes room */

struct vr_quality;

struct vr_quality *vr_quality_new(void); /* NULL: memory is out */
void vr_quality_free(struct vr_quality *quality);

/** One report, a JSON object as docs/protocol.md "Quality reports" has it. What is no number, out
 * of bounds or unknown is left out. */
void vr_quality_take(struct vr_quality *quality, struct vr_id room, struct vr_bytes report);

/** {"join_ms":{"count":3,"mean":80,"max":120},...}: the measures that the room's clients sent. */
void vr_quality_room_write(struct vr_quality *quality, struct vr_id room, struct vr_buf *out);

/** Histograms voiceroom_client_*, over all rooms since the node's start. */
void vr_quality_metrics_write(struct vr_quality *quality, struct vr_buf *out);

#endif
