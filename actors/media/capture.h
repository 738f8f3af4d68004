/* capture.h - when was it said? A talker's RTP time as a moment of our clock, by his sender
 * reports.
 *
 * Pure. A sender report (RFC 3550, 6.4.1) says what his clock showed at one moment of his RTP time.
 * It is here half a round trip later: that puts his clock beside ours. The least of the last
 * reports counts, since a way can only be longer than it needs to be. His clock may be anything:
 * only differences are used.
 *
 *     his RTP time --- the newest report ---> his clock --- least delay, round trip / 2 ---> ours
 *
 * What it can't know: whether the way there is as long as the way back. */
#ifndef VR_MEDIA_CAPTURE_H
#define VR_MEDIA_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/clock.h"

#define VR_CAPTURE_REPORTS 8
/* Browsers report every 2.5 to 7.5 s while they send; nobody's crystal is off by 10 ms in that. */
#define VR_CAPTURE_STALE VR_SECONDS(60)
/* His clock was set, or a report hung about for so long that it says nothing. */
#define VR_CAPTURE_STEP VR_SECONDS(1)
/* RTP time that came so much earlier or later than at the report stood still or jumped in between
 * (a browser's does while nothing is sent): the report tells nothing of it. */
#define VR_CAPTURE_SLIP VR_MS(150)
/* A delay beyond it is a mistake, not a network. */
#define VR_CAPTURE_WAY_MAX VR_SECONDS(5)

/** Zeroed: no report yet. */
struct vr_capture {
    uint64_t ntp;     /* of the newest report, 32.32 s */
    uint32_t ts;      /* the RTP time that it names */
    uint32_t transit; /* of the newest packet then: arrival minus RTP time, at 48 kHz */
    uint8_t count;
    uint8_t next;
    struct {
        vr_time_us at;
        vr_time_us behind; /* arrival minus his clock: both clocks' difference, and the way */
    } reports[VR_CAPTURE_REPORTS];
};

/** A packet of his, or its moment: */
struct vr_capture_moment {
    uint32_t ts;
    uint32_t transit;      /* as above */
    vr_time_us arrived;    /* when the packet with `ts` came */
    vr_time_us round_trip; /* to him and back; 0: not known */
};

/** A sender report of the source that speaks now; `transit` as in vr_rtp_source. */
void vr_capture_report(struct vr_capture *capture, vr_time_us now, uint64_t ntp, uint32_t ts,
                       uint32_t transit);

/** When, on our clock, was this said? False: not known (no report, none of late, no round trip, or
 * his RTP time has slipped since), or the outcome can't be. */
bool vr_capture_at(const struct vr_capture *capture, vr_time_us now,
                   const struct vr_capture_moment *moment, vr_time_us *said);

#endif
