/* sdp.h - the one SDP exchange: an offer read, its answer written. Pure bytes.
 *
 * Takes what browsers, aiortc, webrtcbin and WHIP or WHEP clients offer: audio only, BUNDLE,
 * rtcp-mux, DTLS-SRTP. One section may send at most (sendonly or sendrecv); recvonly ones become
 * slots in their order, those beyond VR_SLOTS_MAX are answered inactive. Without a recvonly one a
 * sendrecv section is both. Credentials and fingerprint are the first accepted section's, its own
 * or the session's: there is one transport. Video and data are answered with port 0; an RTP profile
 * without DTLS fails the offer. Spec: RFC 8866 (SDP), 8829 (JSEP), 9143 (BUNDLE), 8839 (ICE), 8122
 * (fingerprint), 8285 (extmap), 7587 (Opus), 2198 (RED), 9725 (WHIP). */
#ifndef VR_WIRE_SDP_H
#define VR_WIRE_SDP_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/err.h"
#include "actors/messages/peer.h"

#define VR_SDP_MAX 65536
#define VR_SDP_SECTIONS_MAX 16
#define VR_SDP_CANDIDATES_MAX 64
#define VR_SDP_ANSWER_MAX 16384
#define VR_SDP_CNAME "voicerooms" /* of all slots, in SDP and in RTCP's SDES */

enum vr_sdp_direction { VR_SDP_SENDRECV, VR_SDP_SENDONLY, VR_SDP_RECVONLY, VR_SDP_INACTIVE };

struct vr_sdp_section {
    char mid[VR_MID_MAX + 1];
    enum vr_sdp_direction direction; /* as offered */
    bool bundle_only;                /* port 0 with a=bundle-only: active (Firefox) */
    bool accepted; /* audio, with Opus, in the bundle; others are answered port 0 */
    uint8_t opus_pt;
    uint8_t red_pt; /* VR_PT_NONE */
    uint8_t level_id;
    uint8_t mid_id;
    char media[16]; /* "audio", "video", ...: repeated in a refusal */
    char proto[32];
    char formats[64]; /* the m-line's formats as offered, cut; for a refusal */
};

struct vr_sdp_offer {
    char ufrag[VR_UFRAG_MAX + 1];
    char pwd[VR_PWD_MAX + 1];
    uint8_t fingerprint[32];
    bool bundled; /* a BUNDLE group was offered, so one is answered */
    uint32_t section_count;
    struct vr_sdp_section sections[VR_SDP_SECTIONS_MAX];
    int sender; /* index of the section that sends to us, -1: none */
    uint32_t slot_count;
    uint8_t slots[VR_SLOTS_MAX]; /* indices of sections that receive, at most VR_SLOTS_MAX */
};

/** Errors: VR_E_BAD_SDP with a sentence: no audio, a profile other than UDP/TLS/RTP/SAVPF, no
 * SHA-256 fingerprint, no ufrag or pwd, setup:passive, sections not bundled, over a limit above;
 * VR_E_TOO_LARGE. */
VR_MUST_CHECK enum vr_err vr_sdp_parse_offer(struct vr_bytes text, struct vr_sdp_offer *out,
                                             struct vr_why *why);

struct vr_sdp_local {
    const char *ufrag;
    const char *pwd;
    const uint8_t *fingerprint; /* 32 bytes */
    uint64_t session_id;
    uint32_t version; /* of the answer: one more with each ICE restart (RFC 8866 5.2); 0 means 1 */
    struct {
        const char *address;
        uint16_t port;
    } candidates[16];
    uint32_t candidate_count;
    uint16_t tcp_port; /* the same addresses by ICE-TCP (RFC 6544); 0: not */
    bool red;          /* accept RED where it was offered */
};

/** Append the answer to `out`. Chromium with bundlePolicy max-bundle takes no answer that refuses
 * the first section of its offer: clients offer audio before video. Slot k is sent with SSRC
 * VR_SLOT_SSRC + k, msid "slot<k>". */
VR_MUST_CHECK enum vr_err vr_sdp_write_answer(const struct vr_sdp_offer *offer,
                                              const struct vr_sdp_local *local, struct vr_buf *out);

/** Fill the SDP-born fields of a peer's configuration from an offer. `red_pt` is what was offered:
 * who answers without RED (`local.red` false) sets it to VR_PT_NONE. */
void vr_sdp_to_peer(const struct vr_sdp_offer *offer, struct vr_peer_conf *conf);

#endif
