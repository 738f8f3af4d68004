#include "bench/rig/speech.h"

#include <opus.h>
#include <stdio.h>
#include <stdlib.h>

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL;
    long end;

    if (file == NULL) {
        return NULL;
    }
    if (fseek(file, 0, SEEK_END) == 0 && (end = ftell(file)) > 0 && fseek(file, 0, SEEK_SET) == 0) {
        *size = (size_t)end;
        bytes = malloc(*size);
        if (bytes != NULL && fread(bytes, 1, *size, file) != *size) {
            free(bytes);
            bytes = NULL;
        }
    }
    fclose(file);
    return bytes;
}

/* Each step: two bytes of size, one of level, then the packet. */
static bool read_steps(struct vr_speech *speech, size_t size)
{
    size_t at = strlen(VR_SPEECH_MAGIC);
    bool silent = true;

    if (size < at || memcmp(speech->bytes, VR_SPEECH_MAGIC, at) != 0) {
        return false;
    }
    speech->steps = calloc(size / 3 + 1, sizeof(*speech->steps));
    while (speech->steps != NULL && at + 3 <= size) {
        struct vr_speech_step *step = &speech->steps[speech->count];

        step->size = vr_get16(speech->bytes + at);
        step->level = speech->bytes[at + 2];
        step->opus = speech->bytes + at + 3;
        at += 3 + (size_t)step->size;
        if (at > size) {
            return false;
        }
        step->marker = silent && step->size > 0;
        silent = step->size == 0;
        speech->count++;
    }
    return speech->count > 50;
}

bool vr_speech_load(struct vr_speech *speech, const char *folder, uint32_t number)
{
    char path[512];
    size_t size = 0;

    *speech = (struct vr_speech){0};
    snprintf(path, sizeof(path), "%s/voice-%u.speech", folder, number);
    speech->bytes = read_file(path, &size);
    if (speech->bytes == NULL || !read_steps(speech, size)) {
        fprintf(stderr, "voiceroom-bench: %s holds no speech (voiceroom-speech makes it)\n", path);
        vr_speech_deinit(speech);
        return false;
    }
    return true;
}

void vr_speech_deinit(struct vr_speech *speech)
{
    free(speech->steps);
    free(speech->bytes);
    *speech = (struct vr_speech){0};
}

uint32_t vr_speech_frames(struct vr_bytes packet, struct vr_bytes out[VR_SPEECH_FRAMES_MAX])
{
    const unsigned char *frames[VR_SPEECH_FRAMES_MAX];
    opus_int16 sizes[VR_SPEECH_FRAMES_MAX];
    int count = opus_packet_parse(packet.data, (opus_int32)packet.size, NULL, frames, sizes, NULL);

    for (int i = 0; i < count; i++) {
        out[i] = vr_bytes(frames[i], (size_t)sizes[i]);
    }
    return count < 0 ? 0 : (uint32_t)count;
}
