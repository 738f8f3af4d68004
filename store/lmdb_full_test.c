/* Goal: without space, or with a disk that fails, reading goes on, changes are refused with
 * VR_E_FULL, removals still pass, and writing comes back by itself. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "store/lmdb_testing.h"

#define ROW 16000

/* ---- faults: these stand in for libc's calls in the whole process, LMDB's included ---- */

enum fault { FAULT_NONE, FAULT_DATA, FAULT_META, FAULT_SYNC };
static _Atomic int fault;
static _Atomic int fault_errno;
static _Atomic int faults_fired;

static bool fails(enum fault kind)
{
    if (atomic_load(&fault) != (int)kind) {
        return false;
    }
    atomic_fetch_add(&faults_fired, 1);
    errno = atomic_load(&fault_errno);
    return true;
}

/* A meta page is written as less than a page into the first two, data as whole pages behind. */
ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    struct iovec part = {(void *)(uintptr_t)data, size};
    static ssize_t (*real)(int, const struct iovec *, int, off_t);

    if (fails(size < 4096 && at < 8192 ? FAULT_META : FAULT_DATA)) {
        return -1;
    }
    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "pwritev");
    }
    return real(fd, &part, 1, at);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at)
{
    static ssize_t (*real)(int, const struct iovec *, int, off_t);

    if (fails(FAULT_DATA)) {
        return -1;
    }
    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "pwritev");
    }
    return real(fd, parts, count, at);
}

int fdatasync(int fd)
{
    return fails(FAULT_SYNC) ? -1 : fsync(fd);
}

static void set_fault(enum fault kind, int number)
{
    atomic_store(&fault_errno, number);
    atomic_store(&faults_fired, 0);
    atomic_store(&fault, kind);
}

/* ---- a row of known content for each number ---- */

static uint8_t row_bytes[ROW];

static const char *row_key(char out[16], int number)
{
    snprintf(out, 16, "row%04d", number);
    return out;
}

static enum vr_err put_number(struct vr_records *records, int number)
{
    char key[16];

    memset(row_bytes, number, sizeof(row_bytes));
    return put_row(records, VR_TABLE_ROOMS, row_key(key, number), vr_bytes(row_bytes, ROW));
}

static void expect_number(struct vr_records *records, int number, enum vr_err expected)
{
    char key[16];

    memset(row_bytes, number, sizeof(row_bytes));
    assert_int_equal(
        get_row(records, VR_TABLE_ROOMS, row_key(key, number), vr_bytes(row_bytes, ROW)), expected);
}

static enum vr_err remove_rows(struct vr_records *records, const char *prefix)
{
    struct vr_commit *commit = vr_commit_new(NO_ROOM, 0, ANY);

    vr_commit_remove_prefix(commit, VR_TABLE_ROOMS, vr_bytes_of(prefix));
    return vr_records_commit(records, commit, NULL);
}

static bool is_full(struct vr_records *records)
{
    struct vr_records_stats stats;

    vr_records_stats(records, &stats);
    return stats.full;
}

/* Put rows until one is refused; the number of those that are in. */
static int fill(struct vr_records *records)
{
    int count = 0;
    enum vr_err err;

    while ((err = put_number(records, count)) == VR_OK) {
        count++;
        assert_true(count < 1000);
    }
    assert_int_equal(err, VR_E_FULL);
    assert_true(is_full(records));
    return count;
}

/* An act of safety gets what is kept back; anything else of the same size does not. */
static void expect_safety_passes(struct vr_records *records, int count)
{
    struct vr_commit *commit = vr_commit_new(NO_ROOM, 0, ANY);

    assert_non_null(commit);
    vr_commit_put(commit, VR_TABLE_META, vr_bytes_of("safety"), vr_bytes_of("muted"));
    commit->safety = true;
    assert_int_equal(vr_records_commit(records, commit, NULL), VR_OK);
    assert_int_equal(put_number(records, count), VR_E_FULL);
}

static void expect_refusal_then_room(struct vr_records *records, int count)
{
    expect_safety_passes(records, count);
    assert_int_equal(put_number(records, count), VR_E_FULL);
    for (int i = 0; i < count; i++) {
        expect_number(records, i, VR_OK);
    }
    expect_number(records, count, VR_E_NOT_FOUND);
    assert_int_equal(remove_rows(records, "row000"), VR_OK); /* removals pass, ten rows */
    expect_number(records, 0, VR_E_NOT_FOUND);
    expect_number(records, 9, VR_E_NOT_FOUND);
    expect_number(records, 10, VR_OK);
}

static void a_full_map_recovers_after_removal(void **state)
{
    char folder[64];
    struct vr_lmdb_conf conf = {
        .folder = make_folder(folder), .map_bytes = 1 << 20, .reserve_bytes = 256 << 10};
    struct vr_records *records = open_store(&conf);
    int count = fill(records);

    (void)state;
    assert_true(count > 30);
    expect_refusal_then_room(records, count);
    assert_true(wait_until_not_full(records));
    for (int i = 0; i < 5; i++) { /* the same store, never opened again */
        assert_int_equal(put_number(records, i), VR_OK);
    }
    vr_lmdb_close(records);
    records = open_store(&conf);
    for (int i = 0; i < count; i++) {
        expect_number(records, i, i >= 5 && i < 10 ? VR_E_NOT_FOUND : VR_OK);
    }
    vr_lmdb_close(records);
    remove_folder(folder);
}

/* ---- a real full disk ---- */

static bool mount_small(const char *folder)
{
    if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
        return false;
    }
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", folder, "tmpfs", 0, "size=2m") == 0;
}

/* Take all blocks that are left; the file's name. */
static const char *fill_disk(char path[128], const char *folder)
{
    static const uint8_t block[4096];
    int fd;

    snprintf(path, 128, "%s/ballast", folder);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    while (write(fd, block, sizeof(block)) > 0) {
    }
    close(fd);
    return path;
}

static void run_full_disk(const char *folder, bool mounted)
{
    struct vr_lmdb_conf conf = {
        .folder = folder, .map_bytes = 64 << 20, .reserve_bytes = 256 << 10};
    struct vr_records *records = open_store(&conf);
    char ballast[128];
    int count = 40;

    for (int i = 0; i < count; i++) {
        assert_int_equal(put_number(records, i), VR_OK);
    }
    if (mounted) {
        fill_disk(ballast, folder);
    } else {
        set_fault(FAULT_DATA, ENOSPC);
    }
    assert_true(fill(records) <=
                count); /* begins with rows that are there: each is written as it was */
    for (int i = 0; i < count; i++) {
        expect_number(records, i, VR_OK);
    }
    if (mounted) {
        assert_int_equal(remove_rows(records, "row000"), VR_OK);
        expect_number(records, 0, VR_E_NOT_FOUND);
        assert_int_equal(unlink(ballast), 0);
    } else {
        set_fault(FAULT_NONE, 0);
    }
    assert_true(wait_until_not_full(records));
    for (int i = 0; i < 10; i++) {
        assert_int_equal(put_number(records, i), VR_OK);
    }
    vr_lmdb_close(records);
    records = open_store(&conf);
    for (int i = 0; i < count; i++) {
        expect_number(records, i, VR_OK);
    }
    vr_lmdb_close(records);
}

static void a_full_disk_recovers_by_itself(void **state)
{
    char folder[64];
    bool mounted;

    (void)state;
    make_folder(folder);
    mounted = mount_small(folder);
    if (!mounted) {
        print_message("no mount is allowed here (%s): the full disk is an injected ENOSPC\n",
                      strerror(errno));
    }
    run_full_disk(folder, mounted);
    if (mounted) {
        assert_int_equal(umount2(folder, MNT_DETACH), 0);
    }
    remove_folder(folder);
}

/* On a disk that is full already, the store opens and is read. */
static void a_full_disk_can_be_opened(void **state)
{
    char folder[64];
    char ballast[128];
    struct vr_lmdb_conf conf = {
        .folder = make_folder(folder), .map_bytes = 64 << 20, .reserve_bytes = 256 << 10};
    bool mounted = mount_small(folder);
    struct vr_records *records = open_store(&conf);

    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(put_number(records, i), VR_OK);
    }
    vr_lmdb_close(records);
    if (mounted) {
        snprintf(ballast, sizeof(ballast), "%s/reserve", folder);
        assert_int_equal(truncate(ballast, 0), 0);
        fill_disk(ballast, folder);
    } else {
        print_message("no mount is allowed here: only the opening is shown\n");
    }
    records = open_store(&conf);
    for (int i = 0; i < 20; i++) {
        expect_number(records, i, VR_OK);
    }
    if (mounted) {
        assert_int_equal(put_number(records, 20), VR_E_FULL);
        assert_int_equal(unlink(ballast), 0);
        assert_true(wait_until_not_full(records));
    }
    assert_int_equal(put_number(records, 20), VR_OK);
    vr_lmdb_close(records);
    if (mounted) {
        assert_int_equal(umount2(folder, MNT_DETACH), 0);
    }
    remove_folder(folder);
}

/* ---- a failing disk ---- */

static void run_fault(enum fault kind, int number)
{
    char folder[64];
    struct vr_lmdb_conf conf = {
        .folder = make_folder(folder), .map_bytes = 64 << 20, .reserve_bytes = 64 << 10};
    struct vr_records *records = open_store(&conf);

    assert_int_equal(put_number(records, 1), VR_OK);
    set_fault(kind, number);
    assert_int_equal(put_number(records, 2), VR_E_FULL);
    assert_true(atomic_load(&faults_fired) > 0);
    expect_number(records, 1, VR_OK); /* reading goes on */
    expect_number(records, 2, VR_E_NOT_FOUND);
    assert_int_equal(put_number(records, 3), VR_E_FULL);
    assert_true(is_full(records));
    set_fault(FAULT_NONE, 0);
    assert_true(wait_until_not_full(records));
    assert_int_equal(put_number(records, 4), VR_OK);
    expect_number(records, 1, VR_OK);
    expect_number(records, 2, VR_E_NOT_FOUND);
    vr_lmdb_close(records);
    records = open_store(&conf);
    expect_number(records, 1, VR_OK);
    expect_number(records, 2, VR_E_NOT_FOUND);
    expect_number(records, 4, VR_OK);
    vr_lmdb_close(records);
    remove_folder(folder);
}

static void a_failing_disk_is_treated_as_full(void **state)
{
    (void)state;
    run_fault(FAULT_DATA, EIO);
    run_fault(FAULT_DATA, ENOSPC);
    run_fault(FAULT_SYNC, EIO);
    run_fault(FAULT_META, EIO); /* LMDB must be opened again after this one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_map_recovers_after_removal),
        cmocka_unit_test(a_full_disk_recovers_by_itself),
        cmocka_unit_test(a_full_disk_can_be_opened),
        cmocka_unit_test(a_failing_disk_is_treated_as_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
