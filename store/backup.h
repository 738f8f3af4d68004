/* backup.h - a consistent copy of the store, what a copy holds, and one room out of a copy.
 *
 * A copy is an LMDB file without free pages: one state between two transactions, while the node
 * writes on. It holds every secret of the node: files 0600, folders 0700. */
#ifndef VR_STORE_BACKUP_H
#define VR_STORE_BACKUP_H

#include "store/records.h"

/** Write a copy of the open store to the empty file `fd`. Takes as long as the store is large: any
 * thread but a loop's. `records` is LMDB's. Errors: VR_E_FULL; VR_E_BUSY, the store is being opened
 * anew: try again. */
VR_MUST_CHECK enum vr_err vr_lmdb_copy(struct vr_records *records, int fd, struct vr_why *why);

/** The same from folder/data.mdb, whether a node runs there or not. A child process reads: a
 * damaged file ends with VR_E_DAMAGED. From a process without threads. */
VR_MUST_CHECK enum vr_err vr_lmdb_copy_folder(const char *folder, int fd, struct vr_why *why);

struct vr_lmdb_counts {
    uint64_t rows[VR_TABLE_COUNT];
    uint32_t schema;
};

/** Walk folder/data.mdb as a start does, with every checksum, and count. Nobody may write there.
 * From a process without threads. Errors: VR_E_NOT_FOUND; VR_E_DAMAGED; VR_E_CONFLICT when a newer
 * version wrote it. */
VR_MUST_CHECK enum vr_err vr_lmdb_count(const char *folder, struct vr_lmdb_counts *out,
                                        struct vr_why *why);

/** How new the room is in the copy in `folder`: of several copies the highest (epoch, revision) is
 * the newest. VR_E_NOT_FOUND: it is not in it. From a process without threads. */
VR_MUST_CHECK enum vr_err vr_lmdb_find_room(const char *folder, struct vr_id room, uint64_t *epoch,
                                            uint64_t *revision, struct vr_why *why);

/** Put a room that is not there (any more) into the store of the folder `to`, as it is in the copy
 * in the folder `from`: settings, people, bans, roles, log, figures. What names its people is taken
 * from `to`: who was erased since then stays so. From a process without threads.
 *
 *  Errors: VR_E_NOT_FOUND, the copy has no such room; VR_E_EXISTS, the room is there, or a node
 * runs on `to`. Broken off, it can be run again: the room is only there once all of it is. */
VR_MUST_CHECK enum vr_err vr_lmdb_take_room(const char *from, const char *to, struct vr_id room,
                                            uint64_t *rows, struct vr_why *why);

#endif
