/* system.h - one node's actors: workers, addresses, sending, asking, supervision.
 *
 * A worker is one loop on one thread; an actor lives on exactly one worker and only its handler
 * touches its state. Everything between actors is a vr_msg. The pure part (this file's functions)
 * knows no thread and no socket: an edge (runtime/loop.h on libuv, tests/sim in one thread) calls
 * vr_worker_turn. Clock, randomness, store and the way to other nodes come in through struct
 * vr_system_conf, so that several nodes run in one process under one seed. */
#ifndef VR_RUNTIME_SYSTEM_H
#define VR_RUNTIME_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>

#include "actors/base/clock.h"
#include "actors/base/err.h"
#include "actors/base/list.h"
#include "actors/base/random.h"
#include "actors/base/trace.h"
#include "actors/messages/msg.h"

struct vr_system;
struct vr_worker;
struct vr_actor;
struct vr_records; /* store/records.h */

/** A cluster worker has the node's part in the cluster alone, so that a storm of joins can't starve
 * a lease. */
enum vr_worker_kind { VR_WORKER_CONTROL, VR_WORKER_MEDIA, VR_WORKER_CLUSTER };

/** Why an actor is being closed. */
enum vr_close_reason {
    VR_CLOSE_IDLE,
    VR_CLOSE_DONE,
    VR_CLOSE_DRAIN,
    VR_CLOSE_FAILED,
    VR_CLOSE_STOP
};

/** What an actor is: a table. `state_size` bytes, zeroed, are the actor's own.
 *
 *  Supervision: an `open` or `handle` that returns an error (a failure of the actor, not a refusal
 * to a client, which is an answer) closes the actor with VR_CLOSE_FAILED and opens it again from
 * the store within 50 ms, mailbox kept; the third failure in ten seconds closes it for good:
 * `failed` of the system is told, asks waiting are answered VR_E_INTERNAL, and messages to it are
 * refused for 60 s. */
struct vr_actor_class {
    enum vr_actor_kind kind;
    const char *name;
    size_t state_size;
    enum vr_worker_kind worker; /* where it may live */
    /** Load from the store. Called on the actor's worker before its first message. VR_E_NOT_FOUND
     * is no failure: nothing lives at this address, what waits for it is answered so, and nobody is
     * told. Neither are VR_E_FROZEN and VR_E_CONFLICT: it lives on another node now. */
    enum vr_err (*open)(struct vr_actor *actor, void *state, struct vr_why *why);
    /** One message, borrowed; take what you keep by clearing the pointer in it. */
    enum vr_err (*handle)(struct vr_actor *actor, void *state, struct vr_msg *msg,
                          struct vr_why *why);
    /** The actor's own timer (vr_actor_arm) is due. May be NULL. */
    enum vr_err (*timer)(struct vr_actor *actor, void *state, struct vr_why *why);
    /** Free what `state` holds; also after a failed open. Messages that wait at a stop are kept:
     * they open the actor again, from the store. */
    void (*close)(struct vr_actor *actor, void *state, enum vr_close_reason reason);
    uint32_t mailbox_max; /* messages waiting, control lane; beyond: VR_E_BUSY. 0: 1024 */
};

struct vr_system_conf {
    const struct vr_clock *clock;
    const struct vr_random *random;
    struct vr_records *records; /* borrowed; NULL in tests without a store */
    uint32_t node;              /* this node's number, from the directory; 1 when alone */
    uint32_t control_workers;   /* >= 1 */
    uint32_t media_workers;     /* >= 1 */
    uint32_t cluster_workers;   /* 0 alone, 1 in a cluster */
    uint32_t turn_messages;     /* most messages that one actor handles in a turn; 0: 64 */
    uint32_t inbox_control_max; /* messages on their way to one worker, control lane; 0: 16384 */
    uint32_t inbox_media_max; /* media lane; 0: 4096 for a media worker, 256 for a control worker */
    /** Which worker index (of the class's kind) a not yet living actor gets; NULL: by hash of the
     * id, shards by `sub` modulo the number of media workers. Thread-safe, without a lock, and the
     * same answer for an address each time: a packet between shards is placed by it. */
    uint32_t (*place)(void *ctx, const struct vr_address *address);
    /** Virtual activation: which class wakes for this address, or NULL (VR_E_NOT_FOUND).
     * Thread-safe. */
    const struct vr_actor_class *(*classify)(void *ctx, const struct vr_address *address);
    /** A message to an actor that lives on another node; takes it. NULL when alone. Decides by
     * itself from the directory; returns VR_E_NOT_FOUND for "it is here". Thread-safe. */
    enum vr_err (*route)(void *ctx, struct vr_msg *msg);
    /** An actor was given up (third failure). Any worker's thread. May be NULL. */
    void (*failed)(void *ctx, const struct vr_address *address, const struct vr_why *why);
    void *ctx;          /* for the four above */
    void *node_context; /* handed out by vr_system_context: what actors need of the node */
    const struct vr_tracing *tracing; /* where spans go; NULL: nothing is traced */
};

VR_MUST_CHECK enum vr_err vr_system_new(const struct vr_system_conf *conf, struct vr_system **out);
/** After all workers have stopped turning: does what vr_worker_close does for those that were not
 * closed. Messages are refused from then on (VR_E_GONE), but may still be sent: a journal's thread
 * tells its last commits to rooms that live no more, so it must have ended before vr_system_free.
 */
void vr_system_close(struct vr_system *system);
/** Closes it if that was not done. Nobody sends any more. */
void vr_system_free(struct vr_system *system);

/** Send from any thread. Takes `msg` (it is zeroed on VR_OK; on an error it is still yours).
 *  Order: messages of one thread to one actor arrive in order, within a lane; between lanes there
 * is none. Wakes the actor's worker; activates the actor when it does not live yet (control lane
 * only: speech for a shard that does not live is dropped by its worker, counted). VR_MSG_RELAY and
 * VR_MSG_SHARD_LEVELS to a shard take no lock and allocate nothing. Errors: VR_E_BUSY full
 * (VR_MSG_STORED, VR_MSG_DRAIN and replies pass the actor's bound: who waits for them would hang);
 * VR_E_NOT_FOUND no class; VR_E_GONE quarantined, or the worker has closed; VR_E_NO_MEMORY;
 * VR_E_BAD_REQUEST no such kind. */
VR_MUST_CHECK enum vr_err vr_system_send(struct vr_system *system, struct vr_msg *msg);
/** Send, and clear the message when it was refused: where nothing better can be done. Counted. */
void vr_system_post(struct vr_system *system, struct vr_msg *msg);

/** Send with a question; takes `msg`, always. `reply` is called once on `worker`'s own thread, from
 * within a turn: with VR_OK and the message that answers (borrowed; a refusal in a vr_answer is an
 * answer), or with NULL and an error: VR_E_TIMEOUT at the deadline, that of sending, or
 * VR_E_INTERNAL when the actor failed over it. When the worker closes: VR_E_GONE, also before
 * vr_ask returns. A reply after the deadline is dropped and counted. Thread: `worker`'s own, in or
 * out of a turn. */
typedef void (*vr_reply_fn)(void *ctx, enum vr_err err, struct vr_msg *answer);
void vr_ask(struct vr_worker *worker, struct vr_msg *msg, vr_time_us timeout, vr_reply_fn reply,
            void *ctx); /* a command that is traced is a span until its answer */
/** Answer an asked message: `answer->kind` and payload are set; address and routing are filled in
 * from `asked`. Does nothing but clear when nobody asked (asked->from.kind is not VR_ACTOR_ASK... a
 * plain sender gets it as an ordinary message). Takes `answer`. */
void vr_reply(struct vr_system *system, const struct vr_msg *asked, struct vr_msg *answer);

/** Ask as an actor: `reply` is called like a handler, with the actor's state and the `tag` given
 * here; an error that it returns is a failure of the actor. It is not called any more once the
 * actor has closed, stopped or failed: nothing dangles. Inside open/handle/timer/reply of this
 * actor only. */
typedef enum vr_err (*vr_actor_reply_fn)(struct vr_actor *actor, void *state, uint64_t tag,
                                         enum vr_err err, struct vr_msg *answer,
                                         struct vr_why *why);
void vr_actor_ask(struct vr_actor *actor, struct vr_msg *msg, vr_time_us timeout,
                  vr_actor_reply_fn reply, uint64_t tag);

/** Hand over to this node's own actors without asking conf.route: for what came in from another
 * node. */
VR_MUST_CHECK enum vr_err vr_system_deliver(struct vr_system *system, struct vr_msg *msg);

/** Actors that are made by their worker's own code (a session by HTTP), not woken by a message.
 * `class` need not be one that conf.classify gives. Opened before the call returns; its `open`
 * finds `seed` by vr_actor_seed, and only this time (restarted after a failure it is NULL: such a
 * class returns VR_E_NOT_FOUND then). Owns: `seed` stays the caller's. Worker's own thread, in or
 * out of a turn. Errors: VR_E_EXISTS; that of `open` (the actor is gone then, without supervision);
 * VR_E_NO_MEMORY. An address that is spawned here must be one that conf.place puts on this worker.
 */
VR_MUST_CHECK enum vr_err vr_actor_spawn(struct vr_worker *worker,
                                         const struct vr_actor_class *class,
                                         const struct vr_address *address, void *seed,
                                         struct vr_why *why);
void *vr_actor_seed(const struct vr_actor *actor);
/** Run `body` as if it were a handler of the live actor at `address` on this worker, before
 * returning: vr_actor_arm, vr_actor_stop and supervision work as in a handler. Returns what `body`
 * returned; VR_E_NOT_FOUND when no such actor is open here. Worker's own thread, not from inside a
 * handler of the same actor. */
typedef enum vr_err (*vr_actor_body_fn)(struct vr_actor *actor, void *state, void *ctx,
                                        struct vr_why *why);
VR_MUST_CHECK enum vr_err vr_actor_run(struct vr_worker *worker, const struct vr_address *address,
                                       vr_actor_body_fn body, void *ctx, struct vr_why *why);
/** Which worker an address of this kind is placed on: index within the kind. Any thread, no lock.
 */
uint32_t vr_system_place(const struct vr_system *system, enum vr_worker_kind kind,
                         const struct vr_address *address);

/** For actors, inside open/handle/timer/close only. */
struct vr_system *vr_actor_system(const struct vr_actor *actor);
struct vr_worker *vr_actor_worker(const struct vr_actor *actor);
struct vr_address vr_actor_address(const struct vr_actor *actor);
vr_time_us vr_actor_now(const struct vr_actor *actor); /* read once per turn */
/** The one timer of an actor; VR_NEVER disarms. */
void vr_actor_arm(struct vr_actor *actor, vr_time_us deadline);
/** End this actor once the handler has returned: it sleeps (the next message wakes it, from the
 * store). */
void vr_actor_stop(struct vr_actor *actor, enum vr_close_reason reason);

/** Workers. Index counts within the kind. */
struct vr_worker *vr_system_worker(struct vr_system *system, enum vr_worker_kind kind,
                                   uint32_t index);
uint32_t vr_system_worker_count(const struct vr_system *system, enum vr_worker_kind kind);
struct vr_system *vr_worker_system(const struct vr_worker *worker);
uint32_t vr_worker_index(const struct vr_worker *worker);
enum vr_worker_kind vr_worker_kind(const struct vr_worker *worker);
/** Time of the running turn; outside of one, of the clock. Worker's own thread. */
vr_time_us vr_worker_now(struct vr_worker *worker);
/** One turn: take what is in the mailboxes (bounded), run due timers. Returns when it wants to be
 * called again at the latest: `now` when work is left, VR_NEVER when idle. Worker's own thread. */
vr_time_us vr_worker_turn(struct vr_worker *worker, vr_time_us now);
/** The end of a worker, on its own thread, when it will turn no more: its actors are closed
 * (VR_CLOSE_STOP), asks that wait are told VR_E_GONE, messages to it are refused with VR_E_GONE
 * from now on. */
void vr_worker_close(struct vr_worker *worker);
/** How to wake the worker's loop (uv_async_send): called by any thread that sends, at most once
 * until the next turn. A vr_loop is not woken by its own thread (it turns before each wait, so what
 * a callback of the loop sends, asks or arms is seen to); other edges are. Set before the first
 * turn. */
void vr_worker_set_wake(struct vr_worker *worker, void (*wake)(void *ctx), void *ctx);
/** Things that live on a worker beside actors (media engine, HTTP): one pointer per worker, and the
 *  system's. Set before the first turn. */
void vr_worker_set_context(struct vr_worker *worker, void *context);
void *vr_worker_context(const struct vr_worker *worker);
void *vr_system_context(const struct vr_system *system);
const struct vr_clock *vr_system_clock(const struct vr_system *system);
const struct vr_random *vr_system_random(const struct vr_system *system);
struct vr_records *vr_system_records(const struct vr_system *system);
const struct vr_tracing *vr_system_tracing(const struct vr_system *system); /* NULL: off */
uint32_t vr_system_node(const struct vr_system *system);

/** A timer of the loop that is none of the worker's own (below) ran at `now`, so much too late: it
 *  counts like those. The worker's thread. */
void vr_worker_note_lag(struct vr_worker *worker, vr_time_us lag, vr_time_us now);
/** Largest time from a timer's deadline to its run since the last call; any thread. */
vr_time_us vr_worker_lag_take(struct vr_worker *worker);
/** The same of the media worker that was worst within the last 50 to 100 ms before `now`, without
 *  taking it away; any thread. A loop that stands still is late only once it runs again. */
vr_time_us vr_system_media_lag(const struct vr_system *system, vr_time_us now);

/** A timer on a worker, embedded by its owner. Zeroed is disarmed. Worker's own thread; outside of
 * a turn arming wakes the loop. Due timers fire in the order of their deadlines, equal ones in any
 * order that is the same in each run. */
struct vr_timer {
    vr_time_us deadline;
    void (*fire)(struct vr_timer *timer, vr_time_us now);
    size_t heap_index; /* 0: not in the heap; else place + 1 */
};
void vr_timer_arm(struct vr_worker *worker, struct vr_timer *timer, vr_time_us deadline);
void vr_timer_disarm(struct vr_worker *worker, struct vr_timer *timer);

/** Counters, any thread. */
struct vr_runtime_stats {
    uint64_t sent;
    uint64_t handled;
    uint64_t refused;       /* VR_E_BUSY */
    uint64_t dropped_media; /* oldest dropped */
    uint64_t restarts;
    uint64_t given_up;
    uint64_t asks_timed_out;
    uint64_t late_replies; /* came when nobody waited any more */
    uint64_t undelivered;  /* posted but refused, or speech for a shard that does not live */
    uint32_t actors[VR_ACTOR_KINDS];
    uint32_t mailbox_length_max;
};
void vr_system_stats(const struct vr_system *system, struct vr_runtime_stats *out);

#endif
