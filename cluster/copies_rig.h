/* copies_rig.h - for tests of the copies half: three nodes in a simulation, with a directory that
 * is a table here instead of etcd, and a room's actor that is this test: it submits commits in a
 * chain. */
#ifndef VR_CLUSTER_COPIES_RIG_H
#define VR_CLUSTER_COPIES_RIG_H

#include <stdlib.h>

#include "actors/room/copy.h"
#include "actors/runtime/sim.h"
#include "cluster/copies.h"
#include "store/memory.h"
#include "store/personal.h"

#define RIG_NODES 3u
#define RIG_ROOM ((struct vr_id){0x726f6f6d, 7})
#define RIG_KEPT 512u

struct rig;

struct rig_node {
    struct rig *rig;
    struct vr_sim_node *sim;
    struct vr_cluster cluster;
    struct vr_records *records;
    struct vr_personal *personal;
    struct vr_room_services services;
    struct vr_env env;
    uint32_t number;
    bool up;
};

/* What etcd would say. */
struct rig {
    struct vr_sim *sim;
    struct rig_node nodes[RIG_NODES + 1]; /* by number */
    struct vr_list laters;                /* rig_later.link */
    uint32_t owner, partner;
    uint64_t epoch;
    uint32_t replacements;
    bool directory_gone;
    uint32_t durable_rows, deployed_rows;
    /* the chain of the room's owner */
    uint64_t head, head_epoch;
    uint32_t acknowledged, refused;
    uint64_t acknowledged_revision;
    enum vr_err error;
    vr_time_us asked_at, answered_at;
    /* replica_seal, replica_install */
    bool sealed;
    enum vr_err seal_err;
    uint32_t events[RIG_NODES + 1]; /* that sessions got */
    uint64_t event_last[8];         /* of each session */
    bool events_in_order;
    uint32_t silent;               /* a node; 0: none */
    uint32_t unmet;                /* has not been told of the others; 0: none */
    struct vr_id ended;            /* the session that was told so last */
    uint32_t lasts[RIG_NODES + 1]; /* events that end a session */
    uint32_t gates_shut[RIG_NODES + 1], gates_open[RIG_NODES + 1]; /* told to shards */
    uint32_t gates_speak[RIG_NODES + 1];                           /* of these, for speech */
    struct vr_id taken[64]; /* commands that the room's actor got */
    struct vr_actor_identity taken_by[64];
    uint32_t announced[RIG_NODES + 1]; /* sessions there were told that there is an owner */
    uint32_t taken_count;
};

static struct rig *rig; /* one at a time: the functions below have no other way to it */

static inline struct rig_node *rig_of(struct vr_cluster *cluster)
{
    return VR_OWNER(cluster, struct rig_node, cluster);
}

/* ---- the directory half, as internal.h has it ---- */

uint32_t cluster_self(const struct vr_cluster *cluster)
{
    return rig_of((struct vr_cluster *)(uintptr_t)cluster)->number;
}

uint32_t cluster_partner(struct vr_cluster *cluster, struct vr_id room)
{
    (void)room;
    return rig->owner == cluster_self(cluster) ? rig->partner : 0;
}

bool cluster_alive(struct vr_cluster *cluster, uint32_t node)
{
    (void)cluster;
    return node > 0 && node <= RIG_NODES && rig->nodes[node].up;
}

bool cluster_silent(struct vr_cluster *cluster, uint32_t node)
{
    (void)cluster;
    return node == rig->silent && node != 0;
}

bool cluster_met(struct vr_cluster *cluster, uint32_t node)
{
    return node != 0 && (node == cluster_self(cluster) || node != rig->unmet);
}

uint32_t cluster_candidate(struct vr_cluster *cluster, struct vr_id room, uint32_t except)
{
    (void)room;
    for (uint32_t i = RIG_NODES; i > 0; i--) {
        if (i != except && i != cluster_self(cluster) && rig->nodes[i].up &&
            !vr_sim_paused(rig->nodes[i].sim)) {
            return i;
        }
    }
    return 0;
}

uint32_t cluster_owner(struct vr_cluster *cluster, struct vr_id room, uint64_t *epoch)
{
    (void)cluster;
    (void)room;
    *epoch = rig->epoch;
    return rig->owner;
}

bool cluster_holds(struct vr_cluster *cluster, struct vr_id room, uint64_t epoch)
{
    (void)room;
    return !rig->directory_gone &&
           /* a deposed owner does not know it yet: only the fence stops it */
           (rig->owner == cluster_self(cluster) ? epoch <= rig->epoch : epoch < rig->epoch);
}

struct rig_later {
    struct vr_list link; /* rig.laters */
    struct vr_cluster *cluster;
    void (*fn)(struct vr_cluster *cluster, void *ctx);
    cluster_partner_fn partner_told;
    cluster_done_fn done;
    void *ctx;
    uint64_t epoch;
    uint32_t next;
};

static inline void rig_call(void *ctx)
{
    struct rig_later *later = ctx;
    struct rig_later copy = *later;
    struct rig_node *node = rig_of(copy.cluster);

    vr_list_remove(&later->link);
    free(later);
    if (vr_sim_node_system(node->sim) == NULL) {
        return;
    }
    if (copy.fn != NULL) {
        copy.fn(copy.cluster, copy.ctx);
    } else if (copy.done != NULL) {
        copy.done(copy.ctx, copy.epoch == rig->epoch ? VR_OK : VR_E_FENCED);
    } else if (copy.epoch != rig->epoch || rig->owner != node->number) {
        copy.partner_told(copy.ctx, VR_E_FENCED, 0);
    } else {
        rig->partner = copy.next;
        rig->replacements++;
        copy.partner_told(copy.ctx, VR_OK, copy.next);
    }
}

static inline bool rig_later(const struct rig_later *what, vr_time_us after)
{
    struct rig_later *later = malloc(sizeof(*later));

    *later = *what;
    vr_list_push(&rig->laters, &later->link);
    return vr_sim_at(rig->sim, rig_of(what->cluster)->sim, vr_sim_now(rig->sim) + after, rig_call,
                     later);
}

bool cluster_call(struct vr_cluster *cluster, void (*fn)(struct vr_cluster *cluster, void *ctx),
                  void *ctx)
{
    return rig_later(&(struct rig_later){.cluster = cluster, .fn = fn, .ctx = ctx}, 0);
}

void cluster_replace_partner(struct vr_cluster *cluster, struct vr_id room, uint64_t epoch,
                             uint32_t next, cluster_partner_fn done, void *ctx)
{
    (void)room;
    (void)rig_later(
        &(struct rig_later){
            .cluster = cluster, .partner_told = done, .ctx = ctx, .epoch = epoch, .next = next},
        VR_MS(5));
}

void cluster_durable(struct vr_cluster *cluster, struct vr_id room, uint64_t epoch,
                     uint64_t revision, const struct cluster_row *rows, uint32_t count,
                     cluster_done_fn done, void *ctx)
{
    (void)room;
    (void)revision;
    (void)rows;
    rig->durable_rows += count;
    (void)rig_later(
        &(struct rig_later){.cluster = cluster, .done = done, .ctx = ctx, .epoch = epoch},
        VR_MS(5));
}

void cluster_deploy(struct vr_cluster *cluster, const struct cluster_row *rows, uint32_t count,
                    cluster_done_fn done, void *ctx)
{
    (void)rows;
    rig->deployed_rows += count;
    (void)rig_later(
        &(struct rig_later){.cluster = cluster, .done = done, .ctx = ctx, .epoch = rig->epoch},
        VR_MS(5));
}

enum vr_cluster_state vr_cluster_state(struct vr_cluster *cluster, struct vr_why *why)
{
    (void)cluster;
    (void)why;
    return rig->directory_gone ? VR_CLUSTER_FROZEN : VR_CLUSTER_JOINED;
}

void cluster_send_note(struct vr_cluster *cluster, struct vr_address from, struct vr_address to,
                       uint32_t type, uint64_t number, struct vr_blob *bytes)
{
    struct vr_msg msg = {.kind = VR_MSG_CLUSTER, .from = from, .to = to, .deadline = VR_NEVER};

    msg.as.note.type = type;
    msg.as.note.number = number;
    msg.as.note.bytes = vr_blob_retain(bytes);
    vr_system_post(cluster->system, &msg);
}

struct vr_cluster *cluster_of(const struct vr_system *system);
struct vr_cluster *cluster_of(const struct vr_system *system)
{
    for (uint32_t i = 1; i <= RIG_NODES; i++) {
        if (rig->nodes[i].cluster.system == system) {
            return &rig->nodes[i].cluster;
        }
    }
    return NULL;
}

/* ---- actors ---- */

static inline enum vr_err rig_cluster_actor(struct vr_actor *actor, void *state, struct vr_msg *msg,
                                            struct vr_why *why)
{
    (void)state;
    (void)why;
    if (msg->kind == VR_MSG_CLUSTER) {
        assert_true(replica_note(cluster_of(vr_actor_system(actor)), msg));
    }
    return VR_OK;
}

static inline enum vr_err rig_session(struct vr_actor *actor, void *state, struct vr_msg *msg,
                                      struct vr_why *why)
{
    uint32_t node = vr_actor_address(actor).sub;

    (void)state;
    (void)why;
    if (msg->kind == VR_MSG_EVENT) {
        rig->events[node]++;
        rig->lasts[node] += msg->as.event.last;
        if (msg->as.event.last) {
            rig->ended = vr_actor_address(actor).id;
        }
        uint64_t *last = &rig->event_last[vr_actor_address(actor).id.lo % 8];

        rig->events_in_order = rig->events_in_order && msg->as.event.sequence > *last;
        *last = msg->as.event.sequence;
    }
    rig->announced[node] += msg->kind == VR_MSG_CLUSTER && msg->as.note.type == VR_NOTE_OWNER;
    return VR_OK;
}

static inline enum vr_err rig_shard(struct vr_actor *actor, void *state, struct vr_msg *msg,
                                    struct vr_why *why)
{
    uint32_t node = vr_shard_node(vr_actor_address(actor).sub);
    struct vr_msg done = {.kind = VR_MSG_GATE_DONE};

    (void)state;
    (void)why;
    if (msg->kind == VR_MSG_GATE) {
        rig->gates_shut[node] += !msg->as.gate.may_send;
        rig->gates_open[node] += msg->as.gate.may_hear;
        rig->gates_speak[node] += msg->as.gate.may_send;
        done.as.gate = msg->as.gate;
        vr_reply(vr_actor_system(actor), msg, &done);
    }
    return VR_OK;
}

static inline enum vr_err rig_room(struct vr_actor *actor, void *state, struct vr_msg *msg,
                                   struct vr_why *why)
{
    struct vr_msg answer = {.kind = VR_MSG_ANSWER};

    (void)state;
    (void)why;
    if (msg->kind == VR_MSG_COMMAND) {
        assert_true(rig->taken_count < 64);
        rig->taken_by[rig->taken_count] = msg->as.command->by;
        rig->taken[rig->taken_count++] = msg->as.command->id;
        answer.as.answer = vr_answer_new(VR_OK, NULL);
        vr_reply(vr_actor_system(actor), msg, &answer);
    }
    return VR_OK;
}

static inline const struct vr_actor_class *rig_classify(void *ctx, const struct vr_address *address)
{
    static const struct vr_actor_class cluster = {.kind = VR_ACTOR_CLUSTER,
                                                  .name = "cluster",
                                                  .worker = VR_WORKER_CLUSTER,
                                                  .handle = rig_cluster_actor};
    static const struct vr_actor_class session = {.kind = VR_ACTOR_SESSION,
                                                  .name = "session",
                                                  .worker = VR_WORKER_CONTROL,
                                                  .handle = rig_session};

    static const struct vr_actor_class shard = {
        .kind = VR_ACTOR_SHARD, .name = "shard", .worker = VR_WORKER_MEDIA, .handle = rig_shard};
    static const struct vr_actor_class room = {
        .kind = VR_ACTOR_ROOM, .name = "room", .worker = VR_WORKER_CONTROL, .handle = rig_room};

    (void)ctx;
    return address->kind == VR_ACTOR_SHARD     ? &shard
           : address->kind == VR_ACTOR_ROOM    ? &room
           : address->kind == VR_ACTOR_CLUSTER ? &cluster
           : address->kind == VR_ACTOR_SESSION ? &session
           : address->kind == VR_ACTOR_REPLICA ? vr_replica_class()
                                               : NULL;
}

static inline uint32_t rig_locate(void *ctx, const struct vr_address *address)
{
    const struct rig_node *node = ctx;

    if (address->kind == VR_ACTOR_ROOM) {
        return rig->owner == node->number ? 0 : rig->owner;
    }
    if (address->kind == VR_ACTOR_SHARD) {
        return vr_shard_node(address->sub) == node->number ? 0 : vr_shard_node(address->sub);
    }
    return address->sub == node->number || address->kind == VR_ACTOR_ASK ? 0 : address->sub;
}

/* ---- life ---- */

static inline void rig_up(uint32_t number)
{
    struct rig_node *node = &rig->nodes[number];
    struct vr_sim_node_conf conf = {.classify = rig_classify,
                                    .locate = rig_locate,
                                    .cluster_workers = 1,
                                    .ctx = node,
                                    .node_context = &node->env};
    static const uint8_t pepper[32] = {7};

    node->cluster = (struct vr_cluster){0};
    node->cluster.conf.local = vr_sim_node_records(node->sim);
    node->cluster.conf.clock = vr_sim_clock(rig->sim);
    assert_int_equal(replicate_new(&node->cluster, &node->records), VR_OK);
    conf.records = node->records;
    assert_int_equal(vr_personal_new(node->records, pepper, &node->personal), VR_OK);
    node->services = (struct vr_room_services){.personal = node->personal};
    node->env = (struct vr_env){.room_services = &node->services,
                                .capacity_max = 100,
                                .capacity_default = 100,
                                .speaker_capacity_default = 10,
                                .grace = VR_SECONDS(15),
                                .host_grace = VR_SECONDS(60),
                                .audience = 200};
    assert_int_equal(vr_sim_start(node->sim, &conf), VR_OK);
    node->cluster.system = vr_sim_node_system(node->sim);
    node->cluster.worker = vr_system_worker(node->cluster.system, VR_WORKER_CLUSTER, 0);
    for (uint32_t i = 0; i < CLUSTER_VIEW_NODES; i++) {
        atomic_store(&node->cluster.view.alive[i], i < RIG_NODES ? i + 1 : 0);
    }
    node->up = true;
    replicate_attach(&node->cluster);
}

static inline void rig_crash(uint32_t number)
{
    struct rig_node *node = &rig->nodes[number];

    vr_sim_crash(node->sim);
    node->up = false;
    seals_free(node->cluster.copies);
    replicate_free(&node->cluster);
    node->cluster.system = NULL;
    vr_personal_free(node->personal);
}

static inline void rig_new(uint64_t seed)
{
    static const char *const names[] = {"", "a", "b", "c"};

    rig = calloc(1, sizeof(*rig));
    rig->sim = vr_sim_new(seed);
    rig->events_in_order = true;
    vr_list_init(&rig->laters);
    for (uint32_t i = 1; i <= RIG_NODES; i++) {
        rig->nodes[i].rig = rig;
        rig->nodes[i].number = i;
        rig->nodes[i].sim = vr_sim_add_node(rig->sim, names[i]);
        rig_up(i);
    }
}

static inline void rig_free(void)
{
    for (uint32_t i = 1; i <= RIG_NODES; i++) {
        if (rig->nodes[i].up) {
            rig_crash(i);
        }
    }
    vr_sim_free(rig->sim);
    while (!vr_list_empty(&rig->laters)) {
        free(VR_OWNER(vr_list_pop(&rig->laters), struct rig_later, link));
    }
    free(rig);
    rig = NULL;
}

static inline void rig_run(vr_time_us time)
{
    (void)vr_sim_run_until(rig->sim, NULL, NULL, time);
}

static inline bool rig_until(bool (*done)(void *ctx), vr_time_us limit)
{
    return vr_sim_run_until(rig->sim, done, NULL, limit);
}

/* The node owns the room from now on: what the directory half does at the end of a take. */
static inline void rig_own(uint32_t number, uint64_t epoch)
{
    for (uint32_t i = 1; i <= RIG_NODES; i++) {
        if (rig->nodes[i].up && i != number && rig->owner == i) {
            replica_owned(&rig->nodes[i].cluster, RIG_ROOM, 0);
        }
    }
    rig->owner = number;
    rig->epoch = epoch;
    rig->partner = 0;
    replica_owned(&rig->nodes[number].cluster, RIG_ROOM, epoch);
    assert_int_equal(vr_records_head(vr_sim_node_records(rig->nodes[number].sim), RIG_ROOM,
                                     &rig->head_epoch, &rig->head),
                     VR_OK);
}

static inline void rig_told(void *ctx, uint64_t ticket, enum vr_err err, uint64_t revision)
{
    (void)ctx;
    (void)ticket;
    rig->answered_at = vr_sim_now(rig->sim);
    if (err == VR_OK) {
        rig->acknowledged++;
        rig->acknowledged_revision = revision;
    } else {
        rig->refused++;
        rig->error = err;
    }
}

static inline struct vr_bytes rig_key(uint8_t key[20], uint32_t row)
{
    vr_id_put(key, RIG_ROOM);
    vr_put32(key + 16, row);
    return vr_bytes(key, 20);
}

/* One commit of the room's actor at `number`: row number = revision. */
static inline void rig_submit(uint32_t number, bool durable)
{
    struct vr_commit *commit = vr_commit_new(RIG_ROOM, rig->epoch, rig->head);
    uint8_t key[20];
    uint8_t value[8];

    commit->expected_epoch = rig->head_epoch;
    rig->head_epoch = commit->epoch;
    rig->head++;
    vr_put64(value, rig->head);
    if (durable) {
        vr_commit_put_durable(commit, VR_TABLE_BANS, rig_key(key, (uint32_t)rig->head),
                              vr_bytes(value, 8));
    } else {
        vr_commit_put(commit, VR_TABLE_COMMANDS, rig_key(key, (uint32_t)rig->head),
                      vr_bytes(value, 8));
    }
    rig->asked_at = vr_sim_now(rig->sim);
    vr_records_submit(rig->nodes[number].records, commit, rig_told, NULL);
}

static inline bool rig_has_row(uint32_t number, uint64_t revision)
{
    struct vr_records *local = vr_sim_node_records(rig->nodes[number].sim);
    struct vr_buf out = {0};
    uint8_t key[20];
    bool found =
        vr_records_get(local, VR_TABLE_COMMANDS, rig_key(key, (uint32_t)revision), &out) == VR_OK ||
        vr_records_get(local, VR_TABLE_BANS, rig_key(key, (uint32_t)revision), &out) == VR_OK;

    vr_buf_deinit(&out);
    return found;
}

static inline void rig_head(uint32_t number, uint64_t *epoch, uint64_t *revision)
{
    assert_int_equal(
        vr_records_head(vr_sim_node_records(rig->nodes[number].sim), RIG_ROOM, epoch, revision),
        VR_OK);
}

static inline void rig_on_sealed(void *ctx, enum vr_err err)
{
    (void)ctx;
    rig->sealed = true;
    rig->seal_err = err;
}

#endif
