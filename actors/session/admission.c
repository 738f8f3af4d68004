/* admission.c - places for joins: a bucket whose rate follows how late the worker is. */
#include "actors/session/admission.h"

/* Of its timer, or of a room's answer: that is a turn or two, a commit and the way to the in-sync
 * node and back, what an act of somebody inside takes as well. */
#define LATE VR_MS(50)
#define EASY VR_MS(20)
#define VERY_LATE VR_MS(200) /* heard at once; else one late turn is heard once */
#define LATE_SAMPLES 2
#define GROW_SAMPLES 50    /* from nothing to the most */
#define REST_PART 0.25     /* of the most: where it begins, since nobody knows yet what it costs */
#define DEPTH 64.0         /* so many may come at once ... */
#define DEPTH_OF_RATE 8.0  /* ... or as many as in so many seconds */
#define JOINS_PART 0.25    /* of the places, while people come back */
#define OLD VR_SECONDS(10) /* since he asked first: before all */
#define OLD_WAIT VR_SECONDS(1)
#define FORGET VR_SECONDS(60) /* after he should have come */
#define WAIT_MIN VR_MS(50)

static double least_of(const struct vr_admission *admission)
{
    double most = admission->rate_max;

    return most < VR_ADMISSION_RATE_MIN ? most : VR_ADMISSION_RATE_MIN;
}

static double rest_of(const struct vr_admission *admission)
{
    double rest = admission->rate_max * REST_PART;

    return rest > least_of(admission) ? rest : least_of(admission);
}

static double depth_of(const struct vr_admission *admission)
{
    double depth = admission->rate_max * DEPTH_OF_RATE;

    return depth < DEPTH ? depth : DEPTH;
}

static void fill(struct vr_admission *admission, vr_time_us now)
{
    double depth = depth_of(admission);

    if (now > admission->filled) {
        admission->places += (double)(now - admission->filled) / 1e6 * admission->rate;
        admission->filled = now;
    }
    if (admission->places > depth) {
        admission->places = depth;
    }
}

void vr_admission_init(struct vr_admission *admission, uint32_t rate_max, vr_time_us now)
{
    *admission = (struct vr_admission){.rate_max = rate_max, .filled = now};
    admission->rate = rest_of(admission);
    admission->places = depth_of(admission);
}

static struct vr_admission_ticket *ticket_of(struct vr_admission *admission, uint64_t who)
{
    return &admission->tickets[who & (VR_ADMISSION_TICKETS - 1)];
}

static bool has_ticket(const struct vr_admission_ticket *ticket, const struct vr_admission_ask *ask)
{
    return ticket->due != 0 && ticket->who == ask->who;
}

/** The part of the depth that must be left for others. */
static double others_part(const struct vr_admission_ask *ask,
                          const struct vr_admission_ticket *ticket, vr_time_us now)
{
    bool back = ask->kind == VR_ADMISSION_RESUME;

    if (!has_ticket(ticket, ask)) {
        return back ? 0.25 : 0.5;
    }
    if (now - ticket->first >= OLD) {
        return 0;
    }
    if (now >= ticket->due) {
        return back ? 0 : 0.25;
    }
    return back ? 0.25 : 0.5;
}

/** At the end of his line: one place after the one before. While people come back, the others get a
 * part of the places only. */
static vr_time_us line_up(struct vr_admission *admission, enum vr_admission_kind kind,
                          vr_time_us now)
{
    vr_time_us *end = &admission->line_end[kind];
    bool part = kind == VR_ADMISSION_JOIN && admission->line_end[VR_ADMISSION_RESUME] > now;

    *end = *end < now ? now : *end;
    *end += (vr_time_us)(1e6 / (admission->rate * (part ? JOINS_PART : 1)));
    if (*end > now + VR_ADMISSION_WAIT_MAX) {
        *end = now + VR_ADMISSION_WAIT_MAX;
    }
    return *end - now;
}

uint32_t vr_admission_ask(struct vr_admission *admission, const struct vr_admission_ask *ask,
                          vr_time_us now)
{
    struct vr_admission_ticket *ticket = ticket_of(admission, ask->who);
    vr_time_us wait = 0;

    if (admission->rate_max <= 0) {
        return 0;
    }
    fill(admission, now);
    if (now > ticket->due + FORGET) {
        *ticket = (struct vr_admission_ticket){0};
    }
    if (admission->places >= 1 + others_part(ask, ticket, now) * depth_of(admission)) {
        admission->places -= 1;
        if (has_ticket(ticket, ask)) {
            *ticket = (struct vr_admission_ticket){0};
        }
        return 0;
    }
    if (has_ticket(ticket, ask) && now < ticket->due) {
        wait = ticket->due - now; /* too early: his place in line stays his */
    } else {
        wait = line_up(admission, ask->kind, now);
        if (!has_ticket(ticket, ask)) {
            *ticket = (struct vr_admission_ticket){.who = ask->who, .first = now};
        }
        if (now - ticket->first >= OLD && wait > OLD_WAIT) {
            wait = OLD_WAIT;
        }
        ticket->due = now + wait;
    }
    if (wait < WAIT_MIN) {
        wait = WAIT_MIN;
    }
    wait += (vr_time_us)(ask->random % ((uint64_t)wait / 4 + 1));
    return (uint32_t)((wait + 999) / 1000);
}

/** By one sample's worth towards `goal`. */
static void drift(struct vr_admission *admission, double goal)
{
    double step = admission->rate_max / GROW_SAMPLES;

    if (admission->rate < goal) {
        admission->rate = admission->rate + step < goal ? admission->rate + step : goal;
    } else {
        admission->rate = admission->rate - step > goal ? admission->rate - step : goal;
    }
}

void vr_admission_sample(struct vr_admission *admission, const struct vr_admission_sample *sample,
                         vr_time_us now)
{
    bool slow = sample->answer != VR_NEVER && sample->answer > sample->lag;
    vr_time_us late = slow ? sample->answer : sample->lag;

    fill(admission, now);
    admission->late = late > LATE ? admission->late + 1 : 0;
    if (late > VERY_LATE || admission->late >= LATE_SAMPLES) {
        double less = admission->rate / (late > VERY_LATE ? 4 : 2);

        admission->late = 0;
        admission->rate = less > least_of(admission) ? less : least_of(admission);
    } else if (late < EASY) {
        bool wanted = admission->places < depth_of(admission) * 0.75;

        drift(admission, wanted ? admission->rate_max : rest_of(admission));
    }
}

bool vr_admission_rests(const struct vr_admission *admission)
{
    return admission->rate == rest_of(admission) && admission->places >= depth_of(admission);
}
