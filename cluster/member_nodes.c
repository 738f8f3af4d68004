/* member_nodes.c - the other nodes: their records, their hellos, and what others of us may know. */
#include <stdio.h>
#include <stdlib.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "cluster/own.h"

#define HELLO_EVERY VR_SECONDS(1)
#define SILENT_AFTER VR_MS(1700) /* a hello that is lost or late is none, the next is missed */

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from == NULL ? "" : from);
}

struct node_entry *member_node(struct vr_cluster *cluster, uint32_t number)
{
    struct cluster_member *member = cluster->member;

    for (uint32_t i = 0; number != 0 && i < VR_CLUSTER_NODES_MAX; i++) {
        if (member->nodes[i].number == number) {
            return &member->nodes[i];
        }
    }
    return NULL;
}

static struct node_entry *entry_for(struct vr_cluster *cluster, const char *name)
{
    struct cluster_member *member = cluster->member;
    struct node_entry *free_one = NULL;

    for (uint32_t i = 0; i < VR_CLUSTER_NODES_MAX; i++) {
        if (member->nodes[i].number == 0) {
            free_one = free_one == NULL ? &member->nodes[i] : free_one;
        } else if (strcmp(member->nodes[i].name, name) == 0) {
            return &member->nodes[i];
        }
    }
    return free_one;
}

static bool name_in_key(struct vr_cluster *cluster, struct vr_bytes key, char out[64])
{
    struct cluster_key folder;
    struct vr_bytes prefix = key_node(&folder, cluster->prefix, "");

    if (key.size <= prefix.size || key.size - prefix.size >= 64) {
        return false;
    }
    memcpy(out, key.data + prefix.size, key.size - prefix.size);
    out[key.size - prefix.size] = '\0';
    return true;
}

/* ---- telling others ---- */

static void tell_transport(struct vr_cluster *cluster)
{
    struct vr_transport_peer *peers = calloc(VR_CLUSTER_NODES_MAX, sizeof(*peers));
    uint32_t count = 0;

    if (peers == NULL || cluster->transport == NULL) {
        free(peers);
        return;
    }
    for (uint32_t i = 0; i < VR_CLUSTER_NODES_MAX; i++) {
        const struct node_entry *node = &cluster->member->nodes[i];

        if (node->number != 0 && node->number != cluster->conf.number) {
            peers[count] = (struct vr_transport_peer){node->number, node->incarnation, "", "", ""};
            copy_text(peers[count].control, sizeof(peers[count].control), node->control);
            copy_text(peers[count].bulk, sizeof(peers[count].bulk), node->bulk);
            copy_text(peers[count].key, sizeof(peers[count].key), node->key);
            count++;
        }
    }
    (void)cluster->transport->ops->peers(cluster->transport, peers, count);
    free(peers);
}

static int by_number(const void *a, const void *b)
{
    const struct vr_cluster_node *first = a;
    const struct vr_cluster_node *second = b;

    return (first->number > second->number) - (first->number < second->number);
}

void member_nodes_publish(struct vr_cluster *cluster)
{
    struct cluster_member *member = cluster->member;
    uint32_t count = 0;

    pthread_mutex_lock(&cluster->lock);
    for (uint32_t i = 0; i < VR_CLUSTER_NODES_MAX; i++) {
        const struct node_entry *node = &member->nodes[i];
        struct vr_cluster_node *out = &cluster->nodes[count];

        atomic_store(&cluster->view.life[i], node->incarnation);
        atomic_store(&cluster->view.alive[i], node->number);
        atomic_store(&cluster->view.takes[i], node->draining ? 0 : node->number);
        if (node->number == 0) {
            atomic_store(&cluster->view.heard[i], 0);
        }
        if (node->number == 0) {
            continue;
        }
        *out = (struct vr_cluster_node){.number = node->number,
                                        .alive = true,
                                        .draining = node->draining,
                                        .self = node->number == cluster->conf.number,
                                        .rooms_owned = node->rooms_owned,
                                        .participants = node->participants,
                                        .stress_permille = node->stress_permille,
                                        .started_at = node->started_at};
        copy_text(out->name, sizeof(out->name), node->name);
        copy_text(out->region, sizeof(out->region), node->region);
        copy_text(out->url, sizeof(out->url), node->url);
        copy_text(out->version, sizeof(out->version), node->version);
        count++;
    }
    cluster->node_count = count;
    qsort(cluster->nodes, count, sizeof(cluster->nodes[0]), by_number);
    pthread_mutex_unlock(&cluster->lock);
}

uint32_t member_places(struct vr_cluster *cluster, struct owners_place *out, uint32_t max)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < VR_CLUSTER_NODES_MAX && count < max; i++) {
        const struct node_entry *node = &cluster->member->nodes[i];

        if (node->number != 0) {
            out[count] = (struct owners_place){.number = node->number,
                                               .draining = node->draining,
                                               .stress_permille = node->stress_permille};
            copy_text(out[count].region, sizeof(out[count].region), node->region);
            copy_text(out[count].name, sizeof(out[count].name), node->name);
            count++;
        }
    }
    return count;
}

/* ---- the mirror of nodes/ ---- */

static void read_record(struct node_entry *node, const Vr__Cluster__Node *record)
{
    node->number = record->number;
    node->incarnation = record->incarnation;
    node->media_workers = record->media_workers;
    node->link_incarnation = record->link_incarnation;
    node->stress_permille = record->stress_permille;
    node->participants = record->participants;
    node->draining = record->draining;
    node->started_at = record->started_at;
    copy_text(node->region, sizeof(node->region), record->region);
    copy_text(node->url, sizeof(node->url), record->url);
    copy_text(node->control, sizeof(node->control), record->control);
    copy_text(node->bulk, sizeof(node->bulk), record->bulk);
    copy_text(node->link, sizeof(node->link), record->link);
    copy_text(node->key, sizeof(node->key), record->curve_key);
    copy_text(node->version, sizeof(node->version), record->version);
}

static void on_put(struct vr_cluster *cluster, const struct vr_kv_pair *pair)
{
    Vr__Cluster__Node *record = vr__cluster__node__unpack(NULL, pair->value.size, pair->value.data);
    char name[64];
    struct node_entry *node;
    struct node_entry before;

    if (record == NULL || record->number == 0 || !name_in_key(cluster, pair->key, name) ||
        (node = entry_for(cluster, name)) == NULL || pair->mod_revision < node->mod) {
        if (record != NULL) {
            vr__cluster__node__free_unpacked(record, NULL);
        }
        return;
    }
    before = *node;
    copy_text(node->name, sizeof(node->name), name);
    node->listed = true;
    node->mod = pair->mod_revision;
    node->lease = pair->lease;
    read_record(node, record);
    vr__cluster__node__free_unpacked(record, NULL);
    member_nodes_publish(cluster);
    if (before.incarnation != node->incarnation || before.number != node->number) {
        node->heard_at = 0;
        atomic_store(&cluster->view.heard[node - cluster->member->nodes], 0);
        vr_log(VR_LOG_INFO, "cluster: node is there", VR_S("name", node->name),
               VR_U("number", node->number));
        tell_transport(cluster);
        link_keys_put(cluster, node);
        if (cluster->conf.seen != NULL && node->url[0] != '\0') {
            cluster->conf.seen(cluster->conf.ctx, node->url);
        }
        replica_nodes_changed(cluster);
    }
    if (before.draining != node->draining) {
        replica_nodes_changed(cluster);
    }
}

static void forget_node(struct vr_cluster *cluster, struct node_entry *node)
{
    uint32_t number = node->number;
    bool self = number == cluster->conf.number;

    vr_log(VR_LOG_WARN, "cluster: node is gone", VR_S("name", node->name),
           VR_U("number", node->number));
    *node = (struct node_entry){0};
    member_nodes_publish(cluster);
    tell_transport(cluster);
    link_keys_gone(cluster, number);
    if (self) {
        member_lost(cluster, "our record was taken away");
    } else {
        replica_nodes_changed(cluster);
        owners_node_gone(cluster);
    }
}

static void on_gone(struct vr_cluster *cluster, struct vr_bytes key, int64_t revision)
{
    char name[64];

    for (uint32_t i = 0; name_in_key(cluster, key, name) && i < VR_CLUSTER_NODES_MAX; i++) {
        struct node_entry *node = &cluster->member->nodes[i];

        if (node->number != 0 && strcmp(node->name, name) == 0 && node->mod < revision) {
            forget_node(cluster, node);
        }
    }
}

static void on_begin(struct vr_cluster *cluster)
{
    for (uint32_t i = 0; i < VR_CLUSTER_NODES_MAX; i++) {
        cluster->member->nodes[i].listed = false;
    }
}

/* A list named all that live: whoever it passed over is gone. */
static void on_listed(struct vr_cluster *cluster, int64_t revision)
{
    for (uint32_t i = 0; i < VR_CLUSTER_NODES_MAX; i++) {
        struct node_entry *node = &cluster->member->nodes[i];

        if (node->number != 0 && node->mod <= revision && !node->listed) {
            forget_node(cluster, node);
        }
    }
    link_keys_listed(cluster);
}

void member_nodes_renumbered(struct vr_cluster *cluster)
{
    for (uint32_t i = 0; i < VR_CLUSTER_NODES_MAX; i++) {
        cluster->member->nodes[i].mod = 0;
    }
}

const struct mirror_ops member_nodes_ops = {on_begin, on_put, on_gone, on_listed, true};

/* ---- the generation ---- */

static void generation_begin(struct vr_cluster *cluster)
{
    (void)cluster;
}

static void generation_put(struct vr_cluster *cluster, const struct vr_kv_pair *pair)
{
    char text[24] = "";
    uint64_t generation;

    if (pair->value.size >= sizeof(text)) {
        return;
    }
    if (member_is_marked(pair)) {
        member_refuse(cluster, VR_E_CONFLICT, "another node found etcd restored from a backup");
        return;
    }
    memcpy(text, pair->value.data, pair->value.size);
    generation = strtoull(text, NULL, 10);
    if (generation > atomic_load(&cluster->generation)) {
        /* Somebody adopted: epochs made from now on are higher. Ours begin anew. */
        member_lost(cluster, "the generation was raised");
    }
}

static void generation_gone(struct vr_cluster *cluster, struct vr_bytes key, int64_t revision)
{
    (void)key;
    (void)revision;
    member_refuse(cluster, VR_E_CONFLICT, "the generation is gone from etcd");
}

static void generation_listed(struct vr_cluster *cluster, int64_t revision)
{
    (void)cluster;
    (void)revision;
}

const struct mirror_ops member_generation_ops = {generation_begin, generation_put, generation_gone,
                                                 generation_listed, false};

/* ---- hellos ---- */

void member_frame_from(struct vr_cluster *cluster, uint32_t number)
{
    vr_time_us now = vr_worker_now(cluster->worker);

    for (uint32_t i = 0; i < VR_CLUSTER_NODES_MAX; i++) {
        if (cluster->member->nodes[i].number == number) {
            vr_time_us before = atomic_exchange(&cluster->view.heard[i], now);

            if (now > before + SILENT_AFTER) {
                atomic_fetch_add(&cluster->view.silences[i], 1);
            }
            return;
        }
    }
}

/* 0: not in this life of it. */
static vr_time_us heard_at(struct vr_cluster *cluster, uint32_t number)
{
    uint32_t place = cluster_view_place(&cluster->view, number);

    return place < CLUSTER_VIEW_NODES ? atomic_load(&cluster->view.heard[place]) : 0;
}

bool cluster_met(struct vr_cluster *cluster, uint32_t number)
{
    vr_time_us heard = heard_at(cluster, number);

    return number != 0 && (number == cluster->conf.number ||
                           (heard != 0 && heard >= atomic_load(&cluster->joined_at)));
}

bool cluster_silent(struct vr_cluster *cluster, uint32_t number)
{
    const struct vr_clock *clock = cluster->conf.clock;
    vr_time_us heard = heard_at(cluster, number);

    return number != cluster->conf.number && heard != 0 &&
           clock->now(clock->ctx) > heard + SILENT_AFTER;
}

static void say_hello(struct vr_timer *timer, vr_time_us now)
{
    struct cluster_member *member = VR_OWNER(timer, struct cluster_member, hello_timer);
    struct vr_cluster *cluster = member->nodes_mirror.cluster;
    Vr__Cluster__Hello hello = VR__CLUSTER__HELLO__INIT;
    uint8_t bytes[64];
    struct vr_blob *blob;

    hello.owners_seen = owners_epoch(cluster, cluster->owners->owners_mirror.newest);
    hello.nodes_seen = owners_epoch(cluster, member->nodes_mirror.newest);
    hello.protocol = member_protocol(cluster);
    hello.incarnation = member->incarnation;
    hello.valid = member_is_valid(cluster);
    blob = vr_blob_new(vr_bytes(bytes, vr__cluster__hello__pack(&hello, bytes)));
    for (uint32_t i = 0; blob != NULL && i < VR_CLUSTER_NODES_MAX; i++) {
        uint32_t number = member->nodes[i].number;

        if (number != 0 && number != cluster->conf.number) {
            cluster_send_note(cluster, vr_cluster_address(cluster->conf.number),
                              vr_cluster_address(number), VR__CLUSTER__NOTE_TYPE__NOTE_HELLO, 0,
                              blob);
            link_keys_tick(cluster, &member->nodes[i], now);
        }
    }
    vr_blob_release(blob);
    link_keys_forget(cluster, now);
    vr_timer_arm(cluster->worker, timer, now + HELLO_EVERY);
}

void member_hello_start(struct vr_cluster *cluster)
{
    cluster->member->hello_timer.fire = say_hello;
    vr_timer_arm(cluster->worker, &cluster->member->hello_timer, vr_worker_now(cluster->worker));
}

/* A generation's revisions say nothing about another's. */
static void expect_seen(struct mirror *mirror, uint64_t seen)
{
    if (owners_generation(seen) == atomic_load(&mirror->cluster->generation)) {
        mirror_expect(mirror, owners_revision(seen));
    }
}

void member_on_hello(struct vr_cluster *cluster, uint32_t number, struct vr_bytes bytes)
{
    struct node_entry *node = member_node(cluster, number);
    Vr__Cluster__Hello *hello = vr__cluster__hello__unpack(NULL, bytes.size, bytes.data);

    if (node != NULL && hello != NULL && hello->incarnation == node->incarnation) {
        node->heard_at = vr_worker_now(cluster->worker);
        node->valid = hello->valid;
        if (hello->valid) {
            expect_seen(&cluster->owners->owners_mirror, hello->owners_seen);
            expect_seen(&cluster->member->nodes_mirror, hello->nodes_seen);
        }
    }
    if (hello != NULL) {
        vr__cluster__hello__free_unpacked(hello, NULL);
    }
}
