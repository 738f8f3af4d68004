/* srtp_seal.c - AES-128-GCM by OpenSSL: the cipher is fetched once, the context made once, key and
 * IV set in one call for each packet. */
#include "actors/media/srtp_seal.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define MASTER_KEY 16
#define SALT 12
#define LABEL_AT 7 /* byte of the 14 of x that the label goes to (RFC 3711, 4.3.1) */
#define LABEL_RTP_KEY 0
#define LABEL_RTP_SALT 2
#define LABEL_RTCP_KEY 3
#define LABEL_RTCP_SALT 5
#define RTCP_ENCRYPTED 0x80000000u

struct vr_sealer {
    EVP_CIPHER *cipher;
    EVP_CIPHER_CTX *evp;
    EVP_CIPHER_CTX *ctr; /* of the key derivation */
};

enum vr_err vr_sealer_new(struct vr_sealer **out)
{
    static const uint8_t zero[16];
    struct vr_sealer *sealer = calloc(1, sizeof *sealer);

    *out = NULL;
    if (sealer == NULL) {
        return VR_E_NO_MEMORY;
    }
    sealer->cipher = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    sealer->evp = EVP_CIPHER_CTX_new();
    sealer->ctr = EVP_CIPHER_CTX_new();
    if (sealer->cipher == NULL || sealer->evp == NULL || sealer->ctr == NULL ||
        EVP_EncryptInit_ex(sealer->evp, sealer->cipher, NULL, zero, zero) != 1 ||
        EVP_EncryptInit_ex(sealer->ctr, EVP_aes_128_ctr(), NULL, zero, zero) != 1) {
        vr_sealer_free(sealer);
        return VR_E_INTERNAL;
    }
    *out = sealer;
    return VR_OK;
}

void vr_sealer_free(struct vr_sealer *sealer)
{
    if (sealer == NULL) {
        return;
    }
    EVP_CIPHER_CTX_free(sealer->evp);
    EVP_CIPHER_CTX_free(sealer->ctr);
    EVP_CIPHER_free(sealer->cipher);
    free(sealer);
}

/* ---- keys (RFC 3711, 4.3.3: AES in counter mode as the pseudo-random function) ---- */

static bool derive(EVP_CIPHER_CTX *ctr, const uint8_t *salt, uint8_t label, uint8_t *out,
                   size_t size)
{
    static const uint8_t zero[16];
    uint8_t x[16] = {0}; /* the salt, 96 bits, stands in front (RFC 7714, 11) */
    int written = 0;

    memcpy(x, salt, SALT);
    x[LABEL_AT] ^= label;
    return EVP_EncryptInit_ex(ctr, NULL, NULL, NULL, x) == 1 &&
           EVP_EncryptUpdate(ctr, out, &written, zero, (int)size) == 1;
}

bool vr_seal_derive(struct vr_sealer *sealer, const uint8_t master[28], struct vr_seal_key *rtp,
                    struct vr_seal_key *rtcp)
{
    EVP_CIPHER_CTX *ctr = sealer->ctr;
    const uint8_t *salt = master + MASTER_KEY;

    return EVP_EncryptInit_ex(ctr, NULL, NULL, master, NULL) == 1 &&
           derive(ctr, salt, LABEL_RTP_KEY, rtp->key, sizeof rtp->key) &&
           derive(ctr, salt, LABEL_RTP_SALT, rtp->salt, sizeof rtp->salt) &&
           derive(ctr, salt, LABEL_RTCP_KEY, rtcp->key, sizeof rtcp->key) &&
           derive(ctr, salt, LABEL_RTCP_SALT, rtcp->salt, sizeof rtcp->salt);
}

/* ---- packets ---- */

static bool seal(struct vr_sealer *sealer, const struct vr_seal_key *key, const uint8_t iv[SALT],
                 struct vr_bytes clear, struct vr_bytes more, uint8_t *out, struct vr_bytes plain)
{
    EVP_CIPHER_CTX *evp = sealer->evp;
    int written = 0;

    return EVP_EncryptInit_ex(evp, NULL, NULL, key->key, iv) == 1 &&
           EVP_EncryptUpdate(evp, NULL, &written, clear.data, (int)clear.size) == 1 &&
           (more.size == 0 ||
            EVP_EncryptUpdate(evp, NULL, &written, more.data, (int)more.size) == 1) &&
           (plain.size == 0 ||
            EVP_EncryptUpdate(evp, out, &written, plain.data, (int)plain.size) == 1) &&
           EVP_EncryptFinal_ex(evp, out + plain.size, &written) == 1 &&
           EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, VR_SEAL_TAG, out + plain.size) == 1;
}

/* RFC 7714, 8.1: 00 00 | SSRC | rollover and sequence, XOR salt. */
bool vr_seal_rtp(struct vr_sealer *sealer, const struct vr_seal_key *key, uint64_t index,
                 uint8_t *packet, size_t head, struct vr_bytes payload)
{
    uint8_t iv[SALT];

    memcpy(iv, key->salt, SALT);
    for (unsigned i = 0; i < 4; i++) {
        iv[2 + i] ^= packet[8 + i];
    }
    for (unsigned i = 0; i < 6; i++) {
        iv[6 + i] ^= (uint8_t)(index >> (40 - 8 * i));
    }
    return seal(sealer, key, iv, vr_bytes(packet, head), vr_bytes(NULL, 0), packet + head, payload);
}

/* RFC 7714, 9.1: the first 8 bytes stay clear; the index, with the bit that says encrypted, is
 * authenticated behind them and written behind the tag. */
bool vr_seal_rtcp(struct vr_sealer *sealer, const struct vr_seal_key *key, uint32_t index,
                  uint8_t *packet, size_t *size)
{
    uint8_t iv[SALT];
    uint8_t trailer[4];
    size_t end = *size + VR_SEAL_TAG;

    if (*size < 8 || index >= RTCP_ENCRYPTED) {
        return false;
    }
    memcpy(iv, key->salt, SALT);
    for (unsigned i = 0; i < 4; i++) {
        iv[2 + i] ^= packet[4 + i];
        iv[8 + i] ^= (uint8_t)(index >> (24 - 8 * i));
    }
    vr_put32(trailer, RTCP_ENCRYPTED | index);
    if (!seal(sealer, key, iv, vr_bytes(packet, 8), vr_bytes(trailer, sizeof trailer), packet + 8,
              vr_bytes(packet + 8, *size - 8))) {
        return false;
    }
    memcpy(packet + end, trailer, sizeof trailer);
    *size = end + sizeof trailer;
    return true;
}
