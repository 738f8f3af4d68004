/* link_keys.c - the keys of the speech links: each node makes one for every other node and gives it
 * over the CURVE channel. The other one confirms; until then it is given again with each hello.
 * Once an hour a new one follows, with overlap.
 *
 * A link is told apart by the life of its process (link_incarnation), not by the lease's: who has
 * to register anew goes on talking. A process that goes on from kept memory lives the same life
 * (link_keep.h): it talks under the keys of before, which both give each other again here.
 *
 * Whose record is gone is not forgotten at once: when etcd was away for longer than a lease, all
 * records can end together, of nodes that live and are back in an instant. Speech does not wait for
 * them. */
#include <string.h>

#include "actors/base/log.h"
#include "cluster/link.h"
#include "cluster/own.h"

#define RENEW_AFTER VR_SECONDS(3600)
#define GONE_AFTER VR_SECONDS(5)

/* We were away, and with our record the others forgot our keys; to us they were there all the time,
 * and had confirmed. */
static void give_all_again(struct vr_cluster *cluster)
{
    for (uint32_t i = 0; i < VR_CLUSTER_NODES_MAX; i++) {
        struct node_entry *node = &cluster->member->nodes[i];

        if (node->number != 0 && node->number != cluster->conf.number) {
            node->link_confirmed = 0; /* until then with each hello */
        }
    }
}

static struct link_gone *gone_of(struct vr_cluster *cluster, uint32_t number)
{
    for (uint32_t i = 0; i < VR_CLUSTER_NODES_MAX; i++) {
        if (cluster->member->links_gone[i].number == number) {
            return &cluster->member->links_gone[i];
        }
    }
    return NULL;
}

/* Its record is there again. */
static void is_back(struct vr_cluster *cluster, uint32_t number)
{
    struct link_gone *gone = gone_of(cluster, number);

    if (gone != NULL) {
        gone->number = 0;
    }
}

void link_keys_put(struct vr_cluster *cluster, struct node_entry *node)
{
    enum vr_err err;

    if (node->number == cluster->conf.number) {
        give_all_again(cluster);
        return;
    }
    if (cluster->conf.links == NULL || node->link[0] == '\0') {
        return;
    }
    is_back(cluster, node->number);
    err = vr_links_peer(cluster->conf.links, node->number, node->link_incarnation, node->link,
                        node->media_workers);
    if (err != VR_OK) {
        vr_log(VR_LOG_ERROR, "cluster: no speech to this node", VR_S("name", node->name),
               VR_S("address", node->link), VR_S("why", vr_err_text(err)));
    }
    node->link_confirmed = 0;
    node->link_renew_at = vr_worker_now(cluster->worker) + RENEW_AFTER;
    link_keys_tick(cluster, node, vr_worker_now(cluster->worker));
}

void link_keys_gone(struct vr_cluster *cluster, uint32_t number)
{
    struct link_gone *gone = gone_of(cluster, number);

    if (cluster->conf.links == NULL || number == cluster->conf.number) {
        return;
    }
    gone = gone == NULL ? gone_of(cluster, 0) : gone;
    if (gone == NULL) { /* so many at once: it is heard again once it has given a key */
        vr_links_drop(cluster->conf.links, number);
        return;
    }
    *gone = (struct link_gone){number, vr_worker_now(cluster->worker) + GONE_AFTER};
}

void link_keys_forget(struct vr_cluster *cluster, vr_time_us now)
{
    for (uint32_t i = 0; i < VR_CLUSTER_NODES_MAX; i++) {
        struct link_gone *gone = &cluster->member->links_gone[i];

        if (gone->number != 0 && now >= gone->at) {
            vr_links_drop(cluster->conf.links, gone->number);
            gone->number = 0;
        }
    }
}

void link_keys_listed(struct vr_cluster *cluster)
{
    uint32_t nodes[2 * VR_CLUSTER_NODES_MAX];
    uint32_t count = 0;

    if (cluster->conf.links == NULL) {
        return;
    }
    for (uint32_t i = 0; i < VR_CLUSTER_NODES_MAX; i++) {
        if (cluster->member->nodes[i].number != 0) {
            nodes[count++] = cluster->member->nodes[i].number;
        }
        if (cluster->member->links_gone[i].number != 0) {
            nodes[count++] = cluster->member->links_gone[i].number;
        }
    }
    vr_links_only(cluster->conf.links, nodes, count);
}

static void send_key(struct vr_cluster *cluster, uint32_t number, const struct vr_link_key *key)
{
    Vr__Cluster__LinkKey note = VR__CLUSTER__LINK_KEY__INIT;
    uint8_t bytes[96];
    struct vr_blob *blob;

    note.generation = key->generation;
    note.incarnation = key->incarnation;
    note.key = (ProtobufCBinaryData){VR_LINK_KEY, (uint8_t *)(uintptr_t)key->key};
    blob = vr_blob_new(vr_bytes(bytes, vr__cluster__link_key__pack(&note, bytes)));
    explicit_bzero(bytes, sizeof(bytes));
    if (blob != NULL) {
        cluster_send_note(cluster, vr_cluster_address(cluster->conf.number),
                          vr_cluster_address(number), VR__CLUSTER__NOTE_TYPE__NOTE_LINK_KEY, 0,
                          blob);
        vr_blob_release(blob);
    }
}

void link_keys_tick(struct vr_cluster *cluster, struct node_entry *node, vr_time_us now)
{
    bool renew = node->link_confirmed != 0 && now >= node->link_renew_at;
    struct vr_link_key key;

    if (cluster->conf.links == NULL || (node->link_confirmed != 0 && !renew) ||
        vr_links_key_out(cluster->conf.links, node->number, renew, &key) != VR_OK) {
        return;
    }
    send_key(cluster, node->number, &key);
    explicit_bzero(&key, sizeof(key));
}

/* Theirs, to be confirmed; or their confirmation of ours, which has no bytes. */
void link_keys_note(struct vr_cluster *cluster, struct vr_msg *msg)
{
    struct node_entry *node = member_node(cluster, msg->from.sub);
    struct vr_bytes bytes = vr_blob_bytes(msg->as.note.bytes);
    Vr__Cluster__LinkKey *note;
    struct vr_link_key key = {0};

    if (cluster->conf.links == NULL || node == NULL) {
        return;
    }
    if (bytes.size == 0) {
        node->link_confirmed = (uint32_t)msg->as.note.number;
        node->link_renew_at = vr_worker_now(cluster->worker) + RENEW_AFTER;
        vr_links_key_confirm(cluster->conf.links, node->number, node->link_confirmed);
        return;
    }
    note = vr__cluster__link_key__unpack(NULL, bytes.size, bytes.data);
    if (note == NULL || note->key.len != VR_LINK_KEY) {
        if (note != NULL) {
            vr__cluster__link_key__free_unpacked(note, NULL);
        }
        return;
    }
    key.generation = note->generation;
    key.incarnation = note->incarnation;
    memcpy(key.key, note->key.data, VR_LINK_KEY);
    explicit_bzero(note->key.data, note->key.len);
    vr__cluster__link_key__free_unpacked(note, NULL);
    if (vr_links_key_in(cluster->conf.links, node->number, &key) == VR_OK) {
        cluster_send_note(cluster, vr_cluster_address(cluster->conf.number),
                          vr_cluster_address(node->number), VR__CLUSTER__NOTE_TYPE__NOTE_LINK_KEY,
                          key.generation, NULL);
    }
    explicit_bzero(&key, sizeof(key));
}
