/* http.h - requests and answers of the REST interface, on top of h2o (http.c; h2o.h is not needed
 * here).
 *
 * A route's handler gets a struct vr_http_request and answers it exactly once, at once or later
 * from a callback on the same control worker. When the client has gone in between, the answer is
 * dropped and the request freed as usual: handlers need not know. Body limit, method and path,
 * identity, rate limit, idempotency, CORS and X-Request-Id are done before a handler runs. */
#ifndef VR_NODES_HTTP_H
#define VR_NODES_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/clock.h"
#include "actors/base/err.h"
#include "actors/base/ids.h"
#include "actors/base/trace.h"
#include "actors/messages/command.h"
#include "actors/wire/jwt.h"

struct vr_node;
struct vr_worker;
struct vr_http_request;

#define VR_HTTP_PARAMS_MAX 4
#define VR_HTTP_BODY_MAX (64 * 1024)

enum vr_method {
    VR_HTTP_GET,
    VR_HTTP_POST,
    VR_HTTP_PUT,
    VR_HTTP_PATCH,
    VR_HTTP_DELETE,
    VR_HTTP_METHODS
};

/** Who may come in. The handler judges the grants of a token itself. */
enum vr_needs {
    VR_NEEDS_NOTHING, /* a token is read when there is one; a bad one is 401 all the same */
    VR_NEEDS_VIEWER,  /* any token; or nobody's, where guests are allowed for this client */
    VR_NEEDS_TOKEN,   /* any valid token, else 401 */
    VR_NEEDS_ADMIN,   /* a token with voice.admin, else 403 */
    VR_NEEDS_LOCAL    /* from a loopback address, or a token with voice.admin */
};

typedef void (*vr_handler_fn)(struct vr_http_request *request);

/** Bits of vr_route.flags. */
enum vr_route_flag {
    VR_ROUTE_IDEMPOTENT =
        1 << 0,               /* Idempotency-Key is honoured: http.c keeps and repeats the answer */
    VR_ROUTE_STRICT = 1 << 1, /* counts ten times against the address's rate limit */
};

/** One line of the table. `pattern` begins with "/", a segment "{name}" matches any one segment
 * that is not empty and becomes the next param: "/v1/rooms/{id}/participants/{p}". It is also the
 * `route` label of the metrics. The first match wins; no pattern ends in "/". HEAD is served by
 * GET. */
struct vr_route {
    enum vr_method method;
    const char *pattern;
    vr_handler_fn handler;
    enum vr_needs needs;
    uint32_t flags;
};

/** What is asked. All pointers are good until the answer; everything here is read-only but `state`.
 */
struct vr_http_request {
    struct vr_node *node;     /* NULL in tests of http.c alone */
    struct vr_worker *worker; /* the control worker that runs this */
    const struct vr_route *route;
    enum vr_method method;
    const char *path;                      /* without query, as sent */
    const char *param[VR_HTTP_PARAMS_MAX]; /* percent-decoded, UTF-8, no 0 and no "/" inside */
    uint32_t param_count;
    struct vr_bytes body;
    const char *content_type; /* lower case, without parameters; "" when absent */
    const char *accept;       /* "" when absent */
    const char *if_match;     /* "" when absent; else with its quotes */
    const char *if_none_match;
    const char *origin;
    const char *host;                       /* of the Host header, with port */
    char request_id[VR_REQUEST_ID_MAX + 1]; /* taken or made; never empty */
    char address[46];                       /* of the client; IPv4-mapped ones as IPv4 */
    bool loopback;                          /* the client is on this machine */
    bool tls;
    bool has_identity;       /* a valid token was given: `grants` holds it */
    struct vr_grants grants; /* zero without a token */
    struct vr_id command_id; /* made of Idempotency-Key, who asks and what; zero without the key */
    vr_time_us started;
    struct vr_trace trace; /* for what is done for it; zero: not traced */
    void *state;           /* the handler's own; not freed here */
};

/** One query parameter, percent-decoded ("+" is a space). False: absent (then `out` is ""), or too
 * long for `capacity`, or badly encoded. */
bool vr_http_query(const struct vr_http_request *request, const char *name, char *out,
                   size_t capacity);

/** Fill a command's `by` from token and client. `room` decides whether the grants reach it: a token
 * of another room gives VR_E_FORBIDDEN. Without a token user is "" and role listener. */
VR_MUST_CHECK enum vr_err vr_http_identity(const struct vr_http_request *request, struct vr_id room,
                                           struct vr_actor_identity *out);

/** Another answer header; copied. Content-Type, Content-Length, CORS and X-Request-Id are set by
 * the answer functions. `name` in lower case, of static storage. */
void vr_http_header(struct vr_http_request *request, const char *name, const char *value);

/** Answer, once. The request must not be touched afterwards. Bodies are copied. On the request's
 *  own worker only. */
void vr_http_answer(struct vr_http_request *request, int status, const char *content_type,
                    struct vr_bytes body);
void vr_http_answer_json(struct vr_http_request *request, int status, struct vr_bytes json);
void vr_http_answer_empty(struct vr_http_request *request, int status); /* 204, 200 without body */

/** RFC 9457, as docs/protocol.md has it. `detail` NULL: the error's own text. */
void vr_http_answer_problem(struct vr_http_request *request, enum vr_err err, const char *detail);

/** The same with all that a problem may carry. */
struct vr_http_problem {
    enum vr_err err;
    const char *detail;      /* NULL: the error's own text */
    uint32_t retry_after_ms; /* 0: none, but 429 and 503 always give one */
    const char *pointer;     /* JSON pointer of the member that is wrong, or NULL */
    const char *more;        /* further members as text ("\"a\":1"), or NULL */
};
void vr_http_answer_problem_full(struct vr_http_request *request,
                                 const struct vr_http_problem *problem);

/** A refusal of a room: err, why and retry_after_ms of its answer. */
void vr_http_answer_refusal(struct vr_http_request *request, const struct vr_answer *answer);

/** Run `run` with the request on its own worker, soon. From any thread: a commit that the journal
 *  tells. What it needs travels in request->state. */
void vr_http_resume(struct vr_http_request *request, vr_handler_fn run);

/** The table of the node (routes.c). */
const struct vr_route *vr_routes(size_t *count);
/** Those for who runs the deployment (routes_admin.c). */
const struct vr_route *vr_admin_routes(size_t *count);

#endif
