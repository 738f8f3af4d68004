/* sim_kit.h - a cluster in one thread: N nodes with all that voiceroomd runs of it (the cluster's
 * objects, replicas, rooms), a simulated network and a model of etcd. Sessions, shards and lobbies
 * are stand-ins that answer. For tests and for the randomised simulation; included after cmocka.h.
 *
 *     struct ck *kit = ck_new(seed, 3);
 *     ck_until(kit, ck_all_joined, VR_SECONDS(10));
 *     ck_ask(kit, &kit->nodes[2], room, command, &answer);       at node 2, whoever owns the room
 *     ck_crash(kit, 1); ... ck_start(kit, 1); ... ck_free(kit);
 *
 * Nodes are numbered from 1; nodes[0] is nobody. */
#ifndef VR_CLUSTER_SIM_KIT_H
#define VR_CLUSTER_SIM_KIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "actors/room/room_actor.h"
#include "actors/runtime/env.h"
#include "actors/runtime/sim.h"
#include "cluster/cluster.h"
#include "cluster/kv_model.h"
#include "cluster/sim_transport.h"
#include "store/personal.h"
#include "store/records.h"

#define CK_NODES 8

struct ck;
struct ck_node {
    struct ck *kit;
    uint32_t number;
    struct vr_sim_node *sim;
    struct vr_cluster *cluster; /* NULL: crashed */
    struct vr_transport *transport;
    struct vr_records *records;
    struct vr_personal *personal;
    struct vr_room_services services;
    struct vr_env env; /* vr_system_context: the node is found by it */
    char region[16];
    uint32_t protocol;      /* 0: as the program's */
    bool goes_on;           /* its next start: with the lease of the life before (member_keep.c) */
    struct vr_links *links; /* of speech; NULL: none. The test's own */
    bool hangs;             /* a worker does not tick: the lease is not to be renewed */
    uint32_t deployed;      /* told so often that deployment rows have changed */
    uint32_t events;
};

struct ck {
    struct vr_sim *sim;
    struct vr_kv_model *etcd;
    uint32_t count;
    struct ck_node nodes[CK_NODES + 1];
    uint32_t waiting; /* answers */
    vr_time_us idle;  /* of rooms */
    vr_time_us grace; /* of people who are lost */
    vr_time_us host_grace;
    const struct vr_actor_class *session; /* instead of the one that only counts; may be NULL */
    const struct vr_actor_class *shard;   /* instead of the one that only answers; may be NULL */
};

/** What came back for a command. */
struct ck_answer {
    struct ck *kit;
    bool done;
    enum vr_err err;
    uint64_t epoch, sequence;
    vr_participant_id participant;
    uint32_t generation;
    char body[4096];
};

/* ---- stand-ins ---- */

static inline struct ck_node *ck_node_of(const struct vr_system *system)
{
    return VR_OWNER((struct vr_env *)vr_system_context(system), struct ck_node, env);
}

static inline struct vr_cluster *ck_lookup(const struct vr_system *system)
{
    return ck_node_of(system)->cluster;
}

static inline enum vr_err ck_session(struct vr_actor *actor, void *state, struct vr_msg *msg,
                                     struct vr_why *why)
{
    struct vr_msg pong = {.kind = VR_MSG_PONG};

    (void)state;
    (void)why;
    if (msg->kind == VR_MSG_PING) {
        vr_reply(vr_actor_system(actor), msg, &pong);
    } else if (msg->kind == VR_MSG_EVENT) {
        ck_node_of(vr_actor_system(actor))->events++;
    }
    return VR_OK;
}

static inline enum vr_err ck_shard(struct vr_actor *actor, void *state, struct vr_msg *msg,
                                   struct vr_why *why)
{
    struct vr_msg done = {.kind = VR_MSG_GATE_DONE};

    (void)state;
    (void)why;
    if (msg->kind == VR_MSG_GATE && msg->from.kind == VR_ACTOR_ASK) {
        done.as.gate = msg->as.gate;
        vr_reply(vr_actor_system(actor), msg, &done);
    }
    return VR_OK;
}

static inline enum vr_err ck_lobby(struct vr_actor *actor, void *state, struct vr_msg *msg,
                                   struct vr_why *why)
{
    (void)actor;
    (void)state;
    (void)msg;
    (void)why;
    return VR_OK;
}

static inline const struct vr_actor_class *ck_classify(void *ctx, const struct vr_address *address)
{
    static const struct vr_actor_class session = {.kind = VR_ACTOR_SESSION,
                                                  .name = "session",
                                                  .worker = VR_WORKER_CONTROL,
                                                  .handle = ck_session};
    static const struct vr_actor_class shard = {
        .kind = VR_ACTOR_SHARD, .name = "shard", .worker = VR_WORKER_MEDIA, .handle = ck_shard};
    static const struct vr_actor_class lobby = {
        .kind = VR_ACTOR_LOBBY, .name = "lobby", .worker = VR_WORKER_CONTROL, .handle = ck_lobby};

    const struct ck *kit = ((const struct ck_node *)ctx)->kit;

    return address->kind == VR_ACTOR_ROOM      ? vr_room_class()
           : address->kind == VR_ACTOR_SESSION ? (kit->session != NULL ? kit->session : &session)
           : address->kind == VR_ACTOR_SHARD   ? (kit->shard != NULL ? kit->shard : &shard)
           : address->kind == VR_ACTOR_LOBBY   ? &lobby
           : address->kind == VR_ACTOR_CLUSTER ? vr_cluster_class()
           : address->kind == VR_ACTOR_REPLICA ? vr_replica_class()
                                               : NULL;
}

/* ---- nodes ---- */

static inline enum vr_err ck_route(void *ctx, struct vr_msg *msg)
{
    struct ck_node *node = ctx;

    return node->cluster == NULL ? VR_E_GONE : vr_cluster_route(node->cluster, msg);
}

static inline void ck_frame(void *ctx, struct vr_sim_node *from, uint32_t lane,
                            struct vr_bytes bytes)
{
    struct ck_node *node = ctx;

    if (node->cluster != NULL) {
        vr_sim_transport_frame(node->transport, from, lane, bytes);
    }
}

static inline bool ck_lively(void *ctx)
{
    return !((struct ck_node *)ctx)->hangs;
}

static inline void ck_deployed(void *ctx)
{
    ((struct ck_node *)ctx)->deployed++;
}

static inline bool ck_marked(void *ctx, struct vr_id room, vr_participant_id participant,
                             const char *user)
{
    return vr_cluster_marked(ctx, room, participant, user);
}

static inline void ck_services(struct ck_node *node)
{
    uint8_t pepper[32] = {4, 5, 6}; /* the same on all: people are known by it */

    assert_int_equal(vr_personal_new(vr_sim_node_records(node->sim), pepper, &node->personal),
                     VR_OK);
    node->services = (struct vr_room_services){.personal = node->personal,
                                               .take = vr_cluster_take,
                                               .release = vr_cluster_release,
                                               .closed = vr_cluster_closed,
                                               .holds = vr_cluster_holds,
                                               .life = vr_cluster_life,
                                               .contact = vr_cluster_contact,
                                               .marked = ck_marked,
                                               .ctx = node->cluster};
    node->env = (struct vr_env){
        .capacity_max = 1000,
        .capacity_default = 100,
        .speaker_capacity_default = 10,
        .grace = node->kit->grace,
        .idle = node->kit->idle,
        .host_grace = node->kit->host_grace,
        .chat_per_10s = 10,
        .reactions_per_10s = 20,
        .room_services = &node->services,
    };
}

/** Start it, or start it again after a crash; it joins by itself. */
static inline void ck_start(struct ck *kit, uint32_t number)
{
    struct ck_node *node = &kit->nodes[number];
    char control[32];
    char key[48];
    struct vr_cluster_conf conf = {
        .number = number,
        .name = vr_sim_node_name(node->sim),
        .region = node->region,
        .protocol = node->protocol,
        .url = "https://node.example",
        .control = control,
        .bulk = "",
        .link = node->links == NULL ? "" : "10.0.0.1:7500",
        .links = node->links,
        .curve_key = key,
        .media_workers = 1,
        .clock = vr_sim_clock(kit->sim),
        .random = vr_sim_node_random(node->sim),
        .local = vr_sim_node_records(node->sim),
        .lively = ck_lively,
        .deployed = ck_deployed,
        .goes_on = node->goes_on,
        .ctx = node,
    };
    struct vr_sim_node_conf sim_conf = {
        .classify = ck_classify,
        .cluster_workers = 1,
        .route = ck_route,
        .frame = ck_frame,
        .ctx = node,
        .node_context = &node->env,
    };

    snprintf(control, sizeof(control), "sim:%u", number);
    snprintf(key, sizeof(key), "key of %u", number);
    assert_int_equal(vr_cluster_new(&conf, &node->cluster, &node->records), VR_OK);
    ck_services(node);
    sim_conf.records = node->records;
    assert_int_equal(vr_sim_start(node->sim, &sim_conf), VR_OK);
    node->transport = vr_sim_transport_new(kit->sim, node->sim, vr_cluster_frame, node->cluster);
    vr_cluster_attach(node->cluster, vr_sim_node_system(node->sim),
                      vr_kv_model_client(kit->etcd, node->sim), node->transport);
    vr_cluster_join(node->cluster);
}

/** kill -9: what had not landed is lost, its lease runs on. */
static inline void ck_crash(struct ck *kit, uint32_t number)
{
    struct ck_node *node = &kit->nodes[number];

    vr_sim_crash(node->sim);
    vr_cluster_free(node->cluster);
    node->cluster = NULL;
    vr_personal_free(node->personal);
    node->personal = NULL;
}

/** Before any node is started: `prepare` may write to the stores (vr_sim_prepare). */
static inline struct ck *ck_new_nodes(uint64_t seed, uint32_t count)
{
    static const char *const names[] = {"", "a", "b", "c", "d", "e", "f", "g", "h"};
    struct ck *kit = calloc(1, sizeof(*kit));

    kit->sim = vr_sim_new(seed);
    kit->etcd = vr_kv_model_new(kit->sim);
    kit->count = count;
    kit->idle = VR_SECONDS(60);
    kit->grace = VR_SECONDS(15);
    kit->host_grace = VR_SECONDS(20);
    for (uint32_t i = 1; i <= count; i++) {
        kit->nodes[i] =
            (struct ck_node){.kit = kit, .number = i, .sim = vr_sim_add_node(kit->sim, names[i])};
    }
    vr_cluster_set_lookup(ck_lookup);
    return kit;
}

static inline struct ck *ck_new(uint64_t seed, uint32_t count)
{
    struct ck *kit = ck_new_nodes(seed, count);

    for (uint32_t i = 1; i <= count; i++) {
        ck_start(kit, i);
    }
    return kit;
}

static inline void ck_free(struct ck *kit)
{
    for (uint32_t i = 1; i <= kit->count; i++) {
        if (kit->nodes[i].cluster != NULL) {
            ck_crash(kit, i);
        }
    }
    vr_sim_free(kit->sim);
    vr_kv_model_free(kit->etcd);
    free(kit);
}

/** The store forgets that the node has ever been in a cluster. */
static inline void ck_forget(struct ck *kit, uint32_t number)
{
    struct vr_commit *commit = vr_commit_new((struct vr_id){0}, 0, UINT64_MAX);
    struct vr_sim_node *sim = kit->nodes[number].sim;

    vr_commit_remove_prefix(commit, VR_TABLE_META, vr_bytes_of("cluster."));
    vr_sim_prepare(sim, true);
    assert_int_equal(vr_records_commit(vr_sim_node_records(sim), commit, NULL), VR_OK);
    vr_sim_prepare(sim, false);
}

/* ---- running ---- */

static inline void ck_run(struct ck *kit, vr_time_us time)
{
    (void)vr_sim_run_until(kit->sim, NULL, NULL, time);
}

static inline bool ck_until(struct ck *kit, bool (*done)(struct ck *kit), vr_time_us limit)
{
    return vr_sim_run_until(kit->sim, (bool (*)(void *))(uintptr_t)done, kit, limit);
}

static inline bool ck_is_in(struct ck *kit, uint32_t number)
{
    struct vr_cluster *cluster = kit->nodes[number].cluster;

    return cluster != NULL && vr_cluster_state(cluster, NULL) == VR_CLUSTER_JOINED;
}

/** Every node that runs is in, and they all see each other. */
static inline bool ck_all_joined(struct ck *kit)
{
    struct vr_cluster_node seen[VR_CLUSTER_NODES_MAX];
    uint32_t up = 0;

    for (uint32_t i = 1; i <= kit->count; i++) {
        up += kit->nodes[i].cluster != NULL ? 1 : 0;
    }
    for (uint32_t i = 1; i <= kit->count; i++) {
        if (kit->nodes[i].cluster != NULL &&
            (!ck_is_in(kit, i) ||
             vr_cluster_nodes(kit->nodes[i].cluster, seen, VR_CLUSTER_NODES_MAX) != up)) {
            return false;
        }
    }
    return true;
}

/** The node that holds the room now, by its own view; 0: nobody does. Asserts that not two do: of
 * two epochs one must be past its deadline. */
static inline uint32_t ck_holder(struct ck *kit, struct vr_id room, uint64_t *epoch)
{
    uint32_t found = 0;

    for (uint32_t i = 1; i <= kit->count; i++) {
        struct vr_cluster_owner owner;

        if (kit->nodes[i].cluster != NULL && !vr_sim_paused(kit->nodes[i].sim) &&
            vr_cluster_owner(kit->nodes[i].cluster, room, &owner) && owner.node == i &&
            vr_cluster_holds(kit->nodes[i].cluster, room, owner.epoch)) {
            found = i;
            if (epoch != NULL) {
                *epoch = owner.epoch;
            }
        }
    }
    return found;
}

/* ---- asking rooms ---- */

static inline void ck_on_answer(void *ctx, enum vr_err err, struct vr_msg *msg)
{
    struct ck_answer *out = ctx;
    const struct vr_answer *answer =
        err == VR_OK && msg->kind == VR_MSG_ANSWER ? msg->as.answer : NULL;

    out->done = true;
    out->err = answer == NULL ? err : answer->err;
    if (answer != NULL) {
        out->epoch = answer->epoch;
        out->sequence = answer->sequence;
        out->participant = answer->participant;
        out->generation = answer->generation;
        snprintf(out->body, sizeof(out->body), "%s", vr_blob_text(answer->body));
    }
    out->kit->waiting--;
}

/** Takes `command`; `out` must outlive the answer. */
static inline void ck_ask(struct ck *kit, uint32_t at, struct vr_id room,
                          struct vr_command *command, struct ck_answer *out)
{
    struct vr_msg msg = {.kind = VR_MSG_COMMAND, .to = vr_room_address(room)};

    *out = (struct ck_answer){.kit = kit};
    kit->waiting++;
    msg.as.command = command;
    vr_ask(vr_system_worker(vr_sim_node_system(kit->nodes[at].sim), VR_WORKER_CONTROL, 0), &msg,
           VR_SECONDS(8), ck_on_answer, out);
}

static inline bool ck_answered(struct ck *kit)
{
    return kit->waiting == 0;
}

static inline enum vr_err ck_tell(struct ck *kit, uint32_t at, struct vr_id room,
                                  struct vr_command *command, struct ck_answer *out)
{
    ck_ask(kit, at, room, command, out);
    (void)ck_until(kit, ck_answered, VR_SECONDS(20));
    return out->done ? out->err : VR_E_TIMEOUT;
}

static inline struct vr_command *ck_command(struct ck *kit, enum vr_command_kind kind,
                                            const char *user)
{
    struct vr_command *command = vr_command_new(kind);

    command->id = vr_random_id(vr_sim_random(kit->sim));
    snprintf(command->by.user, sizeof(command->by.user), "%s", user);
    snprintf(command->by.name, sizeof(command->by.name), "%s", user);
    snprintf(command->by.address, sizeof(command->by.address), "192.0.2.1");
    command->by.granted = VR_ROLE_LISTENER;
    return command;
}

static inline struct vr_command *ck_create(struct ck *kit, const char *user, const char *title)
{
    struct vr_command *command = ck_command(kit, VR_CMD_CREATE, user);

    command->settings = calloc(1, sizeof(*command->settings));
    command->settings->set = VR_SET_TITLE;
    snprintf(command->settings->title, sizeof(command->settings->title), "%s", title);
    return command;
}

/** `user` joins with a session and a shard on node `at`. */
static inline struct vr_command *ck_join(struct ck *kit, uint32_t at, struct vr_id room,
                                         const char *user)
{
    struct vr_command *command = ck_command(kit, VR_CMD_JOIN, user);

    struct vr_msg here = {.kind = VR_MSG_CLUSTER, .to = vr_replica_address(room, at)};

    command->session = vr_session_address_at(vr_random_id(vr_sim_random(kit->sim)), at);
    here.from = command->session; /* as a session does: events reach it by its node's replica */
    here.as.note.type = VR_NOTE_SESSION;
    vr_system_post(vr_sim_node_system(kit->nodes[at].sim), &here);
    command->shard = vr_shard_address(room, vr_shard_number(at, 0));
    return command;
}

static inline struct vr_command *ck_show(struct ck *kit, const char *user, enum vr_show what)
{
    struct vr_command *command = ck_command(kit, VR_CMD_SHOW, user);

    command->by.admin = true;
    command->want = what;
    return command;
}

#endif
