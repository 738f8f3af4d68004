/* dtls_provider.h - OpenSSL's algorithms as DTLS needs them: few of them, since it walks over all
 * that it has.
 *
 * For each public key that it reads, OpenSSL 3.0 tries everything it can decode, lists all kinds of
 * keys anew, and for that copies the whole table of algorithms that its library has met: 17 % of
 * the instructions of a join, for the certificate of the client. Here it meets what DTLS 1.2 with
 * our suites needs, and nothing else: a tenth of a join's instructions is saved. The algorithms
 * themselves are those of its own default provider. */
#ifndef VR_MEDIA_DTLS_PROVIDER_H
#define VR_MEDIA_DTLS_PROVIDER_H

struct ossl_lib_ctx_st;

/** Made with the first call, by one thread for all; stays until the process ends.
 *  NULL: everything, as OpenSSL does it (its configuration says not to use the default provider, or
 *  something failed). */
struct ossl_lib_ctx_st *vr_dtls_library(void);

#endif
