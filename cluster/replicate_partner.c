/* replicate_partner.c - the one other node that has every acknowledged change: found, filled,
 * replaced.
 *
 *     none --candidate--> given a snapshot --first confirm--> commits wait for it too
 *          --it has all--> the directory is told --> partner
 *     partner silent for sync_silent, or dead: the directory is told "nobody", commits go on
 *
 * Nobody is named before it has everything: whoever the directory names may take the room. */
#include <stdlib.h>

#include "actors/base/log.h"
#include "actors/base/owner.h"
#include "cluster.pb-c.h"
#include "cluster/copies.h"
#include "copies.pb-c.h"

#define ACTIONS_MAX 64

struct action {
    struct vr_id room;
    uint64_t epoch;
    uint32_t next; /* for the directory; or the one to be given a snapshot */
    bool give;
};

/* The directory is asked for one room. */
struct asking {
    struct cluster_copies *copies;
    struct vr_id room;
    uint64_t epoch;
};

/* Locked. Nobody waits for a node that is neither partner nor about to be. */
static void forget_others(struct copy_room *room, uint32_t partner)
{
    VR_LIST_EACH(item, &room->waiting)
    {
        struct pending *pending = VR_OWNER(item, struct pending, link);

        for (int i = 0; i < 2; i++) {
            if (pending->waits[i] != partner && pending->waits[i] != room->joining) {
                pending->waits[i] = 0;
            }
        }
    }
}

static void log_partner(struct vr_id id, uint32_t partner, enum vr_err err)
{
    char text[VR_ID_TEXT];

    vr_log(VR_LOG_INFO, "in-sync node of a room", VR_S("room", vr_id_format(id, text)),
           VR_U("node", partner), VR_S("outcome", vr_err_code(err)));
}

static void on_replaced(void *ctx, enum vr_err err, uint32_t partner)
{
    struct asking *asking = ctx;
    struct cluster_copies *copies = asking->copies;
    struct copy_room *room;

    log_partner(asking->room, partner, err);
    pthread_mutex_lock(&copies->lock);
    room = copies->closed ? NULL : copy_find(copies, asking->room);
    if (room != NULL && room->epoch == asking->epoch) {
        room->replacing = false;
        if (err == VR_OK) {
            if (room->joining == partner) {
                room->joining = 0;
                room->joining_waits = false;
            }
            forget_others(room, partner);
        } else if (err == VR_E_FENCED || err == VR_E_FROZEN) {
            copy_fail(room, err);
        } /* else asked again by the next tick */
        copy_flush(copies, room);
    } else if (room != NULL) {
        room->replacing = false;
    }
    pthread_mutex_unlock(&copies->lock);
    free(asking);
}

static void ask_directory(struct cluster_copies *copies, const struct action *action)
{
    struct asking *asking = malloc(sizeof(*asking));
    struct copy_room *room;

    if (asking == NULL) {
        pthread_mutex_lock(&copies->lock);
        room = copy_find(copies, action->room);
        if (room != NULL) {
            room->replacing = false;
        }
        pthread_mutex_unlock(&copies->lock);
        return;
    }
    *asking = (struct asking){copies, action->room, action->epoch};
    cluster_replace_partner(copies->cluster, action->room, action->epoch, action->next, on_replaced,
                            asking);
}

/* As if the candidate had asked by itself. */
void give_snapshot(struct cluster_copies *copies, struct vr_id room, uint32_t node)
{
    Vr__Cluster__SnapshotGet get = VR__CLUSTER__SNAPSHOT_GET__INIT;
    uint32_t self = cluster_self(copies->cluster);
    uint8_t bytes[64];
    struct vr_blob *blob;

    get.room_hi = room.hi;
    get.room_lo = room.lo;
    blob = vr_blob_new(vr_bytes(bytes, vr__cluster__snapshot_get__pack(&get, bytes)));
    if (blob != NULL) {
        cluster_send_note(copies->cluster, vr_replica_address(room, node),
                          vr_replica_address(room, self), VR__CLUSTER__NOTE_TYPE__NOTE_SNAPSHOT_GET,
                          1, blob);
        vr_blob_release(blob);
    }
}

static void carry_out(struct cluster_copies *copies, const struct action *action)
{
    if (action->give) {
        give_snapshot(copies, action->room, action->next);
    } else {
        ask_directory(copies, action);
    }
}

/* Locked. Since when is this node waited for? VR_NEVER: it is not. */
static vr_time_us waited_since(const struct copy_room *room, uint32_t node)
{
    VR_LIST_EACH(item, &room->waiting)
    {
        const struct pending *pending = VR_OWNER(item, struct pending, link);

        if (pending->waits[0] == node || pending->waits[1] == node) {
            return pending->since;
        }
    }
    return VR_NEVER;
}

/* Locked. */
static void give_up_joining(struct copy_room *room, uint32_t partner, vr_time_us now)
{
    room->joining = 0;
    room->joining_waits = false;
    room->joining_next = now + COPY_JOIN_AGAIN;
    forget_others(room, partner);
}

/* Locked. True: `action` is to be carried out. */
static bool look(struct cluster_copies *copies, struct copy_room *room, vr_time_us now,
                 struct action *action)
{
    struct vr_cluster *cluster = copies->cluster;
    vr_time_us silent = cluster->conf.sync_silent == 0 ? VR_SECONDS(1) : cluster->conf.sync_silent;
    uint32_t partner = cluster_partner(cluster, room->id);
    vr_time_us since = partner == 0 ? VR_NEVER : waited_since(room, partner);

    *action = (struct action){.room = room->id, .epoch = room->epoch};
    if (room->epoch == 0 || room->replacing || !cluster_holds(cluster, room->id, room->epoch)) {
        return false;
    }
    if (partner != 0 &&
        (!cluster_alive(cluster, partner) || (since != VR_NEVER && now - since >= silent))) {
        room->replacing = true;
        return true; /* next: nobody */
    }
    if (room->joining != 0 && now - room->joining_since > COPY_JOIN_WAIT) {
        give_up_joining(room, partner, now);
        return false;
    }
    if (partner != 0 || room->joining != 0 || now < room->joining_next) {
        return false;
    }
    action->next = cluster_candidate(cluster, room->id, 0);
    if (action->next == 0) {
        return false;
    }
    room->joining = action->next;
    room->joining_waits = false;
    room->joining_since = now;
    action->give = true;
    return true;
}

/* Locked. */
static void drop_silent_followers(struct copy_room *room, vr_time_us now)
{
    for (uint32_t i = 0; i < VR_CLUSTER_NODES_MAX; i++) {
        if (room->followers[i].node != 0 && now - room->followers[i].heard_at > COPY_FOLLOWS) {
            room->followers[i] = (struct follower){0};
        }
    }
}

/* Locked. Nobody has a use for it any more. */
static bool is_idle(const struct copy_room *room)
{
    return room->epoch == 0 && !room->upload && !room->replacing && !room->telling &&
           room->people == 0 && vr_list_empty(&room->waiting);
}

void partner_tick(struct cluster_copies *copies)
{
    struct action actions[ACTIONS_MAX];
    vr_time_us now = copies_now(copies);
    uint32_t count = 0;

    pthread_mutex_lock(&copies->lock);
    for (uint32_t b = 0; b < COPY_BUCKETS; b++) {
        VR_LIST_EACH(item, &copies->rooms[b])
        {
            struct copy_room *room = VR_OWNER(item, struct copy_room, link);

            drop_silent_followers(room, now);
            if (is_idle(room)) {
                vr_list_remove(&room->link);
                free(room);
            } else if (count < ACTIONS_MAX && look(copies, room, now, &actions[count])) {
                count++;
            }
        }
    }
    pthread_mutex_unlock(&copies->lock);
    for (uint32_t i = 0; i < count; i++) {
        carry_out(copies, &actions[i]);
    }
}

/* Locked. */
static void clear_waits(const struct cluster_copies *copies, struct copy_room *room, uint32_t node,
                        uint64_t epoch, uint64_t revision)
{
    VR_LIST_EACH(item, &room->waiting)
    {
        struct pending *pending = VR_OWNER(item, struct pending, link);

        for (int i = 0; i < 2; i++) {
            if (pending->waits[i] == node && pending->epoch == epoch &&
                pending->revision <= revision) {
                pending->waits[i] = 0;
                if (vr_trace_on(&pending->trace)) {
                    pending->confirmed_at = copies_now(copies);
                }
            }
        }
    }
}

/* Locked. The one that joins has said where its copy is: is that everything? */
static bool joined(struct cluster_copies *copies, struct copy_room *room, uint64_t epoch,
                   uint64_t revision)
{
    uint64_t head_epoch = 0;
    uint64_t head = 0;

    if (vr_records_head(copies->cluster->conf.local, room->id, &head_epoch, &head) != VR_OK) {
        return false;
    }
    if (!room->joining_waits) {
        room->joining_waits = true; /* what is submitted from here on waits for it as well */
        room->joining_at =
            room->submitted > head && !vr_list_empty(&room->waiting) ? room->submitted : head;
        room->joining_since = copies_now(copies);
    }
    return (epoch == head_epoch || epoch == room->epoch) && revision >= room->joining_at;
}

void partner_confirmed(struct cluster_copies *copies, struct vr_id id, uint32_t node,
                       uint64_t epoch, uint64_t revision)
{
    struct action action = {.room = id, .next = node};
    struct copy_room *room;
    bool ask = false;

    pthread_mutex_lock(&copies->lock);
    room = copy_find(copies, id);
    if (room != NULL) {
        clear_waits(copies, room, node, epoch, revision);
        if (room->joining == node && room->epoch != 0 && !room->replacing &&
            joined(copies, room, epoch, revision)) {
            room->replacing = true;
            action.epoch = room->epoch;
            ask = true;
        }
        copy_flush(copies, room);
    }
    pthread_mutex_unlock(&copies->lock);
    if (ask) {
        ask_directory(copies, &action);
    }
}

/* All copies wake: their sessions follow the new owner, and what was done without one comes to it.
 */
static void wake_copies(struct vr_cluster *cluster, struct vr_id id)
{
    for (uint32_t i = 0; i < CLUSTER_VIEW_NODES; i++) {
        uint32_t node = atomic_load(&cluster->view.alive[i]);

        if (node != 0) {
            cluster_send_note(cluster, vr_cluster_address(cluster_self(cluster)),
                              vr_replica_address(id, node), VR__CLUSTER__NOTE_TYPE__NOTE_ROSTER_GET,
                              0, NULL);
        }
    }
}

void replica_woken(struct vr_cluster *cluster, struct vr_id id)
{
    wake_copies(cluster, id);
}

void replica_owned(struct vr_cluster *cluster, struct vr_id id, uint64_t epoch)
{
    struct cluster_copies *copies = cluster->copies;
    struct copy_room *room;
    bool fresh = false;

    pthread_mutex_lock(&copies->lock);
    room = epoch == 0 ? copy_find(copies, id) : copy_make(copies, id);
    if (room != NULL && room->epoch != epoch) {
        fresh = epoch != 0;
        room->epoch = epoch;
        room->submitted = 0;
        room->joining = 0;
        room->joining_waits = false;
        room->joining_next = 0;
        memset(room->followers, 0, sizeof(room->followers));
        if (epoch == 0) {
            copy_fail(room, VR_E_FENCED);
        }
        copy_flush(copies, room);
    }
    pthread_mutex_unlock(&copies->lock);
    if (fresh) {
        wake_copies(cluster, id);
    }
}

void replica_nodes_changed(struct vr_cluster *cluster)
{
    partner_tick(cluster->copies); /* a partner that died is replaced at once */
}
