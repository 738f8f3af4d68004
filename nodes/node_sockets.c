/* node_sockets.c - every socket of a node: speech on all told addresses, HTTP and HTTPS; opened
 * before the loops start, theirs from then on. */
#include <string.h>
#include <unistd.h>

#include "actors/base/log.h"
#include "nodes/files.h"
#include "nodes/node_internal.h"
#include "nodes/socket.h"
#include "nodes/tls.h"
#include "nodes/tracer.h"

enum vr_err node_speech_addresses(struct vr_node *node, struct vr_why *why)
{
    const struct vr_config_list *list = &node->config->media_addresses;
    enum vr_err err = VR_OK;

    for (uint32_t i = 0; i < list->count && err == VR_OK; i++) {
        err = vr_config_media_address(list->item[i], &node->speech[i], why);
    }
    node->speech_count = list->count;
    for (uint32_t i = 0; list->count == 0 && i < node->local.count; i++) {
        node_text_put(node->speech[i].local, sizeof(node->speech[i].local), node->local.text[i]);
        node_text_put(node->speech[i].told, sizeof(node->speech[i].told), node->local.text[i]);
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
            enum vr_err err = vr_media_socket_take(node->config->inherit, node->speech[i].local,
                                                   port, &sockets[*count], why);
            if (err != VR_OK) {
                return err;
            }
            port = vr_socket_port(sockets[(*count)++]);
        }
        node_text_put(candidate->address, sizeof(candidate->address), node->speech[i].told);
        candidate->port = port;
        place_of->candidate_count++;
    }
    return VR_OK;
}

/** The same for ICE-TCP. */
static enum vr_err tcp_sockets_open(struct vr_node *node, uint32_t index,
                                    int sockets[VR_CANDIDATES_MAX], uint32_t *count,
                                    struct vr_why *why)
{
    uint16_t port = (uint16_t)(node->config->media_tcp_port + index);

    if (node->config->media_tcp_port == 0) {
        return VR_OK;
    }
    for (uint32_t i = 0; i < node->speech_count && i < VR_CANDIDATES_MAX; i++) {
        if (!speech_bound(node, i)) {
            enum vr_err err = vr_media_tcp_socket_take(node->config->inherit, node->speech[i].local,
                                                       port, &sockets[*count], why);
            if (err != VR_OK) {
                return err;
            }
            (*count)++;
        }
    }
    node->places[index].tcp_port = port;
    return VR_OK;
}

static void sockets_close(const int *sockets, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        close(sockets[i]);
    }
}

enum vr_err node_media_open(struct vr_node *node, uint32_t index, struct vr_why *why)
{
    int sockets[VR_CANDIDATES_MAX];
    int listeners[VR_CANDIDATES_MAX];
    uint32_t count = 0;
    uint32_t listener_count = 0;
    enum vr_err err = media_sockets_open(node, index, sockets, &count, why);

    if (err == VR_OK) {
        err = tcp_sockets_open(node, index, listeners, &listener_count, why);
    }
    if (err == VR_OK) {
        const struct vr_media_port_conf conf = {
            .worker = vr_system_worker(node->system, VR_WORKER_MEDIA, index),
            .clock = vr_clock_system(),
            .random = vr_random_system(),
            .identity = node->identity,
            .sockets = sockets,
            .socket_count = count,
            .listeners = listeners,
            .listener_count = listener_count,
            .tcp_max = (uint32_t)node->config->connections_max,
            .tcp_per_address = (uint32_t)node->config->connections_per_address,
            .link_out = node->media[index].link == NULL ? NULL : vr_link_port_out,
            .link_ctx = node->media[index].link,
            .gso = node->config->media_gso,
            .pack = node->config->pack,
            .peers_max = NODE_PEERS_MAX,
            .keep = node->keep,
            .keep_worker = index,
        };
        err = vr_media_port_new(&conf, &node->media[index].port);
    }
    if (err != VR_OK) {
        sockets_close(sockets, count);
        sockets_close(listeners, listener_count);
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
    node->https_port = vr_config_https_port(node->config);
    if (node->https_port == 0 && node->config->https_port != 0) {
        vr_log(VR_LOG_WARN, "no HTTPS: there is no tls_certificate",
               VR_S("do", "set tls_certificate and tls_key, then restart; to try things out, "
                          "tls_self_signed"));
    }
    if (node->http_port != 0) {
        err = vr_listen_take(node->config->inherit, node->config->http_address, &node->http_port,
                             sockets, &count, "http_port", why);
    }
    for (uint32_t i = 0; i < count; i++) {
        part->sockets[part->socket_count++] = (struct vr_http_socket){.fd = sockets[i]};
    }
    if (err != VR_OK || node->https_port == 0) {
        return err;
    }
    err = node_tls_open(node, why);
    if (err == VR_OK) {
        err = vr_listen_take(node->config->inherit, node->config->https_address, &node->https_port,
                             sockets, &count, "https_port", why);
    }
    for (uint32_t i = 0; err == VR_OK && i < count; i++) {
        part->sockets[part->socket_count++] =
            (struct vr_http_socket){.fd = sockets[i], .tls = true};
    }
    return err;
}

enum vr_err node_http_make(struct vr_node *node, struct vr_why *why)
{
    struct vr_http_conf conf = {
        .node = node,
        .clock = vr_clock_system(),
        .random = vr_random_system(),
        .auth = node->auth,
        .records = node->shared,
        .metrics = node->metrics,
        .tracing = vr_tracer_tracing(node->tracer),
        .ws = vr_ws_session_handlers(),
        .cors_origins = &node->config->cors_origins,
        .origins = node->origins,
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
    conf.tables[0].routes = vr_routes(&conf.tables[0].count);
    conf.tables[1].routes = vr_admin_routes(&conf.tables[1].count);
    err = vr_http_new(&conf, &node->http);
    if (err == VR_OK && node->certificate != NULL) {
        node_certificate_changed(node, vr_certificate_tls(node->certificate),
                                 vr_certificate_trusted(node->certificate));
    }
    return err;
}
