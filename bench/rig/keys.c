#include "bench/rig/keys.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>

#define MTU 1200

struct vr_keys_maker {
    SSL_CTX *tls;
    BIO_METHOD *method;
    uint8_t fingerprint[32];
};

struct vr_keys {
    SSL *ssl;
    uint8_t server[32];
    struct vr_bytes arrived;
    vr_keys_send send;
    void *ctx;
};

static int bio_write(BIO *bio, const char *data, int size)
{
    struct vr_keys *keys = BIO_get_data(bio);

    keys->send(keys->ctx, vr_bytes(data, (size_t)size));
    return size;
}

static int bio_read(BIO *bio, char *out, int size)
{
    struct vr_keys *keys = BIO_get_data(bio);
    size_t n = keys->arrived.size;

    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    n = n > (size_t)size ? (size_t)size : n;
    memcpy(out, keys->arrived.data, n);
    keys->arrived.size = 0;
    return (int)n;
}

/* Only what is asked for here: a 1 to every control makes OpenSSL believe in kernel TLS. */
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
        return MTU;
    default:
        return 0;
    }
}

/* 50 ms at first instead of OpenSSL's second, doubled as RFC 9147 5.8.2 allows on short paths: a
 * full-ICE server throws away what comes before it has chosen the pair. */
static unsigned int next_repeat(SSL *ssl, unsigned int timer_us)
{
    (void)ssl;
    return timer_us == 0 ? 50000 : timer_us * 2;
}

static int accept_any(int good, X509_STORE_CTX *store)
{
    (void)good;
    (void)store;
    return 1; /* the fingerprint is compared instead, as WebRTC does */
}

static bool make_certificate(struct vr_keys_maker *maker)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    unsigned size = sizeof(maker->fingerprint);
    bool good = key != NULL && cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 &&
                ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
                X509_gmtime_adj(X509_getm_notBefore(cert), -3600) != NULL &&
                X509_gmtime_adj(X509_getm_notAfter(cert), 86400) != NULL &&
                X509_set_pubkey(cert, key) == 1 && X509_sign(cert, key, EVP_sha256()) > 0 &&
                SSL_CTX_use_certificate(maker->tls, cert) == 1 &&
                SSL_CTX_use_PrivateKey(maker->tls, key) == 1 &&
                X509_digest(cert, EVP_sha256(), maker->fingerprint, &size) == 1;

    EVP_PKEY_free(key);
    X509_free(cert);
    return good;
}

struct vr_keys_maker *vr_keys_maker_new(const char *profiles)
{
    struct vr_keys_maker *maker = calloc(1, sizeof(*maker));

    if (maker == NULL) {
        return NULL;
    }
    maker->tls = SSL_CTX_new(DTLS_client_method());
    maker->method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bench datagrams");
    if (maker->tls == NULL || maker->method == NULL || !make_certificate(maker) ||
        SSL_CTX_set_tlsext_use_srtp(maker->tls, profiles) != 0) {
        vr_keys_maker_free(maker);
        return NULL;
    }
    BIO_meth_set_write(maker->method, bio_write);
    BIO_meth_set_read(maker->method, bio_read);
    BIO_meth_set_ctrl(maker->method, bio_ctrl);
    SSL_CTX_set_options(maker->tls, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(maker->tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(maker->tls, SSL_VERIFY_PEER, accept_any);
    return maker;
}

void vr_keys_maker_free(struct vr_keys_maker *maker)
{
    if (maker != NULL) {
        SSL_CTX_free(maker->tls);
        BIO_meth_free(maker->method);
        free(maker);
    }
}

const uint8_t *vr_keys_fingerprint(const struct vr_keys_maker *maker)
{
    return maker->fingerprint;
}

struct vr_keys *vr_keys_new(struct vr_keys_maker *maker, const uint8_t server_fingerprint[32],
                            vr_keys_send send, void *ctx)
{
    struct vr_keys *keys = calloc(1, sizeof(*keys));
    BIO *bio = BIO_new(maker->method);

    if (keys != NULL) {
        keys->ssl = SSL_new(maker->tls);
    }
    if (keys == NULL || bio == NULL || keys->ssl == NULL) {
        BIO_free(bio);
        vr_keys_free(keys);
        return NULL;
    }
    keys->send = send;
    keys->ctx = ctx;
    memcpy(keys->server, server_fingerprint, sizeof(keys->server));
    BIO_set_data(bio, keys);
    BIO_set_init(bio, 1);
    SSL_set_bio(keys->ssl, bio, bio);
    SSL_set_mtu(keys->ssl, MTU);
    DTLS_set_timer_cb(keys->ssl, next_repeat);
    SSL_set_connect_state(keys->ssl);
    return keys;
}

void vr_keys_free(struct vr_keys *keys)
{
    if (keys != NULL) {
        SSL_free(keys->ssl);
        free(keys);
    }
}

static bool right_server(const struct vr_keys *keys)
{
    X509 *cert = SSL_get1_peer_certificate(keys->ssl);
    uint8_t digest[32];
    unsigned size = sizeof(digest);
    bool good = cert != NULL && X509_digest(cert, EVP_sha256(), digest, &size) == 1 &&
                memcmp(digest, keys->server, sizeof(digest)) == 0;

    X509_free(cert);
    return good;
}

static bool take_keys(struct vr_keys *keys, struct vr_srtp_keys *out)
{
    const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(keys->ssl);
    size_t salt;
    uint8_t material[60];

    *out = (struct vr_srtp_keys){.gcm = profile != NULL && profile->id == SRTP_AEAD_AES_128_GCM};
    salt = out->gcm ? 12 : 14;
    if (profile == NULL || SSL_export_keying_material(keys->ssl, material, 2 * (16 + salt),
                                                      "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0) != 1) {
        return false;
    }
    memcpy(out->ours, material, 16);
    memcpy(out->theirs, material + 16, 16);
    memcpy(out->ours + 16, material + 32, salt);
    memcpy(out->theirs + 16, material + 32 + salt, salt);
    return true;
}

enum vr_keys_state vr_keys_input(struct vr_keys *keys, struct vr_bytes datagram,
                                 struct vr_srtp_keys *out)
{
    int result, reason;

    keys->arrived = datagram;
    ERR_clear_error();
    result = SSL_do_handshake(keys->ssl);
    reason = SSL_get_error(keys->ssl, result);
    keys->arrived = (struct vr_bytes){NULL, 0};
    ERR_clear_error();
    if (result == 1) {
        return right_server(keys) && take_keys(keys, out) ? VR_KEYS_DONE : VR_KEYS_FAILED;
    }
    return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE ? VR_KEYS_WAIT
                                                                           : VR_KEYS_FAILED;
}

void vr_keys_repeat(struct vr_keys *keys)
{
    (void)DTLSv1_handle_timeout(keys->ssl);
    ERR_clear_error();
}
