/* chores.h - one thread for work that takes long and touches no loop: walks over the whole store,
 * and retention of the audit logs. Jobs run one after another. */
#ifndef VR_NODES_CHORES_H
#define VR_NODES_CHORES_H

#include <stdbool.h>

#include "store/records.h"

struct vr_chores;

/** `audit_keep`: audit entries older than this go, once an hour; 0: never. */
VR_MUST_CHECK enum vr_err vr_chores_new(struct vr_records *records, vr_time_us audit_keep,
                                        struct vr_chores **out);
/** Runs what is queued, then ends the thread. NULL is fine. */
void vr_chores_free(struct vr_chores *chores);

/** Run `job` on the thread. Any thread. False: 64 wait already, or memory is out. */
VR_MUST_CHECK bool vr_chores_do(struct vr_chores *chores, void (*job)(void *ctx), void *ctx);

/** What the thread does each hour, at once; the number of entries that went. For tests. */
uint64_t vr_chores_retire(struct vr_records *records, vr_time_us before);

#endif
