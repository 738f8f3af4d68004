/* node_loops.c - the loops of a node's workers: what they open, do before each wait, and close. */
#include "nodes/node_internal.h"

static enum vr_err media_opened(void *ctx, struct vr_worker *worker, struct uv_loop_s *loop,
                                struct vr_why *why)
{
    struct media_part *part = ctx;
    enum vr_err err = vr_media_port_open(part->port, loop, why);

    (void)worker;
    if (err == VR_OK && part->link != NULL) {
        err = vr_link_port_open(part->link, loop, why);
        if (err != VR_OK) {
            vr_media_port_close(part->port);
        }
    }
    return err;
}

static void media_before_wait(void *ctx, vr_time_us now)
{
    const struct media_part *part = ctx;

    vr_media_port_before_wait(part->port, now);
    if (part->link != NULL) {
        vr_link_port_before_wait(part->link);
    }
}

static void media_closing(void *ctx)
{
    const struct media_part *part = ctx;

    vr_media_port_close(part->port);
    if (part->link != NULL) {
        vr_link_port_close(part->link);
    }
}

static enum vr_err control_opened(void *ctx, struct vr_worker *worker, struct uv_loop_s *loop,
                                  struct vr_why *why)
{
    struct control_part *part = ctx;
    uint32_t count = part->socket_count;
    enum vr_err err = VR_OK;

    node_return_sessions(part->node, worker);
    part->socket_count = 0; /* theirs from now on */
    err = vr_http_open(part->node->http, worker, loop, part->sockets, count, &part->http, why);

    if (err == VR_OK) {
        node_reload_open(part->node, loop);
        vr_agent_open(part->node->agent, loop);
        if (part->node->cluster == NULL) {
            node_load_start(part->node, worker);
        }
    }
    return err;
}

static void control_before_wait(void *ctx, vr_time_us now)
{
    (void)now;
    vr_http_flush(((struct control_part *)ctx)->http);
}

static void control_closing(void *ctx)
{
    struct control_part *part = ctx;
    struct vr_http_worker *http = part->http;

    node_reload_close(part->node);
    vr_agent_close(part->node->agent);
    if (!vr_http_closed(http)) {
        vr_http_close(http, 0);
    }
}

enum vr_err node_media_start(struct vr_node *node, struct vr_why *why)
{
    enum vr_err err = VR_OK;

    node_return_find(node);
    node_return_shards(node);
    for (uint32_t i = 0; i < node->media_count && err == VR_OK; i++) {
        const struct vr_loop_hooks hooks = {.opened = media_opened,
                                            .before_wait = media_before_wait,
                                            .closing = media_closing,
                                            .ctx = &node->media[i]};

        node->media[i].node = node;
        err = vr_loop_start(vr_system_worker(node->system, VR_WORKER_MEDIA, i), &hooks,
                            &node->media[i].loop, why);
    }
    return err;
}

enum vr_err node_loops_start(struct vr_node *node, struct vr_why *why)
{
    enum vr_err err = node->cluster == NULL ? VR_OK : node_cluster_start(node, why);

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

void node_loops_stop(struct vr_node *node)
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
    node_cluster_stop(node);
}

vr_time_us vr_node_longest_still(const struct vr_node *node)
{
    const struct vr_clock *clock = vr_clock_system();
    vr_time_us now = clock->now(clock->ctx);
    vr_time_us oldest = node->cluster_loop == NULL ? now : vr_loop_ticked(node->cluster_loop);

    for (uint32_t i = 0; i < node->control_count; i++) {
        vr_time_us ticked = vr_loop_ticked(node->control[i].loop);

        oldest = ticked < oldest ? ticked : oldest;
    }
    for (uint32_t i = 0; i < node->media_count; i++) {
        vr_time_us ticked = vr_loop_ticked(node->media[i].loop);

        oldest = ticked < oldest ? ticked : oldest;
    }
    return now - oldest;
}
