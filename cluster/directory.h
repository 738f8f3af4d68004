/* directory.h - who is alive and who owns which room: an interface, with a local back end.
 *
 * In a cluster the back end will be etcd (leases, fenced keys). On one node the local one counts epochs in the
 * store: every take raises the room's epoch, so a restarted node never writes in an old one. */
#ifndef VR_CLUSTER_DIRECTORY_H
#define VR_CLUSTER_DIRECTORY_H

#include <stdbool.h>

#include "actors/base/err.h"
#include "actors/base/ids.h"

struct vr_directory;
struct vr_records;

struct vr_owner {
    uint32_t node;
    uint64_t epoch; /* (generation, revision) folded; grows with each change of owner */
};

struct vr_directory_ops {
    /** Take a room that nobody owns, or that this node owns already. VR_E_CONFLICT: another owner, in `out`. */
    enum vr_err (*take)(struct vr_directory *directory, struct vr_id room, struct vr_owner *out);
    enum vr_err (*find)(struct vr_directory *directory, struct vr_id room, struct vr_owner *out);
    void (*release)(struct vr_directory *directory, struct vr_id room);
    uint32_t (*self)(struct vr_directory *directory);
    void (*free)(struct vr_directory *directory);
};
struct vr_directory {
    const struct vr_directory_ops *ops;
};

/** Thread-safe. Borrows `records`. */
VR_MUST_CHECK enum vr_err vr_directory_local_new(struct vr_records *records, struct vr_directory **out);
void vr_directory_free(struct vr_directory *directory);
VR_MUST_CHECK enum vr_err vr_directory_take(struct vr_directory *directory, struct vr_id room, struct vr_owner *out);
VR_MUST_CHECK enum vr_err vr_directory_find(struct vr_directory *directory, struct vr_id room, struct vr_owner *out);
void vr_directory_release(struct vr_directory *directory, struct vr_id room);
uint32_t vr_directory_self(struct vr_directory *directory);

#endif
