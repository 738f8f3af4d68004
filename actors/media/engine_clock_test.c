/* Goal: from a talker's sender reports and his answers to our questions a shard knows when what its
 * listeners hear was said, also when he is another shard's; and says nothing where it can't know.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/media/engine_rig.h"
#include "actors/messages/sound_clock.h"

#define ROUND_TRIP VR_MS(40)
#define IN_MICROPHONE VR_MS(80) /* sound that is not sent yet when he reports */

/* Questions wait half a round trip on their way, and half of it back. */
static struct {
    uint8_t id[12];
    int person;
    vr_time_us due; /* 0: none */
} asked[RIG_PEOPLE];
static bool answers;

static bool slow(struct rig *rig, const struct rig_datagram *d)
{
    if (d->to < 0 || d->size < 20 || d->data[0] != 0 || d->data[1] != 1) {
        return false;
    }
    if (asked[d->to].due == 0) {
        memcpy(asked[d->to].id, d->data + 8, 12);
        asked[d->to].due = rig->now + ROUND_TRIP;
    }
    return true;
}

static void answer_due(struct rig *rig)
{
    static const uint8_t head[] = {0x01, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42};
    uint8_t answer[20];

    for (int i = 0; i < RIG_PEOPLE; i++) {
        if (asked[i].due == 0 || asked[i].due > rig->now) {
            continue;
        }
        asked[i].due = 0;
        if (answers) {
            memcpy(answer, head, sizeof head);
            memcpy(answer + 8, asked[i].id, 12);
            rig_push(rig, -1, i, &rig->people[i]->path, vr_bytes(answer, sizeof answer));
            rig_pump(rig);
        }
    }
}

static int start(void **state)
{
    struct rig *rig = rig_new(11);

    rig_add_node(rig, 2);
    for (uint32_t i = 0; i < 2; i++) {
        struct vr_shard_set *set = vr_shard_set_new();

        set->epoch = set->version = 1;
        set->count = 2;
        set->shards[0] = 1;
        set->shards[1] = 2;
        vr_shard_set_shards(rig->nodes[i].shard, set);
    }
    memset(asked, 0, sizeof asked);
    answers = true;
    rig->lose = slow;
    *state = rig;
    return 0;
}

/* His clock is an hour off ours; RTP time goes with the microphone's. */
static void report(struct rig_person *person)
{
    uint8_t data[64];
    struct vr_rtcp_writer writer = vr_rtcp_writer(data, sizeof data);
    struct vr_rtcp_sender sender = {
        .ssrc = 1000,
        .ntp = vr_ntp_from_wall(person->rig->now + VR_SECONDS(1790003600)),
        .ts = person->ts + (uint32_t)(IN_MICROPHONE * 48 / 1000),
        .packets = 1,
    };

    vr_rtcp_write_sr(&writer, &sender, NULL, 0);
    vr_client_raw(person->client, vr_bytes(data, writer.size), true);
    rig_pump(person->rig);
}

static void talk(struct rig *rig, struct rig_person *person, vr_time_us time)
{
    for (vr_time_us end = rig->now + time; rig->now < end;) {
        rig_checks(rig);
        for (int i = 0; i < 25; i++) {
            rig_say(person, 20);
            rig_advance(rig, VR_MS(10));
            answer_due(rig);
            rig_advance(rig, VR_MS(10));
            answer_due(rig);
        }
    }
}

static struct vr_sound_clock clock_at(struct rig_person *listener)
{
    struct vr_sound_clock clock;

    vr_shard_sound_clock(listener->node->shard, listener->conf.peer, listener->rig->now, &clock);
    assert_int_equal(clock.now, listener->rig->now);
    return clock;
}

static uint32_t last_heard(const struct rig_person *person)
{
    return person->heard[(person->heard_count - 1) % RIG_HEARD].ts;
}

static void what_is_heard_was_said_then(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.asked = true});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){.asked = true});
    struct rig_person *cy = rig_join(rig, (struct rig_wish){.asked = true, .node = 1});
    struct vr_sound_clock near;
    struct vr_sound_clock far;

    talk(rig, ana, VR_SECONDS(2));
    near = clock_at(ben);
    assert_int_equal(near.slot_count, 1);
    assert_int_equal(near.talker_count, 0); /* no report yet */
    report(ana);
    talk(rig, ana, VR_SECONDS(1));

    near = clock_at(ben);
    assert_int_equal(near.slot_count, 1);
    assert_int_equal(near.slots[0].participant, ana->conf.participant);
    assert_int_equal(near.slots[0].shard, VR_SOUND_HERE);
    assert_int_equal(near.talker_count, 1);
    assert_int_equal(near.talkers[0].ts, ana->ts);
    assert_int_equal(near.talkers[0].ts + near.slots[0].ts_offset, last_heard(ben));
    /* As when he reported; and the report took half a round trip, as far as we know. */
    assert_in_range(near.talkers[0].ago_us, IN_MICROPHONE + ROUND_TRIP / 2 - VR_MS(1),
                    IN_MICROPHONE + ROUND_TRIP / 2 + VR_MS(1));

    far = clock_at(cy);
    assert_int_equal(far.talker_count, 0);
    assert_int_equal(far.slot_count, 1);
    assert_int_equal(far.slots[0].participant, ana->conf.participant);
    assert_int_equal(far.slots[0].shard, ana->node->number);
    assert_int_equal(near.talkers[0].ts + far.slots[0].ts_offset, last_heard(cy));
}

/* The edge reads answers in bunches: what they waited for that is no part of the way. */
static void what_an_answer_waited_is_not_counted(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.asked = true});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){.asked = true});
    struct vr_sound_clock clock;

    vr_engine_waited(ana->node->engine, VR_MS(20));
    talk(rig, ana, VR_SECONDS(2));
    report(ana);
    talk(rig, ana, VR_SECONDS(1));
    clock = clock_at(ben);
    assert_int_equal(clock.talker_count, 1);
    assert_in_range(clock.talkers[0].ago_us,
                    IN_MICROPHONE + (ROUND_TRIP - VR_MS(20)) / 2 - VR_MS(1),
                    IN_MICROPHONE + (ROUND_TRIP - VR_MS(20)) / 2 + VR_MS(1));
}

/* The clocks do not agree: the way is short, but known. */
static void an_answer_cannot_have_waited_longer_than_it_took(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.asked = true});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){.asked = true});
    struct vr_sound_clock clock;

    vr_engine_waited(ana->node->engine, ROUND_TRIP + VR_MS(5));
    talk(rig, ana, VR_SECONDS(2));
    report(ana);
    talk(rig, ana, VR_SECONDS(1));
    clock = clock_at(ben);
    assert_int_equal(clock.talker_count, 1);
    assert_in_range(clock.talkers[0].ago_us, IN_MICROPHONE - VR_MS(1), IN_MICROPHONE + VR_MS(1));
}

static void another_speaker_on_the_slot_is_another_matter(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.asked = true});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){.asked = true});
    struct rig_person *cy = rig_join(rig, (struct rig_wish){.asked = true});
    struct vr_sound_clock clock;

    talk(rig, ana, VR_SECONDS(2));
    report(ana);
    rig_gate(ana->node, ana->conf.participant, 2, false, true, false); /* muted: his slot is free */
    talk(rig, ben, VR_SECONDS(1));
    clock = clock_at(cy);
    assert_int_equal(clock.slot_count, 1);
    assert_int_equal(clock.slots[0].participant, ben->conf.participant);
    assert_null(vr_sound_talker_of(&clock, ben->conf.participant));
    assert_null(vr_sound_talker_of(&clock, ana->conf.participant)); /* he may not speak */
}

static void who_never_answered_is_not_timed(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.asked = true});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){.asked = true});

    answers = false;
    talk(rig, ana, VR_SECONDS(2));
    report(ana);
    talk(rig, ana, VR_SECONDS(1));
    assert_int_equal(clock_at(ben).slot_count, 1);
    assert_int_equal(clock_at(ben).talker_count, 0);
}

static void a_stranger_gets_no_slots(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.asked = true});
    struct vr_sound_clock clock;

    talk(rig, ana, VR_SECONDS(2));
    report(ana);
    vr_shard_sound_clock(ana->node->shard, (struct vr_id){9, 9}, rig->now, &clock);
    assert_int_equal(clock.slot_count, 0);
    assert_int_equal(clock.talker_count, 1);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, rig_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_heard_was_said_then),
        TEST(what_an_answer_waited_is_not_counted),
        TEST(an_answer_cannot_have_waited_longer_than_it_took),
        TEST(another_speaker_on_the_slot_is_another_matter),
        TEST(who_never_answered_is_not_timed),
        TEST(a_stranger_gets_no_slots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
