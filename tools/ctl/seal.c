#include "tools/ctl/seal.h"

#include <sodium.h>
#include <stdlib.h>

_Static_assert(VR_SEAL_KEY == crypto_secretstream_xchacha20poly1305_KEYBYTES, "key");
_Static_assert(VR_SEAL_HEADER == crypto_secretstream_xchacha20poly1305_HEADERBYTES, "header");
_Static_assert(VR_SEAL_EXTRA == crypto_secretstream_xchacha20poly1305_ABYTES, "extra");
_Static_assert(VR_SEAL_HASH == crypto_hash_sha256_BYTES, "hash");

struct vr_seal {
    crypto_secretstream_xchacha20poly1305_state state;
};

struct vr_seal_hash {
    crypto_hash_sha256_state state;
};

bool vr_seal_start(void)
{
    return sodium_init() >= 0;
}

void vr_seal_key_make(uint8_t key[VR_SEAL_KEY])
{
    crypto_secretstream_xchacha20poly1305_keygen(key);
}

void vr_seal_print(const uint8_t key[VR_SEAL_KEY], uint8_t out[VR_SEAL_PRINT])
{
    static const char what[] = "voicerooms backup key";
    uint8_t whole[crypto_generichash_BYTES];

    crypto_generichash(whole, sizeof(whole), (const uint8_t *)what, sizeof(what), key, VR_SEAL_KEY);
    memcpy(out, whole, VR_SEAL_PRINT);
}

struct vr_seal *vr_seal_new(const uint8_t key[VR_SEAL_KEY], uint8_t header[VR_SEAL_HEADER])
{
    struct vr_seal *seal = calloc(1, sizeof(*seal));

    if (seal != NULL &&
        crypto_secretstream_xchacha20poly1305_init_push(&seal->state, header, key) != 0) {
        vr_seal_free(seal);
        seal = NULL;
    }
    return seal;
}

struct vr_seal *vr_seal_open(const uint8_t key[VR_SEAL_KEY], const uint8_t header[VR_SEAL_HEADER])
{
    struct vr_seal *seal = calloc(1, sizeof(*seal));

    if (seal != NULL &&
        crypto_secretstream_xchacha20poly1305_init_pull(&seal->state, header, key) != 0) {
        vr_seal_free(seal);
        seal = NULL;
    }
    return seal;
}

void vr_seal_free(struct vr_seal *seal)
{
    if (seal != NULL) {
        sodium_memzero(seal, sizeof(*seal));
        free(seal);
    }
}

bool vr_seal_push(struct vr_seal *seal, struct vr_bytes plain, struct vr_bytes also, bool last,
                  struct vr_buf *out)
{
    size_t size = plain.size + VR_SEAL_EXTRA;
    uint8_t *sealed = malloc(size);
    bool fine = sealed != NULL &&
                crypto_secretstream_xchacha20poly1305_push(
                    &seal->state, sealed, NULL, plain.data, plain.size, also.data, also.size,
                    last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL
                         : crypto_secretstream_xchacha20poly1305_TAG_MESSAGE) == 0;

    if (fine) {
        vr_buf_append(out, sealed, size);
    }
    free(sealed);
    return fine && !out->failed;
}

bool vr_seal_pull(struct vr_seal *seal, struct vr_bytes sealed, struct vr_bytes also, bool *last,
                  struct vr_buf *out)
{
    uint8_t *plain = sealed.size < VR_SEAL_EXTRA ? NULL : malloc(sealed.size);
    unsigned long long size = 0;
    uint8_t tag = 0;
    bool fine = plain != NULL && crypto_secretstream_xchacha20poly1305_pull(
                                     &seal->state, plain, &size, &tag, sealed.data, sealed.size,
                                     also.data, also.size) == 0;

    if (fine) {
        vr_buf_append(out, plain, (size_t)size);
        *last = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
    }
    if (plain != NULL) {
        sodium_memzero(plain, sealed.size);
    }
    free(plain);
    return fine && !out->failed;
}

struct vr_seal_hash *vr_seal_hash_new(void)
{
    struct vr_seal_hash *hash = calloc(1, sizeof(*hash));

    if (hash != NULL) {
        crypto_hash_sha256_init(&hash->state);
    }
    return hash;
}

void vr_seal_hash_add(struct vr_seal_hash *hash, struct vr_bytes bytes)
{
    if (hash != NULL) {
        crypto_hash_sha256_update(&hash->state, bytes.data, bytes.size);
    }
}

void vr_seal_hash_end(struct vr_seal_hash *hash, uint8_t out[VR_SEAL_HASH])
{
    memset(out, 0, VR_SEAL_HASH);
    if (hash != NULL) {
        crypto_hash_sha256_final(&hash->state, out);
        free(hash);
    }
}

bool vr_seal_base64_read(const char *text, size_t size, uint8_t *out, size_t capacity,
                         size_t *written)
{
    const char *end = NULL;

    return sodium_base642bin(out, capacity, text, size, NULL, written, &end,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           end == text + size;
}

void vr_seal_base64_write(struct vr_bytes bytes, struct vr_buf *out)
{
    size_t size = sodium_base64_ENCODED_LEN(bytes.size, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(size);

    if (text == NULL) {
        out->failed = true;
        return;
    }
    sodium_bin2base64(text, size, bytes.data, bytes.size, sodium_base64_VARIANT_ORIGINAL);
    vr_buf_text(out, text);
    sodium_memzero(text, size);
    free(text);
}
