/* member_keep.c - a node whose process died and was there again at once, with its transports: its
 * lease goes on, so that its rooms stay where they are.
 *
 * The row in our own store says which lease and which random mark the process before wrote; the
 * record in etcd has both, so nobody has begun under our name since; and the lease must still be
 * renewed. What is kept is the place among the others, not the ownership: that process may have
 * begun what nobody finished, so each room is taken anew, by a transaction over our own key and
 * under the same lease (owners_take.c), in a new epoch, with the seal and all that belongs to it.
 * Whatever of the old epoch is still on its way is refused as after any change of owner. */
#include "cluster/member_rules.h"
#include "cluster/own.h"

#define KEEP_KEY "cluster.lease" /* in VR_TABLE_META: lease, mark, ttl */
#define KEEP_SIZE 24u

static void on_saved(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    (void)ctx;
    (void)ticket;
    (void)err; /* without it the next process joins anew */
    (void)revision;
}

void member_keep_save(struct vr_cluster *cluster)
{
    const struct cluster_member *member = cluster->member;
    struct vr_commit *commit = vr_commit_new((struct vr_id){0}, 0, UINT64_MAX);
    uint8_t row[KEEP_SIZE];

    vr_put64(row, (uint64_t)member->lease);
    vr_put64(row + 8, member->incarnation);
    vr_put64(row + 16, (uint64_t)member->ttl);
    vr_commit_put(commit, VR_TABLE_META, vr_bytes_of(KEEP_KEY), vr_bytes(row, sizeof(row)));
    (void)vr_records_submit(cluster->conf.local, commit, on_saved, NULL);
}

/* Is it the record that the process before this one wrote? Then what it was granted, too, and
 * whether it was being drained: an operator wants that still. */
static bool is_former(struct vr_cluster *cluster, const struct vr_kv_pair *pair, vr_time_us *ttl)
{
    Vr__Cluster__Node *node = vr__cluster__node__unpack(NULL, pair->value.size, pair->value.data);
    struct vr_buf row = {0};
    bool former =
        node != NULL &&
        vr_records_get(cluster->conf.local, VR_TABLE_META, vr_bytes_of(KEEP_KEY), &row) == VR_OK &&
        row.size == KEEP_SIZE && pair->lease != 0 && vr_get64(row.data) == (uint64_t)pair->lease &&
        vr_get64(row.data + 8) == node->incarnation && node->number == cluster->conf.number;

    *ttl = former ? (vr_time_us)vr_get64(row.data + 16) : 0;
    cluster->member->draining = former && node->draining;
    vr_buf_deinit(&row);
    if (node != NULL) {
        vr__cluster__node__free_unpacked(node, NULL);
    }
    return former && *ttl > LEASE_MARGIN;
}

static void on_renewed(void *ctx, enum vr_err err, int64_t lease, vr_time_us ttl)
{
    struct vr_cluster *cluster = ctx;
    struct cluster_member *member = cluster->member;

    (void)ttl; /* the lease's time is what was granted */
    if (member->stage != MEMBER_GRANTING || member->keep_mod == 0 || lease != member->lease) {
        return;
    }
    if (err != VR_OK) { /* too late, or not to be had: as any other start */
        member->keep_mod = 0;
        member->lease = 0;
        member_out(cluster);
        return;
    }
    member->incarnation = vr_random_u64(cluster->conf.random);
    member->kept = true;
    member_register(cluster);
}

bool member_keep_try(struct vr_cluster *cluster, const struct vr_kv_pair *record)
{
    struct cluster_member *member = cluster->member;
    vr_time_us ttl;

    if (!cluster->conf.goes_on || member->keep_tried) {
        return false;
    }
    member->keep_tried = true; /* once: later nothing of the process before is there */
    if (!is_former(cluster, record, &ttl)) {
        return false;
    }
    member->stage = MEMBER_GRANTING;
    member->lease = record->lease;
    member->ttl = ttl < cluster->conf.lease_ttl ? ttl : cluster->conf.lease_ttl;
    member->keep_mod = record->mod_revision;
    member->lease_sent_at = cluster->conf.clock->now(cluster->conf.clock->ctx);
    cluster->kv->ops->lease_renew(cluster->kv, member->lease, on_renewed, cluster);
    return true;
}
