/* tls.c - the server context, and a certificate of our own for the local network. */
#include "nodes/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

#define CERTIFICATE_DAYS 397 /* what browsers take at most */

void vr_sha256(struct vr_bytes in, uint8_t out[32])
{
    EVP_Digest(in.data, in.size, out, NULL, EVP_sha256(), NULL);
}

static enum vr_err ssl_fail(struct vr_why *why, const char *what)
{
    unsigned long code = ERR_get_error();
    char text[120] = "unknown";

    if (code != 0) {
        ERR_error_string_n(code, text, sizeof(text));
    }
    ERR_clear_error();
    return vr_fail(why, VR_E_INTERNAL, "%s: %s", what, text);
}

/* HTTP/2 must stay out of reach (Debian's h2o has no rapid-reset accounting): whoever offers only
 * that gets no answer to his offer, and so HTTP/1.1. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                           const unsigned char *in, unsigned in_size, void *ctx)
{
    (void)ssl;
    (void)ctx;
    for (unsigned i = 0; i + 1 <= in_size && i + 1 + in[i] <= in_size; i += 1u + in[i]) {
        if (in[i] == 8 && memcmp(in + i + 1, "http/1.1", 8) == 0) {
            *out = in + i + 1;
            *out_size = 8;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_NOACK;
}

enum vr_err vr_tls_open(const char *certificate, const char *key, struct ssl_ctx_st **out,
                        struct vr_why *why)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    *out = NULL;
    if (tls == NULL) {
        return ssl_fail(why, "TLS");
    }
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_options(tls, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(tls, choose_protocol, NULL);
    if (SSL_CTX_set_cipher_list(tls, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1 ||
        SSL_CTX_set1_groups_list(tls, "X25519:P-256:P-384") != 1 ||
        SSL_CTX_use_certificate_chain_file(tls, certificate) != 1) {
        enum vr_err err = ssl_fail(why, certificate);
        SSL_CTX_free(tls);
        return err;
    }
    if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(tls) != 1) {
        enum vr_err err = ssl_fail(why, key);
        SSL_CTX_free(tls);
        return err;
    }
    *out = tls;
    return VR_OK;
}

void vr_tls_close(struct ssl_ctx_st *tls)
{
    SSL_CTX_free(tls);
}

struct ssl_ctx_st *vr_tls_retain(struct ssl_ctx_st *tls)
{
    if (tls != NULL) {
        SSL_CTX_up_ref(tls);
    }
    return tls;
}

void vr_tls_about(const struct ssl_ctx_st *tls, struct vr_tls_about *out)
{
    const X509 *x509 = SSL_CTX_get0_certificate(tls);
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    struct tm ends = {0};

    *out = (struct vr_tls_about){0};
    if (x509 == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(x509), &ends) != 1 ||
        X509_digest(x509, EVP_sha256(), hash, &size) != 1 || size != 32) {
        return;
    }
    out->not_after = (int64_t)timegm(&ends);
    out->self_signed = X509_NAME_cmp(X509_get_subject_name(x509), X509_get_issuer_name(x509)) == 0;
    for (unsigned i = 0; i < size; i++) {
        snprintf(out->sha256 + 2 * (size_t)i, 3, "%02x", hash[i]);
    }
}

static void alternative_names(const char *const *names, uint32_t count, struct vr_buf *out)
{
    vr_buf_text(out, "DNS:localhost,IP:127.0.0.1,IP:::1");
    for (uint32_t i = 0; i < count; i++) {
        struct in6_addr address;
        bool is_address = inet_pton(AF_INET, names[i], &address) == 1 ||
                          inet_pton(AF_INET6, names[i], &address) == 1;

        if (strcmp(names[i], "127.0.0.1") != 0 && strcmp(names[i], "::1") != 0 &&
            strcmp(names[i], "localhost") != 0) {
            vr_buf_printf(out, ",%s:%s", is_address ? "IP" : "DNS", names[i]);
        }
    }
    vr_buf_append(out, "", 1);
}

/** Is the certificate there, good for another week, and for all these names? */
static bool certificate_is_good(const char *path, const char *const *names, uint32_t count)
{
    FILE *stream = fopen(path, "re");
    X509 *x509 = stream == NULL ? NULL : PEM_read_X509(stream, NULL, NULL, NULL);
    time_t week = time(NULL) + 7 * 86400;
    bool good = x509 != NULL && X509_cmp_time(X509_get0_notAfter(x509), &week) > 0;

    for (uint32_t i = 0; good && i < count; i++) {
        good = X509_check_ip_asc(x509, names[i], 0) == 1 ||
               X509_check_host(x509, names[i], 0, 0, NULL) == 1;
    }
    X509_free(x509);
    if (stream != NULL) {
        fclose(stream);
    }
    ERR_clear_error();
    return good;
}

static bool extension_add(X509 *x509, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension = NULL;
    bool done = false;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, x509, x509, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    done = extension != NULL && X509_add_ext(x509, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return done;
}

static X509 *certificate_make(EVP_PKEY *pkey, const char *names, long days)
{
    X509 *x509 = X509_new();
    X509_NAME *subject = NULL;
    uint64_t serial = 0;

    if (x509 == NULL || RAND_bytes((uint8_t *)&serial, sizeof(serial)) != 1) {
        X509_free(x509);
        return NULL;
    }
    X509_set_version(x509, 2);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), serial >> 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -86400);
    X509_gmtime_adj(X509_getm_notAfter(x509), days * 86400);
    X509_set_pubkey(x509, pkey);
    subject = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)"Voicerooms", -1, -1,
                               0);
    X509_set_issuer_name(x509, subject);
    if (!extension_add(x509, NID_subject_alt_name, names) ||
        !extension_add(x509, NID_basic_constraints, "critical,CA:FALSE") ||
        !extension_add(x509, NID_ext_key_usage, "serverAuth") ||
        X509_sign(x509, pkey, EVP_sha256()) == 0) {
        X509_free(x509);
        return NULL;
    }
    return x509;
}

enum vr_err vr_tls_identity_pem(struct vr_buf *out)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    /* Peers know it by its fingerprint in the SDP; its dates are not looked at. */
    X509 *x509 = pkey == NULL ? NULL : certificate_make(pkey, "DNS:voicerooms", 3650);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    enum vr_err err = VR_E_INTERNAL;

    if (x509 != NULL && bio != NULL &&
        PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1 &&
        PEM_write_bio_X509(bio, x509) == 1) {
        long size = BIO_get_mem_data(bio, &text);

        vr_buf_append(out, text, (size_t)size);
        err = out->failed ? VR_E_NO_MEMORY : VR_OK;
    }
    BIO_free(bio);
    X509_free(x509);
    EVP_PKEY_free(pkey);
    return err;
}

static FILE *create(const char *path, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    return fd < 0 ? NULL : fdopen(fd, "w");
}

enum vr_err vr_tls_self_signed(const char *certificate, const char *key, const char *const *names,
                               uint32_t name_count, struct vr_why *why)
{
    struct vr_buf list = {0};
    EVP_PKEY *pkey = NULL;
    X509 *x509 = NULL;
    FILE *key_file = NULL;
    FILE *certificate_file = NULL;
    enum vr_err err = VR_E_INTERNAL;

    if (access(key, R_OK) == 0 && certificate_is_good(certificate, names, name_count)) {
        return VR_OK;
    }
    alternative_names(names, name_count, &list);
    pkey = EVP_EC_gen("P-256");
    x509 = pkey == NULL || list.failed
               ? NULL
               : certificate_make(pkey, (const char *)list.data, CERTIFICATE_DAYS);
    if (x509 == NULL) {
        err = ssl_fail(why, "making a certificate");
    } else {
        key_file = create(key, 0600);
        certificate_file = create(certificate, 0644);
        if (key_file == NULL || certificate_file == NULL) {
            err = vr_fail(why, VR_E_INTERNAL, "%s: %s", certificate, strerror(errno));
        } else {
            err = PEM_write_PrivateKey(key_file, pkey, NULL, NULL, 0, NULL, NULL) == 1 &&
                          PEM_write_X509(certificate_file, x509) == 1
                      ? VR_OK
                      : ssl_fail(why, certificate);
        }
    }
    if (key_file != NULL) {
        fclose(key_file);
    }
    if (certificate_file != NULL) {
        fclose(certificate_file);
    }
    X509_free(x509);
    EVP_PKEY_free(pkey);
    vr_buf_deinit(&list);
    return err;
}
