/* http_test.c - goal: over a real socket, requests are judged, answered and limited as
 * docs/protocol.md says, HTTP/2 is out of reach, and nothing is left behind when a client goes or
 * the server does. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <openssl/ssl.h>
#include <semaphore.h>
#include <signal.h>

#include "nodes/http_kit.h"
#include "nodes/tls.h"

static struct vr_http_request
    *kept; /* by /later, answered by /release: both on the loop's thread */
static sem_t kept_told;
static uint32_t made;

static void echo(struct vr_http_request *request)
{
    char q[64];
    struct vr_buf out = {0};

    vr_http_query(request, "q", q, sizeof(q));
    vr_buf_printf(&out, "{\"param\":\"%s\",\"q\":\"%s\",\"size\":%zu,\"type\":\"%s\"}",
                  request->param_count > 0 ? request->param[0] : "", q, request->body.size,
                  request->content_type);
    vr_http_header(request, "etag", "\"r1\"");
    vr_http_answer_json(request, 200, vr_buf_bytes(&out));
    vr_buf_deinit(&out);
}

static void later(struct vr_http_request *request)
{
    kept = request;
    sem_post(&kept_told);
}

static void release(struct vr_http_request *request)
{
    if (kept != NULL) {
        vr_http_answer_json(kept, 200, vr_bytes_of("{\"late\":true}"));
        kept = NULL;
    }
    vr_http_answer_empty(request, 204);
}

static void make(struct vr_http_request *request)
{
    char text[40];

    made++;
    snprintf(text, sizeof(text), "{\"made\":%u}", made);
    vr_http_header(request, "location", "/v1/things/1");
    vr_http_answer_json(request, 201, vr_bytes_of(text));
}

static void refuse(struct vr_http_request *request)
{
    vr_http_answer_problem(request, VR_E_BUSY, "say \"again\" later");
}

static const struct vr_route routes[] = {
    {VR_HTTP_GET, "/v1/echo/{x}", echo, VR_NEEDS_NOTHING, 0},
    {VR_HTTP_POST, "/v1/echo/{x}", echo, VR_NEEDS_NOTHING, 0},
    {VR_HTTP_GET, "/v1/later", later, VR_NEEDS_NOTHING, 0},
    {VR_HTTP_GET, "/release", release, VR_NEEDS_NOTHING, 0},
    {VR_HTTP_POST, "/v1/things", make, VR_NEEDS_NOTHING, VR_ROUTE_IDEMPOTENT},
    {VR_HTTP_GET, "/v1/refuse", refuse, VR_NEEDS_NOTHING, 0},
    {VR_HTTP_GET, "/v1/secret", echo, VR_NEEDS_TOKEN, 0},
};

static char origin_text[] = "https://app.example";
static const struct vr_config_list origins = {.item = {origin_text}, .count = 1};

static struct vr_http_conf conf_make(void)
{
    return (struct vr_http_conf){
        .clock = vr_clock_system(),
        .random = vr_random_system(),
        .tables = {{routes, sizeof(routes) / sizeof(routes[0])}},
        .cors_origins = &origins,
    };
}

static int start(void **state)
{
    struct kit *kit = calloc(1, sizeof(*kit));
    struct vr_http_conf conf = conf_make();

    signal(SIGPIPE, SIG_IGN); /* as the program does */
    sem_init(&kept_told, 0, 0);
    kept = NULL;
    kit_start(kit, &conf);
    *state = kit;
    return 0;
}

static int stop(void **state)
{
    kit_stop(*state);
    free(*state);
    return 0;
}

static void contains(const char *answer, const char *word)
{
    if (strcasestr(answer, word) == NULL) {
        fail_msg("no \"%s\" in:\n%s", word, answer);
    }
}

#define HOST "Host: localhost\r\n"

static void params_and_queries_are_decoded(void **state)
{
    char out[4096];

    assert_int_equal(kit_ask(*state, "GET /v1/echo/a%20b?q=1+%2b&r=2 HTTP/1.1\r\n" HOST "\r\n", out,
                             sizeof(out)),
                     200);
    contains(out, "{\"param\":\"a b\",\"q\":\"1 +\",");
    contains(out, "etag: \"r1\"");
    contains(out, "x-request-id: ");
    assert_int_equal(
        kit_ask(*state, "GET /v1/echo/a%00b HTTP/1.1\r\n" HOST "\r\n", out, sizeof(out)), 404);
    assert_int_equal(
        kit_ask(*state, "GET /v1/echo/a%2fb HTTP/1.1\r\n" HOST "\r\n", out, sizeof(out)), 404);
    assert_int_equal(kit_ask(*state, "GET /v1/echo/%ff HTTP/1.1\r\n" HOST "\r\n", out, sizeof(out)),
                     404);
    assert_int_equal(kit_ask(*state, "GET /v1/echo/a/ HTTP/1.1\r\n" HOST "\r\n", out, sizeof(out)),
                     404);
}

static void a_request_id_is_taken_only_when_it_is_one(void **state)
{
    char out[4096];

    kit_ask(*state, "GET /v1/refuse HTTP/1.1\r\n" HOST "X-Request-Id: abc-1.2\r\n\r\n", out,
            sizeof(out));
    contains(out, "x-request-id: abc-1.2\r\n");
    contains(out, "\"request_id\":\"abc-1.2\"");
    kit_ask(*state, "GET /v1/refuse HTTP/1.1\r\n" HOST "X-Request-Id: a\"b\r\n\r\n", out,
            sizeof(out));
    assert_null(strstr(out, "a\"b"));
}

static void problems_are_documents(void **state)
{
    char out[4096];

    assert_int_equal(kit_ask(*state, "GET /v1/refuse HTTP/1.1\r\n" HOST "\r\n", out, sizeof(out)),
                     503);
    contains(out, "content-type: application/problem+json");
    contains(out, "retry-after: 1");
    contains(out, "\"code\":\"busy\"");
    contains(out, "\"detail\":\"say \\\"again\\\" later\"");
    contains(out, "\"instance\":\"/v1/refuse\"");
    assert_int_equal(kit_ask(*state, "GET /v1/secret HTTP/1.1\r\n" HOST "\r\n", out, sizeof(out)),
                     401);
    contains(out, "www-authenticate: Bearer");
}

static void another_method_is_405_with_allow(void **state)
{
    char out[4096];

    assert_int_equal(
        kit_ask(*state, "DELETE /v1/echo/x HTTP/1.1\r\n" HOST "\r\n", out, sizeof(out)), 405);
    contains(out, "allow: GET, HEAD, POST, OPTIONS\r\n");
    assert_int_equal(kit_ask(*state, "TRACE /v1/echo/x HTTP/1.1\r\n" HOST "\r\n", out, sizeof(out)),
                     405);
    assert_int_equal(kit_ask(*state, "GET /v1/nothing HTTP/1.1\r\n" HOST "\r\n", out, sizeof(out)),
                     404);
}

static void one_connection_serves_many(void **state)
{
    int fd = kit_connect(*state);
    char out[4096];

    for (int i = 0; i < 20; i++) {
        kit_text(fd, i % 2 == 0 ? "GET /v1/echo/x HTTP/1.1\r\n" HOST "\r\n"
                                : "GET /v1/refuse HTTP/1.1\r\n" HOST "\r\n");
        assert_int_equal(kit_status(kit_answer(fd, out, sizeof(out))), i % 2 == 0 ? 200 : 503);
        contains(out, "connection: keep-alive");
    }
    close(fd);
}

static void bodies_have_a_limit(void **state)
{
    size_t size = VR_HTTP_BODY_MAX;
    char *body = calloc(1, size + 200);
    char head[200];
    char out[4096];

    for (int over = 0; over < 2; over++) {
        int fd = kit_connect(*state);

        memset(body, 'x', size + 1);
        snprintf(head, sizeof(head),
                 "POST /v1/echo/x HTTP/1.1\r\n" HOST "Content-Type: Text/Plain; a=b\r\n"
                 "Content-Length: %zu\r\n\r\n",
                 size + (size_t)over);
        kit_text(fd, head);
        kit_send(fd, body, size + (size_t)over);
        assert_int_equal(kit_status(kit_answer(fd, out, sizeof(out))), over == 0 ? 200 : 413);
        if (over == 0) {
            contains(out, "\"size\":65536,\"type\":\"text/plain\"");
        }
        close(fd);
    }
    free(body);
}

static void only_listed_origins_may_call(void **state)
{
    char out[4096];

    assert_int_equal(kit_ask(*state,
                             "OPTIONS /v1/echo/x HTTP/1.1\r\n" HOST
                             "Origin: https://app.example\r\n"
                             "Access-Control-Request-Method: POST\r\n\r\n",
                             out, sizeof(out)),
                     204);
    contains(out, "access-control-allow-origin: https://app.example\r\n");
    contains(out, "access-control-allow-methods: GET, HEAD, POST, OPTIONS\r\n");
    contains(out, "idempotency-key");
    kit_ask(*state,
            "OPTIONS /v1/echo/x HTTP/1.1\r\n" HOST "Origin: https://evil.example\r\n"
            "Access-Control-Request-Method: POST\r\n\r\n",
            out, sizeof(out));
    assert_null(strcasestr(out, "access-control"));
    kit_ask(*state, "GET /v1/echo/x HTTP/1.1\r\n" HOST "Origin: https://app.example\r\n\r\n", out,
            sizeof(out));
    contains(out, "access-control-expose-headers: ");
}

static void an_answer_may_come_later(void **state)
{
    int fd = kit_connect(*state);
    char out[4096];

    kit_text(fd, "GET /v1/later HTTP/1.1\r\n" HOST "\r\n");
    sem_wait(&kept_told);
    assert_int_equal(kit_ask(*state, "GET /release HTTP/1.1\r\n" HOST "\r\n", out, sizeof(out)),
                     204);
    kit_answer(fd, out, sizeof(out));
    contains(out, "{\"late\":true}");
    close(fd);
}

static void a_client_may_go_before_its_answer(void **state)
{
    int fd = kit_connect(*state);
    struct linger hard = {.l_onoff = 1};
    char out[4096];

    kit_text(fd, "GET /v1/later HTTP/1.1\r\n" HOST "\r\n");
    sem_wait(&kept_told);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(fd); /* a reset: the write of the answer will fail */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kit_ask(*state, "GET /release HTTP/1.1\r\n" HOST "\r\n", out, sizeof(out)),
                         204);
    }
}

/* A handler that never answers: the client gets 503 at the end, nothing leaks. */
static void the_server_may_go_before_the_answer(void **state)
{
    struct kit kit;
    struct vr_http_conf conf = conf_make();
    char out[4096];
    int fd = -1;

    (void)state;
    kit_start(&kit, &conf);
    fd = kit_connect(&kit);
    kit_text(fd, "GET /v1/later HTTP/1.1\r\n" HOST "\r\n");
    sem_wait(&kept_told);
    kept = NULL;
    int idle = kit_connect(&kit); /* and one that never asks */
    vr_http_close_soon(kit.part, VR_MS(100));
    assert_int_equal(kit_status(kit_answer(fd, out, sizeof(out))), 503);
    assert_true(kit_closed(fd));
    assert_true(kit_closed(idle));
    kit_stop(&kit);
    close(fd);
    close(idle);
}

static void http2_cannot_be_had_in_clear(void **state)
{
    char out[4096];
    int fd = kit_connect(*state);

    /* Prior knowledge: the preface of RFC 9113, 3.4. */
    kit_text(fd, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    kit_answer(fd, out, sizeof(out));
    assert_true(out[0] == 0 || strncmp(out, "HTTP/1.", 7) == 0);
    assert_int_not_equal(kit_status(out), 200);
    close(fd);
    /* Upgrade: ignored, and answered in HTTP/1.1. */
    assert_int_equal(kit_ask(*state,
                             "GET /v1/echo/x HTTP/1.1\r\n" HOST
                             "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                             "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
                             out, sizeof(out)),
                     200);
}

static void lengths_that_disagree_are_refused(void **state)
{
    char out[4096];

    assert_int_equal(kit_ask(*state,
                             "POST /v1/echo/x HTTP/1.1\r\n" HOST "Content-Length: 5\r\n"
                             "Content-Length: 6\r\n\r\nabcdef",
                             out, sizeof(out)),
                     400);
    contains(out, "connection: close");
    assert_int_not_equal(kit_ask(*state,
                                 "POST /v1/echo/x HTTP/1.1\r\n" HOST "Content-Length: 5\r\n"
                                 "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
                                 out, sizeof(out)),
                         200);
    assert_int_equal(kit_ask(*state,
                             "POST /v1/echo/x HTTP/1.1\r\n" HOST
                             "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
                             out, sizeof(out)),
                     200);
    contains(out, "\"size\":1");
}

static void rates_are_limited_and_told(void **state)
{
    struct kit kit;
    struct vr_http_conf conf = conf_make();
    char out[4096];

    (void)state;
    conf.rate_per_address = 3;
    kit_start(&kit, &conf);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kit_ask(&kit, "GET /v1/echo/x HTTP/1.1\r\n" HOST "\r\n", out, sizeof(out)),
                         200);
    }
    contains(out, "ratelimit-policy: \"address\";q=3;w=60");
    contains(out, "ratelimit: \"address\";r=0;t=");
    assert_int_equal(kit_ask(&kit, "GET /v1/echo/x HTTP/1.1\r\n" HOST "\r\n", out, sizeof(out)),
                     429);
    contains(out, "retry-after: 20");
    contains(out, "\"retry_after_ms\":");
    assert_int_equal(kit_ask(&kit, "GET /release HTTP/1.1\r\n" HOST "\r\n", out, sizeof(out)), 204);
    kit_stop(&kit);
}

static void a_key_makes_a_thing_once(void **state)
{
    struct kit kit;
    struct vr_http_conf conf = conf_make();
    struct vr_records *records = NULL;
    char out[4096];
    const char *once =
        "POST /v1/things HTTP/1.1\r\n" HOST "Idempotency-Key: k\r\nContent-Length: 1\r\n\r\na";

    (void)state;
    assert_int_equal(vr_memory_new(&records), VR_OK);
    vr_memory_set_immediate(records, true);
    conf.records = records;
    kit_start(&kit, &conf);
    made = 0;
    assert_int_equal(kit_ask(&kit, once, out, sizeof(out)), 201);
    contains(out, "{\"made\":1}");
    assert_int_equal(kit_ask(&kit, once, out, sizeof(out)), 201);
    contains(out, "{\"made\":1}");
    contains(out, "location: /v1/things/1");
    contains(out, "idempotency-replayed: true");
    assert_int_equal(kit_ask(&kit,
                             "POST /v1/things HTTP/1.1\r\n" HOST
                             "Idempotency-Key: k\r\nContent-Length: 1\r\n\r\nb",
                             out, sizeof(out)),
                     422);
    contains(out, "idempotency-key-reused");
    assert_int_equal(made, 1);
    kit_stop(&kit);
    vr_memory_free(records);
}

/* --- TLS --- */

static int protocol_chosen(const struct kit *kit, const unsigned char *offer, unsigned size,
                           char *out)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    int fd = kit_connect(kit);
    const unsigned char *chosen = NULL;
    unsigned chosen_size = 0;
    int done = 0;

    SSL_set_alpn_protos(ssl, offer, size);
    SSL_set_fd(ssl, fd);
    done = SSL_connect(ssl);
    if (done == 1) {
        static const char ask[] = "GET /v1/echo/x HTTP/1.1\r\nHost: localhost\r\n\r\n";
        char answer[256] = "";

        SSL_get0_alpn_selected(ssl, &chosen, &chosen_size);
        memcpy(out, chosen == NULL ? (const unsigned char *)"" : chosen, chosen_size);
        out[chosen_size] = 0;
        SSL_write(ssl, ask, sizeof(ask) - 1);
        SSL_read(ssl, answer, sizeof(answer) - 1);
        assert_int_equal(kit_status(answer), 200);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    return done;
}

static void http2_cannot_be_had_in_tls(void **state)
{
    char folder[] = "/tmp/voiceroom-tls-XXXXXX";
    char certificate[80], key[80], chosen[32] = "";
    const char *names[] = {"192.0.2.7"};
    struct kit kit;
    struct vr_http_conf conf = conf_make();
    struct vr_why why = {0};

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(certificate, sizeof(certificate), "%s/c.pem", folder);
    snprintf(key, sizeof(key), "%s/k.pem", folder);
    assert_int_equal(vr_tls_self_signed(certificate, key, names, 1, &why), VR_OK);
    assert_int_equal(vr_tls_self_signed(certificate, key, names, 1, &why), VR_OK);
    assert_int_equal(vr_tls_open(certificate, key, &conf.tls, &why), VR_OK);
    kit_start(&kit, &conf);
    /* Each client goes without a word, so that its connection is reset: kit_stop shows that none
     * stays. */
    assert_int_equal(protocol_chosen(&kit, (const unsigned char *)"\x02h2\x08http/1.1", 12, chosen),
                     1);
    assert_string_equal(chosen, "http/1.1");
    assert_int_equal(protocol_chosen(&kit, (const unsigned char *)"\x02h2", 3, chosen), 1);
    assert_string_equal(chosen, "");
    kit_stop(&kit);
    vr_tls_close(conf.tls);
    unlink(certificate);
    unlink(key);
    rmdir(folder);
}

static void connections_have_a_limit(void **state)
{
    struct kit kit;
    struct vr_http_conf conf = conf_make();
    int fds[3];
    char out[4096];

    (void)state;
    conf.connections_max = 2;
    kit_start(&kit, &conf);
    for (int i = 0; i < 2; i++) {
        fds[i] = kit_connect(&kit);
        kit_text(fds[i], "GET /v1/echo/x HTTP/1.1\r\n" HOST "\r\n");
        assert_int_equal(kit_status(kit_answer(fds[i], out, sizeof(out))), 200);
    }
    fds[2] = kit_connect(&kit);
    assert_true(kit_closed(fds[2]));
    for (int i = 0; i < 3; i++) {
        close(fds[i]);
    }
    kit_stop(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(params_and_queries_are_decoded),
        cmocka_unit_test(a_request_id_is_taken_only_when_it_is_one),
        cmocka_unit_test(problems_are_documents),
        cmocka_unit_test(another_method_is_405_with_allow),
        cmocka_unit_test(one_connection_serves_many),
        cmocka_unit_test(bodies_have_a_limit),
        cmocka_unit_test(only_listed_origins_may_call),
        cmocka_unit_test(an_answer_may_come_later),
        cmocka_unit_test(a_client_may_go_before_its_answer),
        cmocka_unit_test(the_server_may_go_before_the_answer),
        cmocka_unit_test(http2_cannot_be_had_in_clear),
        cmocka_unit_test(lengths_that_disagree_are_refused),
        cmocka_unit_test(rates_are_limited_and_told),
        cmocka_unit_test(a_key_makes_a_thing_once),
        cmocka_unit_test(http2_cannot_be_had_in_tls),
        cmocka_unit_test(connections_have_a_limit),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
