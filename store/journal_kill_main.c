/* journal_kill_main.c - kills a writing process with -9 at random instants and looks for what is
 * lost.
 *
 *     journal_kill_main ROUNDS SEED
 *
 * Each round a child opens the store and commits from several threads; each acknowledged commit
 * goes up a pipe, told by the committed callback itself. The parent kills it, opens the store anew
 * (with its check) and verifies: all that was acknowledged in this or an earlier round is there,
 * each commit is whole (a row in each of three tables, of matching content), and the room's
 * revision counts exactly the commits that are there. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actors/base/assert.h"
#include "actors/base/log.h"
#include "actors/base/random.h"
#include "store/inspect.h"
#include "store/lmdb.h"

#define WRITERS 4
#define OUTSTANDING 8 /* commits in flight for each writer */
#define LIFE_US_MAX 40000

/* One writer's numbers count up from where the last round ended; its room is its own. */
struct progress {
    uint64_t acknowledged[WRITERS];
};

struct writer {
    struct vr_records *records;
    uint64_t next;
    uint64_t told_number; /* outcomes come in order, so that counting them is enough */
    pthread_mutex_t lock;
    pthread_cond_t told;
    uint32_t index;
    int pipe;
    int outstanding;
};

struct ack {
    uint32_t writer;
    uint32_t unused;
    uint64_t number;
};

static struct vr_id room_of(uint32_t writer)
{
    return (struct vr_id){0x1000 + writer, 1};
}

static struct vr_bytes key_of(uint8_t out[24], uint32_t writer, uint64_t number)
{
    vr_id_put(out, room_of(writer));
    vr_put64(out + 16, number);
    return vr_bytes(out, 24);
}

/* Content follows from the number, its size too: some values need pages of their own. */
static struct vr_bytes value_of(uint8_t out[16384], uint32_t writer, uint64_t number)
{
    size_t size = number % 37 == 0 ? 9000 + number % 7000 : 16 + number % 300;

    memset(out, (int)(number * 31 + writer), size);
    vr_put64(out, number);
    return vr_bytes(out, size);
}

static const enum vr_table tables[] = {VR_TABLE_PARTICIPANTS, VR_TABLE_AUDIT, VR_TABLE_COMMANDS};
#define TABLES 3

/* ---- the child ---- */

static void on_told(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    struct writer *writer = ctx;
    struct ack ack = {.writer = writer->index};

    (void)ticket;
    pthread_mutex_lock(&writer->lock);
    ack.number = ++writer->told_number;
    writer->outstanding--;
    pthread_cond_signal(&writer->told);
    pthread_mutex_unlock(&writer->lock);
    vr_assert(err == VR_OK);
    vr_assert(revision == ack.number);
    vr_assert(write(writer->pipe, &ack, sizeof(ack)) == sizeof(ack)); /* below PIPE_BUF: whole */
}

static void *write_on(void *arg)
{
    struct writer *writer = arg;
    static _Thread_local uint8_t value[16384];
    uint8_t key[24];

    for (;;) {
        uint64_t number = ++writer->next;
        struct vr_commit *commit = vr_commit_new(room_of(writer->index), 1, number - 1);

        for (int t = 0; t < TABLES; t++) {
            vr_commit_put(commit, tables[t], key_of(key, writer->index, number),
                          value_of(value, writer->index, number));
        }
        pthread_mutex_lock(&writer->lock);
        while (writer->outstanding >= OUTSTANDING) {
            pthread_cond_wait(&writer->told, &writer->lock);
        }
        writer->outstanding++;
        pthread_mutex_unlock(&writer->lock);
        vr_records_submit(writer->records, commit, on_told, writer);
    }
    return NULL;
}

static _Noreturn void be_child(const char *folder, int fd)
{
    struct vr_lmdb_conf conf = {
        .folder = folder, .map_bytes = (size_t)2 << 30, .reserve_bytes = 65536, .skip_check = true};
    static struct writer writers[WRITERS];
    struct vr_why why = {0};
    struct vr_records *records;
    struct ack ready = {.writer = WRITERS};

    if (vr_lmdb_open(&conf, &records, &why) != VR_OK) {
        fprintf(stderr, "child: %s\n", why.text);
        _exit(1);
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        uint64_t epoch;
        pthread_t thread;

        writers[i] = (struct writer){.records = records, .index = i, .pipe = fd};
        pthread_mutex_init(&writers[i].lock, NULL);
        pthread_cond_init(&writers[i].told, NULL);
        if (vr_records_head(records, room_of(i), &epoch, &writers[i].next) != VR_OK) {
            _exit(1);
        }
        writers[i].told_number = writers[i].next;
        vr_assert(pthread_create(&thread, NULL, write_on, &writers[i]) == 0);
    }
    vr_assert(write(fd, &ready, sizeof(ready)) == sizeof(ready));
    for (;;) {
        pause();
    }
}

/* ---- the parent ---- */

struct check {
    uint32_t writer;
    uint64_t rows;
    uint64_t wrong;
};

static bool check_row(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct check *check = ctx;
    uint8_t expected_key[24];
    static uint8_t expected[16384];

    check->rows++; /* 1, 2, 3, ...: a hole shows as a wrong key */
    if (!vr_bytes_equal(key, key_of(expected_key, check->writer, check->rows)) ||
        !vr_bytes_equal(value, value_of(expected, check->writer, check->rows))) {
        check->wrong++;
    }
    return true;
}

static bool verify_writer(struct vr_records *records, uint32_t writer, uint64_t acknowledged)
{
    uint8_t prefix[16];
    uint64_t revision = 0;
    uint64_t epoch = 0;
    bool ok = vr_records_head(records, room_of(writer), &epoch, &revision) == VR_OK;

    vr_id_put(prefix, room_of(writer));
    if (!ok || revision < acknowledged) {
        printf("writer %u: acknowledged %llu, found %llu\n", writer,
               (unsigned long long)acknowledged, (unsigned long long)revision);
        return false;
    }
    for (int t = 0; t < TABLES; t++) {
        struct check check = {.writer = writer};

        if (vr_records_scan(records, tables[t], vr_bytes(prefix, 16), vr_bytes(NULL, 0), check_row,
                            &check) != VR_OK ||
            check.wrong > 0 || check.rows != revision) {
            printf("writer %u, table %d: %llu rows, %llu wrong, revision %llu\n", writer, tables[t],
                   (unsigned long long)check.rows, (unsigned long long)check.wrong,
                   (unsigned long long)revision);
            return false;
        }
    }
    return true;
}

static bool verify(const char *folder, const struct progress *progress)
{
    struct vr_lmdb_conf conf = {
        .folder = folder, .map_bytes = (size_t)2 << 30, .reserve_bytes = 65536};
    struct vr_why why = {0};
    struct vr_records *records;
    bool ok = true;

    if (vr_lmdb_open(&conf, &records, &why) != VR_OK) {
        printf("after the kill: %s\n", why.text);
        return false;
    }
    for (uint32_t i = 0; i < WRITERS; i++) {
        ok = verify_writer(records, i, progress->acknowledged[i]) && ok;
    }
    vr_lmdb_close(records);
    return ok;
}

/* Kills the child `life_us` after it began to write, and takes all that it had told until then. */
static bool run_round(const char *folder, long life_us, struct progress *progress)
{
    int ends[2];
    struct ack ack;
    int status = 0;
    bool ready = false;
    pid_t child;

    if (pipe(ends) != 0 || (child = fork()) < 0) {
        return false;
    }
    if (child == 0) {
        close(ends[0]);
        be_child(folder, ends[1]);
    }
    close(ends[1]);
    while (!ready && vr_inspect_read(ends[0], &ack, sizeof(ack))) {
        ready = ack.writer == WRITERS;
        if (!ready) {
            progress->acknowledged[ack.writer] = ack.number;
        }
    }
    nanosleep(&(struct timespec){0, life_us * 1000}, NULL);
    kill(child, SIGKILL);
    while (vr_inspect_read(ends[0], &ack, sizeof(ack))) {
        if (ack.writer < WRITERS) {
            progress->acknowledged[ack.writer] = ack.number;
        }
    }
    close(ends[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return ready && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void clean_up(const char *folder)
{
    const char *files[] = {"data.mdb", "lock.mdb", "reserve", "voiceroomd.lock"};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        if (unlink(path) != 0) {
            perror(path);
        }
    }
    rmdir(folder);
}

/* Rows of all rounds would make each check longer than the one before: start anew from time to
 * time. */
#define ROUNDS_IN_ONE_FOLDER 20

int main(int argc, char **argv)
{
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 10;
    unsigned long passed = 0;
    uint64_t acknowledged = 0;
    struct vr_random_seeded random;
    struct progress progress = {{0}};
    char folder[64] = "";

    vr_random_seeded_init(&random, argc > 2 ? strtoul(argv[2], NULL, 10) : 1);
    vr_log_set_level(VR_LOG_WARN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (unsigned long round = 0; round < rounds; round++) {
        long life_us = (long)vr_random_below(&random.random, LIFE_US_MAX);

        if (round % ROUNDS_IN_ONE_FOLDER == 0) {
            if (folder[0] != 0) {
                clean_up(folder);
            }
            snprintf(folder, sizeof(folder), "/tmp/vr-kill-XXXXXX");
            if (mkdtemp(folder) == NULL) {
                perror("mkdtemp");
                return 1;
            }
            progress = (struct progress){{0}};
        }
        for (uint32_t i = 0; i < WRITERS; i++) {
            acknowledged -= progress.acknowledged[i];
        }
        if (run_round(folder, life_us, &progress) && verify(folder, &progress)) {
            passed++;
        } else {
            printf("round %lu failed (life %ld us), files kept in %s\n", round, life_us, folder);
            folder[0] = 0;
            round += ROUNDS_IN_ONE_FOLDER - 1 - round % ROUNDS_IN_ONE_FOLDER;
        }
        for (uint32_t i = 0; i < WRITERS; i++) {
            acknowledged += progress.acknowledged[i];
        }
    }
    if (folder[0] != 0) {
        clean_up(folder);
    }
    printf("%llu commits acknowledged before the kills\n", (unsigned long long)acknowledged);
    printf("%lu passed, %lu failed\n", passed, rounds - passed);
    return passed == rounds ? 0 : 1;
}
