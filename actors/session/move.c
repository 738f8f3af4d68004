/* move.c - a participant comes from another node: the new peer first, then one switch.
 *
 *     client        new node                       room                  old node
 *       |--resume+offer->|--snapshot, only looks-->|                        |  plays on
 *       |<----answer-----|  (peer; the room knows nothing of it)            |
 *       |==ICE, DTLS====>|  up                     |                        |
 *       |                |--resume---------------->|--session:replaced----->|  closes, nobody
 * "left"
 *
 * Until the switch nothing was taken: a peer that does not come up costs nobody anything. */
#include "actors/session/session_internal.h"

#include <stdlib.h>

struct takeover {
    struct op op; /* first */
};

static void free_takeover(struct op *op)
{
    free(op);
}

static void give_up(struct session *session, const char *why)
{
    if (session_move(session, VR_SESSION_EV_OVER)) {
        session_over(session, why, false);
    }
}

void session_move_failed(struct session *session)
{
    give_up(session, "the new connection did not come up");
}

static void on_taken(void *ctx, enum vr_err err, struct vr_msg *answer)
{
    struct takeover *takeover = ctx;
    struct session *session = op_session(&takeover->op);

    op_done(&takeover->op);
    if (session == NULL) {
        return;
    }
    session->joining = false;
    if (err == VR_OK && answer->kind == VR_MSG_ANSWER) {
        err = answer->as.answer->err;
    }
    /* A generation beyond the one promised: another node was faster, and its peer is heard. */
    if (err != VR_OK || answer->kind != VR_MSG_ANSWER ||
        answer->as.answer->generation != session->who.generation) {
        give_up(session, "the place could not be taken");
        return;
    }
    session->role = answer->as.answer->role;
    session_flush_held(session, true);
    session_look(session);
}

void session_take_over(struct session *session)
{
    struct takeover *takeover = NULL;
    struct vr_command *command = NULL;

    if (!session->moving || session->joining || session->state != VR_SESSION_LIVE) {
        return; /* up before the answer was given: session_look comes by again */
    }
    takeover = calloc(1, sizeof(*takeover));
    command = takeover == NULL ? NULL : session_command(session, VR_CMD_RESUME, NULL);
    if (command == NULL) {
        free(takeover);
        session_move_failed(session);
        return;
    }
    session->moving = false;
    session->joining = true; /* events wait until it is known which state they follow */
    command->shard = vr_shard_address(session->room, session->shard);
    op_start(&takeover->op, session, free_takeover);
    session_ask_room(session, command, ROOM_TIMEOUT, on_taken, takeover);
}
