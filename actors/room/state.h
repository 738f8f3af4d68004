/* state.h - the inside of a room, for the files of this folder only.
 *
 * Every change goes through a few functions that mark what must be written: person_changed (a
 * participant's record), settings_changed (the room's own), and the counters which go with each
 * commit. */
#ifndef VR_ROOM_STATE_H
#define VR_ROOM_STATE_H

#include "actors/base/assert.h"
#include "actors/room/permissions.h"
#include "actors/room/room.h"

#define CHAT_KEPT 256        /* messages whose author is known for deletion */
#define TRIES_KEPT 64        /* identities whose wrong passcodes are counted */
#define TRIES_MAX 5          /* wrong passcodes of one identity per TRIES_WINDOW */
#define ADDRESS_TRIES_MAX 20 /* and of one address: many people may share it */
#define TRIES_WINDOW VR_SECONDS(60)
#define WAIT_TOLD_MAX 100 /* so many waiting people are told a changed position by an own event */
#define REPORTS_MAX 5u    /* of one person per REPORTS_WINDOW */
#define REPORTS_WINDOW VR_SECONDS(60)
#define FLUSH_AFTER VR_SECONDS(20) /* counters that nothing else wrote */

enum presence { PERSON_GONE, PERSON_LOST, PERSON_LIVE };

/** A window of fixed length that starts with its first use. */
struct rate {
    vr_time_us since;
    uint32_t used;
};

struct person {
    vr_participant_id id;
    char user[VR_USER_MAX + 1]; /* "": erased */
    char name[VR_NAME_MAX + 1];
    char address[46];  /* of the running stay; never stored */
    enum vr_role role; /* of one who is gone: what he comes back with, if more than listener */
    enum presence presence;
    bool creator;
    bool guest;
    bool hidden;
    bool no_publish; /* these three: what his token withholds */
    bool no_subscribe;
    bool no_request;
    bool demoted; /* by a moderator: a token's role counts no more */
    bool muted_by_self;
    bool muted_by_moderator;
    bool spoke_unheard; /* a speaker who is gone only since nobody heard his session */
    bool was_lost;      /* before the load, too: his session is not asked whether it lives */
    bool unheard;       /* PERSON_LOST only since the load: his session is being asked */
    bool dirty;         /* to be written */
    bool touched;       /* changed in this step */
    bool shown;         /* clients have him in their list (audience.c) */
    uint64_t mute_version;
    uint64_t gate_version;
    uint32_t generation;
    uint32_t resume_floor; /* the lowest generation whose token still admits */
    struct vr_address session;
    struct vr_address shard;
    vr_time_us lost_at;     /* now */
    vr_time_us joined_wall; /* this stay */
    uint64_t served;        /* when the role was taken, as a count: lower is longer */
    uint64_t hand_order;    /* 0: not raised */
    vr_time_us hand_wall;
    vr_time_us hand_last_wall;     /* the last time it went up */
    vr_time_us invited_until_wall; /* 0: not invited */
    uint32_t joins;
    uint64_t stay_us; /* of finished stays */
    uint64_t spoke_ms;
    struct rate chat;
    struct rate reactions;
    struct rate reports;
    struct person *next; /* in his chain of vr_room.chains */
};

struct ban {
    struct vr_id id;
    struct vr_id user_ref;
    struct vr_id address_ref; /* zero: not by address */
    char user[VR_USER_MAX + 1];
    char name[VR_NAME_MAX + 1];
    char by_user[VR_USER_MAX + 1];
    char by_name[VR_NAME_MAX + 1];
    char reason[257];
    vr_time_us at_wall;
    vr_time_us until_wall; /* 0: for ever */
    bool dirty;
};

struct settings {
    char title[VR_TITLE_MAX + 1];
    char topic[VR_TAG_MAX + 1];
    char description[VR_TEXT_MAX + 1];
    char language[17];
    char tags[VR_TAGS_MAX][VR_TAG_MAX + 1];
    uint32_t tag_count;
    enum vr_visibility visibility;
    bool locked;
    uint32_t capacity;
    uint32_t speaker_capacity;
    uint32_t slow_hand_s;
    enum vr_speak_on_entry entry;
    bool has_passcode;
    uint8_t passcode_salt[16];
    uint8_t passcode_hash[32];
    vr_time_us starts_at_wall;
    struct vr_id *invited; /* refs of users; owned */
    uint32_t invited_count;
};

/** What grows: written with every commit. */
struct counters {
    uint64_t sequence;
    uint64_t hand_order;
    uint64_t served;
    uint64_t audits;
    uint64_t remembered;
    uint32_t last_participant;
    vr_participant_id host; /* who holds the role, there or away; 0: nobody yet */
    bool host_given;        /* the creator has handed over by himself */
    bool host_seen;         /* a host has been there: succession applies */
    uint64_t joins;
    uint64_t unique;
    uint32_t peak;
    uint64_t stays; /* finished */
    uint64_t stay_us;
    uint64_t hands_raised;
    uint64_t reactions;
    uint64_t chats;
    uint8_t audit_head[32]; /* of the newest audit entry: audit_chain.h */
};

/** The answer of a command that had its effect already. */
struct remembered {
    struct vr_id command;
    uint64_t by; /* hash of the user */
    enum vr_command_kind kind;
    uint64_t subject; /* hash of the user whom it was about */
    uint64_t order;   /* among the acts of who asked; 0: not known */
    uint64_t number;
    bool durable;
    bool dirty;
    bool loaded;             /* from the store, which keeps no names: the body is made afresh */
    struct vr_answer answer; /* body owned; JOIN and RESUME: none, made afresh */
};

struct chat_line {
    struct vr_id id;
    vr_participant_id author;
};

struct tries {
    uint64_t who;
    struct rate rate;
};

struct vr_room {
    struct vr_room_conf conf;
    struct vr_id id;
    uint64_t epoch;
    bool exists;
    enum vr_phase phase;
    struct settings settings;
    uint64_t revision;
    char creator_user[VR_USER_MAX + 1];
    char creator_name[VR_NAME_MAX + 1];
    vr_time_us created_wall;
    vr_time_us started_wall;
    vr_time_us ended_wall;
    char end_reason[257];
    struct counters counters;

    struct person **people; /* by id, ascending; owned */
    uint32_t people_count;
    uint32_t people_capacity;
    struct person **chains; /* by hash of the user; owned, the people are not */
    uint32_t chain_count;   /* a power of two, or 0 */
    uint32_t indexed_count;
    struct person *hands[VR_HANDS_MAX]; /* in order */
    uint32_t hand_count;
    struct ban *bans;
    uint32_t ban_count;
    uint32_t ban_capacity;

    /* passing */
    bool audience_on; /* comings and goings of listeners are counts */
    bool people_touched;
    uint32_t audience_told;
    vr_time_us audience_told_at;
    struct chat_line chat[CHAT_KEPT];
    uint32_t chat_next;
    struct tries tries[TRIES_KEPT];
    vr_time_us host_missing_since; /* now; VR_NEVER: he is there, or nobody is */
    uint64_t digest_told;          /* the sequence that the last digest named */
    vr_time_us digest_told_at;
    bool digest_again;                            /* it named something new */
    vr_time_us flush_due;                         /* VR_NEVER: all counters are written */
    struct remembered *memory[VR_REMEMBERED_MAX]; /* owned; by number modulo the size */
    uint64_t memory_ids[VR_REMEMBERED_MAX];       /* low half of each one's command: to look fast */

    /* to be written with the next commit */
    bool settings_dirty;
    bool people_dirty;
    bool bans_dirty;
    bool memory_dirty;
    vr_participant_id *forgotten;
    uint32_t forgotten_count;
    struct vr_id *unbanned; /* ban's user refs */
    uint32_t unbanned_count;
    struct vr_id *unremembered;
    uint32_t unremembered_count;
};

/** One running step: what every handler gets. */
struct step {
    struct vr_room *room;
    const struct vr_command *cmd; /* NULL in a tick */
    struct vr_instant at;
    struct vr_effects *effects;
    struct vr_answer *answer; /* NULL in a tick */
    struct person *self;      /* who asks, present; or NULL */
    struct person *target;    /* NULL: none, or oneself */
    uint64_t subject;         /* hash of the user whom it is about; 0: see target, self */
    enum vr_rank rank;
    struct vr_why why;
};

typedef enum vr_err (*handler)(struct step *step);

/* people.c: the lists */
struct person *person_by_id(const struct vr_room *room, vr_participant_id id);
/** Done without an owner by a node's copy, which judged the session: here only the place counts. */
bool is_late(const struct vr_command *cmd);
/** `given`: his number, when a node gave it already; 0: the next. NULL: no memory. */
struct person *person_add(struct vr_room *room, const char *user, vr_participant_id given);
struct person *person_load(struct vr_room *room, vr_participant_id id, const char *user);
void people_make_room(struct vr_room *room);
void people_free(struct vr_room *room);
bool person_present(const struct person *person);
/** A session of his plays, as far as this owner knows: one not heard since the load counts. */
bool person_has_session(const struct person *person);
bool person_listed(const struct person *person); /* present and not hidden */
void person_changed(struct step *step, struct person *person);
void settings_changed(struct step *step);
struct person *host_of(const struct vr_room *room); /* there or away; or NULL */

/* people_index.c: people by user */
struct person *person_by_user(const struct vr_room *room, const char *user);
bool index_add(struct vr_room *room, struct person *person); /* before it is in the list */
void index_remove(struct vr_room *room, struct person *person);

/* entry.c: may one come in, and as what */
/** Is who asks banned? */
enum vr_err entry_ban(struct step *step);
enum vr_err entry_check(struct step *step, const struct person *known, bool fresh);
enum vr_role entry_role(const struct step *step, const struct person *person);
bool is_creator(const struct vr_room *room, const char *user);
bool stage_has_place(const struct vr_room *room);

/* members.c: coming and going */
enum vr_err step_join(struct step *step);
enum vr_err step_resume(struct step *step);
enum vr_err step_leave(struct step *step);
enum vr_err step_lost(struct step *step);
enum vr_err step_kick(struct step *step);
enum vr_err step_snapshot(struct step *step);
void member_go(struct step *step, struct person *person, const char *reason);
void member_thrown_out(struct step *step, struct person *person, const char *type,
                       const char *reason, vr_time_us until_wall);
void member_returned(struct step *step, struct person *person);

/* moves.c: to another node */
enum vr_err step_move(struct step *step);

/* roles.c: moves between roles */
enum role_move {
    MOVE_PROMOTED,
    MOVE_DEMOTED,
    MOVE_MODERATOR,
    MOVE_HOST,
    MOVE_HOST_GIVEN,
    ROLE_MOVES
};
bool role_after(enum role_move move, enum vr_role from, enum vr_role *to);
void role_set(struct step *step, struct person *person, enum role_move move);
enum vr_err step_promote(struct step *step);
enum vr_err step_demote(struct step *step);
enum vr_err step_invite(struct step *step);
enum vr_err step_accept(struct step *step);
enum vr_err step_decline(struct step *step);
enum vr_err step_make_moderator(struct step *step);
enum vr_err step_transfer_host(struct step *step);
void invitations_tick(struct step *step);
vr_time_us invitations_deadline(const struct vr_room *room, struct vr_instant at);

/* host.c: who is host, and who comes after him */
void host_arrived(struct step *step, struct person *person);
void host_watch(struct step *step);
void host_tick(struct step *step);
vr_time_us host_deadline(const struct vr_room *room);

/* hands.c */
enum vr_err step_hand_raise(struct step *step);
enum vr_err step_hand_lower(struct step *step);
void hand_down(struct step *step, struct person *person, const char *reason);
void hand_restore(struct vr_room *room, struct person *person);
uint32_t hand_position(const struct vr_room *room, const struct person *person);

/* mutes.c */
enum vr_err step_mute(struct step *step);
enum vr_err step_unmute(struct step *step);
enum vr_err step_mute_all(struct step *step);
enum vr_err step_ask_unmute(struct step *step);
bool may_speak(const struct person *person);
void gate_changed(struct step *step, struct person *person, bool closes);

/* bans.c */
enum vr_err step_ban(struct step *step);
enum vr_err step_unban(struct step *step);
const struct ban *ban_by_name(const struct vr_room *room, const char *user);
const struct ban *ban_of(const struct step *step, bool address_too);
void bans_tick(struct step *step);
vr_time_us bans_deadline(const struct vr_room *room, struct vr_instant at);
struct ban *ban_add(struct vr_room *room);

/* life.c */
bool life_after(enum vr_command_kind kind, enum vr_phase from, enum vr_phase *to);
/* His place is over with the room: no token brings him back to it, and he is no speaker in the
 * next. */
void person_ends(struct step *step, struct person *person);
enum vr_err step_create(struct step *step);
enum vr_err step_start(struct step *step);
enum vr_err step_end(struct step *step);
enum vr_err step_delete(struct step *step);
enum vr_err step_restore(struct step *step); /* restored.c */
enum vr_err step_lock(struct step *step);
enum vr_err step_update(struct step *step);

/* settings.c */
enum vr_err settings_apply(struct step *step, const struct vr_settings *wanted, bool creating);
void settings_free(struct settings *settings);

/* chat.c */
enum vr_err step_reaction(struct step *step);
enum vr_err step_chat(struct step *step);
enum vr_err step_chat_delete(struct step *step);
enum vr_err step_report(struct step *step);
enum vr_err step_quality(struct step *step);
/** Count one use; false with the time to wait when the window is used up. */
bool rate_take(struct rate *rate, uint32_t most, vr_time_us window, vr_time_us now,
               vr_time_us *wait);

/* audience.c: large rooms */
bool person_shown(const struct vr_room *room, const struct person *person);
void audience_settle(struct step *step); /* at the end of each step */
void audience_loaded(struct vr_room *room);
void audience_tick(struct step *step);
vr_time_us audience_deadline(const struct vr_room *room);
void audience_json(const struct vr_room *room, struct vr_buf *out);

/* analytics.c */
enum vr_err step_spoke(struct step *step);
void analytics_joined(struct step *step, struct person *person);
void analytics_left(struct step *step, struct person *person);
void analytics_json(const struct vr_room *room, vr_time_us wall, struct vr_buf *out);

/* digest.c */
void digest_tick(struct step *step);
void digest_soon(struct vr_room *room); /* the next one comes as after a change */
vr_time_us digest_deadline(const struct vr_room *room);

/* remember.c */
bool memory_answer(struct step *step);
/** Done without an owner, and taken back by the same person before it came here. */
bool memory_outdated(const struct step *step);
void memory_keep(struct step *step, bool durable);
/** A free place for this number: what stood there is dropped. NULL: no memory. */
struct remembered *memory_place(struct vr_room *room, uint64_t number, struct vr_id command);
void memory_free(struct vr_room *room);
uint64_t memory_hash(const char *user);

/* show.c */
enum vr_err step_show(struct step *step);
bool may_see(const struct step *step);

/* diagnosis.c */
void json_diagnosis(const struct vr_room *room, struct vr_buf *out);

/* room_json.c: parts of JSON */
void json_room(const struct vr_room *room, struct vr_buf *out);
void json_person(const struct vr_room *room, const struct person *person, bool with_user,
                 struct vr_buf *out);
/** Everybody after `after`, at most `limit` (0: all); the id of the first who was left out, or 0.
 */
uint32_t json_people(const struct vr_room *room, bool with_user, vr_participant_id after,
                     uint32_t limit, struct vr_buf *out);
/** The snapshot without its last brace; `self` (may be NULL) is in it in any case. */
void json_snapshot(const struct vr_room *room, bool with_user, const struct person *self,
                   struct vr_buf *out);
void json_hands(const struct vr_room *room, struct vr_buf *out);
void json_hand(const struct person *person, uint32_t position, struct vr_buf *out);
void json_ban(const struct ban *ban, struct vr_buf *out);
void json_bans(const struct vr_room *room, struct vr_buf *out);
struct vr_blob *json_blob(struct step *step, struct vr_buf *buf); /* takes buf */

/* events.c: writing events into the effects */
struct event {
    struct vr_buf json; /* open: event_send writes the last brace */
};
/** Begin: type, room, epoch and sequence (raised by one for a change of state). */
struct event event_begin(struct step *step, const char *type, bool state);
/** The same for room:updated, whose member `room` is the room object and not only its id. */
struct event event_begin_updated(struct step *step);
void event_text(struct event *event, const char *name, const char *value); /* NULL: null */
void event_number(struct event *event, const char *name, uint64_t value);
void event_id(struct event *event, const char *name, vr_participant_id id); /* 0: null */
void event_person(struct step *step, struct event *event, const struct person *person);
/** Send to everybody (0) or one; the json is shared when sent several times. Ends the event. */
void event_send(struct step *step, struct event *event, vr_participant_id only);
void event_send_last(struct step *step, struct event *event, vr_participant_id only, bool media);
/** To `one` and to all moderators. */
void event_send_moderators(struct step *step, struct event *event, vr_participant_id one);
void effect_subscribe(struct step *step, const struct person *person);
void effect_unsubscribe(struct step *step, vr_participant_id participant, bool gone);
void effect_gate(struct step *step, const struct vr_effect *gate);
/** An audit entry of the running command; `target` may be NULL. */
void audit(struct step *step, const char *act, const char *target_user, const char *target_name,
           const char *reason);
void durable(struct step *step);    /* counters changed */
void take_place(struct step *step); /* the next in the order of changes; durable */

static inline vr_participant_id self_id(const struct step *step)
{
    return step->self == NULL ? 0 : step->self->id;
}

#endif
