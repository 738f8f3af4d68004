/* hearing.c - from questions, reports and signs of life to a verdict. */
#include "actors/media/hearing.h"

#include <string.h>

const char *vr_hearing_why_name(enum vr_hearing_why why)
{
    static const char *const names[] = {"none", "path", "report"};

    return why <= VR_HEARING_BY_REPORT ? names[why] : "none";
}

void vr_hearing_init(struct vr_hearing *hearing, vr_time_us now)
{
    memset(hearing, 0, sizeof *hearing);
    hearing->since = now;
}

/* A path that always takes long is not suspected sooner than it can answer. */
static vr_time_us patience(const struct vr_hearing *hearing)
{
    vr_time_us patience = VR_HEARING_PATIENCE;

    if (hearing->round_trip > VR_HEARING_PATIENCE / 4) {
        patience += 2 * hearing->round_trip;
    }
    return patience > VR_HEARING_PATIENCE_MAX ? VR_HEARING_PATIENCE_MAX : patience;
}

/* Who never answered may not know how to: he is not asked long. */
static uint16_t tries_of(const struct vr_hearing *hearing)
{
    return hearing->answered_at == 0 ? VR_HEARING_TRIES_STRANGER : VR_HEARING_TRIES;
}

static bool overdue(const struct vr_hearing *hearing, vr_time_us now)
{
    return hearing->asked_at != 0 && hearing->tries >= tries_of(hearing) &&
           now - hearing->asked_at >= patience(hearing);
}

bool vr_hearing_ask(struct vr_hearing *hearing, vr_time_us now, bool sends)
{
    if (hearing->asked_at != 0) {
        if (hearing->answered_at != 0 || !overdue(hearing, now)) {
            return false; /* it is being repeated */
        }
        hearing->ignored++;
        hearing->asked_at = 0;
    }
    if (!sends || hearing->ignored >= VR_HEARING_IGNORED) {
        return false;
    }
    hearing->asked_at = now;
    hearing->repeated_at = now;
    hearing->tries = 1;
    return true;
}

bool vr_hearing_repeat(struct vr_hearing *hearing, vr_time_us now)
{
    vr_time_us first = VR_HEARING_FIRST_REPEAT;

    if (hearing->asked_at == 0) {
        return false;
    }
    if (hearing->answered_at == 0 && hearing->tries >= VR_HEARING_TRIES_STRANGER) {
        return false; /* enough for this time */
    }
    if (hearing->round_trip > VR_HEARING_PATIENCE / 4) {
        first += hearing->round_trip;
    }
    if (now - hearing->asked_at < first ||
        (overdue(hearing, now) && now - hearing->repeated_at < VR_HEARING_SLOW)) {
        return false;
    }
    hearing->repeated_at = now;
    hearing->tries += hearing->tries < UINT16_MAX;
    return true;
}

void vr_hearing_answer(struct vr_hearing *hearing, vr_time_us came)
{
    vr_time_us took = came - hearing->asked_at;

    if (hearing->asked_at == 0) {
        return;
    }
    if (took < 1) {
        took = 1; /* what it waited is measured by another clock; 0 would be "not known" */
    }
    /* With repeats under way it is not known which one was answered (Karn): no longer than this. */
    if (hearing->round_trip == 0) {
        hearing->round_trip = took;
    } else if (hearing->tries == 1 || took < hearing->round_trip) {
        hearing->round_trip += (took - hearing->round_trip) / 4;
    }
    hearing->answered_at = came;
    hearing->asked_at = 0;
    hearing->tries = 0;
    hearing->ignored = 0;
}

void vr_hearing_sent(struct vr_hearing *hearing, uint32_t slot, uint32_t sent)
{
    struct vr_hearing_slot *of = &hearing->slots[slot];
    uint32_t more = sent - of->looked;

    of->looked = sent;
    /* 8 packets a second when six frames are packed into one. */
    of->speech_s += of->at != 0 && more >= 6 && of->speech_s < UINT8_MAX;
}

void vr_hearing_compound(struct vr_hearing *hearing)
{
    for (uint32_t k = 0; k < VR_SLOTS_MAX; k++) {
        hearing->slots[k].compounds += hearing->slots[k].compounds < UINT8_MAX;
    }
}

void vr_hearing_go_on(struct vr_hearing *hearing, const struct vr_hearing *before)
{
    memcpy(hearing->slots, before->slots, sizeof hearing->slots);
    for (uint32_t k = 0; k < VR_SLOTS_MAX; k++) {
        hearing->slots[k].stalled = 0;
        hearing->slots[k].speech_s = 0;
        hearing->slots[k].compounds = 0;
    }
}

void vr_hearing_report(struct vr_hearing *hearing, vr_time_us now, uint32_t slot,
                       const struct vr_rtcp_report *report, uint32_t sent)
{
    struct vr_hearing_slot *of = &hearing->slots[slot];
    bool moved = of->at == 0 || report->highest != of->highest;
    vr_time_us before = of->at;

    of->speech_s = 0;
    of->compounds = 0;
    if (!moved && sent - of->sent < VR_HEARING_PACKETS) {
        of->at = now; /* hardly anything was said: says nothing, and what was sent adds up */
    } else {
        of->stalled = moved ? 0 : (uint8_t)(of->stalled + (of->stalled < UINT8_MAX));
        of->at = now;
        of->sent = sent;
        of->highest = report->highest;
    }
    of->lost = report->lost;
    of->fraction_lost = report->fraction_lost;
    of->jitter = report->jitter;
    hearing->reports++;
    hearing->reported_at = now;
    if (moved) {
        hearing->progress_at = now;
        hearing->progress_from = before;
    }
}

void vr_hearing_sender(struct vr_hearing *hearing, uint32_t packets, uint64_t came)
{
    if (hearing->sender_known && packets - hearing->sender_packets < VR_HEARING_PACKETS) {
        return; /* muted, or DTX: what he sends adds up */
    }
    if (!hearing->sender_known || came != hearing->sender_came) {
        hearing->mute_reports = 0;
    } else if (hearing->mute_reports < UINT8_MAX) {
        hearing->mute_reports++;
    }
    hearing->sender_known = true;
    hearing->sender_packets = packets;
    hearing->sender_came = came;
}

void vr_hearing_sender_anew(struct vr_hearing *hearing)
{
    hearing->sender_known = false;
    hearing->mute_reports = 0;
}

static bool any_stalled(const struct vr_hearing *hearing)
{
    for (uint32_t k = 0; k < VR_SLOTS_MAX; k++) {
        const struct vr_hearing_slot *of = &hearing->slots[k];

        if (of->stalled >= VR_HEARING_STALLED ||
            (of->speech_s >= VR_HEARING_OMITTED_S && of->compounds >= VR_HEARING_OMITTED)) {
            return true;
        }
    }
    return false;
}

static bool fresh(vr_time_us at, vr_time_us now)
{
    return at != 0 && now - at < VR_HEARING_FRESH;
}

static enum vr_hearing_verdict verdict_of(const struct vr_hearing *hearing, vr_time_us now,
                                          vr_time_us life, enum vr_hearing_why *why)
{
    /* Somebody who has answered before stopped doing it. A report of arrivals outweighs that, if
     * they came since: the first report behind the question may tell of what came before it. */
    bool unanswered = hearing->answered_at != 0 && overdue(hearing, now) &&
                      hearing->progress_from <= hearing->asked_at;

    *why = unanswered ? VR_HEARING_BY_PATH : VR_HEARING_BY_REPORT;
    if (unanswered) {
        return life > hearing->asked_at ? VR_HEARING_DEAF : VR_HEARING_AWAY;
    }
    if (any_stalled(hearing)) {
        return VR_HEARING_DEAF;
    }
    if (hearing->mute_reports >= VR_HEARING_STALLED) {
        return VR_HEARING_DUMB;
    }
    *why = fresh(hearing->progress_at, now)   ? VR_HEARING_BY_REPORT
           : fresh(hearing->answered_at, now) ? VR_HEARING_BY_PATH
                                              : VR_HEARING_NONE;
    return *why == VR_HEARING_NONE ? VR_HEARING_UNKNOWN : VR_HEARING_HEARS;
}

bool vr_hearing_judge(struct vr_hearing *hearing, vr_time_us now, vr_time_us life)
{
    enum vr_hearing_why why;
    enum vr_hearing_verdict verdict = verdict_of(hearing, now, life, &why);
    bool changed = verdict != (enum vr_hearing_verdict)hearing->verdict;

    hearing->why = (uint8_t)why;
    hearing->verdict = (uint8_t)verdict;
    if (changed) {
        hearing->since = now;
    }
    return changed;
}
