/* sim_network.c - messages between simulated nodes, and the trace. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/base/owner.h"
#include "actors/messages/envelope.h"
#include "actors/runtime/sim_internal.h"

struct packet {
    struct vr_list link; /* vr_sim.packets, by time of arrival */
    vr_time_us at;
    struct vr_sim_node *from, *to;
    struct vr_buf bytes;
};

/* Linked nowhere any more. */
static void free_packet(struct packet *packet)
{
    vr_buf_deinit(&packet->bytes);
    free(packet);
}

void vr_sim_drop_packets(struct vr_sim *sim, const struct vr_sim_node *to)
{
    VR_LIST_EACH(link, &sim->packets)
    {
        struct packet *packet = VR_OWNER(link, struct packet, link);

        if (to == NULL || packet->to == to) {
            vr_list_remove(link);
            free_packet(packet);
        }
    }
}

/* Behind all that arrives earlier or at the same time. */
static void insert_packet(struct vr_sim *sim, struct packet *packet)
{
    struct vr_list *behind = sim->packets.prev;

    while (behind != &sim->packets && VR_OWNER(behind, struct packet, link)->at > packet->at) {
        behind = behind->prev;
    }
    vr_list_push(behind->next, &packet->link);
}

static enum vr_err transmit(struct vr_sim_node *from, struct vr_sim_node *to, struct vr_msg *msg)
{
    struct vr_sim *sim = from->sim;
    struct packet *packet;
    enum vr_err err;

    if (from->crashing || from->cut[to->number]) {
        vr_msg_clear(msg); /* lost on the way: the sender can't know */
        return VR_OK;
    }
    packet = calloc(1, sizeof(*packet));
    if (packet == NULL) {
        return VR_E_NO_MEMORY;
    }
    vr_list_init(&packet->link);
    err = vr_envelope_encode(msg, sim->now, &packet->bytes);
    if (err != VR_OK) {
        free_packet(packet);
        return err;
    }
    packet->from = from;
    packet->to = to;
    packet->at = sim->now + vr_sim_between(sim, sim->delays.message_min, sim->delays.message_max);
    if (packet->at < from->last_arrival[to->number]) {
        packet->at = from->last_arrival[to->number];
    }
    from->last_arrival[to->number] = packet->at;
    insert_packet(sim, packet);
    vr_msg_clear(msg);
    return VR_OK;
}

enum vr_err vr_sim_route(void *ctx, struct vr_msg *msg)
{
    struct vr_sim_node *node = ctx;
    uint32_t number = 0;

    if (msg->to.kind == VR_ACTOR_ASK) {
        number = msg->to.sub;
    } else if (node->conf.locate != NULL) {
        number = node->conf.locate(node->conf.ctx, &msg->to);
    }
    if (number == 0 || number == node->number || number > node->sim->node_count) {
        return VR_E_NOT_FOUND;
    }
    return transmit(node, node->sim->nodes[number - 1], msg);
}

static void arrive(struct packet *packet)
{
    struct vr_sim *sim = packet->to->sim;
    struct vr_sim_node *to = packet->to;
    struct vr_msg msg;
    enum vr_err err = vr_envelope_decode(vr_buf_bytes(&packet->bytes), sim->now, &msg);

    if (sim->trace_all) {
        vr_sim_trace(sim, "%s -> %s %s", packet->from->name, to->name,
                     err == VR_OK ? vr_msg_name(msg.kind) : vr_err_code(err));
    }
    free_packet(packet);
    if (err == VR_OK && to->system != NULL) {
        struct vr_address asker = msg.from;

        err = vr_system_deliver(to->system, &msg);
        if (err != VR_OK) {
            vr_ask_refuse(to->system, asker, err);
        }
    }
    vr_msg_clear(&msg);
}

void vr_sim_arrivals(struct vr_sim *sim)
{
    struct vr_list due; /* packet.link */
    struct vr_list *link;

    vr_list_init(&due);
    while ((link = vr_list_pop(&sim->packets)) != NULL) {
        struct packet *packet = VR_OWNER(link, struct packet, link);

        if (packet->at > sim->now) {
            vr_list_push(sim->packets.next, link); /* back to the front */
            break;
        }
        vr_list_push(&due, link);
    }
    while ((link = vr_list_pop(&due)) != NULL) {
        arrive(VR_OWNER(link, struct packet, link));
    }
}

vr_time_us vr_sim_next_arrival(const struct vr_sim *sim)
{
    return vr_list_empty(&sim->packets) ? VR_NEVER
                                        : VR_OWNER(sim->packets.next, struct packet, link)->at;
}

/* ---- the trace ---- */

void vr_sim_trace(struct vr_sim *sim, const char *format, ...)
{
    vr_time_us since = sim->now - START;
    char line[600];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    vr_buf_printf(&sim->trace, "[%5lld.%03lld] %s\n", (long long)(since / 1000),
                  (long long)(since % 1000), line);
}

void vr_sim_trace_all(struct vr_sim *sim, bool on)
{
    sim->trace_all = on;
}

const char *vr_sim_trace_text(const struct vr_sim *sim)
{
    return sim->trace.size == 0 ? "" : (const char *)sim->trace.data;
}
