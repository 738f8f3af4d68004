/* seal.h - the only file pair that knows libsodium: a stream of sealed messages (secretstream,
 * XChaCha20-Poly1305: each message is bound to those before it, and the last one is marked), a
 * running SHA-256, Base64. */
#ifndef VR_CTL_SEAL_H
#define VR_CTL_SEAL_H

#include <stdbool.h>

#include "actors/base/bytes.h"

#define VR_SEAL_KEY 32
#define VR_SEAL_HEADER 24
#define VR_SEAL_EXTRA 17 /* bytes that a sealed message is longer */
#define VR_SEAL_PRINT 8
#define VR_SEAL_HASH 32

struct vr_seal;

/** Before anything else of this file. False: the library cannot be used here. */
bool vr_seal_start(void);

void vr_seal_key_make(uint8_t key[VR_SEAL_KEY]);
/** What tells keys apart and gives nothing away. */
void vr_seal_print(const uint8_t key[VR_SEAL_KEY], uint8_t out[VR_SEAL_PRINT]);

/** To seal; `header` is made. NULL: memory is out. */
struct vr_seal *vr_seal_new(const uint8_t key[VR_SEAL_KEY], uint8_t header[VR_SEAL_HEADER]);
/** To open what was sealed. NULL: memory is out, or the header is impossible. */
struct vr_seal *vr_seal_open(const uint8_t key[VR_SEAL_KEY], const uint8_t header[VR_SEAL_HEADER]);
void vr_seal_free(struct vr_seal *seal); /* NULL is fine; its key is wiped */

/** Append the sealed form of `plain` to `out`; `also` is not sealed but vouched for. */
bool vr_seal_push(struct vr_seal *seal, struct vr_bytes plain, struct vr_bytes also, bool last,
                  struct vr_buf *out);
/** Append what was sealed. False: other bytes than were sealed, or another key. */
bool vr_seal_pull(struct vr_seal *seal, struct vr_bytes sealed, struct vr_bytes also, bool *last,
                  struct vr_buf *out);

struct vr_seal_hash;
struct vr_seal_hash *vr_seal_hash_new(void);
void vr_seal_hash_add(struct vr_seal_hash *hash, struct vr_bytes bytes);
/** Frees it. NULL is fine: `out` is then zero. */
void vr_seal_hash_end(struct vr_seal_hash *hash, uint8_t out[VR_SEAL_HASH]);

/** Standard Base64 with padding. False: something else, or more than `capacity`. */
bool vr_seal_base64_read(const char *text, size_t size, uint8_t *out, size_t capacity,
                         size_t *written);
void vr_seal_base64_write(struct vr_bytes bytes, struct vr_buf *out);

#endif
