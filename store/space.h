/* space.h - inside store/: blocks kept back for the hour when the disk is full.
 *
 * A file `reserve` with real blocks stands beside data.mdb. When a write finds no space it is cut
 * to nothing, so that removals, which write pages too, still go through. While it can't be made
 * again, nothing that adds may be written. */
#ifndef VR_STORE_SPACE_H
#define VR_STORE_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vr_space {
    int fd; /* of `reserve`; -1: none could be opened */
    size_t bytes;
    bool held;
};

/** Opens FOLDER/reserve and tries to fill it; a full disk is no error here, `held` is false then.
 */
void vr_space_init(struct vr_space *space, const char *folder, size_t bytes);
void vr_space_deinit(struct vr_space *space);

/** True when the blocks are held (again). */
bool vr_space_hold(struct vr_space *space);
void vr_space_free(struct vr_space *space);
/** What an ordinary process could still write there, for the log. */
uint64_t vr_space_left(const struct vr_space *space);

#endif
