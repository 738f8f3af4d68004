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
 *  return). Takes effect in this process at once. */
void vr_auth_revoke(struct vr_auth *auth, const char *jti, vr_committed_fn done, void *ctx);

/** The grants of a token, for one room, as a command's `by`. VR_E_FORBIDDEN: the token is for
 * another room. */
VR_MUST_CHECK enum vr_err vr_auth_identity(const struct vr_grants *grants, struct vr_id room,
                                           const char *address, struct vr_actor_identity *out);

/** Write a key; start-up and tools. */
VR_MUST_CHECK enum vr_err vr_auth_key_put(struct vr_auth *auth, const struct vr_key *key);
/** A key that exists, by kid. */
bool vr_auth_key(struct vr_auth *auth, const char *kid, struct vr_key *out);

#endif
