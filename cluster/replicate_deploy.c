/* replicate_deploy.c - commits of no room: rows that all nodes share go to etcd beside LMDB here,
 * and from there to everybody. */
#include <stdlib.h>

#include "cluster/copies.h"
#include "store/commit.h"

#define ROWS_MAX 256 /* of one commit; sweeps take fewer */

struct deploying {
    struct cluster_copies *copies;
    vr_committed_fn done;
    void *ctx;
    uint64_t ticket, revision;
    uint32_t calls; /* under the lock */
    enum vr_err err;
};

static bool is_shared(const struct vr_op *op)
{
    return op->kind != VR_OP_REMOVE_PREFIX &&
           (op->durable || op->table == VR_TABLE_KEYS || op->table == VR_TABLE_REVOKED ||
            op->table == VR_TABLE_DEPLOYMENT ||
            op->table == VR_TABLE_USERS); /* the keys that a ban is sealed with */
}

static uint32_t shared_rows(const struct vr_commit *commit, struct cluster_row *rows)
{
    struct vr_bytes rest = vr_commit_ops(commit);
    struct vr_op op;
    uint32_t count = 0;
    bool bad;

    while (count < ROWS_MAX && vr_op_next(&rest, &op, &bad)) {
        uint32_t at = 0;

        if (!is_shared(&op)) {
            continue;
        }
        while (at < count &&
               (rows[at].table != op.table || !vr_bytes_equal(rows[at].key, op.key))) {
            at++; /* a key may stand in a transaction once: the last word counts */
        }
        rows[at] = (struct cluster_row){op.kind == VR_OP_REMOVE, op.table, op.key, op.value};
        count += at == count ? 1 : 0;
    }
    return count;
}

static void called(struct deploying *deploying, enum vr_err err, uint64_t revision)
{
    struct cluster_copies *copies = deploying->copies;
    bool last;

    pthread_mutex_lock(&copies->lock);
    if (err != VR_OK && deploying->err == VR_OK) {
        deploying->err = err;
    }
    if (revision != 0) {
        deploying->revision = revision;
    }
    last = --deploying->calls == 0;
    pthread_mutex_unlock(&copies->lock);
    if (last) {
        if (deploying->done != NULL) {
            deploying->done(deploying->ctx, deploying->ticket, deploying->err, deploying->revision);
        }
        free(deploying);
    }
}

static void on_local(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    (void)ticket;
    called(ctx, err, revision);
}

static void on_shared(void *ctx, enum vr_err err)
{
    called(ctx, err, 0);
}

/* Before the node has joined it writes for itself: what etcd lacks goes up when it joins. */
static bool is_joined(struct vr_cluster *cluster)
{
    enum vr_cluster_state state = vr_cluster_state(cluster, NULL);

    return cluster->system != NULL && (state == VR_CLUSTER_JOINED || state == VR_CLUSTER_FROZEN);
}

uint64_t deploy_submit(struct cluster_copies *copies, struct vr_commit *commit,
                       vr_committed_fn done, void *ctx)
{
    struct vr_cluster *cluster = copies->cluster;
    struct cluster_row rows[ROWS_MAX];
    struct deploying *deploying = NULL;
    uint32_t count = is_joined(cluster) ? shared_rows(commit, rows) : 0;
    uint64_t ticket;

    if (count > 0) {
        deploying = calloc(1, sizeof(*deploying));
    }
    if (deploying == NULL) {
        if (count > 0) {
            vr_commit_free(commit);
            commit = NULL;
        }
        return vr_records_submit(cluster->conf.local, commit, done, ctx);
    }
    pthread_mutex_lock(&copies->lock);
    ticket = ++copies->ticket;
    pthread_mutex_unlock(&copies->lock);
    *deploying = (struct deploying){copies, done, ctx, ticket, 0, 2, VR_OK};
    cluster_deploy(cluster, rows, count, on_shared, deploying);
    vr_records_submit(cluster->conf.local, commit, on_local, deploying);
    return ticket;
}
