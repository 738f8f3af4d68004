/* writer.c - transactions, and what happens when there is no space. */
#include "store/writer.h"

#include "actors/base/log.h"
#include "store/apply.h"

#define PROBE_US VR_SECONDS(1)
#define PROBE_KEY "probe"
#define MAP_RATIO_AGAIN 0.97

static vr_time_us now_us(void)
{
    const struct vr_clock *clock = vr_clock_system();

    return clock->now(clock->ctx);
}

/* ---- one transaction ---- */

/* The meta page could not be written: LMDB refuses everything until it is opened again, and only
 * then can be told whether the transaction is in. */
static enum vr_err settle_panic(struct vr_writer *writer, size_t txn_id)
{
    MDB_envinfo info;
    enum vr_err err = vr_env_reopen(writer->env);

    if (err != VR_OK || mdb_env_info(writer->env->env, &info) != MDB_SUCCESS) {
        return VR_E_FULL;
    }
    vr_log(VR_LOG_WARN, "the store was opened again after a failed meta page",
           VR_S("committed", info.me_last_txnid >= txn_id ? "yes" : "no"));
    /* Seen is not yet durable: what we see may be the page cache. */
    if (info.me_last_txnid < txn_id || mdb_env_sync(writer->env->env, 1) != MDB_SUCCESS) {
        return VR_E_FULL;
    }
    return VR_OK;
}

static bool has_panicked(struct vr_writer *writer)
{
    MDB_txn *txn;
    int rc;

    if (writer->env->env == NULL) {
        return true;
    }
    rc = mdb_txn_begin(writer->env->env, NULL, MDB_RDONLY, &txn);
    if (rc == MDB_SUCCESS) {
        mdb_txn_abort(txn);
    }
    return rc == MDB_PANIC;
}

static enum vr_err finish(struct vr_writer *writer, MDB_txn *txn)
{
    size_t txn_id = mdb_txn_id(txn);
    int rc = mdb_txn_commit(txn);

    writer->transactions++;
    if (rc != MDB_SUCCESS && has_panicked(writer)) {
        return settle_panic(writer, txn_id);
    }
    return vr_env_err(rc);
}

static enum vr_err begin(struct vr_writer *writer, MDB_txn **txn)
{
    int rc = MDB_PANIC;

    if (writer->env->env != NULL) {
        rc = mdb_txn_begin(writer->env->env, NULL, 0, txn);
    }
    return rc == MDB_PANIC ? VR_E_FULL : vr_env_err(rc);
}

/* Outcomes of single commits go to `err` and `revision` of each; the result is the transaction's,
 * and when it is not VR_OK nothing of it is in the file. */
static enum vr_err write_together(struct vr_writer *writer, struct vr_waiting **batch, size_t count)
{
    MDB_txn *txn;
    bool wrote = false;
    enum vr_err err = begin(writer, &txn);

    if (err != VR_OK) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        struct vr_waiting *waiting = batch[i];

        waiting->err = waiting->refused;
        waiting->revision = 0;
        if (waiting->err != VR_OK) {
            continue;
        }
        waiting->err = vr_apply(writer->env, txn, waiting->commit, &waiting->revision);
        wrote = wrote || waiting->err == VR_OK;
        if (waiting->err != VR_OK && waiting->err != VR_E_FENCED && waiting->err != VR_E_STALE) {
            err = waiting->err;
            mdb_txn_abort(txn);
            return err;
        }
    }
    if (!wrote) {
        mdb_txn_abort(txn);
        return VR_OK;
    }
    return finish(writer, txn);
}

/* ---- no space ---- */

static void set_full(struct vr_writer *writer, bool full)
{
    if (full && !writer->full) {
        vr_log(VR_LOG_ERROR, "the store is full: changes are refused, reading goes on",
               VR_S("folder", writer->env->folder),
               VR_U("disk_bytes_left", vr_space_left(&writer->space)));
    } else if (!full && writer->full) {
        vr_log(VR_LOG_WARN, "the store has space again", VR_S("folder", writer->env->folder));
    }
    writer->full = full;
    if (full) {
        vr_space_free(&writer->space);
        writer->probe_at = now_us() + PROBE_US;
    }
}

static void refuse(struct vr_waiting *waiting, enum vr_err err)
{
    waiting->err = waiting->refused == VR_OK ? err : waiting->refused;
    waiting->revision = 0;
}

/* Removals write pages too, and acts of safety do not wait for space: they get the freed reserve of
 * the disk, and the same again above the map. */
static void write_from_reserve(struct vr_writer *writer, struct vr_waiting *waiting)
{
    enum vr_err err = vr_env_resize(writer->env, writer->space.bytes);

    if (err == VR_OK) {
        err = write_together(writer, &waiting, 1);
        if (vr_env_resize(writer->env, 0) != VR_OK) {
            vr_log(VR_LOG_WARN, "the map could not be made small again");
        }
    }
    if (err != VR_OK) {
        refuse(waiting, err);
    }
}

static void write_when_full(struct vr_writer *writer, struct vr_waiting **batch, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct vr_waiting *waiting = batch[i];

        waiting->err = waiting->refused;
        if (waiting->refused != VR_OK) {
            continue;
        }
        if (vr_commit_only_removes(waiting->commit) || waiting->commit->safety) {
            write_from_reserve(writer, waiting);
        } else {
            refuse(waiting, VR_E_FULL);
        }
    }
}

/* Is there space again? Only once the reserve is held again, the map has a margin (without one the
 * state would flap), and a page has been written. */
static bool probe(struct vr_writer *writer)
{
    static const uint8_t page[4096];
    MDB_txn *txn;
    enum vr_err err;

    if (writer->env->env == NULL && vr_env_reopen(writer->env) != VR_OK) {
        return false;
    }
    if (vr_env_used_ratio(writer->env) > MAP_RATIO_AGAIN || !vr_space_hold(&writer->space)) {
        return false;
    }
    err = begin(writer, &txn);
    if (err != VR_OK) {
        return false;
    }
    err = vr_env_put(writer->env, txn, VR_TABLE_META, vr_bytes_of(PROBE_KEY),
                     vr_bytes(page, sizeof(page)));
    if (err != VR_OK) {
        mdb_txn_abort(txn);
        return false;
    }
    return finish(writer, txn) == VR_OK;
}

void vr_writer_probe(struct vr_writer *writer, vr_time_us now)
{
    if (writer->full && now >= writer->probe_at) {
        set_full(writer, !probe(writer));
    }
}

void vr_writer_write(struct vr_writer *writer, struct vr_waiting **batch, size_t count)
{
    enum vr_err err;

    if (writer->full) {
        write_when_full(writer, batch, count);
        return;
    }
    err = write_together(writer, batch, count);
    for (size_t i = 0; err != VR_OK && err != VR_E_FULL && i < count; i++) {
        /* One of them cannot be written (too large, or on a damaged page): each for itself. */
        enum vr_err one = write_together(writer, &batch[i], 1);

        if (one != VR_OK) {
            refuse(batch[i], one);
        }
    }
    if (err == VR_E_FULL) {
        set_full(writer, true);
        write_when_full(writer, batch, count);
    }
}

void vr_writer_init(struct vr_writer *writer, struct vr_env *env, const char *folder,
                    size_t reserve_bytes)
{
    *writer = (struct vr_writer){.env = env};
    vr_space_init(&writer->space, folder, reserve_bytes);
    if (!writer->space.held) {
        set_full(writer, true);
        writer->probe_at = 0; /* it may be our own reserve that was lost: look again at once */
    }
}

void vr_writer_deinit(struct vr_writer *writer)
{
    vr_space_deinit(&writer->space);
}
