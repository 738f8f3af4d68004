/* srtp.h - one peer's SRTP and SRTCP (RFC 3711, 7714) in both directions, over libsrtp. */
#ifndef VR_MEDIA_SRTP_H
#define VR_MEDIA_SRTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/base/err.h"

#define VR_SRTP_TAIL 32 /* the most bytes that protecting adds: tag and, for RTCP, the index */

enum vr_srtp_profile { VR_SRTP_NONE, VR_SRTP_GCM, VR_SRTP_SHA1_80 };

/** Master key (16 bytes) and salt (12 for GCM, 14 for SHA1_80) of each direction; plain bytes. */
struct vr_srtp_keys {
    uint8_t profile; /* enum vr_srtp_profile */
    uint8_t ours[30];
    uint8_t theirs[30];
};

enum vr_srtp_result { VR_SRTP_OK, VR_SRTP_AUTH, VR_SRTP_REPLAY, VR_SRTP_MALFORMED };

struct vr_srtp;

/** Process-wide: srtp_init and the OpenSSL plug-in. Idempotent, not thread-safe. */
VR_MUST_CHECK enum vr_err vr_srtp_global_init(void);

/** Contexts for any SSRC in and out. About 7 KB. Errors: VR_E_INTERNAL, VR_E_NO_MEMORY. */
VR_MUST_CHECK enum vr_err vr_srtp_new(const struct vr_srtp_keys *keys, struct vr_srtp **out);
/** Only what comes in (half the memory): protecting fails. */
VR_MUST_CHECK enum vr_err vr_srtp_new_in(const struct vr_srtp_keys *keys, struct vr_srtp **out);
void vr_srtp_free(struct vr_srtp *srtp);

/** How far a stream had come in a process before this one. */
struct vr_srtp_at {
    uint32_t ssrc;
    uint64_t index; /* the highest 48-bit index that was here, or was sent */
};
/** Fresh contexts go on where those before stood, rollover counters included. What came in at these
 * indices and below is not remembered: the caller refuses it. False: the keys do not work. */
VR_MUST_CHECK bool vr_srtp_prime_in(struct vr_srtp *srtp, const struct vr_srtp_keys *keys,
                                    const struct vr_srtp_at *at, uint32_t count);
VR_MUST_CHECK bool vr_srtp_prime_out(struct vr_srtp *srtp, const struct vr_srtp_at *at,
                                     uint32_t count);
/** The next SRTCP packet of this SSRC has the index `sent` + 1. Time grows with `sent`: about 1 us
 * each. */
VR_MUST_CHECK bool vr_srtp_prime_rtcp_out(struct vr_srtp *srtp, uint32_t ssrc, uint32_t sent);

/** In place; `size` shrinks. Nothing may be believed of a packet before VR_SRTP_OK. A new SSRC that
 *  authenticates makes a stream (it costs memory): callers bound how many they let through. */
enum vr_srtp_result vr_srtp_unprotect(struct vr_srtp *srtp, uint8_t *data, size_t *size);
enum vr_srtp_result vr_srtp_unprotect_rtcp(struct vr_srtp *srtp, uint8_t *data, size_t *size);

/** In place; the buffer has VR_SRTP_TAIL bytes of room behind `size`. False: this index was sent
 * before or is too old (a late packet beyond the window). */
bool vr_srtp_protect(struct vr_srtp *srtp, uint8_t *data, size_t *size);
bool vr_srtp_protect_rtcp(struct vr_srtp *srtp, uint8_t *data, size_t *size);

#endif
