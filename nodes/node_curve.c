/* node_curve.c - the keys by which a node proves itself to the others of its cluster (CURVE,
 * ZeroMQ RFC 26). The pair is in the store; the others find the public one in the directory, beside
 * the node's addresses, each time that it starts. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cluster/transport_zmq.h"
#include "nodes/node_internal.h"
#include "store/lmdb.h"
#include "store/records.h"

/* A META row; its name is part of the format: public and secret key as Z85 text. */
static const char curve_row[] = "curve-key";

#define PAIR_SIZE ((size_t)2 * VR_CURVE_KEY)

_Static_assert(VR_NODE_KEY_TEXT == VR_CURVE_KEY + 1, "node.h does not know ZeroMQ");

static enum vr_err pair_make(struct vr_records *records, char pair[PAIR_SIZE])
{
    char key[VR_CURVE_KEY + 1];
    char secret[VR_CURVE_KEY + 1];
    enum vr_err err = vr_transport_zmq_keypair(key, secret);

    if (err == VR_OK) {
        memcpy(pair, key, VR_CURVE_KEY);
        memcpy(pair + VR_CURVE_KEY, secret, VR_CURVE_KEY);
        err = node_row_write(records, curve_row, vr_bytes(pair, PAIR_SIZE));
    }
    explicit_bzero(secret, sizeof(secret));
    return err;
}

/** VR_E_NOT_FOUND: there is none, or one that nobody can use. */
static enum vr_err pair_read(struct vr_records *records, char pair[PAIR_SIZE])
{
    struct vr_buf row = {0};
    enum vr_err err = vr_records_get(records, VR_TABLE_META, vr_bytes_of(curve_row), &row);

    if (err == VR_OK && row.size != PAIR_SIZE) {
        err = VR_E_NOT_FOUND;
    }
    if (err == VR_OK) {
        memcpy(pair, row.data, PAIR_SIZE);
    }
    if (row.size > 0) {
        explicit_bzero(row.data, row.size);
    }
    vr_buf_deinit(&row);
    return err;
}

enum vr_err node_curve_load(struct vr_node *node)
{
    char pair[PAIR_SIZE];
    enum vr_err err = pair_read(node->records, pair);

    if (err == VR_E_NOT_FOUND) {
        err = pair_make(node->records, pair);
    }
    if (err == VR_OK) {
        memcpy(node->curve_public, pair, VR_CURVE_KEY);
        memcpy(node->curve_secret, pair + VR_CURVE_KEY, VR_CURVE_KEY);
        node->curve_public[VR_CURVE_KEY] = 0;
        node->curve_secret[VR_CURVE_KEY] = 0;
    }
    explicit_bzero(pair, sizeof(pair));
    return err;
}

static enum vr_err store_open(const char *folder, struct vr_records **out, struct vr_why *why)
{
    const struct vr_lmdb_conf conf = {.folder = folder};
    char path[4096];
    enum vr_err err;

    /* Opening makes what is not there. */
    if ((size_t)snprintf(path, sizeof(path), "%s/data.mdb", folder) >= sizeof(path) ||
        access(path, R_OK | W_OK) != 0) {
        return vr_fail(why, VR_E_NOT_FOUND, "no store of a node can be opened in %.80s: %s", folder,
                       strerror(errno));
    }
    err = vr_lmdb_open(&conf, out, why);
    if (err == VR_E_EXISTS) {
        node_running_tell(folder, why);
    }
    return err;
}

enum vr_err vr_node_keys_renew(const struct vr_config *config, char key[VR_NODE_KEY_TEXT],
                               struct vr_why *why)
{
    char pair[PAIR_SIZE] = {0};
    struct vr_records *records = NULL;
    enum vr_err err = store_open(config->data, &records, why);

    if (err != VR_OK) {
        return err;
    }
    err = pair_read(records, pair);
    if (err == VR_OK) {
        err = pair_make(records, pair);
    }
    vr_lmdb_close(records);
    memcpy(key, pair, VR_CURVE_KEY);
    key[VR_CURVE_KEY] = 0;
    explicit_bzero(pair, sizeof(pair));
    if (err == VR_E_NOT_FOUND) {
        return vr_fail(why, err, "the node in %.80s has no keys yet: it makes them in a cluster",
                       config->data);
    }
    return err == VR_OK ? err
                        : vr_fail(why, err, "the keys of the node in %.80s: %s", config->data,
                                  vr_err_text(err));
}
