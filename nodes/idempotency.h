/* idempotency.h - Idempotency-Key: the answer of a creation is kept for a day and given again.
 * Thread-safe.
 *
 * A slot is the hash of key and identity; what was asked is compared by its fingerprint. */
#ifndef VR_NODES_IDEMPOTENCY_H
#define VR_NODES_IDEMPOTENCY_H

#include "store/records.h"

struct vr_idempotency;

#define VR_SLOT_BYTES 32

VR_MUST_CHECK enum vr_err vr_idempotency_new(struct vr_records *records,
                                             const struct vr_clock *clock,
                                             struct vr_idempotency **out);
void vr_idempotency_free(struct vr_idempotency *table);
/** Remove rows whose day is over, looking at a bounded number; true: not at the end yet, go on.
 *  From one thread only. */
bool vr_idempotency_sweep(struct vr_idempotency *table);

/** VR_OK: not seen yet; it is running from now on. VR_E_EXISTS: its answer is appended to `answer`.
 *  VR_E_IN_PROGRESS; VR_E_KEY_REUSED: another request; VR_E_BUSY: too many are running. */
VR_MUST_CHECK enum vr_err vr_idempotency_begin(struct vr_idempotency *table, const uint8_t slot[32],
                                               const uint8_t fingerprint[32],
                                               struct vr_buf *answer);
/** Keep the answer; `done` on the journal's thread, when it is durable or refused. Ends the
 * running. */
void vr_idempotency_finish(struct vr_idempotency *table, const uint8_t slot[32],
                           const uint8_t fingerprint[32], struct vr_bytes answer,
                           vr_committed_fn done, void *ctx);
/** It failed on our side: may be tried again. */
void vr_idempotency_drop(struct vr_idempotency *table, const uint8_t slot[32]);

#endif
