/* apply.h - inside store/: one commit's operations into an open write transaction. */
#ifndef VR_STORE_APPLY_H
#define VR_STORE_APPLY_H

#include "store/env.h"

/** Judge the head, then write. VR_E_FENCED and VR_E_STALE: nothing was written. Any other error:
 * the transaction must be aborted. */
VR_MUST_CHECK enum vr_err vr_apply(struct vr_env *env, MDB_txn *txn, const struct vr_commit *commit,
                                   uint64_t *revision);

/** Has it removals only? Those are let through when the disk is full. */
bool vr_commit_only_removes(const struct vr_commit *commit);

#endif
