/* ws_test.c - goal: each trap of h2o's WebSockets has its cure: who may come in, how much is taken
 * and kept, and that closing anywhere, at any time, is safe. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <semaphore.h>
#include <signal.h>

#include "nodes/http_kit.h"

static sem_t closed_told;
static bool closed_by_us;

static void on_opened(struct vr_ws *ws)
{
    vr_ws_set_state(ws, &closed_told);
}

/** What a client says decides what is done to it. */
static void on_message(struct vr_ws *ws, struct vr_bytes text)
{
    if (vr_bytes_equal(text, vr_bytes_of("close"))) {
        vr_ws_send_text(ws, vr_bytes_of("bye"));
        vr_ws_close(ws, VR_WS_SESSION_OVER, "over");
        vr_ws_close(ws, VR_WS_REPLACED, "again");
        assert_false(vr_ws_send_text(ws, vr_bytes_of("too late")));
    } else if (vr_bytes_equal(text, vr_bytes_of("three"))) {
        vr_ws_send_text(ws, vr_bytes_of("1"));
        vr_ws_send_text(ws, vr_bytes_of(""));
        vr_ws_send_text(ws, vr_bytes_of("3"));
    } else if (vr_bytes_equal(text, vr_bytes_of("flood"))) {
        static char page[32 * 1024];
        uint32_t sent = 0;

        memset(page, 'x', sizeof(page));
        while (vr_ws_send_text(ws, vr_bytes(page, sizeof(page)))) {
            sent++;
        }
        assert_true(sent <= VR_WS_QUEUE_MAX / sizeof(page));
    } else {
        vr_ws_send_text(ws, text);
    }
}

static void on_closed(struct vr_ws *ws, bool by_us)
{
    assert_ptr_equal(vr_ws_state(ws), &closed_told);
    closed_by_us = by_us;
    sem_post(&closed_told);
}

static const struct vr_ws_handlers handlers = {on_opened, on_message, on_closed, NULL};

static char origin_text[] = "https://app.example";
static const struct vr_config_list origins = {.item = {origin_text}, .count = 1};

static struct vr_http_conf conf_make(void)
{
    return (struct vr_http_conf){.clock = vr_clock_system(),
                                 .random = vr_random_system(),
                                 .ws = &handlers,
                                 .cors_origins = &origins};
}

static int start(void **state)
{
    struct kit *kit = calloc(1, sizeof(*kit));
    struct vr_http_conf conf = conf_make();

    signal(SIGPIPE, SIG_IGN);
    sem_init(&closed_told, 0, 0);
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

/* --- a client, by hand (RFC 6455) --- */

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UPGRADE                                                                                    \
    "GET /v1/ws HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" KEY
#define OURS "Sec-WebSocket-Protocol: other, voicerooms.v1\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"

static int join(const struct kit *kit)
{
    int fd = kit_connect(kit);
    char out[2048];
    size_t size = 0;

    kit_text(fd, UPGRADE OURS V13 "\r\n");
    while (size + 1 < sizeof(out) && (size < 4 || memcmp(out + size - 4, "\r\n\r\n", 4) != 0)) {
        assert_int_equal(recv(fd, out + size, 1, 0), 1);
        size++;
    }
    out[size] = 0;
    assert_int_equal(kit_status(out), 101);
    assert_non_null(strcasestr(out, "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_non_null(strcasestr(out, "sec-websocket-protocol: voicerooms.v1"));
    return fd;
}

static void frame_send(int fd, uint8_t first, const char *data, size_t size)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    uint8_t head[14] = {first};
    size_t at = 2;
    char *masked = malloc(size + 1);

    if (size < 126) {
        head[1] = (uint8_t)(0x80 | size);
    } else if (size < 65536) {
        head[1] = 0x80 | 126;
        vr_put16(head + 2, (uint16_t)size);
        at = 4;
    } else {
        head[1] = 0x80 | 127;
        vr_put64(head + 2, size);
        at = 10;
    }
    memcpy(head + at, mask, sizeof(mask));
    for (size_t i = 0; i < size; i++) {
        masked[i] = (char)(data[i] ^ mask[i % sizeof(mask)]);
    }
    kit_send(fd, head, at + sizeof(mask));
    kit_send(fd, masked, size);
    free(masked);
}

static void say(int fd, const char *text)
{
    frame_send(fd, 0x81, text, strlen(text));
}

static bool take(int fd, void *out, size_t size)
{
    return recv(fd, out, size, MSG_WAITALL) == (ssize_t)size;
}

/** The next frame: its opcode, 0 at the end; its payload as text. */
static int frame_take(int fd, char *out, size_t capacity, size_t *size)
{
    uint8_t head[10];
    uint64_t length = 0;

    *size = 0;
    if (!take(fd, head, 2)) {
        return 0;
    }
    length = head[1] & 0x7f;
    if (length == 126) {
        assert_true(take(fd, head + 2, 2));
        length = vr_get16(head + 2);
    } else if (length == 127) {
        assert_true(take(fd, head + 2, 8));
        length = vr_get64(head + 2);
    }
    assert_true(length < capacity);
    if (length > 0 && !take(fd, out, (size_t)length)) {
        return 0;
    }
    out[length] = 0;
    *size = (size_t)length;
    return head[0] & 0x0f;
}

static void expect_text(int fd, const char *text)
{
    char out[70000];
    size_t size = 0;

    assert_int_equal(frame_take(fd, out, sizeof(out), &size), 1);
    assert_string_equal(out, text);
}

/** Reads up to the close frame; its code, 0 when the end came without one. */
static int expect_close(int fd)
{
    static char out[70000];
    size_t size = 0;
    int opcode = 0;

    while ((opcode = frame_take(fd, out, sizeof(out), &size)) != 0) {
        if (opcode == 8) {
            return size >= 2 ? vr_get16((uint8_t *)out) : 1005;
        }
    }
    return 0;
}

/* --- who may come in --- */

static void refused(struct kit *kit, const char *request, int status)
{
    char out[4096];

    assert_int_equal(kit_ask(kit, request, out, sizeof(out)), status);
}

static void a_handshake_is_judged(void **state)
{
    refused(*state, UPGRADE OURS "Sec-WebSocket-Version: 8\r\n\r\n", 426);
    refused(*state, UPGRADE OURS "\r\n", 426);
    refused(*state, UPGRADE V13 "\r\n", 400); /* no subprotocol */
    refused(*state, UPGRADE V13 "Sec-WebSocket-Protocol: voicerooms.v10\r\n\r\n", 400);
    refused(*state, UPGRADE OURS V13 "Origin: https://evil.example\r\n\r\n", 403);
    refused(*state, UPGRADE OURS V13 "Origin: null\r\n\r\n", 403);
    refused(*state, UPGRADE OURS V13 "Origin: https://here.evil.example\r\n\r\n", 403);
    refused(*state, UPGRADE OURS V13 "Origin: https://here\r\n\r\n", 101);
    assert_int_equal(sem_wait(&closed_told), 0);
    refused(*state, UPGRADE OURS V13 "Origin: https://app.example\r\n\r\n", 101);
    assert_int_equal(sem_wait(&closed_told), 0);
    refused(*state,
            "GET /v1/ws HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Key: short\r\n" OURS V13 "\r\n",
            400);
    refused(*state, "GET /v1/ws HTTP/1.1\r\nHost: here\r\n" V13 "\r\n", 400);
    refused(*state, "GET /v1/wsx HTTP/1.1\r\nHost: here\r\n\r\n", 404);
}

/* --- messages --- */

static void messages_go_both_ways(void **state)
{
    int fd = join(*state);
    char *large = malloc(VR_WS_MESSAGE_MAX + 1);

    say(fd, "hello");
    expect_text(fd, "hello");
    say(fd, "three");
    expect_text(fd, "1");
    expect_text(fd, "");
    expect_text(fd, "3");
    memset(large, 'y', VR_WS_MESSAGE_MAX);
    large[VR_WS_MESSAGE_MAX] = 0;
    say(fd, large);
    expect_text(fd, large);
    free(large);
    frame_send(fd, 0x01, "he", 2); /* in two fragments, a ping between */
    frame_send(fd, 0x89, "p", 1);
    frame_send(fd, 0x80, "llo", 3);
    char out[200];
    size_t size = 0;
    assert_int_equal(frame_take(fd, out, sizeof(out), &size), 0x0a);
    expect_text(fd, "hello");
    close(fd);
    sem_wait(&closed_told);
    assert_false(closed_by_us);
}

static void a_message_beyond_the_limit_ends_it(void **state)
{
    int fd = join(*state);
    char *large = calloc(1, VR_WS_MESSAGE_MAX + 2);

    memset(large, 'z', VR_WS_MESSAGE_MAX + 1);
    say(fd, large);
    free(large);
    assert_int_equal(expect_close(fd), 1009);
    close(fd);
    sem_wait(&closed_told);

    /* The sum of fragments counts too. */
    fd = join(*state);
    large = calloc(1, 40000);
    frame_send(fd, 0x01, large, 40000);
    frame_send(fd, 0x00, large, 40000);
    free(large);
    assert_int_equal(expect_close(fd), 1009);
    close(fd);
    sem_wait(&closed_told);
}

static void only_text_is_taken(void **state)
{
    int fd = join(*state);

    frame_send(fd, 0x82, "binary", 6);
    assert_int_equal(expect_close(fd), 1003);
    close(fd);
    sem_wait(&closed_told);
    fd = join(*state);
    frame_send(fd, 0x81, "\xff\xfe", 2);
    assert_int_equal(expect_close(fd), 1007);
    close(fd);
    sem_wait(&closed_told);
    fd = join(*state);
    kit_send(fd, "\x81\x01x", 3); /* not masked */
    assert_int_equal(expect_close(fd), 1002);
    close(fd);
    sem_wait(&closed_told);
}

static void too_many_messages_end_it(void **state)
{
    int fd = join(*state);

    for (int i = 0; i < 400; i++) {
        say(fd, "x");
    }
    assert_int_equal(expect_close(fd), VR_WS_TOO_MANY);
    close(fd);
    sem_wait(&closed_told);
    assert_true(closed_by_us);
}

/* --- closing --- */

static void closing_in_a_callback_is_safe(void **state)
{
    int fd = join(*state);

    say(fd, "close");
    say(fd, "not heard any more");
    expect_text(fd, "bye"); /* what was queued goes out before the close frame */
    assert_int_equal(expect_close(fd), VR_WS_SESSION_OVER);
    frame_send(fd, 0x88, "\x0f\xa2", 2);
    assert_true(kit_closed(fd));
    close(fd);
    sem_wait(&closed_told);
    assert_true(closed_by_us);
}

static void a_peer_that_never_answers_a_close_is_dropped(void **state)
{
    int fd = join(*state);

    say(fd, "close");
    sem_wait(&closed_told); /* within the limit of the client's patience: 5 s */
    assert_true(kit_closed(fd));
    close(fd);
}

static void a_slow_reader_is_closed(void **state)
{
    int small = 4096;
    int fd = join(*state);

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    for (int i = 0; i < 40; i++) {
        say(fd, "flood"); /* and reads nothing */
    }
    sem_wait(&closed_told);
    assert_true(closed_by_us);
    close(fd);
}

static void a_reset_at_any_time_is_survived(void **state)
{
    struct linger hard = {.l_onoff = 1};

    for (int i = 0; i < 50; i++) {
        int fd = join(*state);

        say(fd, i % 3 == 0 ? "three" : i % 3 == 1 ? "close" : "flood");
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        close(fd);
        sem_wait(&closed_told);
    }
}

static void the_server_says_goodbye(void **state)
{
    struct kit kit;
    struct vr_http_conf conf = conf_make();
    struct vr_blob *text = vr_blob_new(vr_bytes_of("draining"));
    int polite = -1, silent = -1;

    (void)state;
    kit_start(&kit, &conf);
    polite = join(&kit);
    silent = join(&kit);
    say(polite, "hello"); /* both are surely open */
    expect_text(polite, "hello");
    say(silent, "hello");
    expect_text(silent, "hello");
    vr_http_announce(kit.part, text);
    vr_blob_release(text);
    expect_text(polite, "draining");
    vr_http_close_soon(kit.part, VR_SECONDS(1));
    assert_int_equal(expect_close(polite), VR_WS_GOING_AWAY);
    frame_send(polite, 0x88, "\x03\xe9", 2);
    assert_true(kit_closed(polite));
    kit_stop(&kit); /* the silent one does not hold it up */
    sem_wait(&closed_told);
    sem_wait(&closed_told);
    close(polite);
    close(silent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_is_judged),
        cmocka_unit_test(messages_go_both_ways),
        cmocka_unit_test(a_message_beyond_the_limit_ends_it),
        cmocka_unit_test(only_text_is_taken),
        cmocka_unit_test(too_many_messages_end_it),
        cmocka_unit_test(closing_in_a_callback_is_safe),
        cmocka_unit_test(a_peer_that_never_answers_a_close_is_dropped),
        cmocka_unit_test(a_slow_reader_is_closed),
        cmocka_unit_test(a_reset_at_any_time_is_survived),
        cmocka_unit_test(the_server_says_goodbye),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
