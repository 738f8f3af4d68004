/* sim_transport.c - see the header. */
#include "cluster/sim_transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/base/owner.h"
#include "cluster/cluster.h"

struct sim_transport {
    struct vr_transport transport;
    struct vr_sim *sim;
    struct vr_sim_node *node;
    vr_frame_fn in;
    void *ctx;
    struct vr_transport_peer peers[VR_CLUSTER_NODES_MAX];
    uint32_t count;
};

static struct vr_sim_node *node_of(const struct sim_transport *self,
                                   const struct vr_transport_peer *peer)
{
    char *end = NULL;
    unsigned long number;

    if (strncmp(peer->control, "sim:", 4) != 0) {
        return NULL;
    }
    number = strtoul(peer->control + 4, &end, 10);
    return end != peer->control + 4 ? vr_sim_node_at(self->sim, (uint32_t)number) : NULL;
}

static enum vr_err on_send(struct vr_transport *transport, uint32_t node, enum vr_frame_lane lane,
                           struct vr_bytes frame)
{
    struct sim_transport *self = VR_OWNER(transport, struct sim_transport, transport);

    if (frame.size > VR_FRAME_MAX) {
        return VR_E_TOO_LARGE;
    }
    for (uint32_t i = 0; i < self->count; i++) {
        struct vr_sim_node *to = node_of(self, &self->peers[i]);

        if (self->peers[i].node == node && to != NULL) {
            return vr_sim_send_frame(self->node, to, lane == VR_FRAME_CONTROL ? 0 : 1, frame)
                       ? VR_OK
                       : VR_E_NO_MEMORY;
        }
    }
    return VR_E_NOT_FOUND;
}

static enum vr_err on_peers(struct vr_transport *transport, const struct vr_transport_peer *peers,
                            uint32_t count)
{
    struct sim_transport *self = VR_OWNER(transport, struct sim_transport, transport);

    self->count = count < VR_CLUSTER_NODES_MAX ? count : VR_CLUSTER_NODES_MAX;
    memcpy(self->peers, peers, self->count * sizeof(*peers));
    return VR_OK;
}

static void on_close(struct vr_transport *transport)
{
    free(VR_OWNER(transport, struct sim_transport, transport));
}

struct vr_transport *vr_sim_transport_new(struct vr_sim *sim, struct vr_sim_node *node,
                                          vr_frame_fn in, void *ctx)
{
    static const struct vr_transport_ops ops = {on_send, on_peers, on_close};
    struct sim_transport *self = calloc(1, sizeof(*self));

    if (self == NULL) {
        return NULL;
    }
    *self = (struct sim_transport){.transport.ops = &ops, .sim = sim, .node = node};
    self->in = in;
    self->ctx = ctx;
    return &self->transport;
}

void vr_sim_transport_frame(struct vr_transport *transport, struct vr_sim_node *from, uint32_t lane,
                            struct vr_bytes bytes)
{
    struct sim_transport *self = VR_OWNER(transport, struct sim_transport, transport);

    for (uint32_t i = 0; i < self->count; i++) {
        if (node_of(self, &self->peers[i]) == from) {
            self->in(self->ctx, self->peers[i].node, lane == 0 ? VR_FRAME_CONTROL : VR_FRAME_BULK,
                     bytes);
            return;
        }
    }
}
