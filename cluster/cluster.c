/* cluster.c - the whole: made, attached to its worker, asked by any thread. */
#include "cluster/cluster.h"

#include <stdio.h>
#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "cluster/own.h"

struct cluster_task {
    struct vr_list link; /* vr_cluster.calls */
    void (*fn)(struct vr_cluster *cluster, void *ctx);
    void *ctx;
};

static struct vr_cluster *(*lookup)(
    const struct vr_system *system); /* set once, before any system */

void vr_cluster_set_lookup(struct vr_cluster *(*of)(const struct vr_system *system))
{
    lookup = of;
}

struct vr_cluster *cluster_of(const struct vr_system *system)
{
    return lookup == NULL ? NULL : lookup(system);
}

/* ---- life ---- */

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from == NULL ? "" : from);
}

static void copy_conf(struct vr_cluster *cluster, const struct vr_cluster_conf *conf)
{
    cluster->conf = *conf;
    copy_text(cluster->name, sizeof(cluster->name), conf->name);
    copy_text(cluster->prefix, sizeof(cluster->prefix),
              conf->prefix == NULL ? "/voiceroom/" : conf->prefix);
    copy_text(cluster->region, sizeof(cluster->region), conf->region);
    copy_text(cluster->url, sizeof(cluster->url), conf->url);
    copy_text(cluster->control, sizeof(cluster->control), conf->control);
    copy_text(cluster->bulk, sizeof(cluster->bulk), conf->bulk);
    copy_text(cluster->link, sizeof(cluster->link), conf->link);
    copy_text(cluster->curve_key, sizeof(cluster->curve_key), conf->curve_key);
    cluster->conf.name = cluster->name;
    cluster->conf.prefix = cluster->prefix;
    cluster->conf.region = cluster->region;
    cluster->conf.url = cluster->url;
    cluster->conf.control = cluster->control;
    cluster->conf.bulk = cluster->bulk;
    cluster->conf.link = cluster->link;
    cluster->conf.curve_key = cluster->curve_key;
    cluster->conf.lease_ttl = conf->lease_ttl == 0 ? VR_SECONDS(6) : conf->lease_ttl;
    cluster->conf.take_after = conf->take_after == 0 ? VR_MS(300) : conf->take_after;
    cluster->conf.sync_silent = conf->sync_silent == 0 ? VR_SECONDS(1) : conf->sync_silent;
}

enum vr_err vr_cluster_new(const struct vr_cluster_conf *conf, struct vr_cluster **out,
                           struct vr_records **records)
{
    struct vr_cluster *cluster;
    enum vr_err err = VR_E_NO_MEMORY;

    *out = NULL;
    if (conf->number == 0 || conf->number >= 1u << 24 || conf->name == NULL ||
        conf->name[0] == '\0' || strlen(conf->name) > 63 || conf->local == NULL ||
        conf->clock == NULL || conf->random == NULL) {
        return VR_E_BAD_REQUEST;
    }
    cluster = calloc(1, sizeof(*cluster));
    if (cluster == NULL) {
        return VR_E_NO_MEMORY;
    }
    copy_conf(cluster, conf);
    cluster->started_at = conf->clock->wall(conf->clock->ctx);
    pthread_mutex_init(&cluster->lock, NULL);
    vr_list_init(&cluster->calls);
    vr_list_init(&cluster->asked);
    cluster->member = calloc(1, sizeof(*cluster->member));
    if (cluster->member != NULL) {
        err = cluster_view_init(&cluster->view);
    }
    err = err == VR_OK ? owners_new(cluster) : err;
    err = err == VR_OK ? deploy_new(cluster) : err;
    err = err == VR_OK ? replicate_new(cluster, records) : err;
    if (err != VR_OK) {
        vr_cluster_free(cluster);
        return err;
    }
    *out = cluster;
    return VR_OK;
}

/* What was called and never ran: with kv gone each says so to whoever waits. */
static void run_calls(struct vr_cluster *cluster)
{
    for (;;) {
        struct vr_list *link;
        struct cluster_task *task;

        pthread_mutex_lock(&cluster->lock);
        link = vr_list_pop(&cluster->calls);
        pthread_mutex_unlock(&cluster->lock);
        if (link == NULL) {
            return;
        }
        task = VR_OWNER(link, struct cluster_task, link);
        task->fn(cluster, task->ctx);
        free(task);
    }
}

static void drop_calls(struct vr_cluster *cluster)
{
    struct vr_list *link;

    while ((link = vr_list_pop(&cluster->calls)) != NULL) {
        free(VR_OWNER(link, struct cluster_task, link));
    }
}

static void close_ends(struct vr_cluster *cluster)
{
    if (cluster->kv != NULL) {
        cluster->kv->ops->close(cluster->kv);
        cluster->kv = NULL;
    }
    if (cluster->transport != NULL) {
        cluster->transport->ops->close(cluster->transport);
        cluster->transport = NULL;
    }
    asked_free_all(cluster);
}

void vr_cluster_set_url(struct vr_cluster *cluster, const char *url)
{
    snprintf(cluster->url, sizeof(cluster->url), "%s", url);
}

void vr_cluster_goes_on(struct vr_cluster *cluster)
{
    cluster->conf.goes_on = true;
}

void vr_cluster_free(struct vr_cluster *cluster)
{
    if (cluster == NULL) {
        return;
    }
    close_ends(cluster); /* not detached: a simulated crash */
    rebalance_free(cluster);
    gates_free(cluster);
    owners_free(cluster);
    deploy_free(cluster);
    replicate_free(cluster);
    drop_calls(cluster);
    cluster_view_deinit(&cluster->view);
    free(cluster->member);
    pthread_mutex_destroy(&cluster->lock);
    free(cluster);
}

void vr_cluster_attach(struct vr_cluster *cluster, struct vr_system *system, struct vr_kv *kv,
                       struct vr_transport *transport)
{
    cluster->system = system;
    cluster->worker = vr_system_worker(system, VR_WORKER_CLUSTER, 0);
    cluster->kv = kv;
    __atomic_store_n(&cluster->transport, transport, __ATOMIC_RELEASE); /* shards send already */
    cluster->member->nodes_mirror.cluster = cluster;
    replicate_attach(cluster);
}

static void on_left(void *ctx, enum vr_err err, int64_t lease, vr_time_us ttl)
{
    (void)ctx;
    (void)err;
    (void)lease;
    (void)ttl;
}

void vr_cluster_detach(struct vr_cluster *cluster)
{
    struct cluster_member *member = cluster->member;

    atomic_store(&cluster->deadline, 0);
    atomic_store(&cluster->state, VR_CLUSTER_OUT);
    owners_close(cluster);
    deploy_close(cluster);
    mirror_close(&member->nodes_mirror);
    mirror_close(&member->generation_mirror);
    vr_timer_disarm(cluster->worker, &member->timer);
    vr_timer_disarm(cluster->worker, &member->hello_timer);
    vr_timer_disarm(cluster->worker, &member->drain_timer);
    owners_detach(cluster);
    gates_detach(cluster);
    if (cluster->kv != NULL && member->lease != 0) {
        /* Sent if the back end still can: the others need not wait for the lease's end. */
        cluster->kv->ops->lease_revoke(cluster->kv, member->lease, on_left, NULL);
    }
    replicate_detach(cluster);
    close_ends(cluster);
    member->stage = MEMBER_OUT;
    run_calls(cluster);
}

/* ---- work for the cluster worker ---- */

bool cluster_call(struct vr_cluster *cluster, void (*fn)(struct vr_cluster *cluster, void *ctx),
                  void *ctx)
{
    struct cluster_task *task = calloc(1, sizeof(*task));
    struct vr_msg wake = {.kind = VR_MSG_CLUSTER, .to = vr_cluster_address(cluster->conf.number)};
    bool first;

    if (task == NULL || cluster->system == NULL) {
        free(task);
        return false;
    }
    task->fn = fn;
    task->ctx = ctx;
    vr_list_init(&task->link);
    pthread_mutex_lock(&cluster->lock);
    first = vr_list_empty(&cluster->calls);
    vr_list_push(&cluster->calls, &task->link);
    pthread_mutex_unlock(&cluster->lock);
    if (first && vr_system_deliver(cluster->system, &wake) != VR_OK) {
        vr_msg_clear(&wake); /* its mailbox is full: it turns anyway, and looks */
    }
    return true;
}

void cluster_send_note(struct vr_cluster *cluster, struct vr_address from, struct vr_address to,
                       uint32_t type, uint64_t number, struct vr_blob *bytes)
{
    struct vr_msg msg = {.kind = VR_MSG_CLUSTER, .from = from, .to = to};

    msg.as.note.type = type;
    msg.as.note.number = number;
    msg.as.note.bytes = vr_blob_retain(bytes);
    vr_system_post(cluster->system, &msg);
}

static void handle_note(struct vr_cluster *cluster, struct vr_msg *msg)
{
    switch (msg->as.note.type) {
    case VR__CLUSTER__NOTE_TYPE__NOTE_NONE:
        break;
    case VR__CLUSTER__NOTE_TYPE__NOTE_HELLO:
        member_on_hello(cluster, msg->from.sub, vr_blob_bytes(msg->as.note.bytes));
        break;
    case VR__CLUSTER__NOTE_TYPE__NOTE_LINK_KEY:
        link_keys_note(cluster, msg);
        break;
    case VR__CLUSTER__NOTE_TYPE__NOTE_HEAD_GET:
        question_on_head_get(cluster, msg);
        break;
    case VR__CLUSTER__NOTE_TYPE__NOTE_DRAIN:
    case VR__CLUSTER__NOTE_TYPE__NOTE_UNDRAIN:
        admin_on_note(cluster, msg);
        break;
    case VR__CLUSTER__NOTE_TYPE__NOTE_GIVE:
        rebalance_on_note(cluster, msg);
        break;
    default: /* of a newer version, or the copies' */
        (void)replica_note(cluster, msg);
        break;
    }
}

static enum vr_err on_message(struct vr_actor *actor, void *state, struct vr_msg *msg,
                              struct vr_why *why)
{
    struct vr_cluster *cluster = cluster_of(vr_actor_system(actor));

    (void)state;
    (void)why;
    run_calls(cluster);
    if (msg->kind == VR_MSG_CLUSTER) {
        handle_note(cluster, msg);
    }
    return VR_OK;
}

static void on_close(struct vr_actor *actor, void *state, enum vr_close_reason reason)
{
    struct vr_cluster *cluster = cluster_of(vr_actor_system(actor));

    (void)state;
    if (reason == VR_CLOSE_STOP && cluster != NULL) {
        replicate_abandon(cluster);
    }
}

static enum vr_err on_open(struct vr_actor *actor, void *state, struct vr_why *why)
{
    (void)state;
    (void)why;
    return cluster_of(vr_actor_system(actor)) == NULL ? VR_E_NOT_FOUND : VR_OK;
}

const struct vr_actor_class *vr_cluster_class(void)
{
    static const struct vr_actor_class class = {
        .kind = VR_ACTOR_CLUSTER,
        .name = "cluster",
        .worker = VR_WORKER_CLUSTER,
        .open = on_open,
        .handle = on_message,
        .close = on_close,
        .mailbox_max = 65536,
    };

    return &class;
}

void vr_cluster_join(struct vr_cluster *cluster)
{
    (void)cluster_call(cluster, member_start, NULL);
}
