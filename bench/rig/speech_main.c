/* voiceroom-speech: makes the speech of the bench, once: espeak-ng speaks, libopus encodes as a
 * browser would (20 ms, 32 kbit/s VBR, DTX), with pauses between the sentences.
 *
 *     voiceroom-speech FOLDER VOICES
 *
 * Writes FOLDER/voice-<n>.speech for n below VOICES; files that are there stay. */
#include <math.h>
#include <opus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/rig/speech.h"

#define RATE 24000 /* of the encoder; espeak-ng speaks at 22050 */
#define STEP 480   /* samples in 20 ms */
#define SECONDS_MAX 60

static const char *const accents[] = {"en-us", "en-gb", "en-gb-scotland", "en-029"};

/* Read aloud by every voice from another place on, so that no two speakers send the same bytes. */
static const char *const sentences[] = {
    "Good evening everybody, and welcome to the room.",
    "Tonight we talk about gardens, and about the people who keep them.",
    "I grew up next to an old orchard, where nobody had pruned a tree for thirty years.",
    "What would you do first, if it were yours?",
    "Well, I would wait one whole summer, and only look.",
    "Some of the oldest trees still carried the best fruit, and we nearly cut them down.",
    "That is a good point. Does anybody in the audience want to answer?",
    "Please raise your hand, and we will bring you on stage one after the other.",
    "The soil was heavy clay, so every winter we dug in leaves and straw.",
    "After five years it was dark and loose, and full of worms.",
    "My neighbour never believed in it, until he saw the beans.",
    "Let us take one more question before the break.",
};
#define SENTENCES (sizeof(sentences) / sizeof(sentences[0]))

struct sound {
    int16_t *samples;
    size_t count;
};

static void add_silence(struct sound *sound, double seconds)
{
    size_t wanted = (size_t)(seconds * RATE);

    while (wanted-- > 0 && sound->count < (size_t)SECONDS_MAX * RATE) {
        sound->samples[sound->count++] = 0;
    }
}

/* The 44 bytes of a WAV head, then 16 bit mono at 22050 Hz; linear interpolation is enough. */
static bool add_sentence(struct sound *sound, uint32_t voice, const char *text)
{
    static int16_t wave[22050 * 20];
    uint8_t head[44];
    char command[512];
    FILE *pipe;
    size_t got = 0;

    snprintf(command, sizeof(command), "espeak-ng -v %s+%c%u -s %u -a 120 --stdout \"%s\"",
             accents[voice % 4], voice % 2 == 0 ? 'f' : 'm', 1 + voice / 2 % 4, 150 + voice % 5 * 8,
             text);
    /* Every part of the command is a constant or a number of ours. */
    pipe = popen(command, "r"); // NOLINT(cert-env33-c)
    if (pipe == NULL) {
        return false;
    }
    if (fread(head, 1, sizeof(head), pipe) == sizeof(head)) {
        got = fread(wave, sizeof(int16_t), sizeof(wave) / sizeof(int16_t), pipe);
    }
    pclose(pipe);
    for (size_t i = 0; sound->count < (size_t)SECONDS_MAX * RATE; i++) {
        double at = (double)i * 22050 / RATE;
        size_t left = (size_t)at;

        if (left + 1 >= got) {
            break;
        }
        sound->samples[sound->count++] =
            (int16_t)(wave[left] + (at - (double)left) * (wave[left + 1] - wave[left]));
    }
    return got > 2205;
}

static uint8_t level_of(const int16_t *samples)
{
    double sum = 0;
    double level;

    for (int i = 0; i < STEP; i++) {
        sum += (double)samples[i] * samples[i];
    }
    level = sum == 0 ? 127 : -10 * log10(sum / STEP / (32768.0 * 32768.0));
    return level > 127 ? 127 : (uint8_t)level;
}

static bool encode(const struct sound *sound, FILE *out)
{
    int err;
    OpusEncoder *encoder = opus_encoder_create(RATE, 1, OPUS_APPLICATION_VOIP, &err);
    bool good = encoder != NULL;

    if (!good) {
        return false;
    }
    opus_encoder_ctl(encoder, OPUS_SET_BITRATE(32000));
    opus_encoder_ctl(encoder, OPUS_SET_VBR(1));
    opus_encoder_ctl(encoder, OPUS_SET_DTX(1));
    opus_encoder_ctl(encoder, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
    good = fputs(VR_SPEECH_MAGIC, out) >= 0;
    for (size_t at = 0; good && at + STEP <= sound->count; at += STEP) {
        uint8_t packet[1500];
        uint8_t head[3];
        int size = opus_encode(encoder, sound->samples + at, STEP, packet, sizeof(packet));

        size = size <= 2 ? 0 : size; /* libopus: need not be sent (DTX) */
        vr_put16(head, (uint16_t)size);
        head[2] = level_of(sound->samples + at);
        good = fwrite(head, 1, 3, out) == 3 && fwrite(packet, 1, (size_t)size, out) == (size_t)size;
    }
    opus_encoder_destroy(encoder);
    return good;
}

static bool make(const char *folder, uint32_t voice)
{
    struct sound sound = {calloc((size_t)SECONDS_MAX * RATE, sizeof(int16_t)), 0};
    char path[512], unfinished[520];
    struct stat there;
    bool good = sound.samples != NULL;
    FILE *out;

    snprintf(path, sizeof(path), "%s/voice-%u.speech", folder, voice);
    snprintf(unfinished, sizeof(unfinished), "%s.new", path);
    if (stat(path, &there) == 0) {
        free(sound.samples);
        return true;
    }
    for (uint32_t i = 0; good && i < SENTENCES; i++) {
        good = add_sentence(&sound, voice, sentences[(i + voice * 5) % SENTENCES]);
        add_silence(&sound, i % 3 == 2 ? 1.5 : 0.4);
    }
    out = good ? fopen(unfinished, "wb") : NULL;
    good = out != NULL && encode(&sound, out);
    good = (out == NULL || fclose(out) == 0) && good && rename(unfinished, path) == 0;
    free(sound.samples);
    return good;
}

int main(int argc, char **argv)
{
    uint32_t voices = argc == 3 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;

    if (voices == 0 || voices > 64) {
        fprintf(stderr, "usage: voiceroom-speech FOLDER VOICES\n");
        return 2;
    }
    mkdir(argv[1], 0777);
    for (uint32_t i = 0; i < voices; i++) {
        if (!make(argv[1], i)) {
            fprintf(stderr, "voiceroom-speech: voice %u could not be made\n", i);
            return 1;
        }
    }
    return 0;
}
