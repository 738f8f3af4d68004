/* Goal: an engine finds who does not hear it, within two seconds, and has it repaired: a few at
 * once, not everybody when our own network was away; and it asks nobody who could not answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/media/engine_rig.h"

/* People with these paths: whether they answer, and whether anything reaches them. */
static bool answers[RIG_PEOPLE];
static bool reached[RIG_PEOPLE];
static uint32_t questions[RIG_PEOPLE];

/* Stands between engine and clients: answers questions as a browser's ICE does. */
static bool between(struct rig *rig, const struct rig_datagram *d)
{
    static const uint8_t head[] = {0x01, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42};
    uint8_t answer[20];

    if (d->to < 0) {
        return false;
    }
    if (!reached[d->to]) {
        return true;
    }
    if (d->size < 20 || d->data[0] != 0 || d->data[1] != 1) {
        return false;
    }
    questions[d->to]++;
    if (answers[d->to]) {
        memcpy(answer, head, sizeof head);
        memcpy(answer + 8, d->data + 8, 12);
        rig_push(rig, -1, d->to, &rig->people[d->to]->path, vr_bytes(answer, sizeof answer));
    }
    return true;
}

static int set_up(void **state)
{
    for (uint32_t i = 0; i < RIG_PEOPLE; i++) {
        answers[i] = reached[i] = true;
        questions[i] = 0;
    }
    (void)rig_set_up(state);
    ((struct rig *)*state)->lose = between;
    return 0;
}

/* Ana speaks, checks come from all as a browser sends them. */
static void pass(struct rig *rig, struct rig_person *ana, vr_time_us time)
{
    for (vr_time_us end = rig->now + time; rig->now < end;) {
        rig_checks(rig);
        rig_talk(ana, 20, 25);
    }
}

static void a_deaf_one_is_found_and_repaired(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.asked = true});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){.asked = true});
    struct rig_person *cy = rig_join(rig, (struct rig_wish){.asked = true});
    vr_time_us start;

    pass(rig, ana, VR_SECONDS(5));
    assert_in_range(questions[1], 4, 6);
    reached[1] = false;
    start = rig->now;
    while (ben->repairs == 0) {
        pass(rig, ana, VR_MS(100));
        assert_true(rig->now - start <= VR_SECONDS(2) + VR_MS(500)); /* looked at every 500 ms */
    }
    assert_int_equal(ben->repair, VR_REPAIR_RESTART);
    pass(rig, ana, VR_SECONDS(1));
    assert_int_equal(rig_stats(ben->node).found_deaf, 1);
    assert_int_equal(ana->repairs + cy->repairs, 0);
    reached[1] = true;
    pass(rig, ana, VR_SECONDS(3));
    assert_int_equal(ben->repairs, 1);
    assert_int_equal(rig_stats(ben->node).repairs_restart, 1);
    assert_int_equal(rig_stats(ben->node).repairs_cured, 1);
    assert_int_equal(rig_stats(ben->node).repairs_rebuild, 0);
}

static void not_cured_is_rebuilt(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.asked = true});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){.asked = true});

    pass(rig, ana, VR_SECONDS(3));
    reached[1] = false;
    pass(rig, ana, VR_SECONDS(12));
    assert_int_equal(ben->repairs, 2);
    assert_int_equal(ben->repair, VR_REPAIR_REBUILD);
    assert_int_equal(ben->repair_for, VR_HEARING_DEAF);
}

static void who_cannot_answer_is_left_alone(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0}); /* no password is known */
    struct rig_person *ben = rig_join(rig, (struct rig_wish){.asked = true});

    answers[1] = false;
    pass(rig, ana, VR_SECONDS(40));
    assert_int_equal(questions[0], 0);
    assert_in_range(questions[1], 8, 30);
    assert_int_equal(ben->repairs, 0);
    assert_int_equal(rig_stats(ben->node).found_deaf, 0);
}

/* Nobody is reached any more: that is us, and a storm of restarts would not help. */
static void all_at_once_are_repaired_few_at_a_time(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.asked = true});
    uint32_t asked = 0;

    while (rig->people_count < RIG_PEOPLE) {
        (void)rig_join(rig, (struct rig_wish){.asked = true, .no_sender = true});
    }
    pass(rig, ana, VR_SECONDS(4));
    for (uint32_t i = 1; i < RIG_PEOPLE; i++) {
        reached[i] = false;
    }
    pass(rig, ana, VR_SECONDS(2));
    for (uint32_t i = 1; i < RIG_PEOPLE; i++) {
        asked += rig->people[i]->repairs;
    }
    assert_in_range(asked, 5, 13); /* of 15 */
    assert_int_equal(rig_stats(ana->node).found_away + rig_stats(ana->node).found_deaf > 14, true);
}

static void a_diagnosis_says_it(void **state)
{
    struct rig *rig = *state;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.asked = true});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){.asked = true});
    struct vr_buf json = {0};
    char want[64];

    pass(rig, ana, VR_SECONDS(5));
    reached[1] = false;
    pass(rig, ana, VR_SECONDS(3));
    vr_shard_diagnosis(ben->node->shard, rig->now, &json);
    vr_buf_append(&json, "", 1);
    assert_false(json.failed);
    snprintf(want, sizeof want, "{\"speaking\":[{\"participant\":%u,\"slot\":0}]",
             ana->conf.participant);
    assert_non_null(strstr((const char *)json.data, want));
    snprintf(want, sizeof want, "\"listeners\":[{\"participant\":%u,", ben->conf.participant);
    assert_non_null(strstr((const char *)json.data, want)); /* the broken one first */
    assert_non_null(strstr((const char *)json.data, "\"hearing\":\"deaf\",\"by\":\"path\""));
    assert_non_null(strstr((const char *)json.data, "\"deaf\":1"));
    assert_non_null(strstr((const char *)json.data, "\"last_repair\":\"restart running\""));
    vr_buf_deinit(&json);
}

/* As `pass`, but what is said are frames of Opus that can be packed. */
static void pass_opus(struct rig *rig, struct rig_person *ana, vr_time_us time)
{
    static const uint8_t frame[40] = {0x78};

    for (vr_time_us end = rig->now + time; rig->now < end;) {
        rig_checks(rig);
        for (uint32_t i = 0; i < 25; i++) {
            ana->seq++;
            ana->ts += 960;
            vr_client_speak(ana->client, &(struct vr_client_packet){.seq = ana->seq,
                                                                    .ts = ana->ts,
                                                                    .level = 20,
                                                                    .payload = {frame, 40}});
            rig_pump(rig);
            rig_advance(rig, VR_MS(20));
        }
    }
}

/* Asked each fourth second he costs less than half; who gets his speech frame by frame, in the same
 * room, is asked each second. */
static void who_is_packed_is_asked_seldom_and_found_all_the_same(void **state)
{
    struct rig *rig = rig_new_with(7, false, VR_PACK_6);
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.asked = true});
    struct rig_person *ben =
        rig_join(rig, (struct rig_wish){.asked = true, .pack60 = true, .muted = true});
    struct rig_person *cy = rig_join(rig, (struct rig_wish){.asked = true, .muted = true});
    uint32_t before[3];
    vr_time_us start;

    rig_free(*state);
    *state = rig;
    rig->lose = between;
    pass_opus(rig, ana, VR_SECONDS(4));
    assert_true(rig_stats(ben->node).packs > 0);
    memcpy(before, questions, sizeof before);
    pass_opus(rig, ana, VR_SECONDS(12));
    assert_in_range(questions[1] - before[1], 2, 4);
    assert_in_range(questions[2] - before[2], 11, 13);
    reached[1] = false;
    start = rig->now;
    while (ben->repairs == 0) {
        pass_opus(rig, ana, VR_MS(100));
        assert_true(rig->now - start <= VR_SECONDS(5) + VR_MS(500));
    }
    assert_int_equal(ben->repair, VR_REPAIR_RESTART);
    assert_int_equal(rig_stats(ben->node).found_deaf, 1);
    assert_int_equal(ana->repairs + cy->repairs, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_deaf_one_is_found_and_repaired),
        TEST(not_cured_is_rebuilt),
        TEST(who_cannot_answer_is_left_alone),
        TEST(all_at_once_are_repaired_few_at_a_time),
        TEST(a_diagnosis_says_it),
        TEST(who_is_packed_is_asked_seldom_and_found_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
