#include "actors/session/session_state.h"

#include <stddef.h>

struct row {
    enum vr_session_state state;
    enum vr_session_event event;
    struct vr_session_move move;
};

/* clang-format off */
static const struct row rows[] = {
    /* state               event                        next                 action                */
    { VR_SESSION_JOINING,  VR_SESSION_EV_JOINED,      { VR_SESSION_LIVE,     VR_SESSION_NOTHING } },
    { VR_SESSION_JOINING,  VR_SESSION_EV_REFUSED,     { VR_SESSION_GONE,     VR_SESSION_CLOSE } },
    { VR_SESSION_JOINING,  VR_SESSION_EV_OVER,        { VR_SESSION_GONE,     VR_SESSION_CLOSE } },
    { VR_SESSION_JOINING,  VR_SESSION_EV_LEFT,        { VR_SESSION_GONE,     VR_SESSION_TELL_LEFT } },
    { VR_SESSION_LIVE,     VR_SESSION_EV_ALONE,       { VR_SESSION_LOST,     VR_SESSION_TELL_LOST } },
    { VR_SESSION_LIVE,     VR_SESSION_EV_BACK,        { VR_SESSION_LIVE,     VR_SESSION_NOTHING } },
    { VR_SESSION_LIVE,     VR_SESSION_EV_OVER,        { VR_SESSION_GONE,     VR_SESSION_CLOSE } },
    { VR_SESSION_LIVE,     VR_SESSION_EV_LEFT,        { VR_SESSION_GONE,     VR_SESSION_TELL_LEFT } },
    { VR_SESSION_LOST,     VR_SESSION_EV_BACK,        { VR_SESSION_LIVE,     VR_SESSION_NOTHING } },
    { VR_SESSION_LOST,     VR_SESSION_EV_OVER,        { VR_SESSION_GONE,     VR_SESSION_CLOSE } },
    { VR_SESSION_LOST,     VR_SESSION_EV_LEFT,        { VR_SESSION_GONE,     VR_SESSION_TELL_LEFT } },
    /* The room ends the grace time by itself; the session only forgets. */
    { VR_SESSION_LOST,     VR_SESSION_EV_GRACE_OVER,  { VR_SESSION_GONE,     VR_SESSION_CLOSE } },
};
/* clang-format on */

bool vr_session_move(enum vr_session_state state, enum vr_session_event event,
                     struct vr_session_move *out)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].state == state && rows[i].event == event) {
            *out = rows[i].move;
            return true;
        }
    }
    return false;
}

const char *vr_session_state_name(enum vr_session_state state)
{
    static const char *const names[VR_SESSION_STATES] = {"joining", "live", "lost", "gone"};

    return names[state];
}

const char *vr_session_event_name(enum vr_session_event event)
{
    static const char *const names[VR_SESSION_EVENTS] = {"joined", "refused", "alone",     "back",
                                                         "over",   "left",    "grace over"};

    return names[event];
}
