/* inspect.h - inside store/: looking into a data file that may be damaged, from a child process.
 *
 * LMDB has no checksums of pages and follows whatever numbers stand in them: a damaged file makes
 * it die of SIGSEGV or SIGBUS, or turn in circles. So a forked child does the walking, with its
 * time bounded, and tells through a pipe what it found; what happens to it can't happen to us. */
#ifndef VR_STORE_INSPECT_H
#define VR_STORE_INSPECT_H

#include <lmdb.h>
#include <sys/types.h>

#include "store/records.h"

/** Runs `work(fd, ctx)` in a child and gives the reading end of the pipe that `fd` writes. The
 * child gets no crash handlers, no core file, and SIGALRM after `seconds`. Call it before threads
 * use the store: the child has only the calling thread. -1 when there is no process to be had. */
pid_t vr_inspect_fork(void (*work)(int fd, void *ctx), void *ctx, unsigned seconds,
                      int *from_child);
/** Closes the pipe and takes the child's end; true when it ended by itself and well. */
bool vr_inspect_wait(pid_t child, int from_child);

/** A read-only view without locks, for children only. Not all tables need exist: missing ones are
 * `absent`. */
struct vr_inspect {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi tables[VR_TABLE_COUNT];
    bool absent[VR_TABLE_COUNT];
};
/** The LMDB result code, 0 when open. */
int vr_inspect_open(struct vr_inspect *inspect, const char *folder);

/** write(2) and read(2) until all is moved; false at the end or an error. */
bool vr_inspect_write(int fd, const void *data, size_t size);
bool vr_inspect_read(int fd, void *data, size_t size);

/** The check at start: walk all tables, compare checksums and the order of keys, and look over the
 * list of free pages. VR_E_DAMAGED with what to do; VR_OK when there is no file yet. */
VR_MUST_CHECK enum vr_err vr_inspect_check(const char *folder, struct vr_why *why);

#endif
