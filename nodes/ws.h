/* ws.h - WebSockets (RFC 6455) on top of h2o and wslay: text messages in and out, bounded both
 * ways.
 *
 * Origin, version and subprotocol are judged before the 101; pings, pongs, the close handshake and
 * its timer, message and queue limits are done here. A socket belongs to the control worker that
 * accepted it. Traps of h2o that shape this file: docs/architecture.md; nothing is ever freed or
 * written inside a caller's frame, only at the end of the loop's turn, so handlers may send and
 * close whenever they like. */
#ifndef VR_NODES_WS_H
#define VR_NODES_WS_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/messages/command.h"
#include "actors/session/session.h"

struct vr_node;
struct vr_worker;
struct vr_ws;

#define VR_WS_PROTOCOL "voicerooms.v1"
#define VR_WS_MESSAGE_MAX (64 * 1024)
#define VR_WS_QUEUE_MAX (256 * 1024) /* unsent bytes; beyond: closed with 4008 */

/** Close codes of ours (docs/protocol.md "WebSocket"). */
enum vr_ws_code {
    VR_WS_GOING_AWAY = 1001,
    VR_WS_REPLACED = 4000,
    VR_WS_UNAUTHORIZED = 4001,
    VR_WS_SESSION_OVER = 4002,
    VR_WS_TOO_SLOW = 4008,
    VR_WS_TOO_MANY = 4029,
};

/** What the node's signalling does with sockets (ws_session.c). All on the socket's worker. */
struct vr_ws_handlers {
    void (*opened)(struct vr_ws *ws);
    /** One text message, borrowed. Not called any more after vr_ws_close. */
    void (*message)(struct vr_ws *ws, struct vr_bytes text);
    /** The last call, exactly once for each `opened`, whoever closed: drop what `state` holds.
     * `by_us`: after vr_ws_close. Never called from inside vr_ws_send or vr_ws_close. Also at
     * shutdown. */
    void (*closed)(struct vr_ws *ws, bool by_us);
    /** Once a second or so, while it is open. NULL: not wanted. */
    void (*tick)(struct vr_ws *ws);
};

/** Queue one text message; takes a reference of its own; written at the end of this turn. False:
 * closing, or the queue was full, and the socket will be closed with 4008. */
bool vr_ws_send(struct vr_ws *ws, struct vr_blob *text);
bool vr_ws_send_text(struct vr_ws *ws, struct vr_bytes text);
/** What was queued before goes out first. `reason` at most 123 bytes, copied. Repeats do nothing.
 */
void vr_ws_close(struct vr_ws *ws, uint16_t code, const char *reason);
bool vr_ws_closing(const struct vr_ws *ws);

/** The above for a session: `socket` is the struct vr_ws. */
extern const struct vr_socket_ops vr_ws_ops;

void vr_ws_set_state(struct vr_ws *ws, void *state);
void *vr_ws_state(const struct vr_ws *ws);
struct vr_node *vr_ws_node(const struct vr_ws *ws);
struct vr_worker *vr_ws_worker(const struct vr_ws *ws);
const char *vr_ws_address(const struct vr_ws *ws); /* of the client, text */
bool vr_ws_loopback(const struct vr_ws *ws);
const char *vr_ws_request_id(const struct vr_ws *ws); /* of the upgrade request */

/** The node's handlers (ws_session.c). */
const struct vr_ws_handlers *vr_ws_session_handlers(void);

#endif
