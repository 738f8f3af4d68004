/* agent.c - a TCP port that says one line and closes; nothing is read from it. */
#include "nodes/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "cluster/cluster.h"
#include "nodes/config.h"
#include "nodes/listen.h"
#include "nodes/node.h"
#include "nodes/vitals.h"

#define BACKLOG 16

struct listening {
    uv_tcp_t tcp;
    struct vr_agent *agent;
    bool open;
};

struct vr_agent {
    struct vr_node *node;
    int fds[VR_LISTEN_MAX]; /* -1: libuv's by now */
    uint32_t count;
    struct listening listening[VR_LISTEN_MAX];
};

void vr_agent_line(bool ready, bool draining, double stress, char *out, size_t size)
{
    int weight = (int)((1 - stress) * 100 + 0.5);

    if (draining) {
        snprintf(out, size, "drain\n");
    } else if (!ready) {
        snprintf(out, size, "down\n");
    } else { /* a weight of 0 would be a drain */
        snprintf(out, size, "ready up %d%%\n", weight < 1 ? 1 : weight > 100 ? 100 : weight);
    }
}

enum vr_err vr_agent_new(struct vr_node *node, struct vr_agent **out, struct vr_why *why)
{
    const struct vr_config *config = vr_node_config(node);
    uint16_t port = (uint16_t)config->agent_port;
    struct vr_agent *agent = NULL;
    enum vr_err err;

    *out = NULL;
    if (config->agent_port == 0) {
        return VR_OK;
    }
    agent = calloc(1, sizeof(*agent));
    if (agent == NULL) {
        return vr_fail(why, VR_E_NO_MEMORY, "memory is out");
    }
    agent->node = node;
    err = vr_listen_open(config->agent_address, &port, false, agent->fds, &agent->count,
                         "agent_port", why);
    if (err != VR_OK) {
        agent->count = 0;
        vr_agent_free(agent);
        return err;
    }
    *out = agent;
    return VR_OK;
}

void vr_agent_free(struct vr_agent *agent)
{
    for (uint32_t i = 0; agent != NULL && i < agent->count; i++) {
        if (agent->fds[i] >= 0) {
            close(agent->fds[i]);
        }
    }
    free(agent);
}

static void on_gone(uv_handle_t *handle)
{
    free(handle);
}

static void say(struct vr_agent *agent, uv_stream_t *to)
{
    struct vr_cluster *cluster = vr_node_cluster(agent->node);
    struct vr_buf ignored = {0};
    struct vr_stress stress;
    char line[32];
    uv_buf_t text;

    vr_node_stress(agent->node, &stress);
    vr_agent_line(vr_node_ready(agent->node, &ignored),
                  vr_node_draining(agent->node) ||
                      (cluster != NULL && vr_cluster_draining(cluster)),
                  stress.level, line, sizeof(line));
    vr_buf_deinit(&ignored);
    text = uv_buf_init(line, (unsigned)strlen(line));
    (void)uv_try_write(to, &text, 1); /* an empty socket takes so little, or nobody is there */
}

static void on_connection(uv_stream_t *server, int status)
{
    struct listening *listening = VR_OWNER((uv_tcp_t *)server, struct listening, tcp);
    uv_tcp_t *client = status == 0 ? calloc(1, sizeof(*client)) : NULL;

    if (client == NULL) {
        return;
    }
    if (uv_tcp_init(server->loop, client) != 0) {
        free(client);
        return;
    }
    if (uv_accept(server, (uv_stream_t *)client) == 0) {
        say(listening->agent, (uv_stream_t *)client);
    }
    uv_close((uv_handle_t *)client, on_gone);
}

void vr_agent_open(struct vr_agent *agent, struct uv_loop_s *loop)
{
    for (uint32_t i = 0; agent != NULL && i < agent->count; i++) {
        struct listening *one = &agent->listening[i];

        one->agent = agent;
        one->open = uv_tcp_init(loop, &one->tcp) == 0;
        if (one->open && uv_tcp_open(&one->tcp, agent->fds[i]) == 0) {
            agent->fds[i] = -1;
        }
        if (agent->fds[i] >= 0 ||
            uv_listen((uv_stream_t *)&one->tcp, BACKLOG, on_connection) != 0) {
            vr_log(VR_LOG_ERROR, "load balancers get no answer at agent_port");
        }
    }
}

void vr_agent_close(struct vr_agent *agent)
{
    for (uint32_t i = 0; agent != NULL && i < agent->count; i++) {
        if (agent->listening[i].open) {
            uv_close((uv_handle_t *)&agent->listening[i].tcp, NULL);
        }
    }
}
