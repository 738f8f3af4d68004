/* rebalance.c - an administrator wants the rooms spread anew: the plan of rebalance_rules.c carried
 * out from this node, one hand-over after the other. Each owner gives its room away as in a drain;
 * that it happened is read in the directory. A plan that this node began ends with this node. */
#include <stdlib.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "cluster/own.h"
#include "cluster/rebalance_rules.h"

#define LOOK_EVERY VR_MS(50)
#define BEGIN_EVERY VR_MS(250) /* a hand-over holds its room up for some 10 ms: 4 a second */
#define GIVE_UP_AFTER VR_SECONDS(10)
#define ROOMS_MAX 65536u

struct cluster_rebalance {
    struct vr_timer timer;
    struct vr_cluster *cluster;
    vr_time_us begun_at; /* the hand-over that is waited for */
    /* under cluster->lock */
    struct vr_cluster_move moves[VR_CLUSTER_MOVES_MAX];
    uint32_t count, next;
};

/* ---- the plan ---- */

struct rooms {
    struct rebalance_room *items;
    uint32_t count;
};

static void add_room(void *ctx, struct vr_id id, const struct cluster_view_room *now)
{
    struct rooms *rooms = ctx;

    if (now->owner != 0 && rooms->count < ROOMS_MAX) {
        rooms->items[rooms->count++] =
            (struct rebalance_room){.id = id, .owner = now->owner, .partner = now->partner};
    }
}

static uint32_t places_of(struct vr_cluster *cluster, struct owners_place *out)
{
    uint32_t count = 0;

    pthread_mutex_lock(&cluster->lock);
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        const struct vr_cluster_node *node = &cluster->nodes[i];

        if (node->alive) {
            out[count] = (struct owners_place){.number = node->number,
                                               .draining = node->draining,
                                               .stress_permille = node->stress_permille};
            memcpy(out[count].name, node->name, sizeof(out[count].name));
            memcpy(out[count].region, node->region, sizeof(out[count].region));
            count++;
        }
    }
    pthread_mutex_unlock(&cluster->lock);
    return count;
}

uint32_t vr_cluster_rebalance_plan(struct vr_cluster *cluster, struct vr_cluster_move *out,
                                   uint32_t max)
{
    struct owners_place places[VR_CLUSTER_NODES_MAX];
    uint32_t place_count = places_of(cluster, places);
    struct rooms rooms = {.items = calloc(ROOMS_MAX, sizeof(*rooms.items))};
    uint32_t count = 0;

    if (rooms.items != NULL) {
        cluster_view_each(&cluster->view, add_room, &rooms);
        count = rebalance_plan(places, place_count, rooms.items, rooms.count, out, max);
    }
    free(rooms.items);
    return count;
}

/* ---- carried out ---- */

static void set_state(struct cluster_rebalance *self, enum vr_cluster_move_state state)
{
    struct vr_cluster_move *move = &self->moves[self->next];

    pthread_mutex_lock(&self->cluster->lock);
    move->state = state;
    self->next += state == VR_CLUSTER_MOVE_RUNS ? 0 : 1;
    pthread_mutex_unlock(&self->cluster->lock);
}

/* To the owner: give the room to this node. */
static void ask_owner(struct vr_cluster *cluster, const struct vr_cluster_move *move)
{
    uint8_t id[16];
    struct vr_blob *bytes;

    if (move->from == cluster->conf.number) {
        struct cluster_room *room = owners_find(cluster, move->room);

        if (room != NULL) {
            move_hand_over(room, move->to);
        }
        return;
    }
    vr_id_put(id, move->room);
    bytes = vr_blob_new(vr_bytes(id, sizeof(id)));
    cluster_send_note(cluster, vr_cluster_address(cluster->conf.number),
                      vr_cluster_address(move->from), VR__CLUSTER__NOTE_TYPE__NOTE_GIVE, move->to,
                      bytes);
    vr_blob_release(bytes);
}

void rebalance_on_note(struct vr_cluster *cluster, const struct vr_msg *msg)
{
    struct vr_bytes bytes = vr_blob_bytes(msg->as.note.bytes);
    const struct node_entry *to = member_node(cluster, (uint32_t)msg->as.note.number);
    struct cluster_room *room =
        bytes.size == 16 ? owners_find(cluster, vr_id_get(bytes.data)) : NULL;

    if (room != NULL && to != NULL && !to->draining && to->number != cluster->conf.number) {
        move_hand_over(room, to->number);
    }
}

static void begin_next(struct cluster_rebalance *self, vr_time_us now)
{
    const struct vr_cluster_move *move = &self->moves[self->next];
    const struct node_entry *to = member_node(self->cluster, move->to);
    struct cluster_view_room owned;

    if (!cluster_view_get(&self->cluster->view, move->room, &owned) || owned.owner != move->from ||
        to == NULL || to->draining) {
        set_state(self, VR_CLUSTER_MOVE_SKIPPED); /* it is not as it was when this was planned */
        return;
    }
    self->begun_at = now;
    set_state(self, VR_CLUSTER_MOVE_RUNS);
    ask_owner(self->cluster, move);
}

static void look_at_running(struct cluster_rebalance *self, vr_time_us now)
{
    const struct vr_cluster_move *move = &self->moves[self->next];
    struct cluster_view_room owned = {0};

    (void)cluster_view_get(&self->cluster->view, move->room, &owned);
    if (owned.owner == move->to && now - self->begun_at >= BEGIN_EVERY) {
        set_state(self, VR_CLUSTER_MOVE_DONE);
    } else if (now - self->begun_at >= GIVE_UP_AFTER) {
        set_state(self, VR_CLUSTER_MOVE_FAILED);
    }
}

static void on_tick(struct vr_timer *timer, vr_time_us now)
{
    struct cluster_rebalance *self = VR_OWNER(timer, struct cluster_rebalance, timer);

    if (self->moves[self->next].state == VR_CLUSTER_MOVE_RUNS) {
        look_at_running(self, now);
    }
    if (self->next < self->count && self->moves[self->next].state == VR_CLUSTER_MOVE_PLANNED) {
        begin_next(self, now);
    }
    if (self->next < self->count) {
        vr_timer_arm(self->cluster->worker, timer, now + LOOK_EVERY);
    } else {
        vr_log(VR_LOG_INFO, "cluster: the rooms are spread anew", VR_U("planned", self->count));
    }
}

struct begin {
    void (*done)(void *ctx, enum vr_err err);
    void *ctx;
};

static enum vr_err begin(struct vr_cluster *cluster)
{
    struct cluster_rebalance *self = cluster->rebalance;
    uint32_t count = 0;

    if (cluster->member->stage != MEMBER_IN) {
        return VR_E_FROZEN;
    }
    if (self != NULL && self->next < self->count) {
        return VR_E_IN_PROGRESS;
    }
    if (self == NULL) {
        self = calloc(1, sizeof(*self));
        if (self == NULL) {
            return VR_E_NO_MEMORY;
        }
        self->cluster = cluster;
        self->timer.fire = on_tick;
        pthread_mutex_lock(&cluster->lock);
        cluster->rebalance = self;
        pthread_mutex_unlock(&cluster->lock);
    }
    pthread_mutex_lock(&cluster->lock);
    self->count = self->next = 0;
    pthread_mutex_unlock(&cluster->lock);
    count = vr_cluster_rebalance_plan(cluster, self->moves, VR_CLUSTER_MOVES_MAX);
    pthread_mutex_lock(&cluster->lock);
    self->count = count;
    pthread_mutex_unlock(&cluster->lock);
    if (count > 0) {
        vr_timer_arm(cluster->worker, &self->timer, vr_worker_now(cluster->worker));
    }
    return VR_OK;
}

static void on_begin(struct vr_cluster *cluster, void *ctx)
{
    struct begin *asked = ctx;

    asked->done(asked->ctx, cluster->kv == NULL ? VR_E_GONE : begin(cluster));
    free(asked);
}

void vr_cluster_rebalance(struct vr_cluster *cluster, void (*done)(void *ctx, enum vr_err err),
                          void *ctx)
{
    struct begin *asked = malloc(sizeof(*asked));

    if (asked != NULL) {
        *asked = (struct begin){.done = done, .ctx = ctx};
    }
    if (asked == NULL || !cluster_call(cluster, on_begin, asked)) {
        free(asked);
        done(ctx, asked == NULL ? VR_E_NO_MEMORY : VR_E_GONE);
    }
}

uint32_t vr_cluster_rebalance_progress(struct vr_cluster *cluster, struct vr_cluster_move *out,
                                       uint32_t max)
{
    const struct cluster_rebalance *self;
    uint32_t count = 0;

    pthread_mutex_lock(&cluster->lock);
    self = cluster->rebalance;
    if (self != NULL) {
        count = self->count < max ? self->count : max;
        memcpy(out, self->moves, count * sizeof(*out));
    }
    pthread_mutex_unlock(&cluster->lock);
    return count;
}

void rebalance_free(struct vr_cluster *cluster)
{
    free(cluster->rebalance);
    cluster->rebalance = NULL;
}
