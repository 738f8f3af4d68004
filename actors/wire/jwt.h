/* jwt.h - access tokens: JWT (RFC 7519), HS256 with the algorithm pinned by the key, own verifier.
 *
 * Why own: Debian's libjwt takes an HS256 token signed with an RSA public key. Pure but for
 * OpenSSL's HMAC; time comes in, keys come through a function. Grant object `voice` (names as
 * LiveKit's where they exist); `video` is taken as an alias. */
#ifndef VR_WIRE_JWT_H
#define VR_WIRE_JWT_H

#include <stdbool.h>

#include "actors/base/bytes.h"
#include "actors/base/clock.h"
#include "actors/base/err.h"
#include "actors/messages/command.h"

#define VR_JWT_MAX 8192
#define VR_JWT_SKEW_S 60
#define VR_KEY_SECRET_MIN 32
#define VR_KEY_SECRET_MAX 128
#define VR_KID_MAX 32
#define VR_JTI_MAX 64

struct vr_key {
    char kid[VR_KID_MAX + 1];
    uint8_t secret[VR_KEY_SECRET_MAX];
    size_t secret_size;
};

struct vr_grants {
    char user[VR_USER_MAX + 1]; /* sub */
    char name[VR_NAME_MAX + 1];
    char kid[VR_KID_MAX + 1]; /* of the key that signed; equals iss when that is given */
    char jti[VR_JTI_MAX + 1];
    char room[27]; /* voice.room: text id; "": any */
    bool room_join;
    bool room_create;
    bool room_list;
    bool room_admin;           /* everything about the room named, or about all when none is */
    bool admin;                /* voice.admin: the whole deployment */
    bool can_publish;          /* absent: true */
    bool can_subscribe;        /* absent: true */
    bool can_request_to_speak; /* absent: true */
    bool can_moderate;
    bool hidden;
    enum vr_role role;  /* highest on entry; absent: listener */
    bool guest;         /* minted by this node for a guest */
    int64_t expires_at; /* seconds since 1970 */
    int64_t issued_at;
};

/** Find a key by `kid`; false: unknown or revoked. */
typedef bool (*vr_key_fn)(void *ctx, const char *kid, struct vr_key *out);
/** True when this jti was revoked. */
typedef bool (*vr_revoked_fn)(void *ctx, const char *jti);

struct vr_jwt_verify {
    vr_key_fn key;
    vr_revoked_fn revoked;
    void *ctx;
    const char *audience; /* NULL: `aud` is not looked at */
    int64_t now_s;        /* wall clock */
};

/** Errors: VR_E_UNAUTHORIZED, with a sentence that does not help a forger. */
VR_MUST_CHECK enum vr_err vr_jwt_read(struct vr_bytes token, const struct vr_jwt_verify *verify,
                                      struct vr_grants *out, struct vr_why *why);

/** Mint: guests' tokens, tests, tools. Appends to `out`. */
VR_MUST_CHECK enum vr_err vr_jwt_write(const struct vr_grants *grants, const struct vr_key *key,
                                       struct vr_buf *out);

#endif
