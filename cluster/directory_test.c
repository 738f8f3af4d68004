/* Goal: every take gives a higher epoch than all before it, over restarts too, and commits in an
 * older epoch are then refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "cluster/directory.h"
#include "store/memory.h"

static struct vr_records *records;
static const struct vr_id oak = {1, 2};
static const struct vr_id elm = {1, 3};

static int set_up(void **state)
{
    (void)state;
    if (vr_memory_new(&records) != VR_OK) {
        return -1;
    }
    vr_memory_set_immediate(records, true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vr_memory_free(records);
    return 0;
}

static struct vr_directory *open_directory(void)
{
    struct vr_directory *directory;

    assert_int_equal(vr_directory_local_new(records, &directory), VR_OK);
    return directory;
}

static uint64_t take(struct vr_directory *directory, struct vr_id room)
{
    struct vr_owner owner;

    assert_int_equal(vr_directory_take(directory, room, &owner), VR_OK);
    assert_int_equal(owner.node, vr_directory_self(directory));
    return owner.epoch;
}

static void test_take_find_release(void **state)
{
    struct vr_directory *directory = open_directory();
    struct vr_owner owner;

    (void)state;
    assert_int_equal(vr_directory_find(directory, oak, &owner), VR_E_NOT_FOUND);
    uint64_t first = take(directory, oak);
    uint64_t other = take(directory, elm);
    assert_int_equal(vr_directory_find(directory, oak, &owner), VR_OK);
    assert_int_equal(owner.epoch, first);
    uint64_t again = take(directory, oak);
    assert_true(again > first && again > other);
    vr_directory_release(directory, oak);
    vr_directory_release(directory, oak);
    assert_int_equal(vr_directory_find(directory, oak, &owner), VR_E_NOT_FOUND);
    assert_true(take(directory, oak) > again); /* given away and taken: still higher */
    vr_directory_free(directory);
    vr_directory_free(NULL);
}

static void test_epochs_grow_over_restarts(void **state)
{
    uint64_t last = 0;

    (void)state;
    for (int start = 0; start < 5; start++) {
        struct vr_directory *directory = open_directory();

        for (int i = 0; i < 100; i++) {
            uint64_t epoch = take(directory, i % 2 == 0 ? oak : elm);

            assert_true(epoch > last);
            last = epoch;
        }
        vr_directory_free(directory); /* as after kill -9: nothing was written at the end */
    }
}

static enum vr_err write_in(uint64_t epoch)
{
    struct vr_commit *commit = vr_commit_new(oak, epoch, UINT64_MAX);
    uint64_t revision;

    vr_commit_put(commit, VR_TABLE_ROOMS, vr_bytes_of("key"), vr_bytes_of("value"));
    return vr_records_commit(records, commit, &revision);
}

static void test_an_old_life_is_fenced(void **state)
{
    struct vr_directory *directory = open_directory();
    uint64_t old = take(directory, oak);

    (void)state;
    assert_int_equal(write_in(old), VR_OK);
    vr_directory_free(directory);
    directory = open_directory();
    assert_int_equal(write_in(take(directory, oak)), VR_OK);
    assert_int_equal(write_in(old), VR_E_FENCED);
    vr_directory_free(directory);
}

static void test_damaged_generation_is_refused(void **state)
{
    struct vr_commit *commit = vr_commit_new((struct vr_id){0}, 0, UINT64_MAX);
    struct vr_directory *directory;
    uint64_t revision;

    (void)state;
    vr_commit_put(commit, VR_TABLE_META, vr_bytes_of("directory.generation"), vr_bytes_of("abc"));
    assert_int_equal(vr_records_commit(records, commit, &revision), VR_OK);
    assert_int_equal(vr_directory_local_new(records, &directory), VR_E_DAMAGED);
    assert_null(directory);
}

static void *take_many(void *arg)
{
    uint64_t last = 0;

    for (int i = 0; i < 1000; i++) {
        struct vr_owner owner = {0};
        enum vr_err err = vr_directory_take(arg, oak, &owner);

        if (err != VR_OK || owner.epoch <= last) {
            return &records; /* anything: it went back */
        }
        last = owner.epoch;
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct vr_directory *directory = open_directory();
    uint64_t before = take(directory, oak);
    pthread_t threads[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, take_many, directory);
    }
    for (int i = 0; i < 3; i++) {
        void *complaint;

        pthread_join(threads[i], &complaint);
        assert_null(complaint);
    }
    assert_int_equal(take(directory, oak), before + 3001); /* none was given twice */
    vr_directory_free(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_take_find_release, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_epochs_grow_over_restarts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_old_life_is_fenced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_generation_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_threads, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
