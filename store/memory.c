/* memory.c - the back end for simulations: sorted tables, and commits that land when told to.
 *
 * `order` is held while commits land and are told, so that outcomes come in the order of
 * submission; `lock` guards the content and is never held during a callback. Order is always taken
 * first. */
#include "store/memory.h"

#include <pthread.h>
#include <stdlib.h>

#include "actors/base/fnv.h"
#include "actors/base/owner.h"
#include "store/commit.h"
#include "store/key.h"
#include "store/memory_table.h"
#include "store/personal.h"

struct waiting {
    struct waiting *next;
    struct vr_commit *commit;
    vr_committed_fn done;
    void *ctx;
    uint64_t ticket;
};

struct memory {
    struct vr_records records;
    pthread_mutex_t order; /* recursive: `done` may submit again in immediate mode */
    pthread_mutex_t lock;
    struct vr_memory_table tables[VR_TABLE_COUNT];
    struct waiting *first;
    struct waiting **last;
    uint64_t ticket_last;
    bool immediate;
    struct vr_records_stats stats;
};

static struct memory *memory_of(struct vr_records *records)
{
    return VR_OWNER(records, struct memory, records);
}

/* All that a commit needs is allocated before the first change: all or nothing, also when memory is
 * out. */
struct plan {
    struct vr_item **items; /* one for each put, in order; the head last */
    enum vr_table *tables;  /* ... and where it goes */
    size_t count;
};

static void plan_deinit(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        free(plan->items[i]);
    }
    free(plan->items);
    free(plan->tables);
}

static bool plan_add(struct plan *plan, enum vr_table table, struct vr_bytes key,
                     struct vr_bytes value)
{
    plan->tables[plan->count] = table;
    plan->items[plan->count] = vr_item_new(key, value);
    return plan->items[plan->count] != NULL && ++plan->count > 0;
}

/* A user's row as it will be: what stands there, and what this commit put before `op`. */
static enum vr_err plan_user(struct memory *memory, const struct plan *plan, const struct vr_op *op,
                             struct vr_buf *row)
{
    struct vr_item *there = vr_memory_table_find(&memory->tables[op->table], op->key);

    for (size_t i = 0; i < plan->count; i++) {
        if (plan->tables[i] == op->table && vr_bytes_equal(vr_item_key(plan->items[i]), op->key)) {
            there = plan->items[i];
        }
    }
    return vr_personal_landed(there == NULL ? vr_bytes(NULL, 0) : vr_item_value(there), op->value,
                              row);
}

static enum vr_err plan_put(struct memory *memory, struct plan *plan, const struct vr_op *op)
{
    struct vr_buf row = {0};
    enum vr_err err = VR_OK;

    if (op->table == VR_TABLE_USERS) {
        err = plan_user(memory, plan, op, &row);
    }
    if (err == VR_OK &&
        !plan_add(plan, op->table, op->key, row.data == NULL ? op->value : vr_buf_bytes(&row))) {
        err = VR_E_NO_MEMORY;
    }
    vr_buf_deinit(&row);
    return err;
}

static enum vr_err plan_make(struct memory *memory, const struct vr_commit *commit,
                             const struct vr_head *next, struct plan *plan)
{
    struct vr_bytes rest = vr_buf_bytes(&commit->ops);
    uint8_t key[16];
    uint8_t head[VR_HEAD_BYTES];
    struct vr_op op;
    bool bad;

    plan->items = calloc(commit->op_count + (size_t)1, sizeof(struct vr_item *));
    plan->tables = calloc(commit->op_count + (size_t)1, sizeof(enum vr_table));
    if (plan->items == NULL || plan->tables == NULL ||
        !vr_memory_table_reserve(&memory->tables[VR_TABLE_HEADS], 1)) {
        return VR_E_NO_MEMORY;
    }
    while (vr_op_next(&rest, &op, &bad)) {
        if (op.kind == VR_OP_PUT &&
            (!vr_memory_table_reserve(&memory->tables[op.table], commit->op_count) ||
             plan_put(memory, plan, &op) != VR_OK)) {
            return VR_E_NO_MEMORY;
        }
    }
    vr_id_put(key, commit->room);
    vr_head_put(head, next);
    return plan_add(plan, VR_TABLE_HEADS, vr_bytes(key, 16), vr_bytes(head, sizeof(head)))
               ? VR_OK
               : VR_E_NO_MEMORY;
}

static void plan_carry_out(struct memory *memory, const struct vr_commit *commit, struct plan *plan)
{
    struct vr_bytes rest = vr_buf_bytes(&commit->ops);
    struct vr_op op;
    size_t used = 0;
    bool bad;

    while (vr_op_next(&rest, &op, &bad)) {
        switch (op.kind) {
        case VR_OP_PUT:
            vr_memory_table_put(&memory->tables[op.table], plan->items[used]);
            plan->items[used++] = NULL;
            break;
        case VR_OP_REMOVE:
            vr_memory_table_remove(&memory->tables[op.table], op.key);
            break;
        case VR_OP_REMOVE_PREFIX:
            vr_memory_table_remove_prefix(&memory->tables[op.table], op.key);
            break;
        }
    }
    if (!vr_id_is_zero(commit->room)) {
        vr_memory_table_put(&memory->tables[VR_TABLE_HEADS], plan->items[used]);
        plan->items[used] = NULL;
    }
}

/* Under the lock. */
static enum vr_err apply(struct memory *memory, const struct vr_commit *commit, uint64_t *revision)
{
    struct vr_head head = {0, 0};
    struct vr_head next;
    struct plan plan = {NULL, NULL, 0};
    struct vr_item *row;
    uint8_t key[16];
    enum vr_err err;

    vr_id_put(key, commit->room);
    row = vr_memory_table_find(&memory->tables[VR_TABLE_HEADS], vr_bytes(key, sizeof(key)));
    if (row != NULL && !vr_head_get(vr_item_value(row), &head)) {
        return VR_E_DAMAGED;
    }
    err = vr_head_follow(&head, commit, &next);
    if (err != VR_OK) {
        return err;
    }
    err = plan_make(memory, commit, &next, &plan);
    if (err == VR_OK) {
        plan_carry_out(memory, commit, &plan);
        *revision = next.revision;
    }
    plan_deinit(&plan);
    return err;
}

/* Under `order`. Frees what waited. */
static void land(struct memory *memory, struct waiting *waiting, enum vr_err outcome)
{
    uint64_t revision = 0;

    if (outcome == VR_OK) {
        outcome = vr_commit_check(waiting->commit);
    }
    pthread_mutex_lock(&memory->lock);
    if (outcome == VR_OK) {
        outcome = apply(memory, waiting->commit, &revision);
    }
    memory->stats.transactions++;
    memory->stats.commits += outcome == VR_OK;
    memory->stats.failed += outcome != VR_OK;
    pthread_mutex_unlock(&memory->lock);
    if (waiting->done != NULL) {
        waiting->done(waiting->ctx, waiting->ticket, outcome, revision);
    }
    vr_commit_free(waiting->commit);
    free(waiting);
}

/* Takes the oldest off the queue; NULL when none waits. */
static struct waiting *take_first(struct memory *memory)
{
    struct waiting *waiting;

    pthread_mutex_lock(&memory->lock);
    waiting = memory->first;
    if (waiting != NULL) {
        memory->first = waiting->next;
        if (memory->first == NULL) {
            memory->last = &memory->first;
        }
        memory->stats.waiting--;
    }
    pthread_mutex_unlock(&memory->lock);
    return waiting;
}

static bool somebody_waits(struct memory *memory)
{
    bool waits;

    pthread_mutex_lock(&memory->lock);
    waits = memory->first != NULL;
    pthread_mutex_unlock(&memory->lock);
    return waits;
}

/* One thread lands at a time. Another does not wait for it, since it may hold what those who are
 * told need: whoever lands looks again before he goes. */
static void land_all(struct memory *memory)
{
    do {
        struct waiting *waiting;

        if (pthread_mutex_trylock(&memory->order) != 0) {
            return;
        }
        while ((waiting = take_first(memory)) != NULL) {
            land(memory, waiting, VR_OK);
        }
        pthread_mutex_unlock(&memory->order);
    } while (somebody_waits(memory));
}

static uint64_t memory_submit(struct vr_records *records, struct vr_commit *commit,
                              vr_committed_fn done, void *ctx)
{
    struct memory *memory = memory_of(records);
    struct waiting *waiting = calloc(1, sizeof(*waiting));
    uint64_t ticket;
    bool immediate;

    pthread_mutex_lock(&memory->lock);
    ticket = ++memory->ticket_last;
    immediate = memory->immediate;
    if (waiting != NULL) {
        *waiting = (struct waiting){NULL, commit, done, ctx, ticket};
        *memory->last = waiting;
        memory->last = &waiting->next;
        memory->stats.waiting++;
    }
    pthread_mutex_unlock(&memory->lock);
    if (waiting == NULL) {
        vr_commit_free(commit);
        if (done != NULL) {
            done(ctx, ticket, VR_E_NO_MEMORY, 0);
        }
    } else if (immediate) {
        land_all(memory);
    }
    return ticket;
}

static enum vr_err memory_get(struct vr_records *records, enum vr_table table, struct vr_bytes key,
                              struct vr_buf *out)
{
    struct memory *memory = memory_of(records);
    struct vr_item *item;

    pthread_mutex_lock(&memory->lock);
    item = vr_memory_table_find(&memory->tables[table], key);
    if (item != NULL) {
        vr_buf_append(out, vr_item_value(item).data, vr_item_value(item).size);
    }
    pthread_mutex_unlock(&memory->lock);
    if (item == NULL) {
        return VR_E_NOT_FOUND;
    }
    return out->failed ? VR_E_NO_MEMORY : VR_OK;
}

/* Each row is copied and visited without the lock, so that a visitor may read and submit. A commit
 * that lands meanwhile is seen in the part not yet walked. */
static enum vr_err memory_scan(struct vr_records *records, enum vr_table number,
                               struct vr_bytes prefix, struct vr_bytes from, vr_visit_fn visit,
                               void *ctx)
{
    struct memory *memory = memory_of(records);
    const struct vr_memory_table *table = &memory->tables[number];
    struct vr_bytes start = vr_key_compare(from, prefix) > 0 ? from : prefix;
    struct vr_item *copy = NULL;
    enum vr_err err = VR_OK;
    bool more = true;

    while (more) {
        struct vr_item *next = NULL;
        size_t place;

        pthread_mutex_lock(&memory->lock);
        place = vr_memory_table_place(table, copy == NULL ? start : vr_item_key(copy));
        if (copy != NULL && place < table->count &&
            vr_key_compare(vr_item_key(table->items[place]), vr_item_key(copy)) == 0) {
            place++;
        }
        more = place < table->count && vr_key_begins_with(vr_item_key(table->items[place]), prefix);
        if (more) {
            next =
                vr_item_new(vr_item_key(table->items[place]), vr_item_value(table->items[place]));
            err = next == NULL ? VR_E_NO_MEMORY : VR_OK;
        }
        pthread_mutex_unlock(&memory->lock);
        free(copy);
        copy = next;
        more = next != NULL && visit(ctx, vr_item_key(next), vr_item_value(next));
    }
    free(copy);
    return err;
}

static void memory_stats(struct vr_records *records, struct vr_records_stats *out)
{
    struct memory *memory = memory_of(records);

    pthread_mutex_lock(&memory->lock);
    *out = memory->stats;
    pthread_mutex_unlock(&memory->lock);
}

enum vr_err vr_memory_new(struct vr_records **out)
{
    static const struct vr_records_ops ops = {memory_submit, memory_get, memory_scan, memory_stats};
    struct memory *memory = calloc(1, sizeof(*memory));
    pthread_mutexattr_t attr;

    if (memory == NULL) {
        return VR_E_NO_MEMORY;
    }
    memory->records.ops = &ops;
    memory->last = &memory->first;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&memory->order, &attr);
    pthread_mutexattr_destroy(&attr);
    pthread_mutex_init(&memory->lock, NULL);
    *out = &memory->records;
    return VR_OK;
}

void vr_memory_crash(struct vr_records *records)
{
    struct memory *memory = memory_of(records);
    struct waiting *waiting;

    while ((waiting = take_first(memory)) != NULL) {
        vr_commit_free(waiting->commit);
        free(waiting);
    }
}

void vr_memory_free(struct vr_records *records)
{
    struct memory *memory;

    if (records == NULL) {
        return;
    }
    memory = memory_of(records);
    vr_memory_crash(records);
    for (size_t i = 0; i < VR_TABLE_COUNT; i++) {
        vr_memory_table_deinit(&memory->tables[i]);
    }
    pthread_mutex_destroy(&memory->order);
    pthread_mutex_destroy(&memory->lock);
    free(memory);
}

bool vr_memory_step(struct vr_records *records, enum vr_err outcome)
{
    struct memory *memory = memory_of(records);
    struct waiting *waiting;

    pthread_mutex_lock(&memory->order);
    waiting = take_first(memory);
    if (waiting != NULL) {
        land(memory, waiting, outcome);
    }
    pthread_mutex_unlock(&memory->order);
    return waiting != NULL;
}

void vr_memory_set_immediate(struct vr_records *records, bool immediate)
{
    struct memory *memory = memory_of(records);

    pthread_mutex_lock(&memory->lock);
    memory->immediate = immediate;
    pthread_mutex_unlock(&memory->lock);
    if (immediate) {
        land_all(memory);
    }
}

uint64_t vr_memory_digest(struct vr_records *records)
{
    struct memory *memory = memory_of(records);
    uint64_t hash = VR_FNV_START;

    pthread_mutex_lock(&memory->lock);
    for (size_t t = 0; t < VR_TABLE_COUNT; t++) {
        for (size_t i = 0; i < memory->tables[t].count; i++) {
            const struct vr_item *item = memory->tables[t].items[i];
            uint8_t header[9] = {(uint8_t)t};

            vr_put32(header + 1, (uint32_t)item->key_size);
            vr_put32(header + 5, (uint32_t)item->value_size);
            hash = vr_fnv64(hash, header, sizeof(header));
            hash = vr_fnv64(hash, item->bytes, item->key_size + item->value_size);
        }
    }
    pthread_mutex_unlock(&memory->lock);
    return hash;
}
