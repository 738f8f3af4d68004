/* Goal: both back ends keep the promises of records.h, shown by one suite that runs over each of
 * them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/lmdb.h"
#include "store/memory.h"
#include "store/records.h"

#define ROOM ((struct vr_id){7, 9})
#define OTHER ((struct vr_id){7, 10})
#define ANY UINT64_MAX

struct backend {
    const char *name;
    struct vr_records *(*open)(char *folder);
    void (*close)(struct vr_records *records, const char *folder);
};

struct fixture {
    const struct backend *backend;
    struct vr_records *records;
    char folder[64];
};

static struct vr_records *open_memory(char *folder)
{
    struct vr_records *records = NULL;

    (void)folder;
    assert_int_equal(vr_memory_new(&records), VR_OK);
    vr_memory_set_immediate(records, true);
    return records;
}

static void close_memory(struct vr_records *records, const char *folder)
{
    (void)folder;
    vr_memory_free(records);
}

static struct vr_records *open_lmdb(char *folder)
{
    struct vr_records *records = NULL;
    struct vr_lmdb_conf conf = {.folder = folder, .map_bytes = 64 << 20, .reserve_bytes = 65536};

    strncpy(folder, "/tmp/vr-records-XXXXXX", 64);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(vr_lmdb_open(&conf, &records, NULL), VR_OK);
    return records;
}

static void close_lmdb(struct vr_records *records, const char *folder)
{
    const char *files[] = {"data.mdb", "lock.mdb", "reserve", "voiceroomd.lock"};

    vr_lmdb_close(records);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(folder), 0);
}

static const struct backend memory_backend = {"memory", open_memory, close_memory};
static const struct backend lmdb_backend = {"lmdb", open_lmdb, close_lmdb};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    fixture->backend = *state;
    fixture->records = fixture->backend->open(fixture->folder);
    *state = fixture;
    return fixture->records == NULL;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    fixture->backend->close(fixture->records, fixture->folder);
    free(fixture);
    return 0;
}

static struct vr_records *records_of(void **state)
{
    return ((struct fixture *)*state)->records;
}

static struct vr_commit *put(struct vr_commit *commit, enum vr_table table, const char *key,
                             const char *value)
{
    vr_commit_put(commit, table, vr_bytes_of(key), vr_bytes_of(value));
    return commit;
}

static enum vr_err put_now(struct vr_records *records, const char *key, const char *value)
{
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, ANY);

    return vr_records_commit(records, put(commit, VR_TABLE_ROOMS, key, value), NULL);
}

static void expect(struct vr_records *records, enum vr_table table, const char *key,
                   const char *value)
{
    struct vr_buf out = {0};
    enum vr_err err = vr_records_get(records, table, vr_bytes_of(key), &out);

    if (value == NULL) {
        assert_int_equal(err, VR_E_NOT_FOUND);
    } else {
        assert_int_equal(err, VR_OK);
        assert_int_equal(out.size, strlen(value));
        assert_memory_equal(out.data, value, out.size);
    }
    vr_buf_deinit(&out);
}

static void expect_head(struct vr_records *records, struct vr_id room, uint64_t epoch,
                        uint64_t revision)
{
    uint64_t got_epoch = 99;
    uint64_t got_revision = 99;

    assert_int_equal(vr_records_head(records, room, &got_epoch, &got_revision), VR_OK);
    assert_int_equal(got_epoch, epoch);
    assert_int_equal(got_revision, revision);
}

struct walk {
    char text[512];
    int left; /* rows until the visitor stops */
};

static bool note_row(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct walk *walk = ctx;
    size_t used = strlen(walk->text);

    snprintf(walk->text + used, sizeof(walk->text) - used, "%.*s=%.*s ", (int)key.size,
             (const char *)key.data, (int)value.size, (const char *)value.data);
    return --walk->left > 0;
}

static void expect_scan(struct vr_records *records, const char *prefix, const char *from, int rows,
                        const char *expected)
{
    struct walk walk = {"", rows};

    assert_int_equal(vr_records_scan(records, VR_TABLE_ROOMS, vr_bytes_of(prefix),
                                     vr_bytes_of(from), note_row, &walk),
                     VR_OK);
    assert_string_equal(walk.text, expected);
}

static void reads_what_was_written(void **state)
{
    struct vr_records *records = records_of(state);
    struct vr_buf out = {0};

    expect(records, VR_TABLE_ROOMS, "oak", NULL);
    assert_int_equal(put_now(records, "oak", "one"), VR_OK);
    expect(records, VR_TABLE_ROOMS, "oak", "one");
    expect(records, VR_TABLE_BANS, "oak", NULL);
    assert_int_equal(put_now(records, "oak", "a longer one"), VR_OK);
    expect(records, VR_TABLE_ROOMS, "oak", "a longer one");
    assert_int_equal(put_now(records, "oak", ""), VR_OK);
    expect(records, VR_TABLE_ROOMS, "oak", "");
    assert_int_equal(put_now(records, "oak", "x"), VR_OK);
    vr_buf_text(&out, "before:");
    assert_int_equal(vr_records_get(records, VR_TABLE_ROOMS, vr_bytes_of("oak"), &out), VR_OK);
    assert_memory_equal(out.data, "before:x", 8); /* get appends */
    vr_buf_deinit(&out);
}

static void removes_one_and_by_prefix(void **state)
{
    struct vr_records *records = records_of(state);
    const char *keys[] = {"a", "ab", "aba", "abb", "ac", "b"};
    struct vr_commit *commit;

    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(put_now(records, keys[i], "v"), VR_OK);
    }
    commit = vr_commit_new((struct vr_id){0, 0}, 0, ANY);
    vr_commit_remove(commit, VR_TABLE_ROOMS, vr_bytes_of("ac"));
    vr_commit_remove(commit, VR_TABLE_ROOMS, vr_bytes_of("not there"));
    vr_commit_remove_prefix(commit, VR_TABLE_ROOMS, vr_bytes_of("ab"));
    vr_commit_remove_prefix(commit, VR_TABLE_ROOMS, vr_bytes_of("zz"));
    assert_int_equal(vr_records_commit(records, commit, NULL), VR_OK);
    expect_scan(records, "", "", 100, "a=v b=v ");
    commit = vr_commit_new((struct vr_id){0, 0}, 0, ANY);
    vr_commit_remove_prefix(commit, VR_TABLE_ROOMS, vr_bytes_of("")); /* the whole table */
    assert_int_equal(vr_records_commit(records, commit, NULL), VR_OK);
    expect_scan(records, "", "", 100, "");
}

static void scans_in_order(void **state)
{
    struct vr_records *records = records_of(state);
    const char *keys[] = {"room2/b", "room1/c", "room1", "room1/a", "room1/b", "room10/a"};

    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(put_now(records, keys[i], "v"), VR_OK);
    }
    expect_scan(records, "room1/", "", 100, "room1/a=v room1/b=v room1/c=v ");
    expect_scan(records, "room1/", "room1/b", 100, "room1/b=v room1/c=v ");
    expect_scan(records, "room1/", "room1/aa", 100, "room1/b=v room1/c=v ");
    expect_scan(records, "room1/", "room2", 100, "");
    expect_scan(records, "room1/", "a", 100, "room1/a=v room1/b=v room1/c=v ");
    expect_scan(records, "room1/", "", 2, "room1/a=v room1/b=v ");
    expect_scan(records, "", "room10", 2, "room10/a=v room2/b=v ");
    expect_scan(records, "none", "", 100, "");
}

static void keys_of_ff_end_a_prefix(void **state)
{
    struct vr_records *records = records_of(state);
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, ANY);

    put(commit, VR_TABLE_ROOMS, "\xff", "1");
    put(commit, VR_TABLE_ROOMS, "\xff\xff", "2");
    put(commit, VR_TABLE_ROOMS, "\xfe", "3");
    assert_int_equal(vr_records_commit(records, commit, NULL), VR_OK);
    expect_scan(records, "\xff", "", 100, "\xff=1 \xff\xff=2 ");
    commit = vr_commit_new((struct vr_id){0, 0}, 0, ANY);
    vr_commit_remove_prefix(commit, VR_TABLE_ROOMS, vr_bytes_of("\xff"));
    assert_int_equal(vr_records_commit(records, commit, NULL), VR_OK);
    expect_scan(records, "", "", 100, "\xfe=3 ");
}

static void operations_of_one_commit_follow_each_other(void **state)
{
    struct vr_records *records = records_of(state);
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, ANY);

    put(commit, VR_TABLE_ROOMS, "a1", "x");
    vr_commit_remove_prefix(commit, VR_TABLE_ROOMS, vr_bytes_of("a"));
    put(commit, VR_TABLE_ROOMS, "a2", "x");
    put(commit, VR_TABLE_ROOMS, "a2", "y");
    put(commit, VR_TABLE_ROOMS, "b", "z");
    vr_commit_remove(commit, VR_TABLE_ROOMS, vr_bytes_of("b"));
    assert_int_equal(vr_records_commit(records, commit, NULL), VR_OK);
    expect_scan(records, "", "", 100, "a2=y ");
}

static void revisions_count_up_for_each_room(void **state)
{
    struct vr_records *records = records_of(state);
    uint64_t revision = 77;

    expect_head(records, ROOM, 0, 0);
    assert_int_equal(vr_records_commit(records, vr_commit_new(ROOM, 3, 0), &revision), VR_OK);
    assert_int_equal(revision, 1);
    assert_int_equal(vr_records_commit(records, vr_commit_new(ROOM, 3, 1), &revision), VR_OK);
    assert_int_equal(revision, 2);
    assert_int_equal(vr_records_commit(records, vr_commit_new(ROOM, 4, ANY), &revision), VR_OK);
    assert_int_equal(revision, 3);
    assert_int_equal(vr_records_commit(records, vr_commit_new(OTHER, 1, ANY), &revision), VR_OK);
    assert_int_equal(revision, 1);
    assert_int_equal(put_now(records, "a", "of no room"), VR_OK);
    expect_head(records, ROOM, 4, 3);
    expect_head(records, OTHER, 1, 1);
}

static void a_lower_epoch_is_fenced(void **state)
{
    struct vr_records *records = records_of(state);
    struct vr_commit *commit = vr_commit_new(ROOM, 4, ANY);
    uint64_t revision = 77;

    assert_int_equal(vr_records_commit(records, vr_commit_new(ROOM, 5, ANY), NULL), VR_OK);
    put(commit, VR_TABLE_ROOMS, "oak", "from the deposed owner");
    assert_int_equal(vr_records_commit(records, commit, &revision), VR_E_FENCED);
    assert_int_equal(revision, 0);
    expect(records, VR_TABLE_ROOMS, "oak", NULL);
    expect_head(records, ROOM, 5, 1);
    commit =
        vr_commit_new(ROOM, 4, 1); /* fencing is told first: the owner must stop, not read again */
    assert_int_equal(vr_records_commit(records, commit, NULL), VR_E_FENCED);
}

static void another_revision_is_stale(void **state)
{
    struct vr_records *records = records_of(state);
    struct vr_commit *commit = vr_commit_new(ROOM, 5, 7);

    assert_int_equal(vr_records_commit(records, vr_commit_new(ROOM, 5, 0), NULL), VR_OK);
    put(commit, VR_TABLE_ROOMS, "oak", "late");
    assert_int_equal(vr_records_commit(records, commit, NULL), VR_E_STALE);
    expect(records, VR_TABLE_ROOMS, "oak", NULL);
    assert_int_equal(vr_records_commit(records, vr_commit_new(ROOM, 5, 0), NULL), VR_E_STALE);
    expect_head(records, ROOM, 5, 1);
    assert_int_equal(vr_records_commit(records, vr_commit_new(ROOM, 5, 1), NULL), VR_OK);
}

static enum vr_err snapshot(struct vr_records *records, uint64_t epoch, uint64_t at)
{
    struct vr_commit *commit = vr_commit_new(ROOM, epoch, ANY);

    commit->snapshot = true;
    commit->revision = at;
    commit->seal = at == 0;
    vr_commit_remove_prefix(commit, VR_TABLE_ROOMS, (struct vr_bytes){0});
    put(commit, VR_TABLE_ROOMS, "elm", "there");
    return vr_records_commit(records, commit, NULL);
}

static void a_snapshot_goes_back_only_in_a_higher_epoch(void **state)
{
    struct vr_records *records = records_of(state);
    struct vr_commit *commit = vr_commit_new(ROOM, 5, 0);

    put(commit, VR_TABLE_ROOMS, "oak", "here");
    commit->revision = 7;
    assert_int_equal(vr_records_commit(records, commit, NULL), VR_OK);
    assert_int_equal(snapshot(records, 5, 6), VR_E_STALE);
    assert_int_equal(snapshot(records, 5, 0), VR_E_STALE);
    assert_int_equal(snapshot(records, 4, 9), VR_E_FENCED);
    expect_head(records, ROOM, 5, 7);
    expect(records, VR_TABLE_ROOMS, "oak", "here");
    expect(records, VR_TABLE_ROOMS, "elm", NULL);
    assert_int_equal(snapshot(records, 5, 7), VR_OK); /* takes away what failed at the owner */
    expect(records, VR_TABLE_ROOMS, "oak", NULL);
    assert_int_equal(snapshot(records, 6, 3), VR_OK); /* 4 to 7 were acknowledged by nobody */
    expect_head(records, ROOM, 6, 3);
    assert_int_equal(snapshot(records, 6, 2), VR_E_STALE);
}

static void a_commit_beyond_limits_changes_nothing(void **state)
{
    struct vr_records *records = records_of(state);
    static const uint8_t big[VR_VALUE_MAX + 1];
    struct vr_commit *commit = vr_commit_new(ROOM, 1, ANY);

    put(commit, VR_TABLE_ROOMS, "oak", "1");
    vr_commit_put(commit, VR_TABLE_ROOMS, vr_bytes(big, VR_KEY_MAX + 1), vr_bytes_of("v"));
    assert_int_equal(vr_records_commit(records, commit, NULL), VR_E_TOO_LARGE);
    commit = put(vr_commit_new(ROOM, 1, ANY), VR_TABLE_ROOMS, "oak", "1");
    vr_commit_put(commit, VR_TABLE_ROOMS, vr_bytes_of("k"), vr_bytes(big, sizeof(big)));
    assert_int_equal(vr_records_commit(records, commit, NULL), VR_E_TOO_LARGE);
    commit = put(vr_commit_new(ROOM, 1, ANY), VR_TABLE_ROOMS, "", "no key");
    assert_int_equal(vr_records_commit(records, commit, NULL), VR_E_TOO_LARGE);
    commit = put(vr_commit_new(ROOM, 1, ANY), VR_TABLE_HEADS, "k", "a forged head");
    assert_int_equal(vr_records_commit(records, commit, NULL), VR_E_BAD_REQUEST);
    assert_int_equal(vr_records_commit(records, NULL, NULL), VR_E_NO_MEMORY);
    expect(records, VR_TABLE_ROOMS, "oak", NULL);
    expect_head(records, ROOM, 0, 0);
    commit = vr_commit_new(ROOM, 1, ANY); /* the limits themselves are allowed */
    vr_commit_put(commit, VR_TABLE_ROOMS, vr_bytes(big, VR_KEY_MAX), vr_bytes(big, VR_VALUE_MAX));
    assert_int_equal(vr_records_commit(records, commit, NULL), VR_OK);
}

static void reads_of_keys_that_cannot_be(void **state)
{
    struct vr_records *records = records_of(state);
    static const uint8_t big[VR_KEY_MAX + 1];
    struct vr_bytes long_key = vr_bytes(big, sizeof(big));
    struct walk walk = {"", 10};

    assert_int_equal(put_now(records, "a", "1"), VR_OK);
    assert_int_equal(vr_records_get(records, VR_TABLE_ROOMS, long_key, &(struct vr_buf){0}),
                     VR_E_NOT_FOUND);
    assert_int_equal(vr_records_get(records, VR_TABLE_ROOMS, vr_bytes_of(""), &(struct vr_buf){0}),
                     VR_E_NOT_FOUND);
    assert_int_equal(
        vr_records_scan(records, VR_TABLE_ROOMS, long_key, vr_bytes_of(""), note_row, &walk),
        VR_OK);
    assert_int_equal(
        vr_records_scan(records, VR_TABLE_ROOMS, vr_bytes_of(""), long_key, note_row, &walk),
        VR_E_BAD_REQUEST);
    assert_string_equal(walk.text, "");
}

struct orders {
    pthread_mutex_t lock;
    pthread_cond_t told;
    uint64_t tickets[512];
    uint64_t revisions[512];
    enum vr_err errs[512];
    size_t count;
};

static void note_told(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    struct orders *orders = ctx;

    pthread_mutex_lock(&orders->lock);
    orders->tickets[orders->count] = ticket;
    orders->revisions[orders->count] = revision;
    orders->errs[orders->count++] = err;
    pthread_cond_signal(&orders->told);
    pthread_mutex_unlock(&orders->lock);
}

static void outcomes_come_in_order(void **state)
{
    struct vr_records *records = records_of(state);
    struct orders orders = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, {0}, {0}, {0}, 0};
    uint64_t tickets[300];

    for (size_t i = 0; i < 300; i++) {
        uint64_t expected = i % 10 == 9 ? 1000000 : ANY; /* every tenth is stale */
        struct vr_commit *commit = vr_commit_new(ROOM, 1, expected);

        tickets[i] = vr_records_submit(records, commit, note_told, &orders);
    }
    pthread_mutex_lock(&orders.lock);
    while (orders.count < 300) {
        pthread_cond_wait(&orders.told, &orders.lock);
    }
    pthread_mutex_unlock(&orders.lock);
    for (size_t i = 0; i < 300; i++) {
        assert_int_equal(orders.tickets[i], tickets[i]);
        assert_true(i == 0 || tickets[i] > tickets[i - 1]);
        assert_int_equal(orders.errs[i], i % 10 == 9 ? VR_E_STALE : VR_OK);
        assert_int_equal(orders.revisions[i], i % 10 == 9 ? 0 : i + 1 - i / 10);
    }
    expect_head(records, ROOM, 1, 270);
}

static bool read_inside(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct vr_records *records = ctx;
    struct vr_buf out = {0};

    assert_int_equal(vr_records_get(records, VR_TABLE_ROOMS, key, &out), VR_OK);
    assert_true(vr_bytes_equal(vr_buf_bytes(&out), value));
    vr_buf_deinit(&out);
    return true;
}

static void a_visitor_may_read(void **state)
{
    struct vr_records *records = records_of(state);

    assert_int_equal(put_now(records, "a", "1"), VR_OK);
    assert_int_equal(put_now(records, "b", "2"), VR_OK);
    assert_int_equal(vr_records_scan(records, VR_TABLE_ROOMS, vr_bytes_of(""), vr_bytes_of(""),
                                     read_inside, records),
                     VR_OK);
}

static void counts_what_it_did(void **state)
{
    struct vr_records *records = records_of(state);
    struct vr_records_stats stats;

    assert_int_equal(vr_records_commit(records, vr_commit_new(ROOM, 2, ANY), NULL), VR_OK);
    assert_int_equal(vr_records_commit(records, vr_commit_new(ROOM, 2, ANY), NULL), VR_OK);
    assert_int_equal(vr_records_commit(records, vr_commit_new(ROOM, 1, ANY), NULL), VR_E_FENCED);
    vr_records_stats(records, &stats);
    assert_int_equal(stats.commits, 2);
    assert_int_equal(stats.failed, 1);
    assert_int_equal(stats.waiting, 0);
    assert_false(stats.full);
}

static void a_commit_is_whole_or_absent(void **state)
{
    (void)state;
    struct vr_records *records = NULL;
    uint64_t empty;

    assert_int_equal(vr_memory_new(&records), VR_OK);
    empty = vr_memory_digest(records);
    for (int i = 0; i < 3; i++) {
        struct vr_commit *commit = vr_commit_new(ROOM, 1, ANY);

        put(put(commit, VR_TABLE_ROOMS, "a", "1"), VR_TABLE_BANS, "b", "2");
        vr_records_submit(records, commit, NULL, NULL);
    }
    expect(records, VR_TABLE_ROOMS, "a", NULL); /* nothing lands by itself */
    assert_true(vr_memory_step(records, VR_E_FULL));
    assert_int_equal(vr_memory_digest(records), empty);
    assert_true(vr_memory_step(records, VR_OK));
    expect(records, VR_TABLE_ROOMS, "a", "1");
    expect(records, VR_TABLE_BANS, "b", "2");
    vr_memory_crash(records); /* the third is lost */
    assert_false(vr_memory_step(records, VR_OK));
    expect_head(records, ROOM, 1, 1);
    vr_memory_free(records);
}

static void equal_content_has_an_equal_digest(void **state)
{
    (void)state;
    struct vr_records *one = open_memory(NULL);
    struct vr_records *two = open_memory(NULL);

    assert_int_equal(put_now(one, "a", "1"), VR_OK);
    assert_int_equal(put_now(one, "b", "2"), VR_OK);
    assert_int_equal(put_now(two, "b", "2"), VR_OK);
    assert_true(vr_memory_digest(one) != vr_memory_digest(two));
    assert_int_equal(put_now(two, "a", "1"), VR_OK);
    assert_true(vr_memory_digest(one) == vr_memory_digest(two));
    vr_memory_free(one);
    vr_memory_free(two);
}

#define OVER(backend, test)                                                                        \
    {                                                                                              \
#test " (" #backend ")", test, set_up, tear_down, (void *)&backend##_backend               \
    }
#define SUITE(backend)                                                                             \
    OVER(backend, reads_what_was_written), OVER(backend, removes_one_and_by_prefix),               \
        OVER(backend, scans_in_order), OVER(backend, keys_of_ff_end_a_prefix),                     \
        OVER(backend, operations_of_one_commit_follow_each_other),                                 \
        OVER(backend, revisions_count_up_for_each_room), OVER(backend, a_lower_epoch_is_fenced),   \
        OVER(backend, another_revision_is_stale),                                                  \
        OVER(backend, a_snapshot_goes_back_only_in_a_higher_epoch),                                \
        OVER(backend, a_commit_beyond_limits_changes_nothing),                                     \
        OVER(backend, reads_of_keys_that_cannot_be), OVER(backend, outcomes_come_in_order),        \
        OVER(backend, a_visitor_may_read), OVER(backend, counts_what_it_did)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUITE(memory),
        SUITE(lmdb),
        cmocka_unit_test(a_commit_is_whole_or_absent),
        cmocka_unit_test(equal_content_has_an_equal_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
