/* session_state.h - what a session is in, as a pure table: no socket, no clock, no memory.
 *
 *     JOINING --JOINED--> LIVE --ALONE--> LOST --BACK--> LIVE
 *        |                  |               |
 *        +--- REFUSED, OVER, LEFT, GRACE_OVER ---> GONE
 *
 * ALONE: neither a socket nor media is left. The pairs missing in the table are refused. */
#ifndef VR_SESSION_SESSION_STATE_H
#define VR_SESSION_SESSION_STATE_H

#include <stdbool.h>

enum vr_session_state {
    VR_SESSION_JOINING, /* the room or the shard has not answered yet */
    VR_SESSION_LIVE,
    VR_SESSION_LOST, /* the room has been told; its grace time runs */
    VR_SESSION_GONE,
    VR_SESSION_STATES
};

enum vr_session_event {
    VR_SESSION_EV_JOINED,
    VR_SESSION_EV_REFUSED,
    VR_SESSION_EV_ALONE,
    VR_SESSION_EV_BACK,
    VR_SESSION_EV_OVER, /* by the room: kicked, banned, ended, replaced */
    VR_SESSION_EV_LEFT, /* by the client: room:leave, DELETE */
    VR_SESSION_EV_GRACE_OVER,
    VR_SESSION_EVENTS
};

/** What must be done with the room when the move is made. */
enum vr_session_action {
    VR_SESSION_NOTHING,
    VR_SESSION_TELL_LOST, /* VR_CMD_LOST */
    VR_SESSION_TELL_LEFT, /* VR_CMD_LEAVE */
    VR_SESSION_CLOSE      /* sockets and peers close, the session is freed */
};

struct vr_session_move {
    enum vr_session_state next;
    enum vr_session_action action;
};

/** False, and nothing written, when the pair is not in the table. */
bool vr_session_move(enum vr_session_state state, enum vr_session_event event,
                     struct vr_session_move *out);

const char *vr_session_state_name(enum vr_session_state state);
const char *vr_session_event_name(enum vr_session_event event);

#endif
