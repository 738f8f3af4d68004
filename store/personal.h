/* personal.h - personal fields, kept so that one user can be erased later.
 *
 * Records never hold a user's id, name or address in clear. They hold a `ref` (a keyed hash of the
 * user id: 16 bytes) and fields sealed with that user's own AES-256-GCM key, which sits in one row
 * of the users table. Erasing the user destroys that row: refs stay as pseudonyms, sealed fields
 * are noise. */
#ifndef VR_STORE_PERSONAL_H
#define VR_STORE_PERSONAL_H

#include "actors/base/random.h"
#include "store/records.h"

struct vr_personal;

/** `pepper` is 32 secret bytes of the deployment, kept in the meta table. Thread-safe afterwards;
 * caches keys (bounded). */
VR_MUST_CHECK enum vr_err vr_personal_new(struct vr_records *records, const uint8_t pepper[32],
                                          struct vr_personal **out);
void vr_personal_free(struct vr_personal *personal);
/** Keys and nonces from `random` instead of the system: simulations only, so that one seed gives
 * one digest of the store. Set it before the first use; it must outlive `personal`. */
void vr_personal_set_random(struct vr_personal *personal, const struct vr_random *random);

/** Pure: HMAC-SHA-256 of the id under the pepper, cut to 128 bits. */
struct vr_id vr_personal_ref(const struct vr_personal *personal, const char *user);

/** Make sure that `user` has a key; when new, its row (key, sealed id) is added to `commit`. */
VR_MUST_CHECK enum vr_err vr_personal_ensure(struct vr_personal *personal, const char *user,
                                             struct vr_commit *commit, struct vr_id *ref);

/** Seal or open one field for `ref`. Open: VR_E_NOT_FOUND when the user was erased; VR_E_DAMAGED.
 */
VR_MUST_CHECK enum vr_err vr_personal_seal(struct vr_personal *personal, struct vr_id ref,
                                           struct vr_bytes plain, struct vr_buf *out);
VR_MUST_CHECK enum vr_err vr_personal_open(struct vr_personal *personal, struct vr_id ref,
                                           struct vr_bytes sealed, struct vr_buf *out);
/** The user id behind a ref, opened from its row; VR_E_NOT_FOUND as long as the row has not landed.
 */
VR_MUST_CHECK enum vr_err vr_personal_user(struct vr_personal *personal, struct vr_id ref,
                                           struct vr_buf *out);

/** One row of VR_TABLE_USERS out of this node's (empty: none yet) and another node's: all keys of
 * both, so that fields sealed on either open here. Appends to `out`. Errors: VR_E_BAD_WIRE, the
 * other's is no row. Of two lives of the row only the later one counts. Pure. */
#define VR_PERSONAL_KEYS_MAX 16
VR_MUST_CHECK enum vr_err vr_personal_merge(struct vr_bytes ours, struct vr_bytes theirs,
                                            struct vr_buf *out);

/** What stands in the store once `put` has landed where `there` (empty: nothing) stood: both,
 * merged; `put` itself when it is no row. Appends to `out`. VR_E_NO_MEMORY. Pure. */
VR_MUST_CHECK enum vr_err vr_personal_landed(struct vr_bytes there, struct vr_bytes put,
                                             struct vr_buf *out);
/** Whether fields sealed with `key` open with `row`. Pure. */
bool vr_personal_has_key(struct vr_bytes row, const uint8_t key[32]);

/** How often the user of a row was erased. Pure. */
uint32_t vr_personal_life(struct vr_bytes row);
/** The row of somebody who was erased. Appends to `out`. VR_E_NO_MEMORY. Pure. */
VR_MUST_CHECK enum vr_err vr_personal_erased(uint32_t life, struct vr_buf *out);
/** Rows have come from other nodes: what was cached of the store's is read again. Any thread. */
void vr_personal_reread(struct vr_personal *personal);

/** Adds to `commit` that the user's keys are gone for good, and forgets the cached one. */
VR_MUST_CHECK enum vr_err vr_personal_erase(struct vr_personal *personal, struct vr_id ref,
                                            struct vr_commit *commit);

#endif
