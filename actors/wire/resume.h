/* resume.h - resume tokens: who was where, signed, so that any node can check one and admit from
 * its replica. base64url of a fixed struct and HMAC-SHA-256 (cut to 128 bits). Pure. */
#ifndef VR_WIRE_RESUME_H
#define VR_WIRE_RESUME_H

#include "actors/base/bytes.h"
#include "actors/base/clock.h"
#include "actors/base/err.h"
#include "actors/messages/command.h"

#define VR_RESUME_TEXT 288 /* the token's length never exceeds this, with the 0 */

struct vr_resume {
    struct vr_id room;
    struct vr_id session;
    struct vr_id user_ref_hint; /* first 16 bytes of SHA-256 of the user id: binds the token to the
                                   identity */
    struct vr_id token_ref;     /* stands for the access token that he came with, so that its end is
                                   the end of this one too; zero: there was none */
    vr_participant_id participant;
    uint32_t generation; /* of the session; the previous one stays good until the new one is first
                            used */
    enum vr_role role;   /* never above this on a return without the owner */
    int64_t expires_at_s;
};

/** What `user_ref_hint` is for this user (resume_hint.c). */
struct vr_id vr_resume_user_hint(const char *user);

VR_MUST_CHECK enum vr_err vr_resume_write(const struct vr_resume *resume, const uint8_t key[32],
                                          char out[VR_RESUME_TEXT]);
/** Errors: VR_E_UNAUTHORIZED (forged, malformed, expired). */
VR_MUST_CHECK enum vr_err vr_resume_read(const char *text, const uint8_t key[32], int64_t now_s,
                                         struct vr_resume *out);

#endif
