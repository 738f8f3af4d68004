/* backup_unpack.c - a backup is read to its end, its stores and etcd's snapshot put into files. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/ctl/backup.h"

#define READ_BYTES ((size_t)256 * 1024)

struct unpacking {
    struct vr_ctl *ctl;
    const char *path;
    const char *base; /* NULL: only look */
    const char *only;
    const char *etcd;
    struct vr_backup_parts *out;
    int from;
    int to; /* -1: this part is left out */
};

bool vr_backup_folder(struct vr_ctl *ctl, const char *where, char out[VR_CTL_PATH_MAX])
{
    if (snprintf(out, VR_CTL_PATH_MAX, "%s/restore-XXXXXX", where) >= VR_CTL_PATH_MAX - 32 ||
        mkdtemp(out) == NULL) {
        (void)vr_ctl_fail(ctl, VR_CTL_ERROR, "no folder for the work in %s: %s", where,
                          strerror(errno));
        out[0] = 0;
        return false;
    }
    return true;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *ftw)
{
    (void)about;
    (void)kind;
    (void)ftw;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

void vr_backup_remove(const char *folder)
{
    if (folder[0] != 0) {
        (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    }
}

static bool wanted(const struct unpacking *unpacking, const char *name)
{
    return unpacking->base != NULL && strncmp(name, "store/", 6) == 0 &&
           (unpacking->only == NULL || strcmp(name + 6, unpacking->only) == 0);
}

static enum vr_ctl_exit begin_part(struct unpacking *unpacking, struct vr_bytes name)
{
    struct vr_backup_parts *out = unpacking->out;
    struct vr_backup_part *part = &out->part[out->count];
    char path[VR_CTL_PATH_MAX + 64] = "";

    if (out->count == VR_BACKUP_PARTS) {
        return vr_ctl_fail(unpacking->ctl, VR_CTL_ERROR, "%s has more parts than this program can",
                           unpacking->path);
    }
    *part = (struct vr_backup_part){.bytes = 0};
    memcpy(part->name, name.data, name.size);
    if (wanted(unpacking, part->name)) {
        snprintf(part->folder, sizeof(part->folder), "%s/%zu", unpacking->base, out->count);
        if (mkdir(part->folder, 0700) != 0) {
            return vr_ctl_fail(unpacking->ctl, VR_CTL_ERROR, "%s: %s", part->folder,
                               strerror(errno));
        }
        snprintf(path, sizeof(path), "%s/data.mdb", part->folder);
    } else if (strcmp(part->name, "etcd") == 0 && unpacking->etcd != NULL) {
        snprintf(path, sizeof(path), "%s", unpacking->etcd);
    }
    out->count++;
    if (path[0] != 0) {
        unpacking->to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    return path[0] == 0 || unpacking->to >= 0
               ? VR_CTL_OK
               : vr_ctl_fail(unpacking->ctl, VR_CTL_ERROR, "%s: %s", path, strerror(errno));
}

static enum vr_ctl_exit add_data(struct unpacking *unpacking, struct vr_bytes data)
{
    unpacking->out->part[unpacking->out->count - 1].bytes += data.size;
    while (unpacking->to >= 0 && data.size > 0) {
        ssize_t wrote = write(unpacking->to, data.data, data.size);

        if (wrote < 0 && errno != EINTR) {
            return vr_ctl_fail(unpacking->ctl, VR_CTL_ERROR, "what is restored: %s",
                               strerror(errno));
        }
        wrote = wrote < 0 ? 0 : wrote;
        data = vr_bytes(data.data + wrote, data.size - (size_t)wrote);
    }
    return VR_CTL_OK;
}

static enum vr_ctl_exit end_part(struct unpacking *unpacking)
{
    bool fine = unpacking->to < 0 || fsync(unpacking->to) == 0;

    if (unpacking->to >= 0) {
        fine = close(unpacking->to) == 0 && fine;
        unpacking->to = -1;
    }
    return fine
               ? VR_CTL_OK
               : vr_ctl_fail(unpacking->ctl, VR_CTL_ERROR, "what is restored: %s", strerror(errno));
}

static enum vr_ctl_exit take(struct unpacking *unpacking, const struct vr_archive_event *event)
{
    switch (event->kind) {
    case VR_ARCHIVE_PART:
        return begin_part(unpacking, event->body);
    case VR_ARCHIVE_DATA:
        return add_data(unpacking, event->body);
    case VR_ARCHIVE_PART_END:
        return end_part(unpacking);
    case VR_ARCHIVE_ABOUT:
    case VR_ARCHIVE_END:
        break;
    }
    return VR_CTL_OK;
}

static enum vr_ctl_exit refuse(const struct unpacking *unpacking, enum vr_err err,
                               const struct vr_why *why)
{
    return vr_ctl_fail(unpacking->ctl, err == VR_E_FORBIDDEN ? VR_CTL_DENIED : VR_CTL_ERROR,
                       "%s: %s", unpacking->path, why->text);
}

static enum vr_ctl_exit read_all(struct unpacking *unpacking, struct vr_archive_reader *reader,
                                 uint8_t *piece)
{
    struct vr_archive_event event;
    struct vr_why why = {0};
    enum vr_ctl_exit code = VR_CTL_OK;
    enum vr_err err = VR_E_IN_PROGRESS;
    ssize_t got = 1;

    while (code == VR_CTL_OK && err == VR_E_IN_PROGRESS &&
           (got = read(unpacking->from, piece, READ_BYTES)) > 0) {
        vr_archive_feed(reader, vr_bytes(piece, (size_t)got));
        while (code == VR_CTL_OK && (err = vr_archive_next(reader, &event, &why)) == VR_OK) {
            code = take(unpacking, &event);
        }
    }
    if (code == VR_CTL_OK && got < 0) {
        code =
            vr_ctl_fail(unpacking->ctl, VR_CTL_ERROR, "%s: %s", unpacking->path, strerror(errno));
    }
    if (code == VR_CTL_OK && err == VR_E_IN_PROGRESS) {
        err = vr_archive_over(reader, &why);
    }
    return code == VR_CTL_OK && err != VR_OK ? refuse(unpacking, err, &why) : code;
}

static enum vr_ctl_exit run(struct unpacking *unpacking)
{
    struct vr_archive_reader *reader = NULL;
    struct vr_archive_head head = {0};
    uint8_t key[VR_SEAL_KEY];
    uint8_t first[VR_ARCHIVE_HEAD];
    uint8_t *piece = malloc(READ_BYTES);
    enum vr_ctl_exit code = vr_backup_key(unpacking->ctl, key);

    if (code == VR_CTL_OK && (unpacking->from = open(unpacking->path, O_RDONLY | O_CLOEXEC)) < 0) {
        code = vr_ctl_fail(unpacking->ctl, VR_CTL_NOT_FOUND, "%s: %s", unpacking->path,
                           strerror(errno));
    }
    if (code == VR_CTL_OK) {
        ssize_t got = pread(unpacking->from, first, sizeof(first), 0);

        (void)vr_archive_head_read(vr_bytes(first, got < 0 ? 0 : (size_t)got), &head, NULL);
        unpacking->out->made_at = head.made_at;
        reader = vr_archive_reader_new(key);
        code = reader == NULL || piece == NULL
                   ? vr_ctl_fail(unpacking->ctl, VR_CTL_ERROR, "memory is out")
                   : read_all(unpacking, reader, piece);
    }
    if (unpacking->to >= 0) {
        close(unpacking->to);
    }
    if (unpacking->from >= 0) {
        close(unpacking->from);
    }
    explicit_bzero(key, sizeof(key));
    vr_archive_reader_free(reader);
    free(piece);
    return code;
}

enum vr_ctl_exit vr_backup_unpack(struct vr_ctl *ctl, const char *path, const char *base,
                                  const char *only, const char *etcd, struct vr_backup_parts *out)
{
    struct unpacking unpacking = {.ctl = ctl,
                                  .path = path,
                                  .base = base,
                                  .only = only,
                                  .etcd = etcd,
                                  .out = out,
                                  .from = -1,
                                  .to = -1};

    *out = (struct vr_backup_parts){.count = 0};
    return run(&unpacking);
}

enum vr_ctl_exit vr_backup_look(struct vr_ctl *ctl, const char *path, struct vr_backup_parts *out)
{
    return vr_backup_unpack(ctl, path, NULL, NULL, NULL, out);
}
