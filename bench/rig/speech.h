/* speech.h - real Opus speech for the bench: VBR, DTX and pauses, made once by voiceroom-speech.
 *
 * A file of 20 ms steps. A step without bytes is one in which nobody sends (DTX). */
#ifndef VR_BENCH_SPEECH_H
#define VR_BENCH_SPEECH_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"

#define VR_SPEECH_MAGIC "VRSPEECH1\n"
#define VR_SPEECH_TICKS 960 /* of a step, 48 kHz */
#define VR_SPEECH_STEP_US 20000
/* At this level or louder a step is speech for sure (RFC 6464, -dBov). */
#define VR_SPEECH_LOUD 60

struct vr_speech_step {
    const uint8_t *opus;
    uint16_t size; /* 0: nothing is sent */
    uint8_t level;
    bool marker; /* first one after a pause */
};

struct vr_speech {
    struct vr_speech_step *steps;
    uint32_t count;
    uint8_t *bytes;
};

/** Reads `<folder>/voice-<number>.speech`. False, with a line on stderr, when it cannot. */
bool vr_speech_load(struct vr_speech *speech, const char *folder, uint32_t number);
void vr_speech_deinit(struct vr_speech *speech);

/** Frames in an Opus packet (RFC 6716, 3.2), borrowed; 0: not Opus. */
#define VR_SPEECH_FRAMES_MAX 48
uint32_t vr_speech_frames(struct vr_bytes packet, struct vr_bytes out[VR_SPEECH_FRAMES_MAX]);

#endif
