#include "actors/media/capture.h"

/* One microsecond is more than any of it is exact to; estimates may put a packet's arrival before
 * its capture by so much. */
#define EARLY_MAX VR_MS(20)

/* Within an era of 136 years; when the next one begins (2036), it looks like a clock that was set.
 */
static vr_time_us ntp_us(uint64_t ntp)
{
    return (vr_time_us)((ntp >> 32) * 1000000 + (((ntp & UINT32_MAX) * 1000000) >> 32));
}

static vr_time_us ticks_us(uint32_t from, uint32_t to)
{
    return (vr_time_us)(int32_t)(to - from) * 1000 / 48;
}

static vr_time_us apart(vr_time_us a, vr_time_us b)
{
    return a > b ? a - b : b - a;
}

static vr_time_us least(const struct vr_capture *capture, vr_time_us now)
{
    vr_time_us found = VR_NEVER;

    for (uint8_t i = 0; i < capture->count; i++) {
        if (now - capture->reports[i].at <= VR_CAPTURE_STALE &&
            (found == VR_NEVER || capture->reports[i].behind < found)) {
            found = capture->reports[i].behind;
        }
    }
    return found;
}

void vr_capture_report(struct vr_capture *capture, vr_time_us now, uint64_t ntp, uint32_t ts,
                       uint32_t transit)
{
    vr_time_us behind = now - ntp_us(ntp);
    vr_time_us before = least(capture, now);

    if (before == VR_NEVER || apart(before, behind) > VR_CAPTURE_STEP) {
        *capture = (struct vr_capture){0};
    }
    capture->ntp = ntp;
    capture->ts = ts;
    capture->transit = transit;
    capture->reports[capture->next].at = now;
    capture->reports[capture->next].behind = behind;
    capture->next = (uint8_t)((capture->next + 1) % VR_CAPTURE_REPORTS);
    capture->count += capture->count < VR_CAPTURE_REPORTS;
}

bool vr_capture_at(const struct vr_capture *capture, vr_time_us now,
                   const struct vr_capture_moment *moment, vr_time_us *said)
{
    vr_time_us behind = least(capture, now);
    vr_time_us slip = apart(ticks_us(capture->transit, moment->transit), 0);

    if (behind == VR_NEVER || moment->round_trip <= 0 || slip > VR_CAPTURE_SLIP) {
        return false;
    }
    *said =
        ntp_us(capture->ntp) + ticks_us(capture->ts, moment->ts) + behind - moment->round_trip / 2;
    return *said <= moment->arrived + EARLY_MAX && *said >= moment->arrived - VR_CAPTURE_WAY_MAX;
}
