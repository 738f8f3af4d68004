/* dtls.c - OpenSSL at home for DTLS: certificate, handshake, key export.
 *
 * Both directions run through one BIO method of ours that knows datagram borders. It answers only
 * the controls it understands: a BIO that says 1 to everything makes OpenSSL believe in kernel TLS
 * and crash. */
#include "actors/media/dtls.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "actors/media/dtls_handshake.h"
#include "actors/media/dtls_provider.h"

#define CERTIFICATE_DAYS (10 * 365) /* clients judge the fingerprint, not the dates */
#define TIMER_NEVER_US 3600000000u  /* see dtls_handshake.h: OpenSSL's own timer must not fire */

struct vr_dtls_identity {
    SSL_CTX *ssl;
    BIO_METHOD *bio;
    uint8_t fingerprint[32];
};

struct vr_dtls {
    SSL *ssl;
    void (*send)(void *ctx, struct vr_bytes datagram);
    void *ctx;
    struct vr_bytes in; /* the datagram being fed; emptied by the first read */
    bool flight_open;   /* the next write belongs to the flight under way */
    uint32_t flight_count;
    uint16_t flight_sizes[16];
    size_t flight_size;
    uint8_t flight[VR_DTLS_FLIGHT_MAX];
};

enum vr_err vr_dtls_global_init(void)
{
    if (OPENSSL_init_ssl(0, NULL) != 1) {
        return VR_E_INTERNAL;
    }
    (void)vr_dtls_library(); /* once, before a process above us forks */
    return VR_OK;
}

/* ---- the BIO ---- */

static int bio_write(BIO *bio, const char *data, int size)
{
    struct vr_dtls *dtls = BIO_get_data(bio);

    if (size <= 0) {
        return 0;
    }
    if (!dtls->flight_open) {
        dtls->flight_open = true;
        dtls->flight_count = 0;
        dtls->flight_size = 0;
    }
    if (dtls->flight_count < 16 && dtls->flight_size + (size_t)size <= sizeof dtls->flight) {
        memcpy(dtls->flight + dtls->flight_size, data, (size_t)size);
        dtls->flight_sizes[dtls->flight_count++] = (uint16_t)size;
        dtls->flight_size += (size_t)size;
    }
    dtls->send(dtls->ctx, vr_bytes(data, (size_t)size));
    return size;
}

static int bio_read(BIO *bio, char *out, int size)
{
    struct vr_dtls *dtls = BIO_get_data(bio);
    size_t n = dtls->in.size;

    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (n > (size_t)size) {
        n = (size_t)size; /* the rest is lost, as with recv(2) */
    }
    memcpy(out, dtls->in.data, n);
    dtls->in.size = 0;
    return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
        return VR_DTLS_MTU;
    case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD:
        return 48; /* IPv6 and UDP */
    default:
        return 0;
    }
}

static BIO_METHOD *bio_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams");

    if (method == NULL || BIO_meth_set_write(method, bio_write) != 1 ||
        BIO_meth_set_read(method, bio_read) != 1 || BIO_meth_set_ctrl(method, bio_ctrl) != 1) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

/* ---- identity ---- */

static X509 *self_signed(EVP_PKEY *key)
{
    X509 *cert = X509_new();
    uint64_t serial;
    X509_NAME *name;

    if (cert == NULL || RAND_bytes((uint8_t *)&serial, sizeof serial) != 1) {
        X509_free(cert);
        return NULL;
    }
    name = X509_get_subject_name(cert);
    if (X509_set_version(cert, X509_VERSION_3) != 1 ||
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1 | 1) != 1 ||
        X509_gmtime_adj(X509_getm_notBefore(cert), -86400) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(cert), 86400L * CERTIFICATE_DAYS) == NULL ||
        X509_set_pubkey(cert, key) != 1 ||
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"voicerooms", -1, -1,
                                   0) != 1 ||
        X509_set_issuer_name(cert, name) != 1 || X509_sign(cert, key, EVP_sha256()) == 0) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

static bool read_pem(struct vr_bytes pem, EVP_PKEY **key, X509 **cert)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);

    if (bio != NULL) {
        *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    }
    BIO_free(bio);
    bio = BIO_new_mem_buf(pem.data, (int)pem.size);
    if (bio != NULL) {
        *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    }
    BIO_free(bio);
    return *key != NULL && *cert != NULL;
}

/* Instead of building and checking a chain: self-signed by design, its fingerprint is judged in the
 * engine (RFC 8122). That the client holds its key is checked by libssl all the same. */
static int accept_any_certificate(X509_STORE_CTX *store, void *nothing)
{
    (void)store;
    (void)nothing;
    return 1;
}

static bool set_up(SSL_CTX *ssl, EVP_PKEY *key, X509 *cert)
{
    SSL_CTX_set_options(ssl, SSL_OP_NO_TICKET | SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_SINGLE_ECDH_USE);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ssl, accept_any_certificate, NULL);
    SSL_CTX_set_max_cert_list(ssl, 16 * 1024);
    return SSL_CTX_set_min_proto_version(ssl, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ssl, DTLS1_2_VERSION) == 1 &&
           /* what it carries is keys of 128 bits (RFC 7714): SHA-256 before SHA-384 */
           SSL_CTX_set_cipher_list(ssl, "ECDHE+AES128+AESGCM:ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
           SSL_CTX_set1_groups_list(ssl, "X25519:P-256:P-384") == 1 &&
           SSL_CTX_use_certificate(ssl, cert) == 1 && SSL_CTX_use_PrivateKey(ssl, key) == 1 &&
           SSL_CTX_check_private_key(ssl) == 1 &&
           /* this one returns 0 for success */
           SSL_CTX_set_tlsext_use_srtp(ssl, "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80") == 0;
}

enum vr_err vr_dtls_identity_new(struct vr_bytes pem, struct vr_dtls_identity **out)
{
    struct vr_dtls_identity *identity = calloc(1, sizeof *identity);
    EVP_PKEY *key = NULL;
    X509 *cert = NULL;
    unsigned size = sizeof identity->fingerprint;
    enum vr_err err = VR_E_INTERNAL;

    *out = NULL;
    if (identity == NULL) {
        return VR_E_NO_MEMORY;
    }
    if (pem.size > 0) {
        if (!read_pem(pem, &key, &cert)) {
            err = VR_E_UNPROCESSABLE;
            goto fail;
        }
    } else {
        key = EVP_EC_gen("P-256");
        cert = key == NULL ? NULL : self_signed(key);
    }
    identity->bio = bio_method();
    identity->ssl = SSL_CTX_new_ex(vr_dtls_library(), NULL, DTLS_server_method());
    if (cert == NULL || identity->bio == NULL || identity->ssl == NULL ||
        !set_up(identity->ssl, key, cert) ||
        X509_digest(cert, EVP_sha256(), identity->fingerprint, &size) != 1) {
        goto fail;
    }
    *out = identity;
    identity = NULL;
    err = VR_OK;
fail:
    ERR_clear_error();
    EVP_PKEY_free(key);
    X509_free(cert);
    vr_dtls_identity_free(identity);
    return err;
}

void vr_dtls_identity_free(struct vr_dtls_identity *identity)
{
    if (identity == NULL) {
        return;
    }
    SSL_CTX_free(identity->ssl);
    BIO_meth_free(identity->bio);
    free(identity);
}

void vr_dtls_identity_fingerprint(const struct vr_dtls_identity *identity, uint8_t out[32])
{
    memcpy(out, identity->fingerprint, 32);
}

/* ---- one handshake ---- */

static unsigned int never(SSL *ssl, unsigned int timer_us)
{
    (void)ssl;
    (void)timer_us;
    return TIMER_NEVER_US;
}

enum vr_err vr_dtls_new(struct vr_dtls_identity *identity,
                        void (*send)(void *ctx, struct vr_bytes datagram), void *ctx,
                        struct vr_dtls **out)
{
    struct vr_dtls *dtls = calloc(1, sizeof *dtls);
    BIO *bio = BIO_new(identity->bio);

    *out = NULL;
    if (dtls != NULL) {
        dtls->ssl = SSL_new(identity->ssl);
    }
    if (dtls == NULL || dtls->ssl == NULL || bio == NULL) {
        BIO_free(bio);
        vr_dtls_free(dtls);
        ERR_clear_error();
        return VR_E_NO_MEMORY;
    }
    dtls->send = send;
    dtls->ctx = ctx;
    BIO_set_data(bio, dtls);
    BIO_set_init(bio, 1);
    SSL_set_bio(dtls->ssl, bio, bio);
    SSL_set_mtu(dtls->ssl, VR_DTLS_MTU);
    DTLS_set_link_mtu(dtls->ssl, VR_DTLS_MTU);
    DTLS_set_timer_cb(dtls->ssl, never);
    SSL_set_accept_state(dtls->ssl);
    *out = dtls;
    return VR_OK;
}

void vr_dtls_free(struct vr_dtls *dtls)
{
    if (dtls == NULL) {
        return;
    }
    SSL_free(dtls->ssl);
    OPENSSL_cleanse(dtls, sizeof *dtls);
    free(dtls);
}

enum vr_dtls_status vr_dtls_input(struct vr_dtls *dtls, struct vr_bytes datagram)
{
    int result;
    int reason;

    dtls->in = datagram;
    dtls->flight_open = false;
    ERR_clear_error();
    result = SSL_do_handshake(dtls->ssl);
    reason = SSL_get_error(dtls->ssl, result);
    dtls->in = (struct vr_bytes){NULL, 0};
    ERR_clear_error();
    if (result == 1) {
        return VR_DTLS_DONE;
    }
    return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE ? VR_DTLS_RUNNING
                                                                           : VR_DTLS_FAILED;
}

void vr_dtls_resend(struct vr_dtls *dtls)
{
    size_t at = 0;

    for (uint32_t i = 0; i < dtls->flight_count; i++) {
        dtls->send(dtls->ctx, vr_bytes(dtls->flight + at, dtls->flight_sizes[i]));
        at += dtls->flight_sizes[i];
    }
}

/* RFC 5764, 4.2: client key, server key, client salt, server salt. */
static bool export_keys(SSL *ssl, struct vr_srtp_keys *keys)
{
    static const char label[] = "EXTRACTOR-dtls_srtp";
    const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(ssl);
    uint8_t material[2 * (16 + 14)];
    size_t salt;

    if (profile == NULL) {
        return false;
    }
    memset(keys, 0, sizeof *keys);
    if (profile->id == SRTP_AEAD_AES_128_GCM) {
        keys->profile = VR_SRTP_GCM;
        salt = 12;
    } else if (profile->id == SRTP_AES128_CM_SHA1_80) {
        keys->profile = VR_SRTP_SHA1_80;
        salt = 14;
    } else {
        return false;
    }
    if (SSL_export_keying_material(ssl, material, 2 * (16 + salt), label, sizeof label - 1, NULL, 0,
                                   0) != 1) {
        return false;
    }
    memcpy(keys->theirs, material, 16);
    memcpy(keys->ours, material + 16, 16);
    memcpy(keys->theirs + 16, material + 32, salt);
    memcpy(keys->ours + 16, material + 32 + salt, salt);
    OPENSSL_cleanse(material, sizeof material);
    return true;
}

enum vr_err vr_dtls_finish(struct vr_dtls *dtls, struct vr_dtls_result *out)
{
    X509 *cert = SSL_get1_peer_certificate(dtls->ssl);
    unsigned size = sizeof out->fingerprint;
    bool good;

    memset(out, 0, sizeof *out);
    good = cert != NULL && X509_digest(cert, EVP_sha256(), out->fingerprint, &size) == 1 &&
           export_keys(dtls->ssl, &out->keys);
    X509_free(cert);
    ERR_clear_error();
    if (!good) {
        return VR_E_INTERNAL;
    }
    if (dtls->flight_count == 1 && dtls->flight_size <= sizeof out->last_flight) {
        memcpy(out->last_flight, dtls->flight, dtls->flight_size);
        out->last_flight_size = (uint16_t)dtls->flight_size;
    }
    return VR_OK;
}

bool vr_dtls_is_client_hello(struct vr_bytes datagram)
{
    /* RFC 6347, 4.1: type, version (2), epoch (2), number (6), length (2), then the handshake type.
     */
    return datagram.size > 25 && datagram.data[0] == 22 && datagram.data[1] == 0xfe &&
           vr_get16(datagram.data + 3) == 0 && datagram.data[13] == 1;
}

bool vr_dtls_is_flight(struct vr_bytes datagram)
{
    return datagram.size > 13 && (datagram.data[0] == 20 || datagram.data[0] == 22) &&
           datagram.data[1] == 0xfe;
}
