/* Goal: the identity is stable, only ECDHE with AEAD is spoken, keys agree on both ends, and bytes
 * that are no handshake end in a refusal. */
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "actors/base/random.h"
#include "actors/media/dtls_handshake.h"
#include "actors/media/dtls_provider.h"

/* Made by `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes`; guards nothing.
 */
static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
                          "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQghCiWFqrFlY7Gyqhz\n"
                          "5AKKCeOwb+q+y1QdhSJbpitPNZKhRANCAARncHFh2SDXMPBKp5X4S1SWAd7REGhq\n"
                          "yKAUacHFa5OKhvAAOt/d7OsAZ0WDp3N1fjAToCOZe5Cf1uy8fhv3ClYQ\n"
                          "-----END PRIVATE KEY-----\n"
                          "-----BEGIN CERTIFICATE-----\n"
                          "MIIBdTCCARugAwIBAgIUa/EsasgiXMQK58hsWG6xE9+me+UwCgYIKoZIzj0EAwIw\n"
                          "DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjIxNjU5NTNaGA8yMTI2MTAyOTE2NTk1\n"
                          "M1owDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGdw\n"
                          "cWHZINcw8EqnlfhLVJYB3tEQaGrIoBRpwcVrk4qG8AA6393s6wBnRYOnc3V+MBOg\n"
                          "I5l7kJ/W7Lx+G/cKVhCjUzBRMB0GA1UdDgQWBBSL/PY9Fpntt7miRKGyR/H98ATZ\n"
                          "3zAfBgNVHSMEGDAWgBSL/PY9Fpntt7miRKGyR/H98ATZ3zAPBgNVHRMBAf8EBTAD\n"
                          "AQH/MAoGCCqGSM49BAMCA0gAMEUCID75pRzpNul7aj4UM36/rhI2ag8Ybn4R9djX\n"
                          "1Fj8ZJ7vAiEAxdugeKrZU1p5sQUz5NTNJ1Uw7lCgnlbIpQ1aE2U6y/A=\n"
                          "-----END CERTIFICATE-----\n";

struct wire {
    uint32_t count;
    size_t bytes;
    size_t largest;
    uint8_t last[2048];
    size_t last_size;
    BIO *to_client;
};

static void to_client(void *ctx, struct vr_bytes datagram)
{
    struct wire *wire = ctx;

    wire->count++;
    wire->bytes += datagram.size;
    wire->largest = datagram.size > wire->largest ? datagram.size : wire->largest;
    memcpy(wire->last, datagram.data, datagram.size);
    wire->last_size = datagram.size;
    if (wire->to_client != NULL) {
        BIO_write(wire->to_client, datagram.data, (int)datagram.size);
    }
}

static void identity(void **state)
{
    struct vr_dtls_identity *a;
    struct vr_dtls_identity *b;
    uint8_t first[32];
    uint8_t second[32];
    static const uint8_t expected[32] = {0xc4, 0xdb, 0x8e, 0x35, 0x74, 0x21, 0xe2, 0x07,
                                         0xac, 0x0c, 0xc3, 0x29, 0xc7, 0x7b, 0x05, 0x40,
                                         0x67, 0xb3, 0x6b, 0xf2, 0xf5, 0x6c, 0x85, 0x9b,
                                         0xe8, 0x13, 0x42, 0x72, 0x50, 0x66, 0x70, 0x3f};

    (void)state;
    assert_int_equal(vr_dtls_identity_new(vr_bytes_of(pem), &a), VR_OK);
    vr_dtls_identity_fingerprint(a, first);
    assert_memory_equal(first, expected, 32);
    vr_dtls_identity_free(a);
    assert_int_equal(vr_dtls_identity_new(vr_bytes(NULL, 0), &a), VR_OK);
    assert_int_equal(vr_dtls_identity_new(vr_bytes(NULL, 0), &b), VR_OK);
    vr_dtls_identity_fingerprint(a, first);
    vr_dtls_identity_fingerprint(b, second);
    assert_memory_not_equal(first, second, 32);
    vr_dtls_identity_free(a);
    vr_dtls_identity_free(b);
    assert_int_equal(vr_dtls_identity_new(vr_bytes_of("no PEM"), &a), VR_E_UNPROCESSABLE);
    assert_null(a);
}

static EVP_PKEY *key_of(const char *kind)
{
    if (kind != NULL && strcmp(kind, "RSA") == 0) {
        return EVP_RSA_gen(2048);
    }
    return kind != NULL && strcmp(kind, "ED25519") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, kind)
                                                        : EVP_EC_gen(kind == NULL ? "P-256" : kind);
}

#define CERTIFICATE_VERIFY 15 /* RFC 5246, 7.4 */

/* A client that offers these suites and has a certificate of this kind, or none; `spoil`: the last
 * byte of its handshake message of this type is another. Returns whether the server went along, and
 * in `*ended` the last message it was given, in `*chosen` the suite. */
static bool shakes(const char *suite, const char *profiles, const char *kind, uint8_t spoil,
                   uint8_t *ended, char chosen[64])
{
    struct vr_dtls_identity *server;
    struct vr_dtls *dtls;
    struct wire wire = {0};
    SSL_CTX *ctx = SSL_CTX_new(DTLS_client_method());
    EVP_PKEY *key = key_of(kind);
    X509 *cert = X509_new();
    SSL *ssl;
    BIO *from_client = BIO_new(BIO_s_mem());
    enum vr_dtls_status status = VR_DTLS_RUNNING;
    struct vr_dtls_result result;
    bool done = false;

    assert_int_equal(vr_dtls_identity_new(vr_bytes(NULL, 0), &server), VR_OK);
    assert_int_equal(vr_dtls_new(server, to_client, &wire, &dtls), VR_OK);
    X509_set_pubkey(cert, key);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 60);
    X509_sign(cert, key, EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256());
    SSL_CTX_set_cipher_list(ctx, suite);
    SSL_CTX_set_security_level(ctx, 0);
    if (kind != NULL) {
        SSL_CTX_use_certificate(ctx, cert);
        SSL_CTX_use_PrivateKey(ctx, key);
    }
    if (profiles != NULL) {
        assert_int_equal(SSL_CTX_set_tlsext_use_srtp(ctx, profiles), 0);
    }
    ssl = SSL_new(ctx);
    wire.to_client = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(wire.to_client, -1);
    SSL_set_bio(ssl, wire.to_client, from_client);
    SSL_set_options(ssl, SSL_OP_NO_QUERY_MTU);
    SSL_set_mtu(ssl, 1200);
    SSL_set_connect_state(ssl);
    for (int round = 0; round < 8 && status == VR_DTLS_RUNNING; round++) {
        char *data;
        long size;

        SSL_do_handshake(ssl);
        size = BIO_get_mem_data(from_client, &data);
        for (long at = 0; at + 13 <= size && status == VR_DTLS_RUNNING;) { /* record by record */
            long record = 13 + vr_get16((uint8_t *)data + at + 11);

            *ended = (uint8_t)data[at + 13];
            if (spoil != 0 && data[at] == 22 && *ended == spoil) {
                data[at + record - 1] ^= 1;
            }
            status = vr_dtls_input(dtls, vr_bytes(data + at, (size_t)record));
            at += record;
        }
        BIO_reset(from_client);
    }
    if (status == VR_DTLS_DONE) {
        done = vr_dtls_finish(dtls, &result) == VR_OK;
        if (done) {
            assert_in_range(result.last_flight_size, 50, VR_DTLS_LAST_FLIGHT_MAX);
            assert_memory_equal(result.last_flight, wire.last, wire.last_size);
            assert_int_equal(result.last_flight[0], 20);
        }
    }
    assert_true(wire.largest <= VR_DTLS_MTU);
    snprintf(chosen, 64, "%s", SSL_get_cipher_name(ssl));
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    EVP_PKEY_free(key);
    X509_free(cert);
    vr_dtls_free(dtls);
    vr_dtls_identity_free(server);
    return done;
}

static bool offers(const char *suite, const char *profiles, const char *kind)
{
    char chosen[64];
    uint8_t ended;

    return shakes(suite, profiles, kind, 0, &ended, chosen);
}

/* A certificate is shown by many, and judged by its fingerprint: only who signs with its key has
 * it.
 */
static void holder_of_the_key(void **state)
{
    static const char *const kinds[] = {"P-256", "RSA", "ED25519"};
    char chosen[64];
    uint8_t ended;

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        assert_false(shakes("ECDHE-ECDSA-AES128-GCM-SHA256", "SRTP_AEAD_AES_128_GCM", kinds[i],
                            CERTIFICATE_VERIFY, &ended, chosen));
        assert_int_equal(ended, CERTIFICATE_VERIFY);
    }
}

/* What it carries is keys of 128 bits. */
static void cheapest_suite(void **state)
{
    char chosen[64];
    uint8_t ended;

    (void)state;
    assert_true(shakes("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256",
                       "SRTP_AEAD_AES_128_GCM", "P-256", 0, &ended, chosen));
    assert_string_equal(chosen, "ECDHE-ECDSA-AES128-GCM-SHA256");
}

static void suites_and_profiles(void **state)
{
    (void)state;
    assert_non_null(vr_dtls_library()); /* what is read here is read by the few readers */
    assert_true(offers("ECDHE-ECDSA-AES128-GCM-SHA256", "SRTP_AEAD_AES_128_GCM", "P-256"));
    assert_true(offers("ECDHE-ECDSA-AES128-GCM-SHA256", "SRTP_AEAD_AES_128_GCM", "P-384"));
    assert_true(offers("ECDHE-ECDSA-AES128-GCM-SHA256", "SRTP_AEAD_AES_128_GCM", "RSA"));
    assert_true(offers("ECDHE-ECDSA-AES128-GCM-SHA256", "SRTP_AEAD_AES_128_GCM", "ED25519"));
    assert_true(offers("ECDHE-ECDSA-AES256-GCM-SHA384", "SRTP_AEAD_AES_128_GCM", "P-256"));
    assert_true(offers("ECDHE-ECDSA-CHACHA20-POLY1305", "SRTP_AES128_CM_SHA1_80", "P-256"));
    assert_false(
        offers("ECDHE-ECDSA-AES128-SHA256", "SRTP_AEAD_AES_128_GCM", "P-256")); /* no AEAD */
    assert_false(offers("ECDHE-ECDSA-NULL-SHA", "SRTP_AEAD_AES_128_GCM", "P-256"));
    assert_false(offers("AES128-GCM-SHA256", "SRTP_AEAD_AES_128_GCM", "P-256")); /* no ECDHE */
    assert_false(offers("ECDHE-ECDSA-AES128-GCM-SHA256", "SRTP_AES128_CM_SHA1_32", "P-256"));
    assert_false(offers("ECDHE-ECDSA-AES128-GCM-SHA256", NULL, "P-256"));
    assert_false(offers("ECDHE-ECDSA-AES128-GCM-SHA256", "SRTP_AEAD_AES_128_GCM", NULL));
}

static void noise(void **state)
{
    struct vr_dtls_identity *server;
    struct vr_random_seeded random;

    (void)state;
    vr_random_seeded_init(&random, 5);
    assert_int_equal(vr_dtls_identity_new(vr_bytes(NULL, 0), &server), VR_OK);
    for (int i = 0; i < 300; i++) {
        struct wire wire = {0};
        struct vr_dtls *dtls;
        uint8_t data[200];

        assert_int_equal(vr_dtls_new(server, to_client, &wire, &dtls), VR_OK);
        for (int k = 0; k < 5; k++) {
            random.random.fill(random.random.ctx, data, sizeof data);
            data[0] = 22;
            data[1] = 0xfe;
            data[2] = 0xfd;
            memset(data + 3, 0, 8);
            vr_put16(data + 11, sizeof data - 13);
            data[13] = (uint8_t)(k % 2);
            assert_int_not_equal(vr_dtls_input(dtls, vr_bytes(data, sizeof data)), VR_DTLS_DONE);
        }
        vr_dtls_free(dtls);
    }
    vr_dtls_identity_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identity),
        cmocka_unit_test(suites_and_profiles),
        cmocka_unit_test(holder_of_the_key),
        cmocka_unit_test(cheapest_suite),
        cmocka_unit_test(noise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
