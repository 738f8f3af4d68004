/* Goal: the LMDB back end under many threads: commits are grouped, each told once and in order,
 * readers see whole commits, too much waiting is refused, and one process at a time has the folder.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "store/lmdb_testing.h"

#define THREADS 16
#define COMMITS 200

struct fixture {
    char folder[64];
    struct vr_lmdb_conf conf;
    struct vr_records *records;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    fixture->conf = (struct vr_lmdb_conf){.folder = make_folder(fixture->folder),
                                          .map_bytes = 256 << 20,
                                          .reserve_bytes = 65536,
                                          .queue_bytes_max = 1 << 20};
    fixture->records = open_store(&fixture->conf);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    vr_lmdb_close(fixture->records);
    remove_folder(fixture->folder);
    free(fixture);
    return 0;
}

static void reopen(struct fixture *fixture)
{
    vr_lmdb_close(fixture->records);
    fixture->records = open_store(&fixture->conf);
}

/* ---- many submitters ---- */

struct submitter {
    struct vr_records *records;
    struct vr_id room;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t told;
    uint64_t ticket_last;
    int count;
    int wrong;
};

static void count_told(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    struct submitter *submitter = ctx;

    pthread_mutex_lock(&submitter->lock);
    submitter->count++;
    submitter->wrong += err != VR_OK || revision != (uint64_t)submitter->count;
    submitter->wrong += ticket <= submitter->ticket_last;
    submitter->ticket_last = ticket;
    pthread_cond_signal(&submitter->told);
    pthread_mutex_unlock(&submitter->lock);
}

static void *submit_many(void *arg)
{
    struct submitter *submitter = arg;
    uint8_t key[20];

    vr_id_put(key, submitter->room);
    for (uint32_t i = 0; i < COMMITS; i++) {
        struct vr_commit *commit = vr_commit_new(submitter->room, 1, i);

        vr_put32(key + 16, i);
        vr_commit_put(commit, VR_TABLE_PARTICIPANTS, vr_bytes(key, 20), vr_bytes(key, 20));
        vr_records_submit(submitter->records, commit, count_told, submitter);
    }
    pthread_mutex_lock(&submitter->lock);
    while (submitter->count < COMMITS) {
        pthread_cond_wait(&submitter->told, &submitter->lock);
    }
    pthread_mutex_unlock(&submitter->lock);
    return NULL;
}

static void many_submitters_share_transactions(void **state)
{
    struct fixture *f = *state;
    static struct submitter all[THREADS];
    struct vr_records_stats stats;

    for (uint64_t i = 0; i < THREADS; i++) {
        all[i] = (struct submitter){.records = f->records, .room = {i + 1, 1}};
        pthread_mutex_init(&all[i].lock, NULL);
        pthread_cond_init(&all[i].told, NULL);
        assert_int_equal(pthread_create(&all[i].thread, NULL, submit_many, &all[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(all[i].thread, NULL);
        assert_int_equal(all[i].count, COMMITS);
        assert_int_equal(all[i].wrong, 0);
    }
    vr_records_stats(f->records, &stats);
    assert_int_equal(stats.commits, THREADS * COMMITS);
    assert_int_equal(stats.waiting, 0);
    assert_true(stats.transactions * 2 <= stats.commits);
    reopen(f);
    for (uint64_t i = 0; i < THREADS; i++) {
        uint64_t epoch;
        uint64_t revision;

        assert_int_equal(vr_records_head(f->records, all[i].room, &epoch, &revision), VR_OK);
        assert_int_equal(revision, COMMITS);
    }
}

/* ---- readers beside the writer ---- */

struct reader {
    struct vr_records *records;
    pthread_t thread;
    atomic_bool *stop;
    uint64_t walks;
    uint64_t torn;
};

struct seen {
    uint32_t first;
    bool any;
    bool torn;
};

static bool compare_rows(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct seen *seen = ctx;
    uint32_t number = vr_get32(value.data);

    (void)key;
    seen->torn = seen->torn || (seen->any && number != seen->first);
    seen->first = number;
    seen->any = true;
    return true;
}

/* All rows of the table always carry one number: a walk that sees two has seen half a commit. */
static void *read_on(void *arg)
{
    struct reader *reader = arg;

    while (!atomic_load(reader->stop)) {
        struct seen seen = {0};
        enum vr_err err = vr_records_scan(reader->records, VR_TABLE_ROOMS, vr_bytes(NULL, 0),
                                          vr_bytes(NULL, 0), compare_rows, &seen);

        reader->torn += err != VR_OK || seen.torn;
        reader->walks++;
    }
    return NULL;
}

static void readers_see_whole_commits(void **state)
{
    struct fixture *f = *state;
    struct reader readers[4];
    atomic_bool stop = false;

    for (int i = 0; i < 4; i++) {
        readers[i] = (struct reader){.records = f->records, .stop = &stop};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
    }
    for (uint32_t number = 0; number < 100; number++) {
        struct vr_commit *commit = vr_commit_new(NO_ROOM, 0, ANY);
        uint8_t value[4];

        vr_put32(value, number);
        for (uint8_t key = 1; key < 50; key++) {
            vr_commit_put(commit, VR_TABLE_ROOMS, vr_bytes(&key, 1), vr_bytes(value, 4));
        }
        assert_int_equal(vr_records_commit(f->records, commit, NULL), VR_OK);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 4; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_true(readers[i].walks > 0);
        assert_int_equal(readers[i].torn, 0);
    }
}

/* ---- the bound of the queue ---- */

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool entered; /* the journal stands in the first callback */
    bool open;
    int told;
    int busy;
    int fine;
};

static void stand_at_gate(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    struct gate *gate = ctx;

    (void)ticket;
    (void)revision;
    pthread_mutex_lock(&gate->lock);
    gate->entered = true;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open) {
        pthread_cond_wait(&gate->changed, &gate->lock);
    }
    gate->told++;
    gate->busy += err == VR_E_BUSY;
    gate->fine += err == VR_OK;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static void too_much_waiting_is_refused(void **state)
{
    struct fixture *f = *state;
    static uint8_t value[100000];
    struct gate gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

    vr_records_submit(f->records, vr_commit_new((struct vr_id){1, 1}, 1, ANY), stand_at_gate,
                      &gate);
    pthread_mutex_lock(&gate.lock);
    while (!gate.entered) {
        pthread_cond_wait(&gate.changed, &gate.lock);
    }
    pthread_mutex_unlock(&gate.lock);
    for (int i = 0; i < 20; i++) { /* 2 MB against a bound of 1 MiB, while nothing is taken */
        struct vr_commit *commit = vr_commit_new(NO_ROOM, 0, ANY);

        vr_commit_put(commit, VR_TABLE_ROOMS, vr_bytes_of("oak"), vr_bytes(value, sizeof(value)));
        vr_records_submit(f->records, commit, stand_at_gate, &gate);
    }
    pthread_mutex_lock(&gate.lock);
    gate.open = true;
    pthread_cond_broadcast(&gate.changed);
    while (gate.told < 21) {
        pthread_cond_wait(&gate.changed, &gate.lock);
    }
    pthread_mutex_unlock(&gate.lock);
    assert_int_equal(gate.fine, 11);
    assert_int_equal(gate.busy, 10);
    assert_int_equal(put_row(f->records, VR_TABLE_ROOMS, "oak", vr_bytes_of("x")), VR_OK);
}

/* ---- the rest ---- */

static void a_long_prefix_goes_at_once(void **state)
{
    struct fixture *f = *state;
    struct vr_commit *commit = vr_commit_new(NO_ROOM, 0, ANY);
    char key[32];

    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof(key), "%s/%05d", i % 5 == 0 ? "stay" : "gone", i);
        vr_commit_put(commit, VR_TABLE_ROOMS, vr_bytes_of(key), vr_bytes_of(key));
    }
    assert_int_equal(vr_records_commit(f->records, commit, NULL), VR_OK);
    commit = vr_commit_new(NO_ROOM, 0, ANY);
    vr_commit_remove_prefix(commit, VR_TABLE_ROOMS, vr_bytes_of("gone/"));
    assert_int_equal(vr_records_commit(f->records, commit, NULL), VR_OK);
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof(key), "%s/%05d", i % 5 == 0 ? "stay" : "gone", i);
        assert_int_equal(get_row(f->records, VR_TABLE_ROOMS, key, vr_bytes_of(key)),
                         i % 5 == 0 ? VR_OK : VR_E_NOT_FOUND);
    }
}

static void closing_commits_what_waits(void **state)
{
    struct fixture *f = *state;
    char key[32];

    for (int i = 0; i < 300; i++) {
        struct vr_commit *commit = vr_commit_new(NO_ROOM, 0, ANY);

        snprintf(key, sizeof(key), "%d", i);
        vr_commit_put(commit, VR_TABLE_ROOMS, vr_bytes_of(key), vr_bytes_of(key));
        vr_records_submit(f->records, commit, NULL, NULL);
    }
    reopen(f);
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof(key), "%d", i);
        assert_int_equal(get_row(f->records, VR_TABLE_ROOMS, key, vr_bytes_of(key)), VR_OK);
    }
}

static void a_second_process_is_told_who_has_it(void **state)
{
    struct fixture *f = *state;
    struct vr_records *records;
    struct vr_why why = {0};
    char pid[32];
    pid_t child;
    int status;

    snprintf(pid, sizeof(pid), "process %d", (int)getpid());
    child = fork();
    if (child == 0) {
        _exit(vr_lmdb_open(&f->conf, &records, &why) == VR_E_EXISTS && strstr(why.text, pid) != NULL
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    /* In one process too: LMDB itself would lose its locks. */
    assert_int_equal(vr_lmdb_open(&f->conf, &records, &why), VR_E_EXISTS);
    assert_int_equal(put_row(f->records, VR_TABLE_ROOMS, "oak", vr_bytes_of("x")), VR_OK);
}

static void a_newer_schema_is_refused(void **state)
{
    struct fixture *f = *state;
    struct vr_records *records;
    struct vr_why why = {0};
    const uint8_t newer[4] = {0, 0, 0, 2};
    const uint8_t ours[4] = {0, 0, 0, 1};
    char path[128];

    assert_int_equal(get_row(f->records, VR_TABLE_META, "schema", vr_bytes(ours, 4)), VR_OK);
    assert_int_equal(put_row(f->records, VR_TABLE_META, "schema", vr_bytes(newer, 4)), VR_OK);
    vr_lmdb_close(f->records);
    f->records = NULL;
    assert_int_equal(vr_lmdb_open(&f->conf, &records, &why), VR_E_CONFLICT);
    assert_non_null(strstr(why.text, "newer version"));
    snprintf(path, sizeof(path), "%s/nothing", f->folder);
    f->conf.folder = path;
    assert_int_equal(vr_lmdb_open(&f->conf, &records, &why), VR_E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_submitters_share_transactions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(readers_see_whole_commits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_much_waiting_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_prefix_goes_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_commits_what_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_process_is_told_who_has_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_newer_schema_is_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
