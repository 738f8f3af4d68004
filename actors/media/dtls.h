/* dtls.h - DTLS 1.2 server ends (RFC 6347, 5764) over OpenSSL: one identity per process, one
 * handshake per peer, keys out. The SSL object is freed after the handshake; the last flight is
 * kept (<= 160 bytes) and sent again when the client repeats its own. */
#ifndef VR_MEDIA_DTLS_H
#define VR_MEDIA_DTLS_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/err.h"

struct vr_dtls_identity;

/** A fresh P-256 certificate, or one from PEM bytes (`pem` with key and certificate; size 0:
 * fresh). */
VR_MUST_CHECK enum vr_err vr_dtls_identity_new(struct vr_bytes pem, struct vr_dtls_identity **out);
void vr_dtls_identity_free(struct vr_dtls_identity *identity);
/** SHA-256 of the DER form, for a=fingerprint. */
void vr_dtls_identity_fingerprint(const struct vr_dtls_identity *identity, uint8_t out[32]);

#endif
