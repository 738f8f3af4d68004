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

/** Judge one datagram and write the answer. `lookup` is called at most once. */
enum vr_stun_verdict vr_stun_input(struct vr_stun *stun, struct vr_bytes datagram,
                                   const struct sockaddr_storage *from, vr_stun_lookup_fn lookup,
                                   void *ctx, struct vr_stun_check *out);

#endif
