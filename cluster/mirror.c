/* mirror.c - what etcd has under a prefix: listed, then watched from there; listed anew when the
 * watch is lost, and every minute in any case, since watches were seen to go silent; and when other
 * nodes have been told what we were not. */
#include <stdio.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "cluster/own.h"

static void list(struct mirror *mirror);

static void arm(struct mirror *mirror, vr_time_us in)
{
    struct vr_worker *worker = mirror->cluster->worker;

    vr_timer_arm(worker, &mirror->timer, vr_worker_now(worker) + in);
}

static void note_newest(struct mirror *mirror, const struct vr_kv_pair *pair)
{
    if (pair->mod_revision > mirror->newest) {
        mirror->newest = pair->mod_revision;
    }
}

static void on_told(void *ctx, bool lost, int64_t revision, const struct vr_kv_event *events,
                    uint32_t count)
{
    struct mirror *mirror = ctx;

    if (lost) {
        mirror->watch = NULL;
        list(mirror);
        return;
    }
    for (uint32_t i = 0; i < count && mirror->open; i++) {
        note_newest(mirror, &events[i].pair);
        if (events[i].deleted) {
            mirror->ops->gone(mirror->cluster, events[i].pair.key, events[i].pair.mod_revision);
        } else {
            mirror->ops->put(mirror->cluster, &events[i].pair);
        }
    }
    if (revision > mirror->revision) {
        mirror->revision = revision;
    }
}

static void watch(struct mirror *mirror)
{
    struct vr_kv *kv = mirror->cluster->kv;

    if (mirror->watch != NULL) {
        kv->ops->unwatch(kv, mirror->watch);
    }
    mirror->watch =
        kv->ops->watch(kv, vr_bytes_of(mirror->prefix), mirror->revision + 1, on_told, mirror);
}

static void on_listed(void *ctx, const struct vr_kv_result *result)
{
    struct mirror *mirror = ctx;

    mirror->listing = false;
    if (!mirror->open) {
        return;
    }
    if (result->err != VR_OK || result->revision < mirror->revision) {
        arm(mirror, RETRY); /* could not, or overtaken by the watch */
        return;
    }
    mirror->ops->begin(mirror->cluster);
    for (uint32_t i = 0; i < result->pair_count; i++) {
        note_newest(mirror, &result->pairs[i]);
        mirror->ops->put(mirror->cluster, &result->pairs[i]);
    }
    if (!mirror->open) {
        return; /* what it told has ended our time here */
    }
    mirror->revision = result->revision;
    mirror->ops->listed(mirror->cluster, result->revision);
    watch(mirror);
    arm(mirror, mirror->ops->soon && !mirror->complete ? LIST_SOON : LIST_AGAIN);
    if (!mirror->complete) {
        mirror->complete = true;
        member_check_joined(mirror->cluster);
    }
}

static void list(struct mirror *mirror)
{
    if (mirror->open && !mirror->listing && mirror->cluster->kv != NULL) {
        mirror->listing = true;
        cluster_list(mirror->cluster, vr_bytes_of(mirror->prefix), on_listed, mirror);
    }
}

static void on_timer(struct vr_timer *timer, vr_time_us now)
{
    (void)now;
    list(VR_OWNER(timer, struct mirror, timer));
}

/* Watches come from one member of etcd, and go silent together. */
static void all_again(struct mirror *mirror)
{
    struct vr_cluster *cluster = mirror->cluster;

    vr_log(VR_LOG_WARN, "cluster: our watch is behind that of others, all is listed anew",
           VR_S("under", mirror->prefix), VR_I("known", mirror->revision),
           VR_I("theirs", mirror->expected));
    mirror_again(&cluster->owners->owners_mirror);
    mirror_again(&cluster->owners->sync_mirror);
    mirror_again(&cluster->member->nodes_mirror);
    mirror_again(&cluster->member->generation_mirror);
    deploy_again(cluster);
}

static void on_late(struct vr_timer *timer, vr_time_us now)
{
    struct mirror *mirror = VR_OWNER(timer, struct mirror, late_timer);

    mirror->late = false;
    if (mirror->expected > mirror->revision) {
        mirror->late_not_before = now + LATE_AGAIN;
        all_again(mirror);
    }
}

void mirror_expect(struct mirror *mirror, int64_t revision)
{
    struct vr_worker *worker = mirror->cluster->worker;
    vr_time_us at = vr_worker_now(worker) + LATE;

    if (!mirror->open || !mirror->complete || revision <= mirror->revision) {
        return;
    }
    mirror->expected = revision > mirror->expected ? revision : mirror->expected;
    if (!mirror->late) {
        mirror->late = true;
        at = at > mirror->late_not_before ? at : mirror->late_not_before;
        vr_timer_arm(worker, &mirror->late_timer, at);
    }
}

void mirror_open(struct mirror *mirror, struct vr_cluster *cluster, const char *name,
                 const struct mirror_ops *ops)
{
    mirror->cluster = cluster;
    mirror->ops = ops;
    mirror->open = true;
    mirror->complete = false;
    mirror->revision = 0; /* also after a restore: what we knew is no measure */
    mirror->newest = 0;
    mirror->expected = 0;
    mirror->timer.fire = on_timer;
    mirror->late_timer.fire = on_late;
    snprintf(mirror->prefix, sizeof(mirror->prefix), "%s%s", cluster->prefix, name);
    list(mirror);
}

void mirror_again(struct mirror *mirror)
{
    list(mirror);
}

void mirror_close(struct mirror *mirror)
{
    struct vr_cluster *cluster = mirror->cluster;

    if (cluster == NULL || !mirror->open) {
        return;
    }
    mirror->open = false;
    mirror->late = false;
    vr_timer_disarm(cluster->worker, &mirror->timer);
    vr_timer_disarm(cluster->worker, &mirror->late_timer);
    if (mirror->watch != NULL) {
        cluster->kv->ops->unwatch(cluster->kv, mirror->watch);
        mirror->watch = NULL;
    }
}
