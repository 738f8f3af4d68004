/* room.h - who is in a room, in which role, who is muted or banned, who waits with a raised hand.
 *
 * Rules only: no socket, no store, no clock, no thread. The room actor (room_actor.c) feeds
 * commands in and carries out the effects; records.h turns what changed into durable records.
 * Permissions are a table (permissions.c), so are the moves between roles and between phases
 * (roles.c, life.c).
 *
 * Rules that are not to be seen in a table:
 * - The creator is host whenever he is there, unless he has handed the room over himself; then he
 *   stays a moderator at least. Nobody removes, demotes or bans him.
 * - A host who is away (left or lost) keeps his role for `host_grace`. Then the creator if he is
 * there, else the longest-serving moderator, else the longest-serving speaker, else the one who
 * joined first takes it. Nobody inherits a room whose host has never been there, and nobody
 * inherits an empty one: the time starts anew with the first who comes.
 * - Who leaves keeps mutes, a moderator's role, and the mark of having been demoted (a token for
 * speakers then lets him in as a listener). A speaker's role lasts while he is there or within
 * `grace`.
 * - Hosts and moderators come in even when all places for speakers are taken; everybody else comes
 * in as a listener then.
 * - Who asks for what is so already gets VR_OK, and nothing changes. */
#ifndef VR_ROOM_ROOM_H
#define VR_ROOM_ROOM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "actors/base/random.h"
#include "actors/messages/command.h"
#include "actors/room/effects.h"

#define VR_HANDS_MAX 500 /* people who wait at once */
/* People a room remembers; beyond, plain listeners who are gone are forgotten. */
#define VR_PEOPLE_MAX 20000
#define VR_BANS_MAX 2000                 /* beyond: VR_E_CONFLICT */
#define VR_REMEMBERED_MAX 512            /* answers kept for repeated commands */
#define VR_INVITATION_US VR_SECONDS(600) /* an invitation to speak lasts so long */

struct vr_room;

/** Both clocks at one instant: `now` never goes back, `wall` is for what outlives the process. */
struct vr_instant {
    vr_time_us now;
    vr_time_us wall;
};

struct vr_room_conf {
    const struct vr_random *random; /* borrowed: chat and ban ids, salts */
    /** A keyed hash of a user's id or an address: what bans and invitations hold instead. Pure. */
    struct vr_id (*ref)(void *ctx, const char *text);
    /** Salted hash of a passcode; false when it failed. Pure. */
    bool (*hash_passcode)(void *ctx, const char *passcode, const uint8_t salt[16], uint8_t out[32]);
    void *ctx;
    uint32_t capacity_max;
    uint32_t capacity_default;
    uint32_t speaker_capacity_default;
    vr_time_us grace;
    vr_time_us host_grace;
    uint32_t chat_per_10s;
    uint32_t reactions_per_10s;
    uint32_t audience; /* listeners beyond which they are told as a count (audience.c); 0: never */
    bool provisional;  /* a copy, without an owner: its events say so and take no place */
    const atomic_bool *outbox; /* somebody wants events: they go into each commit; NULL: nobody */
};

/** A room that does not exist yet: VR_CMD_CREATE or vr_room_load make it be. `conf` is copied.
 * NULL: no memory. */
struct vr_room *vr_room_new(struct vr_id id, const struct vr_room_conf *conf, uint64_t epoch);
void vr_room_free(struct vr_room *room); /* NULL is fine */

/** Carry one command into the room.
 *
 *  Owns:   borrows `cmd`; `answer` is zeroed by the caller and filled in here, its body is the
 * caller's to release; `effects` grows, in an order that is to be kept. Errors: what the answer
 * says (also returned). On an error nothing has changed, but that a wrong passcode is counted. */
enum vr_err vr_room_step(struct vr_room *room, const struct vr_command *cmd, struct vr_instant at,
                         struct vr_effects *effects, struct vr_answer *answer);

/** What time alone brings: grace over, succession, invitations and bans that end, digests. */
void vr_room_tick(struct vr_room *room, struct vr_instant at, struct vr_effects *effects);
/** When the next tick is due; VR_NEVER when nothing waits. */
vr_time_us vr_room_deadline(const struct vr_room *room, struct vr_instant at);

/** The room has come back from a backup and was loaded: nobody is in it, whoever was there when the
 * backup was taken; what they may stays. `cmd` is the VR_CMD_RESTORE that asked for it. */
void vr_room_restored(struct vr_room *room, const struct vr_command *cmd, struct vr_instant at,
                      struct vr_effects *effects, struct vr_answer *answer);

/** A shard counted speech: analytics only, no event, written with the next commit. */
void vr_room_spoke(struct vr_room *room, vr_participant_id participant, uint32_t ms);

/** After a load: the session of this participant and generation lives on. True when it fits. */
bool vr_room_attach(struct vr_room *room, vr_participant_id participant, uint32_t generation);

/** After a load by a new owner: this session has answered that it lives, so its person never was
 * away. A step like any other: to be committed and told. */
void vr_room_session_lives(struct vr_room *room, vr_participant_id participant, uint32_t generation,
                           struct vr_instant at, struct vr_effects *effects);

/** This session has ended without a word, its node has told: its person is lost, and his grace
 * time runs. Nothing when he has a newer session. Effects as of a step. */
void vr_room_session_gone(struct vr_room *room, vr_participant_id participant, uint32_t generation,
                          struct vr_instant at, struct vr_effects *effects);

/** The gate of a person as it is, for a shard that knows nothing yet. False: he is not there. */
bool vr_room_gate(const struct vr_room *room, vr_participant_id participant, struct vr_effect *out);
/** After a load: the participant's gate as it stands, with a version above `version`, since shards
 * may have seen later ones that were never committed. False when he is not present. */
bool vr_room_gate_again(struct vr_room *room, vr_participant_id participant, uint64_t version,
                        struct vr_effect *out);

/** Readings. */
bool vr_room_exists(const struct vr_room *room);
struct vr_id vr_room_id(const struct vr_room *room);
uint64_t vr_room_sequence(const struct vr_room *room);
uint64_t vr_room_epoch(const struct vr_room *room);
void vr_room_set_epoch(struct vr_room *room, uint64_t epoch);
uint64_t vr_room_revision(const struct vr_room *room);
uint64_t vr_room_audits(const struct vr_room *room); /* the number of the newest audit entry */
enum vr_phase vr_room_phase(const struct vr_room *room);
uint64_t vr_room_digest(const struct vr_room *room);

struct vr_room_counts {
    uint32_t participants; /* listed people who are there or within grace */
    uint32_t speakers;     /* of them: speakers, moderators, host */
    uint32_t hands;
    uint32_t present; /* with hidden services */
};
struct vr_room_counts vr_room_counts(const struct vr_room *room);

/** One person as others may know him: tests, gates of a new shard, re-attaching after a load. */
struct vr_person_view {
    vr_participant_id participant;
    uint32_t generation;
    uint64_t gate_version;
    enum vr_role role;
    bool present;
    bool reconnecting;
    bool was_lost; /* since before the last load */
    bool hidden;
    bool creator;
    bool muted_by_self;
    bool muted_by_moderator;
    uint32_t hand;    /* position, 0: not raised */
    const char *user; /* borrowed until the next step */
    const char *name;
    struct vr_address session;
    struct vr_address shard;
};
/** False when there is no such participant. */
bool vr_room_person(const struct vr_room *room, vr_participant_id participant,
                    struct vr_person_view *out);
/** The next participant after `after` (0: the first) who is present; 0 when there is none. */
vr_participant_id vr_room_next(const struct vr_room *room, vr_participant_id after);

/** JSON, appended: docs/protocol.md "Room object", "Snapshot". `for_moderators` adds user ids. */
void vr_room_snapshot_json(const struct vr_room *room, bool for_moderators, struct vr_buf *out);
/** The event room:state, which carries a snapshot. */
void vr_room_state_json(const struct vr_room *room, struct vr_buf *out);
/** Who is on stage, at most 8: [{"participant","name","role"}]. */
void vr_room_on_stage_json(const struct vr_room *room, struct vr_buf *out);
/** The same, those of `talking` first and with "speaking":true. */
void vr_room_stage_live_json(const struct vr_room *room, const vr_participant_id *talking,
                             uint32_t count, struct vr_buf *out);

#endif
