/* rtcp.h - RTCP compounds: judged as a whole, walked packet by packet, written into a buffer.
 *
 * Pure bytes. Reads SR, RR, SDES and BYE; others (APP, feedback, XR) are passed by as
 * VR_RTCP_OTHER. Spec: RFC 3550 6.2-6.6, A.2, A.7; RFC 4585 for the numbers of feedback packets. */
#ifndef VR_WIRE_RTCP_H
#define VR_WIRE_RTCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/clock.h"

#define VR_RTCP_REPORTS_MAX 31
#define VR_RTCP_CNAME_MAX 255

/* ---- reading ---- */

enum vr_rtcp_kind { VR_RTCP_SR, VR_RTCP_RR, VR_RTCP_SDES, VR_RTCP_BYE, VR_RTCP_OTHER };

struct vr_rtcp_packet {
    enum vr_rtcp_kind kind;
    uint8_t type;  /* 200 SR, 201 RR, 202 SDES, 203 BYE, ... */
    uint8_t count; /* of reports, chunks, sources; or a feedback's format */
    uint32_t ssrc; /* of the sender (SR, RR, feedback), of the first source (BYE, SDES); 0: none */
    struct vr_bytes body; /* behind the first four bytes, padding taken off; borrowed */
};

struct vr_rtcp_sender { /* RFC 3550 6.4.1, sender info */
    uint32_t ssrc;
    uint64_t ntp; /* 32.32 seconds since 1900 */
    uint32_t ts;
    uint32_t packets;
    uint32_t bytes;
};

struct vr_rtcp_report { /* one reception report block */
    uint32_t ssrc;      /* whose stream this is about */
    uint8_t fraction_lost;
    int32_t lost; /* cumulative, 24 bits signed */
    uint32_t highest;
    uint32_t jitter;
    uint32_t last_sr;       /* middle 32 bits of the last SR's NTP time; 0: none yet */
    uint32_t delay_last_sr; /* 1/65536 s */
};

/** A whole compound (A.2): first an SR or RR without padding, version 2 throughout, lengths that
 * end exactly at the datagram's end, padding in the last packet only, counts that fit into lengths.
 */
bool vr_rtcp_valid(struct vr_bytes compound);

/** Walk: *rest starts as the compound. False at the end or at a packet that does not hold together.
 */
bool vr_rtcp_next(struct vr_bytes *rest, struct vr_rtcp_packet *out);

/** Sender info of an SR; false for other kinds. */
bool vr_rtcp_sender_get(const struct vr_rtcp_packet *packet, struct vr_rtcp_sender *out);
/** Report number i of an SR or RR; false beyond the last. */
bool vr_rtcp_report_get(const struct vr_rtcp_packet *packet, unsigned i,
                        struct vr_rtcp_report *out);
/** Source number i of a BYE; false beyond the last. */
bool vr_rtcp_bye_get(const struct vr_rtcp_packet *packet, unsigned i, uint32_t *ssrc);
/** Walk the chunks of an SDES: *at starts as 0. `cname` is empty for a chunk without one. */
bool vr_rtcp_sdes_next(const struct vr_rtcp_packet *packet, size_t *at, uint32_t *ssrc,
                       struct vr_bytes *cname);

/* ---- writing ---- */

/** Where a compound grows. `failed` sticks when something did not fit or was not allowed; check at
 * the end. */
struct vr_rtcp_writer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    bool failed;
};

static inline struct vr_rtcp_writer vr_rtcp_writer(uint8_t *data, size_t capacity)
{
    return (struct vr_rtcp_writer){data, 0, capacity, false};
}

void vr_rtcp_write_sr(struct vr_rtcp_writer *writer, const struct vr_rtcp_sender *sender,
                      const struct vr_rtcp_report *reports, unsigned count);
void vr_rtcp_write_rr(struct vr_rtcp_writer *writer, uint32_t ssrc,
                      const struct vr_rtcp_report *reports, unsigned count);
/** One SDES packet that gives each of `count` (<= 31) sources the same CNAME. */
void vr_rtcp_write_cname(struct vr_rtcp_writer *writer, const uint32_t *ssrcs, unsigned count,
                         const char *cname);
void vr_rtcp_write_bye(struct vr_rtcp_writer *writer, const uint32_t *ssrcs, unsigned count);

/* ---- time ---- */

/** Wall clock (microseconds since 1970) as NTP 32.32 (since 1900). */
uint64_t vr_ntp_from_wall(vr_time_us wall);
/** Middle 32 bits: what last_sr holds. */
static inline uint32_t vr_ntp_middle(uint64_t ntp)
{
    return (uint32_t)(ntp >> 16);
}
/** A duration of microseconds in 1/65536 s and back; negative or too long ones are clamped. */
uint32_t vr_ntp_short(vr_time_us duration);
vr_time_us vr_ntp_short_us(uint32_t duration);
/** Round trip (6.4.1, figure 2) from a report that arrived at `now` (middle 32 bits); -1: cannot be
 * told. */
vr_time_us vr_rtcp_round_trip_us(uint32_t now_middle, const struct vr_rtcp_report *report);

struct vr_rtcp_interval {
    uint32_t members; /* ourselves too */
    uint32_t senders;
    bool we_sent;
    bool initial;               /* no RTCP sent yet: half the minimum */
    double bandwidth_bytes_s;   /* for RTCP: 5 % of the session's */
    double average_packet_size; /* bytes with UDP and IP heads */
};
/** Time to the next report (6.3.1, A.7). `random` is any 32 random bits. Deterministic part 5 s at
 * least. */
vr_time_us vr_rtcp_interval_us(const struct vr_rtcp_interval *interval, uint32_t random);

#endif
