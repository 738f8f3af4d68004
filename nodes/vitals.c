/* vitals.c - what the parts know, gathered; and as text. */
#include "nodes/vitals.h"

#include <stdlib.h>
#include <sys/statvfs.h>

#include "cluster/kv_etcd.h"
#include "cluster/transport_zmq.h"
#include "nodes/metrics_text.h"
#include "nodes/node_internal.h"

static void links_add(struct vr_link_port_stats *sum, const struct vr_link_port_stats *one)
{
#define ADD(member) sum->member += one->member
    ADD(link.frames_out);
    ADD(link.frames_in);
    ADD(link.datagrams_out);
    ADD(link.datagrams_in);
    ADD(link.bytes_out);
    ADD(link.bytes_in);
    ADD(link.no_key);
    ADD(link.unknown);
    ADD(link.refused);
    ADD(link.replayed);
    ADD(link.malformed);
    ADD(send_dropped);
    ADD(pool_empty);
    ADD(misdirected);
    ADD(stale);
#undef ADD
}

static void cluster_read(struct vr_node *node, struct vr_vitals *out)
{
    struct vr_cluster_node *nodes = calloc(VR_CLUSTER_NODES_MAX, sizeof(*nodes));
    uint32_t count =
        nodes == NULL ? 0 : vr_cluster_nodes(node->cluster, nodes, VR_CLUSTER_NODES_MAX);

    out->cluster = true;
    out->joined = vr_cluster_state(node->cluster, NULL) == VR_CLUSTER_JOINED;
    out->lease_left = vr_cluster_lease_left(node->cluster);
    for (uint32_t i = 0; i < count; i++) {
        out->nodes_alive += nodes[i].alive;
        out->rooms_owned += nodes[i].self ? nodes[i].rooms_owned : 0;
    }
    free(nodes);
    if (node->kv != NULL) {
        vr_kv_etcd_stats(node->kv, &out->etcd);
        vr_transport_zmq_stats(node->transport, &out->messages);
    }
    for (uint32_t i = 0; i < node->media_count; i++) {
        struct vr_link_port_stats one = {0};

        if (node->media[i].link != NULL) {
            vr_link_port_stats(node->media[i].link, &one);
            links_add(&out->links, &one);
        }
    }
}

void vr_node_vitals(struct vr_node *node, struct vr_vitals *out)
{
    struct statvfs disk;

    *out = (struct vr_vitals){0};
    pthread_mutex_lock(&node->load.lock);
    out->stress = node->load.stress;
    out->sample = node->load.sample;
    pthread_mutex_unlock(&node->load.lock);
    if (statvfs(node->config->data, &disk) == 0) {
        out->disk_free = (double)disk.f_bavail * (double)disk.f_frsize;
        out->disk_size = (double)disk.f_blocks * (double)disk.f_frsize;
    }
    if (node->cluster != NULL) {
        cluster_read(node, out);
    }
}

void vr_node_stress(struct vr_node *node, struct vr_stress *out)
{
    pthread_mutex_lock(&node->load.lock);
    *out = node->load.stress;
    pthread_mutex_unlock(&node->load.lock);
}

static void stress_write(const struct vr_vitals *v, struct vr_buf *out)
{
    metrics_gauge(out, "stress", "How hard the node works, 0 to 1: the worst of its parts.",
                  v->stress.level);
    metrics_head(out, "stress_part", "gauge", "The same of each part.");
    for (uint32_t i = 0; i < VR_STRESS_PARTS; i++) {
        vr_buf_printf(out, "voiceroom_stress_part{part=\"%s\"} %.6f\n",
                      vr_stress_name((enum vr_stress_part)i), v->stress.part[i]);
    }
    metrics_gauge(out, "stress_high", "1 while the node is full: from 0.8 until 0.65.",
                  v->stress.high ? 1 : 0);
    metrics_gauge(out, "memory_bytes", "Resident memory.", v->sample.memory);
    metrics_gauge(out, "memory_max_bytes", "What the machine or the service allows.",
                  v->sample.memory_max);
    metrics_gauge(out, "open_files", "File descriptors in use, about.", v->sample.files);
    metrics_gauge(out, "open_files_max", "The most there may be.", v->sample.files_max);
    metrics_gauge(out, "disk_free_bytes", "Free on the data folder's disk.", v->disk_free);
    metrics_gauge(out, "disk_size_bytes", "All of the data folder's disk.", v->disk_size);
}

static void etcd_write(const struct vr_kv_stats *e, struct vr_buf *out)
{
    metrics_head(out, "etcd_calls_total", "counter", "Calls to etcd.");
    vr_buf_printf(out, "voiceroom_etcd_calls_total{op=\"transaction\"} %" PRIu64 "\n",
                  e->transactions);
    vr_buf_printf(out, "voiceroom_etcd_calls_total{op=\"read\"} %" PRIu64 "\n", e->readings);
    vr_buf_printf(out, "voiceroom_etcd_calls_total{op=\"renewal\"} %" PRIu64 "\n", e->renewals);
    metrics_counter(out, "etcd_failures_total", "Calls to etcd that failed.", e->failures);
    metrics_counter(out, "etcd_timeouts_total", "Calls to etcd without an answer in time.",
                    e->timeouts);
    metrics_counter(out, "etcd_watches_lost_total", "Watches that had to begin anew.",
                    e->watches_lost);
    metrics_gauge(out, "etcd_answer_seconds", "Time of etcd's last answer.",
                  (double)e->answer_us_last / 1e6);
    metrics_gauge(out, "etcd_answer_max_seconds", "Time of etcd's slowest answer.",
                  (double)e->answer_us_max / 1e6);
}

static void cluster_write(const struct vr_vitals *v, struct vr_buf *out)
{
    const struct vr_transport_stats *m = &v->messages;
    const struct vr_link_port_stats *l = &v->links;

    metrics_gauge(out, "cluster_joined", "1 while this node's lease holds.", v->joined ? 1 : 0);
    metrics_gauge(out, "lease_remaining_seconds", "Until this node is not sure of what it owns.",
                  (double)v->lease_left / 1e6);
    metrics_gauge(out, "nodes_alive", "Nodes of the cluster that this one sees.", v->nodes_alive);
    metrics_gauge(out, "rooms_owned", "Rooms whose actor lives here.", v->rooms_owned);
    metrics_gauge(out, "peers_connected", "Other nodes with a connection for messages.",
                  m->connected);
    metrics_head(out, "cluster_frames_total", "counter", "Messages between nodes.");
    vr_buf_printf(out, "voiceroom_cluster_frames_total{direction=\"in\"} %" PRIu64 "\n",
                  m->frames_in);
    vr_buf_printf(out, "voiceroom_cluster_frames_total{direction=\"out\"} %" PRIu64 "\n",
                  m->frames_out);
    metrics_counter(out, "cluster_frames_refused_total",
                    "Messages of nodes not sent for want of room, or refused.",
                    m->refused_busy + m->refused_key + m->malformed);
    metrics_head(out, "link_datagrams_total", "counter", "Datagrams of speech between nodes.");
    vr_buf_printf(out, "voiceroom_link_datagrams_total{direction=\"in\"} %" PRIu64 "\n",
                  l->link.datagrams_in);
    vr_buf_printf(out, "voiceroom_link_datagrams_total{direction=\"out\"} %" PRIu64 "\n",
                  l->link.datagrams_out);
    metrics_counter(out, "link_dropped_total", "Speech between nodes lost at this one.",
                    l->send_dropped + l->pool_empty + l->link.no_key);
    metrics_counter(out, "link_stale_total",
                    "Datagrams of speech that waited over a restart until they were too old.",
                    l->stale);
    metrics_counter(out, "link_refused_total", "Datagrams of strangers, or damaged, on the links.",
                    l->link.unknown + l->link.refused + l->link.replayed + l->link.malformed);
    etcd_write(&v->etcd, out);
}

void vr_vitals_write(const struct vr_vitals *vitals, struct vr_buf *out)
{
    stress_write(vitals, out);
    if (vitals->cluster) {
        cluster_write(vitals, out);
    }
}
