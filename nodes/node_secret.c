/* node_secret.c - what all nodes of a cluster share and nobody else may know, in a file of mode
 * 0600: a line for each secret, its name and hex digits. With it a resume token, a guest's token,
 * the join link and the first admin key are good at every node, and a person has the same ref
 * everywhere. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nodes/auth_internal.h"
#include "nodes/node_internal.h"
#include "store/lmdb.h"
#include "store/records.h"

#define SECRET_MAX 64
#define LINE_MAX_SIZE (2 * SECRET_MAX + 64)

static const struct shared {
    const char *name; /* in the file, and the key of its row */
    enum vr_table table;
    uint8_t size; /* exactly so many bytes; 0: VR_KEY_SECRET_MIN to SECRET_MAX */
    bool binds;   /* people's records were made with it: another one would find nobody */
} shared[] = {
    {NODE_ROW_PEPPER, VR_TABLE_META, 32, true}, {NODE_ROW_RESUME, VR_TABLE_META, 32, false},
    {"guest-key", VR_TABLE_META, 32, false},    {"join-code", VR_TABLE_META, JOIN_CODE_SIZE, false},
    {ADMIN_KID, VR_TABLE_KEYS, 0, false},
};
#define SHARED_COUNT (sizeof(shared) / sizeof(shared[0]))

struct secrets {
    struct {
        uint8_t data[SECRET_MAX];
        size_t size; /* 0: missing */
    } of[SHARED_COUNT];
};

/* --- the file --- */

static size_t hex_read(const char *text, uint8_t out[SECRET_MAX])
{
    size_t digits = strspn(text, "0123456789abcdefABCDEF");
    size_t size = digits / 2;

    if (digits % 2 != 0 || size > SECRET_MAX || text[digits + strspn(text + digits, "\r\n")] != 0) {
        return 0;
    }
    for (size_t i = 0; i < size; i++) {
        const char pair[3] = {text[2 * i], text[2 * i + 1], 0};

        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return size;
}

static bool size_fits(const struct shared *row, size_t size)
{
    return row->size != 0 ? size == row->size : size >= VR_KEY_SECRET_MIN && size <= SECRET_MAX;
}

static void line_read(const char *line, struct secrets *out)
{
    for (size_t i = 0; i < SHARED_COUNT; i++) {
        size_t size = strlen(shared[i].name);

        if (strncmp(line, shared[i].name, size) == 0 && line[size] == ' ') {
            size_t got = hex_read(line + size + 1, out->of[i].data);

            out->of[i].size = size_fits(&shared[i], got) ? got : 0;
        }
    }
}

static enum vr_err file_read(const char *file, struct secrets *out, struct vr_why *why)
{
    char line[LINE_MAX_SIZE];
    struct stat about;
    FILE *stream = fopen(file, "re");

    if (stream == NULL) {
        return vr_fail(why, VR_E_NOT_FOUND, "cluster: secret_file %.80s: %s", file,
                       strerror(errno));
    }
    if (fstat(fileno(stream), &about) != 0 || (about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        fclose(stream);
        return vr_fail(why, VR_E_FORBIDDEN,
                       "cluster: others can read secret_file %.80s; chmod 600 it", file);
    }
    while (fgets(line, sizeof(line), stream) != NULL) {
        line_read(line, out);
    }
    fclose(stream);
    explicit_bzero(line, sizeof(line));
    for (size_t i = 0; i < SHARED_COUNT; i++) {
        if (out->of[i].size == 0) {
            return vr_fail(why, VR_E_UNPROCESSABLE, "cluster: secret_file %.60s has no good \"%s\"",
                           file, shared[i].name);
        }
    }
    return VR_OK;
}

static enum vr_err file_write(const char *file, const struct secrets *secrets, struct vr_why *why)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "w");
    bool good = true;

    if (stream == NULL) {
        int failed = errno;

        if (fd >= 0) {
            close(fd);
        }
        return vr_fail(why, failed == EEXIST ? VR_E_EXISTS : VR_E_INTERNAL, "%.80s: %s", file,
                       strerror(failed));
    }
    for (size_t i = 0; i < SHARED_COUNT; i++) {
        good = fprintf(stream, "%s ", shared[i].name) > 0 && good;
        for (size_t k = 0; k < secrets->of[i].size; k++) {
            good = fprintf(stream, "%02x", secrets->of[i].data[k]) == 2 && good;
        }
        good = fputc('\n', stream) != EOF && good;
    }
    good = fclose(stream) == 0 && good;
    return good ? VR_OK : vr_fail(why, VR_E_FULL, "%.80s could not be written", file);
}

/* --- the store --- */

static bool found_any(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    (void)key;
    (void)value;
    *(bool *)ctx = true;
    return false;
}

static enum vr_err may_change(struct vr_records *records, struct vr_why *why)
{
    bool used = false;
    struct vr_bytes all = vr_bytes("", 0);
    enum vr_err err = vr_records_scan(records, VR_TABLE_USERS, all, all, found_any, &used);

    return err != VR_OK || !used
               ? err
               : vr_fail(why, VR_E_CONFLICT,
                         "this node has people and rooms made under another secret; one such node "
                         "can begin a cluster: with its own (voiceroomd --cluster-secret)");
}

static enum vr_err row_read(struct vr_records *records, const struct shared *row,
                            uint8_t out[SECRET_MAX], size_t *size)
{
    struct vr_buf have = {0};
    enum vr_err err = vr_records_get(records, row->table, vr_bytes_of(row->name), &have);

    *size = 0;
    if (err == VR_OK && size_fits(row, have.size)) {
        *size = have.size;
        memcpy(out, have.data, have.size);
    }
    if (have.size > 0) {
        explicit_bzero(have.data, have.size);
    }
    vr_buf_deinit(&have);
    return err == VR_E_NOT_FOUND ? VR_OK : err;
}

static enum vr_err row_write(struct vr_records *records, const struct shared *row,
                             const uint8_t *data, size_t size)
{
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);

    if (commit == NULL) {
        return VR_E_NO_MEMORY;
    }
    vr_commit_put(commit, row->table, vr_bytes_of(row->name), vr_bytes(data, size));
    return vr_records_commit(records, commit, NULL);
}

static enum vr_err row_adopt(struct vr_records *records, size_t i, const struct secrets *wanted,
                             struct vr_why *why)
{
    uint8_t have[SECRET_MAX];
    size_t size = 0;
    enum vr_err err = row_read(records, &shared[i], have, &size);
    bool same =
        err == VR_OK && size == wanted->of[i].size && memcmp(have, wanted->of[i].data, size) == 0;

    explicit_bzero(have, sizeof(have));
    if (err != VR_OK || same) {
        return err;
    }
    if (shared[i].table == VR_TABLE_KEYS && size > 0) {
        return VR_OK; /* changed since, by somebody who may: the directory knows the newer one */
    }
    if (shared[i].binds && size > 0) {
        err = may_change(records, why);
    }
    return err == VR_OK ? row_write(records, &shared[i], wanted->of[i].data, wanted->of[i].size)
                        : err;
}

enum vr_err node_secret_adopt(struct vr_records *records, const char *file, struct vr_why *why)
{
    struct secrets wanted = {0};
    enum vr_err err = file_read(file, &wanted, why);

    for (size_t i = 0; i < SHARED_COUNT && err == VR_OK; i++) {
        err = row_adopt(records, i, &wanted, why);
    }
    explicit_bzero(&wanted, sizeof(wanted));
    return err;
}

/* As the node has it, else made now. */
static enum vr_err row_export(struct vr_records *records, size_t i, struct secrets *out)
{
    const struct vr_random *random = vr_random_system();
    enum vr_err err = row_read(records, &shared[i], out->of[i].data, &out->of[i].size);
    struct vr_key key = {0};

    if (err != VR_OK || out->of[i].size > 0) {
        return err;
    }
    if (shared[i].table == VR_TABLE_KEYS) {
        vr_auth_secret_make(random, &key);
        out->of[i].size = key.secret_size;
        memcpy(out->of[i].data, key.secret, key.secret_size);
        explicit_bzero(&key, sizeof(key));
    } else {
        out->of[i].size = shared[i].size;
        random->fill(random->ctx, out->of[i].data, shared[i].size);
    }
    return row_write(records, &shared[i], out->of[i].data, out->of[i].size);
}

enum vr_err vr_node_secret_export(const struct vr_config *config, const char *file,
                                  struct vr_why *why)
{
    const struct vr_lmdb_conf conf = {.folder = config->data};
    struct vr_records *records = NULL;
    struct secrets secrets = {0};
    enum vr_err err = node_folder_make(config->data, why);

    if (err == VR_OK) {
        err = vr_lmdb_open(&conf, &records, why);
    }
    if (err == VR_E_EXISTS) {
        node_running_tell(config->data, why);
    }
    if (err != VR_OK) {
        return err;
    }
    for (size_t i = 0; i < SHARED_COUNT && err == VR_OK; i++) {
        err = row_export(records, i, &secrets);
    }
    vr_lmdb_close(records);
    if (err == VR_OK) {
        err = file_write(file, &secrets, why);
    }
    explicit_bzero(&secrets, sizeof(secrets));
    return err;
}
