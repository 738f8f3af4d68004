/* node_keys.c - the secrets of a node: made once, kept in its store. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nodes/auth.h"
#include "nodes/node_internal.h"
#include "nodes/tls.h"
#include "store/records.h"

/* Names of META rows are part of the format. */
static const char identity_row[] = "dtls-identity";

enum vr_err node_row_write(struct vr_records *records, const char *row, struct vr_bytes value)
{
    struct vr_commit *commit = vr_commit_new((struct vr_id){0, 0}, 0, UINT64_MAX);

    if (commit == NULL) {
        return VR_E_NO_MEMORY;
    }
    vr_commit_put(commit, VR_TABLE_META, vr_bytes_of(row), value);
    return vr_records_commit(records, commit, NULL);
}

enum vr_err node_secret_row(struct vr_records *records, const char *row, uint8_t out[32])
{
    struct vr_buf value = {0};
    enum vr_err err = vr_records_get(records, VR_TABLE_META, vr_bytes_of(row), &value);

    if (err == VR_OK && value.size == 32) {
        memcpy(out, value.data, 32);
    } else if (err == VR_E_NOT_FOUND) {
        vr_random_system()->fill(vr_random_system()->ctx, out, 32);
        err = node_row_write(records, row, vr_bytes(out, 32));
    } else if (err == VR_OK) {
        err = VR_E_DAMAGED;
    }
    vr_buf_deinit(&value);
    return err;
}

static enum vr_err identity_load(struct vr_node *node)
{
    struct vr_buf pem = {0};
    enum vr_err err = vr_records_get(node->records, VR_TABLE_META, vr_bytes_of(identity_row), &pem);

    if (err == VR_E_NOT_FOUND) {
        err = vr_tls_identity_pem(&pem);
        if (err == VR_OK) {
            err = node_row_write(node->records, identity_row, vr_buf_bytes(&pem));
        }
    }
    if (err == VR_OK) {
        err = vr_dtls_identity_new(vr_buf_bytes(&pem), &node->identity);
    }
    if (err == VR_OK) {
        vr_dtls_identity_fingerprint(node->identity, node->env.fingerprint);
    }
    vr_buf_deinit(&pem);
    return err;
}

enum vr_err node_keys_load(struct vr_node *node, uint8_t pepper[32], struct vr_why *why)
{
    enum vr_err err = VR_OK;

    if (node->config->cluster_etcd.count > 0) {
        err = node_secret_adopt(node->records, node->config->cluster_secret_file, why);
        if (err != VR_OK) {
            return err;
        }
    }
    err = node_secret_row(node->records, NODE_ROW_RESUME, node->env.resume_key);
    if (err == VR_OK) {
        err = node_secret_row(node->records, NODE_ROW_PEPPER, pepper);
    }
    if (err == VR_OK) {
        err = identity_load(node);
    }
    return err == VR_OK
               ? VR_OK
               : vr_fail(why, err, "the node's keys cannot be read or made: %s", vr_err_text(err));
}

static void admin_path(const struct vr_node *node, char out[1024])
{
    snprintf(out, 1024, "%s/admin-key.json", node->config->data);
}

/** What the file says; NULL: no JSON object stands there. */
static json_t *admin_read(const struct vr_node *node)
{
    char path[1024];
    json_t *root = NULL;

    admin_path(node, path);
    root = json_load_file(path, 0, NULL);
    if (!json_is_object(root)) {
        json_decref(root);
        return NULL;
    }
    return root;
}

void vr_node_admin_kid(const struct vr_node *node, char out[VR_KID_MAX + 1])
{
    json_t *root = admin_read(node);
    const char *kid = json_string_value(json_object_get(root, "kid"));

    snprintf(out, VR_KID_MAX + 1, "%s", kid == NULL ? "" : kid);
    json_decref(root);
}

/** Does the file name a key that is good, with its secret? */
static bool admin_file_good(const struct vr_node *node)
{
    json_t *root = admin_read(node);
    const char *kid = json_string_value(json_object_get(root, "kid"));
    const char *secret = json_string_value(json_object_get(root, "secret"));
    struct vr_key key;
    bool good = kid != NULL && secret != NULL && vr_auth_key(node->auth, kid, &key) &&
                strlen(secret) == key.secret_size &&
                memcmp(secret, key.secret, key.secret_size) == 0;

    explicit_bzero(&key, sizeof(key));
    json_decref(root);
    return good;
}

static enum vr_err admin_write(const char *path, const struct vr_key *key, struct vr_why *why)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *stream = fd < 0 ? NULL : fdopen(fd, "w");

    if (stream == NULL) {
        int failed = errno;

        if (fd >= 0) {
            close(fd);
        }
        return vr_fail(why, VR_E_INTERNAL, "%s: %s", path, strerror(failed));
    }
    fprintf(stream, "{\"kid\": \"%s\", \"secret\": \"%.*s\"}\n", key->kid, (int)key->secret_size,
            (const char *)key->secret);
    if (fclose(stream) != 0) {
        unlink(path);
        return vr_fail(why, VR_E_FULL, "%s: %s", path, strerror(errno));
    }
    return VR_OK;
}

enum vr_err node_admin_file(struct vr_node *node, struct vr_why *why)
{
    struct vr_key key;
    char path[1024];
    enum vr_err err = VR_OK;

    /* A file that names a key which has gone is made anew, or nobody would come in with it. */
    if (!admin_file_good(node) && vr_auth_key(node->auth, "admin", &key)) {
        admin_path(node, path);
        err = admin_write(path, &key, why);
        explicit_bzero(&key, sizeof(key));
    }
    return err;
}

enum vr_err node_tls_open(struct vr_node *node, struct vr_why *why)
{
    const char *names[VR_ADDRESSES_MAX];
    char certificate[1024];
    char key[1024];
    struct vr_certificate_conf conf = {.certificate = node->config->tls_certificate,
                                       .key = node->config->tls_key,
                                       .configured = node->config->tls_certificate[0] != 0,
                                       .changed = node_certificate_changed,
                                       .ctx = node};

    for (uint32_t i = 0; i < node->local.count; i++) {
        names[i] = node->local.text[i];
    }
    snprintf(certificate, sizeof(certificate), "%s/tls-certificate.pem", node->config->data);
    snprintf(key, sizeof(key), "%s/tls-key.pem", node->config->data);
    if (conf.configured) {
        return vr_certificate_new(&conf, &node->certificate, why);
    }
    conf.certificate = certificate;
    conf.key = key;
    enum vr_err err = vr_tls_self_signed(certificate, key, names, node->local.count, why);
    return err == VR_OK ? vr_certificate_new(&conf, &node->certificate, why) : err;
}
