/* records.h - durable records: one interface for reading and for asynchronous, fenced commits.
 *
 * Back ends: LMDB with the journal thread (store/lmdb.h), and one in memory that commits when it is
 * told to (store/memory.h, simulations). Values are opaque here (protobuf, made by who owns the
 * table); the back end adds a checksum and checks it on every read. In a cluster another back end
 * puts durable kinds into etcd: callers see the same calls. */
#ifndef VR_STORE_RECORDS_H
#define VR_STORE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/base/bytes.h"
#include "actors/base/clock.h"
#include "actors/base/err.h"
#include "actors/base/ids.h"
#include "actors/base/trace.h"

/* name, what; the number is part of the format and never changes. Keys that belong to a room begin
 * with its 16 bytes. */
/* clang-format off */
#define VR_TABLE_MAP(X)                                                                            \
    X(VR_TABLE_META,         0, "meta")         /* schema version, node id, keys of the node */    \
    X(VR_TABLE_HEADS,        1, "heads")        /* room -> epoch, revision; written by commits */  \
    X(VR_TABLE_ROOMS,        2, "rooms")        /* room -> settings, phase, counters */            \
    X(VR_TABLE_PARTICIPANTS, 3, "participants") /* room + participant -> role, mutes, hand */      \
    X(VR_TABLE_BANS,         4, "bans")         /* room + user ref (or address) -> reason, until */ \
    X(VR_TABLE_ANALYTICS,    5, "analytics")    /* room -> counts; room + user ref -> person */    \
    X(VR_TABLE_AUDIT,        6, "audit")        /* room + sequence (8 bytes) -> entry */           \
    X(VR_TABLE_USERS,        7, "users")        /* user ref -> sealing key, sealed identity */     \
    X(VR_TABLE_KEYS,         8, "keys")         /* API keys by kid */                              \
    X(VR_TABLE_REVOKED,      9, "revoked")      /* jti -> until */                                 \
    X(VR_TABLE_IDEMPOTENCY, 10, "idempotency")  /* hash of key and identity -> answer, until */    \
    X(VR_TABLE_COMMANDS,    11, "commands")     /* room + command id -> answer, the last ones */   \
    X(VR_TABLE_DEPLOYMENT,  12, "deployment")   /* kind + id -> what all nodes know: deployment.h */ \
    X(VR_TABLE_REPORTS,     13, "reports")      /* report id -> a participant's report, open or not */ \
    X(VR_TABLE_OUTBOX,      14, "outbox")       /* events for webhooks, deliveries, dead letters */ \
    X(VR_TABLE_MARKS,       15, "marks")        /* room + command id -> a safety act done without an owner */ \
    X(VR_TABLE_GRANTS,      16, "grants")       /* room + user ref -> role granted for good */
/* clang-format on */

enum vr_table {
#define X(name, number, text) name = number,
    VR_TABLE_MAP(X)
#undef X
        VR_TABLE_COUNT
};

#define VR_KEY_MAX 128
#define VR_VALUE_MAX ((size_t)256 * 1024)

/** What one commit writes: all or nothing. Grows as it is filled; freed by whoever owns it. */
struct vr_commit {
    struct vr_id room; /* zero: not of a room; then epoch and revision are not compared */
    uint64_t epoch;    /* refused with VR_E_FENCED when the room's head carries a higher one */
    uint64_t expected; /* the head's revision that this follows; UINT64_MAX: whatever it is;
                        * else a difference is VR_E_STALE */
    uint64_t expected_epoch; /* the epoch of that head, so that a later commit of a chain can't
                              * land on somebody else's; UINT64_MAX: whatever it is */
    uint64_t revision;       /* 0: the head counts up by one; else it becomes this one: a copy of
                              * another node's rows */
    bool snapshot;           /* all rows of the room, as another node has them at `revision`: it
                              * never takes the head back within an epoch (VR_E_STALE), for what
                              * is there may be acknowledged; in a higher one it may */
    bool seal;               /* only the head's epoch rises, its revision stays: lower epochs are
                              * refused from here on, also after a restart */
    bool safety;             /* it gets the reserve of a full store, as removals do: small ones only
                              * that must not wait for space (a mute, a kick, a ban) */
    struct vr_trace trace;   /* for whom it is done; zero: not traced */
    struct vr_buf ops;       /* encoded operations: commit.h */
    uint32_t op_count;
    enum vr_err refused; /* the first operation that broke a limit; submit tells it */
};

struct vr_commit *vr_commit_new(struct vr_id room, uint64_t epoch, uint64_t expected);
void vr_commit_free(struct vr_commit *commit);
/** Copies key and value. A failed allocation makes the later submit fail with VR_E_NO_MEMORY, an
 * empty or long key or a long value with VR_E_TOO_LARGE, a put to the heads with VR_E_BAD_REQUEST.
 * `commit` may be NULL. */
void vr_commit_put(struct vr_commit *commit, enum vr_table table, struct vr_bytes key,
                   struct vr_bytes value);
void vr_commit_remove(struct vr_commit *commit, enum vr_table table, struct vr_bytes key);
/** Removes every key that begins with `prefix`. */
void vr_commit_remove_prefix(struct vr_commit *commit, enum vr_table table, struct vr_bytes prefix);
/** The same for durable kinds: settings, bans, roles granted for good, schedules, keys of creation,
 * what all nodes know. In a cluster these rows go into the directory too, and the commit counts
 * when they are there; on one node there is no difference. */
void vr_commit_put_durable(struct vr_commit *commit, enum vr_table table, struct vr_bytes key,
                           struct vr_bytes value);
void vr_commit_remove_durable(struct vr_commit *commit, enum vr_table table, struct vr_bytes key);
void vr_commit_remove_prefix_durable(struct vr_commit *commit, enum vr_table table,
                                     struct vr_bytes prefix);

/** Told once, on the back end's own thread: post a message and return. `revision` is the room's new
 *  one (the head counts up by one with each commit of the room). Commits of one room are told in
 * the order of their submission. */
typedef void (*vr_committed_fn)(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision);

struct vr_records;

/** Submit from any thread. Takes `commit`, always (NULL is told as VR_E_NO_MEMORY). Returns the
 *  ticket that `done` will name; `done` may run on the other thread before this returns. Never
 *  blocks. Refusals (VR_E_BUSY when too much waits, VR_E_FULL) come through `done` as well. */
uint64_t vr_records_submit(struct vr_records *records, struct vr_commit *commit,
                           vr_committed_fn done, void *ctx);

/** Submit and wait: start-up, tools and tests only, never on a loop. */
VR_MUST_CHECK enum vr_err vr_records_commit(struct vr_records *records, struct vr_commit *commit,
                                            uint64_t *revision);

/** Read in place, any thread: appends the value to `out`. VR_E_NOT_FOUND; VR_E_DAMAGED (checksum).
 */
VR_MUST_CHECK enum vr_err vr_records_get(struct vr_records *records, enum vr_table table,
                                         struct vr_bytes key, struct vr_buf *out);

/** Walk keys that begin with `prefix`, in order, from `from` on (empty: the first). `visit` borrows
 * key and value and returns false to stop. A damaged value is logged, counted and left out. */
typedef bool (*vr_visit_fn)(void *ctx, struct vr_bytes key, struct vr_bytes value);
VR_MUST_CHECK enum vr_err vr_records_scan(struct vr_records *records, enum vr_table table,
                                          struct vr_bytes prefix, struct vr_bytes from,
                                          vr_visit_fn visit, void *ctx);

/** The room's head; zero values when it has none. */
VR_MUST_CHECK enum vr_err vr_records_head(struct vr_records *records, struct vr_id room,
                                          uint64_t *epoch, uint64_t *revision);

struct vr_records_stats {
    uint64_t commits;
    uint64_t transactions; /* commits / transactions: how well they were grouped */
    uint64_t failed;
    uint64_t damaged_values;
    uint64_t waiting;
    double map_used_ratio;
    vr_time_us commit_us_last;
    vr_time_us commit_us_max;
    bool full; /* writes are refused with VR_E_FULL at present */
};
void vr_records_stats(struct vr_records *records, struct vr_records_stats *out);

/** The table that a back end fills in; struct vr_records is the first member of its own struct. */
struct vr_records_ops {
    uint64_t (*submit)(struct vr_records *records, struct vr_commit *commit, vr_committed_fn done,
                       void *ctx);
    enum vr_err (*get)(struct vr_records *records, enum vr_table table, struct vr_bytes key,
                       struct vr_buf *out);
    enum vr_err (*scan)(struct vr_records *records, enum vr_table table, struct vr_bytes prefix,
                        struct vr_bytes from, vr_visit_fn visit, void *ctx);
    void (*stats)(struct vr_records *records, struct vr_records_stats *out);
};
struct vr_records {
    const struct vr_records_ops *ops;
};

#endif
