/* rtp.h - RTP packets: what a datagram is, headers read and written, sequence numbers made long.
 *
 * Pure bytes: nothing is copied, allocated or kept. Views borrow the packet.
 * Spec: RFC 3550 5.1, A.1, A.3, A.8; RFC 3711 3.3.1; RFC 7983 (demultiplexing); RFC 8285
 * (extensions). */
#ifndef VR_WIRE_RTP_H
#define VR_WIRE_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/base/bytes.h"

/* ---- what came in (RFC 7983 7, RFC 5761 4) ---- */

enum vr_packet_class {
    VR_PACKET_OTHER, /* nothing of ours: dropped */
    VR_PACKET_STUN,  /* first byte 0-3 */
    VR_PACKET_DTLS,  /* 20-63 */
    VR_PACKET_RTP,   /* 128-191 */
    VR_PACKET_RTCP,  /* 128-191, second byte 192-223 */
};
enum vr_packet_class vr_demux(struct vr_bytes datagram);

/* ---- reading ---- */

#define VR_RTP_FIXED 12
#define VR_RTP_CSRC_MAX 15
#define VR_RTP_EXT_ONE_BYTE 0xBEDE /* profile of one-byte elements; two-byte ones are 0x100X */

struct vr_rtp {
    const uint8_t *csrc; /* csrc_count * 4 bytes, big endian; see vr_rtp_csrc */
    struct vr_bytes ext; /* data of the extension, without its four bytes of head */
    struct vr_bytes payload;
    uint32_t ts;
    uint32_t ssrc;
    uint16_t seq;
    uint16_t ext_profile; /* 0 with an empty `ext`: none */
    uint16_t head_size;   /* bytes before the payload */
    uint8_t csrc_count;
    uint8_t pt;
    uint8_t padding; /* bytes of padding, left out of `payload` */
    bool marker;
    bool has_padding; /* the P bit */
};

/** Header only: the payload is everything behind it, an SRTP tag and padding included. For packets
 *  that are still encrypted. False: not RTP, or cut. `out` borrows the packet. */
bool vr_rtp_parse_head(struct vr_bytes packet, struct vr_rtp *out);
/** The same, and padding judged and taken off (RFC 3550 5.1): for plain packets. */
bool vr_rtp_parse(struct vr_bytes packet, struct vr_rtp *out);

/** CSRC number i < csrc_count. */
static inline uint32_t vr_rtp_csrc(const struct vr_rtp *rtp, unsigned i)
{
    return vr_get32(rtp->csrc + (size_t)4 * i);
}

/** Walk the extension elements: start with *at = 0; false at the end, and at the first element that
 * is cut, or reserved (id 15 of the one-byte form; id 0 with a length: RFC 8285 4.2). */
bool vr_rtp_ext_next(const struct vr_rtp *rtp, size_t *at, uint8_t *id, struct vr_bytes *value);
/** The element `id` (1-255); false when there is none. Never finds id 0. */
bool vr_rtp_ext_find(const struct vr_rtp *rtp, uint8_t id, struct vr_bytes *value);

/* ---- writing ---- */

struct vr_rtp_ext {
    uint8_t id; /* 1-14 keeps the one-byte form; 0: left out, so an unoffered extension needs no
                   branch */
    uint8_t size;
    const uint8_t *data;
};

struct vr_rtp_head {
    bool marker;
    uint8_t pt;
    uint16_t seq;
    uint32_t ts;
    uint32_t ssrc;
    uint8_t csrc_count; /* <= VR_RTP_CSRC_MAX */
    uint8_t ext_count;
    const uint32_t *csrc; /* host order */
    const struct vr_rtp_ext *ext;
};

/** Bytes that the header will take; 0 when it cannot be written (too many CSRCs). */
size_t vr_rtp_head_size(const struct vr_rtp_head *head);
/** Write it to `out`; returns its size, 0 when it does not fit into `capacity`. One-byte elements
 *  (0xBEDE) when all ids are 1-14 and all sizes 1-16, else two-byte ones (0x1000). */
size_t vr_rtp_head_write(const struct vr_rtp_head *head, uint8_t *out, size_t capacity);
/** Write it in place, right before `payload`, which has `headroom` bytes free in front. Returns the
 *  packet's first byte, NULL when the room is too small. */
uint8_t *vr_rtp_head_prepend(const struct vr_rtp_head *head, uint8_t *payload, size_t headroom);

/* Single fields of a written header, for what differs by listener. */
static inline void vr_rtp_put_pt(uint8_t *packet, uint8_t pt)
{
    packet[1] = (uint8_t)((packet[1] & 0x80) | (pt & 0x7f));
}

static inline void vr_rtp_put_seq(uint8_t *packet, uint16_t seq)
{
    vr_put16(packet + 2, seq);
}

static inline void vr_rtp_put_ts(uint8_t *packet, uint32_t ts)
{
    vr_put32(packet + 4, ts);
}

static inline void vr_rtp_put_ssrc(uint8_t *packet, uint32_t ssrc)
{
    vr_put32(packet + 8, ssrc);
}

/* ---- sequence numbers and what was lost ---- */

#define VR_RTP_INDEX_MASK 0xffffffffffffULL /* 48 bits */

/** The 48-bit index that `seq` most likely stands for, next to the highest index seen (RFC
 * 3711 3.3.1, appendix A). A guess below zero, before the first rollover, is answered as in
 * rollover 0. */
uint64_t vr_rtp_index(uint64_t highest, uint16_t seq);

#define VR_RTP_MIN_SEQUENTIAL 2 /* of RFC 3550 A.1, for sources that nothing else proves */
#define VR_RTP_MAX_DROPOUT 3000
#define VR_RTP_MAX_MISORDER 100

/** One source as its receiver sees it. Plain data; zeroed is "nothing heard yet, no probation". */
struct vr_rtp_source {
    uint64_t highest;        /* 48-bit index of the newest packet */
    uint64_t base;           /* of the first one */
    uint64_t received;       /* since base, late and doubled ones too (RFC 3550 6.4.1) */
    uint64_t expected_prior; /* at the last vr_rtp_source_fraction */
    uint64_t received_prior;
    uint32_t bad_seq; /* the number that would prove a restart; 0x10000: none waited for */
    uint32_t transit; /* of the last packet, in timestamp units */
    uint32_t jitter;  /* 16 times the jitter, in timestamp units (A.8) */
    uint8_t probation;
    bool started;
    bool transit_set;
};

/** `probation`: VR_RTP_MIN_SEQUENTIAL where nothing else proves the source, 0 behind SRTP, where a
 * tag has proved each packet. */
void vr_rtp_source_init(struct vr_rtp_source *source, uint8_t probation);
/** Count a packet; its index into *index (may be NULL). False: still on probation, or a jump that
 * only a second packet in sequence will prove; such a packet does not count (A.1). */
bool vr_rtp_source_update(struct vr_rtp_source *source, uint16_t seq, uint64_t *index);
/** Interarrival jitter (A.8). `arrival` is the arrival time in the packet's timestamp units. */
void vr_rtp_source_arrived(struct vr_rtp_source *source, uint32_t arrival, uint32_t ts);

uint64_t vr_rtp_source_expected(const struct vr_rtp_source *source);
/** Cumulative loss, clamped to the 24 signed bits of a report (A.3); negative with duplicates. */
int32_t vr_rtp_source_lost(const struct vr_rtp_source *source);
/** Fraction lost, in 1/256, since the last call (A.3); 0 when that is negative. Starts a new
 * interval. */
uint8_t vr_rtp_source_fraction(struct vr_rtp_source *source);
/** Jitter for a report, in timestamp units. */
static inline uint32_t vr_rtp_source_jitter(const struct vr_rtp_source *source)
{
    return source->jitter >> 4;
}

#endif
