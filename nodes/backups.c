/* backups.c - one nameless file, its size and hash, and when it was read last. */
#include "nodes/backups.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "actors/base/random.h"
#include "store/backup.h"

#define BUSY_FOR VR_SECONDS(30)
#define SPARE_BYTES ((uint64_t)16 * 1024 * 1024) /* left to the store itself */

struct vr_backups {
    struct vr_records *records;
    char *folder;
    pthread_mutex_t lock;
    bool making;
    int fd; /* -1: there is none */
    struct vr_backup_made made;
    vr_time_us read_at;
};

struct vr_backups *vr_backups_new(struct vr_records *records, const char *folder)
{
    struct vr_backups *backups = calloc(1, sizeof(*backups));

    if (backups != NULL && (backups->folder = strdup(folder)) == NULL) {
        free(backups);
        backups = NULL;
    }
    if (backups != NULL) {
        backups->records = records;
        backups->fd = -1;
        pthread_mutex_init(&backups->lock, NULL);
    }
    return backups;
}

static void forget(struct vr_backups *backups)
{
    if (backups->fd >= 0) {
        close(backups->fd);
        backups->fd = -1;
    }
}

void vr_backups_free(struct vr_backups *backups)
{
    if (backups != NULL) {
        forget(backups);
        pthread_mutex_destroy(&backups->lock);
        free(backups->folder);
        free(backups);
    }
}

/** The disk of the store must not be filled by its copy. */
static enum vr_err judge_space(const struct vr_backups *backups, struct vr_why *why)
{
    struct statvfs disk;
    struct stat store;
    char path[4096];
    uint64_t used;

    snprintf(path, sizeof(path), "%s/data.mdb", backups->folder);
    if (statvfs(backups->folder, &disk) != 0 || stat(path, &store) != 0) {
        return vr_fail(why, VR_E_INTERNAL, "%s: %s", path, strerror(errno));
    }
    used = (uint64_t)store.st_blocks * 512;
    if ((uint64_t)disk.f_bavail * disk.f_frsize < used + SPARE_BYTES) {
        return vr_fail(why, VR_E_FULL, "a copy needs up to %llu MiB of disk beside the store",
                       (unsigned long long)((used + SPARE_BYTES) >> 20));
    }
    return VR_OK;
}

static int nameless(const char *folder)
{
    char path[4096];
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0 && (size_t)snprintf(path, sizeof(path), "%s/copy-XXXXXX", folder) < sizeof(path)) {
        fd = mkostemp(path, O_CLOEXEC); /* not every file system knows O_TMPFILE */
        if (fd >= 0) {
            unlink(path);
        }
    }
    return fd;
}

static enum vr_err measure(int fd, struct vr_backup_made *out)
{
    static const size_t piece = 64 * 1024;
    uint8_t *data = malloc(piece);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    ssize_t got = 0;
    bool fine = data != NULL && hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1;

    out->bytes = 0;
    while (fine && (got = pread(fd, data, piece, (off_t)out->bytes)) > 0) {
        fine = EVP_DigestUpdate(hash, data, (size_t)got) == 1;
        out->bytes += (uint64_t)got;
    }
    fine = fine && got == 0 && EVP_DigestFinal_ex(hash, out->sha256, NULL) == 1;
    EVP_MD_CTX_free(hash);
    free(data);
    return fine ? VR_OK : VR_E_INTERNAL;
}

/** True: it is ours to make one now, and the one before has gone. */
static bool begin(struct vr_backups *backups, vr_time_us now)
{
    bool free_now;

    pthread_mutex_lock(&backups->lock);
    free_now = !backups->making && (backups->fd < 0 || now >= backups->read_at + BUSY_FOR);
    if (free_now) {
        forget(backups);
        backups->making = true;
    }
    pthread_mutex_unlock(&backups->lock);
    return free_now;
}

enum vr_err vr_backups_make(struct vr_backups *backups, vr_time_us now, struct vr_backup_made *out,
                            struct vr_why *why)
{
    int fd = -1;
    enum vr_err err;

    if (!begin(backups, now)) {
        return vr_fail(why, VR_E_IN_PROGRESS, "another backup of this node is being taken");
    }
    out->id = vr_random_id(vr_random_system());
    err = judge_space(backups, why);
    if (err == VR_OK && (fd = nameless(backups->folder)) < 0) {
        err = vr_fail(why, VR_E_FULL, "no file for the copy: %s", strerror(errno));
    }
    if (err == VR_OK) {
        err = vr_lmdb_copy(backups->records, fd, why);
    }
    if (err == VR_OK) {
        err = measure(fd, out);
    }
    pthread_mutex_lock(&backups->lock);
    backups->making = false;
    if (err == VR_OK) {
        backups->fd = fd;
        backups->made = *out;
        backups->read_at = now;
    } else if (fd >= 0) {
        close(fd);
    }
    pthread_mutex_unlock(&backups->lock);
    return err;
}

static bool is_it(const struct vr_backups *backups, struct vr_id id)
{
    return backups->fd >= 0 && vr_id_equal(backups->made.id, id);
}

enum vr_err vr_backups_read(struct vr_backups *backups, struct vr_id id, uint64_t offset,
                            vr_time_us now, struct vr_buf *out)
{
    uint8_t *piece = malloc(VR_BACKUP_PIECE);
    enum vr_err err = piece == NULL ? VR_E_NO_MEMORY : VR_E_NOT_FOUND;

    pthread_mutex_lock(&backups->lock);
    if (piece != NULL && is_it(backups, id)) {
        ssize_t got = offset >= backups->made.bytes
                          ? 0
                          : pread(backups->fd, piece, VR_BACKUP_PIECE, (off_t)offset);

        err = got < 0 ? VR_E_INTERNAL : VR_OK;
        vr_buf_append(out, piece, got < 0 ? 0 : (size_t)got);
        backups->read_at = now;
    }
    pthread_mutex_unlock(&backups->lock);
    free(piece);
    return err == VR_OK && out->failed ? VR_E_NO_MEMORY : err;
}

enum vr_err vr_backups_drop(struct vr_backups *backups, struct vr_id id)
{
    bool found;

    pthread_mutex_lock(&backups->lock);
    found = is_it(backups, id);
    if (found) {
        forget(backups);
    }
    pthread_mutex_unlock(&backups->lock);
    return found ? VR_OK : VR_E_NOT_FOUND;
}

bool vr_backups_sweep(struct vr_backups *backups, vr_time_us before)
{
    bool left;

    pthread_mutex_lock(&backups->lock);
    if (backups->fd >= 0 && backups->read_at < before) {
        forget(backups);
    }
    left = backups->fd >= 0;
    pthread_mutex_unlock(&backups->lock);
    return left;
}
