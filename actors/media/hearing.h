/* hearing.h - does what we send to a transport arrive, and does what it says it sends reach us?
 *
 * Pure: questions asked, answers, reports and the time in; a verdict out. The engine (probe.c)
 * sends the questions and passes on what comes. Three kinds of evidence, since none is enough:
 *
 *   questions  a STUN Binding request over the same 5-tuple as speech, which every full ICE agent
 *              answers by itself (RFC 8445, 7.3): browsers send receiver reports about sound only
 *              every 2.5 to 7.5 s (libwebrtc: 5 s +- half), too seldom to find anything within 2 s
 *   reports    RFC 3550, 6.4.1: the path may be fine and speech still not be taken
 *   life       what came from the transport since the question: tells one-sided from gone
 *
 * Nothing here gives consent or moves a path: an answer only says that one was not deaf. */
#ifndef VR_MEDIA_HEARING_H
#define VR_MEDIA_HEARING_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/clock.h"
#include "actors/messages/hearing.h"
#include "actors/messages/peer.h"
#include "actors/wire/rtcp.h"

/** By which evidence. */
enum vr_hearing_why { VR_HEARING_NONE, VR_HEARING_BY_PATH, VR_HEARING_BY_REPORT };
const char *vr_hearing_why_name(enum vr_hearing_why why); /* "none" "path" "report" */

/* A question is asked once a second. Unanswered, it is repeated every REPEAT once the usual round
 * trip is over; after PATIENCE and TRIES it counts. 1 s + 0.8 s keeps the promise of 2 s. With
 * 30 % of the datagrams lost each way half of them are answered: 12 in a row fail once in 3000
 * questions, and once in ten million when only one way is lossy. */
#define VR_HEARING_PATIENCE VR_MS(800)
#define VR_HEARING_PATIENCE_MAX VR_MS(2500)
#define VR_HEARING_FIRST_REPEAT VR_MS(150)
#define VR_HEARING_TRIES 12
#define VR_HEARING_TRIES_STRANGER 3
#define VR_HEARING_SLOW VR_MS(500) /* repeats, once he is known not to answer */
/* Who has never answered so many questions does not know how: he is not asked any more. */
#define VR_HEARING_IGNORED 8
/* Reports in a row about a slot that was sent on and did not move there. */
#define VR_HEARING_STALLED 2
#define VR_HEARING_PACKETS 25 /* sent between two reports, to judge by them */
/* A receiver leaves out what it has not received for some seconds (libwebrtc: 8): so many seconds
 * of speech on a slot that it once reported, and so many reports without it, say the same. */
#define VR_HEARING_OMITTED_S 16
#define VR_HEARING_OMITTED 3
#define VR_HEARING_FRESH VR_SECONDS(16)

struct vr_hearing_slot {
    vr_time_us at; /* of the newest report; 0: none */
    uint32_t sent; /* packets, when it came */
    uint32_t highest;
    uint32_t jitter;
    int32_t lost;
    uint8_t fraction_lost;
    uint8_t stalled;
    uint8_t speech_s;  /* seconds with speech on it since the newest report */
    uint8_t compounds; /* that came since, of any content */
    uint32_t looked;   /* packets, at the last look */
};

struct vr_hearing {
    vr_time_us asked_at; /* the question that is not answered yet; 0: none */
    vr_time_us repeated_at;
    vr_time_us answered_at; /* of the newest answer; 0: never */
    vr_time_us round_trip;  /* of answers to the first try, smoothed; 0: not known */
    vr_time_us since;       /* of the verdict */
    uint16_t tries;
    uint8_t ignored;
    uint8_t verdict;      /* enum vr_hearing_verdict */
    uint8_t why;          /* enum vr_hearing_why */
    uint8_t mute_reports; /* sender reports in a row that told of packets which did not come */
    bool sender_known;
    uint32_t sender_packets; /* as the last sender report said */
    uint64_t sender_came;    /* and what had come by then */
    uint32_t reports;        /* blocks about our slots */
    vr_time_us reported_at;
    vr_time_us progress_at;   /* the last report by which something had arrived */
    vr_time_us progress_from; /* and when the report was that it went beyond */
    struct vr_hearing_slot slots[VR_SLOTS_MAX];
};

void vr_hearing_init(struct vr_hearing *hearing, vr_time_us now);

/** Once a second: is a question to be asked now? `sends`: speech was sent there since the last
 * call. True: send it, it counts as sent. Keeps asking who did not answer. */
bool vr_hearing_ask(struct vr_hearing *hearing, vr_time_us now, bool sends);
/** Each tick while a question waits: is it to be sent once more? */
bool vr_hearing_repeat(struct vr_hearing *hearing, vr_time_us now);
/** Its answer, and when it came: before now, where it has waited to be read. */
void vr_hearing_answer(struct vr_hearing *hearing, vr_time_us came);
/** Once a second: `sent` packets have left on this slot so far. */
void vr_hearing_sent(struct vr_hearing *hearing, uint32_t slot, uint32_t sent);
/** A compound with reports, whatever they are about; before its blocks. */
void vr_hearing_compound(struct vr_hearing *hearing);
/** An ICE restart: the same receiver goes on reporting about the same streams. */
void vr_hearing_go_on(struct vr_hearing *hearing, const struct vr_hearing *before);
/** One report block about a slot on which `sent` packets have left for him so far. */
void vr_hearing_report(struct vr_hearing *hearing, vr_time_us now, uint32_t slot,
                       const struct vr_rtcp_report *report, uint32_t sent);
/** His sender report: how many packets he says to have sent, and how many have come. */
void vr_hearing_sender(struct vr_hearing *hearing, uint32_t packets, uint64_t came);
/** His SSRC is another one now: what he told of the old one does not count. */
void vr_hearing_sender_anew(struct vr_hearing *hearing);
/** `life`: when anything valid came from him last; 0: never. True: the verdict is another one. */
bool vr_hearing_judge(struct vr_hearing *hearing, vr_time_us now, vr_time_us life);

#endif
