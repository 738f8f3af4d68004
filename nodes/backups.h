/* backups.h - the one copy of the store that is being fetched: a file without a name in the data
 * folder, which is gone when the process is. Who fetches slowly holds no reader of the store. */
#ifndef VR_NODES_BACKUPS_H
#define VR_NODES_BACKUPS_H

#include "actors/base/bytes.h"
#include "actors/base/clock.h"
#include "actors/base/ids.h"
#include "store/records.h"

struct vr_backups;

#define VR_BACKUP_PIECE ((size_t)512 * 1024)

struct vr_backup_made {
    struct vr_id id;
    uint64_t bytes;
    uint8_t sha256[32];
};

/** `records` is LMDB's, in `folder`; both are borrowed. NULL: memory is out. */
struct vr_backups *vr_backups_new(struct vr_records *records, const char *folder);
void vr_backups_free(struct vr_backups *backups); /* NULL is fine */

/** Make a copy; the one before goes. Long: a thread for it. Errors: VR_E_IN_PROGRESS while another
 * is made, or was read from within the last 30 s; VR_E_FULL when the disk has no room for it beside
 * what the store needs. */
VR_MUST_CHECK enum vr_err vr_backups_make(struct vr_backups *backups, vr_time_us now,
                                          struct vr_backup_made *out, struct vr_why *why);

/** Append at most VR_BACKUP_PIECE bytes from `offset` on; nothing at the end. Any thread.
 * VR_E_NOT_FOUND: there is no such copy (any more). */
VR_MUST_CHECK enum vr_err vr_backups_read(struct vr_backups *backups, struct vr_id id,
                                          uint64_t offset, vr_time_us now, struct vr_buf *out);

/** Give its space back. VR_E_NOT_FOUND. */
VR_MUST_CHECK enum vr_err vr_backups_drop(struct vr_backups *backups, struct vr_id id);
/** Drop a copy that nobody has read from since `before`; true while there is one. */
bool vr_backups_sweep(struct vr_backups *backups, vr_time_us before);

#endif
