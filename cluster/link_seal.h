/* link_seal.h - AES-256-GCM of one link's datagrams: OpenSSL's home here. */
#ifndef VR_CLUSTER_LINK_SEAL_H
#define VR_CLUSTER_LINK_SEAL_H

#include "actors/base/bytes.h"

#define VR_SEAL_KEY 32
#define VR_SEAL_NONCE 12
#define VR_SEAL_TAG 16

struct vr_seal; /* a key made ready; of one thread */

struct vr_seal *vr_seal_new(const uint8_t key[VR_SEAL_KEY], bool sealing); /* NULL: no memory */
void vr_seal_free(struct vr_seal *seal);
/** In place: `data` of `size` is encrypted, the tag written behind it. */
bool vr_seal_close(struct vr_seal *seal, const uint8_t nonce[VR_SEAL_NONCE], struct vr_bytes head,
                   uint8_t *data, size_t size);
/** In place: `size` without the tag that stands behind it. False: not what was sealed. */
bool vr_seal_open(struct vr_seal *seal, const uint8_t nonce[VR_SEAL_NONCE], struct vr_bytes head,
                  uint8_t *data, size_t size);

#endif
