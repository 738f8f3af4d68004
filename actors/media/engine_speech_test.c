/* Goal: speech through an engine: who is heard and as what, what stands in for lost packets, and
 * what nobody will hear costs nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/media/engine_rig.h"

/* The slot's numbers run on over a change of its speaker, on every receiver. */
static void speaker_change(void **state)
{
    struct rig *rig = *state;
    struct rig_person *people[6];
    struct rig_person *listener;

    for (int i = 0; i < 6; i++) {
        people[i] = rig_join(rig, (struct rig_wish){0});
    }
    listener = rig_join(rig, (struct rig_wish){.muted = true});
    for (int turn = 0; turn < 12; turn++) {
        rig_talk(people[turn % 6], 25, 40);
        rig_advance(rig, VR_MS(500));
        rig_checks(rig);
    }
    assert_int_equal(listener->heard_count, 12 * 40);
    for (uint32_t slot = 0; slot < 4; slot++) {
        const struct rig_heard *last = NULL;

        for (uint32_t i = 0; i < listener->heard_count; i++) {
            const struct rig_heard *heard = &listener->heard[i];

            if (heard->slot != slot) {
                continue;
            }
            if (last != NULL) {
                assert_int_equal(heard->seq, (uint16_t)(last->seq + 1));
                assert_int_equal((heard->ts - last->ts) % 960, 0);
                assert_true((int32_t)(heard->ts - last->ts) > 0);
                assert_int_equal(heard->marker, heard->participant != last->participant);
            }
            last = heard;
        }
        assert_non_null(last);
    }
    assert_true(rig_stats(listener->node).speaker_changes >= 6);
}

/* Forged levels from the right address: a level counts only once its packet has authenticated. */
static void forged_level(void **state)
{
    struct rig *rig = *state;
    struct rig_person *people[5];

    for (int i = 0; i < 5; i++) {
        people[i] = rig_join(rig, (struct rig_wish){0});
    }
    for (int round = 0; round < 30; round++) {
        for (int i = 0; i < 4; i++) {
            rig_say(people[i], 30);
        }
        rig->hold = true;
        rig_say(people[4], 60); /* too quiet for a slot */
        rig->hold = false;
        for (uint32_t i = 0; i < rig->queue_count; i++) {
            rig->queue[i].data[16] =
                0x10;                   /* the extension's one element: id 1, and its byte behind */
            rig->queue[i].data[17] = 0; /* forged: full scale */
        }
        rig_pump(rig);
        rig_advance(rig, VR_MS(20));
    }
    assert_int_equal(rig_heard_from(people[0], people[4]), 0);
    assert_int_equal(rig_heard_from(people[4], people[0]), 30);
    assert_int_equal(rig_stats(people[0]->node).srtp_rejected_auth, 30);
    assert_int_equal(rig_stats(people[0]->node).speaker_changes, 4);
}

static void reports(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});

    for (int i = 0; i < 12; i++) {
        rig_talk(ana, 30, 50);
        rig_checks(rig);
    }
    assert_in_range(ben->rtcp_sr, 2, 6); /* about one in four seconds */
    assert_in_range(ana->rtcp_rr, 2, 6); /* nobody speaks to Ana: reports about her packets only */
    vr_client_report(ben->client, VR_SLOT_SSRC, 7, 480);
    vr_client_report(ben->client, VR_SLOT_SSRC, 9, 480);
    rig_pump(rig);
    assert_int_equal(rig_stats(ana->node).lost_reported, 9);
    assert_int_equal(rig_stats(ana->node).jitter_reports, 2);
    assert_true(rig_stats(ana->node).jitter_seconds_sum > 0.0199);
}

static bool lose_every_fifth_up(struct rig *rig, const struct rig_datagram *datagram)
{
    static uint32_t n;

    (void)rig;
    return datagram->to < 0 && datagram->data[0] >= 128 && ++n % 5 == 0;
}

static void redundancy(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.red = true});
    struct rig_person *plain = rig_join(rig, (struct rig_wish){0});
    struct rig_person *red = rig_join(rig, (struct rig_wish){.red_receive = true});

    rig_talk(ana, 30, 3);
    rig->lose = lose_every_fifth_up;
    rig_talk(ana, 30, 50);
    rig->lose = NULL;
    rig_talk(ana, 30, 2);
    assert_int_equal(rig->lost, 10);
    assert_int_equal(rig_heard_from(plain, ana),
                     55); /* every lost packet came with its successor */
    for (uint32_t i = 0; i < 55; i++) {
        assert_int_equal(plain->heard[i].pt, 111);
        assert_int_equal(plain->heard[i].size, 40);
        assert_int_equal(plain->heard[i].word, ana->conf.participant << 16 | (uint16_t)(65001 + i));
        assert_int_equal(plain->heard[i].seq, (uint16_t)(plain->heard[0].seq + i));
        assert_int_equal(plain->heard[i].ts, plain->heard[0].ts + i * 960);
        assert_int_equal(red->heard[i].pt, 63);
        assert_int_equal(red->heard[i].size, i == 0 ? 41 : 4 + 40 + 1 + 40);
    }
}

/* A receiver report about slot 0: so many of 256 were lost. */
static void report_loss(struct rig_person *person, uint8_t fraction)
{
    uint8_t buffer[256];
    struct vr_rtcp_writer writer = vr_rtcp_writer(buffer, 200);
    struct vr_rtcp_report report = {.ssrc = VR_SLOT_SSRC, .fraction_lost = fraction, .lost = 1};

    vr_rtcp_write_rr(&writer, 77, &report, 1);
    assert_false(writer.failed);
    vr_client_raw(person->client, vr_bytes(buffer, writer.size), true);
    rig_pump(person->rig);
}

static const struct rig_heard *last_heard(const struct rig_person *person)
{
    assert_true(person->heard_count > 0);
    return &person->heard[(person->heard_count - 1) % RIG_HEARD];
}

/* Whoever tells of much loss gets two older frames with each packet, at distance 1 and 2; others
 * one. */
static void redundancy_follows_loss(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *lossy = rig_join(rig, (struct rig_wish){.red_receive = true});
    struct rig_person *calm = rig_join(rig, (struct rig_wish){.red_receive = true});
    struct rig_person *plain = rig_join(rig, (struct rig_wish){0});

    rig_talk(ana, 30, 5);
    assert_int_equal(last_heard(lossy)->blocks, 2);
    report_loss(lossy, 5); /* 1.95 % */
    report_loss(plain, 200);
    rig_talk(ana, 30, 2);
    assert_int_equal(last_heard(lossy)->blocks, 2);
    assert_int_equal(last_heard(plain)->blocks, 0);
    report_loss(lossy, 6); /* 2.3 % */
    for (uint32_t i = 0; i < 20; i++) {
        const struct rig_heard *got;

        rig_talk(ana, 30, 1);
        got = last_heard(lossy);
        assert_int_equal(got->blocks, 3);
        assert_int_equal(got->word, rig_word(ana));
        assert_int_equal(got->older[0].word, rig_word(ana) - 1);
        assert_int_equal(got->older[0].ts_offset, 960);
        assert_int_equal(got->older[1].word, rig_word(ana) - 2);
        assert_int_equal(got->older[1].ts_offset, 1920);
        assert_int_equal(last_heard(calm)->blocks, 2);
        assert_int_equal(last_heard(calm)->older[0].word, rig_word(ana) - 1);
    }
    for (uint32_t i = 0; i < 4; i++) { /* reports without loss, but not for long */
        rig_talk(ana, 30, 150);
        report_loss(lossy, 0);
        rig_checks(rig);
    }
    assert_int_equal(last_heard(lossy)->blocks, 3);
    rig_talk(ana, 30, 200);
    report_loss(lossy, 0);
    rig_checks(rig);
    rig_talk(ana, 30, 1);
    assert_int_equal(last_heard(lossy)->blocks, 2);
}

/* Nothing of another speaker, nothing over a hole, nothing from before a pause that the offset's 14
 * bits can't tell. */
static void redundancy_ends(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});
    struct rig_person *red = rig_join(rig, (struct rig_wish){.red_receive = true, .muted = true});

    rig_talk(ana, 30, 3);
    report_loss(red, 60);
    rig_talk(ana, 30, 2);
    assert_int_equal(last_heard(red)->blocks, 3);
    ana->ts += 960 * 7; /* a pause of 140 ms: told with its true distance */
    rig_advance(rig, VR_MS(140));
    rig_talk(ana, 30, 1);
    assert_int_equal(last_heard(red)->blocks, 3);
    assert_int_equal(last_heard(red)->older[0].ts_offset, 8 * 960);
    assert_int_equal(last_heard(red)->older[1].ts_offset, 9 * 960);
    ana->ts += 960 * 16; /* 340 ms and the frame itself: too far for the first, so none */
    rig_advance(rig, VR_MS(320));
    ana->ts += 960;
    rig_talk(ana, 30, 1);
    assert_int_equal(last_heard(red)->blocks, 1);
    rig_talk(ana, 30, 1);
    assert_int_equal(last_heard(red)->blocks, 2); /* its elder is 360 ms old */
    rig_talk(ana, 30, 2);
    assert_int_equal(last_heard(red)->blocks, 3);
    rig->hold = true; /* one lost on the way up */
    rig_say(ana, 30);
    rig->queue_count = 0;
    rig->hold = false;
    rig_advance(rig, VR_MS(20));
    rig_talk(ana, 30, 1);
    assert_int_equal(last_heard(red)->blocks, 1);
    rig_talk(ana, 30, 2);
    assert_int_equal(last_heard(red)->blocks, 3);
    rig_gate(ana->node, ana->conf.participant, 2, false, true, false);
    for (uint8_t i = 1; i <= 3; i++) { /* Ben takes over her slot at once */
        rig_talk(ben, 30, 1);
        assert_int_equal(last_heard(red)->slot, 0);
        assert_int_equal(last_heard(red)->participant, ben->conf.participant);
        assert_int_equal(last_heard(red)->blocks, i);
    }
}

/* BYE (RFC 3550, 6.6), also for another SSRC or with a broken tag. */
static void say_goodbye(struct rig_person *person, uint32_t ssrc, bool broken)
{
    struct rig *rig = person->rig;
    uint8_t buffer[256];
    struct vr_rtcp_writer writer = vr_rtcp_writer(buffer, 200);

    vr_rtcp_write_rr(&writer, ssrc, NULL, 0);
    vr_rtcp_write_bye(&writer, &ssrc, 1);
    assert_false(writer.failed);
    rig->hold = true;
    vr_client_raw(person->client, vr_bytes(buffer, writer.size), true);
    rig->hold = false;
    assert_int_equal(rig->queue_count, 1);
    rig->queue[0].data[rig->queue[0].size - 6] ^= broken;
    rig_pump(rig);
}

/* An authentic goodbye frees the slot at once; the transport stays. */
static void goodbye(void **state)
{
    struct rig *rig = *state;
    struct rig_person *people[6];
    const uint32_t ssrc = 1000; /* of the first person */

    for (int i = 0; i < 6; i++) {
        people[i] = rig_join(rig, (struct rig_wish){0});
    }
    for (int i = 0; i < 4; i++) {
        rig_talk(people[i], 30, 1);
    }
    for (int i = 0; i < 3; i++) {
        if (i == 0) {
            say_goodbye(people[0], ssrc, true);
        } else if (i == 1) {
            say_goodbye(people[0], ssrc + 50, false);
        } else { /* in another's name */
            say_goodbye(people[1], ssrc, false);
        }
        rig_say(people[4], 60); /* too quiet to take a slot from anybody */
        assert_int_equal(rig_heard_from(people[5], people[4]), 0);
    }
    say_goodbye(people[0], ssrc, false);
    assert_int_equal(people[0]->state, VR_PEER_UP);
    rig_say(people[4], 60);
    assert_int_equal(rig_heard_from(people[5], people[4]), 1);
    assert_int_equal(last_heard(people[5])->slot, 0);
    rig_talk(people[1], 30, 3);
    assert_int_equal(rig_heard_from(people[0], people[1]), 4); /* he still hears */
}

/* An offer without a sending section: its transport is no talker, whatever the gate says. */
static void receive_only(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *mute = rig_join(rig, (struct rig_wish){.no_sender = true});

    rig_talk(mute, 10, 20);
    assert_int_equal(ana->heard_count, 0);
    assert_int_equal(rig_stats(ana->node).gated, 20);
    assert_int_equal(ana->node->speakers_reports, 0);
    rig_talk(ana, 30, 5);
    assert_int_equal(rig_heard_from(mute, ana), 5);
}

/* A player with one receiving section hears whoever is the loudest, in one row of numbers. */
static void one_section(void **state)
{
    struct rig *rig = *state;
    struct rig_person *people[3];
    struct rig_person *player;

    for (int i = 0; i < 3; i++) {
        people[i] = rig_join(rig, (struct rig_wish){0});
    }
    player = rig_join(rig, (struct rig_wish){.slot_count = 1, .muted = true});
    for (int turn = 0; turn < 6; turn++) { /* each takes another slot of the room */
        rig_talk(people[turn % 3], 30, 20);
        rig_advance(rig, VR_MS(500));
    }
    assert_int_equal(player->heard_count, 6 * 20);
    for (uint32_t i = 0; i < player->heard_count; i++) {
        assert_int_equal(player->heard[i].slot, 0);
        assert_int_equal(player->heard[i].participant, people[i / 20 % 3]->conf.participant);
        if (i > 0) {
            assert_int_equal(player->heard[i].seq, (uint16_t)(player->heard[i - 1].seq + 1));
            assert_true((int32_t)(player->heard[i].ts - player->heard[i - 1].ts) > 0);
        }
    }
    assert_int_equal(people[0]->heard[21].slot, 2);
    rig_gate(player->node, people[2]->conf.participant, 9, false, true,
             false); /* muted: silent here too */
    rig_talk(people[2], 10, 5);
    assert_int_equal(player->heard_count, 6 * 20);
}

static void late_packet_fills(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});
    struct rig_datagram late;

    rig_talk(ana, 30, 5);
    rig->hold = true;
    rig_say(ana, 30);
    late = rig->queue[0];
    rig->queue_count = 0;
    rig->hold = false;
    rig_talk(ana, 30, 3);
    assert_int_equal(ben->heard[5].seq,
                     (uint16_t)(ben->heard[4].seq + 2)); /* the hole stays a hole */
    rig_deliver(rig, &late);
    rig_pump(rig);
    assert_int_equal(ben->heard_count, 9);
    assert_int_equal(ben->heard[8].seq, (uint16_t)(ben->heard[4].seq + 1));
    assert_int_equal(ben->heard[8].ts, ben->heard[4].ts + 960);
}

static void silence_is_left_out(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});
    uint32_t n;

    rig_talk(ana, 30, 10);
    rig_talk(ana, 127, 100);
    n = ben->heard_count;
    assert_in_range(n, 28, 32); /* 400 ms of hang-over */
    rig_talk(ana, 30, 10);
    assert_int_equal(ben->heard_count, n + 10);
    assert_int_equal(ben->heard[n].seq, (uint16_t)(ben->heard[n - 1].seq + 1));
    assert_int_equal(ben->heard[n].ts - ben->heard[n - 1].ts, (110 - n + 1) * 960);
}

static void rate_cap(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});

    for (int i = 0; i < 1000; i++) {
        rig_say(ana, 30);
    }
    assert_int_equal(rig_heard_from(ben, ana), 100);
    assert_int_equal(rig_stats(ana->node).rate_capped, 900);
}

/* A talker who cannot reach a slot costs no decryption but one in two thousand. */
static void unreachable_is_not_opened(void **state)
{
    struct rig *rig = *state;
    struct rig_person *people[5];
    uint64_t before;

    for (int i = 0; i < 5; i++) {
        people[i] = rig_join(rig, (struct rig_wish){0});
    }
    for (int i = 0; i < 4; i++) {
        rig_say(people[i], 20);
    }
    before = rig_stats(people[0]->node).not_chosen;
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 4; i++) {
            rig_say(people[i], 20);
        }
        rig_say(people[4], 60);
        rig_advance(rig, VR_MS(20));
    }
    assert_int_equal(rig_stats(people[0]->node).not_chosen - before, 100);
    assert_int_equal(rig_heard_from(people[0], people[4]), 0);
    for (int round = 0; round < 20; round++) { /* clearly louder: gets a slot within 20 packets */
        for (int i = 0; i < 4; i++) {
            rig_say(people[i], 40);
        }
        rig_say(people[4], 5);
        rig_advance(rig, VR_MS(20));
    }
    assert_true(rig_heard_from(people[0], people[4]) + rig_heard_from(people[1], people[4]) >= 10);
}

/* Silent over a wrap of his sequence numbers, never opened but for the first packet: still
 * understood. */
static void silent_over_a_wrap(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});

    rig_talk(ana, 127, 700);
    assert_int_equal(rig_heard_from(ben, ana), 0);
    rig_checks(rig);
    rig_talk(ana, 30, 5);
    assert_int_equal(rig_heard_from(ben, ana), 5);
}

static void speakers_are_told(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});
    uint32_t told;

    rig_talk(ana, 30, 20);
    assert_int_equal(ana->node->speakers_count, 1);
    assert_int_equal(ana->node->speakers[0].participant, ana->conf.participant);
    assert_true(ana->node->speakers[0].holds_slot);
    told = ana->node->speakers_reports;
    rig_talk(ana, 30, 100);
    assert_in_range(ana->node->speakers_reports - told, 1, 3);
    assert_in_range(ana->node->speakers[0].spoke_ms, 900, 1100);
    rig_advance(rig, VR_SECONDS(2));
    told = ana->node->speakers_reports;
    rig_advance(rig, VR_SECONDS(5)); /* silence is told once, then nothing */
    assert_int_equal(ana->node->speakers_reports, told);
    (void)ben;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(speaker_change),
        RIG_TEST(forged_level),
        RIG_TEST(reports),
        RIG_TEST(redundancy),
        RIG_TEST(redundancy_follows_loss),
        RIG_TEST(redundancy_ends),
        RIG_TEST(goodbye),
        RIG_TEST(receive_only),
        RIG_TEST(late_packet_fills),
        RIG_TEST(one_section),
        RIG_TEST(silence_is_left_out),
        RIG_TEST(rate_cap),
        RIG_TEST(unreachable_is_not_opened),
        RIG_TEST(silent_over_a_wrap),
        RIG_TEST(speakers_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
