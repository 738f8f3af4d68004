#include "nodes/chores.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actors/base/log.h"
#include "actors/room/audit_chain.h"
#include "store/deployment.h"

#define QUEUE_MAX 64
#define RETIRE_EVERY_S 3600
#define RETIRE_FIRST_S 60
#define RETIRE_BITE 500 /* entries of one room in one commit */

struct job {
    void (*run)(void *ctx);
    void *ctx;
};

struct vr_chores {
    struct vr_records *records;
    vr_time_us keep;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct job jobs[QUEUE_MAX];
    unsigned first;
    unsigned count;
    bool over;
};

struct rooms {
    struct vr_id *items;
    size_t count;
    size_t capacity;
};

static bool note_room(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct rooms *rooms = ctx;

    (void)value;
    if (key.size != 16) { /* a person's row */
        return true;
    }
    if (rooms->count == rooms->capacity) {
        size_t capacity = rooms->capacity == 0 ? 256 : rooms->capacity * 2;
        struct vr_id *grown = realloc(rooms->items, capacity * sizeof(*grown));

        if (grown == NULL) {
            return false;
        }
        rooms->items = grown;
        rooms->capacity = capacity;
    }
    rooms->items[rooms->count++] = vr_id_get(key.data);
    return true;
}

static uint32_t retire_room(struct vr_records *records, struct vr_id room, vr_time_us before)
{
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);
    uint32_t count =
        commit == NULL ? 0 : vr_audit_retire(records, room, before, RETIRE_BITE, commit);

    if (count == 0) {
        vr_commit_free(commit);
        return 0;
    }
    return vr_records_commit(records, commit, NULL) == VR_OK ? count : 0;
}

uint64_t vr_chores_retire(struct vr_records *records, vr_time_us before)
{
    struct rooms rooms = {0};
    struct vr_bytes all = vr_bytes("", 0);
    uint64_t total = 0;

    if (vr_records_scan(records, VR_TABLE_ANALYTICS, all, all, note_room, &rooms) == VR_OK) {
        for (size_t i = 0; i < rooms.count; i++) {
            uint32_t count = 0;

            do {
                count = retire_room(records, rooms.items[i], before);
                total += count;
            } while (count == RETIRE_BITE);
        }
    }
    free(rooms.items);
    return total;
}

static void retire(struct vr_chores *chores)
{
    const struct vr_clock *clock = vr_clock_system();
    uint64_t count = vr_chores_retire(chores->records, clock->wall(clock->ctx) - chores->keep);

    if (count > 0) {
        vr_log(VR_LOG_INFO, "old audit entries were taken away", VR_U("entries", count));
    }
}

static void *chores_run(void *arg)
{
    struct vr_chores *chores = arg;
    struct timespec next;

    clock_gettime(CLOCK_MONOTONIC, &next);
    next.tv_sec += RETIRE_FIRST_S;
    pthread_mutex_lock(&chores->lock);
    while (!chores->over || chores->count > 0) {
        struct timespec now;

        if (chores->count > 0) {
            struct job job = chores->jobs[chores->first];

            chores->first = (chores->first + 1) % QUEUE_MAX;
            chores->count--;
            pthread_mutex_unlock(&chores->lock);
            job.run(job.ctx);
            pthread_mutex_lock(&chores->lock);
            continue;
        }
        pthread_cond_timedwait(&chores->work, &chores->lock, &next);
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec >= next.tv_sec && !chores->over) {
            next.tv_sec = now.tv_sec + RETIRE_EVERY_S;
            if (chores->keep > 0) {
                pthread_mutex_unlock(&chores->lock);
                retire(chores);
                pthread_mutex_lock(&chores->lock);
            }
        }
    }
    pthread_mutex_unlock(&chores->lock);
    return NULL;
}

enum vr_err vr_chores_new(struct vr_records *records, vr_time_us audit_keep, struct vr_chores **out)
{
    struct vr_chores *chores = calloc(1, sizeof(*chores));
    pthread_condattr_t kind;

    *out = NULL;
    if (chores == NULL) {
        return VR_E_NO_MEMORY;
    }
    chores->records = records;
    chores->keep = audit_keep;
    pthread_mutex_init(&chores->lock, NULL);
    pthread_condattr_init(&kind);
    pthread_condattr_setclock(&kind, CLOCK_MONOTONIC);
    pthread_cond_init(&chores->work, &kind);
    pthread_condattr_destroy(&kind);
    if (pthread_create(&chores->thread, NULL, chores_run, chores) != 0) {
        pthread_mutex_destroy(&chores->lock);
        pthread_cond_destroy(&chores->work);
        free(chores);
        return VR_E_NO_MEMORY;
    }
    *out = chores;
    return VR_OK;
}

void vr_chores_free(struct vr_chores *chores)
{
    if (chores == NULL) {
        return;
    }
    pthread_mutex_lock(&chores->lock);
    chores->over = true;
    pthread_cond_signal(&chores->work);
    pthread_mutex_unlock(&chores->lock);
    pthread_join(chores->thread, NULL);
    pthread_mutex_destroy(&chores->lock);
    pthread_cond_destroy(&chores->work);
    free(chores);
}

bool vr_chores_do(struct vr_chores *chores, void (*job)(void *ctx), void *ctx)
{
    bool taken = false;

    pthread_mutex_lock(&chores->lock);
    if (chores->count < QUEUE_MAX && !chores->over) {
        chores->jobs[(chores->first + chores->count) % QUEUE_MAX] = (struct job){job, ctx};
        chores->count++;
        taken = true;
        pthread_cond_signal(&chores->work);
    }
    pthread_mutex_unlock(&chores->lock);
    return taken;
}
