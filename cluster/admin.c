/* admin.c - what administrators see and ask: nodes, owners, drain, adopt. */
#include <stdio.h>
#include <stdlib.h>

#include "actors/base/log.h"
#include "cluster/own.h"

#define DRAIN_WAIT VR_SECONDS(10) /* it is only begun */

uint32_t vr_cluster_nodes(struct vr_cluster *cluster, struct vr_cluster_node *out, uint32_t max)
{
    uint32_t count;

    pthread_mutex_lock(&cluster->lock);
    count = cluster->node_count < max ? cluster->node_count : max;
    memcpy(out, cluster->nodes, count * sizeof(*out));
    pthread_mutex_unlock(&cluster->lock);
    for (uint32_t i = 0; i < count; i++) {
        out[i].rooms_owned = cluster_view_owned(&cluster->view, out[i].number);
    }
    return count;
}

bool vr_cluster_owner(struct vr_cluster *cluster, struct vr_id room, struct vr_cluster_owner *out)
{
    struct cluster_view_room now;
    bool known = cluster_view_get(&cluster->view, room, &now);

    *out = (struct vr_cluster_owner){.node = now.owner, .epoch = now.epoch, .in_sync = now.partner};
    owners_reason(cluster, room, out->reason, sizeof(out->reason));
    return known;
}

uint32_t vr_cluster_owner_node(struct vr_cluster *cluster, struct vr_id room)
{
    return cluster_owner(cluster, room, NULL);
}

struct rooms {
    struct vr_id *out;
    uint32_t count, max;
};

static void add_owned(void *ctx, struct vr_id room, const struct cluster_view_room *now)
{
    struct rooms *rooms = ctx;

    if (now->owner != 0 && rooms->count < rooms->max) {
        rooms->out[rooms->count++] = room;
    }
}

static int by_id(const void *a, const void *b)
{
    const struct vr_id *x = a;
    const struct vr_id *y = b;

    return x->hi != y->hi   ? (x->hi < y->hi ? -1 : 1)
           : x->lo != y->lo ? (x->lo < y->lo ? -1 : 1)
                            : 0;
}

uint32_t vr_cluster_rooms(struct vr_cluster *cluster, struct vr_id *out, uint32_t max)
{
    struct rooms rooms = {.out = out, .max = max};

    cluster_view_each(&cluster->view, add_owned, &rooms);
    qsort(out, rooms.count, sizeof(*out), by_id);
    return rooms.count;
}

/* ---- drain ---- */

bool vr_cluster_draining(struct vr_cluster *cluster)
{
    bool draining = false;

    pthread_mutex_lock(&cluster->lock);
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        draining = draining || (cluster->nodes[i].self && cluster->nodes[i].draining);
    }
    pthread_mutex_unlock(&cluster->lock);
    return draining;
}

struct drain {
    uint32_t node;
    bool force, undrain;
    void (*done)(void *ctx, enum vr_err err);
    void *ctx;
    struct vr_cluster *cluster;
    struct vr_address asked_from, asked_to; /* of another node's question */
};

static void on_answer(void *ctx, enum vr_err err, struct vr_msg *answer)
{
    struct drain *drain = ctx;

    if (err == VR_OK && answer->kind == VR_MSG_CLUSTER_DONE) {
        err = answer->as.note.err;
    }
    drain->done(drain->ctx, err);
    free(drain);
}

static void ask_node(struct vr_cluster *cluster, struct drain *drain)
{
    struct vr_msg msg = {.kind = VR_MSG_CLUSTER, .to = vr_cluster_address(drain->node)};

    msg.as.note.type =
        drain->undrain ? VR__CLUSTER__NOTE_TYPE__NOTE_UNDRAIN : VR__CLUSTER__NOTE_TYPE__NOTE_DRAIN;
    msg.as.note.number = drain->force ? 1 : 0;
    vr_ask(cluster->worker, &msg, DRAIN_WAIT, on_answer, drain);
}

static void on_drain(struct vr_cluster *cluster, void *ctx)
{
    struct drain *drain = ctx;

    if (drain->node != 0 && drain->node != cluster->conf.number) {
        if (member_node(cluster, drain->node) != NULL) {
            ask_node(cluster, drain);
            return;
        }
        drain->done(drain->ctx, VR_E_NOT_FOUND);
    } else if (drain->undrain) {
        move_undrain(cluster);
        drain->done(drain->ctx, VR_OK);
    } else {
        move_drain(cluster, drain->force, drain->done, drain->ctx);
    }
    free(drain);
}

static void begin(struct vr_cluster *cluster, const struct drain *like)
{
    struct drain *drain = malloc(sizeof(*drain));

    if (drain == NULL) {
        like->done(like->ctx, VR_E_NO_MEMORY);
        return;
    }
    *drain = *like;
    if (!cluster_call(cluster, on_drain, drain)) {
        free(drain);
        like->done(like->ctx, VR_E_GONE);
    }
}

void vr_cluster_drain(struct vr_cluster *cluster, uint32_t node, bool force,
                      void (*done)(void *ctx, enum vr_err err), void *ctx)
{
    begin(cluster, &(struct drain){.node = node, .force = force, .done = done, .ctx = ctx});
}

void vr_cluster_undrain(struct vr_cluster *cluster, uint32_t node,
                        void (*done)(void *ctx, enum vr_err err), void *ctx)
{
    begin(cluster, &(struct drain){.node = node, .undrain = true, .done = done, .ctx = ctx});
}

static void answer_other(void *ctx, enum vr_err err)
{
    struct drain *drain = ctx;
    struct vr_msg asked = {.from = drain->asked_from, .to = drain->asked_to};
    struct vr_msg answer = {.kind = VR_MSG_CLUSTER_DONE};

    answer.as.note.err = err;
    vr_reply(drain->cluster->system, &asked, &answer);
    free(drain);
}

void admin_on_note(struct vr_cluster *cluster, struct vr_msg *msg)
{
    struct drain *drain = calloc(1, sizeof(*drain));

    if (drain == NULL) {
        return; /* its deadline tells */
    }
    drain->cluster = cluster;
    drain->asked_from = msg->from;
    drain->asked_to = msg->to;
    if (msg->as.note.type == VR__CLUSTER__NOTE_TYPE__NOTE_UNDRAIN) {
        move_undrain(cluster);
        answer_other(drain, VR_OK);
    } else {
        move_drain(cluster, msg->as.note.number == 1, answer_other, drain);
    }
}

/* ---- adopt ---- */

struct adopt {
    struct vr_cluster *cluster;
    void (*done)(void *ctx, enum vr_err err);
    void *ctx;
    uint64_t next;
};

static void finish_adopt(struct adopt *adopt, enum vr_err err)
{
    adopt->cluster->member->adopt = NULL;
    adopt->done(adopt->ctx, err);
    free(adopt);
}

static void on_raised(void *ctx, const struct vr_kv_result *result)
{
    struct adopt *adopt = ctx;
    enum vr_err err = result->err;

    if (err == VR_E_FROZEN && atomic_load(&adopt->cluster->generation) >= adopt->next) {
        err = VR_OK; /* we have read it there before we were told */
    } else if (err == VR_OK && !result->succeeded) {
        err = VR_E_CONFLICT; /* somebody else adopts at this moment */
    }
    if (err == VR_OK) {
        vr_log(VR_LOG_WARN, "cluster adopted", VR_U("generation", adopt->next));
        member_renew_soon(adopt->cluster);
    }
    finish_adopt(adopt, err);
}

static void on_generation(void *ctx, const struct vr_kv_result *result)
{
    struct adopt *adopt = ctx;
    const char *prefix = adopt->cluster->prefix;
    uint64_t known = atomic_load(&adopt->cluster->generation);
    struct cluster_key key;
    struct vr_kv_compare compare = {.kind = VR_KV_ABSENT};
    struct vr_kv_op put = {.kind = VR_KV_PUT};
    struct vr_kv_txn txn = {
        .compares = &compare, .compare_count = 1, .then = &put, .then_count = 1};
    char was[24] = "";
    char now[24];

    if (result->err != VR_OK) {
        finish_adopt(adopt, result->err);
        return;
    }
    compare.key = key_generation(&key, prefix);
    put.key = compare.key;
    if (result->pair_count > 0 && result->pairs[0].value.size < sizeof(was)) {
        memcpy(was, result->pairs[0].value.data, result->pairs[0].value.size);
        compare.kind = VR_KV_VALUE_IS;
        compare.value = vr_bytes_of(was);
        known = strtoull(was, NULL, 10) > known ? strtoull(was, NULL, 10) : known;
    }
    adopt->next = known + 1;
    snprintf(now, sizeof(now), "%llu", (unsigned long long)adopt->next);
    put.value = vr_bytes_of(now);
    cluster_txn(adopt->cluster, &txn, on_raised, adopt);
}

static void on_adopt(struct vr_cluster *cluster, void *ctx)
{
    struct adopt *adopt = ctx;
    struct cluster_key key;
    struct vr_kv_op get = {.kind = VR_KV_GET, .key = key_generation(&key, cluster->prefix)};
    struct vr_kv_txn txn = {.then = &get, .then_count = 1};

    if (cluster->kv == NULL || cluster->member->adopt != NULL) {
        adopt->done(adopt->ctx, cluster->kv == NULL ? VR_E_GONE : VR_E_IN_PROGRESS);
        free(adopt);
        return;
    }
    if (cluster->member->stage != MEMBER_REFUSED) {
        adopt->done(adopt->ctx, VR_E_CONFLICT); /* nothing to adopt: etcd is what it was */
        free(adopt);
        return;
    }
    cluster->member->adopt = adopt;
    cluster_txn(cluster, &txn, on_generation, adopt);
}

void vr_cluster_adopt(struct vr_cluster *cluster, void (*done)(void *ctx, enum vr_err err),
                      void *ctx)
{
    struct adopt *adopt = malloc(sizeof(*adopt));

    if (adopt == NULL) {
        done(ctx, VR_E_NO_MEMORY);
        return;
    }
    *adopt = (struct adopt){.cluster = cluster, .done = done, .ctx = ctx};
    if (!cluster_call(cluster, on_adopt, adopt)) {
        free(adopt);
        done(ctx, VR_E_GONE);
    }
}
