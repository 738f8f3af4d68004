/* simulate.h - a cluster under faults drawn from a seed: the same objects that voiceroomd runs, and
 * people who act, retry and remember every answer.
 *
 *     world.c    nodes, rooms, time, the way of one seed
 *     people.c   clients: join, resume, act, retry with the same command id
 *     heard.c    what they hear
 *     faults.c   what goes wrong, when, to whom
 *     keeper.c   who loses etcd and restores it from a snapshot, with --etcd-restores
 *     steward.c who deletes a room and restores it, with --restores
 *     checks.c   what must hold, during the run and after the faults have stopped
 *
 * Each fact about somebody has one writer who waits for his answer before he acts again: the host
 * for moderators' mutes, roles and bans, everybody for his own hand and mute. So the last answer
 * says what must be true in the end, without an order to be guessed. */
#ifndef VR_CLUSTER_SIMULATE_H
#define VR_CLUSTER_SIMULATE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/base/assert.h"

/* What sim_kit.h wants of cmocka: there it ends a test, here the process. */
#define assert_int_equal(a, b) vr_assert((a) == (b))
#include "cluster/sim_kit.h"

#define ROOMS 5
#define PEOPLE 10
#define NODES_MAX CK_NODES
#define TOLD 400               /* lines kept of one seed */
#define DEAF_MAX VR_SECONDS(6) /* without anything in the way nobody hears nothing for so long */

/** A fact, as its one writer left it. */
struct fact {
    int value;       /* the last that was acknowledged */
    bool known;      /* false: an act on it has an unknown outcome */
    uint32_t copy;   /* the node whose copy acknowledged it, without an owner; 0: an owner did */
    uint64_t life;   /* of that node: what it did not journal is lost with it */
    bool journaled;  /* a mark */
    uint64_t epoch;  /* of that answer */
    vr_time_us told; /* when */
};

enum act_stage { ACT_NONE, ACT_WAITING };

struct person {
    struct world *world;
    uint32_t room, number; /* 0: the host */
    char user[24];
    uint32_t node; /* where his session is, 0: nowhere */
    uint64_t node_life;
    struct vr_id session;
    vr_participant_id participant;
    uint32_t generation;
    bool in, banned, out_wanted;
    vr_time_us next_at, noted_at, heard_at, down_since;
    vr_time_us gap_at;       /* no question for what he missed before */
    vr_time_us behind_since; /* somebody else has heard more; VR_NEVER: nobody has */
    uint32_t said;           /* acts of this session, which orders them for rooms */
    vr_time_us announce_at;  /* the room may not know that he is there; 0: it does */
    uint64_t announcing;     /* number of that question */

    /* what is asked just now; one at a time */
    struct vr_command *entry; /* JOIN, RESUME */
    struct vr_command *act;   /* anything else; kept for repeats */
    uint64_t asking;          /* number of the question; 0: none */
    vr_time_us act_first_at;  /* first sent */
    vr_time_us act_sent_at;
    uint32_t act_failures;
    bool act_unknown;                             /* an attempt may have had its effect */
    uint64_t act_floor_epoch, act_floor_sequence; /* acknowledged before the first attempt */

    /* what he has heard */
    uint64_t epoch, sequence;
    bool gap;
    char last_chat[48], last_chat_id[48];
    uint64_t last_chat_epoch;

    struct fact muted, mod_muted, role, hand, ban;
    vr_time_us hand_asked, hand_told; /* of the hand that is up */
};

struct place {
    struct vr_id id;
    bool made;
    uint64_t top_epoch;                   /* highest acknowledged */
    uint64_t top_sequence;                /* in that epoch */
    bool lost_both;                       /* taken without anyone in sync: live facts may be gone */
    uint64_t heard_epoch, heard_sequence; /* by whoever is ahead of all */
    uint64_t held_epoch;
    uint32_t held_by;
    vr_time_us clear_since[NODES_MAX + 1]; /* the owner and that node have nothing between them */
    uint64_t acknowledged, provisional;
};

/* clang-format off */
#define FAULT_MAP(X)                                                                               \
    X(CRASH, "crash") X(PAUSE, "pause") X(CUT, "cut link") X(ONE_WAY, "cut one way")               \
    X(ISOLATE, "isolated") X(NOISE, "doubled, overtaken") X(SLOW, "slow links and disks")          \
    X(DISK, "disk full") X(CLOCK, "clock jump") X(ETCD_TIMEOUTS, "etcd time-outs")                 \
    X(ETCD_LEADER, "etcd new leader") X(ETCD_QUORUM, "etcd no quorum")                             \
    X(ETCD_SILENT, "etcd silent watch") X(ETCD_CUT, "etcd cut off")                                \
    X(ETCD_LEASE, "etcd stale lease") X(UNHEARD, "cut, then crash")                                \
    X(TAKE, "crash amid time-outs")
/* clang-format on */
enum fault_kind {
#define X(name, text) FAULT_##name,
    FAULT_MAP(X)
#undef X
        FAULT_KINDS
};
enum fault_state { STATE_OWNER, STATE_PARTNER, STATE_OTHER, STATE_FROZEN, FAULT_STATES };

struct fault {
    enum fault_kind kind;
    vr_time_us at, until;
    uint32_t node, other;
    vr_time_us crash_at; /* UNHEARD: cut off before */
    bool begun, ended;
};
#define FAULTS_MAX 24

struct tally {
    uint64_t seeds, faults[FAULT_KINDS][FAULT_STATES];
    uint64_t acknowledged, provisional, commands, takes, events, deaf;
    uint64_t simulated_us;
    vr_time_us converged_max;
    uint64_t restores; /* acknowledged */
    uint64_t revived;  /* times that a deleted room was there before it was restored */
    uint64_t adopted;  /* etcds that were restored */
    uint64_t unaware;  /* nodes that went on with one as if nothing had happened */
};

struct world {
    uint64_t seed;
    bool trace;
    uint32_t mask; /* of fault kinds that may happen */
    bool restores; /* there is a steward */
    bool etcd_restores;
    struct ck *kit;
    struct place places[ROOMS];
    struct person people[ROOMS][PEOPLE];
    struct fault faults[FAULTS_MAX];
    uint32_t fault_count;
    uint64_t lives[NODES_MAX + 1];
    uint64_t questions;
    vr_time_us until;        /* people act */
    bool healing;            /* nobody begins anything new */
    vr_time_us looked_at;    /* at what the owners' stores have */
    vr_time_us praised_till; /* a revoked lease may be believed so long */
    uint32_t waiting;        /* questions of checks */
    char said[TOLD][220];
    uint64_t said_count;
    bool failed;
    struct steward *steward; /* NULL: there is none */
    struct keeper *keeper;   /* the same */
    struct tally *tally;
};

/* ---- world.c ---- */

void tell(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** An invariant does not hold: prints the seed, the story's end, and remembers it. */
void broken(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
vr_time_us now_of(const struct world *world);
uint64_t draw(struct world *world, uint64_t below);
vr_time_us draw_time(struct world *world, vr_time_us min, vr_time_us max);
bool is_up(const struct world *world, uint32_t node);     /* runs and is not stopped */
bool is_joined(const struct world *world, uint32_t node); /* and its lease is good */
uint32_t any_node(struct world *world);                   /* that is up; 0: none */
struct manner {
    bool trace;
    uint32_t mask;      /* of fault kinds that may happen */
    bool restores;      /* a steward deletes and restores a room */
    bool etcd_restores; /* a keeper restores etcd */
};
/** False: something did not hold. */
bool simulate(uint64_t seed, const struct manner *manner, struct tally *tally);

/* ---- people.c ---- */

const struct vr_actor_class *people_session(void);
void people_init(struct world *world);
void people_turn(struct world *world);
void people_end(struct world *world);
bool people_kept_out(const struct person *person);
/** What his act that is not answered yet is about; NULL: nothing of that kind. */
const struct fact *people_acts_on(struct person *person);
bool people_at_rest(const struct world *world); /* all in that want in, nothing is asked */

/* ---- heard.c ---- */

void person_stands_at(struct person *person, uint64_t epoch, uint64_t sequence);
void person_hears(struct person *person, const struct vr_msg *event);

/* ---- faults.c ---- */

void faults_draw(struct world *world);
void faults_turn(struct world *world);
void faults_stop(struct world *world);
/** Nothing that was done to the two keeps an event of a room, owned by the first, from the other.
 */
bool faults_spare(const struct world *world, uint32_t owner, uint32_t node);
const char *fault_name(enum fault_kind kind);
const char *fault_state_name(enum fault_state state);

/* ---- steward.c: without one nothing happens in any of these ---- */

void steward_init(struct world *world); /* makes him, and his room */
void steward_turn(struct world *world);
void steward_check_end(struct world *world);
void steward_end(struct world *world);

/* ---- keeper.c: without one nothing happens in any of these ---- */

void keeper_init(struct world *world); /* before there are rooms */
void keeper_turn(struct world *world);
/** Something that he began is not over: the faults go on until it is. */
bool keeper_is_busy(const struct world *world);
void keeper_end(struct world *world);

/* ---- checks.c ---- */

void check_turn(struct world *world);
bool check_converged(struct world *world, char *why, size_t size);
void check_end(struct world *world);

#endif
