/* salvage_walk.h - inside store/: every readable row of one table of a damaged file, past its
 * damaged spots.
 *
 * Children walk and send rows; where one dies, the next starts behind the spot: at the last key
 * seen with its last byte counted up, then the byte before, and so on, until a page can be read
 * again. From there another walks backward to the spot, and one from the table's end, so that
 * little more than the bad pages is lost. */
#ifndef VR_STORE_SALVAGE_WALK_H
#define VR_STORE_SALVAGE_WALK_H

#include "store/lmdb.h"

struct vr_salvage_walk {
    const char *folder; /* of the damaged data.mdb; it is only read */
    /** One row whose checksum holds; may be given twice. An error ends the walk. */
    enum vr_err (*keep)(void *ctx, enum vr_table table, struct vr_bytes key, struct vr_bytes value);
    void *ctx;
    struct vr_salvage_counts *counts; /* spots and values that were lost are counted here */
    unsigned children_left;           /* how many may still be started */
};

/** Only errors of `keep`, and VR_E_NO_MEMORY when no process is to be had; damage is no error here.
 */
VR_MUST_CHECK enum vr_err vr_salvage_table(struct vr_salvage_walk *walk, enum vr_table table);

/** Can the file be opened at all (in a child)? */
bool vr_salvage_opens(const char *folder);

#endif
