/* dtls_handshake.h - one DTLS-SRTP handshake, server end, without a socket: datagrams in, datagrams
 * out.
 *
 * Used by the engine alone, from a peer's first ClientHello until its keys are there; then freed.
 * OpenSSL never sends again by itself (its timer reads the machine's clock): the last flight is
 * kept here as it went out and the engine repeats it by its own clock. A DTLS receiver drops what
 * it has by record number, so an exact repeat is as good as a new transmission. */
#ifndef VR_MEDIA_DTLS_HANDSHAKE_H
#define VR_MEDIA_DTLS_HANDSHAKE_H

#include "actors/media/dtls.h"
#include "actors/media/srtp.h"

#define VR_DTLS_MTU 1200
#define VR_DTLS_FLIGHT_MAX 4096 /* all of a server flight; ours is about 700 bytes */
#define VR_DTLS_LAST_FLIGHT_MAX 160

enum vr_dtls_status { VR_DTLS_RUNNING, VR_DTLS_DONE, VR_DTLS_FAILED };

struct vr_dtls;

/** Process-wide: OpenSSL itself. Idempotent. */
VR_MUST_CHECK enum vr_err vr_dtls_global_init(void);

struct vr_dtls_result {
    struct vr_srtp_keys keys;
    uint8_t
        fingerprint[32]; /* SHA-256 of the client's certificate: compare it before anything else */
    uint8_t last_flight[VR_DTLS_LAST_FLIGHT_MAX];
    uint16_t last_flight_size;
};

/** `send` is called from within input and resend. Errors: VR_E_NO_MEMORY. */
VR_MUST_CHECK enum vr_err vr_dtls_new(struct vr_dtls_identity *identity,
                                      void (*send)(void *ctx, struct vr_bytes datagram), void *ctx,
                                      struct vr_dtls **out);
void vr_dtls_free(struct vr_dtls *dtls);

/** One datagram from the client. Spec: RFC 6347, 4.2. */
enum vr_dtls_status vr_dtls_input(struct vr_dtls *dtls, struct vr_bytes datagram);

/** Our last flight once more, for the engine's timer. */
void vr_dtls_resend(struct vr_dtls *dtls);

/** After VR_DTLS_DONE: keys (RFC 5764, 4.2), the client's fingerprint, the last flight. Errors:
 * VR_E_INTERNAL when no SRTP profile was agreed on or the client showed no certificate. */
VR_MUST_CHECK enum vr_err vr_dtls_finish(struct vr_dtls *dtls, struct vr_dtls_result *out);

/** First byte 20-63 and a ClientHello in the first record: what may begin a handshake. */
bool vr_dtls_is_client_hello(struct vr_bytes datagram);
/** A record of a client's flight: ChangeCipherSpec or handshake. */
bool vr_dtls_is_flight(struct vr_bytes datagram);

#endif
