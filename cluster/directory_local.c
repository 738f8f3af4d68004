/* directory_local.c - the directory of a node that is alone: it owns whatever it takes. */
#include <pthread.h>
#include <stdlib.h>

#include "actors/base/list.h"
#include "actors/base/owner.h"
#include "cluster/directory.h"
#include "store/records.h"

#define SELF 1
#define GENERATION_KEY "directory.generation" /* in VR_TABLE_META: 8 bytes, big-endian */

#define BUCKETS 1024 /* a node has some thousand rooms awake at most; more only makes it slower */

struct owned {
    struct vr_list link; /* local.rooms */
    struct vr_id room;
    uint64_t epoch;
};

struct local {
    struct vr_directory directory;
    pthread_mutex_t lock;
    struct vr_list rooms[BUCKETS]; /* owned.link, by the room's id, which is random */
    uint64_t epoch;                /* the last one given */
    /* The commit that raised the generation. */
    pthread_cond_t raised;
    bool raising;
    enum vr_err raise_err;
};

static struct local *local_of(struct vr_directory *directory)
{
    return VR_OWNER(directory, struct local, directory);
}

static struct vr_list *bucket_of(struct local *local, struct vr_id room)
{
    return &local->rooms[(room.hi ^ room.lo) % BUCKETS];
}

static struct owned *find_room(struct local *local, struct vr_id room)
{
    VR_LIST_EACH(link, bucket_of(local, room))
    {
        struct owned *owned = VR_OWNER(link, struct owned, link);

        if (vr_id_equal(owned->room, room)) {
            return owned;
        }
    }
    return NULL;
}

static enum vr_err local_take(struct vr_directory *directory, struct vr_id room,
                              struct vr_owner *out)
{
    struct local *local = local_of(directory);
    enum vr_err err = VR_OK;
    struct owned *owned;

    pthread_mutex_lock(&local->lock);
    owned = find_room(local, room);
    if (owned == NULL) {
        owned = calloc(1, sizeof(*owned));
        if (owned == NULL) {
            pthread_mutex_unlock(&local->lock);
            return VR_E_NO_MEMORY;
        }
        owned->room = room;
        vr_list_push(bucket_of(local, room), &owned->link);
    }
    if ((uint32_t)local->epoch == UINT32_MAX) {
        err = VR_E_FULL; /* one more would be an epoch of the next generation */
    } else {
        owned->epoch = ++local->epoch;
        *out = (struct vr_owner){SELF, owned->epoch};
    }
    pthread_mutex_unlock(&local->lock);
    return err;
}

static enum vr_err local_find(struct vr_directory *directory, struct vr_id room,
                              struct vr_owner *out)
{
    struct local *local = local_of(directory);
    struct owned *owned;

    pthread_mutex_lock(&local->lock);
    owned = find_room(local, room);
    if (owned != NULL) {
        *out = (struct vr_owner){SELF, owned->epoch};
    }
    pthread_mutex_unlock(&local->lock);
    return owned == NULL ? VR_E_NOT_FOUND : VR_OK;
}

static void local_release(struct vr_directory *directory, struct vr_id room)
{
    struct local *local = local_of(directory);
    struct owned *owned;

    pthread_mutex_lock(&local->lock);
    owned = find_room(local, room);
    if (owned != NULL) {
        vr_list_remove(&owned->link);
        free(owned);
    }
    pthread_mutex_unlock(&local->lock);
}

static uint32_t local_self(struct vr_directory *directory)
{
    (void)directory;
    return SELF;
}

/* On the journal's thread. */
static void generation_raised(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    struct local *local = ctx;

    (void)ticket;
    (void)revision;
    pthread_mutex_lock(&local->lock);
    local->raising = false;
    local->raise_err = err;
    pthread_cond_broadcast(&local->raised);
    pthread_mutex_unlock(&local->lock);
}

/** Until the commit is durable, or was refused. */
static enum vr_err generation_wait(struct local *local)
{
    enum vr_err err = VR_OK;

    pthread_mutex_lock(&local->lock);
    while (local->raising) {
        pthread_cond_wait(&local->raised, &local->lock);
    }
    err = local->raise_err;
    pthread_mutex_unlock(&local->lock);
    return err;
}

static void local_free(struct vr_directory *directory)
{
    struct local *local = local_of(directory);

    (void)generation_wait(local); /* the journal still knows it */
    for (size_t i = 0; i < BUCKETS; i++) {
        struct vr_list *link;

        while ((link = vr_list_pop(&local->rooms[i])) != NULL) {
            free(VR_OWNER(link, struct owned, link));
        }
    }
    pthread_cond_destroy(&local->raised);
    pthread_mutex_destroy(&local->lock);
    free(local);
}

static enum vr_err read_generation(struct vr_records *records, uint64_t *out)
{
    struct vr_buf value = {0};
    enum vr_err err = vr_records_get(records, VR_TABLE_META, vr_bytes_of(GENERATION_KEY), &value);

    if (err == VR_E_NOT_FOUND) {
        *out = 0;
        err = VR_OK;
    } else if (err == VR_OK && value.size != 8) {
        err = VR_E_DAMAGED;
    } else if (err == VR_OK) {
        *out = vr_get64(value.data);
    }
    vr_buf_deinit(&value);
    return err;
}

static enum vr_err raise_generation(struct local *local, struct vr_records *records, uint64_t *out)
{
    struct vr_commit *commit;
    uint8_t value[8];
    enum vr_err err = read_generation(records, out);

    if (err != VR_OK) {
        return err;
    }
    if (++*out > UINT32_MAX) {
        return VR_E_FULL;
    }
    commit = vr_commit_new((struct vr_id){0}, 0, UINT64_MAX);
    if (commit == NULL) {
        return VR_E_NO_MEMORY;
    }
    vr_put64(value, *out);
    vr_commit_put(commit, VR_TABLE_META, vr_bytes_of(GENERATION_KEY),
                  vr_bytes(value, sizeof(value)));
    local->raising = true;
    vr_records_submit(records, commit, generation_raised, local);
    return VR_OK;
}

enum vr_err vr_directory_local_start(struct vr_records *records, struct vr_directory **out)
{
    static const struct vr_directory_ops ops = {local_take, local_find, local_release, local_self,
                                                local_free};
    struct local *local = calloc(1, sizeof(*local));
    uint64_t generation = 0;
    enum vr_err err;

    *out = NULL;
    if (local == NULL) {
        return VR_E_NO_MEMORY;
    }
    pthread_mutex_init(&local->lock, NULL);
    pthread_cond_init(&local->raised, NULL);
    err = raise_generation(local, records, &generation);
    if (err != VR_OK) {
        pthread_cond_destroy(&local->raised);
        pthread_mutex_destroy(&local->lock);
        free(local);
        return err;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        vr_list_init(&local->rooms[i]);
    }
    local->directory.ops = &ops;
    local->epoch = generation << 32;
    *out = &local->directory;
    return VR_OK;
}

enum vr_err vr_directory_local_wait(struct vr_directory *directory)
{
    return generation_wait(local_of(directory));
}

enum vr_err vr_directory_local_new(struct vr_records *records, struct vr_directory **out)
{
    enum vr_err err = vr_directory_local_start(records, out);

    if (err == VR_OK) {
        err = vr_directory_local_wait(*out);
    }
    if (err != VR_OK) {
        vr_directory_free(*out);
        *out = NULL;
    }
    return err;
}
