/* lmdb.h - the LMDB back end: one environment in a folder, one journal thread that groups commits.
 *
 * The journal takes what has gathered, writes it in one transaction, syncs, then tells each commit's
 * outcome; there is no second log. A check in a child process walks the file before it is used, because a
 * damaged one makes LMDB die of SIGSEGV or SIGBUS (measured). Out of space is EIO as well as
 * ENOSPC and MDB_MAP_FULL: reads go on, writes get VR_E_FULL until space is back, without a restart. */
#ifndef VR_STORE_LMDB_H
#define VR_STORE_LMDB_H

#include "store/records.h"

struct vr_lmdb_conf {
    const char *folder;        /* exists; the file is made mode 0600 */
    size_t map_bytes;          /* address space, not disk; 0: 8 GiB */
    size_t reserve_bytes;      /* kept in a file that is freed when the disk is full; 0: 4 MiB */
    size_t queue_bytes_max;    /* waiting commits beyond this are VR_E_BUSY; 0: 64 MiB */
    bool skip_check;           /* tests: do not walk the file in a child first */
};

/** Errors: VR_E_DAMAGED, with the way out in `why` (move the file aside or restore; which file, which
 *  command); VR_E_EXISTS when another process has the folder, with its pid. */
VR_MUST_CHECK enum vr_err vr_lmdb_open(const struct vr_lmdb_conf *conf, struct vr_records **out,
                                       struct vr_why *why);
/** Commits what waits, joins the thread, closes. */
void vr_lmdb_close(struct vr_records *records);

#endif
