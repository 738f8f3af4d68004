/* peer.h - what a shard must know to serve one client's media transport: plain, fixed size, without
 * pointers, written once at join, so that a mapping can hold it over a restart of the process. */
#ifndef VR_MESSAGES_PEER_H
#define VR_MESSAGES_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/ids.h"
#include "actors/messages/address.h"

#define VR_SLOTS_MAX 8
#define VR_UFRAG_MAX 32
#define VR_PWD_MAX 64
#define VR_MID_MAX 16
#define VR_PT_NONE 0xff

/** SSRC of slot k is VR_SLOT_SSRC + k on every transport; slots are per room, transports per
 * client. */
#define VR_SLOT_SSRC 0x56520000u

struct vr_peer_conf {
    struct vr_id peer; /* names the transport; a session may have two during a move */
    struct vr_id
        restarts; /* ICE restart: the peer whose DTLS association and SRTP go on here once this one
                   * is proved (RFC 8842, 4: same fingerprints, no new handshake); zero: none */
    struct vr_id room;
    struct vr_address session; /* told of VR_MSG_PEER_STATE */
    vr_participant_id participant;
    uint32_t generation;               /* of the session; the shard drops the lower one's packets */
    char ufrag[VR_UFRAG_MAX + 1];      /* ours (RFC 8445, 5.3) */
    char pwd[VR_PWD_MAX + 1];          /* ours */
    char peer_ufrag[VR_UFRAG_MAX + 1]; /* theirs, "" when the offer is WHIP-like without */
    char peer_pwd[VR_PWD_MAX + 1];     /* theirs: for questions whether they hear; "": not asked */
    uint8_t fingerprint[32];           /* SHA-256 of the client's certificate (RFC 8122) */
    bool fingerprint_set;
    uint8_t opus_pt;  /* as offered: 111 in Chromium, 109 Firefox, 96 aiortc */
    uint8_t red_pt;   /* VR_PT_NONE: not accepted */
    uint8_t level_id; /* header extension ids, 0: not offered (RFC 8285; RFC 6464) */
    uint8_t mid_id;
    uint8_t slot_count; /* receiving m-lines, <= VR_SLOTS_MAX; 0: WHIP */
    char slot_mid[VR_SLOTS_MAX][VR_MID_MAX + 1];
    bool may_send;    /* the offer has a sending section */
    bool pack60;      /* capability: takes 60 ms packets */
    bool red_receive; /* capability "red": wants RED back */
    /* Of the session, for the process that finds this transport after its own death: a shard only
     * keeps them. */
    struct vr_id user_hint; /* hash of the user: whose session it is (wire/resume.h) */
    struct vr_id token_ref; /* of the access token behind it; zero: there was none */
};

enum vr_peer_state {
    VR_PEER_NEW,     /* posted, no valid check yet */
    VR_PEER_CHECKED, /* ICE proved, DTLS runs */
    VR_PEER_UP,      /* keys are there, media may flow */
    VR_PEER_SILENT,  /* no valid check for a while: a WebSocket may still be fine */
    VR_PEER_FAILED,  /* DTLS failed, or the fingerprint was not the offered one */
    VR_PEER_CLOSED   /* consent expired (RFC 7675), or asked to close */
};

#endif
