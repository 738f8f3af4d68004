/* srtp_crypto.c - the OpenSSL plug-in of libsrtp. Per packet only the IV is set: ciphers are
 * fetched once per process, keys scheduled once per context (with its first packet), HMAC continued
 * from saved inner and outer SHA-1 states. */
/* The one-shot SHA_CTX interface is deprecated but is the only one whose state can be saved by
 * copying; EVP_MAC allocates and copies a context for every packet. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "actors/media/srtp_crypto.h"

#include <stdbool.h>

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <srtp2/auth.h>
#include <srtp2/cipher.h>
#include <srtp2/srtp.h>
#include <stdlib.h>
#include <string.h>

#include "actors/media/srtp_vectors.h"

#define AES_KEY 16
#define ICM_SALT 14
#define GCM_SALT 12
#define GCM_IV 12
#define GCM_TAG 16

/* Written once by vr_srtp_crypto_install, before any thread that reads them is started. */
static EVP_CIPHER *aes_ctr;
static EVP_CIPHER *aes_gcm;
static const srtp_cipher_type_t icm_type;
static const srtp_cipher_type_t gcm_type;
static const srtp_auth_type_t hmac_type;

struct aes_state {
    EVP_CIPHER_CTX *evp; /* NULL until the first packet: most people only listen, and a context with
                            its key takes a kilobyte */
    int tag_size;
    uint8_t key[AES_KEY];
    uint8_t salt[16];     /* ICM: the session salt, XORed into each counter block */
    uint8_t tag[GCM_TAG]; /* GCM: of the last encryption */
};

static srtp_err_status_t cipher_new(srtp_cipher_t **out, const srtp_cipher_type_t *type,
                                    int key_size, int tag_size)
{
    srtp_cipher_t *cipher = calloc(1, sizeof *cipher);
    struct aes_state *state = calloc(1, sizeof *state);

    if (cipher == NULL || state == NULL) {
        free(cipher);
        free(state);
        return srtp_err_status_alloc_fail;
    }
    state->tag_size = tag_size;
    cipher->type = type;
    cipher->state = state;
    cipher->key_len = key_size;
    cipher->algorithm = (int)type->id;
    *out = cipher;
    return srtp_err_status_ok;
}

static srtp_err_status_t cipher_free(srtp_cipher_t *cipher)
{
    struct aes_state *state = cipher->state;

    EVP_CIPHER_CTX_free(state->evp);
    OPENSSL_cleanse(state, sizeof *state);
    free(state);
    free(cipher);
    return srtp_err_status_ok;
}

/* What was prepared for an earlier key is of no use. */
static void take_key(struct aes_state *state, const uint8_t *key)
{
    memcpy(state->key, key, AES_KEY);
    EVP_CIPHER_CTX_free(state->evp);
    state->evp = NULL;
}

static bool prepare(struct aes_state *state, const EVP_CIPHER *with)
{
    if (state->evp != NULL) {
        return true;
    }
    state->evp = EVP_CIPHER_CTX_new();
    if (state->evp != NULL && EVP_CipherInit_ex(state->evp, with, NULL, state->key, NULL, 1) == 1) {
        return true;
    }
    EVP_CIPHER_CTX_free(state->evp);
    state->evp = NULL;
    return false;
}

/* Everything below comes after an IV was set, and so after `prepare` (libsrtp's order). */

/* ---- AES in integer counter mode (RFC 3711, 4.1.1), also the key derivation's cipher ---- */

static srtp_err_status_t icm_alloc(srtp_cipher_pointer_t *out, int key_size, int tag_size)
{
    if (key_size != AES_KEY + ICM_SALT) {
        return srtp_err_status_bad_param;
    }
    return cipher_new(out, &icm_type, key_size, tag_size);
}

static srtp_err_status_t icm_init(void *ctx, const uint8_t *key)
{
    struct aes_state *state = ctx;

    memset(state->salt, 0, sizeof state->salt);
    memcpy(state->salt, key + AES_KEY, ICM_SALT);
    take_key(state, key);
    return srtp_err_status_ok;
}

static srtp_err_status_t icm_set_iv(void *ctx, uint8_t *iv, srtp_cipher_direction_t direction)
{
    struct aes_state *state = ctx;
    uint8_t counter[16];

    (void)direction; /* counter mode is its own inverse */
    for (size_t i = 0; i < sizeof counter; i++) {
        counter[i] = state->salt[i] ^ iv[i];
    }
    return prepare(state, aes_ctr) && EVP_EncryptInit_ex(state->evp, NULL, NULL, NULL, counter) == 1
               ? srtp_err_status_ok
               : srtp_err_status_cipher_fail;
}

static srtp_err_status_t icm_apply(void *ctx, uint8_t *data, unsigned int *size)
{
    struct aes_state *state = ctx;
    int written = 0;

    if (*size > 0 && EVP_EncryptUpdate(state->evp, data, &written, data, (int)*size) != 1) {
        return srtp_err_status_cipher_fail;
    }
    *size = (unsigned int)written;
    return srtp_err_status_ok;
}

/* ---- AES-GCM (RFC 7714) ---- */

static srtp_err_status_t gcm_alloc(srtp_cipher_pointer_t *out, int key_size, int tag_size)
{
    if (key_size != AES_KEY + GCM_SALT || (tag_size != 8 && tag_size != GCM_TAG)) {
        return srtp_err_status_bad_param;
    }
    return cipher_new(out, &gcm_type, key_size, tag_size);
}

static srtp_err_status_t gcm_init(void *ctx, const uint8_t *key)
{
    struct aes_state *state = ctx;

    take_key(state, key);
    return srtp_err_status_ok;
}

static srtp_err_status_t gcm_set_iv(void *ctx, uint8_t *iv, srtp_cipher_direction_t direction)
{
    struct aes_state *state = ctx;
    int encrypt = direction == srtp_direction_decrypt ? 0 : 1;

    return prepare(state, aes_gcm) &&
                   EVP_CipherInit_ex(state->evp, NULL, NULL, NULL, iv, encrypt) == 1
               ? srtp_err_status_ok
               : srtp_err_status_cipher_fail;
}

static srtp_err_status_t gcm_set_aad(void *ctx, const uint8_t *aad, uint32_t size)
{
    struct aes_state *state = ctx;
    int written;

    return size == 0 || EVP_CipherUpdate(state->evp, NULL, &written, aad, (int)size) == 1
               ? srtp_err_status_ok
               : srtp_err_status_algo_fail;
}

static srtp_err_status_t gcm_encrypt(void *ctx, uint8_t *data, unsigned int *size)
{
    struct aes_state *state = ctx;
    int written = 0;
    int rest = 0;

    if (*size > 0 && EVP_CipherUpdate(state->evp, data, &written, data, (int)*size) != 1) {
        return srtp_err_status_cipher_fail;
    }
    if (EVP_CipherFinal_ex(state->evp, data + written, &rest) != 1 ||
        EVP_CIPHER_CTX_ctrl(state->evp, EVP_CTRL_AEAD_GET_TAG, state->tag_size, state->tag) != 1) {
        return srtp_err_status_cipher_fail;
    }
    return srtp_err_status_ok;
}

static srtp_err_status_t gcm_get_tag(void *ctx, uint8_t *tag, uint32_t *size)
{
    struct aes_state *state = ctx;

    memcpy(tag, state->tag, (size_t)state->tag_size);
    *size = (uint32_t)state->tag_size;
    return srtp_err_status_ok;
}

static srtp_err_status_t gcm_decrypt(void *ctx, uint8_t *data, unsigned int *size)
{
    struct aes_state *state = ctx;
    int written = 0;
    int rest = 0;
    int text;

    if (*size < (unsigned int)state->tag_size) {
        return srtp_err_status_bad_param;
    }
    text = (int)*size - state->tag_size;
    if (EVP_CIPHER_CTX_ctrl(state->evp, EVP_CTRL_AEAD_SET_TAG, state->tag_size, data + text) != 1) {
        return srtp_err_status_algo_fail;
    }
    if (text > 0 && EVP_CipherUpdate(state->evp, data, &written, data, text) != 1) {
        return srtp_err_status_cipher_fail;
    }
    if (EVP_CipherFinal_ex(state->evp, data + written, &rest) != 1) {
        return srtp_err_status_auth_fail;
    }
    *size = (unsigned int)text;
    return srtp_err_status_ok;
}

/* ---- HMAC-SHA1 (RFC 2104) ---- */

struct hmac_state {
    SHA_CTX inner; /* after the key block XOR 0x36 */
    SHA_CTX outer; /* after the key block XOR 0x5c */
    SHA_CTX now;
};

static srtp_err_status_t hmac_alloc(srtp_auth_pointer_t *out, int key_size, int out_size)
{
    srtp_auth_t *auth;
    struct hmac_state *state;

    if (key_size > SHA_CBLOCK || out_size > SHA_DIGEST_LENGTH) {
        return srtp_err_status_bad_param;
    }
    auth = calloc(1, sizeof *auth);
    state = calloc(1, sizeof *state);
    if (auth == NULL || state == NULL) {
        free(auth);
        free(state);
        return srtp_err_status_alloc_fail;
    }
    auth->type = &hmac_type;
    auth->state = state;
    auth->out_len = out_size;
    auth->key_len = key_size;
    *out = auth;
    return srtp_err_status_ok;
}

static srtp_err_status_t hmac_free(srtp_auth_pointer_t auth)
{
    free(auth->state);
    free(auth);
    return srtp_err_status_ok;
}

static bool hmac_pad(SHA_CTX *sha, const uint8_t *key, int key_size, uint8_t pad)
{
    uint8_t block[SHA_CBLOCK];

    memset(block, pad, sizeof block);
    for (int i = 0; i < key_size; i++) {
        block[i] ^= key[i];
    }
    return SHA1_Init(sha) == 1 && SHA1_Update(sha, block, sizeof block) == 1;
}

static srtp_err_status_t hmac_init(void *ctx, const uint8_t *key, int key_size)
{
    struct hmac_state *state = ctx;

    if (!hmac_pad(&state->inner, key, key_size, 0x36) ||
        !hmac_pad(&state->outer, key, key_size, 0x5c)) {
        return srtp_err_status_init_fail;
    }
    state->now = state->inner;
    return srtp_err_status_ok;
}

static srtp_err_status_t hmac_start(void *ctx)
{
    struct hmac_state *state = ctx;

    state->now = state->inner;
    return srtp_err_status_ok;
}

static srtp_err_status_t hmac_update(void *ctx, const uint8_t *data, int size)
{
    struct hmac_state *state = ctx;

    return SHA1_Update(&state->now, data, (size_t)size) == 1 ? srtp_err_status_ok
                                                             : srtp_err_status_auth_fail;
}

static srtp_err_status_t hmac_compute(void *ctx, const uint8_t *data, int size, int tag_size,
                                      uint8_t *tag)
{
    struct hmac_state *state = ctx;
    uint8_t digest[SHA_DIGEST_LENGTH];
    SHA_CTX outer = state->outer;

    if (tag_size > SHA_DIGEST_LENGTH) {
        return srtp_err_status_bad_param;
    }
    if (SHA1_Update(&state->now, data, (size_t)size) != 1 || SHA1_Final(digest, &state->now) != 1 ||
        SHA1_Update(&outer, digest, sizeof digest) != 1 || SHA1_Final(digest, &outer) != 1) {
        return srtp_err_status_auth_fail;
    }
    memcpy(tag, digest, (size_t)tag_size);
    return srtp_err_status_ok;
}

static const srtp_cipher_type_t icm_type = {
    .alloc = icm_alloc,
    .dealloc = cipher_free,
    .init = icm_init,
    .encrypt = icm_apply,
    .decrypt = icm_apply,
    .set_iv = icm_set_iv,
    .description = "AES-128 integer counter mode by OpenSSL",
    .test_data = &icm_case,
    .id = SRTP_AES_ICM_128,
};

static const srtp_cipher_type_t gcm_type = {
    .alloc = gcm_alloc,
    .dealloc = cipher_free,
    .init = gcm_init,
    .set_aad = gcm_set_aad,
    .encrypt = gcm_encrypt,
    .decrypt = gcm_decrypt,
    .set_iv = gcm_set_iv,
    .get_tag = gcm_get_tag,
    .description = "AES-128 GCM by OpenSSL",
    .test_data = &gcm_case,
    .id = SRTP_AES_GCM_128,
};

static const srtp_auth_type_t hmac_type = {
    .alloc = hmac_alloc,
    .dealloc = hmac_free,
    .init = hmac_init,
    .compute = hmac_compute,
    .update = hmac_update,
    .start = hmac_start,
    .description = "HMAC-SHA1 by OpenSSL",
    .test_data = &hmac_case,
    .id = SRTP_HMAC_SHA1,
};

enum vr_err vr_srtp_crypto_install(void)
{
    if (aes_ctr == NULL) {
        aes_ctr = EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL);
    }
    if (aes_gcm == NULL) {
        aes_gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    }
    if (aes_ctr == NULL || aes_gcm == NULL) {
        return VR_E_INTERNAL;
    }
    if (srtp_replace_cipher_type(&icm_type, SRTP_AES_ICM_128) != srtp_err_status_ok ||
        srtp_replace_cipher_type(&gcm_type, SRTP_AES_GCM_128) != srtp_err_status_ok ||
        srtp_replace_auth_type(&hmac_type, SRTP_HMAC_SHA1) != srtp_err_status_ok) {
        return VR_E_INTERNAL;
    }
    return VR_OK;
}
