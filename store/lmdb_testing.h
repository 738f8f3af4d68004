/* lmdb_testing.h - for the tests of the LMDB back end only: a folder that goes away, and short
 * writes. */
#ifndef VR_STORE_LMDB_TESTING_H
#define VR_STORE_LMDB_TESTING_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "store/lmdb.h"

#define ANY UINT64_MAX
#define NO_ROOM ((struct vr_id){0, 0})

static inline const char *make_folder(char out[64])
{
    snprintf(out, 64, "/tmp/vr-lmdb-XXXXXX");
    assert_non_null(mkdtemp(out));
    return out;
}

/* What is in it has no folders below. */
static inline void remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        char path[512];

        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
            assert_int_equal(unlink(path), 0);
        }
    }
    closedir(dir);
    assert_int_equal(rmdir(folder), 0);
}

static inline struct vr_records *open_store(const struct vr_lmdb_conf *conf)
{
    struct vr_records *records = NULL;
    struct vr_why why = {0};
    enum vr_err err = vr_lmdb_open(conf, &records, &why);

    if (err != VR_OK) {
        fail_msg("open: %s: %s", vr_err_code(err), why.text);
    }
    return records;
}

static inline enum vr_err put_row(struct vr_records *records, enum vr_table table, const char *key,
                                  struct vr_bytes value)
{
    struct vr_commit *commit = vr_commit_new(NO_ROOM, 0, ANY);

    vr_commit_put(commit, table, vr_bytes_of(key), value);
    return vr_records_commit(records, commit, NULL);
}

static inline enum vr_err get_row(struct vr_records *records, enum vr_table table, const char *key,
                                  struct vr_bytes expected)
{
    struct vr_buf out = {0};
    enum vr_err err = vr_records_get(records, table, vr_bytes_of(key), &out);

    if (err == VR_OK) {
        assert_true(vr_bytes_equal(vr_buf_bytes(&out), expected));
    }
    vr_buf_deinit(&out);
    return err;
}

/* The journal looks for space once a second: wait for that at most ten times as long. */
static inline bool wait_until_not_full(struct vr_records *records)
{
    for (int i = 0; i < 1000; i++) {
        struct vr_records_stats stats;

        vr_records_stats(records, &stats);
        if (!stats.full) {
            return true;
        }
        nanosleep(&(struct timespec){0, 10 * 1000 * 1000}, NULL);
    }
    return false;
}

#endif
