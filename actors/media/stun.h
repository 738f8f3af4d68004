/* stun.h - an ICE-lite server's view of STUN (RFC 8489, 8445): checks in, answers out, over
 * libnice's STUN library.
 *
 * Anything but a valid, authenticated connectivity check for a known ufrag is left without an
 * answer: nobody gets a byte out of us who has no password. One per engine (the library's agent is
 * 13 KB). */
#ifndef VR_MEDIA_STUN_H
#define VR_MEDIA_STUN_H

#include <stdbool.h>
#include <sys/socket.h>

#include "actors/base/bytes.h"
#include "actors/base/err.h"

#define VR_STUN_REPLY_MAX 256

struct vr_stun;

enum vr_stun_verdict {
    VR_STUN_IGNORED, /* not for us, not valid, or not authenticated: no answer */
    VR_STUN_CHECK,   /* a valid check; `reply` answers it */
    VR_STUN_CONFLICT /* valid, but the client claims to be controlled: `reply` is a 487 and proves
                        nothing */
};

struct vr_stun_check {
    bool use_candidate;
    size_t reply_size;
    uint8_t reply[VR_STUN_REPLY_MAX];
};

/** Our password for our ufrag `ufrag`, or false when nobody has it; the bytes live until the next
 * call. */
typedef bool (*vr_stun_lookup_fn)(void *ctx, struct vr_bytes ufrag, struct vr_bytes *password);

VR_MUST_CHECK enum vr_err vr_stun_new(struct vr_stun **out);
void vr_stun_free(struct vr_stun *stun);

#define VR_STUN_ID 12 /* bytes of a transaction's id */

/** A Binding request of ours: asks the other side for an answer, and claims nothing. */
struct vr_stun_question {
    const char *username; /* "theirs:ours" (RFC 8445, 7.2.2) */
    const char *password; /* theirs */
    uint64_t tie;
    uint8_t id[VR_STUN_ID];
};
/** Its size in `out`; 0: it could not be written. Nothing is kept: the answer is known by its id.
 */
size_t vr_stun_ask(struct vr_stun *stun, const struct vr_stun_question *question,
                   uint8_t out[VR_STUN_REPLY_MAX]);
/** The transaction that a Binding response, success or error, is about; NULL: it is none. It is not
 * authenticated: who can guess 96 random bits is on the path. */
const uint8_t *vr_stun_answers(struct vr_bytes datagram);

/** Judge one datagram and write the answer. `lookup` is called at most once. */
enum vr_stun_verdict vr_stun_input(struct vr_stun *stun, struct vr_bytes datagram,
                                   const struct sockaddr_storage *from, vr_stun_lookup_fn lookup,
                                   void *ctx, struct vr_stun_check *out);

#endif
