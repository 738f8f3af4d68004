/* Goal: a decoded packet's loudness is what RFC 6464 would have said, and a sender without the
 * level extension is heard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <opus/opus.h>

#include "actors/media/engine_rig.h"
#include "actors/media/level_meter.h"

/* A 440 Hz tone of this amplitude, one packet of 20 ms. */
static size_t tone(OpusEncoder *encoder, double amplitude, uint8_t *out, size_t capacity)
{
    static uint32_t at;
    float samples[960];

    for (int i = 0; i < 960; i++) {
        samples[i] = (float)(amplitude * sin(2 * M_PI * 440 * (at++) / 48000.0));
    }
    return (size_t)opus_encode_float(encoder, samples, 960, out, (opus_int32)capacity);
}

static void levels(void **state)
{
    static const struct {
        double amplitude;
        int expected; /* a sine is 3 dB below the square wave of the same peak */
    } cases[] = {{1.0, 3}, {0.1, 23}, {0.01, 43}, {0.001, 63}};
    int error;
    OpusEncoder *encoder = opus_encoder_create(48000, 1, OPUS_APPLICATION_AUDIO, &error);
    struct vr_level_meter *meter = vr_level_meter_new();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t packet[400];
        uint8_t level = 0;

        for (int k = 0; k < 10; k++) {
            size_t size = tone(encoder, cases[i].amplitude, packet, sizeof packet);

            level = vr_level_meter_measure(meter, vr_bytes(packet, size));
        }
        assert_in_range(level, cases[i].expected < 2 ? 0 : cases[i].expected - 2,
                        cases[i].expected + 2);
    }
    assert_int_equal(vr_level_meter_measure(meter, vr_bytes(NULL, 0)), 127);
    assert_int_equal(vr_level_meter_measure(meter, vr_bytes("\xff\xff", 2)), 127); /* no Opus */
    opus_encoder_destroy(encoder);
    vr_level_meter_free(meter);
    vr_level_meter_free(NULL);
}

static void heard_without_the_extension(void **state)
{
    struct rig *rig = rig_new(1);
    struct rig_person *ana = rig_join(rig, (struct rig_wish){.no_level = true});
    struct rig_person *ben = rig_join(rig, (struct rig_wish){0});
    int error;
    OpusEncoder *encoder = opus_encoder_create(48000, 1, OPUS_APPLICATION_VOIP, &error);

    (void)state;
    for (uint32_t i = 0; i < 60; i++) {
        uint8_t packet[400];
        /* silence, speech, silence */
        size_t size = tone(encoder, i >= 20 && i < 40 ? 0.1 : 0, packet, sizeof packet);

        vr_client_speak(ana->client, &(struct vr_client_packet){.seq = ++ana->seq,
                                                                .ts = ana->ts += 960,
                                                                .payload = {packet, size}});
        rig_pump(rig);
        rig_advance(rig, VR_MS(20));
        if (i == 19) {
            assert_int_equal(rig_heard_from(ben, ana), 0);
        }
    }
    /* One packet in five is measured: the start may be four packets late, the hang-over adds 20. */
    assert_in_range(rig_heard_from(ben, ana), 16, 44);
    assert_in_range(ben->heard[5].level, 15, 40); /* and listeners are told a level */
    opus_encoder_destroy(encoder);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels),
        cmocka_unit_test(heard_without_the_extension),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
