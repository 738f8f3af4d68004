/* plan.c - what the floor is to send: the speakers' own steps. */
#include <stdlib.h>

#include "bench/rig/crowd.h"

void vr_crowd_plan_deinit(struct vr_floor_plan *plan)
{
    free(plan->speaker);
    free(plan->ports);
    free(plan->sizes);
}

/* The steps of one speaker; packed, the frames wait for the last of their datagram, and a pause
 * sends what is there. */
static void put_sizes(const struct vr_crowd *crowd, const struct vr_talk *talk, uint32_t steps,
                      uint32_t pack, uint16_t *out)
{
    uint32_t at = talk->start, held = 0, bytes = 0;
    uint32_t overhead = crowd->driver->overhead;

    for (uint32_t i = 0; i < steps; i++) {
        const struct vr_speech_step *step = &talk->speech->steps[at];
        bool sends = step->size > 0;

        held += sends;
        bytes += step->size;
        if (held > 0 && (held == pack || !sends || i + 1 == steps)) {
            out[i] = (uint16_t)(overhead + bytes);
            held = bytes = 0;
        }
        do {
            at = (at + 1) % talk->speech->count;
        } while (crowd->conf.steady && talk->speech->steps[at].size == 0);
    }
}

uint32_t vr_crowd_heard(const struct vr_crowd *crowd)
{
    uint32_t slots = crowd->driver->slots, speakers = crowd->conf.speakers;

    return slots > 0 && slots < speakers ? slots : speakers;
}

bool vr_crowd_plan(const struct vr_crowd *crowd, uint32_t steps, uint32_t pack,
                   const uint16_t *ports, struct vr_floor_plan *out)
{
    const struct vr_crowd_conf *conf = &crowd->conf;
    uint32_t heard = vr_crowd_heard(crowd);
    uint32_t speakers = conf->rooms * heard;
    uint32_t places = conf->rooms * conf->listeners;

    *out = (struct vr_floor_plan){
        .head = {VR_FLOOR_MAGIC, speakers, places, steps, conf->address},
        .speaker = calloc(speakers + 1, sizeof(struct vr_floor_speaker)),
        .ports = calloc(places + 1, sizeof(uint16_t)),
        .sizes = calloc((size_t)speakers * steps + 1, sizeof(uint16_t)),
    };
    if (out->speaker == NULL || out->ports == NULL || out->sizes == NULL || speakers == 0) {
        vr_crowd_plan_deinit(out);
        return false;
    }
    for (uint32_t i = 0; i < places; i++) {
        out->ports[i] = ports[i];
    }
    for (uint32_t i = 0; i < speakers; i++) {
        const struct vr_talk *talk = &crowd->talks[i / heard * conf->speakers + i % heard];

        out->speaker[i] = (struct vr_floor_speaker){
            talk->offset_us, talk->member->room * conf->listeners, conf->listeners};
        put_sizes(crowd, talk, steps, pack, out->sizes + (size_t)i * steps);
    }
    return true;
}
