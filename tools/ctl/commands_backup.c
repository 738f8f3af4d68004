/* commands_backup.c - backup key, create, list. What is in it and how it is sealed: archive.h. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tools/ctl/backup.h"
#include "tools/ctl/commands.h"

#define PATIENCE_S 900 /* a large store takes long to copy */
#define TRIES 60       /* after "too many requests" */

double vr_backup_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void vr_backup_time(uint64_t seconds, bool separated, char out[24])
{
    time_t when = (time_t)seconds;
    struct tm parts = {0};

    gmtime_r(&when, &parts);
    strftime(out, 24, separated ? "%Y-%m-%dT%H:%M:%SZ" : "%Y%m%dT%H%M%SZ", &parts);
}

enum vr_ctl_exit vr_backup_key(struct vr_ctl *ctl, uint8_t key[VR_SEAL_KEY])
{
    const char *path = vr_ctl_text(ctl->line, "backup-key");
    char text[128];
    struct vr_why why = {0};
    size_t size = 0;
    bool fine = false;

    if (!vr_seal_start()) {
        return vr_ctl_fail(ctl, VR_CTL_ERROR, "libsodium cannot be used here");
    }
    if (path == NULL) {
        return vr_ctl_fail(
            ctl, VR_CTL_USAGE,
            "--backup-key FILE is needed ('voiceroomctl backup key FILE' makes one)");
    }
    if (vr_ctl_secret_read(path, text, sizeof(text), &why) != VR_OK) {
        return vr_ctl_fail(ctl, VR_CTL_USAGE, "%s", why.text);
    }
    fine = vr_seal_base64_read(text, strlen(text), key, VR_SEAL_KEY, &size) && size == VR_SEAL_KEY;
    explicit_bzero(text, sizeof(text));
    return fine ? VR_CTL_OK
                : vr_ctl_fail(ctl, VR_CTL_USAGE, "%.90s is no key of 'voiceroomctl backup key'",
                              path);
}

static const struct vr_ctl_column key_columns[] = {
    {"FILE", "file", false}, {"KEY", "key", false}, {NULL, NULL, false}};
static const struct vr_ctl_shape key_shape = {key_columns, "key"};

enum vr_ctl_exit vr_ctl_backup_key(struct vr_ctl *ctl)
{
    const char *path = vr_ctl_arg(ctl, 0);
    uint8_t key[VR_SEAL_KEY];
    uint8_t print[VR_SEAL_PRINT];
    char text[2 * VR_SEAL_PRINT + 1];
    struct vr_buf line = {0};
    enum vr_ctl_exit code = VR_CTL_OK;
    json_t *shown = NULL;
    int fd = -1;

    if (!vr_seal_start()) {
        return vr_ctl_fail(ctl, VR_CTL_ERROR, "libsodium cannot be used here");
    }
    vr_seal_key_make(key);
    vr_seal_print(key, print);
    vr_seal_base64_write(vr_bytes(key, sizeof(key)), &line);
    vr_buf_text(&line, "\n");
    explicit_bzero(key, sizeof(key));
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || line.failed || write(fd, line.data, line.size) != (ssize_t)line.size ||
        fsync(fd) != 0) {
        code = vr_ctl_fail(ctl, errno == EEXIST ? VR_CTL_CONFLICT : VR_CTL_ERROR, "%s: %s", path,
                           strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    if (line.data != NULL) {
        explicit_bzero(line.data, line.size);
    }
    vr_buf_deinit(&line);
    if (code == VR_CTL_OK) {
        snprintf(text, sizeof(text), "%016llx", (unsigned long long)vr_get64(print));
        shown = json_pack("{s:s, s:s}", "file", path, "key", text);
        code = vr_ctl_print(ctl, shown, &key_shape);
        json_decref(shown);
        vr_ctl_say(ctl, "keep a copy of it elsewhere: without it no backup can be read");
    }
    return code;
}

/* --- a node's store --- */

/** Send until it is not refused for being too often. */
static enum vr_ctl_exit send_patiently(struct vr_ctl *ctl, const char *method, const char *path,
                                       struct vr_ctl_reply *reply)
{
    enum vr_ctl_exit code = VR_CTL_OK;
    struct vr_why why = {0};

    *reply = (struct vr_ctl_reply){0};
    for (int i = 0; i < TRIES; i++) {
        struct vr_ctl_send send = {.method = method, .path = path};

        vr_buf_deinit(&reply->body);
        code = vr_ctl_token(ctl, &send.token);
        if (code != VR_CTL_OK) {
            return code;
        }
        code = vr_ctl_http_send(ctl->http, &send, reply, &why);
        if (code != VR_CTL_OK) {
            return vr_ctl_fail(ctl, code, "%s", why.text);
        }
        if (reply->status != 429) {
            break;
        }
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    return reply->status >= 200 && reply->status < 300 ? VR_CTL_OK : vr_ctl_explain(ctl, reply);
}

static enum vr_ctl_exit fetch_pieces(struct vr_ctl *ctl, const char *id,
                                     struct vr_backup_file *file)
{
    enum vr_ctl_exit code = VR_CTL_OK;
    size_t got = 1;
    char path[120];

    while (code == VR_CTL_OK && got > 0) {
        struct vr_ctl_reply reply = {0};

        snprintf(path, sizeof(path), "/v1/node/backup/%s?offset=%llu", id,
                 (unsigned long long)file->part_bytes);
        code = send_patiently(ctl, "GET", path, &reply);
        got = reply.body.size;
        if (code == VR_CTL_OK) {
            code = vr_backup_file_add(ctl, file, vr_buf_bytes(&reply.body));
        }
        vr_buf_deinit(&reply.body);
    }
    return code;
}

static bool plain_name(const char *name)
{
    size_t size = name == NULL ? 0 : strlen(name);

    for (size_t i = 0; i < size; i++) {
        if (name[i] < 0x21 || name[i] > 0x7e) {
            return false;
        }
    }
    return size > 0 && size < VR_ARCHIVE_NAME - 8;
}

/** The store of the node that `ctl` speaks to; its name in `node`. */
static enum vr_ctl_exit fetch_store(struct vr_ctl *ctl, struct vr_backup_file *file,
                                    char node[VR_ARCHIVE_NAME])
{
    struct vr_ctl_reply reply = {0};
    enum vr_ctl_exit code = send_patiently(ctl, "POST", "/v1/node/backup", &reply);
    json_t *made = code == VR_CTL_OK ? json_loads((const char *)reply.body.data, 0, NULL) : NULL;
    const char *id = json_string_value(json_object_get(made, "id"));
    const char *name = json_string_value(json_object_get(made, "node"));
    char part[VR_ARCHIVE_NAME + 8];
    char path[120];

    vr_buf_deinit(&reply.body);
    if (code == VR_CTL_OK && (id == NULL || strlen(id) > 64 || !plain_name(name))) {
        code = vr_ctl_fail(ctl, VR_CTL_ERROR, "%s is no node of Voicerooms that can do this",
                           reply.endpoint);
    }
    if (code == VR_CTL_OK) {
        snprintf(node, VR_ARCHIVE_NAME, "%s", name);
        snprintf(part, sizeof(part), "store/%s", name);
        code = vr_backup_file_part(ctl, file, part);
        if (code == VR_CTL_OK) {
            code = fetch_pieces(ctl, id, file);
        }
        if (code == VR_CTL_OK) {
            code = vr_backup_file_part_end(ctl, file,
                                           json_string_value(json_object_get(made, "sha256")));
        }
        snprintf(path, sizeof(path), "/v1/node/backup/%s", id);
        (void)send_patiently(ctl, "DELETE", path, &reply);
        vr_buf_deinit(&reply.body);
    }
    json_decref(made);
    return code;
}

/** The store of each node that lives; the first fault ends it: half a backup is none. */
static enum vr_ctl_exit fetch_all(struct vr_ctl *ctl, struct vr_backup_file *file)
{
    json_t *answer = NULL;
    enum vr_ctl_exit code = vr_ctl_get(ctl, "/v1/nodes", NULL, &answer);
    json_t *nodes = json_object_get(answer, "nodes");
    char ignored[VR_ARCHIVE_NAME];

    for (size_t i = 0; code == VR_CTL_OK && i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);
        struct vr_ctl *one = malloc(sizeof(*one));

        if (one == NULL) {
            code = vr_ctl_fail(ctl, VR_CTL_ERROR, "memory is out");
        } else if (!json_is_true(json_object_get(node, "alive"))) {
            vr_ctl_say(ctl, "warning: node %s is not alive and is left out",
                       json_string_value(json_object_get(node, "node")));
        } else {
            *one = *ctl;
            one->settings.endpoint_count = 1;
            snprintf(one->settings.endpoints[0], sizeof(one->settings.endpoints[0]), "%s",
                     json_string_value(json_object_get(node, "url")));
            one->http = vr_ctl_http_new(&one->settings);
            code = one->http == NULL ? VR_CTL_ERROR : fetch_store(one, file, ignored);
            vr_ctl_http_free(one->http);
            explicit_bzero(one, sizeof(*one));
        }
        free(one);
    }
    json_decref(answer);
    return code;
}

/** The store of a node that is down, or that runs here, from its data folder. */
static enum vr_ctl_exit copy_store(struct vr_ctl *ctl, const char *data,
                                   struct vr_backup_file *file)
{
    char folder[VR_CTL_PATH_MAX] = "";
    char path[VR_CTL_PATH_MAX + 16];
    const char *words[] = {"--store-copy", data, folder, NULL};
    uint8_t *piece = malloc(VR_ARCHIVE_PIECE);
    enum vr_ctl_exit code = VR_CTL_ERROR;
    json_t *answer = NULL;
    ssize_t got = 0;
    int fd = -1;

    if (piece != NULL && vr_backup_folder(ctl, file->folder, folder)) {
        code = vr_backup_tool(ctl, words, false, &answer);
    }
    snprintf(path, sizeof(path), "%s/data.mdb", folder);
    if (code == VR_CTL_OK && (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) {
        code = vr_ctl_fail(ctl, VR_CTL_ERROR, "%s: %s", path, strerror(errno));
    }
    if (code == VR_CTL_OK) {
        code = vr_backup_file_part(ctl, file, "store/local");
    }
    while (code == VR_CTL_OK && (got = read(fd, piece, VR_ARCHIVE_PIECE)) > 0) {
        code = vr_backup_file_add(ctl, file, vr_bytes(piece, (size_t)got));
    }
    if (code == VR_CTL_OK) {
        code = got < 0 ? vr_ctl_fail(ctl, VR_CTL_ERROR, "%s: %s", path, strerror(errno))
                       : vr_backup_file_part_end(ctl, file, NULL);
    }
    if (fd >= 0) {
        close(fd);
    }
    vr_backup_remove(folder);
    json_decref(answer);
    free(piece);
    return code;
}

/* --- create, list --- */

static const struct vr_ctl_column made_columns[] = {
    {"FILE", "file", false},  {"BYTES", "bytes", false},     {"SECONDS", "seconds", false},
    {"PARTS", "parts", true}, {"REMOVED", "removed", false}, {NULL, NULL, false},
};
static const struct vr_ctl_shape made_shape = {made_columns, "file"};

static void file_name(const char *node, uint64_t made_at, char *out, size_t size)
{
    char safe[VR_ARCHIVE_NAME];
    char at[24];

    snprintf(safe, sizeof(safe), "%s", node);
    for (char *p = safe; *p != 0; p++) {
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *p) ==
            NULL) {
            *p = '_';
        }
    }
    vr_backup_time(made_at, false, at);
    snprintf(out, size, "voiceroom-%s-%s" VR_BACKUP_ENDING, safe, at);
}

static enum vr_ctl_exit collect(struct vr_ctl *ctl, struct vr_backup_file *file,
                                char node[VR_ARCHIVE_NAME])
{
    const char *data = vr_ctl_text(ctl->line, "data");
    enum vr_ctl_exit code = VR_CTL_OK;

    if (data != NULL) {
        snprintf(node, VR_ARCHIVE_NAME, "local");
        code = copy_store(ctl, data, file);
    } else if (vr_ctl_given(ctl->line, "all")) {
        snprintf(node, VR_ARCHIVE_NAME, "cluster");
        code = fetch_all(ctl, file);
    } else {
        code = fetch_store(ctl, file, node);
    }
    /* Last, so that it is no older than any store: what etcd says of rooms then counts. */
    if (code == VR_CTL_OK && vr_ctl_given(ctl->line, "etcd")) {
        code = vr_backup_file_part(ctl, file, "etcd");
        if (code == VR_CTL_OK) {
            code = vr_backup_etcd(ctl, file);
        }
        if (code == VR_CTL_OK) {
            code = vr_backup_file_part_end(ctl, file, NULL);
        }
    }
    return code;
}

enum vr_ctl_exit vr_ctl_backup_create(struct vr_ctl *ctl)
{
    int64_t keep = vr_ctl_number(ctl->line, "keep", 0);
    double started = vr_backup_clock();
    uint64_t made_at = (uint64_t)time(NULL);
    struct vr_backup_file file = {.fd = -1};
    uint8_t key[VR_SEAL_KEY];
    char node[VR_ARCHIVE_NAME] = "";
    char name[160] = "";
    json_t *shown = NULL;
    enum vr_ctl_exit code = vr_backup_key(ctl, key);

    ctl->settings.timeout_s =
        ctl->settings.timeout_s < PATIENCE_S ? PATIENCE_S : ctl->settings.timeout_s;
    if (code == VR_CTL_OK) {
        code = vr_backup_file_open(ctl, vr_ctl_arg(ctl, 0), key, made_at, &file);
    }
    explicit_bzero(key, sizeof(key));
    if (code == VR_CTL_OK) {
        code = collect(ctl, &file, node);
    }
    if (code == VR_CTL_OK) {
        file_name(node, made_at, name, sizeof(name));
        code = vr_backup_file_finish(ctl, &file, name);
    }
    if (code == VR_CTL_OK) {
        shown = json_pack(
            "{s:s, s:I, s:f, s:O, s:o}", "file", file.path, "bytes", (json_int_t)file.bytes,
            "seconds", round((vr_backup_clock() - started) * 1000) / 1000, "parts", file.parts,
            "removed",
            keep > 0 ? vr_backup_prune(ctl, file.folder, name, (size_t)keep) : json_array());
        code = vr_ctl_print(ctl, shown, &made_shape);
        json_decref(shown);
    }
    vr_backup_file_close(&file);
    return code;
}

static const struct vr_ctl_column list_columns[] = {
    {"FILE", "file", false}, {"MADE-AT", "made_at", false}, {"BYTES", "bytes", false},
    {"KEY", "key", false},   {NULL, NULL, false},
};
static const struct vr_ctl_shape list_shape = {list_columns, "file"};

enum vr_ctl_exit vr_ctl_backup_list(struct vr_ctl *ctl)
{
    json_t *rows = vr_backup_files(vr_ctl_arg(ctl, 0));
    enum vr_ctl_exit code = VR_CTL_OK;

    if (rows == NULL) {
        return vr_ctl_fail(ctl, VR_CTL_NOT_FOUND, "%s: %s", vr_ctl_arg(ctl, 0), strerror(errno));
    }
    code = vr_ctl_print(ctl, rows, &list_shape);
    json_decref(rows);
    return code;
}
