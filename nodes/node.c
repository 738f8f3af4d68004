/* node.c - start and stop: each step takes what the steps before it made; stopping goes backwards,
 * and copes with a start that failed anywhere.
 *
 *     store -> keys -> directory, lobby, auth -> sockets -> system -> media loops -> control loops
 * (HTTP)
 *
 * Stopping: not ready, server:draining, HTTP closes while actors still answer; then the loops, the
 * actors, the engines, the store. */
#include "nodes/node.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "actors/base/log.h"
#include "nodes/auth_ref.h"
#include "nodes/files.h"
#include "nodes/metrics.h"
#include "nodes/node_internal.h"
#include "nodes/socket.h"
#include "nodes/tls.h"
#include "store/lmdb.h"

/* --- what the system asks --- */

static uint32_t place(void *ctx, const struct vr_address *address)
{
    const struct vr_node *node = ctx;

    switch (address->kind) {
    case VR_ACTOR_SHARD:
        return address->sub % node->media_count;
    case VR_ACTOR_SESSION:
        return vr_session_worker_index(node->system, address->id);
    case VR_ACTOR_ROOM:
        return (uint32_t)(address->id.lo % node->control_count);
    case VR_ACTOR_NONE:
    case VR_ACTOR_LOBBY:
    case VR_ACTOR_ASK:
    case VR_ACTOR_KINDS:
        break;
    }
    return 0;
}

static const struct vr_actor_class *classify(void *ctx, const struct vr_address *address)
{
    (void)ctx;
    switch (address->kind) {
    case VR_ACTOR_SHARD:
        return vr_shard_class();
    case VR_ACTOR_SESSION:
        return vr_session_class();
    case VR_ACTOR_ROOM:
        return vr_room_class();
    case VR_ACTOR_LOBBY:
        return vr_lobby_class();
    case VR_ACTOR_NONE:
    case VR_ACTOR_ASK:
    case VR_ACTOR_KINDS:
        break;
    }
    return NULL;
}

static void actor_failed(void *ctx, const struct vr_address *address, const struct vr_why *why)
{
    static const char *const kinds[VR_ACTOR_KINDS] = {"none",    "room",  "shard",
                                                      "session", "lobby", "ask"};
    char id[VR_ID_TEXT];

    (void)ctx;
    vr_log(VR_LOG_ERROR, "an actor was given up after three failures",
           VR_S("kind", kinds[address->kind]), VR_S("id", vr_id_format(address->id, id)),
           VR_S("why", why->text));
}

static enum vr_err room_take(void *ctx, struct vr_id room, uint64_t *epoch)
{
    struct vr_node *node = ctx;
    struct vr_owner owner = {0};
    enum vr_err err = vr_directory_take(node->directory, room, &owner);

    *epoch = owner.epoch;
    return err;
}

/** A small room lives whole on one worker; each shard_peers_max people more begin the next one. */
static uint32_t peer_place(void *ctx, struct vr_id room)
{
    struct vr_node *node = ctx;
    struct vr_lobby_room live;

    (void)vr_lobby_find(node->lobby, room, &live);
    vr_blob_release(live.on_stage);
    return (uint32_t)((room.hi ^ room.lo) + live.participants / node->env.shard_peers_max) %
           node->media_count;
}

static bool token_withdrawn(void *ctx, struct vr_id token_ref)
{
    return vr_auth_ref_withdrawn(((struct vr_node *)ctx)->auth, token_ref);
}

static uint64_t withdrawals(void *ctx)
{
    return vr_auth_changes(((const struct vr_node *)ctx)->auth);
}

/* --- start, step by step --- */

static enum vr_err folder_make(const char *folder, struct vr_why *why)
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
    const struct vr_lmdb_conf conf = {.folder = node->config->data};
    uint8_t pepper[32];
    enum vr_err err = folder_make(node->config->data, why);

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
    enum vr_err err = vr_directory_local_new(node->records, &node->directory);

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
    node->metrics = vr_metrics_new();
    node->sessions = vr_sessions_new(node->control_count);
    return err == VR_OK && (node->metrics == NULL || node->sessions == NULL) ? VR_E_NO_MEMORY : err;
}

static void text_put(char *out, size_t capacity, const char *text)
{
    size_t size = strnlen(text, capacity - 1);

    memcpy(out, text, size);
    out[size] = 0;
}

static void env_fill(struct vr_node *node)
{
    const struct vr_config *config = node->config;
    struct vr_env *env = &node->env;

    text_put(env->node, sizeof(env->node), config->node);
    env->media = node->places;
    env->media_count = node->media_count;
    env->ice_servers = node->ice;
    env->slots = (uint32_t)config->slots;
    env->capacity_max = (uint32_t)config->capacity_max;
    env->capacity_default = (uint32_t)config->capacity;
    env->speaker_capacity_default = (uint32_t)config->speaker_capacity;
    env->grace = VR_SECONDS((vr_time_us)config->grace_s);
    env->idle = VR_SECONDS((vr_time_us)config->idle_s);
    env->host_grace = VR_SECONDS((vr_time_us)config->host_grace_s);
    env->shard_peers_max = (uint32_t)config->shard_peers_max;
    env->chat_per_10s = (uint32_t)config->chat_per_10s;
    env->reactions_per_10s = (uint32_t)config->reactions_per_10s;
    node->room_services =
        (struct vr_room_services){.personal = node->personal, .take = room_take, .ctx = node};
    node->session_services = (struct vr_session_services){.place = peer_place,
                                                          .withdrawn = token_withdrawn,
                                                          .withdrawals = withdrawals,
                                                          .ctx = node,
                                                          .sessions = node->sessions};
    env->room_services = &node->room_services;
    env->session_services = &node->session_services;
}

static enum vr_err ice_fill(struct vr_node *node, struct vr_why *why)
{
    const struct vr_config *config = node->config;
    char credential[128] = "";

    if (config->ice_credential_file[0] != 0) {
        FILE *stream = fopen(config->ice_credential_file, "re");

        if (stream == NULL || fgets(credential, sizeof(credential), stream) == NULL) {
            if (stream != NULL) {
                fclose(stream);
            }
            return vr_fail(why, VR_E_NOT_FOUND, "ice_credential_file %s cannot be read",
                           config->ice_credential_file);
        }
        fclose(stream);
        credential[strcspn(credential, "\r\n")] = 0;
    }
    for (uint32_t i = 0; i < config->ice_urls.count; i++) {
        struct vr_ice_server *server = &node->ice[i];
        bool turn = strncmp(config->ice_urls.item[i], "turn", 4) == 0;

        text_put(server->urls, sizeof(server->urls), config->ice_urls.item[i]);
        text_put(server->username, sizeof(server->username), turn ? config->ice_username : "");
        text_put(server->credential, sizeof(server->credential), turn ? credential : "");
        node->env.ice_server_count++;
    }
    return VR_OK;
}

static enum vr_err speech_addresses(struct vr_node *node, struct vr_why *why)
{
    const struct vr_config_list *list = &node->config->media_addresses;
    enum vr_err err = VR_OK;

    for (uint32_t i = 0; i < list->count && err == VR_OK; i++) {
        err = vr_config_media_address(list->item[i], &node->speech[i], why);
    }
    node->speech_count = list->count;
    for (uint32_t i = 0; list->count == 0 && i < node->local.count; i++) {
        text_put(node->speech[i].local, sizeof(node->speech[i].local), node->local.text[i]);
        text_put(node->speech[i].told, sizeof(node->speech[i].told), node->local.text[i]);
        node->speech_count++;
    }
    return err;
}

/** Is this address bound already, by an item before? One socket can stand for several candidates:
 * an address in the local net and the one outside of the NAT. */
static bool speech_bound(const struct vr_node *node, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (strcmp(node->speech[i].local, node->speech[index].local) == 0) {
            return true;
        }
    }
    return false;
}

/** Sockets of one media worker: all addresses, one port. */
static enum vr_err media_sockets_open(struct vr_node *node, uint32_t index,
                                      int sockets[VR_CANDIDATES_MAX], uint32_t *count,
                                      struct vr_why *why)
{
    struct vr_media_place *place_of = &node->places[index];
    uint16_t port = (uint16_t)(node->config->media_port + index);

    for (uint32_t i = 0; i < node->speech_count && i < VR_CANDIDATES_MAX; i++) {
        struct vr_candidate *candidate = &place_of->candidates[place_of->candidate_count];

        if (!speech_bound(node, i)) {
            enum vr_err err =
                vr_media_socket_open(node->speech[i].local, port, &sockets[*count], why);
            if (err != VR_OK) {
                return err;
            }
            port = vr_socket_port(sockets[(*count)++]);
        }
        text_put(candidate->address, sizeof(candidate->address), node->speech[i].told);
        candidate->port = port;
        place_of->candidate_count++;
    }
    return VR_OK;
}

static enum vr_err media_open(struct vr_node *node, uint32_t index, struct vr_why *why)
{
    int sockets[VR_CANDIDATES_MAX];
    uint32_t count = 0;
    enum vr_err err = media_sockets_open(node, index, sockets, &count, why);

    if (err == VR_OK) {
        const struct vr_media_port_conf conf = {
            .worker = vr_system_worker(node->system, VR_WORKER_MEDIA, index),
            .clock = vr_clock_system(),
            .random = vr_random_system(),
            .identity = node->identity,
            .sockets = sockets,
            .socket_count = count,
        };
        err = vr_media_port_new(&conf, &node->media[index].port);
    }
    if (err != VR_OK) {
        for (uint32_t i = 0; i < count; i++) {
            close(sockets[i]);
        }
    }
    return err;
}

static enum vr_err http_sockets_open(struct vr_node *node, struct vr_why *why)
{
    struct control_part *part = &node->control[0];
    int sockets[VR_LISTEN_MAX];
    uint32_t count = 0;
    enum vr_err err = VR_OK;

    node->http_port = (uint16_t)node->config->http_port;
    node->https_port = (uint16_t)node->config->https_port;
    if (node->http_port != 0) {
        err = vr_listen_open(node->config->http_address, &node->http_port, false, sockets, &count,
                             "http_port", why);
    }
    for (uint32_t i = 0; i < count; i++) {
        part->sockets[part->socket_count++] = (struct vr_http_socket){.fd = sockets[i]};
    }
    if (err != VR_OK || node->https_port == 0) {
        return err;
    }
    err = node_tls_open(node, why);
    if (err == VR_OK) {
        err = vr_listen_open(node->config->https_address, &node->https_port, false, sockets, &count,
                             "https_port", why);
    }
    for (uint32_t i = 0; err == VR_OK && i < count; i++) {
        part->sockets[part->socket_count++] =
            (struct vr_http_socket){.fd = sockets[i], .tls = true};
    }
    return err;
}

static enum vr_err http_make(struct vr_node *node, struct vr_why *why)
{
    struct vr_http_conf conf = {
        .node = node,
        .clock = vr_clock_system(),
        .random = vr_random_system(),
        .auth = node->auth,
        .records = node->records,
        .metrics = node->metrics,
        .ws = vr_ws_session_handlers(),
        .cors_origins = &node->config->cors_origins,
        .rate_per_address = (uint32_t)node->config->rate_per_address,
        .rate_per_identity = (uint32_t)node->config->rate_per_identity,
        .connections_max = (uint32_t)node->config->connections_max,
        .connections_per_address = (uint32_t)node->config->connections_per_address,
    };
    char folder[1024];
    enum vr_err err = http_sockets_open(node, why);

    if (err != VR_OK) {
        return err;
    }
    if (node_web_folder(node->config, folder, sizeof(folder))) {
        struct vr_why missing = {0};

        if (vr_files_load(folder, &node->files, &missing) != VR_OK) {
            vr_log(VR_LOG_WARN, "the web application is not served", VR_S("why", missing.text));
        }
    }
    conf.files = node->files;
    conf.tls = node->tls;
    conf.tables[0].routes = vr_routes(&conf.tables[0].count);
    return vr_http_new(&conf, &node->http);
}

static enum vr_err system_make(struct vr_node *node)
{
    const struct vr_system_conf conf = {
        .clock = vr_clock_system(),
        .random = vr_random_system(),
        .records = node->records,
        .node = vr_directory_self(node->directory),
        .control_workers = node->control_count,
        .media_workers = node->media_count,
        .place = place,
        .classify = classify,
        .failed = actor_failed,
        .ctx = node,
        .node_context = &node->env,
    };

    return vr_system_new(&conf, &node->system);
}

/* --- loops --- */

static enum vr_err media_opened(void *ctx, struct vr_worker *worker, struct uv_loop_s *loop,
                                struct vr_why *why)
{
    struct media_part *part = ctx;

    (void)worker;
    return vr_media_port_open(part->port, loop, why);
}

static void media_before_wait(void *ctx, vr_time_us now)
{
    vr_media_port_before_wait(((struct media_part *)ctx)->port, now);
}

static void media_closing(void *ctx)
{
    vr_media_port_close(((struct media_part *)ctx)->port);
}

static enum vr_err control_opened(void *ctx, struct vr_worker *worker, struct uv_loop_s *loop,
                                  struct vr_why *why)
{
    struct control_part *part = ctx;
    uint32_t count = part->socket_count;

    part->socket_count = 0; /* theirs from now on */
    return vr_http_open(part->node->http, worker, loop, part->sockets, count, &part->http, why);
}

static void control_before_wait(void *ctx, vr_time_us now)
{
    (void)now;
    vr_http_flush(((struct control_part *)ctx)->http);
}

static void control_closing(void *ctx)
{
    struct vr_http_worker *http = ((struct control_part *)ctx)->http;

    if (!vr_http_closed(http)) {
        vr_http_close(http, 0);
    }
}

static enum vr_err loops_start(struct vr_node *node, struct vr_why *why)
{
    enum vr_err err = VR_OK;

    for (uint32_t i = 0; i < node->media_count && err == VR_OK; i++) {
        const struct vr_loop_hooks hooks = {.opened = media_opened,
                                            .before_wait = media_before_wait,
                                            .closing = media_closing,
                                            .ctx = &node->media[i]};

        node->media[i].node = node;
        err = vr_loop_start(vr_system_worker(node->system, VR_WORKER_MEDIA, i), &hooks,
                            &node->media[i].loop, why);
    }
    for (uint32_t i = 0; i < node->control_count && err == VR_OK; i++) {
        const struct vr_loop_hooks hooks = {.opened = control_opened,
                                            .before_wait = control_before_wait,
                                            .closing = control_closing,
                                            .ctx = &node->control[i]};

        node->control[i].node = node;
        err = vr_loop_start(vr_system_worker(node->system, VR_WORKER_CONTROL, i), &hooks,
                            &node->control[i].loop, why);
    }
    return err;
}

/* --- all of it --- */

static void counts_decide(struct vr_node *node)
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
        env_fill(node);
        err = ice_fill(node, why);
    }
    if (err == VR_OK) {
        err = speech_addresses(node, why);
    }
    if (err == VR_OK) {
        err = system_make(node);
    }
    for (uint32_t i = 0; i < node->media_count && err == VR_OK; i++) {
        err = media_open(node, i, why);
    }
    if (err == VR_OK) {
        err = http_make(node, why);
    }
    node_urls_fill(node); /* the ports are known by now */
    return err == VR_OK ? loops_start(node, why) : err;
}

static void node_free(struct vr_node *node)
{
    vr_system_free(node->system);
    for (uint32_t i = 0; i < node->media_count; i++) {
        vr_media_port_free(node->media[i].port);
    }
    if (node->records != NULL) {
        vr_lmdb_close(node->records); /* the journal tells its last commits before the rest goes */
    }
    vr_http_free(node->http);
    for (uint32_t i = 0; i < node->control[0].socket_count; i++) {
        close(node->control[0].sockets[i].fd);
    }
    vr_files_free(node->files);
    vr_tls_close(node->tls);
    vr_sessions_free(node->sessions);
    vr_metrics_free(node->metrics);
    vr_auth_free(node->auth);
    vr_lobby_free(node->lobby);
    vr_directory_free(node->directory);
    vr_personal_free(node->personal);
    vr_dtls_identity_free(node->identity);
    free(node);
}

static void loops_stop(struct vr_node *node)
{
    for (uint32_t i = 0; i < node->control_count; i++) {
        if (node->control[i].loop != NULL) {
            vr_loop_stop(node->control[i].loop);
            vr_loop_join(node->control[i].loop);
        }
    }
    for (uint32_t i = 0; i < node->media_count; i++) {
        if (node->media[i].loop != NULL) {
            vr_loop_stop(node->media[i].loop);
        }
    }
    for (uint32_t i = 0; i < node->media_count; i++) {
        if (node->media[i].loop != NULL) {
            vr_loop_join(node->media[i].loop);
        }
    }
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
    counts_decide(node);
    vr_addresses_local(&node->local);
    err = start_steps(node, &reason);
    if (err != VR_OK) {
        loops_stop(node);
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

    atomic_store(&node->draining, true);
    vr_log(VR_LOG_INFO, "node is stopping");
    for (uint32_t i = 0; i < node->control_count; i++) {
        if (draining != NULL) {
            vr_http_announce(node->control[i].http, draining);
        }
        vr_http_close_soon(node->control[i].http, patience / 2);
    }
    vr_blob_release(draining);
    http_wait_closed(node, clock->now(clock->ctx) + patience);
    loops_stop(node);
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
    return node->records;
}

struct vr_personal *vr_node_personal(const struct vr_node *node)
{
    return node->personal;
}

struct vr_directory *vr_node_directory(const struct vr_node *node)
{
    return node->directory;
}

struct vr_auth *vr_node_auth(const struct vr_node *node)
{
    return node->auth;
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
