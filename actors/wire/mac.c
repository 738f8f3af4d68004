#include "actors/wire/mac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

bool vr_mac(struct vr_bytes key, struct vr_bytes text, uint8_t out[VR_MAC_SIZE])
{
    unsigned size = 0;

    /* OpenSSL takes a NULL key for "the last one": an empty key must not become that. */
    return HMAC(EVP_sha256(), key.size == 0 ? (const void *)"" : key.data, (int)key.size, text.data,
                text.size, out, &size) != NULL &&
           size == VR_MAC_SIZE;
}

bool vr_mac_sha1(struct vr_bytes key, struct vr_bytes text, uint8_t out[VR_MAC_SHA1_SIZE])
{
    unsigned size = 0;

    return HMAC(EVP_sha1(), key.size == 0 ? (const void *)"" : key.data, (int)key.size, text.data,
                text.size, out, &size) != NULL &&
           size == VR_MAC_SHA1_SIZE;
}

bool vr_md5(struct vr_bytes text, uint8_t out[VR_MD5_SIZE])
{
    unsigned size = 0;

    return EVP_Digest(text.data, text.size, out, &size, EVP_md5(), NULL) == 1 &&
           size == VR_MD5_SIZE;
}

bool vr_digest(struct vr_bytes text, uint8_t out[VR_MAC_SIZE])
{
    unsigned size = 0;

    return EVP_Digest(text.data, text.size, out, &size, EVP_sha256(), NULL) == 1 &&
           size == VR_MAC_SIZE;
}

bool vr_mac_equal(const uint8_t *a, const uint8_t *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}
