/* directory.h - who is alive and who owns which room: an interface, with a local back end.
 *
 * In a cluster the back end will be etcd (leases, fenced keys). On one node the local one makes
 * epochs of two numbers:
 *
 *     epoch = generation << 32 | count
 *
 * The generation is durable, raised by one commit each time a directory is made (once in a
 * process's life); the count is in memory and grows with each take. So every take gives a higher
 * epoch than all before it, a restarted node never writes in an old one, and taking a room waits
 * for no disk. 32 bits for the count keep an epoch exact in a JavaScript number for two million
 * restarts; VR_E_FULL after 2^32 takes in one life. */
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
    /** Take a room that nobody owns, or that this node owns already. VR_E_CONFLICT: another owner,
     * in `out`. */
    enum vr_err (*take)(struct vr_directory *directory, struct vr_id room, struct vr_owner *out);
    enum vr_err (*find)(struct vr_directory *directory, struct vr_id room, struct vr_owner *out);
    void (*release)(struct vr_directory *directory, struct vr_id room);
    uint32_t (*self)(struct vr_directory *directory);
    void (*free)(struct vr_directory *directory);
};
struct vr_directory {
    const struct vr_directory_ops *ops;
};

/** Raises the generation: waits for one commit, so at start only, never on a loop. Borrows
 * `records` for this call alone; the directory is thread-safe afterwards, and each call of it is
 * quick. Errors: those of the store, VR_E_DAMAGED (no guess is made: an epoch too low would be
 * refused for ever, or worse, not refused); VR_E_FULL when 2^32 generations are used up;
 * VR_E_NO_MEMORY. */
VR_MUST_CHECK enum vr_err vr_directory_local_new(struct vr_records *records,
                                                 struct vr_directory **out);
/** The same in two steps, so that what needs no rooms can start while the disk works: nothing is
 * taken before the second one said VR_OK, and `records` is borrowed until then. */
VR_MUST_CHECK enum vr_err vr_directory_local_start(struct vr_records *records,
                                                   struct vr_directory **out);
VR_MUST_CHECK enum vr_err vr_directory_local_wait(struct vr_directory *directory);
void vr_directory_free(struct vr_directory *directory);
/** As in the table above. Taking again what one owns raises the epoch too: what the former life of
 * the room's actor has under way is fenced by the first commit in the new one. */
VR_MUST_CHECK enum vr_err vr_directory_take(struct vr_directory *directory, struct vr_id room,
                                            struct vr_owner *out);
/** VR_E_NOT_FOUND: nobody owns it now. */
VR_MUST_CHECK enum vr_err vr_directory_find(struct vr_directory *directory, struct vr_id room,
                                            struct vr_owner *out);
void vr_directory_release(struct vr_directory *directory, struct vr_id room);
uint32_t vr_directory_self(struct vr_directory *directory);

#endif
