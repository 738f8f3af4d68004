/* media_tcp_frame_test.c - goal: a stream cut anywhere gives the datagrams that went in, what is
 * too long ends it, and a slow connection's queue leaves out old speech and nothing else. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "nodes/media_tcp_frame.h"
#include "nodes/media_tcp_queue.h"

/* Datagrams of these sizes, each filled with its number + 1. */
static const uint16_t sizes[] = {1, 20, 0, 130, 2048, 0, 0, 7, 1500, 1};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static size_t stream_write(uint8_t *out)
{
    size_t at = 0;

    for (size_t i = 0; i < SIZES; i++) {
        vr_put16(out + at, sizes[i]);
        memset(out + at + 2, (int)i + 1, sizes[i]);
        at += 2u + sizes[i];
    }
    return at;
}

/* Feed `stream` in pieces of `piece` bytes. */
static void assert_cut(const uint8_t *stream, size_t size, size_t piece)
{
    struct vr_frame_reader *reader = calloc(1, sizeof(*reader));
    uint8_t *copy = malloc(size);
    size_t next = 0;

    assert_non_null(reader);
    assert_non_null(copy);
    memcpy(copy, stream, size);
    for (size_t from = 0; from < size; from += piece) {
        struct vr_span in = {copy + from, size - from < piece ? size - from : piece};
        struct vr_span frame;

        while (vr_frame_next(reader, &in, &frame) == VR_FRAME_WHOLE) {
            while (sizes[next] == 0) {
                next++;
            }
            assert_int_equal(frame.size, sizes[next]);
            for (size_t i = 0; i < frame.size; i++) {
                assert_int_equal(frame.data[i], next + 1);
            }
            next++;
        }
        assert_int_equal(in.size, 0);
    }
    assert_int_equal(next, SIZES);
    free(copy);
    free(reader);
}

static void a_stream_cut_anywhere_is_the_same_datagrams(void **state)
{
    uint8_t stream[8192];
    size_t size = stream_write(stream);

    (void)state;
    for (size_t piece = 1; piece < 200; piece++) {
        assert_cut(stream, size, piece);
    }
    assert_cut(stream, size, 2049);
    assert_cut(stream, size, size);
}

static void what_is_too_long_ends_the_stream(void **state)
{
    static const uint8_t text[] = "GET / HTTP/1.1\r\n\r\n"; /* 0x4745 bytes would follow */

    (void)state;
    for (size_t piece = 1; piece < sizeof(text); piece++) {
        struct vr_frame_reader reader = {0};
        enum vr_frame_found found = VR_FRAME_MORE;
        uint8_t copy[sizeof(text)];

        memcpy(copy, text, sizeof(text));
        for (size_t from = 0; from < 2; from += piece) {
            struct vr_span in = {copy + from, piece};
            struct vr_span frame;

            found = vr_frame_next(&reader, &in, &frame);
        }
        assert_int_equal(found, VR_FRAME_TOO_LONG);
    }
}

static void the_ufrag_of_a_check_is_read(void **state)
{
    /* A Binding request with SOFTWARE "ab" (padded) and USERNAME "ours:theirs" (padded). */
    static const uint8_t check[] = "\x00\x01\x00\x18\x21\x12\xa4\x42"
                                   "0123456789ab"
                                   "\x80\x22\x00\x02"
                                   "ab\0\0"
                                   "\x00\x06\x00\x0b"
                                   "ours:theirs";
    uint8_t copy[sizeof(check)];

    (void)state;
    assert_true(
        vr_bytes_equal(vr_frame_ufrag(vr_bytes(check, sizeof(check))), vr_bytes_of("ours")));
    for (size_t size = 0; size < sizeof(check) - 1; size++) {
        assert_int_equal(vr_frame_ufrag(vr_bytes(check, size)).size, 0);
    }
    memcpy(copy, check, sizeof(check));
    copy[1] = 0x11; /* an indication */
    assert_int_equal(vr_frame_ufrag(vr_bytes(copy, sizeof(copy))).size, 0);
    memcpy(copy, check, sizeof(check));
    copy[36] = '.'; /* the colon */
    assert_int_equal(vr_frame_ufrag(vr_bytes(copy, sizeof(copy))).size, 0);
}

/* ---- the queue ---- */

static struct vr_tcp_queue *queue_new(void)
{
    struct vr_tcp_queue *queue = malloc(sizeof(*queue));

    assert_non_null(queue);
    vr_tcp_queue_init(queue);
    return queue;
}

/* A packet of speech, or a check, with its number in the second byte. */
static uint32_t put(struct vr_tcp_queue *queue, vr_time_us now, bool speech, uint8_t number,
                    size_t size)
{
    uint8_t data[VR_FRAME_MAX] = {0};

    data[0] = speech ? 0x90 : 0;
    data[1] = number;
    return vr_tcp_queue_push(queue, now, vr_bytes(data, size));
}

/* The numbers in what waits, in order; the first frame may have begun. */
static void assert_waiting(const struct vr_tcp_queue *queue, const char *numbers)
{
    const uint8_t *at = queue->bytes;

    assert_int_equal(queue->count, strlen(numbers));
    for (; *numbers != 0; numbers++) {
        assert_int_equal(at[3], *numbers);
        at += 2 + vr_get16(at);
    }
    assert_ptr_equal(at, queue->bytes + queue->size);
}

static void old_speech_is_left_out_and_nothing_else(void **state)
{
    struct vr_tcp_queue *queue = queue_new();

    (void)state;
    assert_int_equal(put(queue, VR_MS(0), true, 'a', 100), 0);
    assert_int_equal(put(queue, VR_MS(20), false, 'B', 100), 0);
    assert_int_equal(put(queue, VR_MS(40), true, 'c', 100), 0);
    assert_int_equal(put(queue, VR_MS(99), true, 'd', 100), 0);
    assert_waiting(queue, "aBcd");
    assert_int_equal(put(queue, VR_MS(100), true, 'e', 100), 1);
    assert_waiting(queue, "Bcde");
    assert_int_equal(vr_tcp_queue_expire(queue, VR_MS(139)), 0);
    assert_int_equal(vr_tcp_queue_expire(queue, VR_MS(140)), 1);
    assert_waiting(queue, "Bde");
    assert_int_equal(vr_tcp_queue_expire(queue, VR_SECONDS(10)), 2);
    assert_waiting(queue, "B");
    free(queue);
}

static void what_has_begun_follows_whole(void **state)
{
    struct vr_tcp_queue *queue = queue_new();
    struct vr_bytes rest;

    (void)state;
    put(queue, 0, true, 'a', 100);
    put(queue, 0, true, 'b', 100);
    put(queue, 0, true, 'c', 100);
    assert_int_equal(vr_tcp_queue_bytes(queue).size, 306);
    vr_tcp_queue_sent(queue, 102 + 1); /* a, and half of the length of b */
    assert_waiting(queue, "bc");
    assert_int_equal(vr_tcp_queue_expire(queue, VR_SECONDS(1)), 1);
    assert_waiting(queue, "b");
    rest = vr_tcp_queue_bytes(queue);
    assert_int_equal(rest.size, 101);
    assert_int_equal(rest.data[0], 100); /* the other half */
    vr_tcp_queue_sent(queue, 40);
    assert_int_equal(vr_tcp_queue_bytes(queue).size, 61);
    vr_tcp_queue_sent(queue, 61);
    assert_int_equal(queue->count, 0);
    assert_int_equal(vr_tcp_queue_bytes(queue).size, 0);
    free(queue);
}

static void a_full_queue_drops_the_oldest_speech(void **state)
{
    struct vr_tcp_queue *queue = queue_new();
    uint32_t dropped = 0;

    (void)state;
    for (uint32_t i = 0; i < 1000; i++) { /* all in one instant: nothing is old */
        dropped += put(queue, 0, i % 10 != 0, (uint8_t)i, 1000);
        assert_true(queue->size <= VR_TCP_QUEUE_BYTES);
    }
    /* Checks have pushed the speech out, and then nothing more fits. */
    assert_int_equal(queue->count, VR_TCP_QUEUE_BYTES / 1002);
    assert_int_equal(queue->count + dropped, 1000);
    for (uint32_t i = 0; i < queue->count; i++) {
        assert_false(queue->frames[i].speech);
    }
    assert_int_equal(put(queue, 0, false, 1, VR_FRAME_MAX + 1), 1);
    assert_int_equal(put(queue, 0, false, 1, 0), 1);
    free(queue);
    queue = queue_new();
    for (uint32_t i = 0; i < 1000; i++) {
        put(queue, 0, true, (uint8_t)i, 20);
    }
    assert_int_equal(queue->count, VR_TCP_QUEUE_FRAMES);
    assert_int_equal(queue->bytes[3], (uint8_t)(1000 - VR_TCP_QUEUE_FRAMES));
    free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_cut_anywhere_is_the_same_datagrams),
        cmocka_unit_test(what_is_too_long_ends_the_stream),
        cmocka_unit_test(the_ufrag_of_a_check_is_read),
        cmocka_unit_test(old_speech_is_left_out_and_nothing_else),
        cmocka_unit_test(what_has_begun_follows_whole),
        cmocka_unit_test(a_full_queue_drops_the_oldest_speech),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
