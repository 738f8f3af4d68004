/* sim.c - nodes, stores and time of a simulation. */
#include "actors/runtime/sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "actors/runtime/sim_internal.h"
#include "store/memory.h"

static vr_time_us sim_now(void *ctx)
{
    return ((const struct vr_sim *)ctx)->now;
}

static vr_time_us sim_wall(void *ctx)
{
    return WALL_AT_START + ((const struct vr_sim *)ctx)->now - START;
}

static vr_time_us node_now(void *ctx)
{
    return ((const struct vr_sim_node *)ctx)->sim->now;
}

static vr_time_us node_wall(void *ctx)
{
    const struct vr_sim_node *node = ctx;

    return sim_wall(node->sim) + node->wall_ahead;
}

void vr_sim_jump_wall(struct vr_sim_node *node, vr_time_us by)
{
    node->wall_ahead += by;
}

vr_time_us vr_sim_between(struct vr_sim *sim, vr_time_us min, vr_time_us max)
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
    vr_list_init(&sim->calls);
    return sim;
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
    }
    vr_sim_drop_packets(sim, NULL);
    vr_sim_drop_calls(sim);
    for (uint32_t i = 0; i < sim->node_count; i++) {
        free(sim->nodes[i]);
    }
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
    node->clock = (struct vr_clock){node_now, node_wall, node};
    vr_list_init(&node->door);
    snprintf(node->name, sizeof(node->name), "%s", name);
    vr_random_seeded_init(&node->random, vr_random_u64(&sim->random.random));
    sim->nodes[sim->node_count++] = node;
    return node;
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
        .clock = &node->clock,
        .random = &node->random.random,
        .records = conf->records == NULL ? node->records : conf->records,
        .node = node->number,
        .control_workers = conf->control_workers == 0 ? 1 : conf->control_workers,
        .media_workers = conf->media_workers == 0 ? 1 : conf->media_workers,
        .cluster_workers = conf->cluster_workers,
        .place = conf->place == NULL ? NULL : node_place,
        .classify = node_classify,
        .route = vr_sim_route,
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
    node->paused = false;
    vr_sim_drop_packets(node->sim, node);
}

void vr_sim_cut(struct vr_sim_node *a, struct vr_sim_node *b, bool cut)
{
    a->cut[b->number] = cut;
    b->cut[a->number] = cut;
}

void vr_sim_cut_way(struct vr_sim_node *a, struct vr_sim_node *b, bool cut)
{
    a->cut[b->number] = cut;
}

void vr_sim_set_faults(struct vr_sim *sim, const struct vr_sim_faults *faults)
{
    sim->faults = *faults;
}

void vr_sim_pause(struct vr_sim_node *node, bool paused)
{
    node->paused = paused;
    if (!paused) {
        vr_sim_open_door(node);
    }
}

bool vr_sim_paused(const struct vr_sim_node *node)
{
    return node->paused;
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

struct vr_sim_node *vr_sim_node_at(struct vr_sim *sim, uint32_t number)
{
    return number == 0 || number > sim->node_count ? NULL : sim->nodes[number - 1];
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
        node->lands_at =
            sim->now + vr_sim_between(sim, sim->delays.commit_min, sim->delays.commit_max);
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
    uint32_t media = vr_system_worker_count(system, VR_WORKER_MEDIA);

    if (place < control) {
        return vr_system_worker(system, VR_WORKER_CONTROL, place);
    }
    return place < control + media
               ? vr_system_worker(system, VR_WORKER_MEDIA, place - control)
               : vr_system_worker(system, VR_WORKER_CLUSTER, place - control - media);
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

    if (node->system == NULL || node->paused) {
        return VR_NEVER;
    }
    count = vr_system_worker_count(node->system, VR_WORKER_CONTROL) +
            vr_system_worker_count(node->system, VR_WORKER_MEDIA) +
            vr_system_worker_count(node->system, VR_WORKER_CLUSTER);
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
    vr_time_us next = earlier(vr_sim_next_arrival(sim), vr_sim_next_call(sim));

    for (uint32_t i = 0; i < sim->node_count; i++) {
        if (!sim->nodes[i]->paused) {
            next = earlier(next, sim->nodes[i]->lands_at);
        }
    }
    return next;
}

static void run_events(struct vr_sim *sim)
{
    vr_sim_arrivals(sim);
    vr_sim_run_calls(sim);
    for (uint32_t i = 0; i < sim->node_count; i++) {
        if (sim->nodes[i]->lands_at <= sim->now && !sim->nodes[i]->paused) {
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
