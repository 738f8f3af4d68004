/* calendar.h - scheduled rooms as a calendar file (iCalendar, RFC 5545). Pure.
 *
 * One event an hour long for each room, with a reminder ten minutes before. The UID is the room's,
 * so a calendar that reads the file again moves the event instead of adding one. */
#ifndef VR_NODES_CALENDAR_H
#define VR_NODES_CALENDAR_H

#include "actors/base/bytes.h"
#include "actors/base/clock.h"

struct vr_calendar_event {
    const char *uid; /* of URL-safe characters */
    const char *title;
    const char *description;
    const char *url; /* where the room is entered; "": unknown */
    vr_time_us starts_wall;
    uint64_t revision; /* grows with each change (SEQUENCE) */
};

/** `now_wall` is the time of writing; `name` what a subscriber's calendar is called. */
void vr_calendar_begin(struct vr_buf *out, const char *name);
void vr_calendar_event(struct vr_buf *out, const struct vr_calendar_event *event,
                       vr_time_us now_wall);
void vr_calendar_end(struct vr_buf *out);

#endif
