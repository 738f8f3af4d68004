/* commit.h - how a commit's operations lie in its buffer, and who may write a room: for the back
 * ends here, and for the records of a cluster, which send operations to other nodes.
 *
 *     0      1       2          4           8
 *     | kind | table | key size | value size | key ... | value ... |     one operation
 *
 * The highest bit of the kind says durable. All back ends read operations through the cursor here,
 * so that they can't differ in what they accept. */
#ifndef VR_STORE_COMMIT_H
#define VR_STORE_COMMIT_H

#include "store/records.h"

enum vr_op_kind { VR_OP_PUT = 1, VR_OP_REMOVE = 2, VR_OP_REMOVE_PREFIX = 3 };

/** One operation; key and value are borrowed from the commit. */
struct vr_op {
    enum vr_op_kind kind;
    enum vr_table table;
    struct vr_bytes key;
    struct vr_bytes value;
    bool durable;
};

/** What stands in the row of a room in the heads table. */
struct vr_head {
    uint64_t epoch;
    uint64_t revision;
};
#define VR_HEAD_BYTES 16

/** Takes the next operation off the front of `rest`. False at the end, or, with `*bad` set, at
 * bytes that are no operation (unknown kind or table, sizes beyond the limits, cut short). */
bool vr_op_next(struct vr_bytes *rest, struct vr_op *op, bool *bad);

/** The operations as bytes: what vr_op_next walks and another node gets. Borrowed from `commit`. */
struct vr_bytes vr_commit_ops(const struct vr_commit *commit);

/** A commit from another node's operations: bytes from outside. They may write what belongs to
 * `room` (its rows, users' keys, reports, the outbox), nothing else; those of no room (zero) only
 * what all nodes share. Errors: VR_E_BAD_WIRE, VR_E_NO_MEMORY; then `*out` is NULL. */
VR_MUST_CHECK enum vr_err vr_commit_from_ops(struct vr_id room, uint64_t epoch, uint64_t expected,
                                             uint64_t expected_epoch, struct vr_bytes ops,
                                             struct vr_commit **out);

/** Adds an operation as it stands. */
void vr_commit_add(struct vr_commit *commit, const struct vr_op *op);

/** What can be said of a commit without looking at the store: VR_E_NO_MEMORY when filling it
 * failed, VR_E_TOO_LARGE for an empty or long key or a long value, VR_E_BAD_REQUEST for a write to
 * the heads. */
VR_MUST_CHECK enum vr_err vr_commit_check(const struct vr_commit *commit);

/** May `commit` follow `head`? VR_E_FENCED, VR_E_STALE; else `next` is the head that it leaves. A
 * commit of no room always may, and `next` is zero. */
VR_MUST_CHECK enum vr_err vr_head_follow(const struct vr_head *head, const struct vr_commit *commit,
                                         struct vr_head *next);

void vr_head_put(uint8_t out[VR_HEAD_BYTES], const struct vr_head *head);
/** False when `in` has not the size of a head. */
bool vr_head_get(struct vr_bytes in, struct vr_head *head);

#endif
