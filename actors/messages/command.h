/* command.h - what can be asked of a room, and what it answers. Plain data, owned by the message
 * that carries it; wire kinds, so each has a protobuf form (messages/envelope.h). */
#ifndef VR_MESSAGES_COMMAND_H
#define VR_MESSAGES_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/clock.h"
#include "actors/base/err.h"
#include "actors/base/ids.h"
#include "actors/base/trace.h"
#include "actors/messages/address.h"

#define VR_USER_MAX 128  /* bytes of a user's identity (a token's sub), without the 0 */
#define VR_NAME_MAX 64   /* bytes of a display name */
#define VR_TITLE_MAX 120 /* bytes of a room's title */
#define VR_TEXT_MAX 2000 /* bytes of a description, a chat line, a reason */
#define VR_TAGS_MAX 8
#define VR_TAG_MAX 32        /* bytes of one tag */
#define VR_REQUEST_ID_MAX 64 /* bytes of X-Request-Id */

enum vr_role { VR_ROLE_LISTENER, VR_ROLE_SPEAKER, VR_ROLE_MODERATOR, VR_ROLE_HOST, VR_ROLES };
enum vr_visibility { VR_PUBLIC, VR_UNLISTED, VR_PRIVATE };
enum vr_phase { VR_SCHEDULED, VR_ACTIVE, VR_ENDED };
enum vr_speak_on_entry {
    VR_ENTRY_LISTENS,
    VR_ENTRY_SPEAKS
}; /* who may speak on entry: nobody, all */

/* name, JSON name on /v1/ws (NULL: not for clients) */
/* clang-format off */
#define VR_COMMAND_MAP(X)                                                                          \
    X(VR_CMD_CREATE,         NULL)                                                                 \
    X(VR_CMD_START,          NULL)                /* scheduled -> active */                        \
    X(VR_CMD_JOIN,           "room:join")                                                          \
    X(VR_CMD_RESUME,         "room:resume")                                                        \
    X(VR_CMD_LEAVE,          "room:leave")                                                         \
    X(VR_CMD_LOST,           NULL)                /* the session lost socket and media */          \
    X(VR_CMD_SNAPSHOT,       "room:snapshot")                                                      \
    X(VR_CMD_HAND_RAISE,     "room:hand-raise")                                                    \
    X(VR_CMD_HAND_LOWER,     "room:hand-lower")   /* own, or a moderator declines target's */      \
    X(VR_CMD_MUTE,           "room:mute")         /* own, or a moderator's of target */            \
    X(VR_CMD_UNMUTE,         "room:unmute")       /* own flag; with target: lifts moderator's */   \
    X(VR_CMD_MUTE_ALL,       "room:mute-all")                                                      \
    X(VR_CMD_ASK_UNMUTE,     "room:ask-unmute")                                                    \
    X(VR_CMD_PROMOTE,        "room:promote")      /* a raised hand's owner becomes speaker */      \
    X(VR_CMD_DEMOTE,         "room:demote")                                                        \
    X(VR_CMD_INVITE,         "room:invite")                                                        \
    X(VR_CMD_ACCEPT,         "room:accept")                                                        \
    X(VR_CMD_DECLINE,        "room:decline")                                                       \
    X(VR_CMD_MAKE_MODERATOR, "room:make-moderator")                                                \
    X(VR_CMD_TRANSFER_HOST,  "room:transfer-host")                                                 \
    X(VR_CMD_KICK,           "room:kick")                                                          \
    X(VR_CMD_BAN,            "room:ban")                                                           \
    X(VR_CMD_UNBAN,          "room:unban")                                                         \
    X(VR_CMD_LOCK,           "room:lock")                                                          \
    X(VR_CMD_UPDATE,         "room:update")                                                        \
    X(VR_CMD_END,            "room:end")                                                           \
    X(VR_CMD_DELETE,         NULL)                                                                 \
    X(VR_CMD_REPORT,         "room:report")                                                        \
    X(VR_CMD_REACTION,       "room:reaction")                                                      \
    X(VR_CMD_CHAT,           "room:chat")                                                          \
    X(VR_CMD_CHAT_DELETE,    "room:chat-delete")                                                   \
    X(VR_CMD_QUALITY,        "room:quality")                                                       \
    X(VR_CMD_SPOKE,          NULL)                /* a shard's count of time spoken */             \
    X(VR_CMD_SHOW,           NULL)                /* REST reads; `want` says what */               \
    X(VR_CMD_MOVE,           NULL)                /* target's client is told to go to another node */ \
    X(VR_CMD_RESTORE,        NULL)                /* a piece of a backup, for a room that is not there */
/* clang-format on */

enum vr_command_kind {
#define X(name, json) name,
    VR_COMMAND_MAP(X)
#undef X
        VR_CMD_KINDS
};

const char *vr_command_name(enum vr_command_kind kind); /* for logs: "room:join"; "create" */
/** By its JSON name; false when no client message is called so. */
bool vr_command_parse(const char *json_name, enum vr_command_kind *out);

const char *vr_role_name(enum vr_role role); /* "listener" ... "host" */
bool vr_role_parse(const char *word, enum vr_role *out);
const char *vr_phase_name(enum vr_phase phase);                /* "scheduled" "active" "ended" */
const char *vr_visibility_name(enum vr_visibility visibility); /* "public" "unlisted" "private" */
bool vr_visibility_parse(const char *word, enum vr_visibility *out);

/** Bits of vr_settings.set: which fields an update carries. */
enum vr_setting {
    VR_SET_TITLE = 1 << 0,
    VR_SET_TOPIC = 1 << 1,
    VR_SET_DESCRIPTION = 1 << 2,
    VR_SET_LANGUAGE = 1 << 3,
    VR_SET_TAGS = 1 << 4,
    VR_SET_VISIBILITY = 1 << 5,
    VR_SET_LOCKED = 1 << 6,
    VR_SET_CAPACITY = 1 << 7,
    VR_SET_SPEAKERS = 1 << 8,
    VR_SET_SLOW_HAND = 1 << 9,
    VR_SET_ENTRY = 1 << 10,
    VR_SET_PASSCODE = 1 << 11,
    VR_SET_STARTS_AT = 1 << 12,
    VR_SET_INVITED = 1 << 13,
};

#define VR_INVITED_MAX 200

struct vr_settings {
    uint32_t set; /* enum vr_setting bits */
    char title[VR_TITLE_MAX + 1];
    char topic[VR_TAG_MAX + 1];
    char description[VR_TEXT_MAX + 1];
    char language[17]; /* BCP 47, kept as given */
    char tags[VR_TAGS_MAX][VR_TAG_MAX + 1];
    uint32_t tag_count;
    enum vr_visibility visibility;
    bool locked;
    uint32_t capacity;         /* participants at once; 0 in JSON means the node's limit */
    uint32_t speaker_capacity; /* host, moderators and speakers together */
    uint32_t slow_hand_s;      /* seconds between two raised hands of one person; 0: off */
    enum vr_speak_on_entry entry;
    char passcode[65];         /* as typed; the room keeps a salted hash; empty: none */
    vr_time_us starts_at_wall; /* 0: starts at once */
    char **invited;            /* user ids who may enter a private room; owned, NULL when none */
    uint32_t invited_count;    /* <= VR_INVITED_MAX */
};

void vr_settings_deinit(struct vr_settings *settings);

/** Who asks, judged by the edge from token or session; a room trusts it. */
struct vr_actor_identity {
    char user[VR_USER_MAX + 1]; /* "" for nobody */
    char name[VR_NAME_MAX + 1];
    char address[46];              /* of the client, text; for address bans only */
    vr_participant_id participant; /* 0: not in the room, judged by the grants alone */
    uint32_t generation;  /* of the session that speaks; lower than the room's: VR_E_GONE */
    uint64_t order;       /* of this act among all of his: session generation, then a count; 0: not
                           * known. What was done without an owner comes to the next one late */
    enum vr_role granted; /* the highest role that the token gives on entry */
    bool admin;           /* the token's voice.admin or roomAdmin for this room */
    bool guest;
    bool hidden; /* a recorder or a service; not listed */
    /* What the token withholds (canPublish, canSubscribe, canRequestToSpeak: false). */
    bool no_publish;
    bool no_subscribe;
    bool no_request;
};

enum vr_show {
    VR_SHOW_STATE,
    VR_SHOW_PARTICIPANTS,
    VR_SHOW_HANDS,
    VR_SHOW_BANS,
    VR_SHOW_ANALYTICS,
    VR_SHOW_AUDIT,
    VR_SHOW_DIAGNOSIS /* people and shards, for who asks the shards what they know */
};

#define VR_SPOKE_MAX 16

/** Numbers of participants from here on are given by nodes while a room has no valid owner; the
 * owner counts up from 1 and never comes so far. */
#define VR_PARTICIPANT_GIVEN 0x80000000u

struct vr_command {
    enum vr_command_kind kind;
    struct vr_id id; /* a repeat with the same id has no second effect and gets the same answer */
    struct vr_actor_identity by;
    char request_id[VR_REQUEST_ID_MAX + 1];
    struct vr_address session;         /* of the session that joins, resumes, leaves or is lost */
    struct vr_address shard;           /* where that session's peer will be: JOIN, RESUME */
    vr_participant_id target;          /* 0: oneself; JOIN: the number that a node without an owner
                                        * gave already, from VR_PARTICIPANT_GIVEN on */
    char target_user[VR_USER_MAX + 1]; /* BAN and UNBAN of somebody who is not here */
    char ban_address[46];              /* BAN by address too */
    uint32_t duration_s;               /* BAN: 0 is for ever */
    uint64_t
        version; /* UNMUTE: of the mute answered (0: any); UPDATE: expected revision (0: any) */
    struct vr_id message; /* CHAT_DELETE; RESTORE: which one, the same for all of its pieces */
    enum vr_show want;    /* SHOW */
    bool flag; /* LOCK: locked; KICK, LEAVE: for good; SNAPSHOT: only looks, for a session that
                * moves here: refused with VR_E_CONFLICT when the one that has the place is lost;
                * RESUME: the running session tells that it is there, nothing is taken over;
                * RESTORE: the last piece */
    vr_participant_id after; /* SHOW participants: from the next one on; 0: the first; RESTORE: the
                              * number of the piece, from 0 */
    uint32_t limit;          /* at most so many; 0: all; MOVE: the number of the node to go to */
    char passcode[65];       /* JOIN */
    struct vr_blob *text;    /* CHAT, REACTION, reason of KICK BAN REPORT END, QUALITY (JSON), base
                              * address of the node of MOVE, bytes of RESTORE; may be NULL */
    struct vr_settings *settings; /* CREATE, UPDATE; else NULL */
    struct {
        vr_participant_id participant;
        uint32_t ms;
    } spoke[VR_SPOKE_MAX]; /* SPOKE */
    uint32_t spoke_count;
    struct vr_trace trace; /* for whom this is done; zero: not traced */
    vr_time_us traced_at;  /* when it set out on this node, by its clock; of traced ones only */
};

struct vr_command *vr_command_new(enum vr_command_kind kind);
void vr_command_free(struct vr_command *command);                     /* NULL is fine */
struct vr_command *vr_command_copy(const struct vr_command *command); /* NULL: no memory */

/** What comes back for a command: always exactly one, also for a refusal. */
struct vr_answer {
    enum vr_err err;
    char why[160];
    uint32_t retry_after_ms; /* with a 429 or 503; else 0 */
    uint64_t epoch;
    uint64_t sequence;
    uint64_t revision;             /* of the room: the ETag */
    uint64_t digest;               /* of the state at `sequence` */
    vr_participant_id participant; /* JOIN, RESUME: who one is */
    uint32_t generation;           /* JOIN, RESUME: of this session */
    enum vr_role role;             /* JOIN, RESUME */
    bool muted_by_moderator;
    bool muted_by_self;
    bool provisional; /* a safety act without a valid owner: carried out, the next owner takes it */
    struct vr_blob *
        body; /* JSON: the state for JOIN and RESUME, what SHOW wanted, chat id, ...; may be NULL */
};

struct vr_answer *vr_answer_new(enum vr_err err, const char *why);
void vr_answer_free(struct vr_answer *answer);

#endif
