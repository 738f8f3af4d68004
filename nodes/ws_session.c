/* ws_session.c - what clients say on /v1/ws until they have a session, and the way to it
 * afterwards.
 *
 * One socket carries one session in one room. The first message authenticates: session:hello with a
 * token, or room:resume with its resume token. Then everything goes to the session
 * (actors/session). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/base/owner.h"
#include "actors/runtime/system.h"
#include "actors/wire/client_json.h"
#include "nodes/auth.h"
#include "nodes/auth_ref.h"
#include "nodes/metrics.h"
#include "nodes/node.h"
#include "nodes/quality.h"
#include "nodes/reminders.h"
#include "nodes/ws.h"

#define HELLO_WITHIN VR_SECONDS(10)
#define EARLY_MESSAGES 50 /* before there is a session; beyond: 4029 */

/** One socket's side. Lives until the socket is closed and no join is under way. */
struct client {
    struct vr_ws *ws; /* NULL: closed while a join is under way */
    struct vr_worker *worker;
    struct vr_node *node;
    struct vr_timer deadline;
    struct vr_grants grants;
    bool known;   /* grants are valid */
    bool joining; /* vr_session_join will call back */
    bool bound;   /* `session` has this socket */
    uint32_t early;
    struct vr_id session;
    struct vr_id room;           /* of the session */
    struct vr_client_msg *asked; /* the join under way: 9 KB, which nobody needs afterwards */
    vr_time_us asked_at;
    struct vr_span span; /* of this join, when it is traced */
    uint64_t reminded;   /* the newest reminder that this socket was told of, or need not be */
};

static void forget_asked(struct client *client)
{
    if (client->asked != NULL) {
        vr_client_msg_deinit(client->asked);
        free(client->asked);
        client->asked = NULL;
    }
}

static void free_client(struct client *client)
{
    forget_asked(client);
    free(client);
}

static void on_deadline(struct vr_timer *timer, vr_time_us now)
{
    struct client *client = VR_OWNER(timer, struct client, deadline);

    (void)now;
    vr_ws_close(client->ws, VR_WS_UNAUTHORIZED, "nobody said who he is within 10 s");
}

static void on_opened(struct vr_ws *ws)
{
    struct client *client = calloc(1, sizeof(*client));

    vr_ws_set_state(ws, client);
    if (client == NULL) {
        vr_ws_close(ws, VR_WS_GOING_AWAY, "memory is out");
        return;
    }
    client->ws = ws;
    client->worker = vr_ws_worker(ws);
    client->node = vr_ws_node(ws);
    client->deadline.fire = on_deadline;
    vr_timer_arm(client->worker, &client->deadline, vr_worker_now(client->worker) + HELLO_WITHIN);
}

static void on_closed(struct vr_ws *ws, bool by_us)
{
    struct client *client = vr_ws_state(ws);

    (void)by_us;
    if (client == NULL) {
        return;
    }
    vr_timer_disarm(client->worker, &client->deadline);
    if (client->bound) {
        vr_session_detached(client->worker, client->session, ws);
    }
    client->ws = NULL;
    if (!client->joining) {
        free_client(client);
    }
}

static void answer_with(struct client *client, const struct vr_client_msg *asked,
                        const struct vr_answer *answer, const char *extra)
{
    struct vr_buf text = {0};

    vr_client_answer_write(asked, answer, extra, &text);
    if (!text.failed) {
        (void)vr_ws_send_text(client->ws, vr_buf_bytes(&text));
    }
    vr_buf_deinit(&text);
}

static void send_answer(struct client *client, const struct vr_client_msg *asked,
                        const struct vr_answer *answer)
{
    answer_with(client, asked, answer, NULL);
}

static void refuse(struct client *client, const struct vr_client_msg *asked, enum vr_err err,
                   const char *why)
{
    struct vr_answer answer = {.err = err, .retry_after_ms = vr_err_status(err) == 503 ? 1000 : 0};

    snprintf(answer.why, sizeof(answer.why), "%s",
             why == NULL || why[0] == '\0' ? vr_err_text(err) : why);
    send_answer(client, asked, &answer);
}

/** Take the token of a hello or a resume. */
static bool take_token(struct client *client, const struct vr_client_msg *msg)
{
    struct vr_why why = {0};
    enum vr_err err = vr_auth_token(vr_node_auth(client->node), vr_bytes_of(msg->access_token),
                                    &client->grants, &why);

    if (err != VR_OK) {
        refuse(client, msg, err, why.text);
        vr_ws_close(client->ws, VR_WS_UNAUTHORIZED, "the token is not valid");
        return false;
    }
    client->known = true;
    vr_timer_disarm(client->worker, &client->deadline);
    return true;
}

static void hello(struct client *client, const struct vr_client_msg *msg)
{
    struct vr_answer answer = {0};
    struct vr_buf body = {0};

    if (!take_token(client, msg)) {
        return;
    }
    vr_buf_text(&body, "{\"protocol\":1,\"node\":");
    vr_json_text(&body, vr_node_env(client->node)->node);
    vr_buf_text(&body, ",\"user\":");
    vr_json_text(&body, client->grants.user);
    vr_buf_text(&body, ",\"name\":");
    vr_json_text(&body, client->grants.name);
    vr_buf_text(&body, "}");
    answer.body = body.failed ? NULL : vr_blob_new(vr_buf_bytes(&body));
    send_answer(client, msg, &answer);
    vr_blob_release(answer.body);
    vr_buf_deinit(&body);
}

/** The answer first, then the socket: what the room says next follows it. */
static void bind_session(struct client *client, const struct vr_join_result *result)
{
    struct vr_answer answer = *result->answer;

    answer.body = result->json;
    send_answer(client, client->asked, &answer);
    vr_metrics_join(vr_node_metrics(client->node),
                    vr_worker_now(client->worker) - client->asked_at);
    client->session = result->session;
    client->bound = vr_session_attach(client->worker, result->session, result->resume_token,
                                      &vr_ws_ops, client->ws) == VR_OK;
    vr_timer_disarm(client->worker, &client->deadline);
}

static vr_time_us clock_now(const struct client *client)
{
    const struct vr_clock *clock = vr_system_clock(vr_worker_system(client->worker));

    return clock->now(clock->ctx);
}

static void trace_join(struct client *client)
{
    vr_span_begin(vr_system_tracing(vr_worker_system(client->worker)), client->asked->traceparent,
                  clock_now(client), &client->span);
    client->span.name = vr_command_name(client->asked->kind);
}

static void trace_joined(struct client *client, enum vr_err err)
{
    if (vr_trace_on(&client->span.trace)) {
        client->span.err = err;
        vr_span_end(vr_system_tracing(vr_worker_system(client->worker)), &client->span,
                    clock_now(client));
    }
}

static void on_joined(void *ctx, const struct vr_join_result *result)
{
    struct client *client = ctx;

    client->joining = false;
    trace_joined(client, result->err);
    if (client->ws == NULL) { /* the session ends by itself when nobody comes back for it */
        free_client(client);
        return;
    }
    if (result->err == VR_OK) {
        bind_session(client, result);
    } else {
        vr_metrics_join_refused(vr_node_metrics(client->node));
        send_answer(client, client->asked, result->answer);
    }
    forget_asked(client);
}

/** Who asks, as far as a token told; false: refused. */
static bool judge(struct client *client, const struct vr_client_msg *msg,
                  struct vr_join_request *join)
{
    const struct vr_grants *grants = &client->grants;

    if (!client->known && !join->resume) {
        refuse(client, msg, VR_E_UNAUTHORIZED, "session:hello comes first");
        return false;
    }
    if (!vr_id_parse(msg->room, &join->room)) {
        refuse(client, msg, VR_E_NOT_FOUND, "no such room");
        return false;
    }
    if (vr_node_draining(client->node)) {
        refuse(client, msg, VR_E_DRAINING, NULL);
        return false;
    }
    if (!client->known) {
        snprintf(join->identity.address, sizeof(join->identity.address), "%s",
                 vr_ws_address(client->ws));
        return true;
    }
    if (vr_auth_ref_withdrawn(vr_node_auth(client->node), join->token_ref)) {
        refuse(client, msg, VR_E_UNAUTHORIZED, "the key or the token was withdrawn");
        vr_ws_close(client->ws, VR_WS_UNAUTHORIZED, "the token is not valid");
        return false;
    }
    if (!grants->room_join && !grants->room_admin && !grants->admin) {
        refuse(client, msg, VR_E_FORBIDDEN, "the token does not allow to join rooms");
        return false;
    }
    if (vr_auth_identity(grants, join->room, vr_ws_address(client->ws), &join->identity) != VR_OK) {
        refuse(client, msg, VR_E_FORBIDDEN, "the token is for another room");
        return false;
    }
    return true;
}

/** True: answered. Who has his session here already comes back to it; who comes with an offer is
 * sent to the others. */
static bool sent_elsewhere(struct client *client, const struct vr_client_msg *msg)
{
    struct vr_answer answer = {.err = VR_E_DRAINING,
                               .retry_after_ms = 1000,
                               .why = "this node is being drained: join at another"};
    struct vr_buf nodes = {0};
    bool others = msg->sdp != NULL && vr_node_elsewhere(client->node, &nodes);

    if (others) {
        answer_with(client, msg, &answer, nodes.failed ? NULL : (const char *)nodes.data);
    }
    vr_buf_deinit(&nodes);
    return others;
}

/** Takes over `msg`. */
static void enter(struct client *client, struct vr_client_msg *msg)
{
    struct vr_join_request join = {.resume = msg->kind == VR_CMD_RESUME,
                                   .request_id = vr_ws_request_id(client->ws)};

    if (join.resume && msg->access_token[0] != '\0' && !client->known && !take_token(client, msg)) {
        vr_client_msg_deinit(msg);
        return;
    }
    join.token_ref = vr_auth_ref(&client->grants);
    if (!judge(client, msg, &join) || sent_elsewhere(client, msg)) {
        vr_client_msg_deinit(msg);
        return;
    }
    client->asked = malloc(sizeof(*client->asked));
    if (client->asked == NULL) {
        refuse(client, msg, VR_E_NO_MEMORY, NULL);
        vr_client_msg_deinit(msg);
        return;
    }
    *client->asked = *msg;
    client->asked_at = vr_worker_now(client->worker);
    client->joining = true;
    client->room = join.room;
    join.msg = client->asked;
    trace_join(client);
    join.trace = client->span.trace;
    vr_session_join(client->worker, &join, on_joined, client);
}

/** Takes over `msg`. */
static void early_message(struct client *client, struct vr_client_msg *msg)
{
    bool ping = client->known && strcmp(msg->type, "session:ping") == 0;

    /* Who is known may stay in the lobby for hours, and pings to know that it is there. */
    if (!ping && ++client->early > EARLY_MESSAGES) {
        vr_ws_close(client->ws, VR_WS_TOO_MANY, "too many messages");
    } else if (client->joining) {
        refuse(client, msg, VR_E_IN_PROGRESS, "the join is under way");
    } else if (msg->is_command && (msg->kind == VR_CMD_JOIN || msg->kind == VR_CMD_RESUME)) {
        enter(client, msg);
        return;
    } else if (strcmp(msg->type, "session:hello") == 0) {
        hello(client, msg);
    } else if (strcmp(msg->type, "session:ping") == 0) {
        send_answer(client, msg, &(struct vr_answer){0});
    } else {
        refuse(client, msg, client->known ? VR_E_CONFLICT : VR_E_UNAUTHORIZED,
               client->known ? "join a room first" : "session:hello comes first");
    }
    vr_client_msg_deinit(msg);
}

static void on_message(struct vr_ws *ws, struct vr_bytes text)
{
    struct client *client = vr_ws_state(ws);
    struct vr_client_msg *msg = NULL;
    struct vr_why why = {0};
    enum vr_err err = VR_OK;

    if (client == NULL || vr_ws_closing(ws)) {
        return;
    }
    msg = calloc(1, sizeof(*msg)); /* 9 KB: not for the stack of a loop's callback */
    if (msg == NULL) {
        return;
    }
    err = vr_client_msg_parse(text, msg, &why);
    if (err != VR_OK) {
        refuse(client, msg, err, why.text);
        vr_client_msg_deinit(msg);
        if (++client->early > EARLY_MESSAGES) {
            vr_ws_close(ws, VR_WS_TOO_MANY, "too many messages");
        }
    } else if (client->bound) {
        if (msg->is_command && msg->kind == VR_CMD_QUALITY && msg->command->text != NULL) {
            vr_quality_take(vr_metrics_quality(vr_node_metrics(client->node)), client->room,
                            vr_blob_bytes(msg->command->text));
        }
        vr_session_client_msg(client->worker, client->session, msg, vr_ws_request_id(ws));
    } else {
        early_message(client, msg);
    }
    free(msg);
}

static void tell_reminder(void *ctx, const struct vr_reminder *reminder)
{
    struct vr_buf text = {0};

    vr_reminder_json(reminder, &text);
    if (!text.failed) {
        (void)vr_ws_send_text(ctx, vr_buf_bytes(&text));
    }
    vr_buf_deinit(&text);
}

/* What fell due before this socket came is told to it too, as long as it is not over. */
static void on_tick(struct vr_ws *ws)
{
    struct client *client = vr_ws_state(ws);
    struct vr_reminders *reminders = vr_node_reminders(vr_ws_node(ws));
    uint64_t newest = vr_reminders_newest(reminders);

    if (client != NULL && client->known && client->reminded < newest) {
        struct vr_id ref = vr_personal_ref(vr_node_personal(client->node), client->grants.user);

        vr_reminders_due(reminders, ref, client->reminded, tell_reminder, ws);
        client->reminded = newest;
    }
}

const struct vr_ws_handlers *vr_ws_session_handlers(void)
{
    static const struct vr_ws_handlers handlers = {on_opened, on_message, on_closed, on_tick};

    return &handlers;
}
