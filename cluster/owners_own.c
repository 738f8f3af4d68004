/* owners_own.c - from the won transaction to the room's waking.
 *
 *     SEALING     one in sync gives all that was acknowledged, and refuses the old epoch from then
 *                 on: the old owner, should it still run, can acknowledge nothing any more
 *     READING     the durable rows of etcd, and the head that the next transaction compares
 *     INSTALLING  what LMDB lacks of them
 *     SYNCING     sync/<room> names us: from here on our death must be waited for, not another's
 *     OURS        the room's actor may wake
 *
 * Nothing is sent to the room before OURS; what comes for it waits. */
#include <stdio.h>
#include <stdlib.h>

#include "actors/base/assert.h"
#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "cluster/owners_txn.h"

#define AWAKE_WAIT VR_MS(20) /* an actor of our former epoch is closing */
#define AWAKE_PATIENCE VR_SECONDS(3)
#define UNUSED VR_SECONDS(60) /* taken, but nobody woke it: let it go */

static vr_time_us now_of(const struct cluster_room *room)
{
    return vr_worker_now(room->cluster->worker);
}

static void arm(struct cluster_room *room, vr_time_us in)
{
    vr_timer_arm(room->cluster->worker, &room->timer, now_of(room) + in);
}

static void log_room(const struct cluster_room *room, const char *what, const char *why)
{
    char id[VR_ID_TEXT];

    vr_log(VR_LOG_INFO, what, VR_S("room", vr_id_format(room->id, id)), VR_S("why", why),
           VR_U("epoch", room->epoch));
}

void own_read_head(struct cluster_room *room, const struct vr_kv_pair *pair)
{
    Vr__Cluster__Head *head = vr__cluster__head__unpack(NULL, pair->value.size, pair->value.data);

    room->head.mod = pair->mod_revision;
    if (head != NULL) {
        room->head.epoch = head->epoch;
        room->head.revision = head->revision;
        vr__cluster__head__free_unpacked(head, NULL);
    }
}

/* ---- is an actor of the room awake here? ---- */

static struct awake *awake_entry(struct vr_cluster *cluster, struct vr_id id)
{
    VR_LIST_EACH(link, &cluster->owners->awake)
    {
        struct awake *awake = VR_OWNER(link, struct awake, link);

        if (vr_id_equal(awake->id, id)) {
            return awake;
        }
    }
    return NULL;
}

bool own_is_awake(struct vr_cluster *cluster, struct vr_id id, uint64_t *epoch)
{
    struct awake *awake;

    pthread_mutex_lock(&cluster->lock);
    awake = awake_entry(cluster, id);
    *epoch = awake == NULL ? 0 : awake->epoch;
    pthread_mutex_unlock(&cluster->lock);
    return *epoch != 0;
}

void own_closed(struct vr_cluster *cluster, struct vr_id id, uint64_t epoch)
{
    struct awake *awake;

    pthread_mutex_lock(&cluster->lock);
    awake = awake_entry(cluster, id);
    if (awake != NULL && awake->epoch == epoch) {
        awake->closed = true;
    }
    pthread_mutex_unlock(&cluster->lock);
}

/* An actor of an older epoch that has not closed. */
static bool is_closing(const struct cluster_room *room)
{
    struct vr_cluster *cluster = room->cluster;
    struct awake *awake;
    bool closing;

    pthread_mutex_lock(&cluster->lock);
    awake = awake_entry(cluster, room->id);
    closing = awake != NULL && awake->epoch < room->epoch && !awake->closed;
    pthread_mutex_unlock(&cluster->lock);
    return closing;
}

enum vr_err own_wake(struct vr_cluster *cluster, struct vr_id id, uint64_t *epoch)
{
    struct cluster_view_room view;
    struct awake *awake;
    enum vr_err err = VR_E_FROZEN;

    pthread_mutex_lock(&cluster->lock);
    (void)cluster_view_get(&cluster->view, id, &view);
    if (view.held != 0 && cluster_holds(cluster, id, view.held)) {
        awake = awake_entry(cluster, id);
        if (awake == NULL && (awake = calloc(1, sizeof(*awake))) != NULL) {
            vr_list_init(&awake->link);
            vr_list_push(&cluster->owners->awake, &awake->link);
        }
        err = VR_E_NO_MEMORY;
        if (awake != NULL) {
            *awake = (struct awake){.link = awake->link, .id = id, .epoch = view.held};
            *epoch = view.held;
            err = VR_OK;
        }
    } else if (view.owner != 0 && view.owner != cluster->conf.number) {
        err = VR_E_CONFLICT;
    }
    pthread_mutex_unlock(&cluster->lock);
    return err;
}

bool own_rests(struct vr_cluster *cluster, struct vr_id id, uint64_t epoch, bool exists)
{
    struct awake *awake;

    pthread_mutex_lock(&cluster->lock);
    awake = awake_entry(cluster, id);
    if (awake != NULL && awake->epoch == epoch) {
        awake->resting = true;
        awake->exists = exists;
    }
    pthread_mutex_unlock(&cluster->lock);
    return awake != NULL;
}

bool own_take_rest(struct vr_cluster *cluster, struct vr_id id, uint64_t epoch, bool *exists)
{
    struct awake *awake;
    bool taken = false;

    pthread_mutex_lock(&cluster->lock);
    awake = awake_entry(cluster, id);
    if (awake != NULL && awake->epoch == epoch && awake->resting) {
        taken = true;
        *exists = awake->exists;
        vr_list_remove(&awake->link);
        free(awake);
    }
    pthread_mutex_unlock(&cluster->lock);
    return taken;
}

/* ---- ours ---- */

static void wake_room(struct cluster_room *room)
{
    struct vr_msg ping = {.kind = VR_MSG_PING, .to = vr_room_address(room->id)};

    if (vr_system_deliver(room->cluster->system, &ping) != VR_OK) {
        vr_msg_clear(&ping);
    }
}

static void open_room(struct cluster_room *room)
{
    if (is_closing(room) && now_of(room) < room->begun_at + AWAKE_PATIENCE) {
        arm(room, AWAKE_WAIT); /* stage SYNCING: own_on_timer comes here again */
        return;
    }
    room->stage = ROOM_OURS;
    room->lost_at = 0;
    room->cluster->owners->ours_count++;
    owners_publish(room);
    log_room(room, "room owned", room->reason);
    replica_owned(room->cluster, room->id, room->epoch);
    if (room->to_wake || replica_people(room->cluster, room->id) > 0) {
        wake_room(room);
    }
    room->to_wake = false;
    route_flush(room);
    arm(room, UNUSED);
}

static void on_synced(struct cluster_room *room, const struct vr_kv_result *result)
{
    if (result->err == VR_E_GONE) {
        member_lost(room->cluster, "the lease is dead");
    } else if (result->err != VR_OK) {
        arm(room, RETRY); /* again: the same twice is the same */
    } else if (!result->succeeded) {
        own_end(room, "another owner took it");
    } else {
        room->sync = (struct room_sync){.known = true,
                                        .owner = room->cluster->conf.number,
                                        .partner = room->sync.partner,
                                        .epoch = room->epoch,
                                        .mod = result->revision};
        room->sync_mod = result->revision;
        room->tries = 0;
        open_room(room);
    }
}

/* Whoever gave us all has all too, and stays our partner. */
static void sync_list(struct cluster_room *room)
{
    struct room_txn txn;
    uint32_t partner = room->seal_from != 0 && member_node(room->cluster, room->seal_from) != NULL
                           ? room->seal_from
                           : 0;

    room->stage = ROOM_SYNCING;
    room->sync.partner = partner;
    txn_sync(&txn, room, partner);
    room_txn(room, &txn.txn, on_synced);
}

/* ---- durable rows ---- */

static void on_installed(struct cluster_room *room, enum vr_err err)
{
    if (err != VR_OK && err != VR_E_NOT_FOUND) {
        room->stage = ROOM_SEALING; /* the disk is full, or a newer owner has written: try again */
        arm(room, VR_SECONDS(1));
        return;
    }
    sync_list(room);
}

static uint32_t parse_rows(struct cluster_room *room, const struct vr_kv_result *result,
                           struct cluster_row *rows, uint8_t (*keys)[VR_KEY_MAX])
{
    struct cluster_key folder;
    struct vr_bytes prefix = key_rows(&folder, room->cluster->prefix, room->id);
    uint32_t count = 0;

    for (uint32_t i = 0; i < result->pair_count; i++) {
        const struct vr_kv_pair *pair = &result->pairs[i];
        struct vr_bytes rest = vr_bytes(pair->key.data + prefix.size, pair->key.size - prefix.size);
        size_t size;

        if (vr_bytes_equal(rest, vr_bytes_of("head"))) {
            own_read_head(room, pair);
        } else if (key_row_parse(rest, room->id, &rows[count].table, keys[count], &size)) {
            rows[count].key = vr_bytes(keys[count], size);
            rows[count].value = pair->value;
            count++;
        }
    }
    return count;
}

/* Every durable row that etcd has up to this head, LMDB has too: a commit counts only when both
 * have it. After a restore etcd's are older ones, and must not come back. */
static bool has_all_rows(const struct cluster_room *room)
{
    uint64_t epoch = 0;
    uint64_t revision = 0;

    return replica_has(room->cluster, room->id, &epoch, &revision) &&
           (room->head.epoch < epoch ||
            (room->head.epoch == epoch && room->head.revision <= revision));
}

static void on_rows(struct cluster_room *room, const struct vr_kv_result *result)
{
    struct cluster_row *rows;
    uint8_t(*keys)[VR_KEY_MAX];
    uint32_t count;

    if (result->err != VR_OK) {
        room->stage = ROOM_SEALING; /* the timer goes through the seal again: it is idempotent */
        arm(room, RETRY);
        return;
    }
    rows = calloc(result->pair_count + 1, sizeof(*rows));
    keys = calloc(result->pair_count + 1, sizeof(*keys));
    vr_assert(rows != NULL && keys != NULL);
    count = parse_rows(room, result, rows, keys);
    room->stage = ROOM_INSTALLING;
    if (count > 0 && !has_all_rows(room)) {
        question_install(room, rows, count, on_installed);
    } else {
        sync_list(room);
    }
    free(rows);
    free(keys);
}

static void read_rows(struct cluster_room *room)
{
    struct cluster_key key;

    room->stage = ROOM_READING;
    room_list(room, key_rows(&key, room->cluster->prefix, room->id), on_rows);
}

/* ---- the seal ---- */

static void on_sealed(struct cluster_room *room, enum vr_err err)
{
    /* A room that is made now has no copy anywhere. */
    if (err == VR_OK || (err == VR_E_NOT_FOUND && room->seal_from == 0)) {
        read_rows(room);
        return;
    }
    arm(room, RETRY); /* the next one in sync, or again */
}

/* An in-sync list speaks for its own generation only. */
static bool list_is_trusted(const struct cluster_room *room)
{
    return room->sync.known &&
           owners_generation(room->sync.epoch) == atomic_load(&room->cluster->generation);
}

static void on_newest_sealed(struct cluster_room *room, enum vr_err err)
{
    if (err != VR_OK && room->seal_from != 0) {
        arm(room, RETRY);
        return;
    }
    if (list_is_trusted(room)) {
        log_room(room, "room taken without anyone in sync", "nobody in sync answered");
    } else {
        log_room(room, "room taken from the newest copy", "its in-sync list is of before");
    }
    room->seal_from = 0; /* what it has is not all that was acknowledged */
    read_rows(room);
}

static void on_heads(struct cluster_room *room)
{
    bool here = room->newest.node == 0 || room->newest.node == room->cluster->conf.number;

    room->seal_from = here ? 0 : room->newest.node;
    question_seal(room, room->seal_from, on_newest_sealed);
}

/* Those in sync by turns, as long as they live; 0: nobody to ask now. */
static uint32_t next_in_sync(struct cluster_room *room)
{
    uint32_t who[2] = {room->sync.partner, room->sync.owner};

    for (int i = 0; i < 2; i++) {
        uint32_t number = who[room->seal_tries++ % 2];

        if (number != 0 && member_node(room->cluster, number) != NULL) {
            return number;
        }
    }
    return 0;
}

static void seal(struct cluster_room *room)
{
    uint32_t self = room->cluster->conf.number;
    bool ours = room->sync.owner == self || room->sync.partner == self;
    uint64_t epoch;
    uint64_t revision;
    bool old = room->sync.known || room->head.epoch != 0 ||
               replica_has(room->cluster, room->id, &epoch, &revision);

    room->stage = ROOM_SEALING;
    if (!list_is_trusted(room)) {
        /* Of a node that was alone, or from before a restore: who has the newest? */
        if (old && !member_has_gathered(room->cluster)) {
            arm(room, RETRY);
        } else if (old) {
            question_heads(room, on_heads);
        } else {
            room->seal_from = 0;
            question_seal(room, 0, on_sealed);
        }
        return;
    }
    if (ours) {
        room->seal_from = 0;
        question_seal(room, 0, on_sealed);
        return;
    }
    if (now_of(room) >= room->begun_at + SYNC_PATIENCE) {
        question_heads(room, on_heads);
        return;
    }
    room->seal_from = next_in_sync(room);
    if (room->seal_from != 0) {
        question_seal(room, room->seal_from, on_sealed);
    } else {
        arm(room, RETRY);
    }
}

void own_begin(struct cluster_room *room, uint64_t epoch)
{
    room->epoch = epoch;
    room->begun_at = now_of(room);
    room->seal_tries = 0;
    room->life++;
    /* It may be armed for the next try to take: fired from here on it would begin all this a second
     * time, and write what etcd has over what the room has committed meanwhile. */
    vr_timer_disarm(room->cluster->worker, &room->timer);
    owners_publish(room);
    seal(room);
}

void own_on_timer(struct cluster_room *room)
{
    if (room->stage == ROOM_SYNCING && room->sync.owner == room->cluster->conf.number &&
        room->sync.epoch == room->epoch) {
        open_room(room);
    } else if (room->stage == ROOM_SYNCING) {
        sync_list(room);
    } else {
        seal(room);
    }
}

/* ---- the end of it ---- */

void own_end(struct cluster_room *room, const char *why)
{
    struct vr_cluster *cluster = room->cluster;
    bool was_ours = room->stage == ROOM_OURS || room->stage == ROOM_MOVING;
    uint64_t epoch = room->epoch;
    uint64_t awake;

    if (room->stage == ROOM_FINDING || room->stage == ROOM_TAKING) {
        take_stop(room);
    }
    cluster->owners->ours_count -= was_ours ? 1 : 0;
    room->stage = ROOM_AT_REST;
    room->life++;
    room->epoch = 0;
    owners_publish(room); /* from here on nothing of the old epoch is answered */
    if (epoch != 0) {
        log_room(room, "room is no longer ours", why);
        durable_end(room, VR_E_FROZEN);
        replica_owned(cluster, room->id, 0);
    }
    if (own_is_awake(cluster, room->id, &awake)) {
        struct vr_msg drain = {.kind = VR_MSG_DRAIN, .to = vr_room_address(room->id)};

        if (vr_system_deliver(cluster->system, &drain) != VR_OK) {
            vr_msg_clear(&drain);
        }
    }
    take_consider(room);
}
