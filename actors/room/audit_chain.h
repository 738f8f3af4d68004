/* audit_chain.h - each audit entry carries a hash over itself and the hash of the entry before, so
 * that a change, an insertion or a gap shows.
 *
 * The hash covers the record as it is stored: names and reasons are ciphertext there, so that
 * erasing a user (his key goes) leaves the chain whole. The newest hash stands in the room's
 * counters too, and so a cut end shows. Retention takes entries away from the front: row 0 then is
 * the anchor, which holds the number and the hash of the last one taken.
 *
 * The deployment's own log is that of a room that cannot exist: VR_DEPLOYMENT_ROOM. */
#ifndef VR_ROOM_AUDIT_CHAIN_H
#define VR_ROOM_AUDIT_CHAIN_H

#include "actors/room/effects.h"
#include "actors/room/records.h"

#define VR_AUDIT_HASH 32

/** One entry as a row of VR_TABLE_AUDIT in `commit`; *head is the hash of the one before, and
 * becomes this one's. Errors: VR_E_NO_MEMORY and what the vault says. */
VR_MUST_CHECK enum vr_err vr_audit_put(struct vr_commit *commit, const struct vr_vault *vault,
                                       struct vr_id room, const struct vr_audit *entry,
                                       uint8_t head[VR_AUDIT_HASH]);

struct vr_audit_verdict {
    bool sound;
    uint64_t entries;   /* that were looked at */
    uint64_t first;     /* number of the oldest; 0: none */
    uint64_t last;      /* of the newest that the room counts */
    uint64_t unchained; /* from before there was a chain */
    uint64_t broken_at; /* number of the first that does not fit; 0: none */
    char why[96];       /* "" when sound */
    uint8_t head[VR_AUDIT_HASH];
};

/** Walk a room's log. `number` not 0: the entry of this number must have the hash `known`, which
 * somebody noted earlier: so a log that was written anew as a whole shows, too. Errors: those of
 * the store; a broken chain is VR_OK with a verdict. */
VR_MUST_CHECK enum vr_err vr_audit_verify(struct vr_records *records, struct vr_id room,
                                          uint64_t number, const uint8_t known[VR_AUDIT_HASH],
                                          struct vr_audit_verdict *out);

/** The newest number and hash, from the stored counters. VR_E_NOT_FOUND: there is no such log. */
VR_MUST_CHECK enum vr_err vr_audit_head(struct vr_records *records, struct vr_id room,
                                        uint64_t *number, uint8_t head[VR_AUDIT_HASH]);

/** A counters row that says no more than number and hash: the deployment's log has no room. */
VR_MUST_CHECK enum vr_err vr_audit_head_put(struct vr_commit *commit, struct vr_id room,
                                            uint64_t number, const uint8_t head[VR_AUDIT_HASH]);

/** Adds to `commit` the removal of entries older than `before`, at most `most`, and the new anchor.
 *  The newest entry stays. Returns how many go. */
uint32_t vr_audit_retire(struct vr_records *records, struct vr_id room, vr_time_us before,
                         uint32_t most, struct vr_commit *commit);

#endif
