/* auth.h - who is it? API keys, revoked tokens, guests. Thread-safe; keys and revocations are
 * cached. */
#ifndef VR_NODES_AUTH_H
#define VR_NODES_AUTH_H

#include <stdbool.h>

#include "actors/base/clock.h"
#include "actors/base/err.h"
#include "actors/wire/jwt.h"
#include "store/records.h"

struct vr_auth;
struct vr_random;

/** Where people without a token of the operator's may come in. */
enum vr_guests { VR_GUESTS_OFF, VR_GUESTS_LOCALHOST, VR_GUESTS_LINK, VR_GUESTS_ALL };

struct vr_auth_conf {
    struct vr_records *records; /* borrowed */
    const struct vr_clock *clock;
    const struct vr_random *random;
    enum vr_guests guests;
    bool guests_may_create;
    uint32_t guest_token_s; /* life of a guest's token; 0: 24 hours */
};

/** Loads keys and revocations; makes the guests' key, the join code and, when there is none, an
 * admin key. */
VR_MUST_CHECK enum vr_err vr_auth_new(const struct vr_auth_conf *conf, struct vr_auth **out,
                                      struct vr_why *why);
void vr_auth_free(struct vr_auth *auth);
/** From here on changes go through these records: in a cluster those that all nodes share, which
 * can do nothing before the node has joined. Before any other thread. */
void vr_auth_use(struct vr_auth *auth, struct vr_records *records);
/** Keys or revocations in the store were changed by another node: read them anew. Any thread. */
void vr_auth_reload(struct vr_auth *auth);

/** Judge a token. Errors: VR_E_UNAUTHORIZED. */
VR_MUST_CHECK enum vr_err vr_auth_token(struct vr_auth *auth, struct vr_bytes token,
                                        struct vr_grants *out, struct vr_why *why);

/** May a client come in as a guest? `code` is that of the join link, or "". Errors: VR_E_FORBIDDEN
 * with what to do instead. */
VR_MUST_CHECK enum vr_err vr_auth_guest_allowed(const struct vr_auth *auth, bool loopback,
                                                const char *code, struct vr_why *why);
/** May somebody without any token see public rooms? True on localhost and where guests are allowed.
 */
bool vr_auth_viewer_allowed(const struct vr_auth *auth, bool loopback);

/** Mint a guest's token: a fresh user "guest-...", the name as given (1..VR_NAME_MAX bytes, judged
 * by the caller). */
VR_MUST_CHECK enum vr_err vr_auth_guest_mint(struct vr_auth *auth, const char *name,
                                             struct vr_grants *grants, struct vr_buf *token);
/** The join link's code. */
const char *vr_auth_join_code(const struct vr_auth *auth);

/** Revoke a token by its jti, durable before `done` is called (on the journal's thread; post and
 *  return). Takes effect in this process at once. `until`: the token's own `exp`, after which it
 *  need not be known any more; 0: not told, it is kept for ever. */
void vr_auth_revoke(struct vr_auth *auth, const char *jti, int64_t until, vr_committed_fn done,
                    void *ctx);
/** Forget revocations of tokens that have expired, a bounded number; true: there are more. */
bool vr_auth_sweep(struct vr_auth *auth);

/** Grows with each withdrawal: while it stands still there is nothing to look for. */
uint64_t vr_auth_changes(const struct vr_auth *auth);

/** The grants of a token, for one room, as a command's `by`. VR_E_FORBIDDEN: the token is for
 * another room. */
VR_MUST_CHECK enum vr_err vr_auth_identity(const struct vr_grants *grants, struct vr_id room,
                                           const char *address, struct vr_actor_identity *out);

#define VR_KEYS_MAX 64

/** What may be told about a key. */
struct vr_key_about {
    char kid[VR_KID_MAX + 1];
    int64_t created_at; /* seconds since 1970; 0: not known */
};

/** Write a key and wait; start-up and tools. VR_E_CONFLICT: there are VR_KEYS_MAX. */
VR_MUST_CHECK enum vr_err vr_auth_key_put(struct vr_auth *auth, const struct vr_key *key);
/** A key that is good now, by kid. */
bool vr_auth_key(struct vr_auth *auth, const char *kid, struct vr_key *out);
/** Keys that are good now, by kid in order; without the guests' own. Returns their number. */
uint32_t vr_auth_keys(struct vr_auth *auth, struct vr_key_about out[VR_KEYS_MAX]);
/** 1 to VR_KID_MAX of letters, digits and ". _ -". */
bool vr_auth_kid_valid(const char *kid);
/** A fresh secret, readable text. */
void vr_auth_secret_make(const struct vr_random *random, struct vr_key *key);

/** A new key under key->kid; its secret is made here and written to `key`. VR_OK: `done` will be
 *  told (on the journal's thread); the key is good from then on. Else nothing has happened:
 *  VR_E_UNPROCESSABLE (kid), VR_E_EXISTS, VR_E_CONFLICT (VR_KEYS_MAX). */
VR_MUST_CHECK enum vr_err vr_auth_key_add(struct vr_auth *auth, struct vr_key *key,
                                          int64_t *created_at, vr_committed_fn done, void *ctx);
/** A key's end: refused at once, `done` when that is durable. VR_E_NOT_FOUND; VR_E_CONFLICT when it
 *  is the last one or the one named `kept`; `kept` NULL: whatever it is. */
VR_MUST_CHECK enum vr_err vr_auth_key_remove(struct vr_auth *auth, const char *kid,
                                             const char *kept, vr_committed_fn done, void *ctx);

#endif
