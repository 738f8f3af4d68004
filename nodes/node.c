/* node.c - start and stop: each step takes what the steps before it made; stopping goes backwards,
 * and copes with a start that failed anywhere.
 *
 *     store -> keys -> directory, lobby, auth -> sockets -> system -> media loops -> HTTP
 *         -> cluster and control loops
 *
 * Stopping: in a cluster a drain; not ready, server:draining, HTTP closes while actors still
 * answer; then the loops, the actors, the engines, the store. */
#include "nodes/node.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "actors/base/log.h"
#include "actors/media/keep.h"
#include "nodes/files.h"
#include "nodes/inherit.h"
#include "nodes/metrics.h"
#include "nodes/node_internal.h"
#include "nodes/origins.h"
#include "nodes/tls.h"
#include "nodes/tracer.h"
#include "store/lmdb.h"

/* --- start, step by step --- */

enum vr_err node_folder_make(const char *folder, struct vr_why *why)
{
    struct stat about;

    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return vr_fail(why, VR_E_INTERNAL, "data folder %s: %s", folder, strerror(errno));
    }
    if (stat(folder, &about) != 0 || !S_ISDIR(about.st_mode) || access(folder, W_OK) != 0) {
        return vr_fail(why, VR_E_INTERNAL, "data folder %s cannot be written", folder);
    }
    return VR_OK;
}

static enum vr_err store_open(struct vr_node *node, struct vr_why *why)
{
    const struct vr_inherit *inherit = node->config->inherit;
    /* The walk takes as long as the store is large, and speech waits for it. A process that died
     * can't have damaged what it only mapped for reading. */
    const struct vr_lmdb_conf conf = {.folder = node->config->data,
                                      .skip_check = inherit != NULL && inherit->served};
    uint8_t pepper[32];
    enum vr_err err = node_folder_make(node->config->data, why);

    if (err == VR_OK) {
        err = vr_lmdb_open(&conf, &node->records, why);
    }
    if (err == VR_E_EXISTS) {
        node_running_tell(node->config->data, why);
    }
    if (err != VR_OK) {
        return err;
    }
    err = node_keys_load(node, pepper, why);
    if (err == VR_OK) {
        err = vr_personal_new(node->records, pepper, &node->personal);
    }
    explicit_bzero(pepper, sizeof(pepper));
    return err;
}

/** What holds everywhere, the thread for long work, and the one that sends to webhooks. */
static enum vr_err deployment_make(struct vr_node *node, struct vr_why *why)
{
    const struct vr_deployment_conf conf = {.records = vr_node_records(node),
                                            .personal = node->personal,
                                            .clock = vr_clock_system(),
                                            .random = vr_random_system()};
    struct vr_sender_conf sender = {.records = vr_node_records(node),
                                    .personal = node->personal,
                                    .allow = &node->config->webhook_allow,
                                    .attempts = (uint32_t)node->config->webhook_attempts};
    enum vr_err err = vr_deployment_new(&conf, &node->deployment, why);

    sender.deployment = node->deployment;
    if (err == VR_OK) {
        err =
            vr_chores_new(vr_node_records(node),
                          VR_SECONDS(86400 * (vr_time_us)node->config->audit_days), &node->chores);
    }
    if (err == VR_OK &&
        (node->backups = vr_backups_new(node->records, node->config->data)) == NULL) {
        err = VR_E_NO_MEMORY;
    }
    return err == VR_OK ? vr_sender_new(&sender, &node->sender) : err;
}

/* Of a cluster the node of the lowest number that is up and stays. */
static bool leads(void *ctx)
{
    struct vr_node *node = ctx;
    struct vr_cluster_node *nodes = NULL;
    uint32_t count = 0;
    bool first = atomic_load(&node->ready) && !atomic_load(&node->draining);

    if (first && node->cluster != NULL) {
        nodes = calloc(VR_CLUSTER_NODES_MAX, sizeof(*nodes));
        count = nodes == NULL ? 0 : vr_cluster_nodes(node->cluster, nodes, VR_CLUSTER_NODES_MAX);
        first = false;
        for (uint32_t i = 0; i < count; i++) {
            if (nodes[i].alive && !nodes[i].draining) {
                first = nodes[i].self;
                break;
            }
        }
        free(nodes);
    }
    return first;
}

static enum vr_err reminders_make(struct vr_node *node)
{
    const struct vr_reminders_conf conf = {.records = vr_node_records(node),
                                           .personal = node->personal,
                                           .deployment = node->deployment,
                                           .leads = leads,
                                           .ctx = node};

    return vr_reminders_new(&conf, &node->reminders);
}

static enum vr_err parts_make(struct vr_node *node, struct vr_why *why)
{
    const struct vr_auth_conf auth = {
        .records = node->records,
        .clock = vr_clock_system(),
        .random = vr_random_system(),
        .guests = node->config->guest_mode,
        .guests_may_create = node->config->guests_may_create,
        .guest_token_s = (uint32_t)node->config->guest_token_s,
    };
    enum vr_err err = VR_OK;

    if (node->config->cluster_etcd.count == 0) {
        err = vr_directory_local_start(node->records, &node->directory);
        node->number = err == VR_OK ? vr_directory_self(node->directory) : 0;
    }
    if (err == VR_OK) {
        err = vr_lobby_new(&node->lobby);
    }
    if (err == VR_OK) {
        err = vr_auth_new(&auth, &node->auth, why);
    }
    if (err == VR_OK) {
        err = node_admin_file(node, why);
    }
    if (err == VR_OK) {
        err = vr_engine_global_init();
    }
    node->shared = node->records;
    if (err == VR_OK && node->config->cluster_etcd.count > 0) {
        err = node_cluster_make(node, why);
    }
    if (err == VR_OK) {
        err = deployment_make(node, why);
    }
    if (err == VR_OK) {
        err = reminders_make(node);
    }
    node->metrics = vr_metrics_new();
    node->sessions = vr_sessions_new(node->control_count);
    return err == VR_OK && (node->metrics == NULL || node->sessions == NULL) ? VR_E_NO_MEMORY : err;
}

void node_text_put(char *out, size_t capacity, const char *text)
{
    size_t size = strnlen(text, capacity - 1);

    memcpy(out, text, size);
    out[size] = 0;
}

/* --- all of it --- */

void node_counts_decide(struct vr_node *node)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t media = node->config->media_workers;

    if (media == 0) {
        media = cores > 1 ? (uint64_t)cores - 1 : 1;
    }
    node->media_count = (uint32_t)(media > MEDIA_WORKERS_MAX ? MEDIA_WORKERS_MAX : media);
    node->control_count = (uint32_t)node->config->control_workers;
}

static enum vr_err start_steps(struct vr_node *node, struct vr_why *why)
{
    enum vr_err err = store_open(node, why);

    if (err == VR_OK) {
        err = parts_make(node, why);
    }
    if (err == VR_OK) {
        node_env_fill(node);
        err = node_ice_fill(node, why);
    }
    if (err == VR_OK) {
        err = node_speech_addresses(node, why);
    }
    if (err == VR_OK) {
        err = node_trace_open(node);
    }
    if (err == VR_OK) {
        err = node_system_make(node);
    }
    node_keep_open(node);
    for (uint32_t i = 0; i < node->media_count && err == VR_OK; i++) {
        err = node->cluster == NULL ? VR_OK : node_link_open(node, i, why);
        if (err == VR_OK) {
            err = node_media_open(node, i, why);
        }
    }
    if (err == VR_OK) {
        node_keep_tell(node);
        err = node_media_start(node, why);
    }
    if (err == VR_OK && node->directory != NULL) {
        err = vr_directory_local_wait(node->directory); /* speech did not wait for the disk */
    }
    if (err == VR_OK) {
        err = node_http_make(node, why);
    }
    if (err == VR_OK) {
        err = vr_agent_new(node, &node->agent, why);
    }
    node_urls_fill(node); /* the ports are known by now */
    return err == VR_OK ? node_loops_start(node, why) : err;
}

static void node_free(struct vr_node *node)
{
    vr_reminders_free(node->reminders);
    vr_chores_free(node->chores); /* before what its jobs answer */
    vr_backups_free(node->backups);
    vr_sender_free(node->sender);
    if (node->system != NULL) {
        vr_system_close(node->system);
    }
    if (node->records != NULL) {
        vr_lmdb_close(node->records); /* its journal tells the last commits to the closed rooms */
    }
    vr_system_free(node->system);
    for (uint32_t i = 0; i < node->media_count; i++) {
        vr_media_port_free(node->media[i].port);
        vr_link_port_free(node->media[i].link);
    }
    vr_keep_close(node->keep);
    vr_cluster_free(node->cluster);
    vr_links_free(node->links);
    vr_origins_free(node->origins);
    explicit_bzero(node->curve_secret, sizeof(node->curve_secret));
    explicit_bzero(node->turn_secret, sizeof(node->turn_secret));
    vr_http_free(node->http);
    vr_agent_free(node->agent);
    vr_tracer_free(node->tracer); /* nobody records any more */
    for (uint32_t i = 0; i < node->control[0].socket_count; i++) {
        close(node->control[0].sockets[i].fd);
    }
    vr_files_free(node->files);
    vr_certificate_free(node->certificate);
    node_reload_free(node);
    node_return_free(node);
    vr_sessions_free(node->sessions);
    vr_metrics_free(node->metrics);
    vr_auth_free(node->auth);
    vr_deployment_free(node->deployment);
    vr_lobby_free(node->lobby);
    vr_directory_free(node->directory);
    vr_personal_free(node->personal);
    node_load_deinit(node);
    vr_dtls_identity_free(node->identity);
    free(node);
}

enum vr_err vr_node_start(const struct vr_config *config, struct vr_node **out, struct vr_why *why)
{
    struct vr_node *node = calloc(1, sizeof(*node));
    struct vr_why reason = {0};
    enum vr_err err = VR_OK;

    *out = NULL;
    if (node == NULL) {
        return vr_fail(why, VR_E_NO_MEMORY, "memory is out");
    }
    node->config = config;
    node_counts_decide(node);
    node_load_init(node);
    vr_addresses_local(&node->local);
    err = start_steps(node, &reason);
    if (err != VR_OK) {
        node_loops_stop(node);
        node_free(node);
        return vr_fail(why, err, "%s", reason.text[0] != 0 ? reason.text : vr_err_text(err));
    }
    atomic_store(&node->ready, true);
    node_running_write(node);
    vr_log(VR_LOG_INFO, "node is ready", VR_U("http_port", node->http_port),
           VR_U("https_port", node->https_port), VR_U("media_workers", node->media_count));
    *out = node;
    return VR_OK;
}

static void http_wait_closed(struct vr_node *node, vr_time_us until)
{
    const struct vr_clock *clock = vr_clock_system();

    for (uint32_t i = 0; i < node->control_count; i++) {
        while (!vr_http_closed(node->control[i].http) && clock->now(clock->ctx) < until) {
            nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
        }
    }
}

bool vr_node_stop(struct vr_node *node)
{
    static const char text[] = "{\"type\":\"server:draining\",\"retry_after_ms\":2000}";
    const struct vr_clock *clock = vr_clock_system();
    vr_time_us patience = VR_SECONDS((vr_time_us)node->config->shutdown_s) / 3;
    struct vr_blob *draining = vr_blob_new(vr_bytes_of(text));

    vr_log(VR_LOG_INFO, "node is stopping");
    vr_reminders_stop(node->reminders);
    if (node->cluster != NULL) {
        node_drain(node, patience);
    }
    atomic_store(&node->draining, true);
    for (uint32_t i = 0; i < node->control_count; i++) {
        if (draining != NULL) {
            vr_http_announce(node->control[i].http, draining);
        }
        vr_http_close_soon(node->control[i].http, patience / 2);
    }
    vr_blob_release(draining);
    http_wait_closed(node, clock->now(clock->ctx) + patience);
    node_loops_stop(node);
    node_running_remove(node);
    node_free(node);
    vr_log(VR_LOG_INFO, "node has stopped");
    return true;
}

/* --- for routes and sessions --- */

const struct vr_config *vr_node_config(const struct vr_node *node)
{
    return node->config;
}

const struct vr_env *vr_node_env(const struct vr_node *node)
{
    return &node->env;
}

struct vr_system *vr_node_system(const struct vr_node *node)
{
    return node->system;
}

struct vr_records *vr_node_records(const struct vr_node *node)
{
    return node->shared;
}

struct vr_personal *vr_node_personal(const struct vr_node *node)
{
    return node->personal;
}

struct vr_directory *vr_node_directory(const struct vr_node *node)
{
    return node->directory;
}

struct vr_cluster *vr_node_cluster(const struct vr_node *node)
{
    return node->cluster;
}

struct vr_auth *vr_node_auth(const struct vr_node *node)
{
    return node->auth;
}

struct vr_deployment *vr_node_deployment(const struct vr_node *node)
{
    return node->deployment;
}

struct vr_chores *vr_node_chores(const struct vr_node *node)
{
    return node->chores;
}

struct vr_backups *vr_node_backups(const struct vr_node *node)
{
    return node->backups;
}

struct vr_reminders *vr_node_reminders(const struct vr_node *node)
{
    return node->reminders;
}

struct vr_sender *vr_node_sender(const struct vr_node *node)
{
    return node->sender;
}

struct vr_lobby *vr_node_lobby(const struct vr_node *node)
{
    return node->lobby;
}

struct vr_metrics *vr_node_metrics(const struct vr_node *node)
{
    return node->metrics;
}

uint16_t vr_node_http_port(const struct vr_node *node)
{
    return node->http_port;
}

uint16_t vr_node_https_port(const struct vr_node *node)
{
    return node->https_port;
}

bool vr_node_draining(const struct vr_node *node)
{
    return atomic_load(&node->draining);
}

struct vr_node *vr_node_of(const struct vr_system *system)
{
    return vr_system_context(system);
}
