/* Goal: every wire kind comes out of the envelope as it went in, field by field; local kinds are
 * refused; damaged bytes are judged, never believed beyond a bound, never a crash or a leak. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "actors/messages/envelope.h"
#include "actors/messages/envelope_sample.h"

#define NOW VR_SECONDS(40)

static void assert_same_blob(const struct vr_blob *a, const struct vr_blob *b)
{
    assert_true((a == NULL) == (b == NULL));
    assert_true(vr_bytes_equal(vr_blob_bytes(a), vr_blob_bytes(b)));
}

/* Compared as bytes, pointers aside: a field that one side forgets cannot hide. */
static void assert_same_settings(const struct vr_settings *a, const struct vr_settings *b)
{
    struct vr_settings flat_a;
    struct vr_settings flat_b;

    assert_true((a == NULL) == (b == NULL));
    if (a == NULL || b == NULL) {
        return;
    }
    assert_int_equal(a->invited_count, b->invited_count);
    for (uint32_t i = 0; i < a->invited_count; i++) {
        assert_string_equal(a->invited[i], b->invited[i]);
    }
    memcpy(&flat_a, a, sizeof(flat_a));
    memcpy(&flat_b, b, sizeof(flat_b));
    flat_a.invited = NULL;
    flat_b.invited = NULL;
    assert_memory_equal(&flat_a, &flat_b, sizeof(flat_a));
}

static void assert_same_command(const struct vr_command *a, const struct vr_command *b)
{
    struct vr_command flat_a;
    struct vr_command flat_b;

    assert_same_blob(a->text, b->text);
    assert_same_settings(a->settings, b->settings);
    memcpy(&flat_a, a, sizeof(flat_a));
    memcpy(&flat_b, b, sizeof(flat_b));
    flat_a.text = NULL;
    flat_b.text = NULL;
    flat_a.traced_at = 0; /* each node's own */
    flat_b.traced_at = 0;
    flat_a.settings = NULL;
    flat_b.settings = NULL;
    assert_memory_equal(&flat_a, &flat_b, sizeof(flat_a));
}

static void assert_same_answer(const struct vr_answer *a, const struct vr_answer *b)
{
    struct vr_answer flat_a;
    struct vr_answer flat_b;

    assert_same_blob(a->body, b->body);
    memcpy(&flat_a, a, sizeof(flat_a));
    memcpy(&flat_b, b, sizeof(flat_b));
    flat_a.body = NULL;
    flat_b.body = NULL;
    assert_memory_equal(&flat_a, &flat_b, sizeof(flat_a));
}

static void assert_same_speakers(const struct vr_msg *a, const struct vr_msg *b)
{
    assert_int_equal(a->as.speakers.count, b->as.speakers.count);
    assert_int_equal(a->as.speakers.deaf, b->as.speakers.deaf);
    for (uint32_t i = 0; i < a->as.speakers.count; i++) {
        const struct vr_speaker *x = &a->as.speakers.items[i];
        const struct vr_speaker *y = &b->as.speakers.items[i];

        assert_int_equal(x->participant, y->participant);
        assert_int_equal(x->spoke_ms, y->spoke_ms);
        assert_int_equal(x->level, y->level);
        assert_int_equal(x->holds_slot, y->holds_slot);
    }
}

static void assert_same_small(const struct vr_msg *a, const struct vr_msg *b)
{
    if (a->kind == VR_MSG_EVENT) {
        assert_int_equal(a->as.event.sequence, b->as.event.sequence);
        assert_int_equal(a->as.event.only, b->as.event.only);
        assert_int_equal(a->as.event.last, b->as.event.last);
        assert_int_equal(a->as.event.media_goes_on, b->as.event.media_goes_on);
        assert_true(vr_id_equal(a->as.event.session, b->as.event.session));
        assert_same_blob(a->as.event.json, b->as.event.json);
    } else if (a->kind == VR_MSG_GATE || a->kind == VR_MSG_GATE_DONE) {
        assert_int_equal(a->as.gate.participant, b->as.gate.participant);
        assert_int_equal(a->as.gate.generation, b->as.gate.generation);
        assert_int_equal(a->as.gate.version, b->as.gate.version);
        assert_int_equal(a->as.gate.may_send, b->as.gate.may_send);
        assert_int_equal(a->as.gate.may_hear, b->as.gate.may_hear);
        assert_int_equal(a->as.gate.gone, b->as.gate.gone);
    } else if (a->kind == VR_MSG_SUMMARY) {
        assert_true(vr_id_equal(a->as.summary.room, b->as.summary.room));
        assert_int_equal(a->as.summary.participants, b->as.summary.participants);
        assert_int_equal(a->as.summary.speakers, b->as.summary.speakers);
        assert_int_equal(a->as.summary.hands, b->as.summary.hands);
        assert_int_equal(a->as.summary.live, b->as.summary.live);
        assert_same_blob(a->as.summary.json, b->as.summary.json);
    } else if (a->kind == VR_MSG_PING || a->kind == VR_MSG_PONG) {
        assert_int_equal(a->as.number, b->as.number);
    } else if (a->kind == VR_MSG_CLUSTER || a->kind == VR_MSG_CLUSTER_DONE) {
        assert_int_equal(a->as.note.type, b->as.note.type);
        assert_int_equal(a->as.note.number, b->as.note.number);
        assert_int_equal(a->as.note.err, b->as.note.err);
        assert_same_blob(a->as.note.bytes, b->as.note.bytes);
    } else {
        assert_int_equal(a->kind, VR_MSG_SHARD_CLOSE); /* a new kind needs a comparison */
    }
}

static void assert_same(const struct vr_msg *a, const struct vr_msg *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_true(vr_address_equal(a->to, b->to));
    assert_true(vr_address_equal(a->from, b->from));
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->deadline, b->deadline);
    if (a->kind == VR_MSG_COMMAND) {
        assert_same_command(a->as.command, b->as.command);
    } else if (a->kind == VR_MSG_ANSWER) {
        assert_same_answer(a->as.answer, b->as.answer);
    } else if (a->kind == VR_MSG_SHARD_SET) {
        assert_memory_equal(a->as.shard_set, b->as.shard_set, sizeof(struct vr_shard_set));
    } else if (a->kind == VR_MSG_SPEAKERS || a->kind == VR_MSG_SHARD_LEVELS) {
        assert_same_speakers(a, b);
    } else {
        assert_same_small(a, b);
    }
}

static struct vr_random_seeded seeded;

static int seed(void **state)
{
    (void)state;
    vr_random_seeded_init(&seeded, 20);
    return 0;
}

static void test_round_trip_of_every_wire_kind(void **state)
{
    (void)state;
    for (int kind = 0; kind < VR_MSG_KINDS; kind++) {
        if (vr_msg_scope((enum vr_msg_kind)kind) != VR_SCOPE_WIRE) {
            continue;
        }
        for (int i = 0; i < 200; i++) {
            struct vr_buf buf = {0};
            struct vr_msg in;
            struct vr_msg out;

            sample_msg(&seeded.random, (enum vr_msg_kind)kind, &in);
            assert_int_equal(vr_envelope_encode(&in, NOW, &buf), VR_OK);
            assert_int_equal(vr_envelope_decode(vr_buf_bytes(&buf), NOW, &out), VR_OK);
            assert_same(&in, &out);
            vr_msg_clear(&in);
            vr_msg_clear(&out);
            vr_buf_deinit(&buf);
        }
    }
}

static void test_local_kinds_are_refused(void **state)
{
    (void)state;
    for (int kind = 0; kind <= VR_MSG_KINDS; kind++) {
        struct vr_msg msg = {.kind = (enum vr_msg_kind)kind};
        struct vr_buf buf = {0};

        if (vr_msg_scope(msg.kind) == VR_SCOPE_LOCAL) {
            assert_int_equal(vr_envelope_encode(&msg, NOW, &buf), VR_E_BAD_REQUEST);
            assert_int_equal(buf.size, 0);
        }
    }
    struct vr_msg empty = {.kind = VR_MSG_COMMAND};
    struct vr_buf buf = {0};
    assert_int_equal(vr_envelope_encode(&empty, NOW, &buf), VR_E_BAD_REQUEST);
}

static void test_deadline_travels_as_time_left(void **state)
{
    struct vr_msg msg = {.kind = VR_MSG_PING, .deadline = NOW + VR_MS(250)};
    struct vr_buf buf = {0};
    struct vr_msg out;

    (void)state;
    assert_int_equal(vr_envelope_encode(&msg, NOW, &buf), VR_OK);
    assert_int_equal(vr_envelope_decode(vr_buf_bytes(&buf), VR_SECONDS(7), &out), VR_OK);
    assert_int_equal(out.deadline, VR_SECONDS(7) + VR_MS(250)); /* by the other node's clock */
    buf.size = 0;
    assert_int_equal(vr_envelope_encode(&msg, NOW + VR_SECONDS(9), &buf), VR_OK);
    assert_int_equal(vr_envelope_decode(vr_buf_bytes(&buf), VR_SECONDS(7), &out), VR_OK);
    assert_int_equal(out.deadline, VR_SECONDS(7)); /* over; never in the past of the past */
    vr_buf_deinit(&buf);
}

static void test_damaged_input(void **state)
{
    (void)state;
    for (int kind = 0; kind < VR_MSG_KINDS; kind++) {
        struct vr_buf buf = {0};
        struct vr_msg msg;

        if (vr_msg_scope((enum vr_msg_kind)kind) != VR_SCOPE_WIRE) {
            continue;
        }
        sample_msg(&seeded.random, (enum vr_msg_kind)kind, &msg);
        assert_int_equal(vr_envelope_encode(&msg, NOW, &buf), VR_OK);
        vr_msg_clear(&msg);
        for (size_t cut = 0; cut < buf.size; cut += 1 + buf.size / 400) {
            enum vr_err err = vr_envelope_decode(vr_bytes(buf.data, cut), NOW, &msg);

            assert_true(err == VR_OK || err == VR_E_BAD_WIRE || err == VR_E_UNKNOWN_MSG);
            vr_msg_clear(&msg); /* zeroed on an error: nothing to free */
        }
        for (int i = 0; i < 500; i++) {
            size_t at = below(&seeded.random, buf.size);
            uint8_t was = buf.data[at];

            buf.data[at] ^= (uint8_t)(1 << below(&seeded.random, 8));
            if (vr_envelope_decode(vr_buf_bytes(&buf), NOW, &msg) != VR_OK) {
                assert_int_equal(msg.to.kind, VR_ACTOR_NONE);
            }
            vr_msg_clear(&msg);
            buf.data[at] = was;
        }
        vr_buf_deinit(&buf);
    }
}

static enum vr_err decode_and_drop(struct vr_bytes bytes)
{
    struct vr_msg msg;
    enum vr_err err = vr_envelope_decode(bytes, NOW, &msg);

    vr_msg_clear(&msg);
    return err;
}

static void test_from_the_next_version(void **state)
{
    /* field 900, varint 5: unknown, beside a PING (field 26: fixed64 field 1 = 7) */
    static const uint8_t more[] = {0xa0, 0x38, 0x05, 0xd2, 0x01, 0x09, 0x09, 0x07,
                                   0,    0,    0,    0,    0,    0,    0};
    /* field 99 as body: a kind that we don't know */
    static const uint8_t unknown[] = {0x9a, 0x06, 0x00};
    struct vr_msg msg;

    (void)state;
    assert_int_equal(vr_envelope_decode(vr_bytes(more, sizeof(more)), NOW, &msg), VR_OK);
    assert_int_equal(msg.kind, VR_MSG_PING);
    assert_int_equal(msg.as.number, 7);
    assert_int_equal(msg.deadline, VR_NEVER);
    assert_int_equal(decode_and_drop(vr_bytes(unknown, sizeof(unknown))), VR_E_UNKNOWN_MSG);
    assert_int_equal(decode_and_drop(vr_bytes(NULL, 0)), VR_E_UNKNOWN_MSG);
    /* a command (field 16) whose kind (field 1) is "x" */
    assert_int_equal(decode_and_drop(vr_bytes("\x82\x01\x03\x0a\x01x", 6)), VR_E_UNKNOWN_MSG);
}

static void test_a_trace_travels_and_is_no_reason_to_refuse(void **state)
{
    struct vr_msg msg = {.kind = VR_MSG_COMMAND, .as.command = vr_command_new(VR_CMD_MUTE)};
    struct vr_buf plain = {0};
    struct vr_buf traced = {0};
    struct vr_msg out;
    /* a mute whose trace (field 21) is 3 bytes long: of a version that we don't know */
    static const char odd[] = "\x82\x01\x11\x0a\x09room:mute\xaa\x01\x03xyz";

    (void)state;
    assert_int_equal(vr_envelope_encode(&msg, NOW, &plain), VR_OK);
    memset(msg.as.command->trace.id, 0xab, sizeof(msg.as.command->trace.id));
    memset(msg.as.command->trace.span, 0xcd, sizeof(msg.as.command->trace.span));
    assert_int_equal(vr_envelope_encode(&msg, NOW, &traced), VR_OK);
    assert_int_equal(traced.size, plain.size + 27); /* and not a byte without one */
    vr_msg_clear(&msg);
    assert_int_equal(vr_envelope_decode(vr_buf_bytes(&traced), NOW, &out), VR_OK);
    assert_int_equal(out.as.command->trace.id[15], 0xab);
    assert_int_equal(out.as.command->trace.span[7], 0xcd);
    assert_int_equal(out.as.command->traced_at, NOW);
    vr_msg_clear(&out);
    assert_int_equal(vr_envelope_decode(vr_buf_bytes(&plain), NOW, &out), VR_OK);
    assert_false(vr_trace_on(&out.as.command->trace));
    assert_int_equal(out.as.command->traced_at, 0);
    vr_msg_clear(&out);
    assert_int_equal(vr_envelope_decode(vr_bytes(odd, sizeof(odd) - 1), NOW, &out), VR_OK);
    assert_int_equal(out.as.command->kind, VR_CMD_MUTE);
    assert_false(vr_trace_on(&out.as.command->trace));
    vr_msg_clear(&out);
    vr_buf_deinit(&plain);
    vr_buf_deinit(&traced);
}

static void test_bounds_are_kept(void **state)
{
    struct vr_buf buf = {0};
    uint8_t *huge = calloc(1, VR_ENVELOPE_MAX + 1);

    (void)state;
    assert_int_equal(decode_and_drop(vr_bytes(huge, VR_ENVELOPE_MAX + 1)), VR_E_TOO_LARGE);

    /* an event of more than the maximum is not sent either */
    struct vr_msg big = {.kind = VR_MSG_EVENT, .deadline = VR_NEVER};
    big.as.event.json = vr_blob_new(vr_bytes(huge, VR_ENVELOPE_MAX));
    assert_int_equal(vr_envelope_encode(&big, NOW, &buf), VR_E_TOO_LARGE);
    vr_msg_clear(&big);
    free(huge);

    /* level 128 of a speaker: field 23 { field 1 { field 3 = 128 } } */
    assert_int_equal(decode_and_drop(vr_bytes("\xba\x01\x05\x0a\x03\x18\x80\x01", 8)),
                     VR_E_BAD_WIRE);
    /* a role of 9 in an answer: field 17 { field 10 = 9 } */
    assert_int_equal(decode_and_drop(vr_bytes("\x8a\x01\x02\x50\x09", 5)), VR_E_BAD_WIRE);
    /* an address of kind 200: field 1 { field 1 = 200 } */
    assert_int_equal(decode_and_drop(vr_bytes("\x0a\x03\x08\xc8\x01", 5)), VR_E_BAD_WIRE);

    /* a name one byte longer than its bound: changed inside of a good command */
    struct vr_msg msg = {.kind = VR_MSG_COMMAND, .as.command = vr_command_new(VR_CMD_CHAT)};
    memset(msg.as.command->by.name, 'n', VR_NAME_MAX);
    assert_int_equal(vr_envelope_encode(&msg, NOW, &buf), VR_OK);
    assert_int_equal(decode_and_drop(vr_buf_bytes(&buf)), VR_OK);
    buf.size = 0;
    msg.as.command->by.name[VR_NAME_MAX] = 'n'; /* runs on into `address`, which ends it */
    assert_int_equal(vr_envelope_encode(&msg, NOW, &buf), VR_OK);
    assert_int_equal(decode_and_drop(vr_buf_bytes(&buf)), VR_E_BAD_WIRE);
    vr_msg_clear(&msg);
    vr_buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_round_trip_of_every_wire_kind, seed),
        cmocka_unit_test_setup(test_local_kinds_are_refused, seed),
        cmocka_unit_test_setup(test_deadline_travels_as_time_left, seed),
        cmocka_unit_test_setup(test_damaged_input, seed),
        cmocka_unit_test_setup(test_from_the_next_version, seed),
        cmocka_unit_test_setup(test_a_trace_travels_and_is_no_reason_to_refuse, seed),
        cmocka_unit_test_setup(test_bounds_are_kept, seed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
