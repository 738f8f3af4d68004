/* sim.c - nodes, network, store and time of a simulation. */
#include "actors/runtime/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "actors/base/owner.h"
#include "actors/messages/envelope.h"
#include "actors/runtime/internal.h"
#include "store/memory.h"

#define NODES_MAX 16
#define START VR_SECONDS(1000)
#define WALL_AT_START VR_SECONDS(1800000000) /* some day in January 2027 */
#define TURNS_MAX 1000000                    /* in one moment */

struct packet {
    struct vr_list link; /* vr_sim.packets, by time of arrival */
    vr_time_us at;
    struct vr_sim_node *from, *to;
    struct vr_buf bytes;
};

struct vr_sim_node {
    struct vr_sim *sim;
    uint32_t number;
    char name[32];
    struct vr_records *records;
    struct vr_random_seeded random;
    struct vr_sim_node_conf conf;
    struct vr_system *system;
    bool crashing;
    vr_time_us lands_at; /* the oldest commit; VR_NEVER: none waits */
    uint32_t commits_to_fail;
    enum vr_err commit_err;
    bool cut[NODES_MAX + 1];                /* by the other's number */
    vr_time_us last_arrival[NODES_MAX + 1]; /* of what was sent to it: links keep order */
};

struct vr_sim {
    vr_time_us now;
    struct vr_clock clock;
    struct vr_random_seeded random;  /* the network's and the scheduler's */
    struct vr_random_seeded scripts; /* vr_sim_random */
    struct vr_sim_delays delays;
    uint32_t node_count;
    struct vr_sim_node *nodes[NODES_MAX];
    struct vr_list packets; /* packet.link */
    struct vr_buf trace;
    bool trace_all;
};

static vr_time_us sim_now(void *ctx)
{
    return ((const struct vr_sim *)ctx)->now;
}

static vr_time_us sim_wall(void *ctx)
{
    return WALL_AT_START + ((const struct vr_sim *)ctx)->now - START;
}

static vr_time_us between(struct vr_sim *sim, vr_time_us min, vr_time_us max)
{
    return min + (vr_time_us)vr_random_below(&sim->random.random, (uint64_t)(max - min) + 1);
}

struct vr_sim *vr_sim_new(uint64_t seed)
{
    struct vr_sim *sim = calloc(1, sizeof(*sim));

    if (sim == NULL) {
        return NULL;
    }
    sim->now = START;
    sim->clock = (struct vr_clock){sim_now, sim_wall, sim};
    sim->delays = (struct vr_sim_delays){200, 2000, 1000, 8000};
    vr_random_seeded_init(&sim->random, seed);
    vr_random_seeded_init(&sim->scripts, seed ^ 0x5c121975u);
    vr_list_init(&sim->packets);
    return sim;
}

/* Linked nowhere any more. */
static void free_packet(struct packet *packet)
{
    vr_buf_deinit(&packet->bytes);
    free(packet);
}

static void drop_packets(struct vr_sim *sim, const struct vr_sim_node *to)
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

/* They never land. Who submitted them is told, so that he can free what he passed along, but what
 * he then sends is handled by nobody. */
static void lose_commits(struct vr_sim_node *node)
{
    if (node->system != NULL) {
        while (vr_memory_step(node->records, VR_E_GONE)) {
        }
    }
    vr_memory_crash(node->records);
}

void vr_sim_free(struct vr_sim *sim)
{
    if (sim == NULL) {
        return;
    }
    for (uint32_t i = 0; i < sim->node_count; i++) {
        sim->nodes[i]->crashing = true; /* nothing leaves any more */
    }
    for (uint32_t i = 0; i < sim->node_count; i++) {
        lose_commits(sim->nodes[i]);
        vr_system_free(sim->nodes[i]->system);
        vr_memory_free(sim->nodes[i]->records);
        free(sim->nodes[i]);
    }
    drop_packets(sim, NULL);
    vr_buf_deinit(&sim->trace);
    free(sim);
}

void vr_sim_set_delays(struct vr_sim *sim, const struct vr_sim_delays *delays)
{
    sim->delays = *delays;
}

struct vr_sim_node *vr_sim_add_node(struct vr_sim *sim, const char *name)
{
    struct vr_sim_node *node;

    if (sim->node_count == NODES_MAX) {
        return NULL;
    }
    node = calloc(1, sizeof(*node));
    if (node == NULL || vr_memory_new(&node->records) != VR_OK) {
        free(node);
        return NULL;
    }
    node->sim = sim;
    node->number = sim->node_count + 1;
    node->lands_at = VR_NEVER;
    snprintf(node->name, sizeof(node->name), "%s", name);
    vr_random_seeded_init(&node->random, vr_random_u64(&sim->random.random));
    sim->nodes[sim->node_count++] = node;
    return node;
}

/* ---- the network ---- */

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
    packet->at = sim->now + between(sim, sim->delays.message_min, sim->delays.message_max);
    if (packet->at < from->last_arrival[to->number]) {
        packet->at = from->last_arrival[to->number];
    }
    from->last_arrival[to->number] = packet->at;
    insert_packet(sim, packet);
    vr_msg_clear(msg);
    return VR_OK;
}

static enum vr_err route(void *ctx, struct vr_msg *msg)
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

/* ---- nodes ---- */

static uint32_t node_place(void *ctx, const struct vr_address *address)
{
    struct vr_sim_node *node = ctx;

    return node->conf.place(node->conf.ctx, address);
}

static const struct vr_actor_class *node_classify(void *ctx, const struct vr_address *address)
{
    struct vr_sim_node *node = ctx;

    return node->conf.classify == NULL ? NULL : node->conf.classify(node->conf.ctx, address);
}

static void node_failed(void *ctx, const struct vr_address *address, const struct vr_why *why)
{
    struct vr_sim_node *node = ctx;

    vr_sim_trace(node->sim, "%s gave up an actor: %s", node->name, why->text);
    if (node->conf.failed != NULL) {
        node->conf.failed(node->conf.ctx, address, why);
    }
}

enum vr_err vr_sim_start(struct vr_sim_node *node, const struct vr_sim_node_conf *conf)
{
    struct vr_system_conf system = {
        .clock = &node->sim->clock,
        .random = &node->random.random,
        .records = node->records,
        .node = node->number,
        .control_workers = conf->control_workers == 0 ? 1 : conf->control_workers,
        .media_workers = conf->media_workers == 0 ? 1 : conf->media_workers,
        .place = conf->place == NULL ? NULL : node_place,
        .classify = node_classify,
        .route = route,
        .failed = node_failed,
        .ctx = node,
        .node_context = conf->node_context,
    };

    if (node->system != NULL) {
        return VR_E_EXISTS;
    }
    node->conf = *conf;
    node->crashing = false;
    return vr_system_new(&system, &node->system);
}

void vr_sim_crash(struct vr_sim_node *node)
{
    node->crashing = true;
    lose_commits(node);
    vr_system_free(node->system);
    vr_memory_crash(node->records); /* what actors wrote while they were closed never was */
    node->system = NULL;
    node->lands_at = VR_NEVER;
    drop_packets(node->sim, node);
}

void vr_sim_cut(struct vr_sim_node *a, struct vr_sim_node *b, bool cut)
{
    a->cut[b->number] = cut;
    b->cut[a->number] = cut;
}

void vr_sim_fail_commits(struct vr_sim_node *node, uint32_t count, enum vr_err err)
{
    node->commits_to_fail = count;
    node->commit_err = err;
}

void vr_sim_prepare(struct vr_sim_node *node, bool immediate)
{
    vr_memory_set_immediate(node->records, immediate);
}

uint32_t vr_sim_node_number(const struct vr_sim_node *node)
{
    return node->number;
}

const char *vr_sim_node_name(const struct vr_sim_node *node)
{
    return node->name;
}

struct vr_system *vr_sim_node_system(struct vr_sim_node *node)
{
    return node->system;
}

struct vr_records *vr_sim_node_records(struct vr_sim_node *node)
{
    return node->records;
}

const struct vr_random *vr_sim_node_random(struct vr_sim_node *node)
{
    return &node->random.random;
}

/* ---- time ---- */

/* A commit waits and nobody has decided yet when it lands. */
static void schedule_landing(struct vr_sim_node *node)
{
    struct vr_sim *sim = node->sim;
    struct vr_records_stats stats;

    vr_records_stats(node->records, &stats);
    if (stats.waiting > 0 && node->lands_at == VR_NEVER) {
        node->lands_at = sim->now + between(sim, sim->delays.commit_min, sim->delays.commit_max);
    }
}

static void land(struct vr_sim_node *node)
{
    enum vr_err outcome = VR_OK;

    if (node->commits_to_fail > 0) {
        node->commits_to_fail--;
        outcome = node->commit_err;
    }
    node->lands_at = VR_NEVER;
    if (node->sim->trace_all) {
        vr_sim_trace(node->sim, "%s commit lands: %s", node->name, vr_err_code(outcome));
    }
    (void)vr_memory_step(node->records, outcome);
    schedule_landing(node);
}

static struct vr_worker *worker_at(struct vr_system *system, uint32_t place)
{
    uint32_t control = vr_system_worker_count(system, VR_WORKER_CONTROL);

    return place < control ? vr_system_worker(system, VR_WORKER_CONTROL, place)
                           : vr_system_worker(system, VR_WORKER_MEDIA, place - control);
}

static vr_time_us earlier(vr_time_us a, vr_time_us b)
{
    return a < b ? a : b;
}

/* One turn of each worker of a node, beginning with any; returns when the node wants to run again.
 */
static vr_time_us turn_node(struct vr_sim_node *node)
{
    struct vr_sim *sim = node->sim;
    vr_time_us next = VR_NEVER;
    uint32_t count;
    uint32_t first;

    if (node->system == NULL) {
        return VR_NEVER;
    }
    count = vr_system_worker_count(node->system, VR_WORKER_CONTROL) +
            vr_system_worker_count(node->system, VR_WORKER_MEDIA);
    first = (uint32_t)vr_random_below(&sim->random.random, count);
    for (uint32_t i = 0; i < count; i++) {
        struct vr_worker *worker = worker_at(node->system, (first + i) % count);

        next = earlier(next, vr_worker_turn(worker, sim->now));
    }
    for (uint32_t i = 0; i < count; i++) { /* what one sent to another that had its turn before */
        if (vr_worker_signalled(worker_at(node->system, i))) {
            next = sim->now;
        }
    }
    schedule_landing(node);
    return next;
}

static vr_time_us turn_all(struct vr_sim *sim)
{
    uint32_t first = (uint32_t)vr_random_below(&sim->random.random, sim->node_count);
    vr_time_us next = VR_NEVER;

    for (uint32_t i = 0; i < sim->node_count; i++) {
        next = earlier(next, turn_node(sim->nodes[(first + i) % sim->node_count]));
    }
    return next;
}

static vr_time_us next_event(const struct vr_sim *sim)
{
    vr_time_us next = VR_NEVER;

    if (!vr_list_empty(&sim->packets)) {
        next = VR_OWNER(sim->packets.next, struct packet, link)->at;
    }
    for (uint32_t i = 0; i < sim->node_count; i++) {
        next = earlier(next, sim->nodes[i]->lands_at);
    }
    return next;
}

static void run_events(struct vr_sim *sim)
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
    for (uint32_t i = 0; i < sim->node_count; i++) {
        if (sim->nodes[i]->lands_at <= sim->now) {
            land(sim->nodes[i]);
        }
    }
}

bool vr_sim_run_until(struct vr_sim *sim, bool (*done)(void *ctx), void *ctx, vr_time_us limit)
{
    vr_time_us end = sim->now + limit;
    uint32_t turns = 0;

    while (sim->node_count > 0 && !(done != NULL && done(ctx))) {
        vr_time_us next = turn_all(sim);

        if (done != NULL && done(ctx)) {
            return true;
        }
        next = earlier(next, next_event(sim));
        if (next > sim->now) {
            turns = 0;
        } else if (++turns > TURNS_MAX) {
            vr_sim_trace(sim, "given up: this moment does not end");
            return false;
        }
        if (next == VR_NEVER || next > end) {
            sim->now = next == VR_NEVER ? sim->now : end;
            return false;
        }
        sim->now = next > sim->now ? next : sim->now;
        run_events(sim);
    }
    return done != NULL && done(ctx);
}

vr_time_us vr_sim_now(const struct vr_sim *sim)
{
    return sim->now;
}

const struct vr_clock *vr_sim_clock(const struct vr_sim *sim)
{
    return &sim->clock;
}

const struct vr_random *vr_sim_random(struct vr_sim *sim)
{
    return &sim->scripts.random;
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
