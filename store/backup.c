/* backup.c - LMDB's own copy, in our process or in a child; counting; one room from store to store.
 */
#include "store/backup.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/frame.h"
#include "store/inspect.h"
#include "store/lmdb.h"
#include "store/lmdb_env.h"

#define COPY_SECONDS 3600
#define COUNT_SECONDS 600
#define BITE_BYTES ((size_t)4 * 1024 * 1024) /* of rows in one commit */

/* --- copies --- */

/* LMDB refuses to compact a file in which it finds pages that nobody uses or lists as free; it can
 * still be copied as it is. */
static int copy(MDB_env *env, int fd)
{
    int rc = mdb_env_copyfd2(env, fd, MDB_CP_COMPACT);

    if (rc == MDB_INCOMPATIBLE) {
        rc = ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0 ? mdb_env_copyfd2(env, fd, 0)
                                                                  : errno;
    }
    return rc == 0 && fsync(fd) != 0 ? errno : rc;
}

enum vr_err vr_lmdb_copy(struct vr_records *records, int fd, struct vr_why *why)
{
    struct vr_env *env = vr_lmdb_env(records);
    int rc = MDB_PANIC;

    pthread_rwlock_rdlock(&env->swap); /* the map keeps its size and place meanwhile */
    if (env->env != NULL) {
        rc = copy(env->env, fd);
    }
    pthread_rwlock_unlock(&env->swap);
    return rc == 0 ? VR_OK : vr_fail(why, vr_env_err(rc), "the copy failed: %s", mdb_strerror(rc));
}

struct copying {
    const char *folder;
    int fd;
};

static void copy_in_child(int told, void *ctx)
{
    const struct copying *copying = ctx;
    MDB_env *env = NULL;
    int rc = mdb_env_create(&env);

    if (rc == 0) {
        rc = mdb_env_set_maxdbs(env, VR_TABLE_COUNT);
    }
    if (rc == 0) {
        rc = mdb_env_open(env, copying->folder, MDB_RDONLY | MDB_NOTLS, 0600);
    }
    if (rc == 0) {
        rc = copy(env, copying->fd);
    }
    _exit(vr_inspect_write(told, &rc, sizeof(rc)) ? 0 : 1);
}

enum vr_err vr_lmdb_copy_folder(const char *folder, int fd, struct vr_why *why)
{
    struct copying copying = {folder, fd};
    int from_child;
    int rc = 0;
    bool told;
    pid_t child = vr_inspect_fork(copy_in_child, &copying, COPY_SECONDS, &from_child);

    if (child < 0) {
        return vr_fail(why, VR_E_NO_MEMORY, "no process for the copy of %s", folder);
    }
    told = vr_inspect_read(from_child, &rc, sizeof(rc));
    vr_inspect_wait(child, from_child);
    if (!told) {
        return vr_fail(why, VR_E_DAMAGED, "%s/data.mdb is damaged: reading it crashes", folder);
    }
    if (rc == ENOENT) {
        return vr_fail(why, VR_E_NOT_FOUND, "%s/data.mdb: there is no store", folder);
    }
    return rc == 0 ? VR_OK
                   : vr_fail(why, vr_env_err(rc), "%s/data.mdb: %s", folder, mdb_strerror(rc));
}

/* --- counting --- */

struct counted {
    int rc;
    struct vr_lmdb_counts counts;
};

static int read_schema(const struct vr_inspect *inspect, uint32_t *out)
{
    MDB_val key = {sizeof(VR_SCHEMA_KEY) - 1, (void *)(uintptr_t)VR_SCHEMA_KEY};
    MDB_val value;
    struct vr_bytes inside;
    int rc = mdb_get(inspect->txn, inspect->tables[VR_TABLE_META], &key, &value);

    if (rc == 0 && (vr_frame_get(vr_bytes(value.mv_data, value.mv_size), VR_TABLE_META,
                                 vr_bytes(key.mv_data, key.mv_size), &inside) != VR_OK ||
                    inside.size != 4)) {
        rc = MDB_CORRUPTED;
    }
    *out = rc == 0 ? vr_get32(inside.data) : 0;
    return rc;
}

static void count_in_child(int told, void *ctx)
{
    struct vr_inspect inspect = {0};
    struct counted counted = {0};

    counted.rc = vr_inspect_open(&inspect, ctx);
    for (size_t i = 0; counted.rc == 0 && i < VR_TABLE_COUNT; i++) {
        MDB_stat stat = {0};

        counted.rc = inspect.absent[i] ? 0 : mdb_stat(inspect.txn, inspect.tables[i], &stat);
        counted.counts.rows[i] = stat.ms_entries;
    }
    if (counted.rc == 0) {
        counted.rc = inspect.absent[VR_TABLE_META] ? MDB_NOTFOUND
                                                   : read_schema(&inspect, &counted.counts.schema);
    }
    _exit(vr_inspect_write(told, &counted, sizeof(counted)) ? 0 : 1);
}

enum vr_err vr_lmdb_count(const char *folder, struct vr_lmdb_counts *out, struct vr_why *why)
{
    struct counted counted = {0};
    char path[4096];
    struct stat about;
    int from_child;
    bool told;
    pid_t child;
    enum vr_err err;

    *out = (struct vr_lmdb_counts){0};
    snprintf(path, sizeof(path), "%s/data.mdb", folder);
    if (stat(path, &about) != 0 || about.st_size == 0) {
        return vr_fail(why, VR_E_NOT_FOUND, "%s/data.mdb: there is no store", folder);
    }
    err = vr_inspect_check(folder, why);
    if (err != VR_OK) {
        return err;
    }
    child = vr_inspect_fork(count_in_child, (void *)(uintptr_t)folder, COUNT_SECONDS, &from_child);
    if (child < 0) {
        return vr_fail(why, VR_E_NO_MEMORY, "no process to read %s", folder);
    }
    told = vr_inspect_read(from_child, &counted, sizeof(counted));
    vr_inspect_wait(child, from_child);
    if (!told || counted.rc != 0) {
        return vr_fail(why, VR_E_DAMAGED, "%s/data.mdb is damaged: %s", folder,
                       told ? mdb_strerror(counted.rc) : "reading it crashes");
    }
    *out = counted.counts;
    if (counted.counts.schema > VR_SCHEMA_VERSION) {
        return vr_fail(why, VR_E_CONFLICT, "%s/data.mdb: written by a newer version (schema %u)",
                       folder, counted.counts.schema);
    }
    return VR_OK;
}

/* --- one room --- */

/* The room's own row comes last: without it the room is not there. */
static const enum vr_table room_tables[] = {
    VR_TABLE_PARTICIPANTS, VR_TABLE_BANS,     VR_TABLE_GRANTS, VR_TABLE_ANALYTICS,
    VR_TABLE_AUDIT,        VR_TABLE_COMMANDS, VR_TABLE_MARKS,  VR_TABLE_ROOMS,
};

struct taking {
    struct vr_records *to;
    struct vr_id room;
    uint64_t epoch; /* of the head that `to` has */
    enum vr_table table;
    struct vr_commit *commit; /* not submitted yet */
    uint64_t rows;
    enum vr_err err;
};

static void take_flush(struct taking *taking)
{
    if (taking->commit != NULL) {
        taking->err = vr_records_commit(taking->to, taking->commit, NULL);
        taking->commit = NULL;
    }
}

static bool take_row(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct taking *taking = ctx;

    if (taking->commit == NULL) {
        taking->commit = vr_commit_new(taking->room, taking->epoch, UINT64_MAX);
    }
    if (taking->commit == NULL) {
        taking->err = VR_E_NO_MEMORY;
        return false;
    }
    vr_commit_put(taking->commit, taking->table, key, value);
    taking->rows++;
    if (taking->commit->ops.size > BITE_BYTES) {
        take_flush(taking);
    }
    return taking->err == VR_OK;
}

static enum vr_err take_tables(struct vr_records *from, struct taking *taking)
{
    uint8_t key[16];
    enum vr_err err = VR_OK;

    vr_id_put(key, taking->room);
    for (size_t i = 0; err == VR_OK && i < sizeof(room_tables) / sizeof(room_tables[0]); i++) {
        taking->table = room_tables[i];
        err = vr_records_scan(from, taking->table, vr_bytes(key, sizeof(key)),
                              vr_bytes(key, sizeof(key)), take_row, taking);
        take_flush(taking);
        err = err == VR_OK ? taking->err : err;
    }
    return err;
}

enum vr_err vr_lmdb_find_room(const char *folder, struct vr_id room, uint64_t *epoch,
                              uint64_t *revision, struct vr_why *why)
{
    const struct vr_lmdb_conf conf = {.folder = folder};
    struct vr_records *records = NULL;
    struct vr_buf ignored = {0};
    uint8_t key[16];
    enum vr_err err = vr_lmdb_open(&conf, &records, why);

    if (err != VR_OK) {
        return err;
    }
    vr_id_put(key, room);
    err = vr_records_get(records, VR_TABLE_ROOMS, vr_bytes(key, sizeof(key)), &ignored);
    if (err == VR_OK) {
        err = vr_records_head(records, room, epoch, revision);
    }
    vr_buf_deinit(&ignored);
    vr_lmdb_close(records);
    return err == VR_OK ? VR_OK : vr_fail(why, err, "the backup has no such room");
}

static enum vr_err take_between(struct vr_records *from, struct vr_records *to, struct vr_id room,
                                uint64_t *rows, struct vr_why *why)
{
    struct taking taking = {.to = to, .room = room};
    struct vr_buf ignored = {0};
    uint64_t revision;
    uint8_t key[16];
    enum vr_err here;
    enum vr_err err;

    vr_id_put(key, room);
    err = vr_records_get(from, VR_TABLE_ROOMS, vr_bytes(key, sizeof(key)), &ignored);
    here = vr_records_get(to, VR_TABLE_ROOMS, vr_bytes(key, sizeof(key)), &ignored);
    vr_buf_deinit(&ignored);
    if (err != VR_OK) {
        return vr_fail(why, err, "the backup has no such room");
    }
    if (here != VR_E_NOT_FOUND) {
        return vr_fail(why, here == VR_OK ? VR_E_EXISTS : here,
                       "the room is there: delete it first, if it is to be as in the backup");
    }
    err = vr_records_head(to, room, &taking.epoch, &revision);
    if (err == VR_OK) {
        err = take_tables(from, &taking);
    }
    *rows = taking.rows;
    return err == VR_OK ? VR_OK
                        : vr_fail(why, err, "the room could not be put back: %s", vr_err_text(err));
}

enum vr_err vr_lmdb_take_room(const char *from, const char *to, struct vr_id room, uint64_t *rows,
                              struct vr_why *why)
{
    const struct vr_lmdb_conf source = {.folder = from};
    const struct vr_lmdb_conf target = {.folder = to};
    struct vr_records *records[2] = {NULL, NULL};
    enum vr_err err = vr_lmdb_open(&source, &records[0], why);

    *rows = 0;
    if (err == VR_OK) {
        err = vr_lmdb_open(&target, &records[1], why);
    }
    if (err == VR_OK) {
        err = take_between(records[0], records[1], room, rows, why);
    }
    vr_lmdb_close(records[1]);
    vr_lmdb_close(records[0]);
    return err;
}
