/* node_trace.c - the node's spans: opened as the settings say, and handed to who asks. */
#include "actors/base/log.h"
#include "nodes/node_internal.h"
#include "nodes/tracer.h"

enum vr_err node_trace_open(struct vr_node *node)
{
    const struct vr_config *config = node->config;
    const struct vr_tracer_conf conf = {.endpoint = config->tracing_endpoint,
                                        .ca = config->tracing_ca,
                                        .node = node->env.node,
                                        .clock = vr_clock_system(),
                                        .random = vr_random_system(),
                                        .share = config->tracing_share};

    if (config->tracing_endpoint[0] == '\0') {
        return VR_OK;
    }
    vr_log(VR_LOG_INFO, "requests are traced", VR_S("ratio", config->tracing_ratio));
    return vr_tracer_new(&conf, &node->tracer);
}

struct vr_tracer *vr_node_tracer(const struct vr_node *node)
{
    return node->tracer;
}
