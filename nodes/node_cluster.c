/* node_cluster.c - this node's part in a cluster: the cluster worker's loop with etcd and ZeroMQ on
 * it, the links for speech, and what actors ask of it. Nothing here runs when the configuration has
 * no part `cluster:`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "cluster/drain_rules.h"
#include "cluster/kv_etcd.h"
#include "cluster/transport_zmq.h"
#include "nodes/node_internal.h"
#include "nodes/origins.h"
#include "store/records.h"

#define NUMBER_MAX 0xffffffu
#define TICK_PATIENCE VR_SECONDS(2)

/* A META row; its name is part of the format. */
static const char number_row[] = "node-number";

/* --- what the node keeps of itself --- */

static enum vr_err number_make(struct vr_node *node)
{
    const struct vr_random *random = vr_random_system();
    uint8_t row[4];

    node->number = 1 + (uint32_t)(vr_random_u64(random) % NUMBER_MAX);
    vr_put32(row, node->number);
    return node_row_write(node->records, number_row, vr_bytes(row, sizeof(row)));
}

static enum vr_err number_load(struct vr_node *node)
{
    struct vr_buf row = {0};
    enum vr_err err = vr_records_get(node->records, VR_TABLE_META, vr_bytes_of(number_row), &row);

    node->number = err == VR_OK && row.size == 4 ? vr_get32(row.data) : 0;
    vr_buf_deinit(&row);
    if (node->number != 0 && node->number <= NUMBER_MAX) {
        return VR_OK;
    }
    return err == VR_OK || err == VR_E_NOT_FOUND ? number_make(node) : err;
}

/* --- what the cluster asks of its node --- */

static bool loops_tick(void *ctx)
{
    const struct vr_node *node = ctx;
    const struct vr_clock *clock = vr_clock_system();
    vr_time_us oldest = clock->now(clock->ctx) - TICK_PATIENCE;

    for (uint32_t i = 0; i < node->media_count; i++) {
        if (node->media[i].loop != NULL && vr_loop_ticked(node->media[i].loop) < oldest) {
            return false;
        }
    }
    for (uint32_t i = 0; i < node->control_count; i++) {
        if (node->control[i].loop != NULL && vr_loop_ticked(node->control[i].loop) < oldest) {
            return false;
        }
    }
    return true;
}

static void deployed(void *ctx)
{
    struct vr_node *node = ctx;
    struct vr_why why = {0};

    vr_auth_reload(node->auth);
    vr_personal_reread(node->personal); /* somebody may have been erased elsewhere */
    vr_deployment_reload(node->deployment);
    if (node_admin_file(node, &why) != VR_OK) {
        vr_log(VR_LOG_WARN, "the file with the admin key is not as it should be",
               VR_S("why", why.text));
    }
}

static void seen(void *ctx, const char *url)
{
    vr_origins_add(((struct vr_node *)ctx)->origins, url);
}

static struct vr_cluster *cluster_of(const struct vr_system *system)
{
    return vr_node_of(system)->cluster;
}

/** "tcp://10.0.0.1:8500", "tcp://[fd00::1]:8500"; without the protocol "10.0.0.1:8510". */
static void endpoint_write(const struct vr_node *node, const char *protocol, uint64_t port,
                           char *out, size_t capacity)
{
    const char *address = node->config->cluster_address;
    bool v6 = strchr(address, ':') != NULL;

    snprintf(out, capacity, "%s%s%s%s:%u", protocol, v6 ? "[" : "", address, v6 ? "]" : "",
             (unsigned)port);
}

enum vr_err node_cluster_make(struct vr_node *node, struct vr_why *why)
{
    const struct vr_config *config = node->config;
    char control[128];
    char bulk[128];
    char link[128];
    struct vr_cluster_conf conf = {
        .number = 0,
        .name = config->node,
        .prefix = config->cluster_prefix,
        .region = config->cluster_region,
        .url = config->public_urls.count > 0 ? config->public_urls.item[0] : "",
        .control = control,
        .bulk = bulk,
        .link = link,
        .curve_key = node->curve_public,
        .version = VR_VERSION,
        .link_incarnation = vr_random_u64(vr_random_system()),
        .media_workers = node->media_count,
        .clock = vr_clock_system(),
        .random = vr_random_system(),
        .local = node->records,
        .lease_ttl = VR_SECONDS((vr_time_us)config->cluster_lease_s),
        .lively = loops_tick,
        .deployed = deployed,
        .seen = seen,
        .ctx = node,
    };
    enum vr_err err = number_load(node);

    if (err == VR_OK) {
        err = node_curve_load(node);
    }
    if (err != VR_OK) {
        return vr_fail(why, err, "the node's number and keys for its cluster: %s",
                       vr_err_text(err));
    }
    endpoint_write(node, "tcp://", config->cluster_port, control, sizeof(control));
    endpoint_write(node, "tcp://", config->cluster_port + 1, bulk, sizeof(bulk));
    endpoint_write(node, "", config->cluster_speech_port, link, sizeof(link));
    conf.number = node->number;
    node->links =
        vr_links_new(node->number, conf.link_incarnation, node->media_count, vr_random_system());
    node->origins = vr_origins_new();
    if (node->links == NULL || node->origins == NULL) {
        return VR_E_NO_MEMORY;
    }
    conf.links = node->links;
    vr_cluster_set_lookup(cluster_of);
    err = vr_cluster_new(&conf, &node->cluster, &node->shared);
    if (err == VR_OK) {
        vr_auth_use(node->auth, node->shared);
    }
    return err;
}

/* --- the cluster worker's loop --- */

static enum vr_err backends_open(struct vr_node *node, struct uv_loop_s *loop, struct vr_kv **kv,
                                 struct vr_transport **transport, struct vr_why *why)
{
    const struct vr_config *config = node->config;
    const char *endpoints[VR_CONFIG_LIST_MAX];
    struct vr_kv_etcd_conf etcd = {.loop = loop,
                                   .endpoints = endpoints,
                                   .endpoint_count = config->cluster_etcd.count,
                                   .first = node->number};
    char control[128];
    char bulk[128];
    struct vr_transport_zmq_conf zmq = {.loop = loop,
                                        .control = control,
                                        .bulk = bulk,
                                        .frame = vr_cluster_frame,
                                        .ctx = node->cluster};
    enum vr_err err;

    for (uint32_t i = 0; i < config->cluster_etcd.count; i++) {
        endpoints[i] = config->cluster_etcd.item[i];
    }
    if (config->cluster_etcd_ca[0] != 0) {
        etcd.ca_file = config->cluster_etcd_ca;
    }
    if (config->cluster_etcd_key[0] != 0) {
        etcd.cert_file = config->cluster_etcd_certificate;
        etcd.key_file = config->cluster_etcd_key;
    }
    endpoint_write(node, "tcp://", config->cluster_port, control, sizeof(control));
    endpoint_write(node, "tcp://", config->cluster_port + 1, bulk, sizeof(bulk));
    memcpy(zmq.key, node->curve_public, sizeof(zmq.key));
    memcpy(zmq.secret_key, node->curve_secret, sizeof(zmq.secret_key));
    err = vr_transport_zmq_new(&zmq, transport, why);
    explicit_bzero(&zmq, sizeof(zmq));
    if (err != VR_OK) {
        return err;
    }
    err = vr_kv_etcd_new(&etcd, kv, why);
    if (err != VR_OK) {
        (*transport)->ops->close(*transport);
    }
    return err;
}

static enum vr_err cluster_opened(void *ctx, struct vr_worker *worker, struct uv_loop_s *loop,
                                  struct vr_why *why)
{
    struct vr_node *node = ctx;
    struct vr_kv *kv = NULL;
    struct vr_transport *transport = NULL;
    enum vr_err err = backends_open(node, loop, &kv, &transport, why);

    if (err == VR_OK) {
        node->kv = kv;
        node->transport = transport;
        vr_cluster_attach(node->cluster, node->system, kv, transport);
        node_load_start(node, worker);
    }
    return err;
}

static void cluster_closing(void *ctx)
{
    struct vr_node *node = ctx;

    node->kv = NULL;
    node->transport = NULL;
    vr_cluster_detach(node->cluster);
}

enum vr_err node_cluster_start(struct vr_node *node, struct vr_why *why)
{
    const struct vr_loop_hooks hooks = {
        .opened = cluster_opened, .closing = cluster_closing, .ctx = node};
    enum vr_err err = vr_loop_start(vr_system_worker(node->system, VR_WORKER_CLUSTER, 0), &hooks,
                                    &node->cluster_loop, why);

    if (err == VR_OK) {
        vr_cluster_set_url(node->cluster, node->env.node_urls[0]);
        vr_cluster_join(node->cluster);
    }
    return err;
}

void node_cluster_stop(struct vr_node *node)
{
    if (node->cluster_loop != NULL) {
        vr_loop_stop(node->cluster_loop);
        vr_loop_join(node->cluster_loop);
        node->cluster_loop = NULL;
    }
}

/* --- what sessions and rooms ask of the cluster --- */

uint32_t node_cluster_urls(void *ctx, char out[VR_NODE_URLS_MAX][256])
{
    struct vr_node *node = ctx;
    struct vr_cluster_node *nodes = calloc(VR_CLUSTER_NODES_MAX, sizeof(*nodes));
    uint32_t count =
        nodes == NULL ? 0 : vr_cluster_nodes(node->cluster, nodes, VR_CLUSTER_NODES_MAX);
    uint32_t written = 0;

    for (uint32_t i = 0; i < count && written < VR_NODE_URLS_MAX; i++) {
        if (nodes[i].alive && !nodes[i].self && !nodes[i].draining && nodes[i].url[0] != 0) {
            node_text_put(out[written++], 256, nodes[i].url);
        }
    }
    free(nodes);
    return written;
}

bool node_cluster_move_to(void *ctx, struct vr_id room, char *url, size_t size)
{
    struct vr_node *node = ctx;
    struct vr_cluster_node *nodes = calloc(VR_CLUSTER_NODES_MAX, sizeof(*nodes));
    uint32_t count =
        nodes == NULL ? 0 : vr_cluster_nodes(node->cluster, nodes, VR_CLUSTER_NODES_MAX);
    const struct vr_clock *clock = vr_clock_system();
    const struct vr_cluster_node *best = vr_drain_target(
        nodes, count, vr_cluster_owner_node(node->cluster, room), clock->wall(clock->ctx));

    if (best != NULL) {
        node_text_put(url, size, best->url);
    }
    free(nodes);
    return best != NULL;
}

/* --- speech between nodes --- */

enum vr_err node_link_open(struct vr_node *node, uint32_t index, struct vr_why *why)
{
    struct vr_link_port_conf conf = {
        .links = node->links, .node = node->number, .worker = index, .system = node->system};
    enum vr_err err = vr_link_socket_take(node->config->inherit, node->config->cluster_address,
                                          (uint16_t)(node->config->cluster_speech_port + index),
                                          &conf.socket, why);

    return err == VR_OK ? vr_link_port_new(&conf, &node->media[index].link) : err;
}
