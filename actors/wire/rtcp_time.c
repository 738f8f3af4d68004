/* rtcp_time.c - NTP time, round trips and the time between two reports. */
#include "actors/wire/rtcp.h"

#define NTP_1970 2208988800ULL /* seconds from 1900 to 1970 */
#define SECOND 1000000LL

uint64_t vr_ntp_from_wall(vr_time_us wall)
{
    int64_t seconds = wall / SECOND;
    int64_t rest = wall % SECOND;

    if (rest < 0) {
        rest += SECOND;
        seconds--;
    }
    /* The seconds wrap in 2036 (era 1), as NTP's do. */
    return ((uint64_t)seconds + NTP_1970) << 32 | ((uint64_t)rest << 32) / SECOND;
}

uint32_t vr_ntp_short(vr_time_us duration)
{
    if (duration <= 0) {
        return 0;
    }
    if (duration / SECOND > 65535) {
        return UINT32_MAX;
    }
    return (uint32_t)(((uint64_t)duration << 16) / SECOND);
}

vr_time_us vr_ntp_short_us(uint32_t duration)
{
    return (vr_time_us)(((uint64_t)duration * SECOND) >> 16);
}

vr_time_us vr_rtcp_round_trip_us(uint32_t now_middle, const struct vr_rtcp_report *report)
{
    uint32_t trip;

    if (report->last_sr == 0) {
        return -1;
    }
    trip = now_middle - report->last_sr - report->delay_last_sr;
    /* A receiver that overstates its delay, or a clock that stepped, gives a small negative number.
     */
    return (int32_t)trip < 0 ? -1 : vr_ntp_short_us(trip);
}

vr_time_us vr_rtcp_interval_us(const struct vr_rtcp_interval *interval, uint32_t random)
{
    const double compensation = 2.71828 - 1.5; /* for the timer reconsideration of 6.3.1 */
    double bandwidth = interval->bandwidth_bytes_s;
    double minimum = interval->initial ? 2.5 : 5.0;
    double n = interval->members;
    double seconds;

    /* A quarter of the bandwidth is the senders' while they are no more than a quarter of the
     * members. */
    if (interval->senders > 0 && interval->senders <= interval->members * 0.25) {
        if (interval->we_sent) {
            bandwidth *= 0.25;
            n = interval->senders;
        } else {
            bandwidth *= 0.75;
            n -= interval->senders;
        }
    }
    seconds = bandwidth > 0 ? interval->average_packet_size * n / bandwidth : minimum;
    if (seconds < minimum) {
        seconds = minimum;
    }
    seconds *= 0.5 + random / 4294967296.0;
    return (vr_time_us)(seconds / compensation * 1e6);
}
