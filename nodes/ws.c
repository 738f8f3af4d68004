/* ws.c - one WebSocket: from its first byte (the upgrade is ws_upgrade.c) to the last.
 *
 * h2o's own sending writes header and payload apart, one write a loop turn, without a bound;
 * closing it inside its callback is a use after free. So: our own send callback gathers frames and
 * writes them at once; callers only queue and mark the socket dirty; all writing, closing and
 * freeing happens in ws_flush, once per turn, from one place.
 *
 *     opened -> (messages) -> closing: no more messages to the handler, queue drains, close frame,
 *                             the peer's close or a timer -> dead: `closed` is told, freed in
 * ws_flush */
#include "nodes/http_internal.h"

#define PING_EVERY VR_SECONDS(20)
#define PONG_WITHIN VR_SECONDS(40)
#define CLOSE_WITHIN VR_SECONDS(2)
#define WRITE_MAX (64 * 1024)
#define MESSAGES_BURST 200.0
#define MESSAGES_PER_S 50.0

struct vr_ws {
    struct vr_list link;       /* vr_http_worker.sockets */
    struct vr_list dirty_link; /* vr_http_worker.dirty */
    struct vr_http_worker *part;
    h2o_websocket_conn_t *conn;
    const struct vr_ws_handlers *handlers;
    void *state;
    struct vr_buf out;     /* frames gathered for the next write */
    struct vr_buf writing; /* frames being written */
    bool closing;          /* by us: `close_code` goes out when the queue is empty */
    bool close_queued;
    bool dead;
    uint16_t close_code;
    char close_reason[124];
    vr_time_us close_until; /* then it is dropped, whatever the peer does */
    vr_time_us pinged;
    vr_time_us ponged;
    double messages; /* token bucket of incoming messages */
    vr_time_us messages_at;
    char address[46];
    bool loopback;
    char request_id[VR_REQUEST_ID_MAX + 1];
};

static void mark_dirty(struct vr_ws *ws)
{
    if (vr_list_empty(&ws->dirty_link)) {
        vr_list_push(&ws->part->dirty, &ws->dirty_link);
    }
}

static void die(struct vr_ws *ws)
{
    if (!ws->dead) {
        ws->dead = true;
        if (!ws->closing) {
            ws->close_until = part_now(ws->part) + CLOSE_WITHIN;
        }
        if (ws->conn->sock != NULL) {
            h2o_socket_read_stop(ws->conn->sock);
        }
    }
    mark_dirty(ws);
}

/* --- writing --- */

static void on_written(h2o_socket_t *sock, const char *err)
{
    h2o_websocket_conn_t *conn = sock->data;
    struct vr_ws *ws = conn->data;

    vr_buf_deinit(&ws->writing); /* thousands of sockets are silent most of the time */
    if (err != NULL) {
        die(ws);
        return;
    }
    mark_dirty(ws);
}

static void write_start(struct vr_ws *ws)
{
    struct vr_buf out = ws->out;
    h2o_iovec_t piece = {0};

    ws->out = ws->writing;
    ws->out.size = 0;
    ws->writing = out;
    piece = h2o_iovec_init(ws->writing.data, ws->writing.size);
    h2o_socket_write(ws->conn->sock, &piece, 1, on_written);
}

/* Called by wslay for each chunk. It must begin a write before it answers "would block", or h2o's
 * own loop would turn for ever. */
static ssize_t on_wslay_send(wslay_event_context_ptr ctx, const uint8_t *data, size_t size,
                             int flags, void *user_data)
{
    h2o_websocket_conn_t *conn = user_data;
    struct vr_ws *ws = conn->data;
    bool more = (flags & WSLAY_MSG_MORE) != 0 || wslay_event_get_queued_msg_count(ctx) > 1;

    if (h2o_socket_is_writing(conn->sock)) {
        wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    vr_buf_append(&ws->out, data, size);
    if (ws->out.failed) {
        wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
        return -1;
    }
    if (!more || ws->out.size >= WRITE_MAX) {
        write_start(ws);
    } else {
        mark_dirty(ws);
    }
    return (ssize_t)size;
}

bool vr_ws_send_text(struct vr_ws *ws, struct vr_bytes text)
{
    const struct wslay_event_msg msg = {
        .opcode = WSLAY_TEXT_FRAME, .msg = text.data, .msg_length = text.size};
    size_t waiting = 0;

    if (ws->dead || ws->closing) {
        return false;
    }
    waiting = wslay_event_get_queued_msg_length(ws->conn->ws_ctx) + ws->out.size + ws->writing.size;
    if (waiting + text.size > VR_WS_QUEUE_MAX) {
        vr_ws_close(ws, VR_WS_TOO_SLOW, "too slow");
        return false;
    }
    if (wslay_event_queue_msg(ws->conn->ws_ctx, &msg) != 0) {
        die(ws); /* the peer has closed, or memory is out */
        return false;
    }
    mark_dirty(ws);
    return true;
}

bool vr_ws_send(struct vr_ws *ws, struct vr_blob *text)
{
    return vr_ws_send_text(ws, vr_blob_bytes(text));
}

void vr_ws_close(struct vr_ws *ws, uint16_t code, const char *reason)
{
    if (ws->dead || ws->closing) {
        return;
    }
    ws->closing = true;
    ws->close_code = code;
    snprintf(ws->close_reason, sizeof(ws->close_reason), "%s", reason);
    ws->close_until = part_now(ws->part) + CLOSE_WITHIN;
    mark_dirty(ws);
}

bool vr_ws_closing(const struct vr_ws *ws)
{
    return ws->closing || ws->dead;
}

/* --- receiving --- */

static bool messages_allow(struct vr_ws *ws)
{
    vr_time_us now = part_now(ws->part);

    ws->messages += (double)(now - ws->messages_at) / 1e6 * MESSAGES_PER_S;
    ws->messages = ws->messages > MESSAGES_BURST ? MESSAGES_BURST : ws->messages;
    ws->messages_at = now;
    if (ws->messages < 1) {
        return false;
    }
    ws->messages -= 1;
    return true;
}

static void on_message(h2o_websocket_conn_t *conn, const struct wslay_event_on_msg_recv_arg *arg)
{
    struct vr_ws *ws = conn->data;

    if (arg == NULL) {
        die(ws);
        return;
    }
    if (ws->dead || ws->closing) {
        return;
    }
    switch (arg->opcode) {
    case WSLAY_PONG:
        ws->ponged = part_now(ws->part);
        break;
    case WSLAY_TEXT_FRAME:
        if (!messages_allow(ws)) {
            vr_ws_close(ws, VR_WS_TOO_MANY, "too many messages");
            break;
        }
        ws->handlers->message(ws, vr_bytes(arg->msg, arg->msg_length));
        break;
    case WSLAY_BINARY_FRAME:
        vr_ws_close(ws, WSLAY_CODE_UNSUPPORTED_DATA, "text only");
        break;
    default: /* pings and closes are answered by wslay */
        break;
    }
}

/* --- once per turn --- */

static void destroy(struct vr_ws *ws)
{
    struct vr_http_worker *part = ws->part;
    uint16_t code = ws->closing ? ws->close_code : 0;

    vr_list_remove(&ws->link);
    vr_list_remove(&ws->dirty_link);
    ws->handlers->closed(ws, ws->closing);
    if (part->http->conf.metrics != NULL) {
        vr_metrics_ws_closed(part->http->conf.metrics, code);
    }
    h2o_websocket_close(ws->conn);
    vr_buf_deinit(&ws->out);
    vr_buf_deinit(&ws->writing);
    free(ws);
}

/** A close frame would overtake queued text (wslay sends control frames first): it waits. */
static void close_queue(struct vr_ws *ws)
{
    if (!ws->closing || ws->close_queued || ws->dead ||
        wslay_event_get_queued_msg_count(ws->conn->ws_ctx) > 0) {
        return;
    }
    ws->close_queued = true;
    if (wslay_event_queue_close(ws->conn->ws_ctx, ws->close_code, (const uint8_t *)ws->close_reason,
                                strlen(ws->close_reason)) != 0) {
        die(ws);
    }
}

/** False: the 101 is still being written, look again in the next turn. */
static bool flush_one(struct vr_ws *ws)
{
    if (ws->conn->sock == NULL) {
        if (!ws->dead) {
            return false;
        }
        destroy(ws);
        return true;
    }
    close_queue(ws);
    if (!ws->dead) {
        h2o_websocket_proceed(ws->conn);
        close_queue(ws);
        if (!ws->dead && wslay_event_want_write(ws->conn->ws_ctx)) {
            h2o_websocket_proceed(ws->conn);
        }
    }
    if (ws->out.size > 0 && !h2o_socket_is_writing(ws->conn->sock)) {
        write_start(ws);
    }
    if (ws->dead && !h2o_socket_is_writing(ws->conn->sock)) {
        destroy(ws);
    }
    return true;
}

static void list_move(struct vr_list *from, struct vr_list *to)
{
    for (struct vr_list *item = NULL; (item = vr_list_pop(from)) != NULL;) {
        vr_list_push(to, item);
    }
}

void ws_flush(struct vr_http_worker *part)
{
    struct vr_list now, later;

    vr_list_init(&later);
    /* Handlers called in here may mark others, or again the same: those wait for the next round,
     * of which there are a few at most. */
    for (int round = 0; round < 8 && !vr_list_empty(&part->dirty); round++) {
        vr_list_init(&now);
        list_move(&part->dirty, &now);
        for (struct vr_list *item = NULL; (item = vr_list_pop(&now)) != NULL;) {
            if (!flush_one(VR_OWNER(item, struct vr_ws, dirty_link))) {
                vr_list_push(&later, item);
            }
        }
    }
    list_move(&later, &part->dirty);
}

static void ping(struct vr_ws *ws, vr_time_us now)
{
    const struct wslay_event_msg msg = {.opcode = WSLAY_PING};

    ws->pinged = now;
    if (wslay_event_queue_msg(ws->conn->ws_ctx, &msg) != 0) {
        die(ws);
    }
    mark_dirty(ws);
}

/** Drop without waiting for a write that may never end. */
static void drop(struct vr_ws *ws)
{
    if (ws->conn->sock == NULL && !ws->dead) {
        return; /* h2o still holds it and will call back */
    }
    ws->dead = true;
    destroy(ws);
}

void ws_sweep(struct vr_http_worker *part, vr_time_us now)
{
    VR_LIST_EACH(item, &part->sockets)
    {
        struct vr_ws *ws = VR_OWNER(item, struct vr_ws, link);

        if (((ws->closing || ws->dead) && now >= ws->close_until) ||
            now >= ws->ponged + PONG_WITHIN) {
            drop(ws);
        } else if (!ws->closing && !ws->dead) {
            if (now >= ws->pinged + PING_EVERY) {
                ping(ws, now);
            }
            if (ws->handlers->tick != NULL) {
                ws->handlers->tick(ws);
            }
        }
    }
}

void ws_close_all(struct vr_http_worker *part, uint16_t code, const char *reason)
{
    VR_LIST_EACH(item, &part->sockets)
    {
        vr_ws_close(VR_OWNER(item, struct vr_ws, link), code, reason);
    }
}

void ws_drop_all(struct vr_http_worker *part)
{
    VR_LIST_EACH(item, &part->sockets)
    {
        drop(VR_OWNER(item, struct vr_ws, link));
    }
}

void ws_send_all(struct vr_http_worker *part, struct vr_blob *text)
{
    VR_LIST_EACH(item, &part->sockets)
    {
        vr_ws_send(VR_OWNER(item, struct vr_ws, link), text);
    }
}

/* --- opening --- */

/** What is known before the upgrade; h2o's request may go with it. */
static struct vr_ws *ws_new(struct vr_http_worker *part, h2o_req_t *h2o)
{
    struct vr_ws *ws = calloc(1, sizeof(*ws));
    struct connection *connection = connection_of(part, h2o);

    if (ws == NULL) {
        return NULL;
    }
    ws->part = part;
    ws->handlers = part->http->conf.ws;
    if (connection != NULL) {
        connection->websocket = true;
    }
    client_address(h2o, ws->address, &ws->loopback);
    request_id_take(h2o, part->http->conf.random, ws->request_id);
    ws->pinged = ws->ponged = ws->messages_at = part_now(part);
    ws->messages = MESSAGES_BURST;
    vr_list_init(&ws->dirty_link);
    vr_list_push(&part->sockets, &ws->link);
    return ws;
}

static void ws_open(struct vr_ws *ws)
{
    struct wslay_event_callbacks callbacks = ws->conn->ws_callbacks;

    callbacks.send_callback = on_wslay_send;
    wslay_event_config_set_callbacks(ws->conn->ws_ctx, &callbacks);
    wslay_event_config_set_max_recv_msg_length(ws->conn->ws_ctx, VR_WS_MESSAGE_MAX);
    if (ws->part->http->conf.metrics != NULL) {
        vr_metrics_ws_opened(ws->part->http->conf.metrics);
    }
    ws->handlers->opened(ws);
}

bool ws_accept(struct vr_http_worker *part, h2o_req_t *h2o, const char *key)
{
    struct vr_ws *ws = ws_new(part, h2o);

    if (ws == NULL) {
        return false;
    }
    h2o_add_header_by_str(&h2o->pool, &h2o->res.headers, H2O_STRLIT("sec-websocket-protocol"), 0,
                          NULL, H2O_STRLIT(VR_WS_PROTOCOL));
    ws->conn = h2o_upgrade_to_websocket(h2o, key, ws, on_message);
    ws_open(ws);
    return true;
}

/* --- what a handler asks --- */

static bool ops_send(void *socket, struct vr_blob *text)
{
    return vr_ws_send(socket, text);
}

static void ops_close(void *socket, uint16_t code, const char *reason)
{
    vr_ws_close(socket, code, reason);
}

const struct vr_socket_ops vr_ws_ops = {.send = ops_send, .close = ops_close};

void vr_ws_set_state(struct vr_ws *ws, void *state)
{
    ws->state = state;
}

void *vr_ws_state(const struct vr_ws *ws)
{
    return ws->state;
}

struct vr_node *vr_ws_node(const struct vr_ws *ws)
{
    return ws->part->http->conf.node;
}

struct vr_worker *vr_ws_worker(const struct vr_ws *ws)
{
    return ws->part->worker;
}

const char *vr_ws_address(const struct vr_ws *ws)
{
    return ws->address;
}

bool vr_ws_loopback(const struct vr_ws *ws)
{
    return ws->loopback;
}

const char *vr_ws_request_id(const struct vr_ws *ws)
{
    return ws->request_id;
}
