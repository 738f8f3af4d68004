/* owners_read.c - owners/ and sync/ as etcd tells them, into what this node believes. A belief: it
 * says where to send, and when to try; whether something may be written only a transaction says. */
#include <stdio.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "cluster/own.h"

bool owners_parse_key(struct vr_cluster *cluster, struct vr_bytes key, const char *folder,
                      struct vr_id *out)
{
    char prefix[128];
    char id[VR_ID_TEXT] = "";
    size_t size;

    snprintf(prefix, sizeof(prefix), "%s%s/", cluster->prefix, folder);
    size = strlen(prefix);
    if (key.size != size + VR_ID_TEXT - 1 || memcmp(key.data, prefix, size) != 0) {
        return false;
    }
    memcpy(id, key.data + size, VR_ID_TEXT - 1);
    return vr_id_parse(id, out);
}

void owners_read_owner(struct cluster_room *room, const struct vr_kv_pair *pair)
{
    Vr__Cluster__Owner *owner =
        vr__cluster__owner__unpack(NULL, pair->value.size, pair->value.data);

    if (owner != NULL) {
        room->owner = owner->node;
        room->owner_incarnation = owner->incarnation;
        owners_set_reason(room, owner->reason);
        vr__cluster__owner__free_unpacked(owner, NULL);
    }
    room->owner_mod = pair->mod_revision;
    room->lost_at = 0;
}

void owners_read_sync(struct cluster_room *room, const struct vr_kv_pair *pair)
{
    Vr__Cluster__Sync *sync = vr__cluster__sync__unpack(NULL, pair->value.size, pair->value.data);

    if (sync != NULL) {
        room->sync = (struct room_sync){.known = true,
                                        .idle = sync->idle,
                                        .owner = sync->owner,
                                        .partner = sync->partner,
                                        .epoch = sync->owner_epoch,
                                        .mod = pair->mod_revision};
        vr__cluster__sync__free_unpacked(sync, NULL);
    }
    room->sync_mod = pair->mod_revision;
}

/* ---- owners/ ---- */

static bool is_us(const struct cluster_room *room)
{
    const struct vr_cluster *cluster = room->cluster;

    return room->owner == cluster->conf.number &&
           room->owner_incarnation == cluster->member->incarnation;
}

bool owners_was_ours(const struct cluster_room *room)
{
    const struct vr_cluster *cluster = room->cluster;

    return cluster->member->kept && room->owner == cluster->conf.number && !is_us(room);
}

static bool is_under_way(const struct cluster_room *room)
{
    return room->stage != ROOM_AT_REST && room->stage != ROOM_FINDING;
}

/* What a watch or a list says of a room on which we are at work ourselves: if it is newer than what
 * we hold and not ours, we were deposed. */
static void look_at_ours(struct cluster_room *room)
{
    if (room->epoch == 0 || room->owner_mod <= owners_revision(room->epoch)) {
        return;
    }
    if (room->stage == ROOM_LEAVING || room->stage == ROOM_TAKING) {
        return; /* our own transaction, most likely: its answer says it all */
    }
    own_end(room, "another owner took it");
}

static void owner_put(struct vr_cluster *cluster, const struct vr_kv_pair *pair)
{
    struct cluster_room *room;
    struct vr_id id;

    if (!owners_parse_key(cluster, pair->key, "owners", &id) ||
        (room = owners_get(cluster, id)) == NULL) {
        return;
    }
    room->owner_listed = true;
    if (pair->mod_revision <= room->owner_mod) {
        return;
    }
    owners_read_owner(room, pair);
    if (is_under_way(room)) {
        look_at_ours(room);
    }
    if (!is_under_way(room)) {
        room->wanted = owners_was_ours(room) || (room->wanted && is_us(room));
        owners_publish(room);
        if (is_us(room) || owners_was_ours(room)) {
            take_find(room); /* handed over to us, or a take whose outcome we did not learn */
        } else {
            route_flush(room);
        }
    }
}

static void owner_away(struct cluster_room *room, int64_t revision)
{
    room->owner = 0;
    room->owner_incarnation = 0;
    room->owner_mod = revision;
    if (is_under_way(room)) {
        look_at_ours(room);
    }
    if (!is_under_way(room)) {
        owners_publish(room);
        take_consider(room);
    }
    owners_forget(room);
}

static void owner_gone(struct vr_cluster *cluster, struct vr_bytes key, int64_t revision)
{
    struct vr_id id;
    struct cluster_room *room;

    if (owners_parse_key(cluster, key, "owners", &id) &&
        (room = owners_find(cluster, id)) != NULL && revision > room->owner_mod) {
        owner_away(room, revision);
    }
}

static void unlist_owner(struct cluster_room *room, void *ctx)
{
    (void)ctx;
    room->owner_listed = false;
}

static void owner_begin(struct vr_cluster *cluster)
{
    owners_each(cluster, unlist_owner, NULL);
}

static void check_owner(struct cluster_room *room, void *ctx)
{
    const int64_t *revision = ctx;

    if (!room->owner_listed && room->owner != 0 && room->owner_mod <= *revision) {
        owner_away(room, *revision);
    }
}

static void owner_listed(struct vr_cluster *cluster, int64_t revision)
{
    owners_each(cluster, check_owner, &revision);
}

const struct mirror_ops owners_owner_ops = {owner_begin, owner_put, owner_gone, owner_listed,
                                            false};

/* ---- sync/ ---- */

static void sync_put(struct vr_cluster *cluster, const struct vr_kv_pair *pair)
{
    struct cluster_room *room;
    struct vr_id id;

    if (!owners_parse_key(cluster, pair->key, "sync", &id) ||
        (room = owners_get(cluster, id)) == NULL) {
        return;
    }
    room->sync_listed = true;
    if (pair->mod_revision > room->sync_mod) {
        owners_read_sync(room, pair);
        owners_publish(room);
        if (room->stage == ROOM_AT_REST && room->owner == 0) {
            take_consider(room);
        }
    }
}

static void sync_away(struct cluster_room *room, int64_t revision)
{
    room->sync = (struct room_sync){0};
    room->sync_mod = revision;
    owners_publish(room);
    owners_forget(room);
}

static void sync_gone(struct vr_cluster *cluster, struct vr_bytes key, int64_t revision)
{
    struct vr_id id;
    struct cluster_room *room;

    if (owners_parse_key(cluster, key, "sync", &id) && (room = owners_find(cluster, id)) != NULL &&
        revision > room->sync_mod) {
        sync_away(room, revision);
    }
}

static void unlist_sync(struct cluster_room *room, void *ctx)
{
    (void)ctx;
    room->sync_listed = false;
}

static void sync_begin(struct vr_cluster *cluster)
{
    owners_each(cluster, unlist_sync, NULL);
}

static void check_sync(struct cluster_room *room, void *ctx)
{
    const int64_t *revision = ctx;

    if (!room->sync_listed && room->sync.known && room->sync_mod <= *revision) {
        sync_away(room, *revision);
    }
}

static void sync_listed(struct vr_cluster *cluster, int64_t revision)
{
    owners_each(cluster, check_sync, &revision);
}

const struct mirror_ops owners_sync_ops = {sync_begin, sync_put, sync_gone, sync_listed, false};
