/* relay.h - what doctor says to a TURN server, as bytes: ask for a relay, give it back (RFC 8656;
 * STUN, RFC 8489). No socket in here: relay_try.c has them. Pure. */
#ifndef VR_CTL_RELAY_H
#define VR_CTL_RELAY_H

#include "actors/base/bytes.h"
#include "actors/base/err.h"

#define VR_RELAY_HEADER 20
#define VR_RELAY_TRANSACTION 12
#define VR_RELAY_MESSAGE_MAX 1500

enum vr_relay_way { VR_RELAY_UDP, VR_RELAY_TCP, VR_RELAY_TLS };

/** "turn:relay.example:3478?transport=tcp" (RFC 7064, RFC 7065). */
struct vr_relay_url {
    char host[256]; /* without the brackets of an IPv6 address */
    char port[6];
    enum vr_relay_way way;
    bool relays; /* false: STUN only, there is nothing to allocate */
};

/** Errors: VR_E_BAD_REQUEST: no such URL, or DTLS, which no browser speaks here. */
VR_MUST_CHECK enum vr_err vr_relay_url_read(const char *text, struct vr_relay_url *out);

/** What is said; zeroed, with name and password, at the first question. */
struct vr_relay_talk {
    const char *username;
    const char *credential;
    char realm[256]; /* of the server, with its nonce; "": not known yet */
    char nonce[256];
    uint8_t transaction[VR_RELAY_TRANSACTION]; /* of the last question */
};

enum vr_relay_question {
    VR_RELAY_BINDING = 0x0001,  /* which address am I */
    VR_RELAY_ALLOCATE = 0x0003, /* give me a relay */
    VR_RELAY_REFRESH = 0x0004,  /* for no longer: take it back */
};

/** Appends the question, signed as soon as the realm is known. Errors: VR_E_INTERNAL: the library
 * for hashes failed. */
VR_MUST_CHECK enum vr_err vr_relay_ask(struct vr_relay_talk *talk, enum vr_relay_question question,
                                       const uint8_t transaction[VR_RELAY_TRANSACTION],
                                       struct vr_buf *out);

struct vr_relay_answer {
    bool granted;
    int code;         /* of a refusal: 401, 438, ... */
    char reason[128]; /* printable */
    char address[64]; /* of the relay; "" without one */
};

/** How many bytes a message has whose first ones are these; 0: more of them are needed, or it is
 * none. For streams, which have no borders of their own. */
size_t vr_relay_message_size(struct vr_bytes in);

/** Take the answer to the last question; realm and nonce are remembered. Errors: VR_E_BAD_WIRE:
 *  it is none, or one to another question. */
VR_MUST_CHECK enum vr_err vr_relay_read(struct vr_relay_talk *talk, struct vr_bytes in,
                                        struct vr_relay_answer *out);

#endif
