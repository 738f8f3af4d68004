/* node_system.c - what the actor system asks of its node: where an actor lives, what class it has,
 * who owns a room, whose token was withdrawn; and the environment that actors see. */
#include <string.h>

#include "actors/base/log.h"
#include "nodes/auth_ref.h"
#include "nodes/node_internal.h"
#include "nodes/tracer.h"

static uint32_t place(void *ctx, const struct vr_address *address)
{
    const struct vr_node *node = ctx;

    switch (address->kind) {
    case VR_ACTOR_SHARD:
        return vr_shard_worker(address->sub) % node->media_count;
    case VR_ACTOR_SESSION:
        return vr_session_worker_index(node->system, address->id);
    case VR_ACTOR_ROOM:
        return (uint32_t)(address->id.lo % node->control_count);
    case VR_ACTOR_NONE:
    case VR_ACTOR_LOBBY:
    case VR_ACTOR_ASK:
    case VR_ACTOR_CLUSTER:
    case VR_ACTOR_REPLICA:
    case VR_ACTOR_KINDS:
        break;
    }
    return 0;
}

static const struct vr_actor_class *classify(void *ctx, const struct vr_address *address)
{
    (void)ctx;
    switch (address->kind) {
    case VR_ACTOR_SHARD:
        return vr_shard_class();
    case VR_ACTOR_SESSION:
        return vr_session_class();
    case VR_ACTOR_ROOM:
        return vr_room_class();
    case VR_ACTOR_LOBBY:
        return vr_lobby_class();
    case VR_ACTOR_NONE:
    case VR_ACTOR_CLUSTER:
        return vr_cluster_class();
    case VR_ACTOR_REPLICA:
        return vr_replica_class();
    case VR_ACTOR_ASK:
    case VR_ACTOR_KINDS:
        break;
    }
    return NULL;
}

static void actor_failed(void *ctx, const struct vr_address *address, const struct vr_why *why)
{
    static const char *const kinds[VR_ACTOR_KINDS] = {"none",  "room", "shard",   "session",
                                                      "lobby", "ask",  "cluster", "replica"};
    char id[VR_ID_TEXT];

    (void)ctx;
    vr_log(VR_LOG_ERROR, "an actor was given up after three failures",
           VR_S("kind", kinds[address->kind]), VR_S("id", vr_id_format(address->id, id)),
           VR_S("why", why->text));
}

static enum vr_err room_take(void *ctx, struct vr_id room, uint64_t *epoch)
{
    struct vr_node *node = ctx;
    struct vr_owner owner = {0};
    enum vr_err err;

    if (node->cluster != NULL) {
        return vr_cluster_take(node->cluster, room, epoch);
    }
    err = vr_directory_take(node->directory, room, &owner);
    *epoch = owner.epoch;
    return err;
}

static void room_release(void *ctx, struct vr_id room, uint64_t epoch, bool exists)
{
    const struct vr_node *node = ctx;

    if (node->cluster != NULL) {
        vr_cluster_release(node->cluster, room, epoch, exists);
    }
}

static void room_closed(void *ctx, struct vr_id room, uint64_t epoch)
{
    const struct vr_node *node = ctx;

    if (node->cluster != NULL) {
        vr_cluster_closed(node->cluster, room, epoch);
    }
}

static bool room_holds(void *ctx, struct vr_id room, uint64_t epoch)
{
    const struct vr_node *node = ctx;

    return node->cluster == NULL || vr_cluster_holds(node->cluster, room, epoch);
}

static uint64_t node_life(void *ctx, uint32_t number)
{
    const struct vr_node *node = ctx;

    return vr_cluster_life(node->cluster, number);
}

static uint64_t node_contact(void *ctx, uint32_t number)
{
    const struct vr_node *node = ctx;

    return vr_cluster_contact(node->cluster, number);
}

static bool node_marked(void *ctx, struct vr_id room, vr_participant_id participant,
                        const char *user)
{
    const struct vr_node *node = ctx;

    return vr_cluster_marked(node->cluster, room, participant, user);
}

static bool session_lives(void *ctx, struct vr_worker *worker, struct vr_address session,
                          vr_participant_id participant, uint32_t generation)
{
    const struct vr_node *node = ctx;

    return (session.sub == 0 || session.sub == node->number) &&
           vr_session_lives(worker, session.id, participant, generation);
}

/** A small room lives whole on one worker; each shard_peers_max people more begin the next one. */
static uint32_t peer_place(void *ctx, struct vr_id room)
{
    struct vr_node *node = ctx;
    struct vr_lobby_room live;

    (void)vr_lobby_find(node->lobby, room, &live);
    vr_blob_release(live.on_stage);
    return vr_shard_number(
        node->cluster == NULL ? 0 : node->number,
        (uint32_t)((room.hi ^ room.lo) + live.participants / node->env.shard_peers_max) %
            node->media_count);
}

static bool token_withdrawn(void *ctx, struct vr_id token_ref)
{
    return vr_auth_ref_withdrawn(((struct vr_node *)ctx)->auth, token_ref);
}

static uint64_t withdrawals(void *ctx)
{
    const struct vr_node *node = ctx;

    return vr_auth_changes(node->auth) + vr_deployment_changes(node->deployment);
}

static bool banned(void *ctx, struct vr_id user_hint, const char *address, struct vr_why *why)
{
    return vr_deployment_banned(((struct vr_node *)ctx)->deployment, user_hint, address, why);
}

static enum vr_screened screen(void *ctx, const char *text, struct vr_buf *masked)
{
    switch (vr_deployment_filter(((struct vr_node *)ctx)->deployment, text, masked)) {
    case VR_FILTER_FINE:
        break;
    case VR_FILTER_MASKED:
        return VR_SCREEN_MASKED;
    case VR_FILTER_REJECTED:
        return VR_SCREEN_REFUSED;
    }
    return VR_SCREEN_FINE;
}

void node_env_fill(struct vr_node *node)
{
    const struct vr_config *config = node->config;
    struct vr_env *env = &node->env;

    node_text_put(env->node, sizeof(env->node), config->node);
    env->media = node->places;
    env->media_count = node->media_count;
    env->ice_servers = node->ice;
    env->slots = (uint32_t)config->slots;
    env->capacity_max = (uint32_t)config->capacity_max;
    env->capacity_default = (uint32_t)config->capacity;
    env->speaker_capacity_default = (uint32_t)config->speaker_capacity;
    env->grace = VR_SECONDS((vr_time_us)config->grace_s);
    env->idle = VR_SECONDS((vr_time_us)config->idle_s);
    env->host_grace = VR_SECONDS((vr_time_us)config->host_grace_s);
    env->shard_peers_max = (uint32_t)config->shard_peers_max;
    env->chat_per_10s = (uint32_t)config->chat_per_10s;
    env->reactions_per_10s = (uint32_t)config->reactions_per_10s;
    env->audience = (uint32_t)config->audience;
    env->fan_out = (uint32_t)config->cluster_fan_out;
    node->room_services =
        (struct vr_room_services){.personal = node->personal,
                                  .take = room_take,
                                  .release = room_release,
                                  .closed = room_closed,
                                  .holds = room_holds,
                                  .lives = session_lives,
                                  .life = node->cluster == NULL ? NULL : node_life,
                                  .contact = node->cluster == NULL ? NULL : node_contact,
                                  .marked = node->cluster == NULL ? NULL : node_marked,
                                  .ctx = node,
                                  .outbox = vr_deployment_wants_events(node->deployment)};
    node->session_services = (struct vr_session_services){
        .place = peer_place,
        .withdrawn = token_withdrawn,
        .withdrawals = withdrawals,
        .banned = banned,
        .screen = screen,
        .nodes = node->cluster == NULL ? NULL : node_cluster_urls,
        .move_to = node->cluster == NULL ? NULL : node_cluster_move_to,
        .draining = node->cluster == NULL ? NULL : node_cluster_draining,
        .node = node->cluster == NULL ? 0 : node->number,
        .ctx = node,
        .joins_per_second_max = (uint32_t)node->config->joins_per_second_max,
        .sessions = node->sessions};
    env->room_services = &node->room_services;
    env->session_services = &node->session_services;
}

static enum vr_err route(void *ctx, struct vr_msg *msg)
{
    return vr_cluster_route(((struct vr_node *)ctx)->cluster, msg);
}

enum vr_err node_system_make(struct vr_node *node)
{
    const struct vr_system_conf conf = {
        .clock = vr_clock_system(),
        .random = vr_random_system(),
        .records = node->shared,
        .node = node->number,
        .control_workers = node->control_count,
        .media_workers = node->media_count,
        .cluster_workers = node->cluster == NULL ? 0 : 1,
        .route = node->cluster == NULL ? NULL : route,
        .place = place,
        .classify = classify,
        .failed = actor_failed,
        .ctx = node,
        .node_context = &node->env,
        .tracing = vr_tracer_tracing(node->tracer),
    };

    return vr_system_new(&conf, &node->system);
}
