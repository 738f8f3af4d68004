/* client_json.h - JSON of clients <-> commands: one codec for REST bodies and /v1/ws messages.
 *
 * docs/protocol.md has the shapes; unknown fields are ignored, unknown messages refused by name,
 * depth and size capped, duplicate keys refused, text checked (UTF-8, no control characters but
 * newline in texts, trimmed, length). Pure. */
#ifndef VR_WIRE_CLIENT_JSON_H
#define VR_WIRE_CLIENT_JSON_H

#include "actors/base/bytes.h"
#include "actors/base/clock.h"
#include "actors/base/err.h"
#include "actors/messages/command.h"

#define VR_CLIENT_JSON_MAX 65536
#define VR_CLIENT_ID_MAX 64
#define VR_CAPABILITIES_MAX 8

/** What a /v1/ws message or a join body says beside the command itself. */
struct vr_client_msg {
    char type[48];                 /* "room:mute", "session:ping", ... as sent */
    char id[VR_CLIENT_ID_MAX + 1]; /* to be repeated in the answer; "" when absent */
    bool id_is_number;             /* it was a whole number, and is repeated as one */
    bool is_command;               /* false: one of the session's own: see `type` */
    enum vr_command_kind kind;
    struct vr_command *command; /* owned; filled as far as JSON tells; NULL when !is_command. Its id
                                   stands for the client's "command_id"; zero without one */
    struct vr_blob *sdp;        /* room:join, room:resume, room:webrtc:offer; may be NULL */
    char room[27];              /* room:join, room:resume: text id */
    char resume_token[300];
    char access_token[8193]; /* session:hello */
    char traceparent[64];    /* as sent, when it may be one; of messages on /v1/ws */
    uint32_t protocol;
    bool pack60;
    bool red;
};
void vr_client_msg_deinit(struct vr_client_msg *msg);

/** Errors: VR_E_BAD_WIRE (not JSON, no type), VR_E_UNKNOWN_MSG (names it), VR_E_UNPROCESSABLE
 * (names the field, a colon, and what is allowed); VR_E_TOO_LARGE. `id` and `type` are filled in as
 * far as they were readable also on an error. Deinit `out` in either case. */
VR_MUST_CHECK enum vr_err vr_client_msg_parse(struct vr_bytes text, struct vr_client_msg *out,
                                              struct vr_why *why);

/** A REST body as the fields of a command of `kind` (create, update, ban, ...) or a join. The same
 * rules. */
VR_MUST_CHECK enum vr_err vr_client_body_parse(struct vr_bytes text, enum vr_command_kind kind,
                                               struct vr_client_msg *out, struct vr_why *why);

/** One text member of a small JSON body that is no command (POST /v1/guests: name, code;
 * tokens/revoke: jti; log-level: level): `min` to `size - 1` bytes, trimmed, one line. Absent with
 * `min` 0: "". The same rules and errors. */
VR_MUST_CHECK enum vr_err vr_client_text_parse(struct vr_bytes text, const char *name, size_t min,
                                               char *out, size_t size, struct vr_why *why);

/** {"type":"room:mute","id":"7","ok":true,"epoch":..,"sequence":..,"result":{...}} or
 *  {"type":"room:error","id":"7","request":"room:mute","code":"forbidden","detail":"...","retry_after_ms":0}.
 *  `extra` may hold further members as text ("\"a\":1,\"b\":2"), NULL: none. Appends. */
void vr_client_answer_write(const struct vr_client_msg *asked, const struct vr_answer *answer,
                            const char *extra, struct vr_buf *out);

/** Append `text` as a JSON string with its quotes. */
void vr_json_text(struct vr_buf *out, const char *text);

/** Append a wall time as "2026-01-31T12:00:00Z" (RFC 3339, whole seconds); 0: null. */
void vr_json_time(struct vr_buf *out, vr_time_us wall);

/** The same as a further member of an object: ,"name":... */
void vr_json_member_text(struct vr_buf *out, const char *name, const char *text);
void vr_json_member_time(struct vr_buf *out, const char *name, vr_time_us wall);

#endif
