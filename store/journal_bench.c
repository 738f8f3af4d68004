/* journal_bench.c - durable commits a second and their latency, from 1 and from 64 submitters.
 *
 *     journal_bench [SECONDS] [FOLDER]
 *
 * Each submitter has one commit in flight: a record of 512 bytes and the room's head, as a change
 * in a room makes. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "actors/base/assert.h"
#include "actors/base/clock.h"
#include "store/lmdb.h"

#define SUBMITTERS_MAX 64
#define SAMPLES_MAX 200000

struct submitter {
    struct vr_records *records;
    uint32_t index;
    vr_time_us until;
    pthread_t thread;
    uint32_t *samples; /* microseconds */
    size_t count;
};

static vr_time_us now_us(void)
{
    const struct vr_clock *clock = vr_clock_system();

    return clock->now(clock->ctx);
}

static void *submit_on(void *arg)
{
    struct submitter *submitter = arg;
    struct vr_id room = {submitter->index + 1, 7};
    uint8_t value[512] = {1};
    uint8_t key[20];

    vr_id_put(key, room);
    while (now_us() < submitter->until && submitter->count < SAMPLES_MAX) {
        struct vr_commit *commit = vr_commit_new(room, 1, UINT64_MAX);
        vr_time_us start = now_us();

        vr_put32(key + 16, (uint32_t)(submitter->count % 100)); /* a room of a hundred people */
        vr_commit_put(commit, VR_TABLE_PARTICIPANTS, vr_bytes(key, sizeof(key)),
                      vr_bytes(value, sizeof(value)));
        vr_assert(vr_records_commit(submitter->records, commit, NULL) == VR_OK);
        submitter->samples[submitter->count++] = (uint32_t)(now_us() - start);
    }
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    const uint32_t *one = a;
    const uint32_t *two = b;

    return (*one > *two) - (*one < *two);
}

static void run(struct vr_records *records, uint32_t submitters, unsigned long seconds)
{
    static struct submitter all[SUBMITTERS_MAX];
    struct vr_records_stats before;
    struct vr_records_stats after;
    vr_time_us start = now_us();
    uint32_t *samples;
    size_t count = 0;
    double took;

    vr_records_stats(records, &before);
    for (uint32_t i = 0; i < submitters; i++) {
        all[i] = (struct submitter){.records = records, .index = i};
        all[i].until = start + VR_SECONDS(seconds);
        all[i].samples = malloc(SAMPLES_MAX * sizeof(uint32_t));
        vr_assert(all[i].samples != NULL);
        vr_assert(pthread_create(&all[i].thread, NULL, submit_on, &all[i]) == 0);
    }
    samples = malloc((size_t)submitters * SAMPLES_MAX * sizeof(uint32_t));
    vr_assert(samples != NULL);
    for (uint32_t i = 0; i < submitters; i++) {
        pthread_join(all[i].thread, NULL);
        memcpy(samples + count, all[i].samples, all[i].count * sizeof(uint32_t));
        count += all[i].count;
        free(all[i].samples);
    }
    took = (double)(now_us() - start) / 1e6;
    vr_records_stats(records, &after);
    qsort(samples, count, sizeof(uint32_t), by_size);
    printf("%2u submitters: %8.0f commits/s, p50 %6u us, p99 %6u us, %5.1f commits a transaction\n",
           submitters, (double)count / took, samples[count / 2], samples[count * 99 / 100],
           (double)(after.commits - before.commits) /
               (double)(after.transactions - before.transactions));
    free(samples);
}

/* A read in place, as a join looks up a ban; the keys are those that were written. */
static void run_reads(struct vr_records *records)
{
    struct vr_buf value = {0};
    vr_time_us start = now_us();
    uint32_t count = 0;
    uint8_t key[20];

    for (; count < 500000; count++) {
        vr_id_put(key, (struct vr_id){count % SUBMITTERS_MAX + 1, 7});
        vr_put32(key + 16, count % 10);
        value.size = 0;
        vr_assert(vr_records_get(records, VR_TABLE_PARTICIPANTS, vr_bytes(key, sizeof(key)),
                                 &value) == VR_OK);
    }
    printf("1 reader: %.2f us a read of %zu bytes\n", (double)(now_us() - start) / count,
           value.size);
    vr_buf_deinit(&value);
}

static void clean_up(const char *folder)
{
    const char *files[] = {"data.mdb", "lock.mdb", "reserve", "voiceroomd.lock"};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[512];

        snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        if (unlink(path) != 0) {
            perror(path);
        }
    }
    rmdir(folder);
}

int main(int argc, char **argv)
{
    unsigned long seconds = argc > 1 ? strtoul(argv[1], NULL, 10) : 3;
    char folder[256] = "/tmp/vr-bench-XXXXXX";
    struct vr_lmdb_conf conf = {.folder = folder};
    struct vr_why why = {0};
    struct vr_records *records;

    if (argc > 2) {
        snprintf(folder, sizeof(folder), "%s/vr-bench-XXXXXX", argv[2]);
    }
    if (mkdtemp(folder) == NULL || vr_lmdb_open(&conf, &records, &why) != VR_OK) {
        fprintf(stderr, "%s: %s\n", folder, why.text);
        return 1;
    }
    run(records, 1, seconds);
    run(records, SUBMITTERS_MAX, seconds);
    run_reads(records);
    vr_lmdb_close(records);
    clean_up(folder);
    return 0;
}
