/* Goal: with media_pack: auto frames are packed where an audience is large, or the worker is busy,
 * from the bounds on that the documents name, and not at every change around them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define RIG_PEOPLE 512
#define RIG_PEERS 512
#include "actors/media/engine_rig.h"

static struct rig *rig;
static struct rig_person *ana, *ear;

static void say(void)
{
    uint8_t payload[41] = {0x78}; /* hybrid, full band, 20 ms, mono, one frame */

    ana->seq++;
    ana->ts += 960;
    vr_put16(payload + 1, ana->seq);
    vr_client_speak(ana->client, &(struct vr_client_packet){.seq = ana->seq,
                                                            .ts = ana->ts,
                                                            .level = 20,
                                                            .payload = {payload, sizeof payload}});
    rig_pump(rig);
    rig_advance(rig, VR_MS(20));
}

/* Frames to a packet: what is decided begins after a pause, and at the latest with its third tick.
 */
static uint32_t frames_to_a_packet(void)
{
    rig_advance(rig, VR_MS(1500));
    rig_checks(rig);
    ear->heard_count = 0;
    for (uint32_t i = 0; i < 12; i++) {
        say();
    }
    assert_true(ear->heard_count > 0);
    assert_int_equal(12 % ear->heard_count, 0);
    return 12 / ear->heard_count;
}

static void listeners_until(uint32_t count)
{
    while (rig->people_count < count + 1) {
        rig_join(rig, (struct rig_wish){.pack60 = true, .muted = true});
        if (rig->people_count % 64 == 0) {
            rig_checks(rig);
        }
    }
}

static int start(void **state)
{
    (void)state;
    rig = rig_new_with(29, false, VR_PACK_AUTO);
    ana = rig_join(rig, (struct rig_wish){0});
    ear = rig_join(rig, (struct rig_wish){.pack60 = true, .muted = true});
    return 0;
}

static int stop(void **state)
{
    (void)state;
    rig_free(rig);
    return 0;
}

static void a_busy_worker_packs_by_six(void **state)
{
    struct vr_engine *engine = rig->nodes[0].engine;

    (void)state;
    listeners_until(98); /* and ana, who hears as well */
    vr_engine_set_load(engine, 100);
    assert_int_equal(frames_to_a_packet(), 1);
    listeners_until(99);
    vr_engine_set_load(engine, 74);
    assert_int_equal(frames_to_a_packet(), 1);
    vr_engine_set_load(engine, 75);
    assert_int_equal(frames_to_a_packet(), 6);
    vr_engine_set_load(engine, 55);
    assert_int_equal(frames_to_a_packet(), 6);
    vr_engine_set_load(engine, 54);
    assert_int_equal(frames_to_a_packet(), 1);
}

static void a_large_audience_is_packed_by_three(void **state)
{
    struct vr_shard *shard = rig->nodes[0].shard;

    (void)state;
    listeners_until(498);
    assert_int_equal(frames_to_a_packet(), 1);
    listeners_until(499);
    assert_int_equal(frames_to_a_packet(), 3);
    for (uint32_t i = 0; i < 125; i++) { /* 375 are left */
        vr_shard_peer_close(shard, rig->people[rig->people_count - 1 - i]->conf.peer);
    }
    assert_int_equal(frames_to_a_packet(), 3);
    vr_shard_peer_close(shard, rig->people[rig->people_count - 126]->conf.peer);
    assert_int_equal(frames_to_a_packet(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_busy_worker_packs_by_six, start, stop),
        cmocka_unit_test_setup_teardown(a_large_audience_is_packed_by_three, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
