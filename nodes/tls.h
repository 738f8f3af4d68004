/* tls.h - TLS for HTTPS and WSS, and SHA-256: OpenSSL's home in nodes/. */
#ifndef VR_NODES_TLS_H
#define VR_NODES_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/err.h"

struct ssl_ctx_st;

/** A server context: TLS 1.2 and 1.3, forward secrecy, "http/1.1" is the only protocol ever chosen
 * (ALPN). */
VR_MUST_CHECK enum vr_err vr_tls_open(const char *certificate, const char *key,
                                      struct ssl_ctx_st **out, struct vr_why *why);
/** The opener's reference; it goes with the last one. */
void vr_tls_close(struct ssl_ctx_st *tls);
/** One more reference: for a connection, which h2o gives an SSL object only once it says something.
 * Given back with vr_tls_close. */
struct ssl_ctx_st *vr_tls_retain(struct ssl_ctx_st *tls);

struct vr_tls_about {
    int64_t not_after; /* Unix time */
    bool self_signed;  /* nobody else vouches for it */
    char sha256[65];   /* fingerprint */
};
void vr_tls_about(const struct ssl_ctx_st *tls, struct vr_tls_about *out);

/** Make `certificate` and `key` (mode 0600) when they are missing, about to expire, or name other
 *  addresses than these: self-signed, P-256, for `names` (host names or addresses) and localhost.
 */
VR_MUST_CHECK enum vr_err vr_tls_self_signed(const char *certificate, const char *key,
                                             const char *const *names, uint32_t name_count,
                                             struct vr_why *why);

/** A fresh key and certificate in PEM, both in one text: what DTLS of this node shows. Appends. */
VR_MUST_CHECK enum vr_err vr_tls_identity_pem(struct vr_buf *out);

void vr_sha256(struct vr_bytes in, uint8_t out[32]);

#endif
