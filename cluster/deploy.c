/* deploy.c - durable rows of no room: API keys, revoked tokens, deployment-wide bans, and the keys
 * of users that they and the rooms' durable rows are sealed with.
 *
 * etcd's deploy/ is the truth, each node's store a copy that it reads in place. What a node has
 * that etcd lacks goes up at its first join (it ran alone until then); at later joins it was
 * removed meanwhile and goes - but never a revocation or a ban: of two truths the one that shuts
 * stands. */
#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "cluster/own.h"
#include "store/personal.h"

#define JOINED_KEY "cluster.deployed" /* in VR_TABLE_META: we have been a copy before */
#define TRIES_MAX 10

static const enum vr_table deploy_tables[] = {VR_TABLE_KEYS, VR_TABLE_REVOKED, VR_TABLE_DEPLOYMENT};
#define TABLES (sizeof(deploy_tables) / sizeof(deploy_tables[0]))

struct row {
    struct vr_list link;
    enum vr_table table;
    struct vr_buf key, value;
};

/* Rows on their way to etcd; told when they are there. */
struct upload {
    struct vr_list link; /* cluster_deploy.uploads */
    struct vr_cluster *cluster;
    struct vr_list rows; /* row.link */
    uint32_t count;
    bool *removed;     /* of each; NULL: none is */
    uint32_t at, sent; /* so many are there, so many are on their way */
    uint32_t tries;
    cluster_done_fn done; /* NULL: nobody waits */
    void *ctx;
    struct vr_timer timer;
};

struct cluster_deploy {
    struct mirror mirror;
    struct vr_list listed; /* row.link: named by the list that is being read, keys only */
    struct vr_list uploads;
    struct vr_commit *changes; /* of one list or one event; NULL: none */
    bool been_copy;
    bool listing;
};

static void free_row(struct row *row)
{
    vr_list_remove(&row->link);
    vr_buf_deinit(&row->key);
    vr_buf_deinit(&row->value);
    free(row);
}

static void free_rows(struct vr_list *rows)
{
    struct vr_list *link;

    while ((link = vr_list_pop(rows)) != NULL) {
        free_row(VR_OWNER(link, struct row, link));
    }
}

static struct row *add_row(struct vr_list *rows, enum vr_table table, struct vr_bytes key,
                           struct vr_bytes value)
{
    struct row *row = calloc(1, sizeof(*row));

    vr_assert(row != NULL);
    row->table = table;
    vr_buf_append(&row->key, key.data, key.size);
    vr_buf_append(&row->value, value.data, value.size);
    vr_assert(!row->key.failed && !row->value.failed);
    vr_list_init(&row->link);
    vr_list_push(rows, &row->link);
    return row;
}

static bool is_named(const struct vr_list *rows, enum vr_table table, struct vr_bytes key)
{
    VR_LIST_EACH(link, rows)
    {
        struct row *row = VR_OWNER(link, struct row, link);

        if (row->table == table && vr_bytes_equal(vr_buf_bytes(&row->key), key)) {
            return true;
        }
    }
    return false;
}

static struct upload *new_upload(struct vr_cluster *cluster);
static void start_upload(struct upload *upload);

/* ---- down: from etcd into the store ---- */

static void tell_changed(struct vr_cluster *cluster, void *ctx)
{
    (void)ctx;
    if (cluster->kv != NULL && cluster->conf.deployed != NULL) {
        cluster->conf.deployed(cluster->conf.ctx);
    }
}

static void on_landed(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    (void)ticket;
    (void)revision;
    if (err == VR_OK) {
        (void)cluster_call(ctx, tell_changed, NULL);
    } else if (err != VR_E_GONE) {
        vr_log(VR_LOG_ERROR, "cluster: deployment rows could not be written",
               VR_S("why", vr_err_text(err)));
    }
}

static struct vr_commit *changes_of(struct cluster_deploy *deploy)
{
    if (deploy->changes == NULL) {
        deploy->changes = vr_commit_new((struct vr_id){0}, 0, UINT64_MAX);
    }
    return deploy->changes;
}

static void commit_changes(struct vr_cluster *cluster)
{
    struct cluster_deploy *deploy = cluster->deploy;

    if (deploy->changes != NULL) {
        (void)vr_records_submit(cluster->conf.local, deploy->changes, on_landed, cluster);
        deploy->changes = NULL;
    }
}

static bool parse(struct vr_cluster *cluster, struct vr_bytes key, enum vr_table *table,
                  uint8_t row[VR_KEY_MAX], size_t *size)
{
    size_t prefix = strlen(cluster->prefix) + strlen("deploy/");
    bool fine = key.size > prefix &&
                key_deploy_parse(vr_bytes(key.data + prefix, key.size - prefix), table, row, size);

    return fine && (*table == VR_TABLE_KEYS || *table == VR_TABLE_REVOKED ||
                    *table == VR_TABLE_DEPLOYMENT || *table == VR_TABLE_USERS);
}

/* Two nodes may have put a row for one user, neither knowing of the other's: the last one stands in
 * etcd, and who misses his key (or that the user was erased) there puts both. */
static void merge_user(struct vr_cluster *cluster, struct vr_bytes ref, struct vr_bytes theirs)
{
    struct vr_buf merged = {0};
    struct vr_buf both = {0};

    if (cluster_user_merged(cluster, ref, theirs, &merged)) {
        vr_commit_put(changes_of(cluster->deploy), VR_TABLE_USERS, ref, vr_buf_bytes(&merged));
    }
    if (merged.size > 0 && vr_personal_merge(theirs, vr_buf_bytes(&merged), &both) == VR_OK &&
        !vr_bytes_equal(vr_buf_bytes(&both), theirs)) {
        struct upload *upload = new_upload(cluster);

        (void)add_row(&upload->rows, VR_TABLE_USERS, ref, vr_buf_bytes(&both));
        upload->count = 1;
        start_upload(upload);
    }
    vr_buf_deinit(&both);
    vr_buf_deinit(&merged);
}

static void read_row(struct vr_cluster *cluster, const struct vr_kv_pair *pair, bool listing)
{
    uint8_t row[VR_KEY_MAX];
    struct vr_buf here = {0};
    enum vr_table table;
    size_t size;

    if (!parse(cluster, pair->key, &table, row, &size)) {
        return;
    }
    if (listing) {
        (void)add_row(&cluster->deploy->listed, table, vr_bytes(row, size), vr_bytes(NULL, 0));
    }
    if (table == VR_TABLE_USERS) {
        merge_user(cluster, vr_bytes(row, size), pair->value);
    } else if (vr_records_get(cluster->conf.local, table, vr_bytes(row, size), &here) != VR_OK ||
               !vr_bytes_equal(vr_buf_bytes(&here), pair->value)) {
        vr_commit_put(changes_of(cluster->deploy), table, vr_bytes(row, size), pair->value);
    }
    vr_buf_deinit(&here);
}

static void on_begin(struct vr_cluster *cluster)
{
    free_rows(&cluster->deploy->listed);
    cluster->deploy->listing = true;
}

static void on_put(struct vr_cluster *cluster, const struct vr_kv_pair *pair)
{
    read_row(cluster, pair, cluster->deploy->listing);
    if (!cluster->deploy->listing) {
        commit_changes(cluster);
    }
}

static void on_gone(struct vr_cluster *cluster, struct vr_bytes key, int64_t revision)
{
    uint8_t row[VR_KEY_MAX];
    enum vr_table table;
    size_t size;

    (void)revision;
    if (parse(cluster, key, &table, row, &size)) {
        vr_commit_remove(changes_of(cluster->deploy), table, vr_bytes(row, size));
        commit_changes(cluster);
    }
}

/* ---- rows that are here and not there ---- */

struct walk {
    struct vr_cluster *cluster;
    enum vr_table table;
    struct upload *upload;
};

static bool visit(void *ctx, struct vr_bytes key, struct vr_bytes value)
{
    struct walk *walk = ctx;
    struct cluster_deploy *deploy = walk->cluster->deploy;

    if (is_named(&deploy->listed, walk->table, key)) {
        return true;
    }
    if (deploy->been_copy && walk->table == VR_TABLE_KEYS) {
        vr_commit_remove(changes_of(deploy), walk->table, key); /* removed while we were away */
    } else {
        (void)add_row(&walk->upload->rows, walk->table, key, value);
        walk->upload->count++;
    }
    return true;
}

static struct upload *new_upload(struct vr_cluster *cluster)
{
    struct upload *upload = calloc(1, sizeof(*upload));

    vr_assert(upload != NULL);
    upload->cluster = cluster;
    vr_list_init(&upload->rows);
    vr_list_init(&upload->link);
    return upload;
}

static void on_listed(struct vr_cluster *cluster, int64_t revision)
{
    struct cluster_deploy *deploy = cluster->deploy;
    struct upload *upload = new_upload(cluster);

    (void)revision;
    for (size_t i = 0; i < TABLES; i++) {
        struct walk walk = {cluster, deploy_tables[i], upload};

        enum vr_err err = vr_records_scan(cluster->conf.local, deploy_tables[i], vr_bytes(NULL, 0),
                                          vr_bytes(NULL, 0), visit, &walk);

        if (err != VR_OK) {
            vr_log(VR_LOG_ERROR, "cluster: deployment rows could not be read",
                   VR_S("why", vr_err_text(err)));
        }
    }
    if (!deploy->been_copy) {
        deploy->been_copy = true;
        vr_commit_put(changes_of(deploy), VR_TABLE_META, vr_bytes_of(JOINED_KEY), vr_bytes("1", 1));
    }
    deploy->listing = false;
    free_rows(&deploy->listed);
    commit_changes(cluster);
    start_upload(upload);
}

static const struct mirror_ops deploy_ops = {on_begin, on_put, on_gone, on_listed, false};

/* ---- up: from the store into etcd ---- */

static void free_upload(struct upload *upload)
{
    if (upload->cluster->worker != NULL) {
        vr_timer_disarm(upload->cluster->worker, &upload->timer);
    }
    free_rows(&upload->rows);
    vr_list_remove(&upload->link);
    free(upload->removed);
    free(upload);
}

static void finish(struct upload *upload, enum vr_err err)
{
    cluster_done_fn done = upload->done;
    void *ctx = upload->ctx;

    free_upload(upload);
    if (done != NULL) {
        done(ctx, err);
    }
}

static void send_rows(struct upload *upload);

static void on_timer(struct vr_timer *timer, vr_time_us now)
{
    (void)now;
    send_rows(VR_OWNER(timer, struct upload, timer));
}

static void on_sent(void *ctx, const struct vr_kv_result *result)
{
    struct upload *upload = ctx;
    struct vr_worker *worker = upload->cluster->worker;

    if (result->err == VR_OK) {
        struct vr_list *link;

        for (uint32_t i = 0; i < upload->sent && (link = vr_list_pop(&upload->rows)) != NULL; i++) {
            free_row(VR_OWNER(link, struct row, link));
        }
        upload->at += upload->sent;
        upload->tries = 0;
        send_rows(upload);
    } else if (result->err == VR_E_BAD_REQUEST || result->err == VR_E_TOO_LARGE ||
               result->err == VR_E_FROZEN || ++upload->tries > TRIES_MAX) {
        finish(upload, result->err == VR_E_BAD_REQUEST || result->err == VR_E_TOO_LARGE
                           ? result->err
                           : VR_E_FROZEN);
    } else { /* unknown: the same rows again are the same rows */
        upload->timer.fire = on_timer;
        vr_timer_arm(worker, &upload->timer, vr_worker_now(worker) + RETRY);
    }
}

static void send_rows(struct upload *upload)
{
    struct cluster_key *keys = calloc(CLUSTER_ROWS_MAX, sizeof(*keys));
    struct vr_kv_op *ops = calloc(CLUSTER_ROWS_MAX, sizeof(*ops));
    struct vr_kv_txn txn = {.then = ops};

    vr_assert(keys != NULL && ops != NULL);
    VR_LIST_EACH(link, &upload->rows)
    {
        struct row *row = VR_OWNER(link, struct row, link);
        uint32_t i = txn.then_count;

        if (i == CLUSTER_ROWS_MAX) {
            break;
        }
        ops[i] = (struct vr_kv_op){
            .kind = upload->removed != NULL && upload->removed[upload->at + i] ? VR_KV_DELETE
                                                                               : VR_KV_PUT,
            .key =
                key_deploy(&keys[i], upload->cluster->prefix, row->table, vr_buf_bytes(&row->key)),
            .value = vr_buf_bytes(&row->value),
        };
        txn.then_count++;
    }
    upload->sent = txn.then_count;
    if (txn.then_count == 0) {
        finish(upload, VR_OK);
    } else {
        cluster_txn(upload->cluster, &txn, on_sent, upload);
    }
    free(keys);
    free(ops);
}

static void start_upload(struct upload *upload)
{
    vr_list_push(&upload->cluster->deploy->uploads, &upload->link);
    send_rows(upload);
}

static void begin(struct vr_cluster *cluster, void *ctx)
{
    struct upload *upload = ctx;

    if (cluster->kv == NULL || !member_is_valid(cluster)) {
        finish(upload, VR_E_FROZEN);
    } else {
        start_upload(upload);
    }
}

void cluster_deploy(struct vr_cluster *cluster, const struct cluster_row *rows, uint32_t count,
                    cluster_done_fn done, void *ctx)
{
    struct upload *upload = new_upload(cluster);

    upload->done = done;
    upload->ctx = ctx;
    upload->count = count;
    upload->removed = calloc(count + 1, sizeof(bool));
    vr_assert(upload->removed != NULL);
    for (uint32_t i = 0; i < count; i++) {
        (void)add_row(&upload->rows, rows[i].table, rows[i].key, rows[i].value);
        upload->removed[i] = rows[i].removed;
    }
    if (!cluster_call(cluster, begin, upload)) {
        finish(upload, VR_E_GONE);
    }
}

/* ---- life ---- */

enum vr_err deploy_new(struct vr_cluster *cluster)
{
    struct cluster_deploy *deploy = calloc(1, sizeof(*deploy));
    struct vr_buf row = {0};

    if (deploy == NULL) {
        return VR_E_NO_MEMORY;
    }
    vr_list_init(&deploy->listed);
    vr_list_init(&deploy->uploads);
    deploy->been_copy =
        vr_records_get(cluster->conf.local, VR_TABLE_META, vr_bytes_of(JOINED_KEY), &row) == VR_OK;
    vr_buf_deinit(&row);
    cluster->deploy = deploy;
    return VR_OK;
}

void deploy_open(struct vr_cluster *cluster)
{
    mirror_open(&cluster->deploy->mirror, cluster, "deploy/", &deploy_ops);
}

void deploy_again(struct vr_cluster *cluster)
{
    mirror_again(&cluster->deploy->mirror);
}

void deploy_close(struct vr_cluster *cluster)
{
    mirror_close(&cluster->deploy->mirror);
}

bool deploy_complete(const struct vr_cluster *cluster)
{
    return cluster->deploy->mirror.complete;
}

void deploy_free(struct vr_cluster *cluster)
{
    struct cluster_deploy *deploy = cluster->deploy;
    struct vr_list *link;

    if (deploy == NULL) {
        return;
    }
    cluster->worker = NULL; /* it has gone, and its timers */
    while ((link = vr_list_pop(&deploy->uploads)) != NULL) {
        free_upload(VR_OWNER(link, struct upload, link));
    }
    vr_commit_free(deploy->changes);
    free_rows(&deploy->listed);
    free(deploy);
    cluster->deploy = NULL;
}
