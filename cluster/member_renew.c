/* member_renew.c - the deadline moves: the lease was renewed, and our record is there as we wrote
 * it. */
#include "cluster/member_rules.h"
#include "cluster/own.h"

#define LOAD_EVERY VR_SECONDS(5)
/* Of what we saw of etcd: after a start, a restore of what is older than this is noticed. */
#define SAVE_EVERY VR_SECONDS(10)

static vr_time_us now_of(struct vr_cluster *cluster)
{
    return cluster->conf.clock->now(cluster->conf.clock->ctx);
}

static void arm(struct vr_cluster *cluster, vr_time_us in)
{
    vr_timer_arm(cluster->worker, &cluster->member->timer, vr_worker_now(cluster->worker) + in);
}

static void renewed(struct vr_cluster *cluster, bool failed)
{
    struct cluster_member *member = cluster->member;
    vr_time_us now = now_of(cluster);

    member->renewing = false;
    if (!failed) {
        atomic_store(&cluster->deadline, lease_deadline(member->lease_sent_at, member->ttl));
        if (member->revision > member->saved_revision && now >= member->saved_at + SAVE_EVERY) {
            member->saved_at = now;
            member_save(cluster);
        }
    }
    arm(cluster, lease_next(member->lease_sent_at, now, member->ttl, failed) - now);
}

/* Is this record the one that this life of ours has written? */
static bool is_ours(struct vr_cluster *cluster, const struct vr_kv_pair *pair)
{
    Vr__Cluster__Node *node = vr__cluster__node__unpack(NULL, pair->value.size, pair->value.data);
    bool ours = node != NULL && node->incarnation == cluster->member->incarnation &&
                pair->lease == cluster->member->lease;

    if (node != NULL) {
        vr__cluster__node__free_unpacked(node, NULL);
    }
    return ours;
}

static void on_checked(void *ctx, const struct vr_kv_result *result)
{
    struct vr_cluster *cluster = ctx;
    struct cluster_member *member = cluster->member;

    if (member->stage != MEMBER_IN || !member->renewing) {
        return;
    }
    if (result->err == VR_E_GONE) {
        member_lost(cluster, "the lease is dead");
    } else if (result->err != VR_OK) {
        member->dirty = true; /* whether it was written is not known */
        renewed(cluster, true);
    } else if (result->succeeded) {
        member->own_mod = result->pair_count > 0 ? member->own_mod : result->revision;
        renewed(cluster, false);
    } else if (result->pair_count == 0) {
        member_lost(cluster, "our record is gone");
    } else if (is_ours(cluster, &result->pairs[0])) { /* a write of unknown outcome had happened */
        member->own_mod = result->pairs[0].mod_revision;
        renewed(cluster, false);
    } else {
        member_refuse(cluster, VR_E_EXISTS, "another process runs under this node's name");
    }
}

/* Our record is there as we wrote it; when something in it has changed it is written anew. */
static void check_record(struct vr_cluster *cluster)
{
    struct cluster_member *member = cluster->member;
    struct cluster_key key;
    struct vr_bytes name = key_node(&key, cluster->prefix, cluster->name);
    struct vr_kv_compare compare = {.kind = VR_KV_MOD_IS, .key = name, .revision = member->own_mod};
    struct vr_kv_op get = {.kind = VR_KV_GET, .key = name};
    struct vr_kv_txn txn = {.compares = &compare,
                            .compare_count = 1,
                            .then = &get,
                            .then_count = 1,
                            .otherwise = &get,
                            .otherwise_count = 1};
    struct vr_buf record = {0};
    struct vr_kv_op put = {.kind = VR_KV_PUT, .key = name, .lease = member->lease};
    vr_time_us now = now_of(cluster);

    if ((member->dirty || now >= member->written_at + LOAD_EVERY) &&
        member_pack(cluster, &record)) {
        put.value = vr_buf_bytes(&record);
        txn.then = &put;
        member->dirty = false;
        member->written_at = now;
    }
    cluster_txn(cluster, &txn, on_checked, cluster);
    vr_buf_deinit(&record);
}

static void on_renewed(void *ctx, enum vr_err err, int64_t lease, vr_time_us ttl)
{
    struct vr_cluster *cluster = ctx;
    struct cluster_member *member = cluster->member;

    (void)ttl; /* the lease's time is what was granted */
    if (member->stage != MEMBER_IN || !member->renewing || lease != member->lease) {
        return;
    }
    if (err == VR_E_GONE) {
        member_lost(cluster, "the lease has run out");
    } else if (err != VR_OK) {
        renewed(cluster, true);
    } else {
        check_record(cluster);
    }
}

void member_renew(struct vr_cluster *cluster)
{
    struct cluster_member *member = cluster->member;

    if (member->renewing) {
        return;
    }
    if (!member_is_lively(cluster)) {
        arm(cluster, RETRY); /* a worker hangs: the others are better without us */
        return;
    }
    member->renewing = true;
    member->lease_sent_at = now_of(cluster);
    cluster->kv->ops->lease_renew(cluster->kv, member->lease, on_renewed, cluster);
}

void member_renew_soon(struct vr_cluster *cluster)
{
    cluster->member->dirty = true;
    if (cluster->member->stage == MEMBER_IN && !cluster->member->renewing) {
        arm(cluster, 0);
    }
}
