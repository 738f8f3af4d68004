#include "cluster/link_seal.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct vr_seal {
    EVP_CIPHER_CTX *ctx;
};

struct vr_seal *vr_seal_new(const uint8_t key[VR_SEAL_KEY], bool sealing)
{
    struct vr_seal *seal = calloc(1, sizeof(*seal));

    if (seal == NULL) {
        return NULL;
    }
    seal->ctx = EVP_CIPHER_CTX_new();
    if (seal->ctx == NULL ||
        EVP_CipherInit_ex(seal->ctx, EVP_aes_256_gcm(), NULL, key, NULL, sealing ? 1 : 0) != 1) {
        vr_seal_free(seal);
        return NULL;
    }
    return seal;
}

void vr_seal_free(struct vr_seal *seal)
{
    if (seal != NULL) {
        EVP_CIPHER_CTX_free(seal->ctx); /* clears the key */
        free(seal);
    }
}

/* The key's schedule stays; a packet costs its nonce and its bytes. */
bool vr_seal_close(struct vr_seal *seal, const uint8_t nonce[VR_SEAL_NONCE], struct vr_bytes head,
                   uint8_t *data, size_t size)
{
    int done = 0;

    return EVP_EncryptInit_ex(seal->ctx, NULL, NULL, NULL, nonce) == 1 &&
           EVP_EncryptUpdate(seal->ctx, NULL, &done, head.data, (int)head.size) == 1 &&
           EVP_EncryptUpdate(seal->ctx, data, &done, data, (int)size) == 1 &&
           EVP_EncryptFinal_ex(seal->ctx, data + size, &done) == 1 &&
           EVP_CIPHER_CTX_ctrl(seal->ctx, EVP_CTRL_AEAD_GET_TAG, VR_SEAL_TAG, data + size) == 1;
}

bool vr_seal_open(struct vr_seal *seal, const uint8_t nonce[VR_SEAL_NONCE], struct vr_bytes head,
                  uint8_t *data, size_t size)
{
    uint8_t rest[16];
    int done = 0;

    return EVP_DecryptInit_ex(seal->ctx, NULL, NULL, NULL, nonce) == 1 &&
           EVP_DecryptUpdate(seal->ctx, NULL, &done, head.data, (int)head.size) == 1 &&
           EVP_DecryptUpdate(seal->ctx, data, &done, data, (int)size) == 1 &&
           EVP_CIPHER_CTX_ctrl(seal->ctx, EVP_CTRL_AEAD_SET_TAG, VR_SEAL_TAG, data + size) == 1 &&
           EVP_DecryptFinal_ex(seal->ctx, rest, &done) == 1;
}
