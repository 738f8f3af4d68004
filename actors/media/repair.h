/* repair.h - what is done about somebody whose sound is broken on one side: first an ICE restart,
 * then a new transport, with pauses that grow and an end.
 *
 * Pure: the verdict about his transport and the time in, the next act out. One per participant of a
 * shard, so that it outlives the transports it replaces. The acts are the client's: it is asked
 * over its WebSocket (session/repair.c). */
#ifndef VR_MEDIA_REPAIR_H
#define VR_MEDIA_REPAIR_H

#include "actors/media/hearing.h"

#define VR_REPAIR_PATIENCE VR_SECONDS(6) /* from an act to the next one */
#define VR_REPAIR_PAUSE VR_SECONDS(30)   /* after both; doubles each time */
#define VR_REPAIR_PAUSE_MAX VR_SECONDS(600)
#define VR_REPAIR_ROUNDS 4 /* of restart and rebuild without a cure: given up */
/* Who is deaf again so soon was not cured by a restart: a rebuild is next. And as long must it hold
 * until earlier rounds are forgotten. */
#define VR_REPAIR_HOLDS VR_SECONDS(30)
#define VR_REPAIRS_KEPT 4

enum vr_repair_outcome { VR_REPAIR_RUNS, VR_REPAIR_CURED, VR_REPAIR_FAILED };
const char *vr_repair_outcome_name(enum vr_repair_outcome outcome); /* "running" ... */

struct vr_repair_done {
    vr_time_us at;
    vr_time_us took; /* from found to cured */
    uint8_t act;     /* enum vr_repair_act */
    uint8_t verdict; /* enum vr_hearing_verdict: what it was for */
    uint8_t why;
    uint8_t outcome; /* enum vr_repair_outcome */
};

struct vr_repair {
    vr_time_us broken_at; /* since when it is so; 0: it is not, or was cured */
    vr_time_us cured_at;
    vr_time_us due; /* the next act not before */
    uint32_t acts;  /* in all */
    uint8_t rounds; /* begun without a cure that held */
    uint8_t next;   /* enum vr_repair_act */
    uint8_t last;   /* the act that runs; VR_REPAIR_NONE */
    bool given_up;
    uint8_t done_count; /* in `done`, newest last */
    struct vr_repair_done done[VR_REPAIRS_KEPT];
};

/** The act to be done now, or VR_REPAIR_NONE. `may`: an act is possible now; else it waits. */
enum vr_repair_act vr_repair_step(struct vr_repair *repair, vr_time_us now,
                                  const struct vr_hearing *hearing, bool may);

#endif
