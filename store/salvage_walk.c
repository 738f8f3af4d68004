#include "store/salvage_walk.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/frame.h"
#include "store/inspect.h"
#include "store/key.h"

#define CHILD_SECONDS 600
#define FRAMED_MAX (VR_VALUE_MAX + VR_FRAME_BYTES)

struct position {
    uint8_t key[VR_KEY_MAX];
    size_t size; /* 0: before the first key, or, where a walk starts backward, behind the last */
};

static struct vr_bytes position_key(const struct position *position)
{
    return vr_bytes(position->key, position->size);
}

static void position_set(struct position *position, struct vr_bytes key)
{
    memcpy(position->key, key.data, key.size);
    position->size = key.size;
}

/* ---- in the child ---- */

struct errand {
    const char *folder;
    enum vr_table table;
    struct position from;
    struct position floor; /* backward: where to stop */
    bool backward;
};

struct row_head {
    uint32_t key_size; /* 0: the walk came to its proper end */
    uint32_t value_size;
};

static bool send_row(int fd, const MDB_val *key, const MDB_val *value)
{
    struct row_head head = {(uint32_t)key->mv_size, (uint32_t)value->mv_size};

    if (key->mv_size == 0 || key->mv_size > VR_KEY_MAX || value->mv_size > FRAMED_MAX) {
        return false;
    }
    return vr_inspect_write(fd, &head, sizeof(head)) &&
           vr_inspect_write(fd, key->mv_data, key->mv_size) &&
           vr_inspect_write(fd, value->mv_data, value->mv_size);
}

static int first_row(MDB_cursor *cursor, struct errand *errand, MDB_val *key, MDB_val *value)
{
    *key = (MDB_val){errand->from.size, errand->from.key};
    if (errand->from.size == 0) {
        return mdb_cursor_get(cursor, key, value, errand->backward ? MDB_LAST : MDB_FIRST);
    }
    return mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
}

static void walk_in_child(int fd, void *ctx)
{
    struct errand *errand = ctx;
    struct vr_inspect inspect = {0};
    struct row_head end = {0, 0};
    struct position last = {{0}, 0};
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    int rc = vr_inspect_open(&inspect, errand->folder);

    if (rc == 0 && !inspect.absent[errand->table]) {
        rc = mdb_cursor_open(inspect.txn, inspect.tables[errand->table], &cursor);
    } else if (rc == 0) {
        rc = MDB_NOTFOUND;
    }
    if (rc == 0) {
        rc = first_row(cursor, errand, &key, &value);
    }
    while (rc == 0) {
        struct vr_bytes now = vr_bytes(key.mv_data, key.mv_size);
        int order = vr_key_compare(now, position_key(&last));

        if (errand->backward && vr_key_compare(now, position_key(&errand->floor)) <= 0) {
            break;
        }
        if (last.size > 0 && (errand->backward ? order >= 0 : order <= 0)) {
            _exit(1); /* a circle, or keys out of order: the page is no good */
        }
        if (!send_row(fd, &key, &value)) {
            _exit(1);
        }
        position_set(&last, now);
        rc = mdb_cursor_get(cursor, &key, &value, errand->backward ? MDB_PREV : MDB_NEXT);
    }
    if (rc != 0 && rc != MDB_NOTFOUND) {
        _exit(1);
    }
    _exit(vr_inspect_write(fd, &end, sizeof(end)) ? 0 : 1);
}

/* ---- in the parent ---- */

struct yield {
    struct position first;
    struct position last;
    bool any;
    bool ended; /* by itself, not in a damaged spot */
};

/* The child may have been writing anywhere in its own memory before it died: what it sends is
 * judged again. */
static enum vr_err take_row(struct vr_salvage_walk *walk, enum vr_table table, int fd,
                            const struct row_head *head, struct yield *yield, bool *sound)
{
    uint8_t key_bytes[VR_KEY_MAX];
    struct vr_bytes key = vr_bytes(key_bytes, head->key_size);
    struct vr_bytes value;
    enum vr_err err = VR_OK;
    uint8_t *framed;

    *sound = false;
    if (head->key_size > VR_KEY_MAX || head->value_size > FRAMED_MAX) {
        return VR_OK;
    }
    framed = malloc(head->value_size + (size_t)1);
    if (framed == NULL) {
        return VR_E_NO_MEMORY;
    }
    if (vr_inspect_read(fd, key_bytes, head->key_size) &&
        vr_inspect_read(fd, framed, head->value_size)) {
        *sound = true;
        if (!yield->any) {
            position_set(&yield->first, key);
        }
        yield->any = true;
        position_set(&yield->last, key);
        if (vr_frame_get(vr_bytes(framed, head->value_size), table, key, &value) == VR_OK) {
            err = walk->keep(walk->ctx, table, key, value);
        } else {
            walk->counts->values_lost++;
        }
    }
    free(framed);
    return err;
}

static enum vr_err run_errand(struct vr_salvage_walk *walk, struct errand *errand,
                              struct yield *yield)
{
    struct row_head head;
    enum vr_err err = VR_OK;
    bool sound = true;
    int fd;
    pid_t child;

    *yield = (struct yield){.any = false};
    if (walk->children_left == 0) {
        return VR_OK;
    }
    walk->children_left--;
    child = vr_inspect_fork(walk_in_child, errand, CHILD_SECONDS, &fd);
    if (child < 0) {
        return VR_E_NO_MEMORY;
    }
    while (err == VR_OK && sound && vr_inspect_read(fd, &head, sizeof(head))) {
        yield->ended = head.key_size == 0;
        if (yield->ended) {
            break;
        }
        err = take_row(walk, errand->table, fd, &head, yield, &sound);
    }
    if (!yield->ended) {
        kill(child, SIGKILL); /* ours; it may still be writing into the pipe */
    }
    vr_inspect_wait(child, fd);
    return err;
}

/* The next place to try behind `base`: its first `*length` bytes counted up by one at the end.
 * Shorter each time. */
static bool next_probe(const struct position *base, size_t *length, struct position *probe)
{
    while (*length > 0) {
        size_t used = (*length)--;

        if (base->key[used - 1] != 0xff) {
            memcpy(probe->key, base->key, used);
            probe->key[used - 1]++;
            probe->size = used;
            return true;
        }
    }
    return false;
}

/* Find a readable place behind the damaged spot at `errand->from`; walks on from there as far as it
 * gets. */
static enum vr_err jump(struct vr_salvage_walk *walk, struct errand *errand,
                        const struct position *base, struct yield *yield)
{
    struct position zero = {{0}, 1}; /* the very first page is bad: count one byte through */
    size_t length = base->size;
    enum vr_err err = VR_OK;
    bool more;

    *yield = (struct yield){.any = false};
    do {
        if (base->size == 0) {
            more = zero.key[0] != 0xff;
            zero.key[0]++;
            errand->from = zero;
        } else {
            more = next_probe(base, &length, &errand->from);
        }
        if (more) {
            err = run_errand(walk, errand, yield);
        }
    } while (err == VR_OK && more && !yield->any && !yield->ended && walk->children_left > 0);
    return err;
}

static enum vr_err walk_back(struct vr_salvage_walk *walk, enum vr_table table,
                             const struct position *from, const struct position *floor)
{
    struct errand errand = {walk->folder, table, *from, *floor, true};
    struct yield yield;

    return run_errand(walk, &errand, &yield);
}

enum vr_err vr_salvage_table(struct vr_salvage_walk *walk, enum vr_table table)
{
    struct errand errand = {.folder = walk->folder, .table = table};
    struct position end = {{0}, 0};
    struct position at = {{0}, 0}; /* all up to here has been seen or given up */
    struct yield yield;
    enum vr_err err = run_errand(walk, &errand, &yield);

    while (err == VR_OK && !yield.ended) {
        struct position landed;

        walk->counts->spots++;
        if (yield.any) {
            at = yield.last;
        }
        err = jump(walk, &errand, &at, &yield);
        if (err != VR_OK || !yield.any) {
            /* Nothing can be read behind it from the front. */
            return err == VR_OK ? walk_back(walk, table, &end, &at) : err;
        }
        landed = yield.first;
        err = walk_back(walk, table, &landed, &at);
    }
    return err;
}

static void open_in_child(int fd, void *ctx)
{
    const char *folder = ctx;
    struct vr_inspect inspect = {0};

    (void)fd;
    _exit(vr_inspect_open(&inspect, folder) == 0 ? 0 : 1);
}

bool vr_salvage_opens(const char *folder)
{
    int fd;
    pid_t child = vr_inspect_fork(open_in_child, (void *)(uintptr_t)folder, 60, &fd);

    return child > 0 && vr_inspect_wait(child, fd);
}
