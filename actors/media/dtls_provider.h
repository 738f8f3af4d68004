/* dtls_provider.h - OpenSSL's algorithms as DTLS needs them: all, but few ways to read a key.
 *
 * OpenSSL 3.0 tries everything it can decode for each public key that it reads, and builds that
 * list anew each time: 17 % of the instructions of a join, for the certificate of the client. Here
 * it finds keys of EC, RSA and Ed25519 in a certificate, and nothing else (half of that is saved;
 * the list of kinds of keys is built all the same). The algorithms themselves are those of its own
 * default provider. */
#ifndef VR_MEDIA_DTLS_PROVIDER_H
#define VR_MEDIA_DTLS_PROVIDER_H

struct ossl_lib_ctx_st;

/** Made with the first call, by one thread for all; stays until the process ends.
 *  NULL: everything, as OpenSSL does it (its configuration says not to use the default provider, or
 *  something failed). */
struct ossl_lib_ctx_st *vr_dtls_library(void);

#endif
