/* rtp_source.c - sequence numbers made long, and what a receiver counts about one source. */
#include "actors/wire/rtp.h"

#define NO_BAD_SEQ 0x10000u

uint64_t vr_rtp_index(uint64_t highest, uint16_t seq)
{
    uint64_t rollover = highest >> 16;
    uint16_t last = (uint16_t)highest;

    /* RFC 3711, appendix A: the rollover that puts seq within half the number space of the last. */
    if (last < 0x8000) {
        if (seq > last && seq - last > 0x8000 && rollover > 0) {
            rollover--;
        }
    } else if (last - 0x8000 > seq) {
        rollover++;
    }
    return (rollover << 16 | seq) & VR_RTP_INDEX_MASK;
}

static void restart(struct vr_rtp_source *source, uint64_t index)
{
    source->base = index;
    source->highest = index;
    source->bad_seq = NO_BAD_SEQ;
    source->received = 0;
    source->received_prior = 0;
    source->expected_prior = 0;
    source->started = true;
}

void vr_rtp_source_init(struct vr_rtp_source *source, uint8_t probation)
{
    *source = (struct vr_rtp_source){.probation = probation, .bad_seq = NO_BAD_SEQ};
}

/* A.1 while sequential packets are still wanted; true once the source is proved. */
static bool prove(struct vr_rtp_source *source, uint16_t seq)
{
    bool sequential = source->started && (uint16_t)(source->highest + 1) == seq;

    if (!sequential) {
        /* The first of a new row counts as one of those wanted. */
        source->probation = VR_RTP_MIN_SEQUENTIAL - 1;
        source->started = true;
        source->highest = seq;
        return false;
    }
    source->highest = seq;
    source->probation--;
    if (source->probation > 0) {
        return false;
    }
    restart(source, seq);
    return true;
}

bool vr_rtp_source_update(struct vr_rtp_source *source, uint16_t seq, uint64_t *index)
{
    uint16_t ahead;
    uint64_t found;

    if (source->probation > 0) {
        if (!prove(source, seq)) {
            return false;
        }
    } else if (!source->started) {
        restart(source, seq);
    }
    ahead = (uint16_t)(seq - (uint16_t)source->highest);
    found = vr_rtp_index(source->highest, seq);
    if (ahead < VR_RTP_MAX_DROPOUT) {
        source->highest = found;
        source->bad_seq = NO_BAD_SEQ;
    } else if (ahead <= 0x10000 - VR_RTP_MAX_MISORDER) {
        /* A large jump: a restart of the sender if the next number follows, else noise. */
        if (seq != source->bad_seq) {
            source->bad_seq = (uint16_t)(seq + 1);
            return false;
        }
        restart(source, found);
    }
    /* Else late or doubled: counted as received, as RFC 3550 6.4.1 has it. */
    source->received++;
    if (index != NULL) {
        *index = found;
    }
    return true;
}

void vr_rtp_source_arrived(struct vr_rtp_source *source, uint32_t arrival, uint32_t ts)
{
    uint32_t transit = arrival - ts;
    int64_t change = (int32_t)(transit - source->transit);
    bool first = !source->transit_set;

    source->transit = transit;
    source->transit_set = true;
    if (first) {
        return;
    }
    if (change < 0) {
        change = -change;
    }
    /* J += (|D| - J) / 16, kept 16-fold so that rounding does not eat small values (A.8). The sum
     * stays below 2^35 and is clamped, so a forged timestamp cannot wrap it. */
    change += source->jitter - (((int64_t)source->jitter + 8) >> 4);
    source->jitter = change > UINT32_MAX ? UINT32_MAX : change < 0 ? 0 : (uint32_t)change;
}

uint64_t vr_rtp_source_expected(const struct vr_rtp_source *source)
{
    return source->started && source->probation == 0 ? source->highest - source->base + 1 : 0;
}

int32_t vr_rtp_source_lost(const struct vr_rtp_source *source)
{
    int64_t lost = (int64_t)(vr_rtp_source_expected(source) - source->received);

    return lost > 0x7fffff ? 0x7fffff : lost < -0x800000 ? -0x800000 : (int32_t)lost;
}

uint8_t vr_rtp_source_fraction(struct vr_rtp_source *source)
{
    uint64_t expected = vr_rtp_source_expected(source);
    int64_t expected_now = (int64_t)(expected - source->expected_prior);
    int64_t lost = expected_now - (int64_t)(source->received - source->received_prior);

    source->expected_prior = expected;
    source->received_prior = source->received;
    if (expected_now <= 0 || lost <= 0) {
        return 0;
    }
    /* All lost is 256/256 and would wrap to 0, which says the opposite. */
    return lost >= expected_now ? 255 : (uint8_t)((lost << 8) / expected_now);
}
