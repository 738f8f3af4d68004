/* backup_file.c - the file of a backup on disk: written beside its place, synced, renamed; older
 * ones listed and removed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/ctl/backup.h"

#define FLUSH_BYTES ((size_t)1024 * 1024)
#define TIME_TEXT 16 /* "20261123T022041Z" */

enum vr_ctl_exit vr_backup_file_open(struct vr_ctl *ctl, const char *folder,
                                     const uint8_t key[VR_SEAL_KEY], uint64_t made_at,
                                     struct vr_backup_file *out)
{
    char about[160];
    char at[24];

    *out = (struct vr_backup_file){.fd = -1, .parts = json_array()};
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return vr_ctl_fail(ctl, VR_CTL_ERROR, "%s: %s", folder, strerror(errno));
    }
    if (snprintf(out->folder, sizeof(out->folder), "%s", folder) >= (int)sizeof(out->folder)) {
        return vr_ctl_fail(ctl, VR_CTL_USAGE, "the folder's name is too long");
    }
    snprintf(out->temporary, sizeof(out->temporary), "%s/.backup-%ld.part", folder, (long)getpid());
    unlink(out->temporary); /* of a process that had our number and was killed */
    out->fd = open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out->fd < 0) {
        return vr_ctl_fail(ctl, VR_CTL_ERROR, "%s: %s", out->temporary, strerror(errno));
    }
    vr_backup_time(made_at, true, at);
    snprintf(about, sizeof(about), "{\"by\":\"voiceroomctl %s\",\"made_at\":\"%s\"}",
             VR_CTL_VERSION, at);
    out->writer = vr_archive_writer_new(key, made_at, about, &out->buf);
    return out->writer == NULL ? vr_ctl_fail(ctl, VR_CTL_ERROR, "memory is out") : VR_CTL_OK;
}

static enum vr_ctl_exit flush(struct vr_ctl *ctl, struct vr_backup_file *file)
{
    size_t at = 0;

    if (file->buf.failed) {
        return vr_ctl_fail(ctl, VR_CTL_ERROR, "memory is out");
    }
    while (at < file->buf.size) {
        ssize_t wrote = write(file->fd, file->buf.data + at, file->buf.size - at);

        if (wrote < 0 && errno != EINTR) {
            return vr_ctl_fail(ctl, VR_CTL_ERROR, "%s: %s", file->temporary, strerror(errno));
        }
        at += wrote < 0 ? 0 : (size_t)wrote;
    }
    file->bytes += file->buf.size;
    file->buf.size = 0;
    return VR_CTL_OK;
}

enum vr_ctl_exit vr_backup_file_part(struct vr_ctl *ctl, struct vr_backup_file *file,
                                     const char *name)
{
    vr_archive_part(file->writer, name, &file->buf);
    file->hash = vr_seal_hash_new();
    file->part_bytes = 0;
    json_array_append_new(file->parts, json_pack("{s:s}", "name", name));
    return flush(ctl, file);
}

enum vr_ctl_exit vr_backup_file_add(struct vr_ctl *ctl, struct vr_backup_file *file,
                                    struct vr_bytes data)
{
    vr_archive_data(file->writer, data, &file->buf);
    vr_seal_hash_add(file->hash, data);
    file->part_bytes += data.size;
    return file->buf.size < FLUSH_BYTES && !file->buf.failed ? VR_CTL_OK : flush(ctl, file);
}

enum vr_ctl_exit vr_backup_file_part_end(struct vr_ctl *ctl, struct vr_backup_file *file,
                                         const char *sha256)
{
    json_t *part = json_array_get(file->parts, json_array_size(file->parts) - 1);
    uint8_t hash[VR_SEAL_HASH];
    char text[2 * VR_SEAL_HASH + 1] = "";

    vr_archive_part_end(file->writer, &file->buf);
    vr_seal_hash_end(file->hash, hash);
    file->hash = NULL;
    for (size_t i = 0; i < sizeof(hash); i++) {
        snprintf(text + 2 * i, 3, "%02x", hash[i]);
    }
    json_object_set_new(part, "bytes", json_integer((json_int_t)file->part_bytes));
    json_object_set_new(part, "sha256", json_string(text));
    if (sha256 != NULL && strcmp(sha256, text) != 0) {
        return vr_ctl_fail(ctl, VR_CTL_ERROR, "what came is not what the node sent: try again");
    }
    return flush(ctl, file);
}

static bool sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool fine = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return fine;
}

enum vr_ctl_exit vr_backup_file_finish(struct vr_ctl *ctl, struct vr_backup_file *file,
                                       const char *name)
{
    enum vr_ctl_exit code = VR_CTL_OK;

    if (vr_archive_end(file->writer, &file->buf) != VR_OK) {
        return vr_ctl_fail(ctl, VR_CTL_ERROR, "memory is out");
    }
    code = flush(ctl, file);
    snprintf(file->path, sizeof(file->path), "%s/%s", file->folder, name);
    /* link, not rename: a backup of the same second must not be replaced. */
    if (code == VR_CTL_OK && (fsync(file->fd) != 0 || link(file->temporary, file->path) != 0 ||
                              unlink(file->temporary) != 0 || !sync_folder(file->folder))) {
        code = vr_ctl_fail(ctl, VR_CTL_ERROR, "%s: %s", file->path, strerror(errno));
    }
    if (code == VR_CTL_OK) {
        file->temporary[0] = 0;
    }
    return code;
}

void vr_backup_file_close(struct vr_backup_file *file)
{
    uint8_t ignored[VR_SEAL_HASH];

    if (file->fd >= 0) {
        close(file->fd);
        if (file->temporary[0] != 0) {
            unlink(file->temporary);
        }
    }
    vr_seal_hash_end(file->hash, ignored);
    vr_archive_writer_free(file->writer);
    vr_buf_deinit(&file->buf);
    json_decref(file->parts);
}

/* --- those that are there --- */

/** NULL: it is no backup of ours. */
static json_t *file_row(const char *folder, const char *name)
{
    size_t ending = sizeof(VR_BACKUP_ENDING) - 1;
    char path[VR_CTL_PATH_MAX + 320];
    uint8_t bytes[VR_ARCHIVE_HEAD];
    struct vr_archive_head head;
    struct stat about;
    char print[2 * VR_SEAL_PRINT + 1];
    char at[24];
    ssize_t got = 0;
    int fd = -1;

    if (strlen(name) <= ending || strcmp(name + strlen(name) - ending, VR_BACKUP_ENDING) != 0) {
        return NULL;
    }
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        got = fstat(fd, &about) == 0 ? read(fd, bytes, sizeof(bytes)) : 0;
        close(fd);
    }
    if (got <= 0 || !vr_archive_head_read(vr_bytes(bytes, (size_t)got), &head, NULL)) {
        return NULL;
    }
    vr_backup_time(head.made_at, true, at);
    snprintf(print, sizeof(print), "%016llx", (unsigned long long)vr_get64(head.print));
    return json_pack("{s:s, s:s, s:I, s:s}", "file", name, "made_at", at, "bytes",
                     (json_int_t)about.st_size, "key", print);
}

static int by_time(const void *a, const void *b)
{
    const json_t *left = *(const json_t *const *)a;
    const json_t *right = *(const json_t *const *)b;
    int order = strcmp(json_string_value(json_object_get(left, "made_at")),
                       json_string_value(json_object_get(right, "made_at")));

    return order != 0 ? order
                      : strcmp(json_string_value(json_object_get(left, "file")),
                               json_string_value(json_object_get(right, "file")));
}

static json_t *sorted(json_t *rows)
{
    size_t count = json_array_size(rows);
    json_t **list = calloc(count + 1, sizeof(json_t *));
    json_t *out = json_array();

    for (size_t i = 0; list != NULL && i < count; i++) {
        list[i] = json_array_get(rows, i);
    }
    if (list != NULL) {
        qsort(list, count, sizeof(json_t *), by_time);
    }
    for (size_t i = 0; list != NULL && i < count; i++) {
        json_array_append(out, list[i]);
    }
    free(list);
    json_decref(rows);
    return out;
}

json_t *vr_backup_files(const char *folder)
{
    DIR *dir = opendir(folder);
    json_t *rows = dir == NULL ? NULL : json_array();
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        json_t *row = file_row(folder, entry->d_name);

        if (row != NULL) {
            json_array_append_new(rows, row);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return rows == NULL ? NULL : sorted(rows);
}

/** The same name but for the time before its ending. */
static bool same_series(const char *a, const char *b)
{
    size_t tail = TIME_TEXT + sizeof(VR_BACKUP_ENDING) - 1;
    size_t size = strlen(a);

    return size == strlen(b) && size > tail && strncmp(a, b, size - tail) == 0;
}

json_t *vr_backup_prune(struct vr_ctl *ctl, const char *folder, const char *name, size_t keep)
{
    json_t *rows = vr_backup_files(folder);
    json_t *removed = json_array();
    size_t kept = 0;

    for (size_t i = json_array_size(rows); i > 0; i--) { /* newest first */
        const char *file = json_string_value(json_object_get(json_array_get(rows, i - 1), "file"));
        char path[VR_CTL_PATH_MAX + 320];

        if (!same_series(file, name) || kept++ < keep) {
            continue;
        }
        snprintf(path, sizeof(path), "%s/%s", folder, file);
        if (unlink(path) == 0) {
            json_array_append_new(removed, json_string(file));
        } else {
            vr_ctl_say(ctl, "warning: %s could not be removed: %s", path, strerror(errno));
        }
    }
    json_decref(rows);
    return removed;
}
