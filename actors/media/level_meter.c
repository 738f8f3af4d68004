/* level_meter.c - libopus at home. */
#include "actors/media/level_meter.h"

#include <math.h>
#include <opus/opus.h>
#include <stdlib.h>

#define RATE 16000 /* enough for a loudness */
#define SAMPLES_MAX (RATE * 120 / 1000)

struct vr_level_meter {
    OpusDecoder *decoder;
};

struct vr_level_meter *vr_level_meter_new(void)
{
    struct vr_level_meter *meter = calloc(1, sizeof *meter);
    int error;

    if (meter == NULL) {
        return NULL;
    }
    meter->decoder = opus_decoder_create(RATE, 1, &error);
    if (meter->decoder == NULL) {
        free(meter);
        return NULL;
    }
    return meter;
}

void vr_level_meter_free(struct vr_level_meter *meter)
{
    if (meter != NULL) {
        opus_decoder_destroy(meter->decoder);
        free(meter);
    }
}

uint8_t vr_level_meter_measure(struct vr_level_meter *meter, struct vr_bytes opus)
{
    float samples[SAMPLES_MAX];
    double square = 0;
    double level;
    int count;

    if (opus.size == 0 || opus.size > 4000) {
        return 127;
    }
    count = opus_decode_float(meter->decoder, opus.data, (opus_int32)opus.size, samples,
                              SAMPLES_MAX, 0);
    if (count <= 0) {
        return 127;
    }
    for (int i = 0; i < count; i++) {
        square += (double)samples[i] * samples[i];
    }
    square /= count;
    if (!(square > 1e-13)) { /* -130 dB, and NaN */
        return 127;
    }
    /* RFC 6464, 3: dB below the overload point, here a square wave of full scale. */
    level = -10 * log10(square);
    return level < 0 ? 0 : level > 127 ? 127 : (uint8_t)lround(level);
}
