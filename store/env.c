/* env.c - opening the environment, sharing read transactions, framed reads and writes. */
#include "store/env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "actors/base/log.h"
#include "store/frame.h"

const char *vr_table_name(enum vr_table table)
{
    static const char *const names[VR_TABLE_COUNT] = {
#define X(name, number, text) [number] = (text),
        VR_TABLE_MAP(X)
#undef X
    };

    return (unsigned)table < VR_TABLE_COUNT ? names[table] : "?";
}

enum vr_err vr_env_err(int rc)
{
    switch (rc) {
    case MDB_SUCCESS:
        return VR_OK;
    case MDB_NOTFOUND:
        return VR_E_NOT_FOUND;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EIO: /* what LMDB makes of a short write; a broken disk says it too */
    case EROFS:
        return VR_E_FULL;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_CURSOR_FULL:
    case MDB_PAGE_FULL:
    case MDB_BAD_VALSIZE:
    case MDB_INCOMPATIBLE:
        return VR_E_DAMAGED;
    case MDB_TXN_FULL:
        return VR_E_TOO_LARGE;
    case MDB_READERS_FULL:
    case MDB_PANIC: /* the journal is opening it again */
        return VR_E_BUSY;
    case ENOMEM:
        return VR_E_NO_MEMORY;
    default:
        return VR_E_INTERNAL;
    }
}

static MDB_val to_val(struct vr_bytes bytes)
{
    return (MDB_val){bytes.size, (void *)(uintptr_t)bytes.data};
}

void vr_env_note_damage(struct vr_env *env, enum vr_table table)
{
    atomic_fetch_add(&env->damaged_values, 1);
    vr_log(VR_LOG_ERROR, "a stored value is damaged", VR_S("table", vr_table_name(table)),
           VR_S("folder", env->folder));
}

enum vr_err vr_env_get(struct vr_env *env, MDB_txn *txn, enum vr_table table, struct vr_bytes key,
                       struct vr_bytes *value)
{
    MDB_val k = to_val(key);
    MDB_val v;
    enum vr_err err = vr_env_err(mdb_get(txn, env->tables[table], &k, &v));

    if (err == VR_OK) {
        err = vr_frame_get(vr_bytes(v.mv_data, v.mv_size), table, key, value);
        if (err == VR_E_DAMAGED) {
            vr_env_note_damage(env, table);
        }
    }
    return err;
}

enum vr_err vr_env_put(struct vr_env *env, MDB_txn *txn, enum vr_table table, struct vr_bytes key,
                       struct vr_bytes value)
{
    MDB_val k = to_val(key);
    MDB_val v = {value.size + VR_FRAME_BYTES, NULL};
    int rc = mdb_put(txn, env->tables[table], &k, &v, MDB_RESERVE);

    if (rc == MDB_SUCCESS) {
        vr_frame_put(v.mv_data, table, key, value);
    }
    return vr_env_err(rc);
}

/* Tables are made in a write transaction only when one is missing: a full disk must not keep the
 * store from being read. */
static int open_tables(struct vr_env *env, unsigned txn_flags, unsigned dbi_flags)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(env->env, NULL, txn_flags, &txn);

    for (size_t i = 0; rc == MDB_SUCCESS && i < VR_TABLE_COUNT; i++) {
        rc = mdb_dbi_open(txn, vr_table_name((enum vr_table)i), dbi_flags, &env->tables[i]);
    }
    if (rc == MDB_SUCCESS) {
        return mdb_txn_commit(txn); /* of a read transaction too: it keeps the handles */
    }
    if (txn != NULL) {
        mdb_txn_abort(txn);
    }
    return rc;
}

/* LMDB maps lock.mdb and would die of SIGBUS on the first write when the disk has no block for it.
 */
static int allocate_lock(const struct vr_env *env)
{
    const off_t bytes = (off_t)64 * 1024;
    char path[4096];
    struct stat about;
    int fd;
    int rc = 0;

    if ((size_t)snprintf(path, sizeof(path), "%s/lock.mdb", env->folder) >= sizeof(path)) {
        return ENAMETOOLONG;
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno;
    }
    if (fstat(fd, &about) != 0 || about.st_size < bytes || about.st_blocks * 512 < bytes) {
        rc = posix_fallocate(fd, 0, bytes);
    }
    close(fd);
    return rc;
}

static int start(struct vr_env *env)
{
    int dead = 0;
    int rc = allocate_lock(env);

    if (rc == 0) {
        rc = mdb_env_create(&env->env);
    }
    if (rc == 0) {
        rc = mdb_env_set_maxdbs(env->env, VR_TABLE_COUNT);
    }
    if (rc == 0) {
        rc = mdb_env_set_maxreaders(env->env, VR_ENV_READERS);
    }
    if (rc == 0) {
        rc = mdb_env_set_mapsize(env->env, env->map_bytes);
    }
    if (rc == 0) {
        rc = mdb_env_open(env->env, env->folder, MDB_NOTLS, 0600);
    }
    if (rc == 0) {
        rc = mdb_reader_check(env->env, &dead);
    }
    if (rc == 0) {
        rc = open_tables(env, MDB_RDONLY, 0);
    }
    if (rc == MDB_NOTFOUND) {
        rc = open_tables(env, 0, MDB_CREATE);
    }
    return rc;
}

static enum vr_err check_schema(struct vr_env *env, struct vr_why *why)
{
    struct vr_bytes key = vr_bytes_of(VR_SCHEMA_KEY);
    struct vr_bytes value = {NULL, 0};
    uint8_t version[4];
    MDB_txn *txn = NULL;
    enum vr_err err = vr_env_err(mdb_txn_begin(env->env, NULL, MDB_RDONLY, &txn));
    uint32_t found = 0;

    if (err != VR_OK) {
        return vr_fail(why, err, "%s/data.mdb: cannot be read", env->folder);
    }
    err = vr_env_get(env, txn, VR_TABLE_META, key, &value);
    if (err == VR_OK && value.size == 4) {
        found = vr_get32(value.data);
    }
    mdb_txn_abort(txn);
    if (err == VR_OK && found > VR_SCHEMA_VERSION) {
        return vr_fail(why, VR_E_CONFLICT, "%s/data.mdb: written by a newer version (schema %u)",
                       env->folder, found);
    }
    if (err != VR_E_NOT_FOUND) {
        return err == VR_OK ? VR_OK : vr_fail(why, err, "%s/data.mdb: no schema", env->folder);
    }
    vr_put32(version, VR_SCHEMA_VERSION);
    err = vr_env_err(mdb_txn_begin(env->env, NULL, 0, &txn));
    if (err == VR_OK) {
        err = vr_env_put(env, txn, VR_TABLE_META, key, vr_bytes(version, sizeof(version)));
        if (err == VR_OK) {
            err = vr_env_err(mdb_txn_commit(txn));
        } else {
            mdb_txn_abort(txn);
        }
    }
    return err == VR_OK ? VR_OK : vr_fail(why, err, "%s: the store cannot be made", env->folder);
}

enum vr_err vr_env_open(struct vr_env *env, const char *folder, size_t map_bytes,
                        struct vr_why *why)
{
    enum vr_err err;
    int rc;

    *env = (struct vr_env){.map_bytes = map_bytes};
    env->folder = strdup(folder);
    if (env->folder == NULL) {
        return vr_fail(why, VR_E_NO_MEMORY, "memory is out");
    }
    pthread_rwlock_init(&env->swap, NULL);
    pthread_mutex_init(&env->pool_lock, NULL);
    rc = start(env);
    if (rc != MDB_SUCCESS) {
        err = vr_fail(why, vr_env_err(rc), "%s: %s", folder, mdb_strerror(rc));
    } else {
        err = check_schema(env, why);
    }
    if (err != VR_OK) {
        vr_env_close(env);
    }
    return err;
}

static void stop(struct vr_env *env)
{
    while (env->pool_count > 0) {
        mdb_txn_abort(env->pool[--env->pool_count]);
    }
    if (env->env != NULL) {
        mdb_env_close(env->env);
        env->env = NULL;
    }
}

void vr_env_close(struct vr_env *env)
{
    if (env->folder == NULL) {
        return;
    }
    stop(env);
    pthread_rwlock_destroy(&env->swap);
    pthread_mutex_destroy(&env->pool_lock);
    free(env->folder);
    env->folder = NULL;
}

/* Readers that follow each other without a gap must not hold the journal for ever: give up, it
 * tries again. */
static bool lock_alone(struct vr_env *env)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 2;
    return pthread_rwlock_timedwrlock(&env->swap, &until) == 0;
}

enum vr_err vr_env_reopen(struct vr_env *env)
{
    int rc;

    if (!lock_alone(env)) {
        return VR_E_BUSY;
    }
    stop(env);
    rc = start(env);
    if (rc != MDB_SUCCESS) {
        stop(env);
    }
    pthread_rwlock_unlock(&env->swap);
    return vr_env_err(rc);
}

enum vr_err vr_env_resize(struct vr_env *env, size_t extra)
{
    int rc = MDB_PANIC;

    if (!lock_alone(env)) {
        return VR_E_BUSY;
    }
    if (env->env != NULL) {
        rc = mdb_env_set_mapsize(env->env, env->map_bytes + extra);
    }
    pthread_rwlock_unlock(&env->swap);
    return vr_env_err(rc);
}

enum vr_err vr_env_read_begin(struct vr_env *env, MDB_txn **txn)
{
    int rc;

    *txn = NULL;
    pthread_rwlock_rdlock(&env->swap);
    pthread_mutex_lock(&env->pool_lock);
    if (env->pool_count > 0) {
        *txn = env->pool[--env->pool_count];
    }
    pthread_mutex_unlock(&env->pool_lock);
    if (env->env == NULL) {
        rc = MDB_PANIC;
    } else if (*txn != NULL) {
        rc = mdb_txn_renew(*txn);
    } else {
        rc = mdb_txn_begin(env->env, NULL, MDB_RDONLY, txn);
    }
    if (rc != MDB_SUCCESS) {
        if (*txn != NULL) {
            mdb_txn_abort(*txn);
            *txn = NULL;
        }
        pthread_rwlock_unlock(&env->swap);
    }
    return vr_env_err(rc);
}

void vr_env_read_end(struct vr_env *env, MDB_txn *txn)
{
    mdb_txn_reset(txn);
    pthread_mutex_lock(&env->pool_lock);
    if (env->pool_count < VR_ENV_READERS) {
        env->pool[env->pool_count++] = txn;
        txn = NULL;
    }
    pthread_mutex_unlock(&env->pool_lock);
    if (txn != NULL) {
        mdb_txn_abort(txn);
    }
    pthread_rwlock_unlock(&env->swap);
}

/* The free list is LMDB's database 0: each value is a count and so many page numbers. */
static size_t count_free_pages(MDB_txn *txn)
{
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    size_t pages = 0;

    if (mdb_cursor_open(txn, 0, &cursor) != MDB_SUCCESS) {
        return 0;
    }
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == MDB_SUCCESS) {
        size_t count = 0;

        if (value.mv_size >= sizeof(count)) {
            memcpy(&count, value.mv_data, sizeof(count));
        }
        pages += count;
    }
    mdb_cursor_close(cursor);
    return pages;
}

double vr_env_used_ratio(struct vr_env *env)
{
    MDB_envinfo info;
    MDB_stat stat;
    MDB_txn *txn;
    size_t free_pages;

    if (vr_env_read_begin(env, &txn) != VR_OK) {
        return 0;
    }
    free_pages = count_free_pages(txn);
    if (mdb_env_info(env->env, &info) != 0 || mdb_env_stat(env->env, &stat) != 0) {
        info = (MDB_envinfo){.me_mapsize = 1};
        stat = (MDB_stat){0};
    }
    vr_env_read_end(env, txn);
    if (free_pages > info.me_last_pgno) {
        return 0;
    }
    return (double)(info.me_last_pgno + 1 - free_pages) * stat.ms_psize / (double)info.me_mapsize;
}
