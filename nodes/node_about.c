/* node_about.c - what a node says about itself to people: addresses at start, who runs already,
 * readiness. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <jansson.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nodes/files.h"
#include "nodes/measures.h"
#include "nodes/node_internal.h"
#include "nodes/parent.h"

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static void url_write(struct vr_buf *out, const char *scheme, const char *host, uint16_t port)
{
    bool v6 = strchr(host, ':') != NULL;

    vr_buf_printf(out, "%s://%s%s%s:%u", scheme, v6 ? "[" : "", host, v6 ? "]" : "", port);
}

/** Does HTTPS listen where this address leads? */
static bool https_reaches(const struct vr_node *node, const char *address)
{
    const char *where = node->config->https_address;

    return node->https_port != 0 && (strcmp(where, "*") == 0 || strcmp(where, address) == 0);
}

/** Where this machine's own browser goes. */
static void own_url(const struct vr_node *node, struct vr_buf *out)
{
    if (node->http_port != 0) {
        url_write(out, "http", "localhost", node->http_port);
    } else {
        url_write(out, "https", "localhost", node->https_port);
    }
}

static bool http_reaches(const struct vr_node *node, const char *address)
{
    const char *where = node->config->http_address;

    return node->http_port != 0 && (strcmp(where, "*") == 0 || strcmp(where, address) == 0);
}

static void url_add(struct vr_env *env, const char *scheme, const char *host, uint16_t port)
{
    struct vr_buf url = {0};

    url_write(&url, scheme, host, port);
    if (env->node_url_count < VR_NODE_URLS_MAX && !url.failed &&
        url.size < sizeof(env->node_urls[0])) {
        memcpy(env->node_urls[env->node_url_count++], url.data, url.size);
    }
    vr_buf_deinit(&url);
}

/** What others can reach comes first; this machine's own name only where there is nothing else. */
static void urls_make(struct vr_node *node)
{
    for (uint32_t i = 0; i < node->local.count; i++) {
        const char *address = node->local.text[i];

        if (!is_loopback(address) && https_reaches(node, address)) {
            url_add(&node->env, "https", address, node->https_port);
        }
    }
    for (uint32_t i = 0; i < node->local.count; i++) {
        const char *address = node->local.text[i];

        if (!is_loopback(address) && http_reaches(node, address)) {
            url_add(&node->env, "http", address, node->http_port);
        }
    }
    if (node->env.node_url_count == 0) {
        url_add(&node->env, node->http_port != 0 ? "http" : "https", "localhost",
                node->http_port != 0 ? node->http_port : node->https_port);
    }
}

void node_urls_fill(struct vr_node *node)
{
    const struct vr_config_list *given = &node->config->public_urls;
    struct vr_env *env = &node->env;

    for (uint32_t i = 0; i < given->count && i < VR_NODE_URLS_MAX; i++) {
        snprintf(env->node_urls[i], sizeof(env->node_urls[i]), "%s", given->item[i]);
        env->node_url_count++;
    }
    if (given->count == 0) {
        urls_make(node);
    }
}

static const char *guests_say(const struct vr_node *node)
{
    switch (node->config->guest_mode) {
    case VR_GUESTS_OFF:
        return "off: a token is needed";
    case VR_GUESTS_LOCALHOST:
        return "on this machine";
    case VR_GUESTS_LINK:
        return "on this machine, elsewhere with the join link: /?code=";
    case VR_GUESTS_ALL:
        return "everybody";
    }
    return "";
}

void vr_node_describe(const struct vr_node *node, struct vr_buf *out)
{
    bool code = node->config->guest_mode == VR_GUESTS_LINK;

    vr_buf_text(out, "Voicerooms is ready.\n\n  on this machine    ");
    own_url(node, out);
    vr_buf_text(out, "/\n");
    for (uint32_t i = 0; i < node->local.count; i++) {
        const char *address = node->local.text[i];

        if (is_loopback(address) || !https_reaches(node, address)) {
            continue;
        }
        vr_buf_text(out, "  on other devices   ");
        url_write(out, "https", address, node->https_port);
        vr_buf_printf(out, "/%s%s\n", code ? "?code=" : "",
                      code ? vr_auth_join_code(node->auth) : "");
    }
    if (node->https_port != 0 && node->config->tls_certificate[0] == 0) {
        vr_buf_text(out, "                     (self-signed: the browser warns once)\n");
    }
    if (node->https_port == 0 && node->config->https_port != 0) {
        vr_buf_text(out, "  on other devices   not yet: HTTPS needs tls_certificate and tls_key\n");
    }
    /* Behind a proxy no address above carries the code. */
    vr_buf_printf(out, "  guests             %s%s\n", guests_say(node),
                  code ? vr_auth_join_code(node->auth) : "");
    vr_buf_printf(out, "  admin API key      %s/admin-key.json\n", node->config->data);
    vr_buf_printf(out, "  data               %s\n", node->config->data);
    vr_buf_printf(out, "  speech             UDP port%s %u%s", node->media_count > 1 ? "s" : "",
                  node->places[0].candidates[0].port, node->media_count > 1 ? "" : "\n");
    if (node->media_count > 1) {
        vr_buf_printf(out, "-%u\n", node->places[node->media_count - 1].candidates[0].port);
    }
    if (node->config->media_tcp_port != 0) {
        vr_buf_printf(out, "                     without UDP: TCP port %u%s\n",
                      node->places[0].tcp_port, node->media_count > 1 ? " and the next ones" : "");
    }
    if (node->files == NULL) {
        vr_buf_text(out,
                    "\n  The web application is not built: run `make web/app/dist/index.html`.\n");
    }
    vr_buf_text(out, "\n");
}

/* --- who runs --- */

void node_running_write(const struct vr_node *node)
{
    char path[1024];
    struct vr_buf url = {0};
    FILE *stream = NULL;

    snprintf(path, sizeof(path), "%s/running.json", node->config->data);
    own_url(node, &url);
    vr_buf_append(&url, "", 1);
    stream = fopen(path, "we");
    if (stream != NULL && !url.failed) {
        fprintf(stream, "{\"pid\": %d, \"url\": \"%s\", \"http_port\": %u, \"https_port\": %u}\n",
                node->config->inherit != NULL ? getppid() : getpid(), (const char *)url.data,
                node->http_port, node->https_port);
    }
    if (stream != NULL) {
        fclose(stream);
    }
    vr_buf_deinit(&url);
}

void node_running_remove(const struct vr_node *node)
{
    char path[1024];

    snprintf(path, sizeof(path), "%s/running.json", node->config->data);
    unlink(path);
}

void node_running_tell(const char *folder, struct vr_why *why)
{
    char path[1024];
    json_t *root = NULL;

    snprintf(path, sizeof(path), "%s/running.json", folder);
    root = json_load_file(path, 0, NULL);
    if (root != NULL && json_is_string(json_object_get(root, "url"))) {
        vr_fail(why, VR_E_EXISTS,
                "a node runs already on %s: process %" JSON_INTEGER_FORMAT ", at %s", folder,
                json_integer_value(json_object_get(root, "pid")),
                json_string_value(json_object_get(root, "url")));
    }
    json_decref(root);
}

/* --- the web application --- */

bool node_web_folder(const struct vr_config *config, char *out, size_t capacity)
{
    static const char *const beside[] = {"web", "../../../web/app/dist", "../share/voicerooms/web"};
    char program[1024];
    ssize_t size = readlink("/proc/self/exe", program, sizeof(program) - 1);
    const char *folder = NULL;

    if (config->web[0] != 0) {
        snprintf(out, capacity, "%s", config->web);
        return true;
    }
    if (size <= 0) {
        return false;
    }
    program[size] = 0;
    folder = dirname(program);
    for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
        int length = snprintf(out, capacity, "%s/%s/index.html", folder, beside[i]);

        if (length > 0 && (size_t)length < capacity && access(out, R_OK) == 0) {
            out[(size_t)length - strlen("/index.html")] = 0;
            return true;
        }
    }
    return false;
}

/* --- readiness and measures --- */

bool vr_node_ready(struct vr_node *node, struct vr_buf *json)
{
    struct vr_records_stats store = {0};
    bool draining = vr_node_draining(node);
    bool started = atomic_load(&node->ready);
    enum vr_cluster_state state =
        node->cluster == NULL ? VR_CLUSTER_JOINED : vr_cluster_state(node->cluster, NULL);
    /* Frozen is still of use: without etcd every node is, and talk goes on. */
    bool member = state == VR_CLUSTER_JOINED || state == VR_CLUSTER_FROZEN;
    bool ready = false;

    vr_records_stats(node->records, &store);
    ready = started && !draining && !store.full && member;
    vr_buf_printf(json,
                  "{\"ready\":%s,\"checks\":{\"started\":%s,\"draining\":%s,\"store\":\"%s\","
                  "\"store_waiting\":%" PRIu64 ",\"cluster\":\"%s\",\"process\":\"%s\"}}",
                  ready ? "true" : "false", started ? "true" : "false", draining ? "true" : "false",
                  store.full ? "full" : "ok", store.waiting,
                  node->cluster == NULL ? "alone"
                  : member              ? "joined"
                                        : "joining",
                  vr_parent_word(node->config->inherit));
    return ready;
}

static void media_add(struct vr_engine_stats *sum, const struct vr_engine_stats *one)
{
    /* Field by field: a struct of counters has no other honest way to be summed. */
#define ADD(field) sum->field += one->field
    ADD(received);
    ADD(sent);
    ADD(bytes_in);
    ADD(bytes_out);
    ADD(stun_in);
    ADD(stun_bad);
    ADD(dtls_in);
    ADD(dtls_failed);
    ADD(unknown_source);
    ADD(srtp_rejected_auth);
    ADD(srtp_rejected_replay);
    ADD(srtp_malformed);
    ADD(gated);
    ADD(not_chosen);
    ADD(forwarded);
    ADD(relayed_in);
    ADD(relayed_out);
    ADD(pool_empty);
    ADD(speaker_changes);
    ADD(bursts);
    ADD(burst_packets);
    ADD(packs);
    ADD(padding_bytes);
    ADD(shut_dropped);
    ADD(rtcp_in);
    ADD(rtcp_out);
    ADD(lost_reported);
    ADD(uplink_lost);
    ADD(jitter_seconds_sum);
    ADD(jitter_reports);
    ADD(consent_lost);
    ADD(questions);
    ADD(questions_answered);
    ADD(found_away);
    ADD(found_deaf);
    ADD(found_dumb);
    ADD(repairs_restart);
    ADD(repairs_rebuild);
    ADD(repairs_cured);
    ADD(repairs_given_up);
    ADD(rate_capped);
    ADD(peers);
    ADD(peers_up);
    ADD(shards);
    for (size_t i = 0; i < sizeof(sum->forward_delay_us_bucket) / sizeof(uint64_t); i++) {
        ADD(forward_delay_us_bucket[i]);
    }
#undef ADD
}

void vr_node_measure(struct vr_node *node, struct vr_measures *out)
{
    struct vr_buf ignored = {0};

    *out = (struct vr_measures){0};
    for (uint32_t i = 0; i < node->media_count; i++) {
        struct vr_engine_stats media = {0};
        struct vr_media_port_stats port = {0};

        vr_media_port_stats(node->media[i].port, &media, &port);
        media_add(&out->media, &media);
        out->ports.batches_in += port.batches_in;
        out->ports.batches_out += port.batches_out;
        out->ports.send_dropped += port.send_dropped;
        out->ports.stale_dropped += port.stale_dropped;
        out->ports.segmented += port.segmented;
        out->ports.gso_refused += port.gso_refused;
        out->ports.patient_sockets += port.patient_sockets;
        out->ports.tcp.open += port.tcp.open;
        out->ports.tcp.accepted += port.tcp.accepted;
        out->ports.tcp.refused += port.tcp.refused;
        out->ports.tcp.unproved += port.tcp.unproved;
        out->ports.tcp.dropped += port.tcp.dropped;
        out->workers[out->worker_count].kind = VR_WORKER_MEDIA;
        out->workers[out->worker_count].index = i;
        out->workers[out->worker_count++].lag = node_lag_take(node, i);
    }
    for (uint32_t i = 0; i < node->control_count; i++) {
        out->workers[out->worker_count].kind = VR_WORKER_CONTROL;
        out->workers[out->worker_count].index = i;
        out->workers[out->worker_count++].lag = node_lag_take(node, node->media_count + i);
    }
    vr_system_stats(node->system, &out->runtime);
    vr_sessions_door(node->sessions, &out->door);
    vr_records_stats(node->records, &out->store);
    vr_lobby_totals(node->lobby, &out->lobby);
    vr_sender_stats(node->sender, &out->webhooks);
    vr_certificate_stats(node->certificate, &out->certificate);
    out->ready = vr_node_ready(node, &ignored);
    vr_buf_deinit(&ignored);
}
