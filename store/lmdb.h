/* lmdb.h - the LMDB back end: one environment in a folder, one journal thread that groups commits.
 *
 * The journal takes what has gathered, writes it in one transaction, syncs, then tells each
 * commit's outcome; there is no second log. A check in a child process walks the file before it is
 * used, because a damaged one makes LMDB die of SIGSEGV or SIGBUS (measured). Out of space is EIO
 * as well as ENOSPC and MDB_MAP_FULL: reads go on, writes get VR_E_FULL until space is back,
 * without a restart. */
#ifndef VR_STORE_LMDB_H
#define VR_STORE_LMDB_H

#include "store/records.h"

struct vr_lmdb_conf {
    const char *folder;     /* exists; the file is made mode 0600 */
    size_t map_bytes;       /* address space, not disk; 0: 8 GiB */
    size_t reserve_bytes;   /* kept in a file that is freed when the disk is full; 0: 4 MiB */
    size_t queue_bytes_max; /* waiting commits beyond this are VR_E_BUSY; 0: 64 MiB */
    bool skip_check;        /* do not walk the file in a child first: whoever had it last served
                             * from it, or a test */
};

/** The check forks: open the store before threads of this process use it.
 *  Errors: VR_E_DAMAGED, with the way out in `why` (move the file aside or restore; which file,
 * which command); VR_E_EXISTS when another process has the folder, with its pid; VR_E_FULL when
 * there is not even space to open it; VR_E_CONFLICT when a newer version wrote it; VR_E_NOT_FOUND
 * when the folder can't be used. A visitor of vr_records_scan may read, but must not wait for a
 * commit. */
VR_MUST_CHECK enum vr_err vr_lmdb_open(const struct vr_lmdb_conf *conf, struct vr_records **out,
                                       struct vr_why *why);
/** Commits what waits, joins the thread, closes. */
void vr_lmdb_close(struct vr_records *records);

struct vr_salvage_counts {
    uint64_t kept;        /* records in the new file */
    uint64_t values_lost; /* found, but with a wrong checksum */
    uint64_t spots;       /* places where walking the file failed; what stood there is lost */
    char aside[96];       /* the damaged file's new name, inside the folder */
};

/** Copy each readable record with a sound checksum into a new data.mdb and keep the damaged one
 * beside it as data.mdb.damaged-<time>. Reading goes on in child processes, so that the file can't
 * crash the caller; run it from a process without threads. The old file stays in place until the
 * new one is whole.
 *
 *  Errors: VR_E_EXISTS when a process has the folder; VR_E_NOT_FOUND without a file; VR_E_FULL
 * without space for the copy; VR_E_DAMAGED when not one record could be read (then nothing has
 * changed). */
VR_MUST_CHECK enum vr_err vr_lmdb_salvage(const char *folder, struct vr_why *why,
                                          struct vr_salvage_counts *counts);

#endif
