/* Goal: no damage of the file crashes us or passes as sound, and what is readable can be kept. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "actors/base/log.h"
#include "actors/base/random.h"
#include "store/lmdb_testing.h"

#define ROWS 600 /* in each of three tables: a tree of two and more levels */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FLIP_ROUNDS 40 /* a fork copies the shadow memory too */
#else
#define FLIP_ROUNDS 200
#endif

static const enum vr_table used[] = {VR_TABLE_ROOMS, VR_TABLE_BANS, VR_TABLE_AUDIT};
#define USED 3

struct pristine {
    uint8_t *data;
    size_t size;
};

static const char *row_key(char out[32], int row)
{
    snprintf(out, 32, "%08x-%04d", (unsigned)row * 2654435761u, row); /* spread like ids */
    return out;
}

static struct vr_bytes row_value(uint8_t out[256], int row)
{
    memset(out, row, 256);
    vr_put32(out, (uint32_t)row);
    return vr_bytes(out, 40 + (size_t)row % 200);
}

static void write_rows(const char *folder)
{
    struct vr_lmdb_conf conf = {.folder = folder, .map_bytes = 64 << 20, .reserve_bytes = 65536};
    struct vr_records *records = open_store(&conf);

    for (int part = 0; part < ROWS; part += 50) {
        struct vr_commit *commit = vr_commit_new(NO_ROOM, 0, ANY);

        for (int row = part; row < part + 50; row++) {
            uint8_t value[256];
            char key[32];

            for (int t = 0; t < USED; t++) {
                vr_commit_put(commit, used[t], vr_bytes_of(row_key(key, row)),
                              row_value(value, row));
            }
        }
        assert_int_equal(vr_records_commit(records, commit, NULL), VR_OK);
    }
    vr_lmdb_close(records);
}

static void path_of(char out[128], const char *folder)
{
    snprintf(out, 128, "%s/data.mdb", folder);
}

static struct pristine load(const char *folder)
{
    struct pristine pristine;
    struct stat info;
    char path[128];
    int fd;

    path_of(path, folder);
    fd = open(path, O_RDONLY);
    assert_int_equal(fstat(fd, &info), 0);
    pristine.size = (size_t)info.st_size;
    pristine.data = malloc(pristine.size);
    assert_int_equal(read(fd, pristine.data, pristine.size), info.st_size);
    close(fd);
    return pristine;
}

static void store_file(const char *folder, const uint8_t *data, size_t size)
{
    char path[128];
    int fd;

    path_of(path, folder);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, data, size), size);
    close(fd);
    snprintf(path, sizeof(path), "%s/lock.mdb", folder);
    unlink(path);
}

/* How many of all rows are there; one with another value fails the test. */
static int count_right(struct vr_records *records)
{
    int right = 0;

    for (int row = 0; row < ROWS; row++) {
        for (int t = 0; t < USED; t++) {
            uint8_t value[256];
            char key[32];

            right += get_row(records, used[t], row_key(key, row), row_value(value, row)) == VR_OK;
        }
    }
    return right;
}

static enum vr_err try_open(const char *folder, struct vr_records **records, struct vr_why *why)
{
    struct vr_lmdb_conf conf = {.folder = folder, .map_bytes = 64 << 20, .reserve_bytes = 65536};

    *records = NULL;
    return vr_lmdb_open(&conf, records, why);
}

/* The damaged file is refused with a way out; salvage it and count what is right afterwards. */
static int salvage_and_count(const char *folder)
{
    struct vr_salvage_counts counts;
    struct vr_records *records;
    struct vr_why why = {0};
    char aside[256];
    enum vr_err err = vr_lmdb_salvage(folder, &why, &counts);
    int right;

    if (err != VR_OK) {
        assert_int_equal(err, VR_E_DAMAGED);
        return 0;
    }
    snprintf(aside, sizeof(aside), "%s/%s", folder, counts.aside);
    assert_int_equal(unlink(aside), 0); /* it was kept */
    assert_int_equal(try_open(folder, &records, &why), VR_OK);
    right = count_right(records);
    assert_true((uint64_t)right <= counts.kept);
    vr_lmdb_close(records);
    return right;
}

static void random_bytes_never_crash_or_lie(void **state)
{
    char folder[64];
    struct pristine pristine;
    struct vr_random_seeded random;
    int refused = 0;
    int kept = 0;

    (void)state;
    write_rows(make_folder(folder));
    pristine = load(folder);
    vr_random_seeded_init(&random, 2);
    for (int round = 0; round < FLIP_ROUNDS; round++) {
        uint8_t *copy = malloc(pristine.size);
        uint64_t bytes = 1 + vr_random_below(&random.random, 16);
        struct vr_records *records;
        struct vr_why why = {0};
        enum vr_err err;

        memcpy(copy, pristine.data, pristine.size);
        for (uint64_t i = 0; i < bytes; i++) {
            copy[vr_random_below(&random.random, pristine.size)] =
                (uint8_t)vr_random_u64(&random.random);
        }
        store_file(folder, copy, pristine.size);
        free(copy);
        err = try_open(folder, &records, &why);
        if (err == VR_OK) {
            /* Free pages were hit, or unused parts of pages. */
            assert_int_equal(count_right(records), ROWS * USED);
            vr_lmdb_close(records);
        } else {
            assert_int_equal(err, VR_E_DAMAGED);
            assert_non_null(strstr(why.text, "data.mdb"));
            assert_non_null(strstr(why.text, "--repair"));
            refused++;
            kept += salvage_and_count(folder);
        }
    }
    print_message("%d of %d refused; salvage kept %.1f %% of the rows\n", refused, FLIP_ROUNDS,
                  100.0 * kept / (refused * ROWS * USED));
    assert_true(refused > FLIP_ROUNDS / 2);
    assert_true(kept > refused * ROWS * USED / 2);
    free(pristine.data);
    remove_folder(folder);
}

static void a_truncated_file_is_refused(void **state)
{
    static const int percents[] = {90, 60, 30, 3};
    char folder[64];
    struct pristine pristine;
    struct vr_records *records;
    struct vr_why why;

    (void)state;
    write_rows(make_folder(folder));
    pristine = load(folder);
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        int right;

        store_file(folder, pristine.data, pristine.size * (size_t)percents[i] / 100);
        assert_int_equal(try_open(folder, &records, &why), VR_E_DAMAGED);
        right = salvage_and_count(folder);
        print_message("cut to %d %%: %d of %d rows kept\n", percents[i], right, ROWS * USED);
    }
    store_file(folder, pristine.data, 100);
    assert_int_equal(try_open(folder, &records, &why), VR_E_DAMAGED);
    store_file(folder, pristine.data, 0); /* not taken for a first start */
    assert_int_equal(try_open(folder, &records, &why), VR_E_DAMAGED);
    free(pristine.data);
    remove_folder(folder);
}

static void a_lost_header_is_refused_and_found_again(void **state)
{
    char folder[64];
    struct pristine pristine;
    struct vr_records *records;
    struct vr_why why;

    (void)state;
    write_rows(make_folder(folder));
    pristine = load(folder);
    memset(pristine.data, 0, 4096);
    store_file(folder, pristine.data, pristine.size);
    assert_int_equal(try_open(folder, &records, &why), VR_E_DAMAGED);
    /* The second meta page may be one commit behind: 50 rows of each table. */
    assert_true(salvage_and_count(folder) >= (ROWS - 50) * USED);
    memset(pristine.data, 0, 8192);
    store_file(folder, pristine.data, pristine.size);
    assert_int_equal(try_open(folder, &records, &why), VR_E_DAMAGED);
    assert_int_equal(salvage_and_count(folder), 0);
    assert_int_equal(try_open(folder, &records, &why), VR_E_DAMAGED); /* left as it was */
    free(pristine.data);
    remove_folder(folder);
}

static bool count_row(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    (void)key;
    (void)value;
    ++*(int *)ctx;
    return true;
}

/* Rot that comes while we run: told by the read, counted, and left out of a walk. */
static void a_damaged_value_is_told_and_left_out(void **state)
{
    char folder[64];
    struct pristine pristine;
    struct vr_lmdb_conf conf = {
        .folder = folder, .map_bytes = 64 << 20, .reserve_bytes = 65536, .skip_check = true};
    struct vr_records *records;
    struct vr_records_stats stats;
    struct vr_buf out = {0};
    int rows = 0;
    char key[32];
    uint8_t *at;

    (void)state;
    write_rows(make_folder(folder));
    pristine = load(folder);
    row_key(key, 77);
    at = pristine.data;
    while ((at = memmem(at, (size_t)(pristine.data + pristine.size - at), key, strlen(key)))) {
        at += strlen(key);
        at[20] ^= 1; /* inside the value that follows, in all copies of it */
    }
    store_file(folder, pristine.data, pristine.size);
    records = open_store(&conf);
    assert_int_equal(vr_records_get(records, VR_TABLE_ROOMS, vr_bytes_of(key), &out), VR_E_DAMAGED);
    assert_int_equal(out.size, 0);
    assert_int_equal(vr_records_scan(records, VR_TABLE_ROOMS, vr_bytes_of(""), vr_bytes_of(""),
                                     count_row, &rows),
                     VR_OK);
    assert_int_equal(rows, ROWS - 1);
    vr_records_stats(records, &stats);
    assert_int_equal(stats.damaged_values, 2);
    vr_lmdb_close(records);
    assert_int_equal(salvage_and_count(folder), (ROWS - 1) * USED);
    free(pristine.data);
    remove_folder(folder);
}

static void nothing_to_salvage_is_said(void **state)
{
    char folder[64];
    struct vr_salvage_counts counts;
    struct vr_why why;
    struct vr_lmdb_conf conf = {.map_bytes = 64 << 20, .reserve_bytes = 65536};
    struct vr_records *records;

    (void)state;
    conf.folder = make_folder(folder);
    assert_int_equal(vr_lmdb_salvage(folder, &why, &counts), VR_E_NOT_FOUND);
    records = open_store(&conf);
    assert_int_equal(vr_lmdb_salvage(folder, &why, &counts), VR_E_EXISTS);
    vr_lmdb_close(records);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_bytes_never_crash_or_lie),
        cmocka_unit_test(a_truncated_file_is_refused),
        cmocka_unit_test(a_lost_header_is_refused_and_found_again),
        cmocka_unit_test(a_damaged_value_is_told_and_left_out),
        cmocka_unit_test(nothing_to_salvage_is_said),
    };

    vr_log_set_level(VR_LOG_OFF); /* damage is logged, and here is much of it */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
