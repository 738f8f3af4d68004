/* tracer_test.c - goal: spans leave as OTLP says, all of them come to a collector that listens,
 * and one that does not costs nobody anything but the spans that no longer fit. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "nodes/otlp.h"
#include "nodes/tracer.h"

static struct vr_span span_of(uint8_t number)
{
    struct vr_span span = {.kind = VR_SPAN_SERVER,
                           .name = "room:mute",
                           .begun = 1700000000000001,
                           .ended = 1700000000000100,
                           .queue = 25,
                           .gates = VR_SPAN_UNKNOWN,
                           .commit = 70};

    memset(span.trace.id, 0xab, sizeof(span.trace.id));
    memset(span.trace.span, number, sizeof(span.trace.span));
    memset(span.parent, 0x11, sizeof(span.parent));
    return span;
}

/* --- the body --- */

static json_t *first_span(json_t *root)
{
    json_t *resource = json_array_get(json_object_get(root, "resourceSpans"), 0);
    json_t *scope = json_array_get(json_object_get(resource, "scopeSpans"), 0);

    return json_array_get(json_object_get(scope, "spans"), 0);
}

static const char *text_of(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

/* The value of an attribute, of whichever kind; "" when there is none. */
static const char *attribute(json_t *span, const char *key)
{
    json_t *list = json_object_get(span, "attributes");
    json_t *item = NULL;
    size_t i = 0;

    json_array_foreach(list, i, item)
    {
        if (strcmp(text_of(item, "key"), key) == 0) {
            json_t *value = json_object_get(item, "value");
            const char *number = text_of(value, "intValue");

            return number[0] != '\0' ? number : text_of(value, "stringValue");
        }
    }
    return "";
}

static json_t *written(const struct vr_span *span)
{
    const struct vr_otlp_source source = {.node = "a \"b\"", .version = "1.0"};
    struct vr_buf out = {0};
    json_t *root;

    vr_otlp_write(&source, span, 1, &out);
    assert_false(out.failed);
    root = json_loadb((const char *)out.data, out.size, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    vr_buf_deinit(&out);
    return root;
}

static void a_command_as_otlp(void **state)
{
    struct vr_span span = span_of(0x22);
    json_t *root = NULL;
    json_t *told = NULL;

    (void)state;
    span.err = VR_E_FROZEN;
    span.room = (struct vr_id){1, 2};
    root = written(&span);
    told = first_span(root);
    assert_string_equal(text_of(told, "traceId"), "abababababababababababababababab");
    assert_string_equal(text_of(told, "spanId"), "2222222222222222");
    assert_string_equal(text_of(told, "parentSpanId"), "1111111111111111");
    assert_string_equal(text_of(told, "name"), "room:mute");
    assert_int_equal(json_integer_value(json_object_get(told, "kind")), 2);
    assert_string_equal(text_of(told, "startTimeUnixNano"), "1700000000000001000");
    assert_string_equal(text_of(told, "endTimeUnixNano"), "1700000000000100000");
    assert_string_equal(attribute(told, "voiceroom.queue_us"), "25");
    assert_string_equal(attribute(told, "voiceroom.gates_us"), "");
    assert_string_equal(attribute(told, "voiceroom.commit_us"), "70");
    assert_string_equal(attribute(told, "error.type"), "frozen");
    assert_int_equal(strlen(attribute(told, "voiceroom.room")), 26);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(told, "status"), "code")),
                     2);
    json_decref(root);
}

static void a_request_as_otlp(void **state)
{
    struct vr_span span = span_of(0x22);
    json_t *root = NULL;
    json_t *told = NULL;

    (void)state;
    memset(span.parent, 0, sizeof(span.parent)); /* the trace begins with it */
    span.name = "/v1/rooms/{id}";
    span.method = "GET";
    span.status = 404;
    span.queue = VR_SPAN_UNKNOWN;
    root = written(&span);
    told = first_span(root);
    assert_string_equal(text_of(told, "name"), "GET /v1/rooms/{id}");
    assert_null(json_object_get(told, "parentSpanId"));
    assert_null(json_object_get(told, "status")); /* a refusal is an answer */
    assert_string_equal(attribute(told, "http.response.status_code"), "404");
    assert_string_equal(attribute(told, "http.route"), "/v1/rooms/{id}");
    json_decref(root);
}

/* --- a collector --- */

struct collector {
    pthread_t thread;
    int fd;
    char endpoint[64];
    const char *status;
    atomic_bool over;
    atomic_uint requests;
    atomic_uint spans;
};

/* Until `count` bytes of the body are there; head and body are one text. */
static void serve(struct collector *collector, int fd)
{
    struct vr_buf in = {0};
    char chunk[4096];
    char answer[128];
    ssize_t got;
    size_t want = SIZE_MAX;
    const char *at;

    while (in.size < want && (got = read(fd, chunk, sizeof(chunk))) > 0) {
        vr_buf_append(&in, chunk, (size_t)got);
        vr_buf_append(&in, "", 1);
        in.size--;
        at = strstr((const char *)in.data, "\r\n\r\n");
        if (at != NULL && want == SIZE_MAX) {
            const char *length = strcasestr((const char *)in.data, "content-length:");

            want = (size_t)(at + 4 - (const char *)in.data) + strtoul(length + 15, NULL, 10);
        }
    }
    if (in.size == want && want != SIZE_MAX) {
        for (at = (const char *)in.data; (at = strstr(at, "\"spanId\"")) != NULL; at++) {
            atomic_fetch_add(&collector->spans, collector->status[0] == '2');
        }
        atomic_fetch_add(&collector->requests, 1);
        snprintf(answer, sizeof(answer),
                 "HTTP/1.1 %s\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
                 collector->status);
        (void)!write(fd, answer, strlen(answer));
    }
    vr_buf_deinit(&in);
    close(fd);
}

static void *collector_run(void *arg)
{
    struct collector *collector = arg;

    while (!atomic_load(&collector->over)) {
        int fd = accept(collector->fd, NULL, NULL);

        if (fd >= 0) {
            serve(collector, fd);
        }
    }
    return NULL;
}

static void collector_start(struct collector *collector, const char *status)
{
    struct sockaddr_in here = {.sin_family = AF_INET};
    socklen_t size = sizeof(here);

    memset(collector, 0, sizeof(*collector));
    collector->status = status;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    collector->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(collector->fd, (struct sockaddr *)&here, sizeof(here)), 0);
    assert_int_equal(listen(collector->fd, 8), 0);
    assert_int_equal(getsockname(collector->fd, (struct sockaddr *)&here, &size), 0);
    snprintf(collector->endpoint, sizeof(collector->endpoint), "http://127.0.0.1:%u/v1/traces",
             ntohs(here.sin_port));
    assert_int_equal(pthread_create(&collector->thread, NULL, collector_run, collector), 0);
}

static void collector_stop(struct collector *collector)
{
    atomic_store(&collector->over, true);
    shutdown(collector->fd, SHUT_RDWR); /* accept comes back */
    pthread_join(collector->thread, NULL);
    close(collector->fd);
}

static struct vr_tracer *tracer_to(const char *endpoint)
{
    const struct vr_tracer_conf conf = {.endpoint = endpoint,
                                        .ca = "",
                                        .node = "a",
                                        .clock = vr_clock_system(),
                                        .random = vr_random_system(),
                                        .share = UINT32_MAX};
    struct vr_tracer *tracer = NULL;

    assert_int_equal(vr_tracer_new(&conf, &tracer), VR_OK);
    return tracer;
}

static void record(const struct vr_tracer *tracer, uint32_t count)
{
    const struct vr_tracing *tracing = vr_tracer_tracing(tracer);

    for (uint32_t i = 0; i < count; i++) {
        struct vr_span span = span_of((uint8_t)i);

        tracing->record(tracing->ctx, &span);
    }
}

static void rest(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
}

static void all_of_them_arrive(void **state)
{
    struct collector collector;
    struct vr_tracer_stats stats;
    struct vr_tracer *tracer = NULL;

    (void)state;
    collector_start(&collector, "200 OK");
    tracer = tracer_to(collector.endpoint);
    record(tracer, 700); /* a full batch, which leaves at once, and a part of the next */
    do {
        rest();
        vr_tracer_stats(tracer, &stats);
    } while (stats.sent < 512);
    vr_tracer_free(tracer); /* sends what is left */
    assert_int_equal(atomic_load(&collector.spans), 700);
    assert_int_equal(stats.dropped + stats.refused + stats.failed, 0);
    collector_stop(&collector);
}

static void what_a_collector_refuses_is_not_sent_again(void **state)
{
    struct collector collector;
    struct vr_tracer_stats stats;
    struct vr_tracer *tracer = NULL;

    (void)state;
    collector_start(&collector, "400 Bad Request");
    tracer = tracer_to(collector.endpoint);
    record(tracer, 512);
    do {
        rest();
        vr_tracer_stats(tracer, &stats);
    } while (stats.refused < 512);
    vr_tracer_free(tracer);
    assert_int_equal(atomic_load(&collector.requests), 1);
    collector_stop(&collector);
}

static void nobody_waits_for_one_that_is_away(void **state)
{
    struct collector collector;
    struct vr_tracer_stats stats;
    struct vr_tracer *tracer = NULL;

    (void)state;
    collector_start(&collector, "503 Service Unavailable");
    tracer = tracer_to(collector.endpoint);
    record(tracer, 6000); /* more than the queue holds; none of them waits */
    do {
        rest();
        vr_tracer_stats(tracer, &stats);
    } while (stats.failed == 0);
    assert_int_equal(stats.sent, 0);
    assert_int_equal(stats.dropped + stats.waiting, 6000);
    assert_true(stats.dropped > 0 && stats.waiting > 0);
    vr_tracer_free(tracer); /* tries once more, and ends */
    collector_stop(&collector);
}

static void without_a_collector_nothing_is_traced(void **state)
{
    struct vr_tracer_stats stats;

    (void)state;
    assert_null(vr_tracer_tracing(NULL));
    vr_tracer_stats(NULL, &stats);
    assert_int_equal(stats.waiting, 0);
    vr_tracer_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_as_otlp),
        cmocka_unit_test(a_request_as_otlp),
        cmocka_unit_test(all_of_them_arrive),
        cmocka_unit_test(what_a_collector_refuses_is_not_sent_again),
        cmocka_unit_test(nobody_waits_for_one_that_is_away),
        cmocka_unit_test(without_a_collector_nothing_is_traced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
