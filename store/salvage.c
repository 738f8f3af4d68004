/* salvage.c - a new data file out of what a damaged one still gives. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/env.h"
#include "store/folder.h"
#include "store/inspect.h"
#include "store/lmdb.h"
#include "store/salvage_walk.h"

#define PATH_BYTES 4096
#define FOLDER_BYTES 2048 /* longer names of the data folder are refused */
#define MAP_BYTES ((size_t)8 << 30)
#define ROWS_TOGETHER 5000
#define CHILDREN_MAX 4096
#define META_MAGIC 0xBEEFC0DEu /* lmdb.h keeps it to itself; it is the format's first constant */
#define META_OFFSET 16         /* behind the page header */

struct salvage {
    const char *folder;
    char made[FOLDER_BYTES + 16]; /* FOLDER/salvage: the new environment */
    char
        copy[FOLDER_BYTES + 32]; /* FOLDER/salvage/source: its place when the header was repaired */
    const char *source;          /* where it is read: folder, or copy */
    struct vr_env target;
    MDB_txn *txn;
    size_t rows; /* in txn */
    struct vr_salvage_counts *counts;
};

static const char *path_in(char out[PATH_BYTES], const char *folder, const char *name)
{
    return (size_t)snprintf(out, PATH_BYTES, "%s/%s", folder, name) < PATH_BYTES ? out : "";
}

static void remove_in(const char *folder, const char *name)
{
    char path[PATH_BYTES];

    if (unlink(path_in(path, folder, name)) != 0) {
        return; /* most often: it was never there */
    }
}

static void clear(struct salvage *salvage)
{
    remove_in(salvage->made, "source/data.mdb");
    remove_in(salvage->made, "source/lock.mdb");
    rmdir(salvage->copy);
    remove_in(salvage->made, "data.mdb");
    remove_in(salvage->made, "lock.mdb");
    rmdir(salvage->made);
}

static enum vr_err flush(struct salvage *salvage)
{
    MDB_txn *txn = salvage->txn;

    salvage->txn = NULL;
    salvage->rows = 0;
    return txn == NULL ? VR_OK : vr_env_err(mdb_txn_commit(txn));
}

static enum vr_err keep(void *ctx, enum vr_table table, struct vr_bytes key, struct vr_bytes value)
{
    struct salvage *salvage = ctx;
    enum vr_err err = VR_OK;

    if (salvage->txn == NULL) {
        err = vr_env_err(mdb_txn_begin(salvage->target.env, NULL, 0, &salvage->txn));
    }
    if (err == VR_OK) {
        err = vr_env_put(&salvage->target, salvage->txn, table, key, value);
    }
    if (err == VR_OK && ++salvage->rows >= ROWS_TOGETHER) {
        err = flush(salvage);
    }
    return err;
}

static bool is_meta(const uint8_t *page)
{
    uint32_t magic;

    memcpy(&magic, page + META_OFFSET, sizeof(magic));
    return magic == META_MAGIC;
}

static bool copy_file(int from, int to)
{
    static const size_t part = 1 << 20;
    uint8_t *buffer = malloc(part);
    ssize_t got = -1;

    while (buffer != NULL && (got = read(from, buffer, part)) > 0) {
        if (!vr_inspect_write(to, buffer, (size_t)got)) {
            got = -1;
            break;
        }
    }
    free(buffer);
    return got == 0;
}

/* A file begins with two meta pages, written in turns; LMDB refuses it when the first is gone. The
 * second tells of the transaction before or after: put it in the first's place, in a copy. */
static bool repair_header(struct salvage *salvage)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *pages = calloc(2, page);
    char path[PATH_BYTES];
    int from = open(path_in(path, salvage->folder, "data.mdb"), O_RDONLY | O_CLOEXEC);
    bool ok;
    int to;

    ok = pages != NULL && from >= 0 && pread(from, pages, 2 * page, 0) == (ssize_t)(2 * page) &&
         !is_meta(pages) && is_meta(pages + page) && mkdir(salvage->copy, 0700) == 0;
    to = ok ? open(path_in(path, salvage->copy, "data.mdb"), O_RDWR | O_CREAT | O_CLOEXEC, 0600)
            : -1;
    ok = ok && to >= 0 && copy_file(from, to);
    if (ok) {
        memset(pages + page, 0, 8); /* the page's own number */
        ok = pwrite(to, pages + page, page, 0) == (ssize_t)page;
    }
    if (to >= 0) {
        close(to);
    }
    if (from >= 0) {
        close(from);
    }
    free(pages);
    salvage->source = salvage->copy;
    return ok;
}

static enum vr_err copy_tables(struct salvage *salvage)
{
    struct vr_salvage_walk walk = {salvage->source, keep, salvage, salvage->counts, CHILDREN_MAX};
    enum vr_err err = VR_OK;

    for (int i = 0; err == VR_OK && i < VR_TABLE_COUNT; i++) {
        err = vr_salvage_table(&walk, (enum vr_table)i);
    }
    if (err == VR_OK) {
        err = flush(salvage);
    }
    if (salvage->txn != NULL) {
        mdb_txn_abort(salvage->txn);
    }
    return err;
}

static uint64_t count_rows(struct vr_env *env)
{
    uint64_t rows = 0;
    MDB_txn *txn;

    if (vr_env_read_begin(env, &txn) != VR_OK) {
        return 0;
    }
    for (size_t i = 0; i < VR_TABLE_COUNT; i++) {
        MDB_stat stat = {0};

        if (mdb_stat(txn, env->tables[i], &stat) == 0) {
            rows += stat.ms_entries;
        }
    }
    vr_env_read_end(env, txn);
    return rows;
}

static bool sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

/* The damaged file gets its second name first, so that at no instant there is no data.mdb. */
static enum vr_err swap_files(struct salvage *salvage, struct vr_why *why)
{
    char data[PATH_BYTES];
    char aside[PATH_BYTES];
    char fresh[PATH_BYTES];
    struct timespec now;
    struct tm utc;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    snprintf(salvage->counts->aside, sizeof(salvage->counts->aside),
             "data.mdb.damaged-%04d%02d%02dT%02d%02d%02d.%03ldZ", utc.tm_year + 1900,
             utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
             now.tv_nsec / 1000000);
    path_in(data, salvage->folder, "data.mdb");
    path_in(aside, salvage->folder, salvage->counts->aside);
    path_in(fresh, salvage->made, "data.mdb");
    if (link(data, aside) != 0 || rename(fresh, data) != 0 || !sync_folder(salvage->folder)) {
        return vr_fail(why, VR_E_FULL, "%s: %s", aside, strerror(errno));
    }
    remove_in(salvage->folder, "lock.mdb"); /* its readers were the old file's */
    return VR_OK;
}

static enum vr_err make_new(struct salvage *salvage, struct vr_why *why)
{
    enum vr_err err;

    clear(salvage); /* left by one that was killed */
    if (mkdir(salvage->made, 0700) != 0) {
        return vr_fail(why, VR_E_FULL, "%s: %s", salvage->made, strerror(errno));
    }
    if (!vr_salvage_opens(salvage->source) && !repair_header(salvage)) {
        return vr_fail(why, VR_E_DAMAGED,
                       "%s/data.mdb: its header cannot be read, nothing can be "
                       "kept: restore a backup",
                       salvage->folder);
    }
    err = vr_env_open(&salvage->target, salvage->made, MAP_BYTES, why);
    if (err != VR_OK) {
        return err;
    }
    err = copy_tables(salvage);
    salvage->counts->kept =
        count_rows(&salvage->target) - 1; /* the new file's schema row is not kept */
    vr_env_close(&salvage->target);
    if (err != VR_OK) {
        return vr_fail(why, err, "%s: the new file cannot be written", salvage->made);
    }
    if (salvage->counts->kept == 0 && salvage->counts->spots > 0) {
        return vr_fail(why, VR_E_DAMAGED,
                       "%s/data.mdb: not one record can be read: restore a backup",
                       salvage->folder);
    }
    return VR_OK;
}

enum vr_err vr_lmdb_salvage(const char *folder, struct vr_why *why,
                            struct vr_salvage_counts *counts)
{
    struct salvage salvage = {.folder = folder, .source = folder, .counts = counts};
    char data[PATH_BYTES];
    enum vr_err err;
    int lock;

    *counts = (struct vr_salvage_counts){0};
    if (strlen(folder) > FOLDER_BYTES) {
        return vr_fail(why, VR_E_NOT_FOUND, "the folder's name is too long");
    }
    snprintf(salvage.made, sizeof(salvage.made), "%s/salvage", folder);
    snprintf(salvage.copy, sizeof(salvage.copy), "%s/salvage/source", folder);
    if (access(path_in(data, folder, "data.mdb"), R_OK) != 0) {
        return vr_fail(why, VR_E_NOT_FOUND, "%s: %s", data, strerror(errno));
    }
    err = vr_folder_lock(folder, &lock, why);
    if (err != VR_OK) {
        return err;
    }
    err = make_new(&salvage, why);
    if (err == VR_OK) {
        err = swap_files(&salvage, why);
    }
    clear(&salvage);
    vr_folder_unlock(lock);
    return err;
}
