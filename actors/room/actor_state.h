/* actor_state.h - the inside of a room actor, for its own files only.
 *
 * Two pictures of the room stand side by side: the rules' state (room.h), which has every step that
 * was begun, and `people` here, which has only what was committed and told. Events and gates are
 * sent from the second one, so that nothing leaves before its commit. */
#ifndef VR_ROOM_ACTOR_STATE_H
#define VR_ROOM_ACTOR_STATE_H

#include "actors/base/list.h"
#include "actors/room/records.h"
#include "actors/room/room.h"
#include "actors/room/room_actor.h"
#include "actors/runtime/env.h"

#define GATE_WAIT VR_MS(300) /* a shard confirms a closed gate within this, or is named */
#define SUMMARY_GAP VR_SECONDS(1)
#define SPEAKERS_GAP VR_MS(300)
/* A shard repeats itself every second while someone speaks. */
#define SPEAKERS_STALE VR_SECONDS(2)
#define RETRY_AFTER_FAILURE VR_SECONDS(1)
#define TALKERS_SHOWN 3 /* in the list of rooms */
#define TALKERS_GAP VR_SECONDS(2)
#define TALKED_FOR VR_SECONDS(4)
#define TALKING_LEVEL 60     /* -dBov (RFC 6464): an open microphone in a quiet room is no talk */
#define HELD_LOOK VR_MS(100) /* a mark that was judged holds nobody for longer than this */
#define STEPS_MAX 1024       /* begun and not yet answered; beyond: VR_E_BUSY */

struct talker {
    vr_participant_id who; /* 0: none */
    vr_time_us at;         /* was heard last */
};

/** A person as told: his session for events, his shard, his gate as the shards have it. */
struct told_person {
    vr_participant_id participant;
    uint32_t generation;
    struct vr_address session; /* kind VR_ACTOR_NONE: lost, hears nothing */
    struct vr_address shard;   /* kind VR_ACTOR_NONE: no media */
    uint64_t gate_version;
    bool may_send;
    bool may_hear;
    bool held;       /* he may send, but a mark is not judged yet (actor_mark.c) */
    uint32_t missed; /* times in a row that his session was asked for, and not there */
};

/** Another node where sessions are told, and which life of its process it was in. */
struct told_node {
    uint32_t number;
    uint64_t life;
    vr_time_us there_at; /* when the directory named it last */
    vr_time_us ask_at;   /* VR_NEVER: nobody there need be asked */
};

struct told_shard {
    uint32_t number;
    uint64_t contact; /* services->contact with its node, as it was when it was told last */
    vr_time_us contact_at;
    vr_time_us repeat_at; /* VR_NEVER: it need not be told again */
    vr_time_us heard_at;
    uint32_t speaker_count;
    struct vr_speaker speakers[VR_SPOKE_MAX];
};

/** A backup of the room that is coming in, piece by piece, or being written (actor_restore.c). */
struct restore {
    struct vr_id id;
    uint32_t next; /* piece */
    struct vr_buf rows;
    vr_time_us heard_at;
    struct vr_command *command; /* the last piece, without its bytes: who asks */
    bool lands;                 /* all is there, and on its way into the store */
};

/** A step that was begun: its answer and events wait for gates, its commit, and the steps before
 * it. */
struct begun {
    struct vr_list link;      /* room_actor.steps */
    struct vr_msg asked;      /* from, to and kind only */
    struct vr_answer *answer; /* NULL: time's own step */
    struct vr_command *mark;  /* it silences somebody: also when we lose the room; else NULL */
    struct vr_effects effects;
    uint64_t ticket;
    uint64_t set_version; /* of the shards at which its gates were closed */
    bool commits;
    bool stored;
    uint32_t gates_waiting;
    uint32_t gates_silent;    /* shards that did not confirm in time */
    vr_participant_id leaver; /* LEAVE, LOST: not to be taken for present if this fails */
    struct vr_span *span;     /* NULL: not traced */
};

struct room_actor {
    struct vr_actor *actor;
    const struct vr_env *env;
    const struct vr_room_services *services;
    struct vr_vault vault;
    struct vr_room *room;
    struct vr_list steps; /* struct begun.link, in order */
    uint32_t step_count;
    uint32_t in_flight;    /* commits whose outcome is not known */
    uint64_t head;         /* the revision that the next commit expects */
    uint64_t head_used;    /* the highest one that a commit of this life was to make */
    uint64_t head_epoch;   /* and whose: before our first commit that of the owner before us */
    uint64_t ticket;       /* of the next step */
    uint64_t first_ticket; /* of this life: lower ones are a former life's */
    enum vr_err failed;    /* a commit failed: waiting for the rest, then the room is loaded anew */
    vr_time_us retry_at;   /* no tick before, after a failure */
    bool draining;
    bool disowned; /* another owner, or none that is certain: refuses all, and is about to stop */

    struct told_person *people;    /* by participant, ascending */
    uint32_t nodes[VR_SHARDS_MAX]; /* others where sessions are told: each event goes there once */
    uint32_t node_count;
    bool nodes_old; /* people have come or gone since `nodes` was made */
    struct told_node lives[VR_SHARDS_MAX];
    uint32_t life_count;
    vr_time_us lives_due;
    uint32_t people_count;
    uint32_t people_capacity;
    uint64_t sequence_told;
    struct told_shard shards[VR_SHARDS_MAX];
    uint32_t shard_count;
    uint64_t set_version;
    vr_time_us held_due; /* VR_NEVER: nobody is held */

    vr_time_us speakers_due; /* VR_NEVER: nothing new */
    vr_time_us speakers_at;
    uint64_t speakers_hash;
    struct talker talkers[TALKERS_SHOWN]; /* for the list of rooms */
    uint64_t talkers_hash;
    vr_time_us summary_due; /* VR_NEVER: nothing new */
    vr_time_us summary_at;
    vr_time_us empty_since;  /* VR_NEVER: somebody is there */
    struct restore *restore; /* NULL: none */
};

/* actor_steps.c: begun, committed, answered */
enum vr_err steps_begin(struct room_actor *self, const struct vr_msg *asked,
                        struct vr_answer *answer, struct vr_effects *effects,
                        vr_participant_id leaver);
enum vr_err steps_stored(struct room_actor *self, uint64_t ticket, enum vr_err err);
enum vr_err steps_drain(struct room_actor *self);
void steps_free(struct room_actor *self, enum vr_err err);
/** False, and everything under way is refused and the actor stops, when this node may not decide
 * for the room now. */
bool actor_owns(struct room_actor *self);
void actor_disown(struct room_actor *self, enum vr_err err);
void answer_now(struct room_actor *self, const struct vr_msg *asked, struct vr_answer *answer);

/* actor_trace.c: all of them take NULL for a span */
/** NULL when the command is not traced. */
struct vr_span *trace_begin(const struct room_actor *self, const struct vr_msg *asked);
void trace_gates(const struct room_actor *self, struct vr_span *span);  /* all confirmed */
void trace_commit(const struct room_actor *self, struct vr_span *span); /* it counts now */
/** Recorded, freed. */
void trace_end(const struct room_actor *self, struct vr_span **span, enum vr_err err);

/* actor_mark.c: what silences somebody, when this node loses the room */
/** A copy of what is asked, NULL when it is nothing of the kind, or this node is alone. */
struct vr_command *mark_of(const struct room_actor *self, const struct vr_msg *asked);
/** To this node's copy, which answers who asked. Takes `mark`. False: not possible, or NULL. */
bool mark_hand_on(struct room_actor *self, const struct vr_msg *asked, struct vr_command *mark);
/** The same of a step that is given up. */
bool mark_goes_on(struct room_actor *self, struct begun *step, enum vr_err err);
/** A mark that this node knows, and that no owner has judged, silences him. */
bool mark_holds(const struct room_actor *self, vr_participant_id participant);

/* actor_load.c: from the store, at the start and after a failure */
enum vr_err actor_load(struct room_actor *self, struct vr_why *why);
void actor_ping_sessions(struct room_actor *self);
enum vr_err actor_reload(struct room_actor *self);
/** The room as the store has it, in the place of the one here, in the same epoch. */
enum vr_err actor_read(struct room_actor *self, struct vr_why *why);
enum vr_err actor_take(struct room_actor *self, struct vr_why *why);

/* actor_restore.c: from a backup */
/** One piece; with the last one the step writes all. What is wrong with it is in the answer. */
void restore_take(struct room_actor *self, const struct vr_command *cmd, struct vr_effects *effects,
                  struct vr_answer *answer);
/** For the commit of that step. */
enum vr_err restore_save(struct room_actor *self, struct vr_commit *commit);
/** It has landed. Takes `answer`. */
enum vr_err restore_landed(struct room_actor *self, const struct vr_msg *asked,
                           struct vr_answer *answer);
/** Pieces have come, and more may: the room, which is not there, stays awake. */
bool restore_waits(const struct room_actor *self);
bool restore_lands(const struct room_actor *self);
vr_time_us restore_deadline(const struct room_actor *self); /* VR_NEVER: nothing is waited for */
void restore_drop(struct room_actor *self);

/* actor_people.c: who is told */
/** Does the session live on another node? It is reached through that node's replica. */
bool is_far(const struct room_actor *self, struct vr_address session);
struct told_person *told_find(struct room_actor *self, vr_participant_id participant);
bool told_apply(struct room_actor *self, const struct vr_effect *effect);
void told_event(struct room_actor *self, const struct vr_effect *effect);
void told_to_all(struct room_actor *self, struct vr_blob *json);
void told_clear(struct room_actor *self);
/** How many other nodes sessions are told on: `nodes`, made anew when people came or went. */
uint32_t told_nodes(struct room_actor *self);

/* actor_lives.c: sessions whose process has died */
/** Each second, whether anything may be begun then or not. */
bool lives_are_due(struct room_actor *self);
/** Whose node is another one now, or away, is asked for. */
void lives_look(struct room_actor *self);
/** As services->contact with the node of a shard; 0 also for this node's own. */
uint64_t contact_with(const struct room_actor *self, uint32_t shard);
/** Nothing that is sent to that shard comes there now, as far as is known. */
bool is_out_of_reach(const struct room_actor *self, uint32_t shard);

/* actor_shards.c: sets, gates, ends */
void shards_update(struct room_actor *self);
/** Set and gates once more, to one that may have missed some. */
void shard_repeat(struct room_actor *self, const struct told_shard *shard);
void gate_open(struct room_actor *self, const struct vr_effect *gate);
void gates_note_closed(struct room_actor *self, const struct begun *step);
void gates_close(struct room_actor *self, struct begun *step);
void gates_again(struct room_actor *self);
/** When it is due: whom no mark holds any more may send, if he may. */
void gates_release(struct room_actor *self);
void shards_close(struct room_actor *self);

/* actor_live.c: who speaks, and the lobby */
void speakers_heard(struct room_actor *self, const struct vr_msg *msg);
void speakers_tick(struct room_actor *self);
void summary_tick(struct room_actor *self);
void summary_gone(struct room_actor *self);

/* room_actor.c */
struct vr_room *actor_fresh_room(struct room_actor *self, uint64_t epoch);
struct vr_instant actor_instant(const struct room_actor *self);
void actor_arm(struct room_actor *self);
void actor_send(struct room_actor *self, struct vr_msg *msg);

#endif
