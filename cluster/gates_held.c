/* gates_held.c - what an owner opens, and a mark of this node's journal keeps closed.
 *
 *     owner, elsewhere           this node: cluster worker          its shard
 *       |--gate, open, version v-->| a mark of his waits: hold it     |
 *       |                          |--gate, shut, version v---------->|
 *       |   the replica hands the mark over, the owner judges it      |
 *       |--gate, shut, version v+1 (he took it)---------------------->|
 *       |                          |--gate, open, version v---------->|  old news, or he refused it
 *
 * When a split heals, the owner of the other side says its gates before it has heard of what was
 * done here without it. It need not know: a shard judges by versions, so what was held is handed in
 * as it came, after the judgement, and counts if nothing newer was said. The journal decides, as it
 * does for an owner on this node (actors/room/actor_mark.c): it outlives the process, and a mark
 * leaves it only when an owner has judged it.
 *
 * Cluster worker only. Held are at most the gates of those whom marks name, once per shard here. */
#include <stdlib.h>

#include "actors/base/owner.h"
#include "cluster/own.h"

#define LOOK_EVERY VR_MS(100)

struct cluster_gates {
    struct vr_cluster *cluster;
    struct vr_list held; /* struct held.link */
    struct vr_timer timer;
};

struct held {
    struct vr_list link; /* cluster_gates.held */
    struct vr_msg gate;  /* holds nothing that must be freed */
};

static void held_free(struct held *held)
{
    vr_list_remove(&held->link);
    free(held);
}

static bool is_marked(struct vr_cluster *cluster, const struct vr_msg *gate)
{
    return vr_cluster_marked(cluster, gate->to.id, gate->as.gate.participant, "");
}

static void on_look(struct vr_timer *timer, vr_time_us now)
{
    struct cluster_gates *self = VR_OWNER(timer, struct cluster_gates, timer);

    VR_LIST_EACH(item, &self->held)
    {
        struct held *held = VR_OWNER(item, struct held, link);
        struct vr_msg msg = held->gate;

        if (is_marked(self->cluster, &msg)) {
            continue;
        }
        if (vr_system_deliver(self->cluster->system, &msg) != VR_E_BUSY) {
            held_free(held);
        }
    }
    if (!vr_list_empty(&self->held)) {
        vr_timer_arm(self->cluster->worker, timer, now + LOOK_EVERY);
    }
}

static struct cluster_gates *gates_of(struct vr_cluster *cluster)
{
    struct cluster_gates *self = cluster->gates;

    if (self == NULL) {
        self = calloc(1, sizeof(*self));
        if (self != NULL) {
            self->cluster = cluster;
            self->timer.fire = on_look;
            vr_list_init(&self->held);
            cluster->gates = self;
        }
    }
    return self;
}

static bool is_of_shard(const struct held *held, const struct vr_msg *msg)
{
    return vr_id_equal(held->gate.to.id, msg->to.id) && held->gate.to.sub == msg->to.sub;
}

static struct held *held_find(const struct cluster_gates *self, const struct vr_msg *gate)
{
    VR_LIST_EACH(item, &self->held)
    {
        struct held *held = VR_OWNER(item, struct held, link);

        if (is_of_shard(held, gate) &&
            held->gate.as.gate.participant == gate->as.gate.participant) {
            return held;
        }
    }
    return NULL;
}

/* As a shard compares them (actors/media/gate.h). */
static bool is_older(const struct vr_msg *gate, const struct vr_msg *than)
{
    if (gate->epoch != than->epoch) {
        return gate->epoch < than->epoch;
    }
    if (gate->as.gate.generation != than->as.gate.generation) {
        return gate->as.gate.generation < than->as.gate.generation;
    }
    return gate->as.gate.version < than->as.gate.version;
}

/* Nobody waits for its answer then: who asked is answered by the shut one. False: no memory; it
 * stays shut until the owner says it again. */
static bool keep(struct vr_cluster *cluster, const struct vr_msg *gate)
{
    struct cluster_gates *self = gates_of(cluster);
    struct held *held = self == NULL ? NULL : held_find(self, gate);

    if (held == NULL) {
        held = self == NULL ? NULL : calloc(1, sizeof(*held));
        if (held == NULL) {
            return false;
        }
        if (vr_list_empty(&self->held)) {
            vr_timer_arm(cluster->worker, &self->timer,
                         vr_worker_now(cluster->worker) + LOOK_EVERY);
        }
        vr_list_push(&self->held, &held->link);
    } else if (is_older(gate, &held->gate)) {
        return true;
    }
    held->gate = *gate;
    held->gate.from = (struct vr_address){0};
    held->gate.deadline = VR_NEVER;
    return true;
}

/* What is held for a shard that is over would call it back to life. */
static void forget(struct vr_cluster *cluster, const struct vr_msg *closed)
{
    struct cluster_gates *self = cluster->gates;

    if (self == NULL) {
        return;
    }
    VR_LIST_EACH(item, &self->held)
    {
        struct held *held = VR_OWNER(item, struct held, link);

        if (is_of_shard(held, closed)) {
            held_free(held);
        }
    }
}

void gates_hold(struct vr_cluster *cluster, struct vr_msg *msg)
{
    if (msg->to.kind != VR_ACTOR_SHARD) {
        return;
    }
    if (msg->kind == VR_MSG_SHARD_CLOSE) {
        forget(cluster, msg);
    }
    if (msg->kind != VR_MSG_GATE || !msg->as.gate.may_send || !is_marked(cluster, msg)) {
        return;
    }
    (void)keep(cluster, msg);
    msg->as.gate.may_send = false;
    /* It hands marks over, and may not be awake: this process is new, and nobody of it is here. */
    cluster_send_note(cluster, vr_cluster_address(cluster->conf.number),
                      vr_replica_address(msg->to.id, cluster->conf.number),
                      VR__CLUSTER__NOTE_TYPE__NOTE_NONE, 0, NULL);
}

void gates_detach(struct vr_cluster *cluster)
{
    if (cluster->gates != NULL) {
        vr_timer_disarm(cluster->worker, &cluster->gates->timer);
    }
}

void gates_free(struct vr_cluster *cluster)
{
    struct cluster_gates *self = cluster->gates;
    struct vr_list *link;

    while (self != NULL && (link = vr_list_pop(&self->held)) != NULL) {
        free(VR_OWNER(link, struct held, link));
    }
    free(self);
    cluster->gates = NULL;
}
