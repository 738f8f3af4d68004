/* Goal: a copy taken while writers write is one whole state; damage is found and never crashes the
 * caller; one room comes back as it was, and nothing else changes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "store/backup.h"
#include "store/lmdb_testing.h"

#define COPIES 4
#define ROOM ((struct vr_id){7, 9})
#define OTHER ((struct vr_id){7, 10})

static int copy_into(const char *folder)
{
    char path[512];
    int fd;

    snprintf(path, sizeof(path), "%s/data.mdb", folder);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    return fd;
}

struct writer {
    struct vr_records *records;
    atomic_bool over;
    atomic_uint written;
};

/* Each commit puts the same number into two tables: a copy that shows two numbers is torn. */
static void *write_on(void *ctx)
{
    struct writer *writer = ctx;

    for (uint32_t i = 1; !atomic_load(&writer->over); i++) {
        struct vr_commit *commit = vr_commit_new(NO_ROOM, 0, ANY);
        uint8_t number[400] = {0};

        vr_put32(number, i);
        vr_commit_put(commit, VR_TABLE_KEYS, vr_bytes_of("count"), vr_bytes(number, 400));
        vr_commit_put(commit, VR_TABLE_REVOKED, vr_bytes_of("count"), vr_bytes(number, 400));
        vr_commit_put(commit, VR_TABLE_USERS, vr_bytes(number, 4), vr_bytes(number, 400));
        if (vr_records_commit(writer->records, commit, NULL) != VR_OK) {
            break;
        }
        atomic_store(&writer->written, i);
    }
    return NULL;
}

static void wait_written(struct writer *writer, uint32_t count)
{
    while (atomic_load(&writer->written) < count) {
        nanosleep(&(struct timespec){0, 1000 * 1000}, NULL);
    }
}

static void assert_whole(const char *folder)
{
    const struct vr_lmdb_conf conf = {.folder = folder};
    struct vr_lmdb_counts counts;
    struct vr_records *records;
    struct vr_buf a = {0};
    struct vr_buf b = {0};

    assert_int_equal(vr_lmdb_count(folder, &counts, NULL), VR_OK);
    assert_int_equal(counts.schema, 1);
    records = open_store(&conf);
    assert_int_equal(vr_records_get(records, VR_TABLE_KEYS, vr_bytes_of("count"), &a), VR_OK);
    assert_int_equal(vr_records_get(records, VR_TABLE_REVOKED, vr_bytes_of("count"), &b), VR_OK);
    assert_true(vr_bytes_equal(vr_buf_bytes(&a), vr_buf_bytes(&b)));
    assert_int_equal(counts.rows[VR_TABLE_USERS], vr_get32(a.data));
    vr_buf_deinit(&a);
    vr_buf_deinit(&b);
    vr_lmdb_close(records);
}

static void copies_while_written(void **state)
{
    char from[64];
    char to[COPIES][64];
    const struct vr_lmdb_conf conf = {.folder = make_folder(from)};
    struct writer writer = {.records = open_store(&conf)};
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, write_on, &writer), 0);
    wait_written(&writer, 20);
    for (int i = 0; i < COPIES; i++) {
        uint32_t before = atomic_load(&writer.written);
        int fd = copy_into(make_folder(to[i]));
        struct stat about;

        assert_int_equal(vr_lmdb_copy(writer.records, fd, NULL), VR_OK);
        assert_int_equal(fstat(fd, &about), 0);
        assert_true(about.st_size > 0);
        close(fd);
        wait_written(&writer, before + 1); /* it goes on */
    }
    atomic_store(&writer.over, true);
    pthread_join(thread, NULL);
    vr_lmdb_close(writer.records);
    for (int i = 0; i < COPIES; i++) { /* without threads: it forks */
        assert_whole(to[i]);
        remove_folder(to[i]);
    }
    remove_folder(from);
}

/** Another process has the store of `folder` open, with one row in it, until `*hold` is closed. */
static pid_t store_held(const char *folder, int *hold)
{
    const struct vr_lmdb_conf conf = {.folder = folder};
    int ready[2];
    int over[2];
    char byte = 0;
    pid_t child;

    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(over), 0);
    child = fork();
    if (child == 0) {
        struct vr_records *records = open_store(&conf);

        close(over[1]);
        if (put_row(records, VR_TABLE_KEYS, "kid", vr_bytes_of("secret")) != VR_OK ||
            write(ready[1], "", 1) != 1) {
            _exit(1);
        }
        (void)!read(over[0], &byte, 1);
        vr_lmdb_close(records);
        _exit(0);
    }
    assert_true(child > 0);
    close(ready[1]);
    close(over[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    *hold = over[1];
    return child;
}

static void copies_a_folder_in_use(void **state)
{
    char from[64];
    char to[64];
    int hold = -1;
    pid_t holder = store_held(make_folder(from), &hold);
    struct vr_lmdb_counts counts;
    struct vr_why why = {0};
    int fd = copy_into(make_folder(to));
    int status = 1;

    (void)state;
    assert_int_equal(vr_lmdb_copy_folder(from, fd, &why), VR_OK);
    close(fd);
    assert_int_equal(vr_lmdb_count(to, &counts, &why), VR_OK);
    assert_int_equal(counts.rows[VR_TABLE_KEYS], 1);
    close(hold);
    assert_int_equal(waitpid(holder, &status, 0), holder);
    assert_int_equal(status, 0);
    remove_folder(from);
    remove_folder(to);
}

static void says_what_is_wrong(void **state)
{
    char from[64];
    char to[64];
    const struct vr_lmdb_conf conf = {.folder = make_folder(from)};
    struct vr_lmdb_counts counts;
    struct vr_why why = {0};
    char path[512];
    int fd = copy_into(make_folder(to));

    (void)state;
    assert_int_equal(vr_lmdb_copy_folder(from, fd, &why), VR_E_NOT_FOUND);
    assert_int_equal(vr_lmdb_count(from, &counts, &why), VR_E_NOT_FOUND);
    vr_lmdb_close(open_store(&conf));
    snprintf(path, sizeof(path), "%s/data.mdb", from);
    assert_int_equal(truncate(path, 4096),
                     0); /* one header page is left: a read beyond is SIGBUS */
    assert_int_equal(vr_lmdb_count(from, &counts, &why), VR_E_DAMAGED);
    assert_int_not_equal(vr_lmdb_copy_folder(from, fd, &why), VR_OK);
    close(fd);
    remove_folder(from);
    remove_folder(to);
}

static void put_room_row(struct vr_records *records, struct vr_id room, enum vr_table table,
                         const char *rest, const char *value)
{
    struct vr_commit *commit = vr_commit_new(room, 5, ANY);
    struct vr_bytes tail = vr_bytes_of(rest);
    uint8_t key[64];

    vr_id_put(key, room);
    memcpy(key + 16, tail.data, tail.size);
    vr_commit_put(commit, table, vr_bytes(key, 16 + tail.size), vr_bytes_of(value));
    assert_int_equal(vr_records_commit(records, commit, NULL), VR_OK);
}

static bool has_row(struct vr_records *records, struct vr_id room, enum vr_table table,
                    const char *rest, const char *value)
{
    struct vr_buf out = {0};
    struct vr_bytes tail = vr_bytes_of(rest);
    uint8_t key[64];
    bool same;

    vr_id_put(key, room);
    memcpy(key + 16, tail.data, tail.size);
    same = vr_records_get(records, table, vr_bytes(key, 16 + tail.size), &out) == VR_OK &&
           vr_bytes_equal(vr_buf_bytes(&out), vr_bytes_of(value));
    vr_buf_deinit(&out);
    return same;
}

/* Two rooms, of which the first has more rows than one commit takes. */
static void fill_source(struct vr_records *records)
{
    static char large[200 * 1024];

    memset(large, 'x', sizeof(large) - 1);
    put_room_row(records, ROOM, VR_TABLE_ROOMS, "", "settings");
    put_room_row(records, ROOM, VR_TABLE_BANS, "mallory", "for ever");
    put_room_row(records, ROOM, VR_TABLE_GRANTS, "ben", "moderator");
    for (int i = 0; i < 30; i++) {
        char name[16];

        snprintf(name, sizeof(name), "a%03d", i);
        put_room_row(records, ROOM, VR_TABLE_AUDIT, name, large);
    }
    put_room_row(records, OTHER, VR_TABLE_ROOMS, "", "another");
    assert_int_equal(put_row(records, VR_TABLE_KEYS, "old", vr_bytes_of("key")), VR_OK);
}

static void a_room_comes_back(void **state)
{
    char from[64];
    char to[64];
    const struct vr_lmdb_conf source = {.folder = make_folder(from)};
    const struct vr_lmdb_conf target = {.folder = make_folder(to)};
    struct vr_records *records = open_store(&source);
    struct vr_why why = {0};
    uint64_t epoch = 0;
    uint64_t rows = 0;

    (void)state;
    fill_source(records);
    vr_lmdb_close(records);
    assert_int_equal(vr_lmdb_find_room(from, ROOM, &epoch, &rows, &why), VR_OK);
    assert_int_equal(epoch, 5);
    assert_int_equal(rows, 33); /* as many commits */
    assert_int_equal(vr_lmdb_find_room(from, (struct vr_id){1, 1}, &epoch, &rows, &why),
                     VR_E_NOT_FOUND);
    records = open_store(&target);
    put_room_row(records, OTHER, VR_TABLE_ROOMS, "", "newer");
    assert_int_equal(vr_lmdb_take_room(from, to, ROOM, &rows, &why), VR_E_EXISTS); /* in use */
    vr_lmdb_close(records);

    assert_int_equal(vr_lmdb_take_room(from, to, ROOM, &rows, &why), VR_OK);
    assert_int_equal(rows, 33);
    assert_int_equal(vr_lmdb_take_room(from, to, ROOM, &rows, &why), VR_E_EXISTS);
    assert_int_equal(vr_lmdb_take_room(from, to, (struct vr_id){1, 1}, &rows, &why),
                     VR_E_NOT_FOUND);
    records = open_store(&target);
    assert_true(has_row(records, ROOM, VR_TABLE_ROOMS, "", "settings"));
    assert_true(has_row(records, ROOM, VR_TABLE_BANS, "mallory", "for ever"));
    assert_true(has_row(records, ROOM, VR_TABLE_GRANTS, "ben", "moderator"));
    assert_true(has_row(records, OTHER, VR_TABLE_ROOMS, "", "newer"));
    assert_int_equal(get_row(records, VR_TABLE_KEYS, "old", vr_bytes_of("key")), VR_E_NOT_FOUND);
    vr_lmdb_close(records);
    remove_folder(from);
    remove_folder(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: it forks, and a thread sanitizer follows that only where no thread has been. */
        cmocka_unit_test(copies_a_folder_in_use),
        cmocka_unit_test(copies_while_written),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(a_room_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
