/* Goal: packets that are collected or packed are, to the byte, what was said: each frame once, in
 * order, under numbers without a hole, never to him who said it, and nothing of who is muted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/media/engine_rig.h"

#define TOC 0x78 /* hybrid, full band, 20 ms, mono, one frame */
#define TOC_OTHER 0xf8
#define FRAME 41 /* with the header no multiple of a class of sizes */

/* A frame whose bytes tell who said it and which one it is. */
static void frame(uint8_t out[FRAME], uint8_t toc, const struct rig_person *who, uint16_t seq)
{
    memset(out, (int)who->conf.participant, FRAME);
    out[0] = toc;
    vr_put16(out + 1, seq);
}

static void say_bytes(struct rig_person *who, struct vr_bytes payload, uint8_t level)
{
    vr_client_speak(who->client, &(struct vr_client_packet){.seq = ++who->seq,
                                                            .ts = who->ts += 960,
                                                            .level = level,
                                                            .payload = payload});
    rig_pump(who->rig);
}

static void say(struct rig_person *who, uint8_t toc, uint8_t level)
{
    uint8_t payload[FRAME];

    frame(payload, toc, who, (uint16_t)(who->seq + 1));
    say_bytes(who, vr_bytes(payload, FRAME), level);
}

static void talk(struct rig_person *who, uint32_t frames)
{
    for (uint32_t i = 0; i < frames; i++) {
        say(who, TOC, 20);
        rig_advance(who->rig, VR_MS(20));
    }
}

static void forget(struct rig_person *who)
{
    who->heard_count = 0;
}

/* A speaker, and a listener of the audience who takes packed frames. */
struct audience {
    struct rig *rig;
    struct rig_person *speaker, *listener, *plain;
};

static struct audience meet(enum vr_pack pack)
{
    struct audience a = {.rig = rig_new_with(11, false, pack)};

    a.speaker = rig_join(a.rig, (struct rig_wish){0});
    a.listener = rig_join(a.rig, (struct rig_wish){.pack60 = true, .muted = true});
    a.plain = rig_join(a.rig, (struct rig_wish){.muted = true});
    return a;
}

/* Frames within what was heard, packed or not: each one's number as it was said, in order. Packets
 * must have consecutive numbers, and timestamps that say where their first frame belongs. */
static uint32_t frames_of(const struct rig_person *listener, uint16_t *seqs)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < listener->heard_count; i++) {
        const struct rig_heard *heard = &listener->heard[i];
        uint32_t frames = (heard->bytes[0] & 3) == 0   ? 1
                          : (heard->bytes[0] & 3) == 1 ? 2
                                                       : heard->bytes[1] & 0x3f;
        const uint8_t *at = heard->bytes + ((heard->bytes[0] & 3) == 3 ? 2 : 1);

        if (i > 0) {
            assert_int_equal((uint16_t)(heard->seq - heard[-1].seq), 1);
        }
        for (uint32_t k = 0; k < frames; k++, at += FRAME - 1) {
            seqs[count] = vr_get16(at);
            if (count > 0 && heard->participant == listener->heard[0].participant) {
                uint16_t steps = (uint16_t)(seqs[count] - seqs[0]);

                assert_int_equal(heard->ts + k * 960 - listener->heard[0].ts, steps * 960);
            }
            count++;
        }
    }
    return count;
}

static void assert_run(const uint16_t *seqs, uint32_t count, uint16_t first)
{
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(seqs[i], (uint16_t)(first + i));
    }
}

static void three_frames_are_one_packet(void **state)
{
    struct audience a = meet(VR_PACK_3);
    uint8_t one[FRAME];
    uint16_t first = (uint16_t)(a.speaker->seq + 1);

    (void)state;
    for (uint32_t i = 0; i < 9; i++) {
        say(a.speaker, TOC, i == 4 ? 10 : 20);
        rig_advance(a.rig, VR_MS(20));
    }
    assert_int_equal(rig_heard_from(a.plain, a.speaker), 9);
    assert_int_equal(a.listener->heard_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        const struct rig_heard *heard = &a.listener->heard[i];

        assert_int_equal(heard->size, 2 + 3 * (FRAME - 1));
        assert_int_equal(heard->bytes[0], TOC | 3); /* RFC 6716, 3.2.5: code 3, */
        assert_int_equal(heard->bytes[1], 3);       /* three frames, all of one size */
        for (uint32_t k = 0; k < 3; k++) {
            frame(one, TOC, a.speaker, (uint16_t)(first + 3 * i + k));
            assert_memory_equal(heard->bytes + 2 + k * (FRAME - 1), one + 1, FRAME - 1);
        }
        assert_int_equal(heard->seq, (uint16_t)(a.listener->heard[0].seq + i));
        assert_int_equal(heard->ts, a.plain->heard[3 * i].ts);
        assert_int_equal(heard->level, i == 1 ? 10 : 20);
        assert_int_equal(heard->participant, a.speaker->conf.participant);
        assert_int_equal(heard->marker, i == 0);
    }
    assert_int_equal(rig_stats(&a.rig->nodes[0]).packs, 3);
    rig_free(a.rig);
}

static void six_frames_are_one_packet(void **state)
{
    struct audience a = meet(VR_PACK_6);
    uint16_t seqs[64];
    uint16_t first = (uint16_t)(a.speaker->seq + 1);

    (void)state;
    talk(a.speaker, 12);
    assert_int_equal(a.listener->heard_count, 2);
    assert_int_equal(frames_of(a.listener, seqs), 12);
    assert_run(seqs, 12, first);
    rig_free(a.rig);
}

static void who_may_speak_is_back_at_single_frames(void **state)
{
    struct audience a = meet(VR_PACK_3);
    uint16_t seqs[128];
    uint16_t first = (uint16_t)(a.speaker->seq + 1);
    uint32_t count;

    (void)state;
    talk(a.speaker, 5); /* two frames wait in the pack */
    assert_int_equal(a.listener->heard_count, 1);
    rig_gate(&a.rig->nodes[0], a.listener->conf.participant, 2, true, true, false);
    rig_pump(a.rig);
    assert_int_equal(a.listener->heard_count, 2); /* they come before anything else */
    talk(a.speaker, 5);
    assert_int_equal(a.listener->heard_count, 7);
    /* Back in the audience: single frames until the speaker pauses, then packed. */
    rig_gate(&a.rig->nodes[0], a.listener->conf.participant, 3, false, true, false);
    talk(a.speaker, 6);
    assert_int_equal(a.listener->heard_count, 13);
    count = frames_of(a.listener, seqs);
    assert_int_equal(count, 16);
    assert_run(seqs, count, first);
    rig_advance(a.rig, VR_MS(300));
    forget(a.listener);
    a.speaker->ts += 15 * 960;
    talk(a.speaker, 6);
    assert_int_equal(a.listener->heard_count, 2);
    assert_int_equal(a.listener->heard[0].seq, (uint16_t)(a.listener->heard[1].seq - 1));
    assert_int_equal(frames_of(a.listener, seqs), 6);
    rig_free(a.rig);
}

static void a_pause_lets_the_rest_out(void **state)
{
    struct audience a = meet(VR_PACK_3);
    uint16_t seqs[16];

    (void)state;
    talk(a.speaker, 5);
    assert_int_equal(a.listener->heard_count, 1);
    rig_advance(a.rig, VR_MS(50));
    assert_int_equal(a.listener->heard_count, 2);
    assert_int_equal(frames_of(a.listener, seqs), 5);
    rig_free(a.rig);
}

static void what_the_uplink_lost_splits_a_pack(void **state)
{
    struct audience a = meet(VR_PACK_3);
    uint16_t seqs[32];

    (void)state;
    talk(a.speaker, 4);
    a.speaker->seq++; /* lost on its way */
    a.speaker->ts += 960;
    rig_advance(a.rig, VR_MS(20));
    talk(a.speaker, 3);
    assert_int_equal(a.listener->heard_count, 3);
    assert_int_equal(frames_of(a.listener, seqs), 7); /* its numbers: consecutive */
    assert_int_equal(a.listener->heard[2].ts - a.listener->heard[1].ts, 2 * 960);
    rig_free(a.rig);
}

static void another_coding_splits_a_pack(void **state)
{
    struct audience a = meet(VR_PACK_3);
    uint16_t seqs[32];

    (void)state;
    talk(a.speaker, 1);
    for (uint32_t i = 0; i < 3; i++) {
        say(a.speaker, TOC_OTHER, 20);
        rig_advance(a.rig, VR_MS(20));
    }
    assert_int_equal(a.listener->heard_count, 2);
    assert_int_equal(a.listener->heard[0].bytes[0], TOC);
    assert_int_equal(a.listener->heard[1].bytes[0], TOC_OTHER | 3);
    assert_int_equal(frames_of(a.listener, seqs), 4);
    rig_free(a.rig);
}

/* A browser knows silence by the size of the packet that says so: RFC 6716, 2.1.9. */
static void silence_is_said_alone_and_at_once(void **state)
{
    static const uint8_t dtx[1] = {TOC};
    struct audience a = meet(VR_PACK_3);

    (void)state;
    talk(a.speaker, 4); /* a pack, and one frame that waits */
    assert_int_equal(a.listener->heard_count, 1);
    say_bytes(a.speaker, vr_bytes(dtx, sizeof dtx), 127);
    assert_int_equal(a.listener->heard_count, 3);
    assert_int_equal(a.listener->heard[1].size, FRAME);
    assert_int_equal(a.listener->heard[2].size, sizeof dtx);
    assert_int_equal(a.listener->heard[2].ts - a.listener->heard[1].ts, 960);
    assert_int_equal((uint16_t)(a.listener->heard[2].seq - a.listener->heard[1].seq), 1);
    rig_free(a.rig);
}

static void who_is_muted_leaves_no_frame_in_a_pack(void **state)
{
    struct audience a = meet(VR_PACK_3);
    struct rig_person *other = rig_join(a.rig, (struct rig_wish){0});

    (void)state;
    talk(a.speaker, 5);
    assert_int_equal(a.listener->heard_count, 1);
    rig_gate(&a.rig->nodes[0], a.speaker->conf.participant, 2, false, true, false);
    rig_advance(a.rig, VR_MS(200));
    assert_int_equal(a.listener->heard_count, 1);
    assert_int_equal(rig_stats(&a.rig->nodes[0]).shut_dropped, 2);
    talk(other, 3);
    assert_int_equal(a.listener->heard_count, 2);
    assert_int_equal(a.listener->heard[1].participant, other->conf.participant);
    assert_int_equal((uint16_t)(a.listener->heard[1].seq - a.listener->heard[0].seq), 1);
    rig_free(a.rig);
}

static void report_loss(struct rig_person *person, uint8_t fraction)
{
    uint8_t buffer[64];
    struct vr_rtcp_writer writer = vr_rtcp_writer(buffer, sizeof buffer);
    struct vr_rtcp_report report = {.ssrc = VR_SLOT_SSRC, .fraction_lost = fraction, .lost = 1};

    vr_rtcp_write_rr(&writer, 1, &report, 1);
    vr_client_raw(person->client, vr_bytes(buffer, writer.size), true);
    rig_pump(person->rig);
}

static void a_lossy_listener_is_not_packed(void **state)
{
    struct audience a = meet(VR_PACK_3);

    (void)state;
    talk(a.speaker, 3);
    assert_int_equal(a.listener->heard_count, 1);
    report_loss(a.listener, 20);
    talk(a.speaker, 3);
    assert_int_equal(a.listener->heard_count, 4);
    rig_free(a.rig);
}

/* ---- packets that leave together ---- */

#define CROWD 8

struct stage {
    struct rig *rig;
    struct rig_person *one, *two, *crowd[CROWD];
};

static struct stage on_stage(bool gso)
{
    struct stage s = {.rig = rig_new_with(12, gso, VR_PACK_OFF)};

    s.one = rig_join(s.rig, (struct rig_wish){0});
    s.two = rig_join(s.rig, (struct rig_wish){0});
    for (uint32_t i = 0; i < CROWD; i++) {
        s.crowd[i] = rig_join(s.rig, (struct rig_wish){.muted = true});
    }
    return s;
}

/* Both have spoken, 2 ms apart, so each one's next packet is expected. */
static void warm_up(struct stage *s)
{
    for (uint32_t i = 0; i < 3; i++) {
        say(s->one, TOC, 20);
        rig_advance(s->rig, VR_MS(2));
        say(s->two, TOC, 20);
        rig_advance(s->rig, VR_MS(18));
    }
    s->rig->bursts = 0;
    for (uint32_t i = 0; i < s->rig->people_count; i++) {
        forget(s->rig->people[i]);
    }
}

static void speakers_packets_leave_as_one_burst(void **state)
{
    struct stage s = on_stage(true);
    uint8_t expected[FRAME];
    uint32_t padded = 0;

    (void)state;
    warm_up(&s);
    say(s.one, TOC, 20);
    assert_int_equal(s.crowd[0]->heard_count, 0); /* it waits for the other one's */
    rig_advance(s.rig, VR_MS(2));
    say(s.two, TOC, 20);
    assert_int_equal(s.rig->bursts, CROWD);
    assert_int_equal(s.rig->burst_count, 2);
    assert_int_equal((s.rig->burst_segment - 16) % 16, 0); /* a class, and the tag */
    for (uint32_t i = 0; i < CROWD; i++) {
        const struct rig_heard *heard = s.crowd[i]->heard;

        assert_int_equal(s.crowd[i]->heard_count, 2);
        for (uint32_t k = 0; k < 2; k++) {
            const struct rig_person *who = k == 0 ? s.one : s.two;

            frame(expected, TOC, who, who->seq);
            assert_int_equal(heard[k].participant, who->conf.participant);
            assert_int_equal(heard[k].size, FRAME);
            assert_memory_equal(heard[k].bytes, expected, FRAME);
            padded += heard[k].padding;
        }
    }
    assert_true(padded > 0);
    /* Nobody hears himself: to each speaker one packet, and no burst. */
    assert_int_equal(s.one->heard_count, 1);
    assert_int_equal(s.one->heard[0].participant, s.two->conf.participant);
    assert_int_equal(s.two->heard_count, 1);
    rig_free(s.rig);
}

static void packets_of_different_length_are_evened_out(void **state)
{
    struct stage s = on_stage(true);
    uint8_t longer[100] = {TOC};

    (void)state;
    warm_up(&s);
    say(s.one, TOC, 20);
    s.two->seq++;
    s.two->ts += 960;
    vr_client_speak(s.two->client,
                    &(struct vr_client_packet){
                        .seq = s.two->seq, .ts = s.two->ts, .level = 20, .payload = {longer, 100}});
    rig_pump(s.rig);
    assert_int_equal(s.rig->bursts, CROWD);
    assert_int_equal(s.crowd[3]->heard[0].size, FRAME);
    assert_int_equal(s.crowd[3]->heard[1].size, 100);
    assert_int_equal(s.crowd[3]->heard[0].padding - s.crowd[3]->heard[1].padding, 100 - FRAME);
    rig_free(s.rig);
}

static void nobody_waits_longer_than_five_milliseconds(void **state)
{
    struct stage s = on_stage(true);
    vr_time_us said;

    (void)state;
    warm_up(&s);
    said = s.rig->now;
    say(s.one, TOC, 20);
    assert_int_equal(s.crowd[0]->heard_count, 0);
    rig_advance(s.rig, VR_MS(10)); /* the other one says nothing more */
    assert_int_equal(s.crowd[0]->heard_count, 1);
    assert_int_equal(s.crowd[0]->heard[0].at - said, VR_MS(5));
    /* A speaker alone is never held back. */
    rig_advance(s.rig, VR_MS(10));
    said = s.rig->now;
    say(s.one, TOC, 20);
    assert_int_equal(s.crowd[0]->heard_count, 2);
    assert_int_equal(s.crowd[0]->heard[1].at, said);
    rig_free(s.rig);
}

static void who_is_muted_leaves_no_packet_in_a_hold(void **state)
{
    struct stage s = on_stage(true);
    uint16_t seq;

    (void)state;
    warm_up(&s);
    say(s.one, TOC, 20);
    rig_advance(s.rig, VR_MS(20));
    say(s.two, TOC, 20); /* makes the first one's next packet expected, and is held itself */
    rig_advance(s.rig, VR_MS(20));
    for (uint32_t i = 0; i < s.rig->people_count; i++) {
        forget(s.rig->people[i]);
    }
    say(s.one, TOC, 20);
    say(s.two, TOC, 20);
    rig_advance(s.rig, VR_MS(19));
    seq = s.crowd[0]->heard[0].seq;
    assert_int_equal(s.crowd[0]->heard[0].participant, s.one->conf.participant);
    forget(s.crowd[0]);
    say(s.one, TOC, 20);
    assert_int_equal(s.crowd[0]->heard_count, 0);
    rig_gate(&s.rig->nodes[0], s.one->conf.participant, 2, false, true, false);
    rig_advance(s.rig, VR_MS(100));
    assert_int_equal(s.crowd[0]->heard_count, 0);
    assert_int_equal(rig_stats(&s.rig->nodes[0]).shut_dropped, 1);
    /* He may speak again: the number that was not used follows the last one heard. */
    rig_gate(&s.rig->nodes[0], s.one->conf.participant, 3, true, true, false);
    talk(s.one, 1);
    assert_int_equal(s.crowd[0]->heard_count, 1);
    assert_int_equal(s.crowd[0]->heard[0].seq, (uint16_t)(seq + 1));
    rig_free(s.rig);
}

static void without_gso_nothing_waits_and_nothing_is_padded(void **state)
{
    struct stage s = on_stage(false);

    (void)state;
    warm_up(&s);
    say(s.one, TOC, 20);
    assert_int_equal(s.crowd[0]->heard_count, 1);
    assert_int_equal(s.crowd[0]->heard[0].padding, 0);
    assert_int_equal(s.rig->bursts, 0);
    rig_free(s.rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_frames_are_one_packet),
        cmocka_unit_test(six_frames_are_one_packet),
        cmocka_unit_test(who_may_speak_is_back_at_single_frames),
        cmocka_unit_test(a_pause_lets_the_rest_out),
        cmocka_unit_test(what_the_uplink_lost_splits_a_pack),
        cmocka_unit_test(another_coding_splits_a_pack),
        cmocka_unit_test(silence_is_said_alone_and_at_once),
        cmocka_unit_test(who_is_muted_leaves_no_frame_in_a_pack),
        cmocka_unit_test(a_lossy_listener_is_not_packed),
        cmocka_unit_test(speakers_packets_leave_as_one_burst),
        cmocka_unit_test(packets_of_different_length_are_evened_out),
        cmocka_unit_test(nobody_waits_longer_than_five_milliseconds),
        cmocka_unit_test(who_is_muted_leaves_no_packet_in_a_hold),
        cmocka_unit_test(without_gso_nothing_waits_and_nothing_is_padded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
