/* keys.h - DTLS-SRTP of a load client: one certificate and one SSL_CTX for the whole process, an
 * SSL object only while the handshake lasts. Always the DTLS client. */
#ifndef VR_BENCH_KEYS_H
#define VR_BENCH_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"

struct vr_keys_maker; /* of the process */
struct vr_keys;       /* of one handshake */

/** What srtp_create needs: master key, then salt. */
struct vr_srtp_keys {
    bool gcm;
    uint8_t ours[30];
    uint8_t theirs[30];
};

/** `profiles`: as SSL_CTX_set_tlsext_use_srtp takes them. NULL on failure. */
struct vr_keys_maker *vr_keys_maker_new(const char *profiles);
void vr_keys_maker_free(struct vr_keys_maker *maker);
const uint8_t *vr_keys_fingerprint(const struct vr_keys_maker *maker); /* 32 bytes */

typedef void (*vr_keys_send)(void *ctx, struct vr_bytes datagram);
struct vr_keys *vr_keys_new(struct vr_keys_maker *maker, const uint8_t server_fingerprint[32],
                            vr_keys_send send, void *ctx);
void vr_keys_free(struct vr_keys *keys);

enum vr_keys_state { VR_KEYS_WAIT, VR_KEYS_DONE, VR_KEYS_FAILED };
/** Go on with what arrived; empty: the first flight. On DONE the keys are in `out`. */
enum vr_keys_state vr_keys_input(struct vr_keys *keys, struct vr_bytes datagram,
                                 struct vr_srtp_keys *out);
/** Call now and then: repeats a lost flight when it is time (RFC 6347, 4.2.4). */
void vr_keys_repeat(struct vr_keys *keys);

#endif
