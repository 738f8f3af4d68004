/* Goal: an engine dies at any moment and another goes on over its memory: nobody hears it, no SRTP
 * index is used twice, nothing that was here comes again, and who was muted stays so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "actors/media/keep_rig.h"
#include "actors/media/kept.h"

#define KEEP_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static int set_up(void **state)
{
    *state = keep_rig_new(11, false, VR_PACK_OFF);
    return 0;
}

static int tear_down(void **state)
{
    keep_rig_free(*state);
    return 0;
}

/* What a listener has of a speaker: one row of numbers without hole, each 20 ms behind the other.
 */
static void assert_smooth(const struct rig_person *listener, const struct rig_person *speaker,
                          uint32_t said)
{
    const struct rig_heard *last = NULL;
    uint32_t heard = 0;

    for (uint32_t i = 0; i < listener->heard_count; i++) {
        const struct rig_heard *now = &listener->heard[i];

        if (now->participant != speaker->conf.participant) {
            continue;
        }
        if (last != NULL) {
            assert_int_equal(now->slot, last->slot);
            assert_int_equal(now->seq, (uint16_t)(last->seq + 1));
            assert_int_equal(now->ts, last->ts + 960);
            assert_int_equal(now->word & 0xffff, (uint16_t)(last->word + 1));
            assert_false(now->marker);
        }
        last = now;
        heard++;
    }
    assert_int_equal(heard, said);
}

/* Nothing is decrypted anew, no state is told, no check is waited for: the next packet goes
 * through. */
static void nobody_hears_it(void **state)
{
    struct keep_rig *keep = *state;
    struct rig *rig = keep->rig;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.red = true});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){.profiles = "SRTP_AES128_CM_SHA1_80"});
    struct rig_person *cleo = rig_join(rig, (struct rig_wish){.slot_count = 1});

    for (uint32_t i = 0; i < 20; i++) {
        rig_talk(ana, 20, 7);
        keep_kill(keep);
        assert_int_equal(keep->found, VR_KEEP_GOES_ON);
        assert_int_equal(keep_restored(keep).peers, 3);
        assert_int_equal(keep_restored(keep).torn, 0);
        if (i % 5 == 0) {
            rig_advance(rig, VR_SECONDS(1));
            rig_checks(rig);
        }
    }
    rig_talk(ana, 20, 7);
    rig_advance(rig, VR_SECONDS(10));
    assert_int_equal(rig_heard_from(ben, ana), 147);
    assert_int_equal(rig_heard_from(cleo, ana), 147);
    for (uint32_t i = 1; i < 147; i++) {
        assert_int_equal(ben->heard[i].seq, (uint16_t)(ben->heard[i - 1].seq + 1));
        assert_int_equal(cleo->heard[i].seq, (uint16_t)(cleo->heard[i - 1].seq + 1));
    }
    assert_int_equal(ana->states, 1 << VR_PEER_CHECKED | 1 << VR_PEER_UP);
    assert_int_equal(keep->twice + keep->repeated, 0);
    assert_int_equal(rig_stats(ana->node).srtp_rejected_auth, 0);
}

static void numbers_go_on(void **state)
{
    struct keep_rig *keep = *state;
    struct rig *rig = keep->rig;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){.profiles = "SRTP_AES128_CM_SHA1_80"});
    struct rig_person *cleo = rig_join(rig, (struct rig_wish){0});

    for (uint32_t i = 0; i < 60; i++) {
        for (uint32_t k = 0; k < 10; k++) {
            rig_say(ana, 20);
            rig_say(ben, 20);
            rig_advance(rig, VR_MS(20));
        }
        keep_kill(keep);
        rig_checks(rig);
    }
    assert_smooth(cleo, ana, 600); /* ana's own numbers wrapped among them */
    assert_smooth(cleo, ben, 600);
    assert_smooth(ana, ben, 600);
    assert_smooth(ben, ana, 600);
    assert_int_equal(keep->twice + keep->repeated, 0);
}

/* Twice around in both directions, so that nobody could guess a rollover counter. */
static void rollover_counters(void **state)
{
    struct keep_rig *keep = *state;
    struct rig *rig = keep->rig;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){.profiles = "SRTP_AES128_CM_SHA1_80"});
    struct rig_person *late;
    uint32_t said = 0;

    for (uint32_t i = 0; i < 140000; i++) {
        rig_say(ana, 20);
        said++;
        rig->now += VR_MS(20);
        if (i % 500 == 0) {
            rig_checks(rig);
        }
        if (i % 16384 == 16383) {
            keep_kill(keep);
        }
        if (ana->seq == 0xffff || ana->seq == 0 || ana->seq == 1) {
            keep_kill(keep);
        }
    }
    assert_int_equal(ben->heard_count, said);
    late = rig_join(rig, (struct rig_wish){0}); /* his counter begins at 0, the others' is 2 */
    keep_kill(keep);
    rig_talk(ana, 20, 50);
    assert_int_equal(late->heard_count, 50);
    assert_int_equal(ben->heard_count, said + 50);
    assert_true(keep->highest[1][0] > 65536 * 3);
    assert_int_equal(keep->twice + keep->repeated, 0);
}

static struct rig_datagram taped[256];
static uint32_t taped_count;

static bool tape(struct rig *rig, const struct rig_datagram *d)
{
    (void)rig;
    if (d->to < 0 && d->data[0] >= 128 && taped_count < 256) {
        taped[taped_count++] = *d;
    }
    return false;
}

static void nothing_comes_again(void **state)
{
    struct keep_rig *keep = *state;
    struct rig *rig = keep->rig;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){.profiles = "SRTP_AES128_CM_SHA1_80"});
    uint64_t rejected;

    taped_count = 0;
    keep->lose = tape;
    for (uint32_t i = 0; i < 60; i++) { /* over a wrap of ana's numbers, when it is one */
        rig_say(ana, 20);
        rig_say(ben, 20);
        rig_advance(rig, VR_MS(20));
    }
    for (uint32_t i = 0; i < 3; i++) {
        vr_client_report(ana->client, VR_SLOT_SSRC, 0, 0);
        vr_client_report(ben->client, VR_SLOT_SSRC, 0, 0);
        rig_pump(rig);
    }
    assert_int_equal(taped_count, 126);
    keep->lose = NULL;
    keep_kill(keep);
    for (uint32_t i = 0; i < taped_count; i++) {
        rig->now += VR_MS(10); /* below the cap of the rate */
        rig_deliver(rig, &taped[i]);
        rig_pump(rig);
    }
    rejected = rig_stats(ana->node).srtp_rejected_replay;
    assert_int_equal(rejected, 126);
    assert_int_equal(rig_stats(ana->node).rtcp_in, 0);
    assert_int_equal(rig_heard_from(ana, ben), 60);
    assert_int_equal(rig_heard_from(ben, ana), 60);
    rig_talk(ana, 20, 10);
    vr_client_report(ana->client, VR_SLOT_SSRC, 0, 0);
    rig_pump(rig);
    assert_int_equal(rig_heard_from(ben, ana), 70);
    assert_int_equal(rig_stats(ana->node).rtcp_in, 1);
}

static void reports_go_on(void **state)
{
    struct keep_rig *keep = *state;
    struct rig *rig = keep->rig;
    struct rig_person *ana = rig_join(rig, (struct rig_wish){0});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){.profiles = "SRTP_AES128_CM_SHA1_80"});
    struct vr_client_stats stats;

    for (uint32_t i = 0; i < 8; i++) {
        uint32_t before = ana->rtcp_sr + ana->rtcp_rr;
        uint32_t bens = ben->rtcp_sr + ben->rtcp_rr;

        for (uint32_t k = 0; k < 12; k++) {
            rig_talk(ana, 20, 50);
            rig_checks(rig);
        }
        assert_true(ana->rtcp_sr + ana->rtcp_rr > before);
        assert_true(ben->rtcp_sr + ben->rtcp_rr > bens);
        keep_kill(keep);
    }
    vr_client_stats(ana->client, &stats);
    assert_int_equal(stats.rejected, 0);
    vr_client_stats(ben->client, &stats);
    assert_int_equal(stats.rejected, 0);
    assert_true(keep->rtcp_out > 32);
    assert_int_equal(keep->twice + keep->repeated, 0);
}

struct to_wake {
    uint32_t count, shard;
    struct vr_id room;
};

static void on_kept_shard(void *ctx, struct vr_id room, uint32_t shard)
{
    struct to_wake *to_wake = ctx;

    to_wake->count++;
    to_wake->room = room;
    to_wake->shard = shard;
}

/* What a node wakes before its loops run: shards in which people are, as long as nobody has them.
 */
static void shards_with_people_are_named(void **state)
{
    struct keep_rig *keep = *state;
    struct rig_node *node = &keep->rig->nodes[0];
    const struct vr_shard_conf empty = {
        .room = {3, 4}, .number = 1, .slots = 4, .ops = &rig_ops, .ctx = node};
    struct vr_shard *nobodys = NULL;
    struct to_wake found = {0};

    rig_join(keep->rig, (struct rig_wish){0});
    rig_join(keep->rig, (struct rig_wish){0});
    assert_int_equal(vr_shard_open(node->engine, &empty, &nobodys), VR_OK);
    keep_bury(keep);
    keep_open(keep);
    const struct vr_engine_conf conf = {.random = &keep->rig->random.random,
                                        .identity = keep->rig->identity,
                                        .peers_max = 64,
                                        .keep = keep->rig->keep,
                                        .now = keep->rig->now};
    assert_int_equal(vr_engine_new(&conf, &node->engine), VR_OK);
    vr_engine_kept_shards(node->engine, on_kept_shard, &found);
    assert_int_equal(keep_restored(keep).shards, 2);
    assert_int_equal(found.count, 1);
    assert_true(vr_id_equal(found.room, (struct vr_id){1, 2}));
    assert_int_equal(found.shard, node->number);
    keep_bury(keep);
    keep_rise(keep);
    vr_engine_kept_shards(node->engine, on_kept_shard, &found);
    assert_int_equal(found.count, 1); /* it has its actor */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEEP_TEST(nobody_hears_it),   KEEP_TEST(numbers_go_on),
        KEEP_TEST(rollover_counters), KEEP_TEST(nothing_comes_again),
        KEEP_TEST(reports_go_on),     KEEP_TEST(shards_with_people_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
