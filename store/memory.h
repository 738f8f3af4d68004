/* memory.h - the back end for simulations: everything in memory, commits land when `vr_memory_step`
 * says so, so that a seed decides their order and their failures. `vr_memory_crash` loses what has
 * not landed. */
#ifndef VR_STORE_MEMORY_H
#define VR_STORE_MEMORY_H

#include "store/records.h"

VR_MUST_CHECK enum vr_err vr_memory_new(struct vr_records **out);
void vr_memory_free(struct vr_records *records);
/** Land the oldest waiting commit with this outcome (VR_OK: written). False when none waits. */
bool vr_memory_step(struct vr_records *records, enum vr_err outcome);
/** Land everything at submit, at once, from the submitting thread: unit tests. */
void vr_memory_set_immediate(struct vr_records *records, bool immediate);
void vr_memory_crash(struct vr_records *records);
/** A digest over all content, for comparing runs. */
uint64_t vr_memory_digest(struct vr_records *records);

#endif
