/* admission.h - how many may come into the rooms of a worker now, and when the others shall ask
 * again: pure.
 *
 * Thousands may come back at once when a node dies. Each costs an offer, a place in a room and a
 * handshake, and those who are inside must not notice. So there are places: they come at a rate
 * which halves while the worker runs late and grows while more is wanted and it does not, never
 * below a floor at which 2000 people are in within 20 s.
 *
 *     places  depth -+
 *                    |  everybody comes in
 *              1/2  -+
 *                    |  who comes back to his place, and a join that waited as it was told
 *              1/4  -+
 *                    |  who comes back and waited, and everybody who waited for long
 *                0  -+
 *
 * Whoever finds too few is told to wait for his place in line by the present rate, and some more at
 * random. He is known again by a row in a table of fixed size; places of those who do not come are
 * taken by others. */
#ifndef VR_SESSION_ADMISSION_H
#define VR_SESSION_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/clock.h"

#define VR_ADMISSION_RATE_MIN 100.0  /* joins a second, or the configured most when that is less */
#define VR_ADMISSION_TICKETS 4096u   /* a power of two */
#define VR_ADMISSION_EVERY VR_MS(50) /* between samples */
#define VR_ADMISSION_WAIT_MAX VR_SECONDS(10)

enum vr_admission_kind {
    VR_ADMISSION_RESUME, /* with an offer: back to a place that is kept */
    VR_ADMISSION_JOIN,
};

struct vr_admission_ticket {
    uint64_t who;
    vr_time_us first, due; /* due 0: free */
};

/** Plain data, of one worker. */
struct vr_admission {
    double rate_max; /* joins a second; 0: nobody waits */
    double rate;     /* now */
    double places;   /* that nobody took yet, up to the depth */
    vr_time_us filled;
    vr_time_us line_end[2]; /* by kind: when the last one in line was told to come */
    uint32_t late;          /* samples in a row */
    struct vr_admission_ticket tickets[VR_ADMISSION_TICKETS];
};

/** How late the worker was in the last VR_ADMISSION_EVERY. */
struct vr_admission_sample {
    vr_time_us lag;    /* of its timer, or of a media worker's */
    vr_time_us answer; /* the shortest time that a room took to answer a join; VR_NEVER: none did */
};

struct vr_admission_ask {
    enum vr_admission_kind kind;
    uint64_t who;    /* hash of person and room: the same when he asks again */
    uint64_t random; /* any: spreads the returns */
};

void vr_admission_init(struct vr_admission *admission, uint32_t rate_max, vr_time_us now);
/** 0: come in. Else ask again after so many milliseconds, VR_ADMISSION_WAIT_MAX and a quarter at
 * most. */
uint32_t vr_admission_ask(struct vr_admission *admission, const struct vr_admission_ask *ask,
                          vr_time_us now);
/** Adapt the rate. */
void vr_admission_sample(struct vr_admission *admission, const struct vr_admission_sample *sample,
                         vr_time_us now);
/** The rate is where it begins and all places are there: samples would change nothing. */
bool vr_admission_rests(const struct vr_admission *admission);

#endif
