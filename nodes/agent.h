/* agent.h - what a load balancer asks: a line of text for each connection to agent_port, as
 * HAProxy's agent-check reads it: "ready up 63%" (the weight falls as the stress grows), "drain"
 * (nobody new), "down". */
#ifndef VR_NODES_AGENT_H
#define VR_NODES_AGENT_H

#include <stdbool.h>
#include <stddef.h>

#include "actors/base/err.h"

struct vr_node;
struct uv_loop_s;
struct vr_agent;

/** The sockets, when agent_port is set; else *out stays NULL. Errors: as vr_listen_open. */
VR_MUST_CHECK enum vr_err vr_agent_new(struct vr_node *node, struct vr_agent **out,
                                       struct vr_why *why);
/** After the loop. NULL is fine. */
void vr_agent_free(struct vr_agent *agent);
/** On the control worker's loop. NULL is fine. */
void vr_agent_open(struct vr_agent *agent, struct uv_loop_s *loop);
void vr_agent_close(struct vr_agent *agent);

/** Pure: the line. */
void vr_agent_line(bool ready, bool draining, double stress, char *out, size_t size);

#endif
