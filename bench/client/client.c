#include "bench/client/client.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <srtp2/srtp.h>
#include <stdlib.h>
#include <stun/stunagent.h>
#include <stun/usages/ice.h>

#include "actors/wire/red.h"
#include "actors/wire/rtcp.h"

#define FLIGHT_MAX 8192

struct vr_client {
    struct vr_client_conf conf;
    struct vr_client_stats stats;
    StunAgent stun;
    SSL_CTX *tls;
    SSL *ssl;
    BIO_METHOD *method;
    X509 *cert;
    srtp_t in;
    srtp_t out;
    char profile[32];
    bool failed;
    struct vr_bytes arrived;
    bool flight_open;
    uint32_t flight_count;
    uint16_t flight_sizes[32];
    size_t flight_size;
    uint8_t flight[FLIGHT_MAX];
};

enum vr_err vr_client_global_init(void)
{
    return srtp_init() == srtp_err_status_ok ? VR_OK : VR_E_INTERNAL;
}

/* ---- DTLS ---- */

static int bio_write(BIO *bio, const char *data, int size)
{
    struct vr_client *client = BIO_get_data(bio);

    if (!client->flight_open) {
        client->flight_open = true;
        client->flight_count = 0;
        client->flight_size = 0;
    }
    if (client->flight_count < 32 && client->flight_size + (size_t)size <= FLIGHT_MAX) {
        memcpy(client->flight + client->flight_size, data, (size_t)size);
        client->flight_sizes[client->flight_count++] = (uint16_t)size;
        client->flight_size += (size_t)size;
    }
    client->conf.send(client->conf.ctx, vr_bytes(data, (size_t)size));
    return size;
}

static int bio_read(BIO *bio, char *out, int size)
{
    struct vr_client *client = BIO_get_data(bio);
    size_t n = client->arrived.size;

    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    n = n > (size_t)size ? (size_t)size : n;
    memcpy(out, client->arrived.data, n);
    client->arrived.size = 0;
    return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    struct vr_client *client = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_FLUSH) {
        return 1;
    }
    if (command == BIO_CTRL_DGRAM_QUERY_MTU || command == BIO_CTRL_DGRAM_GET_FALLBACK_MTU) {
        return client->conf.mtu;
    }
    return 0;
}

static unsigned int never(SSL *ssl, unsigned int timer)
{
    (void)ssl;
    (void)timer;
    return 3600000000u; /* repeats are the driver's: vr_client_resend */
}

static int accept_any(int good, X509_STORE_CTX *store)
{
    (void)good;
    (void)store;
    return 1;
}

static bool make_certificate(struct vr_client *client)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    bool good = key != NULL && cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 &&
                ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
                X509_gmtime_adj(X509_getm_notBefore(cert), -3600) != NULL &&
                X509_gmtime_adj(X509_getm_notAfter(cert), 86400) != NULL &&
                X509_set_pubkey(cert, key) == 1 && X509_sign(cert, key, EVP_sha256()) > 0 &&
                SSL_CTX_use_certificate(client->tls, cert) == 1 &&
                SSL_CTX_use_PrivateKey(client->tls, key) == 1;

    EVP_PKEY_free(key);
    client->cert = cert;
    return good;
}

static bool pad_hello(struct vr_client *client)
{
    uint8_t list[1024];
    size_t size = 0;

    while (size + 65 <= sizeof list && size < client->conf.hello_padding) {
        list[size] = 64;
        memset(list + size + 1, 'x', 64);
        size += 65;
    }
    return size == 0 || SSL_set_alpn_protos(client->ssl, list, (unsigned)size) == 0;
}

static bool make_ssl(struct vr_client *client)
{
    BIO *bio;

    client->tls = SSL_CTX_new(DTLS_client_method());
    client->method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "client datagrams");
    if (client->tls == NULL || client->method == NULL || !make_certificate(client)) {
        return false;
    }
    BIO_meth_set_write(client->method, bio_write);
    BIO_meth_set_read(client->method, bio_read);
    BIO_meth_set_ctrl(client->method, bio_ctrl);
    SSL_CTX_set_options(client->tls, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET);
    SSL_CTX_set_verify(client->tls, SSL_VERIFY_PEER, accept_any);
    if (SSL_CTX_set_tlsext_use_srtp(client->tls, client->conf.profiles) != 0) {
        return false;
    }
    client->ssl = SSL_new(client->tls);
    bio = BIO_new(client->method);
    if (client->ssl == NULL || bio == NULL) {
        BIO_free(bio);
        return false;
    }
    BIO_set_data(bio, client);
    BIO_set_init(bio, 1);
    SSL_set_bio(client->ssl, bio, bio);
    SSL_set_mtu(client->ssl, client->conf.mtu);
    DTLS_set_timer_cb(client->ssl, never);
    SSL_set_connect_state(client->ssl);
    return pad_hello(client);
}

static const uint16_t known[] = {STUN_ATTRIBUTE_USERNAME,        STUN_ATTRIBUTE_MESSAGE_INTEGRITY,
                                 STUN_ATTRIBUTE_PRIORITY,        STUN_ATTRIBUTE_USE_CANDIDATE,
                                 STUN_ATTRIBUTE_ICE_CONTROLLING, STUN_ATTRIBUTE_ICE_CONTROLLED,
                                 STUN_ATTRIBUTE_FINGERPRINT,     STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS,
                                 STUN_ATTRIBUTE_ERROR_CODE,      0};

enum vr_err vr_client_new(const struct vr_client_conf *conf, struct vr_client **out)
{
    struct vr_client *client = calloc(1, sizeof *client);

    *out = NULL;
    if (client == NULL) {
        return VR_E_NO_MEMORY;
    }
    client->conf = *conf;
    if (conf->profiles == NULL) {
        client->conf.profiles = "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80";
    }
    client->conf.mtu = conf->mtu == 0 ? 1200 : conf->mtu;
    stun_agent_init(&client->stun, known, STUN_COMPATIBILITY_RFC5389,
                    STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
    if (!make_ssl(client)) {
        vr_client_free(client);
        return VR_E_INTERNAL;
    }
    *out = client;
    return VR_OK;
}

void vr_client_free(struct vr_client *client)
{
    if (client == NULL) {
        return;
    }
    SSL_free(client->ssl);
    SSL_CTX_free(client->tls);
    BIO_meth_free(client->method);
    X509_free(client->cert);
    if (client->in != NULL) {
        srtp_dealloc(client->in);
    }
    if (client->out != NULL) {
        srtp_dealloc(client->out);
    }
    free(client);
}

void vr_client_fingerprint(const struct vr_client *client, uint8_t out[32])
{
    unsigned size = 32;

    X509_digest(client->cert, EVP_sha256(), out, &size);
}

static bool open_context(srtp_t *out, bool gcm, uint8_t *key, srtp_ssrc_type_t direction)
{
    srtp_policy_t policy;

    memset(&policy, 0, sizeof policy);
    if (gcm) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    } else {
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
    }
    policy.ssrc.type = direction;
    policy.key = key;
    policy.window_size = 1024;
    return srtp_create(out, &policy) == srtp_err_status_ok;
}

static bool right_server(struct vr_client *client)
{
    X509 *cert = SSL_get1_peer_certificate(client->ssl);
    uint8_t digest[32];
    unsigned size = sizeof digest;
    bool good = cert != NULL && X509_digest(cert, EVP_sha256(), digest, &size) == 1 &&
                (client->conf.server_fingerprint == NULL ||
                 memcmp(digest, client->conf.server_fingerprint, sizeof digest) == 0);

    X509_free(cert);
    return good;
}

static bool take_keys(struct vr_client *client)
{
    const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(client->ssl);
    bool gcm = profile != NULL && profile->id == SRTP_AEAD_AES_128_GCM;
    size_t salt = gcm ? 12 : 14;
    uint8_t material[60];
    uint8_t ours[30] = {0};
    uint8_t theirs[30] = {0};

    if (profile == NULL || SSL_export_keying_material(client->ssl, material, 2 * (16 + salt),
                                                      "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0) != 1) {
        return false;
    }
    memcpy(ours, material, 16);
    memcpy(theirs, material + 16, 16);
    memcpy(ours + 16, material + 32, salt);
    memcpy(theirs + 16, material + 32 + salt, salt);
    snprintf(client->profile, sizeof client->profile, "%s", profile->name);
    return open_context(&client->in, gcm, theirs, ssrc_any_inbound) &&
           open_context(&client->out, gcm, ours, ssrc_any_outbound);
}

static void step(struct vr_client *client)
{
    int result;
    int reason;

    client->flight_open = false;
    ERR_clear_error();
    result = SSL_do_handshake(client->ssl);
    reason = SSL_get_error(client->ssl, result);
    ERR_clear_error();
    if (result == 1) {
        if (client->in == NULL && (!right_server(client) || !take_keys(client))) {
            client->failed = true;
        }
    } else if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE) {
        client->failed = true;
    }
}

void vr_client_connect(struct vr_client *client)
{
    step(client);
}

void vr_client_resend(struct vr_client *client)
{
    size_t at = 0;

    for (uint32_t i = 0; i < client->flight_count; i++) {
        client->conf.send(client->conf.ctx, vr_bytes(client->flight + at, client->flight_sizes[i]));
        at += client->flight_sizes[i];
    }
}

bool vr_client_up(const struct vr_client *client)
{
    return client->in != NULL && client->out != NULL && !client->failed;
}

bool vr_client_failed(const struct vr_client *client)
{
    return client->failed;
}

const char *vr_client_profile(const struct vr_client *client)
{
    return client->profile;
}

/* ---- STUN ---- */

void vr_client_check(struct vr_client *client, bool use_candidate, bool controlling)
{
    StunMessage message;
    uint8_t buffer[512];
    char username[128];
    int size =
        snprintf(username, sizeof username, "%s:%s", client->conf.server_ufrag, client->conf.ufrag);
    size_t n = stun_usage_ice_conncheck_create(
        &client->stun, &message, buffer, sizeof buffer, (const uint8_t *)username, (size_t)size,
        (const uint8_t *)client->conf.server_pwd, strlen(client->conf.server_pwd), use_candidate,
        controlling, 0x7e0000ff, 0x1122334455667788u, NULL, STUN_USAGE_ICE_COMPATIBILITY_RFC5245);

    if (n > 0) {
        client->conf.send(client->conf.ctx, vr_bytes(buffer, n));
    }
}

void vr_client_restart(struct vr_client *client, const char *server_ufrag, const char *server_pwd)
{
    client->conf.server_ufrag = server_ufrag;
    client->conf.server_pwd = server_pwd;
}

static void stun_input(struct vr_client *client, const uint8_t *data, size_t size)
{
    StunMessage message;
    int code;

    if (stun_agent_validate(&client->stun, &message, data, size, NULL, NULL) !=
        STUN_VALIDATION_SUCCESS) {
        client->stats.rejected++;
        return;
    }
    if (stun_message_find_error(&message, &code) == STUN_MESSAGE_RETURN_SUCCESS && code == 487) {
        client->stats.conflicts++;
        return;
    }
    client->stats.checks_answered++;
}

/* ---- media ---- */

static void media_input(struct vr_client *client, uint8_t *data, size_t size)
{
    int n = (int)size;
    struct vr_rtp rtp;

    if (size >= 2 && data[1] >= 192 && data[1] <= 223) {
        if (srtp_unprotect_rtcp(client->in, data, &n) != srtp_err_status_ok) {
            client->stats.rejected++;
            return;
        }
        client->stats.rtcp++;
        if (client->conf.rtcp != NULL) {
            client->conf.rtcp(client->conf.ctx, vr_bytes(data, (size_t)n));
        }
        return;
    }
    if (srtp_unprotect(client->in, data, &n) != srtp_err_status_ok ||
        !vr_rtp_parse(vr_bytes(data, (size_t)n), &rtp)) {
        client->stats.rejected++;
        return;
    }
    client->stats.rtp++;
    client->conf.rtp(client->conf.ctx, &rtp);
}

void vr_client_input(struct vr_client *client, uint8_t *data, size_t size)
{
    if (size == 0) {
        return;
    }
    if (data[0] < 4) {
        stun_input(client, data, size);
    } else if (data[0] >= 20 && data[0] <= 63) {
        client->arrived = vr_bytes(data, size);
        step(client);
        client->arrived = (struct vr_bytes){NULL, 0};
    } else if (vr_client_up(client)) {
        media_input(client, data, size);
    }
}

void vr_client_speak(struct vr_client *client, const struct vr_client_packet *packet)
{
    uint8_t buffer[2048];
    uint8_t level = (uint8_t)(0x80 | packet->level);
    struct vr_rtp_ext ext = {.id = client->conf.level_id, .size = 1, .data = &level};
    struct vr_rtp_head head = {.marker = packet->marker,
                               .pt = client->conf.red_pt != 0 ? client->conf.red_pt
                                                              : client->conf.opus_pt,
                               .seq = packet->seq,
                               .ts = packet->ts,
                               .ssrc = client->conf.ssrc,
                               .ext_count = 1,
                               .ext = &ext};
    size_t size = vr_rtp_head_write(&head, buffer, sizeof buffer);
    int n;

    if (!vr_client_up(client) || packet->payload.size > 1300) {
        return;
    }
    if (client->conf.red_pt != 0) {
        struct vr_red red = {.count = 0};

        if (packet->previous.size > 0) {
            red.blocks[red.count++] = (struct vr_red_block){.payload = packet->previous,
                                                            .ts_offset = packet->previous_offset,
                                                            .pt = client->conf.opus_pt};
        }
        red.blocks[red.count++] =
            (struct vr_red_block){.payload = packet->payload, .pt = client->conf.opus_pt};
        size += vr_red_merge(&red, buffer + size, sizeof buffer - size - 32);
    } else {
        memcpy(buffer + size, packet->payload.data, packet->payload.size);
        size += packet->payload.size;
    }
    n = (int)size;
    if (srtp_protect(client->out, buffer, &n) == srtp_err_status_ok) {
        client->conf.send(client->conf.ctx, vr_bytes(buffer, (size_t)n));
    }
}

void vr_client_report(struct vr_client *client, uint32_t about, int32_t lost, uint32_t jitter)
{
    uint8_t buffer[256];
    struct vr_rtcp_writer writer = vr_rtcp_writer(buffer, 200);
    struct vr_rtcp_report report = {.ssrc = about, .lost = lost, .jitter = jitter};
    int n;

    vr_rtcp_write_rr(&writer, client->conf.ssrc, &report, 1);
    vr_rtcp_write_cname(&writer, &client->conf.ssrc, 1, "client");
    n = (int)writer.size;
    if (!writer.failed && vr_client_up(client) &&
        srtp_protect_rtcp(client->out, buffer, &n) == srtp_err_status_ok) {
        client->conf.send(client->conf.ctx, vr_bytes(buffer, (size_t)n));
    }
}

void vr_client_raw(struct vr_client *client, struct vr_bytes packet, bool rtcp)
{
    uint8_t buffer[2048];
    int n = (int)packet.size;
    srtp_err_status_t status;

    if (!vr_client_up(client) || packet.size > 1600 || packet.size < 12) {
        return;
    }
    memcpy(buffer, packet.data, packet.size);
    status =
        rtcp ? srtp_protect_rtcp(client->out, buffer, &n) : srtp_protect(client->out, buffer, &n);
    if (status == srtp_err_status_ok) {
        client->conf.send(client->conf.ctx, vr_bytes(buffer, (size_t)n));
    }
}

void vr_client_stats(const struct vr_client *client, struct vr_client_stats *out)
{
    *out = client->stats;
}
