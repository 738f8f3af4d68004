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
    uint32_t lane; /* 0: an envelope; else that of a frame + 1 */
    struct vr_buf bytes;
};

struct sim_call {
    struct vr_list link; /* vr_sim.calls, by time */
    vr_time_us at;
    struct vr_sim_node *node; /* NULL: nobody's */
    void (*fn)(void *ctx);
    void *ctx;
};

/* Linked nowhere any more. */
static void free_packet(struct packet *packet)
{
    vr_buf_deinit(&packet->bytes);
    free(packet);
}

static void drop_of(struct vr_list *packets, const struct vr_sim_node *to)
{
    VR_LIST_EACH(link, packets)
    {
        struct packet *packet = VR_OWNER(link, struct packet, link);

        if (to == NULL || packet->to == to) {
            vr_list_remove(link);
            free_packet(packet);
        }
    }
}

void vr_sim_drop_packets(struct vr_sim *sim, const struct vr_sim_node *to)
{
    drop_of(&sim->packets, to);
    for (uint32_t i = 0; i < sim->node_count; i++) {
        drop_of(&sim->nodes[i]->door, to);
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

static bool happens(struct vr_sim *sim, uint32_t permille)
{
    return vr_random_below(&sim->random.random, 1000) < permille;
}

/* Takes `bytes`. False: out of memory. */
static bool put_on_link(struct vr_sim_node *from, struct vr_sim_node *to, uint32_t lane,
                        struct vr_buf *bytes)
{
    struct vr_sim *sim = from->sim;
    vr_time_us *last = &from->last_arrival[to->number][lane];
    struct packet *packet = bytes->failed ? NULL : calloc(1, sizeof(*packet));

    if (packet == NULL) {
        vr_buf_deinit(bytes);
        return false;
    }
    *packet = (struct packet){.from = from, .to = to, .lane = lane, .bytes = *bytes};
    *bytes = (struct vr_buf){0};
    vr_list_init(&packet->link);
    packet->at = sim->now + vr_sim_between(sim, sim->delays.message_min, sim->delays.message_max);
    if (packet->at < *last) {
        packet->at = *last;
    }
    *last = packet->at;
    if (sim->faults.overtaken > 0 && happens(sim, sim->faults.overtaken)) {
        packet->at += vr_sim_between(sim, 0, VR_MS(50));
    }
    insert_packet(sim, packet);
    return true;
}

/* Cut, or lost by chance: the sender can't know. */
static bool is_lost(struct vr_sim_node *from, const struct vr_sim_node *to)
{
    return from->crashing || from->cut[to->number] ||
           (from->sim->faults.lost > 0 && happens(from->sim, from->sim->faults.lost));
}

static bool comes_twice(struct vr_sim *sim)
{
    return sim->faults.doubled > 0 && happens(sim, sim->faults.doubled);
}

static enum vr_err transmit(struct vr_sim_node *from, struct vr_sim_node *to, struct vr_msg *msg)
{
    uint32_t copies = comes_twice(from->sim) ? 2 : 1;

    if (is_lost(from, to)) {
        vr_msg_clear(msg);
        return VR_OK;
    }
    for (uint32_t i = 0; i < copies; i++) {
        struct vr_buf bytes = {0};
        enum vr_err err = vr_envelope_encode(msg, from->sim->now, &bytes);

        if (err != VR_OK) {
            vr_buf_deinit(&bytes);
            return err;
        }
        if (!put_on_link(from, to, 0, &bytes)) {
            return VR_E_NO_MEMORY;
        }
    }
    vr_msg_clear(msg);
    return VR_OK;
}

bool vr_sim_send_frame(struct vr_sim_node *from, struct vr_sim_node *to, uint32_t lane,
                       struct vr_bytes bytes)
{
    uint32_t copies = comes_twice(from->sim) ? 2 : 1;

    if (is_lost(from, to)) {
        return true;
    }
    for (uint32_t i = 0; i < copies; i++) {
        struct vr_buf copy = {0};

        vr_buf_append(&copy, bytes.data, bytes.size);
        if (!put_on_link(from, to, 1 + lane, &copy)) {
            return false;
        }
    }
    return true;
}

enum vr_err vr_sim_route(void *ctx, struct vr_msg *msg)
{
    struct vr_sim_node *node = ctx;
    uint32_t number = 0;

    if (node->conf.route != NULL) {
        return node->conf.route(node->conf.ctx, msg);
    }
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

static void arrive_frame(struct packet *packet)
{
    struct vr_sim_node *to = packet->to;

    if (to->system != NULL && to->conf.frame != NULL) {
        to->conf.frame(to->conf.ctx, packet->from, packet->lane - 1, vr_buf_bytes(&packet->bytes));
    }
    free_packet(packet);
}

static void arrive(struct packet *packet)
{
    struct vr_sim *sim = packet->to->sim;
    struct vr_sim_node *to = packet->to;
    struct vr_msg msg;
    enum vr_err err;

    if (to->paused) {
        vr_list_push(&to->door, &packet->link);
        return;
    }
    if (packet->lane != 0) {
        arrive_frame(packet);
        return;
    }
    err = vr_envelope_decode(vr_buf_bytes(&packet->bytes), sim->now, &msg);

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

void vr_sim_open_door(struct vr_sim_node *node)
{
    struct vr_list *link;

    while ((link = vr_list_pop(&node->door)) != NULL) {
        struct packet *packet = VR_OWNER(link, struct packet, link);

        packet->at = node->sim->now;
        insert_packet(node->sim, packet);
    }
}

/* ---- calls ---- */

static void insert_call(struct vr_sim *sim, struct sim_call *call)
{
    struct vr_list *behind = sim->calls.prev;

    while (behind != &sim->calls && VR_OWNER(behind, struct sim_call, link)->at > call->at) {
        behind = behind->prev;
    }
    vr_list_push(behind->next, &call->link);
}

bool vr_sim_at(struct vr_sim *sim, struct vr_sim_node *node, vr_time_us at, void (*fn)(void *ctx),
               void *ctx)
{
    struct sim_call *call = calloc(1, sizeof(*call));

    if (call == NULL) {
        return false;
    }
    *call = (struct sim_call){.at = at, .node = node, .fn = fn, .ctx = ctx};
    insert_call(sim, call);
    return true;
}

void vr_sim_run_calls(struct vr_sim *sim)
{
    while (!vr_list_empty(&sim->calls)) {
        struct sim_call *call = VR_OWNER(sim->calls.next, struct sim_call, link);

        if (call->at > sim->now) {
            return;
        }
        (void)vr_list_pop(&sim->calls);
        if (call->node != NULL && call->node->paused) {
            call->at = sim->now + VR_MS(25); /* asks again until it goes on */
            insert_call(sim, call);
            continue;
        }
        call->fn(call->ctx);
        free(call);
    }
}

vr_time_us vr_sim_next_call(const struct vr_sim *sim)
{
    return vr_list_empty(&sim->calls) ? VR_NEVER
                                      : VR_OWNER(sim->calls.next, struct sim_call, link)->at;
}

void vr_sim_drop_calls(struct vr_sim *sim)
{
    struct vr_list *link;

    while ((link = vr_list_pop(&sim->calls)) != NULL) {
        free(VR_OWNER(link, struct sim_call, link));
    }
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
