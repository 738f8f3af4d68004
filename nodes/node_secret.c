/* node_secret.c - what all nodes of a cluster share and nobody else may know: the key that signs
 * resume tokens, and the pepper of personal refs. One line of 128 hex digits in a file, mode 0600.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nodes/node_internal.h"
#include "store/lmdb.h"
#include "store/records.h"

#define SECRET_SIZE 64 /* resume key, pepper */
#define SECRET_TEXT (2 * SECRET_SIZE)

static bool hex_read(const char *text, uint8_t out[SECRET_SIZE])
{
    for (size_t i = 0; i < SECRET_SIZE; i++) {
        unsigned value = 0;

        if (strspn(text + 2 * i, "0123456789abcdefABCDEF") < 2 ||
            sscanf(text + 2 * i, "%2x", &value) != 1) {
            return false;
        }
        out[i] = (uint8_t)value;
    }
    return text[SECRET_TEXT] == 0 || text[SECRET_TEXT] == '\n' || text[SECRET_TEXT] == '\r';
}

static enum vr_err file_read(const char *file, uint8_t out[SECRET_SIZE], struct vr_why *why)
{
    char text[SECRET_TEXT + 3] = "";
    struct stat about;
    FILE *stream = fopen(file, "re");
    bool good = false;

    if (stream == NULL) {
        return vr_fail(why, VR_E_NOT_FOUND, "cluster: secret_file %.80s: %s", file,
                       strerror(errno));
    }
    if (fstat(fileno(stream), &about) == 0 && (about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        fclose(stream);
        return vr_fail(why, VR_E_FORBIDDEN,
                       "cluster: others can read secret_file %.80s; chmod 600 it", file);
    }
    good = fgets(text, sizeof(text), stream) != NULL && hex_read(text, out);
    fclose(stream);
    explicit_bzero(text, sizeof(text));
    return good ? VR_OK
                : vr_fail(why, VR_E_UNPROCESSABLE,
                          "cluster: secret_file %.80s does not hold 128 hex digits", file);
}

static bool found_any(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    (void)key;
    (void)value;
    *(bool *)ctx = true;
    return false;
}

/* Refs of people are made with the pepper: another one would find nobody. */
static enum vr_err row_adopt(struct vr_records *records, const char *row, const uint8_t wanted[32],
                             struct vr_why *why)
{
    struct vr_buf have = {0};
    bool used = false;
    enum vr_err err = vr_records_get(records, VR_TABLE_META, vr_bytes_of(row), &have);
    bool same = err == VR_OK && vr_bytes_equal(vr_buf_bytes(&have), vr_bytes(wanted, 32));

    if (have.size > 0) {
        explicit_bzero(have.data, have.size);
    }
    vr_buf_deinit(&have);
    if (same) {
        return VR_OK;
    }
    if (err == VR_OK) {
        err = vr_records_scan(records, VR_TABLE_USERS, (struct vr_bytes){0}, (struct vr_bytes){0},
                              found_any, &used);
    }
    if (err != VR_OK && err != VR_E_NOT_FOUND) {
        return err;
    }
    if (used) {
        return vr_fail(why, VR_E_CONFLICT,
                       "this node has rooms of its own, made under another secret; only one such "
                       "node can begin a cluster: take its secret (voiceroomd --cluster-secret)");
    }
    return node_row_write(records, row, vr_bytes(wanted, 32));
}

enum vr_err node_secret_adopt(struct vr_records *records, const char *file, struct vr_why *why)
{
    uint8_t secret[SECRET_SIZE];
    enum vr_err err = file_read(file, secret, why);

    if (err == VR_OK) {
        err = row_adopt(records, NODE_ROW_PEPPER, secret + 32, why);
    }
    if (err == VR_OK) {
        err = row_adopt(records, NODE_ROW_RESUME, secret, why);
    }
    explicit_bzero(secret, sizeof(secret));
    return err;
}

static enum vr_err file_write(const char *file, const uint8_t secret[SECRET_SIZE],
                              struct vr_why *why)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "w");
    bool good = stream != NULL;

    if (stream == NULL) {
        int failed = errno;

        if (fd >= 0) {
            close(fd);
        }
        return vr_fail(why, failed == EEXIST ? VR_E_EXISTS : VR_E_INTERNAL, "%.80s: %s", file,
                       strerror(failed));
    }
    for (size_t i = 0; i < SECRET_SIZE && good; i++) {
        good = fprintf(stream, "%02x", secret[i]) == 2;
    }
    good = fputc('\n', stream) != EOF && good;
    good = fclose(stream) == 0 && good;
    return good ? VR_OK : vr_fail(why, VR_E_FULL, "%.80s could not be written", file);
}

enum vr_err vr_node_secret_export(const struct vr_config *config, const char *file,
                                  struct vr_why *why)
{
    const struct vr_lmdb_conf conf = {.folder = config->data};
    struct vr_records *records = NULL;
    uint8_t secret[SECRET_SIZE];
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
    err = node_secret_row(records, NODE_ROW_RESUME, secret);
    if (err == VR_OK) {
        err = node_secret_row(records, NODE_ROW_PEPPER, secret + 32);
    }
    vr_lmdb_close(records);
    if (err == VR_OK) {
        err = file_write(file, secret, why);
    }
    explicit_bzero(secret, sizeof(secret));
    return err;
}
