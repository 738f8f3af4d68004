/* client.h - a WebRTC audio client in memory: full ICE checks by libnice's STUN library, DTLS by
 * OpenSSL, SRTP by libsrtp. No socket, no clock, no thread: datagrams go out through `send` and
 * come in through vr_client_input. Shares no code with the server's media but the RTP parser.
 *
 * libsrtp must have been initialised (vr_client_global_init, or the engine's in the same process).
 */
#ifndef VR_BENCH_CLIENT_H
#define VR_BENCH_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "actors/base/bytes.h"
#include "actors/base/err.h"
#include "actors/wire/rtp.h"

struct vr_client;

struct vr_client_conf {
    const char *ufrag; /* ours */
    const char *pwd;
    const char *server_ufrag; /* from the answer */
    const char *server_pwd;
    const char *profiles;              /* NULL: "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80" */
    const uint8_t *server_fingerprint; /* 32 bytes; NULL: not checked */
    uint32_t mtu;                      /* of DTLS; 0: 1200 */
    uint32_t
        hello_padding; /* bytes of useless ALPN, to make the ClientHello as large as a browser's */
    uint8_t opus_pt;
    uint8_t red_pt;   /* sends RED when not 0 */
    uint8_t level_id; /* 0: sends no level */
    uint32_t ssrc;
    void (*send)(void *ctx, struct vr_bytes datagram);
    void (*rtp)(void *ctx, const struct vr_rtp *rtp);  /* decrypted; borrowed */
    void (*rtcp)(void *ctx, struct vr_bytes compound); /* decrypted; may be NULL */
    void *ctx;
};

struct vr_client_stats {
    uint64_t checks_answered;
    uint64_t conflicts; /* 487 */
    uint64_t rtp, rtcp, rejected;
};

/** srtp_init once per process; not needed where the engine did it. */
VR_MUST_CHECK enum vr_err vr_client_global_init(void);

VR_MUST_CHECK enum vr_err vr_client_new(const struct vr_client_conf *conf, struct vr_client **out);
void vr_client_free(struct vr_client *client);
void vr_client_fingerprint(const struct vr_client *client, uint8_t out[32]);

/** A connectivity check. `controlling` false makes a role conflict of it. */
void vr_client_check(struct vr_client *client, bool use_candidate, bool controlling);
/** ICE restart: later checks are for these credentials; DTLS and SRTP stay. Strings are borrowed.
 */
void vr_client_restart(struct vr_client *client, const char *server_ufrag, const char *server_pwd);
/** First ClientHello. */
void vr_client_connect(struct vr_client *client);
/** The last DTLS flight once more. */
void vr_client_resend(struct vr_client *client);
void vr_client_input(struct vr_client *client, uint8_t *data, size_t size);
/** Keys are there, and the server's certificate was the expected one. */
bool vr_client_up(const struct vr_client *client);
bool vr_client_failed(const struct vr_client *client);
const char *vr_client_profile(const struct vr_client *client);

struct vr_client_packet {
    uint16_t seq;
    uint32_t ts;
    uint8_t level; /* 0-127 */
    bool marker;
    struct vr_bytes payload;
    struct vr_bytes previous; /* redundancy, when red_pt is set; may be empty */
    uint16_t previous_offset; /* ticks before `ts` */
};
void vr_client_speak(struct vr_client *client, const struct vr_client_packet *packet);
/** A receiver report about slot 0 with so many lost. */
void vr_client_report(struct vr_client *client, uint32_t about, int32_t lost, uint32_t jitter);

/** Protect and send a packet as it is (RTP, or with `rtcp` RTCP): for hostile bytes behind good
 * keys. */
void vr_client_raw(struct vr_client *client, struct vr_bytes packet, bool rtcp);

void vr_client_stats(const struct vr_client *client, struct vr_client_stats *out);

#endif
