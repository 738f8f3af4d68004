/* srtp_seal.h - SRTP and SRTCP with AES-128-GCM on the way out (RFC 7714), for thousands of
 * receivers by one thread.
 *
 * libsrtp keeps a context of 3.3 KB for each receiver, which 20 ms of other work have made cold:
 * waiting for that memory cost more than the encryption. Here a receiver is 28 bytes of session key
 * and salt, and one cipher context, always warm, is given another key for each packet. Indices are
 * the caller's, who never uses one twice under one key and SSRC. What comes in, and the profile
 * with HMAC-SHA1, stay with libsrtp (srtp.h). */
#ifndef VR_MEDIA_SRTP_SEAL_H
#define VR_MEDIA_SRTP_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/err.h"

#define VR_SEAL_TAG 16

/** Session key and salt of one direction (RFC 3711, 4.3). Plain bytes, no pointers. */
struct vr_seal_key {
    uint8_t key[16];
    uint8_t salt[12];
};
_Static_assert(sizeof(struct vr_seal_key) == 28, "part of a cache line");

struct vr_sealer; /* one thread's cipher context */

VR_MUST_CHECK enum vr_err vr_sealer_new(struct vr_sealer **out);
void vr_sealer_free(struct vr_sealer *sealer);

/** Session keys from a master key of 16 bytes and a master salt of 12. */
VR_MUST_CHECK bool vr_seal_derive(struct vr_sealer *sealer, const uint8_t master[28],
                                  struct vr_seal_key *rtp, struct vr_seal_key *rtcp);

/** Encrypt `payload` behind the header that stands in `packet` (its first `head` bytes, SSRC
 * included), and add the tag: head + payload.size + VR_SEAL_TAG bytes in all. `payload` may be the
 * place right behind the header. `index` is the packet's 48-bit index. */
VR_MUST_CHECK bool vr_seal_rtp(struct vr_sealer *sealer, const struct vr_seal_key *key,
                               uint64_t index, uint8_t *packet, size_t head,
                               struct vr_bytes payload);
/** In place; `packet` grows by VR_SEAL_TAG + 4 bytes. `index` below 2^31 (RFC 7714, 9). */
VR_MUST_CHECK bool vr_seal_rtcp(struct vr_sealer *sealer, const struct vr_seal_key *key,
                                uint32_t index, uint8_t *packet, size_t *size);

#endif
