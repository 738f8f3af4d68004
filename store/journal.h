/* journal.h - inside store/: the one thread that writes. It takes what has gathered while the last
 * transaction was being synced, writes that as one, and tells each commit's outcome in the order of
 * submission.
 *
 *     submit (any thread) --> queue --> [ check heads, write, sync ] --> done(ticket, err,
 * revision)
 *
 * A refused commit (fenced, stale) is found before its first write, so it can't hurt the others of
 * its transaction. A full map or disk refuses what adds, lets removals go on, and is tried again
 * every second. */
#ifndef VR_STORE_JOURNAL_H
#define VR_STORE_JOURNAL_H

#include "store/env.h"
#include "store/lmdb.h"

struct vr_journal;

/** Starts the thread; `env` must outlive it. */
VR_MUST_CHECK enum vr_err vr_journal_open(struct vr_env *env, const struct vr_lmdb_conf *conf,
                                          struct vr_journal **out);
/** Commits what waits, joins the thread. */
void vr_journal_close(struct vr_journal *journal);

uint64_t vr_journal_submit(struct vr_journal *journal, struct vr_commit *commit,
                           vr_committed_fn done, void *ctx);
void vr_journal_stats(struct vr_journal *journal, struct vr_records_stats *out);

#endif
