/* effects.h - what a step of a room wants done, in an order that is safe to keep: plain data.
 *
 * Events were written as JSON when they happened, so a later step cannot change what an earlier one
 * says. */
#ifndef VR_ROOM_EFFECTS_H
#define VR_ROOM_EFFECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/clock.h"
#include "actors/messages/command.h"

enum vr_effect_kind {
    VR_EFFECT_EVENT,       /* tell subscribers */
    VR_EFFECT_GATE,        /* tell every shard */
    VR_EFFECT_SUBSCRIBE,   /* from here on this session gets events */
    VR_EFFECT_UNSUBSCRIBE, /* from here on nobody gets this participant's */
};

struct vr_effect {
    enum vr_effect_kind kind;
    union {
        struct {
            uint64_t sequence;
            vr_participant_id only; /* 0: everybody */
            bool last;
            bool media_goes_on;
            struct vr_blob *json; /* one reference */
        } event;
        struct {
            vr_participant_id participant;
            uint32_t generation;
            uint64_t version;
            bool may_send;
            bool may_hear;
            bool gone;
            bool closes; /* takes something away: before the journal; else after it */
        } gate;
        struct {
            vr_participant_id participant;
            uint32_t generation;
            struct vr_address session;
            struct vr_address shard;
            bool gone; /* unsubscribe: he has left, not only lost his connection */
        } subscriber;
    } as;
};

/** One line of the audit log. Names and users are personal: records.c seals them. */
struct vr_audit {
    uint64_t number; /* of this room, counts up */
    vr_time_us at_wall;
    const char *act; /* "room:kick": static */
    char by_user[VR_USER_MAX + 1];
    char by_name[VR_NAME_MAX + 1];
    char target_user[VR_USER_MAX + 1]; /* "": the act has none */
    char target_name[VR_NAME_MAX + 1];
    char reason[257]; /* cut */
    char request_id[VR_REQUEST_ID_MAX + 1];
    uint64_t epoch;
    uint64_t sequence;
    /* numbers in the room, 0 for nobody: of a report, and for webhooks */
    vr_participant_id by;
    vr_participant_id target;
    struct vr_id report; /* zero: not a report */
};

struct vr_effects {
    struct vr_effect *items;
    uint32_t count;
    uint32_t capacity;
    struct vr_audit *audits;
    uint32_t audit_count;
    uint32_t audit_capacity;
    vr_time_us at_wall; /* of the step */
    bool durable;       /* records have changed: commit before the answer leaves */
    bool shards;        /* the set of shards may have changed */
    bool summary;       /* counts or the stage have changed */
    bool over;          /* the room has ended: close its shards */
    bool safety;        /* a mute, a kick, a ban: written also when the store is full */
    bool deleted;       /* forget all records */
    bool restored;      /* write those of the backup that the actor has gathered */
    bool created;       /* the room is new */
    bool show_audit;    /* allowed: the actor adds the audit entries to the answer */
    bool failed;        /* memory was out half way: the state cannot be trusted, load it anew */
};

void vr_effects_deinit(struct vr_effects *effects); /* zeroed is fine */

#endif
