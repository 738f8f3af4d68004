/* member.c - this node among the others: its lease, its deadline, its record.
 *
 *     OUT -> READING -> GRANTING -> REGISTERING -> IN     (and back to READING when the lease dies)
 *                    \-> REFUSED: another's number, another etcd, a restored one
 *
 * The deadline moves only when two things succeeded that were asked after it was read from the
 * clock: the lease was renewed, and our record is there as we wrote it. A keepalive alone is no
 * proof: etcd 3.4 has praised leases that were revoked. */
#include "cluster/member_rules.h"

#include <stdio.h>
#include <stdlib.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "cluster/link.h"
#include "cluster/own.h"

#define META_KEY "cluster.seen" /* in VR_TABLE_META: cluster id, revision, generation */

static void read_directory(struct vr_cluster *cluster);

static vr_time_us now_of(struct vr_cluster *cluster)
{
    return cluster->conf.clock->now(cluster->conf.clock->ctx);
}

static void arm(struct vr_cluster *cluster, vr_time_us in)
{
    vr_timer_arm(cluster->worker, &cluster->member->timer, vr_worker_now(cluster->worker) + in);
}

static void set_deadline(struct vr_cluster *cluster, vr_time_us deadline)
{
    atomic_store(&cluster->deadline, deadline);
}

bool member_is_valid(struct vr_cluster *cluster)
{
    return cluster->member->stage == MEMBER_IN && now_of(cluster) < cluster_deadline(cluster);
}

/* ---- what we have seen of etcd, over restarts ---- */

static void on_saved(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    (void)ctx;
    (void)ticket;
    (void)err; /* the next one comes; an older row only notices less */
    (void)revision;
}

void member_save(struct vr_cluster *cluster)
{
    struct cluster_member *member = cluster->member;
    struct vr_commit *commit = vr_commit_new((struct vr_id){0}, 0, UINT64_MAX);
    uint8_t row[24];

    vr_put64(row, member->cluster_id);
    vr_put64(row + 8, (uint64_t)member->revision);
    vr_put64(row + 16, atomic_load(&cluster->generation));
    vr_commit_put(commit, VR_TABLE_META, vr_bytes_of(META_KEY), vr_bytes(row, sizeof(row)));
    member->saved_revision = member->revision;
    (void)vr_records_submit(cluster->conf.local, commit, on_saved, NULL);
}

static void load_seen(struct vr_cluster *cluster)
{
    struct cluster_member *member = cluster->member;
    struct vr_buf row = {0};

    if (vr_records_get(cluster->conf.local, VR_TABLE_META, vr_bytes_of(META_KEY), &row) == VR_OK &&
        row.size == 24) {
        member->cluster_id = vr_get64(row.data);
        member->revision = (int64_t)vr_get64(row.data + 8);
        atomic_store(&cluster->generation, vr_get64(row.data + 16));
    }
    vr_buf_deinit(&row);
}

/* ---- states ---- */

static void set_state(struct vr_cluster *cluster, enum vr_cluster_state state)
{
    atomic_store(&cluster->state, (int)state);
}

void member_refuse(struct vr_cluster *cluster, enum vr_err err, const char *why)
{
    struct cluster_member *member = cluster->member;

    if (member->stage == MEMBER_REFUSED) {
        return;
    }
    set_deadline(cluster, 0);
    member->stage = MEMBER_REFUSED;
    member->renewing = false;
    pthread_mutex_lock(&cluster->lock);
    (void)vr_fail(&cluster->why, err, "%s", why);
    pthread_mutex_unlock(&cluster->lock);
    set_state(cluster, VR_CLUSTER_REFUSED);
    vr_log(VR_LOG_ERROR, "cluster refused", VR_S("why", why));
    owners_lost_all(cluster);
    owners_close(cluster);
    deploy_close(cluster);
    mirror_close(&member->nodes_mirror);
    mirror_close(&member->generation_mirror);
    if (member->restored) {
        member_mark_restored(cluster);
    }
    arm(cluster, VR_SECONDS(1)); /* look for a new generation */
}

void member_lost(struct vr_cluster *cluster, const char *why)
{
    struct cluster_member *member = cluster->member;

    if (member->stage != MEMBER_IN && member->stage != MEMBER_REGISTERING) {
        return;
    }
    set_deadline(cluster, 0);
    set_state(cluster, VR_CLUSTER_FROZEN);
    vr_log(VR_LOG_WARN, "cluster: ownership lost", VR_S("why", why));
    member->stage = MEMBER_OUT;
    member->renewing = false;
    member->lease = 0;
    member->kept = false;
    owners_lost_all(cluster);
    read_directory(cluster);
}

void member_check_joined(struct vr_cluster *cluster)
{
    struct cluster_member *member = cluster->member;

    if (member->stage != MEMBER_IN || !member->nodes_mirror.complete ||
        !cluster->owners->owners_mirror.complete || !cluster->owners->sync_mirror.complete ||
        !deploy_complete(cluster)) {
        return;
    }
    if (!member->told_joined) {
        member->told_joined = true;
        vr_log(VR_LOG_INFO, "cluster joined", VR_S("name", cluster->name),
               VR_U("number", cluster->conf.number));
    }
    set_state(cluster, VR_CLUSTER_JOINED);
    if (member->to_claim) {
        member->to_claim = false;
        claim_rooms(cluster);
    }
    owners_node_gone(cluster); /* rooms that lost their owner while we were away */
}

/* ---- joining ---- */

bool member_pack(struct vr_cluster *cluster, struct vr_buf *out)
{
    struct cluster_member *member = cluster->member;
    Vr__Cluster__Node node = VR__CLUSTER__NODE__INIT;
    uint8_t *bytes;

    node.number = cluster->conf.number;
    node.incarnation = member->incarnation;
    node.control = cluster->control;
    node.bulk = cluster->bulk;
    node.link = cluster->link;
    node.curve_key = cluster->curve_key;
    node.url = cluster->url;
    node.region = cluster->region;
    node.version = (char *)(uintptr_t)(cluster->conf.version == NULL ? "" : cluster->conf.version);
    node.link_incarnation = cluster->conf.links == NULL ? cluster->conf.link_incarnation
                                                        : vr_links_incarnation(cluster->conf.links);
    node.media_workers = cluster->conf.media_workers;
    node.draining = member->draining;
    node.stress_permille = atomic_load(&cluster->stress_permille);
    node.participants = atomic_load(&cluster->participants);
    node.protocol = member_protocol(cluster);
    node.started_at = cluster->started_at;
    bytes = malloc(vr__cluster__node__get_packed_size(&node) + 1);
    if (bytes == NULL) {
        return false;
    }
    vr_buf_append(out, bytes, vr__cluster__node__pack(&node, bytes));
    free(bytes);
    return !out->failed;
}

static void joined(struct vr_cluster *cluster, int64_t mod)
{
    struct cluster_member *member = cluster->member;

    member->stage = MEMBER_IN;
    atomic_store(&cluster->joined_at, vr_worker_now(cluster->worker));
    atomic_fetch_add(&cluster->joins, 1);
    member->own_mod = mod;
    set_deadline(cluster, lease_deadline(member->lease_sent_at, member->ttl));
    member_save(cluster);
    member_keep_save(cluster);
    mirror_open(&member->nodes_mirror, cluster, "nodes/", &member_nodes_ops);
    mirror_open(&member->generation_mirror, cluster, "generation", &member_generation_ops);
    owners_open(cluster);
    deploy_open(cluster);
    if (member->draining) {
        move_drain_run(cluster); /* so it was before */
    }
    member_hello_start(cluster);
    member_check_joined(cluster);
    arm(cluster,
        lease_next(member->lease_sent_at, now_of(cluster), member->ttl, false) - now_of(cluster));
}

static void on_registered(void *ctx, const struct vr_kv_result *result)
{
    struct vr_cluster *cluster = ctx;

    if (cluster->member->stage != MEMBER_REGISTERING) {
        return;
    }
    if (result->err == VR_OK && result->succeeded) {
        joined(cluster, result->revision);
        return;
    }
    member_out(cluster); /* refused, or unknown: look again */
}

void member_out(struct vr_cluster *cluster)
{
    cluster->member->stage = MEMBER_OUT;
    arm(cluster, RETRY);
}

void member_register(struct vr_cluster *cluster)
{
    const char *prefix = cluster->prefix;
    struct cluster_key keys[3];
    struct vr_buf record = {0};
    char generation[24];
    struct vr_bytes node = key_node(&keys[0], prefix, cluster->name);
    struct vr_bytes number = key_number(&keys[1], prefix, cluster->conf.number);
    struct vr_bytes gen = key_generation(&keys[2], prefix);
    bool first = atomic_load(&cluster->generation) == 0;
    struct vr_kv_compare compares[2] = {{.kind = VR_KV_ABSENT, .key = node}};
    struct vr_kv_op ops[3];
    struct vr_kv_txn txn = {.compares = compares, .compare_count = 2, .then = ops, .then_count = 2};

    if (cluster->member->keep_mod != 0) { /* over the record of the process before, and no other */
        compares[0].kind = VR_KV_MOD_IS;
        compares[0].revision = cluster->member->keep_mod;
        cluster->member->keep_mod = 0;
    }
    /* The first of all makes the generation; everybody else finds it as it was read. */
    snprintf(generation, sizeof(generation), "%llu",
             first ? 1ULL : (unsigned long long)atomic_load(&cluster->generation));
    compares[1] = (struct vr_kv_compare){.kind = first ? VR_KV_ABSENT : VR_KV_VALUE_IS,
                                         .key = gen,
                                         .value = vr_bytes_of(generation)};
    if (!member_pack(cluster, &record)) {
        vr_buf_deinit(&record);
        arm(cluster, RETRY);
        return;
    }
    ops[0] = (struct vr_kv_op){VR_KV_PUT, node, vr_buf_bytes(&record), cluster->member->lease};
    ops[1] = (struct vr_kv_op){VR_KV_PUT, number, vr_bytes_of(cluster->name), 0};
    if (first) {
        ops[2] = (struct vr_kv_op){VR_KV_PUT, gen, vr_bytes_of(generation), 0};
        txn.then_count = 3;
        cluster->member->to_claim = true;
        atomic_store(&cluster->generation, 1);
    }
    cluster->member->stage = MEMBER_REGISTERING;
    cluster_txn(cluster, &txn, on_registered, cluster);
    vr_buf_deinit(&record);
}

static void on_granted(void *ctx, enum vr_err err, int64_t lease, vr_time_us ttl)
{
    struct vr_cluster *cluster = ctx;

    if (cluster->member->stage != MEMBER_GRANTING) {
        return;
    }
    if (err != VR_OK) {
        cluster->member->stage = MEMBER_OUT;
        arm(cluster, RETRY);
        return;
    }
    cluster->member->lease = lease;
    cluster->member->ttl = ttl < cluster->conf.lease_ttl ? ttl : cluster->conf.lease_ttl;
    cluster->member->incarnation = vr_random_u64(cluster->conf.random);
    member_register(cluster);
}

static void grant(struct vr_cluster *cluster)
{
    cluster->member->kept = false;
    cluster->member->stage = MEMBER_GRANTING;
    cluster->member->lease_sent_at = now_of(cluster);
    cluster->kv->ops->lease_grant(cluster->kv, cluster->conf.lease_ttl, on_granted, cluster);
}

static void on_revoked(void *ctx, enum vr_err err, int64_t lease, vr_time_us ttl)
{
    struct vr_cluster *cluster = ctx;

    (void)err;
    (void)lease;
    (void)ttl;
    if (cluster->member->stage == MEMBER_READING) {
        cluster->member->stage = MEMBER_OUT;
        arm(cluster, VR_MS(20)); /* look again whether it is gone */
    }
}

static const struct vr_kv_pair *pair_of(const struct vr_kv_result *result, struct vr_bytes key)
{
    for (uint32_t i = 0; i < result->pair_count; i++) {
        if (vr_bytes_equal(result->pairs[i].key, key)) {
            return &result->pairs[i];
        }
    }
    return NULL;
}

static uint64_t number_in(const struct vr_kv_pair *pair)
{
    char text[24] = "";

    if (pair != NULL && pair->value.size < sizeof(text)) {
        memcpy(text, pair->value.data, pair->value.size);
    }
    return strtoull(text, NULL, 10);
}

/* After a restore: only a raised generation says that what is there now is the truth. */
static bool may_go_on(struct vr_cluster *cluster, const struct vr_kv_pair *pair,
                      const struct vr_kv_result *result)
{
    struct cluster_member *member = cluster->member;
    uint64_t generation = number_in(pair);

    if (member_is_marked(pair)) {
        member_refuse(cluster, VR_E_CONFLICT, "another node found etcd restored from a backup");
        return false;
    }
    if (member->stage == MEMBER_REFUSED && member->restored &&
        generation == atomic_load(&cluster->generation)) {
        member_mark_restored(cluster); /* it was not heard */
    }
    if (member->stage == MEMBER_REFUSED && generation <= atomic_load(&cluster->generation)) {
        return false;
    }
    if (generation < atomic_load(&cluster->generation)) {
        member_refuse(cluster, VR_E_CONFLICT, "the generation in etcd is lower than we knew it");
        return false;
    }
    member->to_claim = member->to_claim || generation > atomic_load(&cluster->generation);
    if (generation > atomic_load(&cluster->generation)) {
        member_nodes_renumbered(cluster);
    }
    member->restored = false;
    member->cluster_id = result->cluster_id;
    member->revision = result->revision;
    atomic_store(&cluster->generation, generation);
    member->stage = MEMBER_READING;
    return true;
}

static void on_read(void *ctx, const struct vr_kv_result *result)
{
    struct vr_cluster *cluster = ctx;
    struct cluster_member *member = cluster->member;
    struct cluster_key key;
    const struct vr_kv_pair *pair;

    if (member->stage != MEMBER_READING && member->stage != MEMBER_REFUSED) {
        return;
    }
    if (result->err != VR_OK) {
        member->stage = member->stage == MEMBER_REFUSED ? MEMBER_REFUSED : MEMBER_OUT;
        arm(cluster, RETRY);
        return;
    }
    if (!member_versions_fit(cluster, result)) {
        arm(cluster, VR_SECONDS(1));
        return;
    }
    pair = pair_of(result, key_generation(&key, cluster->prefix));
    if (!may_go_on(cluster, pair, result)) {
        arm(cluster, VR_SECONDS(1));
        return;
    }
    member_note_numbered(cluster, result);
    pair = pair_of(result, key_number(&key, cluster->prefix, cluster->conf.number));
    if (pair != NULL && !vr_bytes_equal(pair->value, vr_bytes_of(cluster->name))) {
        member_refuse(cluster, VR_E_EXISTS, "another node has this node's number");
        return;
    }
    pair = pair_of(result, key_node(&key, cluster->prefix, cluster->name));
    if (pair != NULL && member_keep_try(cluster, pair)) {
        return;
    }
    if (pair != NULL) { /* a former life of ours; its rooms are free the sooner */
        cluster->kv->ops->lease_revoke(cluster->kv, pair->lease, on_revoked, cluster);
        return;
    }
    grant(cluster);
}

bool member_is_lively(const struct vr_cluster *cluster)
{
    return cluster->conf.lively == NULL || cluster->conf.lively(cluster->conf.ctx);
}

static void read_directory(struct vr_cluster *cluster)
{
    struct cluster_key keys[4];
    struct vr_kv_op ops[4] = {
        {.kind = VR_KV_GET, .key = key_generation(&keys[0], cluster->prefix)},
        {.kind = VR_KV_GET_PREFIX, .key = key_numbers(&keys[1], cluster->prefix)},
        {.kind = VR_KV_GET, .key = key_node(&keys[2], cluster->prefix, cluster->name)},
        {.kind = VR_KV_GET_PREFIX, .key = key_node(&keys[3], cluster->prefix, "")},
    };
    struct vr_kv_txn txn = {.then = ops, .then_count = 4};

    if (cluster->member->stage != MEMBER_REFUSED && !member_is_lively(cluster)) {
        cluster->member->stage = MEMBER_OUT;
        arm(cluster, RETRY);
        return;
    }
    if (cluster->member->stage != MEMBER_REFUSED) {
        cluster->member->stage = MEMBER_READING;
    }
    cluster_txn(cluster, &txn, on_read, cluster);
}

static void on_timer(struct vr_timer *timer, vr_time_us now)
{
    struct cluster_member *member = VR_OWNER(timer, struct cluster_member, timer);
    struct vr_cluster *cluster = member->nodes_mirror.cluster;

    (void)now;
    switch (member->stage) {
    case MEMBER_IN:
        member_renew(cluster);
        break;
    case MEMBER_OUT:
    case MEMBER_REFUSED:
        read_directory(cluster);
        break;
    case MEMBER_READING:
    case MEMBER_GRANTING:
    case MEMBER_REGISTERING:
        break;
    }
}

void member_start(struct vr_cluster *cluster, void *ctx)
{
    struct cluster_member *member = cluster->member;

    (void)ctx;
    if (member->asked || cluster->kv == NULL) {
        return;
    }
    member->asked = true;
    member->timer.fire = on_timer;
    member->nodes_mirror.cluster = cluster;
    load_seen(cluster);
    read_directory(cluster);
}
