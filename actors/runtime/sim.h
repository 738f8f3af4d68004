/* sim.h - several nodes in one thread under one seed: for tests, never in a server.
 *
 * Time moves only when nothing is left to do at the present moment; then it jumps to the next thing
 * that is due (a timer, a message on its way, a commit that lands). The seed decides how long
 * messages between nodes and commits take and which worker turns first, so one seed gives one run,
 * and its trace is the assertion: run twice, compare the text.
 *
 *     sim = vr_sim_new(7);
 *     a = vr_sim_add_node(sim, "a");              node number 1
 *     b = vr_sim_add_node(sim, "b");              node number 2
 *     ... make what the node's actors need: vr_sim_prepare(a, true) lets commits land at once
 * meanwhile ... vr_sim_start(a, &conf); vr_sim_start(b, &conf); vr_sim_node_system(a): send to it,
 * vr_ask on its workers vr_sim_run_until(sim, done, ctx, VR_SECONDS(60));
 *
 * Messages between nodes go through the envelope (messages/envelope.h): a kind without a wire form
 * or a field that the envelope forgets shows here. Links keep order and lose nothing unless they
 * are cut, or vr_sim_set_faults says otherwise. */
#ifndef VR_RUNTIME_SIM_H
#define VR_RUNTIME_SIM_H

#include "actors/runtime/system.h"

struct vr_sim;
struct vr_sim_node;

/** Starts at 1000 s of the monotonic clock. NULL: out of memory. */
struct vr_sim *vr_sim_new(uint64_t seed);
/** Closes what runs, frees nodes, stores and trace. NULL is fine. */
void vr_sim_free(struct vr_sim *sim);

/** How long messages between nodes and commits take, in microseconds, evenly spread. Defaults:
 * 200-2000, 1000-8000. */
struct vr_sim_delays {
    vr_time_us message_min, message_max;
    vr_time_us commit_min, commit_max;
};
void vr_sim_set_delays(struct vr_sim *sim, const struct vr_sim_delays *delays);

/** A node with a store of its own (store/memory.h) and no actors yet; numbered from 1. `name` is
 * copied. The nodes are the simulation's. NULL: out of memory or more than 16. */
struct vr_sim_node *vr_sim_add_node(struct vr_sim *sim, const char *name);

struct vr_sim_node_conf {
    uint32_t control_workers;                                       /* 0: 1 */
    uint32_t media_workers;                                         /* 0: 1 */
    uint32_t (*place)(void *ctx, const struct vr_address *address); /* may be NULL */
    const struct vr_actor_class *(*classify)(void *ctx, const struct vr_address *address);
    /** Number of the node where this address lives; 0: here. Replies find their way by themselves.
     * NULL: all is here. */
    uint32_t (*locate)(void *ctx, const struct vr_address *address);
    void (*failed)(void *ctx, const struct vr_address *address,
                   const struct vr_why *why); /* may be NULL */
    void *ctx;                                /* for the four above, and those below */
    void *node_context;                       /* vr_system_context: struct vr_env */
    /* Of a node in a cluster. */
    uint32_t cluster_workers;                            /* 0: none */
    struct vr_records *records;                          /* NULL: the node's own store */
    enum vr_err (*route)(void *ctx, struct vr_msg *msg); /* instead of `locate` */
    /** What vr_sim_send_frame brought; on the node's thread, between turns. May be NULL. */
    void (*frame)(void *ctx, struct vr_sim_node *from, uint32_t lane, struct vr_bytes bytes);
};
/** Start the node's actors; again after a crash. */
VR_MUST_CHECK enum vr_err vr_sim_start(struct vr_sim_node *node,
                                       const struct vr_sim_node_conf *conf);

/** Its actors and all in memory are gone at once (they are closed, but nothing that they send then
 * leaves), as is what has not landed in its store. Messages on their way to it are lost. */
void vr_sim_crash(struct vr_sim_node *node);
/** A cut link loses what is sent over it, both ways; what is under way still arrives. */
void vr_sim_cut(struct vr_sim_node *a, struct vr_sim_node *b, bool cut);
/** As vr_sim_cut, of what goes from `a` to `b` alone. */
void vr_sim_cut_way(struct vr_sim_node *a, struct vr_sim_node *b, bool cut);
/** What links do beside being late, in thousandths of what is sent. Defaults: nothing. */
struct vr_sim_faults {
    uint32_t lost, doubled, overtaken; /* overtaken: comes up to 50 ms later than its turn */
};
void vr_sim_set_faults(struct vr_sim *sim, const struct vr_sim_faults *faults);
/** SIGSTOP and SIGCONT: it does not turn, its commits do not land, what is sent to it waits at its
 * door. Time goes on. */
void vr_sim_pause(struct vr_sim_node *node, bool paused);
/** The node's wall clock is set, forward or back; what measures (`now`) goes on evenly. */
void vr_sim_jump_wall(struct vr_sim_node *node, vr_time_us by);
bool vr_sim_paused(const struct vr_sim_node *node);
/** Bytes as they are, from node to node, like messages: delays, cuts and faults. Lanes (0 and 1)
 * keep their order each by itself. False: out of memory. */
bool vr_sim_send_frame(struct vr_sim_node *from, struct vr_sim_node *to, uint32_t lane,
                       struct vr_bytes bytes);
/** Call `fn` at this moment, between turns: for what a node talks to that is no node. `node` (may
 * be NULL): while it is paused the call waits; `ctx` is borrowed and must outlive the simulation or
 * the call. False: out of memory. */
bool vr_sim_at(struct vr_sim *sim, struct vr_sim_node *node, vr_time_us at, void (*fn)(void *ctx),
               void *ctx);
struct vr_sim_node *vr_sim_node_at(struct vr_sim *sim, uint32_t number); /* NULL: no such */
/** The next `count` commits of the node land with this error. */
void vr_sim_fail_commits(struct vr_sim_node *node, uint32_t count, enum vr_err err);
/** True: commits land at submit, so that vr_records_commit can be waited for: between runs only. */
void vr_sim_prepare(struct vr_sim_node *node, bool immediate);

uint32_t vr_sim_node_number(const struct vr_sim_node *node);
const char *vr_sim_node_name(const struct vr_sim_node *node);
struct vr_system *vr_sim_node_system(struct vr_sim_node *node); /* NULL: crashed, or not started */
struct vr_records *vr_sim_node_records(struct vr_sim_node *node);
const struct vr_random *vr_sim_node_random(struct vr_sim_node *node); /* the one its system uses */

/** Run until `done` says so, or `limit` of simulated time has gone by, or nothing will ever happen
 * any more. `done` NULL: never. Returns whether `done` said so. Handlers must end: an endless
 * exchange of messages within one moment is given up after a million turns, traced. */
bool vr_sim_run_until(struct vr_sim *sim, bool (*done)(void *ctx), void *ctx, vr_time_us limit);

vr_time_us vr_sim_now(const struct vr_sim *sim);
const struct vr_clock *vr_sim_clock(const struct vr_sim *sim);
/** The simulation's own randomness: for the choices of a test's script. */
const struct vr_random *vr_sim_random(struct vr_sim *sim);

/** Add one line, with the time in front: "[   12.034] text\n" (milliseconds since the start). */
void vr_sim_trace(struct vr_sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** Also trace each message between nodes and each commit, as "a -> b COMMAND", "a stored ok". Off
 * at first. */
void vr_sim_trace_all(struct vr_sim *sim, bool on);
/** All lines so far; good until the next call of anything here. */
const char *vr_sim_trace_text(const struct vr_sim *sim);

#endif
