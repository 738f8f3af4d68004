/* internal.h - what the files of the runtime share. Not for others: they use system.h.
 *
 *     vr_system_send --- place.c: which worker? ---> worker's lanes (ring.c) ---> vr_worker_turn
 *                                                                                   |
 *     control lane: item -> the actor's own mailbox -> run queue -> actor.c ---------+
 *     media lane:   message -> the open actor at once                ---------------+
 *
 * An actor's struct lives in one of the system's stripes (mutex) as long as it is open or a message
 * is on its way to it; senders of control messages count `waiting` up under that mutex, and only
 * its worker takes it out, under the mutex, when it sleeps and nothing waits. So a message never
 * loses its actor, nor an actor a message. */
#ifndef VR_RUNTIME_INTERNAL_H
#define VR_RUNTIME_INTERNAL_H

#include <pthread.h>

#include "actors/runtime/ring.h"
#include "actors/runtime/system.h"

#define STRIPES 64
#define ITEMS_KEPT_MAX 1024 /* free items that a worker keeps */
#define MAILBOX_DEFAULT 1024
#define TURN_MESSAGES_DEFAULT 64
#define TURN_TOTAL 1024 /* messages of all actors in one turn: then sockets get theirs */
#define TURN_MEDIA 1024
#define TURN_TIMERS 1024
#define INBOX_CONTROL_DEFAULT 16384
#define INBOX_RESERVE 8 /* a lane's last eighth is for replies and commits */
#define ASKS_MAX 65536
#define RESTART_DELAY VR_MS(10)
#define FAILURES_WINDOW VR_SECONDS(10)
#define FAILURES_MAX 3
#define QUARANTINE VR_SECONDS(60)

enum actor_phase {
    ACTOR_ASLEEP, /* no state: the next message opens it */
    ACTOR_OPEN,
    ACTOR_RESTARTING, /* failed: its supervision timer opens it */
    ACTOR_QUARANTINED /* given up: refuses until the supervision timer fires */
};

struct item {
    struct vr_list link;    /* vr_actor.mailbox, vr_worker.replies */
    struct vr_actor *actor; /* NULL: a reply to an ask */
    struct vr_msg msg;
};

enum { BY_STRIPE, BY_WORKER, TABLES };

struct vr_actor {
    struct vr_address address;
    const struct vr_actor_class *class;
    struct vr_worker *worker;
    uint64_t hash;
    struct vr_actor *next[TABLES]; /* in the buckets of a stripe, of worker->open */
    uint32_t waiting;              /* atomic: control messages sent and not yet handled */
    bool refuses;                  /* atomic: quarantined */

    /* its worker's own */
    enum actor_phase phase;
    bool running; /* a handler of it is on the stack */
    bool stopping;
    enum vr_close_reason reason;
    void *seed;
    struct vr_list mailbox;     /* item.link */
    struct vr_list run_link;    /* worker->runnable */
    struct vr_list asks;        /* ask.owner_link */
    struct vr_timer timer;      /* vr_actor_arm */
    struct vr_timer supervisor; /* restart, end of quarantine */
    vr_time_us failed_at[FAILURES_MAX - 1];
    uint32_t failure_count;
    _Alignas(max_align_t) uint8_t state[];
};

/** Buckets of actors, linked by next[which]. Grows; never shrinks. */
struct actor_table {
    struct vr_actor **buckets;
    size_t bucket_count; /* power of two, or 0 */
    size_t count;
    int which;
};

struct stripe {
    pthread_mutex_t lock;
    struct actor_table actors;
};

struct counters { /* atomic, relaxed; written by one thread but where `outside` */
    uint64_t sent, handled, refused, dropped_media, restarts, given_up;
    uint64_t asks_timed_out, late_replies, undelivered;
};

struct ask_slot {
    struct ask *ask; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

struct vr_worker {
    struct vr_system *system;
    enum vr_worker_kind kind;
    uint32_t index;
    uint64_t
        stamp; /* in the addresses of its asks; the low 16 bits are its place in system->workers */
    void *context;
    void (*wake)(void *ctx); /* atomic */
    void *wake_ctx;

    /* other threads */
    struct vr_ring control;          /* struct item * */
    struct vr_ring media;            /* struct vr_msg */
    _Alignas(64) uint32_t signalled; /* atomic: wake was called since the last turn began */
    uint32_t wakers;                 /* atomic: threads inside of wake */
    uint32_t closed;                 /* atomic */
    vr_time_us lag_max;              /* atomic */
    struct {
        vr_time_us began;          /* atomic: of this window */
        vr_time_us worst, earlier; /* atomic: lag in this window, in the one before it */
    } lag_recent;
    uint32_t mailbox_length_max;     /* atomic */
    uint32_t actors[VR_ACTOR_KINDS]; /* atomic */
    struct counters counters;

    /* its own */
    _Alignas(64) vr_time_us now;
    bool in_turn;
    struct actor_table open;
    struct vr_list runnable; /* vr_actor.run_link */
    struct vr_list replies;  /* item.link */
    struct vr_list failed;   /* ask.failed_link: could not be sent */
    struct vr_list spare;    /* item.link */
    uint32_t spare_count;
    struct vr_timer **heap;
    size_t heap_size, heap_capacity;
    struct ask_slot *asks;
    uint32_t ask_capacity, ask_free, ask_count;
};

struct vr_system {
    struct vr_system_conf conf;
    uint64_t seed; /* of the tables' hash */
    struct stripe stripes[STRIPES];
    struct counters outside; /* of threads that are no worker's */
    uint32_t worker_count;
    struct vr_worker *workers; /* control workers first */
};

/** One more. A worker's own counters have one writer and need no locked instruction; others share.
 */
static inline void vr_count_own(uint64_t *counter)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

#define COUNT_HERE(worker, field) vr_count_own(&(worker)->counters.field)
/* `worker` NULL: this thread is no worker's */
#define COUNT(system, worker, field)                                                               \
    do {                                                                                           \
        if ((worker) != NULL) {                                                                    \
            COUNT_HERE(worker, field);                                                             \
        } else {                                                                                   \
            __atomic_fetch_add(&(system)->outside.field, 1, __ATOMIC_RELAXED);                     \
        }                                                                                          \
    } while (0)

/* place.c */
uint64_t vr_address_hash(const struct vr_system *system, const struct vr_address *address);
struct vr_actor *vr_actor_table_find(const struct actor_table *table, uint64_t hash,
                                     const struct vr_address *address);
bool vr_actor_table_add(struct actor_table *table,
                        struct vr_actor *actor); /* false: out of memory */
void vr_actor_table_remove(struct actor_table *table, struct vr_actor *actor);
/** Any actor of the table, looked for from bucket `*from` on, which is moved along; NULL: none. */
struct vr_actor *vr_actor_table_any(const struct actor_table *table, size_t *from);
struct stripe *vr_actor_stripe(struct vr_system *system, uint64_t hash);
/** A new sleeping actor in its stripe, whose lock is held. */
struct vr_actor *vr_actor_insert(struct vr_system *system, const struct vr_actor_class *class,
                                 const struct vr_address *address, uint64_t hash,
                                 struct vr_worker *worker);
/** Take it out and free it if it sleeps, nothing waits and nobody is told to stay away. */
void vr_actor_retire(struct vr_actor *actor);

/* worker.c */
struct vr_worker *vr_worker_current(void);
/** This thread is `worker`'s from now on; returns what it was before. */
struct vr_worker *vr_worker_enter(struct vr_worker *worker);
enum vr_err vr_worker_init(struct vr_worker *worker, struct vr_system *system,
                           enum vr_worker_kind kind, uint32_t index, uint32_t place);
void vr_worker_deinit(struct vr_worker *worker);
void vr_worker_signal(struct vr_worker *worker);
/** Has something come since the last turn began? */
bool vr_worker_signalled(const struct vr_worker *worker);
struct item *vr_mail_new(struct vr_worker *current);
void vr_mail_free(struct vr_worker *current, struct item *item);
/** Put an item into the actor's mailbox, or among the replies; own thread. */
void vr_worker_accept(struct vr_worker *worker, struct item *item);
void vr_worker_run_later(struct vr_worker *worker, struct vr_actor *actor);

/* actor.c */
/** Handle up to `limit` waiting messages; returns how many. May free the actor. */
uint32_t vr_actor_turn(struct vr_actor *actor, uint32_t limit);
void vr_actor_handle_media(struct vr_actor *actor, struct vr_msg *msg); /* clears it */
/** Call `reply` of an actor's ask like a handler. */
void vr_actor_replied(struct vr_actor *actor, vr_actor_reply_fn reply, uint64_t tag,
                      enum vr_err err, struct vr_msg *answer);
void vr_actor_shut(struct vr_actor *actor, enum vr_close_reason reason);
void vr_actor_on_timer(struct vr_timer *timer, vr_time_us now);
/** After a failure: open it again now, and let its mail come. May free the actor. */
void vr_actor_reopen(struct vr_actor *actor);
void vr_actor_refuse_waiting(struct vr_actor *actor, enum vr_err err);

/* supervise.c */
/** A handler or `open` of it has failed: close it, then restart or give up. */
void vr_actor_failed(struct vr_actor *actor, const struct vr_why *why);
void vr_actor_supervise(struct vr_timer *timer, vr_time_us now);

/* ask.c */
void vr_ask_answered(struct vr_worker *worker, struct vr_msg *msg); /* clears it */
void vr_ask_run_failed(struct vr_worker *worker);
void vr_ask_cancel_all(struct vr_actor *actor);
void vr_ask_close(struct vr_worker *worker);
/** Tell who asked that nobody will answer; nothing when nobody asked. */
void vr_ask_refuse(struct vr_system *system, struct vr_address asker, enum vr_err err);

/* timer.c */
void vr_timers_run(struct vr_worker *worker, vr_time_us now, uint32_t limit);
vr_time_us vr_worker_lag_recent(const struct vr_worker *worker, vr_time_us now);
vr_time_us vr_timers_next(const struct vr_worker *worker);

#endif
