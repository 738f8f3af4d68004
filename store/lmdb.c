/* lmdb.c - the back end's table of calls: reads here, writes to the journal. */
#include "store/lmdb.h"

#include <stdlib.h>

#include "actors/base/owner.h"
#include "store/env.h"
#include "store/folder.h"
#include "store/frame.h"
#include "store/inspect.h"
#include "store/journal.h"
#include "store/key.h"
#include "store/lmdb_env.h"

#define MAP_BYTES_DEFAULT ((size_t)8 << 30)

struct lmdb {
    struct vr_records records;
    struct vr_env env;
    struct vr_journal *journal;
    int lock_fd;
};

static struct lmdb *lmdb_of(struct vr_records *records)
{
    return VR_OWNER(records, struct lmdb, records);
}

struct vr_env *vr_lmdb_env(struct vr_records *records)
{
    return &lmdb_of(records)->env;
}

static uint64_t lmdb_submit(struct vr_records *records, struct vr_commit *commit,
                            vr_committed_fn done, void *ctx)
{
    return vr_journal_submit(lmdb_of(records)->journal, commit, done, ctx);
}

static enum vr_err lmdb_get(struct vr_records *records, enum vr_table table, struct vr_bytes key,
                            struct vr_buf *out)
{
    struct vr_env *env = &lmdb_of(records)->env;
    struct vr_bytes value;
    MDB_txn *txn;
    enum vr_err err = vr_env_read_begin(env, &txn);

    if (err != VR_OK) {
        return err;
    }
    err = vr_env_get(env, txn, table, key, &value);
    if (err == VR_OK) {
        vr_buf_append(out, value.data, value.size);
        err = out->failed ? VR_E_NO_MEMORY : VR_OK;
    }
    vr_env_read_end(env, txn);
    return err;
}

struct scan {
    struct vr_env *env;
    enum vr_table table;
    struct vr_bytes prefix;
    vr_visit_fn visit;
    void *ctx;
};

/* False when the walk is over: beyond the prefix, or the visitor has enough. */
static bool scan_row(const struct scan *scan, const MDB_val *k, const MDB_val *v)
{
    struct vr_bytes key = vr_bytes(k->mv_data, k->mv_size);
    struct vr_bytes value;

    if (!vr_key_begins_with(key, scan->prefix)) {
        return false;
    }
    if (vr_frame_get(vr_bytes(v->mv_data, v->mv_size), scan->table, key, &value) != VR_OK) {
        vr_env_note_damage(scan->env, scan->table);
        return true;
    }
    return scan->visit(scan->ctx, key, value);
}

static enum vr_err scan_in(MDB_txn *txn, const struct scan *scan, struct vr_bytes from)
{
    struct vr_bytes start = vr_key_compare(from, scan->prefix) < 0 ? scan->prefix : from;
    MDB_val key = {start.size, (void *)(uintptr_t)start.data};
    MDB_val value;
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, scan->env->tables[scan->table], &cursor);

    if (rc != MDB_SUCCESS) {
        return vr_env_err(rc);
    }
    rc = mdb_cursor_get(cursor, &key, &value, start.size == 0 ? MDB_FIRST : MDB_SET_RANGE);
    while (rc == MDB_SUCCESS && scan_row(scan, &key, &value)) {
        rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? VR_OK : vr_env_err(rc);
}

static enum vr_err lmdb_scan(struct vr_records *records, enum vr_table table,
                             struct vr_bytes prefix, struct vr_bytes from, vr_visit_fn visit,
                             void *ctx)
{
    struct scan scan = {&lmdb_of(records)->env, table, prefix, visit, ctx};
    MDB_txn *txn;
    enum vr_err err = vr_env_read_begin(scan.env, &txn);

    if (err == VR_OK) {
        err = scan_in(txn, &scan, from);
        vr_env_read_end(scan.env, txn);
    }
    return err;
}

static void lmdb_stats(struct vr_records *records, struct vr_records_stats *out)
{
    struct lmdb *lmdb = lmdb_of(records);

    vr_journal_stats(lmdb->journal, out);
    out->damaged_values = atomic_load(&lmdb->env.damaged_values);
    out->map_used_ratio = vr_env_used_ratio(&lmdb->env);
}

static enum vr_err open_inside(struct lmdb *lmdb, const struct vr_lmdb_conf *conf,
                               struct vr_why *why)
{
    size_t map_bytes = conf->map_bytes == 0 ? MAP_BYTES_DEFAULT : conf->map_bytes;
    enum vr_err err = vr_folder_lock(conf->folder, &lmdb->lock_fd, why);

    if (err == VR_OK && !conf->skip_check) {
        err = vr_inspect_check(conf->folder, why);
    }
    if (err == VR_OK) {
        err = vr_env_open(&lmdb->env, conf->folder, map_bytes, why);
    }
    if (err == VR_OK) {
        err = vr_journal_open(&lmdb->env, conf, &lmdb->journal);
        if (err != VR_OK) {
            vr_fail(why, err, "the journal's thread cannot be started");
        }
    }
    return err;
}

static void close_inside(struct lmdb *lmdb)
{
    vr_journal_close(lmdb->journal);
    vr_env_close(&lmdb->env);
    vr_folder_unlock(lmdb->lock_fd);
    free(lmdb);
}

enum vr_err vr_lmdb_open(const struct vr_lmdb_conf *conf, struct vr_records **out,
                         struct vr_why *why)
{
    static const struct vr_records_ops ops = {lmdb_submit, lmdb_get, lmdb_scan, lmdb_stats};
    struct lmdb *lmdb = calloc(1, sizeof(*lmdb));
    enum vr_err err;

    if (lmdb == NULL) {
        return vr_fail(why, VR_E_NO_MEMORY, "memory is out");
    }
    lmdb->records.ops = &ops;
    lmdb->lock_fd = -1;
    err = open_inside(lmdb, conf, why);
    if (err != VR_OK) {
        close_inside(lmdb);
        return err;
    }
    *out = &lmdb->records;
    return VR_OK;
}

void vr_lmdb_close(struct vr_records *records)
{
    if (records != NULL) {
        close_inside(lmdb_of(records));
    }
}
