/* files.c - walks the folder once and sorts what it finds by path. */
#include "nodes/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "actors/base/fnv.h"

struct vr_files {
    struct vr_file *items;
    uint32_t count;
    size_t bytes;
};

static const struct {
    const char *end;
    const char *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".webp", "image/webp"},
    {".woff2", "font/woff2"},
    {".wasm", "application/wasm"},
    {".txt", "text/plain; charset=utf-8"},
    {".mp3", "audio/mpeg"},
    {".ogg", "audio/ogg"},
};

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);

    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static const char *type_of(const char *path)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (ends_with(path, types[i].end)) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

static struct vr_blob *blob_read(const char *path, size_t size)
{
    FILE *stream = fopen(path, "re");
    struct vr_blob *blob = NULL;
    uint8_t *data = malloc(size + 1);

    if (stream != NULL && data != NULL && fread(data, 1, size, stream) == size) {
        blob = vr_blob_new(vr_bytes(data, size));
    }
    free(data);
    if (stream != NULL) {
        fclose(stream);
    }
    return blob;
}

static enum vr_err file_add(struct vr_files *files, const char *disk, const char *path, size_t size)
{
    struct vr_file *grown = NULL;
    struct vr_file *file = NULL;

    if (files->count == VR_FILES_COUNT_MAX || files->bytes + size > VR_FILES_BYTES_MAX) {
        return VR_E_TOO_LARGE;
    }
    grown = realloc(files->items, (files->count + 1) * sizeof(*grown));
    if (grown == NULL) {
        return VR_E_NO_MEMORY;
    }
    files->items = grown;
    file = &grown[files->count];
    *file = (struct vr_file){.path = strdup(path), .plain = blob_read(disk, size)};
    files->count++;
    if (file->path == NULL || file->plain == NULL) {
        return VR_E_NO_MEMORY;
    }
    files->bytes += size;
    file->type = type_of(path);
    file->hashed = strncmp(path, "/assets/", 8) == 0;
    snprintf(file->etag, sizeof(file->etag), "\"%016llx\"",
             (unsigned long long)vr_fnv64(VR_FNV_START, file->plain->data, file->plain->size));
    return VR_OK;
}

static enum vr_err folder_read(struct vr_files *files, const char *folder, const char *prefix,
                               int depth)
{
    DIR *dir = opendir(folder);
    enum vr_err err = dir == NULL ? VR_E_NOT_FOUND : VR_OK;

    for (struct dirent *entry = NULL; err == VR_OK && (entry = readdir(dir)) != NULL;) {
        char disk[4096];
        char path[1024];
        struct stat about;

        if (entry->d_name[0] == '.' ||
            snprintf(disk, sizeof(disk), "%s/%s", folder, entry->d_name) >= (int)sizeof(disk) ||
            snprintf(path, sizeof(path), "%s/%s", prefix, entry->d_name) >= (int)sizeof(path) ||
            stat(disk, &about) != 0) {
            continue;
        }
        if (S_ISDIR(about.st_mode) && depth < 8) {
            err = folder_read(files, disk, path, depth + 1);
        } else if (S_ISREG(about.st_mode)) {
            err = file_add(files, disk, path, (size_t)about.st_size);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return err;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct vr_file *)a)->path, ((const struct vr_file *)b)->path);
}

static struct vr_file *exact(const struct vr_files *files, const char *path)
{
    struct vr_file key = {.path = (char *)(uintptr_t)path};

    return files->count == 0 ? NULL
                             : bsearch(&key, files->items, files->count, sizeof(key), by_path);
}

/** "x.gz" and "x.br" become forms of "x". */
static void forms_pair(struct vr_files *files)
{
    for (uint32_t i = 0; i < files->count; i++) {
        char path[1024];
        struct vr_file *file = &files->items[i];

        snprintf(path, sizeof(path), "%s.gz", file->path);
        struct vr_file *packed = exact(files, path);
        file->gzip = packed == NULL ? NULL : vr_blob_retain(packed->plain);
        snprintf(path, sizeof(path), "%s.br", file->path);
        packed = exact(files, path);
        file->brotli = packed == NULL ? NULL : vr_blob_retain(packed->plain);
    }
}

enum vr_err vr_files_load(const char *folder, struct vr_files **out, struct vr_why *why)
{
    struct vr_files *files = calloc(1, sizeof(*files));
    enum vr_err err = VR_E_NO_MEMORY;

    *out = NULL;
    if (files != NULL) {
        err = folder_read(files, folder, "", 0);
    }
    if (err == VR_OK && files->count > 0) {
        qsort(files->items, files->count, sizeof(files->items[0]), by_path);
        forms_pair(files);
        err = exact(files, "/index.html") == NULL ? VR_E_NOT_FOUND : VR_OK;
    }
    if (err != VR_OK) {
        vr_files_free(files);
        return vr_fail(why, err, "no web application in %s: %s", folder, vr_err_text(err));
    }
    *out = files;
    return VR_OK;
}

void vr_files_free(struct vr_files *files)
{
    if (files == NULL) {
        return;
    }
    for (uint32_t i = 0; i < files->count; i++) {
        free(files->items[i].path);
        vr_blob_release(files->items[i].plain);
        vr_blob_release(files->items[i].gzip);
        vr_blob_release(files->items[i].brotli);
    }
    free(files->items);
    free(files);
}

const struct vr_file *vr_files_find(const struct vr_files *files, struct vr_bytes path)
{
    char text[1024];
    const struct vr_file *file = NULL;

    if (path.size == 0 || path.size >= sizeof(text) || memchr(path.data, 0, path.size) != NULL) {
        return NULL;
    }
    memcpy(text, path.data, path.size);
    text[path.size] = 0;
    file = exact(files, text);
    if (file == NULL &&
        strchr(strrchr(text, '/') != NULL ? strrchr(text, '/') : text, '.') == NULL) {
        file = exact(files, "/index.html");
    }
    return file;
}
